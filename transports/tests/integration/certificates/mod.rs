//! Certificate checks on both transports that encrypt, which stand behind one type here.

mod dialers;
mod listeners;
mod renewal;

use std::error::Error;

use listenrain_transports::certificates::{Identity, Trust};
use listenrain_transports::{Quic, Tls};
use rustls::time_provider::TimeProvider;

use crate::support::*;

/// Runs the case on each transport, under the watchdog.
pub(crate) async fn on_each<F: Future<Output = ()>>(case: impl Fn(Given) -> F) {
    for given in Given::both(Tls::default(), Quic::default()) {
        println!("on {}", given.scheme);
        watched(case(given)).await;
    }
}

/// One of both transports; what it is given is given to both.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) scheme: &'static str,
    tls: Tls,
    quic: Quic,
}

impl Given {
    pub(crate) fn both(tls: Tls, quic: Quic) -> [Self; 2] {
        ["tls", "quic"].map(|scheme| Self { scheme, tls: tls.clone(), quic: quic.clone() })
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        if self.scheme == "tls" { Arc::new(self.tls.clone()) } else { Arc::new(self.quic.clone()) }
    }

    fn change(self, tls: impl FnOnce(Tls) -> Tls, quic: impl FnOnce(Quic) -> Quic) -> Self {
        Self { scheme: self.scheme, tls: tls(self.tls), quic: quic(self.quic) }
    }

    pub(crate) fn identity(self, identity: &Identity) -> Self {
        self.change(|tls| tls.with_identity(identity.clone()), |quic| quic.with_identity(identity.clone()))
    }

    pub(crate) fn trust(self, trust: Trust) -> Self {
        self.change(|tls| tls.with_trust(trust.clone()), |quic| quic.with_trust(trust.clone()))
    }

    pub(crate) fn client_trust(self, trust: Trust) -> Self {
        self.change(|tls| tls.with_client_trust(trust.clone()), |quic| quic.with_client_trust(trust.clone()))
    }

    pub(crate) fn clock(self, clock: Arc<dyn TimeProvider>) -> Self {
        self.change(|tls| tls.with_clock(clock.clone()), |quic| quic.with_clock(clock.clone()))
    }

    /// An endpoint of this host without any option.
    pub(crate) fn bare(&self) -> Endpoint {
        Endpoint::new(self.scheme, "127.0.0.1:0").unwrap()
    }

    pub(crate) async fn listen(&self, endpoint: &Endpoint) -> Box<dyn ChannelGenerator> {
        self.transport().listen(endpoint).await.unwrap()
    }

    pub(crate) async fn listen_error(&self, endpoint: &Endpoint) -> NextError {
        self.transport().listen(endpoint).await.err().unwrap()
    }

    /// Where `listener` listens, without the pin that it tells.
    pub(crate) fn unpinned(&self, listener: &dyn ChannelGenerator) -> Endpoint {
        Endpoint::new(self.scheme, listener.endpoint().address()).unwrap()
    }

    /// Dials `endpoint`, and is accepted by `listener`.
    pub(crate) async fn reach(
        &self,
        endpoint: &Endpoint,
        listener: &mut dyn ChannelGenerator,
    ) -> (Channel, Channel) {
        connect(listener, &mut *self.transport().dialer(endpoint).unwrap()).await
    }

    pub(crate) async fn dial_error(&self, endpoint: &Endpoint) -> NextError {
        let error = self.transport().dialer(endpoint).unwrap().next().await.unwrap_err();
        assert_eq!((error.doing, &error.endpoint), ("dial", &endpoint.to_string()));
        error
    }
}

/// The text of an error and of all that is behind it.
pub(crate) fn told(error: &NextError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}
