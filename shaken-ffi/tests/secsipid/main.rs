//! The drop-in for libsecsipid: what it exports, what watches it, and how it stands beside the original.

mod beside;
mod called;
mod kamailio;
#[path = "../../../shaken-sidecar/tests/kamailio_server/mod.rs"]
mod kamailio_server;
mod options;
#[expect(dead_code, reason = "each test file uses a part of it")]
#[path = "../rig/mod.rs"]
mod rig;
mod tokens;
#[path = "../../../shaken-sidecar/tests/tool/mod.rs"]
mod tool;

use std::fs;
use std::process::Command;

use called::Keys;
use rig::{Link, checked, compile, crate_dir, flags, make, output};

/// Set to 1 where the tools must be there.
const TOOLS_REQUIRED: &str = "SHAKEN_FFI_TOOLS_REQUIRED";

#[test]
fn the_header_is_c99_and_cpp17() {
    let Some(_) = tool::find("c++", TOOLS_REQUIRED, "g++") else { return };
    for (compiler, language, standard) in [("cc", "c", "-std=c99"), ("c++", "c++", "-std=c++17")] {
        let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", standard, "-x", language];
        let name = format!("secsipid-header-{language}");
        let program = compile(compiler, &rig::test("secsipid_header"), &flags, &Link::Secsipid, &name);
        checked(Command::new(program).env("LD_LIBRARY_PATH", make().join("lib")));
    }
}

#[test]
fn the_thirteen_functions_are_exported_and_nothing_else() {
    let Some(_) = tool::find("nm", TOOLS_REQUIRED, "binutils") else { return };
    const FUNCTIONS: [&str; 13] = [
        "SecSIPIDCheck",
        "SecSIPIDCheckFull",
        "SecSIPIDCheckFullPubKey",
        "SecSIPIDGetIdentity",
        "SecSIPIDGetIdentityPrvKey",
        "SecSIPIDGetURLContent",
        "SecSIPIDOptGetN",
        "SecSIPIDOptSetN",
        "SecSIPIDOptSetS",
        "SecSIPIDOptSetV",
        "SecSIPIDSetFileCacheOptions",
        "SecSIPIDSignJSONHP",
        "SecSIPIDSignJSONHPPrvKey",
    ];
    let library = make().join("lib/libsecsipid.so.1");
    let symbols = output(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    // Without a version behind the name, as the original has none.
    let exported: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(exported, FUNCTIONS);
    let header = fs::read_to_string(crate_dir().join("include/libsecsipid.h")).unwrap();
    let mut declared: Vec<_> =
        header.lines().filter_map(|line| line.strip_prefix("extern int ")?.split('(').next()).collect();
    declared.sort_unstable();
    assert_eq!(declared, FUNCTIONS);

    let dynamic = output(Command::new("readelf").arg("-d").arg(&library));
    assert!(dynamic.contains("Library soname: [libsecsipid.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    let others =
        output(Command::new("nm").args(["-D", "--defined-only"]).arg(make().join("lib/libshaken.so.1")));
    assert!(!others.contains("SecSIPID"), "{others}");
}

#[test]
fn pkg_config_finds_it() {
    let Some(_) = tool::find("pkg-config", TOOLS_REQUIRED, "pkg-config") else { return };
    let pkg_config = |argument: &str| {
        let path = make().join("lib/pkgconfig");
        output(Command::new("pkg-config").args([argument, "secsipid-1"]).env("PKG_CONFIG_PATH", path))
    };
    assert!(pkg_config("--libs").contains("-lsecsipid"));
    assert_eq!(pkg_config("--modversion").trim(), "1.3.0");
}

#[test]
fn all_functions_under_sanitizers_threads_and_forks() {
    let keys = Keys::new();
    let flags = flags(&["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    let program =
        compile("cc", &rig::test("secsipid_soak"), &flags, &Link::SecsipidStatic, "secsipid-soak-sanitized");
    checked(Command::new(program).arg(keys.folder()).arg("20000").env("ASAN_OPTIONS", "detect_leaks=1"));
}

#[test]
fn all_functions_in_valgrind() {
    let Some(_) = tool::find("valgrind", TOOLS_REQUIRED, "valgrind") else { return };
    let keys = Keys::new();
    let program =
        compile("cc", &rig::test("secsipid_soak"), &flags(&["-g"]), &Link::Secsipid, "secsipid-soak");
    let mut command = Command::new("valgrind");
    // What the state of the process holds at its end is no leak.
    command.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    command.args(["--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect"]);
    command.arg(program).arg(keys.folder()).arg("2000").env("LD_LIBRARY_PATH", make().join("lib"));
    checked(&mut command);
}
