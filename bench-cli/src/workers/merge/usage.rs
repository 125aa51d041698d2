//! What all used together.

use listenrain_results::{Usage, Usages};

use super::cell::{Cells, sum};

/// Of each end, where every worker says it; of the server also where one worker alone does.
pub(super) fn merge(cells: &Cells<'_>, tps: f64, payload_bytes: u64) -> Usages {
    let whole = |usage: Usage| Some(by_request(usage, tps, payload_bytes));
    let all = |of: fn(&Usages) -> Option<Usage>| {
        let parts: Option<Vec<Usage>> = cells.values().map(|cell| of(&cell.usage)).collect();
        parts.and_then(|parts| whole(add(&parts)))
    };
    let servers: Vec<Usage> = cells.values().filter_map(|cell| cell.usage.server).collect();
    let server = match servers.len() {
        1 => whole(servers[0]),
        _ => all(|usages| usages.server),
    };
    let client = all(|usages| usages.client);
    let both = match (client, servers.len()) {
        // The one server is not each worker's.
        (Some(client), 1) => server.and_then(|server| whole(add(&[client, server]))),
        _ => all(|usages| usages.both),
    };
    Usages { both, client, server }
}

/// The sum of processes that were measured at the same time.
pub(super) fn add(parts: &[Usage]) -> Usage {
    let real = |of: fn(&Usage) -> f64| parts.iter().map(of).sum::<f64>();
    let count = |of: fn(&Usage) -> u64| parts.iter().map(of).sum::<u64>();
    Usage {
        user_s: real(|part| part.user_s),
        system_s: real(|part| part.system_s),
        cpu_percent: real(|part| part.cpu_percent),
        cpu_us_per_request: 0.0,
        cpu_us_per_kib: 0.0,
        rss_peak_mib: sum(parts.iter().map(|part| part.rss_peak_mib)),
        rss_mean_mib: sum(parts.iter().map(|part| part.rss_mean_mib)),
        voluntary_switches: count(|part| part.voluntary_switches),
        involuntary_switches: count(|part| part.involuntary_switches),
        minor_faults: count(|part| part.minor_faults),
        major_faults: count(|part| part.major_faults),
    }
}

/// With the figures a request and a KiB, of `tps` requests a second.
pub(super) fn by_request(usage: Usage, tps: f64, payload_bytes: u64) -> Usage {
    if tps <= 0.0 {
        return usage;
    }
    let cpu_us_per_request = usage.cpu_percent / 100.0 / tps * 1e6;
    let kib = payload_bytes as f64 / 1024.0;
    Usage {
        cpu_us_per_request,
        cpu_us_per_kib: if kib > 0.0 { cpu_us_per_request / kib } else { 0.0 },
        ..usage
    }
}
