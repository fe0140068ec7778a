//! The calls of a sealed segment, by its columns.

use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;

use super::columns::Column;
use super::{Sealed, guarded};
use crate::audit::AuditError;
use crate::audit::calls::{Call, CallVisitor, Interest, generation_of};
use crate::call::{HEARTBEAT_FROM, HEARTBEAT_TO};

impl Sealed {
    /// Shows `visitor` the calls from `from` on, in seconds since 1970, that were to be signed. Has no more
    /// than the columns of one row group in memory.
    pub(in crate::audit) fn visit_calls(
        &self,
        from: i64,
        visitor: &mut impl CallVisitor,
    ) -> Result<(), AuditError> {
        for group in 0..self.groups() {
            if self.ends_before(group, from) {
                continue;
            }
            let columns = guarded(self.path(), || Columns::read(self, group))?;
            let mut places = Vec::new();
            let mut calls = (0..columns.kinds.len()).filter(|at| columns.is_call(*at, from));
            let (first, last) = (calls.next(), calls.next_back());
            let pass = |at: Option<usize>, visitor: &mut _| -> Result<(), AuditError> {
                let passed = self.generations(group, at.as_slice())?;
                passed.iter().flatten().for_each(|generation| CallVisitor::passed(visitor, generation));
                Ok(())
            };
            pass(first, visitor)?;
            for at in 0..columns.kinds.len() {
                if columns.is_hole(at, from) {
                    visitor.hole();
                } else if columns.is_call(at, from) && visitor.call(&columns.call(at)) == Interest::Generation
                {
                    places.push(at);
                }
            }
            for generation in self.generations(group, &places)? {
                visitor.generation(generation.as_deref());
            }
            pass(last, visitor)?;
        }
        Ok(())
    }

    fn ends_before(&self, group: usize, from: i64) -> bool {
        let Some(Statistics::Int64(times)) = self.chunk(group, Column::UnixMs).statistics() else {
            return false;
        };
        times.max_opt().is_some_and(|max| max.div_euclid(1000) < from)
    }

    /// The generations that the lines at these places of a row group name.
    fn generations(&self, group: usize, places: &[usize]) -> Result<Vec<Option<String>>, AuditError> {
        let lines = guarded(self.path(), || self.lines_at(group, places))?;
        let start = self.records_of(group).start;
        let mut generations = Vec::with_capacity(lines.len());
        for (place, line) in places.iter().zip(lines) {
            let line = self.line(start + *place as u64, &line)?;
            generations.push(generation_of(&line.bytes).map(String::from));
        }
        Ok(generations)
    }
}

/// What is looked at of the records of a row group.
struct Columns {
    kinds: Vec<Option<ByteArray>>,
    ops: Vec<Option<ByteArray>>,
    times: Vec<Option<i64>>,
    trunks: Vec<Option<ByteArray>>,
    origs: Vec<Option<ByteArray>>,
    attests: Vec<Option<ByteArray>>,
    reasons: Vec<Option<ByteArray>>,
    verdicts: Vec<Option<ByteArray>>,
    errors: Vec<Option<ByteArray>>,
    /// The records by which an SBC sees whether we live, ascending.
    heartbeats: Vec<usize>,
}

impl Columns {
    fn read(file: &Sealed, group: usize) -> Result<Self, ParquetError> {
        let texts = |column| file.texts(group, column);
        let origs = texts(Column::Orig)?;
        let may_be = |at: usize| text(&origs, at) == Some(HEARTBEAT_FROM);
        let mut heartbeats = Vec::new();
        if (0..origs.len()).any(may_be) {
            let elements = file.elements(group)?;
            let called = elements.chunk_by(|(a, _), (b, _)| a == b);
            heartbeats.extend(called.filter_map(|called| match called {
                [(at, to)] if may_be(*at) && to.data() == HEARTBEAT_TO.as_bytes() => Some(*at),
                _ => None,
            }));
        }
        Ok(Self {
            kinds: texts(Column::Kind)?,
            ops: texts(Column::Op)?,
            times: file.integers(group, Column::UnixMs)?,
            trunks: texts(Column::Trunk)?,
            origs,
            attests: texts(Column::Attest)?,
            reasons: texts(Column::Reason)?,
            verdicts: texts(Column::Verdict)?,
            errors: texts(Column::Error)?,
            heartbeats,
        })
    }

    fn seconds(&self, at: usize) -> Option<i64> {
        self.times.get(at).copied().flatten().map(|unix_ms| unix_ms.div_euclid(1000))
    }

    fn is_call(&self, at: usize, from: i64) -> bool {
        text(&self.kinds, at) == Some("call")
            && text(&self.ops, at) == Some("sign")
            && self.seconds(at).is_some_and(|time| time >= from)
            && self.heartbeats.binary_search(&at).is_err()
    }

    fn is_hole(&self, at: usize, from: i64) -> bool {
        text(&self.kinds, at) == Some("gap") && self.seconds(at).is_none_or(|time| time >= from)
    }

    fn call(&self, at: usize) -> Call<'_> {
        Call {
            unix_seconds: self.seconds(at).unwrap_or_default(),
            trunk: text(&self.trunks, at),
            orig: text(&self.origs, at),
            attest: text(&self.attests, at),
            reason: text(&self.reasons, at),
            verdict: text(&self.verdicts, at),
            error: text(&self.errors, at),
        }
    }
}

fn text(column: &[Option<ByteArray>], at: usize) -> Option<&str> {
    str::from_utf8(column.get(at)?.as_ref()?.data()).ok()
}
