//! Schema of a cell.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::launch::{Launch, OpenLoop, Precision, Steadiness};
use super::little::LittlesLaw;
use super::times::{Histograms, Interval, Times};
use super::usage::{HostCpu, Series, Usages};

/// One cell: one combination, measured in a process of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Scheme of the transport.
    pub transport: String,
    /// What was driven on top of it: `listenrain`, `bare`, `floor`, `in-place`, or a peer such as `tarpc`.
    pub stack: String,
    /// `current` or `multi:N`.
    pub runtime: String,
    /// Wire protocol; `stream` where there is none, `own` where it is that of a peer.
    pub protocol: String,
    /// Requests kept outstanding: a closed loop of that many callers. Of an open loop, the callers' connections share it.
    pub parallel: u64,
    /// Bytes of a request's payload, and of its reply's. Of a scenario's mix, the mean of those that are answered.
    pub payload_bytes: u64,
    /// Requests completed inside the timed window.
    pub requests: u64,
    /// Errors of every kind, warm-up included.
    pub errors: u64,
    /// Requests a second.
    pub tps: f64,
    /// Payload one way, decimal: tps x payload x 8 / 10^9.
    pub gbit_per_s: f64,
    /// CPU time of both ends over the window; 100 = one core. Absent where it cannot be had.
    pub cpu_percent: Option<f64>,
    /// Peak resident memory of both ends, MiB. Absent where it cannot be had.
    pub rss_mib: Option<f64>,
    /// From sent to done, µs. All that a closed loop can say: it is service time, not response time.
    pub service_us: Times,

    /// Channels of each connection.
    #[serde(default)]
    pub lanes: u64,
    /// Connections.
    #[serde(default)]
    pub connections: u64,
    /// Length of the timed window, seconds, as measured.
    #[serde(default)]
    pub duration_s: f64,
    /// Length of the timed window, seconds, as asked. Zero: the file is older than this field.
    #[serde(default)]
    pub asked_s: f64,
    /// Length of the warm-up, seconds, as asked.
    #[serde(default)]
    pub warmup_s: f64,
    /// Most payload bytes outstanding at once.
    #[serde(default)]
    pub window_bytes: u64,
    /// The self-check of a closed loop.
    #[serde(default)]
    pub littles_law: LittlesLaw,
    /// Errors by kind.
    #[serde(default)]
    pub error_kinds: BTreeMap<String, u64>,
    /// The first few errors, in words.
    #[serde(default)]
    pub error_samples: Vec<String>,
    /// What the reader of the figures should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The live server that was driven, when it was not this process's own.
    #[serde(default)]
    pub target: Option<String>,
    /// What stood between client and server.
    #[serde(default)]
    pub via: Option<String>,
    /// Options that were set on the transport, as `scheme.name=value`.
    #[serde(default)]
    pub options: Vec<String>,
    /// `same`: one process holds both ends. `split`: each end is a process of its own. `target`: the server is elsewhere.
    #[serde(default)]
    pub placement: String,
    /// The processors that each end was kept to, as `server=0,client=1`; empty where they were free.
    #[serde(default)]
    pub pin: String,
    /// How requests were let go. Absent for a closed loop, where a caller's next request waits for its reply.
    #[serde(default)]
    pub open_loop: Option<OpenLoop>,
    /// From intended to done, µs: the time that a user would see. Open loops only.
    #[serde(default)]
    pub response_us: Option<Times>,
    /// From intended to sent, µs: the load generator's own fault. Open loops only.
    #[serde(default)]
    pub send_lag_us: Option<Times>,
    /// Whether the generator was too late too often for the row to be compared with others.
    #[serde(default)]
    pub generator_limited: bool,
    /// The histograms behind the times.
    #[serde(default)]
    pub histograms: Histograms,
    /// What each end used between the marks.
    #[serde(default)]
    pub usage: Usages,
    /// Processor time of the load tool itself a request, µs: making it, the clocks, checking and counting the reply, where
    /// it is answered in place. Absent where it is not known.
    #[serde(default)]
    pub tool_us_per_request: Option<f64>,
    /// What the whole machine used between the marks.
    #[serde(default)]
    pub host: Option<HostCpu>,
    /// Whether the figures had come to rest.
    #[serde(default)]
    pub steadiness: Option<Steadiness>,
    /// Figures over time, of the launch in the middle by throughput.
    #[serde(default)]
    pub series: Series,
    /// Each launch by itself, in the order in which they were started. Empty in runs of schema 1.
    #[serde(default)]
    pub launches: Vec<Launch>,
    /// Throughput over the launches, 95 %. Absent for fewer than two.
    #[serde(default)]
    pub tps_interval: Option<Interval>,
    /// CPU of both ends a request over the launches, µs, 95 %. Absent for fewer than two.
    #[serde(default)]
    pub cpu_us_interval: Option<Interval>,
    /// What `--until` asked for, as a share, and whether it was reached.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// When the server stalled on purpose, as `500ms@2s`: for half a second, two seconds into the timed window.
    #[serde(default)]
    pub stalls: Vec<String>,
    /// The scenario file's name, where the load came from one.
    #[serde(default)]
    pub scenario: Option<String>,
    /// The phase of the scenario that this cell is.
    #[serde(default)]
    pub phase: Option<String>,
    /// One-way requests handed over inside the timed window. They are not answered: they are in no time and not in
    /// `requests`; those of an open loop are in its `intended` and `dropped`.
    #[serde(default)]
    pub one_ways: u64,
    /// The seed, where the cell was simulated: its times are then the model's and no machine's.
    #[serde(default)]
    pub simulated: Option<u64>,
}

impl Cell {
    /// The column that the original calls bandwidth: payload one way, decimal Gbit/s.
    #[must_use]
    pub fn gbit_per_s(tps: f64, payload_bytes: u64) -> f64 {
        tps * payload_bytes as f64 * 8.0 / 1e9
    }

    /// Whether the row may be used: requests completed, and none went wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.errors == 0 && self.requests > 0
    }

    /// What went wrong, where the row may not be used: how many errors, and of which kinds.
    #[must_use]
    pub fn what_failed(&self) -> Option<String> {
        let kinds = self.error_kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        match self.errors {
            _ if self.is_well() => None,
            0 => Some("no request was completed".to_owned()),
            1 => Some(format!("1 error ({kinds})")),
            errors => Some(format!("{errors} errors ({kinds})")),
        }
    }

    /// The same with the first error in words, where there is one.
    #[must_use]
    pub fn why_failed(&self) -> Option<String> {
        let what = self.what_failed()?;
        Some(match self.error_samples.first() {
            Some(said) => format!("{what}: {said}"),
            None => what,
        })
    }

    /// Requests that came to nothing: those that went wrong, and those of an open loop that were due and never sent.
    ///
    /// A caller that waited for one has no reply, so a latency limit counts it as too late.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.errors + self.open_loop.as_ref().map_or(0, |open| open.dropped)
    }

    /// Whether it may win or lose against another: requests completed, none was lost, and the generator kept up.
    #[must_use]
    pub fn may_compare(&self) -> bool {
        self.is_well() && self.lost() == 0 && !self.generator_limited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_thousand_times_4_kib_is_the_originals_1_638_gbit() {
        assert_eq!(format!("{:.3}", Cell::gbit_per_s(50_000.0, 4096)), "1.638");
    }

    #[test]
    fn what_was_dropped_is_lost_as_what_failed_is() {
        let open = OpenLoop { intended: 100, dropped: 7, ..OpenLoop::default() };
        assert_eq!(Cell { errors: 2, ..Cell::default() }.lost(), 2);
        assert_eq!(Cell { errors: 2, open_loop: Some(open), ..Cell::default() }.lost(), 9);
    }

    #[test]
    fn littles_law_holds_when_throughput_times_time_is_what_was_outstanding() {
        let law = LittlesLaw::new(16, 1_000_000.0, 16.0);
        assert!(law.off_by() < 1e-9);
        assert!((LittlesLaw::new(16, 1_000_000.0, 8.0).off_by() - 0.5).abs() < 1e-9);
        assert!(LittlesLaw::default().off_by() == 0.0);
    }
}
