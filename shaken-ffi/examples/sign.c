/* Signs the INVITE in a file with attestation A and prints it as it goes on.
 *
 *   sign KEY.pem CHAIN.pem X5U INVITE-FILE
 */
#include <shaken.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "sign KEY.pem CHAIN.pem X5U INVITE-FILE\n");
        return 2;
    }
    /* Once, before the workers are forked. */
    shaken_signer *signer = NULL;
    shaken_result result =
        shaken_signer_from_files(shaken_str_of(arguments[1]), shaken_str_of(arguments[2]),
                                 shaken_str_of(arguments[3]), &signer);
    if (result != SHAKEN_OK) {
        fprintf(stderr, "no signer: %s\n", shaken_result_name(result));
        return 1;
    }

    char message[65536];
    FILE *file = fopen(arguments[4], "rb");
    if (file == NULL)
        return 1;
    shaken_str invite;
    invite.data = message;
    invite.len = fread(message, 1, sizeof message, file);
    fclose(file);

    /* For each call, in any worker or thread. */
    char out[65536 + 16384];
    size_t len = 0;
    result = shaken_sign_sip(signer, invite, 'A', shaken_str_of(""), (int64_t)time(NULL), out, sizeof out, &len);
    if (result == SHAKEN_OK)
        fwrite(out, 1, len, stdout);
    else
        fprintf(stderr, "not signed: %s\n", shaken_result_name(result));

    shaken_signer_free(signer);
    return result == SHAKEN_OK ? 0 : 1;
}
