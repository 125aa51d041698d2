//! Outgoing datagrams of a socket, several at a time where the system can.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::udp::{AsyncUdpSocket, Transmit, UdpPoller};

/// Largest that the system takes at once: one datagram, or several of the same size.
const AT_ONCE: usize = 65_000;

/// Datagrams that wait to be sent. Bounded by what the associations had to send when they were asked last: none is asked
/// while some wait.
#[derive(Debug)]
pub(in super::super) struct Outbox {
    socket: Arc<dyn AsyncUdpSocket>,
    poller: Pin<Box<dyn UdpPoller>>,
    waiting: VecDeque<Letter>,
    together: Vec<u8>,
}

#[derive(Debug)]
struct Letter {
    to: SocketAddr,
    from: Option<IpAddr>,
    bytes: Bytes,
}

impl Outbox {
    pub(in super::super) fn new(socket: Arc<dyn AsyncUdpSocket>) -> Self {
        let poller = socket.clone().create_io_poller();
        Self { socket, poller, waiting: VecDeque::new(), together: Vec::new() }
    }

    /// Sends `bytes` to `to`, from the address `from` where a socket has several.
    pub(in super::super) fn push(&mut self, to: SocketAddr, from: Option<IpAddr>, bytes: Bytes) {
        self.waiting.push_back(Letter { to, from, bytes });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends all that waits. What the system refuses is as good as lost on its way.
    ///
    /// # Errors
    ///
    /// What the socket has learned about its only peer. What waits can still be sent.
    pub(in super::super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            match self.send_some() {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poller.as_mut().poll_writable(cx))?;
                }
                Err(error) => {
                    self.waiting.pop_front();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// One call to the system; says how many datagrams that were.
    fn send_some(&mut self) -> io::Result<usize> {
        let Self { socket, waiting, together, .. } = self;
        let Some(first) = waiting.front() else {
            return Ok(0);
        };
        let size = first.bytes.len();
        let count = run_of(waiting, socket.max_transmit_segments());
        let contents = if count == 1 {
            &first.bytes[..]
        } else {
            together.clear();
            waiting.iter().take(count).for_each(|letter| together.extend_from_slice(&letter.bytes));
            &together[..]
        };
        let segment_size = (count > 1).then_some(size);
        let transmit =
            Transmit { destination: first.to, ecn: None, contents, segment_size, src_ip: first.from };
        socket.try_send(&transmit).map(|()| count)
    }
}

/// How many of the first letters go to the same place and are of the same size; the last one may be smaller.
fn run_of(waiting: &VecDeque<Letter>, most: usize) -> usize {
    let Some(first) = waiting.front() else {
        return 0;
    };
    let size = first.bytes.len();
    let (mut count, mut total) = (1, size);
    for letter in waiting.iter().skip(1) {
        let len = letter.bytes.len();
        let fits = count < most && total + len <= AT_ONCE && len <= size;
        if !fits || (letter.to, letter.from) != (first.to, first.from) {
            break;
        }
        (count, total) = (count + 1, total + len);
        if len < size {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_ones_to_the_same_place_go_together_and_a_shorter_one_is_the_last() {
        let (here, there): (SocketAddr, SocketAddr) =
            ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let run = |most: usize, letters: &[(SocketAddr, usize)]| {
            let letters =
                letters.iter().map(|(to, len)| Letter { to: *to, from: None, bytes: vec![0; *len].into() });
            run_of(&letters.collect(), most)
        };
        assert_eq!(run(64, &[(here, 9), (here, 9), (here, 5), (here, 5)]), 3);
        assert_eq!(run(64, &[(here, 9), (here, 9), (there, 9)]), 2);
        assert_eq!(run(64, &[(here, 5), (here, 9)]), 1);
        assert_eq!(run(2, &[(here, 9), (here, 9), (here, 9)]), 2);
        assert_eq!(run(64, &[(here, 40_000), (here, 40_000)]), 1);
        assert_eq!(run(1, &[(here, 9), (here, 9)]), 1);
    }
}
