//! What the columns of a sealed segment hold, derived from the line. Writing, searching and checking
//! all ask here, so that they cannot differ.

use std::borrow::Cow;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::audit::line::place_of;
use crate::audit::note::KINDS;

/// A column of a sealed segment, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Column {
    /// Place in the log.
    Index,
    /// When, in milliseconds since 1970 UTC.
    UnixMs,
    /// What the line is about.
    Kind,
    /// `sign` or `verify`.
    Op,
    /// SIP Call-ID.
    CallId,
    /// The client's name for the request, or ours.
    RequestId,
    /// The trunk of the configuration.
    Trunk,
    /// Whose call it is.
    Customer,
    /// On whose behalf it is signed or verified.
    Provider,
    /// Level decided or found.
    Attest,
    /// Level asked for.
    RequestedAttest,
    /// Why this level.
    Reason,
    /// The line of the configuration that decided.
    Rule,
    /// How the request ended.
    Verdict,
    /// Name of the failure.
    Error,
    /// `verstat` value.
    Verstat,
    /// Calling number: canonical, or as received where it has no canonical form.
    Orig,
    /// Called numbers, likewise; a list.
    Dest,
    /// `origid` claim.
    Origid,
    /// Service provider code of the certificate.
    CertSpc,
    /// The line itself.
    Line,
}

impl Column {
    /// All of them, in the order of the file.
    pub(super) const ALL: [Self; 21] = [
        Self::Index,
        Self::UnixMs,
        Self::Kind,
        Self::Op,
        Self::CallId,
        Self::RequestId,
        Self::Trunk,
        Self::Customer,
        Self::Provider,
        Self::Attest,
        Self::RequestedAttest,
        Self::Reason,
        Self::Rule,
        Self::Verdict,
        Self::Error,
        Self::Verstat,
        Self::Orig,
        Self::Dest,
        Self::Origid,
        Self::CertSpc,
        Self::Line,
    ];

    /// Those that are one nullable string.
    pub(super) const TEXTS: [Self; TEXTS] = [
        Self::Kind,
        Self::Op,
        Self::CallId,
        Self::RequestId,
        Self::Trunk,
        Self::Customer,
        Self::Provider,
        Self::Attest,
        Self::RequestedAttest,
        Self::Reason,
        Self::Rule,
        Self::Verdict,
        Self::Error,
        Self::Verstat,
        Self::Orig,
        Self::Origid,
        Self::CertSpc,
    ];

    /// Those by which single calls are looked for: each row group has a bloom filter of them.
    pub(super) const FILTERED: [Self; 4] = [Self::CallId, Self::Orig, Self::Dest, Self::Origid];

    /// Those with few different values.
    pub(super) const REPEATING: [Self; 12] = [
        Self::Kind,
        Self::Op,
        Self::Trunk,
        Self::Customer,
        Self::Provider,
        Self::Attest,
        Self::RequestedAttest,
        Self::Reason,
        Self::Rule,
        Self::Verdict,
        Self::Error,
        Self::Verstat,
    ];

    /// Its name in the schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::UnixMs => "unix_ms",
            Self::Kind => "kind",
            Self::Op => "op",
            Self::CallId => "call_id",
            Self::RequestId => "request_id",
            Self::Trunk => "trunk",
            Self::Customer => "customer",
            Self::Provider => "provider",
            Self::Attest => "attest",
            Self::RequestedAttest => "requested_attest",
            Self::Reason => "reason",
            Self::Rule => "rule",
            Self::Verdict => "verdict",
            Self::Error => "error",
            Self::Verstat => "verstat",
            Self::Orig => "orig",
            Self::Dest => "dest",
            Self::Origid => "origid",
            Self::CertSpc => "cert_spc",
            Self::Line => "line",
        }
    }

    /// Its place among the leaves of the schema.
    pub(super) const fn leaf(self) -> usize {
        self as usize
    }

    /// The path of its values in the schema.
    pub(super) fn path(self) -> Vec<String> {
        let parts: &[&str] = if self == Self::Dest { &["dest", "list", "element"] } else { &[self.name()] };
        parts.iter().map(|&part| part.to_owned()).collect()
    }
}

/// What stands in the columns of one line, but for the line itself.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::audit) struct Row<'a> {
    pub(super) index: u64,
    pub(super) unix_ms: Option<i64>,
    /// As in [`Column::TEXTS`].
    pub(super) texts: [Option<Cow<'a, str>>; TEXTS],
    pub(super) dest: Vec<Cow<'a, str>>,
}

impl Row<'_> {
    /// What stands in a column of text.
    pub(super) fn text(&self, column: Column) -> Option<&str> {
        let at = Column::TEXTS.iter().position(|&text| text == column)?;
        self.texts.get(at)?.as_deref()
    }
}

/// The columns of a whole line without its newline; nothing when it is not one. A kind that this
/// version does not know, and members that are not as this version writes them, leave all columns null
/// but `index` and `kind`.
pub(in crate::audit) fn of(line: &[u8]) -> Option<Row<'_>> {
    let index = place_of(line)?.index;
    let mut row = Row { index, unix_ms: None, texts: [const { None }; TEXTS], dest: Vec::new() };
    let members = serde_json::from_slice::<Members<'_>>(line).ok();
    let Some(members) = members.filter(|members| KINDS.contains(&&*members.kind)) else {
        row.texts[0] = serde_json::from_slice::<Kind<'_>>(line).ok().map(|kind| kind.kind);
        return Some(row);
    };
    let Members { time, to, .. } = &members;
    row.unix_ms = time.as_deref().or(to.as_deref()).and_then(unix_ms_of);
    row.dest = members.dest.into_iter().map(Number::into_text).collect();
    row.texts = [
        Some(members.kind),
        members.op,
        members.call_id,
        members.request_id,
        members.trunk,
        members.customer,
        members.provider,
        members.attest,
        members.requested_attest,
        members.reason,
        members.rule,
        members.verdict,
        members.error,
        members.verstat,
        members.orig.map(Number::into_text),
        members.origid,
        members.cert.and_then(|cert| cert.spc),
    ];
    Some(row)
}

/// Milliseconds since 1970 of a time in RFC 3339.
pub(in crate::audit) fn unix_ms_of(time: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// The members that have a column. Words of later versions are taken as they are.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Option<Cow<'a, str>>,
    #[serde(borrow)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    trunk: Option<Cow<'a, str>>,
    #[serde(borrow)]
    customer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    provider: Option<Cow<'a, str>>,
    #[serde(borrow)]
    attest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    requested_attest: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    rule: Option<Cow<'a, str>>,
    #[serde(borrow)]
    verdict: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    verstat: Option<Cow<'a, str>>,
    #[serde(borrow)]
    orig: Option<Number<'a>>,
    #[serde(borrow, default)]
    dest: Vec<Number<'a>>,
    #[serde(borrow)]
    origid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cert: Option<Cert<'a>>,
}

#[derive(Deserialize)]
struct Number<'a> {
    #[serde(borrow)]
    received: Cow<'a, str>,
    #[serde(borrow)]
    canonical: Option<Cow<'a, str>>,
}

impl<'a> Number<'a> {
    fn into_text(self) -> Cow<'a, str> {
        self.canonical.unwrap_or(self.received)
    }
}

#[derive(Deserialize)]
struct Cert<'a> {
    #[serde(borrow)]
    spc: Option<Cow<'a, str>>,
}

const TEXTS: usize = 17;
