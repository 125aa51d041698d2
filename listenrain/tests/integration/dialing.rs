//! Dials: side by side, each within its time, spread where many were cut off by one event, and never in a tight loop.

use crate::support::*;

/// A dialer each of whose dials takes `each`; with `forks` there may be several at once.
fn slow(net: &Net, each: Duration, forks: bool) -> Box<dyn ChannelGenerator> {
    let net = net.clone();
    let forking = generator("test://net".parse().unwrap(), move || {
        let mut dialer = net.dialer();
        async move {
            tokio::time::sleep(each).await;
            dialer.next().await
        }
    });
    if forks { forking } else { Box::new(Single(forking)) }
}

/// A generator that cannot be forked.
struct Single(Box<dyn ChannelGenerator>);

impl ChannelGenerator for Single {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        self.0.next()
    }

    fn endpoint(&self) -> &Endpoint {
        self.0.endpoint()
    }
}

/// A dialer that never comes to anything.
fn black_hole() -> Box<dyn ChannelGenerator> {
    generator("test://nowhere".parse().unwrap(), std::future::pending)
}

#[tokio::test(start_paused = true)]
async fn lanes_dial_side_by_side_where_their_dialer_can_be_forked() {
    // One after the other, 16 lanes at 100 ms each took 1.6 s.
    for (forks, expected) in [(true, ms(100)), (false, ms(1600))] {
        let net = Net::new();
        let _server = serve(&net, echo());
        let client = dialling(native()).lanes(16).dial(slow(&net, ms(100), forks)).unwrap();
        let (took, ()) = timed(async {
            while net.open_lines() < 16 {
                tokio::time::sleep(ms(1)).await;
            }
        })
        .await;
        assert!(took >= expected && took <= expected + ms(20), "{forks}: {took:?}");
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_down_as_soon_with_many_lanes_as_with_one() {
    // Eight lanes took turns at one dialer, and each had to fail three times.
    let mut took = Vec::new();
    for lanes in [1, 8] {
        for forks in [true, false] {
            let dialer = if forks { black_hole() } else { Box::new(Single(black_hole())) };
            let backoff = Backoff::between(ms(10), ms(50)).seeded(1);
            let builder = dialling(native()).lanes(lanes).dial_timeout(ms(300)).backoff(backoff);
            let client = builder.dial(dialer).unwrap();
            let (time, down) = timed(client.ready()).await;
            let Refusal::Down { cause: Some(cause), .. } = down.unwrap_err() else { panic!("it is down") };
            assert_eq!(cause.source.unwrap().to_string(), "no answer within 300ms");
            took.push(time);
        }
    }
    // Three dials that take 300 ms each, and two waits of at most 10 and 20 ms.
    assert!(took.iter().all(|time| *time >= ms(900) && *time <= ms(940)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dial_takes_no_longer_than_it_may() {
    let (net, mut peers, client) = hanging(dialling(native()).dial_timeout(secs(2)));
    let call = start(&client, "x").await;
    for dials in 1..=3 {
        assert_eq!((net.dials(), client.counts().failed_dials), (dials, dials as u64 - 1));
        tokio::time::sleep(secs(2)).await;
        settle().await;
        assert_eq!(client.counts().failed_dials, dials as u64);
        // The wait until the next one.
        tokio::time::sleep(ms(50)).await;
    }
    net.hang(false);
    peers.next().await.answer("").await;
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn those_that_are_cut_off_together_come_back_spread() {
    // They all dialled in the same moment, and each lane after the same waits.
    let net = Net::new();
    let server = serve(&net, echo());
    let client = |seed| {
        let backoff = Backoff::between(secs(1), secs(10)).down_after(1000).seeded(seed);
        dialling(native()).backoff(backoff).lanes(5).dial(net.dialer_with(|channel| channel)).unwrap()
    };
    let clients: Vec<_> = (0..10).map(client).collect();
    tokio::time::sleep(secs(5)).await;
    assert_eq!((net.dials(), server.connections()), (50, 50));
    let start = Instant::now();
    net.cut();
    tokio::time::sleep(secs(2)).await;
    let mut waits: Vec<_> = net.dialled_at()[50..].iter().map(|dial| *dial - start).collect();
    waits.sort();
    assert_eq!(waits.len(), 50);
    assert!(waits[49] < secs(1), "not later than the first wait: {:?}", waits[49]);
    // Of 50 in a second no fifth of it has more than half.
    for fifth in 0..5 {
        let (from, to) = (ms(200 * fifth), ms(200 * (fifth + 1)));
        let here = waits.iter().filter(|wait| (from..to).contains(wait)).count();
        assert!((1..=25).contains(&here), "{here} of 50 after {from:?}: {waits:?}");
    }
    drop(clients);
}

#[tokio::test(start_paused = true)]
async fn lanes_whose_dials_fail_together_try_again_spread() {
    let net = Net::new();
    let backoff = Backoff::between(secs(1), secs(10)).down_after(1000).seeded(1);
    let builder = dialling(native()).backoff(backoff).lanes(20);
    let _client = builder.dial(net.dialer_with(|channel| channel)).unwrap();
    tokio::time::sleep(ms(1100)).await;
    let second = net.dialled_at()[20..].to_vec();
    let moments = std::collections::BTreeSet::from_iter(&second);
    let spread = **moments.last().unwrap() - **moments.first().unwrap();
    assert!(second.len() == 20 && moments.len() >= 18 && spread > ms(250), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_generator_hears_how_each_of_its_channels_ended() {
    let net = Net::new();
    let (mut peers, (dialer, mut ends)) = (net.peers(), net.dialer_with_ends());
    let client = dialling(native()).health(Health::every(secs(1), 3)).dial(dialer).unwrap();
    // One whose peer answers and hangs up, one whose peer says nothing and hangs up, one whose peer is silent.
    let mut peer = peers.next().await;
    exchange(&client, &mut peer, "x", "").await;
    drop(peer);
    drop(peers.next().await);
    let _silent = peers.next().await;
    tokio::time::sleep(secs(4)).await;
    let [first, second, third] = [(); 3].map(|()| ends.try_recv().unwrap());
    assert!(matches!(first.cause, LinkError::PeerClosed) && first.answered);
    assert!(matches!(second.cause, LinkError::PeerClosed) && !second.answered);
    assert!(matches!(third.cause, LinkError::Silent(_)) && !third.answered);
    assert!([first, second, third].iter().all(|end| end.stay_away.is_none()) && ends.is_empty());
    let _last = peers.next().await;
    client.close().await;
    settle().await;
    assert!(matches!(ends.try_recv().unwrap().cause, LinkError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_dialer_that_is_over_is_asked_no_more_and_its_connection_says_so() {
    let net = Net::new();
    net.end_dialling(true);
    let client = connect(&net, native());
    let error = client.call(Bytes::new()).await.unwrap_err();
    let CallError::Refused(Refusal::Down { cause: Some(cause), .. }) = error else { panic!("{error:?}") };
    assert!(cause.is_final);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(net.dials(), 1);
    assert!(client.connection().is_over());
    assert!(matches!(client.connection().state(), ConnectionState::Down { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_goodbye_at_once_is_down_and_waited_for_longer_each_time() {
    // It was dialled again at once, hundreds of times a second, as if each channel had been a success.
    for heeds in [false, true] {
        let net = Net::new();
        let mut peers = net.peers();
        let backoff = Backoff::between(ms(100), secs(1)).seeded(1);
        // One that chooses among peers by itself heeds how channels end.
        let choosing = move |channel: Channel| if heeds { channel.on_end(|_| {}) } else { channel };
        let client = Client::builder(native()).backoff(backoff).dial(net.dialer_with(choosing)).unwrap();
        let (start, mut kept) = (Instant::now(), Vec::new());
        for _ in 0..5 {
            let mut peer = peers.next().await;
            peer.send(GOODBYE, 0, goodbye(AGE, 0, 0, 0)).await;
            kept.push(peer);
        }
        let took = start.elapsed();
        // Four waits: of 100, 200, 400 and 800 ms, of each at most half taken away.
        assert!(took >= ms(750) && took <= ms(1510), "{heeds}: {took:?}");
        let state = client.connection().state();
        assert!(matches!(state, ConnectionState::Down { cause: Some(_) }), "{heeds}: {state:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_has_worked_is_followed_by_another_as_soon_as_its_peer_says_goodbye() {
    for has_worked in [true, false] {
        let net = Net::new();
        let mut peers = net.peers();
        let backoff = Backoff::between(secs(1), secs(10)).down_after(1000).seeded(1);
        let _client = net.dial(Client::builder(native()).backoff(backoff));
        let (mut peer, mut waited) = (peers.next().await, Duration::ZERO);
        for _ in 0..10 {
            if has_worked {
                peer.greet().await;
            }
            tokio::time::sleep(secs(1)).await;
            peer.send(GOODBYE, 0, goodbye(AGE, 0, 0, 0)).await;
            let (took, next) = timed(peers.next()).await;
            (peer, waited) = (next, waited + took);
        }
        // Else ten moments, each within the first wait.
        let expected = if has_worked { secs(0)..ms(50) } else { secs(1)..ms(10_050) };
        assert!(expected.contains(&waited), "{has_worked}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_left_alone_for_five_minutes_at_most() {
    let (_net, mut peers, mut peer, _client) = dialled(dialling(native())).await;
    for (asked, least) in [(u32::MAX, 300), (300_000, 300), (280_000, 280), (280_000, 280)] {
        peer.send(GOODBYE, 0, goodbye(DRAINING, 0, 0, asked)).await;
        let (took, next) = timed(peers.next()).await;
        assert!(took >= secs(least) && took <= secs(300) + ms(2), "{asked}: {took:?}");
        peer = next;
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_nobody_uses_is_no_failed_dial_where_the_protocol_cannot_ping() {
    // Broken by a client that takes the silence of a peer which was asked nothing for a failure.
    let builder = Client::builder(in_order()).backoff(Backoff::between(ms(10), ms(20)).down_after(1));
    let builder = builder.health(Health::every(secs(1), 3).idle_within(secs(3)));
    let (net, _server, client) = between(Server::builder(in_order(), echo()), builder).await;
    client.call(Bytes::from("at first")).await.unwrap();
    let is_down = tokio::time::timeout(secs(60), is_down(&client)).await.is_ok();
    assert!(!is_down && net.dials() > 10, "{is_down} after {} dials", net.dials());
    client.call(Bytes::from("at last")).await.unwrap();
}

/// Whether a client finds a peer down that says hello, or nothing, and hangs up after a while.
async fn is_down_after_hanging_up(protocol: Protocol<RawBytes>, says_hello: bool, lives: Duration) -> bool {
    let net = Net::new();
    let mut peers = net.peers();
    let flapping = tokio::spawn(async move {
        loop {
            let mut peer = peers.next().await;
            tokio::spawn(async move {
                if says_hello {
                    peer.greet().await;
                }
                tokio::time::sleep(lives).await;
                drop(peer);
            });
        }
    });
    let backoff = Backoff::between(ms(10), ms(20)).seeded(1);
    let client = net.dial(Client::builder(protocol).backoff(backoff));
    let is_down = tokio::time::timeout(secs(100), is_down(&client)).await.is_ok();
    flapping.abort();
    is_down
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_is_down_unless_it_has_shown_that_it_serves() {
    // One that said nothing had only to stay for 100 ms to pass for a success each time, and one that said hello not even that.
    for (says_hello, lives, is_down) in
        [(false, 50, true), (false, 150, true), (true, 50, true), (true, 150, false)]
    {
        let found = is_down_after_hanging_up(native(), says_hello, ms(lives)).await;
        assert_eq!(found, is_down, "hello: {says_hello}, {lives} ms");
    }
    // Where there are no hellos, one that stays cannot be told from one that is not asked.
    for (lives, is_down) in [(50, true), (150, false)] {
        assert_eq!(is_down_after_hanging_up(in_order(), false, ms(lives)).await, is_down, "{lives} ms");
    }
}
