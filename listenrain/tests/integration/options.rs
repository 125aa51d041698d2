//! Settings: what is out of range is refused by name, never replaced in silence.

use crate::support::*;

/// The default health check but for this.
fn health(change: impl Fn(&mut Health)) -> Health {
    let mut health = Health::default();
    change(&mut health);
    health
}

/// Health checks that are not legal, each with what is wrong in it.
fn bad_health() -> [(&'static str, Health); 5] {
    [
        ("health.interval", health(|health| health.interval = ms(0))),
        ("health.interval", Health::every(Duration::MAX, 3)),
        ("health.missed", health(|health| health.missed = 0)),
        ("health.packet", health(|health| health.packet = ms(0))),
        ("health.idle", health(|health| health.idle = ms(0))),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_clients_settings_out_of_range_are_refused_by_name() {
    // LR37: a queue of more than 4,096 places silently had 128.
    let client = || dialling(native());
    let limited = |change: fn(&mut ConnectionLimits)| client().limits(calling_up_to(change));
    let mut late = Backoff::default();
    late.cap = ms(1);
    let cases = [
        ("lanes", client().lanes(0)),
        ("lanes", client().lanes(257)),
        ("limits.requests", limited(|limits| limits.requests = 0)),
        ("limits.requests", limited(|limits| limits.requests = (1 << 20) + 1)),
        ("limits.bytes", limited(|limits| limits.bytes = 0)),
        ("limits.reply_bytes", limited(|limits| limits.reply_bytes = 0)),
        ("dial_timeout", client().dial_timeout(Duration::ZERO)),
        ("backoff.first", client().backoff(Backoff::between(Duration::ZERO, secs(1)))),
        ("backoff.cap", client().backoff(late)),
    ];
    let net = Net::new();
    let healths = bad_health().map(|(what, bad)| (what, client().health(bad)));
    for (what, builder) in cases.into_iter().chain(healths) {
        let error = builder.dial(net.dialer()).unwrap_err();
        assert_eq!(error.what, what, "{error}");
        assert!(error.to_string().contains(&error.value) && !error.allowed.is_empty());
    }
    settle().await;
    assert_eq!(net.dials(), 0, "nothing is started with bad settings");
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_every_range_are_allowed() {
    let net = Net::new();
    let _server = serve(&net, echo());
    for (lanes, requests) in [(1, 1), (256, 1 << 20)] {
        let builder = dialling(native()).lanes(lanes).max_requests(requests).max_bytes(1);
        let builder = builder.dial_timeout(ms(100)).health(Health::every(secs(86_400), u32::MAX));
        net.dial(builder).call(Bytes::new()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_servers_settings_out_of_range_are_refused_by_name() {
    // LR37: as for clients.
    let limited = |change: fn(&mut ServerLimits)| serving(echo()).limits(serving_up_to(change));
    let cases = [
        ("limits.connections", limited(|limits| limits.connections = 0)),
        ("limits.requests", limited(|limits| limits.requests = 0)),
        ("limits.bytes", limited(|limits| limits.bytes = 0)),
        ("limits.all_requests", limited(|limits| limits.all_requests = 0)),
        ("limits.all_bytes", limited(|limits| limits.all_bytes = 0)),
    ];
    let healths = bad_health().map(|(what, bad)| (what, serving(echo()).health(bad)));
    for (what, builder) in cases.into_iter().chain(healths) {
        let error = builder.listen(Net::new().listener()).unwrap_err();
        assert_eq!(error.what, what, "{error}");
    }
}

#[test]
fn a_protocols_timeout_out_of_range_is_refused() {
    // LR37: as for clients.
    for timeout in [Duration::ZERO, secs(86_401), Duration::MAX] {
        let error = Protocol::builder("late", RawBytes).timeout(timeout).build().unwrap_err();
        assert!(matches!(error, ProtocolError::OutOfRange { what: "timeout", .. }), "{error}");
    }
    for timeout in [ms(1), secs(86_400)] {
        Protocol::builder("in time", RawBytes).timeout(timeout).build().unwrap();
    }
}
