//! `MessageCodec`: typed messages and their bytes.

use std::fmt;

use bytes::Bytes;

use crate::error::MessageError;
use crate::packet::Payload;

/// Turns typed messages into payloads and back. The same codec serves both sides.
///
/// # Contract
///
/// 1. What [`encode`](Self::encode) made, [`decode`](Self::decode) reads back.
/// 2. It must not panic on input; if it does, that call fails and no other is harmed.
///
/// # Implementing
///
/// ```
/// use bytes::Bytes;
/// use listenrain::{Command, MessageCodec, MessageError, Payload};
///
/// #[derive(Debug)]
/// struct Text;
///
/// impl MessageCodec for Text {
///     type Message = String;
///
///     fn encode(&self, message: String) -> Result<Payload, MessageError> {
///         Ok(message.into())
///     }
///
///     fn decode(&self, payload: Bytes) -> Result<String, MessageError> {
///         String::from_utf8(payload.into()).map_err(|error| MessageError::new(error.to_string()))
///     }
/// }
/// ```
#[doc(alias = "EnDecMessage")]
pub trait MessageCodec: Send + Sync + fmt::Debug + 'static {
    /// What callers send and handlers answer with.
    type Message: Send + 'static;

    /// The payload of `message`. Long parts are handed over as [`Bytes`], not copied.
    ///
    /// # Errors
    ///
    /// When the message has no encoding.
    fn encode(&self, message: Self::Message) -> Result<Payload, MessageError>;

    /// The message of `payload`, which it may keep parts of without copying.
    ///
    /// # Errors
    ///
    /// When the payload is no message.
    fn decode(&self, payload: Bytes) -> Result<Self::Message, MessageError>;

    /// By which handler a request is served. Default: command 0 for all.
    fn command(&self, message: &Self::Message) -> Command {
        let _ = message;
        Command(0)
    }
}

/// What a request asks for: a router has a handler for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Command(pub u32);

/// Bytes as they are: the default message codec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RawBytes;

impl MessageCodec for RawBytes {
    type Message = Bytes;

    fn encode(&self, message: Bytes) -> Result<Payload, MessageError> {
        Ok(message.into())
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, MessageError> {
        Ok(payload)
    }
}
