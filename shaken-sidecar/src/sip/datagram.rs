//! SIP over UDP: one message in a datagram.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::{Door, Outgoing, Received};
use crate::audit::Loss;
use crate::policy::Listener;

/// What a socket did in its life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Datagrams {
    received: u64,
    receive_errors: u64,
    panicked: u64,
    /// Calls that were not answered when the time to stop was over.
    aborted: usize,
}

/// Answers what comes until `stopping` turns true, and what is under way then for up to `drain`.
pub(crate) async fn serve(
    socket: UdpSocket,
    door: Arc<Door>,
    mut stopping: watch::Receiver<bool>,
    drain: Duration,
) -> Datagrams {
    // The kernel grants what it may; with less, a burst of calls is heard when it is repeated.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_LEN);
    let socket = Arc::new(socket);
    let mut buffer = vec![0; MAX_MESSAGE_LEN];
    let mut served = Datagrams::default();
    let mut underway = JoinSet::new();
    let panics = |ended: Result<(), JoinError>| u64::from(ended.is_err_and(|error| error.is_panic()));
    loop {
        tokio::select! {
            biased;
            () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => break,
            Some(ended) = underway.join_next() => served.panicked += panics(ended),
            received = socket.recv_from(&mut buffer) => match received {
                Ok((len, from)) => {
                    served.received += 1;
                    let message = buffer.get(..len).unwrap_or_default();
                    match door.receive(message, from, Listener::SipUdp, Instant::now()) {
                        Received::Nothing => {}
                        Received::Answer(answer) => {
                            send(&socket, &answer, from).await;
                        }
                        Received::Invite(invite) => {
                            let (socket, door) = (Arc::clone(&socket), Arc::clone(&door));
                            underway.spawn(async move {
                                let Some((answer, pending)) = invite.answer(&door).await else { return };
                                let is_sent = send(&socket, &answer, from).await;
                                let delivery = pending.and_then(crate::delivery::Pending::into_delivery);
                                if let Some(delivery) = delivery.filter(|_| !is_sent) {
                                    delivery.lost(Loss::ClientGone, door.calls.audit());
                                }
                            });
                        }
                    }
                }
                Err(error) => {
                    if served.receive_errors == 0 {
                        tracing::warn!(%error, "cannot receive datagrams");
                    }
                    served.receive_errors += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    let drained = async {
        while let Some(ended) = underway.join_next().await {
            served.panicked += panics(ended);
        }
    };
    drop(tokio::time::timeout(drain, drained).await);
    served.aborted = underway.len();
    served
}

/// Whether it is on its way.
async fn send(socket: &UdpSocket, answer: &Outgoing, from: SocketAddr) -> bool {
    match socket.send_to(&answer.bytes, answer.to).await {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(%error, %from, "an answer could not be sent");
            false
        }
    }
}

/// The longest datagram there is.
const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// Some thousand calls.
const RECEIVE_BUFFER_LEN: usize = 4 << 20;

/// What the kernel refuses it refuses for a while.
const PAUSE: Duration = Duration::from_millis(20);
