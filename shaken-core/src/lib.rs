//! skeleton

pub mod error;
pub mod fetch;
pub mod tn;

pub use error::{Error, SipResponse, Verstat};
pub use tn::TelephoneNumber;

/// x
pub mod identity {
    /// x
    pub const MAX_LEN: usize = 32 * 1024;
}
/// x
pub mod json {
    /// x
    pub const MAX_DEPTH: usize = 8;
    /// x
    pub const MAX_MEMBERS: usize = 64;
}
/// x
pub mod claims {
    /// x
    pub const MAX_DEST: usize = 64;
}
