//! A channel whose generator has a better one: the connection moves over, and nothing is lost on the way.

use crate::support::*;

/// A dialer of channels each of which is superseded when the test says so.
fn improving(net: &Net, better: &Arc<Notify>) -> Box<dyn ChannelGenerator> {
    let better = Arc::clone(better);
    net.dialer_with(move |channel| channel.superseded_by(Arc::clone(&better).notified_owned()))
}

struct Improved {
    net: Net,
    peers: Peers,
    better: Arc<Notify>,
    client: Client<RawBytes>,
}

impl Improved {
    /// A client on its first channel, long enough for it to be superseded at once.
    async fn new() -> (Self, Peer) {
        Self::on(Net::new(), native()).await
    }

    async fn on(net: Net, protocol: Protocol<RawBytes>) -> (Self, Peer) {
        let better = Arc::new(Notify::new());
        let mut peers = net.peers();
        let client = dialling(protocol).dial(improving(&net, &better)).unwrap();
        let first = peers.next().await;
        client.ready().await.unwrap();
        tokio::time::advance(secs(1)).await;
        (Self { net, peers, better, client }, first)
    }

    /// There is a better channel: the peer on it.
    async fn improve(&mut self) -> Peer {
        self.better.notify_one();
        self.peers.next().await
    }
}

/// A client that has left its first channel, where one call is under way, for a second one.
async fn moved_over() -> (Improved, Peer, Peer, Call, Frame) {
    let (mut test, mut first) = Improved::new().await;
    let (old, asked) = started(&test.client, &mut first, "old").await;
    let second = test.improve().await;
    (test, first, second, old, asked)
}

/// All packets up to the end of `peer`'s stream, and how long that took; a stream that does not end is a failure.
async fn ended(peer: &mut Peer) -> (Duration, Vec<Frame>) {
    let (took, rest) = timed(tokio::time::timeout(secs(60), peer.read_all())).await;
    (took, rest.expect("the channel stays open"))
}

#[tokio::test(start_paused = true)]
async fn calls_finish_where_they_left_and_new_ones_take_the_better_channel() {
    let (test, mut first, mut second, old, asked) = moved_over().await;

    exchange(&test.client, &mut second, "new", "new").await;

    first.ends(old, &asked, "old").await;
    assert_eq!(
        ended(&mut first).await.1,
        [],
        "the old channel ends in an orderly way, with nothing else on it"
    );
    let counts = test.client.counts();
    assert_eq!((counts.reconnects, counts.in_flight, counts.timeouts), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_superseded_channel_without_calls_ends_at_once() {
    let (mut test, mut first) = Improved::new().await;
    let _second = test.improve().await;
    let (took, rest) = ended(&mut first).await;
    assert!(took < ms(10) && rest.is_empty(), "{took:?} {rest:?}");
    assert_eq!(test.net.open_lines(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_superseded_channel_ends_when_its_last_call_does_without_a_word_from_the_peer() {
    // Nothing wakes its task when a call times out or is taken back, unless somebody thinks of it.
    let (mut test, mut first) = Improved::new().await;
    let timed_out = start_within(&test.client, "times out", secs(5)).await;
    let taken_back = start(&test.client, "is taken back").await;
    first.requests(2).await;
    let mut second = test.improve().await;
    taken_back.abort();
    assert!(matches!(timed_out.await.unwrap(), Err(CallError::Timeout)));
    let (took, rest) = ended(&mut first).await;
    assert!(took < ms(10) && rest.is_empty(), "{took:?} {rest:?}");
    // Nor is the peer of the new channel told to cancel what it never saw.
    let call = start(&test.client, "next").await;
    assert_eq!(second.expect(REQUEST).await.payload, b"next");
    call.abort();
}

#[tokio::test(start_paused = true)]
async fn a_superseded_channel_ends_when_its_last_call_does_whatever_goes_on_elsewhere() {
    let (test, mut first, mut second, old, asked) = moved_over().await;
    let (_new, _) = started(&test.client, &mut second, "new").await;
    first.ends(old, &asked, "").await;
    let (took, rest) = ended(&mut first).await;
    assert!(took < ms(10) && rest.is_empty(), "{took:?} {rest:?}");
    assert_eq!(test.client.counts().in_flight, 1);
}

#[tokio::test(start_paused = true)]
async fn a_superseded_channel_answers_its_own_peers_pings_and_not_the_next_ones() {
    // The pong went out on the better channel, and a peer that hears nothing gives up what it still works on.
    let (test, mut first, mut second, old, asked) = moved_over().await;
    settle().await;
    first.send(PING, 7, "").await;
    let pong = tokio::time::timeout(secs(1), first.expect(PING)).await.expect("there is no pong");
    assert_eq!((pong.id, pong.flags), (7, 1), "an answer, and no ping");
    let new = start(&test.client, "new").await;
    assert_eq!(second.expect(REQUEST).await.payload, b"new");
    first.ends(old, &asked, "old").await;
    new.abort();
}

#[tokio::test(start_paused = true)]
async fn a_superseded_channel_whose_peer_is_gone_without_a_word_is_given_up() {
    // Nobody looked after it any more: its calls waited for their deadlines, and it for ever where it could not write.
    let (mut test, mut first) = Improved::new().await;
    let old = start_within(&test.client, "old", secs(3600)).await;
    first.expect(REQUEST).await;
    let _second = test.improve().await;
    let (took, end) = timed(old).await;
    assert_fails!(end.unwrap(), CallError::Lost { cause: LinkError::Silent(_), .. });
    assert!(took <= secs(60), "{took:?}");
    first.expect(PING).await;
}

#[tokio::test(start_paused = true)]
async fn calls_on_a_superseded_channel_that_is_lost_are_told_and_no_others() {
    let (test, first, mut second, old, _) = moved_over().await;
    let (new, asked) = started(&test.client, &mut second, "new").await;
    drop(first);
    assert!(matches!(old.await.unwrap(), Err(CallError::Lost { .. })));
    second.ends(new, &asked, "new").await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_could_not_leave_on_a_superseded_channel_leave_on_the_better_one_at_once() {
    // Its writer was parked, and nobody told it of what was put back into its queue; it learnt of it by the health check.
    let (mut test, first) = Improved::on(Net::holding(16), native()).await;
    let old = start(&test.client, "more than the channel holds").await;
    let mut second = test.improve().await;
    settle().await;
    test.net.line(0).cut();
    let (took, asked) = timed(second.expect(REQUEST)).await;
    assert!(took < ms(10), "{took:?}");
    second.ends(old, &asked, "there").await;
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_outlasts_the_better_channel_while_the_old_one_finishes() {
    // The reply that is late may still come on the old one.
    let (mut test, mut first) = Improved::on(Net::new(), first_byte_is_id()).await;
    let old = start(&test.client, "2old").await;
    assert!(test.client.call_within(Bytes::from("1old"), ms(10)).await.is_err());
    let second = test.improve().await;
    settle().await;
    drop(second);
    let _third = test.peers.next().await;
    let refused = test.client.call(Bytes::from("1new")).await.unwrap_err();
    assert!(is_quarantined(&refused), "{refused:?}");
    first.send_original("2yes").await;
    assert_eq!(old.await.unwrap().unwrap(), "2yes");
}

#[tokio::test(start_paused = true)]
async fn a_better_channel_that_cannot_be_had_changes_nothing_until_it_can() {
    let (mut test, mut first) = Improved::new().await;
    test.net.refuse_after(0);
    test.better.notify_one();
    settle().await;
    assert_eq!(test.net.dials(), 2);
    exchange(&test.client, &mut first, "still here", "yes").await;
    assert_eq!(test.client.counts().failed_dials, 0);

    // It was a passing trouble, and nobody says again that there is a better one.
    test.net.refuse_after(1);
    tokio::time::advance(secs(10)).await;
    settle().await;
    assert_eq!(test.net.dials(), 3);
    let mut second = test.peers.next().await;
    exchange(&test.client, &mut second, "over there", "yes").await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_superseded_all_the_time_is_not_replaced_in_a_tight_loop() {
    let (net, better) = (Net::new(), Arc::new(Notify::new()));
    let _server = serve(&net, echo());
    let client = dialling(native()).dial(improving(&net, &better)).unwrap();
    client.ready().await.unwrap();
    for _ in 0..20 {
        better.notify_one();
        tokio::time::advance(ms(10)).await;
        settle().await;
    }
    assert!((2..=3).contains(&net.dials()), "{} dials in 200 ms", net.dials());
}

#[tokio::test(start_paused = true)]
async fn closing_and_dropping_give_back_what_superseded_channels_hold() {
    for closes in [true, false] {
        let before = tasks();
        let (mut test, mut first) = Improved::new().await;
        let (old, _) = started(&test.client, &mut first, "never answered").await;
        let second = test.improve().await;
        settle().await;
        if closes {
            test.client.connection().close(ms(50)).await;
            assert!(old.await.unwrap().is_err());
        } else {
            old.abort();
        }
        drop(test.client);
        settle().await;
        assert_eq!((tasks(), test.net.open_lines()), (before, 0), "closes: {closes}");
        drop((first, second));
    }
}
