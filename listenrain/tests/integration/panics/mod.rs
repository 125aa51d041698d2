//! Every part that a user may plug in panics, once, in each of its methods: that ends one call or one channel, and neither
//! the process nor a neighbour.
//!
//! What is left out: two panics at once inside frames of the user's, which end the process, and the library's
//! documentation says so.

mod bomb;
mod plugs;
mod transport;

use crate::support::*;
use bomb::Bomb;
use plugs::{Machine, Message, Messages, protocol};

/// What is asked of the parts while the protocol is built.
const AT_BUILD: &str = "packets.capabilities packets.max_packet packets.buffers handlers.bound handlers.runs_in_place \
    callbacks.bound callbacks.runs_in_place";

/// What is called when a connection or a server starts; then there is none.
const AT_START: &str = "dialer.endpoint dialer.fork listener.endpoint";

/// What is called while there is traffic.
const AT_WORK: &str = "messages.encode messages.decode messages.command message.drop payload.drop \
    packets.decode packets.encode buffers.lend buffers.give_back correlation.id_of pool.new pool.put pool.take \
    queue.new queue.push queue.push_front queue.pop queue.remove queue.len queue.shrink queue.drop \
    timers.new timers.add timers.remove timers.next timers.expired timers.drop \
    handlers.execute callbacks.execute machine.ended machine.drop handler.call handler.poll handler.drop \
    dialer.next dialer.read dialer.write dialer.flush dialer.shutdown dialer.abort dialer.flatten_below \
    dialer.read_drop dialer.write_drop dialer.ended dialer.superseded dialer.drop \
    listener.read listener.write listener.read_drop listener.write_drop listener.ended";

/// Commands: answered at once; answered when told to; never; unknown.
const ECHO: u8 = 0;
const HELD: u8 = 1;
const NEVER: u8 = 2;
const UNKNOWN: u8 = 9;

fn router(bomb: &Bomb, go_on: &Arc<Notify>) -> Router<Messages> {
    let [calls, polls, drops] = [bomb.clone(), bomb.clone(), bomb.clone()];
    let go_on = Arc::clone(go_on);
    let echo = move |request: Request<Message>| {
        calls.at("handler.call");
        let polls = polls.clone();
        async move {
            polls.at("handler.poll");
            Ok::<_, HandlerError>(request.message)
        }
    };
    let held = move |request: Request<Message>| {
        let go_on = Arc::clone(&go_on);
        async move {
            go_on.notified().await;
            Ok::<_, HandlerError>(request.message)
        }
    };
    let never = move |_: Request<Message>| {
        let part = drops.dropped("handler.drop");
        async move {
            let _part = part;
            std::future::pending().await
        }
    };
    Router::new()
        .on(Command(ECHO.into()), echo)
        .on(Command(HELD.into()), held)
        .on(Command(NEVER.into()), never)
}

/// A client that does a bit of everything, so that each part is asked for everything.
struct Victim {
    client: Client<Messages>,
    bomb: Bomb,
    net: Net,
    last: u32,
}

impl Victim {
    fn start(net: &Net, bomb: &Bomb) -> Option<Self> {
        let protocol = protocol(bomb).ok()?;
        let builder = Client::builder(protocol).backoff(Backoff::between(ms(10), ms(20)).seeded(1));
        let client = builder.health(Health::every(secs(1), 3)).lanes(2).dial(bomb.dialer(net)).ok()?;
        Some(Self { client, bomb: bomb.clone(), net: net.clone(), last: 0 })
    }

    fn message(&mut self, command: u8, size: usize) -> Message {
        self.last += 1;
        Message::new(self.last, command, size, &self.bomb)
    }

    async fn call(&mut self, command: u8, size: usize, within: Duration) -> bool {
        let message = self.message(command, size);
        let sent = message.bytes().clone();
        // The caller's own part may panic in the caller's own task, and it is told so there.
        let client = self.client.clone();
        let call = tokio::spawn(async move {
            let (took, outcome) = timed(client.call_within(message, within)).await;
            assert!(took <= within + ms(50), "{command}: a call of {within:?} took {took:?}");
            let is_right = outcome.as_ref().is_ok_and(|reply| *reply.bytes() == sent);
            outcome.map(std::mem::forget).map_err(drop).is_ok() && is_right
        });
        call.await.unwrap_or(false)
    }

    async fn send(&mut self, command: u8, within: std::time::Duration) {
        let (sender, mut told) = unbounded_channel();
        let (message, machine) =
            (self.message(command, 10), Machine(self.bomb.dropped("machine.drop"), sender));
        let client = self.client.clone();
        let sent = tokio::spawn(async move { client.send_within(message, within, machine).await }).await;
        let (took, told) = timed(tokio::time::timeout(secs(60), told.recv())).await;
        assert!(told.is_ok() && took <= within + ms(50), "a state machine was not told: {took:?}");
        let _ = sent;
    }

    async fn all(mut self) {
        self.call(ECHO, 10, secs(5)).await;
        self.call(ECHO, 200_000, secs(5)).await;
        self.call(UNKNOWN, 10, secs(5)).await;
        self.send(ECHO, secs(5)).await;
        self.send(NEVER, ms(100)).await;
        self.call(NEVER, 10, ms(100)).await;
        let message = self.message(ECHO, 10);
        let client = self.client.clone();
        let _ = tokio::spawn(async move { client.one_way(message).await.is_ok() }).await;
        // Queued while no channel is open: one is taken back, one waits until there is a channel.
        self.net.hang(true);
        self.net.cut();
        settle().await;
        self.call(ECHO, 10, ms(50)).await;
        let (client, message) = (self.client.clone(), self.message(ECHO, 100_000));
        let waits =
            tokio::spawn(
                async move { client.call_within(message, secs(5)).await.map(std::mem::forget).is_ok() },
            );
        settle().await;
        // Cut in the middle of what waits, so that it is put back.
        self.net.cut_next_after(5000);
        self.net.hang(false);
        let _ = waits.await;
        // Long enough for buffers to be given back.
        tokio::time::sleep(secs(1)).await;
        self.call(ECHO, 10, secs(5)).await;
        let (took, _) = timed(tokio::spawn(async move { self.client.close().await })).await;
        assert!(took <= secs(6), "a close took {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_panics_while_it_works_ends_one_call_or_one_channel_and_harms_no_neighbour() {
    let mut silent = Vec::new();
    for target in AT_WORK.split_whitespace() {
        let (bomb, net, go_on) = (Bomb::default(), Net::new(), Arc::new(Notify::new()));
        let before = tasks();
        let builder = Server::builder(protocol(&bomb).unwrap(), router(&bomb, &go_on));
        let builder = builder.on_disconnect(OnDisconnect::Cancel);
        let server = builder.listen(bomb.listener(&net)).unwrap();
        // A neighbour with a call in flight, whose own parts are sound.
        let neighbour = connect(&net, native());
        let ask = |command: u8| Bytes::from(vec![0, 0, 0, 0, command, 7]);
        neighbour.call(ask(ECHO)).await.unwrap();
        let in_flight = calling(&neighbour, ask(HELD), secs(600));
        settle().await;
        // Only what is dialled from now on is cut.
        bomb.arm(target);
        if let Some(victim) = Victim::start(&net.beside(), &bomb) {
            victim.all().await;
        }
        settle().await;
        if !bomb.disarm() {
            silent.push(target);
        }
        go_on.notify_one();
        assert_eq!(in_flight.await.unwrap().unwrap(), ask(HELD), "{target}: a neighbour's call");
        neighbour.call(ask(ECHO)).await.unwrap();
        // The same parts work on.
        let mut again = Victim::start(&net.beside(), &bomb).unwrap();
        assert!(again.call(ECHO, 10, secs(5)).await, "{target}: the next client");
        drop((again, neighbour));
        let (took, drained) = timed(server.drain(secs(30))).await;
        assert!(drained.complete && took < secs(10), "{target}: {drained:?} after {took:?}");
        assert_eq!((server.counts().in_flight, server.counts().in_flight_bytes), (0, 0), "{target}");
        drop(server);
        settle().await;
        assert_eq!(tasks(), before, "{target}: a task is left");
    }
    assert!(silent.is_empty(), "never called: {silent:?}");
}

#[test]
fn a_part_that_panics_when_it_is_asked_what_it_can_do_makes_no_protocol() {
    for target in AT_BUILD.split_whitespace() {
        let bomb = Bomb::default();
        bomb.arm(target);
        let error = protocol(&bomb).unwrap_err();
        assert!(matches!(&error, ProtocolError::Panicked { text, .. } if text.ends_with(target)), "{error}");
        assert!(bomb.disarm());
    }
}

#[tokio::test(start_paused = true)]
async fn a_generator_that_panics_as_it_is_taken_in_is_an_error_of_who_gave_it() {
    for target in AT_START.split_whitespace() {
        let (bomb, net) = (Bomb::default(), Net::new());
        bomb.arm(target);
        let protocol = protocol(&bomb).unwrap();
        let error = if target.starts_with("dialer") {
            Client::builder(protocol).lanes(2).dial(bomb.dialer(&net)).unwrap_err()
        } else {
            Server::builder(protocol, router(&bomb, &Arc::default())).listen(bomb.listener(&net)).unwrap_err()
        };
        assert!(error.to_string().contains(target), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_ends_with_the_reason_and_open_channels_live_on() {
    let (bomb, net) = (Bomb::default(), Net::new());
    let server = serving(echo()).listen(bomb.listener(&net)).unwrap();
    let client = connect(&net, native());
    client.call(Bytes::from("before")).await.unwrap();
    bomb.arm("listener.next");
    let _one_more = net.raw().await;
    let ended = tokio::time::timeout(secs(60), server.ended()).await.expect("it is over");
    let end = ended.unwrap_err();
    assert!(end.is_final && end.source.unwrap().to_string().contains("a bomb at listener.next"));
    client.call(Bytes::from("after")).await.unwrap();
}
