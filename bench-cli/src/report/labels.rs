//! Labels of cells: the settings that distinguish them within their run.

use listenrain_results::{Cell, Run};

use crate::metrics::{SETTINGS, Setting};
use crate::units::{rate, size_text};

/// Names for the cells of one run.
#[derive(Debug)]
pub(super) struct Labels {
    /// Beside transport and stack, what differs between cells of the run.
    pub(super) differ: Vec<Setting>,
    /// What is the same for all, or follows from stack and placement.
    pub(super) same: Vec<(&'static str, String)>,
}

impl Labels {
    pub(super) fn of(run: &Run) -> Self {
        let (mut differ, mut same) = (Vec::new(), Vec::new());
        for setting in SETTINGS.iter().filter(|setting| setting.is_in_names) {
            let Setting { name, of: value, .. } = *setting;
            let Some(first) = run.cells.first().map(value) else { continue };
            let is_same = run.cells.iter().all(|cell| value(cell) == first);
            if !is_same && (name == "placement" || !follows(run, value)) {
                differ.push(*setting);
                continue;
            }
            let mut values: Vec<_> = run.cells.iter().map(value).filter(|value| !value.is_empty()).collect();
            values.sort();
            values.dedup();
            if !values.is_empty() && values != ["0"] {
                same.push((name, values.join(" or ")));
            }
        }
        Self { differ, same }
    }

    /// What was driven: transport, stack, and what else tells it from others.
    pub(super) fn setup(&self, cell: &Cell) -> String {
        let mut words = vec![cell.transport.clone(), cell.stack.clone()];
        for Setting { name, of, .. } in &self.differ {
            match (*name, of(cell)) {
                (_, value) if value.is_empty() => {}
                ("lanes" | "connections", value) => words.push(format!("{value} {name}")),
                (_, value) => words.push(value),
            }
        }
        words.join(" ")
    }

    /// All of it: `tcp listenrain 16 x 4KiB`.
    pub(super) fn full(&self, cell: &Cell) -> String {
        format!("{} {}", self.setup(cell), place(cell))
    }
}

/// Whether `value` is known from a cell's stack and placement, so that it tells no cell from another.
fn follows(run: &Run, value: fn(&Cell) -> String) -> bool {
    let cells = || run.cells.iter();
    cells().all(|one| {
        let like_it =
            cells().filter(|other| (&one.stack, &one.placement) == (&other.stack, &other.placement));
        like_it.map(value).all(|other| other == value(one))
    })
}

/// Load and payload: `16 x 4KiB`, `20,000/s x 4KiB`.
pub(super) fn place(cell: &Cell) -> String {
    format!("{} x {}", load(cell), size_text(cell.payload_bytes))
}

/// Requests outstanding of a closed loop, rate of an open one.
pub(super) fn load(cell: &Cell) -> String {
    match &cell.open_loop {
        Some(open) => format!("{}/s", rate(open.rate)),
        None => cell.parallel.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listenrain_results::{Env, OpenLoop};

    #[test]
    fn a_name_has_what_differs_and_no_more() {
        let cell = |runtime: &str| Cell {
            transport: "tcp".to_owned(),
            stack: "bare".to_owned(),
            protocol: "stream".to_owned(),
            runtime: runtime.to_owned(),
            parallel: 16,
            payload_bytes: 4096,
            ..Cell::default()
        };
        let one = Labels::of(&Run::new(Env::default(), vec![cell("current")]));
        assert_eq!(one.full(&cell("current")), "tcp bare 16 x 4KiB");
        let two = Labels::of(&Run::new(Env::default(), vec![cell("current"), cell("multi:2")]));
        assert_eq!(two.full(&cell("multi:2")), "tcp bare multi:2 16 x 4KiB");
        assert_eq!(two.same, [("protocol", "stream".to_owned())]);
        let open =
            Cell { open_loop: Some(OpenLoop { rate: 20_000.0, ..OpenLoop::default() }), ..cell("current") };
        assert_eq!(place(&open), "20,000/s x 4KiB");
        for (rate, text) in [(0.4, "0.4/s x 4KiB"), (1.5, "1.5/s x 4KiB"), (2.5, "2.5/s x 4KiB")] {
            let open_loop = Some(OpenLoop { rate, ..OpenLoop::default() });
            assert_eq!(place(&Cell { open_loop, ..open.clone() }), text);
        }
    }
}
