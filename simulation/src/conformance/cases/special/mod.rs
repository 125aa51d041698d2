//! Group I: what is promised by one transport alone. A case is run on that transport, and is not shown elsewhere.

mod channel;
mod ha;
mod tcp;
#[cfg(unix)]
mod unix;

use crate::conformance::case::Case;
use crate::conformance::case::Source::{Netty, Nng, Own};

pub(super) const CASES: &[Case] = &[
    #[cfg(unix)]
    Case::new(
        "I01",
        "stale_path",
        0,
        "A listener's path goes with it; one that a dead process left behind is taken over, and what is no socket stays as \
         it is.",
        |bed| Box::pin(unix::stale_path(bed)),
    )
    .from(&[Nng])
    .only(&["unix"]),
    #[cfg(unix)]
    Case::new(
        "I02",
        "permissions",
        0,
        "The socket's file has mode 0600, or the mode that was asked for, and both ends know the process and user of the \
         other.",
        |bed| Box::pin(unix::permissions(bed)),
    )
    .from(&[Nng])
    .only(&["unix"]),
    #[cfg(unix)]
    Case::new(
        "I03",
        "path_length",
        1,
        "A path that is as long as a socket's can be works; a longer one is an error that says so and is final, both where \
         it is dialled and where it is listened at, and makes no file.",
        |bed| Box::pin(unix::path_length(bed)),
    )
    .from(&[Nng])
    .only(&["unix"]),
    #[cfg(unix)]
    Case::new(
        "I04",
        "abstract_name",
        1,
        "On Linux an abstract name can be listened at, by one at a time, is reached by any program that dials it, and is \
         free at once when its listener goes; elsewhere it is refused.",
        |bed| Box::pin(unix::abstract_name(bed)),
    )
    .from(&[Nng])
    .only(&["unix"]),
    Case::new(
        "I12",
        "nodelay",
        1,
        "Of two small writes the second leaves without waiting until the first is acknowledged, on both ends.",
        |bed| Box::pin(tcp::nodelay(bed)),
    )
    .from(&[Nng, Netty])
    .only(&["tcp"]),
    Case::new(
        "I13",
        "keepalive",
        1,
        "With the option `keepalive` the system asks a silent peer whether it is there, on both ends, and without it never. \
         (Seen in the system's list of sockets, on Linux.)",
        |bed| Box::pin(tcp::keepalive(bed)),
    )
    .from(&[Nng, Netty])
    .only(&["tcp"]),
    Case::new(
        "I14",
        "reuse_address",
        1,
        "A port on which old connections are still dying can be listened at again at once; not with \
         `reuse_address=false`, and never while another listener is there. (On Unix.)",
        |bed| Box::pin(tcp::reuse_address(bed)),
    )
    .from(&[Netty])
    .only(&["tcp"]),
    Case::new(
        "I15",
        "busy_ends_share",
        1,
        "A task that writes and reads a channel without ever having to wait leaves other tasks of its thread their turns.",
        |bed| Box::pin(channel::busy_ends_share(bed)),
    )
    .from(&[Own])
    .only(&["channel"]),
    Case::new(
        "I19",
        "members_order",
        0,
        "Whichever members of a list of three are alive, a dial leads to the first of them, and whoever dials any member \
         is accepted by the list's listener.",
        |bed| Box::pin(ha::members_order(bed)),
    )
    .from(&[Own])
    .only(&["ha"]),
];
