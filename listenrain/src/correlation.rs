//! `Correlation`: how a reply finds its call; `StateMachinePool`: the table for ids of the user's own.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{IdState, MessageError};
use crate::guard::guard;
use crate::message::CodecFault;
use crate::packet::Payload;
use crate::primitives::in_flight::CallId;
use crate::sync::{Mutex, lock};

/// How a reply finds its call.
#[derive(Clone)]
pub struct Correlation(pub(crate) Mode);

#[derive(Clone)]
pub(crate) enum Mode {
    Packet,
    Message(Arc<dyn Fn() -> Box<dyn ById> + Send + Sync>),
    Order,
}

impl Correlation {
    /// By the id in the packet header, which the library chooses: a slot and its generation, never used twice.
    #[must_use]
    pub fn by_packet() -> Self {
        Self(Mode::Packet)
    }

    /// By an id of the user's own inside the message, which `id_of` reads from the encoded bytes. Requests and their
    /// replies carry the same id.
    ///
    /// `id_of` sees the first piece of an outgoing payload, and the whole of a received one.
    pub fn by_message<K, F>(id_of: F) -> Self
    where
        K: Eq + Hash + Clone + fmt::Debug + Send + 'static,
        F: Fn(&[u8]) -> Result<K, MessageError> + Send + Sync + 'static,
    {
        Self::by_message_with(id_of, HashPool::default)
    }

    /// As [`by_message`](Self::by_message), with a table of the user's own, one for each connection.
    pub fn by_message_with<K, F, P, N>(id_of: F, new_pool: N) -> Self
    where
        K: Eq + Hash + Clone + fmt::Debug + Send + 'static,
        F: Fn(&[u8]) -> Result<K, MessageError> + Send + Sync + 'static,
        P: StateMachinePool<K>,
        N: Fn() -> P + Send + Sync + 'static,
    {
        let id_of = Arc::new(id_of);
        Self(Mode::Message(Arc::new(move || {
            let table = Table { pool: new_pool(), ids: HashMap::new(), quarantine: Quarantine::default() };
            Box::new(UserIds { id_of: Arc::clone(&id_of), table: Mutex::new(table) })
        })))
    }

    /// A table of the user's ids, where messages carry them.
    pub(crate) fn by_id(&self) -> Option<Box<dyn ById>> {
        match &self.0 {
            Mode::Message(new) => Some(guard(|| new()).unwrap_or_else(|panic| Box::new(Broken(panic)))),
            _ => None,
        }
    }

    /// By order alone: the peer answers one lane's requests in the order in which it got them.
    #[must_use]
    pub fn by_order() -> Self {
        Self(Mode::Order)
    }
}

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Mode::Packet => "by packet",
            Mode::Message(_) => "by message",
            Mode::Order => "by order",
        })
    }
}

/// The in-flight table for ids of the user's own: message id to call.
///
/// The library keeps the slot of each call, so no table can end one twice.
///
/// # Contract
///
/// 1. [`take`](Self::take) gives what [`put`](Self::put) stored under an equal id, once.
/// 2. [`put`](Self::put) refuses an id that is stored already, and keeps the call that was there.
#[doc(alias = "StatMachinePool")]
pub trait StateMachinePool<K>: Send + 'static {
    /// Stores `call` under `id`; `false` when the id is taken.
    fn put(&mut self, id: K, call: CallId) -> bool;

    /// Removes and gives the call of `id`.
    fn take(&mut self, id: &K) -> Option<CallId>;

    /// How many calls are stored.
    fn len(&self) -> usize;

    /// Whether none is stored.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The default table: a hash map.
#[derive(Debug)]
pub struct HashPool<K>(HashMap<K, CallId>);

impl<K> Default for HashPool<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Send + 'static> StateMachinePool<K> for HashPool<K> {
    fn put(&mut self, id: K, call: CallId) -> bool {
        let before = self.0.len();
        self.0.entry(id).or_insert(call);
        self.0.len() > before
    }

    fn take(&mut self, id: &K) -> Option<CallId> {
        self.0.remove(id)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Ids of the user's own, with their type forgotten.
pub(crate) trait ById: Send + Sync {
    /// Reads the id of an outgoing request and stores the call under it.
    fn put(&self, payload: &Payload, call: CallId) -> Result<(), PutError>;
    /// The call of a reply.
    fn take(&self, payload: &Bytes) -> Result<Taken, MessageError>;
    /// The call ended without its reply. The id stays out of use when the reply may still come.
    fn forget(&self, call: CallId, reply_may_come: bool);
    /// Whether both payloads carry the same id.
    fn same(&self, request: &[u8], reply: &[u8]) -> Result<(), CodecFault>;
    /// No reply can come any more: the links are gone.
    fn end_quarantine(&self);
}

pub(crate) enum PutError {
    Id(MessageError),
    Taken(String, IdState),
    /// The table panicked, or what makes it.
    Panicked(String),
}

/// Stands for a table that could not be made.
struct Broken(String);

impl ById for Broken {
    fn put(&self, _: &Payload, _: CallId) -> Result<(), PutError> {
        Err(PutError::Panicked(self.0.clone()))
    }

    fn take(&self, _: &Bytes) -> Result<Taken, MessageError> {
        Ok(Taken::Unknown)
    }

    fn forget(&self, _: CallId, _: bool) {}

    fn same(&self, _: &[u8], _: &[u8]) -> Result<(), CodecFault> {
        Err(CodecFault::Error(MessageError::new("there is no table of ids")))
    }

    fn end_quarantine(&self) {}
}

pub(crate) enum Taken {
    Call(CallId),
    /// A reply to a call that has ended.
    Late,
    Unknown,
}

struct UserIds<K, F, P> {
    id_of: Arc<F>,
    table: Mutex<Table<K, P>>,
}

struct Table<K, P> {
    pool: P,
    /// The id of each call, to find it again when the call ends early. By slot and generation: the slot's next call may
    /// come before this one is forgotten.
    ids: HashMap<CallId, K>,
    quarantine: Quarantine<K>,
}

impl<K, F, P> ById for UserIds<K, F, P>
where
    K: Eq + Hash + Clone + fmt::Debug + Send + 'static,
    F: Fn(&[u8]) -> Result<K, MessageError> + Send + Sync + 'static,
    P: StateMachinePool<K>,
{
    fn put(&self, payload: &Payload, call: CallId) -> Result<(), PutError> {
        let put = guard(|| {
            let id = (self.id_of)(payload.first()).map_err(PutError::Id)?;
            let mut table = lock(&self.table);
            if table.quarantine.ids.contains_key(&id) {
                return Err(PutError::Taken(format!("{id:?}"), IdState::Quarantined));
            }
            if !table.pool.put(id.clone(), call) {
                return Err(PutError::Taken(format!("{id:?}"), IdState::InFlight));
            }
            table.ids.insert(call, id);
            Ok(())
        });
        put.unwrap_or_else(|panic| Err(PutError::Panicked(panic)))
    }

    fn take(&self, payload: &Bytes) -> Result<Taken, MessageError> {
        caught(|| {
            let id = (self.id_of)(payload)?;
            let mut table = lock(&self.table);
            if let Some(call) = table.pool.take(&id) {
                table.ids.remove(&call);
                return Ok(Taken::Call(call));
            }
            Ok(if table.quarantine.release(&id) { Taken::Late } else { Taken::Unknown })
        })
    }

    fn forget(&self, call: CallId, reply_may_come: bool) {
        let forgotten = caught(|| {
            let mut table = lock(&self.table);
            let Some(id) = table.ids.remove(&call) else { return Ok(()) };
            match table.pool.take(&id) {
                Some(other) if other != call => {
                    // A table of the user's that mixes calls up: put back what is not ours.
                    table.pool.put(id, other);
                }
                _ if reply_may_come => table.quarantine.hold(id),
                _ => {}
            }
            Ok(())
        });
        if let Err(error) = forgotten {
            tracing::debug!(%error, "the id of a call that ended stays in the table");
        }
    }

    fn same(&self, request: &[u8], reply: &[u8]) -> Result<(), CodecFault> {
        let compared = guard(|| {
            let (request, reply) = ((self.id_of)(request)?, (self.id_of)(reply)?);
            if request == reply {
                return Ok(());
            }
            Err(MessageError::new(format!("the reply carries id {reply:?}, its request {request:?}")))
        });
        compared.map_err(CodecFault::Panic)?.map_err(CodecFault::Error)
    }

    fn end_quarantine(&self) {
        let ended = caught(|| {
            lock(&self.table).quarantine = Quarantine::default();
            Ok(())
        });
        if let Err(error) = ended {
            tracing::debug!(%error, "an id panicked when it was dropped");
        }
    }
}

/// Reading an id, comparing it and storing it run code of the user's, which may panic.
fn caught<T>(run: impl FnOnce() -> Result<T, MessageError>) -> Result<T, MessageError> {
    guard(run).unwrap_or_else(|panic| Err(MessageError::new(format!("reading the id panicked: {panic}"))))
}

/// Ids whose calls ended without a reply. The oldest is let go when there are too many.
struct Quarantine<K> {
    /// Each with the number under which it stands in line.
    ids: HashMap<K, u64>,
    oldest: BTreeMap<u64, K>,
    last: u64,
}

impl<K> Default for Quarantine<K> {
    fn default() -> Self {
        Self { ids: HashMap::new(), oldest: BTreeMap::new(), last: 0 }
    }
}

/// Ids kept out of use at once, on one connection.
const MAX_QUARANTINED: usize = 4096;

impl<K: Eq + Hash + Clone> Quarantine<K> {
    fn hold(&mut self, id: K) {
        self.release(&id);
        self.last += 1;
        self.oldest.insert(self.last, id.clone());
        self.ids.insert(id, self.last);
        if self.ids.len() > MAX_QUARANTINED
            && let Some((_, oldest)) = self.oldest.pop_first()
        {
            self.ids.remove(&oldest);
        }
    }

    fn release(&mut self, id: &K) -> bool {
        let number = self.ids.remove(id);
        number.is_some_and(|number| self.oldest.remove(&number).is_some())
    }
}
