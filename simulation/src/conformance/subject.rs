//! The transport under test, and what single cases need beside it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::{BoxFuture, Capabilities, Endpoint, Transport};

use super::case::Need;
use super::framing::Framing;
use super::raw::{RawDialer, RawPeer};

/// Makes a subject; called anew for each trial, on the trial's own thread.
pub type Make = Arc<dyn Fn() -> Subject + Send + Sync>;

type MakeBlackHole = Arc<dyn Fn() -> BoxFuture<'static, io::Result<BlackHole>> + Send + Sync>;

/// A transport under test. Any [`Transport`] is one by `into()`; the methods add what single cases need.
#[derive(Clone)]
pub struct Subject {
    transport: Arc<dyn Transport>,
    in_memory: bool,
    black_hole: Option<MakeBlackHole>,
    raw_dialer: Option<RawDialer>,
    bad_endpoints: Vec<Endpoint>,
    framings: Vec<Framing>,
    admits: BTreeMap<Need, String>,
}

impl Subject {
    /// `transport` without anything beside it.
    #[must_use]
    pub fn shared(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            in_memory: false,
            black_hole: None,
            raw_dialer: None,
            bad_endpoints: Vec::new(),
            framings: Framing::ours(),
            admits: BTreeMap::new(),
        }
    }

    /// Nothing outside this process, and no thread of its own, takes part in it: cases run with tokio's clock paused, so
    /// that waiting costs no time. Default: it may take part, the clock is real.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// The opposite of [`in_memory`](Self::in_memory).
    #[must_use]
    pub fn in_real_time(mut self) -> Self {
        self.in_memory = false;
        self
    }

    /// `make` gives an endpoint that swallows dials, for case A03. Default: none, and A03 is skipped.
    #[must_use]
    pub fn with_black_hole<F, R>(mut self, make: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<BlackHole>> + Send + 'static,
    {
        self.black_hole = Some(Arc::new(move || Box::pin(make())));
        self
    }

    /// `dial` connects to where a listener of it is, without its dialer: for cases A17 and A18, in which peers say what no
    /// dialer says. What a dialer says first begins with `hello`, half of which is said too; empty where it says nothing.
    /// Default: none, and both cases are skipped.
    #[must_use]
    pub fn with_raw_dialer<F, R, P>(mut self, hello: impl Into<Bytes>, dial: F) -> Self
    where
        F: Fn(Endpoint) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<P>> + Send + 'static,
        P: RawPeer + 'static,
    {
        self.raw_dialer = Some(RawDialer::new(hello.into(), dial));
        self
    }

    /// Endpoints that it must refuse as invalid, by its dialer or its listener, for case A15. An endpoint of another
    /// scheme and one with an unknown option are tried in any case. Default: none.
    #[must_use]
    pub fn with_bad_endpoints(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.bad_endpoints.extend(endpoints);
        self
    }

    /// The cases of group F run with this packet codec too. Default: only with those of `listenrain`.
    #[must_use]
    pub fn with_framing(mut self, framing: Framing) -> Self {
        self.framings.push(framing);
        self
    }

    /// It lacks `need`, and its documentation says so in these words. A skipped case quotes them.
    #[must_use]
    pub fn admits(mut self, need: Need, documentation: impl Into<String>) -> Self {
        self.admits.insert(need, documentation.into());
        self
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// Its transport's scheme.
    #[must_use]
    pub fn name(&self) -> &str {
        self.transport.scheme()
    }

    /// Its documentation's words on what it lacks, as far as they were given.
    pub fn admissions(&self) -> impl Iterator<Item = (Need, &str)> {
        self.admits.iter().map(|(need, words)| (*need, words.as_str()))
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    pub(crate) fn bad_endpoints(&self) -> &[Endpoint] {
        &self.bad_endpoints
    }

    pub(crate) fn framings(&self) -> &[Framing] {
        &self.framings
    }

    pub(crate) async fn black_hole(&self) -> Option<io::Result<BlackHole>> {
        match &self.black_hole {
            Some(make) => Some(make().await),
            None => None,
        }
    }

    pub(crate) fn raw_dialer(&self) -> Option<&RawDialer> {
        self.raw_dialer.as_ref()
    }

    /// Why a case with this need cannot run; `None` when it can.
    pub(crate) fn lacks(&self, need: Need) -> Option<String> {
        let capabilities: Capabilities = self.transport.capabilities();
        let is_there = match need {
            Need::HalfClose => capabilities.half_close,
            Need::Abort => capabilities.abort,
            Need::BlackHole => self.black_hole.is_some(),
            Need::RawDialer => self.raw_dialer.is_some(),
        };
        let name = self.name();
        let docs = match self.admits.get(&need) {
            Some(words) => format!("its docs: \"{words}\""),
            None => "its docs were not quoted".to_owned(),
        };
        (!is_there).then(|| format!("needs {need}, which {name} does not have ({docs})"))
    }
}

impl<T: Transport> From<T> for Subject {
    fn from(transport: T) -> Self {
        Self::shared(Arc::new(transport))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// An endpoint that swallows dials: they are neither answered nor refused, until whatever bounds them in the transport.
#[derive(Debug)]
pub struct BlackHole {
    /// What to dial; with an option that bounds a dial, it should be a short bound.
    pub endpoint: Endpoint,
    /// What has to be kept for it to stay one.
    pub guard: Box<dyn Guard>,
}

/// Anything that is kept only to be dropped.
pub trait Guard: Any + Send + Sync + fmt::Debug {}

impl<T: Any + Send + Sync + fmt::Debug> Guard for T {}
