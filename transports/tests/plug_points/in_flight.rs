//! A state machine pool: the calls in flight, in the order of their ids.

use std::collections::BTreeMap;

use listenrain::{CallId, StateMachinePool};

use crate::used::Used;

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
        match self.calls.entry(id) {
            std::collections::btree_map::Entry::Occupied(_) => false,
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(call);
                true
            }
        }
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

#[test]
fn an_id_that_is_taken_keeps_its_call() {
    let mut calls = Ordered::new(&Used::default());
    assert!(calls.put("a", CallId::from_bits(1)));
    assert!(!calls.put("a", CallId::from_bits(2)));
    assert_eq!(calls.take(&"a"), Some(CallId::from_bits(1)));
    assert_eq!(calls.take(&"a"), None);
    assert!(calls.is_empty());
}
