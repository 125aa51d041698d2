//! The TCP sockets of peers, with the options that ListenRain's have by default: `TCP_NODELAY`, and at most 64 KiB unsent in a
//! socket on Linux.

use std::time::Duration;

use bench_load::drive::{StackError, Unfit};
use bench_load::load::CellConfig;
use listenrain::Endpoint;
use tokio::net::{TcpListener, TcpStream};

const SCHEME: &str = "tcp";
/// How long to wait after a failure to accept that may pass, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Why `stack`, which brings its own TCP, does not measure `cell`.
pub(crate) fn unfit(stack: &str, cell: &CellConfig) -> Option<Unfit> {
    let CellConfig { transport, options, stalls, .. } = cell;
    let why = if transport != SCHEME {
        format!("--transport {transport}: stack {stack} brings its own transport, which is {SCHEME}")
    } else if !options.is_empty() {
        format!("--set does not go with stack {stack}: it brings its own {SCHEME}")
    } else if !stalls.is_empty() {
        format!("--inject-stall does not go with stack {stack}: it brings its own {SCHEME}")
    } else {
        return None;
    };
    Some(Unfit::Refused(why))
}

/// A listener at `endpoint`, and where it really listens.
pub(crate) async fn listen(endpoint: &Endpoint) -> Result<(TcpListener, Endpoint), StackError> {
    let address = address(endpoint)?;
    let cannot = |error| StackError::Stack(format!("{endpoint}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let local = listener.local_addr().map_err(cannot)?;
    Ok((listener, endpoint.clone().with_address(local.to_string())))
}

/// The next connection. Waits where none can be accepted now.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let accepted = listener.accept().await.and_then(|(stream, _)| prepared(stream));
        match accepted {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

/// A connection to `endpoint`.
pub(crate) async fn dial(endpoint: &Endpoint) -> Result<TcpStream, StackError> {
    let connected = TcpStream::connect(address(endpoint)?).await.and_then(prepared);
    connected.map_err(|error| StackError::Stack(error.to_string()))
}

/// Its host and port.
pub(crate) fn address(endpoint: &Endpoint) -> Result<&str, StackError> {
    if endpoint.scheme() == SCHEME {
        return Ok(endpoint.address());
    }
    Err(StackError::Stack(format!("{endpoint}: peers bring their own transport, which is {SCHEME}")))
}

/// The stream with the options of all of them.
pub(crate) fn prepared(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&stream).set_tcp_notsent_lowat(64 << 10)?;
    Ok(stream)
}
