/* As many calls as the last argument says, good and bad ones, with handles made and freed between. */
#include "rig.h"

int main(int count, char **arguments)
{
    struct lab lab = open_lab(count, arguments);
    const long wanted = atol(arguments[count - 1]);
    const int64_t now = (int64_t)time(NULL);
    const shaken_str orig = shaken_str_of(CALLER), dest = shaken_str_of(CALLED), origid = shaken_str_of(ORIGID),
                     x5u = shaken_str_of(lab.x5u), chain = shaken_str_of(lab.chain);
    char room[8192], message[8192], text[512];
    size_t len = 0, message_len = 0, text_len = 0;
    shaken_call_verdict call;
    shaken_header_verdict header;
    shaken_str url;
    long calls = 0;
    while (calls < wanted) {
        shaken_signer *signer = make_signer(&lab);
        shaken_verifier *verifier = make_verifier(&lab);
        shaken_verdict *verdict = NULL;
        OK(shaken_verdict_new(&verdict));
        OK(shaken_sign_sip(signer, shaken_str_of(INVITE), 'A', origid, now, message, sizeof message, &message_len));
        const shaken_str signed_message = bytes_of(message, message_len);
        IS(SHAKEN_PENDING, shaken_verify_sip(verifier, signed_message, now, verdict));
        OK(shaken_verdict_missing_url(verdict, 0, &url));
        OK(shaken_verifier_insert(verifier, url, chain, 3600, now));
        calls += 11;
        for (int i = 0; i < 80; i++) {
            OK(shaken_sign(signer, orig, dest, 'C', origid, now, now, room, sizeof room, &len));
            const shaken_str identity = bytes_of(room, len);
            OK(shaken_verify(verifier, orig, dest, now, &identity, 1, now, verdict));
            OK(shaken_verdict_call(verdict, &call));
            CHECK(call.attest == 'C');
            OK(shaken_verdict_header(verdict, 0, &header));
            OK(shaken_verify_sip(verifier, signed_message, now, verdict));
            IS(SHAKEN_IAT_STALE, shaken_verify(verifier, orig, dest, 0, &identity, 1, now + 61, verdict));
            IS(SHAKEN_DEST_MISMATCH, shaken_verify(verifier, orig, orig, 0, &identity, 1, now, verdict));
            OK(shaken_verdict_text(verdict, text, sizeof text, &text_len));
            IS(SHAKEN_BUFFER_TOO_SMALL, shaken_sign(signer, orig, dest, 'C', origid, now, now, room, 9, &len));
            IS(SHAKEN_TN_INVALID, shaken_sign(signer, shaken_str_of("x"), dest, 'C', origid, now, now, room, 9, &len));
            IS(SHAKEN_SIP_START_LINE, shaken_verify_sip(verifier, shaken_str_of("no SIP\r\n\r\n"), now, verdict));
            calls += 11;
        }
        OK(shaken_verifier_build_tables(verifier));
        OK(shaken_verify_sip(verifier, signed_message, now, verdict));
        OK(shaken_verifier_insert_failure(verifier, x5u, now));
        shaken_verdict_free(verdict);
        shaken_verifier_free(verifier);
        shaken_signer_free(signer);
        calls += 6;
    }
    printf("%ld\n", calls);
    close_lab(&lab);
    return 0;
}
