/* The header in both languages, and each function in its type as programs that are there already use it. */
#include <secsipid.h>

#if SECSIPID_VERSION < 0x1030000
#error "the functions with PrvKey are of 1.3.0"
#endif

int main(void)
{
    int (*json)(char *, char *, char *, char **) = SecSIPIDSignJSONHP;
    int (*json_key)(char *, char *, char *, char **) = SecSIPIDSignJSONHPPrvKey;
    int (*identity)(char *, char *, char *, char *, char *, char *, char **) = SecSIPIDGetIdentity;
    int (*identity_key)(char *, char *, char *, char *, char *, char *, char **) = SecSIPIDGetIdentityPrvKey;
    int (*check)(char *, int, int, char *, int) = SecSIPIDCheck;
    int (*full)(char *, int, int, char *, int) = SecSIPIDCheckFull;
    int (*key)(char *, int, int, char *, int) = SecSIPIDCheckFullPubKey;
    int (*cache)(char *, int) = SecSIPIDSetFileCacheOptions;
    int (*url)(char *, int, char **, int *) = SecSIPIDGetURLContent;
    int (*set_s)(char *, char *) = SecSIPIDOptSetS;
    int (*set_n)(char *, int) = SecSIPIDOptSetN;
    int (*get_n)(char *) = SecSIPIDOptGetN;
    int (*set_v)(char *) = SecSIPIDOptSetV;
    return !(json && json_key && identity && identity_key && check && full && key && cache && url && set_s &&
             set_n && get_n && set_v);
}
