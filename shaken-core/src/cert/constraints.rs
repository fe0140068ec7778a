//! Claim constraints: which claims a certificate lets its holder sign (RFC 8226 §8, RFC 9118).
//!
//! ```text
//! JWTClaimConstraints ::= SEQUENCE {                                   -- EXPLICIT TAGS
//!   mustInclude     [0] JWTClaimNames OPTIONAL,
//!   permittedValues [1] JWTClaimPermittedValuesList OPTIONAL }
//! EnhancedJWTClaimConstraints ::= SEQUENCE {
//!   mustInclude     [0] JWTClaimNames OPTIONAL,
//!   permittedValues [1] JWTClaimValuesList OPTIONAL,
//!   mustExclude     [2] JWTClaimNames OPTIONAL }                       -- each: at least one
//! JWTClaimValuesList ::= SEQUENCE SIZE (1..MAX) OF JWTClaimValues
//! JWTClaimValues     ::= SEQUENCE { claim  JWTClaimName,
//!                                   values SEQUENCE SIZE (1..MAX) OF UTF8String }
//! JWTClaimNames      ::= SEQUENCE SIZE (1..MAX) OF JWTClaimName
//! JWTClaimName       ::= IA5String
//! ```
//!
//! Read when a certificate enters the cache; evaluating them for a call takes no heap.

use arrayvec::ArrayVec;

use crate::Error;
use crate::der::{Elements, Malformed, tag};
use crate::json::canonical::{self, SameAs};
use crate::json::{MAX_MEMBERS, Raw, Text};
use crate::write::Sink;

/// The claims of every PASSporT (RFC 8225 §5): always demanded, never excluded.
const BASE_CLAIMS: [&str; 3] = ["dest", "iat", "orig"];

/// Which of the two extensions it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9118 replaces the one of RFC 8226")]
pub enum ConstraintsForm {
    /// JWTClaimConstraints (RFC 8226 §8).
    Plain,
    /// EnhancedJWTClaimConstraints (RFC 9118 §3).
    Enhanced,
}

/// What a certificate says about the claims of the PASSporTs that are signed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimConstraints {
    must_include: Vec<Box<str>>,
    permitted_values: Vec<PermittedValues>,
    must_exclude: Vec<Box<str>>,
}

/// The values that one claim may have. Names and values are compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermittedValues {
    claim: Box<str>,
    values: Vec<Box<str>>,
}

impl PermittedValues {
    /// Name of the claim.
    #[must_use]
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// The values: of a string claim its characters, of others their deterministic JSON.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(AsRef::as_ref)
    }

    /// Whether `claim`, the value of the claim, is one of them.
    fn permit(&self, claim: Raw<'_>) -> Result<bool, Error> {
        if let Some(text) = claim.string() {
            return Ok(self.values.iter().any(|value| text == **value));
        }
        // Only values of its length are compared with it: so the work is bounded by the lengths of
        // certificate and token, not by their product.
        let mut len = Length(0);
        canonical::write(claim, &mut len)?;
        for value in self.values.iter().filter(|value| value.len() == len.0) {
            let mut same = SameAs::new(value.as_bytes());
            canonical::write(claim, &mut same)?;
            if same.matched() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl ClaimConstraints {
    /// Reads the extension value.
    ///
    /// # Errors
    /// [`Error::ClaimConstraintsInvalid`] with the offset of the first fault. Nothing may be empty:
    /// not the whole, not one of its lists.
    pub fn from_der(der: &[u8], form: ConstraintsForm) -> Result<Self, Error> {
        read(der, form).map_err(|Malformed(offset)| Error::ClaimConstraintsInvalid { offset })
    }

    /// The claims that must be there, in the order of the certificate.
    pub fn must_include(&self) -> impl Iterator<Item = &str> {
        self.must_include.iter().map(AsRef::as_ref)
    }

    /// The claims of which only some values may be there.
    #[must_use]
    pub fn permitted_values(&self) -> &[PermittedValues] {
        &self.permitted_values
    }

    /// The claims that must not be there.
    pub fn must_exclude(&self) -> impl Iterator<Item = &str> {
        self.must_exclude.iter().map(AsRef::as_ref)
    }

    /// Whether they count for nothing: they exclude a claim that every PASSporT has (RFC 9118 §3).
    #[must_use]
    pub fn are_void(&self) -> bool {
        self.must_exclude().any(|name| BASE_CLAIMS.contains(&name))
    }

    /// Evaluates them against a decoded payload (RFC 8226 §8, RFC 9118 §4). Only members of the
    /// payload itself count, whatever their value: `null` is a value.
    ///
    /// # Errors
    /// The JSON errors of [`crate::json`]; [`Error::ClaimMissing`] for a claim that every PASSporT
    /// has; in this order [`Error::ClaimDemanded`], [`Error::ClaimNotPermitted`],
    /// [`Error::ClaimExcluded`]; [`Error::NumberNotCanonical`]. Void ones cause none.
    pub fn check(&self, payload: &[u8]) -> Result<(), Error> {
        if self.are_void() {
            return Ok(());
        }
        let members = Raw::parse(payload)?.members().ok_or(Error::JsonSyntax { offset: 0 })?;
        // No object that was read has more.
        let claims: ArrayVec<(Text<'_>, Raw<'_>), MAX_MEMBERS> = members.take(MAX_MEMBERS).collect();
        let find = |name: &str| claims.iter().find(|(claim, _)| *claim == *name).map(|(_, value)| *value);

        if let Some(claim) = BASE_CLAIMS.into_iter().find(|claim| find(claim).is_none()) {
            return Err(Error::ClaimMissing { claim });
        }
        if let Some(name) = self.must_include().find(|name| find(name).is_none()) {
            return Err(Error::ClaimDemanded { claim: known_name(name) });
        }
        for permitted in &self.permitted_values {
            // Absent is fine (RFC 9118 §4): only mustInclude demands.
            if let Some(value) = find(&permitted.claim)
                && !permitted.permit(value)?
            {
                return Err(Error::ClaimNotPermitted { claim: known_name(&permitted.claim) });
            }
        }
        if let Some(name) = self.must_exclude().find(|name| find(name).is_some()) {
            return Err(Error::ClaimExcluded { claim: known_name(name) });
        }
        Ok(())
    }

    /// About how much memory this takes.
    pub(super) fn memory_len(&self) -> usize {
        let names = self.must_include().chain(self.must_exclude());
        let values = self.permitted_values.iter().flat_map(|p| p.values().chain([p.claim()]));
        names.chain(values).map(|text| text.len() + 2 * size_of::<PermittedValues>()).sum()
    }
}

/// The name as an [`Error`] can hold it: that of a claim which PASSporTs have, or a word for all
/// others.
fn known_name(name: &str) -> &'static str {
    const NAMES: [&str; 21] = [
        "attest",
        "crn",
        "dest",
        "div",
        "exp",
        "iat",
        "iss",
        "jti",
        "mky",
        "msgi",
        "nbf",
        "opt",
        "orig",
        "origid",
        "rcd",
        "rcdi",
        "rph",
        "sph",
        "sub",
        "aud",
        "confidence",
    ];
    NAMES.into_iter().find(|known| *known == name).unwrap_or("of another name")
}

/// Counts what is written.
struct Length(usize);

impl Sink for Length {
    fn push(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

fn read(der: &[u8], form: ConstraintsForm) -> Result<ClaimConstraints, Malformed> {
    let mut outer = Elements::new(der);
    let mut lists = outer.expect(tag::SEQUENCE)?;
    outer.finish()?;
    if lists.is_empty() {
        return Err(lists.malformed());
    }
    let must_include = read_list(&mut lists, 0, read_name)?;
    let permitted_values = read_list(&mut lists, 1, read_permitted)?;
    let must_exclude = match form {
        ConstraintsForm::Plain => Vec::new(),
        ConstraintsForm::Enhanced => read_list(&mut lists, 2, read_name)?,
    };
    lists.finish()?;
    Ok(ClaimConstraints { must_include, permitted_values, must_exclude })
}

/// `[number] EXPLICIT SEQUENCE SIZE (1..MAX) OF item OPTIONAL`; empty if it is not there.
fn read_list<T>(
    lists: &mut Elements<'_>,
    number: u8,
    item: fn(&mut Elements<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let Some(mut tagged) = lists.optional(tag::explicit(number))? else {
        return Ok(Vec::new());
    };
    let list = read_sequence_of(&mut tagged, item)?;
    tagged.finish()?;
    Ok(list)
}

/// `SEQUENCE SIZE (1..MAX) OF item`
fn read_sequence_of<T>(
    from: &mut Elements<'_>,
    item: fn(&mut Elements<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut sequence = from.expect(tag::SEQUENCE)?;
    let mut list = vec![item(&mut sequence)?];
    while !sequence.is_empty() {
        list.push(item(&mut sequence)?);
    }
    Ok(list)
}

fn read_permitted(list: &mut Elements<'_>) -> Result<PermittedValues, Malformed> {
    let mut entry = list.expect(tag::SEQUENCE)?;
    let claim = read_name(&mut entry)?;
    let values = read_sequence_of(&mut entry, |values| read_text(values, tag::UTF8_STRING))?;
    entry.finish()?;
    Ok(PermittedValues { claim, values })
}

fn read_name(list: &mut Elements<'_>) -> Result<Box<str>, Malformed> {
    let malformed = list.malformed();
    let name = read_text(list, tag::IA5_STRING)?;
    if name.is_ascii() { Ok(name) } else { Err(malformed) }
}

fn read_text(from: &mut Elements<'_>, tag: u8) -> Result<Box<str>, Malformed> {
    let malformed = from.malformed();
    core::str::from_utf8(from.expect(tag)?.bytes()).map(Into::into).map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    /// mustInclude rcd; crn one of Appointment, Delivery.
    const PLAIN: &str =
        "302DA00730051603726364A1223020301E160363726E30170C0B4170706F696E746D656E740C0844656C6976657279";
    /// mustInclude crn, mustExclude orig.
    const VOID: &str = "3013A0073005160363726EA208300616046F726967";

    const PAYLOAD: &str = r#"{"dest":{"tn":["12155550131"]},"iat":1,"orig":{"tn":"12155550121"}}"#;

    fn with(members: &str) -> String {
        PAYLOAD.replace("{\"dest\"", &format!("{{{members},\"dest\""))
    }

    fn constraints(include: &[&str], permitted: &[(&str, &[&str])], exclude: &[&str]) -> ClaimConstraints {
        let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>();
        ClaimConstraints {
            must_include: names(include),
            permitted_values: permitted
                .iter()
                .map(|(claim, values)| PermittedValues { claim: (*claim).into(), values: names(values) })
                .collect(),
            must_exclude: names(exclude),
        }
    }

    #[test]
    fn all_but_the_one_encoding_is_malformed() {
        assert!(ClaimConstraints::from_der(&hex(PLAIN), ConstraintsForm::Plain).is_ok());
        assert!(ClaimConstraints::from_der(&hex(PLAIN), ConstraintsForm::Enhanced).is_ok());
        assert!(ClaimConstraints::from_der(&hex(VOID), ConstraintsForm::Enhanced).unwrap().are_void());
        for (der, why) in [
            ("", "nothing"),
            ("3000", "nothing in it"),
            ("3004A0023000", "no name in a list"),
            ("3002A000", "no list in a tag"),
            ("30078005160372636400", "implicit tag"),
            ("3009A007300516037263640500", "something behind"),
            ("300AA00730051603726364", "length too long"),
            ("3009A00730050C03726364", "name in UTF8String"),
            ("3009A00730051603C3A964", "name not ASCII"),
            ("300BA0093005160372636405 00", "something behind a list"),
            ("3012A0073005160363726EA0073005160363726E", "a list twice"),
            ("3014A208300616046F726967A0083006160363726E", "lists out of order"),
            ("300DA10B300930071603726364 3000", "no value in a list"),
            ("300BA109300730051603726364", "no list of values"),
            ("3010A10E300C300A1603726364300316 0141", "value in IA5String"),
            ("3010A10E300C300A160372636430030C01FF", "value not UTF-8"),
            ("3009A30730051603726364", "unknown list"),
        ] {
            let outcome = ClaimConstraints::from_der(&hex(&der.replace(' ', "")), ConstraintsForm::Enhanced);
            assert!(matches!(outcome, Err(Error::ClaimConstraintsInvalid { .. })), "{why}");
        }
        let good = "3010A10E300C300A160372636430030C0141";
        assert!(ClaimConstraints::from_der(&hex(good), ConstraintsForm::Plain).is_ok());
        // Only the enhanced form can exclude.
        assert_eq!(
            ClaimConstraints::from_der(&hex(VOID), ConstraintsForm::Plain),
            Err(Error::ClaimConstraintsInvalid { offset: 11 })
        );
    }

    #[test]
    fn demanded_claims_must_be_members_of_the_payload() {
        let constraints = constraints(&["rcd", "iat"], &[], &[]);
        assert_eq!(constraints.check(with(r#""rcd":null"#).as_bytes()), Ok(()));
        assert_eq!(constraints.check(with(r#""r\u0063d":{}"#).as_bytes()), Ok(()));
        for members in [r#""Rcd":{}"#, r#""x":{"rcd":{}}"#, r#""rcd ":1"#] {
            let demanded = Err(Error::ClaimDemanded { claim: "rcd" });
            assert_eq!(constraints.check(with(members).as_bytes()), demanded, "{members}");
        }
    }

    #[test]
    fn values_are_compared_as_strings_or_as_deterministic_json() {
        let object = r#"{"/icn":"x","/nam":"é/"}"#;
        let values: &[(&str, &[&str])] = &[("rcdi", &["a", "\"b\"", object, "12", "null", "[1,2]", "1.5"])];
        let constraints = constraints(&[], values, &[]);
        for value in [
            r#""a""#,
            r#""\u0061""#,
            r#""\"b\"""#,
            r#" { "\/nam" : "\u00e9\/", "/icn" : "x" } "#,
            "12",
            "12.0",
            "\"12\"",
            "null",
            "[ 1 , 2 ]",
            "15e-1",
        ] {
            assert_eq!(constraints.check(with(&format!("\"rcdi\":{value}")).as_bytes()), Ok(()), "{value}");
        }
        for value in [
            r#""A""#,
            r#""b""#,
            r#""""#,
            r#"{"/icn":"x"}"#,
            r#"{"/icn":"x","/nam":"é/","z":1}"#,
            r#"{"/icn":"x","/nam":"e/"}"#,
            "13",
            "true",
            "[2,1]",
            "[]",
        ] {
            let refused = Err(Error::ClaimNotPermitted { claim: "rcdi" });
            assert_eq!(constraints.check(with(&format!("\"rcdi\":{value}")).as_bytes()), refused, "{value}");
        }
        assert_eq!(constraints.check(PAYLOAD.as_bytes()), Ok(()), "absent is fine");
    }

    #[test]
    fn every_entry_for_a_claim_must_be_met() {
        let constraints = constraints(&[], &[("crn", &["a", "b"]), ("crn", &["b", "c"])], &[]);
        assert_eq!(constraints.check(with(r#""crn":"b""#).as_bytes()), Ok(()));
        for value in ["a", "c"] {
            let refused = Err(Error::ClaimNotPermitted { claim: "crn" });
            assert_eq!(constraints.check(with(&format!(r#""crn":"{value}""#)).as_bytes()), refused);
        }
    }

    #[test]
    fn excluded_claims_are_refused_whatever_their_value() {
        let constraints = constraints(&[], &[], &["attest", "priority"]);
        assert_eq!(constraints.check(PAYLOAD.as_bytes()), Ok(()));
        assert_eq!(
            constraints.check(with(r#""attest":null"#).as_bytes()),
            Err(Error::ClaimExcluded { claim: "attest" })
        );
        assert_eq!(
            constraints.check(with(r#""priority":1"#).as_bytes()),
            Err(Error::ClaimExcluded { claim: "of another name" })
        );
    }

    #[test]
    fn excluding_a_base_claim_voids_all() {
        for base in BASE_CLAIMS {
            let constraints = constraints(&["rcd"], &[("crn", &["a"])], &["attest", base]);
            assert_eq!(constraints.check(with(r#""crn":"z""#).as_bytes()), Ok(()));
        }
    }

    #[test]
    fn base_claims_are_always_demanded() {
        let constraints = constraints(&[], &[], &["attest"]);
        for claim in BASE_CLAIMS {
            let payload = PAYLOAD.replace(&format!("\"{claim}\""), "\"x\"");
            assert_eq!(constraints.check(payload.as_bytes()), Err(Error::ClaimMissing { claim }));
        }
        assert_eq!(constraints.check(b"[]"), Err(Error::JsonSyntax { offset: 0 }));
    }
}
