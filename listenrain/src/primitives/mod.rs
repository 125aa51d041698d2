//! The concurrency primitives: what must hold under every interleaving.
//!
//! These files name nothing but `crate::sync`, each other and plain data. `simulation/tests` includes them beside loom
//! types and tries the interleavings; each has a model there, and a seeded bug that the model must catch.

pub(crate) mod budget;
pub(crate) mod deadlines;
pub(crate) mod handover;
pub(crate) mod in_flight;
pub(crate) mod keyed;
pub(crate) mod lanes;
pub(crate) mod outbox;
pub(crate) mod owner_lock;
pub(crate) mod run;
pub(crate) mod traffic;
