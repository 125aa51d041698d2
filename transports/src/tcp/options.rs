//! The options of a TCP socket.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::{COUNT, Kind, TIMEOUT, count, flag, only_where, options, or, socket_buffer, span};

/// Whether the system can bound what waits in a socket and has not been sent.
const HAS_UNSENT: bool = cfg!(any(target_os = "android", target_os = "linux"));
/// Whether the system has several congestion controls to choose from.
const HAS_CONGESTION: bool = cfg!(any(target_os = "freebsd", target_os = "linux"));
const KEEPALIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);

options! {
    /// The options of [`Tcp`](super::Tcp), as a builder.
    ///
    /// Bounds are checked where the options are used, by [`Tcp::new`](super::Tcp::new). An endpoint may set each of them
    /// too, by the name of its method: `tcp://host:1?nodelay=false&send_buffer=256KiB`. Both a dialer and a listener take
    /// all of them, so that one endpoint can serve both; those for listeners mean nothing to a dialer.
    pub struct TcpOptions {}

    /// Whether a small write leaves at once (`TCP_NODELAY`) instead of waiting for the acknowledgement of the one
    /// before it. Default: true; a call is one small write whose reply is waited for.
    nodelay(on: bool) = true,
        flag(), "a small write leaves at once (TCP_NODELAY)";

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` to let the system choose and grow it.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.wmem_max`). When it is full, writing waits. A fixed size stops the system's own tuning, so set
    /// it only for a link whose bandwidth x round trip is known, or to bound memory.
    send_buffer(bytes: Option<usize>) = None,
        socket_buffer(), "size of the socket's send buffer (SO_SNDBUF)";

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` to let the system choose and grow it.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.rmem_max`). When it is full, the peer's writing waits.
    recv_buffer(bytes: Option<usize>) = None,
        socket_buffer(), "size of the socket's receive buffer (SO_RCVBUF)";

    /// How much may wait in the socket without having been sent (`TCP_NOTSENT_LOWAT`), or `None` for as much as fits the send
    /// buffer. When it is reached, writing waits.
    ///
    /// What is on its way is not counted, so a long path is filled all the same; what waits here instead of in the library's
    /// queue can no longer be withdrawn at its deadline, and leaves the cache before it is sent. Measured on one machine with
    /// calls of 16 x 256 KiB, it takes a quarter to two fifths less processor time than without, and 4 x 4 MiB two fifths
    /// less; 16 KiB and 256 KiB gain little. A path of 10 Gbit/s or more may want 1 MiB.
    ///
    /// Unit: bytes. Default: 64 KiB on Linux; `None` elsewhere, where only that is allowed. Bounds: 1 KiB to 1 GiB.
    unsent(bytes: Option<usize>) = HAS_UNSENT.then_some(64 << 10),
        only_where(HAS_UNSENT, socket_buffer(), None),
        "bytes that may wait in the socket without having been sent (TCP_NOTSENT_LOWAT)";

    /// The congestion control of the connection (`TCP_CONGESTION`) by the system's name for it, such as `cubic` or `bbr`, or
    /// `None` for the system's own choice (Linux: `net.ipv4.tcp_congestion_control`). One that paces, as bbr does, costs
    /// processor time a packet on a loopback interface, where there is nothing to control.
    ///
    /// Default: `None`. Bounds: 1 to 15 of `a`-`z`, `0`-`9`, `_` and `-`, on Linux and FreeBSD; only `None` elsewhere. A name that
    /// the system does not have, or not for this user, fails the dial or the listen.
    congestion(name: Option<&str>) -> Option<String> { name.map(str::to_owned) } = None,
        only_where(HAS_CONGESTION, or("system", congestion_name()), None),
        "the connection's congestion control (TCP_CONGESTION), such as cubic or bbr";

    /// How long a connection may be silent before the system asks whether the peer is still there, or `None` never to
    /// ask. How often and how many times it asks is the system's choice.
    ///
    /// Default: `None`. Bounds: 1 s to 32,767 s, which is all that Linux takes; whole seconds, a fraction is cut off.
    keepalive(idle: Option<Duration>) = None,
        or("off", span(KEEPALIVE)), "silence after which the system probes the peer";

    /// How many connections may wait to be accepted.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535; the system silently cuts at its own limit (Linux:
    /// `net.core.somaxconn`). When it is full, a dialer's first packets are dropped: it retries, then times out.
    backlog(connections: usize) = 1024,
        count(COUNT), "connections that may wait to be accepted";

    /// Whether a listener may bind a port on which old connections are still dying (`SO_REUSEADDR`). Default: true on
    /// Unix; false elsewhere, since on Windows it would let one process take another's port.
    reuse_address(on: bool) = cfg!(unix),
        flag(), "a listener may bind a port on which old connections are dying (SO_REUSEADDR)";

    /// Whether several listeners may share a port, the system spreading connections over them (`SO_REUSEPORT`).
    /// Default: false. Only `false` is allowed where the system has no such thing.
    reuse_port(on: bool) = false,
        only_where(cfg!(unix), flag(), false), "several listeners may share a port (SO_REUSEPORT)";

    /// How long one dial may take, the name's resolution and all its addresses together. Beyond it the dial fails with
    /// `TimedOut`. Default: 10 s. Bounds: 1 ms to 1 h.
    connect_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long one dial may take, resolution included";
}

/// Names as the kernel takes them: of at most 15 bytes.
fn congestion_name() -> Kind<String> {
    let is_of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let parse = move |text: &str| {
        ((1..=15).contains(&text.len()) && text.bytes().all(is_of_name)).then(|| text.to_owned())
    };
    Kind::new("or a name of 1 to 15 of a-z, 0-9, _ and -", parse, String::clone)
}
