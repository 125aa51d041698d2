//! The messages of say-hi, as the original writes them.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | how many bytes of header follow: command and id |
//! | 4 | command: 0 request, 1 response |
//! | the rest of the header | message id, UTF-8 |
//! | 4 | length of the name |
//! | that many | name, UTF-8 |
//!
//! Numbers are big-endian. A packet is four bytes of length in front of that.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use listenrain::{
    Command, Correlation, MessageCodec, MessageError, OriginalPackets, Payload, Protocol, ProtocolError,
};

/// How long a call waits for its reply.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) const REQUEST: Command = Command(0);
pub(crate) const RESPONSE: Command = Command(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hi {
    pub(crate) command: Command,
    /// Chosen by the caller; the response carries the same.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Everything that both sides agree on.
pub(crate) fn sayhi() -> Result<Protocol<HiCodec>, ProtocolError> {
    Protocol::builder("sayhi", HiCodec)
        .packets(OriginalPackets::default().with_max_packet(64 * 1024))
        .correlation(Correlation::by_message(|payload| {
            let (header, _) = sized(payload, "header")?;
            let (_, id) = split(header, "command")?;
            text(id, "message id")
        }))
        .timeout(TIMEOUT)
        .build()
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct HiCodec;

impl MessageCodec for HiCodec {
    type Message = Hi;

    fn encode(&self, hi: Hi) -> Result<Payload, MessageError> {
        let mut bytes = BytesMut::with_capacity(12 + hi.id.len() + hi.name.len());
        bytes.put_u32(length(4 + hi.id.len())?);
        bytes.put_u32(hi.command.0);
        bytes.put_slice(hi.id.as_bytes());
        bytes.put_u32(length(hi.name.len())?);
        bytes.put_slice(hi.name.as_bytes());
        Ok(bytes.into())
    }

    fn decode(&self, payload: Bytes) -> Result<Hi, MessageError> {
        let (header, body) = sized(&payload, "header")?;
        let (command, id) = split(header, "command")?;
        let (name, rest) = sized(body, "name")?;
        if command > RESPONSE.0 {
            return Err(MessageError::new(format!("command {command} is neither request nor response")));
        }
        if !rest.is_empty() {
            return Err(MessageError::new(format!("{} bytes behind the name", rest.len())));
        }
        Ok(Hi { command: Command(command), id: text(id, "message id")?, name: text(name, "name")? })
    }

    fn command(&self, hi: &Hi) -> Command {
        hi.command
    }
}

fn length(bytes: usize) -> Result<u32, MessageError> {
    u32::try_from(bytes).map_err(|_| MessageError::new(format!("{bytes} bytes do not fit a length")))
}

/// Four bytes of a number, and what stands behind them.
fn split<'a>(bytes: &'a [u8], what: &str) -> Result<(u32, &'a [u8]), MessageError> {
    let cut = bytes.split_first_chunk();
    let (number, rest) = cut.ok_or_else(|| MessageError::new(format!("too short for the {what}")))?;
    Ok((u32::from_be_bytes(*number), rest))
}

/// A length and that many bytes, and what stands behind them. The length is compared, never added to, so that none is
/// too large.
fn sized<'a>(bytes: &'a [u8], what: &str) -> Result<(&'a [u8], &'a [u8]), MessageError> {
    let (length, rest) = split(bytes, what)?;
    let cut = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    cut.ok_or_else(|| {
        let there = rest.len();
        MessageError::new(format!("{what} of {length} bytes, of which {there} are there"))
    })
}

fn text(bytes: &[u8], what: &str) -> Result<String, MessageError> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|error| MessageError::new(format!("{what}: {error}")))
}
