//! The rows of `suites/ssrf/server-behaviours.tsv` against the daemon, as a process, through its door:
//! in a network of its own with public addresses, port 443 and a DNS server, all of the test.

#[path = "../../../shaken-core/tests/fetch_server/cases.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod cases;
#[path = "../../../shaken-core/tests/fetch_server/rig.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod rig;
#[path = "../running/mod.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;
#[path = "../tool/mod.rs"]
mod tool;

mod answers;
mod dns;
mod floods;
mod kept;
mod names;
mod namespace;
mod world;

use shaken_test_vectors::suites::suite_text;

/// Rows that are no case of `cases.rs`, by the test that drives them.
const OTHERS: [(&str, &[&str]); 4] = [
    ("answers", &["connect-blackhole", "connect-refused", "set-cookie"]),
    (
        "names",
        &[
            "slow-dns",
            "dns-nxdomain",
            "dns-servfail",
            "dns-mixed",
            "dns-rebind",
            "dns-cname-chain-20",
            "dns-1000-a",
        ],
    ),
    ("kept", &["cert-rotates", "expiry-herd", "origin-down-cached"]),
    ("floods", &["same-host-10k-urls", "10k-hosts", "thundering-herd"]),
];

#[test]
fn every_row_is_driven() {
    let Some(text) = suite_text("suites/ssrf/server-behaviours.tsv") else { return };
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').next())
        .collect();
    let ca = rig::Ca::new("*.cr.example");
    let mut driven: Vec<&str> =
        cases::suite_cases(&ca, "", str::to_owned).iter().map(|case| case.id).collect();
    println!("answers: {} rows of one answer", driven.len());
    for (test, ids) in OTHERS {
        println!("{test}: {ids:?}");
        driven.extend(ids);
    }
    for row in &rows {
        assert!(driven.contains(row), "no test for the server behaviour {row}");
    }
    for id in &driven {
        assert!(rows.contains(id), "{id} is no row of the suite");
    }
    println!("{} of {} rows have a test against the daemon", driven.len(), rows.len());
}

/// The ids of the rows whose expectation contains `words`; none without the suite.
fn rows_that_say(words: &str) -> Vec<String> {
    let text = suite_text("suites/ssrf/server-behaviours.tsv").unwrap_or_default();
    let says = |line: &&str| line.rsplit('\t').next().is_some_and(|expected| expected.contains(words));
    text.lines().filter(says).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}
