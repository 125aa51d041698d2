//! Broken in dialling, listening or accepting.

mod accept;
mod breaking;
mod dial;
mod hello;
mod listen;

use std::sync::{Mutex, PoisonError};

use listenrain::{BoxFuture, Channel, ChannelGenerator, Endpoint, NextError};

use self::accept::{AcceptWaitsForAByte, DropsWithAnAccept};
use self::breaking::{OneChannelAtATime, TakesItsChannelsAlong};
use self::dial::{
    ForgetsOverItsBacklog, KeepsCancelledDials, NeverGivesUp, PanicsAtABadAddress, RemembersARefusal,
    WaitsForAListener,
};
use self::hello::Hello;
use self::listen::{HidesWhereItListens, NeverFreesItsEndpoint, SharesATakenEndpoint};
use super::Control;
use super::flaws::{with_channels, with_layer};
use super::lists::with_lists;
use crate::conformance::{BlackHole, Subject};
use crate::layer::Side;

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "lies-about-its-peer",
        "A01",
        "an accepted end takes its own endpoint for its peer's",
        || {
            with_channels(|side, mut channel| {
                if side == Side::Listener {
                    channel.facts.peer.clone_from(&channel.facts.local);
                }
                channel
            })
        },
    )
    .fails("the dialled end says"),
    Control::new("waits-for-a-listener", "A02", "a dial that nobody listens for never ends", || {
        with_layer(WaitsForAListener)
    })
    .fails("where nobody listens, took longer than 3 s"),
    Control::new("never-gives-up-a-dial", "A03", "a dial that is not answered never ends", || {
        let endpoint = || Endpoint::new("channel", "black-hole").expect("a constant that parses");
        with_layer(NeverGivesUp).with_black_hole(move || async move {
            Ok(BlackHole { endpoint: endpoint(), guard: Box::new(()) })
        })
    })
    .fails("a dial of the black hole channel://black-hole took longer than 3 s"),
    Control::new("keeps-cancelled-dials", "A04", "a dial that is dropped leaves its channel open", || {
        with_layer(KeepsCancelledDials::default())
    })
    .fails("the end of a channel whose dial was dropped took longer than 3 s"),
    Control::new("remembers-a-refusal", "A05", "a dialler that was refused once is refused for ever", || {
        with_layer(RemembersARefusal)
    })
    .hangs("a listener of channel://fresh-1 accepts"),
    Control::new("drops-with-an-accept", "A06", "an accept that is dropped takes its channel along", || {
        with_layer(DropsWithAnAccept)
    })
    .hangs("a listener of channel://fresh-1 accepts"),
    Control::new("takes-its-channels-along", "A07", "dropping a listener breaks what it accepted", || {
        with_layer(TakesItsChannelsAlong)
    })
    .fails("an accepted end: reading failed after 0 bytes: ConnectionReset"),
    Control::new("shares-a-taken-endpoint", "A08", "a second listener is let in, and hears nothing", || {
        with_layer(SharesATakenEndpoint)
    })
    .fails("a second listener was let in"),
    Control::new("never-frees-its-endpoint", "A09", "an endpoint can be listened at but once", || {
        with_layer(NeverFreesItsEndpoint::default())
    })
    .fails("listening again: listen channel://fresh-1: address in use"),
    Control::new(
        "hides-where-it-listens",
        "A10",
        "every listener says that it is where the first one is",
        || with_layer(HidesWhereItListens::default()),
    )
    .fails("two listeners say that they are at"),
    Control::new(
        "forgets-over-its-backlog",
        "A11",
        "a dial beyond the queue gives a channel that leads nowhere",
        || with_layer(ForgetsOverItsBacklog::default()),
    )
    .hangs("accepts (after 0 bytes), a dialled end reads (after 0 bytes)"),
    Control::new(
        "accept-waits-for-a-byte",
        "A12",
        "every accept but the first waits for the peer's first byte",
        || with_layer(AcceptWaitsForAByte::default()),
    )
    .fails("behind dials that stall, one was not served within 2s"),
    Control::new("one-channel-at-a-time", "A13", "a dialler's next channel breaks the one before", || {
        with_layer(OneChannelAtATime)
    })
    .fails("a dialled end: writing failed after 0 bytes were taken: ConnectionReset"),
    Control::new(
        "always-goes-back",
        "A14",
        "a list goes back to its first member, also when it never shall",
        || with_lists(|list| Ok(list.clone().with_option("fail_back", "lazy"))),
    )
    .fails("fail_back=never: when the active is back: a dial led to the active"),
    Control::new("panics-at-a-bad-address", "A15", "an endpoint of another scheme is a panic", || {
        with_layer(PanicsAtABadAddress)
    })
    .fails("nobody would give it another"),
    Control::new(
        "takes-the-peer-of-the-one-before",
        "A16",
        "an accepted end takes the peer of the channel before it for its own",
        || {
            let before = Mutex::new(None);
            with_channels(move |side, mut channel| {
                if side == Side::Listener {
                    let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
                    let own = channel.facts.peer.clone();
                    channel.facts.peer = std::mem::replace(&mut *before, own.clone()).or(own);
                }
                channel
            })
        },
    )
    .fails("of pair 1 the dialled end says"),
    Control::new(
        "one-hello-at-a-time",
        "A17",
        "a listener waits four seconds for a peer's hello before it looks at the next",
        || Hello::OneAtATime.subject(),
    )
    .fails("behind a peer that says nothing, a dial was not served within 2s"),
    Control::new("dies-of-a-wrong-hello", "A18", "a wrong hello is the end of the listener", || {
        Hello::EndsTheListener.subject()
    })
    .fails("beside a peer that said a request of another protocol: the listener gave up"),
    Control::new(
        "reads-beyond-the-welcome",
        "A19",
        "a dialer reads on behind the listener's welcome, and throws that away",
        || Hello::ReadsTooFar.subject(),
    )
    .fails("that the accepted end says first: reading them, once the dial was over, took longer than 3 s"),
];

/// The sound transport with a hello, which must pass as that one does.
pub(super) fn sound_with_a_hello() -> Subject {
    Hello::Sound.subject()
}

type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;
type Listening<'a> = BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;
