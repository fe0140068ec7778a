//! `shaken policy` on the example policy, as scripts and people use it.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use running::{json_lines, run};
use serde_json::{Value, json};
use tempfile::TempDir;

const FILES: [&str; 4] = ["policy.toml", "rights.csv", "customers.csv", "evidence.csv"];
const TO: &str = "12155550171";

/// The example in a folder of its own.
struct Example(TempDir);

impl Example {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy");
        for name in FILES {
            fs::copy(from.join(name), folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn toml(&self) -> String {
        self.path("policy.toml").to_str().unwrap().to_owned()
    }

    fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let edited = edit(text.clone());
        assert_ne!(edited, text);
        fs::write(self.path(name), edited).unwrap();
    }
}

fn policy(args: &[&str]) -> Output {
    run(&[&["policy"], args].concat(), b"")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What is explained of a call on 2026-06-01.
fn explain(file: &str, trunk: &str, from: &str, more: &[&str]) -> Value {
    let args = ["explain", "--policy", file, "--trunk", trunk, "--from", from, "--json"];
    let at = ["--at", "2026-06-01T00:00:00Z"];
    let output = policy(&[&args[..], &at, more].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let mut lines = json_lines(&output);
    assert_eq!(lines.len(), 1);
    lines.remove(0)
}

#[test]
fn a_good_policy_is_named_by_its_generation() {
    let example = Example::new();
    let output = policy(&["check", &example.toml()]);
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
    let generation = explain(&example.toml(), "teams", "12155550100", &["--to", TO]);
    let generation = generation["generation"].as_str().unwrap();
    assert_eq!(stderr(&output), format!("shaken: {} is good: generation {generation}\n", example.toml()));
}

#[test]
fn a_trunk_that_no_call_reaches_is_told() {
    let example = Example::new();
    let first = "match = { peer = \"sbc-1\" }";
    let marked = "match = { peer = \"sbc-1\", mark = { otg = \"tg7\" } }";
    example.edit("policy.toml", |text| text.replace("match = { peer = \"dialer-1\" }", marked));
    let output = policy(&["check", &example.toml()]);
    let never = "trunk \"dialer\" is never reached: \"teams\" before it";
    assert!(code(&output) == 0 && stderr(&output).contains(never), "{}", stderr(&output));
    // The one with the mark before the one without.
    example.edit("policy.toml", |text| {
        text.replace(marked, "match = { peer = \"later\" }")
            .replace(first, marked)
            .replace("\"later\"", "\"sbc-1\"")
    });
    let output = policy(&["check", &example.toml()]);
    assert!(code(&output) == 0 && !stderr(&output).contains("never"), "{}", stderr(&output));
}

#[test]
fn wrong_rows_are_named_by_file_and_line_without_their_numbers() {
    let example = Example::new();
    example.edit("rights.csv", |text| {
        text + "acme,121555501990000000,,assigned,,,,A\n12155550177,acme,,assigned,,,,A\n\
                acme,12155550100,,loa,12155550178,,,A\nacme,12155550100,,assigned,,12155550179,,A\n"
    });
    example.edit("customers.csv", |text| text + "12155550176,nobody,end_user,,none,,,\n");
    let output = policy(&["check", &example.toml()]);
    let told = stderr(&output);
    assert_eq!((code(&output), stdout(&output).as_str()), (78, ""), "{told}");
    let rights = example.path("rights.csv");
    for line in 7..=10 {
        assert!(told.contains(&format!("{}:{line}: ", rights.display())), "{told}");
    }
    assert!(told.contains(&format!("{}:4: there is no provider", example.path("customers.csv").display())));
    // The first was cut off by nothing but its length, the others stand where no number belongs.
    for number in ["1215555", "12155550176", "12155550177", "12155550178", "12155550179"] {
        assert!(!told.contains(number), "{told}");
    }
    for command in [
        &["explain", "--policy", &example.toml(), "--trunk", "teams", "--from", "1", "--to", "1"][..],
        &["compile", &example.toml(), example.path("out").to_str().unwrap()],
    ] {
        let output = policy(command);
        assert_eq!((code(&output), stderr(&output)), (78, told.clone()));
    }
    assert!(!example.path("out").exists());
}

#[test]
fn a_wrong_customer_is_nobodys_parent() {
    let example = Example::new();
    example.edit("customers.csv", |_| {
        let header = "customer,provider,kind,parent,kyc,verified_at,expires_at,evidence";
        format!("{header}\nbranch,example-telecom,end_user,acme,pending,,,\nacme,example-telecom,end_user,,none,x,,\n")
    });
    let output = policy(&["check", &example.toml()]);
    let told = stderr(&output);
    assert_eq!(code(&output), 78, "{told}");
    for part in ["customers.csv:3: \"x\" is no day", "customers.csv:2: there is no customer \"acme\""] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn wrong_keys_are_named_by_line_without_their_numbers() {
    for (good, bad, line) in [
        ("author =", "autor =", 7),
        ("when = { to = [\"1900*\"] }", "when = { to = [12155550177] }", 42),
        ("mode = \"observe\"", "mode = \"12155550177\"", 6),
    ] {
        let example = Example::new();
        example.edit("policy.toml", |text| text.replace(good, bad));
        let output = policy(&["check", &example.toml()]);
        let told = stderr(&output);
        assert_eq!(code(&output), 78, "{told}");
        assert!(told.starts_with(&format!("shaken: {}:{line}: ", example.toml())), "{told}");
        assert!(!told.contains("12155550177"), "{told}");
    }
    let output = policy(&["check", "/nowhere/policy.toml"]);
    assert_eq!(code(&output), 74);
    assert!(!stderr(&output).contains("policy compile"), "{}", stderr(&output));
}

#[test]
fn a_decision_is_explained_before_there_is_a_certificate() {
    let example = Example::new();
    let of = |trunk, from, more: &[&str]| {
        let said = explain(&example.toml(), trunk, from, &[&["--to", TO], more].concat());
        let word = |name: &str| said[name].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            word("outcome"),
            word("attest"),
            word("reason"),
            said["certificate"]["state"].as_str().unwrap()
        )
    };
    for (trunk, from, more, expected) in [
        ("teams", "12155550100", &[][..], "sign A RIGHT_OK not-looked-at"),
        ("teams", "+1 (215) 555-0100", &[], "sign A RIGHT_OK not-looked-at"),
        ("teams", "12155550100", &["--attest", "C"], "sign C CAPPED_BY_REQUEST not-looked-at"),
        ("teams", "12155550116", &[], "sign B PORTED_OUT not-looked-at"),
        ("teams", "12155550140", &[], "sign A RIGHT_OK not-looked-at"),
        ("teams", "12155550141", &[], "sign B EVIDENCE_EXPIRED not-looked-at"),
        ("teams", "12155550150", &[], "sign B HOLDER_UNVETTED not-looked-at"),
        ("teams", "12125550142", &["--diverting", "12155550100"], "sign B DIV_CALLER not-looked-at"),
        ("teams", "12155550100", &["--to", "19005550100"], "block - RULE_BLOCK not-needed"),
        ("teams", "anonymous", &[], "unsigned - TN_ANONYMOUS not-needed"),
        ("teams", "nobody", &[], "unsigned - TN_INVALID not-needed"),
        ("teams", "442079460000", &[], "sign B RIGHT_NONE missing"),
        ("dialer", "12155550140", &["--attest", "A"], "sign B RIGHT_NOT_ON_TRUNK not-looked-at"),
        ("dialer", "12155550110", &["--attest", "A"], "sign B RULE_CAP not-looked-at"),
        ("dialer", "12155550100", &[], "sign C CAPPED_BY_REQUEST not-looked-at"),
        ("nowhere", "12155550100", &[], "unsigned - TRUNK_UNKNOWN not-needed"),
    ] {
        assert_eq!(of(trunk, from, more), expected, "{trunk} {from} {more:?}");
    }
    let later = ["--to", TO, "--at", "2027-06-01T00:00:00Z"];
    let args =
        ["explain", "--policy", &example.toml(), "--trunk", "teams", "--from", "12155550140", "--json"];
    assert_eq!(json_lines(&policy(&[&args[..], &later].concat()))[0]["reason"], "EVIDENCE_EXPIRED");
}

#[test]
fn an_explanation_has_all_stages() {
    let example = Example::new();
    // With another number beside it, it is no emergency.
    let both = ["--to", TO, "--to", "911", "--attest", "A"];
    let said = explain(&example.toml(), "dialer", "12155550110", &both);
    assert_eq!(said["trail"][0]["reason"], "RIGHT_OK");
    let call = ["--to", "911", "--to", "933", "--attest", "A"];
    let said = explain(&example.toml(), "dialer", "12155550110", &call);
    let trail: Vec<_> = said["trail"].as_array().unwrap().iter().map(|step| &step["reason"]).collect();
    assert_eq!(trail, ["EMERGENCY", "RIGHT_OK", "RULE_CAP"]);
    assert_eq!(said["trail"][1]["leaves"], "A");
    assert_eq!(
        [&said["orig"], &said["dest"], &said["trunk"], &said["customer"], &said["decided_by"], &said["mode"]],
        [
            &json!("12155550110"),
            &json!(["911", "933"]),
            &json!("dialer"),
            &json!("acme"),
            &json!("example-telecom"),
            &json!("observe")
        ]
    );
    assert_eq!((&said["rule"], &said["time"]), (&json!("rule \"campaign\""), &json!("2026-06-01T00:00:00Z")));
    let args = ["explain", "--policy", &example.toml(), "--trunk", "dialer", "--from", "12155550110"];
    let output = policy(&[&args[..], &call].concat());
    let text = stdout(&output);
    for part in ["12155550110 -> 911, 933", "sign B", "RULE_CAP: a rule allows no more", "not looked at"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_compiled_policy_says_the_same() {
    let example = Example::new();
    let out = example.path("policy.shaken").to_str().unwrap().to_owned();
    let output = policy(&["compile", &example.toml(), &out]);
    let call = ["--to", TO];
    let said = explain(&example.toml(), "teams", "12155550140", &call);
    let len = fs::metadata(&out).unwrap().len();
    let expected =
        format!("generation  {}\nrows        5\nbytes       {len}\n", said["generation"].as_str().unwrap());
    assert_eq!((code(&output), stdout(&output)), (0, expected));
    assert_eq!(explain(&out, "teams", "12155550140", &call), said);
    assert_eq!(code(&policy(&["check", &out])), 0);
    let mut bytes = fs::read(&out).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(&out, bytes).unwrap();
    let output = policy(&["check", &out]);
    assert_eq!(code(&output), 65);
    assert!(stderr(&output).contains("shaken policy compile"), "{}", stderr(&output));
}

#[test]
fn a_diff_names_lines_and_ends_like_diff() {
    let (old, new) = (Example::new(), Example::new());
    let both = ["diff", &old.toml(), &new.toml()];
    let output = policy(&both);
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
    new.edit("rights.csv", |text| {
        text.replace("acme,12155550116,,ported_out,,2026-02-01,,B\n", "").replace("loa-2", "loa-1")
            + "branch,12155550151,,assigned,,,,A\n"
    });
    new.edit("policy.toml", |text| text.replace("auth = \"ip\"", "auth = \"digest\""));
    let output = policy(&both);
    let (from, to) = (old.path("rights.csv"), new.path("rights.csv"));
    let (from, to) = (from.display(), to.display());
    let expected = format!("~ {} trunk.dialer.auth\n- {from}:3\n~ {from}:5 {to}:4\n+ {to}:6\n", new.toml());
    assert_eq!((code(&output), stdout(&output)), (1, expected));
    let output = policy(&[&both[..], &["--json"]].concat());
    let lines = json_lines(&output);
    let kinds: Vec<_> = lines.iter().map(|line| line["change"].as_str().unwrap()).collect();
    assert_eq!((code(&output), kinds), (1, vec!["key", "removed", "changed", "added"]));
    assert_eq!((&lines[2]["from_line"], &lines[2]["to_line"]), (&json!(5), &json!(4)));
    assert_eq!(code(&policy(&["diff", &old.toml(), "/nowhere/policy.toml"])), 74);
}

#[test]
fn compiled_policies_are_compared_by_number_and_listed_by_time() {
    let example = Example::new();
    let kept = example.path("generations");
    fs::create_dir(&kept).unwrap();
    let compiled = |name: &str| kept.join(name).to_str().unwrap().to_owned();
    let [first, second, third] = ["1.shaken", "2.shaken", "3.shaken"].map(compiled);
    let compile = |to: &str| assert_eq!(code(&policy(&["compile", &example.toml(), to])), 0);
    compile(&first);
    example.edit("rights.csv", |text| {
        text.replace("acme,12155550116,,ported_out,,2026-02-01,,B\n", "").replace("loa-2", "loa-1")
            + "branch,12155550151,,assigned,,,,A\n"
    });
    example.edit("policy.toml", |text| text.replace("auth = \"ip\"", "auth = \"digest\""));
    compile(&second);
    example.edit("customers.csv", |text| text.replace("branch,example-telecom", "office,example-telecom"));
    example.edit("rights.csv", |text| text.replace("branch,", "office,"));
    compile(&third);
    let expected = "~ policy.toml trunk.dialer.auth\n\
        ~ rights.csv xxxxxxxxx16: - acme,,ported_out,,2026-02-01,,B\n\
        ~ rights.csv xxxxxxxxx41: - acme,,loa,loa-2,,,A; + acme,,loa,loa-1,,,A\n\
        ~ rights.csv xxxxxxxxx51: + branch,,assigned,,,,A\n";
    let output = policy(&["diff", &first, &second]);
    assert_eq!((code(&output), stdout(&output).as_str()), (1, expected), "{}", stderr(&output));
    // What is in force now, and the files that it is of.
    let output = policy(&["diff", &third, &example.toml()]);
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""), "{}", stderr(&output));
    let output = policy(&["diff", &second, &example.toml()]);
    let expected = "- customers.csv branch\n+ customers.csv office\n~ rights.csv 2 numbers in xxxxxxxxx50 to \
        xxxxxxxxx51: - branch,,assigned,,,,A; + office,,assigned,,,,A\n";
    assert_eq!((code(&output), stdout(&output).as_str()), (1, expected), "{}", stderr(&output));
    let output = policy(&["diff", &second, &example.toml(), "--json"]);
    let told = &json_lines(&output)[0];
    assert_eq!(told["customers"][0], json!({ "name": "branch", "change": "-" }));
    assert_eq!((&told["rights"][0]["numbers"], &told["keys"]), (&json!(2), &json!([])));
    assert!(!stdout(&output).contains("121555"), "{told}");
    example.edit("evidence.csv", |text| text.replace("loa-1,", "loa-12155550141,"));
    example.edit("rights.csv", |text| text.replace("loa-1,", "loa-12155550141,"));
    let toml = example.toml();
    for format in [None, Some("--json")] {
        let args: Vec<_> = ["diff", &third, &toml].into_iter().chain(format).collect();
        let output = policy(&args);
        let told = stdout(&output);
        assert!(
            code(&output) == 1 && told.contains("loa-xxxxxxxxx41") && !told.contains("loa-1215"),
            "{told}"
        );
    }

    let output = policy(&["generations", kept.to_str().unwrap()]);
    let told = stdout(&output);
    let lines: Vec<_> = told.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let changes: Vec<_> = lines.iter().map(|(_, changes)| *changes).collect();
    assert_eq!(changes, ["the first", "numbers 3, keys of policy.toml 1", "numbers 2, customers 2"]);
    assert!(lines.iter().all(|(head, _)| head.ends_with(" compliance@example.com")), "{told}");
    let lines = json_lines(&policy(&["generations", kept.to_str().unwrap(), "--json"]));
    assert_eq!((&lines[0]["changed"], &lines[2]["changed"]["numbers"]), (&Value::Null, &json!(2)));
    // A file of another version is of no use, and in nobody's way.
    let mut bytes = fs::read(&second).unwrap();
    bytes[8] += 1;
    fs::write(&second, bytes).unwrap();
    let output = policy(&["generations", kept.to_str().unwrap()]);
    assert_eq!((code(&output), stdout(&output).lines().count()), (0, 2));
    assert!(stderr(&output).contains("1 policies are of another version"), "{}", stderr(&output));
    for bytes in [&b"SHKNPOL\n"[..], b"", b"mode = \"enforce\"\n"] {
        fs::write(&second, bytes).unwrap();
        let output = policy(&["generations", kept.to_str().unwrap()]);
        assert_eq!((code(&output), stdout(&output).as_str()), (65, ""));
        assert!(stderr(&output).contains("the compiled policy is damaged"), "{}", stderr(&output));
    }
    assert_eq!(code(&policy(&["generations", "/nowhere"])), 74);
}
