//! Unit tests of the primitives, in one thread. They stand outside `primitives`, since the loom models include its files as
//! they are.

mod budget;
mod fifo;
