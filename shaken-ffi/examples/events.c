/* An event loop that verifies calls and never waits for a download: the library fetches, and a
 * descriptor tells when a call can be judged.
 *
 *   events STI-ROOTS.pem TLS-ROOTS.pem HOST ADDRESS MESSAGE-FILE...
 *
 * TLS-ROOTS.pem, HOST and ADDRESS are of the lab. Without them, with the options as they are made, only
 * public addresses are dialled and the roots of the web are trusted.
 */
#include <shaken.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_CALLS = 16, BUDGET_MS = 2000 };

struct call {
    const char *name;
    shaken_str message;
    int has_waited;
};

static shaken_str read_file(const char *path)
{
    shaken_str text = {NULL, 0};
    FILE *file = fopen(path, "rb");
    char *data = (char *)malloc(262144);
    if (file == NULL || data == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    text.data = data;
    text.len = fread(data, 1, 262144, file);
    fclose(file);
    return text;
}

static void expect(shaken_result result, const char *what)
{
    if (result != SHAKEN_OK) {
        fprintf(stderr, "%s: %s\n", what, shaken_result_name(result));
        exit(1);
    }
}

/* Judges a call, or puts it aside. Answers whether it is done with. */
static int judge(const shaken_verifier *verifier, shaken_verdict *verdict, struct call *call, uint64_t number)
{
    const shaken_result result = shaken_verify_sip(verifier, call->message, (int64_t)time(NULL), verdict);
    if (result == SHAKEN_PENDING && !call->has_waited) {
        call->has_waited = 1;
        if (shaken_verifier_wait(verifier, verdict, BUDGET_MS, number) == SHAKEN_OK)
            return 0;
    }
    shaken_call_verdict told;
    shaken_verdict_call(verdict, &told);
    if (result == SHAKEN_OK)
        printf("%s: ok, attestation %c\n", call->name, told.attest);
    else
        printf("%s: %s\n", call->name, result == SHAKEN_PENDING ? "no certificate in time" : shaken_result_name(result));
    return 1;
}

int main(int count, char **arguments)
{
    if (count < 6 || count - 5 > MAX_CALLS) {
        fprintf(stderr, "events STI-ROOTS.pem TLS-ROOTS.pem HOST ADDRESS MESSAGE-FILE...\n");
        return 2;
    }
    const shaken_str roots = read_file(arguments[1]), tls_roots = read_file(arguments[2]);
    shaken_trust *trust = NULL;
    shaken_verifier *verifier = NULL;
    shaken_verdict *verdict = NULL;
    shaken_fetch_options *options = NULL;
    int fd = -1;
    expect(shaken_trust_new(roots, &trust), "trust");
    expect(shaken_verifier_new(trust, 0, 0, &verifier), "verifier");
    expect(shaken_verdict_new(&verdict), "verdict");
    expect(shaken_fetch_options_new(&options), "options");
    expect(shaken_fetch_options_set_tls_roots(options, tls_roots), "TLS roots");
    expect(shaken_fetch_options_connect_to(options, shaken_str_of(arguments[3]), shaken_str_of(arguments[4])), "address");
    /* In each worker, after the fork. */
    expect(shaken_verifier_start_fetching(verifier, options), "fetching");
    expect(shaken_verifier_event_fd(verifier, &fd), "descriptor");

    struct call calls[MAX_CALLS];
    int open = 0;
    for (int i = 0; i < count - 5; i++) {
        calls[i].name = arguments[5 + i];
        calls[i].message = read_file(arguments[5 + i]);
        calls[i].has_waited = 0;
        open += !judge(verifier, verdict, &calls[i], (uint64_t)i);
    }
    while (open > 0) {
        struct pollfd polled = {fd, POLLIN, 0};
        uint64_t number = 0;
        poll(&polled, 1, -1);
        while (shaken_verifier_next_ready(verifier, &number) == SHAKEN_OK)
            open -= judge(verifier, verdict, &calls[number], number);
    }

    for (int i = 0; i < count - 5; i++)
        free((void *)calls[i].message.data);
    free((void *)roots.data);
    free((void *)tls_roots.data);
    shaken_fetch_options_free(options);
    shaken_verdict_free(verdict);
    shaken_verifier_free(verifier);
    shaken_trust_free(trust);
    return 0;
}
