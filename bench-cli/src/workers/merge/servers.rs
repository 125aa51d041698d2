//! What the servers that took part say of themselves.

use listenrain_results::{Run, Usage};

use super::usage::{add, by_request};
use crate::workers::server::CellUsage;

/// Adds to each of the merged run's cells what its servers used, where each of them says it.
pub(in crate::workers) fn add_servers(run: &mut Run, servers: &[Vec<CellUsage>]) {
    if servers.is_empty() {
        return;
    }
    for (place, cell) in (0..).zip(&mut run.cells) {
        let parts: Option<Vec<Usage>> = servers.iter().map(|server| of_cell(server, place)).collect();
        let Some(parts) = parts else {
            cell.warnings.push("a server that took part does not say what it used".to_owned());
            continue;
        };
        let server = by_request(add(&parts), cell.tps, cell.payload_bytes);
        // With the server elsewhere, a worker's process is the client alone.
        let client = cell.usage.client.or(cell.usage.both);
        cell.usage.server = Some(server);
        cell.usage.client = client;
        let both = client.map(|client| by_request(add(&[client, server]), cell.tps, cell.payload_bytes));
        cell.usage.both = both;
        cell.cpu_percent = both.map(|both| both.cpu_percent);
        cell.rss_mib = both.and_then(|both| both.rss_peak_mib);
    }
}

/// A server's usage in a cell: the mean of its launches, as everything else of the cell.
fn of_cell(server: &[CellUsage], place: u64) -> Option<Usage> {
    let launches: Vec<Usage> =
        server.iter().filter(|launch| launch.cell == place).map(|launch| launch.usage).collect();
    let count = launches.len() as u64;
    let sum = add(&launches);
    (count > 0).then(|| Usage {
        user_s: sum.user_s / count as f64,
        system_s: sum.system_s / count as f64,
        cpu_percent: sum.cpu_percent / count as f64,
        // One process after all launches: its peak is the highest, not their sum.
        rss_peak_mib: launches.iter().filter_map(|launch| launch.rss_peak_mib).reduce(f64::max),
        rss_mean_mib: sum.rss_mean_mib.map(|mib| mib / count as f64),
        voluntary_switches: sum.voluntary_switches / count,
        involuntary_switches: sum.involuntary_switches / count,
        minor_faults: sum.minor_faults / count,
        major_faults: sum.major_faults / count,
        ..Usage::default()
    })
}
