//! A case as data.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use super::context::TestContext;
use super::failure::Check;
use super::subject::Subject;
use crate::faults::Hardship;

/// What a case does; on the thread of its attempt, so it need not be `Send`.
pub(crate) type Run = for<'a> fn(&'a mut TestContext) -> Pin<Box<dyn Future<Output = Check> + 'a>>;

/// One thing that every transport must do.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Case {
    /// Its id, which never changes: a letter for its group and two digits.
    pub id: &'static str,
    /// Its name, in snake case.
    pub name: &'static str,
    /// 0 must hold for anything to work; 1 should; 2 is for completeness.
    pub priority: u8,
    /// What must hold, in one or two sentences.
    pub checks: &'static str,
    /// The public suites that have a case like it.
    pub sources: &'static [Source],
    /// What the transport must have; without it the case is skipped.
    pub needs: &'static [Need],
    /// The schemes of the transports that it is about; empty for a case about every transport. On others it is not run,
    /// which is no skip: it says nothing of them.
    pub only: &'static [&'static str],
    /// Whether it runs a second time with the roles of dialer and listener swapped.
    pub is_swapped: bool,
    /// The hardships that change something on the way of its bytes, under each of which it runs too.
    pub hardships: &'static [Hardship],
    /// Whether it runs in a process of its own, since it counts what the whole process holds.
    pub is_alone: bool,
    /// What runs it.
    pub(crate) runtime: Threads,
    /// How long it may take before it counts as stuck.
    pub within: Duration,
    pub(crate) run: Run,
}

/// What runs a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One thread; the clock is paused for a transport that is all in memory.
    One,
    /// One thread and a real clock: other threads take part.
    OneInRealTime,
    /// Two threads.
    Two,
}

impl Case {
    pub(crate) const fn new(
        id: &'static str,
        name: &'static str,
        priority: u8,
        checks: &'static str,
        run: Run,
    ) -> Self {
        Self {
            id,
            name,
            priority,
            checks,
            sources: &[],
            needs: &[],
            only: &[],
            is_swapped: false,
            hardships: &[],
            is_alone: false,
            runtime: Threads::One,
            within: Duration::from_secs(20),
            run,
        }
    }

    /// The letter of its group.
    #[must_use]
    pub fn group(&self) -> char {
        self.id.chars().next().unwrap_or('?')
    }

    /// Id and name, in lower case: the name of its test.
    #[must_use]
    pub fn test_name(&self) -> String {
        format!("{}_{}", self.id.to_lowercase(), self.name)
    }

    /// Whether it has anything to say of a transport of this scheme.
    #[must_use]
    pub fn is_about(&self, scheme: &str) -> bool {
        self.only.is_empty() || self.only.contains(&scheme)
    }

    /// Why it cannot run on `subject`; `None` when it can.
    #[must_use]
    pub fn skipped_on(&self, subject: &Subject) -> Option<String> {
        if !self.is_about(subject.name()) {
            return Some(format!("is about {} only", self.only.join(", ")));
        }
        self.needs.iter().find_map(|need| subject.lacks(*need))
    }
}

/// The cases of one group: what must hold, id and name, priority, what runs it, the suites that have one like it, and
/// whatever else a [`Case`] is told.
macro_rules! cases {
    ($($(#[doc = $checks:literal])* $id:ident $name:ident: $priority:literal, $run:path, [$($source:ident),*]
        $(, $field:ident: $value:expr)*;)*) => {
        pub(super) const CASES: &[$crate::conformance::case::Case] = &[$($crate::conformance::case::Case {
            sources: &[$($crate::conformance::case::Source::$source),*],
            $($field: $value,)*
            ..$crate::conformance::case::Case::new(
                stringify!($id),
                stringify!($name),
                $priority,
                concat!($($checks),*).trim_ascii(),
                |context| Box::pin($run(context)),
            )
        }),*];
    };
}

pub(crate) use cases;

/// What a case may need of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Need {
    /// One direction can end while the other goes on.
    HalfClose,
    /// An abort reaches the peer as an error.
    Abort,
    /// An endpoint that swallows dials; see [`Subject::with_black_hole`].
    BlackHole,
    /// A way to connect without the transport's dialer; see [`Subject::with_raw_dialer`].
    RawDialer,
}

impl Need {
    /// Every need.
    pub const ALL: [Self; 4] = [Self::HalfClose, Self::Abort, Self::BlackHole, Self::RawDialer];
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfClose => "half-close",
            Self::Abort => "abort",
            Self::BlackHole => "a black hole",
            Self::RawDialer => "a raw dialer",
        })
    }
}

/// A public suite that a case was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// golang.org/x/net/nettest, `TestConn`.
    Nettest,
    /// Go's own `net` package.
    GoNet,
    /// go-libp2p, the transport suite.
    LibP2pTransport,
    /// go-libp2p, the muxer suite.
    LibP2pMuxer,
    /// go-libp2p, integration tests.
    LibP2pIntegration,
    /// rust-libp2p, the muxer test harness.
    RustLibP2pMuxer,
    /// rust-libp2p, its QUIC tests.
    RustLibP2pQuic,
    /// nng, the generic transport tests.
    Nng,
    /// netty, the socket suite.
    Netty,
    /// libzmq.
    ZeroMq,
    /// turmoil, its own network tests.
    Turmoil,
    /// Autobahn, the WebSocket suite.
    Autobahn,
    /// h2spec, the HTTP/2 suite.
    H2spec,
    /// Nothing public: this project's own.
    Own,
}

impl Source {
    /// Its name, for people to read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nettest => "x/net nettest",
            Self::GoNet => "Go net",
            Self::LibP2pTransport => "go-libp2p transport",
            Self::LibP2pMuxer => "go-libp2p muxer",
            Self::LibP2pIntegration => "go-libp2p integration",
            Self::RustLibP2pMuxer => "rust-libp2p muxer",
            Self::RustLibP2pQuic => "rust-libp2p QUIC",
            Self::Nng => "nng",
            Self::Netty => "netty",
            Self::ZeroMq => "libzmq",
            Self::Turmoil => "turmoil",
            Self::Autobahn => "Autobahn",
            Self::H2spec => "h2spec",
            Self::Own => "own",
        }
    }
}
