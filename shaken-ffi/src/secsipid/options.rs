//! The options: those of libsecsipid, and a few of our own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::{env, fs, io};

use shaken_core::X5u;

use super::codes::Refusal;
use super::log::warn;

/// What is set. A value: whoever sets puts a changed copy in the place of the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) cache_dir: Arc<str>,
    pub(super) cache_expires_s: i32,
    pub(super) ca_file: Arc<str>,
    pub(super) intermediates_file: Arc<str>,
    pub(super) crl_file: Arc<str>,
    pub(super) crl_ca_file: Arc<str>,
    pub(super) x5u: Arc<str>,
    pub(super) cert_verify: i32,
    attrs_verify: i32,
    require_trust: i32,
    /// Of the lab: TLS roots instead of those of the web.
    pub(super) tls_roots_file: Arc<str>,
    /// Of the lab: `HOST=ADDRESS:PORT`.
    connect_to: Arc<str>,
    /// The file of defaults could not be taken: nothing may pass, as what it demands is not known.
    pub(super) is_broken: bool,
}

impl Default for Options {
    fn default() -> Self {
        let none = || Arc::from("");
        Self {
            cache_dir: none(),
            cache_expires_s: 3600,
            ca_file: none(),
            intermediates_file: none(),
            crl_file: none(),
            crl_ca_file: none(),
            x5u: none(),
            cert_verify: 0,
            attrs_verify: 0,
            require_trust: 0,
            tls_roots_file: none(),
            connect_to: none(),
            is_broken: false,
        }
    }
}

impl Options {
    /// With what the file of defaults says, if there is one.
    pub(super) fn at_start() -> Self {
        let path = env::var(FILE_VARIABLE).unwrap_or_else(|_| DEFAULT_FILE.to_owned());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => return Self::broken(&format!("{path}: {error}")),
        };
        let mut options = Self::default();
        match options.set_lines(&text) {
            Ok(()) => options,
            Err(line) => Self::broken(&format!("{path}, line {line}: expected NAME=VALUE of a known option")),
        }
    }

    fn broken(why: &str) -> Self {
        warn(&format!("all checks fail until this is mended and the process starts anew: {why}"));
        Self { is_broken: true, ..Self::default() }
    }

    /// # Errors
    /// The number of the first line that is neither empty, nor a comment, nor an option.
    fn set_lines(&mut self, text: &str) -> Result<(), usize> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.set_pair(line).map_err(|_| index + 1)?;
            }
        }
        Ok(())
    }

    /// Sets `NAME=VALUE`.
    ///
    /// # Errors
    /// [`Refusal::Other`], and nothing is set.
    pub(super) fn set_pair(&mut self, pair: &str) -> Result<(), Refusal> {
        let (name, value) = pair.split_once('=').ok_or(Refusal::Other)?;
        let (name, value) = (name.trim(), value.trim());
        if self.number(name).is_some() {
            return self.set_number(name, value.parse().map_err(|_| Refusal::Other)?);
        }
        self.set_text(name, value)
    }

    /// # Errors
    /// [`Refusal::Other`] for a name that is none, or a value that it cannot have. An empty one is none.
    pub(super) fn set_text(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let is_possible = match name {
            "x5u" => X5u::parse(value).is_ok(),
            "FetchConnectTo" => split_connect_to(value).is_some(),
            _ => true,
        };
        if !value.is_empty() && !is_possible {
            return Err(Refusal::Other);
        }
        let place = match name {
            "CacheDirPath" => &mut self.cache_dir,
            "CertCAFile" => &mut self.ca_file,
            "CertCAInter" => &mut self.intermediates_file,
            "CertCRLFile" => &mut self.crl_file,
            "CertCRLCAFile" => &mut self.crl_ca_file,
            "x5u" => &mut self.x5u,
            "FetchTLSRoots" => &mut self.tls_roots_file,
            "FetchConnectTo" => &mut self.connect_to,
            _ => return Err(Refusal::Other),
        };
        *place = value.into();
        Ok(())
    }

    /// # Errors
    /// [`Refusal::Other`] for a name that is none, or a value that it cannot have.
    pub(super) fn set_number(&mut self, name: &str, value: i32) -> Result<(), Refusal> {
        let (place, highest) = match name {
            "CacheExpires" => (&mut self.cache_expires_s, i32::MAX),
            "CertVerify" => (&mut self.cert_verify, bit::ALL),
            "AttrsVerify" => (&mut self.attrs_verify, 1),
            "RequireTrust" => (&mut self.require_trust, 1),
            _ => return Err(Refusal::Other),
        };
        if !(0..=highest).contains(&value) {
            return Err(Refusal::Other);
        }
        *place = value;
        Ok(())
    }

    pub(super) fn number(&self, name: &str) -> Option<i32> {
        match name {
            "CacheExpires" => Some(self.cache_expires_s),
            "CertVerify" => Some(self.cert_verify),
            "AttrsVerify" => Some(self.attrs_verify),
            "RequireTrust" => Some(self.require_trust),
            _ => None,
        }
    }

    /// Of the lab: the host, and what is dialled for it.
    pub(super) fn connect_to(&self) -> Option<(&str, SocketAddr)> {
        split_connect_to(&self.connect_to)
    }

    pub(super) fn requires_trust(&self) -> bool {
        self.require_trust == 1
    }

    /// What is asked of certificates.
    pub(super) fn depth(&self) -> Depth {
        if self.requires_trust() {
            return Depth::Path;
        }
        match self.cert_verify {
            0 => Depth::SignatureOnly,
            bit::TIMES_ONLY => Depth::Times,
            _ => Depth::Path,
        }
    }

    /// Whether a certificate that SHAKEN knows nothing of may pass: without a path, or with one to the
    /// anchors of the system, which vouch for names of the web.
    pub(super) fn lets_anyone_sign(&self) -> bool {
        let is_of_ca_file = self.wants(bit::CA_FILE) && !self.wants(bit::SYSTEM_CAS);
        !self.requires_trust() && (self.depth() != Depth::Path || !is_of_ca_file)
    }

    /// Whether `CertVerify` has this bit of [`bit`].
    pub(super) fn wants(&self, bit: i32) -> bool {
        self.cert_verify & bit != 0
    }
}

/// The parts of `HOST=ADDRESS:PORT`.
fn split_connect_to(value: &str) -> Option<(&str, SocketAddr)> {
    let (host, address) = value.split_once('=')?;
    let address = address.parse().ok()?;
    (!host.is_empty()).then_some((host, address))
}

/// What is asked of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Nothing.
    SignatureOnly,
    /// That they are of now.
    Times,
    /// That a path leads to one that is trusted.
    Path,
}

/// The bits of `CertVerify`. Any of them but `TIMES_ONLY` asks for the path; 1, the times, is part of
/// that.
pub(super) mod bit {
    /// The anchors of the system.
    pub(in super::super) const SYSTEM_CAS: i32 = 2;
    /// Those of `CertCAFile`.
    pub(in super::super) const CA_FILE: i32 = 4;
    /// The intermediates of `CertCAInter`.
    pub(in super::super) const INTERMEDIATES: i32 = 8;
    /// The list of `CertCRLFile`.
    pub(in super::super) const CRL: i32 = 16;
    /// The times, without a path.
    pub(super) const TIMES_ONLY: i32 = 32;
    pub(super) const ALL: i32 = 63;
}

const DEFAULT_FILE: &str = "/etc/shaken/secsipid.conf";

/// Names another file of defaults.
const FILE_VARIABLE: &str = "SHAKEN_SECSIPID_CONF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_in_every_way_that_fits() {
        let mut options = Options::default();
        for (pair, is_good) in [
            ("CertVerify=5", true),
            ("CertVerify=x", false),
            ("CertVerify=64", false),
            ("CertVerify=-1", false),
            ("CertVerify=", false),
            ("CertVerify", false),
            ("certverify=1", false),
            ("", false),
            ("=", false),
            ("Nope=1", false),
            ("RequireTrust=2", false),
            ("AttrsVerify=1", true),
            ("CertCAFile=/etc/a=b.pem", true),
            ("x5u=https://cr.example.com/a.pem", true),
            ("x5u=", true),
            ("x5u=garbage", false),
            ("x5u=http://cr.example.com/a.pem", false),
            ("FetchConnectTo=cr.example.com=127.0.0.1:8443", true),
            ("FetchConnectTo=", true),
            ("FetchConnectTo=garbage", false),
            ("FetchConnectTo==127.0.0.1:8443", false),
            ("FetchConnectTo=cr.example.com=127.0.0.1", false),
        ] {
            let before = options.clone();
            assert_eq!(options.set_pair(pair).is_ok(), is_good, "{pair}");
            assert!(is_good || options == before, "{pair}");
        }
        assert_eq!((options.cert_verify, &*options.ca_file), (5, "/etc/a=b.pem"));
        assert_eq!(options.number("AttrsVerify"), Some(1));
        assert!(options.set_number("x5u", 1).is_err() && options.set_text("CertVerify", "1").is_err());
    }

    #[test]
    fn the_packaged_file_is_taken_and_a_bad_line_is_told() {
        let mut options = Options::default();
        assert_eq!(options.set_lines(include_str!("../../secsipid.conf")), Ok(()));
        assert_eq!(options.set_lines("# a\n\nRequireTrust = 1\nNope=1\n"), Err(4));
        assert_eq!(options.depth(), Depth::Path);
    }

    #[test]
    fn certificates_are_asked_what_the_bits_say() {
        for (bits, depth, lets_anyone_sign) in [
            (0, Depth::SignatureOnly, true),
            (1, Depth::Path, true),
            (4, Depth::Path, false),
            (5, Depth::Path, false),
            (7, Depth::Path, true),
            (32, Depth::Times, true),
            (36, Depth::Path, false),
        ] {
            let mut options = Options { cert_verify: bits, ..Options::default() };
            assert_eq!((options.depth(), options.lets_anyone_sign()), (depth, lets_anyone_sign), "{bits}");
            options.require_trust = 1;
            assert_eq!((options.depth(), options.lets_anyone_sign()), (Depth::Path, false), "{bits}");
        }
    }
}
