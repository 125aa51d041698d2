//! The options of a Unix socket.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::value::digits;
use crate::options::{COUNT, Kind, TIMEOUT, count, options, or, socket_buffer, span};

const UIDS: &str = "or 1 to 1024 user ids joined by +";
const ALLOWED_UIDS: RangeInclusive<usize> = 1..=1024;
const MODE: RangeInclusive<u32> = 0..=0o777;

options! {
    /// The options of [`Unix`](super::Unix), as a builder.
    ///
    /// Bounds are checked where the options are used, by [`Unix::new`](super::Unix::new). An endpoint may set each of them
    /// too, by the name of its method: `unix:///run/x.sock?mode=0660&allow_uid=0+1000`. Both a dialer and a listener take
    /// all of them, so that one endpoint can serve both; those for listeners mean nothing to a dialer.
    pub struct UnixOptions {}

    /// Permissions of a listener's socket file, whatever the process's umask; dialling needs the right to write. On
    /// Linux they let no other user in even while the file is being made.
    ///
    /// Unit: the nine permission bits, in octal as text. Default: 0600, this user alone, since what listens on a machine
    /// is seldom meant for everybody on it. Bounds: 0000 to 0777. Root may always dial. An abstract name has none. Some
    /// systems other than Linux and macOS ignore it: there a directory that others cannot enter protects the path.
    ///
    /// Without the owner's right to write, only root can tell whether a path that is left behind is in use, so that the
    /// next listener there is refused with `AddrInUse` until the file is removed.
    mode(bits: u32) = 0o600,
        Kind::new("0000 to 0777, in octal", parse_mode, |mode| format!("{mode:04o}")),
        "permissions of a listener's socket file";

    /// User, and perhaps group, to which a listener gives its socket file. Default: unchanged, so this process's. Giving
    /// it to another user takes privileges; without them listening fails with `PermissionDenied`.
    owner(uid: u32, gid: Option<u32>) -> Option<(u32, Option<u32>)> { Some((uid, gid)) } = None,
        or("unchanged", Kind::new("uid or uid:gid", parse_owner, show_owner)),
        "user, and group, of a listener's socket file";

    /// The users whose peers a listener accepts. The channel of any other peer is closed at once, is counted by
    /// [`Unix::turned_away`](super::Unix::turned_away), and accepting goes on; no user is on the list unasked, not even
    /// root or this process's own user.
    ///
    /// Unit: user ids, joined by `+` as text. Default: any. Bounds: 1 to 1,024 of them.
    allow_uid(uids: impl IntoIterator<Item = u32>) -> Option<BTreeSet<u32>> { Some(uids.into_iter().collect()) } = None,
        or("any", Kind::new(UIDS, parse_uids, show_uids)),
        "users whose peers a listener accepts";

    /// How many connections may wait to be accepted.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535; the system silently cuts at its own limit (Linux:
    /// `net.core.somaxconn`). When it is full, a dialer tries again until its `connect_timeout` on Linux, and is
    /// refused elsewhere.
    backlog(connections: usize) = 1024,
        count(COUNT), "connections that may wait to be accepted";

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` to let the system choose.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.wmem_max`). When it is full, writing waits; on Linux it alone bounds what is on its way.
    send_buffer(bytes: Option<usize>) = None,
        socket_buffer(), "size of the socket's send buffer (SO_SNDBUF)";

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` to let the system choose.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB. Linux takes it and ignores it: there the peer's send buffer
    /// decides.
    recv_buffer(bytes: Option<usize>) = None,
        socket_buffer(), "size of the socket's receive buffer (SO_RCVBUF)";

    /// How long one dial may wait for room in the listener's backlog. Beyond it the dial fails with `TimedOut`.
    /// Default: 10 s. Bounds: 1 ms to 1 h.
    connect_timeout(limit: Duration) = Duration::from_secs(10),
        span(TIMEOUT), "how long one dial may wait for room in the backlog";
}

fn parse_mode(text: &str) -> Option<u32> {
    let is_octal = text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode = if is_octal { u32::from_str_radix(text, 8).ok() } else { None };
    mode.filter(|mode| MODE.contains(mode))
}

fn parse_owner(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once(':') {
        None => parse_id(text).map(|uid| (uid, None)),
        Some((uid, gid)) => Some((parse_id(uid)?, Some(parse_id(gid)?))),
    }
}

fn show_owner(owner: &(u32, Option<u32>)) -> String {
    match owner {
        (uid, None) => uid.to_string(),
        (uid, Some(gid)) => format!("{uid}:{gid}"),
    }
}

fn parse_uids(text: &str) -> Option<BTreeSet<u32>> {
    let uids = text.split('+').map(parse_id).collect::<Option<BTreeSet<_>>>();
    uids.filter(|uids| ALLOWED_UIDS.contains(&uids.len()))
}

fn show_uids(uids: &BTreeSet<u32>) -> String {
    uids.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

fn parse_id(text: &str) -> Option<u32> {
    // The last number stands for "leave it as it is".
    digits(text).and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX)
}
