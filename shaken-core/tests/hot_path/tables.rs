//! Verification tables from outside: what calls make of them, and what they cost.

use std::num::NonZeroU32;
use std::sync::Arc;

use shaken_core::tables::{Builder, TableOptions, Tables};
use shaken_core::{Attest, Call, Error, Identity, Scratch, Trust, TrustedCert, Verifier};

use crate::heap::allocations;
use crate::pki::NOW;
use crate::rig::{Provider, called, caller};

fn tables(options: TableOptions) -> (Verifier, Arc<Tables>, Builder) {
    let (tables, builder) = Tables::new(options, |difference| panic!("{difference}"));
    (Verifier::default().with_tables(Arc::clone(&tables)), tables, builder)
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn verify(
    verifier: &Verifier,
    certificate: &TrustedCert,
    header: &str,
    scratch: &mut Scratch,
) -> Result<Attest, Error> {
    let dest = [called()];
    let identity = Identity::parse(header.as_bytes()).unwrap();
    let screened = verifier.screen(&identity, &Call::new(caller(), &dest), scratch, NOW)?;
    verifier.verify(screened, certificate, NOW).map(|verified| verified.attest())
}

/// Before the key is hot, while its table is asked for and made by another thread, and by the table.
#[test]
fn no_call_takes_heap_on_the_way_to_a_table_or_with_it() {
    let provider = Provider::new();
    let [header, _] = provider.headers();
    let (verifier, tables, builder) = tables(TableOptions::default().with_hot_after_calls(number(50)));
    let thread = std::thread::spawn(|| builder.run());
    let mut scratch = Scratch::new();
    let mut call = || {
        allocations(|| {
            let outcome = verify(&verifier, &provider.certificate, &header, &mut scratch);
            assert_eq!(outcome, Ok(Attest::A));
        })
    };
    let (mut count, mut calls) = (0, 0);
    while tables.stats().by_table < 100 {
        count += call();
        calls += 1;
        assert!(calls < 1_000_000, "no table was made");
    }
    assert_eq!(count, 0, "in {calls} calls");
    drop((verifier, tables));
    thread.join().unwrap();
}

#[test]
fn a_forged_call_fails_by_the_table_as_it_does_without() {
    let provider = Provider::new();
    let [header, _] = provider.headers();
    let (verifier, tables, mut builder) = tables(TableOptions::default().with_hot_after_calls(number(1)));
    let mut scratch = Scratch::new();
    let mut verify = |header: &str| verify(&verifier, &provider.certificate, header, &mut scratch);
    for _ in 0..40 {
        assert_eq!(verify(&header), Ok(Attest::A));
        builder.run_once();
    }
    let (signed, params) = header.split_once(';').unwrap();
    let mut forged = 0;
    for at in signed.rfind('.').unwrap() + 1..signed.len() - 1 {
        let other = if &signed[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{};{params}", &signed[..at], &signed[at + 1..]);
        assert_eq!(verify(&changed), Err(Error::SignatureInvalid), "character {at}");
        forged += 1;
    }
    assert_eq!(forged, 85);
    let stats = tables.stats();
    assert_eq!((stats.tables, stats.by_table), (1, 39 + forged));
    assert!(stats.confirmed >= 16 + forged && stats.trusted);
}

/// Judging a certificate again, when the trust has changed, does not make its key cold.
#[test]
fn a_certificate_that_is_judged_again_keeps_its_table() {
    let provider = Provider::new();
    let [header, _] = provider.headers();
    let (verifier, tables, mut builder) = tables(TableOptions::default().with_hot_after_calls(number(1)));
    let mut scratch = Scratch::new();
    verify(&verifier, &provider.certificate, &header, &mut scratch).unwrap();
    builder.run_once();
    let trust: &Trust = &provider.trust;
    let again = provider.certificate.recheck(trust, NOW + 1).unwrap();
    verify(&verifier, &again, &header, &mut scratch).unwrap();
    assert_eq!((tables.stats().tables, tables.stats().by_table), (1, 1));
}

/// As many carriers as a large provider sees, each hot: all have their table within the default
/// bound, and one more than fit pushes none of them out.
#[test]
fn two_thousand_hot_keys_have_tables_within_the_default_memory() {
    const CARRIERS: usize = 2_000;

    let options = TableOptions::default().with_hot_after_calls(number(1));
    let (verifier, tables, mut builder) = tables(options);
    let mut scratch = Scratch::new();
    let carriers: Vec<_> = (0..CARRIERS)
        .map(|_| {
            let provider = Provider::new();
            let [header, _] = provider.headers();
            verify(&verifier, &provider.certificate, &header, &mut scratch).unwrap();
            builder.run_once();
            (provider.certificate, header)
        })
        .collect();
    let stats = tables.stats();
    println!("{} keys have tables of {} bytes in all", stats.tables, stats.memory_bytes);
    assert_eq!(stats.tables, 2_000);
    assert!(stats.memory_bytes <= 192 << 20);

    // A flood of certificates that verify one call each.
    let room = (192 << 20) / (stats.memory_bytes / stats.tables);
    for _ in 0..2 * (room - stats.tables) {
        let provider = Provider::new();
        let [header, _] = provider.headers();
        verify(&verifier, &provider.certificate, &header, &mut scratch).unwrap();
        builder.run_once();
    }
    let before = tables.stats().by_table;
    for (certificate, header) in &carriers {
        verify(&verifier, certificate, header, &mut scratch).unwrap();
    }
    let stats = tables.stats();
    assert_eq!(stats.by_table - before, 2_000, "every carrier is verified by its table");
    assert!(stats.memory_bytes <= 192 << 20 && stats.trusted);
}
