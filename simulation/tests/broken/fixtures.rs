//! Every broken transport, and the sound ones that they are built upon.

use listenrain_simulation::conformance::Subject;

use super::fixture::Fixture;
use super::hello::Hello;
use super::{calls, cancel, close, establish, flow, framing, integrity, netstrings};
use crate::hooks;

/// Every broken transport, in the order of the cases that are there for them.
pub(crate) fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    let groups = [
        establish::FIXTURES,
        integrity::FIXTURES,
        close::FIXTURES,
        cancel::FIXTURES,
        flow::FIXTURES,
        framing::FIXTURES,
        calls::FIXTURES,
    ];
    groups.into_iter().flatten()
}

/// Its name, the cases that have something to say of it, and how it is made.
type Sound = (&'static str, &'static str, fn() -> Subject);

/// What the broken ones are built upon.
pub(crate) const SOUND: [Sound; 3] = [
    ("sound", "*", hooks::sound),
    ("sound-with-a-hello", "*", || Hello::Sound.subject()),
    ("netstrings", "F*", || netstrings::subject(true)),
];
