//! The Date header field (RFC 3261 §20.17).
//!
//! ```text
//! SIP-date = wkday "," SP 2DIGIT SP month SP 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP "GMT"
//! ```

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::lex::trim;
use crate::Error;
use crate::write::Out;

/// Reads a SIP-date into seconds since 1970. The name of the weekday must be one, not the right
/// one: it says nothing that the rest does not say.
///
/// # Errors
/// [`Error::DateInvalid`] for any other form or time zone, a day that does not exist, or a year
/// before 1970.
pub fn parse(value: &[u8]) -> Result<u64, Error> {
    let text = core::str::from_utf8(trim(value)).map_err(|_| Error::DateInvalid)?;
    let time = PrimitiveDateTime::parse(text, SIP_DATE).map_err(|_| Error::DateInvalid)?;
    u64::try_from(time.assume_utc().unix_timestamp()).map_err(|_| Error::DateInvalid)
}

/// Writes `unix_s`, seconds since 1970, as a SIP-date.
///
/// # Errors
/// [`Error::DateInvalid`] beyond the year 9999, which the form cannot say.
pub fn write(unix_s: u64, out: &mut Out<'_>) -> Result<(), Error> {
    let time = i64::try_from(unix_s)
        .ok()
        .and_then(|unix_s| OffsetDateTime::from_unix_timestamp(unix_s).ok())
        .ok_or(Error::DateInvalid)?;
    let mut text = [0; LEN];
    let len = time.format_into(&mut text.as_mut_slice(), SIP_DATE).map_err(|_| Error::DateInvalid)?;
    out.push(text.get(..len).unwrap_or_default());
    Ok(())
}

const LEN: usize = "Fri, 25 Sep 2015 19:12:25 GMT".len();

const SIP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_is_read() {
        for (text, unix_s) in [
            ("Fri, 25 Sep 2015 19:12:25 GMT", 1_443_208_345),
            (" Thu, 01 Jan 1970 00:00:00 GMT\r\n ", 0),
            ("Mon, 25 Sep 2015 19:12:25 GMT", 1_443_208_345),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(unix_s), "{text}");
        }
        for text in [
            "",
            "1443208345",
            "Fri, 25 Sep 2015 19:12:25",
            "Fri, 25 Sep 2015 19:12:25 EST",
            "Fri, 25 Sep 2015 19:12:25 +0000",
            "Fri, 25 Sep 2015 19:12:25 gmt",
            "fri, 25 sep 2015 19:12:25 GMT",
            "Fri, 5 Sep 2015 19:12:25 GMT",
            "Fri,  5 Sep 2015 19:12:25 GMT",
            "Fri, 25 Sep 15 19:12:25 GMT",
            "Fri, 25 Sep 2015 24:00:00 GMT",
            "Sat, 29 Feb 2015 00:00:00 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Friday, 25-Sep-15 19:12:25 GMT",
            "Fri Sep 25 19:12:25 2015",
            "Fri, 25 Sep +002015 19:12:25 GMT",
            "Fri, 25 Sep -2015 19:12:25 GMT",
            "Fri, 25 Sep 2015 19:12:25 GMT, Fri, 25 Sep 2015 19:12:25 GMT",
            "Fri, 25 Sep 2015 19:12:25 GMT\u{e9}",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Error::DateInvalid), "{text:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for unix_s in [0, 1_443_208_345, 1_709_251_199, 4_102_444_799, 253_402_300_799] {
            let mut buffer = [0; LEN];
            let mut out = Out::new(&mut buffer);
            write(unix_s, &mut out).unwrap();
            assert_eq!(parse(out.finish().unwrap().as_bytes()), Ok(unix_s));
        }
        for unix_s in [253_402_300_800, u64::MAX] {
            assert_eq!(write(unix_s, &mut Out::new(&mut [0; LEN])), Err(Error::DateInvalid));
        }
    }
}
