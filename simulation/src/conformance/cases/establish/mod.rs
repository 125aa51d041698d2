//! Group A: dialling, listening, accepting.

mod accept;
mod dial;
mod facts;
mod first_word;
mod listen;
mod raw;
mod sequence;

use std::io::ErrorKind;

use listenrain::NextError;

use crate::conformance::case::Need;
use crate::conformance::case::cases;
use crate::conformance::context::{Acceptor, at_once};
use crate::conformance::failure::{Check, Failure, describe, ensure};
use crate::faults::Hardship::PendingStorms;

cases! {
    /// A dial and an accept give two open ends that know the same two endpoints and the scheme, and the peer's identity
    /// and the connection they share where the transport says so; a second channel's dialled end has another endpoint
    /// than the first's.
    A01 connect_accept: 0, dial::connect_accept, [LibP2pTransport, Nng];
    /// A dial without a listener fails at once, as refused or not found, says that asking again may help, and
    /// leaves no task behind.
    A02 dial_refused: 0, dial::dial_refused, [Nng, Netty];
    /// A dial that is neither answered nor refused fails as timed out, within its bound.
    A03 dial_timeout: 0, dial::dial_timeout, [Netty, Turmoil], needs: &[Need::BlackHole];
    /// A dial that is dropped before its first poll or later leaks nothing: what the listener accepts of it ends, and a
    /// later dial is served.
    A04 dial_cancel: 0, dial::dial_cancel, [LibP2pTransport, Nng, Netty], hardships: &[PendingStorms];
    /// A dialer that asks again and again reaches a listener that comes later.
    A05 dial_before_listen: 1, dial::dial_before_listen, [Nng, ZeroMq];
    /// An accept that is dropped, whenever that is, loses no connection that is queued.
    A06 accept_cancel: 0, accept::accept_cancel, [Nng, Turmoil], hardships: &[PendingStorms];
    /// Dropping a listener, which here is its close, refuses later dials, ends a channel that was queued and never
    /// accepted, and spares those that were accepted.
    A07 listener_close: 0, listen::listener_close, [GoNet, Nng, Turmoil];
    /// A second listener at a taken endpoint fails as address in use, and the first one serves on.
    A08 duplicate_listen: 0, listen::duplicate_listen, [Nng, Turmoil];
    /// An endpoint can be listened at again as soon as its listener is dropped, whatever is left of old channels.
    A09 rebind_after_close: 0, listen::rebind_after_close, [Nng, ZeroMq, Turmoil];
    /// A scratch endpoint becomes a real one when it is listened at: each listener says its own, and a dial there
    /// reaches that listener.
    A10 ephemeral_addr: 1, listen::ephemeral_addr, [Nng];
    /// Of many dials at once, more than the listener's queue holds where there is an option `backlog`, each is served
    /// or refused cleanly, and a later dial is served.
    A11 accept_backlog_burst: 1, accept::accept_backlog_burst, [Nng, Turmoil], hardships: &[PendingStorms];
    /// Dials that stall half-way, that are silent, or that went away keep no dial behind them from being accepted within
    /// two seconds.
    A12 front_of_line: 1, accept::front_of_line, [Turmoil], hardships: &[PendingStorms];
    /// A dialer and a listener give channel after channel, each of its own and alive until it is dropped; a failed
    /// dial in between ends neither them nor the dialer.
    A13 generator_next_sequence: 0, sequence::generator_next_sequence, [Own], hardships: &[PendingStorms];
    /// An endpoint of another scheme, with an option that does not exist, or that the transport's author calls bad is
    /// an error; one of 4,000 characters neither panics nor hangs.
    A15 bad_address: 1, listen::bad_address, [Nng];
    /// Of ten channels, five of them dialled side by side, the two ends of each know the same two endpoints, and no two
    /// are dialled from the same one.
    A16 facts_of_pairs: 0, facts::facts_of_pairs, [LibP2pTransport, Own];
    /// Peers that connect below the transport and stall, before, in and at the end of what a dialer says first, hold up
    /// no other peer: a dial behind each is served within two seconds.
    A17 stalled_peers: 0, raw::stalled_peers, [LibP2pTransport, Own], needs: &[Need::RawDialer];
    /// Peers that connect below the transport and say what no dialer says neither end the listener nor hold it up: a
    /// dial beside each is served, and one after it.
    A18 foreign_bytes: 0, raw::foreign_bytes, [Nng, H2spec, Own], needs: &[Need::RawDialer];
    /// What an accepted end says before the dial was polled to its end arrives, from its first byte on.
    A19 accepted_end_speaks_first: 0, first_word::accepted_end_speaks_first, [Own];
}

/// The error of what must fail, and at once.
async fn error_of<T>(what: &str, asked: impl Future<Output = Result<T, NextError>>) -> Check<NextError> {
    match at_once(what, asked).await? {
        Ok(_) => Err(Failure::new(format!("{what} succeeded"))),
        Err(error) => Ok(error),
    }
}

/// `error`, which must be of one of these kinds.
fn of_kind(what: &str, error: NextError, kinds: &[ErrorKind]) -> Check<NextError> {
    let (kind, told) = (error.kind, describe(&error));
    ensure!(kinds.contains(&kind), "{what} failed as {kind:?}, expected one of {kinds:?}: {told}");
    Ok(error)
}

/// `error`, which must say that asking again is pointless, or may help.
fn final_or_not(what: &str, error: NextError, is_final: bool) -> Check<NextError> {
    let says = if error.is_final { "is pointless" } else { "may help" };
    ensure!(error.is_final == is_final, "{what} says that asking again {says}: {}", describe(&error));
    Ok(error)
}

/// The failure of a dial without a listener.
async fn refusal(dialer: &mut Acceptor) -> Check<NextError> {
    let what = format!("a dial of {}, where there is no listener,", dialer.endpoint());
    let error = error_of(&what, dialer.try_next()).await?;
    let error = of_kind(&what, error, &[ErrorKind::ConnectionRefused, ErrorKind::NotFound])?;
    let error = final_or_not(&what, error, false)?;
    let (doing, told) = (error.doing, describe(&error));
    ensure!(doing == "dial", "{what} failed as `{doing}`, expected `dial`: {told}");
    Ok(error)
}
