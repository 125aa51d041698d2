//! The library as a stack, with its own protocol or a user's.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    Backoff, BoxFuture, CallError, ChannelGenerator, Client, ClientBuilder, Connection, ConnectionPool,
    Endpoint, HandlerError, Health, MessageCodec, NativePackets, Outcome, Overflow, PacketCapabilities,
    PacketCodec, Protocol, ProtocolHandle, ProtocolTable, Request, Router, Server, ServerLimits,
    SharedConnections, Transport,
};
use listenrain_transports::ha::HaOptions;
use listenrain_transports::{ActiveStandby, Registry};

use super::codec::{ScenarioBytes, Whose};
use super::executors::Planned;
use super::{
    Bodies, Caller, ClientSetup, HANDLERS_AT_ONCE, Handler, InUse, LARGEST, Reach, Runs, ServerSetup,
    Serving, Stack, Told,
};
use crate::network::Node;
use crate::random::Random;

/// Makes the protocol of a party.
type Named<M> = dyn Fn(&Party<'_>) -> Protocol<M> + Send + Sync;

/// What a party wants its protocol to be.
struct Party<'a> {
    name: &'a str,
    whose: Whose,
    largest: usize,
    /// What runs handlers or callbacks; `None`: what the protocol has by default.
    executor: Option<Planned>,
}

impl<'a> Party<'a> {
    fn client(name: &'a str, runs: Runs, seed: u64) -> Self {
        let executor = (runs != Runs::Default).then(|| Planned::new(runs, HANDLERS_AT_ONCE, seed));
        Self { name, whose: Whose::Client, largest: LARGEST, executor }
    }

    /// One that neither calls nor serves.
    fn nobody() -> Self {
        Self { whose: Whose::Nobody, ..Self::client("nobody", Runs::Default, 0) }
    }
}

/// The library under test, speaking a protocol whose messages carry the scenario's bytes.
pub struct Library<M: MessageCodec> {
    name: String,
    protocol: Arc<Named<M>>,
    wrap: Arc<dyn Fn(Bytes) -> M::Message + Send + Sync>,
    unwrap: Arc<dyn Fn(M::Message) -> Bytes + Send + Sync>,
    follows_setup: bool,
}

impl Library<ScenarioBytes> {
    /// The library with its native protocol.
    #[must_use]
    pub fn native() -> Self {
        let protocol = |party: &Party<'_>| {
            let packets = NativePackets::default().with_max_packet(party.largest);
            let builder = Protocol::builder(party.name, ScenarioBytes(party.whose)).packets(packets);
            let builder = match party.executor.clone() {
                Some(executor) if party.whose == Whose::Server => builder.handlers(executor),
                Some(executor) => builder.callbacks(executor),
                None => builder,
            };
            builder.build().expect("native packets have ids")
        };
        Self {
            name: "listenrain".to_owned(),
            protocol: Arc::new(protocol),
            wrap: Arc::new(|body| body),
            unwrap: Arc::new(|body| body),
            follows_setup: true,
        }
    }
}

impl<M: MessageCodec> Library<M> {
    /// The library with a protocol of the user's, which `protocol` makes anew for each party, with the name that it is
    /// given. `wrap` makes a message of the bytes that a scenario has a party say, `unwrap` gives them back. These bytes,
    /// of requests and of replies, begin with the number of their call, eight bytes, big-endian: protocols whose ids stand
    /// in messages take it for the id. Requests must lead to command 0 or to a command without a handler. Executors and the
    /// largest packet are the protocol's, not the scenario's.
    #[must_use]
    pub fn speaking(
        name: impl Into<String>,
        protocol: impl Fn(&str) -> Protocol<M> + Send + Sync + 'static,
        wrap: impl Fn(Bytes) -> M::Message + Send + Sync + 'static,
        unwrap: impl Fn(M::Message) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            protocol: Arc::new(move |party| protocol(party.name)),
            wrap: Arc::new(wrap),
            unwrap: Arc::new(unwrap),
            follows_setup: false,
        }
    }
}

impl<M: MessageCodec> fmt::Debug for Library<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<M: MessageCodec> Stack for Library<M> {
    fn name(&self) -> &str {
        &self.name
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(Spoken { protocol: (self.protocol)(&Party::nobody()), unwrap: self.unwrap.clone() })
    }

    fn says_everything(&self) -> bool {
        (self.protocol)(&Party::nobody()).packets().capabilities() == PacketCapabilities::ALL
    }

    fn follows_setup(&self) -> bool {
        self.follows_setup
    }

    fn client(
        &self,
        node: &Node,
        setup: &ClientSetup,
        reach: Reach,
        servers: &[Endpoint],
    ) -> Result<Arc<dyn Caller>, String> {
        let seed = node.context.random("backoff").draw();
        let configure = |builder: ClientBuilder<M>| configure(builder, setup, seed);
        let protocol = |name| (self.protocol)(&Party::client(name, callbacks(node, setup), seed));
        let dial = |endpoint: &Endpoint| {
            let dialer = node.transport.dialer(endpoint).map_err(|error| error.to_string())?;
            let builder = configure(Client::builder(protocol("direct")));
            builder.dial(dialer).map_err(|error| error.to_string())
        };
        let (wrap, unwrap) = (self.wrap.clone(), self.unwrap.clone());
        let ways = match reach {
            Reach::Direct => Ways::Fixed(servers.iter().map(dial).collect::<Result<Vec<_>, _>>()?),
            Reach::Standby => {
                let builder = configure(Client::builder(protocol("standby")));
                Ways::Fixed(vec![builder.dial(standby(node, servers)?).map_err(|error| error.to_string())?])
            }
            Reach::Pool { protocols } => Ways::Pooled(Pooled::new(self, node, setup, servers, protocols)?),
        };
        Ok(Arc::new(Calling { ways, wrap, unwrap }))
    }

    fn serve(
        &self,
        node: &Node,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Result<Arc<dyn Serving>, String> {
        let seed = Random::of(node.context.plan().seed, &node.name).draw();
        let runs = setup.runs.of(node.context.plan().seed, HANDLERS);
        if let Some(situation) = runs.situation().filter(|_| self.follows_setup) {
            node.context.situation(situation);
        }
        let executor = Some(Planned::new(runs, setup.handlers, seed));
        let party = Party { name: "served", whose: Whose::Server, largest: setup.largest, executor };
        let (wrap, unwrap) = (self.wrap.clone(), self.unwrap.clone());
        let router = Router::new().fallback(move |request: Request<M::Message>| {
            let (wrap, one_way) = (wrap.clone(), request.one_way);
            let answer = handler(unwrap(request.message), one_way);
            async move { answer.await.map(|body| wrap(body)).map_err(HandlerError::new) }
        });
        let mut limits = ServerLimits::default();
        (limits.connections, limits.requests, limits.bytes) =
            (setup.connections, setup.requests, setup.bytes);
        (limits.all_requests, limits.all_bytes) = setup.all;
        let mut builder = Server::builder((self.protocol)(&party), router)
            .limits(limits)
            .seeded(seed)
            .overflow(if setup.refuses { Overflow::Refuse } else { Overflow::Wait })
            .health(health());
        if let Some(age) = setup.max_age {
            builder = builder.max_age(age);
        }
        builder.listen(listener).map(|server| Arc::new(server) as _).map_err(|error| error.to_string())
    }
}

struct Spoken<M: MessageCodec> {
    protocol: Protocol<M>,
    unwrap: Arc<dyn Fn(M::Message) -> Bytes + Send + Sync>,
}

impl<M: MessageCodec> Bodies for Spoken<M> {
    fn packets(&self) -> Arc<dyn PacketCodec> {
        self.protocol.packets().clone()
    }

    fn body(&self, payload: Bytes) -> Option<Bytes> {
        self.protocol.messages().decode(payload).ok().map(|message| (self.unwrap)(message))
    }
}

impl<M: MessageCodec> fmt::Debug for Spoken<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spoken").field(&self.protocol).finish()
    }
}

/// For whom an executor is drawn.
pub(crate) const HANDLERS: &str = "handlers";
pub(crate) const CALLBACKS: &str = "callbacks";

/// What runs the callbacks of a client.
fn callbacks(node: &Node, setup: &ClientSetup) -> Runs {
    setup.runs.of(node.context.plan().seed, CALLBACKS)
}

/// Looks often, so that a dead link is noticed in simulated seconds.
fn health() -> Health {
    let second = Duration::from_secs(1);
    Health::every(Duration::from_millis(200), 3).packet_within(3 * second).idle_within(3 * second)
}

fn configure<M: MessageCodec>(builder: ClientBuilder<M>, setup: &ClientSetup, seed: u64) -> ClientBuilder<M> {
    let waits = Backoff::between(Duration::from_millis(10), Duration::from_millis(200));
    builder
        .lanes(setup.lanes)
        .max_requests(setup.requests)
        .max_bytes(setup.bytes)
        .overflow(setup.when_full)
        .dial_timeout(Duration::from_secs(1))
        .backoff(waits.down_after(setup.down_after).seeded(seed))
        .health(health())
}

fn standby(node: &Node, servers: &[Endpoint]) -> Result<Box<dyn ChannelGenerator>, String> {
    let mut members = Registry::new();
    members.register(node.transport.clone()).map_err(|error| error.to_string())?;
    let list = Endpoint::list("ha", servers).map_err(|error| error.to_string())?;
    let options = HaOptions::default().attempt_timeout(Duration::from_millis(500));
    let options = options.seeded(node.context.random("standby").draw());
    let transport = ActiveStandby::new(members).with_options(options).map_err(|error| error.to_string())?;
    transport.dialer(&list).map_err(|error| error.to_string())
}

struct Calling<M: MessageCodec> {
    ways: Ways<M>,
    wrap: Arc<dyn Fn(Bytes) -> M::Message + Send + Sync>,
    unwrap: Arc<dyn Fn(M::Message) -> Bytes + Send + Sync>,
}

/// Clients by number: there all the time, or asked for anew for each call.
enum Ways<M: MessageCodec> {
    Fixed(Vec<Client<M>>),
    Pooled(Pooled<M>),
}

impl<M: MessageCodec> Ways<M> {
    fn client(&self, to: usize) -> Client<M> {
        match self {
            Self::Fixed(clients) => clients[to % clients.len()].clone(),
            Self::Pooled(pooled) => pooled.client(to),
        }
    }

    fn connections(&self) -> Vec<Connection> {
        match self {
            Self::Fixed(clients) => clients.iter().map(|client| client.connection().clone()).collect(),
            Self::Pooled(pooled) => pooled.pool.connections(),
        }
    }
}

/// A pool, with the endpoints and protocols that it is asked for.
struct Pooled<M: MessageCodec> {
    pool: SharedConnections,
    transport: Arc<dyn Transport>,
    ways: Vec<(Endpoint, ProtocolHandle<M>)>,
    setup: ClientSetup,
    seed: u64,
}

impl<M: MessageCodec> Pooled<M> {
    fn new(
        library: &Library<M>,
        node: &Node,
        setup: &ClientSetup,
        servers: &[Endpoint],
        protocols: usize,
    ) -> Result<Self, String> {
        let (transport, seed) = (node.transport.clone(), node.context.random("backoff").draw());
        let mut table = ProtocolTable::new();
        let mut ways = Vec::new();
        for number in 0..protocols.max(1) {
            let name = format!("pooled-{number}");
            let protocol = (library.protocol)(&Party::client(&name, callbacks(node, setup), seed));
            let handle = table.register(protocol).map_err(|error| error.to_string())?;
            ways.extend(servers.iter().map(|endpoint| (endpoint.clone(), handle.clone())));
        }
        Ok(Self { pool: SharedConnections::default(), transport, ways, setup: setup.clone(), seed })
    }

    fn client(&self, to: usize) -> Client<M> {
        let (endpoint, handle) = &self.ways[to % self.ways.len()];
        let configure = |builder| configure(builder, &self.setup, self.seed);
        let client = Client::pooled(&self.pool, &*self.transport, endpoint, handle, configure);
        client.expect("the endpoint is a server's, and the pool has room for all of them")
    }
}

impl<M: MessageCodec> Caller for Calling<M> {
    fn call(&self, to: usize, body: Bytes, timeout: Duration) -> BoxFuture<'_, Outcome<Bytes>> {
        let (client, message) = (self.ways.client(to), (self.wrap)(body));
        Box::pin(async move {
            let reply = client.call_within(message, timeout).await?;
            Ok((self.unwrap)(reply))
        })
    }

    fn send(&self, to: usize, body: Bytes, timeout: Duration, told: Told) -> BoxFuture<'_, ()> {
        let (client, message, unwrap) = (self.ways.client(to), (self.wrap)(body), self.unwrap.clone());
        let machine = move |outcome: Outcome<M::Message>| told(outcome.map(|reply| unwrap(reply)));
        Box::pin(async move { client.send_within(message, timeout, machine).await })
    }

    fn one_way(&self, to: usize, body: Bytes) -> BoxFuture<'_, Result<(), CallError>> {
        let (client, message) = (self.ways.client(to), (self.wrap)(body));
        Box::pin(async move { client.one_way(message).await })
    }

    fn close(&self, within: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for connection in self.ways.connections() {
                connection.close(within).await;
            }
        })
    }

    fn in_use(&self) -> InUse {
        let counts = self.ways.connections().into_iter().map(|connection| connection.counts());
        counts.fold(InUse::default(), |sum, counts| InUse {
            requests: sum.requests + counts.in_flight,
            bytes: sum.bytes + counts.in_flight_bytes,
            queued: sum.queued + counts.queued,
        })
    }
}

impl Serving for Server {
    fn drain(&self, within: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            Self::drain(self, within).await;
        })
    }

    fn in_use(&self) -> InUse {
        let counts = self.counts();
        InUse { requests: counts.in_flight, bytes: counts.in_flight_bytes, queued: counts.queued }
    }
}
