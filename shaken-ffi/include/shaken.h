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
 * A private key, the certificate that it belongs to, and the URL where others find that.
 */
typedef struct shaken_signer shaken_signer;

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
