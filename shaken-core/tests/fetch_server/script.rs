//! A resolver and a network that answer on order.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use shaken_core::fetch::{FetchPolicy, Network};
use tokio::net::TcpStream;

/// What [`Script`] does when asked to dial.
#[derive(Debug)]
pub(crate) enum Dial {
    Refuse,
    /// As if the SYN were dropped.
    Never,
    /// Never for the first address, then as a refusal.
    NeverThenRefuse,
    /// Another place than the one asked for.
    Elsewhere(SocketAddr),
}

/// A network that answers from a script and writes down what it was asked.
#[derive(Debug)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Option<Vec<IpAddr>>>>,
    dial: Dial,
    pub(crate) resolved: Mutex<Vec<String>>,
    pub(crate) dialled: Mutex<Vec<SocketAddr>>,
    pub(crate) dialling: AtomicUsize,
    pub(crate) most_dialling: AtomicUsize,
}

impl Script {
    /// One entry of `answers` for each lookup, `None` for a failing one; when they are used up,
    /// lookups never end.
    pub(crate) fn new(answers: impl IntoIterator<Item = Option<Vec<IpAddr>>>, dial: Dial) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            dial,
            resolved: Mutex::default(),
            dialled: Mutex::default(),
            dialling: AtomicUsize::new(0),
            most_dialling: AtomicUsize::new(0),
        })
    }

    pub(crate) fn policy(self: &Arc<Self>) -> FetchPolicy {
        FetchPolicy::default().with_network(Arc::clone(self) as Arc<dyn Network>)
    }
}

impl Network for Script {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.resolved.lock().unwrap().push(host.to_owned());
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            match answer {
                None => pending().await,
                Some(None) => Err(io::Error::other("no such name")),
                Some(Some(addresses)) => Ok(addresses),
            }
        })
    }

    fn dial(&self, address: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>> {
        let earlier = {
            let mut dialled = self.dialled.lock().unwrap();
            dialled.push(address);
            dialled.len() - 1
        };
        let counted = Counted::new(self);
        Box::pin(async move {
            let _counted = counted;
            match &self.dial {
                Dial::Never => pending().await,
                Dial::NeverThenRefuse if earlier == 0 => pending().await,
                Dial::Refuse | Dial::NeverThenRefuse => Err(io::ErrorKind::ConnectionRefused.into()),
                Dial::Elsewhere(place) => TcpStream::connect(place).await,
            }
        })
    }
}

/// Counts a dial as under way for as long as its future lives.
struct Counted<'a>(&'a Script);

impl<'a> Counted<'a> {
    fn new(script: &'a Script) -> Self {
        let now = script.dialling.fetch_add(1, Ordering::SeqCst) + 1;
        script.most_dialling.fetch_max(now, Ordering::SeqCst);
        Self(script)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dialling.fetch_sub(1, Ordering::SeqCst);
    }
}
