//! The same answers as `ring` and `p256`.

use std::collections::BTreeMap;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use shaken_core::es256::table::Table;
use shaken_core::es256::{Signature, VerifyingKey};

use crate::cases::{Case, Key, Wrapping};
use crate::curve::Numbers;

/// 20,000 inputs, or as many as `SHAKEN_TABLES_INPUTS` says.
#[test]
fn answers_of_ring_and_p256() {
    let inputs = std::env::var("SHAKEN_TABLES_INPUTS").map_or(20_000, |inputs| inputs.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|seed| scope.spawn(move || run(inputs / threads, seed))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut total = Tally::default();
    for tally in tallies {
        for (class, [valid, invalid]) in tally.answers {
            let [all_valid, all_invalid] = total.answers.entry(class).or_default();
            *all_valid += valid;
            *all_invalid += invalid;
        }
        total.by_ring += tally.by_ring;
        total.differences.extend(tally.differences);
    }
    for (class, [valid, invalid]) in &total.answers {
        println!("{class}: {valid} valid, {invalid} invalid");
    }
    let compared: u64 = total.answers.values().flatten().sum();
    println!(
        "{compared} answers of p256, {} of ring, {} differences",
        total.by_ring,
        total.differences.len()
    );
    assert!(compared > inputs / 2);
    assert!(total.differences.is_empty(), "{:#?}", &total.differences[..total.differences.len().min(5)]);
}

#[derive(Default)]
struct Tally {
    /// Valid and invalid of each class.
    answers: BTreeMap<&'static str, [u64; 2]>,
    by_ring: u64,
    differences: Vec<String>,
}

impl Tally {
    fn judge(&mut self, case: &Case, table: &Table, peers: &Peers) {
        let signature = Signature::from_bytes(case.signature);
        let answer = table.verify(&case.digest, &signature);
        let p256 = p256::ecdsa::Signature::from_slice(&case.signature)
            .is_ok_and(|signature| peers.p256.verify_prehash(&case.digest, &signature).is_ok());
        let ring = case.message.map(|message| peers.ring.verify(&message, &signature).is_ok());
        if answer != p256
            || ring.is_some_and(|ring| answer != ring)
            || case.expected.is_some_and(|e| answer != e)
        {
            let Case { class, key, digest, signature, expected, .. } = case;
            self.differences.push(format!(
                "{class}: {answer}, p256 {p256}, ring {ring:?}, expected {expected:?}\n\
                 key {key:02x?}\ndigest {digest:02x?}\nsignature {signature:02x?}"
            ));
        }
        self.by_ring += u64::from(ring.is_some());
        let [valid, invalid] = self.answers.entry(case.class).or_default();
        *if p256 { valid } else { invalid } += 1;
    }
}

/// The same key in the eyes of others.
struct Peers {
    ring: VerifyingKey,
    p256: p256::ecdsa::VerifyingKey,
}

impl Peers {
    fn new(key: &[u8; 65]) -> Self {
        Self {
            ring: VerifyingKey::from_uncompressed(key).unwrap(),
            p256: p256::ecdsa::VerifyingKey::from_sec1_bytes(key).unwrap(),
        }
    }
}

fn run(inputs: u64, seed: u64) -> Tally {
    let wrapping = Wrapping::new();
    let mut numbers = Numbers(seed);
    let mut tally = Tally::default();
    let mut done = 0;
    while done < inputs {
        let key = Key::new(&mut numbers);
        let peers = Peers::new(&key.public);
        let table = Table::new(&peers.ring);
        for _ in 0..48 {
            tally.judge(&key.case(&mut numbers), &table, &peers);
        }
        // Each with a key of its own.
        for _ in 0..2 {
            let case = wrapping.case(&mut numbers);
            let peers = Peers::new(&case.key);
            tally.judge(&case, &Table::new(&peers.ring), &peers);
        }
        done += 50;
    }
    tally
}
