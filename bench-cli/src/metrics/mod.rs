//! The table of metrics: what each figure is called, where a run file has it, and whether more of it is better.
//!
//! Judgements ([`Metric`]), comparisons ([`COMPARED`]), CSV ([`columns`]) and tables read their figures here. [`Kind`] is a
//! kind of time, [`SETTINGS`] what makes two cells the same cell.

mod columns;
mod kind;
mod settings;

use listenrain_results::{Cell, Launch, Times};

pub(crate) use self::columns::{SHARES, TIMES, fields, names};
pub(crate) use self::kind::Kind;
pub(crate) use self::settings::{SETTINGS, Setting, load};

/// A machine that is busy for more than this percentage of a core while nothing is measured has other work to do.
pub(crate) const BUSY_PERCENT: f64 = 20.0;

/// A figure that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Tps,
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
    CpuUs,
    Errors,
}

/// Name, quantile, and figure of a distribution.
type Row = (&'static str, Option<f64>, fn(&Times) -> Option<f64>);

impl Metric {
    pub(crate) const ALL: [Self; 9] = [
        Self::Tps,
        Self::P50,
        Self::P90,
        Self::P99,
        Self::P999,
        Self::P9999,
        Self::Max,
        Self::CpuUs,
        Self::Errors,
    ];

    /// As it is typed.
    pub(crate) const fn name(self) -> &'static str {
        self.row().0
    }

    /// Whether more of it is better.
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Tps
    }

    /// For a percentile: the share of times that are no longer. 1 for the longest.
    pub(crate) fn quantile(self) -> Option<f64> {
        self.row().1
    }

    /// Of a distribution, µs.
    pub(crate) fn of_times(self, times: &Times) -> Option<f64> {
        (self.row().2)(times)
    }

    const fn row(self) -> Row {
        match self {
            Self::Tps => ("tps", None, |_| None),
            Self::P50 => ("p50", Some(0.5), |it| it.p50),
            Self::P90 => ("p90", Some(0.9), |it| it.p90),
            Self::P99 => ("p99", Some(0.99), |it| it.p99),
            Self::P999 => ("p999", Some(0.999), |it| it.p999),
            Self::P9999 => ("p9999", Some(0.9999), |it| it.p9999),
            Self::Max => ("max", Some(1.0), |it| Some(it.max)),
            Self::CpuUs => ("cpu_us", None, |_| None),
            Self::Errors => ("errors", None, |_| None),
        }
    }

    /// Of all launches of a cell together; of times those that a user would see.
    pub(crate) fn of_cell(self, cell: &Cell) -> Option<f64> {
        match self {
            Self::Tps => Some(cell.tps),
            Self::Errors => Some(cell.lost() as f64 / (cell.lost() + cell.requests).max(1) as f64),
            Self::CpuUs => {
                let both = cell.usage.both.map(|both| both.cpu_us_per_request);
                cell.cpu_us_interval.map(|interval| interval.mean).or(both)
            }
            _ => self.of_times(cell.response_us.as_ref().unwrap_or(&cell.service_us)),
        }
    }

    /// Of one launch.
    pub(crate) fn of_launch(self, launch: &Launch) -> Option<f64> {
        match self {
            Self::Tps => Some(launch.tps),
            Self::CpuUs => launch.cpu_us_per_request,
            Self::Errors => None,
            _ => self.of_times(launch.response_us.as_ref().unwrap_or(&launch.service_us)),
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A metric that launches are compared by: its name in the run file, which it is, and of which loop. An open loop's
/// throughput is what it was asked for, so it is none of them.
pub(crate) type Compared = (&'static str, Metric, Option<Kind>);

/// In the order of a comparison's rows.
pub(crate) const COMPARED: [Compared; 6] = [
    ("tps", Metric::Tps, Some(Kind::Service)),
    ("service_p50_us", Metric::P50, Some(Kind::Service)),
    ("service_p99_us", Metric::P99, Some(Kind::Service)),
    ("response_p50_us", Metric::P50, Some(Kind::Response)),
    ("response_p99_us", Metric::P99, Some(Kind::Response)),
    ("cpu_us_per_request", Metric::CpuUs, None),
];

/// The metrics of one launch by their names; none where it failed.
pub(crate) fn compared(cell: &Cell) -> impl Iterator<Item = (&'static str, f64)> {
    let launch = cell.launches.first();
    let of = move |(name, metric, kind): Compared| {
        let is_its = kind.is_none_or(|kind| kind == Kind::seen(cell));
        let value = metric.of_cell(cell).or_else(|| metric.of_launch(launch?));
        Some((name, value.filter(|value| is_its && *value > 0.0)?))
    };
    COMPARED.into_iter().filter(|_| cell.is_well()).filter_map(of)
}
