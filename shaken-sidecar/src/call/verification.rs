//! What verifying needs, and one call judged by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shaken_core::tables::TableOptions;
use shaken_core::verify::{CallScratch, Verdict};
use shaken_core::{Call, Error, Identity, Trust, TrustedCert, Verifier, X5u};

use super::{Attested, JudgedHeader, VerifyRequest, cert_of};
use crate::audit::Record;
use crate::certs::{Certs, Supply};
use crate::limits::Permit;
use crate::lists::Lists;
use crate::replay::Replays;

/// Which parameters an Identity header must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderParams {
    /// What RFC 8224 §4 wants: `info`.
    #[default]
    Any,
    /// `info`, `alg` and `ppt`, and nothing else.
    Exact,
}

/// What verifying needs: the rules, the certificates, and whom they must chain to.
#[derive(Debug)]
pub struct Verification {
    verifier: Verifier,
    tables: Option<TableOptions>,
    certs: Arc<Certs>,
    supply: Arc<Supply>,
    budget: Duration,
    lists: Option<Arc<Lists>>,
    params: HeaderParams,
    /// What calls have left behind; one is some 180 KB, too much to make for each.
    scratches: Arc<Mutex<Vec<CallScratch>>>,
}

impl Verification {
    /// The rules.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// `verifier` judges, `certs` obtains by `supply` what it judges by.
    #[must_use]
    pub fn new(verifier: Verifier, certs: Arc<Certs>, supply: Supply) -> Self {
        let supply = Arc::new(supply);
        Self {
            verifier,
            tables: None,
            certs,
            supply,
            budget: FETCH_BUDGET,
            lists: None,
            params: HeaderParams::Any,
            scratches: Arc::default(),
        }
    }

    /// What the verifier's tables were made with, if it has any.
    #[must_use]
    pub fn with_table_options(self, tables: Option<TableOptions>) -> Self {
        Self { tables, ..self }
    }

    /// How long a call waits for certificates, all of its headers together; 400 ms unless set.
    #[must_use]
    pub fn with_budget(self, budget: Duration) -> Self {
        Self { budget, ..self }
    }

    /// Which parameters an Identity header must have; any unless set.
    #[must_use]
    pub fn with_params(self, params: HeaderParams) -> Self {
        Self { params, ..self }
    }

    /// The lists that keep the trust fresh, if there are any.
    #[must_use]
    pub fn with_lists(self, lists: Option<Arc<Lists>>) -> Self {
        Self { lists, ..self }
    }

    /// The same with another trust, and everything else shared.
    #[must_use]
    pub fn with_trust(&self, trust: Trust) -> Self {
        Self {
            verifier: self.verifier.clone(),
            tables: self.tables,
            certs: Arc::clone(&self.certs),
            supply: Arc::new(Supply { fetcher: Arc::clone(&self.supply.fetcher), trust }),
            budget: self.budget,
            lists: self.lists.clone(),
            params: self.params,
            scratches: Arc::clone(&self.scratches),
        }
    }

    /// Whom certificates must chain to.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.supply.trust
    }

    /// The lists that keep it fresh.
    #[must_use]
    pub fn lists(&self) -> Option<&Arc<Lists>> {
        self.lists.as_ref()
    }

    pub(crate) fn certs(&self) -> &Arc<Certs> {
        &self.certs
    }

    pub(crate) fn table_options(&self) -> Option<TableOptions> {
        self.tables
    }
}

/// What judging a call takes beside the call, and what it leaves behind whatever comes out.
pub(super) struct Work<'w> {
    /// What came before, and the Call-ID that it is compared with; nothing if replays are not looked for.
    pub(super) past: Option<(&'w Replays, Option<&'w str>)>,
    /// Given back while certificates are waited for.
    pub(super) permit: Permit<'w>,
    pub(super) record: Box<Record>,
    pub(super) headers: Vec<JudgedHeader>,
}

/// The Identity headers of a call, all of them judged.
pub(super) struct Looked<'a> {
    pub(super) verdict: Verdict<'a>,
    /// Where certificates were wanted, each once.
    x5us: Vec<X5u<'a>>,
    /// What stood there.
    found: Vec<Result<Arc<TrustedCert>, Error>>,
}

impl Looked<'_> {
    /// What stood at `x5u`.
    pub(super) fn certificate(&self, x5u: &X5u<'_>) -> Result<&Arc<TrustedCert>, Error> {
        certificate(&self.x5us, &self.found, x5u)
    }

    /// What came of the first `count` headers: what is nested in a header comes behind all of them.
    pub(super) fn headers(&self, count: usize) -> Vec<JudgedHeader> {
        let of_headers = self.verdict.headers().take(count);
        of_headers.map(|header| JudgedHeader { ppt: header.ppt(), error: header.outcome().err() }).collect()
    }
}

fn certificate<'f>(
    x5us: &[X5u<'_>],
    found: &'f [Result<Arc<TrustedCert>, Error>],
    x5u: &X5u<'_>,
) -> Result<&'f Arc<TrustedCert>, Error> {
    let found = x5us.iter().zip(found).find(|(url, _)| *url == x5u);
    found.map_or(Err(Error::CertUnavailable), |(_, certificate)| certificate.as_ref().map_err(|error| *error))
}

impl Verification {
    pub(super) async fn judge(
        &self,
        request: &VerifyRequest,
        work: &mut Work<'_>,
        now: i64,
    ) -> Result<Attested, Error> {
        let mut scratch = self.scratch();
        let outcome = self.judge_in(&mut scratch, request, work, now).await;
        self.put_back(scratch);
        outcome
    }

    async fn judge_in(
        &self,
        scratch: &mut CallScratch,
        request: &VerifyRequest,
        work: &mut Work<'_>,
        now: i64,
    ) -> Result<Attested, Error> {
        let Work { past, permit, record, headers } = work;
        let dest: Vec<shaken_core::Party<'_>> = request.dest.iter().map(|party| party.tn.into()).collect();
        let mut call = Call::new(request.orig.tn.into(), &dest).with_date(request.date);
        if let Some(target) = &request.target {
            call = call.with_target(target.tn.into());
        }
        if let Some(value) = &request.resource_priority {
            call = call.with_resource_priority(value);
        }
        if let Some(value) = &request.priority {
            call = call.with_priority(value);
        }
        let values = request.identity.iter().map(String::as_bytes);
        let looked = self.look(values, &call, scratch, permit, now).await?;
        record.cert =
            looked.found.iter().find_map(|found| Some(cert_of(found.as_ref().ok()?.certificate()).into()));
        let of_headers = || looked.verdict.headers().take(request.identity.len());
        record.ppt = of_headers().filter_map(|header| Some(header.ppt()?.name().to_owned())).collect();
        record.x5u = of_headers().find_map(|header| header.stated_x5u().map(Arc::from));
        *headers = looked.headers(request.identity.len());
        let verified = looked.verdict.result()?;
        if let Some((replays, call_id)) = past {
            record.replay = replays.is_one(verified.claims(), *call_id, self.verifier.max_age_s(), now);
        }
        Ok(Attested { attest: verified.attest(), origid: verified.origid().to_string() })
    }

    /// Judges the Identity headers of a call, with the certificates that it takes.
    pub(super) async fn look<'a>(
        &self,
        values: impl Iterator<Item = &'a [u8]> + Clone,
        call: &Call<'_>,
        scratch: &'a mut CallScratch,
        permit: &mut Permit<'_>,
        now: i64,
    ) -> Result<Looked<'a>, Error> {
        if self.params == HeaderParams::Exact {
            // One that can't be read is told by the verifier.
            values
                .clone()
                .filter_map(|value| Identity::parse(value).ok())
                .try_for_each(|identity| identity.check_exact_params())?;
        }
        let count = values.clone().count();
        let screened = self.verifier.screen_call(values, call, scratch, now)?;
        let mut x5us: Vec<X5u<'_>> = Vec::new();
        for x5u in screened.x5us() {
            if !x5us.contains(x5u) {
                x5us.push(*x5u);
            }
        }
        let found = self.certificates(&x5us, permit, now).await;
        let of = |x5u: &X5u<'_>| certificate(&x5us, &found, x5u).cloned();
        let verdict = self.verifier.verify_call(screened, of, now);
        for header in verdict.headers().take(count) {
            if header.outcome().err() == Some(Error::SignatureInvalid)
                && let Some(x5u) = header.x5u()
            {
                self.certs.doubt(x5u, &self.supply, now);
            }
        }
        Ok(Looked { verdict, x5us, found })
    }

    pub(super) fn scratch(&self) -> CallScratch {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        scratches.pop().unwrap_or_default()
    }

    pub(super) fn put_back(&self, scratch: CallScratch) {
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }

    /// What stands at each of `x5us`, or why it is not known.
    async fn certificates(
        &self,
        x5us: &[X5u<'_>],
        permit: &mut Permit<'_>,
        now: i64,
    ) -> Vec<Result<Arc<TrustedCert>, Error>> {
        let known: Vec<_> = x5us.iter().map(|x5u| self.certs.lookup(x5u, &self.supply, now)).collect();
        if known.iter().all(Option::is_some) {
            return known.into_iter().flatten().collect();
        }
        // All at once: the budget is that of the call, not of each header.
        let due = Instant::now() + self.budget;
        let waits = x5us.iter().zip(known).map(async |(x5u, known)| match known {
            Some(known) => known,
            None => self.certs.wait(x5u, &self.supply, due.into(), now).await,
        });
        permit.wait_for(join_all(waits)).await
    }
}

/// How long a call waits for certificates unless it is set otherwise: callers notice half a second.
pub const FETCH_BUDGET: Duration = Duration::from_millis(400);
