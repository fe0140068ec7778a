//! Which policy it is: every decision names it.

use serde::{Deserialize, Serialize};

/// The name of a policy by what is in it, and who let it in when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// SHA-256 of the content, 64 lower-case hex digits. Spaces, quotes, comments and the order of
    /// columns and keys do not count; the order of rows does.
    pub sha256: String,
    /// Who put it in force, if they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When its files were read, in seconds since 1970.
    pub loaded_at: i64,
}

impl Generation {
    /// The first 16 hex digits, as records have it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.sha256.get(..16).unwrap_or(&self.sha256)
    }
}
