/* Verifies the call that a SIP message starts. The host obtains certificates: here, from a file.
 *
 *   verify STI-ROOTS.pem CHAIN.pem MESSAGE-FILE
 */
#include <shaken.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "verify STI-ROOTS.pem CHAIN.pem MESSAGE-FILE\n");
        return 2;
    }
    const shaken_str roots = read_file(arguments[1]), chain = read_file(arguments[2]),
                     message = read_file(arguments[3]);
    shaken_trust *trust = NULL;
    shaken_verifier *verifier = NULL;
    shaken_verdict *verdict = NULL;
    shaken_result result = shaken_trust_new(roots, &trust);
    if (result == SHAKEN_OK)
        result = shaken_verifier_new(trust, 0, 0, &verifier);
    if (result == SHAKEN_OK)
        result = shaken_verdict_new(&verdict);
    if (result != SHAKEN_OK) {
        fprintf(stderr, "cannot start: %s\n", shaken_result_name(result));
        return 1;
    }

    /* At most two rounds: what was handed over is there, or known to have failed. */
    const int64_t now = (int64_t)time(NULL);
    for (int round = 0; round < 2; round++) {
        result = shaken_verify_sip(verifier, message, now, verdict);
        if (result != SHAKEN_PENDING)
            break;
        shaken_str url;
        for (size_t i = 0; shaken_verdict_missing_url(verdict, i, &url) == SHAKEN_OK; i++) {
            fprintf(stderr, "missing: %.*s\n", (int)url.len, url.data);
            /* A host downloads it here; if that fails: shaken_verifier_insert_failure. */
            const shaken_result inserted = shaken_verifier_insert(verifier, url, chain, 0, now);
            if (inserted != SHAKEN_OK)
                fprintf(stderr, "refused: %s\n", shaken_result_name(inserted));
        }
    }

    shaken_call_verdict call;
    shaken_verdict_call(verdict, &call);
    if (result == SHAKEN_OK)
        printf("ok: attestation %c, verstat %s\n", call.attest, shaken_result_verstat(result));
    else
        printf("%s: %u %s, verstat %s\n", shaken_result_name(result), shaken_result_sip_code(result),
               shaken_result_sip_reason(result), shaken_result_verstat(result));

    shaken_verdict_free(verdict);
    shaken_verifier_free(verifier);
    shaken_trust_free(trust);
    free((void *)roots.data);
    free((void *)chain.data);
    free((void *)message.data);
    return 0;
}
