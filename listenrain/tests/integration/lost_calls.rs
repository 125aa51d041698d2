//! What becomes of calls when their channel is lost, or none can be had.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_in_order_may_not_owe_answers_without_end() {
    // Each call that times out leaves a place in the order behind; a peer that reads all and answers nothing is cut.
    let net = Net::new();
    let (mut peers, (dialer, mut ends)) = (net.peers(), net.dialer_with_ends());
    let client = dialling(in_order()).max_requests(16).health(no_health()).dial(dialer).unwrap();
    let mut peer = peers.next().await;
    let _reads = tokio::spawn(async move { tokio::io::copy(&mut peer.io, &mut tokio::io::sink()).await });
    for _ in 0..(16 + 4096) / 16 {
        let calls: Vec<_> = (0..16).map(|_| calling(&client, "", ms(5))).collect();
        for call in calls {
            let _ = call.await.unwrap();
        }
    }
    assert!(ends.try_recv().is_err(), "as many as may be");
    assert!(client.call_within(Bytes::new(), ms(5)).await.is_err());
    let cause = ends.try_recv().expect("one more").cause;
    assert!(matches!(cause, LinkError::Unanswered { requests: 4112, limit: 4112 }), "{cause:?}");
    assert_eq!(client.counts().timeouts, 4112 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_queued_just_after_the_endpoint_went_down_is_refused_at_once() {
    // Those that were queued before had been refused by then, and it waited for its deadline.
    let barrier = Barrier::default();
    let (net, _peers, client) = hanging(dialling(late_ids(&barrier)));
    let caller = std::thread::spawn({
        let client = client.clone();
        move || client.call_blocking(Bytes::from("late"))
    });
    barrier.wait();
    net.end_dialling(true);
    net.hang(false);
    is_down(&client).await;
    barrier.wait();
    assert_fails!(caller.join().unwrap(), CallError::Refused(Refusal::Down { .. }));
    assert_eq!((client.counts().queued, client.counts().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_encoded_is_known_not_to_have_run() {
    let (_net, _peer, client) = by_hand(picky()).await;
    let error = client.call(Bytes::from("fail")).await.unwrap_err();
    assert!(error.never_executed(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_close_tells_only_what_has_wholly_left_that_it_may_have_run() {
    // Every call that its channel had begun to take, or that was encoded behind such a one, was told so.
    let (_net, _, mut peer, client) = dialled_on(Net::holding(256), dialling(native())).await;
    let (left, _) = started(&client, &mut peer, "short").await;
    let partly = calling(&client, Bytes::from(vec![7; 1000]), secs(5));
    settle().await;
    let behind = start(&client, "behind it").await;
    settle().await;
    let (took, ()) = timed(client.connection().close(ms(50))).await;
    // What is queued has a moment more.
    assert!(took >= ms(50) && took < ms(160), "{took:?}");
    assert_fails!(left.await.unwrap(), CallError::Lost { sent: Sent::Maybe, cause: LinkError::Closed });
    for call in [partly, behind] {
        assert_fails!(call.await.unwrap(), CallError::Refused(Refusal::Closed));
    }
    assert_eq!(client.counts().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_to_be_kept_is_refused_as_never_executed_when_a_goodbye_leaves_it_out() {
    const KEPT: usize = 64 << 10;
    let (_net, mut peers, mut peer, client) = dialled(dialling(native())).await;
    let [kept, larger] = [KEPT, KEPT + 1].map(|len| calling(&client, vec![7; len], secs(60)));
    peer.requests(2).await;
    peer.send(GOODBYE, 0, goodbye(DRAINING, 0, 0, 0)).await;
    let refused = larger.await.unwrap().unwrap_err();
    assert!(refused.never_executed(), "{refused:?}");
    let mut next = peers.next().await;
    let asked = next.expect(REQUEST).await;
    assert_eq!(asked.payload.len(), KEPT);
    next.ends(kept, &asked, "done").await;
}

#[tokio::test(start_paused = true)]
async fn of_one_way_messages_on_a_lost_channel_the_one_that_was_cut_is_dropped_and_those_behind_it_go_on() {
    let (net, mut peers, client) = hanging(dialling(native()));
    for letter in *b"abc" {
        client.one_way(Bytes::from(vec![letter; 1000])).await.unwrap();
    }
    // Behind a hello and the first message, inside the second.
    net.cut_next_after(1500);
    net.hang(false);
    let mut first = peers.next().await;
    assert_eq!(first.expect(ONE_WAY).await.payload, [b'a'; 1000]);
    let mut second = peers.next().await;
    assert_eq!(second.expect(ONE_WAY).await.payload, [b'c'; 1000]);
    settle().await;
    assert_eq!(client.counts().dropped_one_ways, 1);
}
