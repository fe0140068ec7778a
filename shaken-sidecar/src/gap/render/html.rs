//! The report as one page that needs nothing else: no script, no picture, no font of another place.

use std::io::{self, Write};

use super::{Shown, chart};
use crate::gap::{Level, Report, State};
use crate::stamp::stamp;

/// Writes the page: totals, charts, and the first 500 rows that are neither `OK` nor `UNUSED`.
///
/// # Errors
/// Those of `out`.
pub fn html(report: &Report<'_>, shown: Shown, out: &mut impl Write) -> io::Result<()> {
    let (since, now, until) = report.times();
    let counts = report.counts();
    writeln!(out, "{HEAD}")?;
    writeln!(
        out,
        "<h1>Attestation gaps</h1><p>Calls from {} to {}, risks until {}. Policy {}.</p>",
        stamp(since),
        stamp(now),
        stamp(until),
        escape(report.generation())
    )?;
    writeln!(out, "<h2>Numbers by state</h2><figure>{}</figure>", chart::states(report))?;
    writeln!(out, "<h2>Calls by level</h2><figure>{}<figcaption>", chart::calls(report))?;
    for (level, count) in Level::ALL.into_iter().zip(counts.levels[3]) {
        writeln!(out, "<span class=\"k l{0}\"></span>{0}: {count} ", level.name())?;
    }
    writeln!(out, "other: {}</figcaption></figure>", counts.other)?;
    let holes = report.observed().holes();
    if holes > 0 {
        writeln!(out, "<p>The log has {holes} gap records: calls are missing in it.</p>")?;
    }
    writeln!(out, "<h2>What to do</h2><div class=\"t\"><table><thead><tr>")?;
    for name in COLUMNS {
        write!(out, "<th>{name}</th>")?;
    }
    writeln!(out, "</tr></thead><tbody>")?;
    let is_loud = |state| !matches!(state, State::Ok | State::Unused);
    let mut left_out = 0_usize;
    for (i, row) in report.rows().filter(|row| is_loud(row.state)).enumerate() {
        if i >= MAX_ROWS {
            left_out += 1;
            continue;
        }
        let (owner, action) = row.remedy();
        let level = |level: Option<Level>| level.map_or("", Level::name);
        let origin = row.generation.as_ref().map_or_else(String::new, |generation| {
            format!("{generation} {}", row.cause.as_deref().unwrap_or_default())
        });
        let cells = [
            shown.subject(&row, report.by()),
            row.count.to_string(),
            row.reason.clone(),
            row.since.map(stamp).unwrap_or_default(),
            row.counts.below_a().to_string(),
            row.counts.calls().to_string(),
            level(Some(row.best)).to_owned(),
            level(row.teams).to_owned(),
            level(row.observed).to_owned(),
            row.trunk.clone(),
            row.customer.clone(),
            shown.text(&row.site),
            owner.name().to_owned(),
            action.into_owned(),
            origin,
        ];
        write!(out, "<tr><td class=\"s{0}\">{0}</td>", row.state)?;
        for cell in cells {
            write!(out, "<td>{}</td>", escape(&cell))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")?;
    if left_out > 0 {
        writeln!(out, "<p>{left_out} more rows are in the CSV and the JSON of this report.</p>")?;
    }
    writeln!(out, "</body></html>")
}

/// A text that can stand between tags and in an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page with more is for nobody.
const MAX_ROWS: usize = 500;

const COLUMNS: [&str; 16] = [
    "State",
    "Numbers",
    "Count",
    "Reason",
    "Since",
    "Below A",
    "Calls",
    "Best",
    "Teams",
    "Last",
    "Trunk",
    "Customer",
    "Site",
    "Who",
    "What to do",
    "Generation",
];

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attestation gaps</title><style>
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--line:#d5dae0;--a:#2f7d4f;--b:#c69214;--c:#c4622d;--u:#8a929c;--lost:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--line:#3a4149;--a:#5fb583;--b:#e2b84e;--c:#e08a5a;--u:#8a929c;--lost:#f2857c}}
@media print{:root{--bg:#fff;--fg:#000;--line:#999}.t{overflow:visible}tr{break-inside:avoid}}
body{background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:76rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}figure{margin:0;max-width:48rem}svg{width:100%;height:auto}
svg text{fill:var(--fg);font-size:12px}.t{overflow-x:auto}table{border-collapse:collapse;font-size:13px}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}
.k{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .6em}
.lA,.sOK{fill:var(--a)}.lB,.sAT_RISK{fill:var(--b)}.lC,.sNEVER_A{fill:var(--c)}.lunsigned,.sUNUSED,.sSURPLUS{fill:var(--u)}.sLOST{fill:var(--lost)}
.k.lA{background:var(--a)}.k.lB{background:var(--b)}.k.lC{background:var(--c)}.k.lunsigned{background:var(--u)}
td.sLOST{color:var(--lost);font-weight:600}
@media print{*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
</style></head><body>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_tags_or_attributes() {
        let text = "<script>alert('1')</script> & \"x\" onload=\u{1b}";
        let escaped = escape(text);
        assert_eq!(escaped, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot; onload= ");
    }
}
