//! The kernel's limits for connections: descriptors, MTU; and its version.

use super::root::Root;

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
pub(crate) fn kernel(root: &Root) -> Option<(u32, u32)> {
    let release = root.read("proc/sys/kernel/osrelease")?;
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    parts.next()?.parse().ok().zip(parts.next()?.parse().ok())
}

/// The congestion control of connections that ask for none.
pub(crate) fn congestion(root: &Root) -> Option<String> {
    let name = root.read("proc/sys/net/ipv4/tcp_congestion_control")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

/// Ports of connections that name none, the first and the last.
pub(crate) fn port_range(root: &Root) -> Option<(u64, u64)> {
    let text = root.read("proc/sys/net/ipv4/ip_local_port_range")?;
    let mut ports = text.split_whitespace().map(|port| port.parse::<u64>().ok());
    ports.next().flatten().zip(ports.next().flatten())
}
