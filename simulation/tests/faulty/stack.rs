//! The library made wrong by a thin wrapper: around its callers, its handlers, or the channels below it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, ChannelGenerator, Endpoint, Outcome};
use listenrain_simulation::scenario::{ClientSetup, Reach, ServerSetup};
use listenrain_simulation::stack::{
    Bodies, Caller, Handler, InUse, Library, ScenarioBytes, Serving, Stack, Told,
};
use listenrain_simulation::world::Site;

pub type Native = Library<ScenarioBytes>;
pub type Called = Result<Arc<dyn Caller>, String>;
pub type Served = Result<Arc<dyn Serving>, String>;

/// One faulty stack, and the scenario that notices.
pub struct Faulty {
    pub name: &'static str,
    /// The flaw of the original that it has, as in `docs/flaws.md`, or `own`.
    pub flaw: &'static str,
    /// Its mistake, in one sentence.
    pub meaning: &'static str,
    /// The scenario that notices.
    pub scenario: &'static str,
    /// What that scenario says then: one whole sentence, in which `#` stands for a number or a time, and `…` at its end for
    /// whatever follows. A run in which nothing else is said has failed for another reason.
    pub says: &'static str,
    pub client: fn(&Native, &Site, &ClientSetup, Reach, &[Endpoint]) -> Called,
    pub serve: fn(&Native, &Site, &ServerSetup, Box<dyn ChannelGenerator>, Handler) -> Served,
}

impl Faulty {
    /// A sound one, to be given one mistake.
    pub const fn new(
        (name, flaw): (&'static str, &'static str),
        meaning: &'static str,
        (scenario, says): (&'static str, &'static str),
    ) -> Self {
        Self {
            name,
            flaw,
            meaning,
            scenario,
            says,
            client: |library, site, setup, reach, servers| library.client(site, setup, reach, servers),
            serve: |library, site, setup, listener, handler| library.serve(site, setup, listener, handler),
        }
    }

    /// With clients that `client` makes.
    pub const fn client(
        mut self,
        client: fn(&Native, &Site, &ClientSetup, Reach, &[Endpoint]) -> Called,
    ) -> Self {
        self.client = client;
        self
    }

    /// With servers that `serve` makes.
    pub const fn serve(
        mut self,
        serve: fn(&Native, &Site, &ServerSetup, Box<dyn ChannelGenerator>, Handler) -> Served,
    ) -> Self {
        self.serve = serve;
        self
    }

    pub fn stack(&'static self) -> Arc<dyn Stack> {
        Arc::new(Wrong { faulty: self, library: Library::native() })
    }

    /// That one of `violations` by which a run shows the mistake, if any is.
    pub fn shown_by<'a>(&self, violations: &'a [String]) -> Option<&'a str> {
        violations.iter().map(String::as_str).find(|violation| is_said(self.says, violation))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name, self.flaw, self.meaning)
    }
}

#[derive(Debug)]
struct Wrong {
    faulty: &'static Faulty,
    library: Native,
}

impl Stack for Wrong {
    fn name(&self) -> &str {
        self.faulty.name
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        self.library.bodies()
    }

    fn follows_setup(&self) -> bool {
        true
    }

    fn client(&self, site: &Site, setup: &ClientSetup, reach: Reach, servers: &[Endpoint]) -> Called {
        (self.faulty.client)(&self.library, site, setup, reach, servers)
    }

    fn serve(
        &self,
        site: &Site,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Served {
        (self.faulty.serve)(&self.library, site, setup, listener, handler)
    }
}

/// A caller with hooks and a state of them; what has no hook is forwarded.
pub struct Hooked<S> {
    pub inner: Arc<dyn Caller>,
    pub state: S,
    pub call: for<'a> fn(&'a Self, usize, Bytes, Duration) -> BoxFuture<'a, Outcome<Bytes>>,
    /// What becomes of an outcome; nothing is told where there is none.
    pub outcome: fn(&S, Outcome<Bytes>) -> Option<Outcome<Bytes>>,
    pub close: for<'a> fn(&'a Self, Duration) -> BoxFuture<'a, ()>,
}

impl<S: Clone + Send + Sync + 'static> Hooked<S> {
    pub fn new(inner: Called, state: S) -> Result<Self, String> {
        Ok(Self {
            inner: inner?,
            state,
            call: |hooked, to, body, timeout| hooked.inner.call(to, body, timeout),
            outcome: |_, outcome| Some(outcome),
            close: |hooked, within| hooked.inner.close(within),
        })
    }
}

impl<S: Clone + Send + Sync + 'static> Caller for Hooked<S> {
    fn call(&self, to: usize, body: Bytes, timeout: Duration) -> BoxFuture<'_, Outcome<Bytes>> {
        Box::pin(async move {
            let outcome = (self.call)(self, to, body, timeout).await;
            match (self.outcome)(&self.state, outcome) {
                Some(outcome) => outcome,
                None => std::future::pending().await,
            }
        })
    }

    fn send(&self, to: usize, body: Bytes, timeout: Duration, told: Told) -> BoxFuture<'_, ()> {
        let (state, outcome_of) = (self.state.clone(), self.outcome);
        let told = Box::new(move |outcome| {
            if let Some(outcome) = outcome_of(&state, outcome) {
                told(outcome);
            }
        });
        self.inner.send(to, body, timeout, told)
    }

    fn one_way(&self, to: usize, body: Bytes) -> BoxFuture<'_, Result<(), CallError>> {
        self.inner.one_way(to, body)
    }

    fn close(&self, within: Duration) -> BoxFuture<'_, ()> {
        (self.close)(self, within)
    }

    fn in_use(&self) -> InUse {
        self.inner.in_use()
    }
}

/// A server whose drain is another.
pub struct Drained {
    pub inner: Arc<dyn Serving>,
    pub drain: for<'a> fn(&'a dyn Serving, Duration) -> BoxFuture<'a, ()>,
}

impl Serving for Drained {
    fn drain(&self, within: Duration) -> BoxFuture<'_, ()> {
        (self.drain)(&*self.inner, within)
    }

    fn in_use(&self) -> InUse {
        self.inner.in_use()
    }
}

/// Whether `violation` is the sentence `says`, in which each `#` stands for a number or a time. A `…` at its end stands for
/// whatever follows.
fn is_said(says: &str, violation: &str) -> bool {
    let (says, is_open) = says.strip_suffix('…').map_or((says, false), |begins| (begins, true));
    let mut parts = says.split('#');
    let begins = parts.next().and_then(|first| violation.strip_prefix(first));
    let rest =
        begins.and_then(|rest| parts.try_fold(rest, |rest, part| after_number(rest)?.strip_prefix(part)));
    rest.is_some_and(|rest| is_open || rest.is_empty())
}

/// What follows a number at the beginning of `text`, with its unit if it is a time.
fn after_number(text: &str) -> Option<&str> {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let rest =
        digits.strip_prefix('.').map(|rest| rest.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    let units = ["ns", "µs", "ms", "s"];
    let rest = rest.unwrap_or(digits);
    (digits.len() < text.len()).then(|| units.iter().find_map(|unit| rest.strip_prefix(unit)).unwrap_or(rest))
}

#[test]
fn a_sentence_is_compared_from_its_first_word_to_its_last_but_for_numbers() {
    // Broken by a comparison to which a few words of a sentence will do: other mistakes are told by them too.
    let says = "call # ended after #, its deadline was #";
    assert!(is_said(says, "call 11 ended after 204ms, its deadline was 131ms"));
    assert!(is_said(says, "call 11 ended after 1.5s, its deadline was 131.25µs"));
    assert!(!is_said(says, "the second time: call 11 ended after 204ms, its deadline was 131ms"));
    assert!(!is_said(says, "call 11 ended after 204ms, its deadline was 131ms before"));
    assert!(!is_said(says, "call ended after 204ms, its deadline was 131ms"));
    assert!(is_said("2 channels, not #", "2 channels, not 1"));
    assert!(!is_said("2 channels, not #", "3 channels, not 1"));
    assert!(is_said("sent at […", "sent at [1ms, 2ms]") && !is_said("sent at […", "was sent at [1ms]"));
}
