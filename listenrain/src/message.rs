//! `MessageCodec`: typed messages and their bytes.

use std::fmt;

use bytes::Bytes;

use crate::error::MessageError;
use crate::guard::guard;
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

/// What became of a call of a message codec.
#[derive(Debug)]
pub(crate) enum CodecFault {
    /// It said so.
    Error(MessageError),
    /// It panicked.
    Panic(String),
}

impl From<CodecFault> for MessageError {
    fn from(fault: CodecFault) -> Self {
        match fault {
            CodecFault::Error(error) => error,
            CodecFault::Panic(text) => Self::new(format!("codec panicked: {text}")),
        }
    }
}

fn faults<T>(result: Result<Result<T, MessageError>, String>) -> Result<T, CodecFault> {
    result.map_err(CodecFault::Panic)?.map_err(CodecFault::Error)
}

/// Calls the codec, here and in [`decode`] and nowhere else.
pub(crate) fn encode<M: MessageCodec>(codec: &M, message: M::Message) -> Result<Payload, CodecFault> {
    faults(guard(|| codec.encode(message)))
}

pub(crate) fn decode<M: MessageCodec>(codec: &M, payload: Bytes) -> Result<M::Message, CodecFault> {
    faults(guard(|| codec.decode(payload)))
}

/// As [`decode`], with the command of the request.
pub(crate) fn decode_request<M: MessageCodec>(
    codec: &M,
    payload: Bytes,
) -> Result<(Command, M::Message), CodecFault> {
    faults(guard(|| {
        let message = codec.decode(payload)?;
        Ok((codec.command(&message), message))
    }))
}

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
