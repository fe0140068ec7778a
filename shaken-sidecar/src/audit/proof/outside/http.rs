//! A server that keeps checkpoints.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::endpoint::Endpoint;

/// Blocks until the server has answered, for ten seconds at most.
pub(super) fn post(endpoint: &Endpoint, note: &str) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let posted = runtime.block_on(async {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(TEXT))]);
        let answered = timeout(TIMEOUT, endpoint.exchange(headers, note.to_owned().into())).await;
        // The body of the answer is of no interest.
        answered.map(|answered| answered.map(|(response, _connection)| response.status()))
    });
    // A name that is still being resolved does not hold us.
    runtime.shutdown_background();
    match posted {
        Ok(Ok(status)) if status.is_success() => Ok(()),
        Ok(Ok(status)) => Err(format!("the server answered {status}")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

const TIMEOUT: Duration = Duration::from_secs(10);
