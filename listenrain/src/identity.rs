//! Identity by address: two values are equal when they share the allocation that they keep alive.

use std::sync::Arc;

/// Equal to its clones alone. It owns what is at its address, so that nothing else can come to stand there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity {
    address: usize,
    /// All of these are equal, so that the address decides.
    owned: Arc<()>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let owned = Arc::new(());
        Self { address: Arc::as_ptr(&owned) as usize, owned }
    }
}
