//! First contact: one small request on each connection before the load, so that a target which is not there or speaks
//! another protocol is refused and not measured.

use std::future::Future;
use std::time::Duration;

use ::listenrain::NextError;
use bytes::Bytes;
use tokio::time::timeout;

use super::callers::Failure;
use super::{Setting, StackError};
use crate::payload::{self, STAMP, Thoroughness};

/// How long a target may take to be reached, and to answer the first request.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The number of the first request. Its bytes begin no packet of any protocol.
const NUMBER: u64 = u64::MAX;

/// Makes connections to what a cell measures.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    /// What is dialled, if it is somebody else's.
    target: Option<String>,
    protocol: String,
    within: Duration,
}

impl Contact {
    pub(super) fn of(setting: &Setting) -> Self {
        let target = setting.config.target.as_ref().map(|_| setting.endpoint.to_string());
        Self { target, protocol: setting.config.protocol.to_string(), within: setting.answer_within }
    }

    /// What `connecting` gives, unless it takes too long.
    ///
    /// # Errors
    ///
    /// [`StackError::Unreachable`] for a target, or the error itself for a server of this process.
    pub(super) async fn reach<T>(
        &self,
        connecting: impl Future<Output = Result<T, StackError>>,
    ) -> Result<T, StackError> {
        let reached = timeout(self.within, connecting).await;
        let reached = reached.unwrap_or_else(|_| {
            Err(StackError::Stack(format!(
                "no connection within {}",
                humantime::format_duration(self.within)
            )))
        });
        reached.map_err(|error| match (&self.target, error) {
            (None, error) => error,
            (Some(endpoint), StackError::Next { error }) => unreachable(endpoint, reason(&error)),
            (Some(endpoint), error) => unreachable(endpoint, error.to_string()),
        })
    }

    /// Sends the first request by `call` and checks the reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Foreign`] or [`StackError::Silent`] for a target, [`StackError::Stack`] for a server of this
    /// process.
    pub(super) async fn greet<F>(&self, call: impl FnOnce(Bytes) -> F) -> Result<(), StackError>
    where
        F: Future<Output = Result<Bytes, Failure>>,
    {
        let mut request = vec![0; STAMP];
        payload::fill(&mut request, NUMBER);
        let answered = timeout(self.within, call(request.into())).await;
        let protocol = self.protocol.clone();
        let Ok(answered) = answered else {
            let within = humantime::format_duration(self.within).to_string();
            return Err(match self.target.clone() {
                Some(endpoint) => StackError::Silent { endpoint, protocol, within },
                None => StackError::Stack(format!("the first request got no reply within {within}")),
            });
        };
        let checked = answered.map_err(|failure| failure.message).and_then(|reply| {
            let checked = payload::check(&reply, STAMP, NUMBER, Thoroughness::Full);
            checked.map_err(|_| format!("the reply to {STAMP} bytes was {}", shown(&reply)))
        });
        checked.map_err(|why| match self.target.clone() {
            Some(endpoint) => StackError::Foreign { endpoint, protocol, why },
            None => StackError::Stack(format!("the first request went wrong: {why}")),
        })
    }
}

fn unreachable(endpoint: &str, why: String) -> StackError {
    StackError::Unreachable { endpoint: endpoint.to_owned(), why }
}

/// What the system said, once.
pub(super) fn reason(error: &NextError) -> String {
    let kind = error.kind.to_string();
    match &error.source {
        Some(source) => {
            let source = source.to_string();
            let says_so = source.to_lowercase().contains(&kind.to_lowercase());
            if says_so { kind } else { format!("{kind}: {source}") }
        }
        None => kind,
    }
}

/// The beginning of a reply, for people to read.
fn shown(reply: &[u8]) -> String {
    let most = 2 * STAMP;
    let more = if reply.len() > most { "…" } else { "" };
    format!("`{}{more}`", reply[..reply.len().min(most)].escape_ascii())
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
