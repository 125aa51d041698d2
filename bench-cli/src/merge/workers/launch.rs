//! Merge of one launch over all workers.

use listenrain_results::{Launch, Times};

use super::cell::{Cells, steadiness};

/// Launch number `at` of all workers. Without histograms of their own launches have no percentiles.
pub(super) fn merge(at: usize, cells: &Cells<'_>) -> Launch {
    let parts: Vec<(u64, &Launch)> =
        cells.iter().filter_map(|(index, cell)| Some((*index, cell.launches.get(at)?))).collect();
    let all = || parts.iter().map(|(_, launch)| *launch);
    let requests = all().map(|launch| launch.requests).sum::<u64>();
    let cpu_us =
        all().map(|launch| Some(launch.cpu_us_per_request? * launch.requests as f64)).sum::<Option<f64>>();
    let responses: Option<Vec<Times>> = all().map(|launch| launch.response_us).collect();
    Launch {
        order: all().next().map_or(0, |launch| launch.order),
        requests,
        errors: all().map(|launch| launch.errors).sum(),
        tps: all().map(|launch| launch.tps).sum(),
        cpu_us_per_request: cpu_us.filter(|_| requests > 0).map(|us| us / requests as f64),
        cpu_percent: all().map(|launch| launch.cpu_percent).sum(),
        rss_mib: all().map(|launch| launch.rss_mib).sum(),
        service_us: times(&all().map(|launch| launch.service_us).collect::<Vec<_>>()),
        response_us: responses.filter(|parts| !parts.is_empty()).map(|parts| times(&parts)),
        steadiness: steadiness(parts.iter().map(|(index, launch)| (*index, launch.steadiness.as_ref()))),
    }
}

/// What can be said without a histogram.
fn times(parts: &[Times]) -> Times {
    let some = || parts.iter().filter(|part| part.count > 0);
    let count = some().map(|part| part.count).sum::<u64>();
    if count == 0 {
        return Times::default();
    }
    Times {
        count,
        min: some().map(|part| part.min).fold(f64::INFINITY, f64::min),
        max: some().map(|part| part.max).fold(0.0, f64::max),
        mean: some().map(|part| part.mean * part.count as f64).sum::<f64>() / count as f64,
        ..Times::default()
    }
}
