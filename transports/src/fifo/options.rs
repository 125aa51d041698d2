//! The knobs of named pipes.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::value::{
    parse_count, parse_duration, parse_size, parse_unless, show_duration, show_size,
};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const PIPE: RangeInclusive<usize> = 4096..=1 << 30;
const BACKLOG: RangeInclusive<usize> = 1..=65_535;
const CONNECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// The options of [`Fifo`](super::Fifo), as a builder.
///
/// Bounds are checked where the options are used, by [`Fifo::new`](super::Fifo::new). An endpoint may set each of them
/// too, by the name of its method: `fifo:///run/x?pipe_size=1MiB`. Both a dialer and a listener take all of them, so
/// that one endpoint can serve both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FifoOptions {
    pub(super) pipe_size: Option<usize>,
    pub(super) backlog: usize,
    pub(super) connect_timeout: Duration,
}

impl Default for FifoOptions {
    fn default() -> Self {
        let pipe_size = cfg!(target_os = "linux").then_some(256 << 10);
        Self { pipe_size, backlog: 128, connect_timeout: Duration::from_secs(10) }
    }
}

impl FifoOptions {
    /// How many bytes may wait in the pipe that this side reads (`F_SETPIPE_SZ`), or `None` for what the system chooses
    /// (Linux: 64 KiB). When it is full, the peer's writing waits.
    ///
    /// Unit: bytes. Default: 256 KiB on Linux, as much as the library reads or writes at once; `None` elsewhere, where
    /// nothing else is allowed. Bounds: 4 KiB to 1 GiB; the system rounds up to a power of two, and it limits what one
    /// pipe (`fs.pipe-max-size`, 1 MiB) and all pipes of one user (`fs.pipe-user-pages-soft`, 64 MiB) may hold. Beyond
    /// that the pipe gets the largest half, quarter and so on that the system grants, down to what it had, and a trace
    /// says so; the dial or accept goes on.
    ///
    /// Measured with two threads, 256 KiB moved messages of 1 MiB about 1.3 times as fast as the system's 64 KiB, and
    /// 1 MiB no faster. Make it smaller for hundreds of connections of an unprivileged user.
    #[must_use]
    pub fn pipe_size(mut self, bytes: Option<usize>) -> Self {
        self.pipe_size = bytes;
        self
    }

    /// How many connections may wait to be accepted by a listener; a dialer ignores it.
    ///
    /// Unit: connections, each of which holds two file descriptors. Default: 128. Bounds: 1 to 65,535. When it is full,
    /// dials wait, and are refused in time by their [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn backlog(mut self, connections: usize) -> Self {
        self.backlog = connections;
        self
    }

    /// How long one dial may take until the listener has taken it into its backlog. Beyond it the dial fails with
    /// `TimedOut`. A listener removes what dialers that died have left behind once it has been there for one to two
    /// times this long, but not sooner than after 100 ms.
    ///
    /// Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }
}

options_as_text!(FifoOptions, TABLE);

const TABLE: Table<FifoOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "pipe_size",
            "bytes that may wait in the pipe that this side reads (F_SETPIPE_SZ)",
            if cfg!(target_os = "linux") { "system, 4KiB to 1GiB" } else { "system" },
            if cfg!(target_os = "linux") { "256KiB" } else { "system" },
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, PIPE))
                .filter(|size| cfg!(target_os = "linux") || size.is_none())
                .map(|size| options.pipe_size = size)
        },
        get: |options| options.pipe_size.map_or_else(|| "system".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new("backlog", "connections that may wait to be accepted", "1 to 65535", "128"),
        set: |options, text| parse_count(text, BACKLOG).map(|connections| options.backlog = connections),
        get: |options| options.backlog.to_string(),
    },
    Knob {
        info: OptionInfo::new("connect_timeout", "how long one dial may take", "1ms to 1h", "10s"),
        set: |options, text| parse_duration(text, CONNECT).map(|limit| options.connect_timeout = limit),
        get: |options| show_duration(options.connect_timeout),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fifo;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(FifoOptions::list().count(), 3);
    }

    #[test]
    fn a_typed_value_out_of_bounds_is_refused_with_its_name_and_bounds() {
        for (options, name) in [
            (FifoOptions::default().backlog(0), "backlog"),
            (FifoOptions::default().pipe_size(Some(1)), "pipe_size"),
            (FifoOptions::default().connect_timeout(Duration::MAX), "connect_timeout"),
        ] {
            let error = Fifo::new(options).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("allowed"), "{error}");
        }
    }
}
