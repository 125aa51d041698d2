//! What every transport of this crate promises, checked on each of them.

mod support;

use std::io::ErrorKind;
use std::sync::Arc;

use listenrain::Transport;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
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

/// What a dial is told when nobody listens: a listener's path goes with it.
fn nobody_there(transport: &dyn Transport) -> ErrorKind {
    if transport.scheme() == "unix" { ErrorKind::NotFound } else { ErrorKind::ConnectionRefused }
}

#[tokio::test]
async fn both_sides_know_the_same_two_endpoints() {
    on_each(|transport| async move {
        let (mut listener, mut dialer) = both_ends(&*transport).await;
        let (near, far) = connect(&mut *listener, &mut *dialer).await;
        // A list's channels are its members'.
        let listening = listener.endpoint().members().unwrap();
        let listening = listening.first().unwrap_or_else(|| listener.endpoint());
        for end in [&near, &far] {
            assert_eq!(end.facts.scheme, listening.scheme());
        }
        assert!(near.facts.local.is_some() && near.facts.peer.as_ref() == Some(listening));
        assert_eq!(near.facts.local, far.facts.peer);
        assert_eq!(near.facts.peer, far.facts.local);
    })
    .await;
}

#[tokio::test]
async fn a_mebibyte_crosses_both_ways_at_once_and_then_the_end_stays_the_end() {
    on_each(|transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        let bytes = pattern(1 << 20);
        let send = async |end: &mut dyn listenrain::ChannelWrite| {
            write_all(end, bytes.clone()).await.unwrap();
            shutdown(end).await.unwrap();
            shutdown(end).await.unwrap();
        };
        let ((), (), there, back) = tokio::join!(
            send(&mut *near.write),
            send(&mut *far.write),
            read_to_end(&mut *far.read),
            read_to_end(&mut *near.read),
        );
        assert!(there.unwrap() == bytes && back.unwrap() == bytes);
        for end in [&mut near, &mut far] {
            for _ in 0..3 {
                assert_eq!(read(&mut *end.read, &mut ReadBuffer::default()).await.unwrap(), 0);
            }
            shutdown(&mut *end.write).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn one_direction_ends_while_the_other_goes_on() {
    on_each_with("half-close", |transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        write_all(&mut *near.write, "question".into()).await.unwrap();
        shutdown(&mut *near.write).await.unwrap();
        assert_eq!(read_to_end(&mut *far.read).await.unwrap(), "question");
        write_all(&mut *far.write, "answer".into()).await.unwrap();
        assert_eq!(read_exactly(&mut *near.read, 6).await.unwrap(), "answer");
        let error = write_all(&mut *near.write, "late".into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    })
    .await;
}

#[tokio::test]
async fn what_was_written_before_a_drop_is_read_before_the_end() {
    on_each(|transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        write_all(&mut *near.write, pattern(10_000)).await.unwrap();
        drop(near);
        assert_eq!(read_to_end(&mut *far.read).await.unwrap(), pattern(10_000));
    })
    .await;
}

#[tokio::test]
async fn an_abort_is_a_reset_for_the_peer_and_wakes_a_local_read() {
    on_each_with("abort", |transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        let mut read_half = near.read;
        let reading = tokio::spawn(async move { read(&mut *read_half, &mut ReadBuffer::default()).await });
        let waiting = tokio::spawn(async move { read(&mut *far.read, &mut ReadBuffer::default()).await });
        tokio::task::yield_now().await;
        near.write.abort();
        near.write.abort();
        let error = write_all(&mut *near.write, "late".into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::ConnectionAborted,
            "the read half reports the abort, then is dropped"
        );
        drop(near.write);
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    })
    .await;
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
async fn leaving_bytes_unread_is_a_reset_not_an_orderly_end() {
    on_each(|transport| async move {
        let (mut near, far) = linked(&*transport).await;
        // Until it is full, so that something is known to have arrived.
        fill(&mut *near.write, 64 << 10, usize::MAX).await;
        drop(far);
        let error = read(&mut *near.read, &mut ReadBuffer::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    })
    .await;
}

#[tokio::test]
async fn writing_to_a_peer_that_is_gone_fails_within_bounded_bytes() {
    on_each(|transport| async move {
        let (mut near, far) = linked(&*transport).await;
        drop(far);
        let mut written = 0;
        let error = loop {
            assert!(written < 64 << 20, "{written} bytes went nowhere");
            match write_all(&mut *near.write, pattern(64 << 10)).await {
                Ok(()) => written += 64 << 10,
                Err(error) => break error,
            }
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_the_writer_and_reading_releases_it() {
    on_each(|transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        let taken = fill(&mut *near.write, 64 << 10, 256 << 20).await;
        assert!(taken < 256 << 20, "nothing held the writer back");
        let writer = async {
            write_all(&mut *near.write, pattern(1 << 20)).await.unwrap();
            shutdown(&mut *near.write).await.unwrap();
        };
        let ((), all) = tokio::join!(writer, read_to_end(&mut *far.read));
        // What the fill had begun but not written is lost with its buffer.
        assert_eq!(all.unwrap().len(), taken + (1 << 20));
    })
    .await;
}

#[tokio::test]
async fn an_empty_write_takes_nothing_and_is_no_end() {
    on_each(|transport| async move {
        let (mut near, mut far) = linked(&*transport).await;
        assert_eq!(write(&mut *near.write, &mut WriteBuffer::default()).await.unwrap(), 0);
        write_all(&mut *near.write, "x".into()).await.unwrap();
        assert_eq!(read_exactly(&mut *far.read, 1).await.unwrap(), "x");
    })
    .await;
}

#[tokio::test]
async fn a_dial_without_a_listener_is_refused_and_may_be_asked_again() {
    on_each(|transport| async move {
        let (listener, mut dialer) = both_ends(&*transport).await;
        let endpoint = listener.endpoint().clone();
        drop(listener);
        for _ in 0..2 {
            let error = dialer.next().await.unwrap_err();
            let expected = (nobody_there(&*transport), "dial", false);
            assert_eq!((error.kind, error.doing, error.is_final), expected);
        }
        let mut listener = transport.listen(&endpoint).await.unwrap();
        let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
        write_all(&mut *near.write, "x".into()).await.unwrap();
        assert_eq!(read_exactly(&mut *far.read, 1).await.unwrap(), "x");
    })
    .await;
}

#[tokio::test]
async fn a_taken_endpoint_is_refused_and_its_listener_unharmed() {
    on_each(|transport| async move {
        let (mut listener, mut dialer) = both_ends(&*transport).await;
        let error = transport.listen(listener.endpoint()).await.err().unwrap();
        assert_eq!((error.kind, error.doing), (ErrorKind::AddrInUse, "listen"));
        connect(&mut *listener, &mut *dialer).await;
    })
    .await;
}

#[tokio::test]
async fn dropping_a_listener_frees_its_endpoint_and_spares_its_channels() {
    on_each(|transport| async move {
        let (mut listener, mut dialer) = both_ends(&*transport).await;
        let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
        let endpoint = listener.endpoint().clone();
        drop(listener);
        let again = transport.listen(&endpoint).await.unwrap();
        assert_eq!(*again.endpoint(), endpoint);
        write_all(&mut *near.write, "alive".into()).await.unwrap();
        assert_eq!(read_exactly(&mut *far.read, 5).await.unwrap(), "alive");
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
async fn a_dropped_accept_loses_no_connection() {
    on_each(|transport| async move {
        let (mut listener, mut dialer) = both_ends(&*transport).await;
        for round in 0..20u8 {
            let mut accept = listener.next();
            assert!(once(|cx| accept.as_mut().poll(cx)).await.is_none(), "nobody has dialled");
            let mut near = dialer.next().await.unwrap();
            drop(accept);
            write_all(&mut *near.write, vec![round].into()).await.unwrap();
            let mut far = listener.next().await.unwrap();
            assert_eq!(read_exactly(&mut *far.read, 1).await.unwrap(), vec![round]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_dropped_dial_leaves_the_listener_serving() {
    on_each(|transport| async move {
        let (mut listener, mut dialer) = both_ends(&*transport).await;
        for _ in 0..10 {
            let mut dial = dialer.next();
            let _ = once(|cx| dial.as_mut().poll(cx)).await;
        }
        let mut near = dialer.next().await.unwrap();
        write_all(&mut *near.write, "real".into()).await.unwrap();
        // What the dropped dials left in the queue are channels that end, never ones that hang.
        loop {
            let mut far = listener.next().await.unwrap();
            match read_exactly(&mut *far.read, 4).await {
                Ok(bytes) => break assert_eq!(bytes, "real"),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                    "{error}"
                ),
            }
        }
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
