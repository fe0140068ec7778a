//! What came of a call, kept until the next one is judged in the same room.

use core::ffi::c_char;
use std::fmt::Write as _;
use std::ops::Range;

use shaken_core::passport::Ppt;
use shaken_core::verify::CallScratch;
use shaken_core::write::Out;
use shaken_core::{Attest, Error};

use crate::guard::{Failure, ShakenResult};
use crate::handle::Str;

/// Room for judging calls, one after the other, and what came of the last one. Some 180 KB: make one for
/// each thread and use it again.
#[derive(Debug, Default)]
pub struct Verdict {
    scratch: CallScratch,
    told: Told,
}

/// The parts of it while a call is judged.
pub(crate) struct Room<'a> {
    pub(crate) scratch: &'a mut CallScratch,
    pub(crate) told: &'a mut Told,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Told {
    outcome: Result<Attest, Failure>,
    /// Tracing value of the signer.
    origid: String,
    /// What is wrong, as whoever judged it told it.
    text: String,
    /// The texts of what follows.
    texts: String,
    headers: Vec<Header>,
    missing: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Header {
    header: usize,
    ppt: Option<Ppt>,
    error: Option<Error>,
    x5u: Range<usize>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            outcome: Err(Failure::Pending),
            origid: String::new(),
            text: String::new(),
            texts: String::new(),
            headers: Vec::new(),
            missing: Vec::new(),
        }
    }
}

impl Told {
    /// Makes room for the next call, of which nothing is known if it is never judged to the end. Keeps
    /// the memory.
    fn clear(&mut self) {
        self.outcome = Err(Failure::Panic);
        self.origid.clear();
        self.text.clear();
        self.texts.clear();
        self.headers.clear();
        self.missing.clear();
    }

    pub(crate) fn set_origid(&mut self, origid: impl Iterator<Item = char>) {
        self.origid.extend(origid);
    }

    /// What is wrong, for a person, where the error alone does not hold it.
    pub(crate) fn set_text(&mut self, text: &str) {
        text.clone_into(&mut self.text);
    }

    /// Notes what came of one PASSporT.
    pub(crate) fn add_header(&mut self, header: usize, ppt: Option<Ppt>, error: Option<Error>, x5u: &str) {
        let x5u = self.keep(x5u);
        self.headers.push(Header { header, ppt, error, x5u });
    }

    /// Notes that the certificate of `url` is missing.
    pub(crate) fn add_missing(&mut self, url: &str) {
        if !self.missing().any(|other| other == url) {
            let url = self.keep(url);
            self.missing.push(url);
        }
    }

    /// The URLs of missing certificates, each once.
    pub(crate) fn missing(&self) -> impl ExactSizeIterator<Item = &str> {
        self.missing.iter().map(|url| self.kept(url))
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }

    fn kept(&self, place: &Range<usize>) -> &str {
        self.texts.get(place.clone()).unwrap_or_default()
    }
}

/// What came of a call as a whole. The text belongs to the verdict, until that is used again.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CallVerdict {
    /// What the verification answered.
    pub result: ShakenResult,
    /// `'A'`, `'B'` or `'C'` if the call passes, else 0.
    pub attest: c_char,
    /// Tracing value of the signer if the call passes, else empty.
    pub origid: Str,
    /// How many PASSporTs were looked at.
    pub headers: usize,
    /// How many certificates are missing.
    pub missing: usize,
}

/// What came of one PASSporT. The texts belong to the verdict, until that is used again.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderVerdict {
    /// Which Identity header it stands in, from 0.
    pub header: usize,
    /// `SHAKEN_OK` if it holds in itself, else why not. Whether the call passes is another question.
    pub result: ShakenResult,
    /// Its type, such as `"shaken"`; empty if it is not known, or of the base type.
    pub ppt: Str,
    /// Where its certificate is said to be; empty if it could not be read.
    pub x5u: Str,
}

impl Verdict {
    /// Has `judge` judge a call; what comes of it takes the place of what came of the call before, whatever
    /// it is.
    ///
    /// # Errors
    /// Those of `judge`.
    pub(crate) fn tell(
        &mut self,
        judge: impl FnOnce(Room<'_>) -> Result<Attest, Failure>,
    ) -> Result<(), Failure> {
        let Self { scratch, told } = self;
        told.clear();
        let outcome = judge(Room { scratch, told: &mut *told });
        told.outcome = outcome;
        outcome.map(drop)
    }

    /// The URLs of missing certificates, each once.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        self.told.missing()
    }

    pub(crate) fn call(&self) -> CallVerdict {
        let Told { outcome, origid, headers, missing, .. } = &self.told;
        CallVerdict {
            result: outcome.map_or_else(Failure::code, |_| ShakenResult::OK),
            attest: outcome.map_or(0, letter),
            origid: Str::of(origid),
            headers: headers.len(),
            missing: missing.len(),
        }
    }

    /// # Errors
    /// [`Failure::IndexOutOfRange`].
    pub(crate) fn header(&self, index: usize) -> Result<HeaderVerdict, Failure> {
        let Header { header, ppt, error, x5u } =
            self.told.headers.get(index).ok_or(Failure::IndexOutOfRange)?;
        Ok(HeaderVerdict {
            header: *header,
            result: error.map_or(ShakenResult::OK, |error| Failure::Core(error).code()),
            ppt: Str::of(ppt.map_or("", Ppt::name)),
            x5u: Str::of(self.told.kept(x5u)),
        })
    }

    /// # Errors
    /// [`Failure::IndexOutOfRange`].
    pub(crate) fn missing_url(&self, index: usize) -> Result<Str, Failure> {
        self.told.missing().nth(index).map(Str::of).ok_or(Failure::IndexOutOfRange)
    }

    /// Writes what is wrong, for a person, and answers its length.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`].
    pub(crate) fn write_text(&self, out: &mut [u8]) -> Result<usize, Failure> {
        let mut text = String::new();
        // A String takes whatever is written to it.
        let _ = match self.told.outcome {
            _ if !self.told.text.is_empty() => text.write_str(&self.told.text),
            Ok(attest) => write!(text, "the call passes with {attest}"),
            Err(Failure::Core(error)) => write!(text, "{error}"),
            Err(failure) => write!(text, "{}", failure.meaning()),
        };
        let mut out = Out::new(out);
        out.push(text.as_bytes());
        Ok(out.finish()?.len())
    }
}

fn letter(attest: Attest) -> c_char {
    let letter = match attest {
        Attest::A => b'A',
        Attest::B => b'B',
        Attest::C => b'C',
    };
    c_char::from_ne_bytes([letter])
}
