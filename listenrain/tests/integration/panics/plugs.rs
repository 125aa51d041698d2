//! Every part that a user may plug in, sound but for the bomb in it.

use super::bomb::{Bomb, Dropped};
use crate::support::*;
use bytes::BytesMut;
use listenrain::buffer::RecyclingPool;

/// Bytes of a message's id.
const ID: usize = 4;

/// A message whose drop may panic.
#[derive(Debug)]
pub(crate) struct Message(Bytes, Dropped);

impl Message {
    /// Message `id`, for `command`.
    pub(crate) fn new(id: u32, command: u8, size: usize, bomb: &Bomb) -> Self {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.resize(ID + 1 + size, command);
        Self(bytes.into(), bomb.dropped("message.drop"))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }
}

#[derive(Debug)]
pub(crate) struct Messages(Bomb);

impl MessageCodec for Messages {
    type Message = Message;

    fn encode(&self, Message(bytes, dropped): Message) -> Result<Payload, MessageError> {
        self.0.at("messages.encode");
        std::mem::forget(dropped);
        Ok(Bytes::from_owner(Owner { bytes, _dropped: self.0.dropped("payload.drop") }).into())
    }

    fn decode(&self, payload: Bytes) -> Result<Message, MessageError> {
        self.0.at("messages.decode");
        Ok(Message(payload, self.0.dropped("message.drop")))
    }

    fn command(&self, message: &Message) -> Command {
        self.0.at("messages.command");
        Command(message.0[ID].into())
    }
}

/// What owns the bytes of an encoded message.
struct Owner {
    bytes: Bytes,
    _dropped: Dropped,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[derive(Debug)]
pub(crate) struct Packets(NativePackets, Bomb);

impl PacketCodec for Packets {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        self.1.at("packets.decode");
        self.0.decode(input)
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        self.1.at("packets.encode");
        self.0.encode(packet, output)
    }

    fn capabilities(&self) -> PacketCapabilities {
        self.1.at("packets.capabilities");
        self.0.capabilities()
    }

    fn max_packet(&self) -> usize {
        self.1.at("packets.max_packet");
        self.0.max_packet()
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.1.at("packets.buffers");
        self.0.buffers()
    }
}

#[derive(Debug)]
struct Buffers(RecyclingPool, Bomb);

impl BufferPool for Buffers {
    fn lend(&self, len: usize, committed: usize) -> BytesMut {
        self.1.at("buffers.lend");
        self.0.lend(len, committed)
    }

    fn give_back(&self, buffer: BytesMut) {
        self.1.at("buffers.give_back");
        self.0.give_back(buffer);
    }
}

struct Pool(HashPool<u32>, Bomb);

impl StateMachinePool<u32> for Pool {
    fn put(&mut self, id: u32, call: CallId) -> bool {
        self.1.at("pool.put");
        self.0.put(id, call)
    }

    fn take(&mut self, id: &u32) -> Option<CallId> {
        self.1.at("pool.take");
        self.0.take(id)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

struct Queue(FifoQueue<Queued>, Dropped);

impl SendQueue<Queued> for Queue {
    fn push(&mut self, ticket: Ticket, item: Queued) {
        self.1.0.at("queue.push");
        self.0.push(ticket, item);
    }

    fn push_front(&mut self, ticket: Ticket, item: Queued) {
        self.1.0.at("queue.push_front");
        self.0.push_front(ticket, item);
    }

    fn pop(&mut self) -> Option<(Ticket, Queued)> {
        self.1.0.at("queue.pop");
        self.0.pop()
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Queued> {
        self.1.0.at("queue.remove");
        self.0.remove(ticket)
    }

    fn len(&self) -> usize {
        self.1.0.at("queue.len");
        self.0.len()
    }

    fn shrink(&mut self) {
        self.1.0.at("queue.shrink");
        self.0.shrink();
    }
}

#[derive(Debug)]
struct Clocks(HeapTimers, Dropped);

impl Timers for Clocks {
    fn add(&mut self, call: CallId, deadline: Instant) {
        self.1.0.at("timers.add");
        self.0.add(call, deadline);
    }

    fn remove(&mut self, call: CallId) {
        self.1.0.at("timers.remove");
        self.0.remove(call);
    }

    fn next(&self) -> Option<Instant> {
        self.1.0.at("timers.next");
        self.0.next()
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        self.1.0.at("timers.expired");
        self.0.expired(now)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Runs handlers in place, or callbacks as tasks, by the name of the part.
#[derive(Debug)]
struct Jobs(&'static str, Bomb);

impl Executor for Jobs {
    fn execute(&self, job: Job) {
        self.1.of(self.0, "execute");
        if self.0 == "handlers" { Inline::default().execute(job) } else { Spawned::default().execute(job) }
    }

    fn bound(&self) -> usize {
        self.1.of(self.0, "bound");
        64
    }

    fn runs_in_place(&self) -> bool {
        self.1.of(self.0, "runs_in_place");
        self.0 == "handlers"
    }
}

/// A state machine, whose call and whose drop may panic.
pub(crate) struct Machine(pub(crate) Dropped, pub(crate) mpsc::UnboundedSender<bool>);

impl StateMachine<Message> for Machine {
    fn ended(self: Box<Self>, outcome: Outcome<Message>) {
        let _ = self.1.send(outcome.is_ok());
        self.0.0.at("machine.ended");
    }
}

/// The protocol with all of them in it.
pub(crate) fn protocol(bomb: &Bomb) -> Result<Protocol<Messages>, ProtocolError> {
    let bombs = || bomb.clone();
    let buffers = Arc::new(Buffers(RecyclingPool::default(), bombs()));
    let id_of = {
        let bomb = bombs();
        move |bytes: &[u8]| {
            bomb.at("correlation.id_of");
            let id = bytes.first_chunk::<ID>().ok_or_else(|| MessageError::new("no id"))?;
            Ok(u32::from_be_bytes(*id))
        }
    };
    let (pools, queues, clocks) = (bombs(), bombs(), bombs());
    let new_pool = move || {
        pools.at("pool.new");
        Pool(HashPool::default(), pools.for_new())
    };
    let new_queue = move || {
        queues.at("queue.new");
        Queue(FifoQueue::default(), queues.for_new().dropped("queue.drop"))
    };
    let new_timers = move || {
        clocks.at("timers.new");
        Clocks(HeapTimers::default(), clocks.for_new().dropped("timers.drop"))
    };
    Protocol::builder("bombs", Messages(bombs()))
        .packets(Packets(NativePackets::default().with_buffers(buffers), bombs()))
        .correlation(Correlation::by_message_with(id_of, new_pool))
        .queue(new_queue)
        .timers(new_timers)
        .handlers(Jobs("handlers", bombs()))
        .callbacks(Jobs("callbacks", bombs()))
        .build()
}
