//! Charts as inline SVG. Colours are classes of the page, so that it can be light, dark or on paper.

use std::fmt::Write as _;

use crate::gap::{Level, Report, State};
use crate::stamp::stamp;

/// Calls by day, or by more days where there are many: bars of A, B, C and unsigned on each other.
pub(super) fn calls(report: &Report<'_>) -> String {
    let (since, now, _) = report.times();
    let (first, last) = (since.div_euclid(DAY), now.div_euclid(DAY));
    let first = report.observed().days().keys().next().map_or(first, |day| (*day).max(first));
    let step = (last - first) / MAX_BARS + 1;
    let mut bars = vec![[0_u64; 4]; ((last - first) / step + 1).clamp(1, MAX_BARS) as usize];
    for (day, of) in report.observed().days() {
        if let Some(bar) = usize::try_from((day - first) / step).ok().and_then(|at| bars.get_mut(at)) {
            bar.iter_mut().zip(of.levels).for_each(|(count, more)| *count += more);
        }
    }
    let most = bars.iter().map(|bar| bar.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let width = WIDTH / bars.len() as f64;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"Calls by level\">", HEIGHT + 16.0);
    for (i, bar) in bars.iter().enumerate() {
        let day = stamp((first + i as i64 * step) * DAY);
        let mut below = HEIGHT;
        for (level, count) in Level::ALL.into_iter().zip(bar) {
            if *count == 0 {
                continue;
            }
            let height = *count as f64 / most as f64 * (HEIGHT - 4.0);
            below -= height;
            let (name, x, width) = (level.name(), i as f64 * width, (width - 1.0).max(0.5));
            // Writing to a text does not fail.
            let _ = write!(
                svg,
                "<rect class=\"l{name}\" x=\"{x:.1}\" y=\"{below:.1}\" width=\"{width:.1}\" \
                 height=\"{height:.1}\"><title>{day} {name}: {count}</title></rect>"
            );
        }
    }
    let _ = write!(
        svg,
        "<text x=\"0\" y=\"{0}\">{1}</text><text x=\"{WIDTH}\" y=\"{0}\" text-anchor=\"end\">{2}</text></svg>",
        HEIGHT + 13.0,
        stamp(first * DAY),
        stamp(last * DAY)
    );
    svg
}

/// Numbers by state: a bar for each.
pub(super) fn states(report: &Report<'_>) -> String {
    let most = State::ALL.iter().map(|state| report.numbers(*state)).max().unwrap_or(0).max(1);
    let height = State::ALL.len() as f64 * ROW;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Numbers by state\">");
    for (i, state) in State::ALL.into_iter().enumerate() {
        let numbers = report.numbers(state);
        let bar = numbers as f64 / most as f64 * (WIDTH - 220.0);
        let y = i as f64 * ROW;
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{0:.0}\">{state}</text><rect class=\"s{state}\" x=\"90\" y=\"{1:.0}\" \
             width=\"{bar:.1}\" height=\"{2:.0}\"/><text x=\"{3:.1}\" y=\"{0:.0}\">{numbers}</text>",
            y + 15.0,
            y + 3.0,
            ROW - 6.0,
            96.0 + bar
        );
    }
    svg.push_str("</svg>");
    svg
}

const DAY: i64 = 86_400;
const MAX_BARS: i64 = 92;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
const ROW: f64 = 22.0;
