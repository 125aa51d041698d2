//! Columns: every single figure of a cell, under a name that has its unit.

use listenrain_results::{Cell, Interval, Run, Times, Usage, of_bare, of_floor};

use super::{Kind, SETTINGS};

/// A column's name and a cell's value.
type Column = (&'static str, fn(&Cell) -> String);

fn some<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// What else was measured, beside the settings that names have.
const LOAD: [Column; 5] = [
    ("simulated_seed", |cell| some(cell.simulated)),
    ("parallel", |cell| cell.parallel.to_string()),
    ("rate_per_s", |cell| some(cell.open_loop.as_ref().map(|open| open.rate))),
    ("arrivals", |cell| some(cell.open_loop.as_ref().map(|open| open.arrivals.clone()))),
    ("payload_bytes", |cell| cell.payload_bytes.to_string()),
];

const FIGURES: [Column; 38] = [
    ("max_in_flight", |cell| some(cell.open_loop.as_ref().map(|open| open.max_in_flight))),
    ("pacer", |cell| some(cell.open_loop.as_ref().map(|open| open.pacer.clone()))),
    ("intended", |cell| some(cell.open_loop.as_ref().map(|open| open.intended))),
    ("dropped", |cell| some(cell.open_loop.as_ref().map(|open| open.dropped))),
    ("window_bytes", |cell| cell.window_bytes.to_string()),
    ("warmup_s", |cell| cell.warmup_s.to_string()),
    ("duration_s", |cell| cell.duration_s.to_string()),
    ("requests", |cell| cell.requests.to_string()),
    ("one_ways", |cell| cell.one_ways.to_string()),
    ("errors", |cell| cell.errors.to_string()),
    ("failed", |cell| (!cell.is_well()).to_string()),
    ("why_failed", |cell| cell.why_failed().unwrap_or_default()),
    ("tps", |cell| cell.tps.to_string()),
    ("tps_low", |cell| some(cell.tps_interval.map(|it| it.low))),
    ("tps_high", |cell| some(cell.tps_interval.map(|it| it.high))),
    ("tps_half_width", |cell| some(half_width(cell.tps_interval))),
    ("gbit_per_s", |cell| cell.gbit_per_s.to_string()),
    ("launches", |cell| cell.launches.len().to_string()),
    ("precision_wanted", |cell| some(cell.precision.map(|it| it.wanted))),
    ("precision_got", |cell| some(cell.precision.map(|it| it.got))),
    ("precision_reached", |cell| some(cell.precision.map(|it| it.reached))),
    ("steady", |cell| some(cell.steadiness.as_ref().and_then(|it| it.steady))),
    ("cut_s", |cell| some(cell.steadiness.as_ref().map(|it| it.cut_s))),
    ("generator_limited", |cell| cell.generator_limited.to_string()),
    ("outstanding_planned", |cell| cell.littles_law.planned.to_string()),
    ("outstanding_measured", |cell| cell.littles_law.measured.to_string()),
    ("cpu_percent", |cell| some(cell.cpu_percent)),
    ("rss_peak_mib", |cell| some(cell.rss_mib)),
    ("cpu_us_per_request_mean", |cell| some(cell.cpu_us_interval.map(|it| it.mean))),
    ("cpu_us_per_request_low", |cell| some(cell.cpu_us_interval.map(|it| it.low))),
    ("cpu_us_per_request_high", |cell| some(cell.cpu_us_interval.map(|it| it.high))),
    ("tool_us_per_request", |cell| some(cell.tool_us_per_request)),
    ("host_busy_percent", |cell| some(cell.host.map(|it| it.busy_percent))),
    ("host_user_percent", |cell| some(cell.host.map(|it| it.user_percent))),
    ("host_system_percent", |cell| some(cell.host.map(|it| it.system_percent))),
    ("host_interrupt_percent", |cell| some(cell.host.map(|it| it.interrupt_percent))),
    ("host_steal_percent", |cell| some(cell.host.map(|it| it.steal_percent))),
    ("host_idle_busy_percent", |cell| some(cell.host.map(|it| it.idle_busy_percent))),
];

fn half_width(interval: Option<Interval>) -> Option<f64> {
    interval.as_ref().map(Interval::half_width).filter(|half| half.is_finite())
}

/// A figure's name and head, and its value in a `T`.
pub(crate) type Part<T> = (&'static str, &'static str, fn(&T) -> Option<f64>);

/// Of a distribution; µs but for the count.
pub(crate) const TIMES: [Part<Times>; 9] = [
    ("count", "count", |it| Some(it.count as f64)),
    ("min_us", "min", |it| Some(it.min)),
    ("p50_us", "p50", |it| it.p50),
    ("p90_us", "p90", |it| it.p90),
    ("p99_us", "p99", |it| it.p99),
    ("p999_us", "p99.9", |it| it.p999),
    ("p9999_us", "p99.99", |it| it.p9999),
    ("max_us", "max", |it| Some(it.max)),
    ("mean_us", "mean", |it| Some(it.mean)),
];

const USAGE: [Part<Usage>; 11] = [
    ("user_s", "", |it| Some(it.user_s)),
    ("system_s", "", |it| Some(it.system_s)),
    ("cpu_percent", "", |it| Some(it.cpu_percent)),
    ("cpu_us_per_request", "", |it| Some(it.cpu_us_per_request)),
    ("cpu_us_per_kib", "", |it| Some(it.cpu_us_per_kib)),
    ("rss_peak_mib", "", |it| it.rss_peak_mib),
    ("rss_mean_mib", "", |it| it.rss_mean_mib),
    ("voluntary_switches", "", |it| Some(it.voluntary_switches as f64)),
    ("involuntary_switches", "", |it| Some(it.involuntary_switches as f64)),
    ("minor_faults", "", |it| Some(it.minor_faults as f64)),
    ("major_faults", "", |it| Some(it.major_faults as f64)),
];

/// Throughput as a share of another stack's in the same place: that stack, the column's name and head, and the share.
pub(crate) type Share = (&'static str, &'static str, &'static str, fn(&Run, &Cell) -> Option<f64>);

/// Of what a transport can do at most, and of what requests and replies over it can.
pub(crate) const SHARES: [Share; 2] = [
    ("bare", "percent_of_bare", "% of bare", of_bare),
    ("floor", "percent_of_floor", "% of floor", of_floor),
];

/// What was measured: its names and values.
pub(crate) fn names(cell: &Cell) -> Vec<(String, String)> {
    let ends = ["transport", "stack"];
    let settings = SETTINGS.iter().filter(|it| it.is_in_names || ends.contains(&it.name));
    let settings = settings.map(|it| (it.name, it.of)).chain(LOAD);
    settings.map(|(name, value)| (name.to_owned(), value(cell))).collect()
}

/// Every single figure of `cell` of `run` with its column's name.
pub(crate) fn fields(run: &Run, cell: &Cell) -> Vec<(String, String)> {
    let mut fields = names(cell);
    let share =
        |(_, name, _, of): &Share| ((*name).to_owned(), some(of(run, cell).map(|share| share * 100.0)));
    fields.extend(FIGURES.iter().map(|(name, value)| ((*name).to_owned(), value(cell))));
    for kind in Kind::ALL {
        fields.extend(parts(kind.name(), kind.times(cell).as_ref(), &TIMES));
    }
    for (side, usage) in
        [("both", cell.usage.both), ("client", cell.usage.client), ("server", cell.usage.server)]
    {
        fields.extend(parts(side, usage.as_ref(), &USAGE));
    }
    fields.extend(SHARES.iter().map(share));
    fields
}

fn parts<T>(of: &str, value: Option<&T>, table: &[Part<T>]) -> Vec<(String, String)> {
    let field = |(name, _, figure): &Part<T>| (format!("{of}_{name}"), some(value.and_then(figure)));
    table.iter().map(field).collect()
}
