//! URIs, good and bad, and the numbers that they stand for.

use super::*;

fn uri(text: &str) -> Result<Uri<'_>, Error> {
    Uri::parse(text.as_bytes())
}

fn number(text: &str) -> Result<String, Error> {
    uri(text)?.telephone_number().map(|tn| tn.as_str().to_owned())
}

fn written(write: impl FnOnce(&mut Out<'_>)) -> String {
    let mut buffer = [0; 256];
    let mut out = Out::new(&mut buffer);
    write(&mut out);
    out.finish().unwrap().to_owned()
}

#[test]
fn parts_of_a_sip_uri() {
    let parsed =
        uri("SIPS:+12155550121;npdi;rn=+12155550199:secret@[2001:db8::1]:5061;user=phone;lr?Priority=urgent");
    let parsed = parsed.unwrap();
    assert_eq!((parsed.scheme(), parsed.host()), (Scheme::Sips, "[2001:db8::1]"));
    assert_eq!((parsed.number_param("RN"), parsed.number_param("npdi")), (Some("+12155550199"), Some("")));
    assert_eq!(
        (parsed.param("User"), parsed.param("lr"), parsed.param("rn")),
        (Some("phone"), Some(""), None)
    );
    assert_eq!(parsed.headers(), Some("Priority=urgent"));
    // RFC 4475 §3.1.1.2 and §3.1.1.9: what may stand in a user.
    assert_eq!(uri("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com").unwrap().host(), "example.com");
    assert_eq!(
        uri("sip:user;par=u%40example.net@example.com").unwrap().number_param("par"),
        Some("u%40example.net")
    );
    assert_eq!(uri("nobodyKnowsThisScheme:totallyopaquecontent").unwrap().scheme(), Scheme::Other);
}

#[test]
fn malformed_uris_are_refused() {
    for text in [
        "",
        ":",
        "sip",
        "sip:",
        "sip:@example.com",
        "sip:alice@",
        "sip:alice@:5060",
        "sip:a@b@example.com",
        "sip:alice@example.com;x=@",
        "sip:alice@example.com?x=@",
        "sip:al ice@example.com",
        "sip:alice@example.com:",
        "sip:alice@example.com:65536",
        "sip:alice@example.com:+1",
        "sip:alice@[2001:db8::1",
        "sip:alice@[192.0.2.1]",
        "sip:alice@[::1]5060",
        "sip:alice@2001:db8::1",
        "sip:alice@exa%6dple.com",
        "sip:al%6@example.com",
        "sip:al%zz@example.com",
        "sip:al%+1@example.com",
        "<sip:alice@example.com>",
        "sip:alice@example.com\u{e9}",
        "sip:al\0ice@example.com",
        "1sip:alice@example.com",
        "s ip:alice@example.com",
        "tel:",
        "tel:;ext=1",
    ] {
        assert_eq!(uri(text).err(), Some(Error::UriSyntax), "{text:?}");
    }
}

#[test]
fn numbers_are_found_and_made_canonical() {
    for (text, canonical) in [
        ("sip:+1-215-555-0121;ext=9@h.example:5060;user=phone", "12155550121"),
        ("tel:+1(215)555.0121", "12155550121"),
        ("TEL:%2b12155550121;npdi;rn=+12155550199", "12155550121"),
        ("sips:%2B1%20215%205550121@h.example;user=PHONE;transport=tls", "12155550121"),
        ("sip:+12155550121;tgrp=TG-1;trunk-context=example.com@[2001:db8::1];user=phone", "12155550121"),
        ("sip:+12155550121;verstat=TN-Validation-Passed:pw@h.example;user=phone", "12155550121"),
        ("sip:+12155550121@h.example", "12155550121"),
        ("sip:12155550121@192.0.2.1", "12155550121"),
        ("sip:911@h.example;user=phone", "911"),
        ("tel:911;phone-context=+1", "911"),
        ("tel:116117;phone-context=+49", "116117"),
        ("tel:*67#;phone-context=example.com", "*67#"),
        ("tel:+12155550121;phone-context=+44", "12155550121"),
    ] {
        assert_eq!(number(text).as_deref(), Ok(canonical), "{text}");
    }
}

#[test]
fn what_is_no_number_has_a_name() {
    for (text, error) in [
        ("sip:alice@example.com", Error::UriNotANumber),
        ("sip:example.com", Error::UriNotANumber),
        ("sip:+alice@example.com", Error::UriNotANumber),
        ("sip:1.2.3@example.com", Error::UriNotANumber),
        ("sip:+12155550121@h.example;user=ip", Error::UriNotANumber),
        ("urn:service:sos", Error::UriNotANumber),
        ("https://example.com/12155550121", Error::UriScheme),
        ("tel:1-800-EXAMPLE", Error::TnInvalid),
        ("sip:alice@example.com;user=phone", Error::TnInvalid),
        ("tel:%zz", Error::TnInvalid),
        ("tel:%D9%A1", Error::TnInvalid),
        ("tel:+12155550121@h.example", Error::TnInvalid),
        ("tel:+1215555012112155550121121555501211215555012112155550121121555501211", Error::TnInvalid),
        ("tel:863-1234;phone-context=+1-914-555", Error::TnNotGlobal),
        ("sip:8631234;phone-context=example.com@h.example;user=phone", Error::TnNotGlobal),
    ] {
        assert_eq!(number(text), Err(error), "{text}");
    }
}

#[test]
fn normal_form() {
    for (text, normal) in [
        ("sip:Alice:pw@Example.COM:5060;transport=tcp?x=y", "sip:alice@example.com"),
        ("sip:%61lice%2d%5F@example.com", "sip:alice-_@example.com"),
        ("sip:%41lice@example.com", "sip:alice@example.com"),
        ("SIPS:Bob@EXAMPLE.net;lr", "sips:bob@example.net"),
        ("sip:a%2fb%C3%a9@example.com", "sip:a%2Fb%C3%A9@example.com"),
        ("sip:Example.com:5060", "sip:example.com"),
        ("sip:alice@[2001:DB8::1]:5060", "sip:alice@[2001:db8::1]"),
        ("URN:Service:SOS.Police", "urn:service:sos.police"),
        ("HTTPS://Example.com/A", "https://Example.com/A"),
    ] {
        assert_eq!(written(|out| uri(text).unwrap().write_normal(out)), normal, "{text}");
    }
}

#[test]
fn global_numbers() {
    for (text, is_global) in [
        ("sip:+12155550131@example.com", true),
        ("sip:%2B12155550131@example.com", true),
        ("tel:+12155550131;ext=1", true),
        ("sip:12155550131@example.com", false),
        ("tel:2155550131;phone-context=+1", false),
        ("sip:example.com;x=+1", false),
    ] {
        assert_eq!(uri(text).unwrap().is_global_number(), is_global, "{text}");
    }
}

#[test]
fn emergency_services() {
    for (text, emergency) in [
        ("urn:service:sos", true),
        ("URN:service:sos.fire", true),
        ("urn:service:sosfire", false),
        ("urn:service:counseling", false),
        ("sip:911@h.example", false),
    ] {
        assert_eq!(uri(text).unwrap().is_emergency(), emergency, "{text}");
    }
}

#[test]
fn verstat_goes_to_the_number_and_nowhere_else() {
    for (text, passed, none) in [
        ("tel:+12155550121", "tel:+12155550121;verstat=TN-Validation-Passed", "tel:+12155550121"),
        (
            "sip:+12155550121;npdi;verstat=TN-Validation-Failed:pw@h.example:5060;user=phone;Verstat=x;lr?a=b",
            "sip:+12155550121;npdi;verstat=TN-Validation-Passed:pw@h.example:5060;user=phone;lr?a=b",
            "sip:+12155550121;npdi:pw@h.example:5060;user=phone;lr?a=b",
        ),
    ] {
        let parsed = uri(text).unwrap();
        assert_eq!(written(|out| parsed.write_with_verstat(Some(Verstat::Passed), out)), passed);
        assert_eq!(written(|out| parsed.write_with_verstat(None, out)), none);
    }
}

#[test]
fn debug_output_shows_no_number() {
    assert_eq!(format!("{:?}", uri("tel:+12155550121").unwrap()), "Uri(Tel)");
}
