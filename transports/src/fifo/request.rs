//! The request format at the rendezvous, and a parser that skips anything else.
//!
//! It knows bytes only. A request is written at once and is shorter than any system's `PIPE_BUF`, so requests never
//! mix; but a process that may open the rendezvous may write garbage between them, and reads cut where they like. Hence the
//! magic number and the check: after garbage of any length the next whole request is found.

use super::name::Name;

/// Every system takes at least 512 bytes at once (POSIX).
const _: () = assert!(Request::LEN <= 512);

const MAGIC: [u8; 8] = *b"\x89LRfifo\n";

/// A dialer's wish to be accepted.
///
/// | bytes | what |
/// |---|---|
/// | 0–7 | `89 4C 52 66 69 66 6F 0A` |
/// | 8 | version of the dialer, 1 |
/// | 9–11 | 0, ignored |
/// | 12–15 | process id of the dialer as it claims, big-endian; for people who read traces |
/// | 16–31 | name of the pair |
/// | 32–39 | FNV-1a, 64 bits, big-endian, of all bytes before |
///
/// Later versions keep its length, and where the version, the name and the check stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) version: u8,
    pub(super) pid: u32,
    pub(super) name: Name,
}

impl Request {
    pub(super) const LEN: usize = 40;

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = self.version;
        bytes[12..16].copy_from_slice(&self.pid.to_be_bytes());
        bytes[16..32].copy_from_slice(&self.name.bytes());
        let check = fnv1a(&bytes[..32]);
        bytes[32..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    /// `None` when `bytes` do not start with a request.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&magic, rest) = bytes.split_first_chunk::<8>()?;
        let (&[version, ..], rest) = rest.split_first_chunk::<4>()?;
        let (&pid, rest) = rest.split_first_chunk()?;
        let (&name, rest) = rest.split_first_chunk()?;
        let &check = rest.first_chunk()?;
        let is_one = magic == MAGIC && u64::from_be_bytes(check) == fnv1a(&bytes[..32]);
        is_one.then(|| Self { version, pid: u32::from_be_bytes(pid), name: Name::of(name) })
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// What was read from a rendezvous and not looked at yet: at most 4 KiB.
#[derive(Debug)]
pub(super) struct Requests {
    bytes: [u8; 4096],
    start: usize,
    end: usize,
    garbage: usize,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { bytes: [0; 4096], start: 0, end: 0, garbage: 0 }
    }

    /// Room for the next read: never empty once [`next`](Self::next) has said `None`.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        &mut self.bytes[self.end..]
    }

    /// The first `count` bytes of the room hold something now.
    pub(super) fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// The next whole request. What cannot be the start of one is garbage, and dropped.
    pub(super) fn next(&mut self) -> Option<Request> {
        while self.end - self.start >= Request::LEN {
            if let Some(request) = Request::decode(&self.bytes[self.start..self.end]) {
                self.start += Request::LEN;
                return Some(request);
            }
            self.start += 1;
            self.garbage += 1;
        }
        None
    }

    /// How many bytes were garbage since this was asked last.
    pub(super) fn take_garbage(&mut self) -> usize {
        std::mem::take(&mut self.garbage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(seed: u8) -> Request {
        Request { version: 1, pid: 0x0102_0304, name: Name::of([seed; 16]) }
    }

    /// Feeds `bytes` in reads of `size`, and collects what is found.
    fn found(bytes: &[u8], size: usize) -> (Vec<Request>, usize) {
        let mut requests = Requests::new();
        let mut all = Vec::new();
        for read in bytes.chunks(size) {
            requests.room()[..read.len()].copy_from_slice(read);
            requests.filled(read.len());
            all.extend(std::iter::from_fn(|| requests.next()));
        }
        (all, requests.take_garbage())
    }

    #[test]
    fn a_request_stands_where_the_table_says() {
        let bytes = request(0xaa).encode();
        assert_eq!(bytes[..16], *b"\x89LRfifo\n\x01\0\0\0\x01\x02\x03\x04");
        assert_eq!(bytes[16..32], [0xaa; 16]);
        // The offset basis and one published value of FNV-1a.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    proptest! {
        #[test]
        fn every_whole_request_is_found_whatever_stands_between(
            between in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..200),
                    // The start of a request, cut off anywhere.
                    (0..Request::LEN).prop_map(|cut| request(9).encode()[..cut].to_vec()),
                ],
                0..20,
            ),
            size in 1..4000usize,
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (number, garbage) in between.iter().enumerate() {
                bytes.extend_from_slice(garbage);
                expected.push(request(number as u8));
                bytes.extend_from_slice(&request(number as u8).encode());
            }
            prop_assert_eq!(found(&bytes, size).0, expected);
        }
    }
}
