//! Every target over its seeds, and over seeds that are damaged in a few bytes: what ordinary
//! builds see of the fuzzer.

use std::collections::BTreeSet;
use std::path::Path;

use shaken_fuzz_bodies::{Target, vectors};

/// How often each target runs on damaged seeds.
const DAMAGED_RUNS: usize = 5_000;

#[test]
fn every_target_over_its_seeds() {
    let vectors = vectors();
    for target in Target::ALL {
        let seeds = target.seeds(&vectors);
        assert!(seeds.len() >= 10, "{} has {} seeds", target.name, seeds.len());
        for seed in &seeds {
            (target.run)(seed);
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for seed in seeds.iter().cycle().take(DAMAGED_RUNS) {
            (target.run)(&damaged(seed, &mut random));
        }
        println!("{}: {} seeds, {DAMAGED_RUNS} damaged", target.name, seeds.len());
    }
}

#[test]
fn every_target_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(files, Target::ALL.iter().map(|target| target.name.to_owned()).collect());
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
    for file in files {
        assert!(manifest.contains(&format!("\"fuzz_targets/{file}.rs\"")), "{file} is not in Cargo.toml");
    }
}

/// One to four bytes changed, removed, put in or taken away from the end.
fn damaged(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, b"\0\n.;=\"<%\xff0"[random.below(10)]),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

/// xorshift64: the same run each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
