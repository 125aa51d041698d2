//! Broken in what only shows once a channel was lost: when another is dialled, and where.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, NextError};
use tokio::time::{Sleep, sleep};

use super::Control;
use super::flaws::{ReadFlaw, WriteFlaw, flawed_write, with_layer, with_reads};
use super::lists::{of_members, with_lists, without_better_ones};
use crate::layer::{Layer, Side};

pub(super) const CONTROLS: &[Control] = &[
    Control::new("tells-resets-late", "H01", "a read tells of a reset ten seconds after it", || {
        with_reads(|| Late { tells_late: |read| read.is_err(), told: None })
    })
    .fails("waiting for a server to have accepted 2 channels took longer than 3 s"),
    Control::new("tells-ends-late", "H02", "a read tells of the end ten seconds after it", || {
        with_reads(|| Late { tells_late: |read| matches!(read, Ok(0)), told: None })
    })
    .fails("waiting for a server to have accepted 2 channels took longer than 3 s"),
    Control::new(
        "waits-for-the-dead",
        "H03",
        "a dial waits until the far ends of channels that are gone have gone, too",
        || with_layer(WaitsForTheDead::default()),
    )
    .fails("after it was silent: a call took longer than 3 s"),
    Control::new("refuses-slowly", "H04", "a dial is refused after a second only", || {
        with_layer(RefusesSlowly)
    })
    .fails("waiting for 10 dials took longer than 3 s"),
    Control::new(
        "dials-twice-after-a-storm",
        "H05",
        "the dial after six refusals makes two channels",
        || with_layer(DialsTwiceAfterAStorm::default()),
    )
    .fails("2 channels were accepted, expected 1"),
    Control::new("asks-only-the-first", "H06", "of a list only the first member is dialled", || {
        with_lists(|list| of_members(list, |members| members.truncate(1)))
    })
    .fails("waiting for a server to have accepted 2 channels took longer than 3 s"),
    Control::new("names-only-its-scheme", "H07", "an error of a dial does not say of which endpoint", || {
        with_layer(NamesOnlyItsScheme)
    })
    .fails("is dead, and not named: dial the list"),
    Control::new("forgets-what-is-better", "H08", "nothing tells that a better member is back", || {
        without_better_ones()
    })
    .fails("calls still go to the standby, long after the active is back"),
    Control::new("never-backs-off", "H09", "a member that failed is tried first again after 1 ms", || {
        with_lists(|list| {
            let hasty = |list: Endpoint, name| list.with_option(name, "1ms");
            Ok(["first_wait", "longest_wait"].into_iter().fold(list.clone(), hasty))
        })
    })
    .fails("beside a member that flaps not one call was answered"),
    Control::new(
        "gives-up-what-it-had",
        "H10",
        "a refusal is final for a dialler that has had a channel before",
        || with_layer(GivesUpWhatItHad::default()),
    )
    .fails("a pooled connection is down, and a second one was made beside it"),
    Control::new(
        "swallows-after-a-reconnect",
        "H11",
        "from its second channel on a dialler's writes beyond 100 KiB are lost",
        || with_layer(SwallowsAfterAReconnect::default()),
    )
    .fails("an outcome of each of 48 calls took longer than 3 s"),
];

type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;

/// Reads some of which are told late.
struct Late {
    tells_late: fn(&io::Result<usize>) -> bool,
    told: Option<(io::Result<usize>, Pin<Box<Sleep>>)>,
}

impl ReadFlaw for Late {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.told.is_none() {
            let read = ready!(below.poll_read(cx, into));
            if !(self.tells_late)(&read) {
                return Poll::Ready(read);
            }
            self.told = Some((read, Box::pin(sleep(Duration::from_secs(10)))));
        }
        if let Some((_, wait)) = &mut self.told {
            ready!(wait.as_mut().poll(cx));
        }
        self.told.take().map_or(Poll::Pending, |(read, _)| Poll::Ready(read))
    }
}

/// Ends that are open, of either side.
#[derive(Debug, Default)]
struct WaitsForTheDead {
    dialled: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

/// Counts an end for as long as its write half lives.
struct Counting(Arc<AtomicUsize>);

impl WriteFlaw for Counting {
    fn dropped(&mut self, _below: &mut dyn ChannelWrite) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Layer for WaitsForTheDead {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        let open = if side == Side::Dialer { &self.dialled } else { &self.accepted };
        open.fetch_add(1, Ordering::AcqRel);
        flawed_write(channel, Counting(open.clone()))
    }

    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let count = |open: &AtomicUsize| open.load(Ordering::Acquire);
            while side == Side::Dialer && count(&self.accepted) > count(&self.dialled) {
                sleep(Duration::from_millis(1)).await;
            }
            below.next().await
        })
    }
}

#[derive(Debug)]
struct RefusesSlowly;

impl Layer for RefusesSlowly {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let next = below.next().await;
            if side == Side::Dialer && next.is_err() {
                sleep(Duration::from_secs(1)).await;
            }
            next
        })
    }
}

/// Refusals in a row.
#[derive(Debug, Default)]
struct DialsTwiceAfterAStorm(AtomicUsize);

impl Layer for DialsTwiceAfterAStorm {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let next = below.next().await;
            if side == Side::Listener {
                return next;
            }
            match next {
                Err(error) => {
                    self.0.fetch_add(1, Ordering::AcqRel);
                    Err(error)
                }
                Ok(_unused) if self.0.swap(0, Ordering::AcqRel) >= 6 => below.next().await,
                Ok(channel) => Ok(channel),
            }
        })
    }
}

#[derive(Debug)]
struct NamesOnlyItsScheme;

impl Layer for NamesOnlyItsScheme {
    fn next<'a>(&'a self, _side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async {
            let next = below.next().await;
            let scheme = below.endpoint().scheme();
            next.map_err(|mut error| {
                scheme.clone_into(&mut error.endpoint);
                error.source = None;
                error
            })
        })
    }
}

/// Endpoints to which a dial has led.
#[derive(Debug, Default)]
struct GivesUpWhatItHad(Mutex<BTreeSet<Endpoint>>);

impl Layer for GivesUpWhatItHad {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let (next, endpoint) = (below.next().await, below.endpoint());
            let mut had = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match next {
                Ok(channel) => {
                    had.insert(endpoint.clone());
                    Ok(channel)
                }
                Err(mut error) => {
                    error.is_final |= side == Side::Dialer && had.contains(endpoint);
                    Err(error)
                }
            }
        })
    }
}

#[derive(Debug, Default)]
struct SwallowsAfterAReconnect {
    has_dialled: AtomicBool,
}

/// How many more bytes are written; what comes after them is said to be.
struct Swallowing(usize);

impl WriteFlaw for Swallowing {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        if self.0 == 0 {
            let count = from.len();
            from.advance(count);
            return Poll::Ready(Ok(count));
        }
        let count = ready!(below.poll_write(cx, from))?;
        self.0 = self.0.saturating_sub(count);
        Poll::Ready(Ok(count))
    }
}

impl Layer for SwallowsAfterAReconnect {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        if side == Side::Listener || !self.has_dialled.swap(true, Ordering::AcqRel) {
            return channel;
        }
        flawed_write(channel, Swallowing(100 << 10))
    }
}
