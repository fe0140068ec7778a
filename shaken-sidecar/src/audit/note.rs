//! Records about the log and the daemon themselves. None of them holds a phone number, but
//! [`Undelivered`] repeats the name that a client gave its request, and [`Reveal`] what was looked for.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::proof::VerifyKey;
use super::read::Line;
use super::record::{Record, rfc3339_ms};
use crate::listen::Peer;

/// What a line of the log is about: its member `kind`, and the members that go with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A decision on a call.
    Call(Box<Record>),
    /// Records that should stand here and could not be written.
    Gap(Gap),
    /// Requests that came to no decision, counted.
    Summary(Summary),
    /// The daemon started.
    Start(Start),
    /// The daemon ended of its own will. A log that goes on with `start` where no `stop` stands
    /// before it was killed, or lost power.
    Stop(Stop),
    /// The answer to a recorded request did not reach the client.
    Undelivered(Undelivered),
    /// Somebody had records shown in clear.
    Reveal(Box<Reveal>),
    /// A segment was given up after a fault, and this one begun in its place.
    Cut(Cut),
    /// A full segment became a sealed one.
    Seal(Seal),
    /// A sealed segment is about to be deleted.
    Deletion(Deletion),
}

/// The kinds of lines whose members this version knows: one for each [`Event`].
pub(super) const KINDS: [&str; 10] =
    ["call", "gap", "summary", "start", "stop", "undelivered", "seal", "deletion", "reveal", "cut"];

/// Records that could not be written. Written when there is room again, and during a long outage
/// whenever that is possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// When the first of them was due: RFC 3339 in UTC, to the millisecond.
    pub from: String,
    /// When the last of them was due.
    pub to: String,
    /// Calls that were answered without a record (`full = "degrade"`, `durability = "queued"`).
    pub served: u64,
    /// Calls that were refused because no record could be made.
    pub refused: u64,
    /// Other records that are missing: those about undelivered answers, starts and stops.
    pub notes: u64,
    /// What stood in the way of the last of them: `queue-full`, `write`, `fdatasync`, ...
    pub cause: Cow<'static, str>,
}

/// Requests of about one second that ended before a decision was made, which are counted and not
/// recorded one by one, so that whoever sends junk cannot fill the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// When the first of them came: RFC 3339 in UTC, to the millisecond.
    pub from: String,
    /// When they were counted.
    pub to: String,
    /// Requests that could not be read.
    pub unparsable: u64,
    /// Requests of peers that belong to no trunk.
    pub unauthenticated: u64,
    /// Requests refused because there were too many: the queue of the log stayed full.
    pub shed: u64,
}

/// Why a request is in a [`Summary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undecided {
    /// It could not be read.
    Unparsable,
    /// Its peer belongs to no trunk.
    Unauthenticated,
    /// There were too many.
    Shed,
}

/// A start of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Start {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Version of the program.
    pub version: Cow<'static, str>,
    /// Process id.
    pub pid: u32,
    /// The configuration in force; see [`Config::generation`](crate::config::Config::generation).
    pub generation: String,
    /// Length of the torn tail that was cut off the log, 0 if there was none.
    pub torn_bytes: u64,
    /// Name and key ID of the key that signs the checkpoints of this run, or `unproven` if it makes
    /// none.
    #[serde(default = "unproven")]
    pub proof: Cow<'static, str>,
}

fn unproven() -> Cow<'static, str> {
    "unproven".into()
}

impl Start {
    /// A start of this version of the program at `now`, without checkpoints.
    #[must_use]
    pub fn new(generation: String, torn_bytes: u64, now: SystemTime) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        Self {
            time: rfc3339_ms(now),
            version,
            pid: std::process::id(),
            generation,
            torn_bytes,
            proof: unproven(),
        }
    }

    /// The checkpoints of this run can be checked with `key`.
    #[must_use]
    pub fn with_key(mut self, key: &VerifyKey) -> Self {
        self.proof = format!("{}+{:08x}", key.origin(), key.id()).into();
        self
    }
}

/// An orderly end of the daemon; nothing of this run follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stop {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
}

impl Stop {
    /// An end at `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        Self { time: rfc3339_ms(now) }
    }
}

/// An answer that did not reach the client, though the request is on record: the client got
/// something else, or nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Undelivered {
    /// When that was known: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Index of the request's record; absent when the record was queued and its index not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The request, as in its record.
    pub request_id: String,
    /// Why.
    pub why: Loss,
}

impl Undelivered {
    /// The answer to the request named `request_id`, which is on record at `record`, was lost.
    #[must_use]
    pub fn new(record: Option<u64>, request_id: String, why: Loss, now: SystemTime) -> Self {
        Self { time: rfc3339_ms(now), record, request_id, why }
    }
}

impl fmt::Debug for Undelivered {
    /// Without the name of the request, which is the client's and may hold a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undelivered")
            .field("time", &self.time)
            .field("record", &self.record)
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// Why an answer did not reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Loss {
    /// The deadline of the request had passed; the client was told so instead.
    Deadline,
    /// The client was gone before it had read the answer.
    ClientGone,
}

impl Loss {
    /// As in the log: `deadline`, `client-gone`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::ClientGone => "client-gone",
        }
    }
}

/// Records whose numbers somebody had shown in clear, written down before they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reveal {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Who, as the kernel knew it.
    pub peer: Peer,
    /// By what: `search`, `trace`, `export`, `simulate`, `gap`.
    pub command: Cow<'static, str>,
    /// What was asked for; may hold a number.
    pub conditions: Conditions,
    /// How many records were shown.
    pub records: u64,
    /// Index of the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Index of the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

impl Reveal {
    /// `peer` is shown `shown` at `now`.
    #[must_use]
    pub fn new(peer: Peer, shown: Shown, now: SystemTime) -> Self {
        let Shown { command, conditions, records, first, last } = shown;
        Self { time: rfc3339_ms(now), peer, command: command.into(), conditions, records, first, last }
    }
}

/// What is about to be shown in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Shown {
    /// By what: `search`, `trace`, `export`, `simulate`.
    pub command: String,
    /// What was asked for.
    pub conditions: Conditions,
    /// How many records.
    pub records: u64,
    /// Index of the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Index of the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

impl Shown {
    /// `lines`, which `command` found by `conditions`.
    #[must_use]
    pub fn new(command: &str, conditions: Conditions, lines: &[Line]) -> Self {
        let index = |line: &Line| line.index;
        Self {
            command: command.to_owned(),
            conditions,
            records: lines.len() as u64,
            first: lines.first().map(index),
            last: lines.last().map(index),
        }
    }
}

/// What was given up of the segment before this one, or of the one whose place it takes: all of it
/// from `len_bytes` on. None of that was ever acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cut {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// First index of the segment.
    pub segment: u64,
    /// Its length up to the end of the last record that counts.
    pub len_bytes: u64,
    /// What failed: `write`, `fdatasync`, ...
    pub step: Cow<'static, str>,
    /// The system's error number, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
}

/// A sealed segment that takes the place of a raw one. What stands in it was compared with that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Seal {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Name of the file, below the directory of the log.
    pub file: String,
    /// First index in it.
    pub segment: u64,
    /// How many records are in it.
    pub records: u64,
    /// SHA-256 of the file, 64 lower-case hex digits.
    pub sha256: String,
    /// Length of the file.
    pub len_bytes: u64,
    /// Length of the records as lines.
    pub raw_bytes: u64,
}

/// A sealed segment that is deleted because its time, or the room for it, is over. Written before it
/// is. It was the oldest: the log begins behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deletion {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Name of the file, below the directory of the log.
    pub file: String,
    /// First index in it.
    pub segment: u64,
    /// How many records were in it.
    pub records: u64,
    /// SHA-256 of the file, 64 lower-case hex digits.
    pub sha256: String,
    /// Why.
    pub reason: Expiry,
    /// Time of its newest record that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// Why a sealed segment is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expiry {
    /// All records in it are older than they are to be kept.
    Age,
    /// The sealed segments take more room than they may.
    Size,
}
