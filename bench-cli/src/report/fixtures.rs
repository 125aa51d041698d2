//! Made-up runs that have everything a run can have, for tests of reports.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use listenrain_results::{
    Cell, Check, CheckRow, Comparison, ComparisonRow, Env, Histograms, HostCpu, Interval, Launch, LittlesLaw,
    OpenLoop, Precision, Run, Search, Series, Steadiness, Times, Trial, Usage, Usages, Verdict,
};

/// A name that would be markup, if it were not escaped.
pub(crate) const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&";

fn run(command: &str, cells: Vec<Cell>) -> Run {
    let [started, command] = ["2026-11-24T19:40:00Z", command].map(str::to_owned);
    let env = Env { started, command, cpu: "AMD EPYC".to_owned(), cores: 2, ..Env::default() };
    Run::new(env, cells)
}

/// Times around `median_us` with a long tail: their figures and their histogram.
fn spread(median_us: f64, tail: f64, count: u64) -> (Times, String) {
    let mut histogram: Histogram<u64> = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
    for step in 0..20_000 {
        let left = 1.0 - (f64::from(step) + 0.5) / 20_000.0;
        let us = median_us * (0.6 + 0.4 * (0.5 / left).powf(tail));
        histogram.record_n((us * 1e3) as u64, count / 20_000).unwrap();
    }
    let us = |ns: u64| ns as f64 / 1e3;
    let at = |quantile: f64| Some(us(histogram.value_at_quantile(quantile)));
    let times = Times {
        count: histogram.len(),
        min: us(histogram.min()),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        // It takes 46,050 to tell.
        p9999: at(0.9999).filter(|_| count > 46_050),
        max: us(histogram.max()),
        mean: histogram.mean() / 1e3,
    };
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
    (times, STANDARD.encode(bytes))
}

fn usage(cpu_percent: f64, tps: f64, payload_bytes: u64, rss: f64) -> Usage {
    let each = cpu_percent * 1e4 / tps;
    Usage {
        user_s: cpu_percent * 0.012,
        system_s: cpu_percent * 0.018,
        cpu_percent,
        cpu_us_per_request: each,
        cpu_us_per_kib: each * 1024.0 / payload_bytes as f64,
        rss_peak_mib: Some(rss),
        voluntary_switches: (tps * 0.8) as u64,
        involuntary_switches: 311,
        minor_faults: 812,
        ..Usage::default()
    }
}

fn series(tps: f64, p50: f64, is_split: bool) -> Series {
    let column = |scale: f64| (0..30).map(|at| scale * (1.0 + 0.04 * f64::from(at).sin())).collect();
    Series {
        window_s: 0.1,
        tps: column(tps),
        p50_us: column(p50),
        p99_us: column(p50 * 2.4),
        max_us: column(p50 * 9.0),
        client_cpu_percent: column(71.0),
        server_cpu_percent: if is_split { column(84.0) } else { Vec::new() },
        cut: 3,
    }
}

/// A closed loop of both ends in one process.
pub(crate) fn closed(transport: &str, stack: &str, parallel: u64, payload_bytes: u64, tps: f64) -> Cell {
    let mean = parallel as f64 / tps * 1e6;
    let (service_us, service) = spread(mean * 0.9, 0.3, 40_000);
    Cell {
        transport: transport.to_owned(),
        stack: stack.to_owned(),
        protocol: if stack == "bare" { "stream" } else { "native" }.to_owned(),
        placement: "same".to_owned(),
        parallel,
        payload_bytes,
        requests: (tps * 3.0) as u64,
        tps,
        gbit_per_s: Cell::gbit_per_s(tps, payload_bytes),
        cpu_percent: Some(99.4),
        rss_mib: Some(6.2),
        service_us,
        duration_s: 3.0,
        warmup_s: 1.0,
        littles_law: LittlesLaw { planned: parallel as f64, measured: parallel as f64 * 0.994 },
        histograms: Histograms { service: Some(service), ..Histograms::default() },
        usage: Usages { both: Some(usage(99.4, tps, payload_bytes, 6.2)), ..Usages::default() },
        tool_us_per_request: Some(0.312),
        host: Some(HostCpu { busy_percent: 103.0, interrupt_percent: 6.0, ..HostCpu::default() }),
        steadiness: Some(Steadiness { steady: Some(true), cut_s: 0.3, why: String::new() }),
        series: series(tps, mean * 0.9, false),
        ..Cell::default()
    }
}

/// The same with several launches, each end in a process of its own.
pub(crate) fn split(transport: &str, stack: &str, parallel: u64, payload_bytes: u64, tps: f64) -> Cell {
    let mut cell = closed(transport, stack, parallel, payload_bytes, tps);
    (cell.placement, cell.pin) = ("split".to_owned(), "server=0,client=1".to_owned());
    let used = |percent, rss| Some(usage(percent, tps, payload_bytes, rss));
    cell.usage = Usages { both: used(155.5, 14.5), client: used(71.3, 5.4), server: used(84.2, 9.1) };
    cell.cpu_percent = Some(155.5);
    cell.host = Some(HostCpu { busy_percent: 171.0, interrupt_percent: 13.0, ..HostCpu::default() });
    cell.series = series(tps, cell.service_us.mean, true);
    let launch = |order: u64| Launch {
        order,
        tps: tps * (0.99 + 0.005 * order as f64),
        cpu_us_per_request: Some(155.5e4 / tps),
        service_us: cell.service_us,
        ..Launch::default()
    };
    cell.launches = (0..5).map(launch).collect();
    cell.tps_interval = Some(Interval { mean: tps, low: tps * 0.988, high: tps * 1.012, n: 5 });
    cell.cpu_us_interval = Some(Interval { mean: 9.1, low: 9.0, high: 9.2, n: 5 });
    cell.precision = Some(Precision { wanted: 0.025, got: 0.012, reached: true });
    cell
}

/// An open loop at `rate`, of a server that can bear `most`.
pub(crate) fn open(transport: &str, rate: f64, most: f64) -> Cell {
    let wait = 60.0 / (1.0 - (rate / most).min(0.985));
    let achieved = rate.min(most);
    let [(service_us, service), (response_us, response), (send_lag_us, send_lag)] =
        [(52.0, 0.35), (wait, 0.45), (1.8, 0.25)].map(|(median, tail)| spread(median, tail, 60_000));
    let open_loop = OpenLoop {
        rate,
        arrivals: "exp".to_owned(),
        max_in_flight: 4096,
        pacer: "thread".to_owned(),
        intended: (rate * 3.0) as u64,
        dropped: ((rate - achieved) * 3.0) as u64,
    };
    Cell {
        service_us,
        response_us: Some(response_us),
        send_lag_us: Some(send_lag_us),
        histograms: Histograms { service: Some(service), response: Some(response), send_lag: Some(send_lag) },
        series: series(achieved, wait, true),
        littles_law: LittlesLaw::default(),
        open_loop: Some(open_loop),
        ..split(transport, "listenrain", 64, 4096, achieved)
    }
}

/// Closed and open, split and not, with a failed row and everything that there is a note about.
pub(crate) fn rich() -> Run {
    let mut missed = split("unix", "listenrain", 16, 4096, 210_400.0);
    missed.precision = Some(Precision { wanted: 0.025, got: 0.068, reached: false });
    let why = "throughput rises by 4 % in the second half".to_owned();
    missed.steadiness = Some(Steadiness { steady: Some(false), cut_s: 0.0, why });
    let mut failed = closed(HOSTILE, "listenrain", 16, 4096, 9_100.0);
    failed.errors = 2;
    failed.error_kinds = [("timeout".to_owned(), 2)].into();
    failed.error_samples = vec!["no reply within 5 s from </script><b>it</b>".to_owned()];
    let mut warned = closed("unix", "listenrain", 1, 262_144, 11_890.0);
    warned.warnings = vec!["the machine's governor is powersave".to_owned()];
    let cells = vec![
        split("tcp", "listenrain", 16, 4096, 171_300.0),
        split("tcp", "bare", 16, 4096, 298_700.0),
        missed,
        warned,
        failed,
        open("tcp", 20_000.0, 91_000.0),
        Cell { generator_limited: true, ..open("tcp", 90_000.0, 91_000.0) },
    ];
    let command = "bench-cli run --transport tcp,unix --placement split --repeats 5";
    Run { seed: Some(7), ..run(command, cells) }
}

/// Five transports by four payloads, and a cell that is missing.
pub(crate) fn transports() -> Run {
    let speeds = [("tcp", 1.0), ("unix", 1.31), ("fifo", 0.72), ("channel", 3.4), ("quic", 0.21)];
    let payloads = [(4 << 10, 171_000.0), (32 << 10, 92_000.0), (256 << 10, 11_000.0), (4 << 20, 309.0)];
    let of = |(transport, speed)| {
        payloads.map(|(payload, tps)| closed(transport, "listenrain", 16, payload, tps * speed))
    };
    let mut cells = speeds.map(of).concat();
    cells.pop();
    run("bench-cli run --transport all --parallel 16 --payload 4KiB,32KiB,256KiB,4MiB", cells)
}

/// Open loops at rising rates, and a search.
pub(crate) fn curve() -> Run {
    let rates = [10_000.0, 20_000.0, 40_000.0, 60_000.0, 80_000.0];
    let of = |(transport, most)| rates.map(|rate| open(transport, rate, most));
    let cells = [("tcp", 91_000.0), ("unix", 130_000.0)].map(of).concat();
    let mut run = run("bench-cli search --transport tcp --slo p99<1ms", cells);
    let trial = |rate: f64| {
        let (response_us, _) = spread(60.0 / (1.0 - rate / 91_000.0), 0.45, 60_000);
        let verdict = if rate <= 60_000.0 { "holds" } else { "missed" }.to_owned();
        Trial { rate, achieved: rate, duration_s: 5.0, response_us, verdict, ..Trial::default() }
    };
    run.searches = vec![Search {
        cell: "tcp listenrain x 4KiB".to_owned(),
        slo: "p99<1ms".to_owned(),
        highest_rate: Some(60_000.0),
        lowest_missed: Some(70_000.0),
        trials: [20_000.0, 40_000.0, 80_000.0, 60_000.0, 70_000.0].map(trial).into(),
    }];
    run
}

/// Three transports against each other in two cells.
pub(crate) fn compared() -> Run {
    let row = |value: &str, parallel, metric: &str, ratio: f64, half: f64| {
        let more_is_better = metric == "tps";
        let verdict = match ratio {
            ratio if (ratio - 1.0).abs() < half => Verdict::NoDifference,
            ratio if (ratio > 1.0) == more_is_better => Verdict::Better,
            _ => Verdict::Worse,
        };
        ComparisonRow {
            parallel,
            payload_bytes: 4096,
            value: value.to_owned(),
            metric: metric.to_owned(),
            more_is_better,
            ratio: Some(ratio),
            low: Some(ratio * (1.0 - half)),
            high: Some(ratio * (1.0 + half)),
            p: Some(0.004),
            p_corrected: Some(0.012),
            blocks: 8,
            verdict,
            why: String::new(),
        }
    };
    let invalid = ComparisonRow {
        parallel: 16,
        payload_bytes: 4096,
        value: "fifo".to_owned(),
        metric: "tps".to_owned(),
        verdict: Verdict::Invalid,
        why: "fifo had 3 errors".to_owned(),
        ..ComparisonRow::default()
    };
    let rows = vec![
        row("unix", 1, "tps", 1.214, 0.02),
        row("unix", 1, "service_p99_us", 0.812, 0.06),
        row("unix", 16, "tps", 1.386, 0.015),
        row("unix", 16, "service_p99_us", 1.012, 0.05),
        row("unix", 16, "cpu_us_per_request", 0.741, 0.02),
        row("fifo", 1, "tps", 0.713, 0.04),
        invalid,
    ];
    let cells = [("tcp", 1.0), ("unix", 1.386), ("fifo", 0.7)]
        .map(|(transport, speed)| closed(transport, "listenrain", 16, 4096, 171_000.0 * speed));
    let mut run = run("bench-cli compare --transport tcp,unix,fifo --blocks 8", cells.into());
    run.comparison = Some(Comparison {
        factor: "transport".to_owned(),
        values: ["tcp", "unix", "fifo"].map(str::to_owned).into(),
        blocks: 8,
        seed: 42,
        level: 0.95,
        noise_floor: 0.01,
        rows,
        samples: Vec::new(),
    });
    run
}

/// A check that found a regression.
pub(crate) fn checked() -> Run {
    let row = |[metric, threshold, verdict, why]: [&str; 4], change: f64, half: f64| CheckRow {
        cell: "tcp listenrain 16 x 4KiB".to_owned(),
        metric: metric.to_owned(),
        threshold: threshold.to_owned(),
        baseline: Some(171_300.0),
        candidate: Some(171_300.0 * (1.0 + change)),
        change: Some(change),
        low: Some(change - half),
        high: Some(change + half),
        verdict: verdict.to_owned(),
        why: why.to_owned(),
    };
    let cells = vec![split("tcp", "listenrain", 16, 4096, 157_596.0)];
    let mut run = run("bench-cli check --baseline main.json", cells);
    run.check = Some(Check {
        baseline: "main.json".to_owned(),
        rows: vec![
            row(["tps", "tps<-3%", "regression", "all of it lies below -3 %"], -0.08, 0.014),
            row(["service_p99_us", "p99>+5%", "inconclusive", "the interval holds +5 %"], 0.031, 0.06),
            row(["cpu_us_per_request", "cpu_us>+5%", "passed", ""], 0.004, 0.01),
        ],
        verdict: "regression".to_owned(),
    });
    run
}

/// What a run of schema 1 says: closed loops, every percentile, no histogram.
pub(crate) fn schema_1() -> Run {
    let cells = [("listenrain", 171_300.0), ("bare", 298_700.0)].map(|(stack, tps)| Cell {
        placement: String::new(),
        histograms: Histograms::default(),
        usage: Usages::default(),
        host: None,
        steadiness: None,
        series: Series::default(),
        ..closed("tcp", stack, 16, 4096, tps)
    });
    Run { schema: 1, ..run("bench-cli run", cells.into()) }
}
