//! A limit on what is in use at once, shared fairly by the accounts that draw on it.

mod account;
mod line;
mod permit;

use std::task::{Context, Poll, Waker};

use self::account::Own;
use self::line::{First, Line};
use crate::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, lock, mutant};

pub(crate) use self::account::Account;
pub(crate) use self::line::Place;
pub(crate) use self::permit::Permit;

/// A limit in units: requests, handlers or bytes.
///
/// Taking and giving back are a few atomic steps while the line is empty. Those in line are served the account with the
/// least in use first, among equals in turn, and within an account in order. Something larger than the whole limit is
/// admitted alone, when nothing else is in use, so that it is never stuck.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Units in use, and the flags [`IN_LINE`] and [`CLOSED`].
    used: AtomicU64,
    /// Units that the one holder allowed beyond the limit has.
    beyond: AtomicU64,
    limit: u64,
    /// Whether an account may hold no more than is left.
    is_shared: bool,
    /// Of the first in line, while [`IN_LINE`] is set: what its account holds, and how much must be left for it.
    first_holds: AtomicU64,
    first_needs: AtomicU64,
    line: Mutex<Line>,
}

/// A flag beside the units of a budget or an account: the line is not empty.
const IN_LINE: u64 = 1 << 63;
/// Beside the units of a budget: it gives nothing any more.
const CLOSED: u64 = 1 << 62;
const UNITS: u64 = CLOSED - 1;

/// Why there is no use in waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The budget will never give anything again.
    Closed,
    /// Too many wait already.
    Crowded,
}

/// Most who may wait in line for a budget of a single account. Where there are several, each waits for few things at a time.
pub(crate) const MAX_IN_LINE: usize = 65_536;

impl Budget {
    /// A limit of which each account may hold no more than is left, so that there is always room for one that holds less.
    pub(crate) fn shared(limit: u64) -> Arc<Self> {
        Self::new(limit, true)
    }

    /// A limit all of which one account may hold.
    pub(crate) fn plain(limit: u64) -> Arc<Self> {
        Self::new(limit, false)
    }

    fn new(limit: u64, is_shared: bool) -> Arc<Self> {
        Arc::new(Self {
            used: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            limit,
            is_shared,
            first_holds: AtomicU64::new(0),
            first_needs: AtomicU64::new(0),
            line: Mutex::new(Line::default()),
        })
    }

    /// One more account, of at most `limit` units.
    pub(crate) fn account(self: &Arc<Self>, limit: u64) -> Arc<Account> {
        let number = lock(&self.line).next();
        let own = Some(Own { used: AtomicU64::new(0), limit });
        Arc::new(Account { budget: Arc::clone(self), number, own })
    }

    /// Units in use, those beyond the limit too.
    pub(crate) fn in_use(&self) -> u64 {
        (self.used.load(Ordering::Acquire) & UNITS) + self.beyond.load(Ordering::Acquire)
    }

    /// Ready when nothing is in use; otherwise `cx` is woken once that is so.
    pub(crate) fn poll_idle(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = lock(&self.line);
        if !line.idle.iter().any(|waker| waker.will_wake(cx.waker())) {
            line.idle.push(cx.waker().clone());
        }
        if self.show(&line) > 0 {
            return Poll::Pending;
        }
        self.serve(line);
        Poll::Ready(())
    }

    /// Ends the waits of all who were granted nothing with [`NoRoom::Closed`]. What is in use stays so until it is given back.
    pub(crate) fn close(&self) {
        let mut line = lock(&self.line);
        self.used.fetch_or(CLOSED, Ordering::AcqRel);
        let wakers = line.close();
        self.show(&line);
        drop(line);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_closed(&self) -> bool {
        self.used.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How much must be left for an account that holds `held` to get `units`.
    fn needs(&self, held: u64, units: u64) -> u64 {
        if self.is_shared && held > 0 { held.saturating_add(units) } else { units }
    }

    fn fits(&self, used: u64, held: u64, units: u64) -> bool {
        let left = self.limit.saturating_sub(used);
        used == 0 || self.needs(held, units) <= left || mutant("budget: the limit is not compared")
    }

    /// Takes `units` for an account that holds `held`, if they fit. Those in line are overtaken only with `may_overtake`, and
    /// by an account that holds less than the first of them.
    #[inline]
    fn take(&self, held: u64, units: u64, may_overtake: impl Fn() -> bool) -> bool {
        let step = |word: u64| {
            let free = word & CLOSED == 0 && (word & IN_LINE == 0 || may_overtake());
            (free && self.fits(word & UNITS, held, units)).then(|| word + units)
        };
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }

    /// Tells all who take or give back without the lock of the first in line; gives the units in use.
    ///
    /// What is given back before this is in the units that it gives. Whoever gives back after it sees the first in line.
    fn show(&self, line: &Line) -> u64 {
        let first = line.first();
        let (holds, needs) =
            first.map_or((0, u64::MAX), |first| (first.held, self.needs(first.held, first.units)));
        self.first_holds.store(holds, Ordering::Release);
        self.first_needs.store(needs, Ordering::Release);
        let word = if line.is_empty() || mutant("budget: a wait is not shown") {
            self.used.fetch_and(!IN_LINE, Ordering::AcqRel)
        } else {
            self.used.fetch_or(IN_LINE, Ordering::AcqRel)
        };
        word & UNITS
    }

    /// Grants what there is room for, in order, lets go of the line, and wakes the waiters that were granted something.
    fn serve(&self, mut line: MutexGuard<'_, Line>) {
        let mut wakers = Vec::new();
        self.show(&line);
        while let Some(First { account, held, units, grows }) = line.first() {
            if account.held() == held && account.take_own(units, grows) {
                if self.take(held, units, || true) {
                    wakers.extend(line.grant(&account, false));
                } else {
                    account.give_back_own(units);
                    if !self.grant_beyond(&mut line, &mut wakers) {
                        break;
                    }
                }
            }
            self.place(&mut line, &account);
            self.show(&line);
        }
        if !line.idle.is_empty() && self.in_use() == 0 {
            wakers.append(&mut line.idle);
            self.show(&line);
        }
        drop(line);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Lets the first of those that grow what they hold go beyond the limit, unless another one does: or all of them might wait
    /// for each other.
    fn grant_beyond(&self, line: &mut Line, wakers: &mut Vec<Waker>) -> bool {
        let never = mutant("budget: nothing goes beyond the limit");
        if line.is_beyond_taken || self.is_closed() || never {
            return false;
        }
        let Some(First { account, units, grows, .. }) = line.first_growing() else { return false };
        if account.take_own(units, grows) {
            line.is_beyond_taken = true;
            self.beyond.fetch_add(units, Ordering::AcqRel);
            wakers.extend(line.grant(&account, true));
        }
        self.place(line, &account);
        true
    }

    /// Gives units back; whether that may help the first in line.
    #[inline]
    fn give_back(&self, units: u64) -> bool {
        let word = self.used.fetch_sub(units, Ordering::AcqRel);
        let used = (word & UNITS) - units;
        let left = self.limit.saturating_sub(used);
        let is_enough = used == 0 || left >= self.first_needs.load(Ordering::Acquire);
        word & IN_LINE != 0 && is_enough && !mutant("budget: giving back wakes nobody")
    }

    /// Units beyond the limit are given back, the last that there were: another one may go beyond it.
    fn end_beyond(&self, units: u64) -> bool {
        self.beyond.fetch_sub(units, Ordering::AcqRel);
        lock(&self.line).is_beyond_taken = false;
        true
    }

    /// Serves the line after something of `account` has changed.
    fn serve_after(&self, account: &Account) {
        let mut line = lock(&self.line);
        self.place(&mut line, account);
        self.serve(line);
    }

    fn place(&self, line: &mut Line, account: &Account) {
        if !line.place(account) {
            account.show_wait(false);
        }
    }
}
