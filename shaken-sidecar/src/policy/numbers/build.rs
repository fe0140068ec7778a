//! Runs of numbers, ascending, to a [`Table`]. What it holds beside the table that it makes is one block.

use std::fmt;

use super::table::{
    BLOCK, FEW, FEW_MAX, FEW_WIDE, GROUP, KIND_SHIFT, MANY, MANY_WIDE, PLACE_MASK, SOME, SOME_MAX, SOME_WIDE,
    SOME_WORDS, Table, UNIFORM, UNIT,
};
use super::{NORTH_AMERICA, Part};

/// Takes runs in ascending order; none touches a number twice.
pub(super) struct Builder {
    near_start: Option<u64>,
    near: Vec<u8>,
    far_groups: Vec<u8>,
    far: Vec<u8>,
    entries: Vec<u8>,
    data: Vec<u8>,
    span_starts: Vec<u8>,
    span_ends: Vec<u8>,
    span_values: Vec<u8>,
    count: u64,
    word: Option<OpenWord>,
    block: OpenBlock,
}

/// The table would need more than 4 GiB for its blocks, values beyond 2^29, or sets of more than 2^32 rights in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the numbers do not fit into one table (4 GiB of blocks, 2^29 different sets of rights)")
    }
}

impl std::error::Error for TooLarge {}

struct OpenWord {
    group: u64,
    bits: u64,
    rank: u32,
}

struct OpenBlock {
    block: u64,
    values: Box<[u32; BLOCK as usize]>,
    count: usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            near_start: None,
            near: Vec::new(),
            far_groups: Vec::new(),
            far: Vec::new(),
            entries: Vec::new(),
            data: Vec::new(),
            span_starts: Vec::new(),
            span_ends: Vec::new(),
            span_values: Vec::new(),
            count: 0,
            word: None,
            block: OpenBlock { block: 0, values: Box::new([0; BLOCK as usize]), count: 0 },
        }
    }

    /// `value` for all numbers from `start` to `end`.
    pub(super) fn put(&mut self, start: u64, end: u64, value: u32) -> Result<(), TooLarge> {
        self.count += end - start + 1;
        if end - start >= WIDE {
            self.span_starts.extend_from_slice(&start.to_le_bytes());
            self.span_ends.extend_from_slice(&end.to_le_bytes());
            self.span_values.extend_from_slice(&value.to_le_bytes());
            return Ok(());
        }
        let mut at = start;
        while at <= end {
            let block = at / BLOCK;
            if block != self.block.block {
                self.close_block()?;
                self.block.block = block;
            }
            let last = end.min(block * BLOCK + BLOCK - 1);
            let (from, to) = ((at % BLOCK) as usize, (last % BLOCK) as usize);
            at = last + 1;
            if to - from + 1 == BLOCK as usize {
                let entry = Some(value).filter(|value| *value <= PLACE_MASK).ok_or(TooLarge)?;
                self.push_entry(UNIFORM << KIND_SHIFT | entry)?;
                continue;
            }
            self.block.values[from..=to].fill(value);
            self.block.count += to - from + 1;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Table, TooLarge> {
        self.close_block()?;
        self.close_word();
        let part = Part::from;
        Ok(Table {
            near_start: self.near_start.unwrap_or(0),
            near: part(self.near),
            far_groups: part(self.far_groups),
            far: part(self.far),
            entries: part(self.entries),
            data: part(self.data),
            span_starts: part(self.span_starts),
            span_ends: part(self.span_ends),
            span_values: part(self.span_values),
            count: self.count,
        })
    }

    fn close_block(&mut self) -> Result<(), TooLarge> {
        if self.block.count == 0 {
            return Ok(());
        }
        let entry = self.write_block()?;
        self.block.values.fill(0);
        self.block.count = 0;
        self.push_entry(entry)
    }

    /// The entry of the block that is open.
    fn push_entry(&mut self, entry: u32) -> Result<(), TooLarge> {
        let group = self.block.block / GROUP;
        if self.word.as_ref().is_none_or(|word| word.group != group) {
            self.close_word();
            let rank = u32::try_from(self.entries.len() / 4).map_err(|_| TooLarge)?;
            self.word = Some(OpenWord { group, bits: 0, rank });
        }
        if let Some(word) = &mut self.word {
            word.bits |= 1 << (self.block.block % GROUP);
        }
        self.entries.extend_from_slice(&entry.to_le_bytes());
        Ok(())
    }

    /// Writes what an entry needs, and makes the entry.
    fn write_block(&mut self) -> Result<u32, TooLarge> {
        let values = &self.block.values;
        let highest = values.iter().copied().max().unwrap_or(0);
        if highest > PLACE_MASK {
            return Err(TooLarge);
        }
        if values.iter().all(|value| *value == highest) {
            return Ok(UNIFORM << KIND_SHIFT | highest);
        }
        let place = u32::try_from(self.data.len() / UNIT).ok().filter(|place| *place <= PLACE_MASK);
        let place = place.ok_or(TooLarge)?;
        let is_wide = highest > u32::from(u16::MAX);
        let data = &mut self.data;
        let put = |data: &mut Vec<u8>, value: u32| match u16::try_from(value) {
            Ok(value) if !is_wide => data.extend_from_slice(&value.to_le_bytes()),
            _ => data.extend_from_slice(&value.to_le_bytes()),
        };
        let set = || values.iter().enumerate().filter(|(_, value)| **value != 0);
        let kind = if self.block.count <= FEW_MAX {
            data.extend_from_slice(&(self.block.count as u16).to_le_bytes());
            set().for_each(|(offset, _)| data.extend_from_slice(&(offset as u16).to_le_bytes()));
            set().for_each(|(_, value)| put(data, *value));
            if is_wide { FEW_WIDE } else { FEW }
        } else if self.block.count <= SOME_MAX {
            let mut rank = 0_u16;
            for i in 0..SOME_WORDS {
                let words = values.iter().skip(64 * i).take(64).enumerate();
                let bits =
                    words.filter(|(_, value)| **value != 0).fold(0_u64, |bits, (bit, _)| bits | 1 << bit);
                data.extend_from_slice(&bits.to_le_bytes());
                data.extend_from_slice(&rank.to_le_bytes());
                rank += bits.count_ones() as u16;
            }
            set().for_each(|(_, value)| put(data, *value));
            if is_wide { SOME_WIDE } else { SOME }
        } else {
            values.iter().for_each(|value| put(data, *value));
            if is_wide { MANY_WIDE } else { MANY }
        };
        self.data.resize(self.data.len().next_multiple_of(UNIT), 0);
        Ok(kind << KIND_SHIFT | place)
    }

    fn close_word(&mut self) {
        let Some(OpenWord { group, bits, rank }) = self.word.take() else { return };
        let words = if NEAR.contains(&group) {
            let start = *self.near_start.get_or_insert(group);
            // Empty groups between have no blocks, so their rank is never used.
            self.near.resize((group - start) as usize * super::table::WORD_LEN, 0);
            &mut self.near
        } else {
            self.far_groups.extend_from_slice(&group.to_le_bytes());
            &mut self.far
        };
        words.extend_from_slice(&bits.to_le_bytes());
        words.extend_from_slice(&rank.to_le_bytes());
    }
}

/// The groups of country code 1.
const NEAR: std::ops::Range<u64> = NORTH_AMERICA.start / BLOCK / GROUP..NORTH_AMERICA.end / BLOCK / GROUP;

/// Runs of more numbers are kept as spans: a thousand blocks is what 4 KB of entries hold.
const WIDE: u64 = 1_000_000;
