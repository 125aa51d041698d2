//! Hardships: what a transport may legally do to its user, made to happen all the time.
//!
//! A [`Hardship`] is a [`Layer`] that keeps every promise of [`ChannelRead`](listenrain::ChannelRead) and
//! [`ChannelWrite`](listenrain::ChannelWrite), and keeps none that they do not make: bytes come one by one, or late and
//! all at once, or only after many polls. Whatever works over a transport must work over it under each of them.

mod halves;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use listenrain::{BoxFuture, Channel, ChannelGenerator, NextError, Transport};

use crate::faults::{Layer, Layered, Side};
use crate::random::Random;

use self::halves::{Storm, coalesced_writes, one_byte_reads, short_writes, storms};

/// One named hardship, for both halves at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hardship {
    /// A read delivers one byte, however many have arrived.
    OneByteReads,
    /// A write takes 1 to 64 bytes, however many are offered.
    ShortWrites,
    /// Writes are held back until a flush or a shutdown, or until 64 KiB wait, then go as one.
    CoalescedWrites,
    /// Any poll may say `Pending` although it need not, once or for a while, and wake its task again.
    PendingStorms,
}

impl Hardship {
    /// Every hardship.
    pub const ALL: [Self; 4] =
        [Self::OneByteReads, Self::ShortWrites, Self::CoalescedWrites, Self::PendingStorms];

    /// Its name in flags, reports and tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneByteReads => "one-byte-reads",
            Self::ShortWrites => "short-writes",
            Self::CoalescedWrites => "coalesced-writes",
            Self::PendingStorms => "pending-storms",
        }
    }

    /// What it does, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OneByteReads => "a read delivers one byte, however many have arrived",
            Self::ShortWrites => "a write takes 1 to 64 bytes, however many are offered",
            Self::CoalescedWrites => "writes are held back until a flush, a shutdown or 64 KiB",
            Self::PendingStorms => "any poll may say pending although it need not, and wakes its task again",
        }
    }

    /// The hardship of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hardship| hardship.name() == name)
    }

    /// How much smaller bulk transfers should be under it, to take about as long as without.
    #[must_use]
    pub(crate) const fn divisor(self) -> usize {
        match self {
            Self::OneByteReads => 16,
            Self::ShortWrites => 32,
            Self::CoalescedWrites => 4,
            Self::PendingStorms => 8,
        }
    }

    /// `transport` under this hardship; `seed` decides all of its choices.
    #[must_use]
    pub fn upon(self, transport: Arc<dyn Transport>, seed: u64) -> Layered {
        Layered::new(transport, Arc::new(Hard { hardship: self, seed, channels: AtomicU64::new(0) }))
    }
}

impl fmt::Display for Hardship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A hardship at work; channels are numbered, so that each has random choices of its own.
#[derive(Debug)]
struct Hard {
    hardship: Hardship,
    seed: u64,
    channels: AtomicU64,
}

impl Hard {
    fn random(&self) -> Random {
        let number = self.channels.fetch_add(1, Ordering::Relaxed);
        Random::of(self.seed.wrapping_add(number), self.hardship.name())
    }
}

impl Layer for Hard {
    fn channel(&self, side: Side, channel: Channel) -> Channel {
        let random = self.random();
        match self.hardship {
            Hardship::OneByteReads => one_byte_reads().channel(side, channel),
            Hardship::ShortWrites => short_writes(random).channel(side, channel),
            Hardship::CoalescedWrites => coalesced_writes().channel(side, channel),
            Hardship::PendingStorms => storms(random, self.random()).channel(side, channel),
        }
    }

    fn next<'a>(
        &'a self,
        _side: Side,
        below: &'a mut dyn ChannelGenerator,
    ) -> BoxFuture<'a, Result<Channel, NextError>> {
        match self.hardship {
            Hardship::PendingStorms => {
                let mut storm = Storm::new(self.random());
                let mut next = below.next();
                Box::pin(std::future::poll_fn(move |cx| {
                    std::task::ready!(storm.poll(cx));
                    next.as_mut().poll(cx)
                }))
            }
            _ => below.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::{Context, Poll, Waker};

    use bytes::{Buf, Bytes};
    use listenrain::ChannelFacts;
    use listenrain::buffer::{ReadBuffer, WriteBuffer};
    use listenrain_transports::channel::pair;
    use listenrain_transports::{InProcess, Tcp};

    use super::*;

    /// Both ends of a channel, the near one under `hardship`.
    fn near_and_far(hardship: Hardship) -> (Channel, Channel) {
        let (near, far) = pair();
        let hard = Hard { hardship, seed: 1, channels: AtomicU64::new(0) };
        (hard.channel(Side::Dialer, near), far)
    }

    fn poll<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        poll(&mut Context::from_waker(Waker::noop()))
    }

    fn put(channel: &mut Channel, bytes: &'static [u8]) -> Poll<std::io::Result<usize>> {
        let mut from = WriteBuffer::new(0);
        from.put(Bytes::from_static(bytes));
        poll(|cx| channel.write.poll_write(cx, &mut from))
    }

    fn take(channel: &mut Channel) -> Poll<std::io::Result<usize>> {
        poll(|cx| channel.read.poll_read(cx, &mut ReadBuffer::default()))
    }

    #[tokio::test]
    async fn a_write_half_that_is_dropped_first_resets_nothing_that_is_still_read() {
        // Broken by a reset for bytes that wait for a reader which is still there.
        let (mut near, mut far) = near_and_far(Hardship::OneByteReads);
        assert!(put(&mut far, b"abc").is_ready());
        assert!(matches!(take(&mut near), Poll::Ready(Ok(1))));
        let Channel { mut read, write, .. } = near;
        drop(write);
        let mut next = || poll(|cx| read.poll_read(cx, &mut ReadBuffer::default()));
        assert!(matches!((next(), next()), (Poll::Ready(Ok(1)), Poll::Ready(Ok(1)))));
        assert!(matches!(take(&mut far), Poll::Ready(Ok(0))), "the peer reads an orderly end");
    }

    #[tokio::test]
    async fn one_byte_reads_deliver_one_byte_and_then_the_end() {
        let (mut near, mut far) = near_and_far(Hardship::OneByteReads);
        assert!(put(&mut far, b"abc").is_ready());
        drop(far);
        for expected in [1, 1, 1, 0, 0] {
            assert!(matches!(take(&mut near), Poll::Ready(Ok(count)) if count == expected));
        }
    }

    #[tokio::test]
    async fn bytes_that_one_byte_reads_hold_back_count_as_unread() {
        let (mut near, mut far) = near_and_far(Hardship::OneByteReads);
        assert!(put(&mut far, b"abc").is_ready());
        assert!(matches!(take(&mut near), Poll::Ready(Ok(1))));
        drop(near);
        let Poll::Ready(Err(error)) = take(&mut far) else { panic!("an orderly end") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn short_writes_take_a_part_and_leave_the_rest() {
        let (mut near, _far) = near_and_far(Hardship::ShortWrites);
        let mut from = WriteBuffer::new(0);
        from.put(Bytes::from(vec![7; 1000]));
        let Poll::Ready(Ok(taken)) = poll(|cx| near.write.poll_write(cx, &mut from)) else {
            panic!("no write")
        };
        assert!((1..=64).contains(&taken) && from.remaining() == 1000 - taken, "{taken}");
    }

    #[tokio::test]
    async fn coalesced_writes_wait_for_a_flush_or_a_shutdown() {
        let (mut near, mut far) = near_and_far(Hardship::CoalescedWrites);
        assert!(put(&mut near, b"ab").is_ready() && put(&mut near, b"cd").is_ready());
        assert!(take(&mut far).is_pending());
        assert!(poll(|cx| near.write.poll_flush(cx)).is_ready());
        assert!(matches!(take(&mut far), Poll::Ready(Ok(4))));
        assert!(put(&mut near, b"ef").is_ready());
        assert!(poll(|cx| near.write.poll_shutdown(cx)).is_ready());
        assert!(matches!(take(&mut far), Poll::Ready(Ok(2))) && matches!(take(&mut far), Poll::Ready(Ok(0))));
        assert!(matches!(put(&mut near, b"late"), Poll::Ready(Err(_))));
    }

    #[tokio::test]
    async fn coalesced_writes_feel_a_peer_that_does_not_read() {
        let (mut near, _far) = near_and_far(Hardship::CoalescedWrites);
        let mut taken = 0;
        while let Poll::Ready(count) = put(&mut near, &[0; 64 << 10]) {
            taken += count.unwrap();
            assert!(taken < 4 << 20, "{taken} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_holds_up_and_lets_go_again() {
        let (mut near, mut far) = near_and_far(Hardship::PendingStorms);
        let mut held_up = 0;
        for _ in 0..1000 {
            assert!(put(&mut far, b"x").is_ready());
            let mut polls = 0;
            let mut into = ReadBuffer::default();
            let read = poll_fn(|cx| {
                polls += 1;
                near.read.poll_read(cx, &mut into)
            });
            assert_eq!(read.await.unwrap(), 1);
            held_up += polls - 1;
        }
        assert!((200..2000).contains(&held_up), "{held_up}");
    }

    #[tokio::test]
    async fn the_same_seed_makes_the_same_choices() {
        let choices = || {
            let (mut near, _far) = near_and_far(Hardship::ShortWrites);
            (0..50).map(|_| format!("{:?}", put(&mut near, &[0; 100]))).collect::<Vec<_>>()
        };
        assert_eq!(choices(), choices());
    }

    #[tokio::test]
    async fn a_hardship_is_found_by_its_name_and_forwards_what_it_does_not_change() {
        for hardship in Hardship::ALL {
            assert_eq!(Hardship::named(hardship.name()), Some(hardship));
            let (near, _far) = pair();
            let flatten = near.write.flatten_below();
            let superseded = near.superseded_by(async {});
            let hard = Hard { hardship, seed: 1, channels: AtomicU64::new(0) };
            let under = hard.channel(Side::Dialer, superseded);
            assert_eq!(under.write.flatten_below(), flatten, "{hardship}");
            assert_eq!(under.facts, ChannelFacts::new("channel"), "{hardship}");
            assert!(under.superseded.is_some(), "{hardship}");
            let transport = hardship.upon(Arc::new(Tcp::default()), 1);
            assert_eq!(
                (transport.scheme(), transport.capabilities()),
                ("tcp", Tcp::default().capabilities())
            );
            assert_eq!(transport.options(), Transport::options(&Tcp::default()));
        }
    }

    #[tokio::test]
    async fn an_abort_goes_through_every_hardship() {
        for hardship in Hardship::ALL {
            let transport = hardship.upon(Arc::new(InProcess::default()), 1);
            let mut listener = transport.listen(&transport.scratch_endpoint()).await.unwrap();
            let mut dialer = transport.dialer(listener.endpoint()).unwrap();
            let (near, far) = tokio::join!(dialer.next(), listener.next());
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            near.write.abort();
            let mut into = ReadBuffer::default();
            let error = poll_fn(|cx| far.read.poll_read(cx, &mut into)).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{hardship}");
        }
    }
}
