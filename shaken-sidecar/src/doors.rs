//! All doors of the daemon together: how they open, and how they close so that nobody is left without
//! an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use crate::api::{self, Api};
use crate::config::{Config, Sip, UnixPlace};
use crate::life::activation::Inherited;
use crate::life::{self, Life};
use crate::listen::{ListenError, Peer, Pulse, SocketWatch, TcpListen, UnixListen};
use crate::policy::Listener;
use crate::{resp, sip};

/// What is listened on.
pub(crate) struct Doors {
    pub(crate) http: UnixListen,
    pub(crate) http_tcp: Option<TcpListen>,
    pub(crate) monitoring: Option<TcpListen>,
    pub(crate) resp: Option<UnixListen>,
    pub(crate) resp_tcp: Option<TcpListen>,
    pub(crate) sip: Option<SipSockets>,
}

/// SIP: what all sockets share, and each of them.
pub(crate) struct SipSockets {
    secret: sip::Secret,
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListen>,
}

impl SipSockets {
    /// What was handed over is used where the configuration has an address for it, the rest bound.
    fn bind(
        sip: &Sip,
        mut handed_udp: Vec<std::net::UdpSocket>,
        mut handed_tcp: Vec<std::net::TcpListener>,
    ) -> Result<Self, ListenError> {
        let udp = sip.udp.iter().map(|&address| {
            let handed = take_at(&mut handed_udp, address, std::net::UdpSocket::local_addr);
            let socket = handed.map_or_else(|| std::net::UdpSocket::bind(address), Ok);
            let socket = socket.and_then(|socket| {
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket)
            });
            socket.map_err(|source| ListenError::Address { address, source })
        });
        let udp = udp.collect::<Result<_, _>>()?;
        let tcp = sip.tcp.iter().map(|&address| {
            match take_at(&mut handed_tcp, address, std::net::TcpListener::local_addr) {
                Some(listener) => TcpListen::adopt(listener, address),
                None => TcpListen::bind(address),
            }
        });
        let tcp = tcp.collect::<Result<_, _>>()?;
        let left = handed_udp.iter().map(|socket| ("sip-udp", socket.local_addr()));
        let left = left.chain(handed_tcp.iter().map(|listener| ("sip-tcp", listener.local_addr())));
        if let Some((name, found)) = left.into_iter().next() {
            let found = found.map_or_else(|error| error.to_string(), |address| address.to_string());
            return Err(ListenError::HandedOver {
                why: format!("{name:?} is at {found}, which the configuration does not have for it"),
            });
        }
        let secret = sip::Secret::generate().ok_or(ListenError::NoRandomness)?;
        Ok(Self { secret, udp, tcp })
    }
}

/// The one of `sockets` that is at `address`.
fn take_at<T>(
    sockets: &mut Vec<T>,
    address: SocketAddr,
    at: impl Fn(&T) -> std::io::Result<SocketAddr>,
) -> Option<T> {
    let place = sockets.iter().position(|socket| at(socket).is_ok_and(|at| at == address))?;
    Some(sockets.remove(place))
}

impl Doors {
    /// What was handed over is used, the rest bound.
    pub(crate) fn bind(config: &Config, inherited: Inherited) -> Result<Self, ListenError> {
        let unix = |place: &UnixPlace, handed: Option<_>| match handed {
            Some(listener) => UnixListen::adopt(listener, &place.path),
            None => UnixListen::bind(&place.path, place.mode, place.group.as_ref()),
        };
        let tcp = |address: SocketAddr, handed: Option<_>| match handed {
            Some(listener) => TcpListen::adopt(listener, address),
            None => TcpListen::bind(address),
        };
        let resp_unix = config.resp.as_ref().and_then(|resp| resp.unix.as_ref());
        let resp_address =
            config.resp.as_ref().and_then(|resp| resp.tcp.as_ref()).map(|(address, _)| *address);
        let http_address = config.http_tcp.as_ref().map(|http| http.address);
        for (name, is_handed, is_configured) in [
            ("resp", inherited.resp.is_some(), resp_unix.is_some()),
            ("resp-tcp", inherited.resp_tcp.is_some(), resp_address.is_some()),
            ("http-tcp", inherited.http_tcp.is_some(), http_address.is_some()),
            ("admin", inherited.admin.is_some(), config.monitoring.is_some()),
            ("sip-udp", !inherited.sip_udp.is_empty(), config.sip.is_some()),
            ("sip-tcp", !inherited.sip_tcp.is_empty(), config.sip.is_some()),
        ] {
            if is_handed && !is_configured {
                let why = format!("the configuration has no door for {name:?}");
                return Err(ListenError::HandedOver { why });
            }
        }
        let resp = resp_unix.map(|place| unix(place, inherited.resp)).transpose()?;
        let resp_tcp = resp_address.map(|address| tcp(address, inherited.resp_tcp)).transpose()?;
        let http_tcp = http_address.map(|address| tcp(address, inherited.http_tcp)).transpose()?;
        let monitoring = config.monitoring.map(|address| tcp(address, inherited.admin)).transpose()?;
        let sip = config.sip.as_ref();
        let sip = sip.map(|sip| SipSockets::bind(sip, inherited.sip_udp, inherited.sip_tcp)).transpose()?;
        // The last one: who finds it finds the others.
        let place = UnixPlace {
            path: config.socket.clone(),
            mode: config.socket_mode,
            group: config.socket_group.clone(),
        };
        let http = unix(&place, inherited.http)?;
        Ok(Self { http, http_tcp, monitoring, resp, resp_tcp, sip })
    }

    pub(crate) fn pulses(&self) -> Vec<Pulse> {
        let unix = [Some(&self.http), self.resp.as_ref()].into_iter().flatten().map(UnixListen::pulse);
        let sip = self.sip.iter().flat_map(|sip| &sip.tcp);
        let tcp = [&self.http_tcp, &self.monitoring, &self.resp_tcp]
            .into_iter()
            .flatten()
            .chain(sip)
            .map(TcpListen::pulse);
        unix.chain(tcp).collect()
    }

    pub(crate) fn sockets(&self) -> Vec<SocketWatch> {
        [Some(&self.http), self.resp.as_ref()].into_iter().flatten().map(UnixListen::watch).collect()
    }

    /// Serves until `shutdown` resolves and all calls under way are answered, or their time is up.
    pub(crate) async fn serve(self, api: &Arc<Api>, life: &Arc<Life>, shutdown: impl Future<Output = ()>) {
        let pulses = self.pulses();
        let Self { http, http_tcp, monitoring, resp, resp_tcp, sip } = self;
        let (close, closing) = watch::channel(false);
        let (stop, stopping) = watch::channel(false);
        let closed = || {
            let mut closing = closing.clone();
            async move { drop(closing.wait_for(|closing| *closing).await) }
        };
        let http = async {
            let door = Arc::new(api::Door { listener: Listener::Http, api: Arc::clone(api) });
            let handler =
                |stream, peer: Peer| api::serve(stream, peer.into(), Arc::clone(&door), stopping.clone());
            http.serve(handler, closed(), DRAIN).await
        };
        let http_tcp = async {
            let door = Arc::new(api::Door { listener: Listener::HttpTcp, api: Arc::clone(api) });
            let handler = |stream, address: SocketAddr| {
                api::serve_tcp(stream, address, Arc::clone(&door), stopping.clone())
            };
            Some(http_tcp?.serve(handler, closed(), DRAIN).await)
        };
        let monitoring = async {
            let handler =
                |stream, _: SocketAddr| api::serve_monitoring(stream, Arc::clone(life), stopping.clone());
            Some(monitoring?.serve(handler, closed(), DRAIN).await)
        };
        let resp = async {
            let door = Arc::new(resp::Door::new(Listener::Resp, Arc::clone(&api.calls)));
            let handler =
                |stream, peer: Peer| resp::serve(stream, peer.into(), Arc::clone(&door), stopping.clone());
            Some(resp?.serve(handler, closed(), DRAIN).await)
        };
        let resp_tcp = async {
            let door = Arc::new(resp::Door::new(Listener::RespTcp, Arc::clone(&api.calls)));
            let handler = |stream, address: SocketAddr| {
                resp::serve(stream, address.into(), Arc::clone(&door), stopping.clone())
            };
            Some(resp_tcp?.serve(handler, closed(), DRAIN).await)
        };
        let sip = async {
            let SipSockets { secret, udp, tcp } = sip?;
            let door = Arc::new(sip::Door::new(secret, Arc::clone(&api.calls)));
            let udp = udp
                .into_iter()
                .map(|socket| sip::serve_datagrams(socket, Arc::clone(&door), stopping.clone(), DRAIN));
            let handler = |stream, address: SocketAddr| {
                sip::serve_stream(stream, address, Arc::clone(&door), stopping.clone())
            };
            let tcp = tcp.into_iter().map(|listener| listener.serve(handler, closed(), DRAIN));
            Some(tokio::join!(join_all(udp), join_all(tcp)))
        };
        let shutdown = async {
            shutdown.await;
            tracing::info!("stopping");
            life.stop();
            life::tell_stopping();
            close.send_replace(true);
            // Who is told to come again must not come to us.
            while !pulses.iter().all(Pulse::has_stopped) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            stop.send_replace(true);
        };
        let (http, http_tcp, monitoring, resp, resp_tcp, sip, ()) =
            tokio::join!(http, http_tcp, monitoring, resp, resp_tcp, sip, shutdown);
        tracing::info!(?http, ?http_tcp, ?monitoring, ?resp, ?resp_tcp, ?sip, "stopped");
    }
}

/// How long calls under way may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
