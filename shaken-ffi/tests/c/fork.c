/* 64 children with 16 threads each use what was made before the fork. */
#include "rig.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static shaken_signer *signer;
static shaken_verifier *verifier;
static int64_t now;

static void *work(void *unused)
{
    (void)unused;
    shaken_verdict *verdict = NULL;
    OK(shaken_verdict_new(&verdict));
    for (int i = 0; i < 10; i++) {
        char message[8192];
        size_t len = 0;
        shaken_call_verdict call;
        OK(shaken_sign_sip(signer, shaken_str_of(INVITE), 'A', shaken_str_of(""), now, message, sizeof message, &len));
        OK(shaken_verify_sip(verifier, bytes_of(message, len), now, verdict));
        OK(shaken_verdict_call(verdict, &call));
        CHECK(call.attest == 'A' && call.origid.len == 36);
    }
    shaken_verdict_free(verdict);
    return NULL;
}

int main(int count, char **arguments)
{
    struct lab lab = open_lab(count, arguments);
    now = (int64_t)time(NULL);
    signer = make_signer(&lab);
    verifier = make_verifier(&lab);
    OK(shaken_verifier_insert(verifier, shaken_str_of(lab.x5u), shaken_str_of(lab.chain), 0, now));
    work(NULL);
    pid_t children[64];
    for (int i = 0; i < 64; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            pthread_t threads[16];
            for (int j = 0; j < 16; j++)
                CHECK(pthread_create(&threads[j], NULL, work, NULL) == 0);
            for (int j = 0; j < 16; j++)
                CHECK(pthread_join(threads[j], NULL) == 0);
            shaken_signer_free(signer);
            shaken_verifier_free(verifier);
            close_lab(&lab);
            exit(0);
        }
    }
    for (int i = 0; i < 64; i++) {
        int status = 1;
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
    work(NULL);
    shaken_signer_free(signer);
    shaken_verifier_free(verifier);
    close_lab(&lab);
    return 0;
}
