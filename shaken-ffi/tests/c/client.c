/* The daemon of the lab, behind its socket; and sockets where nobody answers well. */
#include "rig.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    struct lab lab = open_lab(count, arguments);
    const int64_t now = (int64_t)time(NULL);
    char path[512], room[8192];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/shaken.sock", lab.folder);
    const shaken_str orig = shaken_str_of(CALLER), dest = shaken_str_of(CALLED), empty = shaken_str_of(""),
                     origid = shaken_str_of(ORIGID);
    shaken_client *client = NULL;
    shaken_verdict *verdict = NULL;
    shaken_call_verdict call;
    shaken_header_verdict header;
    OK(shaken_client_new(shaken_str_of(path), &client));
    OK(shaken_verdict_new(&verdict));

    OK(shaken_client_sign(client, orig, dest, 'B', origid, now, 5000, room, sizeof room, &len));
    const shaken_str identity = bytes_of(room, len);
    OK(shaken_client_verify(client, orig, dest, now, &identity, 1, 5000, now, verdict));
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.attest == 'B' && is_text(call.origid, ORIGID) && call.headers == 1 && call.missing == 0);
    OK(shaken_verdict_header(verdict, 0, &header));
    CHECK(header.result == SHAKEN_OK && is_text(header.ppt, "shaken"));

    IS(SHAKEN_ORIG_MISMATCH, shaken_client_verify(client, dest, dest, now, &identity, 1, 5000, now, verdict));
    OK(shaken_verdict_header(verdict, 0, &header));
    CHECK(header.result == SHAKEN_ORIG_MISMATCH);
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.attest == 0 && call.origid.len == 0);
    const shaken_str two[] = {identity, shaken_str_of("a.b.c;info=<https://cr.example.com/a>")};
    OK(shaken_client_verify(client, orig, dest, now, two, 2, 5000, now, verdict));
    OK(shaken_verdict_header(verdict, 1, &header));
    CHECK(header.result != SHAKEN_OK && header.header == 1);
    IS(SHAKEN_DAEMON_REFUSED, shaken_client_sign(client, orig, dest, 'B', origid, now - 90, 5000, room, sizeof room, &len));
    IS(SHAKEN_BUFFER_TOO_SMALL, shaken_client_sign(client, orig, dest, 0, empty, now, 5000, room, 10, &len));
    CHECK(len > 400);

    OK(shaken_client_sign_sip(client, shaken_str_of(INVITE), 'A', empty, now, 5000, room, sizeof room, &len));
    OK(shaken_client_verify_sip(client, bytes_of(room, len), 5000, now, verdict));
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.attest == 'A');
    IS(SHAKEN_IDENTITY_MISSING, shaken_client_verify_sip(client, shaken_str_of(INVITE), 5000, now, verdict));
    shaken_client_free(client);

    /* Takes connections and never answers. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/mute.sock", lab.folder);
    unlink(address.sun_path);
    const int mute = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(mute >= 0 && bind(mute, (struct sockaddr *)&address, sizeof address) == 0 && listen(mute, 0) == 0);
    OK(shaken_client_new(shaken_str_of(address.sun_path), &client));
    for (int i = 0; i < 3; i++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        IS(SHAKEN_DAEMON_DEADLINE, shaken_client_verify_sip(client, bytes_of(room, len), 200, now, verdict));
        clock_gettime(CLOCK_MONOTONIC, &end);
        const long waited_ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
        CHECK(waited_ms >= 190 && waited_ms < 2000);
    }
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == SHAKEN_DAEMON_DEADLINE);
    close(mute);
    unlink(address.sun_path);
    shaken_client_free(client);
    shaken_verdict_free(verdict);
    close_lab(&lab);
    return 0;
}
