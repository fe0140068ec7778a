//! Sets of values, each kept once and named by a small integer.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::Part;
use super::build::TooLarge;
use super::part::u32_at;
use super::table::Damaged;

/// Sets of integers, by name: names begin at 1.
#[derive(Debug)]
pub struct Sets {
    /// Where each set ends; the first begins at 0.
    ends: Part,
    members: Part,
}

impl Sets {
    /// The members of set `name`, ascending; none if there is no such set.
    pub fn members(&self, name: NonZeroU32) -> impl Iterator<Item = u32> + '_ {
        let index = name.get() as usize - 1;
        let start = index.checked_sub(1).map_or(Some(0), |before| u32_at(&self.ends, before));
        let range = start.zip(u32_at(&self.ends, index)).map(|(start, end)| start as usize..end as usize);
        range.unwrap_or_default().map_while(|i| u32_at(&self.members, i))
    }

    /// How many sets there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len() / 4
    }

    /// How many bytes they take.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.ends.len() + self.members.len()
    }

    pub(crate) fn parts(&self) -> [&Part; 2] {
        [&self.ends, &self.members]
    }

    /// Sets of arrays that were another's; each member is below `limit`.
    pub(crate) fn of_parts([ends, members]: [Part; 2], limit: u32) -> Result<Self, Damaged> {
        let count = members.len() / 4;
        let all_ends = || (0..ends.len() / 4).filter_map(|i| u32_at(&ends, i));
        let fit = ends.len().is_multiple_of(4)
            && members.len().is_multiple_of(4)
            && all_ends().is_sorted()
            && all_ends().next_back().is_none_or(|last| last as usize == count)
            && (0..count).all(|i| u32_at(&members, i).is_some_and(|member| member < limit));
        if fit { Ok(Self { ends, members }) } else { Err(Damaged) }
    }
}

/// Names sets as they come.
#[derive(Default)]
pub(super) struct Namer {
    ends: Vec<u8>,
    members: Vec<u8>,
    /// Names of sets of one member, by the member: nearly all sets are such.
    singles: Vec<u32>,
    others: HashMap<Box<[u32]>, NonZeroU32>,
}

impl Namer {
    /// The name of the set of `members`, which are ascending and at least one.
    pub(super) fn name(&mut self, members: &[u32]) -> Result<NonZeroU32, TooLarge> {
        if let [member] = members {
            let at = *member as usize;
            if at >= self.singles.len() {
                self.singles.resize(at + 1, 0);
            }
            if let Some(name) = NonZeroU32::new(self.singles[at]) {
                return Ok(name);
            }
            let name = self.add(members)?;
            self.singles[at] = name.get();
            return Ok(name);
        }
        if let Some(name) = self.others.get(members) {
            return Ok(*name);
        }
        let name = self.add(members)?;
        self.others.insert(members.into(), name);
        Ok(name)
    }

    pub(super) fn finish(self) -> Sets {
        Sets { ends: self.ends.into(), members: self.members.into() }
    }

    fn add(&mut self, members: &[u32]) -> Result<NonZeroU32, TooLarge> {
        members.iter().for_each(|member| self.members.extend_from_slice(&member.to_le_bytes()));
        let end = u32::try_from(self.members.len() / 4).map_err(|_| TooLarge)?;
        self.ends.extend_from_slice(&end.to_le_bytes());
        let name = u32::try_from(self.ends.len() / 4).ok();
        name.and_then(NonZeroU32::new).ok_or(TooLarge)
    }
}
