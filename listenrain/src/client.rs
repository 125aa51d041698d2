//! `Client`: typed calls over a connection.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::{
    Backoff, Callback, Callbacks, Connection, ConnectionLimits, ConnectionOptions, Dialers, Overflow, Wait,
    block_on_until, is_inside_runtime,
};
use crate::counters::{Counters, Counts, count};
use crate::error::{CallError, Failure, OptionError, Outcome, Refusal};
use crate::guard::guard;
use crate::link::Health;
use crate::message::{self, CodecFault, MessageCodec, encode};
use crate::packet::Payload;
use crate::protocol::Protocol;
use crate::setters::setters;
use crate::state_machine::StateMachine;
use crate::timers::deadline_in;
use crate::transport::ChannelGenerator;

/// Typed calls over one connection. Cheap to clone.
///
/// # Cancel safety
///
/// Dropping the future of a [`call`](Self::call) takes the call back: what has not left is never sent, and where the
/// protocol can say so the peer is told. A packet is never cut.
pub struct Client<M> {
    protocol: Protocol<M>,
    connection: Connection,
}

/// Puts a [`Client`] together.
#[derive(Debug)]
pub struct ClientBuilder<M> {
    protocol: Protocol<M>,
    options: ConnectionOptions,
}

impl<M: MessageCodec> Client<M> {
    /// A client of `protocol`, everything else at its default.
    #[must_use]
    pub fn builder(protocol: Protocol<M>) -> ClientBuilder<M> {
        ClientBuilder { protocol, options: ConnectionOptions::default() }
    }

    /// A client over a connection that is already there, for instance a pool's.
    pub(crate) fn over(protocol: Protocol<M>, connection: Connection) -> Self {
        Self { protocol, connection }
    }

    /// Sends `message` and waits for the reply, at most as long as the protocol's timeout.
    ///
    /// # Errors
    ///
    /// [`CallError`] says why there is no reply, and whether the peer can have seen the request.
    #[doc(alias = "SyncSend")]
    pub async fn call(&self, message: M::Message) -> Outcome<M::Message> {
        self.call_within(message, self.protocol.parts.timeout).await
    }

    /// As [`call`](Self::call), with a timeout of its own. It covers encoding, queueing, writing and waiting.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_within(&self, message: M::Message, timeout: Duration) -> Outcome<M::Message> {
        let deadline = deadline_in(timeout);
        let shared = self.connection.in_use()?;
        let payload = self.encode(message)?;
        let reply = shared.request(payload, deadline, Wait::Async).await?;
        self.decode(reply)
    }

    /// As [`call`](Self::call), blocking this plain thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`Refusal::InsideRuntime`] on a thread of an async runtime, which it would stall.
    /// That is any thread on which a runtime's handle can be had, those of its blocking pool included: there,
    /// `Handle::current().block_on(client.call(message))` does the same.
    pub fn call_blocking(&self, message: M::Message) -> Outcome<M::Message> {
        self.call_blocking_within(message, self.protocol.parts.timeout)
    }

    /// As [`call_blocking`](Self::call_blocking), with a timeout of its own.
    ///
    /// # Errors
    ///
    /// As [`call_blocking`](Self::call_blocking).
    pub fn call_blocking_within(&self, message: M::Message, timeout: Duration) -> Outcome<M::Message> {
        if is_inside_runtime() {
            return Err(CallError::Refused(Refusal::InsideRuntime));
        }
        let deadline = deadline_in(timeout);
        let shared = self.connection.in_use()?;
        let payload = self.encode(message)?;
        let reply = block_on_until(deadline, shared.request(payload, deadline, Wait::Thread))?;
        self.decode(reply)
    }

    /// Sends `message`; `state_machine` is told the outcome, once, on the protocol's callback executor.
    ///
    /// Returns once the call is queued or has ended. Dropping the future before that cancels the call; the state
    /// machine is told so.
    #[doc(alias = "Send")]
    pub async fn send(&self, message: M::Message, state_machine: impl StateMachine<M::Message>) {
        self.send_within(message, self.protocol.parts.timeout, state_machine).await;
    }

    /// As [`send`](Self::send), with a timeout of its own.
    pub async fn send_within(
        &self,
        message: M::Message,
        timeout: Duration,
        state_machine: impl StateMachine<M::Message>,
    ) {
        let deadline = deadline_in(timeout);
        let shared = self.connection.shared();
        let (counters, callbacks) = (Arc::clone(&shared.counters), Arc::clone(&shared.callbacks));
        let mut machine = Untold::new(state_machine, Arc::clone(&callbacks));
        let messages = Arc::clone(&self.protocol.messages);
        let runtime = tokio::runtime::Handle::current();
        let callback: Callback = Box::new(move |outcome, place| {
            machine.otherwise = outcome.as_ref().err().cloned().unwrap_or(CallError::Failed(Failure::NotRun));
            let tell = Box::new(move || {
                machine.tell(outcome.and_then(|reply| decode(&*messages, reply.take(), &counters)));
                drop(place);
            });
            callbacks.run(runtime, tell);
        });
        match self.connection.in_use().and_then(|shared| Ok((shared, self.encode(message)?))) {
            Ok((shared, payload)) => shared.request_then(payload, deadline, callback).await,
            Err(error) => callback(Err(error), None),
        }
    }

    /// Sends `message` and wants no reply. Returns once it is queued: whether the peer gets it is not known.
    ///
    /// # Errors
    ///
    /// When the protocol has no one-way packets, the message cannot be encoded, or the connection refuses it.
    pub async fn one_way(&self, message: M::Message) -> Result<(), CallError> {
        let deadline = deadline_in(self.protocol.parts.timeout);
        let shared = self.connection.in_use()?;
        let payload = self.encode(message)?;
        shared.one_way(payload, deadline).await
    }

    /// Waits until the connection works: a channel is open, and the peer has not refused it so far.
    ///
    /// # Errors
    ///
    /// As [`Connection::ready`].
    pub async fn ready(&self) -> Result<(), Refusal> {
        self.connection.ready().await
    }

    /// Finishes in an orderly way, within the protocol's timeout. See [`Connection::close`].
    pub async fn close(&self) {
        self.connection.close(self.protocol.parts.timeout).await;
    }

    /// The connection below.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.connection.counts()
    }

    fn decode(&self, reply: bytes::Bytes) -> Outcome<M::Message> {
        decode(&*self.protocol.messages, reply, &self.connection.shared().counters)
    }

    fn encode(&self, message: M::Message) -> Result<Payload, CallError> {
        encode(&*self.protocol.messages, message).map_err(|fault| {
            if matches!(fault, CodecFault::Panic(_)) {
                count(&self.connection.shared().counters.panics);
            }
            CallError::Refused(Refusal::Encode(fault.into()))
        })
    }
}

/// Decodes a reply where its caller stands.
fn decode<M: MessageCodec>(messages: &M, reply: bytes::Bytes, counters: &Counters) -> Outcome<M::Message> {
    message::decode(messages, reply).map_err(|fault| {
        CallError::Failed(match fault {
            CodecFault::Error(error) => Failure::Decode(error),
            CodecFault::Panic(text) => {
                count(&counters.panics);
                Failure::Panic(text)
            }
        })
    })
}

/// A state machine that is told exactly once: dropped untold, it hears what `otherwise` says.
struct Untold<M, S: StateMachine<M>> {
    machine: Option<Box<S>>,
    otherwise: CallError,
    callbacks: Arc<Callbacks>,
    message: PhantomData<fn(M)>,
}

impl<M, S: StateMachine<M>> Untold<M, S> {
    fn new(machine: S, callbacks: Arc<Callbacks>) -> Self {
        let machine = Some(Box::new(machine));
        Self { machine, otherwise: CallError::Cancelled, callbacks, message: PhantomData }
    }

    fn tell(&mut self, outcome: Outcome<M>) {
        let Some(machine) = self.machine.take() else {
            return;
        };
        if let Err(panic) = guard(|| machine.ended(outcome)) {
            self.callbacks.note_panic("state machine", &panic);
        }
    }
}

impl<M, S: StateMachine<M>> Drop for Untold<M, S> {
    fn drop(&mut self) {
        let otherwise = self.otherwise.clone();
        self.tell(Err(otherwise));
    }
}

impl<M> Clone for Client<M> {
    fn clone(&self) -> Self {
        Self { protocol: self.protocol.clone(), connection: self.connection.clone() }
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<M: MessageCodec> ClientBuilder<M> {
    setters! {
        /// How many channels to keep open. From 1 to 256; default 1.
        lanes(lanes: usize) => options.lanes;

        /// Most requests in flight. From 1 to 1,048,576; default 1,024.
        max_requests(requests: usize) => options.limits.requests;

        /// Most bytes of requests in flight. At least 1; default 64 MiB. A larger request is admitted alone.
        max_bytes(bytes: usize) => options.limits.bytes;

        /// All limits at once; see [`ConnectionLimits`].
        limits(limits: ConnectionLimits) => options.limits;

        /// What becomes of calls when a limit is reached. Default: they wait until their deadlines.
        overflow(overflow: Overflow) => options.overflow;

        /// How long one dial may take. At least 1 ms; default 10 s.
        dial_timeout(timeout: Duration) => options.dial_timeout;

        /// Whether requests that certainly did not run are sent on the next channel when one is lost. Default: yes. If not, a
        /// request that was being written to the lost channel and did not leave ends at once as [`CallError::Lost`] with
        /// [`Sent::No`](crate::Sent::No); those that were still queued wait for the next channel either way.
        ///
        /// The same holds for requests that have left, but that the peer's goodbye leaves out: those of up to 64 KiB are sent
        /// again by default; larger ones, and all of them when this is off, are refused as never executed.
        resend_unsent(resend: bool) => options.resend_unsent;

        /// Waits between failed dials; see [`Backoff`].
        backoff(backoff: Backoff) => options.backoff;

        /// When a silent peer counts as gone; see [`Health`].
        health(health: Health) => options.health;
    }

    /// The settings as they stand, to be checked.
    ///
    /// # Errors
    ///
    /// [`OptionError`] names the first setting that is out of range.
    pub(crate) fn checked(self) -> Result<(Protocol<M>, ConnectionOptions), OptionError> {
        self.options.check()?;
        Ok((self.protocol, self.options))
    }

    /// Starts to dial with `dialer` in tasks of the current runtime, and goes on redialling until closed. Calls may
    /// be made at once: they wait in the queue.
    ///
    /// # Errors
    ///
    /// [`OptionError`] when a setting is out of range.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn dial(self, dialer: Box<dyn ChannelGenerator>) -> Result<Client<M>, OptionError> {
        let (protocol, options) = self.checked()?;
        let dialers = Dialers::new(dialer, options.lanes);
        let dialers = dialers.map_err(|panic| OptionError::panicked("dialer", panic))?;
        let connection = Connection::start(Arc::clone(&protocol.parts), dialers, options);
        Ok(Client { protocol, connection })
    }
}
