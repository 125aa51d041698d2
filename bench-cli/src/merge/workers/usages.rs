//! Merge of CPU and memory over all workers.

use listenrain_results::{Run, Usage, Usages};
use serde::{Deserialize, Serialize};

use super::cell::Cells;
use crate::meter::usage::{Fold, by_request, fold};

/// What a server that took part used during the timed window of one launch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerUsage {
    /// Which of the plan's cells.
    pub(crate) cell: u64,
    /// What was used. The figures a request are not filled in: a server does not count them.
    pub(crate) usage: Usage,
}

/// Of each end, where every worker says it; of the server also where one worker alone does.
pub(super) fn merge(cells: &Cells<'_>, tps: f64, payload_bytes: u64) -> Usages {
    let whole = |parts: &[Usage]| by_request(fold(parts, Fold::Sum), tps, payload_bytes);
    let all = |of: fn(&Usages) -> Option<Usage>| {
        let parts: Option<Vec<Usage>> = cells.values().map(|cell| of(&cell.usage)).collect();
        parts.map(|parts| whole(&parts))
    };
    let servers: Vec<Usage> = cells.values().filter_map(|cell| cell.usage.server).collect();
    let server = if servers.len() == 1 { Some(whole(&servers)) } else { all(|usages| usages.server) };
    let client = all(|usages| usages.client);
    let both = match (client, servers.len()) {
        // The one server is not each worker's.
        (Some(client), 1) => server.map(|server| whole(&[client, server])),
        _ => all(|usages| usages.both),
    };
    Usages { both, client, server }
}

/// Adds to each of the merged run's cells what its `servers` used, where each of them says it.
pub(crate) fn add_servers(run: &mut Run, servers: &[Vec<ServerUsage>]) {
    if servers.is_empty() {
        return;
    }
    for (place, cell) in (0..).zip(&mut run.cells) {
        let whole = |parts: &[Usage]| by_request(fold(parts, Fold::Sum), cell.tps, cell.payload_bytes);
        let parts: Option<Vec<Usage>> = servers.iter().map(|server| of_cell(server, place)).collect();
        let Some(parts) = parts else {
            cell.warnings.push("a server that took part does not say what it used".to_owned());
            continue;
        };
        let server = whole(&parts);
        // With the server elsewhere, a worker's process is the client alone.
        let client = cell.usage.client.or(cell.usage.both);
        let both = client.map(|client| whole(&[client, server]));
        cell.usage = Usages { both, client, server: Some(server) };
        cell.cpu_percent = both.map(|both| both.cpu_percent);
        cell.rss_mib = both.and_then(|both| both.rss_peak_mib);
    }
}

/// A server's usage in a cell: the mean of its launches, as everything else of the cell.
fn of_cell(server: &[ServerUsage], place: u64) -> Option<Usage> {
    let launches: Vec<Usage> =
        server.iter().filter(|launch| launch.cell == place).map(|launch| launch.usage).collect();
    (!launches.is_empty()).then(|| fold(&launches, Fold::Mean))
}
