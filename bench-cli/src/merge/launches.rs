//! Merge of several launches of one cell: means of rates, sums of counts.

use listenrain_results::{Cell, Launch, Precision, Steadiness, Usage};

use super::{AllTimes, interval, sums, with_launches};
use crate::meter::usage::{Fold, fold};

/// Errors kept in words.
const SAMPLES: usize = 5;
/// Fewest launches that an interval may end a cell with: that of two is a matter of luck.
pub(crate) const FEWEST: u32 = 3;

/// One cell of all `cells`, each a launch, in the order in which they were started. `wanted` is the precision that was asked
/// for.
pub(crate) fn launches(cells: &[&Cell], wanted: Option<f64>) -> Cell {
    let mut sorted = cells.to_vec();
    sorted.sort_by(|one, other| one.tps.total_cmp(&other.tps));
    let Some(middle) = sorted.get(sorted.len() / 2).map(|cell| (*cell).clone()) else {
        return Cell::default();
    };
    let all: Vec<Launch> = cells.iter().flat_map(|cell| cell.launches.clone()).collect();
    let precision = wanted.map(|wanted| precision(&all, wanted));
    if cells.len() == 1 {
        return Cell { precision, ..middle };
    }
    let each = || cells.iter().copied();
    let mean = |of: fn(&Cell) -> Option<f64>| mean(each().map(of));
    let tps = mean(|cell| Some(cell.tps)).unwrap_or_default();
    let planned = middle.littles_law.planned;
    let kept = cells.iter().copied().filter(|cell| cell.histograms.service.is_some());
    let cell = sums(each(), middle);
    let mut cell = Cell {
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, cell.payload_bytes),
        cpu_percent: mean(|cell| cell.cpu_percent),
        rss_mib: each().filter_map(|cell| cell.rss_mib).reduce(f64::max),
        tool_us_per_request: mean(|cell| cell.tool_us_per_request),
        precision,
        steadiness: steadiness(cells),
        error_samples: each().flat_map(|cell| cell.error_samples.clone()).take(SAMPLES).collect(),
        warnings: warnings(cells),
        ..cell
    };
    // A launch of another build may have histograms of other bounds: then there is none of all.
    cell = AllTimes::of(kept).unwrap_or_default().into_cell(cell);
    cell.littles_law.measured = match &cell.phase {
        None => tps * cell.service_us.mean / 1e6,
        // Its callers may think between requests.
        Some(_) => mean(|cell| Some(cell.littles_law.measured)).unwrap_or_default(),
    };
    cell.littles_law.planned = planned;
    let usage = |of: fn(&Cell) -> Option<Usage>| {
        let parts: Vec<_> = each().filter_map(of).collect();
        (!parts.is_empty()).then(|| fold(&parts, Fold::Mean))
    };
    cell.usage.both = usage(|cell| cell.usage.both);
    cell.usage.client = usage(|cell| cell.usage.client);
    cell.usage.server = usage(|cell| cell.usage.server);
    with_launches(cell, all)
}

/// Half the wider of both 95 % intervals, as a share of its mean. None for too few launches.
pub(crate) fn half_width(launches: &[Launch]) -> Option<f64> {
    if launches.len() < FEWEST as usize {
        return None;
    }
    let tps = interval(launches, |launch| Some(launch.tps))?.half_width();
    let cpu = interval(launches, |launch| launch.cpu_us_per_request);
    Some(cpu.map_or(tps, |cpu| cpu.half_width().max(tps)))
}

fn precision(launches: &[Launch], wanted: f64) -> Precision {
    // Infinity is nothing that JSON can say.
    let got = half_width(launches).filter(|got| got.is_finite()).unwrap_or(f64::MAX);
    Precision { wanted, got, reached: got <= wanted }
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn steadiness(cells: &[&Cell]) -> Option<Steadiness> {
    let all: Vec<&Steadiness> = cells.iter().filter_map(|cell| cell.steadiness.as_ref()).collect();
    let restless = all.iter().filter(|launch| launch.steady == Some(false)).count();
    let judged = all.iter().filter(|launch| launch.steady.is_some()).count();
    let first = all.iter().find(|launch| launch.steady == Some(false)).or_else(|| all.first())?;
    Some(Steadiness {
        steady: (judged > 0).then_some(restless == 0),
        cut_s: all.iter().map(|launch| launch.cut_s).sum::<f64>() / all.len() as f64,
        why: match restless {
            0 => first.why.clone(),
            _ => format!("{restless} of {} launches: {}", all.len(), first.why),
        },
    })
}

/// What the launches were warned of, each text once, with how many said it.
fn warnings(cells: &[&Cell]) -> Vec<String> {
    let mut texts: Vec<(&str, usize)> = Vec::new();
    for text in cells.iter().flat_map(|cell| &cell.warnings) {
        // They begin alike and differ in their figures.
        let kind = |text: &str| {
            text.split([':', ';', ',']).next().unwrap_or_default().replace(|c: char| c.is_ascii_digit(), "")
        };
        match texts.iter_mut().find(|(known, _)| kind(known) == kind(text)) {
            Some((_, count)) => *count += 1,
            None => texts.push((text, 1)),
        }
    }
    let all = cells.len();
    texts.into_iter().map(|(text, count)| format!("{count} of {all} launches: {text}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{Distribution, to_text};
    use listenrain_results::Histograms;

    fn of(cells: Vec<Cell>, wanted: Option<f64>) -> Cell {
        launches(&cells.iter().collect::<Vec<_>>(), wanted)
    }

    /// A launch whose requests took these nanoseconds.
    fn launch(tps: f64, ns: &[u64]) -> Cell {
        let mut service = Distribution::default();
        ns.iter().for_each(|ns| service.record(*ns, 1));
        let usage = Usage {
            cpu_us_per_request: 1e6 / tps,
            cpu_percent: 100.0,
            rss_peak_mib: Some(tps),
            ..Usage::default()
        };
        let mut cell = Cell {
            tps,
            requests: ns.len() as u64,
            service_us: service.times(),
            histograms: Histograms { service: Some(to_text(&service.counts)), ..Histograms::default() },
            rss_mib: Some(tps),
            ..Cell::default()
        };
        cell.usage.both = Some(usage);
        cell.launches =
            vec![Launch { tps, cpu_us_per_request: Some(usage.cpu_us_per_request), ..Launch::default() }];
        cell
    }

    #[test]
    fn percentiles_of_several_launches_are_those_of_all_their_requests() {
        // Defect 6 of other tools: an average of percentiles. Here it would be 5,500 µs.
        let (fast, slow) = (launch(1_000.0, &[1_000_000; 900]), launch(100.0, &[10_000_000; 100]));
        let cell = of(vec![fast, slow], None);
        assert!(
            cell.service_us.p50.is_some_and(|p50| (1_000.0..1_001.0).contains(&p50))
                && cell.requests == 1_000
        );
        assert!(cell.service_us.p99.is_some_and(|p99| p99 > 9_990.0 && p99 <= cell.service_us.max));
        assert_eq!((cell.service_us.max, cell.tps, cell.rss_mib), (10_000.0, 550.0, Some(1_000.0)));
        assert_eq!((cell.launches.len(), cell.usage.both.unwrap().cpu_us_per_request), (2, 5_500.0));
    }

    #[test]
    fn an_interval_comes_from_the_launches_and_one_launch_has_none() {
        let cells = |tps: &[f64]| tps.iter().map(|tps| launch(*tps, &[1_000; 10])).collect::<Vec<_>>();
        let one = of(cells(&[100.0]), Some(0.025));
        assert!(one.tps_interval.is_none() && !one.precision.unwrap().reached);
        let many = of(cells(&[100.0, 101.0, 99.0, 100.0]), Some(0.025));
        let interval = many.tps_interval.unwrap();
        assert!(
            interval.n == 4 && interval.mean == 100.0 && interval.low < 99.5 && interval.high > 100.5,
            "{interval:?}"
        );
        assert!(many.precision.unwrap().reached, "{:?}", many.precision);
        let wide = of(cells(&[100.0, 140.0, 60.0, 100.0]), Some(0.025)).precision.unwrap();
        assert!(!wide.reached && wide.got > 0.025, "{wide:?}");
    }

    #[test]
    fn one_restless_launch_makes_the_cell_restless_and_warnings_say_how_many() {
        let mut cells = vec![launch(1.0, &[1_000]), launch(2.0, &[1_000]), launch(3.0, &[1_000])];
        for (cell, steady) in cells.iter_mut().zip([true, false, true]) {
            cell.steadiness = Some(Steadiness {
                steady: Some(steady),
                why: "it rises".to_owned(),
                ..Steadiness::default()
            });
        }
        cells[0].warnings = vec!["12 of 3 requests were due".to_owned()];
        cells[2].warnings = vec!["7 of 3 requests were due".to_owned()];
        let cell = of(cells, None);
        let steadiness = cell.steadiness.unwrap();
        assert_eq!(steadiness.steady, Some(false));
        assert!(steadiness.why.starts_with("1 of 3 launches"), "{}", steadiness.why);
        assert_eq!(cell.warnings, ["2 of 3 launches: 12 of 3 requests were due"]);
    }
}
