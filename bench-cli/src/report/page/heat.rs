//! Heat grid: throughput by transport and payload, shaded by how near it is to the best of its column.

use std::collections::BTreeSet;

use listenrain_results::Cell;
use maud::{Markup, html};

use super::{Scene, section as whole_section};
use crate::report::labels::load;
use crate::units::{size_text, whole};

/// Shades, from the slowest to the best.
const SHADES: usize = 5;

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let closed: Vec<_> = scene.run.cells.iter().filter(|cell| cell.open_loop.is_none()).collect();
    let parallels: BTreeSet<u64> = closed.iter().map(|cell| cell.parallel).collect();
    let grids: Vec<_> = parallels.into_iter().filter_map(|parallel| grid(scene, &closed, parallel)).collect();
    if grids.is_empty() {
        return html! {};
    }
    let explanation = "Requests a second, and below it the share of the best in the same column. The darker on white, or \
                       the brighter on black, the nearer to the best.";
    let body = html! { div.grids { @for grid in &grids { (grid) } } };
    whole_section(scene, "heat", "Transport by payload", explanation, &body)
}

fn grid(scene: &Scene<'_>, closed: &[&Cell], parallel: u64) -> Option<Markup> {
    let cells: Vec<_> = closed.iter().copied().filter(|cell| cell.parallel == parallel).collect();
    let payloads: BTreeSet<u64> = cells.iter().map(|cell| cell.payload_bytes).collect();
    let setups: Vec<_> =
        scene.setups.iter().filter(|setup| cells.iter().any(|cell| scene.setup(cell) == **setup)).collect();
    if setups.len() < 2 {
        return None;
    }
    let best = |payload: u64| {
        let column = cells.iter().filter(|cell| cell.payload_bytes == payload && cell.is_well());
        column.map(|cell| cell.tps).fold(0.0, f64::max)
    };
    let find = |setup: &str, payload: u64| {
        cells.iter().find(|cell| cell.payload_bytes == payload && scene.setup(cell) == *setup)
    };
    let title = format!("{} outstanding", load(cells[0]));
    Some(html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table.heat {
                caption { (title) }
                thead { tr { td {} @for payload in &payloads { th scope="col" { (size_text(*payload)) } } } }
                tbody { @for setup in setups { tr {
                    th scope="row" { (setup) }
                    @for payload in &payloads { (square(find(setup, *payload).copied(), best(*payload))) }
                } } }
            }
        }
    })
}

fn square(cell: Option<&Cell>, best: f64) -> Markup {
    match cell {
        None => html! { td.none { "–" } },
        Some(cell) if !cell.is_well() => html! { td.none { strong.bad { "failed" } } },
        Some(cell) => {
            let share = if best > 0.0 { cell.tps / best } else { 0.0 };
            html! { td class={"h" (shade(share))} { (whole(cell.tps)) br; span { (whole(share * 100.0)) " %" } } }
        }
    }
}

/// Which of the shades stands for `share` of the best.
fn shade(share: f64) -> usize {
    ((share * SHADES as f64) as usize).min(SHADES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_has_the_last_shade_and_none_the_first() {
        assert_eq!([0.0, 0.19, 0.2, 0.79, 0.8, 1.0].map(shade), [0, 0, 1, 3, 4, 4]);
    }
}
