//! The library itself, with one mistake around it.
//!
//! What stands between the library and its peers, its handlers or its callers does what a library with the mistake would do.

mod channels;
mod handlers;
mod listener;
mod members;
mod sides;

use std::sync::Arc;

use listenrain::{ChannelGenerator, Endpoint};

use self::listener::Changed;
use super::Double;
use crate::scenario::{ClientSetup, Reach, ServerSetup};
use crate::stack::{Bodies, Caller, Handler, Library, ScenarioBytes, Serving, Stack};
use crate::world::Site;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    OneWriter,
    StaysHeld,
    FullIsDeaf,
    SaysNoGoodbye,
    CutsOff,
    AgesAbruptly,
    RunsOn,
    OpenSockets,
    ForgetsCallbacks,
    PanicsHang,
    LargeIsFatal,
    KeepsOneWays,
    Leaks,
}

#[derive(Debug)]
struct Flawed {
    name: &'static str,
    mistake: Mistake,
    library: Library<ScenarioBytes>,
}

impl Stack for Flawed {
    fn name(&self) -> &str {
        self.name
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        self.library.bodies()
    }

    fn follows_setup(&self) -> bool {
        true
    }

    fn client(
        &self,
        site: &Site,
        setup: &ClientSetup,
        reach: Reach,
        servers: &[Endpoint],
    ) -> Result<Arc<dyn Caller>, String> {
        if self.mistake == Mistake::OpenSockets {
            let site = members::by_open_sockets(site, servers);
            return self.library.client(&site, setup, Reach::Direct, &servers[..1]);
        }
        let caller = self.library.client(site, setup, reach, servers)?;
        match self.mistake {
            Mistake::ForgetsCallbacks => Ok(Arc::new(sides::Forgetful(caller))),
            _ => Ok(caller),
        }
    }

    fn serve(
        &self,
        site: &Site,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Result<Arc<dyn Serving>, String> {
        let mut setup = setup.clone();
        let mut listener = Changed::new(listener);
        let mut handler = handler;
        match self.mistake {
            Mistake::OneWriter => listener.changes(channels::one_writer()),
            Mistake::StaysHeld => listener.changes(channels::stays_held),
            Mistake::FullIsDeaf => {
                listener.takes(setup.connections);
                setup.connections *= 10;
            }
            Mistake::SaysNoGoodbye => listener.changes(channels::without_hello),
            Mistake::AgesAbruptly => {
                if let Some(age) = setup.max_age.take() {
                    listener.changes(move |channel| channels::reset_after(channel, age));
                }
            }
            Mistake::LargeIsFatal => {
                let largest = setup.largest;
                listener.changes(move |channel| channels::reset_by_larger(channel, largest));
            }
            Mistake::RunsOn => handler = handlers::runs_on(handler),
            Mistake::PanicsHang => handler = handlers::hangs_at_panics(handler),
            Mistake::KeepsOneWays => handler = handlers::keeps_one_ways(handler),
            Mistake::Leaks => handler = handlers::leaks(handler),
            Mistake::CutsOff | Mistake::OpenSockets | Mistake::ForgetsCallbacks => {}
        }
        let serving = self.library.serve(site, &setup, Box::new(listener), handler)?;
        match self.mistake {
            Mistake::CutsOff => Ok(Arc::new(sides::Hasty(serving))),
            _ => Ok(serving),
        }
    }
}

fn double(
    (mistake, name): (Mistake, &'static str),
    meaning: &'static str,
    (scenario, says): (&'static str, &'static str),
) -> Double {
    let stack = Arc::new(Flawed { name, mistake, library: Library::native() });
    Double { name, flaw: "library", meaning, scenario, says, stack, sound: Arc::new(Library::native()) }
}

/// Every one.
pub(super) fn all() -> Vec<Double> {
    vec![
        double(
            (Mistake::OneWriter, "one-writer"),
            "What a peer does not read holds up what is written to all others.",
            (
                "deaf-clients",
                "call # ended as lost, and nothing that went wrong then and there is why: Lost { sent: Maybe, cause: Silent(#) }",
            ),
        ),
        double(
            (Mistake::StaysHeld, "stays-held"),
            "A channel that was held up is read again much later, although there is room.",
            ("shared-room", "call # ended as lost, and nothing that went wrong then and there is why…"),
        ),
        double(
            (Mistake::FullIsDeaf, "full-is-deaf"),
            "A full server accepts channels and does nothing with them.",
            ("full-server", "call # ended as lost, and nothing that went wrong then and there is why…"),
        ),
        double(
            (Mistake::SaysNoGoodbye, "says-no-goodbye"),
            "A server that is drained does not say what it has taken.",
            (
                "restart",
                "the server of call #, which never began, ended in an orderly way, and the call as lost…",
            ),
        ),
        double(
            (Mistake::CutsOff, "cuts-off"),
            "A drain does not wait for what was taken.",
            (
                "rolling-restart",
                "the server of call #, which began, ended in an orderly way, and the call as lost…",
            ),
        ),
        double(
            (Mistake::AgesAbruptly, "ages-abruptly"),
            "A channel that has reached its largest age is cut.",
            ("old-channels", "call # ended as lost, and nothing that went wrong then and there is why…"),
        ),
        double(
            (Mistake::RunsOn, "runs-on"),
            "Handlers run on past the deadlines of their calls.",
            ("endless-handlers", "server # has # handlers running after its end"),
        ),
        double(
            (Mistake::OpenSockets, "open-sockets"),
            "A member of a list that can be dialled counts as one that answers.",
            ("silent-member", "call #, made when all was healed, ended as…"),
        ),
        double(
            (Mistake::ForgetsCallbacks, "forgets-callbacks"),
            "A callback whose job its executor drops is never told.",
            ("executors", "call # had 0 outcomes: []"),
        ),
        double(
            (Mistake::PanicsHang, "panics-hang"),
            "A handler that panics is never answered for.",
            ("panics", "call # ended as timeout, and nothing that went wrong then and there is why…"),
        ),
        double(
            (Mistake::LargeIsFatal, "large-is-fatal"),
            "A request that is too large costs its channel.",
            ("too-large", "call # ended as lost, and nothing that went wrong then and there is why…"),
        ),
        double(
            (Mistake::KeepsOneWays, "keeps-one-ways"),
            "The place of a message that wants no reply is never free again.",
            (
                "steady-load",
                "server # has InUse { requests: #, bytes: #, queued: # } in use when every call has ended",
            ),
        ),
        double(
            (Mistake::Leaks, "leaks"),
            "Memory of each request is never freed.",
            ("steady-load", "# bytes were left after the run, at most # may be"),
        ),
    ]
}
