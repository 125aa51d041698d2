use listenrain_results::{Cell, Env, Launch, OpenLoop, Series, Usage, Workers};
use proptest::prelude::*;

use super::*;
use crate::histogram::{Distribution, from_text, to_text};

/// Nanoseconds from intended to sent and from sent to done.
type Raw = (u64, u64);

/// What a worker that saw those requests of an open loop writes down.
fn cell(raw: &[Raw]) -> Cell {
    let (mut service, mut response, mut lag) =
        (Distribution::default(), Distribution::default(), Distribution::default());
    for (late, took) in raw {
        service.record(*took, 1);
        response.record(late + took, 1);
        lag.record(*late, 1);
    }
    let count = raw.len() as u64;
    let mut cell = Cell {
        transport: "tcp".to_owned(),
        payload_bytes: 4096,
        parallel: 1 + count,
        requests: count,
        tps: count as f64,
        gbit_per_s: Cell::gbit_per_s(count as f64, 4096),
        duration_s: 1.0,
        service_us: service.times(),
        response_us: Some(response.times()),
        send_lag_us: Some(lag.times()),
        open_loop: Some(OpenLoop { rate: count as f64, intended: count, ..OpenLoop::default() }),
        ..Cell::default()
    };
    cell.histograms.service = Some(to_text(&service.counts));
    cell.histograms.response = Some(to_text(&response.counts));
    cell.histograms.send_lag = Some(to_text(&lag.counts));
    cell
}

fn part(index: u64, count: u64, cells: Vec<Cell>) -> Run {
    let (settings, run) = ("s".to_owned(), "r".to_owned());
    let workers = Workers { index: Some(index), count, settings, run, ..Workers::default() };
    Run { workers: Some(workers), ..Run::new(Env::default(), cells) }
}

fn two(one: Cell, other: Cell) -> Result<Cell, MergeError> {
    let parts = vec![part(1, 2, vec![other]), part(0, 2, vec![one])];
    workers(parts, false).map(|mut run| run.cells.remove(0))
}

prop_compose! {
    /// Requests, each with the worker that it fell to, and an order of the workers.
    fn split()(
        count in 1u64..6,
        raw in prop::collection::vec((0u64..50_000_000, 1u64..90_000_000_000, any::<u64>()), 0..300),
    )(
        order in Just((0..count).collect::<Vec<_>>()).prop_shuffle(),
        raw in Just(raw),
    ) -> (Vec<(Raw, u64)>, Vec<u64>) {
        let count = order.len() as u64;
        (raw.into_iter().map(|(late, took, who)| ((late, took), who % count)).collect(), order)
    }
}

proptest! {
    #[test]
    fn parts_of_a_whole_merge_to_the_whole_in_any_order((requests, order) in split()) {
        let of = |worker: Option<u64>| {
            let raw: Vec<Raw> = requests
                .iter()
                .filter(|(_, who)| worker.is_none_or(|worker| worker == *who))
                .map(|(raw, _)| *raw)
                .collect();
            cell(&raw)
        };
        let count = order.len() as u64;
        let parts = order.iter().map(|index| {
            // As a file on the way would have it.
            let part = part(*index, count, vec![of(Some(*index))]);
            Run::from_json(&part.to_json(), "part").unwrap()
        });
        let merged = workers(parts.collect(), false).unwrap();
        let whole = of(None);
        let sum = &merged.cells[0];
        prop_assert_eq!(sum.service_us, whole.service_us);
        prop_assert_eq!(sum.response_us, whole.response_us);
        prop_assert_eq!(sum.send_lag_us, whole.send_lag_us);
        for (ours, theirs) in [
            (&sum.histograms.service, &whole.histograms.service),
            (&sum.histograms.response, &whole.histograms.response),
            (&sum.histograms.send_lag, &whole.histograms.send_lag),
        ] {
            let counts = |text: &Option<String>| from_text(text.as_ref().unwrap()).unwrap();
            prop_assert_eq!(counts(ours), counts(theirs));
        }
        prop_assert_eq!((sum.requests, sum.tps, sum.gbit_per_s), (whole.requests, whole.tps, whole.gbit_per_s));
        prop_assert_eq!(sum.parallel, whole.requests + count);
        let open = |cell: &Cell| cell.open_loop.clone().map(|open| (open.rate, open.intended));
        prop_assert_eq!(open(sum), open(&whole));
    }
}

#[test]
fn a_percentile_of_all_is_not_the_mean_of_their_percentiles() {
    // Defect 6 of other tools. 1,000 fast and 1,000 slow ones: half are fast, so the 99th of 100 is slow.
    let cell = two(cell(&[(0, 1_000_000); 1000]), cell(&[(0, 9_000_000); 1000])).unwrap();
    let (p50, p99) = (cell.service_us.p50.unwrap(), cell.service_us.p99.unwrap());
    assert!((p50 / 1_000.0 - 1.0).abs() < 1e-3 && (p99 / 9_000.0 - 1.0).abs() < 1e-3, "{p50} {p99}");
    assert_eq!(cell.service_us.mean, 5_000.0);
}

#[test]
fn what_was_used_adds_up_and_the_one_server_stays_one() {
    let usage = |cpu_percent| Usage {
        user_s: 1.0,
        cpu_percent,
        rss_peak_mib: Some(10.0),
        minor_faults: 3,
        ..Usage::default()
    };
    let measured = |server| {
        let mut cell = cell(&[(0, 1000); 100]);
        (cell.cpu_percent, cell.rss_mib) = (Some(50.0), Some(10.0));
        (cell.usage.client, cell.usage.server) = (Some(usage(50.0)), server);
        cell
    };
    let merged = two(measured(None), measured(Some(usage(30.0)))).unwrap();
    let (client, server, both) =
        (merged.usage.client.unwrap(), merged.usage.server.unwrap(), merged.usage.both.unwrap());
    assert_eq!((client.cpu_percent, client.user_s, client.rss_peak_mib), (100.0, 2.0, Some(20.0)));
    assert_eq!((server.cpu_percent, server.minor_faults, both.cpu_percent), (30.0, 3, 130.0));
    // 200 requests a second on one whole processor: 5 ms each.
    assert!((client.cpu_us_per_request - 5_000.0).abs() < 1e-9);
    assert!((client.cpu_us_per_kib - 1_250.0).abs() < 1e-9);
    assert_eq!((merged.cpu_percent, merged.rss_mib), (Some(100.0), Some(20.0)));
    let mut unknown = measured(None);
    unknown.cpu_percent = None;
    assert_eq!(two(measured(None), unknown).unwrap().cpu_percent, None, "not the half of it");
}

#[test]
fn a_servers_own_account_makes_the_figures_those_of_both_ends() {
    let mut one = cell(&[(0, 1000); 100]);
    one.cpu_percent = Some(50.0);
    one.usage.client = Some(Usage { cpu_percent: 50.0, ..Usage::default() });
    let mut run = workers(vec![part(0, 1, vec![one.clone(), one])], false).unwrap();
    let used = |cell, user_s| ServerUsage {
        cell,
        usage: Usage {
            user_s,
            cpu_percent: user_s / 2.0 * 100.0,
            rss_peak_mib: Some(4.0),
            ..Usage::default()
        },
    };
    // Two launches of the first cell, none of the second.
    add_servers(&mut run, &[vec![used(0, 1.0), used(0, 0.5)]]);
    let (first, second) = (&run.cells[0], &run.cells[1]);
    let server = first.usage.server.unwrap();
    assert_eq!((server.user_s, server.cpu_percent, server.rss_peak_mib), (0.75, 37.5, Some(4.0)));
    assert_eq!((first.cpu_percent, first.usage.both.unwrap().cpu_percent), (Some(87.5), 87.5));
    assert!(second.usage.server.is_none() && second.warnings[0].contains("does not say"), "{second:?}");
}

#[test]
fn series_add_up_window_by_window_without_percentiles() {
    let series = |tps: &[f64], max: &[f64]| Series {
        window_s: 0.1,
        tps: tps.to_vec(),
        p50_us: vec![1.0; tps.len()],
        p99_us: vec![2.0; tps.len()],
        max_us: max.to_vec(),
        ..Series::default()
    };
    let mut cells = [cell(&[(0, 1)]), cell(&[(0, 1)])];
    cells[0].series = series(&[1.0, 2.0, 3.0], &[5.0, 1.0, 9.0]);
    cells[1].series = series(&[10.0, 20.0], &[4.0, 7.0]);
    let [one, other] = cells;
    let merged = two(one.clone(), other).unwrap().series;
    assert_eq!((merged.tps, merged.max_us), (vec![11.0, 22.0], vec![5.0, 7.0]));
    assert!(merged.p50_us.is_empty() && merged.p99_us.is_empty());
    let mut longer = one.clone();
    longer.series.window_s = 0.2;
    let merged = two(one, longer).unwrap();
    assert!(merged.series.tps.is_empty() && merged.warnings[0].contains("windows"), "{:?}", merged.warnings);
}

#[test]
fn defect_19_rates_add_up_only_over_the_time_in_which_all_measured() {
    // One had the server to itself after the other had ended, and was twice as fast.
    let span = |tps: &[f64]| {
        let mut cell = cell(&[(0, 1)]);
        cell.series = Series { window_s: 1.0, tps: tps.to_vec(), ..Series::default() };
        (cell.duration_s, cell.tps) = (tps.len() as f64, tps.iter().sum::<f64>() / tps.len() as f64);
        cell
    };
    let merged = two(span(&[100.0, 100.0, 200.0, 200.0]), span(&[100.0, 100.0])).unwrap();
    assert_eq!((merged.tps, merged.gbit_per_s), (200.0, Cell::gbit_per_s(200.0, 4096)));
    assert!(merged.warnings[0].contains("2.0 to 4.0 s"), "{:?}", merged.warnings);
    let together = two(span(&[100.0, 300.0]), span(&[50.0, 50.0])).unwrap();
    assert_eq!((together.tps, together.warnings), (250.0, Vec::new()));
    let mut foreign = span(&[200.0, 200.0]);
    foreign.series = Series::default();
    let merged = two(foreign, span(&[100.0])).unwrap();
    assert!(
        merged.warnings.iter().any(|text| text.contains("no windows in common")),
        "{:?}",
        merged.warnings
    );
}

#[test]
fn launches_add_up_one_by_one() {
    let launched = |requests, cpu_us| {
        let mut cell = cell(&[(0, 1000); 10]);
        let launch = Launch {
            order: 7,
            requests,
            tps: requests as f64,
            cpu_us_per_request: Some(cpu_us),
            ..Launch::default()
        };
        cell.launches = vec![launch];
        cell
    };
    let launch = two(launched(100, 10.0), launched(300, 20.0)).unwrap().launches.remove(0);
    assert_eq!((launch.requests, launch.tps, launch.order), (400, 400.0, 7));
    assert_eq!(launch.cpu_us_per_request, Some(17.5), "of all requests, not of all workers");
}

#[test]
fn errors_and_littles_law_are_those_of_the_whole() {
    let failing = |kind: &str, planned| {
        let mut cell = cell(&[(0, 1_000_000); 10]);
        (cell.errors, cell.littles_law.planned) = (2, planned);
        cell.error_kinds = [(kind.to_owned(), 1), ("lost".to_owned(), 1)].into();
        cell.error_samples = vec!["no reply".to_owned()];
        cell
    };
    let merged = two(failing("timeout", 3.0), failing("refused", 4.0)).unwrap();
    let kinds: Vec<_> = merged.error_kinds.iter().map(|(kind, count)| (&**kind, *count)).collect();
    assert_eq!((merged.errors, kinds), (4, vec![("lost", 2), ("refused", 1), ("timeout", 1)]));
    assert_eq!(merged.error_samples, ["worker 0, 1: no reply"]);
    assert_eq!(merged.littles_law.planned, 7.0);
    // 20 a second that take a millisecond each.
    assert!((merged.littles_law.measured - 0.02).abs() < 1e-12);
}

#[test]
fn parts_that_do_not_belong_together_are_refused_by_what_differs() {
    let well = |index| part(index, 2, vec![cell(&[(0, 1)])]);
    let refused = |parts: Vec<Run>, says: &[&str]| {
        let why = workers(parts, false).unwrap_err().to_string();
        assert!(says.iter().all(|word| why.contains(word)), "{why}");
    };
    fn of(run: &mut Run) -> &mut Workers {
        run.workers.as_mut().unwrap()
    }
    refused(vec![], &["nothing"]);
    refused(vec![well(0)], &["missing: worker 1", "--allow-missing"]);
    refused(vec![well(0), well(1), well(1)], &["worker 1 is there twice"]);
    type Change = fn(&mut Run);
    let changes: [(Change, &[&str]); 12] = [
        (|run| run.workers = None, &["part 1 is no worker's"]),
        (|run| of(run).index = None, &["merged already"]),
        (|run| of(run).index = Some(2), &["worker index 2", "2 workers"]),
        (|run| of(run).settings = "t".into(), &["settings", "\"t\""]),
        (|run| of(run).run = "q".into(), &["run's name", "\"q\""]),
        (|run| of(run).count = 3, &["number of workers", "3"]),
        (|run| run.seed = Some(3), &["seed"]),
        (|run| run.cells.clear(), &["number of cells"]),
        (|run| run.cells[0].payload_bytes = 1, &["payload of cell 0", "4096"]),
        (|run| run.cells[0].histograms.service = None, &["worker 1", "no histogram"]),
        (|run| run.cells[0].service_us.count = 9, &["1 times", "9"]),
        (|run| run.check = Some(Default::default()), &["part 1", "`check`"]),
    ];
    for (change, says) in changes {
        let mut other = well(1);
        change(&mut other);
        refused(vec![well(0), other], says);
    }
}

#[test]
fn with_allow_missing_the_run_says_who_is_missing() {
    let mut other = part(3, 4, vec![cell(&[(0, 1)])]);
    other.env.cpu = "another".to_owned();
    let merged = workers(vec![other, part(1, 4, vec![cell(&[(0, 1)]), cell(&[])])], true).unwrap();
    assert_eq!(merged.workers.unwrap().missing, [0, 2]);
    assert_eq!((merged.cells.len(), merged.cells[0].requests), (1, 2), "what both have");
    assert!(merged.warnings[0].contains("worker 0, 2 is missing"), "{:?}", merged.warnings);
    assert!(merged.warnings[1].contains("worker 3 ran on another kind"), "{:?}", merged.warnings);
}

#[test]
fn a_cell_that_a_worker_could_not_measure_fails_for_all() {
    let failed = Cell {
        transport: "tcp".to_owned(),
        payload_bytes: 4096,
        errors: 1,
        error_kinds: [("not measured".to_owned(), 1)].into(),
        ..Cell::default()
    };
    let mut well = cell(&[(0, 1000); 10]);
    (well.warmup_s, well.placement) = (1.0, "target".to_owned());
    let merged = two(well, failed).unwrap();
    assert_eq!((merged.errors, merged.requests, merged.warmup_s), (1, 10, 1.0));
    assert!(!merged.is_well());
}
