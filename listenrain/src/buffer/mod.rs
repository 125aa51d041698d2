//! Buffers between a channel and a codec, for reading and writing.
//!
//! [`ReadBuffer`] holds what a channel delivered and a packet codec has not taken yet; [`WriteBuffer`] holds what a
//! packet codec encoded and a channel has not taken yet; [`BufferPool`] lends the large buffers and gets them back.

mod pool;
mod read;
mod write;

pub use pool::{BufferPool, RecyclingPool};
pub use read::ReadBuffer;
pub use write::WriteBuffer;
