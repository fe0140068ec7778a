//! Certificates that a CA signed and that two programs would read in two ways.

use shaken_core::cert::check_path;
use shaken_core::{Certificate, Error, Trust};

use crate::der::{bytes, explicit, implicit, integer, oid, sequence, set};
use crate::forge::{
    CA, CERT_SIGN, Forged, NOW, Party, SIGN, attribute, basic_constraints, critical, extension, key_usage,
    name, to_pem,
};

/// Root, one CA, one signer.
struct World {
    root: Party,
    ca: Party,
    signer: Party,
}

impl World {
    fn new() -> Self {
        Self {
            root: Party::new("Test SHAKEN Root"),
            ca: Party::new("Test SHAKEN CA"),
            signer: Party::new("SHAKEN 1234"),
        }
    }

    fn root(&self) -> Forged {
        self.root.ca(&self.root)
    }

    fn ca(&self) -> Forged {
        self.root.ca(&self.ca)
    }

    fn signer(&self) -> Forged {
        self.ca.end_entity(&self.signer)
    }

    /// What becomes of the path, its signatures all good.
    fn judge(&self, root: &Forged, ca: &Forged, signer: &Forged) -> Result<(), Error> {
        let trust = Trust::from_pem(to_pem(&root.sign(&self.root.key, &self.root.key)).as_bytes())?;
        let ca = Certificate::from_der(&ca.sign(&self.ca.key, &self.root.key))?;
        let signer = Certificate::from_der(&signer.sign(&self.signer.key, &self.ca.key))?;
        check_path(&signer, &[ca], &trust, NOW)
    }

    fn judge_ca(&self, ca: &Forged) -> Result<(), Error> {
        self.judge(&self.root(), ca, &self.signer())
    }

    fn judge_signer(&self, signer: &Forged) -> Result<(), Error> {
        self.judge(&self.root(), &self.ca(), signer)
    }
}

#[test]
fn values_with_two_readings_are_refused() {
    let world = World::new();
    assert_eq!(world.judge_ca(&world.ca()), Ok(()));
    let constraints = |value: &[u8]| world.judge_ca(&world.ca().instead(basic_constraints(value)));
    assert_eq!(constraints(&[0x30, 6, 1, 1, 0xff, 2, 1, 0]), Ok(()));
    for (what, value) in [
        ("a pathLen behind the end", &[0x30, 3, 1, 1, 0xff, 2, 1, 0][..]),
        ("a second pathLen", &[0x30, 9, 1, 1, 0xff, 2, 1, 5, 2, 1, 0]),
        ("a cA of 01", &[0x30, 3, 1, 1, 1]),
        ("a pathLen below zero", &[0x30, 6, 1, 1, 0xff, 2, 1, 0x80]),
        ("nothing at all", &[]),
    ] {
        assert_eq!(constraints(value), Err(Error::CertDer), "{what}");
    }
    // A pathLen of any size is read.
    assert_eq!(constraints(&[0x30, 14, 1, 1, 0xff, 2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(()));

    let usage = |value: &[u8]| {
        world.judge_ca(&Forged { extensions: vec![basic_constraints(CA), key_usage(value)], ..world.ca() })
    };
    assert_eq!(usage(CERT_SIGN), Ok(()));
    assert_eq!(usage(SIGN), Err(Error::CertKeyUsage));
    assert_eq!(usage(&[3, 2, 7, 0x84]), Err(Error::CertDer), "keyCertSign among the unused bits");
    assert_eq!(usage(&[3, 2, 2, 4, 0]), Err(Error::CertDer), "a byte behind the end");

    // The same of what the signer itself states.
    let signer = |extension| world.judge_signer(&world.signer().with(extension));
    let end_entity = |flag| critical(&[2, 5, 29, 19], flag, &[0x30, 0]);
    assert_eq!(signer(end_entity(0xff)), Ok(()));
    assert_eq!(signer(end_entity(0)), Ok(()));
    assert_eq!(signer(end_entity(1)), Err(Error::CertDer), "critical of 01");
    let long_flag = [oid(&[2, 5, 29, 19]), bytes(0x01, &[0xff, 0]), bytes(0x04, &[0x30, 0])].concat();
    assert_eq!(signer(sequence(&long_flag)), Err(Error::CertDer));
    let point = sequence(&sequence(&explicit(0, &explicit(0, &implicit(6, b"https://pa.example.com/crl")))));
    assert_eq!(signer(extension(&[2, 5, 29, 31], &point)), Ok(()));
    assert_eq!(signer(extension(&[2, 5, 29, 31], &[point.as_slice(), &[0]].concat())), Err(Error::CertDer));
    assert_eq!(signer(extension(&[2, 5, 29, 31], &sequence(&sequence(&[4, 0])))), Err(Error::CertDer));
}

/// A malformed TNAuthList is a finding of its own: it does not touch the path.
#[test]
fn a_list_with_two_readings_is_known_as_such() {
    let world = World::new();
    let list = sequence(&explicit(0, &bytes(0x16, b"1234")));
    for (value, is_read) in [(list.clone(), true), ([list, vec![0]].concat(), false)] {
        let signer = world.signer().with(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 26], &value));
        let signer = Certificate::from_der(&signer.sign(&world.signer.key, &world.ca.key)).unwrap();
        assert_eq!(signer.tn_auth_list().unwrap().is_ok(), is_read);
    }
}

#[test]
fn the_frame_is_exact() {
    let world = World::new();
    let good = world.signer();
    assert_eq!(world.judge_signer(&good), Ok(()));
    for (what, bad) in [
        ("something behind the extensions", Forged { behind: explicit(4, &[]), ..good.clone() }),
        (
            "another algorithm signed than signed with",
            Forged { signed_algorithm: Some(sequence(&oid(&[1, 2, 840, 10045, 4, 3, 3]))), ..good.clone() },
        ),
        ("an extension twice", good.clone().with(key_usage(SIGN))),
        ("a serial number with a leading zero", Forged { serial: vec![0, 7], ..good.clone() }),
        ("no serial number", Forged { serial: Vec::new(), ..good.clone() }),
        ("a time without seconds", Forged { not_before: bytes(0x17, b"2605300000Z"), ..good.clone() }),
        ("a time with an offset", Forged { not_before: bytes(0x17, b"260530000000+0100"), ..good.clone() }),
        (
            "a byte behind an extension",
            good.clone().with(sequence(&[oid(&[2, 5, 29, 99]), bytes(0x04, &[]), vec![0, 0]].concat())),
        ),
    ] {
        assert_eq!(world.judge_signer(&bad), Err(Error::CertDer), "{what}");
    }
}

#[test]
fn what_nobody_can_use_is_refused_and_the_rule_is_named() {
    let world = World::new();
    let judged = |outcome: Result<(), Error>| match outcome {
        Err(Error::CertNonconforming { rule }) => rule,
        other => panic!("{other:?}"),
    };
    for (outcome, rule) in [
        (world.judge_signer(&Forged { serial: vec![0], ..world.signer() }), "its serial number is zero"),
        (
            world.judge_signer(&Forged { serial: vec![1; 21], ..world.signer() }),
            "its serial number is longer than 20 bytes",
        ),
        (
            world.judge_signer(&world.signer().instead(key_usage(CERT_SIGN))),
            "its key usage has keyCertSign, and it is no CA",
        ),
        (
            world.judge(&world.root(), &world.ca(), &Forged { issuer: sequence(&[]), ..world.signer() }),
            "it does not name its issuer",
        ),
    ] {
        assert_eq!(judged(outcome), rule);
    }
}

/// String type, letter case and white space of a name do not count (RFC 5280 §7.1), but its
/// parts and their order do.
#[test]
fn issuers_are_found_under_another_spelling() {
    let world = World::new();
    let printable =
        sequence(&set(&sequence(&[oid(&[2, 5, 4, 3]), bytes(0x13, b" TEST  shaken ca")].concat())));
    assert_eq!(world.judge_signer(&Forged { issuer: printable, ..world.signer() }), Ok(()));
    let doubled = sequence(&[set(&attribute("Test SHAKEN CA")), set(&attribute("Test SHAKEN CA"))].concat());
    for other in [doubled, name("Test SHAKENCA"), name("Test SHAKEN CA 2")] {
        assert_eq!(
            world.judge_signer(&Forged { issuer: other, ..world.signer() }),
            Err(Error::CertUntrusted)
        );
    }
}

#[test]
fn limits_that_are_not_understood_are_refused() {
    let world = World::new();
    let constraints = sequence(&explicit(0, &sequence(&sequence(&implicit(2, b"example.com")))));
    const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
    let ca = |extension| world.judge_ca(&world.ca().with(extension));
    assert_eq!(ca(critical(NAME_CONSTRAINTS, 0xff, &constraints)), Err(Error::CertCriticalExtension));
    let rule = "its nameConstraints are not critical";
    assert_eq!(ca(extension(NAME_CONSTRAINTS, &constraints)), Err(Error::CertNonconforming { rule }));
    let rule = "it marks an extension critical that must not be";
    let anchor = world.root.ca(&world.root);
    let anchor = Forged { extensions: anchor.extensions[..2].to_vec(), ..anchor }.with(critical(
        &[2, 5, 29, 14],
        0xff,
        &bytes(0x04, &[1]),
    ));
    let ca_of_anchor = Forged { extensions: vec![basic_constraints(CA)], ..world.ca() };
    assert_eq!(world.judge(&anchor, &ca_of_anchor, &world.signer()), Err(Error::CertNonconforming { rule }));
    // A CA that demands a policy of all below it, where there is none.
    let demand = extension(&[2, 5, 29, 36], &sequence(&implicit(0, &[0])));
    assert_eq!(ca(demand), Err(Error::CertPolicy));
    let policy = |id: &[u64]| extension(&[2, 5, 29, 32], &sequence(&sequence(&oid(id))));
    let demand = || extension(&[2, 5, 29, 36], &sequence(&implicit(0, &[0])));
    let judged = |of_signer: &[u64]| {
        let ca = world.ca().with(policy(&[2, 16, 840, 1])).with(demand());
        world.judge(&world.root(), &ca, &world.signer().with(policy(of_signer)))
    };
    assert_eq!(judged(&[2, 16, 840, 1]), Ok(()));
    assert_eq!(judged(&[2, 16, 840, 2]), Err(Error::CertPolicy));
}

/// Policies decide only where a CA demands one. What nobody can read of them may be what it wants,
/// unless the CA says that it counts.
#[test]
fn policies_that_cannot_be_read_count_if_critical() {
    let world = World::new();
    let policy = |id: u64| sequence(&oid(&[2, 16, id]));
    let too_many: Vec<u8> = (0..65).flat_map(policy).collect();
    for (what, id, value) in [
        ("no policy", 32, sequence(&[])),
        ("a policy and a number", 32, sequence(&[policy(1), integer(&[1])].concat())),
        ("65 policies", 32, sequence(&too_many)),
        ("no mapping", 33, sequence(&[])),
        // A mapping of any policy is refused where it is read.
        (
            "a mapping of any policy and a number",
            33,
            sequence(&[sequence(&oid(&[2, 5, 29, 32, 0]).repeat(2)), integer(&[1])].concat()),
        ),
        ("no constraint", 36, sequence(&[])),
        ("a constraint with a leading zero", 36, sequence(&implicit(0, &[0, 0]))),
        ("an explicit tag", 36, sequence(&explicit(0, &integer(&[0])))),
        (
            "two constraints in the wrong order",
            36,
            sequence(&[implicit(1, &[0]), implicit(0, &[0])].concat()),
        ),
        ("a constraint and a number", 36, sequence(&[implicit(0, &[0]), integer(&[1])].concat())),
        ("a negative number", 54, integer(&[0xff])),
        ("half a number", 54, vec![2, 1]),
    ] {
        let id = [2, 5, 29, id];
        let ca = |extension| world.judge_ca(&world.ca().with(extension));
        assert_eq!(ca(extension(&id, &value)), Ok(()), "{what}");
        assert_eq!(ca(critical(&id, 0xff, &value)), Err(Error::CertCriticalExtension), "{what}");
        let signer = |extension| world.judge_signer(&world.signer().with(extension));
        assert_eq!(signer(extension(&id, &value)), Ok(()), "{what}");
        assert_eq!(signer(critical(&id, 0xff, &value)), Err(Error::CertCriticalExtension), "{what}");
    }
}

/// Some encoders write parts of a name that have no attributes.
#[test]
fn empty_parts_of_a_name_say_nothing() {
    let world = World::new();
    let padded = |common_name| sequence(&[set(&[]), set(&attribute(common_name)), set(&[])].concat());
    let signer =
        Forged { issuer: padded("Test SHAKEN CA"), subject: padded("SHAKEN 1234"), ..world.signer() };
    assert_eq!(world.judge_signer(&signer), Ok(()));
    let signer = Certificate::from_der(&signer.sign(&world.signer.key, &world.ca.key)).unwrap();
    assert_eq!((signer.issuer(), signer.subject()), ("CN=Test SHAKEN CA", "CN=SHAKEN 1234"));
    let nobody = Forged { issuer: sequence(&set(&[])), ..world.signer() };
    let rule = "it does not name its issuer";
    assert_eq!(world.judge_signer(&nobody), Err(Error::CertNonconforming { rule }));
}

#[test]
fn the_operator_limits_the_intermediates() {
    let world = World::new();
    let root = to_pem(&world.root().sign(&world.root.key, &world.root.key));
    let certificate = |der: Vec<u8>| Certificate::from_der(&der).unwrap();
    let ca = certificate(world.ca().sign(&world.ca.key, &world.root.key));
    let signer = certificate(world.signer().sign(&world.signer.key, &world.ca.key));
    let trust = |max| Trust::from_pem(root.as_bytes()).unwrap().with_max_intermediates(max);
    assert_eq!(check_path(&signer, std::slice::from_ref(&ca), &trust(1), NOW), Ok(()));
    assert_eq!(check_path(&signer, &[ca], &trust(0), NOW), Err(Error::CertPathLength));
    assert_ne!(trust(0).epoch(), trust(1).epoch());
}
