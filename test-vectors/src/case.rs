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
    /// Who calls.
    pub orig: Name,
    /// Whom the call may have been signed for, at least one: To, then the Request-URI if it
    /// differs. A `dest` that equals one of them is enough.
    pub dest: Vec<Name>,
    /// Where the call goes now, if the case says so: the Request-URI, to which a diversion must
    /// lead.
    pub target: Option<Name>,
    /// The display name of From.
    pub display_name: Option<String>,
    /// The value of Resource-Priority; empty if the request is known to have none.
    pub resource_priority: Option<String>,
    /// The value of Priority.
    pub priority: Option<String>,
    /// The SDP of the request.
    pub sdp: Option<String>,
    /// The body of a SIP MESSAGE.
    pub body: Option<String>,
    /// What the verifier must do.
    pub expect: Expect,
    /// What must become of each header, in their order, where the case says so: of the PASSporT
    /// in itself, whatever becomes of the call.
    pub expect_headers: Option<Vec<ExpectHeader>>,
    /// What is special about this call.
    pub why: String,
}

/// A party of the call as PASSporTs name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 8225 has these two kinds of identity")]
pub enum Name {
    /// A telephone number in canonical form.
    Tn(String),
    /// A URI that stands for no telephone number, as the request has it.
    Uri(String),
}

/// What must become of one header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "format version 1 has exactly these two")]
pub enum ExpectHeader {
    /// The PASSporT holds.
    Accept,
    /// It does not: the name of the failure.
    Reject(String),
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
        let wrong = |says: &str| D::Error::custom(format!("case {:?} {says}", raw.id));
        let orig = either(raw.orig_tn, raw.orig_uri)
            .and_then(|orig| orig.ok_or("has neither orig_tn nor orig_uri"))
            .map_err(wrong)?;
        let target = either(raw.target_tn, raw.target_uri).map_err(wrong)?;
        let dest: Vec<Name> =
            (raw.dest_tn.into_iter().map(Name::Tn)).chain(raw.dest_uri.into_iter().map(Name::Uri)).collect();
        let identity = match raw.identity {
            OneOrMore::One(value) => vec![value],
            OneOrMore::More(values) => values,
        };
        let expect_headers: Option<Vec<_>> = raw.expect_headers.map(|names| {
            let expect = |name: String| match name.as_str() {
                "accept" => ExpectHeader::Accept,
                _ => ExpectHeader::Reject(name),
            };
            names.into_iter().map(expect).collect()
        });
        if dest.is_empty() {
            return Err(wrong("has neither dest_tn nor dest_uri"));
        }
        if expect_headers.as_ref().is_some_and(|names| names.len() != identity.len()) {
            return Err(wrong("has not one expect_headers for each identity"));
        }
        Ok(Self {
            id: raw.id,
            comment: raw.comment,
            flags: raw.flags,
            now: raw.now,
            date: raw.date,
            identity,
            orig,
            dest,
            target,
            display_name: raw.display_name,
            resource_priority: raw.resource_priority,
            priority: raw.priority,
            sdp: raw.sdp,
            body: raw.body,
            expect,
            expect_headers,
            why: raw.why,
        })
    }
}

/// The number or the URI, of which there is one at most.
fn either(tn: Option<String>, uri: Option<String>) -> Result<Option<Name>, &'static str> {
    match (tn, uri) {
        (Some(_), Some(_)) => Err("names a party by number and by URI"),
        (tn, uri) => Ok(tn.map(Name::Tn).or_else(|| uri.map(Name::Uri))),
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
    orig_tn: Option<String>,
    orig_uri: Option<String>,
    #[serde(default)]
    dest_tn: Vec<String>,
    #[serde(default)]
    dest_uri: Vec<String>,
    target_tn: Option<String>,
    target_uri: Option<String>,
    display_name: Option<String>,
    resource_priority: Option<String>,
    priority: Option<String>,
    sdp: Option<String>,
    body: Option<String>,
    expect: RawExpect,
    error: Option<String>,
    expect_headers: Option<Vec<String>>,
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
