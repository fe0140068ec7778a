/* The functions of libsecsipid (libsecsipid.so.1), for programs that were made for it. SECSIPID.md has the
 * options, the codes, and what is stricter here.
 *
 * Texts end with a NUL, and NULL is an empty one; they are not written to, whatever their type says. What
 * comes in *outPtr is the caller's: free() it. Files and keys are PEM. Times are in seconds. Any thread may
 * call any function; do not fork while another thread is within a call.
 *
 * Copyright The shaken authors. Licensed under MIT or Apache-2.0. */
#ifndef LIBSECSIPID_H
#define LIBSECSIPID_H

#ifdef __cplusplus
extern "C" {
#endif

/* Make the value of an Identity header, with the private key in a file, or the key itself. An empty origID
 * is made at random; an empty x5uVal is that of the options. Length of *outPtr, or a code below 0. */
extern int SecSIPIDGetIdentity(char *origTN, char *destTN, char *attestVal, char *origID, char *x5uVal,
                               char *prvkeyPath, char **outPtr);
extern int SecSIPIDGetIdentityPrvKey(char *origTN, char *destTN, char *attestVal, char *origID,
                                     char *x5uVal, char *prvkeyData, char **outPtr);

/* Sign a header and a payload as they are, to a token without parameters. Length of *outPtr, or 0. */
extern int SecSIPIDSignJSONHP(char *headerJSON, char *payloadJSON, char *prvkeyPath, char **outPtr);
extern int SecSIPIDSignJSONHPPrvKey(char *headerJSON, char *payloadJSON, char *prvkeyData, char **outPtr);

/* Check a token without parameters, a whole header, or either. identityLen and pubkeyLen may be 0 for
 * texts that end with a NUL. The token may be expireVal old, or so far ahead. pubkeyPath is a path or a
 * URL; empty for the URL of the header. 0 if it holds, or a code below 0. */
extern int SecSIPIDCheck(char *identityVal, int identityLen, int expireVal, char *pubkeyPath,
                         int timeoutVal);
extern int SecSIPIDCheckFull(char *identityVal, int identityLen, int expireVal, char *pubkeyPath,
                             int timeoutVal);
extern int SecSIPIDCheckFullPubKey(char *identityVal, int identityLen, int expireVal, char *pubkeyVal,
                                   int pubkeyLen);

/* Fetch what is behind an https URL. 0, or a code below 0 with NULL and 0. */
extern int SecSIPIDGetURLContent(char *urlVal, int timeoutVal, char **outPtr, int *outLen);

/* Set options: 0, or -1 for one that is none or cannot have this value. SecSIPIDOptGetN answers the value
 * of one that is a number, or -1. */
extern int SecSIPIDSetFileCacheOptions(char *dirPath, int expireVal);
extern int SecSIPIDOptSetS(char *optName, char *optVal);
extern int SecSIPIDOptSetN(char *optName, int optVal);
extern int SecSIPIDOptGetN(char *optName);
extern int SecSIPIDOptSetV(char *optNameVal);

#ifdef __cplusplus
}
#endif

#endif
