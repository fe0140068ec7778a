//! Identity headers that were seen in public: each is a PASSporT of its type, or refused by the
//! right name. The golden list names them by SHA-256, never by value.

use std::collections::{BTreeMap, BTreeSet};

use shaken_core::passport::{Claims, Passport, Ppt};
use shaken_core::{Error, Identity, Scratch, X5u};
use shaken_test_vectors::suites::suite_text;

/// What a header is, by itself: no call, no clock, no certificate.
fn header(value: &str) -> Result<String, Error> {
    let identity = Identity::parse(value.as_bytes())?;
    let stated = identity.stated_ppt()?;
    if identity.is_compact() {
        // What it says stands in the call; a type that forbids the form is refused as such.
        let ppt = stated.unwrap_or(Ppt::Base);
        return if ppt.may_be_compact() {
            Ok(format!("compact {}", ppt.name()))
        } else {
            Err(Error::CompactForm)
        };
    }
    let mut scratch = Scratch::new();
    let passport = Passport::decode(identity.token(), &mut scratch)?;
    let ppt = Ppt::of(passport.ppt())?;
    if stated.is_some_and(|stated| stated != ppt) {
        return Err(Error::PptMismatch);
    }
    passport.signature()?;
    if passport.x5u() != *identity.info() {
        return Err(Error::X5uInfoMismatch);
    }
    X5u::parse(identity.info())?;
    claims(&passport)
}

/// What its token is, whatever stands around it.
fn token(value: &str) -> Result<String, Error> {
    let token = value.split(';').next().unwrap_or_default().trim();
    claims(&Passport::decode(token, &mut Scratch::new())?)
}

fn claims(passport: &Passport<'_>) -> Result<String, Error> {
    let ppt = Ppt::of(passport.ppt())?;
    let claims = Claims::read(ppt, passport.payload())?;
    assert_eq!(claims.ppt(), ppt);
    let with = |name: &str, is_there: bool| if is_there { format!(" with {name}") } else { String::new() };
    let rich = claims.base().rich()?;
    let has_rich = ppt != Ppt::Rcd && (rich.rcd().is_some() || rich.crn().is_some());
    Ok(format!("{}{}{}", ppt.name(), with("mky", claims.base().mky().is_some()), with("rcd", has_rich)))
}

#[test]
fn headers_seen_in_public_are_read_or_named() {
    let Some(text) = suite_text("real/identity-headers.tsv") else { return };
    let golden: BTreeMap<&str, &str> = include_str!("golden/identity-headers.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
    let (mut counts, mut seen, mut wrong) = (BTreeMap::<String, usize>::new(), BTreeSet::new(), Vec::new());
    let mut new = 0;
    for (_, value) in rows {
        let mut hash = String::new();
        for byte in ring::digest::digest(&ring::digest::SHA256, value.as_bytes()).as_ref() {
            hash += &format!("{byte:02x}");
        }
        let text = |outcome: Result<String, Error>| outcome.unwrap_or_else(|error| error.name().to_owned());
        let outcome = format!("{}\t{}", text(header(value)), text(token(value)));
        *counts.entry(outcome.clone()).or_default() += 1;
        match golden.get(hash.as_str()) {
            None => {
                println!("new: {hash}\t{outcome}");
                new += 1;
            }
            Some(expected) if *expected == outcome => {}
            Some(_) => wrong.push(format!("{hash}\t{outcome}")),
        }
        seen.insert(hash);
    }
    println!("real headers: {} different ones, {new} of them not in the golden list", seen.len());
    for (outcome, count) in &counts {
        println!("{count:4} {outcome}");
    }
    assert!(wrong.is_empty(), "the golden list has something else for:\n{}", wrong.join("\n"));
    assert!(golden.len() > 80 && new < seen.len());
}
