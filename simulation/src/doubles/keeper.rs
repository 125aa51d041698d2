//! Keeps a line's channel: dials, reads and writes until it is lost, and dials again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{
    CallError, Channel, ErrorCode, Failure, Kind, Outcome, Packet, Refusal, RemoteError, RemoteRefusal,
};
use tokio::time::sleep;

use super::calls::Calls;
use super::flaw::Flaw;
use super::line::{Line, State};
use super::source::Source;
use super::wire::{Reader, Writer};

/// Between two dials; twice as long after each that fails, at most [`SLOWEST`].
const BETWEEN: Duration = Duration::from_millis(10);
const SLOWEST: Duration = Duration::from_millis(200);

/// How long a write takes that has room: without it a writer that never stops would stop the simulated clock.
const WRITE: Duration = Duration::from_millis(1);

/// Keeps a channel of `source` for `line` until it is over.
pub(super) async fn keep(line: Arc<Line>, mut source: Source, down_after: u32) {
    let mut left_behind = Vec::new();
    let mut failed = 0;
    while !line.is_over() {
        let dialled = tokio::select! {
            biased;
            () = line.over() => break,
            dialled = source.next() => dialled,
        };
        if let Some(channel) = dialled {
            failed = 0;
            line.state.send_replace(State::Up);
            let halves = carry(&line, channel).await;
            if line.faulty.has(Flaw::LR15) && source.is_list() && !line.is_over() {
                left_behind.push(halves);
            }
            line.state.send_replace(State::Recovering);
        } else {
            failed += 1;
            line.dial_failed(failed, down_after);
        }
        tokio::select! {
            biased;
            () = line.over() => break,
            () = sleep((BETWEEN * 2_u32.pow(failed.min(8))).min(SLOWEST)) => {}
        }
    }
    line.ended();
}

/// Carries packets both ways until the channel is lost or the line is over, and gives what is left of it.
async fn carry(line: &Line, channel: Channel) -> (Reader, Writer) {
    let (mut reader, mut writer) = (Reader::new(channel.read), Writer::new(channel.write));
    {
        let reading = pin!(async {
            read(line, &mut reader).await;
            line.with_calls(Calls::link_lost);
        });
        let writing = pin!(write(line, &mut writer));
        let carrying = pin!(async {
            if line.faulty.has(Flaw::LR02) {
                tokio::join!(reading, writing);
            } else {
                tokio::select! { biased; () = reading => {}, () = writing => {} }
            }
        });
        tokio::select! {
            biased;
            () = line.over(), if !line.faulty.has(Flaw::LR08) => {}
            () = carrying => {}
        }
    }
    if !line.is_over() {
        line.with_calls(Calls::link_lost);
    }
    (reader, writer)
}

async fn read(line: &Line, reader: &mut Reader) {
    while let Some(packet) = reader.next().await {
        if line.faulty.has(Flaw::LR12) && line.is_closing() {
            continue;
        }
        if let Some(outcome) = outcome(packet.kind, packet.payload.into_bytes()) {
            line.arrives(packet.id, outcome);
        }
    }
}

/// What a packet of `kind` from a server says about its call.
fn outcome(kind: Kind, body: Bytes) -> Option<Outcome<Bytes>> {
    let failure = |text: &[u8]| RemoteError::new(ErrorCode::Handler, String::from_utf8_lossy(text));
    match kind {
        Kind::Reply => Some(Ok(body)),
        Kind::Error => Some(Err(CallError::Failed(Failure::Remote(failure(&body))))),
        Kind::Refused => Some(Err(CallError::Refused(Refusal::ByPeer(RemoteRefusal::Overloaded)))),
        _ => None,
    }
}

async fn write(line: &Line, writer: &mut Writer) {
    loop {
        let packet = line.next_packet().await;
        if line.faulty.has(Flaw::LR01) && line.is_closing() {
            return write_for_ever(writer, &packet).await;
        }
        if writer.write(&packet).await.is_err() {
            return;
        }
        line.with_calls(|calls| calls.written(packet.id));
    }
}

async fn write_for_ever(writer: &mut Writer, packet: &Packet) {
    while writer.write(packet).await.is_ok() {
        sleep(WRITE).await;
    }
}
