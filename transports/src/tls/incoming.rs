//! The buffer of encrypted bytes that were received.

use std::io::{self, Read};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What was read from the socket and not decrypted yet: read in large pieces, since a session by itself would ask the
/// system for 4 KiB at a time.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Holds a 4 KiB packet in its record.
const FIRST: usize = 8 * 1024;
/// Measured with echoes of 16 x 256 KiB: 16 KiB costs two fifths more processor time a request, 64 KiB a tenth, 256 KiB the
/// same.
const LARGEST: usize = 128 * 1024;

impl Incoming {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads from the socket into room that is free; 0 is its end. Only what is empty is filled.
    pub(super) fn poll_fill(&mut self, socket: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match self.try_fill(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => return Poll::Ready(filled),
            }
        }
    }

    /// Reads once. A read that does not fill its room has emptied the socket, as epoll and kqueue have it; telling the runtime
    /// so, which a read that would wait does, saves the next one that would.
    fn try_fill(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let mut emptied = None;
        let filled = socket.try_io(Interest::READABLE, || {
            let count = self.fill_by(|space| (&*SockRef::from(socket)).read(space))?;
            if cfg!(unix) && (1..self.buffer.len()).contains(&count) {
                emptied = Some(count);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(count)
        });
        emptied.map_or(filled, Ok)
    }

    pub(super) fn fill_by(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        debug_assert!(self.is_empty(), "what has come first is decrypted first");
        // A read that fills its room makes it grow, so that a thousand quiet channels stay small.
        if self.end == self.buffer.len() {
            let size = (self.buffer.len() * 2).clamp(FIRST, LARGEST);
            self.buffer.resize(size, 0);
        }
        (self.start, self.end) = (0, 0);
        let count = read(&mut self.buffer)?;
        self.end = count;
        Ok(count)
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.buffer[self.start..self.end]).read(into)?;
        self.start += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_that_fill_their_room_make_it_grow_and_never_beyond_the_largest() {
        let mut incoming = Incoming::default();
        let mut offered = Vec::new();
        for filled in [false, false, true, true, true, true, true, true] {
            let count = incoming
                .fill_by(|space| {
                    offered.push(space.len());
                    Ok(if filled { space.len() } else { 10 })
                })
                .unwrap();
            let mut read = Vec::new();
            incoming.read_to_end(&mut read).unwrap();
            assert!(incoming.is_empty() && read.len() == count);
        }
        assert_eq!(offered, [8, 8, 8, 16, 32, 64, 128, 128].map(|kib| kib * 1024));
    }
}
