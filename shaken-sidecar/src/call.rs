//! The life of one call: who asks, may they, sign or verify, record, answer. The only file that
//! knows the order of these steps.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use shaken_core::passport::{Ppt, base, shaken};
use shaken_core::tables::TableOptions;
use shaken_core::verify::CallScratch;
use shaken_core::{
    Attest, Call, Error, Identity, OrigId, Signer, TelephoneNumber, Trust, TrustedCert, Verifier, Verstat,
    X5u, sign,
};

use crate::audit::{AuditError, AuditLog, Cert, Header, Interface, Kept, Number, Op, Record, Undecided};
use crate::certs::{Certs, Supply};
use crate::delivery::Delivery;
use crate::force::InForce;
use crate::hex::hex;
use crate::limits::Permit;
use crate::listen::Client;
use crate::lists::Lists;
use crate::policy::{self, Decision, Listener, Replay, Trunk};
use crate::replay::Replays;

/// Signs and verifies calls, and keeps a record of each.
#[derive(Debug)]
pub struct Calls {
    force: ArcSwap<InForce>,
    audit: AuditLog,
    replays: Replays,
}

/// What a record keeps of Identity headers. There is no way to keep nothing: a dispute is about what
/// was sent or received, and a hash is the least that settles it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKept {
    /// The values as they are.
    #[default]
    Full,
    /// SHA-256 of each value.
    Sha256,
}

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

/// What a listener is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offers {
    /// All that the daemon does.
    #[default]
    All,
    /// No signing.
    VerifyOnly,
}

/// Who asks, how, and when: the same for every kind of request.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The listener that the request came in on.
    pub listener: Listener,
    /// Who is at the other end of the connection.
    pub client: Client,
    /// What the listener is for.
    pub offers: Offers,
    /// The trunk that the request names, if it names one.
    pub trunk: Option<String>,
    /// The SIP Call-ID, if the request tells it.
    pub call_id: Option<String>,
    /// The client's name for the request, or ours.
    pub request_id: String,
    /// The clock, read once for the whole request.
    pub now: SystemTime,
    /// When the request had been read, for the latency in the record.
    pub received: Instant,
    /// What becomes of the answer.
    pub delivery: Delivery,
}

impl Origin {
    /// [`now`](Self::now) in seconds since 1970.
    #[must_use]
    pub fn unix_s(&self) -> i64 {
        let since = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// A number as the client wrote it, and what it means.
#[derive(Clone)]
pub struct Party {
    /// The text of the request.
    pub received: String,
    /// The same in canonical form.
    pub tn: TelephoneNumber,
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Party({:?})", self.tn)
    }
}

/// A call to sign.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// The level that the client would like.
    pub attest: Option<Attest>,
    /// The calling number.
    pub orig: Party,
    /// The called numbers, at least one.
    pub dest: Vec<Party>,
    /// The time of the call in seconds since 1970.
    pub iat: u64,
    /// The client's tracing value; a random one if absent.
    pub origid: Option<String>,
}

/// A call to verify.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The calling number of P-Asserted-Identity or From.
    pub orig: Party,
    /// The called numbers of To and Request-URI, at least one.
    pub dest: Vec<Party>,
    /// The Date of the request in seconds since 1970.
    pub date: u64,
    /// The values of the Identity headers, in their order.
    pub identity: Vec<String>,
}

/// A signed call.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The value of the Identity header.
    pub identity: String,
    /// The tracing value in it.
    pub origid: String,
    /// Its time in seconds since 1970.
    pub iat: u64,
    /// The level and why.
    pub decision: Decision,
    /// Index of the record, if it is durable.
    pub record: Option<u64>,
}

/// A call that was looked at, whatever came out.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the signer said, if the call passes; else why it does not.
    pub outcome: Result<Attested, Error>,
    /// What came of each Identity header, in their order; nothing if none of them was looked at.
    pub headers: Vec<JudgedHeader>,
    /// Whether the PASSporT came with another call before, as far as that is looked for.
    pub replay: bool,
    /// Index of the record, if it is durable.
    pub record: Option<u64>,
}

impl Judged {
    /// The `verstat` of the call.
    #[must_use]
    pub fn verstat(&self) -> Verstat {
        self.outcome.as_ref().map_or_else(Error::verstat, |_| Verstat::Passed)
    }

    /// The same in one word, with the level, for scripts: `VALID-A`, `VALID-B`, `VALID-C`, `INVALID`
    /// or `NO-VALIDATION`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.outcome, self.verstat()) {
            (Ok(Attested { attest: Attest::A, .. }), _) => "VALID-A",
            (Ok(Attested { attest: Attest::B, .. }), _) => "VALID-B",
            (Ok(Attested { attest: Attest::C, .. }), _) => "VALID-C",
            (Err(_), Verstat::Failed) => "INVALID",
            (Err(_), _) => "NO-VALIDATION",
        }
    }
}

/// What came of one Identity header.
#[derive(Clone, Debug)]
pub struct JudgedHeader {
    /// The PASSporT type, if it is known.
    pub ppt: Option<Ppt>,
    /// Why it does not hold in itself, if it does not. Whether the call passes is another question.
    pub error: Option<Error>,
}

/// What a verified `shaken` PASSporT says beyond the numbers.
#[derive(Clone, Debug)]
pub struct Attested {
    /// Attestation level.
    pub attest: Attest,
    /// Tracing value of the signer.
    pub origid: String,
}

/// Why a request gets no answer of its kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The client belongs to no trunk, or not to the one that it named.
    TrunkUnknown,
    /// The daemon has no key (to sign) or no trust anchors (to verify), or the listener is not for it.
    NotOffered,
    /// The request can't be signed as it is.
    Unsignable(Error),
    /// No record could be made, so there is no answer either.
    Audit(AuditError),
    /// There is too much to do; see [`Limits`](crate::limits::Limits).
    Overload,
    /// Its deadline had passed before anything was done for it.
    Late,
}

impl Refusal {
    /// The HTTP status that says so.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::TrunkUnknown | Self::Unsignable(Error::TnNotAuthorized) => 403,
            Self::NotOffered => 404,
            Self::Unsignable(Error::CertExpired { .. } | Error::CertNotYetValid { .. })
            | Self::Audit(_)
            | Self::Overload
            | Self::Late => 503,
            Self::Unsignable(error) if error.code() >= 700 => 500,
            Self::Unsignable(_) => 400,
        }
    }

    /// A stable name for scripts: that of the error, or of the reason.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::TrunkUnknown => policy::Reason::TrunkUnknown.name(),
            Self::NotOffered => "NOT_OFFERED",
            Self::Unsignable(error) => error.name(),
            Self::Audit(_) => "audit",
            Self::Overload => "overload",
            Self::Late => "deadline",
        }
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}

impl Calls {
    /// Calls are decided by `force` and recorded in `audit`.
    #[must_use]
    pub fn new(force: InForce, audit: AuditLog) -> Self {
        Self { force: ArcSwap::from_pointee(force), audit, replays: Replays::default() }
    }

    /// What decides at this moment.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.force.load_full()
    }

    /// Lets `force` decide on every call from here on. Calls under way end as they began.
    pub fn put_in_force(&self, force: InForce) {
        self.force.store(Arc::new(force));
    }

    /// The PASSporTs that came lately, on trunks where replays are looked for.
    #[must_use]
    pub fn replays(&self) -> &Replays {
        &self.replays
    }

    /// The record of all that was decided.
    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Signs a call. Resolves when the record is durable.
    ///
    /// # Errors
    /// [`Refusal`], of which [`Refusal::Unsignable`] is on record too; strangers, and calls that are too
    /// many, are only counted.
    pub async fn sign(&self, request: SignRequest, origin: &Origin) -> Result<Signed, Refusal> {
        let force = self.in_force();
        let (Some(signer), Offers::All) = (force.signer(), origin.offers) else {
            return Err(Refusal::NotOffered);
        };
        let trunk = self.recognize(&force, origin)?;
        let _permit = self.admit(&force, Op::Sign, origin)?;
        let mut record = new_record(Op::Sign, &force, trunk, origin, &request.orig, &request.dest);
        record.requested_attest = request.attest.map(|attest| attest.as_str().into());
        record.x5u = Some(signer.x5u().to_owned());

        let decision = trunk.decide(request.attest);
        record.attest = Some(decision.attest.as_str().into());
        record.reason = Some(decision.reason.name().into());
        record.rule = Some(decision.rule.clone().into());
        record.decided_by =
            Some(trunk.provider().map_or(Cow::Borrowed("policy"), |provider| provider.to_owned().into()));

        match make_header(signer, &request, decision.attest, origin.unix_s()) {
            Err(error) => self.refuse(record, error, origin).await,
            Ok((identity, origid)) => {
                record.verdict = "signed".into();
                record.ppt = vec!["shaken".to_owned()];
                record.origid = Some(origid.clone());
                record.cert = Some(cert_of(signer.certificate()));
                record.http_status = Some(200);
                keep_identity(force.identity, &mut record, std::slice::from_ref(&identity));
                let record = self.keep(record, origin).await?.index();
                Ok(Signed { identity, origid, iat: request.iat, decision, record })
            }
        }
    }

    /// Verifies a call. Resolves when the record is durable.
    ///
    /// # Errors
    /// [`Refusal::NotOffered`], [`Refusal::TrunkUnknown`], [`Refusal::Overload`], [`Refusal::Late`],
    /// [`Refusal::Audit`]; a call that fails
    /// verification is no error but an answer.
    pub async fn verify(&self, request: VerifyRequest, origin: &Origin) -> Result<Judged, Refusal> {
        let force = self.in_force();
        let Some(verification) = force.verification() else { return Err(Refusal::NotOffered) };
        let trunk = self.recognize(&force, origin)?;
        let mut permit = self.admit(&force, Op::Verify, origin)?;
        let mut record = new_record(Op::Verify, &force, trunk, origin, &request.orig, &request.dest);
        keep_identity(force.identity, &mut record, &request.identity);

        let mut headers = Vec::new();
        let past = (trunk.replay() != Replay::Allow).then_some((&self.replays, origin.call_id.as_deref()));
        let question = Question { request: &request, past, now: origin.unix_s() };
        let outcome = verification.judge(question, &mut permit, &mut record, &mut headers).await;
        let outcome = match outcome {
            Ok(_) if record.replay && trunk.replay() == Replay::Refuse => Err(Error::PassportReplayed),
            outcome => outcome,
        };
        record.verdict = if outcome.is_ok() { "passed" } else { "failed" }.into();
        record.http_status = Some(200);
        record.headers = headers.iter().map(header_of).collect();
        match &outcome {
            Ok(attested) => {
                record.verstat = Some(Verstat::Passed.as_str().into());
                record.attest = Some(attested.attest.as_str().into());
                record.origid = Some(attested.origid.clone());
            }
            Err(error) => {
                record.verstat = Some(error.verstat().as_str().into());
                record.error = Some(error.name().into());
                record.sip_status = Some(error.sip().code);
            }
        }
        let replay = record.replay;
        let record = self.keep(record, origin).await?.index();
        // The record has what happened; the answer may reach whoever chose the URL.
        for header in &mut headers {
            header.error = header.error.map(Error::public);
        }
        Ok(Judged { outcome: outcome.map_err(Error::public), headers, replay, record })
    }

    /// The trunk that a request belongs to. Requests of strangers are counted and not recorded one by
    /// one, or they could fill the disk.
    fn recognize<'f>(&self, force: &'f InForce, origin: &Origin) -> Result<&'f Trunk, Refusal> {
        let named = origin.trunk.as_deref();
        policy::recognize(&force.trunks, origin.listener, &origin.client, named).ok_or_else(|| {
            self.audit.count_undecided(Undecided::Unauthenticated, origin.now);
            Refusal::TrunkUnknown
        })
    }

    /// Permission to work on a request that is in time. Those that get none are counted and not recorded
    /// one by one: that would be the work that there is too much of.
    fn admit<'f>(&self, force: &'f InForce, op: Op, origin: &Origin) -> Result<Permit<'f>, Refusal> {
        let permit = if origin.received.elapsed() >= force.deadline() {
            Err(Refusal::Late)
        } else {
            force.limits().admit(op, Instant::now()).ok_or(Refusal::Overload)
        };
        permit.inspect_err(|_| self.audit.count_undecided(Undecided::Shed, origin.now))
    }

    async fn refuse<T>(&self, mut record: Record, error: Error, origin: &Origin) -> Result<T, Refusal> {
        let refusal = Refusal::Unsignable(error);
        record.verdict = "refused".into();
        record.attest = None;
        record.http_status = Some(refusal.http_status());
        record.error = Some(error.name().into());
        self.keep(record, origin).await?;
        Err(refusal)
    }

    /// Has the record written, as the log is set up to.
    async fn keep(&self, mut record: Record, origin: &Origin) -> Result<Kept, AuditError> {
        if !matches!(record.interface, Interface::HttpUnix | Interface::HttpTcp) {
            record.http_status = None;
        }
        record.latency_us = u64::try_from(origin.received.elapsed().as_micros()).ok();
        tracing::debug!(?record, "call decided");
        let kept = self.audit.append(record).await.inspect_err(|error| {
            tracing::debug!(%error, "no record could be made; the call is refused");
        })?;
        origin.delivery.recorded(kept, &self.audit);
        Ok(kept)
    }
}

/// What is to be judged, and when.
#[derive(Clone, Copy)]
struct Question<'q> {
    request: &'q VerifyRequest,
    /// What came before, and the call that it is compared with; nothing if replays are not looked for.
    past: Option<(&'q Replays, Option<&'q str>)>,
    now: i64,
}

impl Verification {
    async fn judge(
        &self,
        question: Question<'_>,
        permit: &mut Permit<'_>,
        record: &mut Record,
        headers: &mut Vec<JudgedHeader>,
    ) -> Result<Attested, Error> {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let outcome = self.judge_in(&mut scratch, question, permit, record, headers).await;
        scratches().push(scratch);
        outcome
    }

    async fn judge_in(
        &self,
        scratch: &mut CallScratch,
        question: Question<'_>,
        permit: &mut Permit<'_>,
        record: &mut Record,
        headers: &mut Vec<JudgedHeader>,
    ) -> Result<Attested, Error> {
        let Question { request, past, now } = question;
        let dest: Vec<shaken_core::Party<'_>> = request.dest.iter().map(|party| party.tn.into()).collect();
        let call = Call::new(request.orig.tn.into(), &dest).with_date(request.date);
        let values = request.identity.iter().map(String::as_bytes);
        if self.params == HeaderParams::Exact {
            // One that can't be read is told by the verifier.
            values
                .clone()
                .filter_map(|value| Identity::parse(value).ok())
                .try_for_each(|identity| identity.check_exact_params())?;
        }
        let screened = self.verifier.screen_call(values, &call, scratch, now)?;
        let mut x5us: Vec<X5u<'_>> = Vec::new();
        for x5u in screened.x5us() {
            if !x5us.contains(x5u) {
                x5us.push(*x5u);
            }
        }
        let found = self.certificates(&x5us, permit, now).await;
        record.cert = found.iter().find_map(|found| Some(cert_of(found.as_ref().ok()?.certificate())));
        let verdict = self.verifier.verify_call(
            screened,
            |x5u| {
                let found = x5us.iter().zip(&found).find(|(url, _)| *url == x5u);
                found.map_or(Err(Error::CertUnavailable), |(_, certificate)| certificate.clone())
            },
            now,
        );
        // What is nested in a header comes behind all of them.
        let of_headers = || verdict.headers().take(request.identity.len());
        record.ppt = of_headers().filter_map(|header| Some(header.ppt()?.name().to_owned())).collect();
        record.x5u = of_headers().find_map(|header| header.stated_x5u().map(str::to_owned));
        *headers = of_headers()
            .map(|header| JudgedHeader { ppt: header.ppt(), error: header.outcome().err() })
            .collect();
        for header in of_headers().filter(|header| header.outcome().err() == Some(Error::SignatureInvalid)) {
            if let Some(x5u) = header.x5u() {
                self.certs.doubt(x5u, &self.supply, now);
            }
        }
        let verified = verdict.result()?;
        if let Some((replays, call_id)) = past {
            record.replay = replays.is_one(verified.claims(), call_id, self.verifier.max_age_s(), now);
        }
        Ok(Attested { attest: verified.attest(), origid: verified.origid().to_string() })
    }
}

impl Verification {
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

fn keep_identity(kept: IdentityKept, record: &mut Record, values: &[String]) {
    match kept {
        IdentityKept::Full => record.identity = values.to_vec(),
        IdentityKept::Sha256 => {
            let hash = |value: &String| ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
            record.identity_sha256 = values.iter().map(|value| hex(hash(value).as_ref())).collect();
        }
    }
}

fn new_record(
    op: Op,
    force: &InForce,
    trunk: &Trunk,
    origin: &Origin,
    orig: &Party,
    dest: &[Party],
) -> Record {
    let interface = match origin.listener {
        Listener::Http => Interface::HttpUnix,
        Listener::HttpTcp => Interface::HttpTcp,
        Listener::Resp => Interface::RespUnix,
        Listener::RespTcp => Interface::RespTcp,
        Listener::SipUdp => Interface::SipUdp,
        Listener::SipTcp => Interface::SipTcp,
    };
    let mut record =
        Record::new(op, interface, origin.client.clone(), origin.request_id.clone(), "refused", origin.now);
    record.call_id.clone_from(&origin.call_id);
    record.trunk = Some(trunk.name().to_owned());
    record.customer = trunk.customer().map(str::to_owned);
    record.provider = trunk.provider().map(str::to_owned);
    record.generation.clone_from(&force.generation);
    record.orig = Some(number(orig));
    record.dest = dest.iter().map(number).collect();
    record
}

/// The header for a call, and its tracing value.
fn make_header(
    signer: &Signer,
    request: &SignRequest,
    attest: Attest,
    now: i64,
) -> Result<(String, String), Error> {
    // An expired certificate signs nothing, not even for a time when it was valid.
    signer.certificate().check_valid(now)?;
    let now = u64::try_from(now).unwrap_or_default();
    let iat = request.iat;
    // RFC 8224 §6.1 step 3: what is more than a minute off must not be signed.
    match iat.abs_diff(now) {
        0..=MAX_IAT_DISTANCE_S => {}
        age_s if iat < now => return Err(Error::IatStale { age_s }),
        ahead_s => return Err(Error::IatFuture { ahead_s }),
    }
    let origid = match &request.origid {
        Some(origid) => origid.clone(),
        None => OrigId::random()?.to_string(),
    };
    let dest: Vec<shaken_core::Party<'_>> = request.dest.iter().map(|party| party.tn.into()).collect();
    let claims = base::NewClaims::new(request.orig.tn.into(), &dest, iat)?;
    let claims = shaken::NewClaims::new(claims, attest, &origid)?;
    let mut buffer = [0; sign::MAX_HEADER_LEN];
    let identity = signer.sign(&claims, &mut buffer)?.to_owned();
    Ok((identity, origid))
}

fn header_of(header: &JudgedHeader) -> Header {
    Header {
        ppt: header.ppt.map(|ppt| ppt.name().into()),
        verdict: if header.error.is_none() { "valid" } else { "failed" }.into(),
        error: header.error.map(|error| error.name().into()),
    }
}

fn number(party: &Party) -> Number {
    Number { received: party.received.clone(), canonical: Some(party.tn.as_str().to_owned()) }
}

fn cert_of(certificate: &shaken_core::Certificate) -> Cert {
    let list = certificate.tn_auth_list().and_then(|list| list.as_ref().ok());
    Cert {
        spc: list.and_then(|list| list.spc()).map(|spc| spc.as_str().to_owned()),
        sha256: certificate.fingerprint().to_string(),
    }
}

/// How long a call waits for certificates unless it is set otherwise: callers notice half a second.
pub const FETCH_BUDGET: Duration = Duration::from_millis(400);

/// How far the `iat` of a request to sign may be from our clock.
const MAX_IAT_DISTANCE_S: u64 = 60;
