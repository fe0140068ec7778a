//! A revocation list, or the entries of one.

use std::sync::{Arc, LazyLock};

use rcgen::PublicKeyData;
use shaken_core::cert::crl::{self, Crl, Entry, TrustedCrl};
use shaken_core::trust::{RevocationStatus, StiPa};
use shaken_core::{Certificate, Error, Trust};
use shaken_test_vectors::VectorFile;

use crate::der::{bytes, explicit, generalized_time, integer, sequence};
use crate::rig::{
    self, CRL_ISSUER, CRL_URL, NOW, World, certificate_issuer, distribution_point, ecdsa_sha256, entry,
    list_extension, name, reason, sign, to_pem,
};

struct Fixture {
    world: World,
    signers: [Certificate; 1],
    sti_pa: StiPa,
    trust: Trust,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let world = World::new();
    Fixture { signers: [world.crl_signer.certificate()], sti_pa: world.sti_pa(), trust: world.trust(), world }
});

/// How many entries of one list are looked up.
const MAX_LOOKUPS: usize = 16;

/// A list walks to its end without a panic and is never trusted for a signature that is not there.
/// Then the input is taken for the entries of a list that is well signed, since nothing gets at
/// them otherwise: looking a certificate up agrees with walking through all entries.
pub fn run(input: &[u8]) {
    if let Ok(der) = crl::decode(input)
        && let Ok(crl) = Crl::from_der(&der)
    {
        let _ = (crl.this_update(), crl.next_update(), crl.signer_url(), crl.entries().count());
        let trusted = crl.verify(&FIXTURE.signers, &FIXTURE.sti_pa, NOW);
        assert!(trusted.is_err(), "trusted without a signature of the STI-PA");
    }
    let der = sign(&FIXTURE.world.list().tbs_over(input), &FIXTURE.world.crl_signer.key);
    match Crl::from_der(&der) {
        Ok(crl) => signed(&crl, der.len()),
        Err(error) => assert!((500..600).contains(&error.code()), "{error:?} is not an error of a list"),
    }
}

fn signed(crl: &Crl<'_>, len_bytes: usize) {
    let entries: Result<Vec<Entry<'_>>, Error> = crl.entries().collect();
    let trusted = crl.verify(&FIXTURE.signers, &FIXTURE.sti_pa, NOW);
    let (entries, trusted) = match (entries, trusted) {
        (Ok(entries), Ok(trusted)) => (entries, trusted),
        (Err(error), Err(verify_error)) => return assert_eq!(error, verify_error),
        (walked, trusted) => panic!("walked: {:?}, verified: {:?}", walked.err(), trusted.err()),
    };
    assert!(trusted.len() <= entries.len() && trusted.is_empty() == entries.is_empty());
    assert!(trusted.memory_bytes() <= 16 * len_bytes, "{} bytes kept", trusted.memory_bytes());
    let trust = with_list(trusted);
    for listed in entries.iter().take(MAX_LOOKUPS) {
        look_up(&entries, listed.issuer_der(), listed.serial(), &trust);
        let mut neighbour = listed.serial().to_vec();
        if let Some(last) = neighbour.last_mut() {
            *last ^= 1;
        }
        look_up(&entries, listed.issuer_der(), &neighbour, &trust);
        look_up(&entries, &name("Somebody Else"), listed.serial(), &trust);
    }
}

/// Compares the list's answer for one certificate with that of a walk through all entries.
fn look_up(entries: &[Entry<'_>], issuer_der: &[u8], serial: &[u8], trust: &Trust) {
    // Not every name of a list can stand in a certificate.
    let Ok(certificate) = Certificate::from_der(&certificate(issuer_der, serial)) else { return };
    let of_serial = || entries.iter().filter(|entry| entry.serial() == serial);
    // One name has many encodings: lists may use another than certificates, so an entry under
    // another name is perhaps meant, and one under the same bytes certainly is.
    let perhaps = of_serial().map(Entry::revoked_at).min();
    let certain = of_serial().filter(|entry| entry.issuer_der() == issuer_der).map(Entry::revoked_at).min();
    match trust.revocation_status(&certificate, NOW) {
        RevocationStatus::Revoked { reason, revoked_at } => {
            assert!(perhaps.is_some_and(|earliest| earliest <= revoked_at), "revoked, but not listed");
            assert!(certain.is_none_or(|earliest| revoked_at <= earliest), "a later entry counts");
            assert!(of_serial().any(|entry| entry.reason() == reason && entry.revoked_at() == revoked_at));
        }
        RevocationStatus::Good => {
            assert_eq!(certain, None, "{serial:02x?} of {issuer_der:02x?} is listed, but good");
        }
        RevocationStatus::Undetermined(why) => panic!("{why:?}"),
    }
}

fn with_list(list: TrustedCrl) -> Trust {
    let mut trust = FIXTURE.trust.clone();
    trust.update_crl(Arc::new(list)).unwrap_or_else(|error| panic!("the first list: {error}"));
    trust
}

/// A certificate that names our list, of any issuer and serial number. Nobody signed it.
fn certificate(issuer_der: &[u8], serial: &[u8]) -> Vec<u8> {
    let validity = sequence(&[generalized_time(NOW), generalized_time(NOW)].concat());
    let points = distribution_point(Some(CRL_URL), Some(CRL_ISSUER));
    let extensions = sequence(&list_extension(&[2, 5, 29, 31], false, &points));
    let fields = [
        explicit(0, &integer(&[2])),
        integer(serial),
        ecdsa_sha256(),
        issuer_der.to_vec(),
        validity,
        name("SHAKEN 1234"),
        FIXTURE.world.provider.key.subject_public_key_info(),
        explicit(3, &extensions),
    ];
    sequence(&[sequence(&fields.concat()), ecdsa_sha256(), bytes(0x03, &[0; 9])].concat())
}

/// The vectors have no lists: a few whole ones, and entries of all kinds.
pub(crate) fn seeds(_: &[VectorFile]) -> Vec<Vec<u8>> {
    let world = &FIXTURE.world;
    let utc = |serial: &[u8]| sequence(&[integer(serial), bytes(0x17, b"260101000000Z")].concat());
    let invalidity = list_extension(&[2, 5, 29, 24], false, &generalized_time(NOW));
    let unknown = |critical| list_extension(&[2, 5, 29, 99], critical, &[5, 0]);
    let sets: [Vec<Vec<u8>>; 9] = [
        vec![],
        vec![utc(&[5])],
        vec![entry(&[5], &[]), entry(&[5], &[]), utc(&[0, 0x80]), utc(&[0x80])],
        vec![world.entry_of_sti_ca(&[1]), entry(&[2], &[]), entry(&[1], &[certificate_issuer("X")])],
        vec![entry(&[7], &[reason(1), certificate_issuer("test  shaken CA"), invalidity])],
        vec![world.entry_of_sti_ca(&[7; 20]), utc(&[3; 20]), utc(&[1; 21]), utc(&[0; 1])],
        (0..=10).map(|code| entry(&[code], &[reason(code)])).collect(),
        vec![entry(&[5], &[unknown(false)]), entry(&[5], &[unknown(true)])],
        (0..200_u8).map(|i| utc(&[1, i.wrapping_mul(77)])).collect(),
    ];
    let mut seeds = Vec::new();
    for entries in sets {
        let list = rig::NewCrl { entries: entries.clone(), ..world.list() };
        // What verifies here must not verify there.
        let whole = sign(&list.tbs(), &world.list_signer.key);
        seeds.extend([to_pem("X509 CRL", &whole).into_bytes(), whole, sequence(&entries.concat())]);
    }
    seeds
}
