//! A scripted peer.

use std::net::SocketAddr;

use listenrain::{Channel, ChannelGenerator};
use listenrain_transports::Sctp;
use listenrain_transports::sctp::SctpOptions;

use super::packet::*;
use super::{both_ends, on};
use crate::support::network::{Network, Raw};

pub(crate) fn listener_address() -> SocketAddr {
    "10.0.0.2:7000".parse().unwrap()
}

/// A peer that says what the test wants.
pub(crate) struct Peer {
    pub(crate) raw: Raw,
    /// What it has to put on its packets, and what it expects.
    pub(crate) tag: u32,
    pub(crate) own_tag: u32,
    pub(crate) tsn: u32,
    pub(crate) sequence: u16,
    /// The last chunk that it was sent.
    pub(crate) heard: u32,
}

impl Peer {
    pub(crate) fn new(network: &Network, at: &str) -> Self {
        let raw = network.raw(at.parse().unwrap());
        Self { raw, tag: 0, own_tag: 77, tsn: 1, sequence: 0, heard: 0 }
    }

    pub(crate) fn init(&self) -> Vec<u8> {
        let mut value = self.own_tag.to_be_bytes().to_vec();
        value.extend((1u32 << 20).to_be_bytes());
        value.extend([0, 9, 0, 9]);
        value.extend(self.tsn.to_be_bytes());
        packet(0, &[chunk(INIT, 0, &value)])
    }

    pub(crate) fn say(&self, chunks: &[Vec<u8>]) {
        self.raw.send(listener_address(), &packet(self.tag, chunks));
    }

    /// The next chunk of `kind`.
    pub(crate) async fn hear(&self, kind: u8) -> (u8, Vec<u8>) {
        loop {
            let bytes = self.raw.receive().await;
            let (tag, chunks) = parse(&bytes);
            let found = chunks.into_iter().find(|chunk| chunk.0 == kind);
            if let Some((_, flags, value)) = found.filter(|_| tag == self.own_tag) {
                return (flags, value);
            }
        }
    }

    pub(crate) async fn cookie(&mut self) -> Vec<u8> {
        self.raw.send(listener_address(), &self.init());
        let (_, value) = self.hear(INIT_ACK).await;
        self.tag = number(&value, 0);
        assert_eq!(value[16..18], [0, 7], "the first parameter is the cookie");
        let len = usize::from(u16::from_be_bytes([value[18], value[19]]));
        value[20..16 + len].to_vec()
    }

    pub(crate) async fn associate(&mut self) {
        let cookie = self.cookie().await;
        self.say(&[chunk(COOKIE_ECHO, 0, &cookie)]);
        self.hear(COOKIE_ACK).await;
    }

    pub(crate) fn message(&mut self, stream: u16, ppid: u32, payload: &[u8]) -> Vec<u8> {
        let bytes = data(self.tsn, stream, self.sequence, ppid, payload);
        (self.tsn, self.sequence) = (self.tsn + 1, self.sequence + 1);
        bytes
    }

    pub(crate) fn send(&mut self, stream: u16, ppid: u32, payload: &[u8]) {
        let message = self.message(stream, ppid, payload);
        self.say(&[message]);
    }

    /// Opens a lane on stream 0 and gives the other end of it.
    pub(crate) async fn open(&mut self, listener: &mut dyn ChannelGenerator) -> Channel {
        self.send(0, 50, &[1, 0, 1, 0, 0]);
        let (_, value) = self.hear(DATA).await;
        assert_eq!(value[12..], [2, 0, 0, 0x27, 0x10], "OPENED with a window of 10,000");
        self.heard = number(&value, 0);
        listener.next().await.unwrap()
    }
}

/// A listener, and a peer that has associated with it.
pub(crate) struct Hostile {
    pub(crate) network: Network,
    pub(crate) transport: Sctp,
    pub(crate) listener: Box<dyn ChannelGenerator>,
    pub(crate) peer: Peer,
}

pub(crate) async fn hostile() -> Hostile {
    let network = Network::new(1);
    let transport = on(&network, SctpOptions::default().recv_buffer(10_000));
    let (listener, _) = both_ends(&transport).await;
    let mut peer = Peer::new(&network, "10.0.0.9:9000");
    peer.associate().await;
    Hostile { network, transport, listener, peer }
}
