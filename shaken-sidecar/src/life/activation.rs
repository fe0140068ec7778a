//! Sockets that the service manager made and keeps (sd_listen_fds(3)): they outlive the daemon, so
//! that nobody is refused while it is restarted.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::listen::ListenError;

/// What was handed over, by door.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Inherited {
    /// `http`: HTTP on the Unix socket.
    pub http: Option<UnixListener>,
    /// `http-tcp`: HTTP on TCP.
    pub http_tcp: Option<TcpListener>,
    /// `admin`: metrics and health on TCP.
    pub admin: Option<TcpListener>,
    /// `resp`: the Redis protocol on its Unix socket.
    pub resp: Option<UnixListener>,
    /// `resp-tcp`: the Redis protocol on TCP.
    pub resp_tcp: Option<TcpListener>,
    /// `sip-udp`: SIP on UDP, as many as there are addresses.
    pub sip_udp: Vec<UdpSocket>,
    /// `sip-tcp`: SIP on TCP, as many as there are addresses.
    pub sip_tcp: Vec<TcpListener>,
}

impl Inherited {
    /// Takes what was handed over to this very process, by the names of `LISTEN_FDNAMES`. To be called
    /// once, before there is another thread.
    ///
    /// # Errors
    /// [`ListenError::HandedOver`] if there are sockets that cannot be told apart, are of another kind,
    /// or that no door is for.
    pub fn take() -> Result<Self, ListenError> {
        let own = std::process::id().to_string();
        // Those for a parent are none of ours.
        if std::env::var("LISTEN_PID").ok().as_deref() != Some(&own) {
            return Ok(Self::default());
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let names: Vec<&str> = names.split(':').collect();
        let wrong = |why: String| ListenError::HandedOver { why };
        if handed.len() > 0 && names.len() != handed.len() {
            return Err(wrong(format!(
                "there are {} and {} names; set FileDescriptorName= in each .socket unit",
                handed.len(),
                names.len()
            )));
        }
        let mut inherited = Self::default();
        for (index, name) in names.iter().enumerate().take(handed.len()) {
            let is_first = match *name {
                "http" => place(&mut inherited.http, handed.take_unix_listener(index)),
                "resp" => place(&mut inherited.resp, handed.take_unix_listener(index)),
                "http-tcp" => place(&mut inherited.http_tcp, handed.take_tcp_listener(index)),
                "admin" => place(&mut inherited.admin, handed.take_tcp_listener(index)),
                "resp-tcp" => place(&mut inherited.resp_tcp, handed.take_tcp_listener(index)),
                "sip-udp" => join(&mut inherited.sip_udp, handed.take_udp_socket(index)),
                "sip-tcp" => join(&mut inherited.sip_tcp, handed.take_tcp_listener(index)),
                name => {
                    return Err(wrong(format!(
                        "one is named {name:?}; the doors are http, http-tcp, resp, resp-tcp, sip-udp, \
                         sip-tcp and admin (FileDescriptorName= in the .socket unit)"
                    )));
                }
            };
            match is_first {
                Ok(true) => {}
                Ok(false) => return Err(wrong(format!("two are named {name:?}"))),
                Err(error) => return Err(wrong(format!("{name:?} is of another kind: {error}"))),
            }
        }
        Ok(inherited)
    }
}

/// Answers whether the place was free.
fn place<T>(place: &mut Option<T>, taken: std::io::Result<Option<T>>) -> std::io::Result<bool> {
    Ok(match taken? {
        Some(listener) => place.replace(listener).is_none(),
        None => false,
    })
}

/// The same where there may be several, which their addresses tell apart.
fn join<T>(others: &mut Vec<T>, taken: std::io::Result<Option<T>>) -> std::io::Result<bool> {
    others.extend(taken?);
    Ok(true)
}
