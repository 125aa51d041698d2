//! Group I: what is promised by one transport alone. A case is run on that transport, and is not shown elsewhere.

mod channel;
mod encrypted;
#[cfg(unix)]
mod fifo;
mod ha;
mod lanes;
mod relay;
mod tcp;
#[cfg(unix)]
mod unix;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::conformance::case::Case;
use crate::conformance::case::Source::{LibP2pIntegration, LibP2pMuxer, Netty, Nng, Own};
use crate::conformance::failure::{Check, Failure};

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
    #[cfg(unix)]
    Case::new(
        "I05",
        "opening_never_blocks",
        0,
        "Neither a dial of a pipe that nobody reads, nor a listener that nobody dials, ever blocks its thread.",
        |bed| Box::pin(fifo::opening_never_blocks(bed)),
    )
    .from(&[Own])
    .only(&["fifo"]),
    #[cfg(unix)]
    Case::new(
        "I06",
        "writer_disappears",
        0,
        "When one end is dropped the other reads everything and then the end, and its writing fails.",
        |bed| Box::pin(fifo::writer_disappears(bed)),
    )
    .from(&[Own])
    .only(&["fifo"]),
    #[cfg(unix)]
    Case::new(
        "I07",
        "writes_are_not_atomic",
        1,
        "Writes of any size, also beyond PIPE_BUF and into a pipe that is nearly full, arrive whole and in order.",
        |bed| Box::pin(fifo::writes_are_not_atomic(bed)),
    )
    .from(&[Own])
    .only(&["fifo"]),
    #[cfg(unix)]
    Case::new(
        "I08",
        "forged_requests",
        0,
        "Garbage in the rendezvous, and requests that lead to nothing or to what is no pipe, keep nobody from being accepted, and change no file.",
        |bed| Box::pin(fifo::forged_requests(bed)),
    )
    .from(&[Own])
    .only(&["fifo"]),
    #[cfg(unix)]
    Case::new(
        "I09",
        "nothing_is_left",
        0,
        "The rendezvous is for its user alone; open channels have no files; neither a listener that goes nor a dial that fails leaves any.",
        |bed| Box::pin(fifo::nothing_is_left(bed)),
    )
    .from(&[Own])
    .only(&["fifo"]),
    Case::new(
        "I10",
        "truncation",
        0,
        "A connection that is cut without a close_notify ends with UnexpectedEof on both sides, never in an orderly way.",
        |bed| Box::pin(encrypted::truncation(bed)),
    )
    .from(&[Own])
    .only(&["tls"]),
    Case::new(
        "I11",
        "wrong_certificate",
        0,
        "A dial fails that believes nobody, another certificate, another name or another protocol (ALPN) than the listener's.",
        |bed| Box::pin(encrypted::wrong_certificate(bed)),
    )
    .from(&[Netty, Own])
    .only(&["tls", "quic"]),
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
        "I16",
        "lanes_are_apart",
        0,
        "Channels of one dialer share a connection, and one that ends, is dropped or is aborted ends no other.",
        |bed| Box::pin(lanes::lanes_are_apart(bed)),
    )
    .from(&[LibP2pMuxer, Own])
    .only(&["quic", "sctp"]),
    Case::new(
        "I17",
        "lanes_are_bounded",
        1,
        "A connection carries no more channels than its option says; the next dial gets another connection.",
        |bed| Box::pin(lanes::lanes_are_bounded(bed)),
    )
    .from(&[LibP2pIntegration, Own])
    .only(&["quic", "sctp"]),
    Case::new(
        "I18",
        "idle_timeout",
        0,
        "A connection that is silent for `idle_timeout` is lost with all its channels, each by TimedOut; one that is kept alive is not.",
        |bed| Box::pin(lanes::idle_timeout(bed)),
    )
    .from(&[Own])
    .only(&["quic"]),
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
    Case::new(
        "I20",
        "no_early_data",
        1,
        "No dial sends data before its listener is verified (0-RTT), also not when it has dialled there before.",
        |bed| Box::pin(lanes::no_early_data(bed)),
    )
    .from(&[Own])
    .only(&["quic"]),
];

/// A name that no other case has, also of those that are run side by side with the same seed.
fn unused_name() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("listenrain-conformance-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

fn io<T>(doing: &str, done: std::io::Result<T>) -> Check<T> {
    done.map_err(|error| Failure::new(format!("{doing}: {error}")))
}
