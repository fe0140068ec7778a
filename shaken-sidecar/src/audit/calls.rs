//! All calls of a log by the few members that a report counts, without reading their lines where columns
//! say as much.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;

use super::disk::Folder;
use super::parts::{Folders, Part};
use super::read::{RawLines, folders};
use super::sealed::unix_ms_of;
use super::{AuditError, LineError};

/// What is told of one call that was to be signed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// When, in seconds since 1970 UTC.
    pub unix_seconds: i64,
    /// The trunk.
    pub trunk: Option<&'a str>,
    /// The calling number: canonical, or as received where it has no canonical form.
    pub orig: Option<&'a str>,
    /// The level that was decided.
    pub attest: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// How the request ended.
    pub verdict: Option<&'a str>,
    /// Name of the failure.
    pub error: Option<&'a str>,
}

/// Whether more is wanted of a call than [`Call`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "more is wanted or it is not")]
pub enum Interest {
    /// No.
    Enough,
    /// Its generation.
    Generation,
}

/// Who is told of the calls of a log.
pub trait CallVisitor {
    /// A call, in the order of the log.
    fn call(&mut self, call: &Call<'_>) -> Interest;

    /// The generation of a call that was of interest, in their order, and a while after the call.
    fn generation(&mut self, generation: Option<&str>);

    /// A generation that calls hereabouts were decided by, told now and then in the order of the log.
    fn passed(&mut self, generation: &str);

    /// A record that says that others could not be written.
    fn hole(&mut self);

    /// A segment that cannot be read, or not to its end. The next one follows.
    fn failed(&mut self, error: AuditError);
}

/// Shows `visitor` each call from `from` on, in seconds since 1970, that was to be signed, but for those
/// by which SBCs see whether we live. Reads the log in `dir` while a daemon writes it. Of sealed segments
/// only columns are read, and single lines for what has none; these columns are believed.
///
/// `progress` is told before each segment how many were read and how many there are; when it breaks,
/// nothing more is read.
///
/// # Errors
/// [`AuditError::Io`] when the directory cannot be read.
pub fn visit_calls(
    dir: &Path,
    from: i64,
    visitor: &mut impl CallVisitor,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<(), AuditError> {
    let folders = folders(dir)?;
    let parts = folders.parts()?;
    for (done, part) in parts.iter().enumerate() {
        if progress(done, parts.len()).is_break() {
            return Ok(());
        }
        let end = parts.get(done + 1).map(|next| next.first());
        if let Err(error) = visit_part(&folders, *part, end, from, visitor) {
            visitor.failed(error);
        }
    }
    let _ = progress(parts.len(), parts.len());
    Ok(())
}

fn visit_part(
    folders: &Folders<Folder>,
    part: Part,
    end: Option<u64>,
    from: i64,
    visitor: &mut impl CallVisitor,
) -> Result<(), AuditError> {
    if let Part::Raw(first) = part {
        match RawLines::open(&folders.segments, &folders.segments_dir, first) {
            // Sealed since.
            Err(AuditError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            opened => {
                let mut lines = opened?;
                while let Some(line) = lines.next_before(end)? {
                    visit_line(line.index, &line.bytes, from, visitor)?;
                }
                return Ok(());
            }
        }
    }
    // Nothing when it was deleted just now.
    match folders.open_sealed(part.first())? {
        Some(file) => file.visit_calls(from, visitor),
        None => Ok(()),
    }
}

fn visit_line(index: u64, line: &[u8], from: i64, visitor: &mut impl CallVisitor) -> Result<(), AuditError> {
    let wrong = |error: serde_json::Error| AuditError::Line {
        index,
        source: LineError::Json { column: error.column() },
    };
    let members: Members<'_> = serde_json::from_slice(line).map_err(wrong)?;
    match &*members.kind {
        "call" if members.op.as_deref() == Some("sign") && members.synthetic != Some(true) => {}
        "gap" => {
            let to = members.to.as_deref().and_then(unix_ms_of);
            if to.is_none_or(|to| to / 1000 >= from) {
                visitor.hole();
            }
            return Ok(());
        }
        _ => return Ok(()),
    }
    let Some(unix_seconds) = members.unix_seconds.filter(|at| *at >= from) else { return Ok(()) };
    if let Some(generation) = &members.generation {
        visitor.passed(generation);
    }
    let interest = visitor.call(&Call {
        unix_seconds,
        trunk: members.trunk.as_deref(),
        orig: members.orig.as_ref().map(|orig| &**orig.canonical.as_ref().unwrap_or(&orig.received)),
        attest: members.attest.as_deref(),
        reason: members.reason.as_deref(),
        verdict: members.verdict.as_deref(),
        error: members.error.as_deref(),
    });
    if interest == Interest::Generation {
        visitor.generation(members.generation.as_deref());
    }
    Ok(())
}

/// The generation that a line names.
pub(super) fn generation_of(line: &[u8]) -> Option<Cow<'_, str>> {
    serde_json::from_slice::<OfGeneration<'_>>(line).ok()?.generation
}

#[derive(Deserialize)]
struct OfGeneration<'a> {
    #[serde(borrow)]
    generation: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    unix_seconds: Option<i64>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow)]
    trunk: Option<Cow<'a, str>>,
    #[serde(borrow)]
    orig: Option<Number<'a>>,
    #[serde(borrow)]
    attest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    verdict: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    generation: Option<Cow<'a, str>>,
    synthetic: Option<bool>,
}

#[derive(Deserialize)]
struct Number<'a> {
    #[serde(borrow)]
    received: Cow<'a, str>,
    #[serde(borrow)]
    canonical: Option<Cow<'a, str>>,
}
