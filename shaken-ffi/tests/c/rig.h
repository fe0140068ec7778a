/* What the tests share: a lab on disk, one call, and ways to say what failed. */
#ifndef RIG_H
#define RIG_H

#include <shaken.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

#define IS(expected, call) \
    do { \
        shaken_result told = (call); \
        if (told != (shaken_result)(expected)) { \
            fprintf(stderr, "%s:%d: %s is %s\n", __FILE__, __LINE__, #call, shaken_result_name(told)); \
            exit(1); \
        } \
    } while (0)

#define OK(call) IS(SHAKEN_OK, call)

#define INVITE \
    "INVITE sip:+12155550131@sbc.example.net;user=phone SIP/2.0\r\n" \
    "Via: SIP/2.0/TLS sbc.example.com;branch=z9hG4bKrig\r\n" \
    "Max-Forwards: 70\r\n" \
    "From: <sip:+12155550121@sbc.example.com;user=phone>;tag=rig\r\n" \
    "To: <sip:+12155550131@sbc.example.net;user=phone>\r\n" \
    "Call-ID: rig@sbc.example.com\r\n" \
    "CSeq: 1 INVITE\r\n" \
    "Content-Length: 0\r\n\r\n"

#define CALLER "12155550121"
#define CALLED "12155550131"
#define TARGET "12155550199"
#define ORIGID "123e4567-e89b-12d3-a456-426655440000"

struct lab {
    const char *folder;
    const char *x5u;
    const char *host;
    const char *repository;
    char *key, *chain, *root, *tls_root;
};

static inline char *read_file(const char *folder, const char *name)
{
    char path[512];
    CHECK((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    char *text = (char *)calloc(1, 65536);
    CHECK(text != NULL && fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

/* PROGRAM LAB-FOLDER X5U HOST REPOSITORY-ADDRESS ... */
static inline struct lab open_lab(int count, char **arguments)
{
    CHECK(count >= 5);
    struct lab lab = {arguments[1], arguments[2], arguments[3], arguments[4], NULL, NULL, NULL, NULL};
    lab.key = read_file(lab.folder, "provider.key");
    lab.chain = read_file(lab.folder, "provider.pem");
    lab.root = read_file(lab.folder, "sti-root.pem");
    lab.tls_root = read_file(lab.folder, "tls-root.pem");
    return lab;
}

static inline void close_lab(struct lab *lab)
{
    free(lab->key);
    free(lab->chain);
    free(lab->root);
    free(lab->tls_root);
}

static inline shaken_signer *make_signer(const struct lab *lab)
{
    shaken_signer *signer = NULL;
    OK(shaken_signer_from_pem(shaken_str_of(lab->key), shaken_str_of(lab->chain), shaken_str_of(lab->x5u),
                              &signer));
    return signer;
}

static inline shaken_verifier *make_verifier(const struct lab *lab)
{
    shaken_trust *trust = NULL;
    shaken_verifier *verifier = NULL;
    OK(shaken_trust_new(shaken_str_of(lab->root), &trust));
    OK(shaken_verifier_new(trust, 0, 0, &verifier));
    shaken_trust_free(trust);
    return verifier;
}

static inline shaken_str bytes_of(const char *data, size_t len)
{
    shaken_str str;
    str.data = data;
    str.len = len;
    return str;
}

static inline int is_text(shaken_str text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

#endif
