//! How far a call is vouched for. A level goes down and never up, and A is made of a right alone.

use shaken_core::Attest;

use crate::policy::data::{Granted, Right};

/// A level, with the right that it rests on if it is A or came from one.
#[derive(Clone, Copy, Debug)]
pub struct Level<'p> {
    attest: Attest,
    granted: Option<Granted<'p>>,
}

impl<'p> Level<'p> {
    /// What a right gives that holds now.
    pub(super) fn of(granted: Granted<'p>) -> Self {
        Self { attest: granted.level(), granted: Some(granted) }
    }

    /// What a known customer gets without a right.
    pub(super) const fn partial() -> Self {
        Self { attest: Attest::B, granted: None }
    }

    /// The same, or `cap` if that is lower.
    pub(super) fn capped(self, cap: Attest) -> Self {
        Self { attest: self.attest.lower(cap), ..self }
    }

    /// The attestation.
    #[must_use]
    pub const fn attest(&self) -> Attest {
        self.attest
    }

    /// The right behind it, if there is one; always if it is A.
    #[must_use]
    pub fn right(&self) -> Option<&'p Right> {
        self.granted.map(Granted::right)
    }
}
