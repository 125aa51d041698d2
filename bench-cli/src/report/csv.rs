//! One line a cell with every single figure, for spreadsheets and scripts.

use listenrain_results::{Cell, Interval, Times, Usage};

use super::Shown;
use super::labels::{TRAITS, Trait};

/// A column's name, with its unit, and a cell's value.
type Column = Trait;

/// `text` as one field.
pub(super) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// What was measured.
pub(super) fn cell_names() -> Vec<Column> {
    let ends: [Column; 2] =
        [("transport", |cell| cell.transport.clone()), ("stack", |cell| cell.stack.clone())];
    let load: [Column; 5] = [
        ("simulated_seed", |cell| number(cell.simulated)),
        ("parallel", |cell| cell.parallel.to_string()),
        ("rate_per_s", |cell| number(cell.open_loop.as_ref().map(|open| open.rate))),
        ("arrivals", |cell| number(cell.open_loop.as_ref().map(|open| open.arrivals.clone()))),
        ("payload_bytes", |cell| cell.payload_bytes.to_string()),
    ];
    ends.into_iter().chain(TRAITS).chain(load).collect()
}

fn figures() -> Vec<Column> {
    vec![
        ("max_in_flight", |cell| number(cell.open_loop.as_ref().map(|open| open.max_in_flight))),
        ("pacer", |cell| number(cell.open_loop.as_ref().map(|open| open.pacer.clone()))),
        ("intended", |cell| number(cell.open_loop.as_ref().map(|open| open.intended))),
        ("dropped", |cell| number(cell.open_loop.as_ref().map(|open| open.dropped))),
        ("window_bytes", |cell| cell.window_bytes.to_string()),
        ("warmup_s", |cell| cell.warmup_s.to_string()),
        ("duration_s", |cell| cell.duration_s.to_string()),
        ("requests", |cell| cell.requests.to_string()),
        ("one_ways", |cell| cell.one_ways.to_string()),
        ("errors", |cell| cell.errors.to_string()),
        ("tps", |cell| cell.tps.to_string()),
        ("tps_low", |cell| number(cell.tps_interval.map(|it| it.low))),
        ("tps_high", |cell| number(cell.tps_interval.map(|it| it.high))),
        ("tps_half_width", |cell| number(half_width(cell.tps_interval))),
        ("gbit_per_s", |cell| cell.gbit_per_s.to_string()),
        ("launches", |cell| cell.launches.len().to_string()),
        ("precision_wanted", |cell| number(cell.precision.map(|it| it.wanted))),
        ("precision_got", |cell| number(cell.precision.map(|it| it.got))),
        ("precision_reached", |cell| number(cell.precision.map(|it| it.reached))),
        ("steady", |cell| number(cell.steadiness.as_ref().and_then(|it| it.steady))),
        ("cut_s", |cell| number(cell.steadiness.as_ref().map(|it| it.cut_s))),
        ("generator_limited", |cell| cell.generator_limited.to_string()),
        ("outstanding_planned", |cell| cell.littles_law.planned.to_string()),
        ("outstanding_measured", |cell| cell.littles_law.measured.to_string()),
        ("cpu_percent", |cell| number(cell.cpu_percent)),
        ("rss_peak_mib", |cell| number(cell.rss_mib)),
        ("cpu_us_per_request_mean", |cell| number(cell.cpu_us_interval.map(|it| it.mean))),
        ("cpu_us_per_request_low", |cell| number(cell.cpu_us_interval.map(|it| it.low))),
        ("cpu_us_per_request_high", |cell| number(cell.cpu_us_interval.map(|it| it.high))),
        ("host_busy_percent", |cell| number(cell.host.map(|it| it.busy_percent))),
        ("host_user_percent", |cell| number(cell.host.map(|it| it.user_percent))),
        ("host_system_percent", |cell| number(cell.host.map(|it| it.system_percent))),
        ("host_interrupt_percent", |cell| number(cell.host.map(|it| it.interrupt_percent))),
        ("host_steal_percent", |cell| number(cell.host.map(|it| it.steal_percent))),
        ("host_idle_busy_percent", |cell| number(cell.host.map(|it| it.idle_busy_percent))),
    ]
}

fn half_width(interval: Option<Interval>) -> Option<f64> {
    interval.as_ref().map(Interval::half_width).filter(|half| half.is_finite())
}

/// A part of a column's name, and the value that a `T` has there.
type Part<T> = (&'static str, fn(&T) -> String);

const TIMES: [Part<Times>; 9] = [
    ("count", |it| it.count.to_string()),
    ("min_us", |it| it.min.to_string()),
    ("p50_us", |it| number(it.p50)),
    ("p90_us", |it| number(it.p90)),
    ("p99_us", |it| number(it.p99)),
    ("p999_us", |it| number(it.p999)),
    ("p9999_us", |it| number(it.p9999)),
    ("max_us", |it| it.max.to_string()),
    ("mean_us", |it| it.mean.to_string()),
];

const USAGE: [Part<Usage>; 11] = [
    ("user_s", |it| it.user_s.to_string()),
    ("system_s", |it| it.system_s.to_string()),
    ("cpu_percent", |it| it.cpu_percent.to_string()),
    ("cpu_us_per_request", |it| it.cpu_us_per_request.to_string()),
    ("cpu_us_per_kib", |it| it.cpu_us_per_kib.to_string()),
    ("rss_peak_mib", |it| number(it.rss_peak_mib)),
    ("rss_mean_mib", |it| number(it.rss_mean_mib)),
    ("voluntary_switches", |it| it.voluntary_switches.to_string()),
    ("involuntary_switches", |it| it.involuntary_switches.to_string()),
    ("minor_faults", |it| it.minor_faults.to_string()),
    ("major_faults", |it| it.major_faults.to_string()),
];

/// One line a cell of all `runs`, under a line of names that stays the same from run to run. A field is empty where
/// there is no such figure.
pub(crate) fn csv(runs: &[Shown<'_>]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    for shown in runs {
        lines.extend(shown.run.cells.iter().map(|cell| {
            let (_, values): (Vec<_>, Vec<_>) = fields(cell).into_iter().unzip();
            std::iter::once(shown.name.clone()).chain(values).collect()
        }));
    }
    let heads = fields(&Cell::default()).into_iter().map(|(head, _)| head);
    lines.insert(0, std::iter::once("run".to_owned()).chain(heads).collect());
    let line = |line: &Vec<String>| line.iter().map(|text| field(text)).collect::<Vec<_>>().join(",") + "\n";
    lines.iter().map(line).collect()
}

/// Every single figure of `cell` with its column's name.
pub(super) fn fields(cell: &Cell) -> Vec<(String, String)> {
    let mut fields: Vec<_> = cell_names()
        .into_iter()
        .chain(figures())
        .map(|(head, value)| (head.to_owned(), value(cell)))
        .collect();
    let times =
        [("service", Some(cell.service_us)), ("response", cell.response_us), ("send_lag", cell.send_lag_us)];
    for (kind, times) in times {
        let value = |value: fn(&Times) -> String| times.as_ref().map_or_else(String::new, value);
        fields.extend(TIMES.iter().map(|(head, text)| (format!("{kind}_{head}"), value(*text))));
    }
    let used = [("both", cell.usage.both), ("client", cell.usage.client), ("server", cell.usage.server)];
    for (side, usage) in used {
        let value = |value: fn(&Usage) -> String| usage.as_ref().map_or_else(String::new, value);
        fields.extend(USAGE.iter().map(|(head, text)| (format!("{side}_{head}"), value(*text))));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn every_line_has_a_field_for_every_name_and_no_name_comes_twice() {
        let run = fixtures::rich();
        let text = csv(&[Shown { name: "a,b".to_owned(), run: &run }]);
        let mut lines = text.lines();
        let heads: Vec<_> = lines.next().unwrap().split(',').collect();
        let mut once = heads.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), heads.len());
        assert_eq!(lines.clone().count(), run.cells.len());
        for line in lines {
            let rest = line.strip_prefix("\"a,b\",").unwrap();
            // A comma between quotes, of which there is an even number before, is no border.
            let plain: String = rest.split('"').step_by(2).collect();
            assert_eq!(plain.split(',').count() + 1, heads.len(), "{line}");
        }
    }

    #[test]
    fn figures_are_written_in_full_and_what_is_not_there_is_empty() {
        let run = fixtures::rich();
        let cell = run.cells.iter().find(|cell| cell.response_us.is_some()).unwrap();
        let of = |name: &str| fields(cell).into_iter().find(|(head, _)| head == name).unwrap().1;
        assert_eq!(of("tps").parse(), Ok(cell.tps));
        assert_eq!(of("response_max_us").parse(), Ok(cell.response_us.unwrap().max));
        assert_eq!(of("simulated_seed"), "");
        assert_eq!(of("server_cpu_us_per_kib").parse().ok(), cell.usage.server.map(|it| it.cpu_us_per_kib));
    }

    #[test]
    fn a_field_that_would_break_the_line_is_quoted() {
        assert_eq!(field("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(field("plain"), "plain");
    }
}
