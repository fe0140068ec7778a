//! Cases against this verifier, with the web in memory and the clock of the case.

use std::collections::BTreeSet;
use std::sync::Arc;

use shaken_core::cert::crl::{self, Crl};
use shaken_core::mky::Fingerprints;
use shaken_core::sip::Uri;
use shaken_core::trust::StiPa;
use shaken_core::verify::{CallScratch, HeaderVerdict};
use shaken_core::{
    Call, Certificate, Error, Party, TelephoneNumber, Trust, TrustedCert, Verifier, X5u, cert,
};
use shaken_test_vectors::{Case, Name, VectorFile};

use super::judgement::{Judgement, Word};

/// What the verifier knows before the calls of a file.
pub(super) struct World<'a> {
    file: &'a VectorFile,
    trust: Trust,
    revocation: Revocation<'a>,
}

impl<'a> World<'a> {
    pub(super) fn of(file: &'a VectorFile) -> Result<Self, Error> {
        let trust = Trust::from_pem(file.trust_anchor_pem.as_bytes())?;
        let trust = if file.intermediates_pem.is_empty() {
            trust
        } else {
            trust.with_intermediates_pem(file.intermediates_pem.as_bytes())?
        };
        Ok(Self { file, trust, revocation: Revocation::read(file)? })
    }

    pub(super) fn judge(&self, case: &Case) -> Judgement {
        let now = i64::try_from(case.now).unwrap_or(i64::MAX);
        let trust = self.revocation.known_at(now, self.trust.clone());
        let mut fetched = BTreeSet::new();
        let outcome = self.verify(case, &trust, &mut fetched, now);
        let (verdict, headers) = match outcome {
            Ok((verdict, headers)) => (verdict, Some(headers)),
            Err(error) => (word(Err(error)), None),
        };
        Judgement { verdict, headers, fetches: Some(fetched.len()) }
    }

    fn verify(
        &self,
        case: &Case,
        trust: &Trust,
        fetched: &mut BTreeSet<String>,
        now: i64,
    ) -> Result<(Word, Vec<Word>), Error> {
        let dest = case.dest.iter().map(party).collect::<Result<Vec<_>, _>>()?;
        let mut call = Call::new(party(&case.orig)?, &dest);
        if let Some(target) = &case.target {
            call = call.with_target(party(target)?);
        }
        if let Some(date) = case.date {
            call = call.with_date(date);
        }
        let fingerprints = case.sdp.as_ref().map(|sdp| Fingerprints::from_sdp(sdp.as_bytes())).transpose()?;
        if let Some(fingerprints) = &fingerprints {
            call = call.with_fingerprints(fingerprints);
        }
        if let Some(body) = &case.body {
            call = call.with_body(body.as_bytes());
        }
        if let Some(values) = &case.resource_priority {
            call = call.with_resource_priority(values);
        }
        if let Some(value) = &case.priority {
            call = call.with_priority(value);
        }
        if let Some(name) = &case.display_name {
            call = call.with_display_name(name);
        }
        let verifier = Verifier::default();
        let mut scratch = CallScratch::new();
        let headers = case.identity.iter().map(String::as_bytes);
        let screened = verifier.screen_call(headers, &call, &mut scratch, now)?;
        let certificate = |x5u: &X5u<'_>| {
            fetched.insert(x5u.as_str().to_owned());
            let body = self.file.x5u_bodies.get(x5u.as_str()).ok_or(Error::FetchStatus { status: 404 })?;
            TrustedCert::from_pem(body.as_bytes(), trust, now)
        };
        let verdict = verifier.verify_call(screened, certificate, now);
        // What is nested in a header comes behind all of them.
        let own = verdict.headers().take(case.identity.len());
        let outcome = |header: HeaderVerdict<'_, '_>| word(header.outcome().map(drop));
        Ok((word(verdict.result().map(drop)), own.map(outcome).collect()))
    }
}

fn word(outcome: Result<(), Error>) -> Word {
    outcome.map_or_else(|error| Word::Reject(Some(error.name().to_owned())), |()| Word::Accept)
}

fn party(name: &Name) -> Result<Party<'_>, Error> {
    match name {
        Name::Tn(tn) => TelephoneNumber::parse(tn).map(Party::Number),
        Name::Uri(uri) => Uri::parse(uri.as_bytes()).map(Party::Uri),
    }
}

/// The revocation lists of a file, and who may have signed them.
struct Revocation<'a> {
    sti_pa: Option<StiPa>,
    lists: Vec<(&'a str, Vec<Certificate>)>,
}

impl<'a> Revocation<'a> {
    fn read(file: &'a VectorFile) -> Result<Self, Error> {
        if file.crls.is_empty() {
            return Ok(Self { sti_pa: None, lists: Vec::new() });
        }
        let lists = file.crls.iter().map(|text| {
            // The signer's certificate and those above it stand behind the list.
            let certificates = text.find(CERTIFICATE).map(|at| cert::read_chain(&text.as_bytes()[at..]));
            Ok((text.as_str(), certificates.transpose()?.unwrap_or_default()))
        });
        Ok(Self {
            sti_pa: Some(StiPa::from_pem(file.crl_anchor_pem.as_bytes())?),
            lists: lists.collect::<Result<_, Error>>()?,
        })
    }

    /// `trust` with the lists that can be accepted at `now`. One that cannot is none, as in
    /// service.
    fn known_at(&self, now: i64, mut trust: Trust) -> Trust {
        let Some(sti_pa) = &self.sti_pa else { return trust };
        for (text, signers) in &self.lists {
            let accepted = crl::decode(text.as_bytes()).and_then(|der| {
                let list = Crl::from_der(&der)?.verify(signers, sti_pa, now)?;
                trust.update_crl(Arc::new(list))
            });
            if let Err(error) = accepted {
                tracing::info!(error = error.name(), "revocation list not accepted");
            }
        }
        trust
    }
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
