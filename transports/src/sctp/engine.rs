//! The data transfer: `sctp-proto`, behind the few calls that are used of it.
//!
//! It cuts messages into chunks, sends them as congestion and the peer's window allow, acknowledges, retransmits, and
//! puts messages together again. It is begun in the established state and never hears of its end: it is given DATA and
//! SACK chunks of well-formed packets that carry the right tag, and nothing else. The module's page says why.

mod fit;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sctp_proto::{
    Association, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, StreamEvent, TransportConfig,
};
use tokio::time::Instant;

use self::fit::{press, split};
use super::association::{Agreement, streams_of};
use super::fault::Violation;
use super::message::Control;
use super::wire::{self, CHUNK_HEADER_LEN, DATA_HEADER_LEN, HEADER_LEN, Packet, kind};

pub(super) use sctp_proto::Chunks;

/// Longest message that is put together; a peer that sends a longer one is aborted.
pub(super) const LONGEST_MESSAGE: u32 = 64 << 10;
/// How far beyond the last acknowledged chunk one may lie. The crate keeps some 150 bytes for each and sorts them.
const FURTHEST_CHUNK: u32 = 4096;
/// A fragment shorter than this, and not the last one, is no fragment of a sane sender: putting together `n` of them
/// takes the crate `n`^2 steps.
const SMALLEST_FRAGMENT: usize = 8;
/// Control messages on one stream that may be unacknowledged. A peer that keeps its side of it has a handful; one that opens
/// and aborts lanes without a pause and acknowledges nothing would make this side keep one answer after the other.
const UNHEARD: usize = 256;

/// How long the crate waits before it acknowledges a lone packet.
const ACKNOWLEDGES_AFTER_MS: u64 = 200;
/// Bounds of how long an acknowledgement is waited for before something is sent again. The least is somewhat more than
/// what a peer takes its time for; the greatest lets a path that comes back be used soon.
const LEAST_RTO_MS: u64 = 300;
const GREATEST_RTO_MS: u64 = 5_000;

/// The first guess at how long to wait. One that is too short never learns better, since what was sent twice cannot be
/// measured; so three times what the handshake took.
fn first_rto_ms(round_trip: Duration) -> u64 {
    let round_trip = u64::try_from(round_trip.as_millis()).unwrap_or(u64::MAX);
    (round_trip.saturating_mul(3).saturating_add(ACKNOWLEDGES_AFTER_MS)).clamp(LEAST_RTO_MS, GREATEST_RTO_MS)
}

#[derive(Debug)]
pub(super) struct Engine {
    endpoint: Endpoint,
    association: Association,
    peer: SocketAddr,
    mtu: usize,
    streams: u16,
    readable: VecDeque<u16>,
    said: BTreeMap<u16, Said>,
    /// Up to which chunk everything has arrived, as the peer was told last.
    pub(super) received: u32,
    /// The last chunk that was sent.
    pub(super) sent: u32,
    /// Why nothing can go on: the peer said something that cannot be, or hears nothing.
    pub(super) broken: Option<&'static str>,
    /// Whether something was queued since packets were taken last.
    pub(super) has_news: bool,
}

/// What was said on one stream, so that what the peer does not acknowledge can be counted.
#[derive(Debug, Default)]
struct Said {
    /// Bytes of all messages.
    total: u64,
    /// Up to which of these bytes each control message reaches, oldest first.
    controls: VecDeque<u64>,
}

/// One whole message.
#[derive(Debug)]
pub(super) enum Message {
    Data(Chunks),
    Control(Result<Control, Violation>),
}

impl Engine {
    /// The transfer between two sides that have agreed on it, in packets of up to `mtu` bytes.
    pub(super) fn new(agreed: &Agreement, mtu: usize) -> Option<Self> {
        let Agreement { ours, theirs, header, peer, round_trip, .. } = *agreed;
        let mut endpoint = EndpointConfig::new();
        endpoint.max_payload_size(payload_of(mtu) as u32);
        let transport = TransportConfig::default()
            .with_max_receive_buffer_size(ours.window)
            .with_max_send_message_size(LONGEST_MESSAGE)
            .with_max_receive_message_size(LONGEST_MESSAGE)
            .with_max_data_retransmits(None)
            .with_rto_initial_ms(first_rto_ms(round_trip))
            .with_rto_min_ms(LEAST_RTO_MS)
            .with_rto_max_ms(GREATEST_RTO_MS)
            .with_local_port(header.source)
            .with_remote_port(header.destination);
        let mut client = ClientConfig::new();
        client.transport = Arc::new(transport);
        let mut endpoint = Endpoint::new(Arc::new(endpoint), None);
        // What is exchanged out of band in WebRTC was exchanged by our own handshake here.
        let association = endpoint.connect(client.with_snap(ours.chunk(), theirs.chunk()), peer);
        let (_, association) = association
            .inspect_err(|error| tracing::debug!(%peer, %error, "no association could be made"))
            .ok()?;
        Some(Self {
            endpoint,
            association,
            peer,
            mtu,
            streams: streams_of(&ours, &theirs),
            readable: VecDeque::new(),
            said: BTreeMap::new(),
            received: theirs.tsn.wrapping_sub(1),
            sent: ours.tsn.wrapping_sub(1),
            broken: None,
            has_news: false,
        })
    }

    /// Whether a DATA chunk is one that the crate can be given.
    pub(super) fn check_data(&self, flags: u8, value: &[u8]) -> Result<(), Violation> {
        const UNORDERED: u8 = 4;
        const LAST: u8 = 1;
        let len = value.len().saturating_sub(DATA_HEADER_LEN - CHUNK_HEADER_LEN);
        if len == 0 || flags & UNORDERED != 0 || (flags & LAST == 0 && len < SMALLEST_FRAGMENT) {
            return Err(Violation::Data { len, flags });
        }
        let stream = wire::u16_at(value, 4).unwrap_or_default();
        if stream >= self.streams {
            return Err(Violation::Stream { stream, streams: self.streams });
        }
        match wire::u32_at(value, 8).unwrap_or_default() {
            super::message::DATA | super::message::CONTROL => Ok(()),
            ppid => Err(Violation::UnknownProtocol { stream, ppid }),
        }
    }

    /// Whether a DATA chunk is so far ahead of all that has arrived that it is better sent again.
    pub(super) fn is_too_far(&self, value: &[u8]) -> bool {
        let ahead = wire::u32_at(value, 0).unwrap_or_default().wrapping_sub(self.received);
        (FURTHEST_CHUNK..1 << 31).contains(&ahead)
    }

    /// Takes a packet of DATA and SACK chunks; says whether it was undamaged.
    pub(super) fn receive(&mut self, now: Instant, packet: Bytes) -> bool {
        let event = self.endpoint.handle(now.into_std(), self.peer, None, None, packet);
        let Some((_, DatagramEvent::AssociationEvent(event))) = event else {
            return false;
        };
        self.association.handle_event(event);
        while let Some(event) = self.association.poll() {
            match event {
                Event::Stream(StreamEvent::Readable { id }) => self.readable.push_back(id),
                Event::AssociationLost { .. } => {
                    self.broken = Some("the peer contradicts itself, or a message is too long");
                }
                _ => {}
            }
        }
        true
    }

    pub(super) fn next_message(&mut self) -> Option<(u16, Message)> {
        loop {
            let stream = *self.readable.front()?;
            let message = self.association.stream(stream).ok().and_then(|mut stream| stream.read().ok()?);
            match message {
                Some(chunks) if chunks.ppi == PayloadProtocolIdentifier::Dcep => {
                    return Some((stream, Message::Control(control(&chunks))));
                }
                Some(chunks) => return Some((stream, Message::Data(chunks))),
                None => drop(self.readable.pop_front()),
            }
        }
    }

    /// Queues bytes of a channel, at most [`LONGEST_MESSAGE`] of them.
    pub(super) fn send(&mut self, stream: u16, bytes: Bytes) {
        self.said.entry(stream).or_default().total += bytes.len() as u64;
        self.on_stream(stream, |stream| {
            stream.set_default_payload_type(PayloadProtocolIdentifier::Binary)?;
            stream.write_chunks(&mut [bytes])
        });
    }

    /// Queues a control message, unless the peer has left too many of them unacknowledged: then nothing goes on.
    pub(super) fn say(&mut self, stream: u16, control: Control) {
        let mut bytes = Vec::with_capacity(Control::MAX_LEN);
        control.write(&mut bytes);
        let queued = self.queued(stream) as u64;
        let said = self.said.entry(stream).or_default();
        let acknowledged = said.total.saturating_sub(queued);
        while said.controls.front().is_some_and(|end| *end <= acknowledged) {
            said.controls.pop_front();
        }
        if said.controls.len() >= UNHEARD {
            self.broken.get_or_insert("the peer acknowledges nothing that it is told");
            return;
        }
        said.total += bytes.len() as u64;
        said.controls.push_back(said.total);
        self.on_stream(stream, |stream| stream.write_with_ppi(&bytes, PayloadProtocolIdentifier::Dcep));
    }

    fn on_stream<T>(
        &mut self,
        stream: u16,
        act: impl FnOnce(&mut sctp_proto::Stream<'_>) -> Result<T, sctp_proto::Error>,
    ) {
        self.has_news = true;
        // The stream is there already when it has carried a lane before, or when the peer has used it.
        let _ = self.association.open_stream(stream, PayloadProtocolIdentifier::Binary);
        let done = self.association.stream(stream).and_then(|mut stream| act(&mut stream).map(drop));
        if let Err(error) = done {
            tracing::debug!(peer = %self.peer, stream, %error, "nothing can be sent any more");
            self.broken.get_or_insert("nothing can be sent any more");
        }
    }

    /// How many bytes of `stream` are not acknowledged yet.
    pub(super) fn queued(&mut self, stream: u16) -> usize {
        self.association.stream(stream).and_then(|stream| stream.buffered_amount()).unwrap_or(0)
    }

    /// Whether all that was sent is acknowledged.
    pub(super) fn is_idle(&mut self) -> bool {
        self.association.stream_ids().into_iter().all(|stream| self.queued(stream) == 0)
    }

    /// Appends what has to be sent now; `is_pressed` asks the peer to acknowledge it without taking its time.
    pub(super) fn poll_packets(&mut self, now: Instant, is_pressed: bool, into: &mut Vec<Bytes>) {
        self.has_news = false;
        let first = into.len();
        let Some(transmit) = self.association.poll_transmit(now.into_std()) else {
            return;
        };
        let Payload::RawEncode(packets) = transmit.payload else {
            return;
        };
        for packet in packets {
            self.look_at(&packet);
            if packet.len() <= self.mtu {
                into.push(packet);
            } else {
                split(&packet, self.mtu, into);
            }
        }
        if is_pressed {
            press(&mut into[first..]);
        }
    }

    /// Learns from a packet what the crate does not tell.
    fn look_at(&mut self, packet: &Bytes) {
        let Some(packet) = Packet::parse(packet) else {
            return;
        };
        for chunk in packet.chunks() {
            match (chunk.kind, wire::u32_at(chunk.value, 0)) {
                (kind::SACK, Some(received)) => self.received = received,
                (kind::DATA, Some(sent)) if sent.wrapping_sub(self.sent) < 1 << 31 => self.sent = sent,
                _ => {}
            }
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.association.poll_timeout().map(Instant::from_std)
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.association.handle_timeout(now.into_std());
    }
}

/// How many bytes of a channel one packet carries.
pub(super) fn payload_of(mtu: usize) -> usize {
    mtu - HEADER_LEN - DATA_HEADER_LEN
}

fn control(chunks: &Chunks) -> Result<Control, Violation> {
    let mut bytes = [0; Control::MAX_LEN];
    let len = chunks.len();
    let fits = bytes.get_mut(..len).ok_or(Violation::Malformed { kind: 0, len })?;
    // It has exactly as many bytes as it says.
    let _ = chunks.read(fits);
    Control::parse(fits)
}
