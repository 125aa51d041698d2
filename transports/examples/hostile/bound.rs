//! The memory bound of a server with its defaults, computed from its limits.

use listenrain::buffer::{ReadBuffer, RecyclingPool};
use listenrain::{DEFAULT_MAX_PACKET, ServerLimits};

/// The parts of the bound, in bytes.
pub(crate) fn parts(channels: usize, threads: usize) -> Vec<(&'static str, usize)> {
    let limits = ServerLimits::default();
    // Its buffer is a whole power of two.
    let largest = (DEFAULT_MAX_PACKET + 1).next_power_of_two();
    let requests = limits.all_requests.min(channels * limits.requests);
    vec![
        ("all_bytes", limits.all_bytes),
        ("one packet beyond it", largest),
        ("buffers that are copied as they grow, one a thread", threads * largest / 2),
        ("idle buffers of the packet codec", RecyclingPool::DEFAULT_MAX_BYTES),
        ("read and written, a channel", channels * (FREE + 2 * ReadBuffer::MAX_READ)),
        ("what keeps track of requests", requests * A_REQUEST),
    ]
}

/// What each channel may read into without being charged for it, as SECURITY.md says.
const FREE: usize = 16 << 10;
/// What keeps track of a request, as SECURITY.md says.
const A_REQUEST: usize = 2 << 10;
