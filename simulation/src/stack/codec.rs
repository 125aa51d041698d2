//! A codec of plain bytes that panics where a scenario asks it to.

use bytes::Bytes;
use listenrain::{MessageCodec, MessageError, Payload};

use super::bodies::{spoils_client, spoils_server};
use crate::panics::Injected;

/// Messages are bytes, as they are.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioBytes(pub(super) Whose);

/// Who has a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Client,
    Server,
    /// A party that neither calls nor serves.
    Nobody,
}

impl MessageCodec for ScenarioBytes {
    type Message = Bytes;

    fn encode(&self, message: Bytes) -> Result<Payload, MessageError> {
        Ok(message.into())
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, MessageError> {
        let spoils = match self.0 {
            Whose::Client => spoils_client(&payload),
            Whose::Server => spoils_server(&payload),
            Whose::Nobody => false,
        };
        if spoils {
            std::panic::panic_any(Injected);
        }
        Ok(payload)
    }
}
