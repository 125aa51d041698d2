//! Findings for people: what may spoil figures first, with what to try; the rest in short.

use super::finding::{Finding, Verdict};

/// Longest name of a check.
const NAME: usize = 17;

pub(super) fn text(findings: &[Finding]) -> String {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let mut text = String::new();
    for (verdict, head) in [
        (Verdict::MaySpoil, "May spoil figures"),
        (Verdict::CannotTell, "Cannot be told here"),
        (Verdict::Fine, "Fine"),
    ] {
        if of(verdict).next().is_some() {
            text += &format!("{head}\n");
            text.extend(of(verdict).map(entry));
            text.push('\n');
        }
    }
    text + &closing(of(Verdict::MaySpoil).count(), findings.len())
}

fn entry(finding: &Finding) -> String {
    let Finding { name, found, verdict, spoils, remedy } = finding;
    let mut text = format!("  {name:NAME$}  {found}\n");
    let mut more = |word: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("  {:NAME$}    {word} {value}\n", "");
        }
    };
    if *verdict == Verdict::MaySpoil {
        more("spoils", spoils);
    }
    more("try", remedy);
    text
}

fn closing(may_spoil: usize, checks: usize) -> String {
    match may_spoil {
        0 => format!("Nothing that was looked at spoils figures here ({checks} checks).\n"),
        1 => format!(
            "1 of {checks} checks may spoil figures. What is compared side by side, in blocks, suffers least from it.\n"
        ),
        some => format!(
            "{some} of {checks} checks may spoil figures. What is compared side by side, in blocks, suffers least from \
             them.\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_first_with_what_to_try() {
        let findings = [
            Finding::fine("turbo", "off"),
            Finding::unknown("governor", "no cpufreq", "latency"),
            Finding::spoilt("load", "3.00 of 2 cores", "everything", "wait"),
        ];
        let expected = "\
May spoil figures
  load               3.00 of 2 cores
                       spoils everything
                       try wait

Cannot be told here
  governor           no cpufreq

Fine
  turbo              off

1 of 3 checks may spoil figures. What is compared side by side, in blocks, suffers least from it.
";
        assert_eq!(text(&findings), expected);
        assert_eq!(
            text(&findings[..1]),
            "Fine\n  turbo              off\n\nNothing that was looked at spoils figures here (1 checks).\n"
        );
    }
}
