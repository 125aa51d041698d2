//! Calls over the simulated network: the library, the transports of `simulated` and the simulator, all together.

mod channels;
mod fates;
mod restarts;
mod support;
