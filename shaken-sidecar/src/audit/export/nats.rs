//! NATS JetStream as a place for records: where it is, and one connection to it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::{Context, publish::PublishAck};
use async_nats::{ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr};
use hyper::body::Bytes;
use rustls::ClientConfig;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::message::Message;

/// Servers of one NATS cluster, and how records are published there.
#[derive(Clone)]
pub struct Nats {
    servers: Vec<ServerAddr>,
    tls: ClientConfig,
    login: Login,
    subject: Box<str>,
    stream: Option<Box<str>>,
    window: NonZeroU16,
}

/// Who we are for the servers. Never shown.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Login {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
    /// A token.
    Token(Zeroizing<String>),
    /// The contents of a credentials file: a JWT and the seed of its key.
    Credentials(Zeroizing<String>),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Password { .. } => "Password",
            Self::Token(_) => "Token",
            Self::Credentials(_) => "Credentials",
        })
    }
}

impl Nats {
    /// Reads the URLs of one or more servers, separated by commas. `tls` says whom their certificates
    /// have to chain to. Records go to subjects below `shaken.audit`, with 256 of them unacknowledged.
    ///
    /// # Errors
    /// [`NatsError::Url`] and [`NatsError::Plain`].
    pub fn parse(urls: &str, tls: ClientConfig) -> Result<Self, NatsError> {
        let servers = urls.split(',').map(|url| server(url.trim())).collect::<Result<_, _>>()?;
        Ok(Self {
            servers,
            tls,
            login: Login::Anonymous,
            subject: SUBJECT.into(),
            stream: None,
            window: WINDOW,
        })
    }

    /// Who we are.
    ///
    /// # Errors
    /// [`NatsError::Credentials`] if they are not of that form.
    pub fn with_login(mut self, login: Login) -> Result<Self, NatsError> {
        if let Login::Credentials(text) = &login {
            ConnectOptions::with_credentials(text).map_err(|_| NatsError::Credentials)?;
        }
        self.login = login;
        Ok(self)
    }

    /// The subject below which records go, each to that of its kind: `<subject>.call`.
    ///
    /// # Errors
    /// [`NatsError::Subject`] if nobody could publish there.
    pub fn with_subject(mut self, subject: &str) -> Result<Self, NatsError> {
        let is_token = |token: &str| {
            !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '>' | '"'))
        };
        // Those that begin so are the servers' own.
        let is_reserved = subject.starts_with('$') || subject.starts_with("_INBOX");
        if subject.len() > MAX_NAME_LEN || is_reserved || !subject.split('.').all(is_token) {
            return Err(NatsError::Subject);
        }
        self.subject = subject.into();
        Ok(self)
    }

    /// The stream that has to take the records. Otherwise it is whichever takes the subject.
    ///
    /// # Errors
    /// [`NatsError::Stream`] if no stream can have that name.
    pub fn with_stream(mut self, stream: &str) -> Result<Self, NatsError> {
        let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '.' | '*' | '>' | '/' | '\\' | '"');
        if stream.is_empty() || stream.len() > MAX_NAME_LEN || !stream.chars().all(fits) {
            return Err(NatsError::Stream);
        }
        self.stream = Some(stream.into());
        Ok(self)
    }

    /// How many records may wait for their acknowledgement.
    #[must_use]
    pub const fn with_window(mut self, window: NonZeroU16) -> Self {
        self.window = window;
        self
    }

    pub(super) fn window(&self) -> usize {
        usize::from(self.window.get())
    }

    /// One connection, which never becomes another by itself: what it had not sent when it broke must
    /// not be sent behind what comes later.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let (tell, broken) = watch::channel(None);
        let is_connected = Arc::new(AtomicBool::new(false));
        let was_connected = Arc::clone(&is_connected);
        let options = ConnectOptions::new()
            .name("shaken audit log")
            .connection_timeout(CONNECT_TIMEOUT)
            .require_tls(self.servers.iter().any(ServerAddr::tls_required))
            .tls_client_config(self.tls.clone())
            // The ones that the operator chose, no others.
            .ignore_discovered_servers()
            .reconnect_delay_callback(move |_| match was_connected.load(Ordering::Relaxed) {
                true => NEVER,
                false => Duration::ZERO,
            })
            .event_callback(move |event| {
                let why = match event {
                    Event::Disconnected | Event::Closed => Some("the connection was closed".to_owned()),
                    Event::ServerError(error) => Some(printable(&error.to_string())),
                    _ => None,
                };
                // The first one is the cause.
                if why.is_some() {
                    tell.send_if_modified(|told| told.is_none() && std::mem::replace(told, why).is_none());
                }
                std::future::ready(())
            });
        let options = match &self.login {
            Login::Anonymous => options,
            Login::Password { user, password } => {
                options.user_and_password(user.clone(), String::clone(password))
            }
            Login::Token(token) => options.token(String::clone(token)),
            Login::Credentials(text) => {
                options.credentials(text).map_err(|_| NatsError::Credentials.to_string())?
            }
        };
        let client = options.connect(&self.servers).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                "the server does not let us in: check user, password, token or credentials".to_owned()
            }
            _ => printable(&error.to_string()),
        })?;
        is_connected.store(true, Ordering::Relaxed);
        let jetstream = ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .max_ack_inflight(self.window())
            .backpressure_on_inflight(true)
            .build(client);
        Ok(Connection { jetstream, broken, subject: self.subject.clone(), stream: self.stream.clone() })
    }
}

/// Without what we show to get in.
impl fmt::Display for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, server) in self.servers.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let (open, close) = if server.host().contains(':') { ("[", "]") } else { ("", "") };
            write!(f, "{comma}{}://{open}{}{close}:{}", server.scheme(), server.host(), server.port())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nats({self}, {:?}, {:?}, {:?})", self.login, self.subject, self.stream)
    }
}

/// A connection that stands, or has broken.
pub(super) struct Connection {
    jetstream: Context,
    broken: watch::Receiver<Option<String>>,
    subject: Box<str>,
    stream: Option<Box<str>>,
}

impl Connection {
    /// Sends a message. What comes out resolves to whether the stream has it.
    pub(super) async fn publish(
        &self,
        message: &Message,
        payload: Bytes,
    ) -> Result<PublishAckFuture, String> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, message.id.as_str());
        headers.insert(INDEX_HEADER, message.index.to_string());
        headers.insert(SCHEMA_HEADER, message.schema.to_string());
        if let Some(stream) = &self.stream {
            headers.insert(NATS_EXPECTED_STREAM, &**stream);
        }
        let subject = format!("{}.{}", self.subject, message.kind);
        let sent = self.jetstream.publish_with_headers(subject, headers, payload).await;
        sent.map_err(|error| self.refused(&error))
    }

    /// What the stream has.
    pub(super) async fn acknowledged(&self, sent: PublishAckFuture) -> Result<PublishAck, String> {
        let ack = sent.await.map_err(|error| self.refused(&error))?;
        // A server that does not know the header.
        match &self.stream {
            Some(stream) if ack.stream != **stream => {
                Err(format!("the stream {:?} took the record instead of {stream:?}", printable(&ack.stream)))
            }
            _ => Ok(ack),
        }
    }

    /// Resolves to the reason when the connection has broken.
    pub(super) async fn broken(&self) -> String {
        let mut broken = self.broken.clone();
        let why = broken.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_else(|| "the connection was closed".to_owned())
    }

    fn refused(&self, error: &async_nats::jetstream::context::PublishError) -> String {
        match error.kind() {
            PublishErrorKind::StreamNotFound => {
                format!("no stream takes {}.>: make one, see AUDIT.md", self.subject)
            }
            PublishErrorKind::TimedOut => {
                format!(
                    "no acknowledgement within {} s: no stream takes the subject, or the servers have no quorum",
                    ACK_TIMEOUT.as_secs()
                )
            }
            _ => printable(&error.to_string()),
        }
    }
}

/// Why something is not where records can go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NatsError {
    /// It is not a list of `tls` URLs with nothing but host and port.
    Url,
    /// It is a `nats` URL of another host: records hold phone numbers.
    Plain {
        /// The host.
        host: String,
    },
    /// Nothing can be published to that subject.
    Subject,
    /// No stream can have that name.
    Stream,
    /// There is no JWT and no seed in it.
    Credentials,
}

impl fmt::Display for NatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str(
                "the servers must be URLs such as tls://nats.example.com:4222, separated by commas, without user \
                 and password",
            ),
            Self::Plain { host } => write!(
                f,
                "records go to {host} over TLS only, as they hold phone numbers: write tls://{host} (nats:// is \
                 for this host)"
            ),
            Self::Subject => f.write_str(
                "the subject must be words of printable ASCII with dots between them, without wildcards and not \
                 beginning with $ or _INBOX",
            ),
            Self::Stream => f.write_str("that is not the name of a stream"),
            Self::Credentials => {
                f.write_str("that is no credentials file: it must hold a user JWT and an NKEY seed")
            }
        }
    }
}

impl std::error::Error for NatsError {}

fn server(url: &str) -> Result<ServerAddr, NatsError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("tls" | "nats")) {
        return Err(NatsError::Url);
    }
    let server: ServerAddr = url.parse().map_err(|_| NatsError::Url)?;
    let parts = server.clone().into_inner();
    let has_more = !parts.username().is_empty()
        || parts.password().is_some()
        || !matches!(parts.path(), "" | "/")
        || parts.query().is_some()
        || parts.fragment().is_some();
    let host = server.host();
    if has_more || host.is_empty() {
        return Err(NatsError::Url);
    }
    let is_this_host =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if server.tls_required() || is_this_host {
        Ok(server)
    } else {
        Err(NatsError::Plain { host: host.to_owned() })
    }
}

/// What a server or a library said, in one short line.
fn printable(text: &str) -> String {
    text.chars().take(MAX_TOLD_LEN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What the header carries that tells the place of the record.
const INDEX_HEADER: &str = "Shaken-Index";

/// And the version of its format.
const SCHEMA_HEADER: &str = "Shaken-Schema";

const SUBJECT: &str = "shaken.audit";

/// Fills a round trip of some milliseconds at the rate that one stream takes.
const WINDOW: NonZeroU16 = NonZeroU16::new(256).unwrap();

const MAX_NAME_LEN: usize = 200;
const MAX_TOLD_LEN: usize = 200;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than a cluster takes to choose another leader.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than any connection's runtime lives after it has broken.
const NEVER: Duration = Duration::from_secs(3600 * 24);
