//! Promises of the in-process channel alone. All is in memory, so time is paused and nothing is waited for in vain.

use crate::support::*;
use listenrain_transports::InProcess;
use listenrain_transports::channel::{ChannelOptions, Control, Direction, pair};
use tokio::time::Instant;

/// A channel of a name that can be made to fail.
async fn controlled() -> (Channel, Channel, Control) {
    let transport = InProcess::default();
    let (mut listener, mut dialer) = at(&transport, &"channel://frail".parse().unwrap()).await;
    let (near, far) = connect(&mut *listener, &mut *dialer).await;
    (near, far, transport.control("frail"))
}

#[tokio::test(start_paused = true)]
async fn bytes_are_moved_not_copied() {
    let (mut near, mut far) = pair();
    let sent = pattern(3 << 20);
    write_all(&mut *near.write, sent.clone()).await.unwrap();
    let received = read_exactly(&mut *far.read, sent.len()).await.unwrap();
    assert_eq!(received.as_ptr(), sent.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_in_bytes_and_in_chunks() {
    for (options, size, expected) in [
        (ChannelOptions::default(), 1000, 1024 * 1000),
        (ChannelOptions::default(), 64 << 10, 1 << 20),
        (ChannelOptions::default().capacity(10_000), 3000, 9000),
        (ChannelOptions::default().chunks(5), 10, 50),
    ] {
        let transport = InProcess::new(options).unwrap();
        let (mut near, mut far) = linked(&transport).await;
        assert_eq!(fill(&mut *near.write, size, usize::MAX).await, expected);
        let freed = read(&mut *far.read, &mut ReadBuffer::default()).await.unwrap();
        assert!(freed > 0 && fill(&mut *near.write, size, usize::MAX).await > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_side_bounds_what_waits_for_itself() {
    let transport = InProcess::default();
    let mut listener = transport.listen(&"channel://x?capacity=7KiB".parse().unwrap()).await.unwrap();
    let mut dialer = transport.dialer(&"channel://x?capacity=3KiB".parse().unwrap()).unwrap();
    let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
    assert_eq!(fill(&mut *near.write, 1024, usize::MAX).await, 7 << 10);
    assert_eq!(fill(&mut *far.write, 1024, usize::MAX).await, 3 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_larger_than_the_capacity_is_let_in_alone() {
    let transport = InProcess::new(ChannelOptions::default().capacity(100)).unwrap();
    let (mut near, mut far) = linked(&transport).await;
    assert_eq!(fill(&mut *near.write, 5000, usize::MAX).await, 5000);
    assert_eq!(read_exactly(&mut *far.read, 5000).await.unwrap().len(), 5000);
    assert_eq!(fill(&mut *near.write, 60, usize::MAX).await, 60);
    assert_eq!(fill(&mut *near.write, 5000, usize::MAX).await, 0, "it has to be alone");
}

#[tokio::test(start_paused = true)]
async fn dropping_either_half_wakes_whoever_waits_at_the_other_end() {
    let (mut near, far) = pair();
    fill(&mut *near.write, 64 << 10, usize::MAX).await;
    let writer = tokio::spawn(async move { write_all(&mut *near.write, "x".into()).await });
    let mut near_read = near.read;
    let reader = tokio::spawn(async move { read(&mut *near_read, &mut ReadBuffer::default()).await });
    tokio::task::yield_now().await;
    drop(far.write);
    assert_eq!(reader.await.unwrap().unwrap(), 0);
    drop(far.read);
    let error = writer.await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_empty_name_becomes_a_fresh_one_and_cannot_be_dialled() {
    let transport = InProcess::default();
    let nameless = "channel://".parse().unwrap();
    let one = transport.listen(&nameless).await.unwrap();
    let two = transport.listen(&nameless).await.unwrap();
    assert_ne!(one.endpoint(), two.endpoint());
    assert!(!one.endpoint().address().is_empty());
    assert!(transport.dialer(&nameless).err().unwrap().why.contains("no name"));
    assert!(transport.dialer(&"channel://a#1".parse().unwrap()).is_err());
}

#[tokio::test(start_paused = true)]
async fn names_belong_to_an_instance_and_its_clones() {
    let (one, other) = (InProcess::default(), InProcess::default());
    let endpoint = "channel://name".parse().unwrap();
    let _listener = one.listen(&endpoint).await.unwrap();
    one.clone().dialer(&endpoint).unwrap().next().await.unwrap();
    assert_eq!(other.dialer(&endpoint).unwrap().next().await.unwrap_err().kind, ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_direction_holds_everything_back_until_it_is_resumed() {
    let (mut near, mut far, control) = controlled().await;
    control.stall(Direction::ToListener);
    write_all(&mut *near.write, "late".into()).await.unwrap();
    shutdown(&mut *near.write).await.unwrap();
    assert!(once(|cx| far.read.poll_read(cx, &mut ReadBuffer::default())).await.is_none());
    carries(&mut far, &mut near, "free").await;
    let reader = tokio::spawn(async move { read_to_end(&mut *far.read).await.unwrap() });
    tokio::task::yield_now().await;
    control.resume(Direction::Both);
    assert_eq!(reader.await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn latency_delays_bytes_and_the_end_alike() {
    let (mut near, mut far, control) = controlled().await;
    control.change(Direction::Both, |faults| faults.latency = Duration::from_millis(70));
    let start = Instant::now();
    carries(&mut near, &mut far, "x").await;
    assert_eq!(start.elapsed(), Duration::from_millis(70));
    shutdown(&mut *near.write).await.unwrap();
    assert_eq!(read_to_end(&mut *far.read).await.unwrap(), "");
    assert_eq!(start.elapsed(), Duration::from_millis(140));
}

#[tokio::test(start_paused = true)]
async fn a_cut_resets_both_sides_of_every_open_channel() {
    let (mut near, mut far, control) = controlled().await;
    assert_eq!(control.open_channels(), 1);
    control.cut();
    for end in [&mut near, &mut far] {
        assert_eq!(read_error(&mut *end.read).await, ErrorKind::ConnectionReset);
        assert_eq!(
            write_all(&mut *end.write, "x".into()).await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
    }
    drop((near, far));
    assert_eq!(control.open_channels(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_some_bytes_delivers_exactly_those() {
    let (mut near, mut far, control) = controlled().await;
    control.change(Direction::ToListener, |faults| faults.cut_after = Some(1500));
    write_all(&mut *near.write, pattern(1000)).await.unwrap();
    write_all(&mut *near.write, pattern(1000)).await.unwrap();
    assert_eq!(read_exactly(&mut *far.read, 1500).await.unwrap().len(), 1500);
    assert_eq!(read_error(&mut *far.read).await, ErrorKind::ConnectionReset);
    assert_eq!(write_all(&mut *near.write, "x".into()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn short_reads_and_writes_move_no_more_than_they_may() {
    let (mut near, mut far, control) = controlled().await;
    control.change(Direction::Both, |faults| faults.bytes_per_poll = Some(3));
    let mut from = WriteBuffer::new(0);
    from.put(Bytes::from_static(b"abcdefg"));
    for expected in [3, 3, 1] {
        assert_eq!(write(&mut *near.write, &mut from).await.unwrap(), expected);
    }
    let mut into = ReadBuffer::default();
    while into.len() < 7 {
        assert!(read(&mut *far.read, &mut into).await.unwrap() <= 3);
    }
    assert_eq!(into.take(7), "abcdefg");
}

#[tokio::test(start_paused = true)]
async fn what_a_control_sets_holds_for_channels_to_come_and_refusing_spares_open_ones() {
    let transport = InProcess::default();
    let control = transport.control("x");
    control.change(Direction::ToDialer, |faults| faults.bytes_per_poll = Some(1));
    let (mut listener, mut dialer) = at(&transport, &"channel://x".parse().unwrap()).await;
    let (mut near, mut far) = connect(&mut *listener, &mut *dialer).await;
    control.refuse(true);
    assert_eq!(dialer.next().await.unwrap_err().kind, ErrorKind::ConnectionRefused);
    write_all(&mut *far.write, "ab".into()).await.unwrap();
    assert_eq!(read(&mut *near.read, &mut ReadBuffer::default()).await.unwrap(), 1);
    control.refuse(false);
    dialer.next().await.unwrap();
}
