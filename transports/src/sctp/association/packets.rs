//! Incoming packets of an association: chunks, and the messages in them.

use bytes::Bytes;
use tokio::time::Instant;

use super::{Association, Role};
use crate::sctp::engine::Message;
use crate::sctp::fault::{Loss, Violation};
use crate::sctp::lane::Lane;
use crate::sctp::message::Control;
use crate::sctp::wire::{self, Chunk, Packet, kind};

/// What an acknowledgement says.
#[derive(Clone, Copy)]
struct Acknowledgement {
    last: u32,
    window: u32,
}

impl Association {
    /// Takes a packet from the peer's address. `room` is how many lanes may be accepted.
    pub(in super::super) fn receive(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        datagram: &Bytes,
        room: usize,
    ) {
        if self.lost.is_some() || !self.is_ours(packet) {
            return;
        }
        let goes_whole = goes_whole(packet, datagram.len());
        // The engine checks what goes to it whole.
        if !goes_whole && !packet.is_intact() {
            return;
        }
        match self.check(packet) {
            Ok(true) => {}
            Ok(false) => return,
            Err(violation) if packet.is_intact() => return self.lose(violation.into()),
            Err(_) => return,
        }
        if goes_whole {
            self.transfer(now, datagram.clone(), packet.chunks().find_map(acknowledgement), room);
        } else {
            self.hear(now, packet, room);
        }
    }

    /// Whether the packet carries our tag, or gives back the one that we put on ours.
    fn is_ours(&self, packet: &Packet<'_>) -> bool {
        let header = packet.header;
        if (header.source, header.destination) != (self.header.destination, self.header.source) {
            return false;
        }
        header.tag == if packet.is_reflected() { self.header.tag } else { self.own_tag }
    }

    /// Whether the engine can be given the packet's data; one that is far ahead of all others will be sent again.
    fn check(&self, packet: &Packet<'_>) -> Result<bool, Violation> {
        for chunk in packet.chunks().filter(|chunk| chunk.kind == kind::DATA) {
            self.engine.check_data(chunk.flags, chunk.value)?;
            if !self.had_lane {
                check_first(chunk)?;
            }
            if self.engine.is_too_far(chunk.value) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Acts on the chunks that are not the engine's, and hands it those that are, one by one.
    fn hear(&mut self, now: Instant, packet: &Packet<'_>, room: usize) {
        self.liveness.heard(now);
        let mut heard = 0u16;
        for chunk in packet.chunks() {
            // One of a kind is answered, so that no packet makes many.
            let is_repeated = chunk.kind < 16 && heard & (1 << chunk.kind) != 0;
            heard |= 1u16.checked_shl(chunk.kind.into()).unwrap_or(0);
            match chunk.kind {
                kind::DATA | kind::SACK => {
                    let alone = wire::packet_of(packet.header, [chunk]);
                    self.transfer(now, alone, acknowledgement(chunk), room);
                }
                _ if is_repeated => {}
                kind::HEARTBEAT if chunk.whole.len() <= self.mtu - wire::HEADER_LEN => {
                    self.say(kind::HEARTBEAT_ACK, chunk.value);
                }
                // Its sender has missed the answer.
                kind::COOKIE_ECHO => self.say(kind::COOKIE_ACK, &[]),
                kind::ABORT => {
                    let why = String::from_utf8_lossy(chunk.value.get(4..).unwrap_or_default());
                    tracing::debug!(%why, "the peer aborted the association");
                    return self.lose(Loss::Aborted);
                }
                kind::SHUTDOWN | kind::SHUTDOWN_ACK | kind::SHUTDOWN_COMPLETE => {
                    self.hear_ending(now, chunk, room);
                }
                // Of a kind that is not known, the upper bit says whether to go on with those behind it.
                15.. if chunk.kind & 0x80 == 0 => break,
                _ => {}
            }
        }
    }

    fn hear_ending(&mut self, now: Instant, chunk: Chunk<'_>, room: usize) {
        if chunk.kind == kind::SHUTDOWN {
            // It is an acknowledgement too.
            if let Some(last) = wire::u32_at(chunk.value, 0) {
                self.acknowledge(now, last, room);
            }
            self.lose_lanes(&Loss::Shutdown);
        }
        if let Some(kind) = self.ending.hear(chunk.kind, now) {
            self.say_ending(kind);
        }
    }

    /// Tells the engine by a SACK what the peer has said otherwise.
    fn acknowledge(&mut self, now: Instant, last: u32, room: usize) {
        let mut value = [0; 12];
        value[..4].copy_from_slice(&last.to_be_bytes());
        // It will send nothing more of size, whatever the window.
        value[4..8].copy_from_slice(&(1u32 << 16).to_be_bytes());
        let header = self.header.back(self.own_tag);
        let packet = wire::packet(header, kind::SACK, 0, &value);
        self.transfer(now, packet, Some(Acknowledgement { last, window: 1 << 16 }), room);
    }

    fn transfer(&mut self, now: Instant, packet: Bytes, sack: Option<Acknowledgement>, room: usize) {
        if self.lost.is_some() || !self.engine.receive(now, packet) {
            return;
        }
        self.liveness.heard(now);
        if let Some(sack) = sack {
            self.liveness.acknowledged(sack.last, (sack.window as usize) < self.mtu, now);
        }
        while let Some((stream, message)) = self.engine.next_message() {
            if let Err(violation) = self.on_message(stream, message, room) {
                return self.lose(violation.into());
            }
        }
        if let Some(why) = self.engine.broken {
            self.lose(Violation::Transfer(why).into());
        }
    }

    fn on_message(&mut self, stream: u16, message: Message, room: usize) -> Result<(), Violation> {
        let is_listener = self.role == Role::Listener;
        match (self.lanes.on(stream), message) {
            (Some(key), Message::Data(data)) => self.on_lane(key, |lane, scope| lane.on_data(data, scope)),
            (Some(key), Message::Control(control)) => self.on_control(key, control?),
            (None, Message::Control(control)) if is_listener => self.on_stray(stream, control?, room),
            (None, Message::Control(control)) => Err(Violation::NoLane { what: control?.name(), stream }),
            (None, Message::Data(_)) => Err(Violation::NoLane { what: "DATA", stream }),
        }
    }

    fn on_control(&mut self, key: usize, control: Control) -> Result<(), Violation> {
        let is_last_word = control == Control::Closed && self.role == Role::Dialer;
        if is_last_word && self.lanes.get_mut(key).is_over() {
            self.release(key);
            return Ok(());
        }
        self.on_lane(key, |lane, scope| lane.on_control(control, scope))
    }

    /// A control message on a stream that has no lane, at the side that cannot ask for one.
    fn on_stray(&mut self, stream: u16, control: Control, room: usize) -> Result<(), Violation> {
        match control {
            Control::Open { window } if self.arrived.len() < room && self.ending.is_open() => {
                let lane = Lane::accept(stream, window, &mut self.scope());
                let key = self.lanes.insert(lane);
                self.arrived.push(key);
                self.had_lane = true;
                Ok(())
            }
            Control::Open { .. } => {
                let lane = Lane::refuse(stream, &mut self.scope());
                self.lanes.insert(lane);
                Ok(())
            }
            // Said before the dialer heard that the lane is closed.
            Control::Credit { .. } | Control::Stop | Control::Abort => Ok(()),
            other => Err(Violation::NoLane { what: other.name(), stream }),
        }
    }
}

/// Before its first lane was taken on a dialer says nothing but short control messages. Anything longer would be kept for a
/// peer that has proved nothing.
fn check_first(chunk: Chunk<'_>) -> Result<(), Violation> {
    const WHOLE: u8 = 3;
    let len = chunk.value.len().saturating_sub(wire::DATA_HEADER_LEN - wire::CHUNK_HEADER_LEN);
    if chunk.flags & WHOLE == WHOLE && len <= Control::MAX_LEN {
        return Ok(());
    }
    let stream = wire::u16_at(chunk.value, 4).unwrap_or_default();
    Err(Violation::NoLane { what: "DATA", stream })
}

/// What a SACK says; `None` of any other chunk.
fn acknowledgement(chunk: Chunk<'_>) -> Option<Acknowledgement> {
    let value = Some(chunk.value).filter(|_| chunk.kind == kind::SACK)?;
    Some(Acknowledgement { last: wire::u32_at(value, 0)?, window: wire::u32_at(value, 4)? })
}

/// Whether the engine takes a packet of `len` bytes as it came: then each chunk that it keeps keeps all of the packet in
/// memory. So only what is a chunk alone, or whole messages in a small packet.
fn goes_whole(packet: &Packet<'_>, len: usize) -> bool {
    const SMALL: usize = 2048;
    const WHOLE: u8 = 3;
    match packet.single() {
        Some(chunk) => matches!(chunk.kind, kind::DATA | kind::SACK),
        None => {
            len <= SMALL
                && packet.chunks().all(|chunk| chunk.kind == kind::DATA && chunk.flags & WHOLE == WHOLE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sctp::wire::Header;

    #[test]
    fn no_chunk_that_may_stay_keeps_a_packet_of_others_in_memory() {
        let header = Header { source: 1, destination: 2, tag: 3 };
        let chunk = |kind, flags, len| wire::packet(header, kind, flags, &vec![0; len]);
        let whole = |parts: &[Bytes]| {
            let chunks = parts.iter().map(|part| Packet::parse(part).unwrap().single().unwrap());
            let packet = wire::packet_of(header, chunks);
            goes_whole(&Packet::parse(&packet).unwrap(), packet.len())
        };
        assert!(whole(&[chunk(kind::DATA, 2, 10_000)]));
        assert!(whole(&[chunk(kind::SACK, 0, 12)]));
        assert!(whole(&[chunk(kind::DATA, 3, 900), chunk(kind::DATA, 3, 900)]));
        assert!(!whole(&[chunk(kind::DATA, 3, 2020), chunk(kind::DATA, 3, 20)]));
        assert!(!whole(&[chunk(kind::DATA, 3, 20), chunk(kind::DATA, 2, 20)]));
        assert!(!whole(&[chunk(kind::SACK, 0, 12), chunk(kind::DATA, 3, 20)]));
        assert!(!whole(&[chunk(kind::HEARTBEAT, 0, 12)]));
    }
}
