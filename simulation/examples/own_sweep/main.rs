//! A user's transport and a user's protocol, put through scenarios with faults, in simulated time.

mod transport;

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use listenrain::{Correlation, MessageCodec, MessageError, OriginalPackets, Payload, Protocol};
use listenrain_simulation::network::Local;
use listenrain_simulation::stack::Library;
use listenrain_simulation::sweep;

use self::transport::TinCans;

/// Bytes backwards. What scenarios say begins with the number of its call, in replies too: that is the id.
#[derive(Debug)]
struct Backwards;

impl MessageCodec for Backwards {
    type Message = Vec<u8>;

    fn encode(&self, message: Vec<u8>) -> Result<Payload, MessageError> {
        Ok(message.into_iter().rev().collect::<Bytes>().into())
    }

    fn decode(&self, payload: Bytes) -> Result<Vec<u8>, MessageError> {
        Ok(payload.iter().rev().copied().collect())
    }
}

fn protocol(name: &str) -> Protocol<Backwards> {
    let packets = OriginalPackets::default().with_max_packet(8 << 20);
    let id = |payload: &[u8]| payload.last_chunk::<8>().copied().ok_or_else(|| MessageError::new("no id"));
    let builder = Protocol::builder(name, Backwards).packets(packets);
    builder.correlation(Correlation::by_message(id)).build().expect("messages have ids")
}

pub(crate) fn main() -> ExitCode {
    let transport = || Arc::new(TinCans::with_strings_of(4096)) as _;
    let network = Local::simulated("cans", "strings between tin cans", transport);
    let stack = Library::speaking("backwards", protocol, |body| body.to_vec(), Bytes::from);
    let swept = sweep(0..60).network(network).stack(stack).partial().run();
    print!("{swept}");
    if swept.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
