//! A small policy for tests: an enterprise on two trunks, its sub-customer, a carrier.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256};
use shaken_core::Certificate;
use tempfile::TempDir;

use super::data::{Credential, KeyState, Loader, Policy};
use crate::lab::{TnAuthListDer, TnEntryDer};

/// 2026-06-01T00:00:00Z.
pub(super) const NOW: i64 = 1_780_272_000;

pub(super) const TOML: &str = r#"
mode = "enforce"
author = "compliance@example.com"
do_not_originate = ["dno.csv"]
unallocated = ["unallocated.csv"]

[[provider]]
id = "example-telecom"
spc = "1234"
profile = "us"
[[provider.certificate]]
id = "main"
key = "main.key"
certificate = "main.pem"
x5u = "https://cr.example.com/main.pem"

[[trunk]]
name = "teams"
provider = "example-telecom"
customer = "acme"
match = { uid = 1 }
role = "originate"
auth = "mtls"
cap = "A"
sign = ["shaken", "div", "rph"]

[[trunk]]
name = "dialer"
provider = "example-telecom"
customer = "acme"
match = { uid = 2 }
role = "originate"
auth = "ip"
cap = "A"

[[trunk]]
name = "open"
provider = "example-telecom"
customer = "acme"
match = { uid = 3 }
role = "originate"
treatment = "sign"
cap = "A"

[[trunk]]
name = "gateway"
provider = "example-telecom"
match = { uid = 4 }
role = "gateway"
auth = "ip"
cap = "A"
treatment = "block_unsigned"

[[trunk]]
name = "lapsed"
provider = "example-telecom"
customer = "lapsed"
match = { uid = 5 }
role = "originate"
auth = "ip"
cap = "A"

[[trunk]]
name = "capped"
provider = "example-telecom"
customer = "acme"
match = { uid = 6 }
role = "originate"
auth = "ip"

[[trunk]]
name = "judged"
provider = "example-telecom"
customer = "acme"
match = { uid = 7 }
role = "originate"
auth = "ip"
cap = "A"
requested = "require"

[[trunk]]
name = "transit"
provider = "example-telecom"
match = { uid = 8 }
role = "transit"
auth = "ip"
cap = "A"

[[rule]]
id = "no-premium"
when = { to = ["1900*"] }
act = "block"
note = "premium numbers"

[[rule]]
id = "campaign"
when = { trunks = ["dialer"], from = ["12155550100"] }
cap = "B"
note = "under review"
"#;

pub(super) const CUSTOMERS: &str = "\
customer,provider,kind,parent,kyc,verified_at,expires_at,evidence
acme,example-telecom,end_user,,verified,2026-01-01,2027-01-01,kyc-1
branch,example-telecom,end_user,acme,verified,,,
newcomer,example-telecom,end_user,acme,pending,,,
lapsed,example-telecom,end_user,,verified,,2026-03-31,
other,example-telecom,end_user,,verified,,,
";

pub(super) const EVIDENCE: &str = "\
evidence,type,sha256,uri,issued_at,expires_at,reviewed_by
kyc-1,kyc_report,,https://docs.example.com/kyc-1,2026-01-01,,compliance
loa-1,loa_pdf,,https://docs.example.com/loa-1,2026-01-01,2026-12-31,compliance
loa-old,loa_pdf,,https://docs.example.com/loa-old,2025-01-01,2025-12-31,compliance
cert-1,cert,abababababababababababababababababababababababababababababababab,,,,compliance
";

pub(super) const RIGHTS: &str = "\
customer,numbers,trunks,basis,evidence,valid_from,valid_until,max_level
acme,12155550100-12155550109,,assigned,,2026-01-01,,A
acme,12155550119,,assigned,,2026-01-01,,A
acme,12155550110,,loa,loa-old,,,A
acme,12155550111,teams,loa,loa-1,,,A
acme,12155550112,,loa,,,,A
acme,12155550113,,assigned,,,2026-05-01,A
acme,12155550114,,assigned,,2026-07-01,,A
acme,12155550115,,assigned,,,,B
acme,12155550116,,assigned,,2026-01-01,,A
acme,12155550116,,ported_out,,2026-02-01,,B
acme,12155550117,,delegate_cert,cert-1,,,A
other,12155550118,,assigned,,,,A
branch,12155550120,,assigned,,,,A
newcomer,12155550121,,assigned,,,,A
lapsed,12155550130,,assigned,,,,A
acme,12155550190,,assigned,,,,A
acme,12155550191,,assigned,,,,A
";

/// The files in a folder of their own, and `policy.toml` among them.
pub(super) fn files() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("policy.toml", TOML),
        ("customers.csv", CUSTOMERS),
        ("evidence.csv", EVIDENCE),
        ("rights.csv", RIGHTS),
        ("dno.csv", "numbers,note\n12155550190,inbound only\n"),
        ("unallocated.csv", "numbers\n12155550191-12155550199\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let path = dir.path().join("policy.toml");
    (dir, path)
}

/// That policy, with a certificate and its key.
pub(super) fn policy() -> Policy {
    load(&files().1)
}

pub(super) fn load(path: &Path) -> Policy {
    with_key(Loader::new(path).load(NOW).unwrap(), &TnEntryDer::spc("1234").unwrap(), KeyState::Ready)
}

pub(super) fn with_key(policy: Policy, covers: &TnEntryDer, key: KeyState) -> Policy {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let list = TnAuthListDer::new(covers).to_der();
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], list));
    params.not_before = time::macros::datetime!(2026-01-01 0:00 UTC);
    params.not_after = time::macros::datetime!(2026-12-31 0:00 UTC);
    let certificate = Certificate::from_der(params.self_signed(&pair).unwrap().der()).unwrap();
    policy.with_credential("example-telecom", "main", Credential { certificate: Arc::new(certificate), key })
}
