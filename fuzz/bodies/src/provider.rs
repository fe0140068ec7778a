//! One provider and its certificate, the same for all targets of a process.

use std::sync::LazyLock;

use shaken_core::es256::SigningKey;
use shaken_core::{Error, Signer, TrustedCert, key};

use crate::rig::{NOW, World};

/// Where the certificate is.
pub(crate) const X5U: &str = "https://cr.example.com/shaken.pem";

pub(crate) struct Provider {
    pub(crate) signer: Signer,
    pub(crate) certificate: TrustedCert,
    /// The signer's key, for what no signer would sign.
    pub(crate) key: SigningKey,
}

pub(crate) static PROVIDER: LazyLock<Provider> = LazyLock::new(Provider::new);

/// Somebody else, with a certificate just as good.
pub(crate) static STRANGER: LazyLock<Provider> = LazyLock::new(Provider::new);

impl Provider {
    fn new() -> Self {
        let world = World::new();
        let (chain, key_pem) = (world.chain_pem(), world.provider.key.serialize_pem());
        let made = || -> Result<Self, Error> {
            Ok(Self {
                signer: Signer::new(key::signing_key_from_pem(key_pem.as_bytes())?, chain.as_bytes(), X5U)?,
                certificate: TrustedCert::from_pem(chain.as_bytes(), &world.trust(), NOW)?,
                key: key::signing_key_from_pem(key_pem.as_bytes())?,
            })
        };
        made().unwrap_or_else(|error| panic!("{error}"))
    }
}
