//! Transports broken in how a channel ends.

use std::io::ErrorKind;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};

use super::fixture::{Fixture, fails, hangs};
use super::integrity::holding_back;
use crate::hooks::{Halves, Upon, deliver, let_go, read_piece, reads, swallow, writes};

pub(crate) const FIXTURES: &[Fixture] = &[
    // A shutdown forgets what was not flushed.
    fails("loses-the-tail-on-close", "C01", "an accepted end: the end came after 0 of 1 bytes", || {
        let halves = holding_back().flush(|held, below, cx| {
            ready!(let_go(held, below, cx))?;
            below.poll_flush(cx)
        });
        halves.subject()
    }),
    // A shutdown ends reading too.
    fails("ignores-half-close", "C02", "a dialled end: the end came after 0 of", || {
        Halves::each(bool::default)
            .read(
                |ended, below, cx, into| {
                    if *ended { Poll::Ready(Ok(0)) } else { below.poll_read(cx, into) }
                },
            )
            .shutdown(|ended, below, cx| {
                *ended = true;
                below.poll_shutdown(cx)
            })
            .subject()
    }),
    // After the end was read, the next read waits for ever.
    hangs("ends-once", "C03", "an accepted end reads (after 10 bytes)", || {
        reads(bool::default, |ended, below, cx, into| {
            if *ended {
                return Poll::Pending;
            }
            let polled = below.poll_read(cx, into);
            *ended = matches!(polled, Poll::Ready(Ok(0)));
            polled
        })
    }),
    // A write that fails says that all was taken.
    fails("swallows-writes-to-nobody", "C04", "67108864 bytes were taken where an error was due", || {
        writes(<()>::default, |(), below, cx, from| match below.poll_write(cx, from) {
            Poll::Ready(Err(error)) if error.kind() != ErrorKind::ConnectionAborted => swallow(from),
            other => other,
        })
    }),
    // Writes after a shutdown say that all was taken.
    fails("writes-after-its-end", "C05", "after the shutdown said Ok(10), expected BrokenPipe", || {
        Halves::each(bool::default)
            .write(|ended, below, cx, from| if *ended { swallow(from) } else { below.poll_write(cx, from) })
            .shutdown(|ended, below, cx| {
                *ended = true;
                below.poll_shutdown(cx)
            })
            .subject()
    }),
    // An abort does nothing until the write half is dropped.
    fails("abort-leaves-its-reader", "C06", "on a channel that is aborted took longer than 3 s", || {
        Halves::each(bool::default)
            .write(|aborted, below, cx, from| match *aborted {
                true => Poll::Ready(Err(ErrorKind::ConnectionAborted.into())),
                false => below.poll_write(cx, from),
            })
            .abort(|aborted, _| *aborted = true)
            .dropped(|aborted, below| {
                if *aborted {
                    below.abort();
                }
            })
            .subject()
    }),
    // An abort is an orderly end.
    fails("aborts-politely", "C07", "an orderly end came after 0 bytes where an error was due", || {
        let halves = Halves::each(<()>::default).abort(|(), below| {
            let _ = below.poll_shutdown(&mut Context::from_waker(Waker::noop()));
        });
        halves.subject()
    }),
    // A reset is read as an orderly end.
    fails("takes-a-reset-for-an-end", "C08", "end came after 0 bytes where an error was due", || {
        reads(<()>::default, |(), below, cx, into| match below.poll_read(cx, into) {
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::ConnectionReset => Poll::Ready(Ok(0)),
            other => other,
        })
    }),
    // The last bytes are lost when the end has come with them.
    fails("end-overtakes-data", "C09", "bytes: an accepted end: the end came after 0 of", || {
        reads(bool::default, |ended, below, cx, into| {
            if *ended {
                return Poll::Ready(Ok(0));
            }
            let piece = ready!(read_piece(below, cx))?;
            match read_piece(below, cx) {
                Poll::Ready(Ok(more)) if more.is_empty() => {
                    *ended = true;
                    Poll::Ready(Ok(0))
                }
                Poll::Ready(Ok(more)) => deliver([&piece[..], &more[..]].concat(), into),
                Poll::Ready(Err(_)) | Poll::Pending => deliver(piece, into),
            }
        })
    }),
    // A second shutdown is a panic.
    fails("panics-on-a-second-close", "C10", "panicked: it is closed already", || {
        let halves = Halves::each(bool::default).shutdown(|closed, below, cx| {
            assert!(!*closed, "it is closed already");
            let polled = below.poll_shutdown(cx);
            *closed = polled.is_ready();
            polled
        });
        halves.subject()
    }),
    // A zero byte is read before the end.
    fails("fills-up-at-the-end", "C11", "bytes of a frame were taken for Err(Truncated { had: 2 })", || {
        reads(bool::default, |filled, below, cx, into| {
            let piece = ready!(read_piece(below, cx))?;
            if piece.is_empty() && !*filled {
                *filled = true;
                return deliver(BytesMut::zeroed(1), into);
            }
            deliver(piece, into)
        })
    }),
    // Reading waits for ever where the end or an error is.
    fails("never-notices-the-end", "C12", "should be recovering or down by now, and is working", || {
        reads(<()>::default, |(), below, cx, into| match ready!(read_piece(below, cx)) {
            Ok(piece) if piece != Bytes::new() => deliver(piece, into),
            _ => Poll::Pending,
        })
    }),
    // A shutdown behind a write that had to wait is an abort.
    fails("discards-a-full-window", "C13", "after 0 bytes: ConnectionReset, the channel was reset", || {
        Halves::each(bool::default)
            .write(|waits, below, cx, from| {
                let polled = below.poll_write(cx, from);
                *waits = polled.is_pending();
                polled
            })
            .shutdown(|waits, below, cx| {
                if *waits {
                    below.abort();
                    return Poll::Ready(Ok(()));
                }
                below.poll_shutdown(cx)
            })
            .subject()
    }),
];
