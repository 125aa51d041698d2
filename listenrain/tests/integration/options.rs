//! Settings: what is out of range is refused by name, never replaced in silence.

use crate::support::*;

type Change = Box<dyn Fn(ClientBuilder<RawBytes>) -> ClientBuilder<RawBytes>>;

fn limits(change: impl Fn(&mut ConnectionLimits) + 'static) -> Change {
    Box::new(move |builder| builder.limits(calling_up_to(&change)))
}

fn health(change: impl Fn(&mut Health)) -> Health {
    let mut health = Health::default();
    change(&mut health);
    health
}

fn backoff(change: impl Fn(&mut Backoff)) -> Backoff {
    let mut backoff = Backoff::default();
    change(&mut backoff);
    backoff
}

#[tokio::test(start_paused = true)]
async fn a_clients_settings_out_of_range_are_refused_by_name() {
    // LR37: a queue of more than 4,096 places silently had 128.
    let cases: Vec<(&str, Change)> = vec![
        ("lanes", Box::new(|builder| builder.lanes(0))),
        ("lanes", Box::new(|builder| builder.lanes(257))),
        ("limits.requests", limits(|limits| limits.requests = 0)),
        ("limits.requests", limits(|limits| limits.requests = (1 << 20) + 1)),
        ("limits.bytes", limits(|limits| limits.bytes = 0)),
        ("limits.reply_bytes", limits(|limits| limits.reply_bytes = 0)),
        ("dial_timeout", Box::new(|builder| builder.dial_timeout(Duration::ZERO))),
        ("backoff.first", Box::new(|builder| builder.backoff(Backoff::between(Duration::ZERO, secs(1))))),
        ("backoff.cap", Box::new(|builder| builder.backoff(backoff(|backoff| backoff.cap = ms(1))))),
        ("health.interval", Box::new(|builder| builder.health(health(|health| health.interval = ms(0))))),
        ("health.interval", Box::new(|builder| builder.health(Health::every(Duration::MAX, 3)))),
        ("health.missed", Box::new(|builder| builder.health(health(|health| health.missed = 0)))),
        ("health.packet", Box::new(|builder| builder.health(health(|health| health.packet = ms(0))))),
        ("health.idle", Box::new(|builder| builder.health(health(|health| health.idle = ms(0))))),
    ];
    let net = Net::new();
    for (what, change) in cases {
        let error = change(dialling(native())).dial(net.dialer()).unwrap_err();
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
    let net = Net::new();
    type Broken = (&'static str, fn(&mut ServerLimits));
    let fields: [Broken; 5] = [
        ("limits.connections", |limits| limits.connections = 0),
        ("limits.requests", |limits| limits.requests = 0),
        ("limits.bytes", |limits| limits.bytes = 0),
        ("limits.all_requests", |limits| limits.all_requests = 0),
        ("limits.all_bytes", |limits| limits.all_bytes = 0),
    ];
    for (what, change) in fields {
        let error = serving(echo()).limits(serving_up_to(change)).listen(net.listener()).unwrap_err();
        assert_eq!(error.what, what, "{error}");
    }
    for (what, health) in [
        ("health.interval", health(|health| health.interval = ms(0))),
        ("health.interval", Health::every(Duration::MAX, 1)),
        ("health.missed", health(|health| health.missed = 0)),
        ("health.packet", health(|health| health.packet = ms(0))),
        ("health.idle", health(|health| health.idle = ms(0))),
    ] {
        let error = serving(echo()).health(health).listen(net.listener()).unwrap_err();
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
