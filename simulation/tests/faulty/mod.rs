//! The library with one mistake around it each, and the scenario that must notice it, for the reason that it names.

#![allow(dead_code, reason = "each test needs another part")]

mod channels;
#[path = "../broken/hooks.rs"]
mod hooks;
pub mod list;
pub mod stack;
