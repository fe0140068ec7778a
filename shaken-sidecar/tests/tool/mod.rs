//! Programs of others that tests drive.

use std::path::PathBuf;

/// Where `name` is, if it is anywhere. If not, a line that says so, or a failure where `required` is
/// set to 1.
pub(crate) fn find(name: &str, required: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let told = format!("there is no {name}: apt-get install {package}");
        assert!(std::env::var_os(required).is_none_or(|value| value != "1"), "{told}");
        println!("skipped: {told}");
    }
    found
}
