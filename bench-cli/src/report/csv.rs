//! CSV: a line a cell with every single figure.

use listenrain_results::{Cell, Env, Run};

use super::{Shown, plain};
use crate::metrics::fields;

/// `text` as one field of one line.
pub(super) fn field(text: &str) -> String {
    let text = plain::line(text);
    if text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// One line a cell of all `runs`, under a line of names that stays the same from run to run. A field is empty where
/// there is no such figure.
pub(crate) fn csv(runs: &[Shown<'_>]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for shown in runs {
        lines.extend(shown.run.cells.iter().map(|cell| {
            let (_, values): (Vec<_>, Vec<_>) = fields(shown.run, cell).into_iter().unzip();
            std::iter::once(shown.name.clone()).chain(values).collect()
        }));
    }
    let heads =
        fields(&Run::new(Env::default(), Vec::new()), &Cell::default()).into_iter().map(|(head, _)| head);
    lines.insert(0, std::iter::once("run".to_owned()).chain(heads).collect());
    let line = |line: &Vec<String>| line.iter().map(|text| field(text)).collect::<Vec<_>>().join(",") + "\n";
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn every_line_has_a_field_for_every_name_and_no_name_comes_twice() {
        let run = fixtures::rich();
        let text = csv(&[Shown { name: "a,b".to_owned(), run: &run }]);
        let mut lines = text.lines();
        let heads: Vec<_> = lines.next().unwrap().split(',').collect();
        let mut once = heads.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), heads.len());
        assert_eq!(lines.clone().count(), run.cells.len());
        for line in lines {
            let rest = line.strip_prefix("\"a,b\",").unwrap();
            // A comma between quotes, of which there is an even number before, is no border.
            let plain: String = rest.split('"').step_by(2).collect();
            assert_eq!(plain.split(',').count() + 1, heads.len(), "{line}");
        }
    }

    #[test]
    fn figures_are_written_in_full_and_what_is_not_there_is_empty() {
        let run = fixtures::rich();
        let cell = run.cells.iter().find(|cell| cell.response_us.is_some()).unwrap();
        let of = |name: &str| fields(&run, cell).into_iter().find(|(head, _)| head == name).unwrap().1;
        assert_eq!(of("tps").parse(), Ok(cell.tps));
        assert_eq!(of("response_max_us").parse(), Ok(cell.response_us.unwrap().max));
        assert_eq!(of("simulated_seed"), "");
        assert_eq!(of("server_cpu_us_per_kib").parse().ok(), cell.usage.server.map(|it| it.cpu_us_per_kib));
    }
}
