//! Calls over the simulated network: the library, the transports of `network` and the simulator, all together.

mod calls;
mod channels;
mod fates;
mod repeats;
mod support;
