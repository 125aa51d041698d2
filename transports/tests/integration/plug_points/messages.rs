//! A message codec: an id of the user's own, a command and a text, which is never copied.

use bytes::{BufMut, Bytes, BytesMut};
use listenrain::{Command, MessageCodec, MessageError, Payload};

use super::used::Used;

pub(crate) const ECHO: Command = Command(1);
pub(crate) const KEEP: Command = Command(2);
pub(crate) const NOTE: Command = Command(3);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Droplet {
    pub(crate) id: u64,
    pub(crate) command: Command,
    pub(crate) text: Bytes,
}

impl Droplet {
    pub(crate) fn new(id: u64, command: Command, text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self { id, command, text }
    }
}

#[derive(Debug)]
pub(crate) struct Drops(pub(crate) Used);

const HEADER: usize = 12;

impl MessageCodec for Drops {
    type Message = Droplet;

    fn encode(&self, message: Droplet) -> Result<Payload, MessageError> {
        self.0.note("messages encoded");
        let mut header = BytesMut::with_capacity(HEADER);
        header.put_u64(message.id);
        header.put_u32(message.command.0);
        let mut payload = Payload::new();
        payload.push(header);
        payload.push(message.text);
        Ok(payload)
    }

    fn decode(&self, payload: Bytes) -> Result<Droplet, MessageError> {
        self.0.note("messages decoded");
        let id = id_of(&payload)?;
        let command = payload.get(8..HEADER).and_then(|bytes| bytes.try_into().ok());
        let command = command.ok_or_else(|| MessageError::new("no command"))?;
        Ok(Droplet::new(id, Command(u32::from_be_bytes(command)), payload.slice(HEADER..)))
    }

    fn command(&self, message: &Droplet) -> Command {
        message.command
    }
}

/// Where the id stands: what correlation by message wants to know.
pub(crate) fn id_of(payload: &[u8]) -> Result<u64, MessageError> {
    let id = payload.first_chunk().ok_or_else(|| MessageError::new("no id"))?;
    Ok(u64::from_be_bytes(*id))
}
