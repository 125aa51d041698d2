//! The other end of a channel, played by hand, byte for byte.

use super::*;

/// Accepted ends that no server serves.
pub(crate) struct Peers(pub(super) mpsc::UnboundedReceiver<super::net::Accepted>);

/// One accepted end.
pub(crate) struct Peer {
    pub(crate) io: DuplexStream,
}

/// A native packet, as its documentation says and no codec made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u16,
    pub(crate) id: u64,
    /// Milliseconds; 0 is none.
    pub(crate) deadline: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const REQUEST: u8 = 1;
pub(crate) const REPLY: u8 = 2;
pub(crate) const ERROR: u8 = 3;
pub(crate) const REFUSED: u8 = 4;
pub(crate) const ONE_WAY: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const CANCEL: u8 = 7;
pub(crate) const HELLO: u8 = 8;
pub(crate) const GOODBYE: u8 = 9;
/// A flag: this answers a ping, a hello or a goodbye.
pub(crate) const ANSWER: u16 = 1;

impl Frame {
    pub(crate) fn new(kind: u8, id: u64, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        Self { kind, flags: 0, id, deadline: 0, payload }
    }

    pub(crate) fn within(mut self, millis: u32) -> Self {
        self.deadline = millis;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x4C, self.kind];
        bytes.extend(self.flags.to_be_bytes());
        bytes.extend((self.payload.len() as u32).to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(self.deadline.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

impl Peer {
    pub(crate) const fn new(io: DuplexStream) -> Self {
        Self { io }
    }

    /// The next native packet but hellos, which a peer of before there were any knows nothing of; `None` at the end of the
    /// stream between two.
    pub(crate) async fn read(&mut self) -> Option<Frame> {
        loop {
            let frame = self.read_any().await?;
            if frame.kind != HELLO {
                return Some(frame);
            }
        }
    }

    /// The next native packet; `None` at the end of the stream between two.
    pub(crate) async fn read_any(&mut self) -> Option<Frame> {
        let mut header = [0; 20];
        if self.io.read(&mut header[..1]).await.ok()? == 0 {
            return None;
        }
        self.io.read_exact(&mut header[1..]).await.expect("a whole header");
        assert_eq!(header[0], 0x4C);
        let length = u32::from_be_bytes(header[4..8].try_into().unwrap());
        let mut payload = vec![0; length as usize];
        self.io.read_exact(&mut payload).await.expect("a whole payload");
        Some(Frame {
            kind: header[1],
            flags: u16::from_be_bytes([header[2], header[3]]),
            id: u64::from_be_bytes(header[8..16].try_into().unwrap()),
            deadline: u32::from_be_bytes(header[16..].try_into().unwrap()),
            payload,
        })
    }

    /// The next native packet of `kind`.
    pub(crate) async fn expect(&mut self, kind: u8) -> Frame {
        let frame = self.read().await.expect("a packet, not the end");
        assert_eq!(frame.kind, kind, "{frame:?}");
        frame
    }

    /// Takes the next request and answers it.
    pub(crate) async fn answer(&mut self, reply: impl AsRef<[u8]>) -> Frame {
        let asked = self.expect(REQUEST).await;
        self.send(REPLY, asked.id, reply).await;
        asked
    }

    /// Takes the next ping and answers it.
    pub(crate) async fn pong(&mut self) {
        let ping = self.expect(PING).await;
        self.send_bytes(&Frame { flags: ANSWER, ..ping }.bytes()).await;
    }

    /// Answers the hello of a client.
    pub(crate) async fn greet(&mut self) {
        self.send_bytes(&Frame { flags: ANSWER, ..Frame::new(HELLO, 0, OWN_HELLO) }.bytes()).await;
    }

    /// Answers the request of this call, which ends with that.
    pub(crate) async fn ends(&mut self, call: Call, asked: &Frame, reply: &'static str) {
        self.send(REPLY, asked.id, reply).await;
        assert_eq!(call.await.unwrap().unwrap(), reply);
    }

    /// Takes as many requests.
    pub(crate) async fn requests(&mut self, count: usize) {
        for _ in 0..count {
            self.expect(REQUEST).await;
        }
    }

    /// Asks once with each of these ids.
    pub(crate) async fn ask(&mut self, ids: impl IntoIterator<Item = u64>, payload: impl AsRef<[u8]>) {
        for id in ids {
            self.send(REQUEST, id, payload.as_ref()).await;
        }
    }

    /// Takes the next refusal; its id and its payload.
    pub(crate) async fn refusal(&mut self) -> (u64, Vec<u8>) {
        let refused = self.expect(REFUSED).await;
        (refused.id, refused.payload)
    }

    /// All native packets up to the end.
    pub(crate) async fn read_all(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.read().await {
            frames.push(frame);
        }
        frames
    }

    pub(crate) async fn send(&mut self, kind: u8, id: u64, payload: impl AsRef<[u8]>) {
        self.send_bytes(&Frame::new(kind, id, payload).bytes()).await;
    }

    /// Asks, and says how many milliseconds are left for the answer.
    pub(crate) async fn ask_within(&mut self, id: u64, payload: &str, millis: u32) {
        self.send_bytes(&Frame::new(REQUEST, id, payload).within(millis).bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.expect("the other side reads");
    }

    /// Reads one of the original's packets.
    pub(crate) async fn read_original(&mut self) -> Option<Vec<u8>> {
        let length = self.io.read_u32().await.ok()?;
        let mut payload = vec![0; length as usize];
        self.io.read_exact(&mut payload).await.expect("a whole packet");
        Some(payload)
    }

    /// Writes one of the original's packets.
    pub(crate) async fn send_original(&mut self, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        self.send_bytes(&(payload.len() as u32).to_be_bytes()).await;
        self.send_bytes(payload).await;
    }

    /// Reads whatever comes until the other side ends or resets, and throws it away.
    pub(crate) async fn drain(&mut self) -> usize {
        let mut all = Vec::new();
        let _ = self.io.read_to_end(&mut all).await;
        all.len()
    }
}
