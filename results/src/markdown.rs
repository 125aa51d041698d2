//! A run as a Markdown table.

use std::fmt::Write;

use crate::original::{self, OriginalRow};
use crate::rows::{Row, rows};
use crate::schema::{Cell, Run};

const HEAD: [&str; 12] = [
    "parallel",
    "payload",
    "tps",
    "Gbit/s, one way",
    "cpu % (100 = one core)",
    "mem MiB (peak)",
    "service p50 / p99 / max, µs",
    "% of bare",
    "original's tps",
    "its Gbit/s",
    "its cpu %",
    "its mem MiB",
];

/// The rows of `run` beside the original's published figures, for a README. Ends with a line feed.
///
/// A README that holds it between `<!-- table:RUNID -->` and `<!-- /table -->` can be checked against the run.
#[must_use]
pub fn markdown(run: &Run) -> String {
    let mut text = format!("| {} |\n|{}\n", HEAD.join(" | "), "---:|".repeat(HEAD.len()));
    for row in rows(run) {
        let theirs = original::find(row.cell.parallel, row.cell.payload_bytes);
        let columns = ours(&row).into_iter().chain(published(theirs));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", columns.collect::<Vec<_>>().join(" | "));
    }
    text
}

fn ours(row: &Row<'_>) -> [String; 8] {
    let Cell { parallel, payload_bytes, tps, gbit_per_s, service_us: us, .. } = row.cell;
    let or_none = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), whole);
    [
        parallel.to_string(),
        size(*payload_bytes),
        whole(*tps),
        format!("{gbit_per_s:.2}"),
        or_none(row.cell.cpu_percent),
        or_none(row.cell.rss_mib),
        format!("{} / {} / {}", or_none(us.p50), or_none(us.p99), whole(us.max)),
        or_none(row.of_bare.map(|share| share * 100.0)),
    ]
}

fn published(row: Option<&OriginalRow>) -> [String; 4] {
    row.map_or_else(Default::default, |row| {
        [whole(row.tps), format!("{:.2}", row.gbit_per_s), whole(row.cpu_percent), whole(row.mem_mib)]
    })
}

/// `value` as a whole number with a comma every three digits.
fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `bytes` in the largest unit that divides it.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Env, Times};

    #[test]
    fn a_row_stands_beside_the_originals() {
        let cell = Cell {
            stack: "listenrain".to_owned(),
            parallel: 1,
            payload_bytes: 4096,
            tps: 196_000.4,
            gbit_per_s: 6.4225,
            cpu_percent: Some(99.6),
            service_us: Times { p50: Some(5.0), p99: Some(9.4), max: 1200.0, ..Times::default() },
            ..Cell::default()
        };
        let bare = Cell { stack: "bare".to_owned(), tps: 392_000.8, ..cell.clone() };
        let text = markdown(&Run::new(Env::default(), vec![cell, bare]));
        assert_eq!(
            text.lines().nth(2).unwrap(),
            "| 1 | 4 KiB | 196,000 | 6.42 | 100 | n/a | 5 / 9 / 1,200 | 50 | 27,500 | 0.91 | 132 | 48 |"
        );
        assert_eq!(text.lines().count(), 3);
    }
}
