//! By which figures launches are compared.

use std::collections::BTreeMap;

use listenrain_results::Cell;

/// The figures in the order of the rows, and whether more is better.
pub(super) const ALL: [(&str, bool); 6] = [
    ("tps", true),
    ("service_p50_us", false),
    ("service_p99_us", false),
    ("response_p50_us", false),
    ("response_p99_us", false),
    ("cpu_us_per_request", false),
];

/// The figures of one launch; none where it failed. An open loop's throughput is what it was told, so it is none of them.
pub(super) fn metrics(cell: &Cell) -> BTreeMap<String, f64> {
    if !cell.is_well() {
        return BTreeMap::new();
    }
    let cpu = cell.usage.both.map(|both| both.cpu_us_per_request);
    let cpu = cpu.or_else(|| cell.launches.first().and_then(|launch| launch.cpu_us_per_request));
    let figures = match (&cell.open_loop, &cell.response_us) {
        (Some(_), Some(us)) => vec![("response_p50_us", us.p50), ("response_p99_us", us.p99)],
        _ => vec![
            ("tps", Some(cell.tps)),
            ("service_p50_us", cell.service_us.p50),
            ("service_p99_us", cell.service_us.p99),
        ],
    };
    let figures = figures.into_iter().chain([("cpu_us_per_request", cpu)]);
    figures.filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| *value > 0.0)?))).collect()
}
