//! What a session found, as JUnit XML: a suite for each transport and hardship.

use std::fmt::Write;

use crate::conformance::{Record, Verdict};

/// The document.
pub(super) fn junit(records: &[Record]) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"conformance\">\n".to_owned();
    let same_suite =
        |one: &Record, other: &Record| (&one.transport, &one.hardship) == (&other.transport, &other.hardship);
    for suite in records.chunk_by(same_suite) {
        write_suite(&mut text, suite);
    }
    text.push_str("</testsuites>\n");
    text
}

fn write_suite(text: &mut String, suite: &[Record]) {
    let count = |verdict| suite.iter().filter(|record| record.verdict == verdict).count();
    let name = suite.first().map_or_else(String::new, suite_name);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
        escape(&name),
        suite.len(),
        count(Verdict::Fail),
        count(Verdict::Timeout),
        count(Verdict::Skipped),
        suite.iter().map(|record| record.milliseconds).sum::<f64>() / 1e3,
    );
    for record in suite {
        write_case(text, &name, record);
    }
    text.push_str("  </testsuite>\n");
}

fn suite_name(record: &Record) -> String {
    match record.hardship.as_str() {
        "none" => record.transport.clone(),
        hardship => format!("{}.{hardship}", record.transport),
    }
}

fn write_case(text: &mut String, suite: &str, record: &Record) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{} {}\" time=\"{:.3}\"",
        escape(suite),
        escape(&record.case),
        escape(&record.name),
        record.milliseconds / 1e3,
    );
    let element = match record.verdict {
        Verdict::Pass => return text.push_str("/>\n"),
        Verdict::Fail => "failure",
        Verdict::Timeout => "error",
        Verdict::Skipped => "skipped",
    };
    let reason = escape(record.reason.as_deref().unwrap_or_default());
    let _ = writeln!(text, ">\n      <{element} message=\"{reason}\"/>\n    </testcase>");
}

/// `text` as it may stand in an attribute; what XML 1.0 has no way to say becomes a question mark.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hardship: &str, verdict: Verdict, reason: Option<&str>) -> Record {
        serde_json::from_value(serde_json::json!({
            "transport": "tcp", "hardship": hardship, "case": "A01", "name": "connect_accept",
            "verdict": verdict, "reason": reason, "milliseconds": 1500.0, "roles": ["near-dials"],
        }))
        .unwrap()
    }

    #[test]
    fn each_verdict_has_its_element_and_each_suite_its_counts() {
        let text = junit(&[
            record("none", Verdict::Pass, None),
            record("none", Verdict::Fail, Some("saw \"<&>\"\n\u{1}")),
            record("short-writes", Verdict::Timeout, Some("stuck")),
            record("short-writes", Verdict::Skipped, Some("needs abort")),
        ]);
        for part in [
            "<testsuite name=\"tcp\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"3.000\">",
            "<testsuite name=\"tcp.short-writes\" tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\" time=\"3.000\">",
            "<testcase classname=\"tcp\" name=\"A01 connect_accept\" time=\"1.500\"/>",
            "<failure message=\"saw &quot;&lt;&amp;&gt;&quot;&#10;?\"/>",
            "<error message=\"stuck\"/>",
            "<skipped message=\"needs abort\"/>",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
