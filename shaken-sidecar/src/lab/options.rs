//! What a new lab is made with.

use std::num::NonZeroU16;

use shaken_core::X5u;

use super::{LabError, REPOSITORY_PATH, TnAuthListDer, TnEntryDer};

/// What a new lab is made with.
#[derive(Clone, Debug)]
pub struct LabOptions {
    pub(super) spc: String,
    tn_auth_list: Option<TnAuthListDer>,
    pub(super) host: String,
    pub(super) repository_port: NonZeroU16,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            spc: DEFAULT_SPC.to_owned(),
            tn_auth_list: None,
            host: DEFAULT_HOST.to_owned(),
            repository_port: DEFAULT_REPOSITORY_PORT,
        }
    }
}

impl LabOptions {
    /// The service provider code in the provider's certificate; `LAB0` unless given.
    ///
    /// # Errors
    /// [`LabError::SpcInvalid`], as for [`TnEntryDer::spc`].
    pub fn with_spc(mut self, spc: &str) -> Result<Self, LabError> {
        // Only to check it: the entry is made when the certificate is.
        TnEntryDer::spc(spc)?;
        spc.clone_into(&mut self.spc);
        Ok(self)
    }

    /// For which numbers the provider may sign, instead of all those of its service provider
    /// code. For trying out certificates limited to numbers, as those of RFC 9060: the profile of
    /// a SHAKEN certificate has exactly one SPC entry.
    #[must_use]
    pub fn with_tn_auth_list(mut self, list: TnAuthListDer) -> Self {
        self.tn_auth_list = Some(list);
        self
    }

    /// The host name in `x5u` and in the repository's TLS certificate; `cr.lab.example` unless
    /// given. It is never looked up: the lab's configuration connects it to loopback.
    ///
    /// # Errors
    /// [`LabError::HostInvalid`] unless an [`X5u`] may have it as its host, or if it is not in
    /// lower case.
    pub fn with_host(mut self, host: &str) -> Result<Self, LabError> {
        if !is_repository_host(host) {
            return Err(LabError::HostInvalid { host: host.to_owned() });
        }
        host.clone_into(&mut self.host);
        Ok(self)
    }

    /// The port of 127.0.0.1 on which the repository is to serve; 8443 unless given.
    #[must_use]
    pub fn with_repository_port(mut self, port: NonZeroU16) -> Self {
        self.repository_port = port;
        self
    }

    pub(super) fn tn_auth_list(&self) -> Result<TnAuthListDer, LabError> {
        match &self.tn_auth_list {
            Some(list) => Ok(list.clone()),
            None => TnEntryDer::spc(&self.spc).map(|entry| TnAuthListDer::new(&entry)),
        }
    }
}

/// The URL of the provider's certificates on `host`.
pub(super) fn x5u(host: &str) -> String {
    format!("https://{host}{REPOSITORY_PATH}")
}

/// One spelling only: the configuration looks the host up as text.
pub(super) fn is_repository_host(text: &str) -> bool {
    let is_whole_host = X5u::parse(&x5u(text)).is_ok_and(|x5u| x5u.host() == text);
    is_whole_host && text == text.to_ascii_lowercase()
}

/// Digits and upper-case letters, as the ATIS-1000080 profile has it, and four of them, as codes
/// in the United States are: valid everywhere. It says "lab" in every certificate, log and record
/// that it reaches, so nobody takes it for a carrier's.
const DEFAULT_SPC: &str = "LAB0";
/// Under `.example` (RFC 2606), so it can never be somebody's host.
const DEFAULT_HOST: &str = "cr.lab.example";
const DEFAULT_REPOSITORY_PORT: NonZeroU16 = NonZeroU16::new(8443).unwrap();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_spelling_that_is_no_address() {
        for host in ["cr.lab.example", "a.b", "xn--bcher-kva.example"] {
            assert!(LabOptions::default().with_host(host).is_ok(), "{host}");
        }
        for host in [
            "",
            ".",
            "localhost",
            "CR.lab.example",
            "cr.lab.example.",
            "cr..example",
            "127.0.0.1",
            "[::1]",
            "cr.lab.example:8443",
            "cr.lab.example/x",
            "bücher.example",
            "cr lab.example",
            "a\"b.example",
        ] {
            assert!(
                matches!(LabOptions::default().with_host(host), Err(LabError::HostInvalid { .. })),
                "{host}"
            );
        }
    }

    #[test]
    fn the_provider_may_sign_for_its_spc_unless_told_otherwise() {
        let options = LabOptions::default().with_spc("1234").unwrap();
        let spc = TnAuthListDer::new(&TnEntryDer::spc("1234").unwrap());
        assert_eq!(options.tn_auth_list().unwrap(), spc);

        let one = TnAuthListDer::new(&TnEntryDer::one("12155550121").unwrap());
        assert_eq!(options.with_tn_auth_list(one.clone()).tn_auth_list().unwrap(), one);

        assert!(matches!(LabOptions::default().with_spc("12 34"), Err(LabError::SpcInvalid { .. })));
    }
}
