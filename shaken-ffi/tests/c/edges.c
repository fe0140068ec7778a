/* Each function with each pointer NULL, and each buffer one byte short. */
#include "rig.h"

static int64_t now;

/* Writes with every length from 0 to one short, and then with just enough. */
#define EACH_LENGTH(needed, ...) \
    do { \
        size_t len = 7; \
        for (size_t capacity = 0; capacity < (needed); capacity++) { \
            char *buffer = (char *)malloc(capacity + (capacity == 0)); \
            IS(SHAKEN_BUFFER_TOO_SMALL, __VA_ARGS__); \
            CHECK(len == (needed)); \
            free(buffer); \
        } \
        size_t capacity = (needed); \
        char *buffer = (char *)malloc(capacity); \
        len = 7; \
        OK(__VA_ARGS__); \
        CHECK(len == (needed)); \
        len = 7; \
        free(buffer); \
        buffer = NULL; \
        IS(SHAKEN_NULL, __VA_ARGS__); \
        CHECK(len == 0); \
    } while (0)

static void signers(const struct lab *lab, const shaken_signer *signer)
{
    const shaken_str key = shaken_str_of(lab->key), chain = shaken_str_of(lab->chain),
                     x5u = shaken_str_of(lab->x5u), none = bytes_of(NULL, 9);
    shaken_signer *made = (shaken_signer *)&now;
    IS(SHAKEN_NULL, shaken_signer_from_pem(key, chain, x5u, NULL));
    IS(SHAKEN_NULL, shaken_signer_from_pem(none, chain, x5u, &made));
    CHECK(made == NULL);
    IS(SHAKEN_NULL, shaken_signer_from_pem(key, none, x5u, &made));
    IS(SHAKEN_NULL, shaken_signer_from_pem(key, chain, none, &made));
    IS(SHAKEN_KEY_INVALID, shaken_signer_from_pem(chain, chain, x5u, &made));
    IS(SHAKEN_CERT_PEM, shaken_signer_from_pem(key, shaken_str_of(""), x5u, &made));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_signer_from_pem(bytes_of(lab->key, SIZE_MAX), chain, x5u, &made));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_signer_from_pem(key, chain, bytes_of("\xff", 1), &made));
    CHECK(made == NULL);

    char key_path[512], chain_path[512];
    snprintf(key_path, sizeof key_path, "%s/provider.key", lab->folder);
    snprintf(chain_path, sizeof chain_path, "%s/provider.pem", lab->folder);
    const shaken_str key_file = shaken_str_of(key_path), chain_file = shaken_str_of(chain_path);
    IS(SHAKEN_NULL, shaken_signer_from_files(key_file, chain_file, x5u, NULL));
    IS(SHAKEN_NULL, shaken_signer_from_files(none, chain_file, x5u, &made));
    IS(SHAKEN_NULL, shaken_signer_from_files(key_file, none, x5u, &made));
    IS(SHAKEN_NULL, shaken_signer_from_files(key_file, chain_file, none, &made));
    IS(SHAKEN_FILE_UNREADABLE, shaken_signer_from_files(shaken_str_of("/nowhere"), chain_file, x5u, &made));
    IS(SHAKEN_FILE_UNREADABLE, shaken_signer_from_files(shaken_str_of("/dev/zero"), chain_file, x5u, &made));
    CHECK(made == NULL);
    OK(shaken_signer_from_files(key_file, chain_file, x5u, &made));
    shaken_signer_free(made);
    shaken_signer_free(NULL);

    const shaken_str orig = shaken_str_of(CALLER), dest = shaken_str_of(CALLED), origid = shaken_str_of(ORIGID),
                     target = shaken_str_of(TARGET), invite = shaken_str_of(INVITE);
    char room[12 * 1024];
    size_t len = 7;
    IS(SHAKEN_NULL, shaken_sign(signer, orig, dest, 'A', origid, now, now, room, sizeof room, NULL));
    IS(SHAKEN_NULL, shaken_sign(NULL, orig, dest, 'A', origid, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign(NULL, orig, dest, '?', bytes_of("\xff", 1), now, now, room, sizeof room, &len));
    CHECK(len == 0);
    IS(SHAKEN_NULL, shaken_sign(signer, none, dest, 'A', origid, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign(signer, orig, none, 'A', origid, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign(signer, orig, dest, 'A', none, now, now, room, sizeof room, &len));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_sign(signer, orig, dest, 'D', origid, now, now, room, sizeof room, &len));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_sign(signer, orig, dest, 'A', origid, -1, now, room, sizeof room, &len));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_sign(signer, orig, dest, 'A', origid, now, now, room, SIZE_MAX, &len));
    IS(SHAKEN_IAT_STALE, shaken_sign(signer, orig, dest, 'A', origid, now - 61, now, room, sizeof room, &len));
    IS(SHAKEN_IAT_FUTURE, shaken_sign(signer, orig, dest, 'A', origid, now + 61, now, room, sizeof room, &len));
    IS(SHAKEN_CERT_EXPIRED,
       shaken_sign(signer, orig, dest, 'A', origid, now, INT64_MAX, room, sizeof room, &len));
    CHECK(len == 0);
    OK(shaken_sign(signer, orig, dest, 'A', shaken_str_of(""), now, now, room, sizeof room, &len));
    OK(shaken_sign(signer, orig, dest, 'A', origid, now, now, room, sizeof room, &len));
    const size_t needed = len;
    EACH_LENGTH(needed, shaken_sign(signer, orig, dest, 'A', origid, now, now, buffer, capacity, &len));

    IS(SHAKEN_NULL, shaken_sign_div(signer, orig, target, dest, now, now, room, sizeof room, NULL));
    IS(SHAKEN_NULL, shaken_sign_div(NULL, orig, target, dest, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign_div(signer, none, target, dest, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign_div(signer, orig, none, dest, now, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign_div(signer, orig, target, none, now, now, room, sizeof room, &len));
    IS(SHAKEN_DIV_UNCHANGED, shaken_sign_div(signer, orig, dest, dest, now, now, room, sizeof room, &len));
    OK(shaken_sign_div(signer, orig, target, dest, now, now, room, sizeof room, &len));
    const size_t needed_div = len;
    EACH_LENGTH(needed_div, shaken_sign_div(signer, orig, target, dest, now, now, buffer, capacity, &len));

    IS(SHAKEN_NULL, shaken_sign_sip(signer, invite, 'A', origid, now, room, sizeof room, NULL));
    IS(SHAKEN_NULL, shaken_sign_sip(NULL, invite, 'A', origid, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign_sip(signer, none, 'A', origid, now, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_sign_sip(signer, invite, 'A', none, now, room, sizeof room, &len));
    IS(SHAKEN_SIP_INCOMPLETE, shaken_sign_sip(signer, shaken_str_of("INVITE"), 'A', origid, now, room, sizeof room, &len));
    OK(shaken_sign_sip(signer, invite, 'A', origid, now, room, sizeof room, &len));
    const size_t needed_sip = len;
    EACH_LENGTH(needed_sip, shaken_sign_sip(signer, invite, 'A', origid, now, buffer, capacity, &len));
}

static void verifiers(const struct lab *lab, const shaken_signer *signer)
{
    const shaken_str none = bytes_of(NULL, 9), root = shaken_str_of(lab->root), chain = shaken_str_of(lab->chain),
                     x5u = shaken_str_of(lab->x5u), orig = shaken_str_of(CALLER), dest = shaken_str_of(CALLED);
    shaken_trust *trust = (shaken_trust *)&now;
    IS(SHAKEN_NULL, shaken_trust_new(root, NULL));
    IS(SHAKEN_NULL, shaken_trust_new(none, &trust));
    CHECK(trust == NULL);
    OK(shaken_trust_new(root, &trust));
    char *intermediate = read_file(lab->folder, "sti-intermediate.pem");
    IS(SHAKEN_NULL, shaken_trust_add_intermediates(NULL, shaken_str_of(intermediate)));
    IS(SHAKEN_NULL, shaken_trust_add_intermediates(trust, none));
    OK(shaken_trust_add_intermediates(trust, shaken_str_of(intermediate)));
    free(intermediate);
    IS(SHAKEN_NULL, shaken_trust_add_crl(NULL, root, chain, root, now));
    IS(SHAKEN_NULL, shaken_trust_add_crl(trust, none, chain, root, now));
    IS(SHAKEN_NULL, shaken_trust_add_crl(trust, root, none, root, now));
    IS(SHAKEN_NULL, shaken_trust_add_crl(trust, root, chain, none, now));
    IS(SHAKEN_CRL_ENCODING, shaken_trust_add_crl(trust, root, chain, root, now));
    IS(SHAKEN_NULL, shaken_trust_require_crl(NULL));

    shaken_verifier *verifier = (shaken_verifier *)&now;
    IS(SHAKEN_NULL, shaken_verifier_new(trust, 0, 0, NULL));
    IS(SHAKEN_NULL, shaken_verifier_new(NULL, 0, 0, &verifier));
    CHECK(verifier == NULL);
    OK(shaken_verifier_new(trust, 0, 0, &verifier));
    IS(SHAKEN_NULL, shaken_verifier_set_trust(NULL, trust));
    IS(SHAKEN_NULL, shaken_verifier_set_trust(verifier, NULL));
    IS(SHAKEN_NULL, shaken_verifier_insert(NULL, x5u, chain, 0, now));
    IS(SHAKEN_NULL, shaken_verifier_insert(verifier, none, chain, 0, now));
    IS(SHAKEN_NULL, shaken_verifier_insert(verifier, x5u, none, 0, now));
    IS(SHAKEN_X5U_SCHEME, shaken_verifier_insert(verifier, shaken_str_of("http://cr.example.com/a"), chain, 0, now));
    IS(SHAKEN_NULL, shaken_verifier_insert_failure(NULL, x5u, now));
    IS(SHAKEN_NULL, shaken_verifier_insert_failure(verifier, none, now));
    IS(SHAKEN_NULL, shaken_verifier_build_tables(NULL));
    OK(shaken_verifier_build_tables(verifier));

    shaken_verdict *verdict = NULL;
    IS(SHAKEN_NULL, shaken_verdict_new(NULL));
    OK(shaken_verdict_new(&verdict));
    shaken_call_verdict call;
    shaken_header_verdict header;
    shaken_str url;
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == SHAKEN_PENDING && call.attest == 0 && call.headers == 0);

    char identity[4096];
    size_t len = 0;
    OK(shaken_sign(signer, orig, dest, 'B', shaken_str_of(ORIGID), now, now, identity, sizeof identity, &len));
    const shaken_str identities[] = {{identity, len}, {NULL, 9}};
    IS(SHAKEN_NULL, shaken_verify(verifier, orig, dest, 0, identities, 1, now, NULL));
    IS(SHAKEN_NULL, shaken_verify(NULL, orig, dest, 0, identities, 1, now, verdict));
    /* A handle that is not there is told before what is wrong with a text. */
    IS(SHAKEN_NULL, shaken_verify(NULL, bytes_of("\xff", 1), dest, 0, identities, 1, now, verdict));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_verify(verifier, bytes_of("\xff", 1), dest, 0, identities, 1, now, verdict));
    IS(SHAKEN_NULL, shaken_verify(verifier, none, dest, 0, identities, 1, now, verdict));
    IS(SHAKEN_NULL, shaken_verify(verifier, orig, none, 0, identities, 1, now, verdict));
    IS(SHAKEN_NULL, shaken_verify(verifier, orig, dest, 0, NULL, 1, now, verdict));
    IS(SHAKEN_NULL, shaken_verify(verifier, orig, dest, 0, identities, 2, now, verdict));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_verify(verifier, orig, dest, 0, identities, SIZE_MAX, now, verdict));
    IS(SHAKEN_IDENTITY_MISSING, shaken_verify(verifier, orig, dest, 0, NULL, 0, now, verdict));
    IS(SHAKEN_PENDING, shaken_verify(verifier, orig, dest, 0, identities, 1, now, verdict));
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == SHAKEN_PENDING && call.headers == 1 && call.missing == 1);
    IS(SHAKEN_NULL, shaken_verdict_missing_url(NULL, 0, &url));
    IS(SHAKEN_NULL, shaken_verdict_missing_url(verdict, 0, NULL));
    IS(SHAKEN_INDEX_OUT_OF_RANGE, shaken_verdict_missing_url(verdict, 1, &url));
    CHECK(url.len == 0);
    OK(shaken_verdict_missing_url(verdict, 0, &url));
    CHECK(is_text(url, lab->x5u));

    OK(shaken_verifier_insert_failure(verifier, x5u, now));
    IS(SHAKEN_CERT_UNAVAILABLE, shaken_verify(verifier, orig, dest, now, identities, 1, now, verdict));
    OK(shaken_verifier_insert(verifier, x5u, chain, 0, now));
    OK(shaken_verify(verifier, orig, dest, now, identities, 1, now, verdict));
    IS(SHAKEN_NULL, shaken_verdict_call(NULL, &call));
    CHECK(call.result == SHAKEN_OK && call.headers == 0);
    IS(SHAKEN_NULL, shaken_verdict_call(verdict, NULL));
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == SHAKEN_OK && call.attest == 'B' && is_text(call.origid, ORIGID) && call.missing == 0);
    IS(SHAKEN_NULL, shaken_verdict_header(NULL, 0, &header));
    IS(SHAKEN_NULL, shaken_verdict_header(verdict, 0, NULL));
    IS(SHAKEN_INDEX_OUT_OF_RANGE, shaken_verdict_header(verdict, 1, &header));
    OK(shaken_verdict_header(verdict, 0, &header));
    CHECK(header.header == 0 && header.result == SHAKEN_OK && is_text(header.ppt, "shaken") && is_text(header.x5u, lab->x5u));

    /* What cannot be judged must not leave the verdict before in its place. */
    IS(SHAKEN_NULL, shaken_verify_sip(verifier, none, now, verdict));
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == SHAKEN_NULL && call.attest == 0 && call.headers == 0 && call.origid.len == 0);
    IS(SHAKEN_NULL, shaken_verify_sip(NULL, shaken_str_of(INVITE), now, verdict));
    IS(SHAKEN_NULL, shaken_verify_sip(verifier, shaken_str_of(INVITE), now, NULL));
    IS(SHAKEN_IDENTITY_MISSING, shaken_verify_sip(verifier, shaken_str_of(INVITE), now, verdict));
    len = 7;
    char text[512];
    IS(SHAKEN_NULL, shaken_verdict_text(NULL, text, sizeof text, &len));
    CHECK(len == 0);
    IS(SHAKEN_NULL, shaken_verdict_text(verdict, text, sizeof text, NULL));
    OK(shaken_verdict_text(verdict, text, sizeof text, &len));
    const size_t needed = len;
    EACH_LENGTH(needed, shaken_verdict_text(verdict, buffer, capacity, &len));

    OK(shaken_trust_require_crl(trust));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_CRL_MISSING, shaken_verify(verifier, orig, dest, now, identities, 1, now, verdict));

    int fd = 7;
    uint64_t cookie = 7;
    shaken_fetch_options *options = NULL;
    IS(SHAKEN_NULL, shaken_fetch_options_new(NULL));
    OK(shaken_fetch_options_new(&options));
    IS(SHAKEN_NULL, shaken_fetch_options_set_deadline(NULL, 1));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_fetch_options_set_deadline(options, 0));
    IS(SHAKEN_NULL, shaken_fetch_options_set_tls_roots(NULL, root));
    IS(SHAKEN_NULL, shaken_fetch_options_set_tls_roots(options, none));
    IS(SHAKEN_CERT_PEM, shaken_fetch_options_set_tls_roots(options, shaken_str_of("")));
    IS(SHAKEN_NULL, shaken_fetch_options_connect_to(NULL, orig, dest));
    IS(SHAKEN_NULL, shaken_fetch_options_connect_to(options, none, dest));
    IS(SHAKEN_NULL, shaken_fetch_options_connect_to(options, orig, none));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_fetch_options_connect_to(options, orig, dest));
    IS(SHAKEN_NULL, shaken_verifier_start_fetching(NULL, options));
    IS(SHAKEN_NULL, shaken_verifier_start_fetching(verifier, NULL));
    IS(SHAKEN_NOT_STARTED, shaken_verifier_event_fd(verifier, &fd));
    CHECK(fd == -1);
    IS(SHAKEN_NULL, shaken_verifier_event_fd(NULL, &fd));
    IS(SHAKEN_NULL, shaken_verifier_event_fd(verifier, NULL));
    IS(SHAKEN_NULL, shaken_verifier_wait(NULL, verdict, 1, 1));
    IS(SHAKEN_NOT_STARTED, shaken_verifier_wait(verifier, verdict, 1, 1));
    IS(SHAKEN_NOT_STARTED, shaken_verifier_next_ready(verifier, &cookie));
    IS(SHAKEN_NULL, shaken_verifier_next_ready(NULL, &cookie));
    CHECK(cookie == 0);
    IS(SHAKEN_NULL, shaken_verifier_next_ready(verifier, NULL));
    OK(shaken_verifier_start_fetching(verifier, options));
    IS(SHAKEN_ALREADY_STARTED, shaken_verifier_start_fetching(verifier, options));
    IS(SHAKEN_NULL, shaken_verifier_wait(verifier, NULL, 1, 1));
    OK(shaken_verifier_event_fd(verifier, &fd));
    CHECK(fd > 2);
    IS(SHAKEN_PENDING, shaken_verifier_next_ready(verifier, &cookie));

    shaken_fetch_options_free(options);
    shaken_fetch_options_free(NULL);
    shaken_verdict_free(verdict);
    shaken_verdict_free(NULL);
    shaken_verifier_free(verifier);
    shaken_verifier_free(NULL);
    shaken_trust_free(trust);
    shaken_trust_free(NULL);
}

static void clients(void)
{
    const shaken_str none = bytes_of(NULL, 9), orig = shaken_str_of(CALLER), dest = shaken_str_of(CALLED),
                     empty = shaken_str_of(""), invite = shaken_str_of(INVITE);
    shaken_client *client = (shaken_client *)&now;
    IS(SHAKEN_NULL, shaken_client_new(orig, NULL));
    IS(SHAKEN_NULL, shaken_client_new(none, &client));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_client_new(empty, &client));
    char long_path[200];
    memset(long_path, 'a', sizeof long_path);
    IS(SHAKEN_ARGUMENT_INVALID, shaken_client_new(bytes_of(long_path, sizeof long_path), &client));
    CHECK(client == NULL);
    OK(shaken_client_new(shaken_str_of("/nowhere/shaken.sock"), &client));
    char room[1024];
    size_t len = 7;
    shaken_verdict *verdict = NULL;
    OK(shaken_verdict_new(&verdict));
    const shaken_str identity = shaken_str_of("a.b.c");
    IS(SHAKEN_NULL, shaken_client_sign(NULL, orig, dest, 'A', empty, now, 9, room, sizeof room, &len));
    CHECK(len == 0);
    IS(SHAKEN_NULL, shaken_client_sign(client, none, dest, 'A', empty, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign(client, orig, none, 'A', empty, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign(client, orig, dest, 'A', none, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign(client, orig, dest, 'A', empty, now, 9, NULL, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign(client, orig, dest, 'A', empty, now, 9, room, sizeof room, NULL));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_client_sign(client, orig, dest, 'a', empty, now, 9, room, sizeof room, &len));
    IS(SHAKEN_DAEMON_DEADLINE, shaken_client_sign(client, orig, dest, 0, empty, now, 0, room, sizeof room, &len));
    IS(SHAKEN_DAEMON_UNREACHABLE, shaken_client_sign(client, orig, dest, 0, empty, now, 99, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign_sip(NULL, invite, 'A', empty, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign_sip(client, none, 'A', empty, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign_sip(client, invite, 'A', none, now, 9, room, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign_sip(client, invite, 'A', empty, now, 9, NULL, sizeof room, &len));
    IS(SHAKEN_NULL, shaken_client_sign_sip(client, invite, 'A', empty, now, 9, room, sizeof room, NULL));
    IS(SHAKEN_NULL, shaken_client_verify(NULL, orig, dest, 0, &identity, 1, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify(client, none, dest, 0, &identity, 1, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify(client, orig, none, 0, &identity, 1, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify(client, orig, dest, 0, NULL, 1, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify(client, orig, dest, 0, &identity, 1, 9, now, NULL));
    IS(SHAKEN_IDENTITY_MISSING, shaken_client_verify(client, orig, dest, 0, NULL, 0, 9, now, verdict));
    IS(SHAKEN_DAEMON_UNREACHABLE, shaken_client_verify(client, orig, dest, 0, &identity, 1, 99, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify_sip(NULL, invite, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify_sip(client, none, 9, now, verdict));
    IS(SHAKEN_NULL, shaken_client_verify_sip(client, invite, 9, now, NULL));
    shaken_verdict_free(verdict);
    shaken_client_free(client);
    shaken_client_free(NULL);
}

static void results(void)
{
    CHECK(strcmp(shaken_result_name(SHAKEN_OK), "ok") == 0);
    CHECK(strcmp(shaken_result_name(SHAKEN_SIGNATURE_INVALID), "signature-invalid") == 0);
    CHECK(shaken_result_sip_code(SHAKEN_SIGNATURE_INVALID) == 438);
    CHECK(strcmp(shaken_result_sip_reason(SHAKEN_SIGNATURE_INVALID), "Invalid Identity Header") == 0);
    CHECK(strcmp(shaken_result_verstat(SHAKEN_SIGNATURE_INVALID), "TN-Validation-Failed") == 0);
    for (uint64_t result = 0; result < 1000; result++) {
        CHECK(shaken_result_name((shaken_result)result)[0] != 0);
        CHECK(shaken_result_sip_reason((shaken_result)result)[0] != 0);
    }
    CHECK(strcmp(shaken_result_name(999), "unknown") == 0 && shaken_result_sip_code(UINT32_MAX) == 500);
    CHECK(strcmp(shaken_result_verstat(UINT32_MAX), "No-TN-Validation") == 0);
}

int main(int count, char **arguments)
{
    struct lab lab = open_lab(count, arguments);
    now = (int64_t)time(NULL);
    shaken_signer *signer = make_signer(&lab);
    results();
    signers(&lab, signer);
    verifiers(&lab, signer);
    clients();
    shaken_signer_free(signer);
    close_lab(&lab);
    return 0;
}
