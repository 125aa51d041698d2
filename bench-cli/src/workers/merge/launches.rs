//! Launch by launch.

use listenrain_results::{Interval, Launch, Times};

use super::MergeError;
use super::cell::{Cells, SameIn, steadiness, sum};
use crate::stats;

/// Each launch of all workers. Without histograms of their own they have no percentiles.
pub(super) fn merge(same: &SameIn<'_>, cells: &Cells<'_>) -> Result<Vec<Launch>, MergeError> {
    let orders =
        same.of("launches", |cell| cell.launches.iter().map(|launch| launch.order).collect::<Vec<_>>())?;
    let launch_of = |place: usize| {
        let parts: Vec<(u64, &Launch)> = cells
            .iter()
            .filter_map(|(index, cell)| cell.launches.get(place).map(|launch| (*index, launch)))
            .collect();
        launch(&parts)
    };
    Ok((0..orders.len()).map(launch_of).collect())
}

/// Over the whole's launches, 95 %.
pub(super) fn interval(launches: &[Launch], of: fn(&Launch) -> Option<f64>) -> Option<Interval> {
    stats::mean_interval(&launches.iter().map(of).collect::<Option<Vec<_>>>()?)
}

fn launch(parts: &[(u64, &Launch)]) -> Launch {
    let all = || parts.iter().map(|(_, launch)| *launch);
    let requests = all().map(|launch| launch.requests).sum::<u64>();
    let cpu_us = sum(all().map(|launch| Some(launch.cpu_us_per_request? * launch.requests as f64)));
    let responses: Option<Vec<Times>> = all().map(|launch| launch.response_us).collect();
    Launch {
        order: all().next().map_or(0, |launch| launch.order),
        requests,
        errors: all().map(|launch| launch.errors).sum(),
        tps: all().map(|launch| launch.tps).sum(),
        cpu_us_per_request: cpu_us.filter(|_| requests > 0).map(|us| us / requests as f64),
        cpu_percent: sum(all().map(|launch| launch.cpu_percent)),
        rss_mib: sum(all().map(|launch| launch.rss_mib)),
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
