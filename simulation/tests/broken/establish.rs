//! Transports broken in dialing, listening or accepting.

use std::collections::BTreeSet;
use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use listenrain::transport::generator;
use listenrain::{Channel, ChannelGenerator, Endpoint, NextError};
use listenrain_simulation::conformance::BlackHole;
use listenrain_simulation::faults::{Layer, Side, with_read};
use listenrain_transports::channel::pair;
use tokio::task::yield_now;

use super::fixture::{Fixture, fails, hangs};
use super::hello::{Hello, first};
use crate::hooks::{Generators, Halves, Next, Upon, channels, lock, read_piece};

pub(crate) const FIXTURES: &[Fixture] = &[
    // An accepted end takes its own endpoint for its peer's.
    fails("lies-about-its-peer", "A01", "the dialled end says", || {
        channels(|side, mut channel| {
            if side == Side::Listener {
                channel.facts.peer.clone_from(&channel.facts.local);
            }
            channel
        })
    }),
    // A dial without a listener never ends.
    fails("waits-for-a-listener", "A02", "where there is no listener, took longer than 3 s", || {
        let generators = Generators::new(()).next(|(), _, below| {
            Box::pin(async {
                match below.next().await {
                    Err(error) if error.kind == ErrorKind::ConnectionRefused => pending().await,
                    other => other,
                }
            })
        });
        generators.subject()
    }),
    // A dial that is not answered never ends.
    fails("never-gives-up-a-dial", "A03", "a dial of the black hole channel://black-hole took", || {
        let generators = Generators::new(()).dialer(|(), below, endpoint| {
            let is_black = endpoint.address() == "black-hole";
            if is_black { Ok(generator(endpoint.clone(), pending)) } else { below.dialer(endpoint) }
        });
        let endpoint = || Endpoint::new("channel", "black-hole").expect("a constant that parses");
        generators.subject().with_black_hole(move || async move {
            Ok(BlackHole { endpoint: endpoint(), guard: Box::new(()) })
        })
    }),
    // A dial that is dropped leaves its channel open.
    fails("keeps-cancelled-dials", "A04", "of a channel whose dial was dropped took longer than 3 s", || {
        let generators = Generators::new(Mutex::default()).next(|kept, side, below| {
            Box::pin(async move {
                let channel = below.next().await?;
                if side == Side::Listener {
                    return Ok(channel);
                }
                let mut kept = Kept(Some(channel), kept);
                yield_now().await;
                Ok(kept.0.take().expect("it is taken once"))
            })
        });
        generators.subject()
    }),
    // A dialer that was refused once is refused for ever.
    hangs("remembers-a-refusal", "A05", "a listener of channel://fresh-1 accepts", || {
        let generators = Generators::new(OnceLock::<NextError>::new()).next(|refused, side, below| {
            Box::pin(async move {
                match refused.get().filter(|_| side == Side::Dialer) {
                    Some(refused) => Err(refused.clone()),
                    None => below.next().await.inspect_err(|error| drop(refused.set(error.clone()))),
                }
            })
        });
        generators.subject()
    }),
    // An accept that is dropped takes its channel along.
    hangs("drops-with-an-accept", "A06", "a listener of channel://fresh-1 accepts", || {
        let generators = Generators::new(()).next(|(), side, below| {
            Box::pin(async move {
                let channel = below.next().await?;
                if side == Side::Listener {
                    yield_now().await;
                }
                Ok(channel)
            })
        });
        generators.subject()
    }),
    // Dropping a listener breaks what it accepted.
    fails("takes-its-channels-along", "A07", "reading failed after 0 bytes: ConnectionReset", || {
        let generators = Generators::new(()).listen(|(), below, endpoint| {
            Box::pin(async {
                let below = below.listen(endpoint).await?;
                Ok(Box::new(Breaking { below, broken: Broken::default(), breaks_at_next: false }) as _)
            })
        });
        generators.subject()
    }),
    // A second listener is let in, and hears nothing.
    fails("shares-a-taken-endpoint", "A08", "a second listener at channel://fresh-1 succeeded", || {
        let generators = Generators::new(()).listen(|(), below, endpoint| {
            Box::pin(async {
                match below.listen(endpoint).await {
                    Err(error) if error.kind == ErrorKind::AddrInUse => {
                        Ok(generator(endpoint.clone(), pending))
                    }
                    other => other,
                }
            })
        });
        generators.subject()
    }),
    // An endpoint can be listened at but once.
    fails("never-frees-its-endpoint", "A09", "again: listen channel://fresh-1: address in use", || {
        let generators = Generators::new(Mutex::new(BTreeSet::new())).listen(|used, below, endpoint| {
            if lock(used).insert(endpoint.clone()) {
                return below.listen(endpoint);
            }
            let taken = NextError::passing("listen", endpoint, ErrorKind::AddrInUse.into());
            Box::pin(async { Err(taken) })
        });
        generators.subject()
    }),
    // Every listener says that it is where the first one is.
    fails("hides-where-it-listens", "A10", "two listeners say that they are at", || {
        let generators = Generators::new(OnceLock::new()).listen(|first, below, endpoint| {
            Box::pin(async {
                let below = below.listen(endpoint).await?;
                let first: &Endpoint = first.get_or_init(|| below.endpoint().clone());
                Ok(Box::new(Hidden(below, first.clone())) as _)
            })
        });
        generators.subject()
    }),
    // A dial beyond the queue gives a channel that leads nowhere.
    hangs("forgets-over-its-backlog", "A11", "(after 0 bytes), a dialled end reads (after 0 bytes)", || {
        Generators::new((AtomicIsize::new(0), Mutex::default())).next(forgets_over_its_backlog).subject()
    }),
    // Every accept but the first waits for the peer's first byte.
    fails("accept-waits-for-a-byte", "A12", "behind dials that stall, one was not served within 2s", || {
        let generators = Generators::new(AtomicBool::new(false)).next(|has_accepted, side, below| {
            Box::pin(async move {
                let mut channel = below.next().await?;
                if side == Side::Dialer || !has_accepted.swap(true, Ordering::AcqRel) {
                    return Ok(channel);
                }
                let byte = poll_fn(|cx| read_piece(&mut *channel.read, cx)).await.unwrap_or_default();
                Ok(with_read(channel, first(byte)))
            })
        });
        generators.subject()
    }),
    // A dialer's next channel breaks the one before.
    fails("one-channel-at-a-time", "A13", "writing failed after 0 bytes were taken: ConnectionReset", || {
        let generators = Generators::new(()).dialer(|(), below, endpoint| {
            let below = below.dialer(endpoint)?;
            Ok(Box::new(Breaking { below, broken: Broken::default(), breaks_at_next: true }))
        });
        generators.subject()
    }),
    // An endpoint of another scheme is a panic.
    fails("panics-at-a-bad-address", "A15", "nobody would give it another", || {
        let generators = Generators::new(()).dialer(|(), below, endpoint| {
            assert_eq!(endpoint.scheme(), below.scheme(), "nobody would give it another");
            below.dialer(endpoint)
        });
        generators.subject()
    }),
    // An accepted end takes the peer of the channel before it for its own.
    fails("takes-the-peer-of-the-one-before", "A16", "of pair 1 the dialled end says", || {
        let before = Mutex::new(None);
        channels(move |side, mut channel| {
            if side == Side::Listener {
                let own = channel.facts.peer.clone();
                channel.facts.peer = std::mem::replace(&mut *lock(&before), own.clone()).or(own);
            }
            channel
        })
    }),
    // A listener waits four seconds for a peer's hello before it looks at the next.
    fails("one-hello-at-a-time", "A17", "behind a peer that says nothing, a dial was not served", || {
        Hello::OneAtATime.subject()
    }),
    // A wrong hello is the end of the listener.
    fails("dies-of-a-wrong-hello", "A18", "a request of another protocol: the listener gave up", || {
        Hello::EndsTheListener.subject()
    }),
    // A dialer reads on behind the listener's welcome, and throws that away.
    fails("reads-beyond-the-welcome", "A19", "reading them, once the dial was over, took longer", || {
        Hello::ReadsTooFar.subject()
    }),
];

/// A channel that is kept unless it is taken.
struct Kept<'a>(Option<Channel>, &'a Mutex<Vec<Channel>>);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        lock(self.1).extend(self.0.take());
    }
}

struct Hidden(Box<dyn ChannelGenerator>, Endpoint);

impl ChannelGenerator for Hidden {
    fn next(&mut self) -> Next<'_> {
        self.0.next()
    }

    fn endpoint(&self) -> &Endpoint {
        &self.1
    }
}

/// Breaks a channel once it is set.
type Broken = Arc<AtomicBool>;

/// A generator whose channels break when it is dropped, or when its next one comes.
struct Breaking {
    below: Box<dyn ChannelGenerator>,
    broken: Broken,
    breaks_at_next: bool,
}

fn unless_broken(broken: &Broken) -> io::Result<()> {
    if broken.load(Ordering::Acquire) { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
}

impl ChannelGenerator for Breaking {
    fn next(&mut self) -> Next<'_> {
        Box::pin(async {
            let channel = self.below.next().await?;
            if self.breaks_at_next {
                self.broken.store(true, Ordering::Release);
                self.broken = Broken::default();
            }
            let halves = Halves::all(self.broken.clone())
                .read(|broken, below, cx, into| {
                    unless_broken(broken)?;
                    below.poll_read(cx, into)
                })
                .write(|broken, below, cx, from| {
                    unless_broken(broken)?;
                    below.poll_write(cx, from)
                });
            Ok(Layer::channel(&halves, Side::Dialer, channel))
        })
    }

    fn endpoint(&self) -> &Endpoint {
        self.below.endpoint()
    }
}

impl Drop for Breaking {
    fn drop(&mut self) {
        self.broken.store(!self.breaks_at_next, Ordering::Release);
    }
}

/// How many are queued, and the far ends of channels that lead nowhere.
type Queue = (AtomicIsize, Mutex<Vec<Channel>>);

fn forgets_over_its_backlog<'a>(
    (queued, forgotten): &'a Queue,
    side: Side,
    below: &'a mut dyn ChannelGenerator,
) -> Next<'a> {
    Box::pin(async move {
        if side == Side::Listener {
            let channel = below.next().await?;
            queued.fetch_sub(1, Ordering::AcqRel);
            return Ok(channel);
        }
        if queued.load(Ordering::Acquire) >= 4 {
            let (near, far) = pair();
            lock(forgotten).push(far);
            return Ok(near);
        }
        let channel = below.next().await?;
        queued.fetch_add(1, Ordering::AcqRel);
        Ok(channel)
    })
}
