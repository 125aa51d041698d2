//! A call of the library, as the closed loop of callers makes it.

use std::sync::atomic::{AtomicU64, Ordering};

use ::listenrain::{CallError, Client, RawBytes};
use bytes::Bytes;

use super::CALL_WITHIN;
use super::messages::{Tagged, TaggedMessages};
use crate::drive::callers::{Call, Failure};

/// Payloads as they are.
pub(super) struct Plain(pub(super) Client<RawBytes>);

impl Call for Plain {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        self.0.call_within(payload, CALL_WITHIN).await.map_err(|error| failure(&error))
    }

    async fn one_way(&self, payload: Bytes) -> Result<(), Failure> {
        self.0.one_way(payload).await.map_err(|error| failure(&error))
    }
}

/// Payloads under ids of the caller's own, counted up from where the original's client of that number starts.
pub(super) struct Tagging {
    client: Client<TaggedMessages>,
    next: AtomicU64,
}

impl Tagging {
    pub(super) fn new(client: Client<TaggedMessages>, first: u64) -> Self {
        Self { client, next: AtomicU64::new(first) }
    }
}

impl Call for Tagging {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let message = Tagged { id, data: payload };
        let reply = self.client.call_within(message, CALL_WITHIN).await.map_err(|error| failure(&error))?;
        if reply.id != id {
            let message = format!("the reply to {id} carries {}", reply.id);
            return Err(Failure { kind: "id", message });
        }
        Ok(reply.data)
    }
}

fn failure(error: &CallError) -> Failure {
    let kind = match error {
        CallError::Refused(_) => "refused",
        CallError::Timeout => "timeout",
        CallError::Lost { .. } => "lost",
        CallError::Cancelled => "cancelled",
        _ => "failed",
    };
    let source = std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"));
    Failure { kind, message: format!("{error}{source}") }
}
