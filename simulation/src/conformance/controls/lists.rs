//! Broken in what a transport makes of several endpoints: lists whose order, policy or waits are not kept.

use std::sync::Arc;

use listenrain::{Channel, ChannelGenerator, Endpoint, EndpointError, Transport};
use listenrain_transports::{ActiveStandby, Registry};

use super::flaws::{sound, upon};
use crate::conformance::Subject;
use crate::layer::{Layer, Side};

/// Lists of the sound transport, each of which `change` has changed before it is dialled.
pub(super) fn with_lists(
    change: impl Fn(&Endpoint) -> Result<Endpoint, EndpointError> + Send + Sync + 'static,
) -> Subject {
    upon_lists(Redirected(change))
}

/// Lists of the sound transport that never say of a channel that there is a better one.
pub(super) fn without_better_ones() -> Subject {
    upon_lists(ForgetsWhatIsBetter)
}

fn upon_lists(layer: impl Layer) -> Subject {
    let lists = sound().map_transport(|below| {
        let mut members = Registry::new();
        members.register(below).expect("the only one has no double");
        Arc::new(ActiveStandby::new(members))
    });
    upon(lists, layer)
}

/// A layer that dials elsewhere than it is told to.
struct Redirected<F>(F);

impl<F> std::fmt::Debug for Redirected<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redirected")
    }
}

impl<F> Layer for Redirected<F>
where
    F: Fn(&Endpoint) -> Result<Endpoint, EndpointError> + Send + Sync + 'static,
{
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        below.dialer(&(self.0)(endpoint)?)
    }
}

#[derive(Debug)]
struct ForgetsWhatIsBetter;

impl Layer for ForgetsWhatIsBetter {
    fn channel(&self, _side: Side, mut channel: Channel) -> Channel {
        channel.superseded = None;
        channel
    }
}

/// The same list, with these members of it.
pub(super) fn of_members(
    list: &Endpoint,
    choose: impl FnOnce(&mut Vec<Endpoint>),
) -> Result<Endpoint, EndpointError> {
    let mut members = list.members()?;
    choose(&mut members);
    let chosen = Endpoint::list(list.scheme(), &members)?;
    Ok(list.options().fold(chosen, |chosen, (name, value)| chosen.with_option(name, value)))
}
