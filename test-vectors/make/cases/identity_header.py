"""The Identity header field value: RFC 8224 §4 over the grammar of RFC 3261 §25."""

from passport import LEAF_URL, field, header, payload, seal, signing_input, token
from vectorfile import VectorFile

INFO = f"info=<{LEAF_URL}>"
NAMES = "RFC 3261 §7.3.1: parameter names are case-insensitive"
TOKENS = "RFC 3261 §7.3.1: tokens are case-insensitive, quoted strings are not"
SEPARATORS = "RFC 3261 §25: SEMI and EQUAL have white space (SWS) on both sides, LAQUOT before, RAQUOT after"
FOLDING = "RFC 3261 §7.3.1 and §25: LWS may hold a line break followed by white space"
UNKNOWN = "RFC 8224 §4: ident-info-extension is a generic-param; a verifier ignores those it does not know"
ONCE = "RFC 3261 §7.3.1: a parameter name must not stand twice"
INFO_RULE = "RFC 8224 §4: info is mandatory and its value an absolute URI between < and >"
PARAM = "RFC 3261 §25: generic-param is a token, or a token = token, host or quoted string"


def build() -> VectorFile:
    f = VectorFile("identity-header", "The Identity header field: parameters, white space, quoting, size.")
    accepted(f)
    refused(f)
    return f


def accepted(f: VectorFile) -> None:
    t = token()
    f.accept("usual", field(t), "the form that deployed signers emit", "RFC 8224 §4", "Basic")
    for slug, params, why, rule in [
        ("ppt-quoted", ';alg=ES256;ppt="shaken"', "ppt as a quoted string", "RFC 8224 §4.1 calls the value quoted, its grammar a token; both are sent"),
        ("alg-quoted", ';alg="ES256";ppt=shaken', "alg as a quoted string", "RFC 3261 §25 lets a parameter value be a quoted string"),
        ("both-quoted", ';alg="ES256";ppt="shaken"', "alg and ppt as quoted strings", "RFC 8224 §4.1"),
        ("alg-absent", ";ppt=shaken", "no alg parameter", "RFC 8224 §4.1: alg is optional and its default is ES256"),
        ("ppt-absent", ";alg=ES256", "no ppt parameter; the token has one", "RFC 8224 §4: ident-type is optional in the header field"),
        ("alg-and-ppt-absent", "", "info alone", "RFC 8224 §4: only info is mandatory"),
        ("alg-lower-case", ";alg=es256;ppt=shaken", "alg token in lower case", TOKENS),
        ("ppt-upper-case", ";alg=ES256;ppt=SHAKEN", "ppt token in upper case", TOKENS),
        ("ppt-before-alg", ";ppt=shaken;alg=ES256", "ppt stands before alg", "RFC 8224 §4: the parameters after info are in any order"),
        ("unknown-flag", ";alg=ES256;ppt=shaken;x-early", "an unknown parameter without value", UNKNOWN),
        ("unknown-token", ";alg=ES256;ppt=shaken;x-hop=a-b.c!%*_+`'~", "an unknown parameter with every kind of token character", UNKNOWN),
        ("unknown-first", ";x-hop=1;alg=ES256;ppt=shaken", "an unknown parameter before alg", UNKNOWN),
        ("unknown-quoted-semicolon", ';alg=ES256;ppt=shaken;x-text="a;ppt=div;b"', "a semicolon in a quoted string ends nothing", UNKNOWN),
        ("unknown-quoted-angle", ';x-text="<>";alg=ES256;ppt=shaken', "angle brackets in a quoted string", UNKNOWN),
        ("unknown-quoted-pair", ';x-text="a\\";ppt=div\\\\";alg=ES256;ppt=shaken', "an escaped quote ends no quoted string, an escaped backslash escapes nothing", UNKNOWN),
        ("unknown-quoted-empty", ';alg=ES256;ppt=shaken;x-text=""', "an empty quoted string", UNKNOWN),
        ("unknown-quoted-utf8", ';alg=ES256;ppt=shaken;x-text="Réseau"', "UTF-8 beyond ASCII in a quoted string", UNKNOWN),
        ("unknown-host", ";alg=ES256;ppt=shaken;x-from=[2001:db8::1]", "an IPv6 reference as parameter value", UNKNOWN),
        ("unknown-long", f";alg=ES256;ppt=shaken;x-trace={'a' * 1000}", "an unknown parameter of 1,000 characters", UNKNOWN),
    ]:
        f.accept(slug, field(t, params=params), why, rule, "Lenience")
    for slug, value, why, rule in [
        ("names-upper-case", f"{t};INFO=<{LEAF_URL}>;ALG=ES256;PPT=shaken", "parameter names in upper case", NAMES),
        ("names-mixed-case", f"{t};Info=<{LEAF_URL}>;Alg=ES256;Ppt=shaken", "parameter names in mixed case", NAMES),
        ("info-last", f"{t};alg=ES256;ppt=shaken;{INFO}", "info stands last", "RFC 8224 §4 puts info first; senders and proxies reorder parameters"),
        ("info-between", f"{t};ppt=shaken;{INFO};alg=ES256", "info stands between ppt and alg", "RFC 8224 §4 puts info first; senders and proxies reorder parameters"),
        ("spaces", f"{t} ; info = <{LEAF_URL}> ; alg = ES256 ; ppt = shaken", "spaces around every separator", SEPARATORS),
        ("tabs", f"{t}\t;\tinfo\t=\t<{LEAF_URL}>\t;\talg\t=\tES256\t;\tppt\t=\tshaken", "tabs around every separator", SEPARATORS),
        ("space-around", f"  {field(t)}  ", "white space before and after the value", "RFC 3261 §25: HCOLON ends with SWS; white space at the end of a value carries nothing"),
        ("folded-between", f"{t};{INFO};\r\n alg=ES256;\r\n\tppt=shaken", "line folded after semicolons", FOLDING),
        ("folded-before-semicolon", f"{t}\r\n ;{INFO}\r\n ;alg=ES256\r\n ;ppt=shaken", "line folded before semicolons", FOLDING),
        ("folded-at-equal", f"{t};info=\r\n <{LEAF_URL}>;alg\r\n =\r\n ES256;ppt=shaken", "line folded around =", FOLDING),
    ]:
        f.accept(slug, value, why, rule, "Lenience")
    large = token(body=payload(rcd={"nam": "Example Telecom", "jcd": "x" * 6000}))
    f.accept("large", field(large), "a token of more than 8,000 characters", "RFC 9795 adds claims of several kilobytes; RFC 8224 sets no limit", "Lenience")


def refused(f: VectorFile) -> None:
    t = token()
    tail = ";alg=ES256;ppt=shaken"
    for slug, value, error, why, rule in [
        ("info-missing", f"{t}{tail}", "info-missing", "no info parameter", INFO_RULE),
        ("token-alone", t, "info-missing", "no parameter at all", INFO_RULE),
        ("info-without-value", f"{t};info{tail}", None, "info without value", INFO_RULE),
        ("info-empty", f"{t};info={tail}", None, "info with nothing after =", INFO_RULE),
        ("info-empty-brackets", f"{t};info=<>{tail}", None, "nothing between the brackets", INFO_RULE),
        ("info-unclosed", f"{t};info=<{LEAF_URL}{tail}", "info-syntax", "no > after the URI", INFO_RULE),
        ("info-quoted", f'{t};info="{LEAF_URL}"{tail}', "info-syntax", "the URI in quotes", INFO_RULE),
        ("info-text-after", f"{t};info=<{LEAF_URL}>x{tail}", None, "text between > and the next parameter", INFO_RULE),
        ("info-twice", f"{t};{INFO};{INFO}{tail}", "param-duplicate", "info stands twice, both the same", ONCE),
        ("info-twice-different", f"{t};{INFO};info=<https://evil.example.com/x.pem>{tail}", "param-duplicate", "info stands twice and differs", ONCE),
        ("alg-twice", f"{t};{INFO};alg=ES256;alg=ES256;ppt=shaken", "param-duplicate", "alg stands twice", ONCE),
        ("ppt-twice", f"{t};{INFO};alg=ES256;ppt=shaken;ppt=div", "param-duplicate", "ppt stands twice and differs", ONCE),
        ("ppt-twice-other-case", f"{t};{INFO};ppt=shaken;PPT=shaken", "param-duplicate", "ppt stands twice, once in upper case", ONCE),
        ("alg-without-value", f"{t};{INFO};alg;ppt=shaken", None, "alg without value", "RFC 8224 §4: ident-info-alg has a value"),
        ("alg-empty", f"{t};{INFO};alg=;ppt=shaken", "param-syntax", "nothing after alg=", PARAM),
        ("ppt-empty", f"{t};{INFO};alg=ES256;ppt=", "param-syntax", "nothing after ppt=", PARAM),
        ("ppt-two-words", f"{t};{INFO};alg=ES256;ppt=sha ken", "param-syntax", "white space in a token", PARAM),
        ("quote-unclosed", f'{t};{INFO};alg=ES256;ppt="shaken', "param-syntax", "no closing quote", PARAM),
        ("quote-unclosed-escape", f'{t};{INFO};alg=ES256;ppt="shaken\\"', "param-syntax", "the only closing quote is escaped", PARAM),
        ("semicolon-twice", f"{t};{INFO};;alg=ES256;ppt=shaken", "param-syntax", "an empty parameter", PARAM),
        ("name-not-token", f"{t};{INFO};al@g=ES256;ppt=shaken", "param-syntax", "a parameter name with @", PARAM),
        ("name-two-words", f"{t};{INFO};x y=1{tail}", "param-syntax", "white space in a parameter name", PARAM),
        ("value-not-token", f"{t};{INFO};x-hop=a@b{tail}", "param-syntax", "an unquoted value with @", PARAM),
        ("no-semicolon", f"{t} {INFO}{tail}", None, "no semicolon between token and info", "RFC 8224 §4: signed-identity-digest SEMI ident-info"),
        ("token-empty", f";{INFO}{tail}", None, "no token", "RFC 8224 §4: signed-identity-digest is not empty"),
        ("value-empty", "", None, "an empty header field value", "RFC 8224 §4: signed-identity-digest is not empty"),
        ("line-break", f"{t};{INFO}\r\nalg=ES256;ppt=shaken", None, "a line break without white space after it starts a new header field", FOLDING),
        ("nul", f"{t};{INFO}\0;alg=ES256;ppt=shaken", None, "a NUL after info", "RFC 3261 §25: NUL is nowhere allowed outside a quoted pair"),
        ("utf8-unquoted", f"{t};{INFO};x-hop=é{tail}", "param-syntax", "UTF-8 beyond ASCII in a token", PARAM),
    ]:
        f.reject(slug, value, error, why, rule, "Grammar")
    f.reject("semicolon-last", field(t) + ";", "param-syntax", "a semicolon with nothing after it", PARAM, "Grammar", "Strict")
    f.reject("info-without-brackets", f"{t};info={LEAF_URL}{tail}", "info-syntax", "the URI without < and >", INFO_RULE, "Grammar", "Strict")
    for slug, alg in [("hs256", "HS256"), ("rs256", "RS256"), ("es384", "ES384"), ("none", "none")]:
        f.reject(f"alg-{slug}", field(t, params=f";alg={alg};ppt=shaken"), "param-alg-unsupported",
                 f"the parameter says {alg}, the token ES256", "RFC 8224 §4.1: alg names the algorithm of the token", "Grammar", "Attack")
    for slug, ppt in [("div", "div"), ("quoted-div", '"div"'), ("longer", "shaken1"), ("shorter", "shake")]:
        f.reject(f"ppt-{slug}", field(t, params=f";alg=ES256;ppt={ppt}"), None,
                 "the ppt parameter differs from the token's ppt", "RFC 8224 §4.1: parameter and token have the same ppt; §6.2 step 1: another type is ignored", "Grammar")
    other_info(f)
    compact = ".." + t.split(".")[2]
    f.reject("compact", field(compact), "compact-form", "compact form with a full set of parameters",
             "RFC 8588 §3: SHAKEN has the full form only", "Profile")
    f.reject("compact-empty", field(".."), None, "two dots and no signature", "RFC 8224 §4; RFC 8225 §7", "Grammar")
    huge = field(t) + ";x-pad=" + "a" * 30_000
    f.reject("too-large", huge, "identity-too-large", "a value of 30,000 characters", "no deployed SIP element passes this on; a bound is needed", "Limit")
    two = field(t) + "," + field(t)
    f.policy("comma-joined", two, "two values joined by a comma",
             "RFC 8224 §4 is no comma list, so nothing may join values; some elements do", "Grammar")
    f.policy("ppt-quoted-upper-case", field(t, params=';alg=ES256;ppt="SHAKEN"'), "a quoted ppt in upper case",
             TOKENS + "; RFC 8224 calls the value a token and quotes it", "Grammar")
    f.policy("unknown-twice", field(t, params=tail + ";x-hop=1;x-hop=2"), "an unknown parameter stands twice",
             ONCE + "; nothing depends on the value", "Grammar")


def other_info(f: VectorFile) -> None:
    rule = "RFC 8224 §4.1 and ATIS-1000074 §5.3: info and x5u are the same, byte for byte"
    t = token()
    for slug, info, why in [
        ("path", LEAF_URL.replace("leaf", "other"), "another file of the same host"),
        ("host", LEAF_URL.replace("cr.", "evil."), "another host"),
        ("host-case", LEAF_URL.replace("cr.example", "CR.example"), "the host in another case"),
        ("path-case", LEAF_URL.replace("leaf", "Leaf"), "the path in another case"),
        ("port", LEAF_URL.replace(".net/", ".net:443/"), "the default port written out"),
        ("escape", LEAF_URL.replace("leaf", "%6Ceaf"), "a letter of the path percent-encoded"),
        ("longer", LEAF_URL + "x", "one character more"),
        ("shorter", LEAF_URL[:-1], "one character less"),
        ("inner-space", f" {LEAF_URL} ", "white space between the brackets"),
    ]:
        # The honest certificate stands behind both URLs: only the comparison can refuse.
        f.body(info, f.bodies[LEAF_URL])
        f.reject(f"info-not-x5u-{slug}", field(t, info), None if slug == "inner-space" else "x5u-info-mismatch", why, rule, "Grammar", "Attack")
    x5u = LEAF_URL.replace("leaf", "other")
    swapped = seal(signing_input(header(x5u), payload()))
    f.reject("x5u-not-info", field(swapped), "x5u-info-mismatch", "info leads to the certificate, x5u elsewhere", rule, "Grammar", "Attack")
