//! Tokens of every kind, signed here byte for byte.

use std::fs;

use serde_json::{Value, json};
use shaken_core::es256::SigningKey;
use shaken_core::key;
use shaken_core::write::Out;

use crate::called::{CALLED, CALLER, Keys, unix_now};

/// Makes tokens with the key of the lab.
pub(crate) struct Forge {
    key: SigningKey,
    x5u: String,
}

impl Forge {
    pub(crate) fn new(keys: &Keys) -> Self {
        let key = key::signing_key_from_pem(&fs::read(keys.path("provider.key")).unwrap()).unwrap();
        Self { key, x5u: keys.x5u() }
    }

    /// A token whose header and payload are changed: members of `null` are left out.
    pub(crate) fn token(&self, header: &Value, payload: &Value) -> String {
        let claims = json!({
            "attest": "A", "dest": {"tn": [CALLED]}, "iat": unix_now(), "orig": {"tn": CALLER},
            "origid": "123e4567-e89b-12d3-a456-426655440000",
        });
        self.sign(&merged(self.header(), header).to_string(), &merged(claims, payload).to_string())
    }

    /// A token with this payload.
    pub(crate) fn with_payload(&self, payload: &str) -> String {
        self.sign(&self.header().to_string(), payload)
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": self.x5u})
    }

    /// A token of these bytes.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let mut room = vec![0; 256 * 1024];
        let mut out = Out::new(&mut room);
        out.push_base64url(header.as_bytes());
        out.push(b".");
        out.push_base64url(payload.as_bytes());
        let signature = self.key.sign(out.written()).unwrap();
        out.push(b".");
        out.push_base64url(signature.as_ref());
        out.finish().unwrap().to_owned()
    }

    /// The parameters that fit.
    pub(crate) fn params(&self) -> String {
        format!(";info=<{}>;alg=ES256;ppt=shaken", self.x5u)
    }
}

fn merged(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        let members = object.as_object_mut().unwrap();
        members.remove(name);
        if !value.is_null() {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}
