//! Routers of one handler, which tests steer by messages, notifications or by hand.

use super::*;

/// A router of one handler, which has what it shares with the test at hand.
pub(crate) fn handling<S, R>(
    shared: &S,
    handler: impl Fn(S, Request<Bytes>) -> R + Send + Sync + 'static,
) -> Router<RawBytes>
where
    S: Clone + Send + Sync + 'static,
    R: Future<Output = Result<Bytes, HandlerError>> + Send + 'static,
{
    let shared = shared.clone();
    Router::new().fallback(move |request| handler(shared.clone(), request))
}

/// Answers every request with its own message.
pub(crate) fn echo() -> Router<RawBytes> {
    Router::new().fallback(|request| async move { Ok(request.message) })
}

/// An echo that a few messages tell to do otherwise: to answer `later` at its second poll, `slow` after a second and
/// `never` not at all, and to fail at `bad` and `worse`.
pub(crate) fn obeying() -> Router<RawBytes> {
    Router::new().fallback(|request: Request<Bytes>| async move {
        match &request.message[..] {
            b"later" => tokio::task::yield_now().await,
            b"slow" => tokio::time::sleep(secs(1)).await,
            b"never" => std::future::pending().await,
            b"bad" | b"worse" => return Err(HandlerError::new("no good")),
            _ => {}
        }
        Ok(request.message)
    })
}

/// Counts the requests it gets, then answers with them.
pub(crate) fn counting_echo() -> (Router<RawBytes>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let router = handling(&count, |count, request| async move {
        count.fetch_add(1, SeqCst);
        Ok(request.message)
    });
    (router, count)
}

/// Never answers, and never lets go of the request.
pub(crate) fn silent() -> Router<RawBytes> {
    Router::new().fallback(|_| std::future::pending())
}

/// A server of handlers that each wait to be let go on; the receiver hears of each that begins.
pub(crate) fn gated() -> (Router<RawBytes>, UnboundedReceiver<(Bytes, Arc<Notify>)>) {
    let (sender, receiver) = unbounded_channel();
    let router = handling(&sender, |sender, request| async move {
        let go_on = Arc::new(Notify::new());
        let _ = sender.send((request.message.clone(), Arc::clone(&go_on)));
        go_on.notified().await;
        Ok(request.message)
    });
    (router, receiver)
}

/// A request, and what answers it.
pub(crate) type Asked = (Request<Bytes>, Responder<RawBytes>);

/// Hands every request over to the test; its handler ends with that.
pub(crate) fn handed_over() -> (Router<RawBytes>, UnboundedReceiver<Asked>) {
    let (sender, receiver) = unbounded_channel();
    let router = Router::new().respond(Command(0), move |request, responder| {
        let sender = sender.clone();
        async move {
            tokio::task::yield_now().await;
            let _ = sender.send((request, responder));
        }
    });
    (router, receiver)
}
