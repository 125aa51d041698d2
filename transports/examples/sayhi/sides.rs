//! The server and the client.

use std::error::Error;

use listenrain::{Client, Endpoint, EndpointError, Outcome, Router, Server, StateMachine, Transport};
use listenrain_transports::Tcp;
use tokio::sync::oneshot;

use super::protocol::{Hi, REQUEST, RESPONSE, sayhi};

/// The endpoint that `text` names: `host:port`, or as the server prints it, `tcp://host:port`.
///
/// # Errors
///
/// When it is no endpoint. That its scheme is another one is told where it is used.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, EndpointError> {
    if text.contains("://") { text.parse() } else { Endpoint::new("tcp", text) }
}

/// Answers everyone who says hi; `heard` is told their names.
pub(crate) async fn serve(
    endpoint: &Endpoint,
    heard: impl Fn(&str) + Send + Sync + 'static,
) -> Result<Server, Box<dyn Error>> {
    let router = Router::new().on(REQUEST, move |request| {
        let mut hi: Hi = request.message;
        heard(&hi.name);
        hi.command = RESPONSE;
        hi.name = format!("Hi, {}", hi.name);
        async { Ok(hi) }
    });
    let listener = Tcp::default().listen(endpoint).await?;
    Ok(Server::builder(sayhi()?, router).listen(listener)?)
}

/// Says hi in every way that there is: gives the way and the reply.
pub(crate) async fn greet(endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
    let client = Client::builder(sayhi()?).dial(Tcp::default().dialer(endpoint)?)?;

    let awaited = client.call(request("1", "async")).await?;

    // A blocking call belongs on a plain thread: inside a runtime it would be refused.
    let (reply, blocked) = oneshot::channel();
    let blocking = client.clone();
    std::thread::spawn(move || reply.send(blocking.call_blocking(request("2", "sync"))));
    let blocked = blocked.await??;

    let (reply, told) = oneshot::channel();
    client.send(request("3", "state machine"), Tell { reply }).await;
    let told = told.await??;

    client.close().await;
    Ok(vec![("call().await", awaited.name), ("call_blocking()", blocked.name), ("send()", told.name)])
}

/// A state machine with a single state: it passes the outcome on. A closure would do as well.
struct Tell {
    reply: oneshot::Sender<Outcome<Hi>>,
}

impl StateMachine<Hi> for Tell {
    fn ended(self: Box<Self>, outcome: Outcome<Hi>) {
        // Nobody listens any more: then nobody needs to know.
        let _ = self.reply.send(outcome);
    }
}

fn request(id: &str, name: &str) -> Hi {
    Hi { command: REQUEST, id: id.to_owned(), name: name.to_owned() }
}
