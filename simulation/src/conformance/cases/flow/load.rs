//! Load: many channels, many messages.

use tokio::task::JoinSet;

use crate::conformance::connection::Connection;
use crate::conformance::context::{Acceptor, Endpoints, TestContext};
use crate::conformance::failure::{Check, Failure, all};

/// Bytes of a message.
const MESSAGE: usize = 100;

pub(super) async fn stress(context: &mut TestContext) -> Check {
    for (channels, messages) in [(1, 1), (1, 100), (50, 10), (1, 1000)] {
        let messages = context.size(messages, messages.min(10));
        let mut endpoints = context.endpoints().await?;
        let mut tasks = JoinSet::new();
        let mut open = Vec::new();
        for _ in 0..channels {
            open.push(endpoints.connect().await?);
        }
        for (near, far) in open {
            tasks.spawn(ask(near, messages));
            tasks.spawn(echo(far, messages));
        }
        let at = |failure: Failure| failure.at(format!("{channels} channels x {messages} messages"));
        all(tasks).await.map_err(at)?;
    }
    Ok(())
}

/// Two messages are under way at once.
async fn ask(mut near: Connection, messages: usize) -> Check {
    near.writer.send(MESSAGE).await?;
    for _ in 1..messages {
        near.writer.send(MESSAGE).await?;
        near.reader.through(MESSAGE).await?;
    }
    near.reader.through(MESSAGE).await
}

async fn echo(mut far: Connection, messages: usize) -> Check {
    for _ in 0..messages {
        far.reader.through(MESSAGE).await?;
        far.writer.send(MESSAGE).await?;
    }
    // Closed by the end that asked, so that the last answer is not cut off.
    far.reader.until_over().await?;
    Ok(())
}

/// Dialers, several times as many as the queue holds.
const DIALLERS: u64 = 16;

pub(super) async fn more_than_limit(context: &mut TestContext) -> Check {
    let Endpoints { listener, .. } = context.endpoints_at(&context.scratch_with_short_queue()).await?;
    let mut dialling = JoinSet::new();
    for number in 0..DIALLERS {
        let dialer = context.dialer(listener.endpoint())?;
        dialling.spawn(dial_until_served(dialer, number));
    }
    tokio::select! {
        biased;
        served = all(dialling) => served.map(drop),
        failure = serve_slowly(listener) => Err(failure),
    }
}

async fn dial_until_served(mut dialer: Acceptor, number: u64) -> Check {
    dialer.introduced(number).await?.reader.through(MESSAGE).await
}

/// One after the other; comes back only with a failure.
async fn serve_slowly(mut listener: Acceptor) -> Failure {
    let mut served = Vec::new();
    loop {
        let serving = async {
            let mut far = listener.next().await?;
            if far.meet().await?.is_some() {
                far.writer.send(MESSAGE).await?;
            }
            Check::Ok(far)
        };
        match serving.await {
            Ok(far) => served.push(far),
            Err(failure) => return failure,
        }
    }
}
