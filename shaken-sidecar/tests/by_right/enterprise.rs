//! An enterprise with Teams, a branch and a dialer, in a lab: its policy, and the daemon on it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::running::{Answer, Running, free_port, shaken, unix_now};

const TOML: &str = r#"
mode = "enforce"
author = "compliance@example.com"
do_not_originate = ["dno.csv"]

[[provider]]
id = "example-telecom"
spc = "LAB0"
profile = "us"
[[provider.certificate]]
id = "main"
key = "../provider.key"
certificate = "../provider.pem"
x5u = "X5U"

[[trunk]]
name = "teams"
provider = "example-telecom"
customer = "acme"
match = { peer = "teams" }
role = "originate"
auth = "mtls"
cap = "A"
sign = ["shaken", "div"]

[[trunk]]
name = "plain"
provider = "example-telecom"
customer = "acme"
match = { peer = "plain" }
role = "originate"
auth = "ip"
cap = "A"

[[trunk]]
name = "dialer"
provider = "example-telecom"
customer = "acme"
match = { listener = "http", by_name = true }
role = "originate"
auth = "local"
cap = "A"
origid = "per_trunk"

[[trunk]]
name = "local"
provider = "example-telecom"
customer = "acme"
match = { listener = "http" }
role = "originate"
auth = "local"
cap = "A"
sign = ["shaken", "div"]

[[rule]]
id = "premium"
when = { to = ["1900*"] }
act = "block"
note = "premium numbers are not for sale"
"#;

const CUSTOMERS: &str = "customer,provider,kind,kyc\nacme,example-telecom,end_user,verified\n\
    other,example-telecom,end_user,verified\n";
const EVIDENCE: &str = "evidence,type,expires_at\nloa-1,loa_pdf,2001-01-01\nresporg-1,resporg_record,\n";
pub(crate) const RIGHTS: &str = "customer,numbers,trunks,basis,evidence,max_level\n\
    acme,14255550110,,assigned,,A\n\
    acme,18005550155,,resporg,resporg-1,A\n\
    acme,14255550120,,loa,loa-1,A\n\
    other,14255550130,,assigned,,A\n";
const DNO: &str = "numbers\n12025550199\n";

/// The daemon in a lab, on the policy.
pub(crate) struct Enterprise {
    pub(crate) running: Running,
    pub(crate) sip_port: u16,
}

impl Enterprise {
    /// With that policy, edited.
    pub(crate) fn start(edit: impl FnOnce(String) -> String) -> Self {
        let sip_port = free_port();
        let running = Running::start(|config| {
            let quoted = |key: &str| {
                let line = config.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
                line.split('"').nth(1).unwrap().to_owned()
            };
            let lab = Path::new(&quoted("socket")).parent().unwrap().to_owned();
            let folder = lab.join("policy");
            fs::create_dir(&folder).unwrap();
            let toml = edit(TOML.replace("X5U", &quoted("x5u")));
            for (name, text) in [
                ("policy.toml", toml.as_str()),
                ("customers.csv", CUSTOMERS),
                ("evidence.csv", EVIDENCE),
                ("rights.csv", RIGHTS),
                ("dno.csv", DNO),
            ] {
                fs::write(folder.join(name), text).unwrap();
            }
            let start = config.find("[signing]").unwrap();
            let end = config.find("[trust]").unwrap();
            let config = format!("{}{}", &config[..start], &config[end..]);
            let (config, _) = config.split_once("[[trunk]]").unwrap();
            format!(
                "{config}[policy]\nfile = \"policy/policy.toml\"\nkeep = \"generations\"\n\
                 [sip]\nudp = [\"127.0.0.1:{sip_port}\"]\n\
                 [[sip.peer]]\nname = \"teams\"\naddresses = [\"127.0.0.1\"]\nop = \"sign\"\n\
                 [[sip.peer]]\nname = \"plain\"\naddresses = [\"127.0.0.2\"]\nop = \"sign\"\n"
            )
        });
        Self { running, sip_port }
    }

    /// Writes a file of the policy anew.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.running.lab().join("policy").join(name), text).unwrap();
    }

    /// Asks for a signature over HTTP.
    pub(crate) fn sign(&self, from: &str, to: &str) -> Answer {
        self.sign_with(from, to, &json!({}))
    }

    /// The same with more members.
    pub(crate) fn sign_with(&self, from: &str, to: &str, more: &Value) -> Answer {
        let mut request =
            json!({ "orig": { "tn": from }, "dest": { "tn": [to] }, "iat": unix_now(), "ppt": "shaken" });
        let members = request.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.running.post("/stir/v1/signing", &json!({ "signingRequest": request }))
    }

    /// The last record of a call.
    pub(crate) fn last(&self) -> Value {
        self.running.records().pop().expect("a record")
    }
}

/// Has the daemon read its files anew, which ends with that exit code. Answers what it told.
pub(crate) fn reload(enterprise: &Enterprise, code: i32) -> String {
    let config = enterprise.running.lab().join("shaken.toml");
    let output = shaken().args(["reload", "--config"]).arg(config).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

/// The payload of the PASSporT in an Identity header.
pub(crate) fn payload(identity: &str) -> Value {
    let payload = identity.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A PASSporT of another provider, as far as can be read: nobody has signed it.
pub(crate) fn of_another(orig: &str, dest: &str, x5u: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": x5u }));
    let payload = part(&json!({
        "attest": "A", "dest": { "tn": [dest] }, "iat": unix_now(), "orig": { "tn": orig },
        "origid": "0b0e6a3c-3f50-4f43-9d8b-000000000001",
    }));
    let signature = URL_SAFE_NO_PAD.encode([7; 64]);
    format!("{header}.{payload}.{signature};info=<{x5u}>;alg=ES256;ppt=shaken")
}

/// Level, reason and rule of an answer.
pub(crate) fn told(answer: &Answer) -> (&str, &str, &str) {
    let shaken = &answer.body["signingResponse"]["shaken"];
    let text = |key: &str| shaken[key].as_str().unwrap_or_default();
    (text("attest"), text("reason"), text("rule"))
}
