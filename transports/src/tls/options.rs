//! The knobs of TLS over TCP.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::certificates::CertificateOptions;
use crate::options::value::{parse_count, parse_duration, show_duration};
use crate::options::{Knob, OptionInfo, Table, options_as_text};
use crate::tcp::TcpOptions;

const HANDSHAKE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const HANDSHAKES: RangeInclusive<usize> = 1..=65_535;

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
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            certificates: CertificateOptions::default(),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 256,
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

    /// How long a handshake may take once the TCP connection stands, on either side. Beyond it a dial fails with
    /// `TimedOut`, and a listener lets go of the connection. Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.handshake_timeout = limit;
        self
    }

    /// How many connections a listener may have between TCP and its owner: in the middle of their handshake, or done with it
    /// and waiting to be accepted.
    ///
    /// Unit: connections. Default: 256. Bounds: 1 to 65,535. At the limit further ones wait in the system's own queue, see
    /// [`TcpOptions::backlog`]. Each takes some 30 KiB. Peers that never finish count until `handshake_timeout`.
    #[must_use]
    pub fn handshakes(mut self, connections: usize) -> Self {
        self.handshakes = connections;
        self
    }
}

options_as_text!(TlsOptions, TABLE, tcp: TcpOptions, certificates: CertificateOptions);

const TABLE: Table<TlsOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "handshake_timeout",
            "how long a handshake may take once the TCP connection stands",
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
        set: |options, text| parse_count(text, HANDSHAKES).map(|count| options.handshakes = count),
        get: |options| options.handshakes.to_string(),
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
        assert_eq!((own, TlsOptions::list().count()), (2, 2 + parts));
    }

    #[test]
    fn options_of_every_part_are_set_by_their_names_and_an_unknown_one_lists_them_all() {
        let mut options = TlsOptions::default();
        for (name, value) in [("nodelay", "false"), ("ca", "/ca.pem"), ("handshakes", "7")] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = TlsOptions::default()
            .tcp(TcpOptions::default().nodelay(false))
            .certificates(CertificateOptions::default().ca("/ca.pem"))
            .handshakes(7);
        assert_eq!(options, built);
        let error = options.set("colour", "red").unwrap_err().to_string();
        assert!(["nodelay", "ca", "handshakes"].iter().all(|name| error.contains(name)), "{error}");
    }
}
