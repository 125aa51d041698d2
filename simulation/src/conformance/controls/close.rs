//! Broken in how a channel ends.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{ChannelRead, ChannelWrite};

use super::Control;
use super::flaws::{
    ReadFlaw, WriteFlaw, deliver, flawed_read, flawed_write, let_go, read_piece, with_channels, with_reads,
    with_writes,
};

pub(super) const CONTROLS: &[Control] = &[
    Control::new("loses-the-tail-on-close", "C01", "a shutdown forgets what was not flushed", || {
        with_writes(LosesTheTail::default)
    })
    .fails("an accepted end: the end came after 0 of 1 bytes"),
    Control::new("ignores-half-close", "C02", "a shutdown ends reading too", || {
        with_channels(|_, channel| {
            let ended = IgnoresHalfClose::default();
            flawed_write(flawed_read(channel, ended.clone()), ended)
        })
    })
    .fails("a dialled end: the end came after 0 of"),
    Control::new("ends-once", "C03", "after the end was read, the next read waits for ever", || {
        with_reads(EndsOnce::default)
    })
    .hangs("an accepted end reads (after 10 bytes)"),
    Control::new("swallows-writes-to-nobody", "C04", "a write that fails says that all was taken", || {
        with_writes(|| SwallowsWrites)
    })
    .fails("67108864 bytes were taken where an error was due"),
    Control::new("writes-after-its-end", "C05", "writes after a shutdown say that all was taken", || {
        with_writes(WritesAfterItsEnd::default)
    })
    .fails("a write after the shutdown said Ok(10), expected BrokenPipe"),
    Control::new(
        "abort-leaves-its-reader",
        "C06",
        "an abort does nothing until the write half is dropped",
        || with_writes(AbortLeavesItsReader::default),
    )
    .fails("waking a read that waits on a channel that is aborted took longer than 3 s"),
    Control::new("aborts-politely", "C07", "an abort is an orderly end", || with_writes(|| AbortsPolitely))
        .fails("an accepted end: an orderly end came after 0 bytes where an error was due"),
    Control::new("takes-a-reset-for-an-end", "C08", "a reset is read as an orderly end", || {
        with_reads(|| ResetIsAnEnd)
    })
    .fails("a dialled end: an orderly end came after 0 bytes where an error was due"),
    Control::new(
        "end-overtakes-data",
        "C09",
        "the last bytes are lost when the end has come with them",
        || with_reads(EndOvertakesData::default),
    )
    .fails("bytes: an accepted end: the end came after 0 of"),
    Control::new("panics-on-a-second-close", "C10", "a second shutdown is a panic", || {
        with_writes(PanicsOnASecondClose::default)
    })
    .fails("panicked: it is closed already"),
    Control::new("fills-up-at-the-end", "C11", "a zero byte is read before the end", || {
        with_reads(FillsUp::default)
    })
    .fails("bytes of a frame were taken for Err(Truncated { had: 2 })"),
    Control::new(
        "never-notices-the-end",
        "C12",
        "reading waits for ever where the end or an error is",
        || with_reads(|| NeverNoticesTheEnd),
    )
    .fails("the connection should be recovering or down by now, and is working"),
    Control::new(
        "discards-a-full-window",
        "C13",
        "a shutdown behind a write that had to wait is an abort",
        || with_writes(DiscardsAFullWindow::default),
    )
    .fails("an accepted end: reading failed after 0 bytes: ConnectionReset, the channel was reset"),
];

#[derive(Default)]
struct LosesTheTail {
    held: WriteBuffer,
}

impl WriteFlaw for LosesTheTail {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= 4096 || from.len() >= 4096 {
            ready!(let_go(&mut self.held, below, cx))?;
            return below.poll_write(cx, from);
        }
        let count = from.len();
        self.held.put_slice(&from.copy_to_bytes(count));
        Poll::Ready(Ok(count))
    }

    fn flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(let_go(&mut self.held, below, cx))?;
        below.poll_flush(cx)
    }
}

#[derive(Clone, Default)]
struct IgnoresHalfClose(Arc<AtomicBool>);

impl ReadFlaw for IgnoresHalfClose {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.0.load(Ordering::Acquire) {
            return Poll::Ready(Ok(0));
        }
        below.poll_read(cx, into)
    }
}

impl WriteFlaw for IgnoresHalfClose {
    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.store(true, Ordering::Release);
        below.poll_shutdown(cx)
    }
}

#[derive(Default)]
struct EndsOnce {
    has_ended: bool,
}

impl ReadFlaw for EndsOnce {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Pending;
        }
        let polled = below.poll_read(cx, into);
        self.has_ended = matches!(polled, Poll::Ready(Ok(0)));
        polled
    }
}

struct SwallowsWrites;

impl WriteFlaw for SwallowsWrites {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        match below.poll_write(cx, from) {
            Poll::Ready(Err(error)) if error.kind() != ErrorKind::ConnectionAborted => swallow(from),
            other => other,
        }
    }
}

fn swallow(from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
    let count = from.len();
    from.clear();
    Poll::Ready(Ok(count))
}

#[derive(Default)]
struct WritesAfterItsEnd {
    has_ended: bool,
}

impl WriteFlaw for WritesAfterItsEnd {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.has_ended { swallow(from) } else { below.poll_write(cx, from) }
    }

    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.has_ended = true;
        below.poll_shutdown(cx)
    }
}

#[derive(Default)]
struct AbortLeavesItsReader {
    is_aborted: bool,
}

impl WriteFlaw for AbortLeavesItsReader {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.is_aborted {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        below.poll_write(cx, from)
    }

    fn abort(&mut self, _below: &mut dyn ChannelWrite) {
        self.is_aborted = true;
    }

    fn dropped(&mut self, below: &mut dyn ChannelWrite) {
        if self.is_aborted {
            below.abort();
        }
    }
}

struct AbortsPolitely;

impl WriteFlaw for AbortsPolitely {
    fn abort(&mut self, below: &mut dyn ChannelWrite) {
        let _ = below.poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

struct ResetIsAnEnd;

impl ReadFlaw for ResetIsAnEnd {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match below.poll_read(cx, into) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::ConnectionReset => Poll::Ready(Ok(0)),
            other => other,
        }
    }
}

#[derive(Default)]
struct EndOvertakesData {
    has_ended: bool,
}

impl ReadFlaw for EndOvertakesData {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Ok(0));
        }
        let piece = ready!(read_piece(below, cx))?;
        match read_piece(below, cx) {
            Poll::Ready(Ok(more)) if more.is_empty() => {
                self.has_ended = true;
                Poll::Ready(Ok(0))
            }
            Poll::Ready(Ok(more)) => deliver([&piece[..], &more[..]].concat(), into),
            Poll::Ready(Err(_)) | Poll::Pending => deliver(piece, into),
        }
    }
}

#[derive(Default)]
struct PanicsOnASecondClose {
    is_closed: bool,
}

impl WriteFlaw for PanicsOnASecondClose {
    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        assert!(!self.is_closed, "it is closed already");
        let polled = below.poll_shutdown(cx);
        self.is_closed = polled.is_ready();
        polled
    }
}

#[derive(Default)]
struct FillsUp {
    is_full: bool,
}

impl ReadFlaw for FillsUp {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let piece = ready!(read_piece(below, cx))?;
        if piece.is_empty() && !self.is_full {
            self.is_full = true;
            return deliver(BytesMut::zeroed(1), into);
        }
        deliver(piece, into)
    }
}

struct NeverNoticesTheEnd;

impl ReadFlaw for NeverNoticesTheEnd {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match ready!(read_piece(below, cx)) {
            Ok(piece) if piece != Bytes::new() => deliver(piece, into),
            _ => Poll::Pending,
        }
    }
}

#[derive(Default)]
struct DiscardsAFullWindow {
    waits: bool,
}

impl WriteFlaw for DiscardsAFullWindow {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let polled = below.poll_write(cx, from);
        self.waits = polled.is_pending();
        polled
    }

    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waits {
            below.abort();
            return Poll::Ready(Ok(()));
        }
        below.poll_shutdown(cx)
    }
}
