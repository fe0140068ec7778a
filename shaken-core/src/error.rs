//! One table of everything that can go wrong: stable code, stable name, SIP response and
//! `verstat` of each failure.
//!
//! Every surface (HTTP body, audit record, metric label, vector file, C enum) takes its words
//! from here, so a failure has one name everywhere. Codes are grouped by hundreds: 1xx the
//! header field, 2xx the token, 3xx the claims, 4xx the certificate URL and its download, 5xx
//! certificates, 6xx the signature, 7xx our own signing, 8xx the SIP message. Codes and names never
//! change meaning; a retired number stays unused.

use core::fmt;

/// A SIP response that reports a failed verification or a request that cannot be read
/// (RFC 8224 §6.2.2, RFC 3261 §21, RFC 5079).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SipResponse {
    /// Status code: 403, 428, 433, 436, 437, 438; 400, 416, 505, 513 for a SIP message that
    /// cannot be read; 500 for a fault of our own.
    pub code: u16,
    /// Reason phrase as the RFC words it.
    pub reason: &'static str,
}

impl SipResponse {
    /// A response of the caller's own, such as 302, with its phrase.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// The `verstat` value of a call (3GPP TS 24.229 §7.2A.20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the standard has exactly these three values")]
pub enum Verstat {
    /// Signature, certificate, freshness and numbers are all good.
    Passed,
    /// A certificate or a signature was there and is wrong.
    Failed,
    /// Nothing usable was there to validate.
    NoValidation,
}

impl Verstat {
    /// The value as it stands in a `verstat` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "TN-Validation-Passed",
            Self::Failed => "TN-Validation-Failed",
            Self::NoValidation => "No-TN-Validation",
        }
    }
}

impl fmt::Display for Verstat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Makes the enum and all its views from one row per failure, so that none can drift:
/// `code "name" SIP-response verstat: Variant { fields } => "what to do about it"`. The rows stand
/// in `error/table.rs`.
macro_rules! errors {
    ($(
        $(#[$doc:meta])*
        $code:literal $name:literal $sip:ident $verstat:ident:
        $variant:ident $({ $($(#[$fdoc:meta])* $field:ident : $ty:ty = $sample:expr),+ $(,)? })?
        => $text:literal $(, $arg:expr)*;
    )+) => {
        /// Why a PASSporT, a certificate or a request was refused. See the
        /// [module](crate::error) for what the numbers mean.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Error {
            $( $(#[$doc])* $variant $({ $($(#[$fdoc])* $field: $ty),+ })? ),+
        }

        impl Error {
            /// One value of every variant, in order of [`code`](Self::code): lets a test or a
            /// metric registry walk the whole table.
            pub const ALL: &'static [Self] = &[
                $( Self::$variant $({ $($field: $sample),+ })? ),+
            ];

            /// The stable number, 100 to 899.
            #[must_use]
            pub const fn code(&self) -> u16 {
                match self { $( Self::$variant { .. } => $code ),+ }
            }

            /// The stable kebab-case name.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name ),+ }
            }

            /// The SIP response and reason phrase (RFC 8224 §6.2.2).
            #[must_use]
            pub const fn sip(&self) -> SipResponse {
                match self { $( Self::$variant { .. } => $sip ),+ }
            }

            /// What a call with this failure, and nothing better, gets as `verstat`.
            #[must_use]
            pub const fn verstat(&self) -> Verstat {
                match self { $( Self::$variant { .. } => Verstat::$verstat ),+ }
            }
        }

        impl fmt::Display for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $( Self::$variant $({ $($field),+ })? => write!(f, $text $(, $arg)*) ),+
                }
            }
        }
    };
}

// Behind the macro, which it is made of.
mod table;

pub use table::Error;

impl core::error::Error for Error {}

impl Error {
    /// What may be told outside: the same for every failed download, itself for all else. How a
    /// download failed would tell whoever chose its URL what our network can reach. Records and logs
    /// keep the error as it is.
    #[must_use]
    pub const fn public(self) -> Self {
        match self.code() {
            FIRST_OF_FETCH..=LAST_OF_FETCH => Self::CertPending,
            _ => self,
        }
    }
}

/// The first and the last row about downloads.
const FIRST_OF_FETCH: u16 = 420;
const LAST_OF_FETCH: u16 = 449;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_and_names_are_unique_and_ordered() {
        let codes: Vec<u16> = Error::ALL.iter().map(Error::code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b));
        let names: HashSet<&str> = Error::ALL.iter().map(Error::name).collect();
        assert_eq!(names.len(), Error::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
    }

    #[test]
    fn failed_downloads_look_the_same_outside() {
        let told = |error: &Error| {
            let public = error.public();
            (public.code(), public.name(), public.sip(), public.verstat(), public.to_string())
        };
        for error in Error::ALL {
            let is_of_fetch = error.name().starts_with("fetch-")
                || matches!(error, Error::CertUnavailable | Error::CertPending);
            let expected = if is_of_fetch { &Error::CertPending } else { error };
            assert_eq!(error.public(), *expected);
            assert_eq!(told(error), told(expected));
        }
        assert_eq!(Error::CertPending.sip().code, 436);
        assert_eq!(Error::CertPending.verstat(), Verstat::NoValidation);
    }

    #[test]
    fn every_text_says_something_of_its_own() {
        let texts: HashSet<String> = Error::ALL.iter().map(Error::to_string).collect();
        assert_eq!(texts.len(), Error::ALL.len());
    }

    /// RFC 8224 §6.2.2 knows only these responses; 500 is for faults of our own, and 8xx for
    /// messages that RFC 3261 refuses before RFC 8224 has a say.
    #[test]
    fn sip_responses_are_those_of_the_rfcs() {
        for error in Error::ALL {
            let expected: &[u16] = match error.code() / 100 {
                8 => &[400, 403, 416, 433, 438, 505, 513],
                7 => &[438, 500],
                5 => &[437],
                4 => &[436],
                _ => &[403, 428, 436, 437, 438],
            };
            assert!(expected.contains(&error.sip().code), "{}", error.name());
        }
    }
}
