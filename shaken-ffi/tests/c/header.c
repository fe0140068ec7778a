/* The header compiles as C99 and C++17, and its structures and results are as they were published. */
#include <shaken.h>

#define FROZEN(name, condition) typedef char frozen_##name[(condition) ? 1 : -1]

FROZEN(result, sizeof(shaken_result) == 4);
FROZEN(str, sizeof(shaken_str) == 16 && offsetof(shaken_str, len) == 8);
FROZEN(call, sizeof(shaken_call_verdict) == 40 && offsetof(shaken_call_verdict, attest) == 4
                 && offsetof(shaken_call_verdict, origid) == 8
                 && offsetof(shaken_call_verdict, headers) == 24
                 && offsetof(shaken_call_verdict, missing) == 32);
FROZEN(header, sizeof(shaken_header_verdict) == 48 && offsetof(shaken_header_verdict, header) == 0
                   && offsetof(shaken_header_verdict, result) == 8
                   && offsetof(shaken_header_verdict, ppt) == 16
                   && offsetof(shaken_header_verdict, x5u) == 32);
FROZEN(results, SHAKEN_OK == 0 && SHAKEN_NULL == 1 && SHAKEN_PANIC == 2 && SHAKEN_ARGUMENT_INVALID == 3
                    && SHAKEN_PENDING == 4 && SHAKEN_FORKED == 5 && SHAKEN_NOT_STARTED == 6
                    && SHAKEN_ALREADY_STARTED == 7 && SHAKEN_SYSTEM == 8 && SHAKEN_FILE_UNREADABLE == 9
                    && SHAKEN_TOO_MANY_WAITING == 10 && SHAKEN_INDEX_OUT_OF_RANGE == 11
                    && SHAKEN_DAEMON_UNREACHABLE == 20 && SHAKEN_DAEMON_DEADLINE == 21
                    && SHAKEN_DAEMON_REFUSED == 22 && SHAKEN_DAEMON_BUSY == 23
                    && SHAKEN_DAEMON_ANSWER == 24 && SHAKEN_CONTENT_NOT_COMPARED == 25
                    && SHAKEN_SIGNATURE_INVALID == 602
                    && SHAKEN_BUFFER_TOO_SMALL == 703);

int main(void)
{
    return shaken_str_of("four").len == 4 && shaken_str_of(NULL).len == 0 && shaken_version() != NULL ? 0 : 1;
}
