//! Where the external test data of this project is: suites that are read in place and never
//! copied into it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

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

/// The vectors of `standards/vectors.json` by their ids.
#[derive(Clone, Debug)]
pub struct StandardVectors(BTreeMap<String, Value>);

impl StandardVectors {
    /// Reads them; `None` as for [`suite`].
    ///
    /// # Panics
    /// As [`suite_text`], and if the file is not what it should be.
    #[must_use]
    pub fn read() -> Option<Self> {
        let path = "standards/vectors.json";
        let file: Value = serde_json::from_str(&suite_text(path)?).unwrap_or_else(|e| panic!("{path}: {e}"));
        let entries = file["vectors"].as_array().unwrap_or_else(|| panic!("{path} has no vectors"));
        let id = |entry: &Value| entry["id"].as_str().unwrap_or_else(|| panic!("{path}: no id")).to_owned();
        Some(Self(entries.iter().map(|entry| (id(entry), entry.clone())).collect()))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values()
    }

    /// Id and vector of each of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.0.iter().map(|(id, entry)| (id.as_str(), entry));
        all.filter(move |(_, entry)| entry["kind"] == kind)
    }

    /// The vector of that id.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn get(&self, id: &str) -> &Value {
        self.0.get(id).unwrap_or_else(|| panic!("there is no vector {id}"))
    }

    /// The certificate of that name, in PEM.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn pem(&self, name: &str) -> &str {
        self.text_of(name, "cert_pem")
    }

    /// The certificate of that name with those that lead to its root, in PEM.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn chain(&self, name: &str) -> &str {
        self.text_of(name, "chain_pem")
    }

    fn text_of(&self, name: &str, member: &str) -> &str {
        let text = self.get(&format!("CERT-{name}"))[member].as_str();
        text.unwrap_or_else(|| panic!("CERT-{name} has no {member}"))
    }
}
