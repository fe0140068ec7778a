//! How records look: one line for people, one line of JSON, one row of CSV.

use serde_json::{Map, Value};

use crate::audit::{Entry, Event, Number, Record};
use crate::cli::input::printable;
use crate::csv_cell::csv_cell;

/// One line for people: index, time, what happened, at which level and why, who called whom.
pub(super) fn line(index: u64, event: &Event) -> String {
    let Event::Call(call) = event else {
        return printable(&format!("{index:>10}  {}", value(event)));
    };
    let party = |party: &Number| party.canonical.as_deref().unwrap_or(&party.received).to_owned();
    let dest: Vec<_> = call.dest.iter().map(party).collect();
    let why = call.error.as_deref().or(call.reason.as_deref()).unwrap_or("-");
    printable(&format!(
        "{index:>10}  {}  {:<6} {:<7} {}  {} -> {}  {}  {why}",
        call.time(),
        call.op.name(),
        call.verdict,
        call.attest.as_deref().unwrap_or("-"),
        call.orig.as_ref().map_or_else(|| "-".to_owned(), party),
        dest.join(","),
        call.trunk.as_deref().unwrap_or("-"),
    ))
}

/// The members of a record, with its index.
pub(super) fn json(index: u64, event: &Event) -> Value {
    let mut members = Map::from_iter([("index".to_owned(), index.into())]);
    if let Value::Object(own) = value(event) {
        members.extend(own);
    }
    Value::Object(members)
}

/// The names of the columns of [`csv`].
pub(super) const CSV_HEADER: &str = "index,time,op,verdict,attest,requested_attest,reason,rule,error,verstat,\
     orig,dest,trunk,customer,provider,decided_by,call_id,origid,ppt,x5u,cert_spc,cert_sha256";

/// One row of CSV (RFC 4180), of a record about a call.
pub(super) fn csv(index: u64, call: &Record) -> String {
    let party = |party: &Number| party.canonical.as_deref().unwrap_or(&party.received).to_owned();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let dest: Vec<_> = call.dest.iter().map(party).collect();
    let cells = [
        index.to_string(),
        call.time().to_owned(),
        call.op.name().to_owned(),
        call.verdict.to_string(),
        text(call.attest.as_deref()),
        text(call.requested_attest.as_deref()),
        text(call.reason.as_deref()),
        text(call.rule.as_deref()),
        text(call.error.as_deref()),
        text(call.verstat.as_deref()),
        call.orig.as_ref().map(party).unwrap_or_default(),
        dest.join(" "),
        text(call.trunk.as_deref()),
        text(call.customer.as_deref()),
        text(call.provider.as_deref()),
        text(call.decided_by.as_deref()),
        text(call.call_id.as_deref()),
        text(call.origid.as_deref()),
        call.ppt.join(" "),
        text(call.x5u.as_deref()),
        text(call.cert.as_ref().and_then(|cert| cert.spc.as_deref())),
        text(call.cert.as_ref().map(|cert| cert.sha256.as_str())),
    ];
    cells.map(|cell| csv_cell(&cell)).join(",")
}

/// What is shown of an entry to somebody who may not, or may, see numbers.
pub(super) fn event(entry: &Entry, reveal: bool) -> Event {
    if reveal { entry.event.clone() } else { entry.event.masked() }
}

fn value(event: &Event) -> Value {
    // Structs of strings and integers have a JSON form.
    serde_json::to_value(event).unwrap_or_default()
}
