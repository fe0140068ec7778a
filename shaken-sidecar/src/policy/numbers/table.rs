//! The table: number in, value out, from plain arrays that may lie in a file.
//!
//! ```text
//! number / 1000 = block       block / 64 = group        a word for each group: 64 bits, and how many
//!                                                       blocks come before it
//! +1          groups are counted from the first that is used, so the word is at a known place
//! elsewhere   the groups that are used are in a sorted list
//! word bit -> entry of the block -> one value for all of it
//!                                |  few numbers:   sorted offsets, then their values
//!                                |  some numbers:  a bit for each of 1,000, then the values of those set
//!                                |  many numbers:  1,000 values, 0 for none
//! ```
//!
//! Values take 16 bits where all of a block fit and 32 elsewhere. What is wider than a million numbers
//! is in a sorted list of spans, looked at when no block has the number.

use std::num::NonZeroU32;

use super::part::{Part, item, u16_at, u32_at, u64_at};
use super::{E164, MAX_DIGITS, digits_of};

/// A value for each of many numbers.
#[derive(Debug)]
pub struct Table {
    /// The first group of country code 1, and the words from there on without a gap.
    pub(super) near_start: u64,
    pub(super) near: Part,
    /// Groups elsewhere, ascending, and their words.
    pub(super) far_groups: Part,
    pub(super) far: Part,
    /// What there is of each block, in the order of blocks.
    pub(super) entries: Part,
    /// What entries point to.
    pub(super) data: Part,
    /// Wide spans: starts, ends and values, ascending.
    pub(super) span_starts: Part,
    pub(super) span_ends: Part,
    pub(super) span_values: Part,
    /// How many numbers have a value.
    pub(super) count: u64,
}

/// The arrays of a table do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl Table {
    /// What stands behind `number`.
    #[must_use]
    pub fn lookup(&self, number: E164) -> Option<NonZeroU32> {
        let value = number.value();
        self.in_block(value / BLOCK, value % BLOCK).or_else(|| self.in_span(value))
    }

    /// How many numbers have a value.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes it takes, in memory or in its file.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// Calls `visit` with each run of neighbours that have one value: first, last, value. Ascending
    /// among narrow and among wide runs.
    pub fn visit_runs(&self, mut visit: impl FnMut(u64, u64, NonZeroU32)) {
        let near = (0..).map_while(|i| Some((self.near_start + i as u64, word_at(&self.near, i)?)));
        let far = (0..).map_while(|i| Some((u64_at(&self.far_groups, i)?, word_at(&self.far, i)?)));
        let mut run: Option<(u64, u64, NonZeroU32)> = None;
        let mut add = |start: u64, end: u64, value: NonZeroU32| match &mut run {
            Some((_, last, of_run)) if *last + 1 == start && *of_run == value => *last = end,
            _ => {
                if let Some((first, last, of_run)) = run.replace((start, end, value)) {
                    visit(first, last, of_run);
                }
            }
        };
        for (group, word) in near.chain(far) {
            for (i, bit) in (0..GROUP).filter(|bit| word.bits >> bit & 1 == 1).enumerate() {
                let start = (group * GROUP + bit) * BLOCK;
                let entry = u32_at(&self.entries, word.rank as usize + i).unwrap_or(0);
                if entry >> KIND_SHIFT == UNIFORM {
                    NonZeroU32::new(entry).into_iter().for_each(|value| add(start, start + BLOCK - 1, value));
                    continue;
                }
                for offset in 0..BLOCK {
                    if let Some(value) = self.in_block(start / BLOCK, offset) {
                        add(start + offset, start + offset, value);
                    }
                }
            }
        }
        if let Some((start, end, value)) = run {
            visit(start, end, value);
        }
        for i in 0..self.span_values.len() / 4 {
            let bounds = u64_at(&self.span_starts, i).zip(u64_at(&self.span_ends, i));
            if let (Some((start, end)), Some(value)) = (bounds, value(u32_at(&self.span_values, i))) {
                visit(start, end, value);
            }
        }
    }

    /// Looks at every place that another one leads to.
    pub(super) fn check(&self) -> Result<(), Damaged> {
        let entries = self.entries.len() / 4;
        let groups = self.far_groups.len() / 8;
        let spans = self.span_values.len() / 4;
        let are_whole = self.near.len().is_multiple_of(WORD_LEN)
            && self.far.len() == groups * WORD_LEN
            && self.far_groups.len() == groups * 8
            && self.entries.len() == entries * 4
            && self.data.len().is_multiple_of(UNIT)
            && self.span_starts.len() == spans * 8
            && self.span_ends.len() == spans * 8
            && self.span_values.len() == spans * 4;
        let starts = (0..).map_while(|i| u64_at(&self.far_groups, i));
        let words = (0..).map_while(|i| word_at(&self.near, i));
        let words = words.chain((0..).map_while(|i| word_at(&self.far, i)));
        let mut blocks = 0;
        let words_fit =
            words.map(|word| (word.rank, word.bits.count_ones() as usize)).all(|(rank, count)| {
                let fits = rank as usize <= entries && rank as usize + count <= entries;
                blocks += count;
                fits
            });
        let entries_fit =
            (0..entries).all(|i| u32_at(&self.entries, i).is_some_and(|entry| self.fits(entry)));
        let bounds = (0..spans).map_while(|i| u64_at(&self.span_starts, i).zip(u64_at(&self.span_ends, i)));
        let spans_fit = bounds.clone().all(|(start, end)| start <= end && digits_of(end) <= MAX_DIGITS)
            && bounds.clone().zip(bounds.skip(1)).all(|((_, end), (start, _))| end < start);
        let all = are_whole
            && starts.is_sorted_by(|a, b| a < b)
            && self.near_start <= MAX_GROUP
            && words_fit
            && blocks == entries
            && entries_fit
            && spans_fit;
        if all { Ok(()) } else { Err(Damaged) }
    }

    /// The arrays, in the order of [`of_parts`](Self::of_parts).
    pub(crate) fn parts(&self) -> [&Part; PARTS] {
        let Self { near, far_groups, far, entries, data, span_starts, span_ends, span_values, .. } = self;
        [near, far_groups, far, entries, data, span_starts, span_ends, span_values]
    }

    /// The two integers that are in no array.
    pub(crate) fn facts(&self) -> [u64; 2] {
        [self.near_start, self.count]
    }

    /// A table of arrays and integers that were another's.
    pub(crate) fn of_parts(
        [near_start, count]: [u64; 2],
        [near, far_groups, far, entries, data, span_starts, span_ends, span_values]: [Part; PARTS],
    ) -> Result<Self, Damaged> {
        let table = Self {
            near_start,
            near,
            far_groups,
            far,
            entries,
            data,
            span_starts,
            span_ends,
            span_values,
            count,
        };
        table.check().map(|()| table)
    }

    fn in_block(&self, block: u64, offset: u64) -> Option<NonZeroU32> {
        let (group, bit) = (block / GROUP, block % GROUP);
        let word = self.word(group)?;
        if word.bits >> bit & 1 == 0 {
            return None;
        }
        let before = (word.bits & ((1 << bit) - 1)).count_ones();
        let entry = u32_at(&self.entries, word.rank as usize + before as usize)?;
        let (kind, rest) = (entry >> KIND_SHIFT, entry & PLACE_MASK);
        if kind == UNIFORM {
            return NonZeroU32::new(rest);
        }
        let data = self.data.get(rest as usize * UNIT..)?;
        let offset = offset as usize;
        match kind {
            FEW | FEW_WIDE => {
                let count = usize::from(u16_at(data, 0)?);
                let (offsets, values) = data.get(2..)?.split_at_checked(2 * count)?;
                // Counted and not searched: few fit into two cache lines, and nothing is mispredicted.
                let (pairs, _) = offsets.as_chunks::<2>();
                let before =
                    pairs.iter().filter(|pair| usize::from(u16::from_le_bytes(**pair)) < offset).count();
                if usize::from(u16_at(offsets, before)?) != offset {
                    return None;
                }
                if kind == FEW { narrow(values, before) } else { value(u32_at(values, before)) }
            }
            SOME | SOME_WIDE => {
                let (words, values) = data.split_at_checked(SOME_HEAD)?;
                let word: &[u8; SOME_WORD] = item(words, offset / 64)?;
                let (bits, rank) = word.split_first_chunk()?;
                let (bits, bit) = (u64::from_le_bytes(*bits), offset % 64);
                if bits >> bit & 1 == 0 {
                    return None;
                }
                let at = usize::from(u16_at(rank, 0)?) + (bits & ((1 << bit) - 1)).count_ones() as usize;
                if kind == SOME { narrow(values, at) } else { value(u32_at(values, at)) }
            }
            MANY => narrow(data, offset),
            _ => value(u32_at(data, offset)),
        }
    }

    fn word(&self, group: u64) -> Option<Word> {
        let near = group.wrapping_sub(self.near_start);
        match word_at(&self.near, usize::try_from(near).ok()?) {
            Some(word) => Some(word),
            None if self.far_groups.is_empty() => None,
            None => {
                let (groups, _) = self.far_groups.as_chunks::<8>();
                let at = groups.binary_search_by_key(&group, |group| u64::from_le_bytes(*group)).ok()?;
                word_at(&self.far, at)
            }
        }
    }

    fn in_span(&self, number: u64) -> Option<NonZeroU32> {
        let (starts, _) = self.span_starts.as_chunks::<8>();
        let at = starts.partition_point(|start| u64::from_le_bytes(*start) <= number).checked_sub(1)?;
        if u64_at(&self.span_ends, at)? < number {
            return None;
        }
        value(u32_at(&self.span_values, at))
    }

    /// Whether what an entry leads to is there.
    fn fits(&self, entry: u32) -> bool {
        let (kind, rest) = (entry >> KIND_SHIFT, entry & PLACE_MASK);
        let Some(data) = self.data.get(rest as usize * UNIT..) else { return kind == UNIFORM };
        match kind {
            UNIFORM => true,
            FEW | FEW_WIDE => u16_at(data, 0).is_some_and(|count| {
                let count = usize::from(count);
                let width = if kind == FEW { 2 } else { 4 };
                count <= FEW_MAX && data.len() >= 2 + count * (2 + width)
            }),
            SOME | SOME_WIDE => {
                let width = if kind == SOME { 2 } else { 4 };
                let Some((words, values)) = data.split_at_checked(SOME_HEAD) else { return false };
                (0..SOME_WORDS).all(|i| {
                    let Some(word) = item::<SOME_WORD>(words, i) else { return false };
                    let Some((bits, rank)) = word.split_first_chunk() else { return false };
                    let count = u64::from_le_bytes(*bits).count_ones() as usize;
                    let rank = u16_at(rank, 0).map_or(usize::MAX, usize::from);
                    rank <= BLOCK as usize && (rank + count) * width <= values.len()
                })
            }
            MANY => data.len() >= 2 * BLOCK as usize,
            MANY_WIDE => data.len() >= 4 * BLOCK as usize,
            _ => false,
        }
    }
}

/// Which blocks of a group there are, and how many blocks come before it.
#[derive(Clone, Copy)]
struct Word {
    bits: u64,
    rank: u32,
}

fn word_at(words: &[u8], index: usize) -> Option<Word> {
    let word: &[u8; WORD_LEN] = item(words, index)?;
    let (bits, rank) = word.split_first_chunk()?;
    Some(Word { bits: u64::from_le_bytes(*bits), rank: u32_at(rank, 0)? })
}

fn narrow(values: &[u8], at: usize) -> Option<NonZeroU32> {
    value(u16_at(values, at).map(u32::from))
}

fn value(value: Option<u32>) -> Option<NonZeroU32> {
    NonZeroU32::new(value?)
}

/// Numbers in a block.
pub(super) const BLOCK: u64 = 1000;
/// Blocks in a group.
pub(super) const GROUP: u64 = 64;
/// That of the longest number.
const MAX_GROUP: u64 = 999_999_999_999_999 / BLOCK / GROUP;
/// 64 bits and a rank of 32.
pub(super) const WORD_LEN: usize = 12;
/// What places in the data are counted in, so that 29 bits reach 4 GiB.
pub(super) const UNIT: usize = 8;
pub(super) const KIND_SHIFT: u32 = 29;
pub(super) const PLACE_MASK: u32 = (1 << KIND_SHIFT) - 1;

/// Kinds of blocks: the value is in the entry itself, or behind it.
pub(super) const UNIFORM: u32 = 0;
pub(super) const FEW: u32 = 1;
pub(super) const FEW_WIDE: u32 = 2;
pub(super) const SOME: u32 = 3;
pub(super) const SOME_WIDE: u32 = 4;
pub(super) const MANY: u32 = 5;
pub(super) const MANY_WIDE: u32 = 6;

/// Most numbers of a block with few: offsets of two cache lines.
pub(super) const FEW_MAX: usize = 64;
/// Sixteen words of 64 bits and the count of what is set before each.
pub(super) const SOME_WORDS: usize = 16;
pub(super) const SOME_WORD: usize = 10;
pub(super) const SOME_HEAD: usize = SOME_WORDS * SOME_WORD;
/// Most numbers of a block with some: beyond it a value for each is as quick as it is short.
pub(super) const SOME_MAX: usize = 511;

pub(crate) const PARTS: usize = 8;
