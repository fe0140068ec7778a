//! A daemon in a network of servers that misbehave, and calls whose certificates are there.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::ServerConfig;
use serde_json::Value;
use shaken_core::passport::{base, shaken};
use shaken_core::{Attest, Signer, TelephoneNumber, key, sign};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cases::ok;
use crate::dns::{Dns, Reply};
use crate::namespace::RESOLVER;
use crate::rig::{Ca, Sends, Server};
use crate::running::{Answer, CALLED, CALLER, Running, run, unix_now};

/// How long a call waits for certificates, and how long a download may take: the defaults.
pub(crate) const BUDGET: Duration = Duration::from_millis(400);
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// How late an answer or the end of a download may be.
pub(crate) const LATE: Duration = Duration::from_millis(50);

/// How long anything is waited for that has no deadline of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The servers' names are under this one.
const DOMAIN: &str = "cr.example";

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) runtime: Runtime,
    pub(crate) dns: Arc<Dns>,
    pub(crate) ca: Ca,
    pub(crate) provider: Provider,
    addresses: AtomicU32,
}

/// Who signs, and what stands at its x5u.
pub(crate) struct Provider {
    key: String,
    pub(crate) chain: String,
}

/// One call and its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) took: Duration,
    pub(crate) answer: Answer,
}

/// What came of a call whose certificate was not there yet.
pub(crate) struct Outcome {
    /// All answers up to the one that did not wait for a download, or not to the end of its budget.
    pub(crate) asked: Vec<Asked>,
    /// When that came, since the first was asked for.
    pub(crate) ended: Duration,
}

impl World {
    /// `edit` may change the configuration of the lab.
    pub(crate) fn start(edit: impl FnOnce(String) -> String) -> Self {
        Self::start_with_dns(RESOLVER, edit)
    }

    /// With the DNS server at another place than the one where the system looks for it.
    pub(crate) fn start_with_dns(at: SocketAddr, edit: impl FnOnce(String) -> String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let dns = runtime.block_on(Dns::start(at));
        let ca = Ca::new("*.cr.example");
        let root = base64::engine::general_purpose::STANDARD.encode(ca.root_der());
        let root = format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n");
        let running = Running::start(|config| {
            let roots = config.lines().find_map(|line| line.strip_prefix("tls_roots = ")).unwrap();
            fs::write(roots.trim_matches('"'), root).unwrap();
            // All that `connect_to` has is the host of the lab: other names are resolved, and their
            // addresses checked.
            edit(config)
        });
        let provider = Provider::of(&running.lab());
        Self { running, runtime, dns, ca, provider, addresses: AtomicU32::new(0) }
    }

    /// A public address that nobody else has.
    pub(crate) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + self.addresses.fetch_add(1, Ordering::SeqCst))
    }

    /// Somebody listens at port 443 of `address`.
    pub(crate) fn listen(&self, address: Ipv4Addr) -> TcpListener {
        self.runtime.block_on(TcpListener::bind(SocketAddr::from((address, 443)))).unwrap()
    }

    /// A server of its own for this name.
    pub(crate) fn serve(&self, id: &str, tls: Option<ServerConfig>, sends: Sends) -> Server {
        let address = self.address();
        self.dns.say(&host(id), Reply::Addresses(vec![address]));
        self.serve_at(address, tls, sends)
    }

    pub(crate) fn serve_at(&self, address: Ipv4Addr, tls: Option<ServerConfig>, sends: Sends) -> Server {
        let listener = self.listen(address);
        let _guard = self.runtime.enter();
        Server::on(listener, tls, sends)
    }

    /// A server that has what it should.
    pub(crate) fn serve_chain(&self, id: &str, chain: &str) -> Server {
        self.serve(id, Some(self.ca.config()), Sends::Once(ok(chain, "")))
    }

    pub(crate) fn identity(&self, x5u: &str) -> String {
        self.provider.identity(x5u)
    }

    pub(crate) fn ask(&self, identity: &str) -> Asked {
        let began = Instant::now();
        let answer = self.running.verify(identity);
        Asked { took: began.elapsed(), answer }
    }

    /// Asks until the certificate is there or known not to be: whoever asks meanwhile waits for the
    /// same download.
    pub(crate) fn outcome(&self, x5u: &str) -> Outcome {
        let identity = self.identity(x5u);
        let (began, mut asked) = (Instant::now(), Vec::new());
        loop {
            asked.push(self.ask(&identity));
            if asked.last().unwrap().took < BUDGET {
                return Outcome { asked, ended: began.elapsed() };
            }
            assert!(began.elapsed() < PATIENCE, "{x5u}: {asked:?}");
        }
    }

    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = self.running.request("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").text;
        let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name}: {metrics}")).split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Provider {
    pub(crate) fn of(lab: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(lab.join(name)).unwrap();
        Self { key: read("provider.key"), chain: read("provider.pem") }
    }

    /// Of a lab of its own, which is made at `lab`. Its root is the answer too.
    pub(crate) fn make(lab: &Path) -> (Self, PathBuf) {
        let made = run(&["lab", "init", lab.to_str().unwrap()], b"");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        (Self::of(lab), lab.join("sti-root.pem"))
    }

    /// The Identity header of a call from `CALLER` to `CALLED`.
    pub(crate) fn identity(&self, x5u: &str) -> String {
        let key = key::signing_key_from_pem(self.key.as_bytes()).unwrap();
        let signer = Signer::new(key, self.chain.as_bytes(), x5u).unwrap();
        let [caller, called] = [CALLER, CALLED].map(|tn| TelephoneNumber::parse(tn).unwrap());
        let to = [called.into()];
        let base = base::NewClaims::new(caller.into(), &to, unix_now()).unwrap();
        let claims = shaken::NewClaims::new(base, Attest::A, "11111111-2222-4333-8444-555555555555").unwrap();
        signer.sign(&claims, &mut vec![0; sign::MAX_HEADER_LEN]).unwrap().to_owned()
    }
}

impl Asked {
    /// What the other side may see: all but the number of the record.
    pub(crate) fn public(&self) -> String {
        let mut body = self.answer.body.clone();
        self.answer.body["verificationResponse"]["shaken"]["record"].as_u64().unwrap();
        body["verificationResponse"]["shaken"].as_object_mut().unwrap().remove("record");
        format!("{} {body}", self.answer.status)
    }

    pub(crate) fn passes(&self) -> bool {
        self.answer.body["verificationResponse"]["verstat"] == "TN-Validation-Passed"
    }

    /// The error that the record has, if any.
    pub(crate) fn private(&self, records: &[Value]) -> Option<String> {
        let index = &self.answer.body["verificationResponse"]["shaken"]["record"];
        let record = records.iter().find(|record| record["index"] == *index).unwrap();
        Some(record["error"].as_str()?.to_owned())
    }
}

impl Outcome {
    pub(crate) fn last(&self) -> &Asked {
        self.asked.last().unwrap()
    }

    /// By how much the first answer was later than the budget.
    pub(crate) fn late(&self) -> Duration {
        self.asked[0].took.saturating_sub(BUDGET)
    }
}

pub(crate) fn host(id: &str) -> String {
    format!("{id}.{DOMAIN}")
}

pub(crate) fn x5u(id: &str, file: impl std::fmt::Display) -> String {
    format!("https://{}/{file}.pem", host(id))
}

/// What every call gets whose certificate cannot be had, whyever.
pub(crate) fn is_unavailable(asked: &Asked) -> bool {
    let answer = &asked.answer.body["verificationResponse"];
    (&answer["verstat"], &answer["reasoncode"]) == (&"No-TN-Validation".into(), &436.into())
        && answer["shaken"]["error"] == "certificate-pending"
}

/// Waits until it `holds`.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < patience, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(8, 8, 0, 1);
