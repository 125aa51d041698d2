//! Clients and servers over a real transport.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{Backoff, Client, Endpoint, Protocol, RawBytes, Router, Server, Transport};

use super::watched;

pub(crate) fn native() -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).build().unwrap()
}

/// Answers with the request; one that says `wait` never.
pub(crate) fn echo() -> Router<RawBytes> {
    Router::new().fallback(|request: listenrain::Request<Bytes>| async move {
        if request.message == "wait" {
            std::future::pending::<()>().await;
        }
        Ok(request.message)
    })
}

/// A server of [`echo`] at `endpoint`.
pub(crate) async fn serve(transport: &dyn Transport, endpoint: &Endpoint) -> Server {
    let listener = watched(transport.listen(endpoint)).await.unwrap();
    Server::builder(native(), echo()).listen(listener).unwrap()
}

/// A client that redials quickly and never counts its endpoint as down.
pub(crate) fn client(transport: &dyn Transport, endpoint: &Endpoint) -> Client<RawBytes> {
    let backoff = Backoff::between(Duration::from_millis(1), Duration::from_millis(20)).down_after(u32::MAX);
    let builder = Client::builder(native()).backoff(backoff);
    builder.dial(transport.dialer(endpoint).unwrap()).unwrap()
}
