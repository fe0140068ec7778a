//! SIP messages and URIs of others against the SIP reader.

use std::collections::BTreeSet;

use serde_json::Value;
use shaken_core::Error;
use shaken_core::Party;
use shaken_core::json::Reader;
use shaken_core::mky::Fingerprints;
use shaken_core::sip::{self, Request, Uri};
use shaken_core::write::Out;
use shaken_test_vectors::suites::{StandardVectors, suite, suite_text};

/// What becomes of each message of RFC 4475: how it is read, and who calls whom in it.
///
/// Those of §3.1.1 are valid: requests are read, and the two responses known as such. Those of
/// §3.1.2 are invalid: refused, but for three whose fault lies in a header that says nothing about
/// who calls whom and is not judged (Via and Contact in `badinv01`, Contact in `regbadct`) or in
/// one that is judged when it is asked for (Date in `baddate`). Those of §3.2 to §3.4 are well-formed
/// and odd: what they lack is refused, what they have twice too, all else is read.
const RFC_4475: &[(Class, &str, &str, &str)] = &[
    (Class::Valid, "wsinv", "read", "uri>uri"),
    (Class::Valid, "intmeth", "read", "uri>uri"),
    (Class::Valid, "esc01", "read", "uri>uri"),
    (Class::Valid, "escnull", "read", "uri>uri"),
    (Class::Valid, "esc02", "read", "uri>uri"),
    (Class::Valid, "lwsdisp", "read", "uri>uri"),
    (Class::Valid, "longreq", "read", "uri>uri"),
    (Class::Valid, "dblreq", "read", "uri>uri"),
    (Class::Valid, "semiuri", "read", "uri>uri"),
    (Class::Valid, "transports", "read", "uri>uri"),
    (Class::Valid, "mpart01", "read", "uri>uri"),
    (Class::Valid, "unreason", "sip-not-a-request", ""),
    (Class::Valid, "noreason", "sip-not-a-request", ""),
    (Class::Invalid, "badinv01", "read", "uri>uri"),
    (Class::Invalid, "clerr", "sip-incomplete", ""),
    (Class::Invalid, "ncl", "sip-header-value", ""),
    (Class::Invalid, "scalar02", "sip-header-value", ""),
    (Class::Invalid, "scalarlg", "sip-not-a-request", ""),
    (Class::Invalid, "quotbal", "sip-header-value", ""),
    (Class::Invalid, "ltgtruri", "uri-syntax", ""),
    (Class::Invalid, "lwsruri", "sip-start-line", ""),
    (Class::Invalid, "lwsstart", "sip-start-line", ""),
    (Class::Invalid, "trws", "sip-start-line", ""),
    (Class::Invalid, "escruri", "uri-syntax", ""),
    (Class::Invalid, "baddate", "read", "date-invalid"),
    (Class::Invalid, "regbadct", "read", "uri>uri"),
    (Class::Invalid, "badaspec", "sip-header-value", ""),
    (Class::Invalid, "baddn", "sip-header-value", ""),
    (Class::Invalid, "badvers", "sip-version", ""),
    (Class::Invalid, "mismatch01", "sip-method-mismatch", ""),
    (Class::Invalid, "mismatch02", "sip-method-mismatch", ""),
    (Class::Invalid, "bigcode", "sip-start-line", ""),
    (Class::Odd, "badbranch", "read", "uri>uri"),
    (Class::Odd, "insuf", "sip-header-missing", ""),
    (Class::Odd, "unkscm", "read", "uri>uri"),
    (Class::Odd, "novelsc", "read", "uri>uri"),
    (Class::Odd, "unksm2", "read", "uri-scheme"),
    (Class::Odd, "bext01", "read", "uri>uri"),
    (Class::Odd, "invut", "read", "uri>uri"),
    (Class::Odd, "regaut01", "read", "uri>uri"),
    (Class::Odd, "multi01", "sip-header-duplicate", ""),
    (Class::Odd, "mcl01", "sip-header-duplicate", ""),
    (Class::Odd, "bcast", "sip-not-a-request", ""),
    (Class::Odd, "zeromf", "read", "uri>uri"),
    (Class::Odd, "cparam01", "read", "uri>uri"),
    (Class::Odd, "cparam02", "read", "uri>uri"),
    (Class::Odd, "regescrt", "read", "uri>uri"),
    (Class::Odd, "sdp01", "read", "uri>uri"),
    (Class::Odd, "inv2543", "read", "13035551111>16505552222"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Valid,
    Invalid,
    Odd,
}

#[test]
fn rfc_4475_messages() {
    let Some(folder) = suite("suites/rfc4475") else { return };
    let count = |class, outcome: fn(&str) -> bool| {
        RFC_4475.iter().filter(|row| row.0 == class && outcome(row.2)).count()
    };
    for (class, name, read, parties) in RFC_4475 {
        let bytes = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        let request = Request::parse(&bytes);
        let outcome = request.as_ref().map_or_else(Error::name, |_| "read");
        assert_eq!(&outcome, read, "{class:?} {name}");
        // Nothing that could carry a wrong identity comes out of what was refused.
        let found = request.and_then(|request| request.parties()).map_or_else(
            |error| error.name().to_owned(),
            |parties| format!("{}>{}", shown(&parties.orig()), shown(&parties.dest()[0])),
        );
        assert!(parties.is_empty() || found == *parties, "{class:?} {name}: {found}");
    }
    // The file beside them is of no RFC.
    let names: BTreeSet<&str> = RFC_4475.iter().map(|row| row.1).chain(["test"]).collect();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "dat")).collect();
    assert!(files.iter().all(|path| names.contains(path.file_stem().unwrap().to_str().unwrap())));
    assert_eq!(files.len(), names.len());

    let is_read = |outcome: &str| outcome == "read";
    let is_refused = |outcome: &str| outcome != "read";
    println!(
        "rfc4475: {} messages as classified; valid: {} read, {} known as responses; invalid: {} refused, {} read \
         as documented; odd: {} read, {} refused",
        RFC_4475.len(),
        count(Class::Valid, is_read),
        count(Class::Valid, is_refused),
        count(Class::Invalid, is_refused),
        count(Class::Invalid, is_read),
        count(Class::Odd, is_read),
        count(Class::Odd, is_refused),
    );
    assert_eq!(RFC_4475.len(), 49);
}

fn shown(party: &Party<'_>) -> String {
    party.number().map_or_else(|_| "uri".to_owned(), |number| number.as_str().to_owned())
}

/// Two requests in one datagram, odd spellings, and a Date of another time zone.
#[test]
fn rfc_4475_messages_in_detail() {
    let Some(folder) = suite("suites/rfc4475") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();

    let bytes = read("dblreq.dat");
    let first = Request::parse(&bytes).unwrap();
    let second = Request::parse(&bytes[first.len_bytes()..]).unwrap();
    assert_eq!((first.method(), second.method()), ("REGISTER", "INVITE"));
    assert_eq!(second.body().len(), 150);

    let bytes = read("wsinv.dat");
    let request = Request::parse(&bytes).unwrap();
    assert_eq!(request.headers().from().display(), br#""J Rosenberg \\\"""#);
    assert_eq!(request.headers().to().param("tag"), Some(&b"1918181833n"[..]));
    assert_eq!(request.fields().count(), 14);
    assert_eq!(request.sdp().map(<[u8]>::len), Some(150));

    let bytes = read("longreq.dat");
    let fields = Request::parse(&bytes).unwrap().fields();
    assert_eq!(fields.filter(|(name, _)| matches!(name, [b'v' | b'V', ..])).count(), 34);

    let bytes = read("baddate.dat");
    assert_eq!(Request::parse(&bytes).unwrap().headers().date(), Err(Error::DateInvalid));
    println!("rfc4475: 4 messages in detail");
}

/// The fixtures of Microsoft Teams: numbers, time, privacy and history as stated beside them.
#[test]
fn teams_fixtures() {
    let Some(text) = suite_text("standards/13-teams-fixtures.md") else { return };
    let messages: Vec<String> = text
        .split("```\n")
        .filter(|block| block.starts_with("INVITE "))
        .map(|block| block.replace('\n', "\r\n"))
        .collect();
    // (orig, from PAI, dest, diverting number, causes, asks for id privacy, date, verstat)
    let (pai, from) = (true, false);
    let expected = [
        ("14255550110", from, "14125550199", None, &[][..], false, None, None),
        ("14255550110", pai, "14125550199", None, &[], true, None, None),
        ("12125550142", from, "14125550199", Some("14255550110"), &[Some(302), None], false, None, None),
        ("12125550142", from, "14125550177", Some("14255550110"), &[Some(302), Some(496)], false, None, None),
        ("18005550155", pai, "13125550188", None, &[], false, None, None),
        ("14255550110", pai, "14125550199", None, &[], false, Some(1_704_164_645), None),
        (
            "12125550142",
            pai,
            "14255550110",
            None,
            &[],
            false,
            Some(1_704_164_645),
            Some("TN-Validation-Passed"),
        ),
    ];
    assert_eq!(messages.len(), expected.len());
    for (i, (message, expected)) in messages.iter().zip(expected).enumerate() {
        let request = Request::parse(message.as_bytes()).unwrap_or_else(|e| panic!("F{}: {e}", i + 1));
        let headers = request.headers();
        let parties = request.parties().unwrap();
        let (orig, asserted, dest, diverting, causes, private, date, verstat) = expected;
        assert_eq!((parties.orig().as_str(), parties.source() == sip::Source::Asserted), (orig, asserted));
        assert_eq!(parties.dest().iter().map(|tn| tn.as_str()).collect::<Vec<_>>(), [dest]);
        let found = headers.diverting_number().unwrap();
        assert_eq!(found.as_ref().map(|tn| tn.as_str()), diverting, "F{}", i + 1);
        let found: Vec<_> = headers.history().map(|entry| entry.unwrap().cause()).collect();
        assert_eq!(found, causes, "F{}", i + 1);
        assert_eq!((headers.asks_privacy("id"), parties.date()), (private, date));
        let found = sip::Caller::of(headers).unwrap().address().verstat();
        assert_eq!(found, verstat.map(str::as_bytes), "F{}", i + 1);
        assert!(request.is_initial_invite());
    }
    println!("Teams: {} of {} fixtures as stated", messages.len(), expected.len());
}

/// The entries of the kinds that the SIP reader serves.
#[test]
fn vectors_of_numbers_uris_and_dates() {
    let Some(vectors) = StandardVectors::read() else { return };
    let (mut numbers, mut uris, mut dates) = (0, 0, 0);
    for entry in vectors.all() {
        let (inputs, expect) = (&entry["inputs"], &entry["expect"]);
        let uri = || Uri::parse(inputs["uri"].as_str().unwrap().as_bytes());
        match entry["kind"].as_str().unwrap() {
            "tn-canonical" => {
                let found = uri().and_then(|uri| uri.telephone_number());
                match expect["error"].as_str() {
                    None => assert_eq!(found.unwrap().as_str(), expect["value"], "{entry}"),
                    Some("not convertible") => assert_eq!(found, Err(Error::TnNotGlobal), "{entry}"),
                    Some("not a number") => assert_eq!(found, Err(Error::UriNotANumber), "{entry}"),
                    Some(_) => panic!("{entry}"),
                }
                numbers += 1;
            }
            "uri-normal" => {
                let mut buffer = [0; 256];
                let mut out = Out::new(&mut buffer);
                uri().unwrap().write_normal(&mut out);
                assert_eq!(out.finish().unwrap(), expect["value"], "{entry}");
                uris += 1;
            }
            "sip-date" => {
                let found = sip::date::parse(inputs["date"].as_str().unwrap().as_bytes());
                match expect["value"].as_u64() {
                    Some(unix_s) => assert_eq!(found, Ok(unix_s), "{entry}"),
                    None => assert_eq!(found, Err(Error::DateInvalid), "{entry}"),
                }
                dates += 1;
            }
            _ => {}
        }
    }
    println!("vectors.json: {numbers} tn-canonical, {uris} uri-normal, {dates} sip-date");
    assert!(numbers > 0 && uris > 0 && dates > 0);
}

/// The `mky` claim that belongs to an SDP, and the tokens that carry it.
#[test]
fn vectors_of_fingerprints() {
    let Some(vectors) = StandardVectors::read() else { return };
    let token = |id: &str| {
        let payload = vectors.get(id)["payload_json"].as_str().unwrap();
        let payload: Value = serde_json::from_str(payload).unwrap();
        payload["mky"].to_string()
    };
    // Which token was made for which SDP.
    let tokens = [("MKY1", token("C4")), ("MKY2", token("C31"))];
    let (mut claims, mut pairs) = (0, 0);
    for (_, entry) in vectors.of_kind("mky") {
        let lines = entry["inputs"]["sdp_lines"].as_array().unwrap().iter();
        let sdp = lines.map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\r\n");
        let fingerprints = Fingerprints::from_sdp(sdp.as_bytes()).unwrap();
        let mut buffer = [0; 1024];
        let mut out = Out::new(&mut buffer);
        fingerprints.write_mky(&mut out);
        assert_eq!(out.finish().unwrap(), entry["expect"]["value"], "{entry}");
        for (id, claim) in &tokens {
            let claim = Reader::new(claim.as_bytes()).unwrap().raw().unwrap();
            assert_eq!(fingerprints.matches(claim), Ok(entry["id"] == *id), "{entry} {id}");
            pairs += 1;
        }
        claims += 1;
    }
    println!("vectors.json: {claims} mky, {pairs} pairs of SDP and token");
    assert!(claims > 0);
}
