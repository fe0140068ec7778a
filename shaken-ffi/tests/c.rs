//! Programs in C on the library: what they use, on what it is linked with, and what watches them.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod rig;
#[path = "../../shaken-sidecar/tests/tool/mod.rs"]
mod tool;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use rig::{Link, Rig, checked, compile, make, output};

/// Set to 1 where a missing program is a failure.
const REQUIRED: &str = "SHAKEN_FFI_TOOLS_REQUIRED";

const STRICT: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

#[test]
fn the_header_is_c99_and_cpp17() {
    let Some(_) = tool::find("c++", REQUIRED, "g++") else { return };
    let library = make();
    for (compiler, standard) in [("cc", "-std=c99"), ("c++", "-std=c++17")] {
        let language = if compiler == "cc" { "c" } else { "c++" };
        let flags = [STRICT, &[standard, "-x", language]].concat();
        let program =
            compile(compiler, &rig::test("header"), &flags, &Link::Shared, &format!("header-{language}"));
        checked(Command::new(program).env("LD_LIBRARY_PATH", library.join("lib")));
    }
}

#[test]
fn only_the_listed_symbols_are_exported() {
    let library = make().join("lib/libshaken.so.1");
    let symbols = output(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut exported: Vec<&str> =
        symbols.lines().filter_map(|line| line.split(' ').nth(2)?.strip_suffix("@@SHAKEN_1")).collect();
    exported.sort_unstable();
    let map = fs::read_to_string(rig::crate_dir().join("symbols/libshaken.map")).unwrap();
    let listed: Vec<&str> = map
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter(|symbol| symbol.starts_with("shaken_"))
        .collect();
    assert_eq!(exported, listed);
    // The version itself is the one other.
    assert_eq!(symbols.lines().count(), listed.len() + 1, "{symbols}");

    let dynamic = output(Command::new("readelf").arg("-d").arg(&library));
    assert!(dynamic.contains("Library soname: [libshaken.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    for needed in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let system = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux"];
        assert!(system.iter().any(|name| needed.contains(name)), "{needed}");
    }
}

#[test]
fn pkg_config_finds_both_libraries() {
    let Some(_) = tool::find("pkg-config", REQUIRED, "pkg-config") else { return };
    let pkg_config = |arguments: &[&str]| {
        let path = make().join("lib/pkgconfig");
        output(Command::new("pkg-config").args(arguments).arg("shaken").env("PKG_CONFIG_PATH", path))
    };
    assert!(pkg_config(&["--cflags", "--libs"]).contains("-lshaken"));
    assert!(pkg_config(&["--libs", "--static"]).contains("-lgcc_eh"));
    assert_eq!(pkg_config(&["--modversion"]).trim(), env!("CARGO_PKG_VERSION"));
}

/// Frees and lengths that are wrong show here: the library takes its memory from malloc.
#[test]
fn edges_under_the_sanitizers() {
    let rig = Rig::new();
    rig.run_sanitized("edges", &[]);
    rig.run_sanitized("soak", &["20000"]);
    rig.run_sanitized("fetching", &[]);
    rig.run_sanitized("client", &[]);
}

#[test]
fn edges_and_many_calls_under_valgrind() {
    let Some(_) = tool::find("valgrind", REQUIRED, "valgrind") else { return };
    let rig = Rig::new();
    rig.run_in_valgrind("edges", &[]);
    let calls = env::var("SHAKEN_SOAK_CALLS").unwrap_or_else(|_| "30000".to_owned());
    rig.run_in_valgrind("soak", &[&calls]);
}

#[test]
fn children_use_what_was_made_before_the_fork() {
    Rig::new().run("fork", &[]);
}

#[test]
fn certificates_are_fetched_without_waiting() {
    let rig = Rig::new();
    rig.run("fetching", &[]);
    // One of the parent and one of the child, for a hundred calls each.
    assert_eq!(rig.downloads(), 2);
}

#[test]
fn the_daemon_is_asked() {
    Rig::new().run("client", &[]);
}

#[test]
fn examples_in_c() {
    let rig = Rig::new();
    let message = rig.file("invite.sip", rig::INVITE.as_bytes());
    let file = |name: &str| rig.lab(name).display().to_string();
    let signed = rig.example("sign", &[&file("provider.key"), &file("provider.pem"), &rig.x5u(), &message]);
    assert!(signed.contains("\r\nIdentity: ") && signed.contains("\r\nDate: "), "{signed}");
    let signed = rig.file("signed.sip", signed.as_bytes());
    let verified = rig.example("verify", &[&file("sti-root.pem"), &file("provider.pem"), &signed]);
    assert_eq!(verified, "ok: attestation A, verstat TN-Validation-Passed\n");
    let refused =
        rig.file("refused.sip", fs::read_to_string(&signed).unwrap().replace("0121@", "0122@").as_bytes());
    let verified = rig.example("verify", &[&file("sti-root.pem"), &file("provider.pem"), &refused]);
    assert!(verified.starts_with("orig-mismatch: 438 "), "{verified}");
    let told = rig.example(
        "events",
        &[&file("sti-root.pem"), &file("tls-root.pem"), rig::HOST, &rig.repository(), &signed, &refused],
    );
    assert!(told.contains("signed.sip: ok, attestation A"), "{told}");
    assert!(told.contains("refused.sip: orig-mismatch"), "{told}");
}

#[test]
fn example_in_python() {
    let Some(_) = tool::find("python3", REQUIRED, "python3") else { return };
    let rig = Rig::new();
    let script = rig::crate_dir().join("examples/shaken_ctypes.py");
    let mut python = Command::new("python3");
    python.arg(&script).arg(make().join("lib/libshaken.so.1")).arg(rig.lab("")).arg(rig.x5u());
    let told = output(&mut python);
    assert_eq!(told, "signed, and it passes with A\nfrom another caller: orig-mismatch\n");
}

#[test]
fn the_unsafe_code_is_in_one_file() {
    let mut with_unsafe = Vec::new();
    let mut folders = vec![rig::crate_dir().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).unwrap().contains("unsafe {") {
                with_unsafe.push(path);
            }
        }
    }
    let names: Vec<_> = with_unsafe.iter().filter_map(|path| Path::new(path).file_name()).collect();
    assert_eq!(names, ["handle.rs"]);
}
