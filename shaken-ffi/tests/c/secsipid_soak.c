/* All 13 functions in random order with good arguments, bad ones and NULL, as many calls as the last
 * argument says, then from threads of forked children. FOLDER has provider.key, provider.pem, sti-root.pem. */
#include <secsipid.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

#define X5U "https://cr.example.com/provider.pem"
#define CHILDREN 8
#define THREADS 8

static char key_path[512], chain_path[512], key_pem[8192], chain_pem[16384];

static void read_file(const char *path, char *room, size_t size)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    room[fread(room, 1, size - 1, file)] = 0;
    fclose(file);
}

static char *pick(unsigned *seed, char **from, int count)
{
    return from[rand_r(seed) % count];
}

/* One call that may be anything, and one that must do what it is for. */
static void one(unsigned *seed)
{
    char long_text[5000];
    memset(long_text, 'A', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    char *texts[] = {NULL, "", "A", "12155550121", X5U, "\xff\xfe", ".", "..", "a.b.c", long_text, "{}",
                     key_path, chain_path, "/", "/nowhere", "file:///dev/zero", "http://h.example.com/a",
                     "https://127.0.0.1/", "CertVerify", "CertVerify=0", "RequireTrust=0", "=", "Nope=1",
                     "x5u", "AttrsVerify=1", key_pem, chain_pem};
    const int count = (int)(sizeof texts / sizeof *texts);
#define ANY pick(seed, texts, count)
    char *out = NULL;
    int len = 0;
    int code = 0;
    switch (rand_r(seed) % 15) {
    case 0: code = SecSIPIDSignJSONHP(ANY, ANY, ANY, &out); break;
    case 1: code = SecSIPIDSignJSONHPPrvKey(ANY, ANY, ANY, &out); break;
    case 2: code = SecSIPIDGetIdentity(ANY, ANY, ANY, ANY, ANY, ANY, &out); break;
    case 3: code = SecSIPIDGetIdentityPrvKey(ANY, ANY, ANY, ANY, ANY, ANY, &out); break;
    case 4: CHECK(SecSIPIDCheck(ANY, 0, 60, ANY, 1) < 0); break;
    case 5: CHECK(SecSIPIDCheckFull(ANY, 0, 60, ANY, 1) < 0); break;
    case 6: CHECK(SecSIPIDCheckFullPubKey(ANY, 0, 60, ANY, 0) < 0); break;
    case 7: CHECK(SecSIPIDCheckFull(ANY, -5, 60, ANY, 1) < 0); break;
    case 8: SecSIPIDSetFileCacheOptions(rand_r(seed) % 2 == 0 ? NULL : "", -1); break;
    case 9:
        CHECK(SecSIPIDGetURLContent(ANY, 1, &out, &len) < 0 && out == NULL && len == 0);
        CHECK(SecSIPIDGetURLContent(ANY, 1, NULL, NULL) == -1);
        break;
    case 10: CHECK(SecSIPIDOptSetS("Nope", ANY) == -1 && SecSIPIDOptSetS(NULL, ANY) == -1); break;
    case 11: CHECK(SecSIPIDOptSetN(ANY, 99) == -1); break;
    case 12: SecSIPIDOptGetN(ANY); break;
    case 13: SecSIPIDOptSetV(ANY); break;
    case 14: CHECK(SecSIPIDGetIdentity("1", "2", "A", NULL, X5U, key_path, NULL) == -1); break;
    }
    CHECK(out == NULL || code <= 0 || (int)strlen(out) == code);
    free(out);

    out = NULL;
    code = SecSIPIDGetIdentity("12155550121", "12155550131", "A", NULL, X5U, key_path, &out);
    CHECK(code > 0 && (int)strlen(out) == code);
    CHECK(SecSIPIDCheckFull(out, 0, 60, chain_path, 1) == 0);
    CHECK(SecSIPIDCheckFull(out, code, 60, chain_path, 1) == 0);
    CHECK(SecSIPIDCheckFullPubKey(out, code, 60, chain_pem, 0) == 0);
    out[20] = out[20] == 'A' ? 'B' : 'A';
    CHECK(SecSIPIDCheckFull(out, code, 60, chain_path, 1) < 0);
    free(out);
}

static void *soak(void *calls)
{
    unsigned seed = (unsigned)getpid();
    for (long i = 0; i < (long)calls; i++)
        one(&seed);
    return NULL;
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    const long calls = atol(arguments[2]) / 6;
    snprintf(key_path, sizeof key_path, "%s/provider.key", arguments[1]);
    snprintf(chain_path, sizeof chain_path, "%s/provider.pem", arguments[1]);
    read_file(key_path, key_pem, sizeof key_pem);
    read_file(chain_path, chain_pem, sizeof chain_pem);
    /* Nobody listens there: downloads fail at once, and no name is looked up. */
    CHECK(SecSIPIDOptSetS("FetchConnectTo", "cr.example.com=127.0.0.1:1") == 0);
    soak((void *)calls);
    for (int i = 0; i < CHILDREN; i++) {
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            pthread_t threads[THREADS];
            for (int j = 0; j < THREADS; j++)
                CHECK(pthread_create(&threads[j], NULL, soak, (void *)(calls / 64)) == 0);
            for (int j = 0; j < THREADS; j++)
                pthread_join(threads[j], NULL);
            /* Without the parent's handlers of its end. */
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = 1;
        CHECK(wait(&status) > 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
