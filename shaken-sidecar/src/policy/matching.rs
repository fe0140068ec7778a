//! Which requests are on a trunk.
//!
//! What a request is known by comes first: the listener, and the user id, user or peer behind it, none of
//! which it can choose. A mark comes second: what those who are known say of where a call came in.

use std::cell::OnceCell;

use hyper::HeaderMap;
use hyper::header::HeaderName;
use serde::Deserialize;
use shaken_core::sip::{Request, Said};

use super::Listener;
use crate::listen::Client;

/// What requests must have to be on a trunk; what is not given is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "these are the keys of the configuration")]
pub struct Match {
    /// Only requests on this listener.
    pub listener: Option<Listener>,
    /// Only requests of processes with this effective user id.
    pub uid: Option<u32>,
    /// Only requests of who gave the secret of this user, on TCP.
    pub user: Option<String>,
    /// Only requests of this peer, in SIP.
    pub peer: Option<String>,
    /// Only requests that carry this.
    pub mark: Option<Mark>,
    /// Whether requests must name the trunk.
    #[serde(default, rename = "by_name")]
    pub named: Named,
}

/// Whether requests must name a trunk to be on it, of those that could be: so that one client may use several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
#[expect(clippy::exhaustive_enums, reason = "they must or need not")]
pub enum Named {
    /// They may.
    #[default]
    NeedNot,
    /// They must.
    Must,
}

impl From<bool> for Named {
    fn from(by_name: bool) -> Self {
        if by_name { Self::Must } else { Self::NeedNot }
    }
}

/// What tells the calls of one trunk from those of another behind the same client. Compared as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "MarkSection")]
#[non_exhaustive]
pub enum Mark {
    /// A header field of the INVITE or of the HTTP request.
    Header {
        /// Its name, in any case.
        name: String,
        /// Its whole value.
        value: String,
    },
    /// The `otg` of an INVITE.
    Otg(String),
    /// The originating trunk group of an INVITE (RFC 4904).
    Tgrp {
        /// `tgrp`
        label: String,
        /// `trunk-context`
        context: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkSection {
    header: Option<String>,
    value: Option<String>,
    otg: Option<String>,
    tgrp: Option<String>,
    context: Option<String>,
}

/// What a request brings along that a [`Mark`] may stand in.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "header fields hold tokens and numbers")]
#[non_exhaustive]
pub enum Carried<'r> {
    /// Nothing of the kind.
    Nothing,
    /// The header fields of HTTP.
    Http(&'r HeaderMap),
    /// An INVITE.
    Invite(&'r Request<'r>),
}

/// What is carried, with what costs to read read once, however many trunks ask for it.
pub(super) struct Marks<'r> {
    carried: Carried<'r>,
    otg: OnceCell<Said<&'r str>>,
    tgrp: OnceCell<Said<(&'r str, &'r str)>>,
}

impl<'r> Marks<'r> {
    pub(super) fn new(carried: Carried<'r>) -> Self {
        Self { carried, otg: OnceCell::new(), tgrp: OnceCell::new() }
    }
}

/// What can be said about whether a request is on a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    Yes,
    No,
    /// It carries the mark's kind twice or broken. It is on this trunk or on another, and must not choose.
    Unclear,
}

impl Match {
    /// Whether it says enough, and nothing that cannot be.
    ///
    /// # Errors
    /// What to say instead.
    pub fn check(&self) -> Result<(), &'static str> {
        let facts = [self.uid.is_some(), self.user.is_some(), self.peer.is_some()];
        let facts = facts.into_iter().filter(|is_given| *is_given).count();
        if facts == 0 && self.listener.is_none() {
            return Err(
                "say how it is recognized: uid = N, user = \"name\", peer = \"name\", or listener = \
                        \"http\", alone or with one of those",
            );
        }
        if facts > 1 {
            return Err("uid is for Unix sockets, user for TCP, peer for SIP; make two trunks");
        }
        if self.peer.is_some() && self.named == Named::Must {
            return Err("no INVITE names a trunk; leave by_name out, and tell its trunks apart by mark");
        }
        match &self.mark {
            Some(_) if facts == 0 => Err("a mark is what somebody says: say who, with uid, user or peer"),
            Some(Mark::Otg(_) | Mark::Tgrp { .. }) if self.peer.is_none() => {
                Err("otg and tgrp are of an INVITE: they need peer")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn takes(&self, listener: Listener, client: &Client, marks: &Marks<'_>) -> Belongs {
        let is_theirs = self.listener.is_none_or(|wanted| wanted == listener)
            && self.uid.is_none_or(|wanted| client.uid() == Some(wanted))
            && self.user.as_deref().is_none_or(|wanted| !listener.is_sip() && client.user() == Some(wanted))
            && self.peer.as_deref().is_none_or(|wanted| listener.is_sip() && client.user() == Some(wanted));
        match &self.mark {
            _ if !is_theirs => Belongs::No,
            None => Belongs::Yes,
            Some(mark) => mark.is_in(marks),
        }
    }

    /// Whether every request that `later` takes is taken by this one before.
    pub(super) fn takes_all_of(&self, later: &Self) -> bool {
        self.named == Named::NeedNot
            && later.named == Named::NeedNot
            && self.uid.is_none_or(|uid| later.uid == Some(uid))
            && self.user.as_ref().is_none_or(|user| later.user.as_ref() == Some(user))
            && self.peer.as_ref().is_none_or(|peer| later.peer.as_ref() == Some(peer))
            && self.mark.as_ref().is_none_or(|mark| later.mark.as_ref() == Some(mark))
            && self.listener.is_none_or(|listener| later.listener == Some(listener))
    }
}

impl Mark {
    fn is_in(&self, marks: &Marks<'_>) -> Belongs {
        match (self, marks.carried) {
            (Self::Header { name, value }, Carried::Invite(invite)) => {
                compare_field(invite.field(name), value)
            }
            (Self::Header { name, value }, Carried::Http(headers)) => {
                let mut values = headers.get_all(name.as_str()).iter();
                let said = match values.next() {
                    None => Said::Nothing,
                    Some(first) if values.all(|other| other == first) => Said::Once(first.as_bytes()),
                    Some(_) => Said::Unclear,
                };
                compare_field(said, value)
            }
            (Self::Otg(group), Carried::Invite(invite)) => {
                compare(*marks.otg.get_or_init(|| invite.otg()), &group.as_str())
            }
            (Self::Tgrp { label, context }, Carried::Invite(invite)) => {
                let said = *marks.tgrp.get_or_init(|| invite.originating_tgrp());
                compare(said, &(label.as_str(), context.as_str()))
            }
            (_, Carried::Nothing | Carried::Http(_)) => Belongs::No,
        }
    }
}

/// Several fields of a name may come as one, with commas (RFC 3261 §7.3.1).
fn compare_field(said: Said<&[u8]>, wanted: &str) -> Belongs {
    let is_among =
        |value: &[u8]| value.split(|b| *b == b',').any(|one| one.trim_ascii() == wanted.as_bytes());
    match compare(said, &wanted.as_bytes()) {
        Belongs::No if matches!(said, Said::Once(value) if is_among(value)) => Belongs::Unclear,
        belongs => belongs,
    }
}

fn compare<T: PartialEq>(said: Said<T>, wanted: &T) -> Belongs {
    match said {
        Said::Once(said) if said == *wanted => Belongs::Yes,
        Said::Once(_) | Said::Nothing => Belongs::No,
        Said::Unclear => Belongs::Unclear,
    }
}

impl TryFrom<MarkSection> for Mark {
    type Error = &'static str;

    fn try_from(section: MarkSection) -> Result<Self, Self::Error> {
        let MarkSection { header, value, otg, tgrp, context } = section;
        let mark = match (header, value, otg, tgrp, context) {
            (Some(name), Some(value), None, None, None) => {
                if !is_header_name(&name) {
                    return Err(
                        "mark: header is the name of a header field that has no short form, such as \
                                \"X-Trunk\"",
                    );
                }
                Self::Header { name, value }
            }
            (None, None, Some(group), None, None) => Self::Otg(group),
            (None, None, None, Some(label), Some(context)) => Self::Tgrp { label, context },
            _ => {
                return Err("mark is one of { header = \"X-Trunk\", value = \"...\" }, { otg = \"...\" }, \
                            { tgrp = \"...\", context = \"...\" }");
            }
        };
        let is_good = |text: &str| {
            (1..=MAX_MARK_LEN).contains(&text.len())
                && text.trim() == text
                && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        let are_good = match &mark {
            Self::Header { value: text, .. } | Self::Otg(text) => is_good(text),
            Self::Tgrp { label, context } => is_good(label) && is_good(context),
        };
        if are_good {
            Ok(mark)
        } else {
            Err("mark: what it is compared with has 1 to 128 printable ASCII characters, no space around it")
        }
    }
}

/// A token that stands in messages as it is: whoever wrote its short form would not be heard.
fn is_header_name(name: &str) -> bool {
    (2..=MAX_MARK_LEN).contains(&name.len())
        && HeaderName::from_bytes(name.as_bytes()).is_ok()
        && !WITH_SHORT_FORM.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// IANA's registry of SIP header fields.
const WITH_SHORT_FORM: [&str; 20] = [
    "Accept-Contact",
    "Allow-Events",
    "Call-ID",
    "Contact",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Event",
    "From",
    "Identity",
    "Identity-Info",
    "Refer-To",
    "Referred-By",
    "Reject-Contact",
    "Request-Disposition",
    "Session-Expires",
    "Subject",
    "Supported",
    "To",
    "Via",
];

const MAX_MARK_LEN: usize = 128;
