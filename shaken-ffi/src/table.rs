//! What can be said of each result, with a NUL behind it as C wants it: made when the library is
//! compiled, from the engine's table of errors.

use core::ffi::CStr;

use shaken_core::{Error, Verstat};

use crate::guard::{Failure, ShakenResult};

/// What a result means on every surface.
pub(crate) struct Row {
    pub(crate) code: u32,
    name: [u8; MAX_NAME_LEN],
    pub(crate) sip_code: u16,
    sip_reason: [u8; MAX_REASON_LEN],
    verstat: Verstat,
}

impl Row {
    /// The row of `result`, if there is such a result.
    pub(crate) fn of(result: ShakenResult) -> Option<&'static Self> {
        let place = ROWS.binary_search_by_key(&result.code(), |row| row.code).ok()?;
        ROWS.get(place)
    }

    pub(crate) fn name(&'static self) -> &'static CStr {
        CStr::from_bytes_until_nul(&self.name).unwrap_or_default()
    }

    pub(crate) fn sip_reason(&'static self) -> &'static CStr {
        CStr::from_bytes_until_nul(&self.sip_reason).unwrap_or_default()
    }

    pub(crate) fn verstat(&self) -> &'static CStr {
        match self.verstat {
            Verstat::Passed => c"TN-Validation-Passed",
            Verstat::Failed => c"TN-Validation-Failed",
            Verstat::NoValidation => c"No-TN-Validation",
        }
    }
}

/// In the order of the numbers.
static ROWS: [Row; 1 + Failure::OWN.len() + Error::ALL.len()] = rows();

const fn rows() -> [Row; 1 + Failure::OWN.len() + Error::ALL.len()] {
    let ok =
        Row { code: 0, name: fixed("ok"), sip_code: 200, sip_reason: fixed("OK"), verstat: Verstat::Passed };
    let mut rows = [ok; 1 + Failure::OWN.len() + Error::ALL.len()];
    let mut at = 0;
    while at < Failure::OWN.len() {
        let (code, name, _) = Failure::OWN[at];
        at += 1;
        rows[at] = Row {
            code,
            name: fixed(name),
            sip_code: 500,
            sip_reason: fixed("Server Internal Error"),
            verstat: Verstat::NoValidation,
        };
    }
    let mut of_engine = 0;
    while of_engine < Error::ALL.len() {
        let error = &Error::ALL[of_engine];
        let sip = error.sip();
        of_engine += 1;
        rows[at + of_engine] = Row {
            code: error.code() as u32,
            name: fixed(error.name()),
            sip_code: sip.code,
            sip_reason: fixed(sip.reason),
            verstat: error.verstat(),
        };
    }
    rows
}

impl Clone for Row {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Row {}

/// `text` with NULs behind it. What does not fit does not compile.
const fn fixed<const LEN: usize>(text: &str) -> [u8; LEN] {
    let (mut bytes, text, mut at) = ([0; LEN], text.as_bytes(), 0);
    assert!(text.len() < LEN, "the longest name has grown");
    while at < text.len() {
        bytes[at] = text[at];
        at += 1;
    }
    bytes
}

const MAX_NAME_LEN: usize = 40;
const MAX_REASON_LEN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_say_what_the_engine_says() {
        for error in Error::ALL {
            let row = Row::of(Failure::Core(*error).code()).unwrap();
            assert_eq!(row.name().to_str(), Ok(error.name()));
            assert_eq!(row.sip_reason().to_str(), Ok(error.sip().reason));
            assert_eq!(row.sip_code, error.sip().code);
            assert_eq!(row.verstat().to_str(), Ok(error.verstat().as_str()));
        }
        assert_eq!(Row::of(ShakenResult::OK).unwrap().verstat().to_str(), Ok(Verstat::Passed.as_str()));
        assert!(ROWS.is_sorted_by_key(|row| row.code));
    }
}
