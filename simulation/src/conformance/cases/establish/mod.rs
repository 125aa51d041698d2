//! Group A: dialling, listening, accepting.

mod accept;
mod dial;
mod facts;
mod first_word;
mod listen;
mod raw;
mod sequence;
mod standby;

use std::io::ErrorKind;

use listenrain::NextError;

use crate::conformance::bed::{Door, at_once};
use crate::conformance::case::Source::{GoNet, H2spec, LibP2pTransport, Netty, Nng, Own, Turmoil, ZeroMq};
use crate::conformance::case::{Case, Need};
use crate::conformance::failure::{Check, Failure, describe, ensure};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "A01",
        "connect_accept",
        0,
        "A dial and an accept give two open ends that know the same two endpoints and the scheme, and the peer's identity \
         and the connection they share where the transport says so; a second channel's dialled end has another endpoint \
         than the first's.",
        |bed| Box::pin(dial::connect_accept(bed)),
    )
    .from(&[LibP2pTransport, Nng]),
    Case::new(
        "A02",
        "dial_refused",
        0,
        "A dial that nobody listens for fails at once, as refused or not found, says that asking again may help, and leaves \
         no task behind.",
        |bed| Box::pin(dial::dial_refused(bed)),
    )
    .from(&[Nng, Netty]),
    Case::new(
        "A03",
        "dial_timeout",
        0,
        "A dial that is neither answered nor refused fails as timed out, within its bound.",
        |bed| Box::pin(dial::dial_timeout(bed)),
    )
    .from(&[Netty, Turmoil])
    .needs(&[Need::BlackHole])
    .plain_only(),
    Case::new(
        "A04",
        "dial_cancel",
        0,
        "A dial that is dropped before its first poll or later leaks nothing: what the listener accepts of it ends, and \
         a later dial is served.",
        |bed| Box::pin(dial::dial_cancel(bed)),
    )
    .from(&[LibP2pTransport, Nng, Netty]),
    Case::new(
        "A05",
        "dial_before_listen",
        1,
        "A dialler that asks again and again reaches a listener that comes later.",
        |bed| Box::pin(dial::dial_before_listen(bed)),
    )
    .from(&[Nng, ZeroMq]),
    Case::new(
        "A06",
        "accept_cancel",
        0,
        "An accept that is dropped, whenever that is, loses no connection that is queued.",
        |bed| Box::pin(accept::accept_cancel(bed)),
    )
    .from(&[Nng, Turmoil]),
    Case::new(
        "A07",
        "listener_close",
        0,
        "Dropping a listener, which here is its close, refuses later dials, ends a channel that was queued and never \
         accepted, and spares those that were accepted.",
        |bed| Box::pin(listen::listener_close(bed)),
    )
    .from(&[GoNet, Nng, Turmoil]),
    Case::new(
        "A08",
        "duplicate_listen",
        0,
        "A second listener at a taken endpoint fails as address in use, and the first one serves on.",
        |bed| Box::pin(listen::duplicate_listen(bed)),
    )
    .from(&[Nng, Turmoil]),
    Case::new(
        "A09",
        "rebind_after_close",
        0,
        "An endpoint can be listened at again as soon as its listener is dropped, whatever is left of old channels.",
        |bed| Box::pin(listen::rebind_after_close(bed)),
    )
    .from(&[Nng, ZeroMq, Turmoil]),
    Case::new(
        "A10",
        "ephemeral_addr",
        1,
        "A scratch endpoint becomes a real one when it is listened at: each listener says its own, and a dial there \
         reaches that listener.",
        |bed| Box::pin(listen::ephemeral_addr(bed)),
    )
    .from(&[Nng]),
    Case::new(
        "A11",
        "accept_backlog_burst",
        1,
        "Of many dials at once, more than the listener's queue holds where there is an option `backlog`, each is served \
         or refused cleanly, and a later dial is served.",
        |bed| Box::pin(accept::accept_backlog_burst(bed)),
    )
    .from(&[Nng, Turmoil]),
    Case::new(
        "A12",
        "front_of_line",
        1,
        "Dials that stall half-way, that are silent, or that went away keep nobody behind them from being accepted within \
         two seconds.",
        |bed| Box::pin(accept::front_of_line(bed)),
    )
    .from(&[Turmoil]),
    Case::new(
        "A13",
        "generator_next_sequence",
        0,
        "A dialler and a listener give channel after channel, each of its own and alive until it is dropped; a failed \
         dial in between ends neither them nor the dialler.",
        |bed| Box::pin(sequence::generator_next_sequence(bed)),
    )
    .from(&[Own]),
    Case::new(
        "A14",
        "generator_ha",
        0,
        "A list of two endpoints gives channels to its first member while that one is alive, else to the second; an error \
         that names both when none is; and goes back to the first at the next dial, at once, or never, as it is told.",
        |bed| Box::pin(standby::generator_ha(bed)),
    )
    .from(&[Own]),
    Case::new(
        "A15",
        "bad_address",
        1,
        "An endpoint of another scheme, with an option that does not exist, or that the transport's author calls bad is \
         an error; one of 4,000 characters neither panics nor hangs.",
        |bed| Box::pin(listen::bad_address(bed)),
    )
    .from(&[Nng]),
    Case::new(
        "A16",
        "facts_of_pairs",
        0,
        "Of ten channels, five of them dialled side by side, the two ends of each know the same two endpoints, and no two \
         are dialled from the same one.",
        |bed| Box::pin(facts::facts_of_pairs(bed)),
    )
    .from(&[LibP2pTransport, Own])
    .plain_only(),
    Case::new(
        "A17",
        "stalled_peers",
        0,
        "Peers that connect below the transport and stall, before, in and at the end of what a dialer says first, hold up \
         nobody: a dial behind each is served within two seconds.",
        |bed| Box::pin(raw::stalled_peers(bed)),
    )
    .from(&[LibP2pTransport, Own])
    .needs(&[Need::RawDialer])
    .plain_only(),
    Case::new(
        "A18",
        "foreign_bytes",
        0,
        "Peers that connect below the transport and say what no dialer says neither end the listener nor hold it up: a dial \
         beside each is served, and one after it.",
        |bed| Box::pin(raw::foreign_bytes(bed)),
    )
    .from(&[Nng, H2spec, Own])
    .needs(&[Need::RawDialer])
    .plain_only(),
    Case::new(
        "A19",
        "accepted_end_speaks_first",
        0,
        "What an accepted end says before the dial was polled to its end arrives, from its first byte on.",
        |bed| Box::pin(first_word::accepted_end_speaks_first(bed)),
    )
    .from(&[Own])
    .plain_only(),
];

/// The failure of a dial that nobody listens for.
async fn refusal(dialer: &mut Door) -> Check<NextError> {
    let endpoint = dialer.endpoint().clone();
    let what = format!("a dial of {endpoint}, where nobody listens,");
    let Err(error) = at_once(&what, dialer.try_next()).await? else {
        return Err(Failure::new(format!("{what} gave a channel")));
    };
    let told = describe(&error);
    ensure!(
        matches!(error.kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound),
        "{what} failed as {:?}, expected ConnectionRefused or NotFound: {told}",
        error.kind
    );
    ensure!(!error.is_final, "{what} says that asking again is pointless: {told}");
    ensure!(error.doing == "dial", "{what} failed as `{}`, expected `dial`: {told}", error.doing);
    Ok(error)
}
