//! A stream in memory that can fail, be cut at a byte, and count writes.

use super::*;
use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is wrong with the dialling side of one channel.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    /// Bytes that still may be written before the channel is cut.
    left: Option<usize>,
    writes: usize,
    written: usize,
    sleepers: Vec<Waker>,
}

impl Faults {
    /// Both halves fail from now on.
    pub(crate) fn cut(&self) {
        self.change(|state| state.is_cut = true);
    }

    /// Takes `bytes` more bytes, then fails.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.change(|state| state.left = Some(bytes));
    }

    pub(crate) fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    pub(crate) fn written(&self) -> usize {
        self.0.lock().unwrap().written
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        sleepers.into_iter().for_each(Waker::wake);
    }

    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.is_cut || state.left == Some(0) {
            state.is_cut = true;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        state.sleepers.push(cx.waker().clone());
        Ok(())
    }
}

struct Reading(ReadHalf<DuplexStream>, Arc<Faults>);
struct Writing(WriteHalf<DuplexStream>, Arc<Faults>);

/// The dialling side of a channel with `faults`.
pub(crate) fn channel(io: DuplexStream, faults: &Arc<Faults>) -> Channel {
    let (read, write) = tokio::io::split(io);
    let read = listenrain::channel::Plain(Reading(read, Arc::clone(faults)));
    Channel::from_halves(read, Writing(write, Arc::clone(faults)), ChannelFacts::new("test"))
}

impl AsyncRead for Reading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.check(cx)?;
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl ChannelWrite for Writing {
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        self.1.check(cx)?;
        let most = self.1.0.lock().unwrap().left.unwrap_or(usize::MAX);
        let chunk = from.chunk();
        let some = &chunk[..chunk.len().min(most)];
        let Poll::Ready(taken) = Pin::new(&mut self.0).poll_write(cx, some)? else {
            return Poll::Pending;
        };
        from.advance(taken);
        let mut state = self.1.0.lock().unwrap();
        state.writes += 1;
        state.written += taken;
        state.left = state.left.map(|left| left - taken);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
