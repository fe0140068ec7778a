//! Large lists: what they take in memory, and where they end.

use std::sync::Arc;

use shaken_core::Error;
use shaken_core::cert::crl::{self, Crl};
use shaken_core::trust::RevocationStatus;

use crate::der::{bytes, integer, sequence};
use crate::rig::{NOW, NewCrl, World, entry, list_extension, number, sign};

/// What an entry stays as, and what may come on top for a whole list.
const ENTRY_BYTES: usize = 32;
const OVERHEAD_BYTES: usize = 4096;

/// `count` entries of the STI-CA's intermediate with serial numbers of `serial_len` bytes, in an
/// order that is not that of the numbers, each `UTCTime` and without extensions but for the first.
fn entries(world: &World, count: usize, serial_len: usize) -> Vec<u8> {
    let mut contents = world.entry_of_sti_ca(&serial(0, serial_len));
    for i in 1..count {
        // 7,919 is prime and does not divide the counts here: every number once, far from sorted.
        let i = 1 + i * 7_919 % (count - 1).max(1);
        let fields = [integer(&serial(i, serial_len)), bytes(0x17, b"260101000000Z")].concat();
        contents.extend(sequence(&fields));
    }
    sequence(&contents)
}

/// Different numbers of one length: the counter in the middle of fixed bytes.
fn serial(i: usize, len: usize) -> Vec<u8> {
    let counter = &u32::try_from(i).unwrap().to_be_bytes()[1..];
    let mut bytes = vec![0x4a; len];
    let start = len.saturating_sub(4);
    bytes[start..start + 3].copy_from_slice(counter);
    bytes[0] = 0x4a;
    bytes
}

fn list(world: &World, count: usize, serial_len: usize) -> Vec<u8> {
    sign(&world.list().tbs_over(&entries(world, count, serial_len)), &world.crl_signer.key)
}

#[test]
fn a_full_list_takes_32_bytes_for_an_entry() {
    let world = World::new();
    for (count, serial_len) in [(479_000, 16), (620_000, 8), (1, 16)] {
        let der = list(&world, count, serial_len);
        assert!(der.len() <= crl::MAX_DER_LEN, "{} bytes", der.len());
        let crl = world.verify(&der, NOW).unwrap();
        assert_eq!(crl.len(), count);
        assert!(crl.memory_bytes() <= count * ENTRY_BYTES + OVERHEAD_BYTES, "{}", crl.memory_bytes());
        println!(
            "list of {} bytes, {count} entries with serial numbers of {serial_len} bytes: {} bytes kept",
            der.len(),
            crl.memory_bytes()
        );
    }
}

/// The first, the last and one that is between two that are listed.
#[test]
fn entries_of_a_large_list_are_found() {
    const COUNT: usize = 100_000;
    let world = World::new();
    let contents = entries(&world, COUNT, 16);
    let provider = world.entry_of_sti_ca(&[2]);
    // The provider's own entry behind all others, before all others, and not at all.
    let (header_len, all) = (contents.len() - contents_len(&contents), &contents);
    for (listed, expected) in [
        (sequence(&[&all[header_len..], &provider].concat()), true),
        (sequence(&[&provider, &all[header_len..]].concat()), true),
        (all.clone(), false),
    ] {
        let der = sign(&world.list().tbs_over(&listed), &world.crl_signer.key);
        let mut trust = world.trust();
        trust.update_crl(Arc::new(world.verify(&der, NOW).unwrap())).unwrap();
        let status = trust.revocation_status(&world.provider.certificate(), NOW);
        assert_eq!(matches!(status, RevocationStatus::Revoked { .. }), expected, "{status:?}");
    }
}

/// Length of the contents of an element whose length takes three bytes.
fn contents_len(element: &[u8]) -> usize {
    assert_eq!(element[1], 0x83);
    usize::from(element[2]) << 16 | usize::from(element[3]) << 8 | usize::from(element[4])
}

/// A million entries need 22 MB at the very least, which no list may have: it ends before
/// anything of it is read, signed or not.
#[test]
fn a_million_entries_are_too_many() {
    let world = World::new();
    let der = list(&world, 1_000_000, 4);
    let too_large = Error::CrlTooLarge { len_bytes: der.len() };
    assert!(der.len() > crl::MAX_DER_LEN);
    assert_eq!(Crl::from_der(&der).map(drop), Err(too_large));
    println!("list of {} bytes, 1,000,000 entries: {}", der.len(), too_large.name());
}

/// The longest list that is read, and one byte more.
#[test]
fn the_limit_is_exact() {
    let world = World::new();
    let padded = |len: usize| {
        let padding = list_extension(&[2, 5, 29, 99], false, &vec![0; len]);
        NewCrl { extensions: vec![number(7), padding], ..world.list() }
    };
    // Algorithm and signature take 86 bytes in half of all cases, else one less or more.
    let tbs_len = crl::MAX_DER_LEN - 5 - 86;
    let nearly = tbs_len - 4096;
    let list = padded(tbs_len - (padded(nearly).tbs().len() - nearly));
    let sign = || Some(list.signed_by(&world.crl_signer.key));
    let mut signed = std::iter::from_fn(sign).take(100);
    let longest = signed.find(|der| der.len() == crl::MAX_DER_LEN).unwrap();
    assert!(world.verify(&longest, NOW).is_ok());
    let more = [longest.as_slice(), &[0]].concat();
    assert_eq!(Crl::from_der(&more).map(drop), Err(Error::CrlTooLarge { len_bytes: more.len() }));
}

/// Each entry names another issuer: the worst for memory that can be signed.
#[test]
fn memory_is_bounded_by_the_length_of_the_list() {
    let world = World::new();
    let issuer = |i: u32| {
        let name = sequence(&crate::der::set(&sequence(
            &[crate::der::oid(&[2, 5, 4, 3]), bytes(0x0c, &format!("{i:x}").into_bytes())].concat(),
        )));
        list_extension(&[2, 5, 29, 29], true, &sequence(&crate::der::explicit(4, &name)))
    };
    let contents: Vec<u8> = (0..100_000).flat_map(|i| entry(&[1], &[issuer(i)])).collect();
    let der = sign(&world.list().tbs_over(&sequence(&contents)), &world.crl_signer.key);
    let crl = world.verify(&der, NOW).unwrap();
    assert_eq!(crl.len(), 100_000);
    assert!(crl.memory_bytes() <= 2 * der.len(), "{} of {}", crl.memory_bytes(), der.len());
    println!("list of {} bytes, 100,000 issuers: {} bytes kept", der.len(), crl.memory_bytes());
}
