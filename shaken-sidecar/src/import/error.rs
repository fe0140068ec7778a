//! Why nothing was imported.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::{Place, Wanted};
use crate::audit::mask::mask_runs;
use crate::cli::printable;

/// Why the database gave no rows. None of it holds a secret, a number, or what stands in a row.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// Nobody answers there, or not as a PostgreSQL server does.
    Unreachable { place: String, error: io::Error },
    /// The server has no TLS, or not the certificate that was expected.
    Tls { place: String, why: String },
    /// We are not who we say, or may not use that database.
    Login { place: String, why: String },
    /// The server takes no more connections, or none now.
    Refused { place: String, why: String },
    /// It took too long, or somebody ended it at the server.
    Timeout { why: String },
    /// The connection has ended in between.
    Lost { why: String },
    /// The server does not take a query, or cannot carry it out.
    Query { wanted: Wanted, why: String },
    /// The columns of a query are not those of the file.
    Columns { wanted: Wanted, why: String },
    /// The rows cannot be written.
    Write { path: PathBuf, error: io::Error },
}

impl ImportError {
    /// Its stable name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "db-unreachable",
            Self::Tls { .. } => "db-tls",
            Self::Login { .. } => "db-login",
            Self::Refused { .. } => "db-refused",
            Self::Timeout { .. } => "db-timeout",
            Self::Lost { .. } => "db-lost",
            Self::Query { .. } => "db-query",
            Self::Columns { .. } => "db-columns",
            Self::Write { .. } => "import-write",
        }
    }

    /// Of the handshake.
    pub(super) fn of_tls(error: &io::Error, place: &Place) -> Self {
        let place = place.to_string();
        let why = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        let why = match why {
            Some(error @ rustls::Error::InvalidCertificate(_)) => format!(
                "{error}; postgresql.ca has to name the certificate of who signed the server's, and \
                 postgresql.host a name that is in it"
            ),
            Some(error) => error.to_string(),
            None => error.to_string(),
        };
        Self::Tls { place, why: shown(&why) }
    }

    /// Of the login.
    pub(super) fn of_login(error: &tokio_postgres::Error, place: &Place, has_password: bool) -> Self {
        let place = place.to_string();
        if let Some(told) = error.as_db_error() {
            let why = said(told);
            return match class(told.code()) {
                // Who we are, which database, whether we may use it.
                "28" | "3D" | "42" => Self::Login { place, why },
                _ => Self::Refused { place, why },
            };
        }
        let cause = error.source();
        match cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
            Some(cause) => Self::Unreachable { place, error: cause.kind().into() },
            None if cause.is_none() => {
                Self::Unreachable { place, error: io::Error::other(error.to_string()) }
            }
            None if !has_password => Self::Login {
                place,
                why: "the server asks for a password; give postgresql.password_file or .password_env".into(),
            },
            None => Self::Login { place, why: error.to_string() },
        }
    }

    /// Of what comes before the queries.
    pub(super) fn of_session(error: &tokio_postgres::Error) -> Self {
        Self::Lost { why: error.as_db_error().map_or_else(|| error.to_string(), said) }
    }

    /// Of a query that is looked at, before there are rows. `text` is what the server was given, if it
    /// is the query alone.
    pub(super) fn of_query(error: &tokio_postgres::Error, wanted: &Wanted, text: Option<&str>) -> Self {
        let Some(told) = error.as_db_error() else { return Self::of_session(error) };
        Self::ended(told, wanted).unwrap_or_else(|| {
            let why = match (told.position(), text) {
                (Some(ErrorPosition::Original(place)), Some(text)) => {
                    let before = text.chars().take((*place as usize).saturating_sub(1));
                    let line = 1 + before.filter(|c| *c == '\n').count();
                    format!("line {line} of the query: {}", said(told))
                }
                (_, None) if *told.code() == SqlState::SYNTAX_ERROR => {
                    format!("{}; a query is one SELECT, WITH, VALUES or TABLE", said(told))
                }
                _ => said(told),
            };
            Self::Query { wanted: wanted.clone(), why }
        })
    }

    /// Of a query that gives rows.
    pub(super) fn of_rows(error: &tokio_postgres::Error, wanted: &Wanted) -> Self {
        let Some(told) = error.as_db_error() else { return Self::of_session(error) };
        Self::ended(told, wanted).unwrap_or_else(|| {
            let why = match class(told.code()) {
                // About names. Anything else may show what stands in a row.
                "42" => said(told),
                _ => format!(
                    "it fails at some row, with SQLSTATE {}; run the query with psql, which shows why",
                    told.code().code()
                ),
            };
            Self::Query { wanted: wanted.clone(), why }
        })
    }

    /// What ends any query.
    fn ended(told: &DbError, wanted: &Wanted) -> Option<Self> {
        match told.code() {
            code if *code == SqlState::QUERY_CANCELED => {
                Some(Self::Timeout { why: format!("{wanted}: {}", said(told)) })
            }
            code if ["08", "53", "57", "58"].contains(&class(code)) => Some(Self::Lost { why: said(told) }),
            _ => None,
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { place, error } => {
                write!(f, "{place}: {error}; is a PostgreSQL server there, and may it be reached from here?")
            }
            Self::Tls { place, why } => write!(f, "{place}: TLS: {why}"),
            Self::Login { place, why } => write!(f, "{place}: {why}"),
            Self::Refused { place, why } => write!(f, "{place}: {why}; try again later"),
            Self::Timeout { why } => write!(f, "{why}; postgresql.timeout_s is how long a query may take"),
            Self::Lost { why } => write!(f, "the connection has ended: {why}; try again"),
            Self::Query { wanted, why } | Self::Columns { wanted, why } => write!(f, "{wanted}: {why}"),
            Self::Write { path, error } => write!(f, "{}: {error}", path.display()),
        }?;
        write!(f, " ({})", self.name())
    }
}

/// What the server says, and by which SQLSTATE. Details and hints may show rows.
fn said(told: &DbError) -> String {
    format!("{} (SQLSTATE {})", shown(told.message()), told.code().code())
}

/// Text of somebody else's.
fn shown(text: &str) -> String {
    printable(&mask_runs(text))
}

/// What SQLSTATEs of one sort begin with.
fn class(code: &SqlState) -> &str {
    code.code().get(..2).unwrap_or_default()
}
