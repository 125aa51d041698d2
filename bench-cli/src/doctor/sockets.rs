//! What the kernel allows connections to have: descriptors, ports, buffers, datagrams at a time.

use super::finding::Finding;
use super::root::Root;

/// What the program holds open besides connections, with some to spare.
const OTHERS: u64 = 100;
/// The most that --connections takes.
const CONNECTIONS: u64 = 1024;
/// What implementations of QUIC ask for at least, bytes.
const DATAGRAM_BUFFER: u64 = 2 << 20;
/// Fewer ports than that run out when connections come and go.
const PORTS: u64 = 10_000;

/// Descriptors that a process may hold, now and after it has asked for more; `u64::MAX` is no limit.
pub(crate) fn descriptors(root: &Root) -> Option<(u64, u64)> {
    let limits = root.read("proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut limits = line
        .split_whitespace()
        .map(|limit| if limit == "unlimited" { Some(u64::MAX) } else { limit.parse().ok() });
    limits.next().flatten().zip(limits.next().flatten())
}

/// MTU of the loopback interface, bytes.
pub(crate) fn mtu(root: &Root) -> Option<u64> {
    root.number("sys/class/net/lo/mtu")
}

/// Kernel version, major and minor.
fn kernel(root: &Root) -> Option<(u32, u32)> {
    let release = root.read("proc/sys/kernel/osrelease")?;
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    parts.next()?.parse().ok().zip(parts.next()?.parse().ok())
}

/// Whether enough files may be open.
pub(super) fn open_files(root: &Root) -> Finding {
    const NAME: &str = "descriptors";
    let Some((soft, hard)) = descriptors(root) else {
        return Finding::unknown(NAME, "the kernel does not say", "rows of many connections");
    };
    let text = |limit: u64| if limit == u64::MAX { "no limit".to_owned() } else { limit.to_string() };
    let found = format!("{} now, {} when asked for", text(soft), text(hard));
    // One process holds both ends.
    let connections = soft.saturating_sub(OTHERS) / 2;
    if connections >= CONNECTIONS {
        return Finding::fine(NAME, found);
    }
    let spoils = format!("--connections above {connections}: they fail");
    Finding::spoilt(NAME, found, &spoils, "`ulimit -n 65536`")
}

/// Whether enough ports are free for connections that come and go.
pub(super) fn ports(root: &Root) -> Finding {
    const NAME: &str = "ports";
    let range = root.read("proc/sys/net/ipv4/ip_local_port_range");
    let range = range.and_then(|text| {
        let mut ports = text.split_whitespace().map(|port| port.parse::<u64>().ok());
        ports.next().flatten().zip(ports.next().flatten())
    });
    let Some((first, last)) = range else {
        return Finding::unknown(NAME, "the kernel does not say", "runs that connect over and over");
    };
    let found = format!("{first} to {last}");
    if last.saturating_sub(first) + 1 >= PORTS {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "runs that connect over and over: ports rest a minute after use",
        "`sysctl net.ipv4.ip_local_port_range='32768 60999'`",
    )
}

/// The socket buffers that may be asked for.
pub(super) fn buffers(root: &Root) -> Finding {
    const NAME: &str = "socket buffers";
    let core = |name: &str| root.number(&format!("proc/sys/net/core/{name}"));
    let (Some(receive), Some(send)) = (core("rmem_max"), core("wmem_max")) else {
        return Finding::unknown(NAME, "the kernel does not say", "quic and udp");
    };
    let found = format!("at most {} KiB to receive, {} KiB to send", receive >> 10, send >> 10);
    if receive.min(send) >= DATAGRAM_BUFFER {
        return Finding::fine(NAME, found);
    }
    Finding::spoilt(
        NAME,
        found,
        "quic and udp: a full buffer loses datagrams, which are then sent again",
        "`sysctl net.core.rmem_max=8388608 net.core.wmem_max=8388608`",
    )
}

/// Connections that may wait to be accepted.
pub(super) fn backlog(root: &Root) -> Finding {
    const NAME: &str = "backlog";
    let Some(waiting) = root.number("proc/sys/net/core/somaxconn") else {
        return Finding::unknown(NAME, "the kernel does not say", "the start of many connections");
    };
    let found = format!("{waiting} connections may wait to be accepted");
    if waiting >= CONNECTIONS {
        return Finding::fine(NAME, found);
    }
    let spoils =
        format!("the start of more than {waiting} connections at once: some are retried a second later");
    Finding::spoilt(NAME, found, &spoils, "`sysctl net.core.somaxconn=4096`")
}

/// Whether many datagrams can be handed over at once.
pub(super) fn segments(root: &Root) -> Finding {
    const NAME: &str = "UDP segments";
    match kernel(root) {
        None => Finding::unknown(NAME, "the kernel does not say", "quic"),
        Some(version) if version >= (5, 0) => {
            Finding::fine(NAME, "sent and received many at a time (GSO, GRO)")
        }
        Some((major, minor)) => {
            let gso = if (major, minor) >= (4, 18) {
                "sent many at a time (GSO), received"
            } else {
                "sent and received"
            };
            Finding::spoilt(
                NAME,
                format!("{gso} one by one: kernel {major}.{minor}"),
                "quic: a system call a datagram",
                "a kernel of 5.0 or newer",
            )
        }
    }
}

/// Whether loopback is as it usually is.
pub(super) fn loopback(root: &Root) -> Finding {
    const NAME: &str = "MTU of lo";
    match mtu(root) {
        None => Finding::unknown(NAME, "the kernel does not say", "throughput of large payloads"),
        Some(65536) => Finding::fine(NAME, "65536 bytes"),
        Some(bytes) => Finding::spoilt(
            NAME,
            format!("{bytes} bytes"),
            "throughput of large payloads, against machines where it is 65536",
            "`ip link set lo mtu 65536`, unless a network is imitated on purpose",
        ),
    }
}
