//! Active/standby over any transports: `ha:tcp://a:1,unix:///b`, the members in the order of preference.
//!
//! * **Dialling** tries every member, one after the other, those first that are not known to be in trouble, until one
//!   answers; what it gives is that member's own channel, with that member's facts. When none answers the error says
//!   why of each. See [`dial`] for health, and for the ways [back to the active one](FailBack).
//! * **Health** is an answer, not an open socket: a member whose channel ends without a byte from it, by silence or by output
//!   that it does not take, is left, and stands behind the others for as long as it took to find out. A member that asks not
//!   to be dialled for a while stands behind the others for that while.
//! * **Listening** at a list is listening at all its members; see [`listen`].
//! * **Half-close, abort, backpressure, peer identity** are those of the member that a channel leads to. The
//!   capabilities that are promised are those that every member of the default list has.
//!
//! What the list itself can be told stands before its members: `ha:fail_back=eager,attempt_timeout=500ms,tcp://a:1,…`;
//! each member keeps its own options behind its `?`. A list has no members of scheme `ha`, none twice, and at most
//! [`ActiveStandby::MAX_MEMBERS`].

mod channel;
pub mod dial;
mod health;
pub mod listen;
mod options;
mod probe;

use std::sync::Arc;

use listenrain::{
    BoxFuture, Capabilities, ChannelGenerator, Endpoint, EndpointError, NextError, Transport, TransportId,
};

use self::dial::Dialer;
use self::listen::Listener;
use crate::options::{OptionError, OptionInfo};
use crate::registry::Registry;

pub use self::dial::AllFailed;
pub use self::options::{FailBack, HaOptions};

const SCHEME: &str = "ha";

/// The transport of `ha:` lists, whose members are dialled by the transports of a [`Registry`].
#[derive(Debug, Clone)]
#[doc(alias("HA", "NewHATCPClientChannelGenerator"))]
pub struct ActiveStandby {
    members: Registry,
    options: HaOptions,
    id: TransportId,
}

impl ActiveStandby {
    /// Most members of a list.
    pub const MAX_MEMBERS: usize = 64;

    /// A transport of lists of what `members` understands, with the default [`HaOptions`].
    #[must_use]
    pub fn new(members: Registry) -> Self {
        Self { members, options: HaOptions::default(), id: TransportId::new() }
    }

    /// The same with these options, which a list's own options override.
    ///
    /// # Errors
    ///
    /// When a value is out of bounds; the error names the option and what is allowed.
    pub fn with_options(mut self, options: HaOptions) -> Result<Self, OptionError> {
        options.check()?;
        self.options = options;
        self.id = TransportId::new();
        Ok(self)
    }

    /// The members of `list`, each with its transport, and the list's own options.
    fn understand(&self, list: &Endpoint) -> Result<(Vec<Member>, HaOptions), EndpointError> {
        if list.scheme() != SCHEME || !list.is_list() {
            return Err(list.invalid(format!("is no list; write it like {SCHEME}:tcp://a:1,unix:///b")));
        }
        let options = self.options.with_endpoint(list)?;
        let endpoints = list.members()?;
        let (count, limit) = (endpoints.len(), Self::MAX_MEMBERS);
        if count == 0 {
            return Err(list.invalid("has no members; write them between commas: ha:tcp://a:1,unix:///b"));
        }
        if count > limit {
            return Err(list.invalid(format!("has {count} members, the limit is {limit}")));
        }
        let mut members: Vec<Member> = Vec::with_capacity(count);
        for endpoint in endpoints {
            if members.iter().any(|member| member.endpoint == endpoint) {
                return Err(list.invalid(format!("member `{endpoint}` stands there twice")));
            }
            let known = self.members.for_endpoint(&endpoint);
            let transport = known.map_err(|error| list.invalid(format!("member `{endpoint}`: {error}")))?;
            members.push(Member { transport: Arc::clone(transport), endpoint });
        }
        Ok((members, options))
    }
}

/// One endpoint of a list, and what understands it.
#[derive(Debug, Clone)]
struct Member {
    endpoint: Endpoint,
    transport: Arc<dyn Transport>,
}

impl Member {
    fn dialer(&self) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        self.transport.dialer(&self.endpoint)
    }
}

impl Transport for ActiveStandby {
    fn scheme(&self) -> &str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let members = self.scratch_members();
        let each = members.iter().map(|transport| transport.capabilities());
        each.reduce(Capabilities::and).unwrap_or_default()
    }

    fn options(&self) -> Vec<OptionInfo> {
        HaOptions::list().copied().collect()
    }

    fn dialer(&self, list: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (members, options) = self.understand(list)?;
        Ok(Box::new(Dialer::new(list.clone(), members, options)?))
    }

    fn listen<'a>(
        &'a self,
        list: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async move {
            let (members, _) = self.understand(list).map_err(|error| NextError::invalid("listen", error))?;
            Ok(Box::new(Listener::bind(list, &members).await?) as _)
        })
    }

    /// A list of the first and the last transport of its registry, each at a scratch endpoint of its own.
    fn scratch_endpoint(&self) -> Endpoint {
        let members: Vec<_> = self.scratch_members().iter().map(|member| member.scratch_endpoint()).collect();
        Endpoint::list(SCHEME, &members).expect("two scratch endpoints are no longer than a list may be")
    }

    fn reload(&self) {
        self.members.list().for_each(|transport| transport.reload());
    }

    fn id(&self) -> Option<TransportId> {
        Some(self.id.clone())
    }
}

impl ActiveStandby {
    fn scratch_members(&self) -> Vec<&Arc<dyn Transport>> {
        let mut all = self.members.list();
        all.next().into_iter().chain(all.next_back()).collect()
    }
}
