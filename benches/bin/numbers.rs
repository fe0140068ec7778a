//! What a table of numbers takes, and how long a lookup in it does: four layouts of a million to a
//! hundred million numbers.
//!
//! `cargo run --release -p shaken-benches --bin numbers -- [--most 100000000]`

use std::hint::black_box;
use std::time::Instant;

use clap::Parser;
use shaken_sidecar::policy::numbers::{E164, Row, Sets, Sweep, Table};

/// Measures tables of numbers.
#[derive(Parser)]
struct Options {
    /// Layouts of more numbers are left out.
    #[arg(long, default_value_t = 100_000_000)]
    most: u64,
}

/// How numbers lie in the thousand-blocks of country code 1.
struct Layout {
    name: &'static str,
    blocks: u64,
    per_block: u64,
    /// How many neighbours belong to the same customer.
    owned_together: Owned,
}

enum Owned {
    One,
    Block,
}

fn main() {
    let options = Options::parse();
    println!("layout\tnumbers\tMB\tB/number\tbuild s\trandom hit ns\tnear miss ns");
    for layout in [
        Layout { name: "20 per block, scattered", blocks: 50_000, per_block: 20, owned_together: Owned::One },
        Layout { name: "100 per block", blocks: 99_000, per_block: 100, owned_together: Owned::One },
        Layout { name: "600 per block", blocks: 164_800, per_block: 600, owned_together: Owned::One },
        Layout {
            name: "full blocks, one owner",
            blocks: 99_300,
            per_block: 1000,
            owned_together: Owned::Block,
        },
    ] {
        if layout.blocks * layout.per_block <= options.most {
            measure(&layout);
        }
    }
}

fn measure(layout: &Layout) {
    let blocks = blocks(layout.blocks);
    let start = Instant::now();
    let (table, sets) = build(layout, &blocks);
    let built = start.elapsed().as_secs_f64();
    let numbers = table.count();
    let bytes = table.len_bytes() + sets.len_bytes();
    let hits: Vec<E164> = (0..LOOKUPS)
        .map(|i| {
            let block = blocks[(mix(i) % layout.blocks) as usize];
            number(block * 1000 + offset(block, mix(i ^ 0x55) % layout.per_block, layout.per_block))
        })
        .collect();
    // A number of a block that is there, or the block beside it where the block is full.
    let misses: Vec<E164> = hits
        .iter()
        .map(|hit| {
            let mut value = hit.value();
            while table.lookup(number(value)).is_some() {
                value += if layout.per_block == 1000 { 1000 } else { 1 };
            }
            number(value)
        })
        .collect();
    let hit = time(&table, &hits, |found| assert!(found, "there"));
    let miss = time(&table, &misses, |found| assert!(!found, "not there"));
    println!(
        "{}\t{numbers}\t{:.1}\t{:.2}\t{built:.2}\t{hit:.0}\t{miss:.0}",
        layout.name,
        bytes as f64 / 1e6,
        bytes as f64 / numbers as f64
    );
}

/// Nanoseconds for one lookup among many that do not wait for each other: the best of some batches, each
/// shorter than a time slice of the system.
fn time(table: &Table, asked: &[E164], check: impl Fn(bool)) -> f64 {
    asked.iter().for_each(|number| check(table.lookup(*number).is_some()));
    let batch = |batch: &[E164]| {
        let start = Instant::now();
        let found =
            batch.iter().filter_map(|number| table.lookup(*number)).fold(0, |sum, name| sum ^ name.get());
        black_box(found);
        start.elapsed().as_secs_f64() * 1e9 / batch.len() as f64
    };
    asked.chunks(BATCH).map(batch).fold(f64::INFINITY, f64::min)
}

fn build(layout: &Layout, blocks: &[u64]) -> (Table, Sets) {
    let mut sweep = Sweep::default();
    for block in blocks {
        for i in 0..layout.per_block {
            let value = block * 1000 + offset(*block, i, layout.per_block);
            let customer = match layout.owned_together {
                Owned::One => mix(value) % CUSTOMERS,
                Owned::Block => mix(*block) % CUSTOMERS,
            };
            sweep.push(Row::of(number(value), customer as u32)).expect("ascending rows");
        }
    }
    sweep.finish().expect("room")
}

/// Blocks of country code 1, ascending, spread over all of it.
fn blocks(count: u64) -> Vec<u64> {
    // Area codes and exchanges begin with 2 to 9.
    let all = 800 * 800 * 10;
    let step = all / count;
    let block = |i: u64| {
        let place = i * step + mix(i) % step;
        let (exchange, thousand) = (place / 10, place % 10);
        10_000_000 + (200 + exchange / 800) * 10_000 + (200 + exchange % 800) * 10 + thousand
    };
    (0..count).map(block).collect()
}

/// The `i`th number of a block that has `count`, ascending, with gaps of changing width.
fn offset(block: u64, i: u64, count: u64) -> u64 {
    let step = 1000 / count;
    i * step + mix(block * 1000 + i) % step
}

fn number(value: u64) -> E164 {
    E164::of_digits(&value.to_string()).expect("eleven digits")
}

/// SplitMix64: spreads numbers that follow each other.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

const CUSTOMERS: u64 = 20_000;
const LOOKUPS: u64 = 1_000_000;
const BATCH: usize = 20_000;
