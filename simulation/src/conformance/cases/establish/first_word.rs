//! Data from an accepted end while its dial is under way.

use std::future::pending;
use std::time::Duration;

use listenrain::{BoxFuture, Channel, NextError};
use tokio::time::timeout;

use crate::conformance::context::{Endpoints, TestContext, at_once};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::polls::once;

/// How long the accepting side is left alone with what it can do before the dial is polled once more.
const ALONE: Duration = Duration::from_millis(2);

pub(super) async fn accepted_end_speaks_first(context: &mut TestContext) -> Check {
    let mut endpoints = context.endpoints().await?;
    for (number, size) in (1..).zip([1, 100, 5000, 1, 60_000]) {
        let heard = first_word(&mut endpoints, number, size).await;
        heard.map_err(|failure| failure.at(format!("{size} bytes that the accepted end says first")))?;
    }
    Ok(())
}

async fn first_word(endpoints: &mut Endpoints, number: u64, size: usize) -> Check {
    let Endpoints { dialer, listener, .. } = endpoints;
    let _busy = (dialer.waiting(), listener.waiting());
    let mut dial = LateDial { dialling: dialer.generator.next(), dialled: None };
    let mut accept = listener.generator.next();
    let accepted = loop {
        // No more than the listener waits for: the later the dial looks again, the more there is for it to read too far.
        dial.poll_once().await;
        if let Ok(accepted) = timeout(ALONE, &mut accept).await {
            break accepted?;
        }
    };
    drop(accept);
    let mut far = listener.end(accepted);
    let mut saying = Box::pin(async move {
        far.introduce(number).await?;
        far.writer.send(size).await?;
        Check::Ok(far)
    });
    // What does not fit waits for the reader.
    let mut said = None;
    let all_along = async {
        said = Some((&mut saying).await);
        pending::<()>().await;
    };
    let _ = timeout(ALONE, all_along).await;
    let dialled = dial.end().await?;
    let mut near = dialer.end(dialled);
    let hearing = async {
        let met = near.meet().await?;
        ensure!(met == Some(number), "the dialled end has heard {met:?}, the accepted end has said {number}");
        near.reader.through(size).await
    };
    let saying = async {
        match said {
            Some(said) => said,
            None => saying.await,
        }
    };
    at_once("reading them, once the dial was over,", async { tokio::try_join!(hearing, saying) }).await??;
    Ok(())
}

/// A dial that is polled only when asked.
struct LateDial<'a> {
    dialling: BoxFuture<'a, Result<Channel, NextError>>,
    dialled: Option<Result<Channel, NextError>>,
}

impl LateDial<'_> {
    async fn poll_once(&mut self) {
        if self.dialled.is_none() {
            self.dialled = once(|cx| self.dialling.as_mut().poll(cx)).await;
        }
    }

    async fn end(self) -> Check<Channel> {
        let dialled = match self.dialled {
            Some(dialled) => dialled,
            None => at_once("the rest of the dial", self.dialling).await?,
        };
        Ok(dialled?)
    }
}
