//! Nothing on the call path takes heap.

use shaken_core::Error;
use shaken_core::cert::ClaimConstraints;
use shaken_core::cert::constraints::ConstraintsForm;
use shaken_core::json::Raw;
use shaken_core::passport::rcd::{Claims, ContentStatus};

use crate::heap::allocations;

/// mustInclude rcd and rcdi, rcdi of one value, mustExclude attest.
pub(crate) const CONSTRAINTS: &[u8] = b"\x30\x2f\xa0\x0d\x30\x0b\x16\x03rcd\x16\x04rcdi\
    \xa1\x12\x30\x10\x30\x0e\x16\x04rcdi\x30\x06\x0c\x04{\"a}\xa2\x0a\x30\x08\x16\x06attest";

const PAYLOAD: &[u8] = br#"{"dest":{"tn":["12155550131"]},"iat":1,"orig":{"tn":"12155550121"},
    "rcd":{"icn":"https:\/\/example.com\/a.png","jcl":"https://example.com/card.json","nam":"Ada"},
    "rcdi":{"/icn":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU","/jcl":"sha256-A","\/nam":"sha256-\/"}}"#;

#[test]
fn claims_are_read_and_checked_without_heap() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) > 0, "the counter counts");
    let constraints = ClaimConstraints::from_der(CONSTRAINTS, ConstraintsForm::Enhanced).unwrap();
    let count = allocations(|| {
        let refused = Err(Error::ClaimNotPermitted { claim: "rcdi" });
        assert_eq!(constraints.check(PAYLOAD), refused);
        let payload = Raw::parse(PAYLOAD).unwrap();
        let claim =
            |name: &str| payload.members().unwrap().find(|(n, _)| *n == *name).map(|(_, value)| value);
        let claims = Claims::read(claim("rcd"), claim("rcdi"), claim("crn"), claim("iss")).unwrap();
        let content = claims.check_content(|url| if url.ends_with("json") { Some(b"[]") } else { Some(b"") });
        assert_eq!(content.status("/icn"), Some(ContentStatus::Verified));
    });
    assert_eq!(count, 0);
}
