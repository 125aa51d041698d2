//! The knobs of a Unix socket.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::value::{
    parse_count, parse_duration, parse_size, parse_unless, show_duration, show_size,
};
use crate::options::{Knob, OptionInfo, Table, options_as_text};

const BUFFER: RangeInclusive<usize> = 1024..=1 << 30;
const BACKLOG: RangeInclusive<usize> = 1..=65_535;
const CONNECT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const ALLOWED_UIDS: RangeInclusive<usize> = 1..=1024;
const MODE: RangeInclusive<u32> = 0..=0o777;
/// The last number stands for "leave it as it is".
const ID: RangeInclusive<usize> = 0..=u32::MAX as usize - 1;

/// The options of [`Unix`](super::Unix), as a builder.
///
/// Bounds are checked where the options are used, by [`Unix::new`](super::Unix::new). An endpoint may set each of them
/// too, by the name of its method: `unix:///run/x.sock?mode=0660&allow_uid=0+1000`. Both a dialer and a listener take
/// all of them, so that one endpoint can serve both; those for listeners mean nothing to a dialer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixOptions {
    pub(super) mode: u32,
    pub(super) owner: Option<(u32, Option<u32>)>,
    pub(super) allow_uid: Option<BTreeSet<u32>>,
    pub(super) backlog: usize,
    pub(super) send_buffer: Option<usize>,
    pub(super) recv_buffer: Option<usize>,
    pub(super) connect_timeout: Duration,
}

impl Default for UnixOptions {
    fn default() -> Self {
        Self {
            mode: 0o600,
            owner: None,
            allow_uid: None,
            backlog: 1024,
            send_buffer: None,
            recv_buffer: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

impl UnixOptions {
    /// Permissions of a listener's socket file, whatever the process's umask; dialling needs the right to write. On
    /// Linux they let in nobody else even while the file is being made.
    ///
    /// Unit: the nine permission bits, in octal as text. Default: 0600, this user alone, since what listens on a machine
    /// is seldom meant for everybody on it. Bounds: 0000 to 0777. Root may always dial. An abstract name has none. Some
    /// systems other than Linux and macOS ignore it: there a directory that others cannot enter protects the path.
    ///
    /// Without the owner's right to write, nobody but root can tell whether a path that is left behind is in use, so that the
    /// next listener there is refused with `AddrInUse` until somebody removes the file.
    #[must_use]
    pub fn mode(mut self, bits: u32) -> Self {
        self.mode = bits;
        self
    }

    /// User, and perhaps group, to whom a listener gives its socket file. Default: unchanged, so this process's. Giving
    /// it to another user takes privileges; without them listening fails with `PermissionDenied`.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: Option<u32>) -> Self {
        self.owner = Some((uid, gid));
        self
    }

    /// The users whose peers a listener accepts. The channel of any other peer is closed at once, is counted by
    /// [`Unix::turned_away`](super::Unix::turned_away), and accepting goes on; nobody is on the list unasked, not even
    /// root or this process's own user.
    ///
    /// Unit: user ids, joined by `+` as text. Default: any. Bounds: 1 to 1,024 of them.
    #[must_use]
    pub fn allow_uid(mut self, uids: impl IntoIterator<Item = u32>) -> Self {
        self.allow_uid = Some(uids.into_iter().collect());
        self
    }

    /// How many connections may wait to be accepted.
    ///
    /// Unit: connections. Default: 1,024. Bounds: 1 to 65,535; the system silently cuts at its own limit (Linux:
    /// `net.core.somaxconn`). When it is full, a dialer tries again until its `connect_timeout` on Linux, and is
    /// refused elsewhere.
    #[must_use]
    pub fn backlog(mut self, connections: usize) -> Self {
        self.backlog = connections;
        self
    }

    /// Size of the socket's send buffer (`SO_SNDBUF`), or `None` to let the system choose.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB; the system rounds, and silently cuts at its own limit
    /// (Linux: `net.core.wmem_max`). When it is full, writing waits; on Linux it alone bounds what is on its way.
    #[must_use]
    pub fn send_buffer(mut self, bytes: Option<usize>) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Size of the socket's receive buffer (`SO_RCVBUF`), or `None` to let the system choose.
    ///
    /// Unit: bytes. Default: `None`. Bounds: 1 KiB to 1 GiB. Linux takes it and ignores it: there the peer's send buffer
    /// decides.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: Option<usize>) -> Self {
        self.recv_buffer = bytes;
        self
    }

    /// How long one dial may wait for room in the listener's backlog. Beyond it the dial fails with `TimedOut`.
    /// Default: 10 s. Bounds: 1 ms to 1 h.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }
}

options_as_text!(UnixOptions, TABLE);

const TABLE: Table<UnixOptions> = Table(&[
    Knob {
        info: OptionInfo::new(
            "mode",
            "permissions of a listener's socket file",
            "0000 to 0777, in octal",
            "0600",
        ),
        set: |options, text| parse_mode(text).map(|mode| options.mode = mode),
        get: |options| format!("{:04o}", options.mode),
    },
    Knob {
        info: OptionInfo::new(
            "owner",
            "user, and group, of a listener's socket file",
            "unchanged, uid or uid:gid",
            "unchanged",
        ),
        set: |options, text| parse_unless(text, "unchanged", parse_owner).map(|owner| options.owner = owner),
        get: |options| match options.owner {
            None => "unchanged".to_owned(),
            Some((uid, None)) => uid.to_string(),
            Some((uid, Some(gid))) => format!("{uid}:{gid}"),
        },
    },
    Knob {
        info: OptionInfo::new(
            "allow_uid",
            "users whose peers a listener accepts",
            "any, or 1 to 1024 user ids joined by +",
            "any",
        ),
        set: |options, text| parse_unless(text, "any", parse_uids).map(|uids| options.allow_uid = uids),
        get: |options| options.allow_uid.as_ref().map_or_else(|| "any".to_owned(), show_uids),
    },
    Knob {
        info: OptionInfo::new("backlog", "connections that may wait to be accepted", "1 to 65535", "1024"),
        set: |options, text| parse_count(text, BACKLOG).map(|count| options.backlog = count),
        get: |options| options.backlog.to_string(),
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
            "connect_timeout",
            "how long one dial may wait for room in the backlog",
            "1ms to 1h",
            "10s",
        ),
        set: |options, text| parse_duration(text, CONNECT).map(|limit| options.connect_timeout = limit),
        get: |options| show_duration(options.connect_timeout),
    },
]);

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

fn parse_uids(text: &str) -> Option<BTreeSet<u32>> {
    let uids = text.split('+').map(parse_id).collect::<Option<BTreeSet<_>>>();
    uids.filter(|uids| ALLOWED_UIDS.contains(&uids.len()))
}

fn show_uids(uids: &BTreeSet<u32>) -> String {
    uids.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

fn parse_id(text: &str) -> Option<u32> {
    parse_count(text, ID).and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unix;

    #[test]
    fn every_option_is_documented_with_its_true_default() {
        crate::options::assert_table_is_sound(&TABLE);
        assert_eq!(UnixOptions::list().count(), 7);
    }

    #[test]
    fn an_option_is_set_by_its_name_and_reads_back() {
        let mut options = UnixOptions::default();
        for (name, value) in [
            ("mode", "0660"),
            ("owner", "7:8"),
            ("allow_uid", "0+1000"),
            ("backlog", "7"),
            ("send_buffer", "256KiB"),
            ("recv_buffer", "1MiB"),
            ("connect_timeout", "250ms"),
        ] {
            options.set(name, value).unwrap();
            assert_eq!(options.get(name).as_deref(), Some(value));
        }
        let built = UnixOptions::default()
            .mode(0o660)
            .owner(7, Some(8))
            .allow_uid([1000, 0])
            .backlog(7)
            .send_buffer(Some(256 << 10))
            .recv_buffer(Some(1 << 20))
            .connect_timeout(Duration::from_millis(250));
        assert_eq!(options, built);
    }

    #[test]
    fn what_is_no_value_is_refused_and_told_what_is_allowed() {
        for (name, value) in [
            ("mode", "0800"),
            ("mode", "1777"),
            ("mode", "+600"),
            ("mode", ""),
            ("owner", "root"),
            ("owner", "1:"),
            ("owner", "4294967295"),
            ("allow_uid", ""),
            ("allow_uid", "1+"),
            ("allow_uid", "1,2"),
            ("allow_uid", "any+1"),
        ] {
            let error = UnixOptions::default().set(name, value).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("allowed: "), "{error}");
        }
    }

    #[test]
    fn a_typed_value_out_of_bounds_is_refused_with_its_name_and_bounds() {
        for (options, name) in [
            (UnixOptions::default().mode(0o1777), "mode"),
            (UnixOptions::default().owner(u32::MAX, None), "owner"),
            (UnixOptions::default().allow_uid([]), "allow_uid"),
            (UnixOptions::default().allow_uid(0..1025), "allow_uid"),
            (UnixOptions::default().backlog(0), "backlog"),
            (UnixOptions::default().send_buffer(Some(1)), "send_buffer"),
            (UnixOptions::default().connect_timeout(Duration::ZERO), "connect_timeout"),
        ] {
            let error = Unix::new(options).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("allowed"), "{error}");
        }
    }
}
