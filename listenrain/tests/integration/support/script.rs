//! Messages that say what becomes of them.

use super::*;

/// What a peer must never be told.
pub(crate) const SECRET: &str = "postgres://root:secret@10.0.0.1";

/// A codec that fails at some messages.
#[derive(Debug)]
pub(crate) struct Script;

impl MessageCodec for Script {
    type Message = Bytes;

    fn encode(&self, message: Bytes) -> Result<Payload, MessageError> {
        assert!(message != "encode panics", "{SECRET}");
        if message == "encode fails" {
            return Err(MessageError::new("a field is missing"));
        }
        Ok(message.into())
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, MessageError> {
        assert!(payload != "decode panics" && payload != "reply panics", "{SECRET}");
        if payload == "decode fails" {
            return Err(MessageError::new("no such field"));
        }
        Ok(payload)
    }

    fn command(&self, message: &Bytes) -> Command {
        Command(u32::from(message.starts_with(b"unknown")))
    }
}

pub(crate) fn script() -> Protocol<Script> {
    Protocol::builder("script", Script).build().unwrap()
}

/// A server of a handler that does what a message says, or answers with it.
pub(crate) fn scripted() -> ServerBuilder<Script> {
    let router = Router::new().on(Command(0), |request: Request<Bytes>| async move {
        match &request.message[..] {
            b"panic at once" => panic!("{SECRET}"),
            b"panic later" => {
                tokio::task::yield_now().await;
                panic!("{SECRET}")
            }
            b"fail" => Err(HandlerError::new("no such user")),
            b"fail by a cause" => Err(io::Error::other(SECRET))?,
            b"fail by a cause and say so" => {
                Err(HandlerError::new("try later").because(io::Error::other(SECRET)))
            }
            b"reply fails to encode" => Ok("encode fails".into()),
            b"reply panics in encode" => Ok("encode panics".into()),
            b"reply panics in decode" => Ok("reply panics".into()),
            _ => Ok(request.message),
        }
    });
    Server::builder(script(), router)
}
