//! State cookies: the state of an unknown peer, kept by that peer.
//!
//! Answering an INIT stores nothing: all that is needed later travels in the cookie, under a key that only this socket
//! knows, and comes back in the COOKIE ECHO. So no number of INITs from forged addresses takes up memory.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BufMut;
use ring::hmac;
use tokio::time::Instant;

use super::wire::{Header, Init, u32_at};
use crate::entropy::Entropy;

/// How old a cookie may be: what RFC 9260 recommends.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// One association that is about to be, as this side and the peer have said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cookie {
    pub(super) ours: Init,
    pub(super) theirs: Init,
}

/// Why a cookie was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was never given to this peer.
    Forged,
    /// It was given too long ago.
    Stale,
}

/// Makes and reads cookies.
#[derive(Debug)]
pub(super) struct Jar {
    key: hmac::Key,
    since: Instant,
}

impl Jar {
    const BODY: usize = 8 + 2 * Init::LEN;

    pub(super) fn new(entropy: &dyn Entropy) -> io::Result<Self> {
        let mut key = [0; 32];
        entropy.fill(&mut key)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), since: Instant::now() })
    }

    /// The bytes of a cookie for the sender of a packet with `header`.
    pub(super) fn seal(&self, cookie: &Cookie, from: SocketAddr, header: Header, now: Instant) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BODY + 32);
        bytes.put_u64(self.age(now));
        cookie.ours.write(&mut bytes);
        cookie.theirs.write(&mut bytes);
        let proof = hmac::sign(&self.key, &signed(&bytes, from, header));
        bytes.put_slice(proof.as_ref());
        bytes
    }

    /// The cookie in `bytes`, and how old it is.
    pub(super) fn open(
        &self,
        bytes: &[u8],
        from: SocketAddr,
        header: Header,
        now: Instant,
    ) -> Result<(Cookie, Duration), Refused> {
        let (body, proof) = bytes.split_at_checked(Self::BODY).ok_or(Refused::Forged)?;
        hmac::verify(&self.key, &signed(body, from, header), proof).map_err(|_| Refused::Forged)?;
        let (given, ours) = body.split_at(8);
        let (ours, theirs) = ours.split_at(Init::LEN);
        let given =
            (u64::from(u32_at(given, 0).unwrap_or(0)) << 32) | u64::from(u32_at(given, 4).unwrap_or(0));
        let age = Duration::from_millis(self.age(now).saturating_sub(given));
        if age > LIFETIME {
            return Err(Refused::Stale);
        }
        match (Init::parse(ours), Init::parse(theirs)) {
            (Some(ours), Some(theirs)) => Ok((Cookie { ours, theirs }, age)),
            _ => Err(Refused::Forged),
        }
    }

    fn age(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_millis() as u64
    }
}

/// What the proof is about: the cookie, and who may bring it back.
fn signed(body: &[u8], from: SocketAddr, header: Header) -> Vec<u8> {
    let mut bytes = body.to_vec();
    match from.ip() {
        IpAddr::V4(ip) => bytes.put_slice(&ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => bytes.put_slice(&ip.octets()),
    }
    bytes.put_u16(from.port());
    bytes.put_u16(header.source);
    bytes.put_u16(header.destination);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn init(tag: u32) -> Init {
        Init { tag, window: 2000, outbound: 1, inbound: 2, tsn: tag + 1 }
    }

    fn header() -> Header {
        Header { source: 1, destination: 2, tag: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cookie_is_good_for_its_peer_and_its_time_only() {
        let jar = Jar::new(&SystemEntropy).unwrap();
        let cookie = Cookie { ours: init(5), theirs: init(6) };
        let from: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let now = Instant::now();
        let bytes = jar.seal(&cookie, from, header(), now);
        assert_eq!(jar.open(&bytes, from, header(), now), Ok((cookie, Duration::ZERO)));
        assert_eq!(jar.open(&bytes, from, header(), now + LIFETIME), Ok((cookie, LIFETIME)));
        let late = now + LIFETIME + Duration::from_millis(1);
        assert_eq!(jar.open(&bytes, from, header(), late), Err(Refused::Stale));
        for unknown_peer in ["192.0.2.2:9", "192.0.2.1:10", "[::1]:9"] {
            let opened = jar.open(&bytes, unknown_peer.parse().unwrap(), header(), now);
            assert_eq!(opened, Err(Refused::Forged), "{unknown_peer}");
        }
        let other_port = Header { source: 3, ..header() };
        assert_eq!(jar.open(&bytes, from, other_port, now), Err(Refused::Forged));
        let other_jar = Jar::new(&SystemEntropy).unwrap();
        assert_eq!(other_jar.open(&bytes, from, header(), now), Err(Refused::Forged));
    }

    #[test]
    fn no_byte_of_a_cookie_can_be_changed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let jar = Jar::new(&SystemEntropy).unwrap();
        let from: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let now = Instant::now();
        let bytes = jar.seal(&Cookie { ours: init(5), theirs: init(6) }, from, header(), now);
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            assert_eq!(jar.open(&bent, from, header(), now), Err(Refused::Forged), "byte {at}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(jar.open(&bytes[..cut], from, header(), now), Err(Refused::Forged));
        }
    }
}
