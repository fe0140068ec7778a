//! Gauges for the textfile collector of node_exporter.

use std::io::{self, Write};

use crate::gap::{Report, State};

/// Writes how many numbers are in each state for each reason, and when that was found. A state without
/// numbers has a sample of 0 with an empty reason, so that an alert on it does not miss its series.
///
/// # Errors
/// Those of `out`.
pub fn prometheus(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# HELP sti_gap_numbers Numbers by the state of their attestation and the reason for it.")?;
    writeln!(out, "# TYPE sti_gap_numbers gauge")?;
    for (state, reason, numbers) in report.totals() {
        writeln!(out, "sti_gap_numbers{{state=\"{state}\",reason=\"{}\"}} {numbers}", label(reason))?;
    }
    for state in State::ALL.into_iter().filter(|state| report.numbers(*state) == 0) {
        writeln!(out, "sti_gap_numbers{{state=\"{state}\",reason=\"\"}} 0")?;
    }
    writeln!(out, "# HELP sti_gap_report_timestamp_seconds When the report was made.")?;
    writeln!(out, "# TYPE sti_gap_report_timestamp_seconds gauge")?;
    writeln!(out, "sti_gap_report_timestamp_seconds {}", report.times().1)
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
