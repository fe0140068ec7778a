//! Looking for the end of something in bytes.

/// How many bytes at the front of `bytes` are of a kind. Many are looked at together, so `is_kind`
/// should have no branches.
pub(crate) fn prefix_len(bytes: &[u8], is_kind: impl Fn(u8) -> bool) -> usize {
    let is_whole = |chunk: &&[u8]| chunk.iter().fold(true, |whole, byte| whole & is_kind(*byte));
    let len = bytes.chunks_exact(CHUNK_LEN).take_while(is_whole).count() * CHUNK_LEN;
    let rest = bytes.get(len..).unwrap_or_default();
    len + rest.iter().position(|byte| !is_kind(*byte)).unwrap_or(rest.len())
}

const CHUNK_LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_of_another_kind_ends_it() {
        for len in 0..4 * CHUNK_LEN {
            let mut bytes = vec![b'a'; len];
            assert_eq!(prefix_len(&bytes, |b| b == b'a'), len);
            for at in 0..len {
                bytes[at] = b'b';
                assert_eq!(prefix_len(&bytes, |b| b == b'a'), at, "{at} of {len}");
                bytes[at] = b'a';
            }
        }
    }
}
