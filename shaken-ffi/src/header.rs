//! `include/shaken.h` is what the source says, and the list of symbols is what the header says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use shaken_core::Error;

use crate::guard::Failure;

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// With `SHAKEN_HEADER=write` the header is written.
#[test]
fn the_header_is_what_the_source_says() {
    let path = crate_dir().join("include/shaken.h");
    let made = header();
    if env::var_os("SHAKEN_HEADER").is_some_and(|value| value == "write") {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "shaken.h is old: SHAKEN_HEADER=write cargo test -p shaken-ffi --lib header");
}

#[test]
fn the_listed_symbols_are_the_declared_functions() {
    let listed = fs::read_to_string(crate_dir().join("symbols/libshaken.map")).unwrap();
    let listed: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter(|symbol| symbol.starts_with("shaken_"))
        .collect();
    let mut declared: Vec<String> = Vec::new();
    for line in header().lines() {
        let (Some(end), true) = (line.find('('), line.contains("shaken_")) else { continue };
        let name = line[..end].rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("shaken_") && !line.starts_with([' ', '/']) && !line.starts_with("static") {
            declared.push(name.to_owned());
        }
    }
    declared.sort_unstable();
    assert_eq!(listed, declared, "symbols/libshaken.map is sorted and has each function of the header");
}

fn header() -> String {
    let mut config = cbindgen::Config::from_file(crate_dir().join("cbindgen.toml")).unwrap();
    config.header = Some(HEAD.to_owned());
    config.after_includes = Some(results());
    let mut made = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(Path::new(&crate_dir()))
        .generate()
        .unwrap()
        .write(&mut made);
    let made = String::from_utf8(made).unwrap();
    made.replacen(END_OF_DECLARATIONS, &format!("{TAIL}\n\n{END_OF_DECLARATIONS}"), 1)
}

/// A constant for each number of `shaken_result`.
fn results() -> String {
    let mut text = String::from(
        "\n/* The numbers of shaken_result, with the SIP status of each. */\nenum {\n    SHAKEN_OK = 0,\n",
    );
    for (code, name, meaning) in Failure::OWN {
        writeln!(text, "    {} = {code}, /* {meaning} */", constant(name)).unwrap();
    }
    for error in Error::ALL {
        let (code, sip) = (error.code(), error.sip());
        let comma = if Error::ALL.last() == Some(error) { " " } else { "," };
        writeln!(text, "    {} = {code}{comma} /* {} {} */", constant(error.name()), sip.code, sip.reason)
            .unwrap();
    }
    text.push_str("};\n");
    text
}

fn constant(name: &str) -> String {
    format!("SHAKEN_{}", name.replace('-', "_").to_uppercase())
}

const HEAD: &str = "\
/* The C interface of shaken: STIR/SHAKEN signing and verification inside a SIP stack.
 *
 * Made from the source of shaken-ffi; its README has the conventions. In short: what can fail
 * answers a shaken_result, and sets what its pointers for results lead to on every path; texts are
 * pointer and length; *_free takes NULL; times are seconds since 1970.
 *
 * Copyright The shaken authors. Licensed under MIT or Apache-2.0. */";

const END_OF_DECLARATIONS: &str = "#ifdef __cplusplus\n}";

const TAIL: &str = "\
/** A text of C without its NUL; the empty one for NULL. */
static inline shaken_str shaken_str_of(const char *text)
{
    shaken_str str;
    str.data = text;
    str.len = text == NULL ? 0 : strlen(text);
    return str;
}";
