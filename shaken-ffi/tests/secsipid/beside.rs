//! The same calls with the original: where the codes differ, and why.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::called::{self, CALLED, CALLER, Keys, Library, REQUIRED, has_original, unix_now};
use crate::rig::output;
use crate::tokens::Forge;
use crate::tool;

/// A call, our code, that of the original 1.2.0, and why they differ if they do.
struct Row {
    name: &'static str,
    call: String,
    ours: i32,
    original: i32,
    why: &'static str,
}

fn same(name: &'static str, call: String, code: i32) -> Row {
    Row { name, call, ours: code, original: code, why: "" }
}

fn differs(name: &'static str, call: String, ours: i32, original: i32, why: &'static str) -> Row {
    assert!(!why.is_empty() && ours != original);
    Row { name, call, ours, original, why }
}

#[test]
fn headers_and_tokens_get_the_codes_of_the_original_or_stricter_ones() {
    let keys = Keys::new();
    let forge = Forge::new(&keys);
    let none = json!({});
    let now = unix_now();
    let public = keys.path("provider.pub");
    let full = |value: &str| format!("full\t{value}\t300\t{public}\t2");
    let header = |header, payload| full(&(forge.token(header, payload) + &forge.params()));
    let with = |params: &str| full(&(forge.token(&none, &none) + params));
    let good = forge.token(&none, &none);
    let whole = good.clone() + &forge.params();
    let (start, signature) = good.rsplit_once('.').unwrap();
    let x5u = keys.x5u();
    let tampered = {
        let other = if signature.starts_with('A') { "B" } else { "A" };
        format!("{start}.{other}{}{}", &signature[1..], forge.params())
    };
    let payload_changed = {
        let (front, payload) = start.rsplit_once('.').unwrap();
        let other = forge.token(&none, &json!({"orig": {"tn": "12155550199"}}));
        assert_ne!(other.split('.').nth(1), Some(payload));
        format!("{front}.{}.{signature}{}", other.split('.').nth(1).unwrap(), forge.params())
    };
    let with_key = |key: &str| format!("full\t{whole}\t300\t{}\t2", keys.path(key));
    let hex: String = whole.bytes().map(|byte| format!("{byte:02x}")).collect();
    let with_nul = format!("{}00{}", &hex[..60], &hex[62..]);

    let rows = vec![
        same("good", full(&whole), 0),
        same("good, by length", full(&format!("hex:{hex}")), 0),
        same("good, a certificate", with_key("provider.pem"), 0),
        same("good, a URL of a file", with_key("provider.pem").replace("\t/", "\tfile:///"), 0),
        same("good, the token alone", format!("check\t{good}\t300\t{public}\t2"), 0),
        same("good, the key itself", format!("key\t{whole}\t300\t@{public}"), 0),
        same("good, token and key itself", format!("key\t{good}\t300\t@{public}"), 0),
        same("numbers with +", header(&none, &json!({"orig": {"tn": "+12155550121"}})), 0),
        same("no parameter ppt", with(&format!(";info=<{x5u}>;alg=ES256")), 0),
        same("ppt in quotes", with(&format!(";info=<{x5u}>;alg=ES256;ppt=\"shaken\"")), 0),
        same("white space", with(&format!(" ; info=<{x5u}> ; alg=ES256 ; ppt=shaken")), 0),
        differs(
            "alg in quotes",
            with(&format!(";info=<{x5u}>;alg=\"ES256\"")),
            0,
            -302,
            "RFC 8224 has examples of both",
        ),
        same("tampered signature", full(&tampered), -251),
        same("tampered payload", full(&payload_changed), -251),
        same("another key", with_key("other.pub"), -251),
        same("expired", header(&none, &json!({"iat": now - 4_000})), -232),
        same("no iat", header(&none, &json!({"iat": null})), -232),
        same("negative age", format!("full\t{whole}\t-10\t{public}\t2"), -232),
        differs(
            "iat ahead",
            header(&none, &json!({"iat": now + 4_000})),
            -232,
            0,
            "a token for later could be replayed until then",
        ),
        same("alg none", header(&json!({"alg": "none"}), &none), -202),
        differs(
            "alg none, the token alone",
            format!("check\t{}\t300\t{public}\t2", forge.token(&json!({"alg": "none"}), &none)),
            -202,
            0,
            "the algorithm is ES256 in every form",
        ),
        differs("no alg", header(&json!({"alg": null}), &none), -202, 0, "RFC 8225 §4: it must be there"),
        differs("no ppt", header(&json!({"ppt": null}), &none), -203, 0, "RFC 8588: it must be there"),
        same("ppt div", header(&json!({"ppt": "div"}), &none), -203),
        same("typ JWT", header(&json!({"typ": "JWT"}), &none), -204),
        same("x5u of another host", header(&json!({"x5u": "https://other.example.com/a.pem"}), &none), -205),
        differs("attest Z", header(&none, &json!({"attest": "Z"})), -231, 0, "RFC 8588: A, B or C"),
        differs("no orig", header(&none, &json!({"orig": null})), -231, 0, "RFC 8225 §5: it must be there"),
        same("payload no JSON", full(&(forge.with_payload("no JSON") + &forge.params())), -231),
        same("compact form", full(&format!("..{signature}{}", forge.params())), -231),
        same("short signature", full(&format!("{start}.{}{}", &signature[..20], forge.params())), -253),
        same("two segments", full(&format!("{start}{}", forge.params())), -301),
        same("no parameters", full(&good), -301),
        same("alg RS256", with(&format!(";info=<{x5u}>;alg=RS256;ppt=shaken")), -302),
        same("ppt div outside", with(&format!(";info=<{x5u}>;alg=ES256;ppt=div")), -303),
        differs("no info", with(";alg=ES256;ppt=shaken"), -305, -303, "the code of 1.3"),
        differs("info without <>", with(&format!(";info={x5u}")), -305, 0, "RFC 8224 §4"),
        same("empty", full(""), -301),
        same("NULL", full("NULL"), -301),
        same("64 KB", full(&"A".repeat(65_536)), -301),
        differs("a NUL in it", full(&format!("hex:{with_nul}")), -301, -251, "no header has one"),
        same("no such key file", with_key("nothing"), -451),
        same("a folder", with_key(""), -451),
        same("no key path, the token alone", format!("check\t{good}\t300\tNULL\t2"), -451),
        same("key file of text", with_key("text"), -102),
        same("empty key file", with_key("empty"), -102),
        same("RSA key", with_key("rsa.pub"), -114),
        differs("P-384 key", with_key("p384.pub"), -114, -251, "the curve is P-256"),
        differs(
            "private key",
            with_key("provider.key"),
            -102,
            -101,
            "it is neither certificate nor public key",
        ),
    ];
    compare(rows);
}

#[test]
fn signing_gets_the_codes_of_the_original_or_stricter_ones() {
    let keys = Keys::new();
    let key = keys.path("provider.key");
    let x5u = keys.x5u();
    let identity = |orig: &str, attest: &str, x5u: &str, key: &str| {
        format!("identity\t{orig}\t{CALLED}\t{attest}\tid-1\t{x5u}\t{key}")
    };
    let usual = |key: &str| identity(CALLER, "A", &x5u, &keys.path(key));
    let rows = vec![
        same("no such file", usual("nothing"), -451),
        same("a folder", usual(""), -451),
        same("text", usual("text"), -152),
        same("a public key", usual("provider.pub"), -151),
        same("all NULL", "identity\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL".to_owned(), -451),
        differs("RSA", usual("rsa.key"), -151, -152, "no private key on P-256, of whatever kind"),
        same("header no JSON", format!("json\tx\t{{}}\t{}", keys.path("text")), 0),
        same("unknown option", "set-v\tNope=1".to_owned(), -1),
        same("unknown text", "set-s\tNope\tx".to_owned(), -1),
        same("unknown number", "set-n\tNope\t1".to_owned(), -1),
        same("option", "set-v\tCertVerify=5".to_owned(), 0),
        differs("no number", "set-v\tCertVerify=five".to_owned(), -1, 0, "it would turn all checks off"),
        differs("number out of range", "set-n\tCertVerify\t64".to_owned(), -1, 0, "there is no such bit"),
        differs("AttrsVerify", "set-v\tAttrsVerify=1".to_owned(), 0, -1, "an option of 1.3"),
    ];
    compare(rows);
    // The original signs these; nobody could verify what it writes.
    for call in [
        identity("anonymous", "A", &x5u, &key),
        identity(CALLER, "Z", &x5u, &key),
        identity(CALLER, "A", "http://cr.example.com/a.pem", &key),
        identity(CALLER, "A", "https://127.0.0.1/a.pem", &key),
        usual("p384.key"),
    ] {
        assert!(Library::Ours.code(&call) < 0, "{call}");
        assert!(!has_original() || Library::Original.code(&call) > 0, "{call}");
    }
}

fn compare(rows: Vec<Row>) {
    let calls: Vec<_> = rows.iter().map(|row| row.call.clone()).collect();
    let ours = Library::Ours.call(&calls);
    let original = has_original().then(|| Library::Original.call(&calls));
    let mut wrong = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let codes = (ours[at].0, original.as_ref().map(|original| original[at].0));
        if codes.0 != row.ours || codes.1.is_some_and(|code| code != row.original) {
            wrong.push(format!("{}: {codes:?} and not {:?}", row.name, (row.ours, row.original)));
        }
        if row.ours != row.original {
            println!("{}: {}, the original {}: {}", row.name, row.ours, row.original, row.why);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_one_library_signs_the_other_accepts() {
    if !has_original() {
        return;
    }
    let keys = Keys::new();
    let public = keys.path("provider.pub");
    for (signer, checker) in [
        (Library::Ours, Library::Original),
        (Library::Original, Library::Ours),
        (Library::Ours, Library::Ours),
    ] {
        let signed = signer.call(&[keys.identity(), keys.identity().replace("\tA\t", "\tC\t")]);
        for (len, header) in signed {
            assert_eq!(usize::try_from(len).unwrap(), header.len(), "{signer:?}: {header}");
            let token = header.split(';').next().unwrap();
            let checks = [
                format!("full\t{header}\t60\t{public}\t2"),
                format!("key\t{header}\t60\t@{public}"),
                format!("check\t{token}\t60\t{public}\t2"),
            ];
            for (code, _) in checker.call(&checks) {
                assert_eq!(code, 0, "{signer:?} to {checker:?}: {header}");
            }
        }
    }
    // Both write the same but for time and random value.
    let parts = |library: Library| {
        let header = library.call(&[keys.identity()])[0].1.clone();
        let (token, params) = header.split_once(';').unwrap();
        (token.split('.').next().unwrap().to_owned(), params.to_owned(), token.len())
    };
    assert_eq!(parts(Library::Ours), parts(Library::Original));
}

#[test]
fn the_command_of_the_original_and_the_library_accept_each_other() {
    let Some(secsipidx) = tool::find("secsipidx", REQUIRED, "secsipidx") else { return };
    let keys = Keys::new();
    let (key, public) = (keys.path("provider.key"), keys.path("provider.pub"));
    let signed = output(Command::new(&secsipidx).args([
        "-sign-full",
        "-orig-tn",
        CALLER,
        "-dest-tn",
        CALLED,
        "-attest",
        "A",
        "-x5u",
        &keys.x5u(),
        "-k",
        &key,
    ]));
    let signed = signed.trim();
    assert_eq!(Library::Ours.code(&format!("full\t{signed}\t60\t{public}\t2")), 0, "{signed}");

    let ours = Library::Ours.call(&[keys.identity()])[0].1.clone();
    let file = keys.folder().join("identity");
    let accepts = |identity: &str| {
        fs::write(&file, identity).unwrap();
        let mut command = Command::new(&secsipidx);
        command.arg("-check").arg("-fidentity").arg(&file).args(["-fpubkey", &public, "-expire", "60"]);
        command.output().unwrap().status.success()
    };
    assert!(accepts(&ours));
    assert!(!accepts(&called::flip(&ours)));
}

#[test]
fn tokens_of_json_are_signed_as_they_are() {
    let keys = Keys::new();
    let forge = Forge::new(&keys);
    let header = format!(r#" {{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{}"}} "#, keys.x5u());
    let payload = format!(
        r#"{{"attest":"A","dest":{{"tn":["{CALLED}"]}},"iat":{},"orig":{{"tn":"{CALLER}"}},"origid":"x"}}"#,
        unix_now()
    );
    let key = keys.path("provider.key");
    let calls =
        [format!("json\t{header}\t{payload}\t{key}"), format!("json-key\t{header}\t{payload}\t@{key}")];
    for (len, token) in Library::Ours.call(&calls) {
        assert_eq!(usize::try_from(len).unwrap(), token.len());
        let start = forge.sign(header.trim(), payload.trim());
        assert_eq!(token.rsplit_once('.').unwrap().0, start.rsplit_once('.').unwrap().0);
        let check = format!("check\t{token}\t60\t{}\t2", keys.path("provider.pub"));
        assert_eq!(Library::Ours.code(&check), 0);
        assert!(!has_original() || Library::Original.code(&check) == 0);
    }
    for bad in ["{}", "[]", "", "x", r#"{"alg":"none","ppt":"shaken","typ":"passport","x5u":"a"}"#] {
        let call = format!("json\t{bad}\t{payload}\t{key}");
        assert_eq!(Library::Ours.call(&[call])[0], (0, String::new()), "{bad}");
    }
}
