//! Promises of every transport beyond the conformance kit, which is in `listenrain-simulation`.

use crate::support::*;

/// Runs the case on each transport, under the watchdog.
async fn on_each<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Transport>) -> F) {
    for transport in listenrain_transports::all().list() {
        println!("on {}", transport.scheme());
        watched(case(transport.clone())).await;
    }
}

#[tokio::test]
async fn an_endpoint_of_another_scheme_or_with_a_bad_option_says_what_is_allowed() {
    on_each(|transport| async move {
        let foreign = "pigeon://roof".parse().unwrap();
        assert!(transport.dialer(&foreign).err().unwrap().why.contains(transport.scheme()));
        let scratch = transport.scratch_endpoint();
        let options = transport.options();
        let unknown = options.first().map(|info| ("colour", info.name));
        let wrong = options.iter().map(|info| (info.name, info.allowed));
        for (name, told) in unknown.into_iter().chain(wrong) {
            let endpoint = scratch.clone().with_option(name, "");
            let why = transport.dialer(&endpoint).err().unwrap().why;
            assert!(why.contains(name) && why.contains(told), "{why}");
            let error = transport.listen(&endpoint).await.err().unwrap();
            assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
            let source = error.source.unwrap().to_string();
            assert!(source.contains(name) && source.contains(told), "{source}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_backlog_refuses_a_dial_where_there_is_nothing_to_wait_in_and_an_accept_makes_room() {
    on_each(|transport| async move {
        if !["channel", "quic", "sctp"].contains(&transport.scheme()) {
            return;
        }
        let endpoint = transport.scratch_endpoint().with_option("backlog", "2");
        let (mut listener, mut dialer) = at(&*transport, &endpoint).await;
        let _queued = [dialer.next().await.unwrap(), dialer.next().await.unwrap()];
        let error = dialer.next().await.unwrap_err();
        assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
        assert!(error.source.unwrap().to_string().contains("backlog"));
        listener.next().await.unwrap();
        dialer.next().await.unwrap();
    })
    .await;
}
