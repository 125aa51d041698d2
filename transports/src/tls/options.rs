//! The knobs of TLS over TCP.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::certificates::CertificateOptions;
use crate::options::value::{parse_count, parse_duration, parse_share, show_duration, show_share};
use crate::options::{Knob, OptionInfo, Table, options_as_text};
use crate::tcp::TcpOptions;

const HANDSHAKE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const COUNT: RangeInclusive<usize> = 1..=65_535;

/// The options of [`Tls`](super::Tls), as a builder.
///
/// Those of the socket are [`TcpOptions`], those about certificates [`CertificateOptions`]; an endpoint sets each of all
/// three by its name: `tls://host:1?nodelay=false&ca=/etc/ca.pem&handshake_timeout=3s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    pub(super) tcp: TcpOptions,
    pub(super) certificates: CertificateOptions,
    pub(super) handshake_timeout: Duration,
    pub(super) handshakes: usize,
    pub(super) silent: usize,
    pub(super) per_address: Option<usize>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            certificates: CertificateOptions::default(),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 256,
            silent: 1024,
            per_address: None,
        }
    }
}

impl TlsOptions {
    /// The options of the socket below.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// Which certificates to show and to believe.
    #[must_use]
    pub fn certificates(mut self, options: CertificateOptions) -> Self {
        self.certificates = options;
        self
    }

    /// How long a handshake may take from the moment at which the TCP connection stands or is accepted, on either side; at a
    /// listener that includes what it waits for its turn. Beyond it a dial fails with `TimedOut`, and a listener lets go of the
    /// connection. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// How many connections a listener may have whose peer has begun its handshake: in the middle of it, or done with it and
    /// waiting to be accepted.
    ///
    /// Unit: connections. Default: 256. Bounds: 1 to 65,535. At the limit the oldest one whose handshake is not done is closed
    /// to make way; where all are done, further ones wait in the system's own queue, see [`TcpOptions::backlog`]. Each takes
    /// some 30 KiB, and up to 80 KiB of what a peer claims to be one long message.
    #[must_use]
    pub fn handshakes(mut self, connections: usize) -> Self {
        self.handshakes = connections;
        self
    }

    /// How many connections a listener may have whose peer has not sent anything yet, or has and waits for a place among
    /// [`handshakes`](Self::handshakes).
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest one is closed to make way for a new
    /// one. Each takes a descriptor and some 2 KiB, and what the system keeps of its bytes
    /// ([`TcpOptions::recv_buffer`]). Raise it where many peers with slow networks dial at the same time.
    #[must_use]
    pub fn silent(mut self, connections: usize) -> Self {
        self.silent = connections;
        self
    }

    /// How many connections of one peer's address may be among [`silent`](Self::silent), and how many in the middle of their
    /// handshake; `None` for as many as there may be in all, since everybody behind a proxy or a router has its address.
    /// Addresses of IPv6 count by their first 64 bits.
    ///
    /// Unit: connections. Default: `None`. Bounds: 1 to 65,535. At the limit the oldest one of that address is closed to make
    /// way for a new one. Set it where peers have addresses of their own.
    #[must_use]
    pub fn per_address(mut self, connections: Option<usize>) -> Self {
        self.per_address = connections;
        self
    }
}

options_as_text!(TlsOptions, TABLE, tcp: TcpOptions, certificates: CertificateOptions);

const TABLE: Table<TlsOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "handshake_timeout",
            "how long a handshake may take from the accepted connection to its end",
            "1ms to 1h",
            "10s",
        ),
        set: |options, text| parse_duration(text, HANDSHAKE).map(|limit| options.handshake_timeout = limit),
        get: |options| show_duration(options.handshake_timeout),
    },
    Knob {
        info: OptionInfo::new(
            "handshakes",
            "connections that a listener may have in or after their handshake and before they are accepted",
            "1 to 65535",
            "256",
        ),
        set: |options, text| parse_count(text, COUNT).map(|count| options.handshakes = count),
        get: |options| options.handshakes.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "silent",
            "connections that a listener may have whose peers have sent nothing yet",
            "1 to 65535",
            "1024",
        ),
        set: |options, text| parse_count(text, COUNT).map(|count| options.silent = count),
        get: |options| options.silent.to_string(),
    },
    Knob {
        info: OptionInfo::new(
            "per_address",
            "unfinished connections of one peer's address; all: as many as there may be in all",
            "all, 1 to 65535",
            "all",
        ),
        set: |options, text| parse_share(text, COUNT).map(|count| options.per_address = count),
        get: |options| show_share(options.per_address),
    },
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        let own = TABLE.list().count();
        let parts = TcpOptions::list().count() + CertificateOptions::list().count();
        assert_eq!((own, TlsOptions::list().count()), (4, 4 + parts));
    }

    #[test]
    fn options_of_every_part_are_set_by_their_names_and_an_unknown_one_lists_them_all() {
        let mut options = TlsOptions::default();
        for (name, value) in [
            ("nodelay", "false"),
            ("ca", "/ca.pem"),
            ("handshakes", "7"),
            ("silent", "9"),
            ("per_address", "2"),
        ] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = TlsOptions::default()
            .tcp(TcpOptions::default().nodelay(false))
            .certificates(CertificateOptions::default().ca("/ca.pem"))
            .handshakes(7)
            .silent(9)
            .per_address(Some(2));
        assert_eq!(options, built);
        let error = options.set("colour", "red").unwrap_err().to_string();
        assert!(["nodelay", "ca", "handshakes"].iter().all(|name| error.contains(name)), "{error}");
    }
}
