//! One case of a file of vectors.

use serde::de::{Deserialize, Deserializer, Error as _};

/// One call and what is to become of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// Name of the case, unique in its file.
    pub id: String,
    /// The rule that decides, with its section.
    pub comment: Option<String>,
    /// Keys of [`VectorFile::notes`](crate::VectorFile::notes).
    pub flags: Vec<String>,
    /// The verifier's clock.
    pub now: u64,
    /// The Date of the request, if the case has one.
    pub date: Option<u64>,
    /// The values of the Identity headers of the call, in their order; may be none.
    pub identity: Vec<String>,
    /// The calling number in canonical form.
    pub orig_tn: String,
    /// The called numbers that the call offers, in canonical form: a `dest` that equals one of
    /// them is enough.
    pub dest_tn: Vec<String>,
    /// What the verifier must do.
    pub expect: Expect,
    /// What is special about this call.
    pub why: String,
}

/// What a verifier must do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "format version 1 has exactly these three")]
pub enum Expect {
    /// Report the call as verified.
    Accept,
    /// Not report it as verified.
    Reject {
        /// The name of the failure, where only one is right.
        error: Option<String>,
    },
    /// Either, and always the same; in any case without crash, delay or a wrong number.
    Policy,
}

impl<'de> Deserialize<'de> for Case {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawCase::deserialize(deserializer)?;
        let expect = match (raw.expect, raw.error) {
            (RawExpect::Reject, error) => Expect::Reject { error },
            (RawExpect::Accept, None) => Expect::Accept,
            (RawExpect::Policy, None) => Expect::Policy,
            (RawExpect::Accept | RawExpect::Policy, Some(_)) => {
                let text = format!("case {:?} has an error and is not expected to be rejected", raw.id);
                return Err(D::Error::custom(text));
            }
        };
        Ok(Self {
            id: raw.id,
            comment: raw.comment,
            flags: raw.flags,
            now: raw.now,
            date: raw.date,
            identity: match raw.identity {
                OneOrMore::One(value) => vec![value],
                OneOrMore::More(values) => values,
            },
            orig_tn: raw.orig_tn,
            dest_tn: raw.dest_tn,
            expect,
            why: raw.why,
        })
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    id: String,
    comment: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    now: u64,
    date: Option<u64>,
    identity: OneOrMore,
    orig_tn: String,
    dest_tn: Vec<String>,
    expect: RawExpect,
    error: Option<String>,
    why: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawExpect {
    Accept,
    Reject,
    Policy,
}

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "identity must be a string or an array of strings")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}
