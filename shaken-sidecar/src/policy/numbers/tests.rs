//! The table against a map of every number.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What stands behind each number, by looking at every row.
fn oracle(rows: &[(Numbers, u32)], number: u64) -> Vec<u32> {
    let spans = rows.iter().flat_map(|(numbers, value)| numbers.spans().map(move |span| (span, *value)));
    let holding = spans.filter(|(span, _)| (span.start..=span.end).contains(&number));
    holding.map(|(_, value)| value).collect::<BTreeSet<_>>().into_iter().collect()
}

fn build(rows: &[(Numbers, u32)], rows_in_memory: usize) -> (Table, Sets) {
    let mut sorter = Sorter::new(&std::env::temp_dir()).with_rows_in_memory(rows_in_memory);
    for (numbers, value) in rows {
        sorter.push(*numbers, *value).unwrap();
    }
    let mut sweep = Sweep::default();
    for row in sorter.sorted().unwrap() {
        sweep.push(row.unwrap()).unwrap();
    }
    let (table, sets) = sweep.finish().unwrap();
    table.check().unwrap();
    (table, sets)
}

fn looked_up(table: &Table, sets: &Sets, number: u64) -> Vec<u32> {
    table.lookup(E164(number)).map(|name| sets.members(name).collect()).unwrap_or_default()
}

/// Numbers near each other, so that rows meet: in three thousand-blocks of two countries, and short.
fn a_number() -> impl Strategy<Value = u64> {
    let base =
        prop::sample::select(vec![12_155_550_000_u64, 19_999_998_000, 442_079_460_000, 33_199_000_000]);
    prop_oneof![4 => (base, 0..2000_u64).prop_map(|(base, offset)| base + offset), 1 => 1..3000_u64]
}

fn some_numbers() -> impl Strategy<Value = Numbers> {
    prop_oneof![
        4 => a_number().prop_map(|number| Numbers::One(E164(number))),
        3 => (a_number(), 0..1500_u64).prop_map(|(start, count)| {
            let span = Span::new(E164(start), E164(start + count));
            span.map_or(Numbers::One(E164(start)), Numbers::Range)
        }),
        1 => (a_number(), 0..8_u32).prop_map(|(number, cut)| {
            Numbers::Prefix(E164((number / 10_u64.pow(cut)).max(1)))
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn the_table_says_what_the_rows_say(
        rows in prop::collection::vec((some_numbers(), 0..5_u32), 0..60),
        asked in prop::collection::vec(a_number(), 200),
        in_memory in 1..80_usize,
    ) {
        let (table, sets) = build(&rows, in_memory);
        let ends = rows.iter().flat_map(|(numbers, _)| numbers.spans()).flat_map(|span| {
            [span.start.saturating_sub(1).max(1), span.start, span.end, (span.end + 1).min(999_999_999_999_999)]
        });
        for number in asked.into_iter().chain(ends) {
            prop_assert_eq!(looked_up(&table, &sets, number), oracle(&rows, number), "{}", number);
        }
        let mut count = 0;
        let mut last = BTreeMap::new();
        table.visit_runs(|start, end, value| {
            count += end - start + 1;
            assert_eq!(table.lookup(E164(start)), Some(value));
            assert_eq!(table.lookup(E164(end)), Some(value));
            assert!(last.insert(start, end).is_none());
        });
        prop_assert_eq!(count, table.count());
        prop_assert!(last.iter().zip(last.iter().skip(1)).all(|((_, end), (start, _))| end < start));
    }
}

#[test]
fn each_kind_of_block_holds_what_was_put() {
    // A step between numbers of a block, which sets how full it is; values that need 16 or 32 bits.
    for step in [1, 2, 3, 10, 50, 999] {
        for values in [1..=1_u32, 1..=7, 70_000..=70_007] {
            let spread = values.end() - values.start() + 1;
            let rows: Vec<(Numbers, u32)> = (0..3000_u64)
                .filter(|offset| offset % step == 0)
                .map(|offset| {
                    (Numbers::One(E164(12_155_550_000 + offset)), values.start() + offset as u32 % spread)
                })
                .collect();
            let (table, sets) = build(&rows, usize::MAX);
            let all: BTreeMap<u64, u32> = rows
                .iter()
                .flat_map(|(numbers, value)| numbers.spans().map(|span| (span.start, *value)))
                .collect();
            for number in 12_155_549_900..12_155_553_100 {
                let expected: Vec<u32> = all.get(&number).copied().into_iter().collect();
                assert_eq!(looked_up(&table, &sets, number), expected, "step {step} number {number}");
            }
        }
    }
}

#[test]
fn many_sets_take_wide_values() {
    let rows: Vec<(Numbers, u32)> =
        (0..70_000).map(|i| (Numbers::One(E164(12_000_000_000 + 7 * u64::from(i))), i)).collect();
    let (table, sets) = build(&rows, usize::MAX);
    assert_eq!(sets.count(), 70_000);
    for (numbers, value) in &rows {
        let Numbers::One(number) = numbers else { continue };
        assert_eq!(looked_up(&table, &sets, number.0), [*value]);
        assert!(looked_up(&table, &sets, number.0 + 1).is_empty());
    }
}

#[test]
fn numbers_ranges_and_prefixes_are_read_as_written() {
    for text in ["12155550100", "12155550100-12155550199", "1215555*", "911", "1*"] {
        assert_eq!(Numbers::parse(text).unwrap().to_string(), text);
        assert_eq!(Numbers::parse(&format!("+{text}")).unwrap().to_string(), text);
    }
    for text in [
        "",
        "+",
        "0",
        "0123",
        "1215555010a",
        "1234567890123456",
        "12155550199-12155550100",
        "1-",
        "-1",
        "*",
        "99-100",
        "12**",
        "1215*5",
        "++1",
        "１２",
        "12155550100-12155550199-1",
    ] {
        assert!(Numbers::parse(text).is_err(), "{text:?}");
    }
    let spans: Vec<_> = Numbers::parse("1215555*").unwrap().spans().map(Span::bounds).collect();
    assert_eq!(
        (spans.len(), spans[0], spans[4]),
        (9, (1_215_555, 1_215_555), (12_155_550_000, 12_155_559_999))
    );
    assert_eq!(spans[8].1, 121_555_599_999_999);
}

#[test]
fn north_american_numbers_have_a_form() {
    for (digits, is_dialable) in [
        ("12155550100", true),
        ("1215555010", false),
        ("11155550100", false),
        ("12151550100", false),
        ("121555501000", false),
        ("442079460000", true),
        ("911", true),
    ] {
        assert_eq!(E164::of_digits(digits).unwrap().is_dialable(), is_dialable, "{digits}");
    }
}

#[test]
fn rows_out_of_order_and_crowds_are_refused() {
    let mut sweep = Sweep::default();
    sweep.push(Row::of(E164(20), 1)).unwrap();
    assert_eq!(sweep.push(Row::of(E164(19), 1)), Err(SweepError::OutOfOrder));
    let mut sweep = Sweep::default();
    let crowd = |i: u64| Row { span: Span::of_bounds(100_000, 110_000 + i), value: 1 };
    assert_eq!((0..5000).find_map(|i| sweep.push(crowd(i)).err()), Some(SweepError::Crowded));
}

#[test]
fn numbers_are_masked_in_debug_output() {
    let number = E164(12_155_550_123);
    let all = format!("{number:?} {:?} {:?}", Numbers::One(number), Row::of(number, 1));
    assert!(!all.contains("5550") && all.contains("23"), "{all}");
}
