//! The commands that are about a connection and not about a call: what client libraries send before
//! they are of use to anybody.

use super::reply::Reply;
use crate::listen::{Client, Known, Users};

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    id: u64,
    name: Vec<u8>,
    /// By which secret it is who it is.
    known: Option<Known>,
    /// Secrets that were wrong.
    failures: u32,
}

/// Whether the connection goes on behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Close,
}

impl Session {
    pub(super) fn new(client: Client, id: u64) -> Self {
        Self { client, id, name: Vec::new(), known: None, failures: 0 }
    }

    /// Whether it may do more than say who it is. On a Unix socket the kernel has said that.
    pub(super) fn is_known(&self) -> bool {
        match &self.client {
            Client::Process(_) => true,
            Client::Remote(remote) => remote.user.is_some(),
        }
    }

    /// Forgets who it is if that secret is not the user's any more.
    pub(super) fn check(&mut self, users: Option<&Users>) {
        let (Some(user), Some(known)) = (self.client.user(), &self.known) else { return };
        if !users.is_some_and(|users| users.still_knows(user, known)) {
            self.known = None;
            self.client = self.client.clone().known_as(None);
        }
    }

    /// The answer to a command, nothing if it is none of these.
    pub(super) fn answer(&mut self, words: &[&[u8]], users: Option<&Users>) -> Option<(Reply, Then)> {
        let (name, words) = words.split_first()?;
        let reply = match name.to_ascii_uppercase().as_slice() {
            b"QUIT" => return Some((Reply::OK, Then::Close)),
            b"AUTH" => return Some(self.auth(words, users)),
            b"HELLO" => return Some(self.hello(words, users)),
            _ if !self.is_known() => Reply::error("NOAUTH Authentication required: AUTH [user] secret"),
            b"PING" => match words {
                [] => Reply::Simple("PONG"),
                [text] => Reply::Bulk(text.to_vec()),
                _ => wrong_count(),
            },
            b"ECHO" => match words {
                [text] => Reply::Bulk(text.to_vec()),
                _ => wrong_count(),
            },
            b"SELECT" => match words {
                // There is one of everything; clients that count databases get on with that.
                [index] if index.len() <= 2 && index.iter().all(u8::is_ascii_digit) && !index.is_empty() => {
                    Reply::OK
                }
                [_] => Reply::error("ERR DB index is out of range"),
                _ => wrong_count(),
            },
            b"CLIENT" => self.about_client(words),
            b"COMMAND" => match words.first() {
                Some(sub) if sub.eq_ignore_ascii_case(b"COUNT") => Reply::Integer(COMMANDS.len() as u64),
                Some(sub) if sub.eq_ignore_ascii_case(b"LIST") => {
                    Reply::Array(COMMANDS.iter().map(|name| Reply::text(name)).collect())
                }
                _ => Reply::Array(Vec::new()),
            },
            b"INFO" => Reply::Bulk(self.info().into_bytes()),
            _ => return None,
        };
        Some((reply, Then::GoOn))
    }

    fn auth(&mut self, words: &[&[u8]], users: Option<&Users>) -> (Reply, Then) {
        let Some(users) = users else {
            let why = "ERR AUTH is not for this socket: the kernel tells who is there";
            return (Reply::error(why), Then::GoOn);
        };
        let (named, secret) = match words {
            [secret] => (None, secret),
            [user, secret] => (Some(*user), secret),
            _ => return (wrong_count(), Then::GoOn),
        };
        let known = users.proof_of(secret);
        let known = known.filter(|(user, _)| named.is_none_or(|named| named == user.as_bytes()));
        let then = match known {
            Some(_) => Then::GoOn,
            None => {
                self.failures += 1;
                if self.failures < MAX_FAILURES { Then::GoOn } else { Then::Close }
            }
        };
        let reply = known.as_ref().map_or_else(|| Reply::error(WRONGPASS), |_| Reply::OK);
        let (user, known) = known.unzip();
        self.known = known;
        // After a wrong secret nobody is who they were before.
        self.client = self.client.clone().known_as(user.map(str::to_owned));
        (reply, then)
    }

    /// `HELLO [2 [AUTH user secret] [SETNAME name]]`.
    fn hello(&mut self, words: &[&[u8]], users: Option<&Users>) -> (Reply, Then) {
        let syntax = (Reply::error("ERR Syntax error in HELLO"), Then::GoOn);
        let mut words = match words.split_first() {
            None => words,
            Some((version, words)) if *version == b"2" => words,
            Some(_) => {
                return (Reply::error("NOPROTO only version 2 of the protocol is spoken here"), Then::GoOn);
            }
        };
        let mut name = None;
        loop {
            words = match words {
                [] => break,
                [key, user, secret, rest @ ..] if key.eq_ignore_ascii_case(b"AUTH") => {
                    let (reply, then) = self.auth(&[*user, *secret], users);
                    if reply != Reply::OK {
                        return (reply, then);
                    }
                    rest
                }
                [key, given, rest @ ..] if key.eq_ignore_ascii_case(b"SETNAME") => {
                    name = Some(*given);
                    rest
                }
                _ => return syntax,
            };
        }
        if !self.is_known() {
            return (Reply::error("NOAUTH Authentication required: HELLO 2 AUTH user secret"), Then::GoOn);
        }
        if let Some(name) = name
            && let refused @ Reply::Error(_) = self.set_name(name)
        {
            return (refused, Then::GoOn);
        }
        let facts = [
            ("server", Reply::text("shaken")),
            ("version", Reply::text(env!("CARGO_PKG_VERSION"))),
            ("proto", Reply::Integer(2)),
            ("id", Reply::Integer(self.id)),
            ("mode", Reply::text("standalone")),
            ("role", Reply::text("master")),
            ("modules", Reply::Array(Vec::new())),
        ];
        let facts = facts.into_iter().flat_map(|(name, fact)| [Reply::text(name), fact]);
        (Reply::Array(facts.collect()), Then::GoOn)
    }

    fn about_client(&mut self, words: &[&[u8]]) -> Reply {
        let Some((sub, words)) = words.split_first() else { return wrong_count() };
        match (sub.to_ascii_uppercase().as_slice(), words) {
            (b"SETNAME", [name]) => self.set_name(name),
            (b"GETNAME", []) if self.name.is_empty() => Reply::Null,
            (b"GETNAME", []) => Reply::Bulk(self.name.clone()),
            (b"ID", []) => Reply::Integer(self.id),
            // What library it is: nobody here asks.
            (b"SETINFO", [_, _]) | (b"NO-EVICT" | b"NO-TOUCH", [_]) => Reply::OK,
            (b"SETNAME" | b"GETNAME" | b"ID" | b"SETINFO" | b"NO-EVICT" | b"NO-TOUCH", _) => wrong_count(),
            _ => Reply::error("ERR unknown subcommand of CLIENT"),
        }
    }

    fn set_name(&mut self, name: &[u8]) -> Reply {
        if name.len() > MAX_NAME_LEN || !name.iter().all(u8::is_ascii_graphic) {
            return Reply::error("ERR a client name is up to 64 printable characters without spaces");
        }
        self.name = name.to_vec();
        Reply::OK
    }

    fn info(&self) -> String {
        format!(
            "# Server\r\nshaken_version:{}\r\nprocess_id:{}\r\n\r\n# Client\r\nid:{}\r\nclient:{}\r\n",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            self.id,
            self.client
        )
    }
}

pub(super) fn wrong_count() -> Reply {
    Reply::error("ERR wrong number of arguments")
}

const COMMANDS: [&str; 11] = [
    "auth",
    "client",
    "command",
    "echo",
    "hello",
    "info",
    "ping",
    "quit",
    "select",
    "stir.sign",
    "stir.verify",
];

const WRONGPASS: &str = "WRONGPASS this is not the secret of that user";

/// Whoever guesses needs a new connection after so many.
const MAX_FAILURES: u32 = 3;

const MAX_NAME_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::listen::Peer;

    fn users() -> Users {
        let mut users = Users::nobody().unwrap();
        assert!(users.add("pbx".into(), b"first secret") && users.add("sbc".into(), b"second secret"));
        users
    }

    fn remote() -> Session {
        Session::new("192.0.2.1:9".parse::<SocketAddr>().unwrap().into(), 5)
    }

    fn ask(session: &mut Session, line: &str, users: Option<&Users>) -> (Reply, Then) {
        let words: Vec<&[u8]> = line.split('|').map(str::as_bytes).collect();
        session.answer(&words, users).unwrap_or_else(|| panic!("{line} is not answered"))
    }

    fn error_of(answer: (Reply, Then)) -> String {
        let Reply::Error(text) = answer.0 else { panic!("{answer:?} is no error") };
        text.split(' ').next().unwrap().to_owned()
    }

    #[test]
    fn on_tcp_only_a_secret_opens() {
        let users = users();
        let mut session = remote();
        for closed in ["PING", "INFO", "CLIENT|ID", "COMMAND", "HELLO", "HELLO|2", "SELECT|0", "STIR.SIGN"] {
            assert_eq!(error_of(ask(&mut session, closed, Some(&users))), "NOAUTH", "{closed}");
        }
        assert_eq!(error_of(ask(&mut session, "AUTH|sbc|first secret", Some(&users))), "WRONGPASS");
        assert!(!session.is_known());
        assert_eq!(ask(&mut session, "AUTH|first secret", Some(&users)), (Reply::OK, Then::GoOn));
        assert_eq!(session.client.user(), Some("pbx"));
        assert_eq!(ask(&mut session, "auth|sbc|second secret", Some(&users)).0, Reply::OK);
        assert_eq!(session.client.user(), Some("sbc"));
        assert_eq!(ask(&mut session, "PING", Some(&users)).0, Reply::Simple("PONG"));
        // A wrong one takes away what a right one gave, and the third ends the connection.
        assert_eq!(ask(&mut session, "AUTH|x", Some(&users)).1, Then::GoOn);
        assert!(!session.is_known());
        assert_eq!(ask(&mut session, "HELLO|2|AUTH|pbx|x", Some(&users)).1, Then::Close);
    }

    #[test]
    fn a_process_needs_no_secret_and_has_none() {
        let mut session = Session::new(Peer { uid: 1, gid: 1, pid: None }.into(), 5);
        assert_eq!(ask(&mut session, "PING", None).0, Reply::Simple("PONG"));
        assert_eq!(error_of(ask(&mut session, "AUTH|x", None)), "ERR");
        assert!(session.is_known());
    }

    #[test]
    fn what_libraries_send_at_first() {
        let mut session = Session::new(Peer { uid: 1, gid: 1, pid: None }.into(), 5);
        let mut ask = |line| ask(&mut session, line, None).0;
        for ok in [
            "SELECT|0",
            "select|15",
            "CLIENT|SETNAME|kamailio",
            "CLIENT|SETINFO|LIB-NAME|redis-py",
            "CLIENT|NO-EVICT|on",
        ] {
            assert_eq!(ask(ok), Reply::OK, "{ok}");
        }
        assert_eq!(ask("CLIENT|GETNAME"), Reply::text("kamailio"));
        assert_eq!(ask("CLIENT|ID"), Reply::Integer(5));
        assert_eq!(ask("ECHO|a"), Reply::text("a"));
        assert_eq!(ask("PING|a"), Reply::text("a"));
        assert_eq!(ask("COMMAND|DOCS"), Reply::Array(vec![]));
        assert_eq!(ask("COMMAND|COUNT"), Reply::Integer(11));
        let Reply::Array(hello) = ask("HELLO|2|SETNAME|x") else { panic!("no array") };
        assert_eq!(
            hello[..6],
            [
                Reply::text("server"),
                Reply::text("shaken"),
                Reply::text("version"),
                Reply::text(env!("CARGO_PKG_VERSION")),
                Reply::text("proto"),
                Reply::Integer(2),
            ]
        );
        assert_eq!(ask("CLIENT|GETNAME"), Reply::text("x"));
        for wrong in [
            "HELLO|3",
            "HELLO|x",
            "HELLO|2|x",
            "SELECT|-1",
            "SELECT|x",
            "SELECT",
            "SELECT|",
            "CLIENT",
            "CLIENT|KILL",
            "CLIENT|REPLY|OFF",
            "CLIENT|SETNAME|a b",
            "CLIENT|ID|x",
            "ECHO",
            "PING|a|b",
        ] {
            assert!(matches!(ask(wrong), Reply::Error(_)), "{wrong}");
        }
    }

    #[test]
    fn commands_of_calls_are_left_to_others() {
        let mut session = Session::new(Peer { uid: 1, gid: 1, pid: None }.into(), 5);
        assert_eq!(session.answer(&[b"STIR.SIGN"], None), None);
        assert_eq!(session.answer(&[], None), None);
        assert_eq!(ask(&mut session, "quit", None), (Reply::OK, Then::Close));
    }
}
