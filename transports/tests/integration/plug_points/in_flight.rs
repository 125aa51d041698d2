//! A state machine pool: the calls in flight, in the order of their ids.

use std::collections::BTreeMap;

use listenrain::{CallId, StateMachinePool};

use super::used::Used;

#[derive(Debug)]
pub(crate) struct Ordered<K> {
    calls: BTreeMap<K, CallId>,
    used: Used,
}

impl<K> Ordered<K> {
    pub(crate) fn new(used: &Used) -> Self {
        Self { calls: BTreeMap::new(), used: used.clone() }
    }
}

impl<K: Ord + Send + 'static> StateMachinePool<K> for Ordered<K> {
    fn put(&mut self, id: K, call: CallId) -> bool {
        self.used.note("calls put");
        let is_new = !self.calls.contains_key(&id);
        if is_new {
            self.calls.insert(id, call);
        }
        is_new
    }

    fn take(&mut self, id: &K) -> Option<CallId> {
        let call = self.calls.remove(id)?;
        self.used.note("calls taken");
        Some(call)
    }

    fn len(&self) -> usize {
        self.calls.len()
    }
}
