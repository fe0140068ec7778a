/* Calls functions of libsecsipid as its standard input says: one call a line, the name and the arguments
 * with tabs between. "NULL" is a null pointer, "hex:" goes before bytes, "@" before the path of a file whose
 * content is meant. Answers a line each: the code, and what came out. Runs on any libsecsipid. */
#include <secsipid.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 8

struct text {
    char *data;
    int len;
};

static struct text bytes_of_hex(const char *hex)
{
    struct text text = {malloc(strlen(hex) / 2 + 1), (int)(strlen(hex) / 2)};
    for (int i = 0; i < text.len; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        text.data[i] = (char)byte;
    }
    text.data[text.len] = 0;
    return text;
}

static struct text content_of(const char *path)
{
    struct text text = {calloc(1, 1 << 18), 0};
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        text.len = (int)fread(text.data, 1, (1 << 18) - 1, file);
        fclose(file);
    }
    return text;
}

static struct text read_text(const char *field)
{
    struct text none = {NULL, 0};
    if (strcmp(field, "NULL") == 0)
        return none;
    if (strncmp(field, "hex:", 4) == 0)
        return bytes_of_hex(field + 4);
    if (field[0] == '@')
        return content_of(field + 1);
    struct text text = {strdup(field), 0};
    return text;
}

int main(void)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *fields[MOST] = {"", "", "", "", "", "", "", ""};
        struct text a[MOST];
        char *rest = line;
        int count = 0, code = -999, len = 0;
        line[strcspn(line, "\n")] = 0;
        while (count < MOST && rest != NULL)
            fields[count++] = strsep(&rest, "\t");
        for (int i = 0; i < MOST; i++)
            a[i] = read_text(fields[i]);
#define IS(name) (strcmp(fields[0], name) == 0)
#define T(i) (a[i].data)
#define N(i) atoi(fields[i])
        char *out = NULL;
        if (IS("json"))
            code = SecSIPIDSignJSONHP(T(1), T(2), T(3), &out);
        else if (IS("json-key"))
            code = SecSIPIDSignJSONHPPrvKey(T(1), T(2), T(3), &out);
        else if (IS("identity"))
            code = SecSIPIDGetIdentity(T(1), T(2), T(3), T(4), T(5), T(6), &out);
        else if (IS("identity-key"))
            code = SecSIPIDGetIdentityPrvKey(T(1), T(2), T(3), T(4), T(5), T(6), &out);
        else if (IS("check"))
            code = SecSIPIDCheck(T(1), a[1].len, N(2), T(3), N(4));
        else if (IS("full"))
            code = SecSIPIDCheckFull(T(1), a[1].len, N(2), T(3), N(4));
        else if (IS("key"))
            code = SecSIPIDCheckFullPubKey(T(1), a[1].len, N(2), T(3), a[3].len);
        else if (IS("cache"))
            code = SecSIPIDSetFileCacheOptions(T(1), N(2));
        else if (IS("url"))
            code = SecSIPIDGetURLContent(T(1), N(2), &out, &len);
        else if (IS("set-s"))
            code = SecSIPIDOptSetS(T(1), T(2));
        else if (IS("set-n"))
            code = SecSIPIDOptSetN(T(1), N(2));
        else if (IS("get-n"))
            code = SecSIPIDOptGetN(T(1));
        else if (IS("set-v"))
            code = SecSIPIDOptSetV(T(1));
        /* Of a body there may be several lines. */
        if (out != NULL)
            out[strcspn(out, "\n")] = 0;
        printf("%d\t%s\n", code, out == NULL ? "NULL" : out);
        fflush(stdout);
        free(out);
        for (int i = 0; i < MOST; i++)
            free(a[i].data);
    }
    return 0;
}
