//! Format version 1: JSON text to a [`VectorFile`].

use std::collections::{BTreeMap, HashSet};
use std::marker::PhantomData;
use std::path::Path;
use std::{fmt, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::{Case, LoadError, Problem};

/// One file of vectors. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VectorFile {
    /// The version of the format; always 1 in a loaded file.
    #[serde(default = "version_1")]
    pub format_version: u64,
    /// What made the file.
    pub source: Option<String>,
    /// What the file is about.
    pub note: String,
    /// Every flag that a case may have, and why a case has it.
    #[serde(default, deserialize_with = "unique_members")]
    pub notes: BTreeMap<String, String>,
    /// The time that most cases are set at; what counts is [`Case::now`].
    pub now: u64,
    /// The only certificates that the verifier trusts: one or more PEM blocks.
    pub trust_anchor_pem: String,
    /// Certificates that the verifier knows beforehand and does not trust: PEM blocks, or nothing.
    #[serde(default)]
    pub intermediates_pem: String,
    /// Revocation lists that the verifier holds: of each the PEM block of the list and, behind it,
    /// those of its signer's certificate and the ones above it, but for what
    /// [`crl_anchor_pem`](Self::crl_anchor_pem) has.
    #[serde(default)]
    pub crls: Vec<String>,
    /// The only certificates that the verifier trusts to sign revocation lists: one or more PEM
    /// blocks, or nothing if there are no lists.
    #[serde(default)]
    pub crl_anchor_pem: String,
    /// The web as the verifier sees it, by exact URL. Every other URL answers 404.
    #[serde(deserialize_with = "unique_members")]
    pub x5u_bodies: BTreeMap<String, Body>,
    /// The cases, in the order of the file, at least one.
    pub cases: Vec<Case>,

    #[serde(rename = "numberOfCases")]
    number_of_cases: Option<usize>,
}

impl VectorFile {
    /// Reads JSON text of format version 1.
    ///
    /// # Errors
    /// Every [`Problem`] but [`Problem::Unreadable`] and [`Problem::NoFiles`].
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        // The version first: a later format may well have members that this one refuses.
        let Stated { format_version } = serde_json::from_str(text).map_err(syntax)?;
        if let Some(stated) = format_version.filter(|&version| version != 1) {
            let line = line_of(text, "\"format_version\"", "");
            return Err(LoadError::at_line(line, Problem::Version { stated }));
        }
        let file: Self = serde_json::from_str(text).map_err(syntax)?;
        file.check(text)?;
        Ok(file)
    }

    /// Reads a file of format version 1.
    ///
    /// # Errors
    /// Every [`Problem`] but [`Problem::NoFiles`].
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text =
            fs::read_to_string(path).map_err(|error| LoadError::of_file(path, Problem::Unreadable(error)))?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// What the types alone do not ensure.
    fn check(&self, text: &str) -> Result<(), LoadError> {
        let counted = self.cases.len();
        if counted == 0 {
            return Err(LoadError::at_line(line_of(text, "\"cases\"", ""), Problem::NoCases));
        }
        if let Some(stated) = self.number_of_cases.filter(|&stated| stated != counted) {
            let line = line_of(text, "\"numberOfCases\"", "");
            return Err(LoadError::at_line(line, Problem::Count { stated, counted }));
        }
        if self.crls.is_empty() != self.crl_anchor_pem.is_empty() {
            return Err(LoadError::at_line(line_of(text, "\"crl", ""), Problem::CrlsOrAnchorAlone));
        }
        let mut ids = HashSet::new();
        for Case { id, flags, .. } in &self.cases {
            if !ids.insert(id) {
                let id = id.clone();
                let line = last_line_of(text, "\"id\"", &id);
                return Err(LoadError::at_line(line, Problem::DuplicateId { id }));
            }
            if let Some(flag) = flags.iter().find(|flag| !self.notes.contains_key(*flag)) {
                let (id, flag) = (id.clone(), flag.clone());
                let line = line_of(text, "\"id\"", &id);
                return Err(LoadError::at_line(line, Problem::UnknownFlag { id, flag }));
            }
        }
        Ok(())
    }
}

/// Files made before the member existed do not have it.
fn version_1() -> u64 {
    1
}

/// What is read before anything else of the format is relied on.
#[derive(serde::Deserialize)]
struct Stated {
    format_version: Option<u64>,
}

/// The content behind a URL, of any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    /// The bytes that the URL answers with.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix("base64:") {
            None => Ok(Self(text.into_bytes())),
            Some(encoded) => STANDARD
                .decode(encoded)
                .map(Self)
                .map_err(|error| D::Error::custom(format!("a body is not valid after base64: ({error})"))),
        }
    }
}

/// A map in which no name stands twice; serde's own maps keep the last and say nothing.
fn unique_members<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    struct Unique<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = members.next_entry::<String, T>()? {
                if map.contains_key(&name) {
                    return Err(A::Error::custom(format!("{name:?} stands twice")));
                }
                map.insert(name, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

fn syntax(error: serde_json::Error) -> LoadError {
    let line = Some(error.line()).filter(|&line| line > 0);
    LoadError::at_line(line, Problem::Format(error))
}

/// The first line that holds both texts: good enough to send a person to the place.
fn line_of(text: &str, name: &str, value: &str) -> Option<usize> {
    let position = text.lines().position(|line| line.contains(name) && line.contains(value));
    position.map(|index| index + 1)
}

fn last_line_of(text: &str, name: &str, value: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let position = lines.iter().rposition(|line| line.contains(name) && line.contains(value));
    position.map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expect, ExpectHeader, Name};

    const CASE: &str = r#"{"id":"a/1","now":7,"identity":"x","orig_tn":"12025550101","dest_tn":["12025550187"],"expect":"accept","why":"w"}"#;

    fn file(more: &str, cases: &str) -> String {
        format!(
            "{{\"note\":\"n\",\"now\":7,\"trust_anchor_pem\":\"\",\n\"x5u_bodies\":{{\"https://cr.example.net/a\":\"text\"}},{more}\n\"cases\":[\n{cases}\n]}}"
        )
    }

    fn refused(text: &str) -> LoadError {
        VectorFile::parse(text).expect_err("must be refused")
    }

    #[test]
    fn the_members_of_version_1_alone_suffice() {
        let loaded = VectorFile::parse(&file("", CASE)).unwrap();
        let case = &loaded.cases[0];
        assert_eq!((case.id.as_str(), case.now, case.date), ("a/1", 7, None));
        assert_eq!(case.identity, ["x"]);
        assert_eq!(case.expect, Expect::Accept);
        assert_eq!(loaded.x5u_bodies["https://cr.example.net/a"].as_bytes(), b"text");
        assert!(loaded.intermediates_pem.is_empty() && loaded.crls.is_empty() && loaded.notes.is_empty());
    }

    #[test]
    fn every_optional_member_is_read() {
        let more = r#""format_version":1,"source":"s","numberOfCases":1,"intermediates_pem":"i","crls":["c"],"crl_anchor_pem":"r","notes":{"F":"why"},"#;
        let case = CASE
            .replace("\"accept\"", "\"reject\",\"error\":\"iat-stale\"")
            .replace("\"why\"", "\"comment\":\"rule\",\"flags\":[\"F\"],\"date\":9,\"why\"")
            .replace("\"x\"", "[\"x\",\"y\"]");
        let loaded = VectorFile::parse(&file(more, &case)).unwrap();
        assert_eq!((loaded.source.as_deref(), loaded.crls.len()), (Some("s"), 1));
        assert_eq!(loaded.crl_anchor_pem, "r");
        let case = &loaded.cases[0];
        assert_eq!(case.identity, ["x", "y"]);
        assert_eq!((case.comment.as_deref(), case.date), (Some("rule"), Some(9)));
        let error = Some("iat-stale".to_owned());
        assert_eq!(case.expect, Expect::Reject { error });
    }

    #[test]
    fn a_case_names_what_its_types_need() {
        let case = CASE
            .replace("\"orig_tn\":\"12025550101\"", "\"orig_uri\":\"sip:a@b.example\"")
            .replace("\"dest_tn\"", "\"dest_uri\":[\"urn:service:sos\"],\"target_tn\":\"911\",\"dest_tn\"")
            .replace("\"x\"", "[\"x\",\"y\"]")
            .replace(
                "\"why\"",
                "\"expect_headers\":[\"accept\",\"iat-stale\"],\"sdp\":\"v\",\"body\":\"\",\"priority\":\"p\",\
                 \"resource_priority\":\"r\",\"display_name\":\"d\",\"why\"",
            );
        let loaded = VectorFile::parse(&file("", &case)).unwrap();
        let case = &loaded.cases[0];
        assert_eq!(case.orig, Name::Uri("sip:a@b.example".to_owned()));
        assert_eq!(case.dest, [Name::Tn("12025550187".to_owned()), Name::Uri("urn:service:sos".to_owned())]);
        assert_eq!(case.target, Some(Name::Tn("911".to_owned())));
        let names = [&case.sdp, &case.body, &case.priority, &case.resource_priority, &case.display_name];
        assert_eq!(names.map(|name| name.as_deref().unwrap()), ["v", "", "p", "r", "d"]);
        let stale = ExpectHeader::Reject("iat-stale".to_owned());
        assert_eq!(case.expect_headers.as_deref(), Some(&[ExpectHeader::Accept, stale][..]));
    }

    #[test]
    fn a_party_is_there_and_has_one_name() {
        for (from, to, says) in [
            ("\"orig_tn\":\"12025550101\",", "", "has neither orig_tn nor orig_uri"),
            ("\"orig_tn\"", "\"orig_uri\":\"sip:a@b.example\",\"orig_tn\"", "by number and by URI"),
            (
                "\"why\"",
                "\"target_tn\":\"1\",\"target_uri\":\"sip:b.example\",\"why\"",
                "by number and by URI",
            ),
            ("[\"12025550187\"]", "[]", "has neither dest_tn nor dest_uri"),
            ("\"why\"", "\"expect_headers\":[],\"why\"", "has not one expect_headers"),
        ] {
            let message = refused(&file("", &CASE.replace(from, to))).to_string();
            assert!(message.contains(says) && message.contains("a/1"), "{message}");
        }
    }

    #[test]
    fn bodies_may_be_binary() {
        let text = file("", CASE).replace("\"text\"", "\"base64:AP+A\"");
        let loaded = VectorFile::parse(&text).unwrap();
        assert_eq!(loaded.x5u_bodies["https://cr.example.net/a"].as_bytes(), [0, 255, 128]);
        let error = refused(&text.replace("AP+A", "AP_A"));
        assert!(matches!(error.problem(), Problem::Format(_)), "{error}");
        assert_eq!(error.line(), Some(2));
    }

    #[test]
    fn unknown_repeated_and_missing_members_are_refused() {
        for (text, says, line) in [
            (file("\"extra\":1,", CASE), "unknown field `extra`", 2),
            (file("", &CASE.replace("\"why\"", "\"y\":1,\"why\"")), "unknown field `y`", 4),
            (file("\"now\":8,", CASE), "duplicate field `now`", 2),
            (file("", &CASE.replace("\"why\"", "\"id\":\"a/2\",\"why\"")), "duplicate field `id`", 4),
            (file("", &CASE.replace("\"now\":7,", "")), "missing field `now`", 4),
            (file("", &CASE.replace("accept", "maybe")), "unknown variant `maybe`", 4),
            (file("", &CASE.replace("\"x\"", "7")), "identity must be a string", 4),
            (file("\"notes\":{\"F\":\"a\",\"F\":\"b\"},", CASE), "stands twice", 2),
            (
                file("", CASE).replace("\"text\"}", "\"text\",\"https://cr.example.net/a\":\"other\"}"),
                "stands twice",
                2,
            ),
            (file("", CASE) + "x", "trailing characters", 5),
        ] {
            let error = refused(&text);
            let message = error.to_string();
            assert!(message.contains(says), "{message}");
            assert_eq!(error.line(), Some(line), "{message}");
        }
    }

    #[test]
    fn an_error_belongs_to_a_rejection() {
        for expect in ["accept", "policy"] {
            let case = CASE.replace(
                "\"expect\":\"accept\"",
                &format!("\"expect\":\"{expect}\",\"error\":\"iat-stale\""),
            );
            let error = refused(&file("", &case));
            assert!(error.to_string().contains("a/1"), "{error}");
        }
    }

    #[test]
    fn duplicate_ids_are_refused_and_the_second_line_is_named() {
        let error = refused(&file("", &format!("{CASE},\n{CASE}")));
        assert!(matches!(error.problem(), Problem::DuplicateId { id } if id == "a/1"), "{error}");
        assert_eq!(error.line(), Some(5));
    }

    #[test]
    fn a_wrong_count_is_refused() {
        let error = refused(&file("\"numberOfCases\":2,", CASE));
        assert!(matches!(error.problem(), Problem::Count { stated: 2, counted: 1 }), "{error}");
        let error = refused(&file("", ""));
        assert!(matches!(error.problem(), Problem::NoCases), "{error}");
    }

    #[test]
    fn a_flag_without_note_is_refused() {
        let case = CASE.replace("\"why\"", "\"flags\":[\"F\",\"G\"],\"why\"");
        let error = refused(&file("\"notes\":{\"F\":\"why\"},", &case));
        assert!(matches!(error.problem(), Problem::UnknownFlag { flag, .. } if flag == "G"), "{error}");
    }

    #[test]
    fn revocation_lists_need_an_anchor_and_the_other_way_round() {
        for alone in ["\"crls\":[\"c\"],", "\"crl_anchor_pem\":\"r\","] {
            let error = refused(&file(alone, CASE));
            assert!(matches!(error.problem(), Problem::CrlsOrAnchorAlone), "{error}");
            assert_eq!(error.line(), Some(2));
        }
    }

    #[test]
    fn another_version_is_refused_before_its_members_are_looked_at() {
        let error = refused("{\"format_version\":2,\n\"groups\":[]}");
        assert!(matches!(error.problem(), Problem::Version { stated: 2 }), "{error}");
    }
}
