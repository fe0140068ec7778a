//! Who may use a TCP port, by a secret of theirs.

use std::fmt;

use std::sync::LazyLock;

use ring::hmac;
use ring::rand::SystemRandom;

/// Names with their secrets, none of which is kept as it is.
pub struct Users {
    users: Vec<(String, hmac::Tag)>,
}

/// Proof that somebody gave a secret: good for as long as the user has the same one.
#[derive(Clone, Debug)]
pub struct Known(hmac::Tag);

impl Users {
    /// Nobody. Nothing if the system gives no random bytes.
    #[must_use]
    pub fn nobody() -> Option<Self> {
        KEY.as_ref().map(|_| Self { users: Vec::new() })
    }

    /// Lets in `name` with `secret`, and answers whether neither is in use yet: with one secret for
    /// two, nobody could tell them apart.
    #[must_use]
    pub fn add(&mut self, name: String, secret: &[u8]) -> bool {
        if self.known_by(secret).is_some() || self.users.iter().any(|(other, _)| *other == name) {
            return false;
        }
        let Some(key) = &*KEY else { return false };
        self.users.push((name, hmac::sign(key, secret)));
        true
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The user whose secret this is. How long it takes says nothing about the secrets.
    #[must_use]
    pub fn known_by(&self, secret: &[u8]) -> Option<&str> {
        self.proof_of(secret).map(|(name, _)| name)
    }

    /// The same, with what tells later whether that is still so.
    #[must_use]
    pub fn proof_of(&self, secret: &[u8]) -> Option<(&str, Known)> {
        let key = KEY.as_ref()?;
        let known = self.users.iter().map(|(name, tag)| {
            let is_it = hmac::verify(key, secret, tag.as_ref()).is_ok();
            is_it.then_some((name.as_str(), Known(*tag)))
        });
        // All of them, or the time would tell which one.
        known.fold(None, Option::or)
    }

    /// Whether the user still has the secret that was given, after a reload perhaps.
    #[must_use]
    pub fn still_knows(&self, name: &str, known: &Known) -> bool {
        self.users.iter().any(|(user, tag)| user == name && tag.as_ref() == known.0.as_ref())
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.users.iter().map(|(name, _)| name)).finish()
    }
}

/// Of this process alone: tags tell nothing about secrets without it. One for all, so that those of
/// two configurations can be compared.
static KEY: LazyLock<Option<hmac::Key>> =
    LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_one_user() {
        let mut users = Users::nobody().unwrap();
        assert!(users.is_empty() && users.known_by(b"").is_none());
        assert!(users.add("one".into(), b"first secret") && users.add("two".into(), b"second secret"));
        assert!(!users.add("one".into(), b"third secret") && !users.add("three".into(), b"first secret"));
        assert_eq!(users.known_by(b"first secret"), Some("one"));
        assert_eq!(users.known_by(b"second secret"), Some("two"));
        for wrong in [&b""[..], b"first secre", b"first secret ", b"third secret", b"one"] {
            assert_eq!(users.known_by(wrong), None);
        }
        assert_eq!(format!("{users:?}"), r#"["one", "two"]"#);

        let (_, known) = users.proof_of(b"first secret").unwrap();
        let mut reloaded = Users::nobody().unwrap();
        assert!(reloaded.add("one".into(), b"first secret") && reloaded.still_knows("one", &known));
        assert!(!reloaded.still_knows("two", &known));
        let mut changed = Users::nobody().unwrap();
        assert!(changed.add("one".into(), b"another secret") && !changed.still_knows("one", &known));
    }
}
