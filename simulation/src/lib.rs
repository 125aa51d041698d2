//! Models and simulations of ListenRain, for its own parts and for a user's.
//!
//! The models of the concurrency primitives are tests: see `tests/models`. The conformance kit and the seeded network
//! faults come with later versions; there is nothing to call here yet.
