//! History of calls, which the oracle judges.

use std::collections::BTreeMap;
use std::time::Duration;

use listenrain::{CallError, Sent};

/// How a call was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Manner {
    /// Its reply was awaited.
    #[default]
    Call,
    /// A state machine was to be told.
    Send,
    /// It wanted no reply.
    OneWay,
}

/// How a call ended, as its caller was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// With its own reply.
    Reply,
    /// With a reply that is not its own, or not whole.
    WrongReply,
    /// With an error of the handler's.
    Failed,
    /// It never left, or the peer says that it was not executed.
    Refused,
    /// Its deadline passed after it had left.
    Timeout,
    /// Its deadline passed before it left.
    Expired,
    /// Its link was lost before it was written whole.
    LostUnsent,
    /// Its link was lost, and it may have been executed.
    Lost,
    /// It was taken back by its caller.
    Cancelled,
    /// A one-way message is on its way.
    Sent,
}

impl End {
    /// How `error` ended its call.
    #[must_use]
    pub fn of(error: &CallError) -> Self {
        match error {
            CallError::Refused(_) => Self::Refused,
            CallError::Timeout => Self::Timeout,
            CallError::Expired => Self::Expired,
            CallError::Lost { sent: Sent::No, .. } => Self::LostUnsent,
            CallError::Lost { .. } => Self::Lost,
            CallError::Cancelled => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// Whether it says that the server did not execute the call.
    #[must_use]
    pub fn never_executed(self) -> bool {
        matches!(self, Self::Refused | Self::Expired | Self::LostUnsent)
    }

    /// Its name in traces and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::WrongReply => "wrong reply",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Expired => "expired",
            Self::LostUnsent => "lost unsent",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::Sent => "sent",
        }
    }
}

/// One call.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Call {
    /// How it was made.
    pub manner: Manner,
    /// By which way, where there are several.
    pub way: usize,
    /// When it was made.
    pub began: Duration,
    /// How long its caller would wait.
    pub timeout: Duration,
    /// When its caller was told, and what: every time it was told.
    pub ends: Vec<(Duration, End)>,
    /// Why there is no reply, as its caller was told last.
    pub error: Option<CallError>,
    /// When a channel had taken all of it, every time one did.
    pub sent: Vec<Duration>,
    /// When its handler began, every time it did.
    pub executions: Vec<Duration>,
    /// The longest that one of its handlers ran.
    pub ran_for: Duration,
    /// When the channel that had taken it was lost, with the call not answered.
    pub doomed: Option<Duration>,
    /// Whether the channel that had taken it let a bit flip while it was open, so that its reply may be anything.
    pub spoilt: bool,
    /// What was wrong with its reply.
    pub wrong: Option<String>,
    /// Whether it was made after everything had been healed.
    pub is_probe: bool,
    /// Whether its handler, or the codec of its message, was asked to fail or to panic.
    pub may_fail: bool,
    /// Whether its handler was asked never to end.
    pub is_endless: bool,
    /// Whether it is larger than its server allows.
    pub is_too_large: bool,
}

impl Call {
    /// A call that is made now.
    #[must_use]
    pub fn new(manner: Manner, began: Duration, timeout: Duration) -> Self {
        Self { manner, began, timeout, ..Self::default() }
    }

    /// Whether its caller still waits.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Every call of a run, by number.
#[derive(Debug, Default)]
pub struct History {
    calls: BTreeMap<u64, Call>,
    open: usize,
}

impl History {
    /// Call `number` is made.
    pub fn begins(&mut self, number: u64, call: Call) {
        self.calls.insert(number, call);
        self.open += 1;
    }

    /// The caller of `number` is told.
    pub fn ends(&mut self, number: u64, at: Duration, end: End) {
        if let Some(call) = self.calls.get_mut(&number) {
            self.open -= usize::from(call.is_open());
            call.ends.push((at, end));
        }
    }

    /// Something is to be noted of call `number`; whether there is such a call.
    pub fn note(&mut self, number: u64, note: impl FnOnce(&mut Call)) -> bool {
        self.calls.get_mut(&number).map(note).is_some()
    }

    /// As [`note`](Self::note), where its caller still waits.
    pub fn note_open(&mut self, number: u64, note: impl FnOnce(&mut Call)) {
        if let Some(call) = self.calls.get_mut(&number).filter(|call| call.is_open()) {
            note(call);
        }
    }

    /// Calls whose callers wait and that a channel has taken.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.calls.values().filter(|call| call.is_open() && !call.sent.is_empty()).count()
    }

    /// Calls whose callers wait.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// Calls that ended as `end`.
    #[must_use]
    pub fn count(&self, end: End) -> usize {
        self.calls.values().filter(|call| call.ends.iter().any(|(_, told)| *told == end)).count()
    }

    /// Every call, by number.
    #[must_use]
    pub fn calls(&self) -> &BTreeMap<u64, Call> {
        &self.calls
    }
}
