//! Downloads on a thread of their own, which starts only when it is asked for. Whoever needs a
//! certificate asks and goes on; a file descriptor tells when calls can be judged again.
//!
//! ```text
//! ask   ── one download per URL, within limits ──> the thread
//! wait  ── a call, by its number, and a budget ──> ready, when all of its downloads have ended or the
//!                                                  budget has ── event descriptor ──> next_ready
//! ```

mod run;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, SigmaskHow};
use shaken_core::es256::table;
use shaken_core::fetch::{FetchPolicy, Fetcher};
use shaken_core::{Error, X5u, pem};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::guard::Failure;
use crate::store::{Found, Store};

/// How certificates are fetched.
#[derive(Debug, Default)]
pub struct FetchOptions(Mutex<FetchPolicy>);

impl FetchOptions {
    /// Time for one download.
    ///
    /// # Errors
    /// [`Failure::ArgumentInvalid`] for no time.
    pub(crate) fn set_deadline_ms(&self, deadline_ms: u32) -> Result<(), Failure> {
        if deadline_ms == 0 {
            return Err(Failure::ArgumentInvalid);
        }
        self.change(|policy| policy.with_deadline(Duration::from_millis(deadline_ms.into())));
        Ok(())
    }

    /// Of the lab: trusts these TLS roots and no others.
    ///
    /// # Errors
    /// [`Error::CertPem`].
    pub(crate) fn set_tls_roots(&self, roots: &[u8]) -> Result<(), Failure> {
        let mut ders = Vec::new();
        for block in pem::blocks(roots) {
            ders.push(block?.der().to_vec());
        }
        if ders.is_empty() {
            return Err(Error::CertPem.into());
        }
        self.change(|policy| policy.with_tls_roots(ders));
        Ok(())
    }

    /// Of the lab: dials `address` for `host`.
    ///
    /// # Errors
    /// [`Failure::ArgumentInvalid`].
    pub(crate) fn connect_to(&self, host: &str, address: &str) -> Result<(), Failure> {
        let address: SocketAddr = address.parse().map_err(|_| Failure::ArgumentInvalid)?;
        if host.is_empty() {
            return Err(Failure::ArgumentInvalid);
        }
        self.change(|policy| policy.with_connect_to(host, address));
        Ok(())
    }

    fn change(&self, change: impl FnOnce(FetchPolicy) -> FetchPolicy) {
        let mut policy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *policy = change(policy.clone());
    }

    fn policy(&self) -> FetchPolicy {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread, and what it shares. Dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Fetching {
    /// The process that the thread is in: a fork does not take it along.
    process: u32,
    /// There until the drop.
    running: Option<Running>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Running {
    orders: UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    Fetch {
        url: Box<str>,
        now: i64,
    },
    /// A call waits whose budget may be the first to end.
    Look,
}

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    /// Readable while a call is ready.
    event: EventFd,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Downloads under way: URL, and its host.
    flights: HashMap<Box<str>, Box<str>>,
    waits: Vec<Wait>,
    ready: VecDeque<u64>,
    /// URLs whose certificate a signature did not match, with the second until which none of them is
    /// fetched again for that.
    doubted: HashMap<Box<str>, i64>,
}

/// A call that waits.
#[derive(Debug)]
struct Wait {
    cookie: u64,
    due: Instant,
    /// Downloads that have not ended.
    urls: Vec<Box<str>>,
}

impl Fetching {
    /// # Errors
    /// [`Failure::System`]; those of [`Fetcher::new`].
    pub(crate) fn start(options: &FetchOptions, store: Arc<Store>) -> Result<Self, Failure> {
        let fetcher = Fetcher::new(options.policy())?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MAX_LOOKUPS)
            .build()
            .map_err(|_| Failure::System)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags).map_err(|_| Failure::System)?;
        let shared = Arc::new(Shared { store, event, state: Mutex::default() });
        // Not on the thread, which the children of a fork do not have: they would wait for it.
        table::make_generator();
        let (orders, received) = unbounded_channel();
        let of_thread = Arc::clone(&shared);
        // Threads begin with the mask of their maker. The host's signals are not for ours, and a
        // connection that breaks must not end the process by SIGPIPE.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(|_| Failure::System)?;
        let thread = thread::Builder::new()
            .name("shaken-fetch".into())
            .spawn(move || run::run(runtime, fetcher, &of_thread, received));
        mask.thread_set_mask().map_err(|_| Failure::System)?;
        let thread = thread.map_err(|_| Failure::System)?;
        Ok(Self { process: process::id(), running: Some(Running { orders, thread }), shared })
    }

    /// # Errors
    /// [`Failure::Forked`] in any process but that which started it.
    pub(crate) fn check_process(&self) -> Result<(), Failure> {
        if self.process == process::id() { Ok(()) } else { Err(Failure::Forked) }
    }

    pub(crate) fn event_fd(&self) -> i32 {
        self.shared.event.as_fd().as_raw_fd()
    }

    /// Has the certificate of `x5u` fetched, unless that is under way or was done meanwhile.
    ///
    /// # Errors
    /// [`Error::FetchOverload`]: as many downloads as may be are under way.
    pub(crate) fn ask(&self, x5u: &X5u<'_>, now: i64) -> Result<(), Error> {
        let mut state = self.shared.state();
        let store = &self.shared.store;
        if let Found::Fresh(_) | Found::Refused(_) = store.find(x5u.as_str(), &store.trust(), now) {
            return Ok(());
        }
        self.fetch(&mut state, x5u, now)
    }

    /// A signature does not match the certificate of `x5u`: perhaps there is another one by now. It is
    /// fetched again, once a minute at most, so that forged calls cause no more.
    pub(crate) fn doubt(&self, x5u: &X5u<'_>, now: i64) {
        let mut state = self.shared.state();
        if state.doubted.len() >= MAX_DOUBTED {
            state.doubted.retain(|_, until| now < *until);
        }
        let is_left_alone = state.doubted.get(x5u.as_str()).is_some_and(|until| now < *until);
        if !is_left_alone && state.doubted.len() < MAX_DOUBTED {
            state.doubted.insert(x5u.as_str().into(), now.saturating_add(DOUBT_S));
            // Who cannot start it now has its refusal already.
            let _ = self.fetch(&mut state, x5u, now);
        }
    }

    fn fetch(&self, state: &mut State, x5u: &X5u<'_>, now: i64) -> Result<(), Error> {
        if state.flights.contains_key(x5u.as_str()) {
            return Ok(());
        }
        let host = x5u.host().to_ascii_lowercase().into_boxed_str();
        // URLs that nobody knows may be many that never answer: they leave room for the others.
        let is_known = self.shared.store.has_seen(x5u.as_str());
        let most = if is_known { MAX_DOWNLOADS } else { MAX_DOWNLOADS / 2 };
        let of_host = state.flights.values().filter(|other| **other == host).count();
        let running = self.running.as_ref().ok_or(Error::FetchOverload)?;
        if state.flights.len() >= most || of_host >= MAX_PER_HOST {
            return Err(Error::FetchOverload);
        }
        let order = Order::Fetch { url: x5u.as_str().into(), now };
        running.orders.send(order).map_err(|_| Error::FetchOverload)?;
        state.flights.insert(x5u.as_str().into(), host);
        Ok(())
    }

    /// Has `cookie` become ready when the downloads of `urls` have ended, or the budget has.
    ///
    /// # Errors
    /// [`Failure::TooManyWaiting`]; [`Failure::System`] if the thread is gone.
    pub(crate) fn wait<'u>(
        &self,
        urls: impl Iterator<Item = &'u str>,
        budget_ms: u32,
        cookie: u64,
    ) -> Result<(), Failure> {
        let due = Instant::now() + Duration::from_millis(budget_ms.into());
        let mut state = self.shared.state();
        let urls: Vec<Box<str>> =
            urls.filter(|url| state.flights.contains_key(*url)).map(Into::into).collect();
        if state.waits.len() + state.ready.len() >= MAX_WAITING {
            return Err(Failure::TooManyWaiting);
        }
        if urls.is_empty() {
            self.shared.make_ready(&mut state, cookie);
            return Ok(());
        }
        let running = self.running.as_ref().ok_or(Failure::System)?;
        running.orders.send(Order::Look).map_err(|_| Failure::System)?;
        state.waits.push(Wait { cookie, due, urls });
        Ok(())
    }

    /// A call that is ready.
    ///
    /// # Errors
    /// [`Failure::Pending`] if there is none.
    pub(crate) fn next_ready(&self) -> Result<u64, Failure> {
        let mut state = self.shared.state();
        let next = state.ready.pop_front();
        if state.ready.is_empty() {
            // Under the lock, so that it is readable if and only if there is one.
            let _ = self.shared.event.read();
        }
        next.ok_or(Failure::Pending)
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        if self.check_process().is_err() {
            // In the child there is neither the thread nor who would hear of the end of the channel.
            std::mem::forget(running);
            return;
        }
        drop(running.orders);
        // It panicked: that is all over now.
        let _ = running.thread.join();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_ready(&self, state: &mut State, cookie: u64) {
        state.ready.push_back(cookie);
        // It can't fail but by a counter that nobody reads in 2^64 calls.
        let _ = self.event.write(1);
    }

    /// The download of `url` has ended.
    fn land(&self, url: &str) {
        let mut state = self.state();
        state.flights.remove(url);
        state.waits.iter_mut().for_each(|wait| wait.urls.retain(|other| **other != *url));
        self.take_ready(&mut state, |wait| wait.urls.is_empty());
    }

    /// Ends the waits whose budget has ended at `now`; answers when the next one does.
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        self.take_ready(&mut state, |wait| wait.due <= now);
        state.waits.iter().map(|wait| wait.due).min()
    }

    fn take_ready(&self, state: &mut State, is_ready: impl Fn(&Wait) -> bool) {
        let cookies: Vec<u64> =
            state.waits.extract_if(.., |wait| is_ready(wait)).map(|wait| wait.cookie).collect();
        cookies.into_iter().for_each(|cookie| self.make_ready(state, cookie));
    }
}

/// Downloads at a time, as many as a fetcher has.
const MAX_DOWNLOADS: usize = 64;

/// Of one host.
const MAX_PER_HOST: usize = 4;

/// Calls that wait or are ready.
const MAX_WAITING: usize = 4096;

/// Threads that look names up, as many as a fetcher's network has lookups.
const MAX_LOOKUPS: usize = 32;

/// How long a certificate that a signature did not match is left alone after it was fetched for that.
const DOUBT_S: i64 = 60;

const MAX_DOUBTED: usize = 10_000;
