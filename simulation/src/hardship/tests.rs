use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use listenrain::ChannelFacts;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain_transports::channel::pair;
use listenrain_transports::{InProcess, Tcp};

use super::*;

/// Both ends of a channel, the near one under `hardship`.
fn near_and_far(hardship: Hardship) -> (Channel, Channel) {
    let (near, far) = pair();
    let hard = Hard { hardship, seed: 1, channels: AtomicU64::new(0) };
    (hard.channel(Side::Dialer, near), far)
}

fn poll<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}

fn put(channel: &mut Channel, bytes: &'static [u8]) -> Poll<std::io::Result<usize>> {
    let mut from = WriteBuffer::new(0);
    from.put(Bytes::from_static(bytes));
    poll(|cx| channel.write.poll_write(cx, &mut from))
}

fn take(channel: &mut Channel) -> Poll<std::io::Result<usize>> {
    poll(|cx| channel.read.poll_read(cx, &mut ReadBuffer::default()))
}

#[tokio::test]
async fn one_byte_reads_deliver_one_byte_and_then_the_end() {
    let (mut near, mut far) = near_and_far(Hardship::OneByteReads);
    assert!(put(&mut far, b"abc").is_ready());
    drop(far);
    for expected in [1, 1, 1, 0, 0] {
        assert!(matches!(take(&mut near), Poll::Ready(Ok(count)) if count == expected));
    }
}

#[tokio::test]
async fn bytes_that_one_byte_reads_hold_back_count_as_unread() {
    let (mut near, mut far) = near_and_far(Hardship::OneByteReads);
    assert!(put(&mut far, b"abc").is_ready());
    assert!(matches!(take(&mut near), Poll::Ready(Ok(1))));
    drop(near);
    let Poll::Ready(Err(error)) = take(&mut far) else { panic!("an orderly end") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn short_writes_take_a_part_and_leave_the_rest() {
    let (mut near, _far) = near_and_far(Hardship::ShortWrites);
    let mut from = WriteBuffer::new(0);
    from.put(Bytes::from(vec![7; 1000]));
    let Poll::Ready(Ok(taken)) = poll(|cx| near.write.poll_write(cx, &mut from)) else { panic!("no write") };
    assert!((1..=64).contains(&taken) && from.remaining() == 1000 - taken, "{taken}");
}

#[tokio::test]
async fn coalesced_writes_wait_for_a_flush_or_a_shutdown() {
    let (mut near, mut far) = near_and_far(Hardship::CoalescedWrites);
    assert!(put(&mut near, b"ab").is_ready() && put(&mut near, b"cd").is_ready());
    assert!(take(&mut far).is_pending());
    assert!(poll(|cx| near.write.poll_flush(cx)).is_ready());
    assert!(matches!(take(&mut far), Poll::Ready(Ok(4))));
    assert!(put(&mut near, b"ef").is_ready());
    assert!(poll(|cx| near.write.poll_shutdown(cx)).is_ready());
    assert!(matches!(take(&mut far), Poll::Ready(Ok(2))) && matches!(take(&mut far), Poll::Ready(Ok(0))));
    assert!(matches!(put(&mut near, b"late"), Poll::Ready(Err(_))));
}

#[tokio::test]
async fn coalesced_writes_feel_a_peer_that_does_not_read() {
    let (mut near, _far) = near_and_far(Hardship::CoalescedWrites);
    let mut taken = 0;
    while let Poll::Ready(count) = put(&mut near, &[0; 64 << 10]) {
        taken += count.unwrap();
        assert!(taken < 4 << 20, "{taken} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_holds_up_and_lets_go_again() {
    let (mut near, mut far) = near_and_far(Hardship::PendingStorms);
    let mut held_up = 0;
    for _ in 0..1000 {
        assert!(put(&mut far, b"x").is_ready());
        let mut polls = 0;
        let mut into = ReadBuffer::default();
        let read = poll_fn(|cx| {
            polls += 1;
            near.read.poll_read(cx, &mut into)
        });
        assert_eq!(read.await.unwrap(), 1);
        held_up += polls - 1;
    }
    assert!((200..2000).contains(&held_up), "{held_up}");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_choices() {
    let choices = || {
        let (mut near, _far) = near_and_far(Hardship::ShortWrites);
        (0..50).map(|_| format!("{:?}", put(&mut near, &[0; 100]))).collect::<Vec<_>>()
    };
    assert_eq!(choices(), choices());
}

#[tokio::test]
async fn what_a_hardship_does_not_change_it_forwards() {
    for hardship in Hardship::ALL {
        let (near, _far) = pair();
        let flatten = near.write.flatten_below();
        let superseded = near.superseded_by(async {});
        let hard = Hard { hardship, seed: 1, channels: AtomicU64::new(0) };
        let under = hard.channel(Side::Dialer, superseded);
        assert_eq!(under.write.flatten_below(), flatten, "{hardship}");
        assert_eq!(under.facts, ChannelFacts::new("channel"), "{hardship}");
        assert!(under.superseded.is_some(), "{hardship}");
        let transport = hardship.upon(Arc::new(Tcp::default()), 1);
        assert_eq!((transport.scheme(), transport.capabilities()), ("tcp", Tcp::default().capabilities()));
        assert_eq!(transport.options(), Transport::options(&Tcp::default()));
    }
}

#[tokio::test]
async fn an_abort_goes_through_every_hardship() {
    for hardship in Hardship::ALL {
        let transport = hardship.upon(Arc::new(InProcess::default()), 1);
        let mut listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
        let mut dialer = transport.dialer(listener.endpoint()).unwrap();
        let (near, far) = tokio::join!(dialer.next(), listener.next());
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        near.write.abort();
        let mut into = ReadBuffer::default();
        let error = poll_fn(|cx| far.read.poll_read(cx, &mut into)).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{hardship}");
    }
}

#[test]
fn every_hardship_is_found_by_its_name() {
    for hardship in Hardship::ALL {
        assert_eq!(Hardship::named(hardship.name()), Some(hardship));
    }
    assert_eq!(Hardship::named("none"), None);
}
