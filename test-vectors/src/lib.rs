//! Loader (being written).

pub mod suites;
