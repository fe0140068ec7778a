//! What the functions of libsecsipid answer when they cannot do what they are for.

use core::ffi::c_int;

use shaken_core::Error;

/// Makes the codes from one row each: number, name, meaning.
macro_rules! codes {
    ($( $code:literal $variant:ident => $text:literal; )+) => {
        /// Why not. The numbers are those of libsecsipid.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Refusal {
            $( #[doc = $text] $variant = $code, )+
        }

        impl Refusal {
            /// Number and meaning of each.
            #[cfg(test)]
            pub(crate) const ALL: &'static [(c_int, &'static str)] = &[$( ($code, $text), )+];
        }
    };
}

codes! {
    -1 Other => "an argument or option that cannot be, or a fault of the library";
    -101 CertInvalid => "the certificate has no path to a trusted one, or may not sign this call";
    -102 CertFormat => "there is no certificate or public key in PEM";
    -103 CertExpired => "the certificate has expired";
    -104 CertNotYetValid => "the certificate is not valid yet";
    -105 CertProcessing => "a file of certificates cannot be used";
    -106 NoCaFile => "`CertCAFile` is needed and not set";
    -107 CaFileUnreadable => "`CertCAFile` cannot be read";
    -108 NoIntermediatesFile => "`CertCAInter` is needed and not set";
    -109 IntermediatesFileUnreadable => "`CertCAInter` cannot be read";
    -110 NoCrlFile => "`CertCRLFile` is needed and not set";
    -111 CrlUnusable => "the revocation list cannot be read, has a wrong signature, or has ended";
    -112 CertRevoked => "the certificate is revoked";
    -114 KeyNotP256 => "the public key is not on P-256";
    -151 PrivateKeyInvalid => "the private key is not one on P-256";
    -152 PrivateKeyFormat => "there is no private key in PEM";
    -201 HeaderUnreadable => "the header of the token cannot be read";
    -202 HeaderAlg => "`alg` of the token is not ES256";
    -203 HeaderPpt => "`ppt` of the token is not shaken";
    -204 HeaderTyp => "`typ` of the token is not passport";
    -205 HeaderX5u => "`x5u` of the token is missing or differs from `info`";
    -231 PayloadUnreadable => "the payload of the token lacks a claim or cannot be read";
    -232 IatUnfit => "`iat` is too old, or ahead of the clock";
    -251 SignatureInvalid => "the signature is not of this key";
    -253 SignatureSize => "the signature has not 64 bytes";
    -254 SigningFailed => "the system gives no randomness to sign with";
    -255 SignatureEncoding => "the signature is not base64url";
    -301 IdentityUnreadable => "the value is no Identity header, or not in full form";
    -302 ParamAlg => "the parameter `alg` is not ES256";
    -303 ParamPpt => "the parameter `ppt` is not shaken";
    -305 ParamInfo => "the parameter `info` is missing or no URI in angle brackets";
    -401 UrlRefused => "the URL is none that certificates are fetched from";
    -402 GetFailed => "nothing could be fetched";
    -403 GetStatus => "the answer to the fetch is not 200";
    -404 GetBody => "the body of the answer is too large or damaged";
    -451 FileUnreadable => "a file cannot be read";
}

impl Refusal {
    pub(crate) fn code(self) -> c_int {
        self as c_int
    }
}

impl From<Error> for Refusal {
    /// Which part of a token an error of base64 or JSON is about, it does not say: that is for
    /// [`check`](super::check) to find.
    fn from(error: Error) -> Self {
        match error {
            Error::ParamAlgUnsupported => Self::ParamAlg,
            Error::PptMismatch | Error::ShakenMissing => Self::ParamPpt,
            Error::InfoMissing | Error::InfoSyntax => Self::ParamInfo,
            Error::AlgUnsupported | Error::HeaderMemberMissing { member: "alg" } => Self::HeaderAlg,
            Error::PptUnsupported => Self::HeaderPpt,
            Error::TypInvalid | Error::HeaderMemberMissing { member: "typ" } => Self::HeaderTyp,
            Error::X5uType | Error::X5uInfoMismatch | Error::HeaderMemberMissing { .. } => Self::HeaderX5u,
            Error::CritUnsupported => Self::HeaderUnreadable,
            Error::IatStale { .. } | Error::IatFuture { .. } => Self::IatUnfit,
            Error::SignatureLength { .. } => Self::SignatureSize,
            Error::SignatureInvalid => Self::SignatureInvalid,
            Error::SigningFailed => Self::SigningFailed,
            Error::KeyInvalid => Self::PrivateKeyInvalid,
            Error::FetchStatus { .. } | Error::FetchRedirect => Self::GetStatus,
            Error::FetchBodyLimit | Error::FetchEncoding | Error::FetchProtocol => Self::GetBody,
            Error::CertPem | Error::CertDer | Error::CertTooLarge { .. } => Self::CertFormat,
            Error::CertKeyType => Self::KeyNotP256,
            Error::CertExpired { .. } => Self::CertExpired,
            Error::CertNotYetValid { .. } => Self::CertNotYetValid,
            Error::CertRevoked { .. } => Self::CertRevoked,
            error => Self::of_group(error.code()),
        }
    }
}

impl Refusal {
    /// The first digit of an error's number says what it is about.
    fn of_group(code: u16) -> Self {
        match code / 100 {
            _ if (531..550).contains(&code) => Self::CrlUnusable,
            1 | 2 => Self::IdentityUnreadable,
            3 => Self::PayloadUnreadable,
            4 if code < 420 => Self::UrlRefused,
            4 => Self::GetFailed,
            5 => Self::CertInvalid,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_the_engine_has_a_code_that_is_listed() {
        for error in Error::ALL {
            let code = Refusal::from(*error).code();
            assert!(Refusal::ALL.iter().any(|(listed, _)| *listed == code), "{error:?}: {code}");
            assert!(code < 0);
        }
        assert!(Refusal::ALL.is_sorted_by(|(a, _), (b, _)| a > b));
    }
}
