//! Names and addresses of simulated hosts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use listenrain::BoxFuture;
use listenrain_transports::tcp::Resolve;
use turmoil::net::TcpListener;

/// The resolver of the simulated hosts' names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::new(address(host).await?, port)]) })
    }
}

/// The address of the host called `name`, which may be an address itself.
///
/// # Errors
///
/// `NotFound` when there is no such host.
pub(super) async fn address(name: &str) -> io::Result<IpAddr> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    // Looking up a name of no host would give it an address and shift those of hosts to come. Binding looks it up
    // without that, and fails either way, since a listener never binds by a host's name.
    match TcpListener::bind((name, 0)).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(turmoil::lookup(name)),
    }
}

/// How `address` is written in an endpoint: with the name of its host, where that has one.
pub(super) fn written(address: SocketAddr) -> String {
    match turmoil::reverse_lookup(address.ip()) {
        Some(name) => format!("{name}:{}", address.port()),
        None => address.to_string(),
    }
}

/// What the simulator takes for binding `local` on the host at `own`: every address of the host, or loopback.
///
/// # Errors
///
/// `AddrNotAvailable` when it is no address of this host.
pub(super) fn bindable(local: SocketAddr, own: IpAddr) -> io::Result<SocketAddr> {
    let any: IpAddr = if own.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let ip = if local.ip() == own { any } else { local.ip() };
    if ip.is_ipv4() == own.is_ipv4() && (ip.is_unspecified() || ip.is_loopback()) {
        return Ok(SocketAddr::new(ip, local.port()));
    }
    let text = format!("{} is no address of this host, which is {own}", local.ip());
    Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text))
}
