//! The knobs of a TCP socket.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::value::{
    parse_bool, parse_count, parse_duration, parse_size, parse_unless, show_duration, show_size,
};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const BUFFER: RangeInclusive<usize> = 1024..=1 << 30;
/// Whether the system can bound what waits in a socket and has not been sent.
const HAS_UNSENT: bool = cfg!(any(target_os = "android", target_os = "linux"));
const KEEPALIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);
const BACKLOG: RangeInclusive<usize> = 1..=65_535;
const CONNECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// The options of [`Tcp`](super::Tcp), as a builder.
///
/// Bounds are checked where the options are used, by [`Tcp::new`](super::Tcp::new). An endpoint may set each of them
/// too, by the name of its method: `tcp://host:1?nodelay=false&send_buffer=256KiB`. Both a dialer and a listener take
/// all of them, so that one endpoint can serve both; those for listeners mean nothing to a dialer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOptions {
    pub(super) nodelay: bool,
    pub(super) send_buffer: Option<usize>,
    pub(super) recv_buffer: Option<usize>,
    pub(super) unsent: Option<usize>,
    pub(super) keepalive: Option<Duration>,
    pub(super) backlog: usize,
    pub(super) reuse_address: bool,
    pub(super) reuse_port: bool,
    pub(super) connect_timeout: Duration,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            send_buffer: None,
            recv_buffer: None,
            unsent: HAS_UNSENT.then_some(64 << 10),
            keepalive: None,
            backlog: 1024,
            reuse_address: cfg!(unix),
            reuse_port: false,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl TcpOptions {
    /// Whether a small write leaves at once (`TCP_NODELAY`) instead of waiting for the acknowledgement of the one
    /// before it. Default: true; a call is one small write whose reply somebody waits for.
    #[must_use]
    pub fn nodelay(mut self, on: bool) -> Self {
        self.nodelay = on;
        self
    }

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` to let the system choose and grow it.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.wmem_max`). When it is full, writing waits. A fixed size stops the system's own tuning, so set
    /// it only for a link whose bandwidth x round trip is known, or to bound memory.
    #[must_use]
    pub fn send_buffer(mut self, bytes: Option<usize>) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` to let the system choose and grow it.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.rmem_max`). When it is full, the peer's writing waits.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: Option<usize>) -> Self {
        self.recv_buffer = bytes;
        self
    }

    /// How much may wait in the socket without having been sent (`TCP_NOTSENT_LOWAT`), or `None` for as much as fits the send
    /// buffer. When it is reached, writing waits.
    ///
    /// What is on its way is not counted, so a long path is filled all the same; what waits here instead of in the library's
    /// queue can no longer be withdrawn at its deadline, and leaves the cache before it is sent. Measured on one machine with
    /// calls of 16 x 256 KiB, it takes a quarter to two fifths less processor time than without, and 4 x 4 MiB two fifths
    /// less; 16 KiB and 256 KiB gain little. A path of 10 Gbit/s or more may want 1 MiB.
    ///
    /// Unit: bytes. Default: 64 KiB on Linux; `None` elsewhere, where only that is allowed. Bounds: 1 KiB to 1 GiB.
    #[must_use]
    pub fn unsent(mut self, bytes: Option<usize>) -> Self {
        self.unsent = bytes;
        self
    }

    /// How long a connection may be silent before the system asks whether the peer is still there, or `None` never to
    /// ask. How often and how many times it asks is the system's choice.
    ///
    /// Default: `None`. Bounds: 1 s to 32,767 s, which is all that Linux takes; whole seconds, a fraction is cut off.
    #[must_use]
    pub fn keepalive(mut self, idle: Option<Duration>) -> Self {
        self.keepalive = idle;
        self
    }

    /// How many connections may wait to be accepted.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535; the system silently cuts at its own limit (Linux:
    /// `net.core.somaxconn`). When it is full, a dialer's first packets are dropped: it retries, then times out.
    #[must_use]
    pub fn backlog(mut self, connections: usize) -> Self {
        self.backlog = connections;
        self
    }

    /// Whether a listener may bind a port on which old connections are still dying (`SO_REUSEADDR`). Default: true on
    /// Unix; false elsewhere, since on Windows it would let one process take another's port.
    #[must_use]
    pub fn reuse_address(mut self, on: bool) -> Self {
        self.reuse_address = on;
        self
    }

    /// Whether several listeners may share a port, the system spreading connections over them (`SO_REUSEPORT`).
    /// Default: false. Only `false` is allowed where the system has no such thing.
    #[must_use]
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// How long one dial may take, the name's resolution and all its addresses together. Beyond it the dial fails with
    /// `TimedOut`. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }
}

options_as_text!(TcpOptions, TABLE);

const TABLE: Table<TcpOptions> = Table(&[
    Knob {
        info: OptionInfo::new("nodelay", "a small write leaves at once (TCP_NODELAY)", "true, false", "true"),
        set: |options, text| parse_bool(text).map(|on| options.nodelay = on),
        get: |options| options.nodelay.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "send_buffer",
            "size of the socket's send buffer (SO_SNDBUF)",
            "system, 1KiB to 1GiB",
            "system",
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, BUFFER))
                .map(|size| options.send_buffer = size)
        },
        get: |options| options.send_buffer.map_or_else(|| "system".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "recv_buffer",
            "size of the socket's receive buffer (SO_RCVBUF)",
            "system, 1KiB to 1GiB",
            "system",
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, BUFFER))
                .map(|size| options.recv_buffer = size)
        },
        get: |options| options.recv_buffer.map_or_else(|| "system".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "unsent",
            "bytes that may wait in the socket without having been sent (TCP_NOTSENT_LOWAT)",
            if HAS_UNSENT { "system, 1KiB to 1GiB" } else { "system" },
            if HAS_UNSENT { "64KiB" } else { "system" },
        ),
        set: |options, text| {
            parse_unless(text, "system", |text| parse_size(text, BUFFER).filter(|_| HAS_UNSENT))
                .map(|size| options.unsent = size)
        },
        get: |options| options.unsent.map_or_else(|| "system".to_owned(), show_size),
    },
    Knob {
        info: OptionInfo::new(
            "keepalive",
            "silence after which the system probes the peer",
            "off, 1s to 32767s",
            "off",
        ),
        set: |options, text| {
            parse_unless(text, "off", |text| parse_duration(text, KEEPALIVE))
                .map(|idle| options.keepalive = idle)
        },
        get: |options| options.keepalive.map_or_else(|| "off".to_owned(), show_duration),
    },
    Knob {
        info: OptionInfo::new("backlog", "connections that may wait to be accepted", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, BACKLOG).map(|count| options.backlog = count),
        get: |options| options.backlog.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "reuse_address",
            "a listener may bind a port on which old connections are dying (SO_REUSEADDR)",
            "true, false",
            if cfg!(unix) { "true" } else { "false" },
        ),
        set: |options, text| parse_bool(text).map(|on| options.reuse_address = on),
        get: |options| options.reuse_address.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "reuse_port",
            "several listeners may share a port (SO_REUSEPORT)",
            if cfg!(unix) { "true, false" } else { "false" },
            "false",
        ),
        set: |options, text| {
            parse_bool(text).filter(|on| cfg!(unix) || !on).map(|on| options.reuse_port = on)
        },
        get: |options| options.reuse_port.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "connect_timeout",
            "how long one dial may take, resolution included",
            "1ms to 1h",
            "10s",
        ),
        set: |options, text| parse_duration(text, CONNECT).map(|limit| options.connect_timeout = limit),
        get: |options| show_duration(options.connect_timeout),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tcp;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(TcpOptions::list().count(), 9);
    }

    #[test]
    fn an_option_is_set_by_its_name_and_reads_back() {
        let mut options = TcpOptions::default();
        for (name, value) in [
            ("nodelay", "false"),
            ("send_buffer", "256KiB"),
            ("recv_buffer", "1MiB"),
            #[cfg(target_os = "linux")]
            ("unsent", "128KiB"),
            ("keepalive", "30s"),
            ("backlog", "7"),
            ("connect_timeout", "250ms"),
        ] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = TcpOptions::default()
            .nodelay(false)
            .send_buffer(Some(256 << 10))
            .recv_buffer(Some(1 << 20))
            .unsent(HAS_UNSENT.then_some(128 << 10))
            .keepalive(Some(Duration::from_secs(30)))
            .backlog(7)
            .connect_timeout(Duration::from_millis(250));
        assert_eq!(options, built);
    }

    #[test]
    fn a_typed_value_out_of_bounds_is_refused_with_its_name_and_bounds() {
        for (options, name) in [
            (TcpOptions::default().backlog(0), "backlog"),
            (TcpOptions::default().send_buffer(Some(1)), "send_buffer"),
            (TcpOptions::default().keepalive(Some(Duration::ZERO)), "keepalive"),
            (TcpOptions::default().connect_timeout(Duration::MAX), "connect_timeout"),
        ] {
            let error = Tcp::new(options).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("allowed"), "{error}");
        }
    }
}
