//! The files of a policy: what is read, what is refused, and the compiled file.

use std::fs;
use std::path::Path;

use shaken_core::TelephoneNumber;

use super::snapshot::SnapshotError;
use super::*;
use crate::policy::fixture::{CUSTOMERS, EVIDENCE, NOW, RIGHTS, TOML, files};

fn load(path: &Path) -> Result<Policy, LoadError> {
    Loader::new(path).load(NOW)
}

fn faults(path: &Path) -> Vec<(String, u64, String)> {
    let Err(LoadError::Faults(faults)) = load(path) else { panic!("no faults") };
    let name = |fault: &Fault| fault.file.file_name().unwrap().to_str().unwrap().to_owned();
    faults.named().iter().map(|fault| (name(fault), fault.line, fault.message.clone())).collect()
}

#[test]
fn wrong_rows_are_named_by_line_and_nothing_is_loaded() {
    let (dir, path) = files();
    let rights = dir.path().join("rights.csv");
    for (row, part) in [
        ("nobody,12155550100,,assigned,,,,A", "no customer \"nobody\""),
        ("acme,0123,,assigned,,,,A", "does not begin with 0"),
        ("acme,12155550199-12155550100,,assigned,,,,A", "a range goes"),
        ("acme,12155550100,nowhere,assigned,,,,A", "no trunk \"nowhere\""),
        ("acme,12155550100,,hearsay,,,,A", "basis \"hearsay\""),
        ("acme,12155550100,,loa,loa-2,,,A", "no evidence \"loa-2\""),
        ("acme,12155550100,,assigned,,tomorrow,,A", "no day"),
        ("acme,12155550100,,assigned,,2026-02-01,2026-01-01,A", "before valid_from"),
        ("acme,12155550100,,assigned,,,,C", "neither A nor B"),
        ("acme,12155550100,,assigned,,,", "7 fields"),
        ("acme,12155550100,,assigned,,,,A,more", "9 fields"),
    ] {
        fs::write(&rights, format!("{RIGHTS}{row}\n")).unwrap();
        let found = faults(&path);
        assert_eq!((found.len(), found[0].0.as_str(), found[0].1), (1, "rights.csv", 19), "{row}: {found:?}");
        assert!(found[0].2.contains(part), "{row}: {}", found[0].2);
    }
    // A message is for a person, whatever is in the file.
    fs::write(&rights, format!("{RIGHTS}{},12155550100,,assigned,,,,A\n", "é".repeat(1_000_000))).unwrap();
    let found = faults(&path);
    let end = format!("{}\"...", "é".repeat(64));
    assert!(found[0].2.len() < 200 && found[0].2.ends_with(&end), "{}", found[0].2.len());
    let many: String = (0..250).map(|_| "acme,zero,,assigned,,,,A\n").collect();
    fs::write(&rights, format!("{RIGHTS}{many}")).unwrap();
    let Err(LoadError::Faults(all)) = load(&path) else { panic!("no faults") };
    assert_eq!((all.named().len(), all.count(), all.named()[99].line), (100, 250, 118));
    assert!(all.to_string().ends_with("and 150 more"), "{all}");
}

#[test]
fn unknown_columns_keys_and_references_are_refused() {
    let (dir, path) = files();
    for (name, text, line, part) in [
        ("rights.csv", RIGHTS.replace("basis", "reason"), 1, "no column \"reason\""),
        ("rights.csv", RIGHTS.replace("max_level", "basis"), 1, "twice"),
        ("customers.csv", CUSTOMERS.replace(",kyc,", ",,"), 1, "no column \"\""),
        ("customers.csv", CUSTOMERS.replace("branch,example-telecom", "branch,nobody"), 3, "no provider"),
        (
            "customers.csv",
            CUSTOMERS.replace("end_user,acme,pending", "end_user,none,pending"),
            4,
            "no customer",
        ),
        (
            "customers.csv",
            CUSTOMERS.replace("acme,example-telecom,end_user,,", "acme,example-telecom,end_user,branch,"),
            2,
            "circle",
        ),
        ("customers.csv", CUSTOMERS.replace("other,", "acme,"), 6, "there already"),
        ("customers.csv", CUSTOMERS.replace("kyc-1", "kyc-2"), 2, "no evidence"),
        ("evidence.csv", EVIDENCE.replace("abab", "ab"), 5, "64 hex digits"),
        ("evidence.csv", EVIDENCE.replace("loa_pdf", "letter"), 3, "type \"letter\""),
        ("dno.csv", "numbers\n*\n".into(), 2, "1 to 15 digits"),
        ("policy.toml", TOML.replace("author", "autor"), 3, "autor"),
        ("policy.toml", TOML.replace("mode = \"enforce\"", ""), 1, "mode"),
        ("policy.toml", TOML.replace("customer = \"lapsed\"", "customer = \"none\""), 0, "no customer"),
        ("policy.toml", TOML.replace("customer = \"lapsed\"", ""), 0, "originate here"),
        ("policy.toml", TOML.replace("match = { uid = 5 }", "match = { }"), 0, "how it is recognized"),
        (
            "policy.toml",
            TOML.replace("trunks = [\"dialer\"]", "trunks = [\"dailer\"]"),
            0,
            "no trunk \"dailer\"",
        ),
        ("policy.toml", TOML.replace("cap = \"B\"", "cap = \"A\""), 0, "say one of"),
        ("policy.toml", TOML.replace("trunks = [\"dialer\"]", "trunks = []"), 0, "when.trunks is empty"),
        (
            "policy.toml",
            TOML.replacen("[[trunk]]", &format!("{OTHERS}[[trunk]]"), 1),
            0,
            "not of the provider of",
        ),
        ("rights.csv", RIGHTS.replacen("acme,12155550110,,", "acme,12155550110,;,", 1), 4, "no trunk"),
        ("policy.toml", TOML.replace("name = \"dialer\"", "name = \"teams\""), 0, "taken"),
    ] {
        let file = dir.path().join(name);
        let good = fs::read(&file).unwrap();
        assert_ne!(good, text.as_bytes(), "{part}");
        fs::write(&file, text).unwrap();
        let found = faults(&path);
        let is_it =
            |(of, at, message): &(String, u64, String)| of == name && *at == line && message.contains(part);
        assert!(found.iter().any(is_it), "{part}: {found:?}");
        fs::write(&file, good).unwrap();
    }
    assert!(load(&path).is_ok());
    fs::remove_file(dir.path().join("dno.csv")).unwrap();
    assert!(matches!(load(&path), Err(LoadError::Io { path, .. }) if path.ends_with("dno.csv")));
}

/// A provider, and a rule that has its certificate sign whatever trunk a call is on.
const OTHERS: &str = r#"
[[provider]]
id = "other-telecom"
spc = "5678"
profile = "us"
[[provider.certificate]]
id = "others"
key = "others.key"
certificate = "others.pem"
x5u = "https://cr.example.com/others.pem"
[[rule]]
id = "others"
certificate = "others"
note = "for calls of the other provider"
"#;

#[test]
fn emergencies_are_those_of_the_providers_countries() {
    for (profile, numbers, others) in [
        ("us", ["112", "911", "933", "17106274387"], ["15", "119"]),
        ("ca", ["112", "911", "933", "112"], ["17106274387", "15"]),
        ("fr", ["112", "15", "18", "116000"], ["911", "933"]),
    ] {
        let (_dir, path) = files();
        fs::write(&path, TOML.replace("profile = \"us\"", &format!("profile = \"{profile}\""))).unwrap();
        let policy = load(&path).unwrap();
        let is_emergency = |number: &str| policy.is_emergency(&TelephoneNumber::parse(number).unwrap());
        assert!(numbers.into_iter().all(is_emergency), "{profile}");
        assert!(!others.into_iter().any(is_emergency), "{profile}");
    }
}

#[test]
fn rows_that_say_two_things_of_a_number_are_named_both() {
    let (dir, path) = files();
    let rights = dir.path().join("rights.csv");
    let twice = "line 2 assigns to \"acme\"";
    let nothing = "line 2 gives \"acme\" the same";
    for (row, said) in [
        ("other,12155550105,,assigned,,,,A", Some(twice)),
        ("other,12155550095-12155550105,,ported_in,,2026-03-01,2026-03-02,B", Some(twice)),
        ("other,1215555*,teams,assigned,,,,A", Some(twice)),
        // What looks like an exception from line 2.
        ("acme,12155550105,,loa,loa-1,,,B", Some(nothing)),
        ("acme,1215555010*,teams;dialer,assigned,,2026-02-01,2026-02-01,", Some(nothing)),
        ("acme,12155550105,,assigned,,,2026-05-01,A", Some(nothing)),
        ("acme,12155550105,,assigned,,2026-07-01,,A", Some(nothing)),
        ("acme,12155550105,teams,loa,loa-1,,,A", Some(nothing)),
        ("acme,12155550105,,loa,loa-old,,,A", Some(nothing)),
        ("acme,12155550105,,delegate_cert,cert-1,,,A", Some(nothing)),
        ("branch,12155550105,,assigned,,,,B", Some(nothing)),
        // It gives some numbers that line 2 does not.
        ("acme,12155550095-12155550109,,assigned,,,,B", None),
        ("acme,12155550119-12155550125,,assigned,,2026-01-01,2026-12-31,A", None),
        // Before the row of line 2 begins.
        ("other,12155550105,,assigned,,,2025-12-31,A", None),
        ("acme,12155550105,,assigned,,,2025-12-31,B", None),
        // By a letter both may use them.
        ("other,12155550105,,loa,loa-1,,,A", None),
        ("other,12155550105,,lease,loa-1,,,B", None),
        // The customer of a customer.
        ("branch,12155550105,,assigned,,,,A", None),
        ("acme,12155550105,,assigned,,2026-01-01,,A", None),
        ("acme,12155550105,,ported_out,,2026-05-01,,B", None),
        ("other,12155550105,,ported_out,,2026-05-01,,B", None),
        ("other,12155550129,,assigned,,,,A", None),
    ] {
        fs::write(&rights, format!("{RIGHTS}{row}\n")).unwrap();
        let Some(said) = said else {
            assert!(load(&path).is_ok(), "{row}: {:?}", faults(&path));
            continue;
        };
        let found = faults(&path);
        assert!(found[0].2.contains(said) && !found[0].2.contains("121555"), "{row}: {found:?}");
        let lines: Vec<_> = found.iter().map(|(file, line, _)| (file.as_str(), *line)).collect();
        assert_eq!(lines.first(), Some(&("rights.csv", 19)), "{row}: {found:?}");
        assert_eq!(lines.len(), if row.contains("1215555*") { 11 } else { 1 }, "{row}: {found:?}");
    }
    // On other trunks the levels may differ.
    let split = RIGHTS.replace("12155550109,,assigned", "12155550109,dialer,assigned");
    fs::write(&rights, format!("{split}acme,12155550105,teams,assigned,,,,B\n")).unwrap();
    assert!(load(&path).is_ok());
    // Two providers may have the same number: one of them by a mistake of its own.
    let (provider, _) = OTHERS.split_once("[[rule]]").unwrap();
    fs::write(&path, TOML.replacen("[[trunk]]", &format!("{provider}[[trunk]]"), 1)).unwrap();
    let theirs = format!("{CUSTOMERS}theirs,other-telecom,end_user,,verified,,,\n");
    fs::write(dir.path().join("customers.csv"), theirs).unwrap();
    fs::write(&rights, format!("{RIGHTS}theirs,12155550105,,assigned,,,,A\n")).unwrap();
    assert!(load(&path).is_ok(), "{:?}", faults(&path));
}

#[test]
fn a_row_tells_where_it_is_from_and_since_when() {
    let (dir, path) = files();
    let rights = dir.path().join("rights.csv");
    let header = "customer,numbers,basis,max_level,source,updated_at\n";
    let rows = "acme,12155550100,assigned,A,inventory,2026-05-01T10:00:00Z\n\
                acme,12155550101,assigned,A,billing,2026-05-02\n";
    fs::write(&rights, format!("{header}{rows}")).unwrap();
    let policy = load(&path).unwrap();
    assert_eq!(policy.rights().len(), 1, "one right, whoever told of it");
    // The next import is of another moment, and says the same.
    fs::write(&rights, format!("{header}{rows}").replace("2026-05-02", "2026-05-03")).unwrap();
    assert_eq!(load(&path).unwrap().generation().id(), policy.generation().id());
    let bare = rows.replace(",inventory,2026-05-01T10:00:00Z", "").replace(",billing,2026-05-02", "");
    fs::write(&rights, format!("customer,numbers,basis,max_level\n{bare}")).unwrap();
    assert_eq!(load(&path).unwrap().generation().id(), policy.generation().id());
    fs::write(&rights, format!("{header}{rows}acme,12155550102,assigned,A,,lately\n")).unwrap();
    let found = faults(&path);
    assert_eq!((found.len(), found[0].1), (1, 4));
    assert!(found[0].2.starts_with("updated_at: "), "{found:?}");
}

#[test]
fn a_generation_is_the_content_and_not_its_spelling() {
    let (dir, path) = files();
    let id = || load(&path).unwrap().generation().id().to_owned();
    let first = id();
    assert_eq!((first.len(), id()), (16, first.clone()));
    let rights = dir.path().join("rights.csv");
    fs::write(&rights, RIGHTS.replace("acme,", "\"acme\" , ")).unwrap();
    fs::write(&path, format!("# a note\n{TOML}")).unwrap();
    assert_eq!(id(), first);
    for (file, text) in [
        (&rights, RIGHTS.replace("2026-07-01", "2026-07-02")),
        (&dir.path().join("dno.csv"), "numbers\n12155550190\n12155550189\n".into()),
        (&dir.path().join("customers.csv"), CUSTOMERS.replace("pending", "none")),
        (&dir.path().join("evidence.csv"), EVIDENCE.replace("compliance", "audit")),
        (&path, TOML.replace("cap = \"A\"", "cap = \"B\"")),
        (&path, TOML.replace("uid = 5", "uid = 5, mark = { header = \"X-Trunk\", value = \"5\" }")),
    ] {
        let before = fs::read(file).unwrap();
        fs::write(file, text).unwrap();
        assert_ne!(id(), first, "{}", file.display());
        fs::write(file, before).unwrap();
    }
    assert_eq!(load(&path).unwrap().generation().author.as_deref(), Some("compliance@example.com"));
    let signed = Loader::new(&path).with_author("bob".into()).load(NOW).unwrap();
    assert_eq!((signed.generation().author.as_deref(), signed.generation().loaded_at), (Some("bob"), NOW));
}

#[test]
fn a_diff_names_what_changed() {
    let ((old, old_path), (new, new_path)) = (files(), files());
    assert!(diff(&old_path, &new_path).unwrap().is_empty());
    let rights =
        RIGHTS.replace("acme,12155550110,,loa,loa-old,,,A\n", "").replace("2026-07-01", "2026-08-01");
    fs::write(new.path().join("rights.csv"), format!("{rights}other,12155550140,,assigned,,,,A\n")).unwrap();
    fs::write(&new_path, TOML.replacen("cap = \"A\"", "cap = \"B\"", 1)).unwrap();
    let changes = diff(&old_path, &new_path).unwrap();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0].keys, ["trunk.teams.cap"]);
    let rows = &changes[1].rows;
    assert_eq!(changes[1].from, old.path().join("rights.csv"));
    assert_eq!(rows.len(), 3, "{rows:?}");
    for change in
        [Change::Removed { line: 4 }, Change::Changed { from: 8, to: 7 }, Change::Added { line: 18 }]
    {
        assert!(rows.contains(&change), "{change:?} {rows:?}");
    }
}

#[test]
fn what_is_between_two_policies_is_what_each_number_says() {
    let ((_old, old), (new, new_path)) = (files(), files());
    // Ranges that begin and end within, at and beyond those of the other.
    let rights = RIGHTS
        .replace("12155550100-12155550109,,assigned", "12155550098-12155550104,teams,assigned")
        .replace("acme,12155550112,,loa,,,,A\n", "acme,12155550106-12155550109,,assigned,,,,A\n")
        .replace("other,12155550118,", "other,1215555012*,")
        .replace("branch,12155550120,,assigned", "branch,12155550120,,loa")
        .replace("newcomer,12155550121,,assigned", "newcomer,12155550121,,loa");
    fs::write(new.path().join("rights.csv"), rights).unwrap();
    fs::write(new.path().join("dno.csv"), "numbers\n12155550185-12155550189\n").unwrap();
    let (before, after) = (load(&old).unwrap(), load(&new_path).unwrap());
    let told = between(&before, &after);
    let rows = |policy: &Policy, number: u64| -> Vec<String> {
        let rights = policy.rights_to(E164::of_digits(&number.to_string()).unwrap());
        rights.map(|right| policy.right_row(right)).collect()
    };
    let mut left: Vec<_> = told.rights.iter().map(|change| change.count).collect();
    for number in 12_155_550_000..12_155_551_000 {
        let (old, new) = (rows(&before, number), rows(&after, number));
        let gone: Vec<_> = old.iter().filter(|row| !new.contains(row)).cloned().collect();
        let fresh: Vec<_> = new.iter().filter(|row| !old.contains(row)).cloned().collect();
        let place = told.rights.iter().position(|change| change.gone == gone && change.new == fresh);
        assert_eq!(place.is_none(), gone.is_empty() && fresh.is_empty(), "{number}");
        if let Some(place) = place {
            let (first, last) = told.rights[place].span;
            assert!((first..=last).contains(&number), "{number}");
            left[place] -= 1;
        }
    }
    // Shorter and longer numbers have the prefix too.
    let prefix = told.rights.iter().position(|change| change.new == ["other,,assigned,,,,A"]).unwrap();
    left[prefix] -= 1 + 100 + 1_000 + 10_000 + 100_000;
    assert!(left.iter().all(|count| *count == 0), "{left:?}");
    assert_eq!((told.do_not_originate, told.unallocated), ([5, 1], [0, 0]));
    assert!(between(&before, &before).is_empty());
}

#[test]
fn a_compiled_policy_is_the_same() {
    let (dir, path) = files();
    let to = dir.path().join("policy.shaken");
    let loader = Loader::new(&path);
    let Compiled { generation, rows } = loader.compile(&to, NOW).unwrap();
    assert_eq!(rows, 17);
    let (read, compiled) = (loader.load(NOW).unwrap(), Loader::new(&to).load(NOW + 9).unwrap());
    assert_eq!(compiled.generation(), &generation);
    assert_eq!((compiled.rights(), compiled.evidence()), (read.rights(), read.evidence()));
    assert_eq!(compiled.numbers().count(), read.numbers().count());
    for value in 12_155_550_090..12_155_550_210_u64 {
        let number = E164::of_digits(&value.to_string()).unwrap();
        assert!(compiled.rights_to(number).eq(read.rights_to(number)), "{value}");
        assert_eq!(compiled.do_not_originate.lookup(number), read.do_not_originate.lookup(number));
        assert_eq!(compiled.unallocated.lookup(number), read.unallocated.lookup(number));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 7, "nothing half-written is left");
}

#[test]
fn a_damaged_compiled_policy_is_refused_whatever_byte_it_is() {
    let (dir, path) = files();
    let to = dir.path().join("policy.shaken");
    Loader::new(&path).compile(&to, NOW).unwrap();
    let good = fs::read(&to).unwrap();
    let refuses = |bytes: &[u8]| {
        fs::write(&to, bytes).unwrap();
        load(&to).is_err()
    };
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(refuses(&bytes), "byte {at}");
    }
    for len in 0..good.len() {
        assert!(refuses(&good[..len]), "cut to {len}");
    }
    assert!(refuses(&[&good[..], &[0; 8]].concat()));
    let mut newer = good.clone();
    newer[8] = 3;
    fs::write(&to, newer).unwrap();
    let error = load(&to).unwrap_err();
    assert!(
        matches!(error, LoadError::Snapshot { error: SnapshotError::Version { found: 3 }, .. }),
        "{error}"
    );
    assert!(!refuses(&good));
}

#[test]
fn a_compiled_policy_with_checksums_of_a_liar_leads_nowhere() {
    let (dir, path) = files();
    let to = dir.path().join("policy.shaken");
    Loader::new(&path).compile(&to, NOW).unwrap();
    let good = fs::read(&to).unwrap();
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let sections = u32::from_le_bytes(good[12..16].try_into().unwrap()) as usize;
    let mut refused = 0;
    let mut tried = 0;
    for entry in (0..sections).map(|i| 32 + 24 * i) {
        let (place, len) = (word(&good, entry + 8), word(&good, entry + 16));
        for at in (place..place + len).step_by(if entry < 32 + 24 * 5 { 97 } else { 1 }) {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                let crc = crc32c::crc32c(&bytes[place..(place + len).next_multiple_of(8)]);
                bytes[entry + 4..entry + 8].copy_from_slice(&crc.to_le_bytes());
                let head = 32 + 24 * sections;
                let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..24]), &bytes[32..head]);
                bytes[24..28].copy_from_slice(&crc.to_le_bytes());
                fs::write(&to, &bytes).unwrap();
                tried += 1;
                let Ok(policy) = load(&to) else {
                    refused += 1;
                    continue;
                };
                for value in 12_155_550_090..12_155_550_210_u64 {
                    let number = E164::of_digits(&value.to_string()).unwrap();
                    let _ = policy.rights_to(number).count();
                }
                policy.numbers().visit_runs(|_, _, _| {});
            }
        }
    }
    assert!(tried > 300 && refused > 100, "{refused} of {tried}");
}
