//! Tests of the primitives that need no interleavings. They stand beside them, since the models include those files as they
//! are.

mod budget;
mod fifo;
