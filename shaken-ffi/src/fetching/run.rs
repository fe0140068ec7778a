//! What the thread does.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shaken_core::fetch::Fetcher;
use shaken_core::{Error, X5u};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep_until};

use super::{Order, Shared};
use crate::guard::Failure;

/// Fetches what is ordered until nobody can order any more. Downloads that are under way then are
/// dropped.
pub(super) fn run(
    runtime: Runtime,
    fetcher: Fetcher,
    shared: &Arc<Shared>,
    mut orders: UnboundedReceiver<Order>,
) {
    let fetcher = Arc::new(fetcher);
    runtime.block_on(async {
        let mut downloads = JoinSet::new();
        let mut tables = interval(TABLES_EVERY);
        loop {
            let due = shared.expire(Instant::now());
            let budget_ends = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    None => break,
                    Some(Order::Look) => {}
                    Some(Order::Fetch { url, now }) => {
                        let end = EndOfFlight { shared: Arc::clone(shared), url };
                        downloads.spawn(download(Arc::clone(&fetcher), end, now));
                    }
                },
                Some(_) = downloads.join_next() => {}
                () = budget_ends => {}
                _ = tables.tick() => shared.store.build_tables(),
            }
        }
    });
    // Names that are being looked up keep their threads for as long as the resolver pleases.
    runtime.shutdown_timeout(LOOKUPS_END);
}

async fn download(fetcher: Arc<Fetcher>, flight: EndOfFlight, now: i64) {
    let store = &flight.shared.store;
    let fetched = match X5u::parse(&flight.url) {
        Ok(x5u) => fetcher.fetch(&x5u).await,
        Err(error) => Err(error),
    };
    // What is wrong is kept by the store, for whoever asks next.
    let _: Result<(), Failure> = match fetched {
        Ok(fetched) => {
            store.insert(&flight.url, &fetched.body, fetched.max_age.map(|age| age.as_secs()), now)
        }
        Err(error @ Error::FetchOverload) => Err(error.into()),
        Err(error) => store.note_failure(&flight.url, error, now),
    };
}

/// Ends a flight even if the download panics or is dropped.
struct EndOfFlight {
    shared: Arc<Shared>,
    url: Box<str>,
}

impl Drop for EndOfFlight {
    fn drop(&mut self) {
        self.shared.land(&self.url);
    }
}

const TABLES_EVERY: Duration = Duration::from_secs(1);

const LOOKUPS_END: Duration = Duration::from_secs(2);
