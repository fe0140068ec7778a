//! PASSporT type `rph` (RFC 8443, RFC 9027): the right to priority in the network.
//!
//! ```text
//! Resource-Priority = "Resource-Priority" HCOLON r-value *( COMMA r-value )    (RFC 4412 §3.1)
//! r-value           = namespace "." r-priority
//! ```

use crate::Error;
use crate::claims;
use crate::json::{Raw, Reader, Text, strings, write_string};
use crate::sign::Unsigned;
use crate::write::Out;

use super::{Ppt, base, base::Claim};

/// How many r-values one claim may have; five namespaces are registered.
pub const MAX_VALUES: usize = 16;

/// The one value of `sph` (RFC 9027 §4).
const PSAP_CALLBACK: &str = "psap-callback";

/// The claims of an `rph` PASSporT besides those of [`base`].
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    /// Checked once and read again when it is asked for.
    auth: Raw<'a>,
    is_callback: bool,
}

impl<'a> Claims<'a> {
    /// Reads a decoded payload.
    ///
    /// # Errors
    /// Those of the base claims; [`Error::ClaimMissing`], [`Error::ClaimType`] for `rph`, whose
    /// `auth` is an array of 1 to [`MAX_VALUES`] r-values; [`Error::SphInvalid`] for an `sph`
    /// that is not `psap-callback`, or without an r-value of `esnet` (RFC 9027 §4).
    pub(super) fn read(payload: &'a [u8]) -> Result<(base::Claims<'a>, Self), Error> {
        let (mut auth, mut sph) = (None, None);
        let base = base::Claims::read(payload, |reader, name| {
            match name.one_of(&["rph", "sph"]) {
                Some("rph") => auth = Some(read_rph(reader)?),
                Some("sph") => sph = Some(reader.string()?.ok_or(Error::SphInvalid)?),
                _ => return Ok(Claim::Unread),
            }
            Ok(Claim::Read)
        })?;
        let auth = claims::required(auth, "rph")?;
        let is_esnet = |value: &Text<'_>| namespace(value.chars()).eq("esnet".chars());
        if sph.is_some_and(|sph| sph != *PSAP_CALLBACK || !strings(auth).any(|auth| is_esnet(&auth))) {
            return Err(Error::SphInvalid);
        }
        Ok((base, Self { auth, is_callback: sph.is_some() }))
    }

    /// The r-values that the caller is authorized for, as written.
    pub fn auth(&self) -> impl Iterator<Item = Text<'a>> + 'a {
        strings(self.auth)
    }

    /// Whether the call comes from an emergency centre that calls back: `sph` is there.
    #[must_use]
    pub fn is_psap_callback(&self) -> bool {
        self.is_callback
    }

    /// Compares the claim with the Resource-Priority and Priority headers of the call: each
    /// r-value of a namespace that the claim speaks of must be in the claim, and one must be
    /// there; a callback must say so in Priority. Case does not count (RFC 4412 §3.1).
    ///
    /// # Errors
    /// [`Error::RphMismatch`], [`Error::SphInvalid`].
    pub(crate) fn check(&self, resource_priority: &str, priority: Option<&str>) -> Result<(), Error> {
        let r_values = || resource_priority.split(',').map(str::trim).filter(|value| !value.is_empty());
        let speaks_of =
            |value: &str| self.auth().any(|auth| namespace(auth.chars()).eq(namespace(value.chars())));
        let has = |value: &str| {
            let lower_case = || value.chars().map(|c| c.to_ascii_lowercase());
            self.auth().any(|auth| auth.chars().map(|c| c.to_ascii_lowercase()).eq(lower_case()))
        };
        let mut spoken_of = r_values().filter(|value| speaks_of(value)).peekable();
        if spoken_of.peek().is_none() || !spoken_of.all(has) {
            return Err(Error::RphMismatch);
        }
        if self.is_callback
            && !priority.is_some_and(|priority| priority.trim().eq_ignore_ascii_case(PSAP_CALLBACK))
        {
            return Err(Error::SphInvalid);
        }
        Ok(())
    }
}

/// `{"auth":["ets.0",…]}`; members of other kinds are not registered and passed over.
fn read_rph<'a>(reader: &mut Reader<'a>) -> Result<Raw<'a>, Error> {
    let wrong = Error::ClaimType { claim: "rph" };
    let mut auth = None;
    reader
        .object(|reader, name| {
            if name != *"auth" {
                return reader.skip();
            }
            auth = Some(reader.raw()?);
            Ok(())
        })?
        .ok_or(wrong)?;
    let auth = auth.ok_or(wrong)?;
    let is_good = |value: Raw<'_>| value.string().is_some_and(|value| is_r_value(value.chars()));
    let count = auth.elements().ok_or(wrong)?.count();
    let all_good = auth.elements().is_some_and(|mut values| values.all(is_good));
    if all_good && (1..=MAX_VALUES).contains(&count) { Ok(auth) } else { Err(wrong) }
}

/// Two tokens without dots, and one dot between them.
fn is_r_value(mut chars: impl Iterator<Item = char>) -> bool {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "-!%*_+`'~".contains(c);
    let (mut lens, mut dots) = ([0_usize; 2], 0_usize);
    chars.all(|c| match (c, lens.get_mut(dots)) {
        ('.', Some(len)) if *len > 0 => {
            dots += 1;
            true
        }
        (c, Some(len)) if is_token_char(c) => {
            *len += 1;
            true
        }
        _ => false,
    }) && lens.iter().all(|len| *len > 0)
}

fn namespace(chars: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    chars.take_while(|c| *c != '.').map(|c| c.to_ascii_lowercase())
}

/// Whether an `rph` PASSporT is for a call back from an emergency centre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9027 defines exactly one value of sph")]
pub enum Callback {
    /// It is not.
    #[default]
    No,
    /// It is: `sph` says so (RFC 9027 §4).
    Psap,
}

/// The claims of an `rph` PASSporT to be signed.
#[derive(Clone, Copy, Debug)]
pub struct NewClaims<'a> {
    base: base::NewClaims<'a>,
    auth: &'a [&'a str],
    callback: Callback,
}

impl<'a> NewClaims<'a> {
    /// `auth` are r-values such as `esnet.1`, from the Resource-Priority header of a caller who
    /// was found to be authorized for them.
    ///
    /// # Errors
    /// [`Error::ClaimType`] if `auth` is empty, has more than [`MAX_VALUES`] entries or one that
    /// is no r-value; [`Error::SphInvalid`] for a callback without an r-value of `esnet`.
    pub fn new(base: base::NewClaims<'a>, auth: &'a [&'a str], callback: Callback) -> Result<Self, Error> {
        let is_good = |value: &&str| is_r_value(value.chars());
        if !(1..=MAX_VALUES).contains(&auth.len()) || !auth.iter().all(is_good) {
            return Err(Error::ClaimType { claim: "rph" });
        }
        let is_esnet = |value: &&str| namespace(value.chars()).eq("esnet".chars());
        if callback == Callback::Psap && !auth.iter().any(is_esnet) {
            return Err(Error::SphInvalid);
        }
        Ok(Self { base, auth, callback })
    }
}

impl Unsigned for NewClaims<'_> {
    fn ppt(&self) -> Ppt {
        Ppt::Rph
    }

    fn base(&self) -> &base::NewClaims<'_> {
        &self.base
    }

    fn write(&self, out: &mut Out<'_>) {
        out.push(b"{");
        self.base.write_dest(out);
        self.base.write_iat_and_mky(out);
        self.base.write_orig(out);
        self.base.write_rich(out);
        out.push(b",\"rph\":{\"auth\":");
        for (i, value) in self.auth.iter().enumerate() {
            out.push(if i == 0 { b"[" } else { b"," });
            write_string(out, value);
        }
        out.push(b"]}");
        if self.callback == Callback::Psap {
            out.push(b",\"sph\":\"psap-callback\"");
        }
        out.push(b"}");
    }
}
