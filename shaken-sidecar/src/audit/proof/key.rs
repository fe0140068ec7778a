//! The key that signs checkpoints, its file, and the line that others check them with.
//!
//! Both have the text form that implementations of signed notes share:
//!
//! ```text
//! PRIVATE+KEY+<name>+<key ID>+<base64 of 0x01 and the 32-byte seed>          the file, one line
//! <name>+<key ID>+<base64 of 0x01 and the 32-byte public key>                for everyone
//! ```

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

/// The name of a log: the first line of its checkpoints and the name of its key. By custom a URL
/// without scheme, such as `voice.example.com/audit`; nothing is ever fetched from there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// Takes a name of 1 to 255 bytes without whitespace, control characters and `+`.
    ///
    /// # Errors
    /// [`KeyError::Origin`] for any other.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let fits = !text.is_empty()
            && text.len() <= MAX_ORIGIN_LEN
            && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        if fits { Ok(Self(text.into())) } else { Err(KeyError::Origin) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A signing key and the name of the one log whose checkpoints it signs. There is none by default:
/// a key that appeared by itself would let a replaced log look like a new one.
pub struct Key {
    pair: Ed25519KeyPair,
    text: Zeroizing<String>,
    verifier: VerifyKey,
}

impl Key {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate(origin: Origin) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        SystemRandom::new().fill(seed.as_mut()).map_err(|_| KeyError::NoRandomness)?;
        Self::from_seed(origin, &seed)
    }

    /// Reads the file that [`write_new`](Self::write_new) made.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none; [`KeyError::Readable`] when others than the owner and
    /// its group may read or change it; [`KeyError::Text`] when it holds anything but one key;
    /// [`KeyError::Io`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => KeyError::Missing { path: path.to_owned() },
            _ => KeyError::Io { action: "read", path: path.to_owned(), source },
        };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.mode() & OTHERS != 0 {
            return Err(KeyError::Readable { path: path.to_owned() });
        }
        // Room for all of it, lest the string grow and leave a copy of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_LEN + 1));
        match file.take(MAX_FILE_LEN as u64 + 1).read_to_string(&mut text) {
            Ok(len_bytes) if len_bytes <= MAX_FILE_LEN => {}
            Ok(_) => return Err(KeyError::Text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(KeyError::Text),
            Err(error) => return Err(io(error)),
        }
        Self::parse(text.strip_suffix('\n').unwrap_or(&text))
    }

    /// Writes the key to a file that does not exist yet, mode 0600, and returns when it is durable.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when anything has that name: a key is never overwritten, as no other one
    /// can continue its log; [`KeyError::Io`].
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let io = |action, source| KeyError::Io { action, path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
                    _ => io("create", error),
                }
            })?;
        file.write_all(self.text.as_bytes()).map_err(|error| io("write", error))?;
        file.sync_all().map_err(|error| io("sync", error))?;
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(|error| io("sync the directory of", error))
    }

    /// What others check this log's checkpoints with.
    #[must_use]
    pub fn verifier(&self) -> &VerifyKey {
        &self.verifier
    }

    /// The log that this key signs for.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.verifier.origin
    }

    pub(super) fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        signature.copy_from_slice(self.pair.sign(text).as_ref());
        signature
    }

    fn from_seed(origin: Origin, seed: &[u8; SEED_LEN]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Text)?;
        let mut public = [0; PUBLIC_LEN];
        public.copy_from_slice(pair.public_key().as_ref());
        let verifier = VerifyKey::new(origin, public);
        let mut typed = Zeroizing::new([ALGORITHM; 1 + SEED_LEN]);
        typed[1..].copy_from_slice(seed);
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE_LEN));
        text.push_str(&format!("{PRIVATE}{}+{:08x}+", verifier.origin, verifier.id));
        STANDARD.encode_string(typed.as_slice(), &mut text);
        text.push('\n');
        Ok(Self { pair, text, verifier })
    }

    fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, typed) = text.strip_prefix(PRIVATE).and_then(fields).ok_or(KeyError::Text)?;
        let typed = Zeroizing::new(typed);
        let key = Self::from_seed(Origin::parse(name).map_err(|_| KeyError::Text)?, &typed)?;
        if key.verifier.id == id { Ok(key) } else { Err(KeyError::Text) }
    }
}

/// Shows the name only.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.verifier.origin).finish_non_exhaustive()
    }
}

/// The public half of a [`Key`]. `Display` gives its line, which is safe to hand out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyKey {
    origin: Origin,
    id: u32,
    public: [u8; PUBLIC_LEN],
}

impl VerifyKey {
    /// Reads the line `<name>+<key ID>+<base64>`, without newline.
    ///
    /// # Errors
    /// [`KeyError::Text`] if it is not the line of an Ed25519 key, or its key ID is not of this key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, public) = fields(text).ok_or(KeyError::Text)?;
        let key = Self::new(Origin::parse(name).map_err(|_| KeyError::Text)?, public);
        if key.id == id { Ok(key) } else { Err(KeyError::Text) }
    }

    /// The log that this key is of.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What tells this key from others of the same name, in every signature.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text, signature).is_ok()
    }

    /// The key ID is the beginning of SHA-256(name || 0x0A || 0x01 || public key), c2sp.org/signed-note.
    fn new(origin: Origin, public: [u8; PUBLIC_LEN]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(origin.as_str().as_bytes());
        context.update(&[b'\n', ALGORITHM]);
        context.update(&public);
        let mut id = [0; 4];
        id.copy_from_slice(&context.finish().as_ref()[..4]);
        Self { origin, id: u32::from_be_bytes(id), public }
    }
}

impl fmt::Display for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = [ALGORITHM; 1 + PUBLIC_LEN];
        typed[1..].copy_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.origin, self.id, STANDARD.encode(typed))
    }
}

/// Why there is no key. Carries nothing of its text.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The name of the log is empty, longer than 255 bytes, or has whitespace, a control character
    /// or a `+` in it.
    Origin,
    /// The text is not a key of this form.
    Text,
    /// The system gave no random bytes.
    NoRandomness,
    /// There is no such file.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file may be read or changed by every user of the system.
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// A file of that name exists.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A step failed.
    Io {
        /// What was tried: `create`, `read`, ...
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin => f.write_str(
                "the name of an audit log is 1 to 255 bytes without spaces and '+', such as voice.example.com/audit",
            ),
            Self::Text => f.write_str("this is not the key of an audit log"),
            Self::NoRandomness => f.write_str("the system gave no random bytes for a key"),
            Self::Missing { path } => write!(
                f,
                "the key {} of the audit log does not exist; a new log is given one once, and a log that has \
                 one cannot go on with another",
                path.display()
            ),
            Self::Readable { path } => write!(
                f,
                "the key {} can be read or changed by every user; make it 0600, and if others had access to \
                 this machine, start a new log with a new key",
                path.display()
            ),
            Self::Exists { path } => {
                write!(f, "{} exists, and a key is never overwritten", path.display())
            }
            Self::Io { action, path, source } => write!(f, "cannot {action} {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// `<name>+<8 hex digits>+<base64 of the algorithm and 32 bytes>`. The base64 alphabet has a `+` of
/// its own, so only the first two divide.
fn fields(text: &str) -> Option<(&str, u32, [u8; 32])> {
    let mut fields = text.splitn(3, '+');
    let (name, id, typed) = (fields.next()?, fields.next()?, fields.next()?);
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let id = u32::from_str_radix(id, 16).ok()?;
    let typed = Zeroizing::new(STANDARD.decode(typed).ok()?);
    let (&algorithm, bytes) = typed.split_first()?;
    if algorithm == ALGORITHM { Some((name, id, bytes.try_into().ok()?)) } else { None }
}

/// Ed25519 in signed notes.
const ALGORITHM: u8 = 1;
const SEED_LEN: usize = 32;
const PUBLIC_LEN: usize = 32;
pub(super) const SIGNATURE_LEN: usize = 64;
const PRIVATE: &str = "PRIVATE+KEY+";

const MAX_ORIGIN_LEN: usize = 255;

/// The longest file: prefix, name, key ID, 33 bytes as base64, separators and newline.
const MAX_FILE_LEN: usize = PRIVATE.len() + MAX_ORIGIN_LEN + 1 + 8 + 1 + 44 + 1;

const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o007;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn origin() -> Origin {
        Origin::parse("voice.example.com/audit").unwrap()
    }

    #[test]
    fn a_key_reads_back_as_it_was_written_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.key");
        let key = Key::generate(origin()).unwrap();
        key.write_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let read = Key::read(&path).unwrap();
        assert_eq!(read.verifier(), key.verifier());
        assert_eq!(VerifyKey::parse(&read.verifier().to_string()).unwrap(), *key.verifier());
        assert!(read.verifier().fits(b"text", &key.sign(b"text")));
        assert!(!read.verifier().fits(b"other", &key.sign(b"text")));

        let refused = Key::generate(origin()).unwrap().write_new(&path).unwrap_err();
        assert!(matches!(refused, KeyError::Exists { .. }), "{refused}");
        assert_eq!(Key::read(&path).unwrap().verifier(), key.verifier());
        assert!(!format!("{key:?}").contains(&key.text[key.text.len() - 40..key.text.len() - 1]));
    }

    #[test]
    fn a_key_that_anyone_can_read_or_that_is_missing_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.key");
        assert!(matches!(Key::read(&path).unwrap_err(), KeyError::Missing { .. }));
        Key::generate(origin()).unwrap().write_new(&path).unwrap();
        for (mode, accepted) in [(0o640, true), (0o604, false), (0o602, false), (0o600, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Key::read(&path).is_ok(), accepted, "{mode:o}");
        }
    }

    /// The example key of Go's `golang.org/x/mod/sumdb/note`, where this form comes from.
    #[test]
    fn a_key_of_another_implementation_signs_as_it_does_there() {
        let key =
            Key::parse("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
                .unwrap();
        let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(key.verifier().to_string(), public);
        let text = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let mut signature = key.verifier().id().to_be_bytes().to_vec();
        signature.extend(key.sign(text.as_bytes()));
        assert_eq!(
            STANDARD.encode(signature),
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
        );
    }

    #[test]
    fn damaged_texts_are_refused() {
        let key = Key::generate(origin()).unwrap();
        let private = key.text.trim_end();
        let public = key.verifier().to_string();
        for at in 0..private.len() {
            let mut damaged = private.as_bytes().to_vec();
            damaged[at] ^= 1;
            assert!(Key::parse(&String::from_utf8_lossy(&damaged)).is_err(), "byte {at}");
            assert!(Key::parse(&private[..at]).is_err(), "cut at {at}");
        }
        for at in 0..public.len() {
            let mut damaged = public.clone().into_bytes();
            damaged[at] ^= 1;
            assert!(VerifyKey::parse(&String::from_utf8_lossy(&damaged)).is_err(), "byte {at}");
            assert!(VerifyKey::parse(&public[..at]).is_err(), "cut at {at}");
        }
        for bad in [private.to_uppercase(), format!("{private} "), format!("{private}\n{private}")] {
            assert!(Key::parse(&bad).is_err(), "{}", bad.len());
        }
        let longest = "n".repeat(MAX_ORIGIN_LEN);
        let longest = Key::generate(Origin::parse(&longest).unwrap()).unwrap();
        assert_eq!(longest.text.len(), MAX_FILE_LEN);
    }

    #[test]
    fn origins_are_names_of_one_word() {
        let too_long = "n".repeat(MAX_ORIGIN_LEN + 1);
        for bad in ["", "a b", "a\u{a0}b", "a+b", "a\nb", "a\u{7f}", &too_long] {
            assert!(matches!(Origin::parse(bad), Err(KeyError::Origin)), "{bad:?}");
        }
        assert_eq!(Origin::parse("voix.exemple.example/é").unwrap().as_str(), "voix.exemple.example/é");
    }
}
