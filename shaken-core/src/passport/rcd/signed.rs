//! Rich call data in PASSporTs of our own: of type `rcd`, or riding in another (RFC 9795 §13).

use core::fmt;

use crate::json;
use crate::passport::{Ppt, base};
use crate::sign::Unsigned;
use crate::write::Out;

/// Rich call data as it will stand in PASSporTs. Made by
/// [`NewRcd::prepare`](super::NewRcd::prepare).
#[derive(Clone, Copy)]
pub struct Prepared<'a> {
    pub(super) rcd: &'a str,
    pub(super) rcdi: Option<&'a str>,
    pub(super) crn: Option<&'a str>,
    pub(super) is_name_alone: bool,
}

impl Prepared<'_> {
    /// Whether a verifier can rebuild it from the request (RFC 9795 §9).
    pub(crate) fn is_name_alone(&self) -> bool {
        self.is_name_alone && self.crn.is_none()
    }

    /// `"crn":"…",`, before `dest`.
    pub(crate) fn write_crn(&self, out: &mut Out<'_>) {
        if let Some(crn) = self.crn {
            out.push(b"\"crn\":");
            json::write_string(out, crn);
            out.push(b",");
        }
    }

    /// `,"rcd":{…},"rcdi":{…}`, behind `orig` and `origid`.
    pub(crate) fn write(&self, out: &mut Out<'_>) {
        out.push(b",\"rcd\":");
        out.push(self.rcd.as_bytes());
        if let Some(rcdi) = self.rcdi {
            out.push(b",\"rcdi\":");
            out.push(rcdi.as_bytes());
        }
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({} bytes)", self.rcd.len() + self.rcdi.map_or(0, str::len))
    }
}

/// The claims of an `rcd` PASSporT to be signed.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    base: base::NewClaims<'a>,
    rich: Prepared<'a>,
}

impl<'a> NewClaims<'a> {
    /// Caller, called and time are those of `base`.
    #[must_use]
    pub fn new(base: base::NewClaims<'a>, rich: Prepared<'a>) -> Self {
        Self { base: base.with_rich(rich), rich }
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        Ppt::Rcd
    }

    fn base(&self) -> &base::NewClaims<'_> {
        &self.base
    }

    fn can_be_rebuilt(&self) -> bool {
        self.rich.is_name_alone() && self.base.has_no_issuer()
    }

    fn write(&self, out: &mut Out<'_>) {
        self.base.write(out);
    }
}
