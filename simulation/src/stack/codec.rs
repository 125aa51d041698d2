//! A codec of plain bytes that panics where a scenario asks it to.

use bytes::Bytes;
use listenrain::{MessageCodec, MessageError, Payload};

use crate::panics::Injected;
use crate::scenario::{spoils_client, spoils_server};

/// Messages are bytes, as they are.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioBytes {
    is_server: bool,
}

impl ScenarioBytes {
    pub(super) fn new(is_server: bool) -> Self {
        Self { is_server }
    }
}

impl MessageCodec for ScenarioBytes {
    type Message = Bytes;

    fn encode(&self, message: Bytes) -> Result<Payload, MessageError> {
        Ok(message.into())
    }

    fn decode(&self, payload: Bytes) -> Result<Bytes, MessageError> {
        let spoils = if self.is_server { spoils_server(&payload) } else { spoils_client(&payload) };
        if spoils {
            std::panic::panic_any(Injected);
        }
        Ok(payload)
    }
}
