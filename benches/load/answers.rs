//! Answers, and whether they are right.

use std::time::{Duration, Instant};

use crate::call::{Asked, Caller, Said};
use crate::door::Raw;
use crate::run::{Check, Load};

/// The answers of a run. They have all their room before the first call, and every page of it was written to
/// once: the kernel brings a page that nobody has used yet, two megabytes at a time, and for a virtual machine
/// its host has to bring it as well. That was seen to take five milliseconds, in which no call is sent.
pub(crate) struct Answers<'c> {
    caller: &'c Caller,
    load: Load,
    judged: Vec<Judged>,
    first_wrong: Option<String>,
    /// Those that are to be looked at when all are there.
    kept: Vec<Kept>,
    bytes: Vec<u8>,
}

impl<'c> Answers<'c> {
    /// With room for so many `calls`, whose answers are as long as those `before`.
    pub(crate) fn with_room(calls: usize, caller: &'c Caller, load: &Load, before: Option<&Self>) -> Self {
        let each = before.map_or(0, |before| before.bytes.len().div_ceil(before.kept.len().max(1)));
        let now = Instant::now();
        let came =
            Came { asked: Asked::default(), sent: now, from_due: Duration::ZERO, from_sent: Duration::ZERO };
        let kept = Kept { came, what: What::Shed };
        let judged = Judged { came, which: Which::Shed };
        Self {
            caller,
            load: *load,
            judged: touched(calls, judged),
            first_wrong: None,
            kept: touched(if load.check == Check::AtTheEnd { calls } else { 0 }, kept),
            bytes: touched(calls * each, 1),
        }
    }

    /// One more, as it came.
    pub(crate) fn take(&mut self, came: Came, raw: Raw<'_>) {
        if self.load.check == Check::AsTheyCome {
            return self.judge(came, raw);
        }
        let mut keep = |bytes: &[u8]| {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            (from, self.bytes.len())
        };
        let what = match raw {
            Raw::Good(body) => What::Good(keep(body)),
            Raw::Shed => What::Shed,
            Raw::Other(all) => What::Other(keep(all)),
        };
        self.kept.push(Kept { came, what });
    }

    /// None of those that came so far counts.
    pub(crate) fn forget(&mut self) {
        self.judged.clear();
        self.first_wrong = None;
        self.kept.clear();
        self.bytes.clear();
    }

    /// All of them, and the first that is wrong in words.
    pub(crate) fn judged(mut self) -> (Vec<Judged>, Option<String>) {
        let (kept, bytes) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.bytes));
        for Kept { came, what } in kept {
            let raw = match what {
                What::Good((from, to)) => Raw::Good(&bytes[from..to]),
                What::Shed => Raw::Shed,
                What::Other((from, to)) => Raw::Other(&bytes[from..to]),
            };
            self.judge(came, raw);
        }
        (self.judged, self.first_wrong)
    }

    fn judge(&mut self, came: Came, raw: Raw<'_>) {
        let said = self.load.door.said(self.load.op, raw);
        let is_right = self.caller.is_right(&came.asked, &said);
        let which = match said {
            _ if !is_right => Which::Wrong,
            Said::Shed => Which::Shed,
            _ => Which::Right,
        };
        if !is_right {
            self.first_wrong.get_or_insert_with(|| match said {
                Said::Other(text) | Said::Signed(text) => text,
                _ => "another verdict".to_owned(),
            });
        }
        self.judged.push(Judged { came, which });
    }
}

/// What an answer is to, and when it came.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    pub(crate) asked: Asked,
    pub(crate) sent: Instant,
    pub(crate) from_due: Duration,
    pub(crate) from_sent: Duration,
}

/// An answer that nobody has looked at yet.
#[derive(Clone, Copy)]
struct Kept {
    came: Came,
    what: What,
}

/// [`Raw`], by its place.
#[derive(Clone, Copy)]
enum What {
    Good((usize, usize)),
    Shed,
    Other((usize, usize)),
}

/// One that somebody has looked at.
#[derive(Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) came: Came,
    pub(crate) which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Right,
    Shed,
    Wrong,
}

/// Nothing yet, with room for `count` that was written to.
fn touched<T: Clone>(count: usize, with: T) -> Vec<T> {
    let mut room = vec![with; count];
    room.clear();
    room
}
