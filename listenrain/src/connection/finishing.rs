//! Finishing a channel that its lane has replaced: it closes when the last call that left on it has ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Shared;
use super::role::Caller;
use crate::channel::OnEnd;
use crate::error::LinkError;
use crate::link::{Link, LinkEnd, LinkEvent, Signal};
use crate::packet::{Goodbye, Kind, Packet};
use crate::primitives::outbox::Ticket;
use crate::queued::Queued;

/// A channel on which no call leaves any more.
pub(super) struct Finishing {
    shared: Arc<Shared>,
    lane: usize,
    epoch: u64,
    link: Box<Link<Caller>>,
    /// Steers the link instead of its lane's.
    signal: Arc<Signal>,
    ended: Option<OnEnd>,
}

impl Finishing {
    pub(super) fn new(
        shared: &Arc<Shared>,
        lane: usize,
        epoch: u64,
        mut link: Box<Link<Caller>>,
        ended: Option<OnEnd>,
    ) -> Self {
        let signal = Arc::new(Signal::new(&shared.parts.new_queue));
        signal.finish();
        link.follow(Arc::clone(&signal));
        Self { shared: Arc::clone(shared), lane, epoch, link, signal, ended }
    }

    /// Answers the peer's goodbye, behind all that has left; gives how the channel ends, as far as that is known.
    pub(super) fn answer(&mut self, goodbye: &Goodbye) -> LinkEnd {
        let packet = Packet::new(Kind::GoodbyeAnswer, 0, Bytes::new());
        let _ = self.signal.outbox.push(Ticket(0), Queued::new(packet));
        LinkEnd { cause: LinkError::Goodbye(goodbye.why), asked: true, answered: true, unwritten: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        // The keeper ticks for the channels that the lanes have; a peer may vanish from this one too.
        let every = self.shared.options.health.interval;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            let settled = self.shared.settled.notified();
            tokio::select! {
                biased;
                event = &mut self.link => match event {
                    LinkEvent::Ended(end) => break end,
                    LinkEvent::Goodbye(goodbye) => {
                        let _ = self.answer(&goodbye);
                        self.shared.take_back_untaken(self.lane, self.epoch, &goodbye);
                    }
                },
                () = self.shared.stop.cancelled() => self.signal.stop(),
                _ = ticks.tick() => self.signal.tick(),
                // A call may have ended without a word from the peer.
                () = settled => {}
            }
        };
        tracing::debug!(epoch = self.epoch, cause = %end.cause, "superseded channel over");
        end.tell(self.ended.take(), None);
        self.shared.end_lost_calls(self.lane, self.epoch, end);
        self.shared.finishing.fetch_sub(1, Ordering::AcqRel);
        self.shared.settled.notify_waiters();
    }
}
