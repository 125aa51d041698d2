//! The matrix of case by transport, as text.

use std::fmt::Write;

use crate::conformance::{Record, Verdict, case};

/// The matrix, then what did not pass and why, then a line of counts for each transport.
pub(super) fn table(records: &[Record]) -> String {
    let transports = unique(records.iter().map(|record| record.transport.as_str()));
    let cases = unique(records.iter().map(|record| (record.case.as_str(), record.name.as_str())));
    let mut text = matrix(records, &transports, &cases);
    for verdict in [Verdict::Skipped, Verdict::Timeout, Verdict::Fail] {
        write_reasons(&mut text, records, verdict);
    }
    let notes = records.iter().flat_map(|record| record.notes.iter().map(move |note| (&record.case, note)));
    for (case, note) in unique(notes) {
        let _ = write!(text, "\nnote: {case}: {note}");
    }
    text.push('\n');
    for transport in transports {
        write_counts(&mut text, records, transport);
    }
    text
}

fn matrix(records: &[Record], transports: &[&str], cases: &[(&str, &str)]) -> String {
    let left = cases.iter().map(|(id, name)| id.len() + 1 + name.len()).max().unwrap_or(0);
    let mut text = format!("{:left$}", "");
    let width = |transport: &str| transport.len().max("skipped".len());
    for transport in transports {
        let _ = write!(text, "  {transport:width$}", width = width(transport));
    }
    text.push('\n');
    for (id, name) in cases {
        let _ = write!(text, "{:left$}", format!("{id} {name}"));
        for transport in transports {
            let here = records.iter().filter(|record| record.case == *id && record.transport == *transport);
            let shown = worst(here).map(|verdict| verdict.to_string()).unwrap_or_default();
            let _ = write!(text, "  {shown:width$}", width = width(transport));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// A case is as good as it is under its worst hardship.
fn worst<'a>(records: impl Iterator<Item = &'a Record>) -> Option<Verdict> {
    records.map(|record| record.verdict).max_by_key(|verdict| match verdict {
        Verdict::Pass => 0,
        Verdict::Skipped => 1,
        Verdict::Timeout => 2,
        Verdict::Fail => 3,
    })
}

/// The records of this verdict, those that say the same of several hardships in one line.
fn write_reasons(text: &mut String, records: &[Record], verdict: Verdict) {
    let chosen: Vec<_> = records.iter().filter(|record| record.verdict == verdict).collect();
    if chosen.is_empty() {
        return;
    }
    let _ = write!(text, "\n{verdict}\n");
    let what = |record: &&Record| (record.transport.clone(), record.case.clone(), record.reason.clone());
    for key in unique(chosen.iter().map(what)) {
        let same: Vec<_> = chosen.iter().filter(|record| what(record) == key).collect();
        let (first, hardships) = (same[0], unique(same.iter().map(|record| record.hardship.as_str())));
        let under =
            if hardships == ["none"] { String::new() } else { format!(" under {}", hardships.join(", ")) };
        let reason = first.reason.as_deref().unwrap_or("no reason was given");
        let _ = writeln!(text, "  {} {} {}{under}: {reason}", first.transport, first.case, first.name);
        if let Some(case) = case(&first.case).filter(|_| verdict.is_bad()) {
            let _ = writeln!(text, "    the rule: {}", case.checks);
        }
    }
}

fn write_counts(text: &mut String, records: &[Record], transport: &str) {
    let here: Vec<_> = records.iter().filter(|record| record.transport == transport).collect();
    let cases = unique(here.iter().map(|record| record.case.as_str()));
    let count = |verdict| {
        let of = |case: &&&str| {
            worst(here.iter().copied().filter(|record| record.case == **case)) == Some(verdict)
        };
        cases.iter().filter(of).count()
    };
    let verdicts = [Verdict::Pass, Verdict::Fail, Verdict::Skipped, Verdict::Timeout];
    let counts: Vec<_> = verdicts.map(|verdict| format!("{} {verdict}", count(verdict))).into();
    let (number, trials) = (cases.len(), here.len());
    let _ = writeln!(text, "{transport}: {number} cases, {} ({trials} trials)", counts.join(", "));
}

/// Each item once, in the order of its first appearance.
fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(transport: &str, hardship: &str, case: &str, verdict: Verdict) -> Record {
        serde_json::from_value(serde_json::json!({
            "transport": transport, "hardship": hardship, "case": case, "name": format!("name_of_{case}"),
            "verdict": verdict, "reason": (verdict != Verdict::Pass).then(|| format!("{verdict} for a reason")),
            "milliseconds": 1.0, "roles": ["near-dials"],
        }))
        .unwrap()
    }

    #[test]
    fn a_case_is_as_good_as_under_its_worst_hardship() {
        let text = table(&[
            record("tcp", "none", "A01", Verdict::Pass),
            record("tcp", "short-writes", "A01", Verdict::Fail),
            record("tcp", "one-byte-reads", "A01", Verdict::Fail),
            record("tcp", "none", "A03", Verdict::Pass),
            record("channel", "none", "A01", Verdict::Pass),
            record("channel", "none", "A03", Verdict::Skipped),
        ]);
        let rule = case("A01").unwrap().checks;
        let expected = format!(
            "                 tcp      channel
A01 name_of_A01  FAIL     pass
A03 name_of_A03  pass     skipped

skipped
  channel A03 name_of_A03: skipped for a reason

FAIL
  tcp A01 name_of_A01 under short-writes, one-byte-reads: FAIL for a reason
    the rule: {rule}

tcp: 2 cases, 1 pass, 1 FAIL, 0 skipped, 0 timeout (4 trials)
channel: 2 cases, 1 pass, 0 FAIL, 1 skipped, 0 timeout (2 trials)
"
        );
        assert_eq!(text, expected);
    }
}
