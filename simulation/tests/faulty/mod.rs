//! The library with one mistake around it each, and the scenario that must notice it, for the reason that it names.

#![allow(dead_code, reason = "each test needs another part")]

mod channels;
pub(crate) mod list;
mod original;
mod own;
pub(crate) mod stack;
