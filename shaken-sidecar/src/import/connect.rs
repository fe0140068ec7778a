//! A connection to the server, and who we are there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_rustls::TlsConnector;

use super::{Database, ImportError, Place};

/// Connects and logs in.
///
/// # Errors
/// [`ImportError`], also if all of it takes longer than ten seconds.
pub(super) async fn connect(database: &Database) -> Result<Client, ImportError> {
    let late = |_| ImportError::Unreachable {
        place: database.place.to_string(),
        error: io::ErrorKind::TimedOut.into(),
    };
    timeout(CONNECT_TIMEOUT, log_in(database)).await.map_err(late)?
}

async fn log_in(database: &Database) -> Result<Client, ImportError> {
    let stream = open(&database.place).await?;
    let mut config = Config::new();
    config.user(&database.user).dbname(&database.dbname).application_name("shaken policy import");
    // What there is of TLS is in the stream.
    config.ssl_mode(SslMode::Disable);
    if let Some(password) = &database.password {
        config.password(password.as_bytes());
    }
    let (client, connection) = config
        .connect_raw(stream, NoTls)
        .await
        .map_err(|error| ImportError::of_login(&error, &database.place, database.password.is_some()))?;
    // Whatever ends it, the request that waits is told.
    tokio::spawn(connection);
    Ok(client)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn open(place: &Place) -> Result<Box<dyn Stream>, ImportError> {
    let unreachable = |error| ImportError::Unreachable { place: place.to_string(), error };
    let (host, port, tls) = match place {
        Place::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?)),
        Place::Tcp { host, port, tls } => (host, *port, tls),
    };
    let mut stream = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
    let Some((config, name)) = tls else { return Ok(Box::new(stream)) };
    if !offers_tls(&mut stream).await.map_err(unreachable)? {
        let why = "the server offers no TLS; set ssl = on there, with a certificate".into();
        return Err(ImportError::Tls { place: place.to_string(), why });
    }
    let stream = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream).await;
    Ok(Box::new(stream.map_err(|error| ImportError::of_tls(&error, place))?))
}

/// Asks for TLS. Exactly one byte of the answer is taken: whatever else came in clear is no TLS, and fails as such.
async fn offers_tls(stream: &mut TcpStream) -> io::Result<bool> {
    stream.write_all(&SSL_REQUEST).await?;
    Ok(stream.read_u8().await? == b'S')
}

/// `SSLRequest` of PostgreSQL's protocol: its length, and a code that is no version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// For the name, the connection, TLS and the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
