//! The dialer's handshake: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK (RFC 9260, 5.1).

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::SctpOptions;
use super::association::{Agreement, Role};
use super::hub::{Datagram, Ports, own_init};
use super::random::nonzero;
use super::wire::{self, Header, Init, Packet, kind};
use crate::entropy::Entropy;
use crate::jitter::spread;
use crate::udp::Transmit;

/// How long the first try waits for its answer; each further one twice as long, up to [`LONGEST_WAIT`]. Each is spread, for
/// those whose listener comes back ask it all at once otherwise.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// Error cause of an ABORT, by the number of RFC 9260.
const USER_INITIATED: u16 = 12;

/// Agrees on an association with the listener at `peer`. It tries until it is dropped; then the listener hears that
/// nothing will come of it.
///
/// # Errors
///
/// When the peer refuses, or the system says that it cannot be reached.
pub(super) async fn establish(
    ports: &mut Ports,
    peer: SocketAddr,
    options: &SctpOptions,
    entropy: &dyn Entropy,
) -> io::Result<Agreement> {
    let ours = own_init(nonzero(entropy)?, nonzero(entropy)?, peer, options);
    // Within the bounds that the options check.
    let port = options.sctp_port as u16;
    let header = Header { source: port, destination: port, tag: 0 };
    let mut handshake = Handshake { ports, peer, ours, header, entropy, is_known: false };
    let mut value = Vec::with_capacity(Init::LEN);
    ours.write(&mut value);
    let init = wire::packet(header, kind::INIT, 0, &value);
    let (theirs, cookie) = handshake.ask(&init, init_ack).await?;
    // The crate that moves data tells both sides by their tags; one of four billion dials fails.
    if theirs.tag == ours.tag {
        return Err(io::Error::new(ErrorKind::InvalidData, "both sides chose the same tag"));
    }
    handshake.header.tag = theirs.tag;
    handshake.is_known = true;
    let echo = wire::packet(handshake.header, kind::COOKIE_ECHO, 0, &cookie);
    let asked = Instant::now();
    let peer = handshake.ask(&echo, cookie_ack).await?;
    // From now on it is somebody else's to end.
    handshake.is_known = false;
    let header = handshake.header;
    Ok(Agreement { role: Role::Dialer, ours, theirs, header, peer, round_trip: asked.elapsed() })
}

struct Handshake<'a> {
    ports: &'a mut Ports,
    peer: SocketAddr,
    ours: Init,
    header: Header,
    entropy: &'a dyn Entropy,
    /// Whether the listener may have an association that nothing else will end.
    is_known: bool,
}

/// What was asked for, if a packet has it.
type Take<T> = fn(&Packet<'_>, &Datagram) -> Option<T>;

impl Handshake<'_> {
    /// Sends `packet` until `take` finds its answer.
    async fn ask<T>(&mut self, packet: &Bytes, take: Take<T>) -> io::Result<T> {
        let mut wait = FIRST_WAIT;
        loop {
            self.ports.outbox.push(self.peer, None, packet.clone());
            poll_fn(|cx| self.ports.outbox.poll_flush(cx)).await?;
            if let Some(answer) =
                self.listen_until(Instant::now() + spread(wait, nonzero(self.entropy)?), take).await?
            {
                return Ok(answer);
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn listen_until<T>(&mut self, until: Instant, take: Take<T>) -> io::Result<Option<T>> {
        let mut received = Vec::new();
        loop {
            let Ports { socket, inbox, .. } = &mut *self.ports;
            tokio::select! {
                biased;
                polled = poll_fn(|cx| inbox.poll_receive(cx, &**socket, &mut received)) => polled?,
                () = sleep_until(until) => return Ok(None),
            }
            for datagram in received.drain(..) {
                if let Some(answer) = self.take(&datagram, take)? {
                    return Ok(Some(answer));
                }
            }
        }
    }

    fn take<T>(&mut self, datagram: &Datagram, take: Take<T>) -> io::Result<Option<T>> {
        let is_from_peer = (datagram.from.ip(), datagram.from.port()) == (self.peer.ip(), self.peer.port());
        let Some(packet) = Packet::parse(&datagram.bytes).filter(|packet| {
            let ports = (packet.header.destination, packet.header.source);
            is_from_peer && ports == (self.header.source, self.header.destination) && packet.is_intact()
        }) else {
            return Ok(None);
        };
        let expected = if packet.is_reflected() { self.header.tag } else { self.ours.tag };
        if packet.header.tag != expected {
            return Ok(None);
        }
        if packet.chunks().any(|chunk| chunk.kind == kind::ABORT) {
            self.is_known = false;
            let why = "no listener, or as many associations as it may have (associations, per_address)";
            return Err(io::Error::new(ErrorKind::ConnectionRefused, why));
        }
        Ok(take(&packet, datagram))
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        if !self.is_known {
            return;
        }
        let abort = wire::abort(self.header, 0, USER_INITIATED, "the dial was given up");
        let transmit = Transmit {
            destination: self.peer,
            ecn: None,
            contents: &abort,
            segment_size: None,
            src_ip: None,
        };
        // One that is lost is made up for by the listener's own patience.
        let _ = self.ports.socket.try_send(&transmit);
    }
}

fn init_ack(packet: &Packet<'_>, _: &Datagram) -> Option<(Init, Vec<u8>)> {
    let chunk = packet.single().filter(|chunk| chunk.kind == kind::INIT_ACK)?;
    Some((Init::parse(chunk.value)?, Init::cookie(chunk.value)?.to_vec()))
}

/// Where the acknowledgement came from.
fn cookie_ack(packet: &Packet<'_>, datagram: &Datagram) -> Option<SocketAddr> {
    packet.chunks().any(|chunk| chunk.kind == kind::COOKIE_ACK).then_some(datagram.from)
}
