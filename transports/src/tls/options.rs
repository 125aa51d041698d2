//! The options of TLS over TCP.

use std::time::Duration;

use crate::certificates::CertificateOptions;
use crate::options::{COUNT, TIMEOUT, count, options, or, span};
use crate::tcp::TcpOptions;

options! {
    /// The options of [`Tls`](super::Tls), as a builder.
    ///
    /// Those of the socket are [`TcpOptions`], those about certificates [`CertificateOptions`]; an endpoint sets each of all
    /// three by its name: `tls://host:1?nodelay=false&ca=/etc/ca.pem&handshake_timeout=3s`.
    pub struct TlsOptions {
        /// The options of the socket below.
        tcp: TcpOptions,
        /// Which certificates to show and to believe.
        certificates: CertificateOptions,
    }

    /// How long a handshake may take from the moment at which the TCP connection stands or is accepted, on either side; at a
    /// listener that includes what it waits for its turn. Beyond it a dial fails with `TimedOut`, and a listener lets go of the
    /// connection. Default: 10 s. Bounds: 1 ms to 1 h.
    handshake_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long a handshake may take from the accepted connection to its end";

    /// How many connections a listener may have whose peer has begun its handshake: in the middle of it, or done with it and
    /// waiting to be accepted.
    ///
    /// Unit: connections. Default: 256. Bounds: 1 to 65,535. At the limit the oldest one whose handshake is not done is closed
    /// to make way; where all are done, further ones wait in the system's own queue, see [`TcpOptions::backlog`]. Each takes
    /// some 30 KiB, and up to 80 KiB of what a peer claims to be one long message.
    handshakes(connections: usize) = 256,
        count(COUNT), "connections that a listener may have in or after their handshake and before they are accepted";

    /// How many connections a listener may have whose peer has not sent anything yet, or has and waits for a place among
    /// [`handshakes`](Self::handshakes).
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535. At the limit the oldest one is closed to make way for a new
    /// one. Each takes a descriptor and some 2 KiB, and what the system keeps of its bytes
    /// ([`TcpOptions::recv_buffer`]). Raise it where many peers with slow networks dial at the same time.
    silent(connections: usize) = 1024,
        count(COUNT), "connections that a listener may have whose peers have sent nothing yet";

    /// How many connections of one peer's address may be among [`silent`](Self::silent), and how many in the middle of their
    /// handshake; `None` for as many as there may be in all, since all clients behind a proxy or a router have its address.
    /// Addresses of IPv6 count by their first 64 bits.
    ///
    /// Unit: connections. Default: `None`. Bounds: 1 to 65,535. At the limit the oldest one of that address is closed to make
    /// way for a new one. Set it where peers have addresses of their own.
    per_address(connections: Option<usize>) = None,
        or("all", count(COUNT)), "unfinished connections of one peer's address; all: as many as there may be in all";
}
