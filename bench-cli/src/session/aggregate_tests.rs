use super::*;
use listenrain_results::Launch;

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
    let cell = aggregate(vec![fast, slow], None);
    assert!(
        cell.service_us.p50.is_some_and(|p50| (1_000.0..1_001.0).contains(&p50)) && cell.requests == 1_000
    );
    assert!(cell.service_us.p99.is_some_and(|p99| p99 > 9_990.0 && p99 <= cell.service_us.max));
    assert_eq!((cell.service_us.max, cell.tps, cell.rss_mib), (10_000.0, 550.0, Some(1_000.0)));
    assert_eq!((cell.launches.len(), cell.usage.both.unwrap().cpu_us_per_request), (2, 5_500.0));
}

#[test]
fn an_interval_comes_from_the_launches_and_one_launch_has_none() {
    let cells = |tps: &[f64]| tps.iter().map(|tps| launch(*tps, &[1_000; 10])).collect::<Vec<_>>();
    let one = aggregate(cells(&[100.0]), Some(0.025));
    assert!(one.tps_interval.is_none() && !one.precision.unwrap().reached);
    let many = aggregate(cells(&[100.0, 101.0, 99.0, 100.0]), Some(0.025));
    let interval = many.tps_interval.unwrap();
    assert!(
        interval.n == 4 && interval.mean == 100.0 && interval.low < 99.5 && interval.high > 100.5,
        "{interval:?}"
    );
    assert!(many.precision.unwrap().reached, "{:?}", many.precision);
    let wide = aggregate(cells(&[100.0, 140.0, 60.0, 100.0]), Some(0.025)).precision.unwrap();
    assert!(!wide.reached && wide.got > 0.025, "{wide:?}");
}

#[test]
fn one_restless_launch_makes_the_cell_restless_and_warnings_say_how_many() {
    let mut cells = vec![launch(1.0, &[1_000]), launch(2.0, &[1_000]), launch(3.0, &[1_000])];
    for (cell, steady) in cells.iter_mut().zip([true, false, true]) {
        cell.steadiness =
            Some(Steadiness { steady: Some(steady), why: "it rises".to_owned(), ..Steadiness::default() });
    }
    cells[0].warnings = vec!["12 of 3 requests were due".to_owned()];
    cells[2].warnings = vec!["7 of 3 requests were due".to_owned()];
    let cell = aggregate(cells, None);
    let steadiness = cell.steadiness.unwrap();
    assert_eq!(steadiness.steady, Some(false));
    assert!(steadiness.why.starts_with("1 of 3 launches"), "{}", steadiness.why);
    assert_eq!(cell.warnings, ["2 of 3 launches: 12 of 3 requests were due"]);
}
