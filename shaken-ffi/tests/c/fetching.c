/* Certificates fetched by the library: nobody waits, one download for many, budgets, and a fork. */
#include "rig.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t now;

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd polled = {fd, POLLIN, 0};
    return poll(&polled, 1, timeout_ms) == 1;
}

static shaken_verifier *start(const struct lab *lab)
{
    shaken_verifier *verifier = make_verifier(lab);
    shaken_fetch_options *options = NULL;
    OK(shaken_fetch_options_new(&options));
    OK(shaken_fetch_options_set_deadline(options, 3000));
    OK(shaken_fetch_options_set_tls_roots(options, shaken_str_of(lab->tls_root)));
    OK(shaken_fetch_options_connect_to(options, shaken_str_of(lab->host), shaken_str_of(lab->repository)));
    /* Takes connections and never answers. */
    OK(shaken_fetch_options_connect_to(options, shaken_str_of("slow.example"), shaken_str_of(getenv("SLOW"))));
    OK(shaken_verifier_start_fetching(verifier, options));
    shaken_fetch_options_free(options);
    return verifier;
}

/* A good call: pending, told of, passed. */
static void fetch_once(const shaken_verifier *verifier, shaken_str message, shaken_verdict *verdict)
{
    int fd = -1;
    uint64_t cookie = 0;
    OK(shaken_verifier_event_fd(verifier, &fd));
    uint64_t waiting = 0, asked = 0, ready = 0;
    for (uint64_t call = 1; call <= 100; call++) {
        const shaken_result result = shaken_verify_sip(verifier, message, now, verdict);
        CHECK(result == SHAKEN_PENDING || (result == SHAKEN_OK && call > 1));
        if (result == SHAKEN_PENDING) {
            OK(shaken_verifier_wait(verifier, verdict, 5000, call));
            waiting++;
            asked += call;
        }
    }
    for (; waiting > 0; waiting--) {
        CHECK(is_readable(fd, 5000));
        OK(shaken_verifier_next_ready(verifier, &cookie));
        ready += cookie;
    }
    CHECK(ready == asked);
    CHECK(!is_readable(fd, 0));
    IS(SHAKEN_PENDING, shaken_verifier_next_ready(verifier, &cookie));
    OK(shaken_verify_sip(verifier, message, now, verdict));
}

int main(int count, char **arguments)
{
    struct lab lab = open_lab(count, arguments);
    now = (int64_t)time(NULL);
    shaken_signer *signer = make_signer(&lab), *slow_signer = NULL;
    OK(shaken_signer_from_pem(shaken_str_of(lab.key), shaken_str_of(lab.chain),
                              shaken_str_of("https://slow.example/a.pem"), &slow_signer));
    char room[8192], slow_room[8192];
    size_t len = 0, slow_len = 0;
    OK(shaken_sign_sip(signer, shaken_str_of(INVITE), 'A', shaken_str_of(""), now, room, sizeof room, &len));
    OK(shaken_sign_sip(slow_signer, shaken_str_of(INVITE), 'A', shaken_str_of(""), now, slow_room, sizeof slow_room, &slow_len));
    const shaken_str message = bytes_of(room, len), slow_message = bytes_of(slow_room, slow_len);
    shaken_verdict *verdict = NULL;
    OK(shaken_verdict_new(&verdict));

    shaken_verifier *verifier = start(&lab);
    int fd = -1;
    uint64_t cookie = 0;
    OK(shaken_verifier_event_fd(verifier, &fd));
    fetch_once(verifier, message, verdict);

    /* The budget ends before the download does; other calls do not wait for it. */
    struct timespec begin, end;
    IS(SHAKEN_PENDING, shaken_verify_sip(verifier, slow_message, now, verdict));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    OK(shaken_verifier_wait(verifier, verdict, 200, 7));
    OK(shaken_verify_sip(verifier, message, now, verdict));
    CHECK(is_readable(fd, 5000));
    clock_gettime(CLOCK_MONOTONIC, &end);
    OK(shaken_verifier_next_ready(verifier, &cookie));
    CHECK(cookie == 7);
    const long waited_ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    CHECK(waited_ms >= 199);
    IS(SHAKEN_PENDING, shaken_verify_sip(verifier, slow_message, now, verdict));
    /* When the download has failed, that is known for a while. */
    OK(shaken_verifier_wait(verifier, verdict, 60000, 8));
    CHECK(is_readable(fd, 10000));
    OK(shaken_verifier_next_ready(verifier, &cookie));
    CHECK(cookie == 8);
    IS(SHAKEN_FETCH_DEADLINE, shaken_verify_sip(verifier, slow_message, now, verdict));
    CHECK(shaken_result_sip_code(SHAKEN_FETCH_DEADLINE) == 436);

    /* A child has no thread: it is told so, and starts its own. */
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        IS(SHAKEN_FORKED, shaken_verify_sip(verifier, message, now, verdict));
        IS(SHAKEN_FORKED, shaken_verifier_event_fd(verifier, &fd));
        IS(SHAKEN_FORKED, shaken_verifier_wait(verifier, verdict, 1, 1));
        IS(SHAKEN_FORKED, shaken_verifier_next_ready(verifier, &cookie));
        IS(SHAKEN_FORKED, shaken_verifier_insert_failure(verifier, shaken_str_of(lab.x5u), now));
        IS(SHAKEN_FORKED, shaken_verifier_build_tables(verifier));
        shaken_verifier_free(verifier);
        verifier = start(&lab);
        fetch_once(verifier, message, verdict);
        shaken_verifier_free(verifier);
        /* The copies of what the parent's thread holds are nobody's here. */
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    OK(shaken_verify_sip(verifier, message, now, verdict));
    shaken_verifier_free(verifier);

    /* Freed while a download is under way and a call waits. */
    verifier = start(&lab);
    IS(SHAKEN_PENDING, shaken_verify_sip(verifier, slow_message, now, verdict));
    OK(shaken_verifier_wait(verifier, verdict, 60000, 9));
    shaken_verifier_free(verifier);

    shaken_verdict_free(verdict);
    shaken_signer_free(signer);
    shaken_signer_free(slow_signer);
    close_lab(&lab);
    return 0;
}
