//! Broken in flow control, under load, or in what is given back.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, NextError};

use super::Control;
use super::flaws::{
    ReadFlaw, WINDOW, WriteFlaw, deliver, flawed_read, flawed_write, let_go, read_piece, with_channels,
    with_layer, with_writes,
};
use crate::layer::{Layer, Side, map_halves};

pub(super) const CONTROLS: &[Control] = &[
    Control::new(
        "buffers-without-end",
        "E01",
        "a write takes all there is, whether anybody reads or not",
        || with_writes(BuffersWithoutEnd::default),
    )
    .fails("bytes were taken although nobody reads, allowed are 67108864"),
    Control::new("full-is-for-ever", "E02", "a writer that waits is not woken when there is room", || {
        with_writes(|| FullIsForEver)
    })
    .fails("waking a writer whose bytes are read took longer than 3 s"),
    Control::new(
        "one-window-for-all",
        "E03",
        "what waits in one channel takes the room of all others",
        || {
            let window = Window::default();
            with_channels(move |_, channel| {
                flawed_write(flawed_read(channel, window.clone()), window.clone())
            })
        },
    )
    .fails("beside a channel whose reader sleeps took longer than 3 s"),
    Control::new("dies-of-many-channels", "E04", "a dial fails while forty ends are open", || {
        with_layer(DiesOfManyChannels::default())
    })
    .fails("too many channels are open"),
    #[cfg(target_os = "linux")]
    Control::new("leaks-a-descriptor", "E05", "each channel leaves a file open", || {
        with_channels(|_, channel| {
            std::mem::forget(std::fs::File::open("/dev/null"));
            channel
        })
    })
    .fails("left behind: 2500 file descriptors"),
    Control::new("leaks-a-task", "E05", "each channel leaves a task that never ends", || {
        with_channels(|_, channel| {
            tokio::spawn(pending::<()>());
            channel
        })
    })
    .fails("left behind: 2500 tasks"),
    Control::new("leaks-memory", "E06", "each write of several segments leaves one of them behind", || {
        with_writes(|| LeaksMemory)
    })
    .fails("each run left behind: "),
    Control::new("leaks-on-a-refusal", "E06", "each dial that fails leaves a task that never ends", || {
        with_layer(LeaksOnARefusal)
    })
    .fails("left behind on its own runtime: "),
    Control::new(
        "keeps-its-read-half",
        "E07",
        "a read half lives on when it is dropped before the end",
        || {
            let kept = Arc::<Mutex<Vec<_>>>::default();
            with_channels(move |_, channel| {
                let kept = kept.clone();
                map_halves(
                    channel,
                    |below| Box::new(KeepsItsReadHalf { below: Some(below), kept }),
                    |write| write,
                )
            })
        },
    )
    .hangs("a dialled end writes (after"),
    Control::new("stays-full", "E08", "once a listener's queue was full, every dial is refused", || {
        with_layer(StaysFull::default())
    })
    .hangs("a listener of channel://fresh-1?backlog=4 accepts"),
];

#[derive(Default)]
struct BuffersWithoutEnd {
    held: WriteBuffer,
}

impl WriteFlaw for BuffersWithoutEnd {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let count = from.len();
        while let Some(segment) = from.take_segment() {
            self.held.put(segment);
        }
        if let Poll::Ready(Err(error)) = let_go(&mut self.held, below, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(count))
    }

    fn flush(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(let_go(&mut self.held, below, cx))?;
        below.poll_flush(cx)
    }

    fn shutdown(&mut self, below: &mut dyn ChannelWrite, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(let_go(&mut self.held, below, cx))?;
        below.poll_shutdown(cx)
    }
}

struct FullIsForEver;

impl WriteFlaw for FullIsForEver {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        _cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        below.poll_write(&mut Context::from_waker(Waker::noop()), from)
    }
}

/// Room that all channels of a transport share.
#[derive(Clone, Default)]
struct Window(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    unread: usize,
    writers: Vec<Waker>,
}

impl ReadFlaw for Window {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let piece: Bytes = ready!(read_piece(below, cx))?;
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.unread = shared.unread.saturating_sub(piece.len());
        let writers = std::mem::take(&mut shared.writers);
        drop(shared);
        writers.into_iter().for_each(Waker::wake);
        deliver(piece, into)
    }
}

impl WriteFlaw for Window {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.unread >= WINDOW {
            shared.writers.push(cx.waker().clone());
            return Poll::Pending;
        }
        let count = ready!(below.poll_write(cx, from))?;
        shared.unread += count;
        Poll::Ready(Ok(count))
    }
}

#[derive(Debug, Default)]
struct DiesOfManyChannels {
    open: Arc<AtomicUsize>,
}

/// Counts an end for as long as its write half lives.
struct Counting(Arc<AtomicUsize>);

impl WriteFlaw for Counting {
    fn dropped(&mut self, _below: &mut dyn ChannelWrite) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Layer for DiesOfManyChannels {
    fn channel(&self, _side: Side, channel: Channel) -> Channel {
        self.open.fetch_add(1, Ordering::AcqRel);
        flawed_write(channel, Counting(self.open.clone()))
    }

    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        if side == Side::Dialer && self.open.load(Ordering::Acquire) >= 40 {
            let error = io::Error::other("too many channels are open");
            let error = NextError::passing("dial", below.endpoint(), error);
            return Box::pin(async { Err(error) });
        }
        below.next()
    }
}

struct LeaksMemory;

impl WriteFlaw for LeaksMemory {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if from.chunk().len() < from.len() {
            // An allocation that nobody looks at would not be made.
            std::hint::black_box(Box::leak(from.chunk().to_vec().into_boxed_slice()));
        }
        below.poll_write(cx, from)
    }
}

#[derive(Debug)]
struct LeaksOnARefusal;

impl Layer for LeaksOnARefusal {
    fn next<'a>(
        &'a self,
        _side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        Box::pin(async {
            below.next().await.inspect_err(|_| {
                tokio::spawn(pending::<()>());
            })
        })
    }
}

/// Read halves that nobody drops before their transport.
type Graveyard = Arc<Mutex<Vec<Box<dyn ChannelRead>>>>;

struct KeepsItsReadHalf {
    below: Option<Box<dyn ChannelRead>>,
    kept: Graveyard,
}

impl ChannelRead for KeepsItsReadHalf {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        let Some(below) = &mut self.below else {
            return Poll::Ready(Ok(0));
        };
        let polled = below.poll_read(cx, into);
        if matches!(polled, Poll::Ready(Ok(0))) {
            self.below = None;
        }
        polled
    }
}

impl Drop for KeepsItsReadHalf {
    fn drop(&mut self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).extend(self.below.take());
    }
}

#[derive(Debug, Default)]
struct StaysFull {
    was_full: AtomicBool,
}

impl Layer for StaysFull {
    fn next<'a>(
        &'a self,
        side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        Box::pin(async move {
            if side == Side::Dialer && self.was_full.load(Ordering::Acquire) {
                return Err(NextError::passing(
                    "dial",
                    below.endpoint(),
                    ErrorKind::ConnectionRefused.into(),
                ));
            }
            below.next().await.inspect_err(|error| {
                let is_full =
                    error.source.as_ref().is_some_and(|source| source.to_string().contains("backlog"));
                self.was_full.fetch_or(is_full, Ordering::AcqRel);
            })
        })
    }
}
