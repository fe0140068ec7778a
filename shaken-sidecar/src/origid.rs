//! Tracing values: a random UUID per call (RFC 8588 §5 and §10, RFC 9562 §5.4).

use ring::rand::{SecureRandom, SystemRandom};
use shaken_core::Error;

/// A fresh UUID of version 4.
///
/// # Errors
/// [`Error::SigningFailed`] if the system has no randomness.
pub fn random() -> Result<String, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::SigningFailed)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_uuid_of_version_4_and_new_each_time() {
        let (one, other) = (super::random().unwrap(), super::random().unwrap());
        assert_ne!(one, other);
        for id in [one, other] {
            assert_eq!(id.len(), 36);
            assert_eq!(id.as_bytes()[14], b'4');
            assert!(b"89ab".contains(&id.as_bytes()[19]));
            assert!(id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
        }
    }
}
