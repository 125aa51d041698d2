//! Cells paired with those that they are measured by: the bare transport's, and the floor's.

use crate::schema::{Cell, Run};

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What was measured.
    pub cell: &'a Cell,
    /// Its throughput as a share of the bare transport's in the same run, where that was measured too.
    pub of_bare: Option<f64>,
    /// The same of the floor's: the least that carries requests and replies.
    pub of_floor: Option<f64>,
}

/// One row for each cell of `run`, in its order. Bare cells have rows of their own only where they failed, or where nothing
/// else was measured in their place.
#[must_use]
pub fn rows(run: &Run) -> Vec<Row<'_>> {
    let is_bare = |cell: &Cell| cell.stack == "bare";
    run.cells
        .iter()
        .filter(|cell| {
            !is_bare(cell)
                || has_failed(cell)
                || !run.cells.iter().any(|other| !is_bare(other) && same_place(cell, other))
        })
        .map(|cell| Row { cell, of_bare: of_bare(run, cell), of_floor: of_floor(run, cell) })
        .collect()
}

/// The throughput of `cell` as a share of the bare transport's in the same run, where that was measured too and neither
/// failed.
#[must_use]
pub fn of_bare(run: &Run, cell: &Cell) -> Option<f64> {
    share(run, cell, "bare")
}

/// The throughput of `cell` as a share of the floor's in the same run, where that was measured too and neither failed.
#[must_use]
pub fn of_floor(run: &Run, cell: &Cell) -> Option<f64> {
    share(run, cell, "floor")
}

fn share(run: &Run, cell: &Cell, stack: &str) -> Option<f64> {
    let whole = run.cells.iter().find(|other| other.stack == stack && same_place(cell, other))?;
    (whole.tps > 0.0 && !has_failed(whole) && !has_failed(cell)).then(|| cell.tps / whole.tps)
}

/// Whether something went wrong in it. One without requests has nothing to be a share of either.
fn has_failed(cell: &Cell) -> bool {
    cell.errors > 0
}

/// Whether two cells differ in nothing but the stack and its protocol.
fn same_place(one: &Cell, other: &Cell) -> bool {
    fn load(cell: &Cell) -> impl PartialEq + '_ {
        let open = cell.open_loop.as_ref().map(|open| (open.rate, &open.arrivals, open.max_in_flight));
        (cell.parallel, cell.payload_bytes, open, &cell.scenario, cell.simulated)
    }
    fn ends(cell: &Cell) -> impl PartialEq + '_ {
        let ways = (cell.lanes, cell.connections, &cell.target, &cell.via, &cell.options);
        (&cell.transport, &cell.runtime, &cell.placement, &cell.pin, ways)
    }
    load(one) == load(other) && ends(one) == ends(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Env, OpenLoop};

    fn cell(stack: &str, parallel: u64, tps: f64) -> Cell {
        Cell { stack: stack.to_owned(), parallel, tps, ..Cell::default() }
    }

    #[test]
    fn a_bare_cell_that_failed_has_a_row_of_its_own_and_is_no_measure() {
        let failed = Cell { errors: 1, ..cell("bare", 1, 100.0) };
        let run = Run::new(Env::default(), vec![cell("listenrain", 1, 50.0), failed]);
        let rows: Vec<_> = rows(&run).iter().map(|row| (row.cell.stack.as_str(), row.of_bare)).collect();
        assert_eq!(rows, [("listenrain", None), ("bare", None)]);
    }

    #[test]
    fn each_row_names_its_share_of_bare_and_of_the_floor() {
        let cells = [("listenrain", 1, 50.0), ("bare", 1, 100.0), ("bare", 4, 7.0), ("floor", 1, 80.0)];
        let cells = cells.map(|(stack, parallel, tps)| cell(stack, parallel, tps)).into();
        let run = Run::new(Env::default(), cells);
        let rows: Vec<_> = rows(&run).iter().map(|row| (row.cell.tps, row.of_bare, row.of_floor)).collect();
        assert_eq!(
            rows,
            [(50.0, Some(0.5), Some(0.625)), (7.0, Some(1.0), None), (80.0, Some(0.8), Some(1.0))]
        );
    }

    #[test]
    fn a_bare_cell_at_another_rate_or_in_another_placement_is_no_measure() {
        let at = |stack: &str, rate: f64, placement: &str| {
            let open = OpenLoop { rate, ..OpenLoop::default() };
            Cell { open_loop: Some(open), placement: placement.to_owned(), ..cell(stack, 1, rate) }
        };
        let ours = at("listenrain", 10.0, "same");
        let cells = vec![ours.clone(), at("bare", 20.0, "same"), at("bare", 10.0, "split")];
        let run = Run::new(Env::default(), cells);
        assert_eq!(of_bare(&run, &ours), None);
        assert_eq!(rows(&run).len(), 3);
    }
}
