//! The failure of a case.

use std::error::Error;
use std::fmt;

use listenrain::{CallError, EndpointError, LinkError, NextError, OptionError, ProtocolError, Refusal};

/// What a case expected and what it saw instead, as text for the author of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

/// What a case, or a step of one, ends in.
pub(crate) type Check<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure that says `what`.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The same failure, with where it happened in front.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<NextError> for Failure {
    fn from(error: NextError) -> Self {
        Self(describe(&error))
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        Self(error.to_string())
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        Self(error.to_string())
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self(format!("a call ended without its reply: {}", causes(&error)))
    }
}

impl From<Refusal> for Failure {
    fn from(error: Refusal) -> Self {
        Self(causes(&error))
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Self(error.to_string())
    }
}

impl From<OptionError> for Failure {
    fn from(error: OptionError) -> Self {
        Self(error.to_string())
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(format!("a task of the case did not end well: {error}"))
    }
}

/// An error with what caused it.
pub(crate) fn describe(error: &NextError) -> String {
    let source = error.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{error}{source}")
}

/// An error with everything that caused it.
fn causes(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| Error::source(*error));
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// Ends the case with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::new(format!($($text)+)));
        }
    };
}
pub(crate) use ensure;
