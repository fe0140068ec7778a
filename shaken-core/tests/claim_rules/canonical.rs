//! What holds of deterministic JSON for every value.

use proptest::prelude::*;
use serde_json::{Map, Value};
use shaken_core::digest::{Algorithm, Digest, Hasher};
use shaken_core::json::{self, Raw, canonical};

use crate::vectors::canonical_text;

/// Any value that we read. Its members are in order, and its numbers have the one form that both
/// sides give them.
fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-c\"\\\\/\u{0}-\u{1f}\u{7f}é😀\u{fb33}]{0,6}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-8_000_i32..8_000)
            .prop_filter("a fraction", |n| n % 8 != 0)
            .prop_map(|n| Value::from(f64::from(n) / 8.0)),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// `value` in one of its many spellings: by `seed` its members go round, white space and escapes
/// come in.
fn spelled(value: &Value, seed: &mut u64, out: &mut String) {
    let mut next = |n: usize| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap() % n
    };
    out.push_str(["", " ", "\n\t", "\r "][next(4)]);
    match value {
        Value::Object(members) => {
            let from = next(members.len().max(1));
            let mut members: Vec<_> = members.iter().collect();
            members.rotate_left(from);
            out.push('{');
            for (i, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                spelled(&Value::from(name.as_str()), seed, out);
                out.push(':');
                spelled(value, seed, out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "," });
                spelled(element, seed, out);
            }
            out.push(']');
        }
        Value::String(text) => {
            out.push('"');
            for c in text.chars() {
                if c.is_control() || matches!(c, '"' | '\\') || next(3) == 0 {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04X}"));
                    }
                } else if c == '/' && next(2) == 0 {
                    out.push_str("\\/");
                } else {
                    out.push(c);
                }
            }
            out.push('"');
        }
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
    }
    out.push(' ');
}

/// The other implementation tells `2.0` and `-0` from `2` and `0`.
fn without_number_types(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64().unwrap() + 0.0),
        Value::Array(elements) => elements.into_iter().map(without_number_types).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, without_number_types(value)));
            Value::Object(members.collect())
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every spelling comes out as another implementation, with sorted members, writes the value;
    /// what came out stays as it is, and its digest is the same, made in parts or in one.
    #[test]
    fn every_spelling_has_one_form(value in any_value(), seed in any::<u64>()) {
        let expected = serde_json::to_string(&value).unwrap();
        let mut text = String::new();
        spelled(&value, &mut { seed }, &mut text);
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
        let once = canonical_text(text.as_bytes());
        prop_assert_eq!(once.as_deref(), Ok(expected.as_str()));
        prop_assert_eq!(canonical_text(expected.as_bytes()), Ok(expected.clone()));
        prop_assert_eq!(canonical::is_canonical(expected.as_bytes()), Ok(true));
        let is_canonical = canonical::is_canonical(text.as_bytes());
        prop_assert_eq!(is_canonical, Ok(text == expected));
        let mut hasher = Hasher::new(Algorithm::Sha256);
        canonical::write(Raw::parse(text.as_bytes()).unwrap(), &mut hasher).unwrap();
        prop_assert_eq!(hasher.finish(), Digest::of(Algorithm::Sha256, expected.as_bytes()));
    }

    /// Numbers keep their value, and their form is its own.
    #[test]
    fn numbers_keep_their_value(text in "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?") {
        let Ok(form) = canonical_text(text.as_bytes()) else { return Ok(()) };
        prop_assert_eq!(form.parse::<f64>().unwrap(), text.parse::<f64>().unwrap());
        prop_assert!(!form.contains(['e', 'E', '+']) && (!form.contains('.') || !form.ends_with(['0', '.'])));
        prop_assert_eq!(canonical_text(form.as_bytes()), Ok(form));
    }

    /// What is walked without a grammar is what the reader reads, in texts that are damaged too.
    #[test]
    fn any_text_that_reads_has_a_form(
        value in any_value(),
        seed in any::<u64>(),
        at in any::<prop::sample::Index>(),
        edit in "[\\[\\]{}:,\" \\\\a07]?",
        removed in 0_usize..2,
    ) {
        let mut text = String::new();
        spelled(&value, &mut { seed }, &mut text);
        let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        let start = starts[at.index(starts.len())];
        let end = start + text[start..].chars().take(removed).map(char::len_utf8).sum::<usize>();
        text.replace_range(start..end, &edit);
        let form = canonical_text(text.as_bytes());
        prop_assert_eq!(json::check(text.as_bytes()), form.as_ref().map(drop).map_err(|error| *error));
        // The other implementation rounds long numbers.
        let is_rounded = text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 15);
        if let Ok(form) = form
            && !is_rounded
        {
            let [form, text] = [&form, &text].map(|json| without_number_types(serde_json::from_str(json).unwrap()));
            prop_assert_eq!(form, text);
        }
    }
}
