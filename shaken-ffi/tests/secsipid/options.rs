//! Options, the files that they name, and fetching.

use std::fs;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use crate::called::{CALLED, CALLER, Keys, Library, flip, has_original};
use crate::rig::{HOST, Rig};

/// A CA without the rules of SHAKEN, as people make them for themselves.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key, in PEM, valid until so many seconds from now.
    fn issue(&self, serial: u64, valid_s: i64) -> (String, String) {
        self.issue_with(CertificateParams::default(), serial, valid_s)
    }

    /// The same for a caller of this number (RFC 8226 §9).
    fn issue_for(&self, number: &str, serial: u64) -> (String, String) {
        let number_len = u8::try_from(number.len()).unwrap();
        // A sequence of one number: [2], an IA5String.
        let head = [0x30, number_len + 4, 0xA2, number_len + 2, 0x16, number_len];
        let tn_auth_list = [&head, number.as_bytes()].concat();
        let mut params = CertificateParams::default();
        params
            .custom_extensions
            .push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 26], tn_auth_list));
        self.issue_with(params, serial, 86_400)
    }

    fn issue_with(&self, mut params: CertificateParams, serial: u64, valid_s: i64) -> (String, String) {
        params.distinguished_name.push(DnType::CommonName, format!("Number {serial}"));
        params.serial_number = Some(SerialNumber::from(serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.not_after = OffsetDateTime::now_utc() + time::Duration::seconds(valid_s);
        params.not_before = params.not_after - time::Duration::days(30);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A list that revokes this number.
    fn revoke(&self, serial: u64) -> String {
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - time::Duration::days(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: now - time::Duration::days(1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// What the library says of a header that was signed with the key of this certificate, with these
/// options set before.
struct Trial<'a> {
    keys: &'a Keys,
    certificate: String,
    header: String,
}

impl<'a> Trial<'a> {
    fn new(keys: &'a Keys, name: &str, (certificate, key): &(String, String)) -> Self {
        let path = keys.path(&format!("{name}.pem"));
        fs::write(&path, certificate).unwrap();
        fs::write(keys.path(&format!("{name}.key")), key).unwrap();
        let key = keys.path(&format!("{name}.key"));
        let signing = format!("identity\t{CALLER}\t{CALLED}\tA\t\t{}\t{key}", keys.x5u());
        Self { keys, certificate: path, header: Library::Ours.call(&[signing])[0].1.clone() }
    }

    fn says(&self, library: Library, options: &[&str]) -> i32 {
        let at = |option: &&str| format!("set-v\t{}", option.replace('@', &self.keys.path("")));
        let mut calls: Vec<_> = options.iter().map(at).collect();
        calls.push(format!("full\t{}\t300\t{}\t2", self.header, self.certificate));
        let answers = library.call(&calls);
        assert!(answers[..options.len()].iter().all(|(code, _)| *code == 0), "{options:?}: {answers:?}");
        answers.last().unwrap().0
    }
}

#[test]
fn certificates_are_asked_what_the_options_say() {
    let keys = Keys::new();
    let write = |name: &str, text: &str| fs::write(keys.path(name), text).unwrap();
    let (ca, other) = (Ca::new("Lab CA"), Ca::new("Other CA"));
    write("ca", &ca.pem);
    write("other-ca", &other.pem);
    write("revokes-7", &ca.revoke(7));
    write("revokes-8", &ca.revoke(8));
    write("forged-list", &other.revoke(7));
    let good = Trial::new(&keys, "good", &ca.issue(7, 86_400));
    let expired = Trial::new(&keys, "expired", &ca.issue(9, -3_600));
    let of_caller = Trial::new(&keys, "of-caller", &ca.issue_for(CALLER, 10));
    let of_another = Trial::new(&keys, "of-another", &ca.issue_for(CALLED, 11));
    let path = &["CertVerify=5", "CertCAFile=@ca"][..];
    let crl = |list: &'static str| ["CertVerify=21", "CertCAFile=@ca", list];

    // Trial, options, our code, that of the original, whose process may end instead.
    for (trial, options, ours, original) in [
        (&good, &[][..], 0, Some(0)),
        (&expired, &[], 0, Some(0)),
        (&good, path, 0, Some(0)),
        (&expired, path, -103, Some(-103)),
        (&good, &["CertVerify=32"], 0, None),
        (&expired, &["CertVerify=32"], -103, None),
        (&good, &["CertVerify=5", "CertCAFile=@other-ca"], -101, Some(-101)),
        (&good, &["CertVerify=5"], -106, Some(-106)),
        (&good, &["CertVerify=5", "CertCAFile=@nothing"], -107, Some(-107)),
        (&good, &["CertVerify=5", "CertCAFile=@text"], -105, Some(-105)),
        (&good, &["CertVerify=13", "CertCAFile=@ca"], -108, Some(-108)),
        (&good, &["CertVerify=13", "CertCAFile=@ca", "CertCAInter=@nothing"], -109, Some(-109)),
        (&good, &["CertVerify=13", "CertCAFile=@ca", "CertCAInter=@text"], -105, Some(-105)),
        (&good, &["CertVerify=13", "CertCAFile=@ca", "CertCAInter=@ca"], 0, Some(0)),
        // Those of the system do not have this one.
        (&good, &["CertVerify=1"], -101, Some(-101)),
        (&good, &["CertVerify=3"], -101, Some(-101)),
        (&good, &["CertVerify=7", "CertCAFile=@ca"], 0, Some(0)),
        (&good, &["CertVerify=21", "CertCAFile=@ca"], -110, Some(-110)),
        (&good, &crl("CertCRLFile=@nothing"), -111, Some(-111)),
        (&good, &crl("CertCRLFile=@revokes-7"), -112, Some(-112)),
        (&good, &crl("CertCRLFile=@revokes-8"), 0, Some(0)),
        // The original's process would end at this file.
        (&good, &crl("CertCRLFile=@text"), -111, None),
        // Signed by another CA: no word of this one's.
        (&good, &crl("CertCRLFile=@forged-list"), -111, Some(-112)),
        (
            &good,
            &["CertVerify=21", "CertCAFile=@ca", "CertCRLFile=@forged-list", "CertCRLCAFile=@other-ca"],
            0,
            None,
        ),
        // It has no TNAuthList, so no right to any number.
        (&good, &["RequireTrust=1", "CertCAFile=@ca"], -101, None),
        (&good, &["RequireTrust=1"], -106, None),
        (&of_caller, &["RequireTrust=1", "CertCAFile=@ca"], 0, None),
        (&of_another, path, 0, None),
        (&of_another, &["RequireTrust=1", "CertCAFile=@ca"], -101, None),
    ] {
        assert_eq!(trial.says(Library::Ours, options), ours, "{options:?}");
        if let Some(original) = original.filter(|_| has_original()) {
            assert_eq!(trial.says(Library::Original, options), original, "the original, {options:?}");
        }
    }
}

#[test]
fn trust_is_required_by_option_and_by_file() {
    let keys = Keys::new();
    let header = Library::Ours.call(&[keys.identity()])[0].1.clone();
    let check = format!("full\t{header}\t60\t{}\t2", keys.path("provider.pem"));
    let calls = |options: &[String]| {
        let mut calls: Vec<_> = options.iter().map(|option| format!("set-v\t{option}")).collect();
        calls.push(check.clone());
        calls
    };
    let root = format!("CertCAFile={}", keys.path("sti-root.pem"));
    let last = |answers: Vec<(i32, String)>| answers.last().unwrap().0;
    assert_eq!(last(Library::Ours.call(&calls(&["RequireTrust=1".to_owned(), root.clone()]))), 0);
    assert_eq!(last(Library::Ours.call(&calls(&["RequireTrust=1".to_owned()]))), -106);

    let file = |text: &str| {
        let path = keys.path("secsipid.conf");
        fs::write(&path, text).unwrap();
        path
    };
    let by_file = |text: &str, options: &[String]| {
        Library::Ours.call_with(&calls(options), &[("SHAKEN_SECSIPID_CONF", &file(text))])
    };
    assert_eq!(last(by_file(&format!("# trust\nRequireTrust=1\n{root}\n"), &[]).0), 0);
    assert_eq!(last(by_file("RequireTrust=1\n", &[]).0), -106);
    assert_eq!(last(by_file("RequireTrust=1\n", &["RequireTrust=0".to_owned()]).0), 0);
    for bad in ["RequireTrust\n", "RequireTrust=yes\n", "Trust=1\n"] {
        let (answers, told) = by_file(bad, &[]);
        assert_eq!(last(answers), -1, "{bad}");
        assert!(told.contains("secsipid.conf, line 1"), "{told}");
    }
    // To sign needs none of it.
    let signing = [keys.identity()];
    let signed = Library::Ours.call_with(&signing, &[("SHAKEN_SECSIPID_CONF", &file("x"))]).0;
    assert!(signed[0].0 > 0);
}

#[test]
fn that_certificates_are_not_checked_is_told_once() {
    let keys = Keys::new();
    let header = Library::Ours.call(&[keys.identity()])[0].1.clone();
    let check = format!("full\t{header}\t60\t{}\t2", keys.path("provider.pub"));
    let with = |option: &str, check: &String| {
        Library::Ours.call_with(&[&format!("set-v\t{option}"), check, check], &[])
    };
    let of_certificate = check.replace("provider.pub", "provider.pem");
    let ca_file = format!("CertCAFile={}", keys.path("sti-root.pem"));
    for (option, check, code, count) in [
        ("CertVerify=0", &check, 0, 1),
        ("CertVerify=32", &of_certificate, 0, 1),
        // To the roots of the web.
        ("CertVerify=1", &of_certificate, -101, 1),
        ("RequireTrust=1", &of_certificate, -106, 0),
        (&ca_file, &of_certificate, 0, 1),
    ] {
        let (answers, told) = with(option, check);
        assert_eq!((answers[1].0, answers[2].0), (code, code), "{option}");
        assert_eq!(told.matches("set RequireTrust=1").count(), count, "{option}: {told}");
        assert!(!told.contains("CertVerify"), "{told}");
    }
}

#[test]
fn options_are_read_back() {
    let calls =
        ["get-n\tCacheExpires", "set-n\tCacheExpires\t5", "get-n\tCacheExpires", "get-n\tx5u", "get-n\tNULL"];
    let codes: Vec<_> = Library::Ours.call(&calls).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [3600, 0, 5, -1, -1]);
}

#[test]
fn certificates_are_fetched_from_public_hosts_over_https_and_kept() {
    let rig = Rig::new();
    let (keys, x5u) = (Keys::new(), rig.x5u());
    let lab = |name: &str| rig.lab(name).display().to_string();
    let sign = format!("identity\t{CALLER}\t{CALLED}\tA\t\t{x5u}\t{}", lab("provider.key"));
    let header = Library::Ours.call(&[sign])[0].1.clone();
    let check = format!("full\t{header}\t60\t\t2");
    let folder = keys.scratch("cache");
    let roots = format!("set-v\tFetchTLSRoots={}", lab("tls-root.pem"));
    let to_repository = format!("set-v\tFetchConnectTo={HOST}={}", rig.repository());
    let cache = format!("cache\t{}\t3600", folder.display());
    let content = format!("url\t{x5u}\t2");

    // What is not good for a check, and what is fetched without one, does not get into the folder.
    let bad = check.replace(&header, &flip(&header));
    let answers = Library::Ours.call(&[&roots, &to_repository, &cache, &bad, &content]);
    assert_eq!((answers[3].0, answers[4].0), (-251, 0));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);

    let answers = Library::Ours.call(&[&roots, &to_repository, &cache, &check, &check, &content]);
    assert!(answers.iter().all(|(code, _)| *code == 0), "{answers:?}");
    assert_eq!(answers[5].1, "-----BEGIN CERTIFICATE-----");
    let file = folder.join(x5u.replace("://", "_").replace('/', "_"));
    let kept = fs::read(&file).unwrap();
    assert_eq!(kept, fs::read(rig.lab("provider.pem")).unwrap());
    // Without a way to the host, from the folder; where the original finds it too.
    assert_eq!(Library::Ours.call(&[&cache, &check])[1].0, 0);
    if has_original() {
        assert_eq!(Library::Original.call(&[&cache, &check])[1].0, 0);
    }
    // Too old, and a wrong file.
    let at_once = format!("cache\t{}\t0", folder.display());
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(Library::Ours.call(&[&at_once, &check])[1].0, -402);
    fs::write(&file, "no certificate").unwrap();
    assert_eq!(Library::Ours.call(&[&roots, &to_repository, &cache, &check])[3].0, 0);
    assert_eq!(fs::read(&file).unwrap(), kept);

    for (url, code) in [
        ("http://cr.lab.example/provider.pem", -401),
        ("https://127.0.0.1/provider.pem", -401),
        ("https://localhost/provider.pem", -401),
        ("https://[::1]/provider.pem", -401),
        ("https://cr.lab.example:22/provider.pem", -401),
        ("file:///etc/passwd", -401),
        ("", -401),
        ("https://nobody.cr.lab.example/provider.pem", -402),
    ] {
        let answers = Library::Ours.call(&[format!("url\t{url}\t1"), "url\tNULL\t1".to_owned()]);
        assert_eq!(answers, [(code, "NULL".to_owned()), (-401, "NULL".to_owned())], "{url}");
    }
    let nothing = format!("url\t{}\t2", x5u.replace(".pem", "-none.pem"));
    assert_eq!(Library::Ours.call(&[&roots, &to_repository, &nothing])[2].0, -403);
}

#[test]
fn a_dead_host_holds_nobody_longer_than_asked() {
    let rig = Rig::new();
    // What has to be built first is not in the time.
    Library::Ours.code("get-n\tCacheExpires");
    let begin = Instant::now();
    let dead = format!("set-v\tFetchConnectTo={HOST}={}", rig.silent());
    let content = format!("url\t{}\t1", rig.x5u());
    let other_path = content.replace(".pem", "-2.pem");
    assert_ne!(other_path, content);
    let answers = Library::Ours.call(&[&dead, &content, &content, &other_path]);
    assert_eq!(answers[1..].iter().map(|(code, _)| *code).collect::<Vec<_>>(), [-402; 3]);
    let took = begin.elapsed();
    // The others are not tried: the first was a moment ago, and the host is dead whatever the path.
    assert!(took > Duration::from_secs(1) && took < Duration::from_millis(1_900), "{took:?}");
}
