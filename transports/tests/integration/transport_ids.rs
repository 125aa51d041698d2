//! Transport ids: clones share one, and whatever changes what is reached or trusted makes another.

use crate::support::certificates::Authority;
use crate::support::*;
use listenrain::{
    Client, Protocol, ProtocolTable, RawBytes, Refusal, Request, Router, Server, SharedConnections,
};
use listenrain_transports::certificates::{Identity, Trust};
use listenrain_transports::ha::HaOptions;
use listenrain_transports::sctp::SystemEntropy;
use listenrain_transports::tcp::SystemResolver;
use listenrain_transports::udp::SystemUdp;
use listenrain_transports::{ActiveStandby, InProcess, Quic, Registry, Sctp, Tcp, Tls};
use rustls::pki_types::UnixTime;
use rustls::time_provider::DefaultTimeProvider;

/// Asserts that a clone of `one` is the same transport, and each of `others` another.
fn assert_ids<T: Transport + Clone>(one: &T, others: &[T]) -> String {
    let id = |transport: &T| transport.id().expect("each has one");
    assert_eq!(id(one), id(&one.clone()), "{}", one.scheme());
    for (at, other) in others.iter().enumerate() {
        assert_ne!(id(one), id(other), "{}: {at}", one.scheme());
    }
    one.scheme().to_owned()
}

/// As [`assert_ids`], of a transport that is made by default, from its options, and by the methods that are named.
macro_rules! assert_ids {
    ($transport:ident $(, $with:ident($part:expr))*) => {{
        let one = $transport::default();
        let from_options = $transport::new(one.options().clone()).unwrap();
        assert_ids(&one, &[$transport::default(), from_options, $(one.clone().$with($part)),*])
    }};
}

#[test]
fn clones_are_the_same_transport_and_whatever_changes_one_makes_another() {
    // A pool that shares connections by endpoint alone would give a caller that trusts one authority a connection that was
    // authenticated by another.
    let identity = Identity::self_signed(UnixTime::now()).unwrap();
    let trust = Trust::Pinned(identity.fingerprint());
    let (resolver, udp) = (Arc::new(SystemResolver), Arc::new(SystemUdp));
    let ha = ActiveStandby::new(Registry::new());
    let with_options = ha.clone().with_options(HaOptions::default()).unwrap();
    let mut known = vec![
        assert_ids!(Tcp, with_resolver(resolver.clone())),
        assert_ids!(Tls, with_identity(identity.clone()), with_trust(trust.clone())),
        assert_ids!(Quic, with_client_trust(trust.clone()), with_clock(Arc::new(DefaultTimeProvider))),
        assert_ids!(Quic, with_resolver(resolver), with_udp(udp.clone()), with_seed([1; 32])),
        assert_ids!(Sctp, with_udp(udp), with_entropy(Arc::new(SystemEntropy))),
        assert_ids!(InProcess),
        assert_ids(&ha, &[ActiveStandby::new(Registry::new()), with_options]),
    ];
    #[cfg(unix)]
    {
        use listenrain_transports::{Exec, Fifo, Unix};
        known.push(assert_ids!(Unix));
        known.push(assert_ids!(Fifo, with_entropy(Arc::new(SystemEntropy))));
        known.push(assert_ids(&Exec::default(), &[Exec::default()]));
    }
    for transport in listenrain_transports::all().list() {
        let scheme = transport.scheme();
        assert!(known.iter().any(|known| known == scheme), "{scheme} is not in the table");
    }
}

#[tokio::test]
async fn a_pool_gives_no_caller_a_connection_that_another_transport_has_authenticated() {
    // Two TLS transports with other trust shared one connection.
    let authority = Authority::new();
    let protocol = Protocol::builder("echo", RawBytes).build().unwrap();
    let handle = ProtocolTable::new().register(protocol.clone()).unwrap();
    let serving = Tls::default().with_identity(authority.sign_local().identity);
    let listener = serving.listen(&"tls://127.0.0.1:0".parse().unwrap()).await.unwrap();
    let endpoint = format!("tls://{}", listener.endpoint().address()).parse().unwrap();
    let router = Router::new().fallback(|request: Request<Bytes>| async move { Ok(request.message) });
    let _server = Server::builder(protocol, router).listen(listener).unwrap();

    let pool = SharedConnections::new(8);
    let right = Tls::default().with_trust(authority.trust());
    let wrong = Tls::default().with_trust(Authority::new().trust());
    let pooled = |tls: &Tls| Client::pooled(&pool, tls, &endpoint, &handle, |options| options).unwrap();
    watched(async {
        let trusting = pooled(&right);
        trusting.ready().await.unwrap();
        pooled(&right.clone()).ready().await.unwrap();
        assert_eq!(trusting.counts().failed_dials, 0);
        let refused = pooled(&wrong).ready().await.unwrap_err();
        assert!(matches!(refused, Refusal::Down { .. }), "{refused:?}");
    })
    .await;
}
