//! Two providers in one daemon, each with its key, its certificate and its customers: the enterprise at its carriers.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use shaken_core::es256::Signature;
use shaken_core::key;
use shaken_sidecar::lab::{Lab, LabOptions};
use tempfile::TempDir;

use crate::enterprise::{Enterprise, RIGHTS, reload};

const TO: &str = "14125550199";
/// Only the first one's, only the second one's, gone from the first to the second, and both by a letter.
const FIRST: &str = "14255550110";
const SECOND: &str = "14255550170";
const MOVED: &str = "14255550171";
const SHARED: &str = "14255550172";

struct Carriers {
    enterprise: Enterprise,
    second: Lab,
    _folder: TempDir,
}

impl Carriers {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let options = LabOptions::default().with_spc("LAB1").unwrap().with_host("cr.second.example").unwrap();
        let second = Lab::create(&folder.path().join("second"), &options, SystemTime::now()).unwrap();
        let x5u = second.x5u().to_owned();
        let enterprise = Enterprise::start(|toml| toml);
        // Where the daemon may read.
        for name in ["provider.key", "provider.pem"] {
            let to = enterprise.running.lab().join(format!("second-{name}"));
            fs::copy(second.dir().join(name), to).unwrap();
        }
        let toml = fs::read_to_string(enterprise.running.lab().join("policy/policy.toml")).unwrap();
        // Before the trunk that all requests of this door belong to which name none.
        let (providers, trunks) = toml.split_once("[[trunk]]").unwrap();
        let toml = format!(
            "{providers}[[provider]]\nid = \"second-telecom\"\nspc = \"LAB1\"\nprofile = \"us\"\n\
             [[provider.certificate]]\nid = \"second\"\nkey = \"../second-provider.key\"\n\
             certificate = \"../second-provider.pem\"\nx5u = \"{x5u}\"\n\
             [[trunk]]\nname = \"second\"\nprovider = \"second-telecom\"\ncustomer = \"acme-two\"\n\
             match = {{ listener = \"http\", by_name = true }}\nrole = \"originate\"\nauth = \"local\"\n\
             cap = \"A\"\n[[trunk]]{trunks}"
        );
        let customers = "customer,provider,kind,kyc\nacme,example-telecom,end_user,verified\n\
            other,example-telecom,end_user,verified\nacme-two,second-telecom,end_user,verified\n";
        let rights = format!(
            "{RIGHTS}acme-two,{SECOND},,assigned,,A\nacme,{MOVED},,assigned,,A\nacme,{MOVED},,ported_out,,B\n\
             acme-two,{MOVED},,ported_in,,A\nacme,{SHARED},,assigned,,A\nacme-two,{SHARED},,resporg,resporg-1,A\n"
        );
        for (name, text) in
            [("policy.toml", toml.as_str()), ("customers.csv", customers), ("rights.csv", rights.as_str())]
        {
            enterprise.write(name, text);
        }
        reload(&enterprise, 0);
        Self { enterprise, second, _folder: folder }
    }

    /// The record of a call on a trunk.
    fn call(&self, trunk: &str, from: &str) -> Value {
        let target = format!("/quick/v1/sign?from={from}&to={TO}&trunk={trunk}");
        self.enterprise.running.request(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        self.enterprise.last()
    }
}

/// Whether the key in that file is the one that signed.
fn is_signed_by(identity: &str, file: &Path) -> bool {
    let key = key::signing_key_from_pem(&fs::read(file).unwrap()).unwrap();
    let (token, _) = identity.split_once(';').unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature: [u8; 64] = URL_SAFE_NO_PAD.decode(signature).unwrap().try_into().unwrap();
    key.verifying_key().unwrap().verify(signed.as_bytes(), &Signature::from_bytes(signature)).is_ok()
}

#[test]
fn each_trunk_is_signed_by_its_provider_for_its_own_customers() {
    let carriers = Carriers::start();
    let lab = carriers.enterprise.running.lab().join("provider.key");
    let second = carriers.second.dir().join("provider.key");
    for (trunk, from, level, reason) in [
        ("dialer", FIRST, "A", "RIGHT_OK"),
        ("dialer", SECOND, "B", "RIGHT_OTHER_CUSTOMER"),
        ("dialer", MOVED, "B", "PORTED_OUT"),
        ("dialer", SHARED, "A", "RIGHT_OK"),
        ("second", FIRST, "B", "RIGHT_OTHER_CUSTOMER"),
        ("second", SECOND, "A", "RIGHT_OK"),
        ("second", MOVED, "A", "RIGHT_OK"),
        ("second", SHARED, "A", "RIGHT_OK"),
    ] {
        let record = carriers.call(trunk, from);
        let fact = |name: &str| record[name].as_str().unwrap_or_default();
        assert_eq!((fact("attest"), fact("reason")), (level, reason), "{trunk} {from}: {record}");
        let (provider, customer, spc, file) = match trunk {
            "second" => ("second-telecom", "acme-two", "LAB1", &second),
            _ => ("example-telecom", "acme", "LAB0", &lab),
        };
        assert_eq!((fact("provider"), fact("decided_by")), (provider, provider), "{record}");
        assert_eq!(fact("customer"), customer, "{record}");
        assert_eq!(record["cert"]["spc"], spc, "{record}");
        let identity = record["identity"][0].as_str().unwrap();
        for other in [&lab, &second] {
            assert_eq!(is_signed_by(identity, other), other == file, "{trunk} {from} {}", other.display());
        }
    }
}
