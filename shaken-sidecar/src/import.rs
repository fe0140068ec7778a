//! Rows of a policy from a PostgreSQL server: a query for each file, all of one moment.
//!
//! ```text
//! connect   Unix socket, TCP or TLS; who we are
//! columns   a query's columns against the file's; every type as the text that the file has for it
//! read      one transaction, rows as they come, into files that nobody reads yet
//! staged    those files, and the one step that puts them in place
//! ```

mod columns;
mod connect;
mod error;
mod staged;

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_postgres::{IsolationLevel, Transaction};
use zeroize::Zeroizing;

use crate::policy::data::Kind;

pub(crate) use error::ImportError;
pub(crate) use staged::{Staged, put_in_place};

/// A database and who we are there.
pub(crate) struct Database {
    pub(crate) place: Place,
    pub(crate) dbname: String,
    pub(crate) user: String,
    pub(crate) password: Option<Zeroizing<String>>,
    /// How long a query may take, from its start to its last row.
    pub(crate) timeout: Duration,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({} at {})", self.dbname, self.place)
    }
}

/// Where a server listens.
pub(crate) enum Place {
    /// A socket.
    Unix(PathBuf),
    /// A port. Where there is TLS, the certificate has to be for the name.
    Tcp { host: String, port: u16, tls: Option<(Arc<ClientConfig>, ServerName<'static>)> },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
        }
    }
}

/// What a query gives the rows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Rights,
    Customers,
    Evidence,
    /// A list, by its name in `policy.toml`.
    List(PathBuf),
}

impl Wanted {
    /// The kind of file.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Rights => Kind::Rights,
            Self::Customers => Kind::Customers,
            Self::Evidence => Kind::Evidence,
            Self::List(_) => Kind::List,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights => f.write_str("rights"),
            Self::Customers => f.write_str("customers"),
            Self::Evidence => f.write_str("evidence"),
            Self::List(file) => write!(f, "list {file:?}"),
        }
    }
}

/// A query, without the semicolon at its end.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) wanted: Wanted,
    pub(crate) text: String,
}

/// Writes the rows of each query to the file beside it, as CSV, and syncs it. All queries see the same moment,
/// and none of them can change anything. A row at a time is in memory.
///
/// # Errors
/// [`ImportError`]; some of the files may have been written to then.
pub(crate) async fn read(database: &Database, queries: &mut [(Query, Staged)]) -> Result<(), ImportError> {
    let mut client = connect::connect(database).await?;
    let limit = database.timeout + GRACE;
    let begin = async {
        let transaction =
            client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = transaction.start().await?;
        // Days and times are those of the files: in UTC, the year first.
        let session = format!(
            "SET LOCAL statement_timeout = {}; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'",
            database.timeout.as_millis()
        );
        transaction.batch_execute(&session).await?;
        Ok(transaction)
    };
    let late = |what: &dyn fmt::Display| ImportError::Timeout {
        why: format!("{what}: the server has not answered for {} s", limit.as_secs()),
    };
    let transaction = timeout(limit, begin)
        .await
        .map_err(|_| late(&database.place))?
        .map_err(|error| ImportError::of_session(&error))?;
    for (query, staged) in queries {
        let rows = read_one(&transaction, query, staged.file());
        let outcome = timeout(limit, rows).await.map_err(|_| late(&query.wanted))?;
        outcome.map_err(|failed| match failed {
            Failed::Import(error) => error,
            Failed::Io(error) => ImportError::Write { path: staged.path(), error },
        })?;
    }
    // It has changed nothing: how it ends does not matter any more.
    Ok(())
}

/// Why the rows of a query are not in their file.
enum Failed {
    Import(ImportError),
    Io(std::io::Error),
}

async fn read_one(transaction: &Transaction<'_>, query: &Query, file: &mut File) -> Result<(), Failed> {
    let (wanted, text) = (&query.wanted, query.text.as_str());
    let of_text = |error| Failed::Import(ImportError::of_query(&error, wanted, Some(text)));
    let statement = transaction.prepare(text).await.map_err(of_text)?;
    let refuse = |why| Failed::Import(ImportError::Columns { wanted: wanted.clone(), why });
    if !statement.params().is_empty() {
        return Err(refuse("it has parameters ($1), and nothing gives them a value".into()));
    }
    let given: Vec<_> =
        statement.columns().iter().map(|column| (column.name(), column.type_().clone())).collect();
    let copy = columns::copy(text, &given, wanted.kind().columns()).map_err(refuse)?;
    // Of the text around it, places in it mean nothing to who wrote the query.
    let of_copy = |error| Failed::Import(ImportError::of_query(&error, wanted, None));
    let statement = transaction.prepare(&copy).await.map_err(of_copy)?;
    let of_rows = |error| Failed::Import(ImportError::of_rows(&error, wanted));
    let mut rows = pin!(transaction.copy_out(&statement).await.map_err(of_rows)?);
    let mut file = BufWriter::with_capacity(1 << 16, file);
    while let Some(bytes) = rows.try_next().await.map_err(of_rows)? {
        file.write_all(&bytes).map_err(Failed::Io)?;
    }
    file.flush().and_then(|()| file.get_ref().sync_all()).map_err(Failed::Io)
}

/// The server ends a query that takes too long; this is for a server that does not answer at all.
const GRACE: Duration = Duration::from_secs(5);
