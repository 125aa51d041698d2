//! Identity by address: two values are equal when they share the allocation that they keep alive.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Equal to its clones alone. It owns what is at its address, so that nothing else can come to stand there.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<()>);

impl Identity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(()))
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Identity {}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.address().cmp(&other.address())
    }
}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}
