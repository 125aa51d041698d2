//! What every transport of this crate promises beyond the conformance kit, which is in `listenrain-simulation`.

mod support;

use std::io::ErrorKind;
use std::sync::Arc;

use listenrain::Transport;
use listenrain::buffer::ReadBuffer;
use support::*;

/// Runs the case on each transport, under the watchdog.
async fn on_each<F: Future<Output = ()>>(case: impl Fn(Arc<dyn Transport>) -> F) {
    on_each_with("", case).await;
}

/// As [`on_each`], on those that have the capability of this name.
async fn on_each_with<F: Future<Output = ()>>(name: &str, case: impl Fn(Arc<dyn Transport>) -> F) {
    let registry = listenrain_transports::all();
    let mut ran = 0;
    for transport in registry.list() {
        if name.is_empty() || transport.capabilities().names().contains(&name) {
            println!("on {}", transport.scheme());
            watched(case(transport.clone())).await;
            ran += 1;
        } else {
            println!("skipped on {}: it has no {name}", transport.scheme());
        }
    }
    assert!(ran > 0, "no transport has the capability `{name}`");
}

#[tokio::test]
async fn an_abort_after_a_shutdown_is_still_a_reset() {
    on_each_with("abort", |transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        shutdown(&mut *near.write).await.unwrap();
        near.write.abort();
        drop(near);
        // The end may have been seen before the reset; writing cannot miss it.
        let error = loop {
            if let Err(error) = write_all(&mut *far.write, pattern(1000)).await {
                break error;
            }
        };
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_queued_and_never_accepted_sees_its_listener_go() {
    on_each(|transport| async move {
        let (listener, mut dialer) = both_ends(&*transport).await;
        let mut near = dialer.next().await.unwrap();
        drop(listener);
        let error = read(&mut *near.read, &mut ReadBuffer::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    })
    .await;
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
            let error = transport.listen(&endpoint).await.err().unwrap();
            assert_eq!((error.kind, error.is_final), (ErrorKind::InvalidInput, true));
            let source = error.source.unwrap().to_string();
            assert!(source.contains(name) && source.contains(told), "{source}");
        }
    })
    .await;
}
