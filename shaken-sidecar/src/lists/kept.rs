//! The last good copy of a list, on disk. It is checked again when it is read.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::files;

/// What was had from a URL, and when.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) fetched_at: i64,
    /// Of a list of approved STI-CAs: none with a lower one is accepted.
    pub(super) sequence: Option<u64>,
    pub(super) body: Vec<u8>,
    pub(super) signer: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    url: String,
    fetched_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    body: String,
    signer: String,
}

impl Kept {
    /// Nothing if there is none.
    pub(super) fn read(dir: &Path, url: &str) -> Result<Option<Self>, String> {
        let path = dir.join(files::name_of(url));
        let text = match files::read(&path, MAX_FILE_LEN) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let damaged = || format!("{} is damaged", path.display());
        let on_disk: OnDisk = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if on_disk.url != url {
            return Err(damaged());
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
        Ok(Some(Self {
            fetched_at: on_disk.fetched_at,
            sequence: on_disk.sequence,
            body: decode(&on_disk.body)?,
            signer: decode(&on_disk.signer)?,
        }))
    }

    /// After this, the old copy is there or the new one, whole.
    pub(super) fn write(&self, dir: &Path, url: &str) -> Result<(), String> {
        let on_disk = OnDisk {
            url: url.to_owned(),
            fetched_at: self.fetched_at,
            sequence: self.sequence,
            body: STANDARD.encode(&self.body),
            signer: STANDARD.encode(&self.signer),
        };
        let name = files::name_of(url);
        let text = serde_json::to_vec(&on_disk).map_err(io::Error::from);
        text.and_then(|text| files::replace(dir, &name, &text))
            .map_err(|error| format!("cannot keep it in {}: {error}", dir.join(&name).display()))
    }
}

/// A list and the chain of its signer, both in base64, and room for the rest.
const MAX_FILE_LEN: usize = 2 * super::MAX_BODY_BYTES;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_comes_back_or_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let url = "https://pa.example.com/crl";
        assert!(Kept::read(dir.path(), url).unwrap().is_none());
        let kept = Kept { fetched_at: 7, sequence: Some(3), body: vec![0, 255], signer: b"s".to_vec() };
        kept.write(dir.path(), url).unwrap();
        kept.write(dir.path(), url).unwrap();
        let read = Kept::read(dir.path(), url).unwrap().unwrap();
        assert_eq!((read.fetched_at, read.sequence), (7, Some(3)));
        assert_eq!((read.body, read.signer), (vec![0, 255], b"s".to_vec()));
        assert!(Kept::read(dir.path(), "https://pa.example.com/other").unwrap().is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written is left");
        // That of another list is none of this one.
        let path = dir.path().join(files::name_of(url));
        let other = "https://pa.example.com/other";
        fs::copy(&path, dir.path().join(files::name_of(other))).unwrap();
        assert!(Kept::read(dir.path(), other).unwrap_err().contains("damaged"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert!(Kept::read(dir.path(), url).unwrap_err().contains("damaged"));
    }
}
