//! Checkpoints: what the log says of itself, signed (c2sp.org/tlog-checkpoint in the form of
//! c2sp.org/signed-note).
//!
//! ```text
//! voice.example.com/audit                            the log
//! 20852163                                           number of records
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root of the tree over them
//!
//! — voice.example.com/audit Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOo...
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hash::TreeHash;
use super::key::{Key, Origin, SIGNATURE_LEN, VerifyKey};

/// A checkpoint with a good signature of the log that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: u64,
    root: TreeHash,
    note: Box<str>,
}

impl Checkpoint {
    pub(super) fn sign(key: &Key, size: u64, root: TreeHash) -> Self {
        let origin = key.origin().clone();
        let text = format!("{origin}\n{size}\n{}\n", root.to_base64());
        let mut signature = [0; KEY_ID_LEN + SIGNATURE_LEN];
        signature[..KEY_ID_LEN].copy_from_slice(&key.verifier().id().to_be_bytes());
        signature[KEY_ID_LEN..].copy_from_slice(&key.sign(text.as_bytes()));
        let note = format!("{text}\n{SIGNATURE}{origin} {}\n", STANDARD.encode(signature));
        Self { origin, size, root, note: note.into() }
    }

    /// Reads a signed note and checks it with the key of its log.
    ///
    /// Signatures of other keys, such as those of witnesses, are kept and not looked at. Extension
    /// lines are accepted, as the signature covers them.
    ///
    /// # Errors
    /// [`NoteError`], each of which means that nothing in the note is to be believed.
    pub fn parse(note: &[u8], key: &VerifyKey) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_LEN {
            return Err(NoteError::Form);
        }
        let note = str::from_utf8(note).map_err(|_| NoteError::Form)?;
        let (body, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::Form);
        }
        let text = &note[..=body.len()];
        check_signatures(text, signatures, key)?;

        let mut lines = body.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Checkpoint);
        let (origin, size, root) = (line()?, line()?, line()?);
        if lines.any(str::is_empty) {
            return Err(NoteError::Checkpoint);
        }
        if origin != key.origin().as_str() {
            return Err(NoteError::Checkpoint);
        }
        let canonical = size == "0" || !size.starts_with(['0', '+']);
        let size = size.parse().ok().filter(|_| canonical).ok_or(NoteError::Checkpoint)?;
        let root = TreeHash::from_base64(root).ok_or(NoteError::Checkpoint)?;
        Ok(Self { origin: key.origin().clone(), size, root, note: note.into() })
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Number of records that it covers: those with a lower index.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over them.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        self.root
    }

    /// The whole note, byte for byte.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Why a note is not a checkpoint of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteError {
    /// It does not have the form of a signed note.
    Form,
    /// No signature is by the key that was asked for.
    OtherKey,
    /// The signature of that key does not fit the text.
    Signature,
    /// It is signed, but the text is not a checkpoint of this log.
    Checkpoint,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it is not a signed note",
            Self::OtherKey => "it is not signed by this log's key",
            Self::Signature => "its signature does not fit its text",
            Self::Checkpoint => "it is not a checkpoint of this log",
        })
    }
}

impl std::error::Error for NoteError {}

/// Every line has to be a signature, one by `key` has to be there, and all by `key` have to fit.
fn check_signatures(text: &str, signatures: &str, key: &VerifyKey) -> Result<(), NoteError> {
    let lines = signatures.strip_suffix('\n').ok_or(NoteError::Form)?;
    let mut found = Err(NoteError::OtherKey);
    for line in lines.split('\n') {
        let (name, signature) =
            line.strip_prefix(SIGNATURE).and_then(|line| line.split_once(' ')).ok_or(NoteError::Form)?;
        let signature = STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
        let (id, signature) = signature.split_first_chunk::<KEY_ID_LEN>().ok_or(NoteError::Form)?;
        if name != key.origin().as_str() || u32::from_be_bytes(*id) != key.id() {
            if Origin::parse(name).is_err() || signature.is_empty() {
                return Err(NoteError::Form);
            }
            continue;
        }
        if !key.fits(text.as_bytes(), signature) {
            return Err(NoteError::Signature);
        }
        found = Ok(());
    }
    found
}

const SIGNATURE: &str = "— ";
const KEY_ID_LEN: usize = 4;

/// Room for 16 signatures of 5 KB, as verifiers have to accept.
const MAX_NOTE_LEN: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::generate(Origin::parse("voice.example.com/audit").unwrap()).unwrap()
    }

    fn parse(note: &str, key: &Key) -> Result<Checkpoint, NoteError> {
        Checkpoint::parse(note.as_bytes(), key.verifier())
    }

    /// Signs any text as it is.
    fn signed(key: &Key, text: &str) -> String {
        let mut signature = key.verifier().id().to_be_bytes().to_vec();
        signature.extend(key.sign(text.as_bytes()));
        format!("{text}\n{SIGNATURE}{} {}\n", key.origin(), STANDARD.encode(signature))
    }

    #[test]
    fn a_checkpoint_reads_back_as_it_was_signed() {
        let key = key();
        for size in [0, 1, u64::MAX] {
            let checkpoint = Checkpoint::sign(&key, size, TreeHash::EMPTY);
            assert_eq!(parse(checkpoint.note(), &key), Ok(checkpoint));
        }
        let other = Checkpoint::sign(&self::key(), 1, TreeHash::EMPTY);
        assert_eq!(parse(other.note(), &key), Err(NoteError::OtherKey));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let key = key();
        let note = Checkpoint::sign(&key, 20_852_163, TreeHash::of_line(b"{}")).note().to_owned();
        for at in 0..note.len() {
            assert!(Checkpoint::parse(&note.as_bytes()[..at], key.verifier()).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = note.clone().into_bytes();
                damaged[at] ^= 1 << bit;
                assert!(Checkpoint::parse(&damaged, key.verifier()).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn other_signatures_are_kept_and_a_bad_one_of_ours_condemns_the_note() {
        let key = key();
        let note = Checkpoint::sign(&key, 3, TreeHash::EMPTY).note().to_owned();
        let witness = format!("{SIGNATURE}witness.example {}\n", STANDARD.encode([7; 80]));
        let cosigned = format!("{note}{}", witness.repeat(16));
        assert_eq!(parse(&cosigned, &key).unwrap().note(), cosigned);

        let ours = note.rsplit_once("\n\n").unwrap().1;
        let mut bad = STANDARD.decode(ours.trim_end().rsplit_once(' ').unwrap().1).unwrap();
        *bad.last_mut().unwrap() ^= 1;
        let bad = format!("{note}{SIGNATURE}{} {}\n", key.origin(), STANDARD.encode(bad));
        assert_eq!(parse(&bad, &key), Err(NoteError::Signature));

        for line in ["x\n", "— witness.example !\n", "— a+b AAAAAAAA\n", "— witness.example AAAA\n", "\n"]
        {
            assert!(parse(&format!("{note}{line}"), &key).is_err(), "{line:?}");
        }
        assert_eq!(parse(&"x".repeat(MAX_NOTE_LEN + 1), &key), Err(NoteError::Form));
    }

    #[test]
    fn what_is_signed_but_no_checkpoint_is_refused() {
        let key = key();
        let root = TreeHash::EMPTY.to_base64();
        let origin = key.origin();
        assert!(parse(&signed(&key, &format!("{origin}\n7\n{root}\nan extension\n")), &key).is_ok());
        for text in [
            format!("{origin}\n7\n"),
            format!("other.example\n7\n{root}\n"),
            format!("{origin}\n07\n{root}\n"),
            format!("{origin}\n+7\n{root}\n"),
            format!("{origin}\n-7\n{root}\n"),
            format!("{origin}\n18446744073709551616\n{root}\n"),
            format!("{origin}\n7\n{root}A\n"),
            format!("{origin}\n7\n\n{root}\n"),
            format!("\n{origin}\n7\n{root}\n"),
            format!("{origin}\n7\n{root}\n\n"),
            format!("{origin}\n7\n{root}\nx\n\ny\n"),
        ] {
            assert_eq!(parse(&signed(&key, &text), &key), Err(NoteError::Checkpoint), "{text:?}");
        }
    }
}
