//! One TLS session over one socket, shared by the two halves of its channel.

use std::io::{self, BufRead, Read};
use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut};
use listenrain::buffer::WriteBuffer;
use rustls::{AlertDescription, Connection, Error};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::incoming::Incoming;
use crate::certificates::HandshakeError;
use crate::locks::lock;

/// Most bytes, encrypted, that wait for room in the socket before no more are taken. Measured with echoes of 16 x 256 KiB:
/// 32 KiB to 128 KiB cost the same, 256 KiB up to two thirds more, since it leaves the cache before it is sent.
const WRITE_AHEAD: usize = 64 * 1024;

pub(super) struct Session {
    pub(super) socket: TcpStream,
    /// Whether something has come with the handshake: bytes, the peer's end, or why it failed.
    pub(super) has_early: bool,
    tls: Mutex<Tls>,
    aborted: AtomicBool,
}

struct Tls {
    connection: Connection,
    /// Why it is over; only the first reason counts.
    failed: Option<Error>,
    end_received: bool,
    end_sent: bool,
}

/// What decrypting has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decrypted {
    Bytes(usize),
    /// Nothing, until more has come.
    Hungry,
    /// The peer's orderly end.
    End,
}

impl Session {
    pub(super) fn new(socket: TcpStream, mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(WRITE_AHEAD));
        // Bytes that came with the last of the handshake went through it, and with them perhaps the peer's end.
        let (failed, end_received, came) = match connection.process_new_packets() {
            Ok(state) => (None, state.peer_has_closed(), state.plaintext_bytes_to_read() > 0),
            Err(error) => (Some(error), false, true),
        };
        let has_early = came || end_received;
        let tls = Tls { connection, failed, end_received, end_sent: false };
        Self { socket, has_early, tls: Mutex::new(tls), aborted: AtomicBool::new(false) }
    }

    /// Decrypts as much of `incoming` as `into` has room for.
    pub(super) fn decrypt(&self, incoming: &mut Incoming, into: &mut impl BufMut) -> io::Result<Decrypted> {
        let mut tls = lock(&self.tls);
        let mut count = 0;
        loop {
            count += tls.deliver(into);
            if !into.has_remaining_mut() || incoming.is_empty() || tls.is_over() {
                break;
            }
            tls.take_in(incoming);
            // An answer to the peer's wish for fresh keys, or the alert that says what was wrong with its bytes. If there is
            // no room for it now, it leaves with the next write: a reader must not wait in the writer's place.
            let _ = tls.send(&self.socket);
        }
        match &tls.failed {
            _ if count > 0 => Ok(Decrypted::Bytes(count)),
            Some(error) => Err(meant(error)),
            None if tls.end_received => Ok(Decrypted::End),
            None => Ok(Decrypted::Hungry),
        }
    }

    /// Encrypts the front of `from` and offers it to the socket; pending while too much waits there already.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        let mut tls = lock(&self.tls);
        tls.check_open()?;
        ready!(tls.poll_send(&self.socket, cx))?;
        let mut slices = [io::IoSlice::new(&[]); 64];
        let shown = from.chunks_vectored(&mut slices);
        let taken = io::Write::write_vectored(&mut tls.connection.writer(), &slices[..shown])?;
        from.advance(taken);
        let _ = tls.poll_send(&self.socket, cx)?;
        Poll::Ready(Ok(taken))
    }

    /// Offers what is encrypted to the socket until nothing is left.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tls = lock(&self.tls);
        tls.check_failed()?;
        tls.poll_send(&self.socket, cx)
    }

    /// Says the end to the peer, first encrypted, which cannot be forged, then by a FIN.
    pub(super) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tls = lock(&self.tls);
        tls.check_failed()?;
        if !tls.end_sent {
            tls.end_sent = true;
            tls.connection.send_close_notify();
        }
        ready!(tls.poll_send(&self.socket, cx))?;
        Poll::Ready(SockRef::from(&self.socket).shutdown(Shutdown::Write))
    }

    /// The socket is reset as soon as it is closed, and a local read that waits wakes up.
    pub(super) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.reset_when_closed();
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Read);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Fails only on a connection that is gone already.
    pub(super) fn reset_when_closed(&self) {
        let _ = self.socket.set_zero_linger();
    }

    /// Undoes [`reset_when_closed`](Self::reset_when_closed).
    pub(super) fn close_in_order(&self) {
        let _ = SockRef::from(&self.socket).set_linger(None);
    }

    /// Whether anything has come that was not read, be it in the socket still. What is in the middle of coming is not
    /// counted.
    pub(super) fn is_unread(&self, incoming: &mut Incoming) -> bool {
        loop {
            match self.decrypt(incoming, &mut Vec::new().limit(1)) {
                Ok(Decrypted::Bytes(_)) => return true,
                Ok(Decrypted::Hungry) => {}
                Ok(Decrypted::End) | Err(_) => return false,
            }
            // The system itself is asked: the runtime may not have heard yet that something came.
            let came = incoming.fill_by(|space| (&*SockRef::from(&self.socket)).read(space));
            if !came.is_ok_and(|count| count > 0) {
                return false;
            }
        }
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.tls).is_over()
    }
}

impl Tls {
    fn is_over(&self) -> bool {
        self.end_received || self.failed.is_some()
    }

    fn check_failed(&self) -> io::Result<()> {
        self.failed.as_ref().map_or(Ok(()), |error| Err(meant(error)))
    }

    fn check_open(&self) -> io::Result<()> {
        if self.end_sent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.check_failed()
    }

    /// Moves what is decrypted into `into`.
    fn deliver(&mut self, into: &mut impl BufMut) -> usize {
        let mut moved = 0;
        while into.has_remaining_mut() {
            let mut reader = self.connection.reader();
            let Ok(chunk) = reader.fill_buf() else { break };
            if chunk.is_empty() {
                break;
            }
            let count = chunk.len().min(into.remaining_mut());
            into.put_slice(&chunk[..count]);
            reader.consume(count);
            moved += count;
        }
        moved
    }

    /// Decrypts the next piece of what has come.
    fn take_in(&mut self, incoming: &mut Incoming) {
        let taken = self.connection.read_tls(incoming);
        match self.connection.process_new_packets() {
            Ok(state) => self.end_received = state.peer_has_closed(),
            Err(error) => self.failed = Some(error),
        }
        if self.failed.is_none() && !self.end_received && !taken.is_ok_and(|count| count > 0) {
            self.failed = Some(Error::General("a record is longer than any may be".to_owned()));
        }
    }

    /// Writes until nothing is left or the socket has no room.
    fn send(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut Outgoing(socket))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    fn poll_send(&mut self, socket: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.send(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_write_ready(cx))?;
                }
                sent => return Poll::Ready(sent),
            }
        }
    }
}

/// What a failed session means to a read or a write.
fn meant(error: &Error) -> io::Error {
    match error {
        // A listener judges a dialer's certificate after the dialer is done: this is how the dialer hears of it.
        Error::AlertReceived(alert) if is_about_identity(*alert) => HandshakeError::Refused(*alert).into(),
        Error::AlertReceived(_) => io::Error::new(io::ErrorKind::ConnectionReset, error.clone()),
        error => io::Error::new(io::ErrorKind::InvalidData, error.clone()),
    }
}

fn is_about_identity(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    let about = [
        Alert::NoCertificate,
        Alert::BadCertificate,
        Alert::UnsupportedCertificate,
        Alert::CertificateRevoked,
        Alert::CertificateExpired,
        Alert::CertificateUnknown,
        Alert::UnknownCA,
        Alert::AccessDenied,
        Alert::DecryptError,
        Alert::CertificateRequired,
    ];
    about.contains(&alert)
}

/// The socket as something to write to without waiting.
struct Outgoing<'a>(&'a TcpStream);

impl io::Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
