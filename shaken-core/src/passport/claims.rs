//! PASSporT types, and the claims of a PASSporT by its type (RFC 8225 §8).

use super::{base, div, msg, rcd, rph, shaken};
use crate::Error;
use crate::claims::{Dest, Orig};
use crate::json::Text;

/// The PASSporT types that are read and written, by the value of `ppt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ppt {
    /// No `ppt` (RFC 8225).
    Base,
    /// `shaken` (RFC 8588).
    Shaken,
    /// `div` (RFC 8946).
    Div,
    /// `div-o` (RFC 8946 §5).
    DivO,
    /// `rph` (RFC 8443, RFC 9027).
    Rph,
    /// `rcd` (RFC 9795).
    Rcd,
    /// `msg` (RFC 9475).
    Msg,
}

impl Ppt {
    /// Every type.
    pub const ALL: [Self; 7] =
        [Self::Base, Self::Shaken, Self::Div, Self::DivO, Self::Rph, Self::Rcd, Self::Msg];

    /// The value of `ppt`; a base PASSporT has none.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Base => None,
            Self::Shaken => Some("shaken"),
            Self::Div => Some("div"),
            Self::DivO => Some("div-o"),
            Self::Rph => Some("rph"),
            Self::Rcd => Some("rcd"),
            Self::Msg => Some("msg"),
        }
    }

    /// The name for reports: that of [`as_str`](Self::as_str), or `base`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.as_str() {
            Some(name) => name,
            None => "base",
        }
    }

    /// Whether a PASSporT of this type may come in compact form: only those whose claims the
    /// verifier can rebuild from the call (RFC 8224 §9, RFC 8588 §3, RFC 8946 §3, RFC 9795 §9).
    #[must_use]
    pub const fn may_be_compact(self) -> bool {
        matches!(self, Self::Base | Self::Rcd)
    }

    /// Whether it vouches for a diversion.
    #[must_use]
    pub const fn is_diversion(self) -> bool {
        matches!(self, Self::Div | Self::DivO)
    }

    /// The type that a token's `ppt` names.
    ///
    /// # Errors
    /// [`Error::PptUnsupported`].
    pub fn of(ppt: Option<Text<'_>>) -> Result<Self, Error> {
        let found =
            |ppt: Text<'_>| Self::ALL.into_iter().find(|one| one.as_str().is_some_and(|name| ppt == *name));
        ppt.map_or(Ok(Self::Base), |ppt| found(ppt).ok_or(Error::PptUnsupported))
    }
}

/// The claims of a PASSporT as received: complete and of the right form for its type, not yet
/// compared with anything.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    base: base::Claims<'a>,
    own: Own<'a>,
}

/// What a PASSporT type adds to the claims of every PASSporT.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Own<'a> {
    /// Nothing.
    Base,
    /// Level and tracing value.
    Shaken(shaken::Claims<'a>),
    /// Who diverted the call.
    Div(div::Claims<'a>),
    /// Who diverted the call, and the PASSporT before.
    DivO(div::Claims<'a>),
    /// The right to priority.
    Rph(rph::Claims<'a>),
    /// Who calls, for the called person to see.
    Rcd(rcd::Claims<'a>),
    /// The digest of a message.
    Msg(msg::Claims),
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload of a type.
    ///
    /// # Errors
    /// The JSON errors of [`crate::json`]; [`Error::ClaimMissing`], [`Error::ClaimType`],
    /// [`Error::TnNotCanonical`], [`Error::DestTooMany`]; those of the type.
    pub fn read(ppt: Ppt, payload: &'a [u8]) -> Result<Self, Error> {
        let (base, own) = match ppt {
            Ppt::Base => (base::Claims::read(payload, |_, _| Ok(base::Claim::Unread))?, Own::Base),
            Ppt::Shaken => shaken::Claims::read(payload).map(|(base, own)| (base, Own::Shaken(own)))?,
            Ppt::Div => div::Claims::read(ppt, payload).map(|(base, own)| (base, Own::Div(own)))?,
            Ppt::DivO => div::Claims::read(ppt, payload).map(|(base, own)| (base, Own::DivO(own)))?,
            Ppt::Rph => rph::Claims::read(payload).map(|(base, own)| (base, Own::Rph(own)))?,
            Ppt::Msg => msg::Claims::read(payload).map(|(base, own)| (base, Own::Msg(own)))?,
            Ppt::Rcd => {
                let base = base::Claims::read(payload, |_, _| Ok(base::Claim::Unread))?;
                let own = base.rich()?;
                own.check_ppt()?;
                (base, Own::Rcd(own))
            }
        };
        Ok(Self { base, own })
    }

    /// The type.
    #[must_use]
    pub fn ppt(&self) -> Ppt {
        match self.own {
            Own::Base => Ppt::Base,
            Own::Shaken(_) => Ppt::Shaken,
            Own::Div(_) => Ppt::Div,
            Own::DivO(_) => Ppt::DivO,
            Own::Rph(_) => Ppt::Rph,
            Own::Rcd(_) => Ppt::Rcd,
            Own::Msg(_) => Ppt::Msg,
        }
    }

    /// What the type adds.
    #[must_use]
    pub fn own(&self) -> &Own<'a> {
        &self.own
    }

    /// Called numbers and URIs.
    #[must_use]
    pub fn dest(&self) -> &Dest<'a> {
        self.base.dest()
    }

    /// When the call was signed, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> u64 {
        self.base.iat()
    }

    /// The calling number or URI.
    #[must_use]
    pub fn orig(&self) -> Orig<'a> {
        self.base.orig()
    }

    /// The claims of every PASSporT.
    #[must_use]
    pub fn base(&self) -> &base::Claims<'a> {
        &self.base
    }

    /// The claims of a `shaken`, if it is one.
    #[must_use]
    pub fn shaken(&self) -> Option<&shaken::Claims<'a>> {
        if let Own::Shaken(own) = &self.own { Some(own) } else { None }
    }

    /// The claims of a `div` or `div-o`, if it is one.
    #[must_use]
    pub fn diversion(&self) -> Option<&div::Claims<'a>> {
        if let Own::Div(own) | Own::DivO(own) = &self.own { Some(own) } else { None }
    }

    /// Whom the signer must have the right to speak for: the diverting party of a diversion
    /// (RFC 8946 §4.2), else the caller.
    #[must_use]
    pub fn signed_for(&self) -> Orig<'a> {
        self.diversion().map_or_else(|| self.orig(), div::Claims::div)
    }
}
