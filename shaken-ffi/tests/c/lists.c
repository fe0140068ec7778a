/* What the STI-PA publishes, through the C interface: revocation lists, and lists of approved STI-CAs.
 *
 *   lists FOLDER NOW
 */
#include "rig.h"

#define LIST_URL "https://pa.example.com/ca-list"

static int64_t now;
static const char *folder;

/* One provider, its certificate, and a call that it signed. */
struct provider {
    shaken_str x5u;
    char *chain;
    char identity[4096];
    size_t len;
};

static shaken_str file(const char *name)
{
    /* The tests end soon. */
    return shaken_str_of(read_file(folder, name));
}

static struct provider open_provider(const char *name, const char *x5u)
{
    struct provider provider = {shaken_str_of(x5u), NULL, "", 0};
    char path[64];
    snprintf(path, sizeof path, "%s.key", name);
    char *key = read_file(folder, path);
    snprintf(path, sizeof path, "%s.pem", name);
    provider.chain = read_file(folder, path);
    shaken_signer *signer = NULL;
    OK(shaken_signer_from_pem(shaken_str_of(key), shaken_str_of(provider.chain), provider.x5u, &signer));
    OK(shaken_sign(signer, shaken_str_of(CALLER), shaken_str_of(CALLED), 'A', shaken_str_of(""), now, now,
                   provider.identity, sizeof provider.identity, &provider.len));
    shaken_signer_free(signer);
    free(key);
    return provider;
}

/* What comes of its call, at a time. */
static shaken_result verified(const shaken_verifier *verifier, const struct provider *provider, int64_t at)
{
    const shaken_str identity = bytes_of(provider->identity, provider->len);
    shaken_verdict *verdict = NULL;
    OK(shaken_verdict_new(&verdict));
    const shaken_result result = shaken_verify(verifier, shaken_str_of(CALLER), shaken_str_of(CALLED), 0, &identity,
                                               1, at, verdict);
    shaken_call_verdict call;
    OK(shaken_verdict_call(verdict, &call));
    CHECK(call.result == result && call.attest == (result == SHAKEN_OK ? 'A' : 0));
    shaken_verdict_free(verdict);
    return result;
}

static shaken_result inserted(const shaken_verifier *verifier, const struct provider *provider)
{
    return shaken_verifier_insert(verifier, provider->x5u, shaken_str_of(provider->chain), 0, now);
}

/* One certificate is revoked, and the other of the same CA stays good. */
static void revocation(const struct provider *first, const struct provider *second)
{
    const shaken_str signer = file("crl-signer.pem"), roots = file("sti-pa-root.pem");
    shaken_trust *trust = NULL;
    shaken_verifier *verifier = NULL;
    OK(shaken_trust_new(file("sti-root.pem"), &trust));
    OK(shaken_trust_require_crl(trust));
    OK(shaken_verifier_new(trust, 0, 0, &verifier));
    IS(SHAKEN_CRL_MISSING, inserted(verifier, first));

    OK(shaken_trust_add_crl(trust, file("nobody.crl"), signer, roots, now));
    OK(shaken_verifier_set_trust(verifier, trust));
    OK(inserted(verifier, first));
    OK(inserted(verifier, second));
    IS(SHAKEN_OK, verified(verifier, first, now));
    IS(SHAKEN_OK, verified(verifier, second, now));

    /* Nobody else may say who is revoked, and nothing changes by what is refused. */
    IS(SHAKEN_CRL_SIGNATURE, shaken_trust_add_crl(trust, file("forged.crl"), signer, roots, now));
    IS(SHAKEN_CERT_UNTRUSTED,
       shaken_trust_add_crl(trust, file("first.crl"), signer, file("sti-root.pem"), now));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_OK, verified(verifier, first, now));

    /* The verifier has a copy of the trust, and judges what it has again when it is given a new one. */
    OK(shaken_trust_add_crl(trust, file("first.crl"), signer, roots, now));
    IS(SHAKEN_OK, verified(verifier, first, now));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_CERT_REVOKED, verified(verifier, first, now));
    IS(SHAKEN_OK, verified(verifier, second, now));
    IS(SHAKEN_CERT_REVOKED, inserted(verifier, first));
    OK(inserted(verifier, second));

    IS(SHAKEN_CRL_ROLLBACK, shaken_trust_add_crl(trust, file("nobody.crl"), signer, roots, now));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_CERT_REVOKED, verified(verifier, first, now));
    shaken_verifier_free(verifier);
    shaken_trust_free(trust);
}

static void approved_cas(const struct provider *provider)
{
    const shaken_str url = shaken_str_of(LIST_URL), signer = file("list-signer.pem"), roots = file("sti-pa-root.pem"),
                     list = file("approved.jws"), none = bytes_of(NULL, 9);
    shaken_trust *trust = (shaken_trust *)&now;
    shaken_verifier *verifier = NULL;
    IS(SHAKEN_NULL, shaken_trust_from_ca_list(list, url, signer, roots, now, NULL));
    IS(SHAKEN_NULL, shaken_trust_from_ca_list(none, url, signer, roots, now, &trust));
    CHECK(trust == NULL);
    IS(SHAKEN_NULL, shaken_trust_from_ca_list(list, none, signer, roots, now, &trust));
    IS(SHAKEN_NULL, shaken_trust_from_ca_list(list, url, none, roots, now, &trust));
    IS(SHAKEN_NULL, shaken_trust_from_ca_list(list, url, signer, none, now, &trust));
    IS(SHAKEN_ARGUMENT_INVALID, shaken_trust_from_ca_list(list, bytes_of("\xff", 1), signer, roots, now, &trust));
    IS(SHAKEN_X5U_SCHEME,
       shaken_trust_from_ca_list(list, shaken_str_of("http://pa.example.com/a"), signer, roots, now, &trust));
    IS(SHAKEN_CA_LIST_HOST,
       shaken_trust_from_ca_list(list, shaken_str_of("https://cr.example.com/a"), signer, roots, now, &trust));
    IS(SHAKEN_SIGNATURE_INVALID, shaken_trust_from_ca_list(file("forged.jws"), url, signer, roots, now, &trust));
    /* The STI-CAs must not approve themselves. */
    IS(SHAKEN_CERT_UNTRUSTED,
       shaken_trust_from_ca_list(list, url, signer, file("sti-root.pem"), now, &trust));
    IS(SHAKEN_CA_LIST_EXPIRED, shaken_trust_from_ca_list(list, url, signer, roots, now + 86400, &trust));
    CHECK(trust == NULL);

    OK(shaken_trust_from_ca_list(list, url, signer, roots, now, &trust));
    OK(shaken_verifier_new(trust, 2 * 86400, 0, &verifier));
    OK(inserted(verifier, provider));
    IS(SHAKEN_OK, verified(verifier, provider, now));
    /* From the end of the list on, nobody is approved. */
    IS(SHAKEN_OK, verified(verifier, provider, now + 86399));
    IS(SHAKEN_CA_LIST_EXPIRED, verified(verifier, provider, now + 86400));

    IS(SHAKEN_NULL, shaken_trust_set_ca_list(NULL, list, url, signer, roots, now));
    IS(SHAKEN_NULL, shaken_trust_set_ca_list(trust, none, url, signer, roots, now));
    IS(SHAKEN_CA_LIST_ROLLBACK, shaken_trust_set_ca_list(trust, file("older.jws"), url, signer, roots, now));
    OK(shaken_trust_set_ca_list(trust, list, url, signer, roots, now));
    /* In the answer of the STI-PA's API; the provider's CA is no longer on it. */
    OK(shaken_trust_set_ca_list(trust, file("newer.json"), url, signer, roots, now));
    IS(SHAKEN_OK, verified(verifier, provider, now));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_CERT_UNTRUSTED, verified(verifier, provider, now));
    shaken_trust_free(trust);

    /* What the operator trusts stays, whatever the list says. */
    OK(shaken_trust_new(file("sti-root.pem"), &trust));
    OK(shaken_trust_set_ca_list(trust, file("newer.json"), url, signer, roots, now));
    OK(shaken_verifier_set_trust(verifier, trust));
    IS(SHAKEN_OK, verified(verifier, provider, now));
    shaken_verifier_free(verifier);
    shaken_trust_free(trust);
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    folder = arguments[1];
    now = strtoll(arguments[2], NULL, 10);
    struct provider first = open_provider("first", "https://cr.example.com/first.pem"),
                    second = open_provider("second", "https://cr.example.com/second.pem");
    revocation(&first, &second);
    approved_cas(&first);
    free(first.chain);
    free(second.chain);
    return 0;
}
