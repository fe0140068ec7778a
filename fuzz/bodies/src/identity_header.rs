//! The value of an Identity header.

use shaken_core::identity::MAX_LEN;
use shaken_core::{Error, Identity};
use shaken_test_vectors::VectorFile;

/// What parses is within its limits and of its alphabets, was borrowed from the input, and parses
/// again to the same from its parts; what does not, fails with an error of this parser.
pub fn run(bytes: &[u8]) {
    let identity = match Identity::parse(bytes) {
        Ok(identity) => identity,
        Err(error) => {
            let own = matches!(error.code(), 102 | 104..=108 | 201 | 203);
            assert!(own, "{error:?} is not an error of the header");
            assert_eq!(matches!(error, Error::IdentityTooLarge { .. }), bytes.len() > MAX_LEN);
            return;
        }
    };
    let (token, info, ppt) = (identity.token(), identity.info(), identity.ppt());
    assert!(bytes.len() <= MAX_LEN);
    assert!(!token.is_empty());
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    assert!(!info.is_empty() && info.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b)));
    assert_eq!(identity.is_compact(), token.starts_with(".."));
    for part in [Some(token), Some(info), ppt].into_iter().flatten() {
        let (whole, part) = (bytes.as_ptr_range(), part.as_bytes().as_ptr_range());
        assert!(whole.start <= part.start && part.end <= whole.end, "copied");
    }
    // Short tokens may well occur in what is shown.
    assert!(token.len() < 40 || info.contains(token) || !format!("{identity:?}").contains(token));

    // As a quoted string the type is compared with its case, so it may be known no more.
    let mut rebuilt = format!("{token};info=<{info}>;alg=ES256");
    if let Some(ppt) = ppt {
        rebuilt += &format!(";ppt=\"{ppt}\"");
    }
    if rebuilt.len() <= MAX_LEN {
        let again = Identity::parse(rebuilt.as_bytes());
        let again = again.unwrap_or_else(|error| panic!("{rebuilt:?} does not parse again: {error}"));
        assert_eq!((again.token(), again.info(), again.ppt()), (token, info, ppt));
        // A type that is not UTF-8 cannot be shown, and is none that is known.
        let known = again.stated_ppt().ok().flatten();
        assert!(known.is_none() || identity.stated_ppt() == Ok(known));
    }
}

pub(crate) fn seeds(vectors: &[VectorFile]) -> Vec<Vec<u8>> {
    crate::identity_values(vectors).map(|value| value.as_bytes().to_vec()).collect()
}
