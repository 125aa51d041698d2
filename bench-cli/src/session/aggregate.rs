//! Several launches of one cell as one: means of rates, sums of counts, percentiles of histograms that were added up.

use listenrain_results::{Cell, Histograms, Interval, Precision, Steadiness, Times, Usage};

use crate::meter::histogram::{Distribution, to_text};
use crate::stats;

/// One cell of all its `launches`, in the order in which they were started. `wanted` is the precision that was asked for.
///
/// A launch that was interrupted counts only when there is no whole one.
pub(crate) fn aggregate(launches: Vec<Cell>, wanted: Option<f64>) -> Cell {
    let mut sorted: Vec<&Cell> = launches.iter().collect();
    sorted.sort_by(|one, other| one.tps.total_cmp(&other.tps));
    let Some(middle) = sorted.get(sorted.len() / 2).copied().cloned() else { return Cell::default() };
    if launches.len() == 1 {
        return Cell { precision: wanted.map(|wanted| precision(&launches, wanted)), ..middle };
    }
    let mean = |of: fn(&Cell) -> Option<f64>| mean(launches.iter().map(of));
    let (service_us, service) = times(&launches, |cell| Some(cell.service_us), |from| &from.service);
    let (response_us, response) = times(&launches, |cell| cell.response_us, |from| &from.response);
    let (send_lag_us, send_lag) = times(&launches, |cell| cell.send_lag_us, |from| &from.send_lag);
    let tps = mean(|cell| Some(cell.tps)).unwrap_or_default();
    let mut cell = Cell {
        requests: launches.iter().map(|cell| cell.requests).sum(),
        one_ways: launches.iter().map(|cell| cell.one_ways).sum(),
        errors: launches.iter().map(|cell| cell.errors).sum(),
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, middle.payload_bytes),
        cpu_percent: mean(|cell| cell.cpu_percent),
        rss_mib: launches.iter().filter_map(|cell| cell.rss_mib).reduce(f64::max),
        service_us: service_us.unwrap_or_default(),
        response_us,
        send_lag_us,
        histograms: Histograms { service, response, send_lag },
        tps_interval: interval(&launches, |cell| Some(cell.tps)),
        cpu_us_interval: interval(&launches, cpu_us),
        precision: wanted.map(|wanted| precision(&launches, wanted)),
        generator_limited: launches.iter().any(|cell| cell.generator_limited),
        steadiness: steadiness(&launches),
        error_kinds: Default::default(),
        error_samples: launches.iter().flat_map(|cell| cell.error_samples.clone()).take(5).collect(),
        launches: launches.iter().flat_map(|cell| cell.launches.clone()).collect(),
        ..middle
    };
    cell.littles_law.measured = match &cell.phase {
        None => tps * cell.service_us.mean / 1e6,
        // Its callers may think between requests.
        Some(_) => mean(|cell| Some(cell.littles_law.measured)).unwrap_or_default(),
    };
    for (kind, count) in launches.iter().flat_map(|cell| &cell.error_kinds) {
        *cell.error_kinds.entry(kind.clone()).or_default() += count;
    }
    let sides = [
        (&mut cell.usage.both, (|cell| cell.usage.both) as fn(&Cell) -> Option<Usage>),
        (&mut cell.usage.client, |cell| cell.usage.client),
        (&mut cell.usage.server, |cell| cell.usage.server),
    ];
    for (side, of) in sides {
        *side = mean_usage(&launches.iter().filter_map(of).collect::<Vec<_>>());
    }
    if let Some(open) = &mut cell.open_loop {
        let sum = |of: fn(&listenrain_results::OpenLoop) -> u64| {
            launches.iter().filter_map(|cell| cell.open_loop.as_ref()).map(of).sum()
        };
        (open.intended, open.dropped) = (sum(|open| open.intended), sum(|open| open.dropped));
    }
    cell.warnings = warnings(&launches);
    cell
}

/// Half the wider of both 95 % intervals, as a share of its mean. None for too few launches.
pub(super) fn half_width(launches: &[Cell]) -> Option<f64> {
    if launches.len() < super::Repeat::FEWEST as usize {
        return None;
    }
    let tps = interval(launches, |cell| Some(cell.tps))?.half_width();
    Some(interval(launches, cpu_us).map_or(tps, |cpu| cpu.half_width().max(tps)))
}

fn precision(launches: &[Cell], wanted: f64) -> Precision {
    // Infinity is nothing that JSON can say.
    let got = half_width(launches).filter(|got| got.is_finite()).unwrap_or(f64::MAX);
    Precision { wanted, got, reached: got <= wanted }
}

fn cpu_us(cell: &Cell) -> Option<f64> {
    cell.launches.first()?.cpu_us_per_request
}

fn interval(launches: &[Cell], of: fn(&Cell) -> Option<f64>) -> Option<Interval> {
    let values: Option<Vec<f64>> = launches.iter().map(of).collect();
    stats::mean_interval(&values?)
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The times of all launches together, from their histograms; never from their percentiles.
fn times(
    launches: &[Cell],
    figures: fn(&Cell) -> Option<Times>,
    text: fn(&Histograms) -> &Option<String>,
) -> (Option<Times>, Option<String>) {
    let mut all = Distribution::default();
    let mut any = false;
    for cell in launches {
        if let Some((times, text)) = figures(cell).zip(text(&cell.histograms).as_deref())
            && let Ok(part) = Distribution::restore(&times, text)
        {
            all.add(&part);
            any = true;
        }
    }
    if any { (Some(all.times()), Some(to_text(&all.counts))) } else { (None, None) }
}

fn mean_usage(usages: &[Usage]) -> Option<Usage> {
    let count = usages.len();
    let mean = |of: fn(&Usage) -> f64| usages.iter().map(of).sum::<f64>() / count as f64;
    let whole = |of: fn(&Usage) -> u64| usages.iter().map(of).sum::<u64>() / count.max(1) as u64;
    (count > 0).then(|| Usage {
        user_s: mean(|usage| usage.user_s),
        system_s: mean(|usage| usage.system_s),
        cpu_percent: mean(|usage| usage.cpu_percent),
        cpu_us_per_request: mean(|usage| usage.cpu_us_per_request),
        cpu_us_per_kib: mean(|usage| usage.cpu_us_per_kib),
        rss_peak_mib: usages.iter().filter_map(|usage| usage.rss_peak_mib).reduce(f64::max),
        rss_mean_mib: self::mean(usages.iter().map(|usage| usage.rss_mean_mib)),
        voluntary_switches: whole(|usage| usage.voluntary_switches),
        involuntary_switches: whole(|usage| usage.involuntary_switches),
        minor_faults: whole(|usage| usage.minor_faults),
        major_faults: whole(|usage| usage.major_faults),
    })
}

fn steadiness(launches: &[Cell]) -> Option<Steadiness> {
    let all: Vec<&Steadiness> = launches.iter().filter_map(|cell| cell.steadiness.as_ref()).collect();
    let restless = all.iter().filter(|launch| launch.steady == Some(false)).count();
    let judged = all.iter().filter(|launch| launch.steady.is_some()).count();
    let first = all.iter().find(|launch| launch.steady == Some(false)).or_else(|| all.first())?;
    Some(Steadiness {
        steady: (judged > 0).then_some(restless == 0),
        cut_s: all.iter().map(|launch| launch.cut_s).sum::<f64>() / all.len() as f64,
        why: if restless > 0 {
            format!("{restless} of {} launches: {}", all.len(), first.why)
        } else {
            first.why.clone()
        },
    })
}

/// What the launches were warned of, each text once, with how many said it.
fn warnings(launches: &[Cell]) -> Vec<String> {
    let mut texts: Vec<(&str, usize)> = Vec::new();
    for text in launches.iter().flat_map(|cell| &cell.warnings) {
        // They begin alike and differ in their figures.
        let kind = |text: &str| {
            text.split([':', ';', ',']).next().unwrap_or_default().replace(|c: char| c.is_ascii_digit(), "")
        };
        match texts.iter_mut().find(|(known, _)| kind(known) == kind(text)) {
            Some((_, count)) => *count += 1,
            None => texts.push((text, 1)),
        }
    }
    let all = launches.len();
    texts.into_iter().map(|(text, count)| format!("{count} of {all} launches: {text}")).collect()
}

#[cfg(test)]
#[path = "aggregate_tests.rs"]
mod tests;
