//! Both encrypted transports behind one type.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::error::Error;
use std::sync::Arc;

use listenrain::{ChannelGenerator, Endpoint, NextError, Transport};
use listenrain_transports::certificates::{Identity, Trust};
use listenrain_transports::{Quic, Tls};
use rustls::time_provider::TimeProvider;

use crate::support::watched;

/// Runs the case on each transport, under the watchdog.
pub(crate) async fn on_each<F: Future<Output = ()>>(case: impl Fn(Given) -> F) {
    for given in [Given::Tls(Tls::default()), Given::Quic(Quic::default())] {
        println!("on {}", given.scheme());
        watched(case(given)).await;
    }
}

/// What both transports can be given.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    Tls(Tls),
    Quic(Quic),
}

impl Given {
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Tls(_) => "tls",
            Self::Quic(_) => "quic",
        }
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        match self.clone() {
            Self::Tls(tls) => Arc::new(tls),
            Self::Quic(quic) => Arc::new(quic),
        }
    }

    pub(crate) fn identity(self, identity: &Identity) -> Self {
        match self {
            Self::Tls(tls) => Self::Tls(tls.with_identity(identity.clone())),
            Self::Quic(quic) => Self::Quic(quic.with_identity(identity.clone())),
        }
    }

    pub(crate) fn trust(self, trust: Trust) -> Self {
        match self {
            Self::Tls(tls) => Self::Tls(tls.with_trust(trust)),
            Self::Quic(quic) => Self::Quic(quic.with_trust(trust)),
        }
    }

    pub(crate) fn client_trust(self, trust: Trust) -> Self {
        match self {
            Self::Tls(tls) => Self::Tls(tls.with_client_trust(trust)),
            Self::Quic(quic) => Self::Quic(quic.with_client_trust(trust)),
        }
    }

    pub(crate) fn clock(self, clock: Arc<dyn TimeProvider>) -> Self {
        match self {
            Self::Tls(tls) => Self::Tls(tls.with_clock(clock)),
            Self::Quic(quic) => Self::Quic(quic.with_clock(clock)),
        }
    }

    /// An endpoint of this host without any option.
    pub(crate) fn bare(&self) -> Endpoint {
        Endpoint::new(self.scheme(), "127.0.0.1:0").unwrap()
    }

    pub(crate) async fn listen(&self, endpoint: &Endpoint) -> Box<dyn ChannelGenerator> {
        self.transport().listen(endpoint).await.unwrap()
    }

    pub(crate) async fn listen_error(&self, endpoint: &Endpoint) -> NextError {
        self.transport().listen(endpoint).await.err().unwrap()
    }

    /// Where `listener` listens, without the pin that it tells.
    pub(crate) fn unpinned(&self, listener: &dyn ChannelGenerator) -> Endpoint {
        Endpoint::new(self.scheme(), listener.endpoint().address()).unwrap()
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
