//! The library made wrong by a thin wrapper: around its callers, its handlers, or the channels below it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, ChannelGenerator, Endpoint, Outcome};
use listenrain_simulation::network::Node;
use listenrain_simulation::scenario::{ClientSetup, Reach, ServerSetup};
use listenrain_simulation::stack::{
    Bodies, Caller, Handler, InUse, Library, ScenarioBytes, Serving, Stack, Told,
};

pub(crate) type Native = Library<ScenarioBytes>;
pub(crate) type Called = Result<Arc<dyn Caller>, String>;
pub(crate) type Served = Result<Arc<dyn Serving>, String>;

/// One faulty stack, and the scenario that notices.
pub(crate) struct Faulty {
    pub(crate) name: &'static str,
    /// The flaw of the original that it has, as in `docs/flaws.md`, or `own`.
    pub(crate) flaw: &'static str,
    /// The scenario that notices.
    pub(crate) scenario: &'static str,
    /// What that scenario says then: one whole sentence, in which `#` stands for a number or a time, and `…` at its end for
    /// whatever follows. A run in which nothing else is said has failed for another reason.
    pub(crate) says: &'static str,
    pub(crate) client: fn(&Native, &Node, &ClientSetup, Reach, &[Endpoint]) -> Called,
    pub(crate) serve: fn(&Native, &Node, &ServerSetup, Box<dyn ChannelGenerator>, Handler) -> Served,
}

impl Faulty {
    /// A sound one, to be given one mistake that `scenario` notices.
    pub(crate) const fn new(name: &'static str, flaw: &'static str, scenario: &'static str) -> Self {
        Self {
            name,
            flaw,
            scenario,
            says: "",
            client: |library, node, setup, reach, servers| library.client(node, setup, reach, servers),
            serve: |library, node, setup, listener, handler| library.serve(node, setup, listener, handler),
        }
    }

    /// With what the scenario says then.
    pub(crate) const fn says(mut self, says: &'static str) -> Self {
        self.says = says;
        self
    }

    /// With clients that `client` makes.
    pub(crate) const fn client(
        mut self,
        client: fn(&Native, &Node, &ClientSetup, Reach, &[Endpoint]) -> Called,
    ) -> Self {
        self.client = client;
        self
    }

    /// With servers that `serve` makes.
    pub(crate) const fn serve(
        mut self,
        serve: fn(&Native, &Node, &ServerSetup, Box<dyn ChannelGenerator>, Handler) -> Served,
    ) -> Self {
        self.serve = serve;
        self
    }

    pub(crate) fn stack(&'static self) -> Arc<dyn Stack> {
        Arc::new(Wrong { faulty: self, library: Library::native() })
    }

    /// That one of `violations` by which a run shows the mistake, if any is.
    pub(crate) fn shown_by<'a>(&self, violations: &'a [String]) -> Option<&'a str> {
        violations.iter().map(String::as_str).find(|violation| is_said(self.says, violation))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) in {}", self.name, self.flaw, self.scenario)
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

    fn client(&self, node: &Node, setup: &ClientSetup, reach: Reach, servers: &[Endpoint]) -> Called {
        (self.faulty.client)(&self.library, node, setup, reach, servers)
    }

    fn serve(
        &self,
        node: &Node,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Served {
        (self.faulty.serve)(&self.library, node, setup, listener, handler)
    }
}

/// A caller with hooks and a state of them; what has no hook is forwarded.
pub(crate) struct Hooked<S> {
    pub(crate) inner: Arc<dyn Caller>,
    pub(crate) state: S,
    pub(crate) call: for<'a> fn(&'a Self, usize, Bytes, Duration) -> BoxFuture<'a, Outcome<Bytes>>,
    /// What becomes of an outcome; nothing is told where there is none.
    pub(crate) outcome: fn(&S, Outcome<Bytes>) -> Option<Outcome<Bytes>>,
    pub(crate) close: for<'a> fn(&'a Self, Duration) -> BoxFuture<'a, ()>,
    pub(crate) in_use: fn(&S, InUse) -> InUse,
}

impl<S: Clone + Send + Sync + 'static> Hooked<S> {
    pub(crate) fn new(inner: Called, state: S) -> Result<Self, String> {
        Ok(Self {
            inner: inner?,
            state,
            call: |hooked, to, body, timeout| hooked.inner.call(to, body, timeout),
            outcome: |_, outcome| Some(outcome),
            close: |hooked, within| hooked.inner.close(within),
            in_use: |_, in_use| in_use,
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
        (self.in_use)(&self.state, self.inner.in_use())
    }
}

/// A server whose drain is another, and which keeps places beside those of the library.
pub(crate) struct Drained {
    inner: Arc<dyn Serving>,
    pub(crate) drain: for<'a> fn(&'a dyn Serving, Duration) -> BoxFuture<'a, ()>,
    pub(crate) kept: Places,
}

impl Drained {
    pub(crate) fn new(inner: Arc<dyn Serving>) -> Self {
        Self { inner, drain: |inner, within| inner.drain(within), kept: Places::default() }
    }
}

impl Serving for Drained {
    fn drain(&self, within: Duration) -> BoxFuture<'_, ()> {
        (self.drain)(&*self.inner, within)
    }

    fn in_use(&self) -> InUse {
        self.kept.beside(self.inner.in_use())
    }
}

/// Places, each of which is kept unless it is given back.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<AtomicU64>);

impl Places {
    pub(crate) fn take(&self) -> Place {
        Place { kept: self.0.clone(), is_back: false }
    }

    /// `in_use` and what is kept.
    pub(crate) fn beside(&self, in_use: InUse) -> InUse {
        InUse { requests: in_use.requests + self.0.load(Ordering::Relaxed), ..in_use }
    }
}

pub(crate) struct Place {
    kept: Arc<AtomicU64>,
    is_back: bool,
}

impl Place {
    pub(crate) fn give_back(mut self) {
        self.is_back = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kept.fetch_add(u64::from(!self.is_back), Ordering::Relaxed);
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
