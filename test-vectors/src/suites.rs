//! Where the external test data of this project is: suites that are read in place and never
//! copied into it.

use std::path::PathBuf;

/// A file or folder below the one that the environment variable `SHAKEN_SUITES` names.
///
/// `None` if the variable is not set: the test says so on standard output and has nothing to
/// run.
///
/// # Panics
/// If `SHAKEN_SUITES_REQUIRED` is 1 and the variable is not set, or if the path does not exist.
#[must_use]
pub fn suite(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("SHAKEN_SUITES") else {
        assert_ne!(
            std::env::var("SHAKEN_SUITES_REQUIRED").as_deref(),
            Ok("1"),
            "SHAKEN_SUITES_REQUIRED=1, but SHAKEN_SUITES is not set"
        );
        println!("{path}: not run, the folder of external test data is absent (set SHAKEN_SUITES)");
        return None;
    };
    let path = PathBuf::from(root).join(path);
    assert!(path.exists(), "{} is missing", path.display());
    Some(path)
}

/// The text of such a file.
///
/// # Panics
/// As [`suite`], and if the file is not readable text.
#[must_use]
pub fn suite_text(path: &str) -> Option<String> {
    let path = suite(path)?;
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}
