//! Handlers that do what a server without a promise would let them do.

use std::future::pending;
use std::sync::Arc;

use crate::stack::Handler;

/// They run on when they are dropped.
pub(super) fn runs_on(handler: Handler) -> Handler {
    Arc::new(move |body, one_way| {
        let running = tokio::spawn(handler(body, one_way));
        Box::pin(async move { running.await.unwrap_or_else(|_| Err("the handler panicked".to_owned())) })
    })
}

/// One that panics never ends.
pub(super) fn hangs_at_panics(handler: Handler) -> Handler {
    Arc::new(move |body, one_way| {
        let running = tokio::spawn(handler(body, one_way));
        Box::pin(async move {
            match running.await {
                Ok(answer) => answer,
                Err(_) => pending().await,
            }
        })
    })
}

/// One that wants no reply never ends.
pub(super) fn keeps_one_ways(handler: Handler) -> Handler {
    Arc::new(move |body, one_way| {
        let answer = handler(body, one_way);
        Box::pin(async move {
            let answer = answer.await;
            if one_way {
                pending::<()>().await;
            }
            answer
        })
    })
}

/// Something of each request is kept for ever.
pub(super) fn leaks(handler: Handler) -> Handler {
    const KEPT: usize = 64 << 10;
    Arc::new(move |body, one_way| {
        std::mem::forget(Vec::<u8>::with_capacity(KEPT));
        handler(body, one_way)
    })
}
