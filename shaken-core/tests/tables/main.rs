//! Verification with tables against suites, and against `ring` and `p256`.

mod cases;
mod curve;
mod differential;
mod suites;
