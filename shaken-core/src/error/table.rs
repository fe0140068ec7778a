//! The rows of the table, by group. The macro that makes [`Error`] of them says what stands where.

use core::fmt;

use super::{SipResponse, Verstat};
use crate::cert::crl::RevocationReason;

const STALE_DATE: SipResponse = SipResponse::new(403, "Stale Date");
const USE_IDENTITY: SipResponse = SipResponse::new(428, "Use Identity Header");
const BAD_INFO: SipResponse = SipResponse::new(436, "Bad Identity Info");
const CREDENTIAL: SipResponse = SipResponse::new(437, "Unsupported Credential");
const INVALID: SipResponse = SipResponse::new(438, "Invalid Identity Header");
const OURS: SipResponse = SipResponse::new(500, "Server Internal Error");
const BAD_REQUEST: SipResponse = SipResponse::new(400, "Bad Request");
const URI_SCHEME: SipResponse = SipResponse::new(416, "Unsupported URI Scheme");
const ANONYMITY: SipResponse = SipResponse::new(433, "Anonymity Disallowed");
const SIP_VERSION: SipResponse = SipResponse::new(505, "Version Not Supported");
const TOO_LARGE: SipResponse = SipResponse::new(513, "Message Too Large");

errors! {
    // 1xx: the Identity header field.

    /// No Identity header where one was asked for.
    101 "identity-missing" USE_IDENTITY NoValidation: IdentityMissing
        => "the call has no Identity header";
    /// The header value is longer than [`crate::identity::MAX_LEN`].
    102 "identity-too-large" INVALID NoValidation: IdentityTooLarge {
        /// Length of the value.
        len_bytes: usize = 0,
    } => "the Identity header has {len_bytes} bytes, more than the limit of {}", crate::identity::MAX_LEN;
    /// More Identity headers in one call than are worth looking at.
    103 "too-many-identity-headers" INVALID NoValidation: TooManyIdentityHeaders {
        /// How many are looked at.
        limit: usize = 0,
    } => "the call has more than {limit} Identity headers";
    /// A parameter is not of the form `name` or `name=value` (RFC 8224 §4, RFC 3261 §25).
    104 "param-syntax" INVALID NoValidation: ParamSyntax {
        /// Byte offset in the header value.
        offset: usize = 0,
    } => "the Identity header is malformed at byte {offset}; expected ;name=value";
    /// A parameter stands twice (RFC 3261 §7.3.1).
    105 "param-duplicate" INVALID NoValidation: ParamDuplicate {
        /// Byte offset of the second one in the header value.
        offset: usize = 0,
    } => "the Identity header repeats a parameter at byte {offset}";
    /// The mandatory `info` parameter is absent (RFC 8224 §4).
    106 "info-missing" BAD_INFO NoValidation: InfoMissing
        => "the Identity header has no info parameter";
    /// `info` is not a URI between angle brackets (RFC 8224 §4).
    107 "info-syntax" BAD_INFO NoValidation: InfoSyntax
        => "the info parameter must be a URI between < and >";
    /// The `alg` parameter names another algorithm than ES256 (RFC 8224 §4.1).
    108 "param-alg-unsupported" CREDENTIAL NoValidation: ParamAlgUnsupported
        => "the alg parameter is not ES256";
    /// The `ppt` parameter and the token's `ppt` differ (RFC 8224 §4.1).
    109 "ppt-mismatch" INVALID NoValidation: PptMismatch
        => "the ppt parameter and the ppt of the token differ";
    /// Compact form, which SHAKEN forbids (RFC 8588 §3).
    110 "compact-form" INVALID NoValidation: CompactForm
        => "the PASSporT is in compact form; SHAKEN requires the full form";

    /// The call has Identity headers, and none of them is a `shaken` PASSporT (RFC 8224 §6.2.2).
    111 "shaken-missing" USE_IDENTITY NoValidation: ShakenMissing
        => "none of the Identity headers is a shaken PASSporT, which alone lets a call pass";
    /// A compact form whose time cannot be rebuilt: the request has no Date (RFC 8224 §6.2.4).
    112 "compact-date-missing" INVALID NoValidation: CompactDateMissing
        => "the PASSporT is in compact form, and the request has no Date to rebuild it with";

    // 2xx: the token.

    /// The token is not three segments joined by dots (RFC 7515 §3.1).
    201 "token-segments" INVALID NoValidation: TokenSegments {
        /// How many segments there were.
        count: usize = 0,
    } => "the token has {count} segments instead of three";
    /// A segment is longer than we read.
    202 "token-too-large" INVALID NoValidation: TokenTooLarge {
        /// Length of the segment before decoding.
        len_bytes: usize = 0,
    } => "a segment of the token has {len_bytes} bytes, more than the limit";
    /// A segment is not canonical base64url without padding (RFC 7515 §2).
    203 "base64-invalid" INVALID NoValidation: Base64Invalid
        => "a segment of the token is not base64url without padding";
    /// Header or payload is not one JSON text (RFC 8259).
    204 "json-syntax" INVALID NoValidation: JsonSyntax {
        /// Byte offset in the decoded segment.
        offset: usize = 0,
    } => "the JSON is malformed at byte {offset}";
    /// Header or payload is not UTF-8, or has a lone surrogate (RFC 8259 §8).
    205 "json-encoding" INVALID NoValidation: JsonEncoding {
        /// Byte offset in the decoded segment.
        offset: usize = 0,
    } => "the JSON is not valid Unicode at byte {offset}";
    /// An object holds two members of one name (RFC 7515 §4, RFC 8225 §9).
    206 "json-duplicate-member" INVALID NoValidation: JsonDuplicateMember {
        /// Byte offset of the second name in the decoded segment.
        offset: usize = 0,
    } => "the JSON repeats a member name at byte {offset}";
    /// Objects and arrays are nested deeper than [`crate::json::MAX_DEPTH`].
    207 "json-too-deep" INVALID NoValidation: JsonTooDeep {
        /// Byte offset in the decoded segment.
        offset: usize = 0,
    } => "the JSON is nested too deeply at byte {offset}";
    /// An object holds more than [`crate::json::MAX_MEMBERS`] members.
    208 "json-too-many-members" INVALID NoValidation: JsonTooManyMembers {
        /// Byte offset in the decoded segment.
        offset: usize = 0,
    } => "a JSON object has too many members at byte {offset}";
    /// `alg`, `typ`, `ppt` or `x5u` is absent from the protected header (RFC 8225 §4).
    210 "header-member-missing" BAD_INFO NoValidation: HeaderMemberMissing {
        /// Name of the member.
        member: &'static str = "x5u",
    } => "the protected header has no {member}";
    /// The token's `alg` is not the string `ES256` (RFC 8225 §4, §6).
    211 "alg-unsupported" CREDENTIAL NoValidation: AlgUnsupported
        => "the alg of the token is not ES256";
    /// The token's `typ` is not the string `passport` (RFC 8225 §4.1).
    212 "typ-invalid" CREDENTIAL NoValidation: TypInvalid
        => "the typ of the token is not passport";
    /// The PASSporT type is not one that this verifier handles (RFC 8225 §8.1).
    213 "ppt-unsupported" INVALID NoValidation: PptUnsupported
        => "the ppt of the PASSporT is not a type that is known here";
    /// `x5u` is not a string.
    214 "x5u-type" BAD_INFO NoValidation: X5uType
        => "the x5u of the token is not a string";
    /// `info` and `x5u` are not the same bytes (RFC 8224 §4.1).
    215 "x5u-info-mismatch" BAD_INFO NoValidation: X5uInfoMismatch
        => "the x5u of the token differs from the info parameter";
    /// The header asks for processing that we do not offer: `crit`, `b64`, `zip`
    /// (RFC 7515 §4.1.11, RFC 7797 §3).
    216 "crit-unsupported" INVALID NoValidation: CritUnsupported
        => "the protected header has crit, b64 or zip, which PASSporT does not use";

    // 3xx: the claims, compared with the call and the clock.

    /// A mandatory claim is absent (RFC 8225 §5, RFC 8588 §4).
    301 "claim-missing" INVALID NoValidation: ClaimMissing {
        /// Name of the claim.
        claim: &'static str = "iat",
    } => "the payload has no {claim} claim";
    /// A claim is of the wrong JSON type or form.
    302 "claim-type" INVALID NoValidation: ClaimType {
        /// Name of the claim.
        claim: &'static str = "iat",
    } => "the {claim} claim is not of the form that its RFC gives it";
    /// `attest` is not `A`, `B` or `C` (RFC 8588 §4).
    303 "attest-invalid" INVALID NoValidation: AttestInvalid
        => "the attest claim is not A, B or C";
    /// `origid` is empty or too long (RFC 8588 §5).
    304 "origid-invalid" INVALID NoValidation: OrigIdInvalid
        => "the origid claim must be a string of 1 to 128 ASCII characters, none of them a control character";
    /// A telephone number is not in canonical form (RFC 8224 §8.3).
    305 "tn-not-canonical" INVALID NoValidation: TnNotCanonical
        => "a telephone number must be digits, # and * only, without + or separators";
    /// `dest` lists more entries than [`crate::claims::MAX_DEST`].
    306 "dest-too-many" INVALID NoValidation: DestTooMany
        => "the dest claim lists too many destinations";
    /// The Date of the request is too old (RFC 8224 §6.2 step 4).
    307 "date-stale" STALE_DATE NoValidation: DateStale {
        /// Age of the Date.
        age_s: u64 = 0,
    } => "the Date of the request is {age_s} s old; check the clocks of both sides";
    /// The Date of the request lies ahead of our clock.
    308 "date-future" STALE_DATE NoValidation: DateFuture {
        /// How far ahead.
        ahead_s: u64 = 0,
    } => "the Date of the request is {ahead_s} s ahead; check the clocks of both sides";
    /// `iat` is too old (RFC 8224 §6.2 step 4).
    309 "iat-stale" STALE_DATE NoValidation: IatStale {
        /// Age of the PASSporT.
        age_s: u64 = 0,
    } => "the PASSporT is {age_s} s old: it was signed too long ago, or a clock is wrong";
    /// `iat` lies ahead of our clock: a token that would be fresh for ever.
    310 "iat-future" STALE_DATE NoValidation: IatFuture {
        /// How far ahead.
        ahead_s: u64 = 0,
    } => "the iat of the PASSporT is {ahead_s} s ahead: a clock is wrong";
    /// `orig` is not the calling number of the request (RFC 8224 §6.2.4).
    311 "orig-mismatch" INVALID NoValidation: OrigMismatch
        => "the orig claim is not the calling number of the request";
    /// No entry of `dest` is the called number of the request (RFC 8224 §6.2.4).
    312 "dest-mismatch" INVALID NoValidation: DestMismatch
        => "no dest of the token is the called number of the request";

    /// `mky` holds other fingerprints than the SDP (RFC 8224 §6.2.4, RFC 8225 §5.2.2).
    313 "mky-mismatch" INVALID NoValidation: MkyMismatch
        => "the mky claim does not hold the fingerprints of the SDP; was the media changed on the way?";
    /// `rph` and the Resource-Priority of the request differ (RFC 8443 §4).
    314 "rph-mismatch" INVALID NoValidation: RphMismatch
        => "the Resource-Priority of the request is not what the rph claim allows";
    /// `sph` is not `psap-callback`, stands without an r-value of `esnet`, or Priority does not
    /// say the same (RFC 9027 §4).
    315 "sph-invalid" INVALID NoValidation: SphInvalid
        => "the sph claim must be psap-callback, beside an r-value of esnet, and in Priority too";
    /// `msgi` is not the digest of the body (RFC 9475 §3).
    316 "msgi-mismatch" INVALID NoValidation: MsgiMismatch
        => "the msgi claim is not the digest of the message body; was it changed on the way?";

    /// `rcd` has no `nam` (RFC 9795 §5.1.1).
    320 "rcd-nam-missing" INVALID NoValidation: RcdNamMissing
        => "the rcd claim has no nam; it needs one, empty if the caller has no name";
    /// A member of `rcd` is of the wrong JSON type or form (RFC 9795 §5.1).
    321 "rcd-member-type" INVALID NoValidation: RcdMemberType {
        /// Name of the member.
        member: &'static str = "nam",
    } => "the member {member} of the rcd claim is not of the form that RFC 9795 gives it";
    /// `rcd` has `jcd` and `jcl` (RFC 9795 §5.1.5).
    322 "rcd-jcard-twice" INVALID NoValidation: RcdJcardTwice
        => "the rcd claim has jcd and jcl, of which only one may be there";
    /// `rcdi` stands without `rcd` (RFC 9795 §6).
    323 "rcdi-without-rcd" INVALID NoValidation: RcdiWithoutRcd
        => "the payload has an rcdi claim and no rcd claim that it could be about";
    /// `rcdi` lacks the digest of content that `rcd` refers to (RFC 9795 §6.1).
    324 "rcdi-digest-missing" INVALID NoValidation: RcdiDigestMissing {
        /// Member of `rcd` in which the reference stands.
        member: &'static str = "icn",
    } => "the rcdi claim has no digest for a URL in the member {member} of the rcd claim";
    /// A digest names no hash function that RFC 9795 §6 and RFC 9475 §3 have.
    325 "digest-algorithm" INVALID NoValidation: DigestAlgorithm
        => "a digest does not start with sha256-, sha384- or sha512-";
    /// A digest is not base64 (RFC 4648 §4).
    326 "digest-base64" INVALID NoValidation: DigestBase64
        => "a digest is not base64";
    /// A digest has another length than its hash function makes.
    327 "digest-length" INVALID NoValidation: DigestLength {
        /// Length after decoding.
        len_bytes: usize = 0,
    } => "a digest has {len_bytes} bytes, which its hash function does not make";
    /// The content that a URL in rich call data refers to is not at hand, so that it cannot be
    /// signed.
    328 "rcd-content-missing" INVALID NoValidation: RcdContentMissing {
        /// Member of `rcd` in which the URL stands.
        member: &'static str = "icn",
    } => "the content of a URL in the member {member} of the rcd claim is needed to sign it";
    /// A jCard that is published at a URL is not in the deterministic form: verifiers would not
    /// agree on its digest (RFC 9795 §6.1).
    329 "jcl-not-canonical" INVALID NoValidation: JclNotCanonical
        => "the jCard at the jcl URL must be published without white space and with sorted members";
    /// The same PASSporT came with another call before (RFC 8224 §12.1), and the policy for its trunk
    /// is to refuse that.
    330 "passport-replayed" INVALID Failed: PassportReplayed
        => "the PASSporT was used for another call before";
    /// A number is too long without its exponent (RFC 8225 §9).
    335 "number-not-canonical" INVALID NoValidation: NumberNotCanonical
        => "a number in a claim has an exponent that the deterministic form cannot do without";

    /// The certificate demands a claim that the PASSporT lacks: `mustInclude` of its claim
    /// constraints (RFC 8226 §8, RFC 9118 §3).
    340 "claim-demanded-by-cert" INVALID Failed: ClaimDemanded {
        /// Name of the claim.
        claim: &'static str = "rcd",
    } => "the certificate demands the claim {claim}, which the token does not have";
    /// A claim has a value that the certificate does not permit: `permittedValues` of its claim
    /// constraints (RFC 8226 §8, RFC 9118 §3).
    341 "claim-not-permitted-by-cert" INVALID Failed: ClaimNotPermitted {
        /// Name of the claim.
        claim: &'static str = "rcd",
    } => "the certificate does not permit the value that the token has for the claim {claim}";
    /// The PASSporT has a claim that the certificate excludes: `mustExclude` of its claim
    /// constraints (RFC 9118 §3).
    342 "claim-excluded-by-cert" INVALID Failed: ClaimExcluded {
        /// Name of the claim.
        claim: &'static str = "rcd",
    } => "the certificate excludes the claim {claim}, which the token has";

    /// A diversion to the party that diverts (RFC 8946 §4.1).
    350 "div-unchanged" INVALID NoValidation: DivUnchanged
        => "the div claim names a party that is in dest too, so nothing was diverted";
    /// `opt` in another type than `div-o` (RFC 8946 §3).
    351 "opt-unexpected" INVALID NoValidation: OptUnexpected
        => "a div PASSporT must not have an opt claim; that is for div-o";
    /// `opt` is not a token in full form (RFC 8946 §5).
    352 "opt-invalid" INVALID NoValidation: OptInvalid
        => "the opt claim is not a PASSporT in full form";
    /// The PASSporT that a diversion follows is not there (RFC 8946 §4.2).
    353 "div-chain-incomplete" INVALID NoValidation: DivChainIncomplete
        => "a diversion follows no PASSporT of this call: one is missing, or they refer to each other";
    /// The PASSporT that a diversion follows is of a type that is not known (RFC 8946 §4.2).
    354 "div-chain-unsupported" INVALID NoValidation: DivChainUnsupported
        => "a diversion follows a PASSporT of a type that is not known here";
    /// The last diversion leads elsewhere than the call goes (RFC 8946 §4.2 step 1).
    355 "div-target-mismatch" INVALID NoValidation: DivTargetMismatch
        => "the last diversion does not lead to where the call goes now";
    /// The caller changes along the diversions (RFC 8946 §4.2 step 3).
    356 "div-orig-mismatch" INVALID NoValidation: DivOrigMismatch
        => "the PASSporTs of a diverted call name different callers";

    /// The `div-o` of a call hold more PASSporTs than are read: with those of all headers, more than
    /// [`crate::verify::MAX_PASSPORTS`].
    357 "div-o-too-deep" INVALID NoValidation: DivNestedTooDeep
        => "the div-o PASSporTs of the call hold more PASSporTs than are read";

    // 4xx: the certificate URL and its download.

    /// The URL is not of the form `https://host[:port]/path`.
    401 "x5u-syntax" BAD_INFO NoValidation: X5uSyntax
        => "the certificate URL is malformed";
    /// The URL has more than 2,048 bytes.
    402 "x5u-too-long" BAD_INFO NoValidation: X5uTooLong {
        /// Length of the URL.
        len_bytes: usize = 0,
    } => "the certificate URL has {len_bytes} bytes, more than 2,048";
    /// The scheme is not https (ATIS-1000074).
    403 "x5u-scheme" BAD_INFO NoValidation: X5uScheme
        => "the certificate URL is not https";
    /// The port is neither 443 nor 8443 (ATIS-1000074).
    404 "x5u-port" BAD_INFO NoValidation: X5uPort
        => "the port of the certificate URL is neither 443 nor 8443";
    /// The URL has user information, a query, a fragment or a path parameter (ATIS-1000074).
    405 "x5u-component" BAD_INFO NoValidation: X5uComponent
        => "the certificate URL has user information, a query, a fragment or a path parameter";
    /// The host is an IP address, in whatever spelling.
    406 "x5u-host-address" BAD_INFO NoValidation: X5uHostAddress
        => "the host of the certificate URL is an IP address; a name is required";
    /// The host is a name that cannot be public: `localhost`, `.local`, one label.
    407 "x5u-host-local" BAD_INFO NoValidation: X5uHostLocal
        => "the host of the certificate URL is not a public name";
    /// The host is no DNS name.
    408 "x5u-host-syntax" BAD_INFO NoValidation: X5uHostSyntax
        => "the host of the certificate URL is not a DNS name";
    /// Name resolution failed.
    420 "fetch-dns" BAD_INFO NoValidation: FetchDns
        => "the host of the certificate URL does not resolve";
    /// The host resolves to an address that may not be dialled (RFC 6890).
    421 "fetch-address-refused" BAD_INFO NoValidation: FetchAddressRefused
        => "the host of the certificate URL resolves to an address that is not public";
    /// No TCP connection.
    422 "fetch-connect" BAD_INFO NoValidation: FetchConnect
        => "the certificate repository does not accept connections";
    /// The TLS handshake failed or its certificate is not valid for the host.
    423 "fetch-tls" BAD_INFO NoValidation: FetchTls
        => "the TLS handshake with the certificate repository failed";
    /// The download did not end before the deadline.
    424 "fetch-deadline" BAD_INFO NoValidation: FetchDeadline
        => "the certificate did not arrive before the deadline";
    /// The repository answered with a redirect (ATIS-1000074 forbids to follow it).
    425 "fetch-redirect" BAD_INFO NoValidation: FetchRedirect
        => "the certificate repository redirects, which is not followed";
    /// The repository answered with another status than 200.
    426 "fetch-status" BAD_INFO NoValidation: FetchStatus {
        /// The HTTP status.
        status: u16 = 0,
    } => "the certificate repository answered with status {status}";
    /// Headers, interim answers or handshake exceed their limits.
    427 "fetch-header-limit" BAD_INFO NoValidation: FetchHeaderLimit
        => "the answer of the certificate repository has too many or too long headers";
    /// The body exceeds 64 KiB.
    428 "fetch-body-limit" BAD_INFO NoValidation: FetchBodyLimit
        => "the certificate body is larger than 64 KiB";
    /// The body has a Content-Encoding, which was not offered.
    429 "fetch-encoding" BAD_INFO NoValidation: FetchEncoding
        => "the certificate repository sent an encoding that was not offered";
    /// The answer is not HTTP/1.1, or ended early.
    430 "fetch-protocol" BAD_INFO NoValidation: FetchProtocol
        => "the answer of the certificate repository is not valid HTTP";
    /// Too many downloads are under way.
    431 "fetch-overload" BAD_INFO NoValidation: FetchOverload
        => "too many certificate downloads are under way";
    /// The certificate is not there and may not be fetched here.
    432 "cert-unavailable" BAD_INFO NoValidation: CertUnavailable
        => "the certificate is not available";
    /// The addresses of this host's own interfaces cannot be read, so none can be kept apart.
    433 "fetch-interfaces" BAD_INFO NoValidation: FetchInterfaces
        => "the addresses of this host cannot be read; let the process use netlink sockets";
    /// The certificate did not come in the time that a call waits for it. The download goes on, and a
    /// later call finds what came of it. Also what all failed downloads are called outside: see
    /// [`Error::public`].
    434 "certificate-pending" BAD_INFO NoValidation: CertPending
        => "the certificate is not at hand; a later call may find it";

    // 5xx: certificates.

    /// No readable PEM certificate in the body (RFC 7468).
    501 "cert-pem" CREDENTIAL Failed: CertPem
        => "the certificate body is not PEM, or a block of it is damaged";
    /// More certificates than a chain may have.
    502 "cert-too-many" CREDENTIAL Failed: CertTooMany {
        /// How many there were.
        count: usize = 0,
    } => "the certificate body holds {count} certificates, too many for a chain";
    /// One certificate is too large.
    503 "cert-too-large" CREDENTIAL Failed: CertTooLarge {
        /// Length of its DER.
        len_bytes: usize = 0,
    } => "a certificate has {len_bytes} bytes, more than the limit";
    /// A certificate is not valid DER (RFC 5280 §4).
    504 "cert-der" CREDENTIAL Failed: CertDer
        => "a certificate is not valid DER";
    /// The signing certificate is past its end.
    505 "cert-expired" CREDENTIAL Failed: CertExpired {
        /// End of the window, seconds since 1970.
        not_after: i64 = 0,
    } => "the certificate or its path ended at {not_after} (Unix time)";
    /// The signing certificate is not valid yet.
    506 "cert-not-yet-valid" CREDENTIAL Failed: CertNotYetValid {
        /// Start of the window, seconds since 1970.
        not_before: i64 = 0,
    } => "the certificate or its path starts at {not_before} (Unix time)";
    /// No path to a trust anchor.
    507 "cert-untrusted" CREDENTIAL Failed: CertUntrusted
        => "no path leads from the certificate to a trust anchor";
    /// A candidate issuer has the right name and does not verify the signature.
    508 "cert-signature" CREDENTIAL Failed: CertSignature
        => "the signature on a certificate of the path is wrong";
    /// A certificate of the path is signed with an algorithm that is not accepted.
    509 "cert-signature-algorithm" CREDENTIAL Failed: CertSignatureAlgorithm
        => "a certificate of the path is signed with an algorithm that is not accepted";
    /// The signing certificate's key is not on P-256 (RFC 8226 §4).
    510 "cert-key-type" CREDENTIAL Failed: CertKeyType
        => "the key of the certificate is not an uncompressed point on the named curve P-256";
    /// The key usage does not allow what the certificate is used for (RFC 5280 §4.2.1.3).
    511 "cert-key-usage" CREDENTIAL Failed: CertKeyUsage
        => "the key usage of a certificate does not allow its use";
    /// The signing certificate is a CA (RFC 9060 §4: only end entities sign).
    512 "cert-is-ca" CREDENTIAL Failed: CertIsCa
        => "a CA certificate may not sign a PASSporT";
    /// An issuer in the path is not a CA (RFC 5280 §4.2.1.9).
    513 "cert-issuer-not-ca" CREDENTIAL Failed: CertIssuerNotCa
        => "an issuer in the path is not a CA";
    /// The path is longer than an issuer allows (RFC 5280 §4.2.1.9) or than we follow.
    514 "cert-path-length" CREDENTIAL Failed: CertPathLength
        => "the path is longer than one of its issuers allows";
    /// A critical extension that we do not process (RFC 5280 §4.2).
    515 "cert-critical-extension" CREDENTIAL Failed: CertCriticalExtension
        => "a certificate of the path has a critical extension that is not known";
    /// The search for a path used up its signature budget.
    516 "cert-path-budget" CREDENTIAL Failed: CertPathBudget
        => "the search for a path took too many signature checks";
    /// A certificate of the path is not as RFC 5280 §4 wants one to be.
    517 "cert-nonconforming" CREDENTIAL Failed: CertNonconforming {
        /// What is wrong with it.
        rule: &'static str = "its serial number is not positive",
    } => "a certificate of the path does not conform to RFC 5280: {rule}";
    /// A certificate of the path demands a certificate policy, and no policy holds for all of it
    /// (RFC 5280 §6.1).
    518 "cert-policy" CREDENTIAL Failed: CertPolicy
        => "a CA demands a certificate policy, and the certificates of the path have none in common";
    /// The certificate has no TNAuthList (RFC 8226 §9, ATIS-1000080).
    520 "tn-auth-list-missing" CREDENTIAL Failed: TnAuthListMissing
        => "the certificate has no TNAuthList extension";
    /// The TNAuthList is not what RFC 8226 §9 defines.
    521 "tn-auth-list-invalid" CREDENTIAL Failed: TnAuthListInvalid {
        /// Byte offset in the extension value.
        offset: usize = 0,
    } => "the TNAuthList of the certificate is malformed at byte {offset}";
    /// The certificate lists numbers, no SPC, and not the calling one (RFC 8226 §3).
    522 "tn-not-authorized" CREDENTIAL Failed: TnNotAuthorized
        => "the certificate does not cover the calling number";
    /// The TNAuthList is not in the certificate but at a URL (RFC 8226 §10.1). It is not fetched,
    /// so nobody knows what the certificate covers.
    523 "tn-auth-list-by-reference" CREDENTIAL Failed: TnAuthListByReference
        => "a certificate gives its TNAuthList by reference, which is not followed; ask its CA to include the list";
    /// A certificate of the path claims more than its issuer's TNAuthList holds (RFC 9060 §4).
    524 "tn-auth-list-not-encompassed" CREDENTIAL Failed: TnAuthListNotEncompassed
        => "a certificate of the path lists a number or provider that its issuer's TNAuthList does not hold";
    /// The claim constraints are not what RFC 8226 §8 or RFC 9118 defines.
    525 "claim-constraints-invalid" CREDENTIAL Failed: ClaimConstraintsInvalid {
        /// Byte offset in the extension value.
        offset: usize = 0,
    } => "the claim constraints of the certificate are malformed at byte {offset}";
    /// JWTClaimConstraints and EnhancedJWTClaimConstraints in one certificate (RFC 9118 §3).
    526 "claim-constraints-twice" CREDENTIAL Failed: ClaimConstraintsTwice
        => "the certificate has both kinds of claim constraints, of which only one may be there";
    /// A delegate's CA names a provider and does not list the delegate's numbers (RFC 9060 §4),
    /// and the policy is to refuse what is not proven
    /// ([`crate::cert::encompass::EncompassingPolicy`]).
    527 "tn-auth-list-unproven" CREDENTIAL Failed: TnAuthListUnproven
        => "the issuer's TNAuthList names a provider and not the numbers of the certificate, and the policy asks for proof";
    /// A certificate of the path is on a revocation list (RFC 5280 §6.3).
    530 "cert-revoked" CREDENTIAL Failed: CertRevoked {
        /// Which one: 0 is the signing certificate, 1 its issuer, and so on.
        depth: usize = 0,
        /// Why.
        reason: RevocationReason = RevocationReason::Unspecified,
        /// Since when, seconds since 1970.
        revoked_at: i64 = 0,
    } => "certificate {depth} of the path (0 is the signer) was revoked at {revoked_at} (Unix time): {reason}";
    /// No usable revocation list covers a certificate of the path, and the policy is to refuse
    /// it then ([`crate::trust::RevocationPolicy`]).
    531 "crl-missing" CREDENTIAL NoValidation: CrlMissing {
        /// Which certificate: 0 is the signing one.
        depth: usize = 0,
    } => "no revocation list covers certificate {depth} of the path (0 is the signer), and the policy asks for one";
    /// The revocation list that covers a certificate of the path is too old for the policy.
    532 "crl-stale" CREDENTIAL NoValidation: CrlStale {
        /// Until when it was good, seconds since 1970.
        next_update: i64 = 0,
    } => "the revocation list was good until {next_update} (Unix time); obtain a newer one";
    /// A revocation list is neither DER nor one PEM block of the label `X509 CRL`.
    533 "crl-encoding" CREDENTIAL NoValidation: CrlEncoding
        => "the revocation list is neither DER nor PEM with one block X509 CRL";
    /// A revocation list is too large.
    534 "crl-too-large" CREDENTIAL NoValidation: CrlTooLarge {
        /// Its length.
        len_bytes: usize = 0,
    } => "the revocation list has {len_bytes} bytes, more than the limit";
    /// A revocation list is not what RFC 5280 §5 defines.
    535 "crl-der" CREDENTIAL NoValidation: CrlDer {
        /// Byte offset in the DER.
        offset: usize = 0,
    } => "the revocation list is malformed at byte {offset}";
    /// A revocation list has a critical extension that we do not process, such as that of a delta
    /// CRL (RFC 5280 §5.2, §5.3).
    536 "crl-critical-extension" CREDENTIAL NoValidation: CrlCriticalExtension
        => "the revocation list or one of its entries has a critical extension that is not known";
    /// A revocation list has no CRL number, or one that is critical (RFC 5280 §5.2.3).
    537 "crl-number" CREDENTIAL NoValidation: CrlNumber
        => "the revocation list has no CRL number, or marks it critical";
    /// A revocation list is dated ahead of our clock.
    538 "crl-not-yet-valid" CREDENTIAL NoValidation: CrlNotYetValid {
        /// Its date, seconds since 1970.
        this_update: i64 = 0,
    } => "the revocation list is dated {this_update} (Unix time), ahead of the clock";
    /// No certificate at hand has the name and key of the revocation list's issuer and may sign
    /// such lists (RFC 5280 §6.3.3 (f)).
    539 "crl-signer-missing" CREDENTIAL NoValidation: CrlSignerMissing
        => "no certificate of the revocation list's issuer that may sign lists is at hand";
    /// The signature on a revocation list is wrong, or made with an algorithm that does not go
    /// with the key.
    540 "crl-signature" CREDENTIAL NoValidation: CrlSignature
        => "the signature on the revocation list is wrong";
    /// A revocation list is older than the one in force.
    541 "crl-rollback" CREDENTIAL NoValidation: CrlRollback {
        /// Its date, seconds since 1970.
        this_update: i64 = 0,
    } => "the revocation list of {this_update} (Unix time) is older than the one in force";
    /// A list of approved STI-CAs is too large.
    550 "ca-list-too-large" CREDENTIAL NoValidation: CaListTooLarge {
        /// Its length.
        len_bytes: usize = 0,
    } => "the list of approved CAs has {len_bytes} bytes, more than the limit";
    /// A member of a list of approved STI-CAs is absent or of another form than ATIS-1000084
    /// gives it.
    551 "ca-list-member" CREDENTIAL NoValidation: CaListMember {
        /// Name of the member.
        member: &'static str = "exp",
    } => "the member {member} of the list of approved CAs is absent or not of its form";
    /// The certificate URL of a list of approved STI-CAs is on another host than the list.
    552 "ca-list-host" CREDENTIAL NoValidation: CaListHost
        => "the x5u of the list of approved CAs is on another host than the list itself";
    /// A list of approved STI-CAs is past its end.
    553 "ca-list-expired" CREDENTIAL NoValidation: CaListExpired {
        /// Its end, seconds since 1970.
        exp: i64 = 0,
    } => "the list of approved CAs ended at {exp} (Unix time); obtain a newer one";
    /// A list of approved STI-CAs is older than one that was accepted before, or another one
    /// under the same number.
    554 "ca-list-rollback" CREDENTIAL NoValidation: CaListRollback {
        /// Its sequence number.
        sequence: u64 = 0,
        /// The highest one accepted so far.
        highest: u64 = 0,
    } => "the list of approved CAs has sequence {sequence}, and {highest} was accepted before";
    /// A list of approved STI-CAs holds no usable CA certificate.
    555 "ca-list-empty" CREDENTIAL NoValidation: CaListEmpty
        => "the list of approved CAs holds no usable CA certificate";
    /// An authority token is too large.
    560 "authority-token-too-large" CREDENTIAL NoValidation: AuthorityTokenTooLarge {
        /// Its length.
        len_bytes: usize = 0,
    } => "the authority token has {len_bytes} bytes, more than the limit";
    /// A member of an authority token is absent or of another form than RFC 9447 and RFC 9448
    /// give it.
    561 "authority-token-member" CREDENTIAL NoValidation: AuthorityTokenMember {
        /// Name of the member.
        member: &'static str = "atc",
    } => "the member {member} of the authority token is absent or not of its form";
    /// An authority token is past its end.
    562 "authority-token-expired" CREDENTIAL NoValidation: AuthorityTokenExpired {
        /// Its end, seconds since 1970.
        exp: i64 = 0,
    } => "the authority token ended at {exp} (Unix time); ask the STI-PA for a new one";
    /// An authority token is for another list, account or kind of certificate than was ordered
    /// (RFC 9448 §6).
    563 "authority-token-mismatch" CREDENTIAL NoValidation: AuthorityTokenMismatch {
        /// The member that differs from the order.
        member: &'static str = "tkvalue",
    } => "the member {member} of the authority token is not what was ordered";

    // 6xx: the signature.

    /// The signature is not 64 bytes (RFC 7518 §3.4).
    601 "signature-length" INVALID Failed: SignatureLength {
        /// Length after decoding.
        len_bytes: usize = 0,
    } => "the signature has {len_bytes} bytes; ES256 has 64";
    /// The signature does not verify.
    602 "signature-invalid" INVALID Failed: SignatureInvalid
        => "the signature does not verify";

    // 7xx: our own signing.

    /// The private key is not a P-256 key in PKCS#8 or SEC1 form.
    701 "key-invalid" OURS NoValidation: KeyInvalid
        => "the private key is not a P-256 key; give an unencrypted PKCS#8 or SEC1 key as PEM";
    /// Private key and certificate do not belong together.
    702 "key-mismatch" OURS NoValidation: KeyMismatch
        => "the private key does not belong to the certificate";
    /// The caller's buffer is too short.
    703 "buffer-too-small" OURS NoValidation: BufferTooSmall {
        /// How many bytes are needed.
        needed_bytes: usize = 0,
    } => "the output buffer is too short; {needed_bytes} bytes are needed";
    /// The cryptographic library refused to sign.
    704 "signing-failed" OURS NoValidation: SigningFailed
        => "the signature could not be made";
    /// A number given to us cannot be brought into canonical form.
    705 "tn-invalid" INVALID NoValidation: TnInvalid
        => "a telephone number needs 1 to 24 of 0-9, # and *";

    // 8xx: the SIP message.

    /// Start line and headers are longer than [`crate::sip::MAX_HEAD_LEN`].
    801 "sip-too-large" TOO_LARGE NoValidation: SipTooLarge
        => "the headers of the SIP message have more than {} bytes", crate::sip::MAX_HEAD_LEN;
    /// The first line is not `Method SP Request-URI SP SIP/2.0` (RFC 3261 §7.1).
    802 "sip-start-line" BAD_REQUEST NoValidation: SipStartLine
        => "the SIP message does not start with a line like INVITE sip:user@host SIP/2.0";
    /// A response where a request is asked for. Responses are dropped, not answered.
    803 "sip-not-a-request" BAD_REQUEST NoValidation: SipNotARequest
        => "the SIP message is a response, not a request";
    /// Another version than SIP/2.0 (RFC 3261 §7.1).
    804 "sip-version" SIP_VERSION NoValidation: SipVersion
        => "the SIP message is not of version SIP/2.0";
    /// The message ends before its empty line, or before the length of its body.
    805 "sip-incomplete" BAD_REQUEST NoValidation: SipIncomplete
        => "the SIP message ends before its headers or its Content-Length do";
    /// A header line is not of the form `Name: value`, or ends with another thing than CR LF
    /// (RFC 3261 §7.3).
    806 "sip-header-syntax" BAD_REQUEST NoValidation: SipHeaderSyntax {
        /// Byte offset in the message.
        offset: usize = 0,
    } => "the SIP message is malformed at byte {offset}; expected Name: value and CR LF";
    /// A header that may stand once stands twice (RFC 3261 §7.3.1).
    807 "sip-header-duplicate" BAD_REQUEST NoValidation: SipHeaderDuplicate {
        /// Name of the header.
        header: &'static str = "To",
    } => "the SIP message has two {header} headers";
    /// A mandatory header is absent (RFC 3261 §8.1.1).
    808 "sip-header-missing" BAD_REQUEST NoValidation: SipHeaderMissing {
        /// Name of the header.
        header: &'static str = "To",
    } => "the SIP message has no {header} header";
    /// More headers of one name than are read.
    809 "sip-header-limit" BAD_REQUEST NoValidation: SipHeaderLimit {
        /// Name of the header.
        header: &'static str = "Diversion",
    } => "the SIP message has too many {header} headers";
    /// The value of a header is not of its form (RFC 3261 §25).
    810 "sip-header-value" BAD_REQUEST NoValidation: SipHeaderValue {
        /// Name of the header; empty for one that is not read.
        header: &'static str = "To",
    } => "the {header} header of the SIP message is malformed";
    /// CSeq names another method than the request line (RFC 3261 §8.1.1.5).
    811 "sip-method-mismatch" BAD_REQUEST NoValidation: SipMethodMismatch
        => "the CSeq header names another method than the request line";
    /// The Identity headers of one message are longer than [`crate::sip::MAX_IDENTITY_LEN`].
    812 "identity-total-too-large" INVALID NoValidation: IdentityTotalTooLarge {
        /// Their length in all.
        len_bytes: usize = 0,
    } => "the Identity headers have {len_bytes} bytes in all, more than the limit of {}", crate::sip::MAX_IDENTITY_LEN;
    /// Date is not in the one form that SIP has for it (RFC 3261 §20.17).
    813 "date-invalid" STALE_DATE NoValidation: DateInvalid
        => "the Date is not like Fri, 25 Sep 2015 19:12:25 GMT, or no such time exists";
    /// A line of the SDP is not of the form `a=fingerprint:<hash function> <hex>` (RFC 8122 §5).
    814 "sdp-fingerprint" INVALID NoValidation: SdpFingerprint {
        /// Byte offset of the line in the SDP.
        offset: usize = 0,
    } => "the SDP has a malformed fingerprint at byte {offset}; expected a=fingerprint:sha-256 4A:AD:...";
    /// The SDP has more different fingerprints than [`crate::mky::MAX_FINGERPRINTS`].
    815 "sdp-fingerprint-limit" INVALID NoValidation: SdpFingerprintLimit
        => "the SDP has more than {} different fingerprints", crate::mky::MAX_FINGERPRINTS;
    /// A URI is malformed (RFC 3261 §19.1, RFC 3966 §3).
    820 "uri-syntax" BAD_REQUEST NoValidation: UriSyntax
        => "a URI is malformed";
    /// A URI of a scheme that cannot stand for a caller or a called party.
    821 "uri-scheme" URI_SCHEME NoValidation: UriScheme
        => "a party of the call is neither a sip, sips, tel nor urn URI";
    /// A URI does not stand for a telephone number (RFC 8224 §8.1).
    822 "uri-not-a-number" INVALID NoValidation: UriNotANumber
        => "a party of the call is not a telephone number; SHAKEN signs numbers";
    /// A telephone number is valid only within its `phone-context` (RFC 3966 §5.1.4).
    823 "tn-not-global" INVALID NoValidation: TnNotGlobal
        => "a telephone number is local; write it with + and its country code";
    /// The caller is anonymous and nobody asserts who it is (RFC 3323 §4.1.1.3).
    824 "caller-anonymous" ANONYMITY NoValidation: CallerAnonymous
        => "the caller is anonymous and no P-Asserted-Identity says who it is";
    /// The network did not know who calls (3GPP TS 29.163).
    825 "caller-unavailable" ANONYMITY NoValidation: CallerUnavailable
        => "the calling number is unavailable and no P-Asserted-Identity says it";
    /// A URI is longer than [`crate::party::MAX_URI_LEN`].
    826 "uri-too-long" INVALID NoValidation: UriTooLong
        => "the URI of a party is longer than the limit of {} bytes", crate::party::MAX_URI_LEN;
}
