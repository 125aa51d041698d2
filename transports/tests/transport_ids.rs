//! Transport ids: clones share one, and whatever changes what is reached or trusted makes another.

#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::sync::Arc;

use bytes::Bytes;
use certificates::Authority;
use listenrain::transport::TransportId;
use listenrain::{
    Client, Protocol, ProtocolTable, RawBytes, Refusal, Request, Router, Server, SharedConnections, Transport,
};
use listenrain_transports::certificates::{Identity, Trust};
use listenrain_transports::channel::ChannelOptions;
use listenrain_transports::ha::HaOptions;
use listenrain_transports::quic::QuicOptions;
use listenrain_transports::sctp::SctpOptions;
use listenrain_transports::tcp::{SystemResolver, TcpOptions};
use listenrain_transports::tls::TlsOptions;
use listenrain_transports::udp::SystemUdp;
use listenrain_transports::{ActiveStandby, InProcess, Quic, Registry, Sctp, Tcp, Tls};
use rustls::pki_types::UnixTime;
use rustls::time_provider::DefaultTimeProvider;
use support::watched;

/// A transport, a clone of it, and what its methods make of it, by name.
struct Row {
    scheme: String,
    id: TransportId,
    of_clone: TransportId,
    others: Vec<(&'static str, TransportId)>,
}

/// `one`, with `others` made of clones of it.
fn row<T: Transport + Clone>(one: &T, others: &[(&'static str, &dyn Fn(T) -> T)]) -> Row {
    let id = |transport: &T| transport.id().expect("each has one");
    Row {
        scheme: one.scheme().to_owned(),
        id: id(one),
        of_clone: id(&one.clone()),
        others: others.iter().map(|(name, change)| (*name, id(&change(one.clone())))).collect(),
    }
}

fn identity() -> Identity {
    Identity::self_signed(UnixTime::now()).unwrap()
}

fn trust() -> Trust {
    Trust::Pinned(identity().fingerprint())
}

fn rows() -> Vec<Row> {
    let mut rows = vec![
        row(
            &Tcp::default(),
            &[
                ("new", &|_| Tcp::new(TcpOptions::default()).unwrap()),
                ("default", &|_| Tcp::default()),
                ("with_resolver", &|tcp| tcp.with_resolver(Arc::new(SystemResolver))),
            ],
        ),
        row(
            &Tls::default(),
            &[
                ("new", &|_| Tls::new(TlsOptions::default()).unwrap()),
                ("default", &|_| Tls::default()),
                ("with_identity", &|tls| tls.with_identity(identity())),
                ("with_trust", &|tls| tls.with_trust(trust())),
                ("with_client_trust", &|tls| tls.with_client_trust(trust())),
                ("with_clock", &|tls| tls.with_clock(Arc::new(DefaultTimeProvider))),
                ("with_resolver", &|tls| tls.with_resolver(Arc::new(SystemResolver))),
            ],
        ),
        row(
            &Quic::default(),
            &[
                ("new", &|_| Quic::new(QuicOptions::default()).unwrap()),
                ("default", &|_| Quic::default()),
                ("with_identity", &|quic| quic.with_identity(identity())),
                ("with_trust", &|quic| quic.with_trust(trust())),
                ("with_client_trust", &|quic| quic.with_client_trust(trust())),
                ("with_clock", &|quic| quic.with_clock(Arc::new(DefaultTimeProvider))),
                ("with_resolver", &|quic| quic.with_resolver(Arc::new(SystemResolver))),
                ("with_udp", &|quic| quic.with_udp(Arc::new(SystemUdp))),
                ("with_runtime", &|quic| quic.with_runtime(Arc::new(quinn::TokioRuntime))),
                ("with_seed", &|quic| quic.with_seed([1; 32])),
            ],
        ),
        row(
            &Sctp::default(),
            &[
                ("new", &|_| Sctp::new(SctpOptions::default()).unwrap()),
                ("default", &|_| Sctp::default()),
                ("with_udp", &|sctp| sctp.with_udp(Arc::new(SystemUdp))),
                ("with_resolver", &|sctp| sctp.with_resolver(Arc::new(SystemResolver))),
                ("with_entropy", &|sctp| {
                    sctp.with_entropy(Arc::new(listenrain_transports::sctp::SystemEntropy))
                }),
            ],
        ),
        row(
            &InProcess::default(),
            &[
                ("new", &|_| InProcess::new(ChannelOptions::default()).unwrap()),
                ("default", &|_| InProcess::default()),
            ],
        ),
        row(
            &ActiveStandby::new(Registry::new()),
            &[
                ("new", &|_| ActiveStandby::new(Registry::new())),
                ("with_options", &|ha| ha.with_options(HaOptions::default()).unwrap()),
            ],
        ),
    ];
    rows.extend(rows_of_unix());
    rows
}

#[cfg(unix)]
fn rows_of_unix() -> Vec<Row> {
    use listenrain_transports::fifo::{self, FifoOptions};
    use listenrain_transports::unix::UnixOptions;
    use listenrain_transports::{Exec, Fifo, Unix};

    vec![
        row(
            &Unix::default(),
            &[("new", &|_| Unix::new(UnixOptions::default()).unwrap()), ("default", &|_| Unix::default())],
        ),
        row(
            &Fifo::default(),
            &[
                ("new", &|_| Fifo::new(FifoOptions::default()).unwrap()),
                ("default", &|_| Fifo::default()),
                ("with_entropy", &|fifo| fifo.with_entropy(Arc::new(fifo::SystemEntropy))),
            ],
        ),
        row(&Exec::default(), &[("default", &|_| Exec::default())]),
    ]
}

#[cfg(not(unix))]
fn rows_of_unix() -> Vec<Row> {
    Vec::new()
}

#[test]
fn clones_are_the_same_transport_and_whatever_changes_one_makes_another() {
    // A pool that shares connections by endpoint alone would give a caller that trusts one authority a connection that was
    // authenticated by another.
    let rows = rows();
    for Row { scheme, id, of_clone, others } in &rows {
        assert_eq!(id, of_clone, "{scheme}");
        for (name, other) in others {
            assert_ne!(id, other, "{scheme}: {name}");
        }
    }
    let known: Vec<_> = rows.iter().map(|row| row.scheme.as_str()).collect();
    for transport in listenrain_transports::all().list() {
        assert!(known.contains(&transport.scheme()), "{} is not in the table", transport.scheme());
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
