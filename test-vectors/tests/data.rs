//! The vectors of this package, and the external file of the same format, against the loader.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use shaken_test_vectors::{Case, Expect, VectorFile, files_under, suites};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

fn load(path: &Path) -> VectorFile {
    VectorFile::read(path).unwrap_or_else(|error| panic!("{error}"))
}

/// Loads every file, which checks `numberOfCases`, the ids and that each flag has its note.
#[test]
fn every_file_loads_and_states_what_a_reader_needs() {
    let paths = files_under(&data()).unwrap();
    let mut ids = HashSet::new();
    for path in &paths {
        let file = load(path);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let used: HashSet<&String> = file.cases.iter().flat_map(|case| &case.flags).collect();
        assert_eq!(used.len(), file.notes.len(), "{stem}: a note that no case has as flag");
        for case in &file.cases {
            let Case { id, flags, comment, .. } = case;
            assert!(id.starts_with(&format!("{stem}/")), "{id} does not name its file {stem}");
            assert!(!flags.is_empty() && comment.is_some(), "{id} has no flag or no rule");
            assert!(ids.insert(id.clone()), "{id} stands in two files");
        }
    }
    println!("{} cases in {} files", ids.len(), paths.len());
}

#[test]
fn every_file_has_calls_to_accept_and_calls_to_reject() {
    for path in files_under(&data()).unwrap() {
        let file = load(&path);
        let has = |wanted: fn(&Expect) -> bool| file.cases.iter().any(|case| wanted(&case.expect));
        assert!(has(|e| *e == Expect::Accept), "{}", path.display());
        assert!(has(|e| matches!(e, Expect::Reject { .. })), "{}", path.display());
    }
}

#[test]
fn a_file_stands_for_itself() {
    let path = data().join("call.json");
    assert_eq!(files_under(&path).unwrap(), [path]);
    let missing = files_under(&data().join("missing")).unwrap_err().to_string();
    assert!(missing.contains("missing") && missing.contains("check the path"), "{missing}");
    let empty = files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap_err();
    assert!(empty.to_string().contains("no *.json file"), "{empty}");
}

#[test]
fn the_external_file_of_version_1_loads() {
    let Some(path) = suites::suite("suites/passport-neg/cases.json") else {
        return;
    };
    let file = load(&path);
    assert!(file.x5u_bodies.values().any(|body| body.as_bytes().is_empty()));
    println!("passport-neg: {} cases loaded", file.cases.len());
}
