/* The C interface of shaken: STIR/SHAKEN signing and verification inside a SIP stack.
 *
 * Made from the source of shaken-ffi; its README has the conventions. In short: what can fail
 * answers a shaken_result, and sets what its pointers for results lead to on every path; texts are
 * pointer and length; *_free takes NULL; times are seconds since 1970.
 *
 * Copyright The shaken authors. Licensed under MIT or Apache-2.0. */

#ifndef SHAKEN_H
#define SHAKEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The numbers of shaken_result, with the SIP status of each. */
enum {
    SHAKEN_OK = 0,
    SHAKEN_NULL = 1, /* A pointer is NULL that must not be. */
    SHAKEN_PANIC = 2, /* A fault of the library itself. Please report it. */
    SHAKEN_ARGUMENT_INVALID = 3, /* An argument has a value that it cannot have. */
    SHAKEN_PENDING = 4, /* Certificates are missing, or nothing is ready yet. */
    SHAKEN_FORKED = 5, /* This was started in another process; start it in each child. */
    SHAKEN_NOT_STARTED = 6, /* Fetching was not started. */
    SHAKEN_ALREADY_STARTED = 7, /* Fetching was started before. */
    SHAKEN_SYSTEM = 8, /* The operating system refuses a thread or a file descriptor. */
    SHAKEN_FILE_UNREADABLE = 9, /* A file cannot be read. */
    SHAKEN_TOO_MANY_WAITING = 10, /* As many calls wait as may. */
    SHAKEN_INDEX_OUT_OF_RANGE = 11, /* There is no element of this number. */
    SHAKEN_DAEMON_UNREACHABLE = 20, /* Nobody answers on the daemon's socket. */
    SHAKEN_DAEMON_DEADLINE = 21, /* The daemon did not answer in time. */
    SHAKEN_DAEMON_REFUSED = 22, /* The daemon refuses the request by its policy. */
    SHAKEN_DAEMON_BUSY = 23, /* The daemon cannot answer now. */
    SHAKEN_DAEMON_ANSWER = 24, /* The daemon's answer is not what its interface says. */
    SHAKEN_CONTENT_NOT_COMPARED = 25, /* A PASSporT speaks of media or a message, which the daemon is not told: use shaken_verify_sip. */
    SHAKEN_IDENTITY_MISSING = 101, /* 428 Use Identity Header */
    SHAKEN_IDENTITY_TOO_LARGE = 102, /* 438 Invalid Identity Header */
    SHAKEN_TOO_MANY_IDENTITY_HEADERS = 103, /* 438 Invalid Identity Header */
    SHAKEN_PARAM_SYNTAX = 104, /* 438 Invalid Identity Header */
    SHAKEN_PARAM_DUPLICATE = 105, /* 438 Invalid Identity Header */
    SHAKEN_INFO_MISSING = 106, /* 436 Bad Identity Info */
    SHAKEN_INFO_SYNTAX = 107, /* 436 Bad Identity Info */
    SHAKEN_PARAM_ALG_UNSUPPORTED = 108, /* 437 Unsupported Credential */
    SHAKEN_PPT_MISMATCH = 109, /* 438 Invalid Identity Header */
    SHAKEN_COMPACT_FORM = 110, /* 438 Invalid Identity Header */
    SHAKEN_SHAKEN_MISSING = 111, /* 428 Use Identity Header */
    SHAKEN_COMPACT_DATE_MISSING = 112, /* 438 Invalid Identity Header */
    SHAKEN_TOKEN_SEGMENTS = 201, /* 438 Invalid Identity Header */
    SHAKEN_TOKEN_TOO_LARGE = 202, /* 438 Invalid Identity Header */
    SHAKEN_BASE64_INVALID = 203, /* 438 Invalid Identity Header */
    SHAKEN_JSON_SYNTAX = 204, /* 438 Invalid Identity Header */
    SHAKEN_JSON_ENCODING = 205, /* 438 Invalid Identity Header */
    SHAKEN_JSON_DUPLICATE_MEMBER = 206, /* 438 Invalid Identity Header */
    SHAKEN_JSON_TOO_DEEP = 207, /* 438 Invalid Identity Header */
    SHAKEN_JSON_TOO_MANY_MEMBERS = 208, /* 438 Invalid Identity Header */
    SHAKEN_HEADER_MEMBER_MISSING = 210, /* 436 Bad Identity Info */
    SHAKEN_ALG_UNSUPPORTED = 211, /* 437 Unsupported Credential */
    SHAKEN_TYP_INVALID = 212, /* 437 Unsupported Credential */
    SHAKEN_PPT_UNSUPPORTED = 213, /* 438 Invalid Identity Header */
    SHAKEN_X5U_TYPE = 214, /* 436 Bad Identity Info */
    SHAKEN_X5U_INFO_MISMATCH = 215, /* 436 Bad Identity Info */
    SHAKEN_CRIT_UNSUPPORTED = 216, /* 438 Invalid Identity Header */
    SHAKEN_CLAIM_MISSING = 301, /* 438 Invalid Identity Header */
    SHAKEN_CLAIM_TYPE = 302, /* 438 Invalid Identity Header */
    SHAKEN_ATTEST_INVALID = 303, /* 438 Invalid Identity Header */
    SHAKEN_ORIGID_INVALID = 304, /* 438 Invalid Identity Header */
    SHAKEN_TN_NOT_CANONICAL = 305, /* 438 Invalid Identity Header */
    SHAKEN_DEST_TOO_MANY = 306, /* 438 Invalid Identity Header */
    SHAKEN_DATE_STALE = 307, /* 403 Stale Date */
    SHAKEN_DATE_FUTURE = 308, /* 403 Stale Date */
    SHAKEN_IAT_STALE = 309, /* 403 Stale Date */
    SHAKEN_IAT_FUTURE = 310, /* 403 Stale Date */
    SHAKEN_ORIG_MISMATCH = 311, /* 438 Invalid Identity Header */
    SHAKEN_DEST_MISMATCH = 312, /* 438 Invalid Identity Header */
    SHAKEN_MKY_MISMATCH = 313, /* 438 Invalid Identity Header */
    SHAKEN_RPH_MISMATCH = 314, /* 438 Invalid Identity Header */
    SHAKEN_SPH_INVALID = 315, /* 438 Invalid Identity Header */
    SHAKEN_MSGI_MISMATCH = 316, /* 438 Invalid Identity Header */
    SHAKEN_RCD_NAM_MISSING = 320, /* 438 Invalid Identity Header */
    SHAKEN_RCD_MEMBER_TYPE = 321, /* 438 Invalid Identity Header */
    SHAKEN_RCD_JCARD_TWICE = 322, /* 438 Invalid Identity Header */
    SHAKEN_RCDI_WITHOUT_RCD = 323, /* 438 Invalid Identity Header */
    SHAKEN_RCDI_DIGEST_MISSING = 324, /* 438 Invalid Identity Header */
    SHAKEN_DIGEST_ALGORITHM = 325, /* 438 Invalid Identity Header */
    SHAKEN_DIGEST_BASE64 = 326, /* 438 Invalid Identity Header */
    SHAKEN_DIGEST_LENGTH = 327, /* 438 Invalid Identity Header */
    SHAKEN_RCD_CONTENT_MISSING = 328, /* 438 Invalid Identity Header */
    SHAKEN_JCL_NOT_CANONICAL = 329, /* 438 Invalid Identity Header */
    SHAKEN_PASSPORT_REPLAYED = 330, /* 438 Invalid Identity Header */
    SHAKEN_NUMBER_NOT_CANONICAL = 335, /* 438 Invalid Identity Header */
    SHAKEN_CLAIM_DEMANDED_BY_CERT = 340, /* 438 Invalid Identity Header */
    SHAKEN_CLAIM_NOT_PERMITTED_BY_CERT = 341, /* 438 Invalid Identity Header */
    SHAKEN_CLAIM_EXCLUDED_BY_CERT = 342, /* 438 Invalid Identity Header */
    SHAKEN_DIV_UNCHANGED = 350, /* 438 Invalid Identity Header */
    SHAKEN_OPT_UNEXPECTED = 351, /* 438 Invalid Identity Header */
    SHAKEN_OPT_INVALID = 352, /* 438 Invalid Identity Header */
    SHAKEN_DIV_CHAIN_INCOMPLETE = 353, /* 438 Invalid Identity Header */
    SHAKEN_DIV_CHAIN_UNSUPPORTED = 354, /* 438 Invalid Identity Header */
    SHAKEN_DIV_TARGET_MISMATCH = 355, /* 438 Invalid Identity Header */
    SHAKEN_DIV_ORIG_MISMATCH = 356, /* 438 Invalid Identity Header */
    SHAKEN_DIV_O_TOO_DEEP = 357, /* 438 Invalid Identity Header */
    SHAKEN_X5U_SYNTAX = 401, /* 436 Bad Identity Info */
    SHAKEN_X5U_TOO_LONG = 402, /* 436 Bad Identity Info */
    SHAKEN_X5U_SCHEME = 403, /* 436 Bad Identity Info */
    SHAKEN_X5U_PORT = 404, /* 436 Bad Identity Info */
    SHAKEN_X5U_COMPONENT = 405, /* 436 Bad Identity Info */
    SHAKEN_X5U_HOST_ADDRESS = 406, /* 436 Bad Identity Info */
    SHAKEN_X5U_HOST_LOCAL = 407, /* 436 Bad Identity Info */
    SHAKEN_X5U_HOST_SYNTAX = 408, /* 436 Bad Identity Info */
    SHAKEN_FETCH_DNS = 420, /* 436 Bad Identity Info */
    SHAKEN_FETCH_ADDRESS_REFUSED = 421, /* 436 Bad Identity Info */
    SHAKEN_FETCH_CONNECT = 422, /* 436 Bad Identity Info */
    SHAKEN_FETCH_TLS = 423, /* 436 Bad Identity Info */
    SHAKEN_FETCH_DEADLINE = 424, /* 436 Bad Identity Info */
    SHAKEN_FETCH_REDIRECT = 425, /* 436 Bad Identity Info */
    SHAKEN_FETCH_STATUS = 426, /* 436 Bad Identity Info */
    SHAKEN_FETCH_HEADER_LIMIT = 427, /* 436 Bad Identity Info */
    SHAKEN_FETCH_BODY_LIMIT = 428, /* 436 Bad Identity Info */
    SHAKEN_FETCH_ENCODING = 429, /* 436 Bad Identity Info */
    SHAKEN_FETCH_PROTOCOL = 430, /* 436 Bad Identity Info */
    SHAKEN_FETCH_OVERLOAD = 431, /* 436 Bad Identity Info */
    SHAKEN_CERT_UNAVAILABLE = 432, /* 436 Bad Identity Info */
    SHAKEN_FETCH_INTERFACES = 433, /* 436 Bad Identity Info */
    SHAKEN_CERTIFICATE_PENDING = 434, /* 436 Bad Identity Info */
    SHAKEN_CERT_PEM = 501, /* 437 Unsupported Credential */
    SHAKEN_CERT_TOO_MANY = 502, /* 437 Unsupported Credential */
    SHAKEN_CERT_TOO_LARGE = 503, /* 437 Unsupported Credential */
    SHAKEN_CERT_DER = 504, /* 437 Unsupported Credential */
    SHAKEN_CERT_EXPIRED = 505, /* 437 Unsupported Credential */
    SHAKEN_CERT_NOT_YET_VALID = 506, /* 437 Unsupported Credential */
    SHAKEN_CERT_UNTRUSTED = 507, /* 437 Unsupported Credential */
    SHAKEN_CERT_SIGNATURE = 508, /* 437 Unsupported Credential */
    SHAKEN_CERT_SIGNATURE_ALGORITHM = 509, /* 437 Unsupported Credential */
    SHAKEN_CERT_KEY_TYPE = 510, /* 437 Unsupported Credential */
    SHAKEN_CERT_KEY_USAGE = 511, /* 437 Unsupported Credential */
    SHAKEN_CERT_IS_CA = 512, /* 437 Unsupported Credential */
    SHAKEN_CERT_ISSUER_NOT_CA = 513, /* 437 Unsupported Credential */
    SHAKEN_CERT_PATH_LENGTH = 514, /* 437 Unsupported Credential */
    SHAKEN_CERT_CRITICAL_EXTENSION = 515, /* 437 Unsupported Credential */
    SHAKEN_CERT_PATH_BUDGET = 516, /* 437 Unsupported Credential */
    SHAKEN_CERT_NONCONFORMING = 517, /* 437 Unsupported Credential */
    SHAKEN_CERT_POLICY = 518, /* 437 Unsupported Credential */
    SHAKEN_TN_AUTH_LIST_MISSING = 520, /* 437 Unsupported Credential */
    SHAKEN_TN_AUTH_LIST_INVALID = 521, /* 437 Unsupported Credential */
    SHAKEN_TN_NOT_AUTHORIZED = 522, /* 437 Unsupported Credential */
    SHAKEN_TN_AUTH_LIST_BY_REFERENCE = 523, /* 437 Unsupported Credential */
    SHAKEN_TN_AUTH_LIST_NOT_ENCOMPASSED = 524, /* 437 Unsupported Credential */
    SHAKEN_CLAIM_CONSTRAINTS_INVALID = 525, /* 437 Unsupported Credential */
    SHAKEN_CLAIM_CONSTRAINTS_TWICE = 526, /* 437 Unsupported Credential */
    SHAKEN_TN_AUTH_LIST_UNPROVEN = 527, /* 437 Unsupported Credential */
    SHAKEN_CERT_REVOKED = 530, /* 437 Unsupported Credential */
    SHAKEN_CRL_MISSING = 531, /* 437 Unsupported Credential */
    SHAKEN_CRL_STALE = 532, /* 437 Unsupported Credential */
    SHAKEN_CRL_ENCODING = 533, /* 437 Unsupported Credential */
    SHAKEN_CRL_TOO_LARGE = 534, /* 437 Unsupported Credential */
    SHAKEN_CRL_DER = 535, /* 437 Unsupported Credential */
    SHAKEN_CRL_CRITICAL_EXTENSION = 536, /* 437 Unsupported Credential */
    SHAKEN_CRL_NUMBER = 537, /* 437 Unsupported Credential */
    SHAKEN_CRL_NOT_YET_VALID = 538, /* 437 Unsupported Credential */
    SHAKEN_CRL_SIGNER_MISSING = 539, /* 437 Unsupported Credential */
    SHAKEN_CRL_SIGNATURE = 540, /* 437 Unsupported Credential */
    SHAKEN_CRL_ROLLBACK = 541, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_TOO_LARGE = 550, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_MEMBER = 551, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_HOST = 552, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_EXPIRED = 553, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_ROLLBACK = 554, /* 437 Unsupported Credential */
    SHAKEN_CA_LIST_EMPTY = 555, /* 437 Unsupported Credential */
    SHAKEN_AUTHORITY_TOKEN_TOO_LARGE = 560, /* 437 Unsupported Credential */
    SHAKEN_AUTHORITY_TOKEN_MEMBER = 561, /* 437 Unsupported Credential */
    SHAKEN_AUTHORITY_TOKEN_EXPIRED = 562, /* 437 Unsupported Credential */
    SHAKEN_AUTHORITY_TOKEN_MISMATCH = 563, /* 437 Unsupported Credential */
    SHAKEN_SIGNATURE_LENGTH = 601, /* 438 Invalid Identity Header */
    SHAKEN_SIGNATURE_INVALID = 602, /* 438 Invalid Identity Header */
    SHAKEN_KEY_INVALID = 701, /* 500 Server Internal Error */
    SHAKEN_KEY_MISMATCH = 702, /* 500 Server Internal Error */
    SHAKEN_BUFFER_TOO_SMALL = 703, /* 500 Server Internal Error */
    SHAKEN_SIGNING_FAILED = 704, /* 500 Server Internal Error */
    SHAKEN_TN_INVALID = 705, /* 438 Invalid Identity Header */
    SHAKEN_SIP_TOO_LARGE = 801, /* 513 Message Too Large */
    SHAKEN_SIP_START_LINE = 802, /* 400 Bad Request */
    SHAKEN_SIP_NOT_A_REQUEST = 803, /* 400 Bad Request */
    SHAKEN_SIP_VERSION = 804, /* 505 Version Not Supported */
    SHAKEN_SIP_INCOMPLETE = 805, /* 400 Bad Request */
    SHAKEN_SIP_HEADER_SYNTAX = 806, /* 400 Bad Request */
    SHAKEN_SIP_HEADER_DUPLICATE = 807, /* 400 Bad Request */
    SHAKEN_SIP_HEADER_MISSING = 808, /* 400 Bad Request */
    SHAKEN_SIP_HEADER_LIMIT = 809, /* 400 Bad Request */
    SHAKEN_SIP_HEADER_VALUE = 810, /* 400 Bad Request */
    SHAKEN_SIP_METHOD_MISMATCH = 811, /* 400 Bad Request */
    SHAKEN_IDENTITY_TOTAL_TOO_LARGE = 812, /* 438 Invalid Identity Header */
    SHAKEN_DATE_INVALID = 813, /* 403 Stale Date */
    SHAKEN_SDP_FINGERPRINT = 814, /* 438 Invalid Identity Header */
    SHAKEN_SDP_FINGERPRINT_LIMIT = 815, /* 438 Invalid Identity Header */
    SHAKEN_URI_SYNTAX = 820, /* 400 Bad Request */
    SHAKEN_URI_SCHEME = 821, /* 416 Unsupported URI Scheme */
    SHAKEN_URI_NOT_A_NUMBER = 822, /* 438 Invalid Identity Header */
    SHAKEN_TN_NOT_GLOBAL = 823, /* 438 Invalid Identity Header */
    SHAKEN_CALLER_ANONYMOUS = 824, /* 433 Anonymity Disallowed */
    SHAKEN_CALLER_UNAVAILABLE = 825, /* 433 Anonymity Disallowed */
    SHAKEN_URI_TOO_LONG = 826  /* 438 Invalid Identity Header */
};


/**
 * Where a daemon listens.
 */
typedef struct shaken_client shaken_client;

/**
 * How certificates are fetched.
 */
typedef struct shaken_fetch_options shaken_fetch_options;

/**
 * A private key, the certificate that it belongs to, and the URL where others find that.
 */
typedef struct shaken_signer shaken_signer;

/**
 * The STI-CAs that are trusted, and what is revoked. Verifiers take a copy.
 */
typedef struct shaken_trust shaken_trust;

/**
 * Room for judging calls, one after the other, and what came of the last one. Some 180 KB: make one for
 * each thread and use it again.
 */
typedef struct shaken_verdict shaken_verdict;

/**
 * The rules of verification, certificates, and whom they must chain to.
 */
typedef struct shaken_verifier shaken_verifier;

/**
 * What a function answers: `SHAKEN_OK`, or why not. The numbers never change their meaning.
 */
typedef uint32_t shaken_result;

/**
 * Text or bytes: `len` of them from `data` on. There is no NUL behind them.
 *
 * What the library is given is borrowed until the function returns. What it gives belongs to the
 * handle that it was asked of. `data` may be NULL if `len` is 0.
 */
typedef struct shaken_str {
  /**
   * The first of them.
   */
  const char *data;
  /**
   * How many there are.
   */
  size_t len;
} shaken_str;

/**
 * What came of a call as a whole. The text belongs to the verdict, until that is used again.
 */
typedef struct shaken_call_verdict {
  /**
   * What the verification answered.
   */
  shaken_result result;
  /**
   * `'A'`, `'B'` or `'C'` if the call passes, else 0.
   */
  char attest;
  /**
   * Tracing value of the signer if the call passes, else empty.
   */
  struct shaken_str origid;
  /**
   * How many PASSporTs were looked at.
   */
  size_t headers;
  /**
   * How many certificates are missing.
   */
  size_t missing;
} shaken_call_verdict;

/**
 * What came of one PASSporT. The texts belong to the verdict, until that is used again.
 */
typedef struct shaken_header_verdict {
  /**
   * Which Identity header it stands in, from 0.
   */
  size_t header;
  /**
   * `SHAKEN_OK` if it holds in itself, else why not. Whether the call passes is another question.
   */
  shaken_result result;
  /**
   * Its type, such as `"shaken"`; empty if it is not known, or of the base type.
   */
  struct shaken_str ppt;
  /**
   * Where its certificate is said to be; empty if it could not be read.
   */
  struct shaken_str x5u;
} shaken_header_verdict;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Version of the library, such as `"0.1.0"`.
 */
const char *shaken_version(void);

/**
 * Name of a result, such as `"cert-expired"`: the same in metrics, records and the documentation.
 * `"unknown"` for a number that is none.
 */
const char *shaken_result_name(shaken_result result);

/**
 * Status of the SIP response that tells of a result (RFC 8224 §6.2.2); 500 for a number that is
 * none.
 */
uint16_t shaken_result_sip_code(shaken_result result);

/**
 * Reason phrase of the SIP response that tells of a result.
 */
const char *shaken_result_sip_reason(shaken_result result);

/**
 * `verstat` of a call whose verification has this result (3GPP TS 24.229): `"TN-Validation-Passed"`,
 * `"TN-Validation-Failed"` or `"No-TN-Validation"`.
 */
const char *shaken_result_verstat(shaken_result result);

/**
 * Makes a signer from a private key in PEM (PKCS#8 or SEC 1, on P-256), the certificate that belongs
 * to it with its issuers in PEM, as it stands at `x5u`, and that URL. Fails if they do not fit together
 * or verifiers would refuse the certificate.
 *
 * Any number of threads may sign with one signer. It may be made before a fork and used in the
 * children.
 */
shaken_result shaken_signer_from_pem(struct shaken_str key,
                                     struct shaken_str chain,
                                     struct shaken_str x5u,
                                     struct shaken_signer **signer);

/**
 * As `shaken_signer_from_pem`, with the paths of two files of at most 256 KiB. Blocks while it reads
 * them.
 */
shaken_result shaken_signer_from_files(struct shaken_str key_path,
                                       struct shaken_str chain_path,
                                       struct shaken_str x5u,
                                       struct shaken_signer **signer);

/**
 * Frees a signer, which no thread uses any more. NULL is nothing to free.
 */
void shaken_signer_free(struct shaken_signer *signer);

/**
 * Writes the value of the Identity header for a call from `orig` to `dest`: telephone numbers, or
 * URIs. `attest` is `'A'`, `'B'` or `'C'`; `origid` the tracing value, a random one if it is empty.
 * `iat` is the Date of the call and `now` the time, both in seconds since 1970 and at most a minute
 * apart.
 *
 * `*len` is what was written, or what it takes with `SHAKEN_BUFFER_TOO_SMALL`. Any thread.
 */
shaken_result shaken_sign(const struct shaken_signer *signer,
                          struct shaken_str orig,
                          struct shaken_str dest,
                          char level,
                          struct shaken_str origid,
                          int64_t iat,
                          int64_t now,
                          char *buffer,
                          size_t capacity,
                          size_t *len);

/**
 * As `shaken_sign`, for a call from `orig` that `diverting` was called with and sends on to `dest`
 * (RFC 8946): a PASSporT of type `div`, to stand beside those that are there.
 */
shaken_result shaken_sign_div(const struct shaken_signer *signer,
                              struct shaken_str orig,
                              struct shaken_str dest,
                              struct shaken_str diverting,
                              int64_t iat,
                              int64_t now,
                              char *buffer,
                              size_t capacity,
                              size_t *len);

/**
 * Writes a whole SIP message with its Identity header, and a Date if it had none. `message` is the
 * INVITE that starts a call; who calls whom is read from it by the rules of SHAKEN. The rest as in
 * `shaken_sign`.
 */
shaken_result shaken_sign_sip(const struct shaken_signer *signer,
                              struct shaken_str message,
                              char level,
                              struct shaken_str origid,
                              int64_t now,
                              char *buffer,
                              size_t capacity,
                              size_t *len);

/**
 * Makes a trust from the certificates of the STI-CAs in PEM. Without them nothing verifies: there is
 * no set of its own.
 */
shaken_result shaken_trust_new(struct shaken_str anchors,
                               struct shaken_trust **trust);

/**
 * Makes a trust from the STI-PA's list of approved STI-CAs, its only anchors: `list` as it stands at `list_url`, a
 * signed token alone or in the answer of the STI-PA's API. `signer_chain` is what stands behind the `x5u` of the
 * list, which is on the same host, `sti_pa_roots` the STI-PA's roots, which vouch for nothing else; both
 * in PEM. When the list has ended, nothing verifies until a newer one is set.
 */
shaken_result shaken_trust_from_ca_list(struct shaken_str list,
                                        struct shaken_str list_url,
                                        struct shaken_str signer_chain,
                                        struct shaken_str sti_pa_roots,
                                        int64_t now,
                                        struct shaken_trust **trust);

/**
 * Puts a list of approved STI-CAs in the place of the one before: those that are not on it are anchors no
 * more, and those of `shaken_trust_new` stay. A list that is older than the one before is refused. The rest as in
 * `shaken_trust_from_ca_list`. Any thread.
 */
shaken_result shaken_trust_set_ca_list(const struct shaken_trust *trust,
                                       struct shaken_str list,
                                       struct shaken_str list_url,
                                       struct shaken_str signer_chain,
                                       struct shaken_str sti_pa_roots,
                                       int64_t now);

/**
 * Adds intermediate certificates in PEM that repositories may leave out. They are no anchors. Any
 * thread.
 */
shaken_result shaken_trust_add_intermediates(const struct shaken_trust *trust,
                                             struct shaken_str intermediates);

/**
 * Adds a revocation list of the STI-PA, in PEM or DER, in the place of the one before. `signer_chain`
 * holds the certificates that may be its signer's, `sti_pa_roots` the STI-PA's roots, which vouch for
 * nothing else; both in PEM. Any thread.
 */
shaken_result shaken_trust_add_crl(const struct shaken_trust *trust,
                                   struct shaken_str crl,
                                   struct shaken_str signer_chain,
                                   struct shaken_str sti_pa_roots,
                                   int64_t now);

/**
 * Refuses certificates that no revocation list covers. Any thread.
 */
shaken_result shaken_trust_require_crl(const struct shaken_trust *trust);

/**
 * Frees a trust, which no thread uses any more. Verifiers that were made with it are not touched.
 */
void shaken_trust_free(struct shaken_trust *trust);

/**
 * Makes a verifier with an empty cache. It takes a copy of `trust`. `max_age_s` is how far a PASSporT
 * or Date may lie from the clock, `cache_bytes` how much memory certificates may take; 0 is the
 * default of each, 60 s and 64 MiB.
 *
 * Any number of threads may use one verifier. It may be made before a fork and used in the children,
 * as long as no other thread is within a call on it while the process forks.
 */
shaken_result shaken_verifier_new(const struct shaken_trust *trust,
                                  uint64_t max_age_s,
                                  uint64_t cache_bytes,
                                  struct shaken_verifier **verifier);

/**
 * Puts a copy of `trust` in the place of the one in force. Certificates at hand are judged again, and
 * not fetched. Any thread.
 */
shaken_result shaken_verifier_set_trust(const struct shaken_verifier *verifier,
                                        const struct shaken_trust *trust);

/**
 * Judges the certificates in PEM that the host obtained from `url` and keeps them for `max_age_s`
 * seconds, at least a day and at most a week; 0 if nothing is known about that. If they are refused,
 * the URL counts as failed for a minute. Any thread.
 */
shaken_result shaken_verifier_insert(const struct shaken_verifier *verifier,
                                     struct shaken_str url,
                                     struct shaken_str chain,
                                     uint64_t max_age_s,
                                     int64_t now);

/**
 * Notes that nothing could be had from `url`: for a minute calls are told so instead of
 * `SHAKEN_PENDING`. Any thread.
 */
shaken_result shaken_verifier_insert_failure(const struct shaken_verifier *verifier,
                                             struct shaken_str url,
                                             int64_t now);

/**
 * Makes the tables by which keys in frequent use verify in a third of the time: some milliseconds each,
 * so call it from a timer, not for a call. A thread that fetches does it too. Any thread.
 */
shaken_result shaken_verifier_build_tables(const struct shaken_verifier *verifier);

/**
 * Frees a verifier, which no thread uses any more. If it fetches, that ends first, which takes at most
 * two seconds.
 */
void shaken_verifier_free(struct shaken_verifier *verifier);

/**
 * Makes room for verdicts: 180 KB, for one call at a time. One thread at a time may use it.
 */
shaken_result shaken_verdict_new(struct shaken_verdict **verdict);

/**
 * What came of the call that was verified last.
 */
shaken_result shaken_verdict_call(const struct shaken_verdict *verdict,
                                  struct shaken_call_verdict *call);

/**
 * What came of one of its PASSporTs, from 0, in the order of the headers; those that stand in others
 * come last.
 */
shaken_result shaken_verdict_header(const struct shaken_verdict *verdict,
                                    size_t index,
                                    struct shaken_header_verdict *header);

/**
 * URL of a certificate that is missing, from 0. Only what is worth a download is told: everything else
 * about its PASSporT holds. The text belongs to the verdict, until that is used again.
 */
shaken_result shaken_verdict_missing_url(const struct shaken_verdict *verdict,
                                         size_t index,
                                         struct shaken_str *url);

/**
 * Writes what came of the call, for a person to read; no numbers of the parties are in it. `*len` as in
 * `shaken_sign`.
 */
shaken_result shaken_verdict_text(const struct shaken_verdict *verdict,
                                  char *buffer,
                                  size_t capacity,
                                  size_t *len);

/**
 * Frees a verdict.
 */
void shaken_verdict_free(struct shaken_verdict *verdict);

/**
 * Verifies the call from `orig` to `dest`: telephone numbers, or URIs. `date` is its Date in seconds
 * since 1970, 0 if it has none, `identities` the values of all its Identity headers.
 *
 * `SHAKEN_OK`: the call passes. `SHAKEN_PENDING`: obtain the certificates of
 * `shaken_verdict_missing_url`, hand them to `shaken_verifier_insert`, and verify the call again; if it
 * fetches itself, `shaken_verifier_wait`. Anything else: the call does not pass, and why. Never waits.
 * Any thread, with a verdict of its own.
 */
shaken_result shaken_verify(const struct shaken_verifier *verifier,
                            struct shaken_str orig,
                            struct shaken_str dest,
                            int64_t date,
                            const struct shaken_str *identities,
                            size_t count,
                            int64_t now,
                            struct shaken_verdict *verdict);

/**
 * As `shaken_verify`, for a whole SIP message: parties, Date, Identity headers and all else that
 * PASSporTs speak of are read from it.
 */
shaken_result shaken_verify_sip(const struct shaken_verifier *verifier,
                                struct shaken_str message,
                                int64_t now,
                                struct shaken_verdict *verdict);

/**
 * Makes options for fetching. By default a download may take 2 s, goes to public addresses only, and
 * trusts the root certificates of the web.
 */
shaken_result shaken_fetch_options_new(struct shaken_fetch_options **options);

/**
 * Sets how long one download may take, whatever the calls' budgets.
 */
shaken_result shaken_fetch_options_set_deadline(const struct shaken_fetch_options *options,
                                                uint32_t deadline_ms);

/**
 * For the lab: trusts these TLS root certificates in PEM, and no others.
 */
shaken_result shaken_fetch_options_set_tls_roots(const struct shaken_fetch_options *options,
                                                 struct shaken_str roots);

/**
 * For the lab: connects to `address`, such as `127.0.0.1:8443`, for URLs with this host, although it is
 * not public.
 */
shaken_result shaken_fetch_options_connect_to(const struct shaken_fetch_options *options,
                                              struct shaken_str host,
                                              struct shaken_str address);

/**
 * Frees options. A verifier that was started with them is not touched.
 */
void shaken_fetch_options_free(struct shaken_fetch_options *options);

/**
 * Has the verifier fetch missing certificates itself, on a thread that starts now and ends with the
 * verifier; names are looked up on up to 32 more. From then on `shaken_verify` and `shaken_verify_sip`
 * start downloads and still never wait.
 *
 * The thread is in this process alone: in a forked child all but `shaken_verifier_free` answers
 * `SHAKEN_FORKED`. Fork first, then start it in each child.
 */
shaken_result shaken_verifier_start_fetching(const struct shaken_verifier *verifier,
                                             const struct shaken_fetch_options *options);

/**
 * A file descriptor that is readable while calls are ready, for `poll` and the like. It belongs to the
 * verifier: do not read or close it. -1 if there is none.
 */
shaken_result shaken_verifier_event_fd(const struct shaken_verifier *verifier,
                                       int32_t *fd);

/**
 * After `SHAKEN_PENDING`, asks to be told when the downloads for the call in `verdict` have ended, or
 * `budget_ms` have passed: then `cookie`, a number of the host's choice, is ready. Never waits; the
 * verdict may be used for other calls at once. At most 4,096 calls wait. Any thread.
 */
shaken_result shaken_verifier_wait(const struct shaken_verifier *verifier,
                                   const struct shaken_verdict *verdict,
                                   uint32_t budget_ms,
                                   uint64_t cookie);

/**
 * Takes the number of a call that is ready; `SHAKEN_PENDING` if none is. Verify that call again: if its
 * budget has passed, that answers `SHAKEN_PENDING` again, and the host goes on as if the certificate
 * could not be had (436). Any thread.
 */
shaken_result shaken_verifier_next_ready(const struct shaken_verifier *verifier,
                                         uint64_t *cookie);

/**
 * Makes a client of the daemon that listens on the Unix socket at `path`. It connects for each call, so
 * it may be made before a fork and used in the children, by any number of threads.
 */
shaken_result shaken_client_new(struct shaken_str path,
                                struct shaken_client **client);

/**
 * As `shaken_sign`, by the daemon, which decides about the level: `level` is a wish, 0 for none. Blocks
 * for at most `deadline_ms`. Any thread.
 */
shaken_result shaken_client_sign(const struct shaken_client *client,
                                 struct shaken_str orig,
                                 struct shaken_str dest,
                                 char level,
                                 struct shaken_str origid,
                                 int64_t iat,
                                 uint32_t deadline_ms,
                                 char *buffer,
                                 size_t capacity,
                                 size_t *len);

/**
 * As `shaken_sign_sip`, by the daemon. Blocks for at most `deadline_ms`. Any thread.
 */
shaken_result shaken_client_sign_sip(const struct shaken_client *client,
                                     struct shaken_str message,
                                     char level,
                                     struct shaken_str origid,
                                     int64_t now,
                                     uint32_t deadline_ms,
                                     char *buffer,
                                     size_t capacity,
                                     size_t *len);

/**
 * As `shaken_verify`, by the daemon. Blocks for at most `deadline_ms`; `SHAKEN_PENDING` is never the
 * answer, as the daemon obtains certificates itself. Any thread, with a verdict of its own.
 */
shaken_result shaken_client_verify(const struct shaken_client *client,
                                   struct shaken_str orig,
                                   struct shaken_str dest,
                                   int64_t date,
                                   const struct shaken_str *identities,
                                   size_t count,
                                   uint32_t deadline_ms,
                                   int64_t now,
                                   struct shaken_verdict *verdict);

/**
 * As `shaken_verify_sip`, by the daemon. The rest as in `shaken_client_verify`.
 *
 * The daemon is told numbers, Date, Resource-Priority and Priority, not the body: if a PASSporT has `mky` or
 * `msgi`, the answer is `SHAKEN_CONTENT_NOT_COMPARED`, and nobody is asked.
 */
shaken_result shaken_client_verify_sip(const struct shaken_client *client,
                                       struct shaken_str message,
                                       uint32_t deadline_ms,
                                       int64_t now,
                                       struct shaken_verdict *verdict);

/**
 * Frees a client, which no thread uses any more.
 */
void shaken_client_free(struct shaken_client *client);

/** A text of C without its NUL; the empty one for NULL. */
static inline shaken_str shaken_str_of(const char *text)
{
    shaken_str str;
    str.data = text;
    str.len = text == NULL ? 0 : strlen(text);
    return str;
}

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHAKEN_H */
