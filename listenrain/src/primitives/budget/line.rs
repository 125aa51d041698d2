//! The wait queue of a budget: waiters of an account in order, the account with the least in use first.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use super::Account;
use crate::sync::Arc;

/// The waiters of one budget. It knows nothing of units in use but what it is told.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The last ticket, turn or account number that was given.
    last: u64,
    /// Accounts with a waiter in line, by their numbers.
    members: BTreeMap<u64, Member>,
    /// Those among them that only the budget holds up: what each holds, its turn, its number.
    order: BTreeSet<(u64, u64, u64)>,
    /// Those whose first waiter grows what it holds: its turn and number.
    growing: BTreeSet<(u64, u64)>,
    /// What is granted and not claimed yet, by ticket.
    granted: BTreeMap<u64, Granted>,
    waiting: usize,
    /// A holder has more than the limit allows. Only one may.
    pub(crate) is_beyond_taken: bool,
    /// To be woken when nothing is in use.
    pub(crate) idle: Vec<Waker>,
}

#[derive(Debug)]
struct Member {
    account: Arc<Account>,
    waiters: BTreeMap<u64, Waiter>,
    turn: u64,
    /// What it held when it was put in order; `None` while its own limit holds it up.
    placed_at: Option<u64>,
}

#[derive(Debug)]
struct Waiter {
    units: u64,
    /// What it holds already and adds to, where it does.
    grows: Option<u64>,
    waker: Waker,
}

/// Units that are taken for a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) units: u64,
    pub(crate) is_beyond: bool,
}

/// A waiter's place in line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(super) Option<u64>);

/// The first in line.
pub(crate) struct First {
    pub(crate) account: Arc<Account>,
    /// What its account held when it was put in order.
    pub(crate) held: u64,
    pub(crate) units: u64,
    pub(crate) grows: Option<u64>,
}

impl Line {
    /// A number that was not given before.
    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether no waiter wants to hear of units that are given back.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.idle.is_empty()
    }

    /// Puts a waiter behind the others of its account; gives its ticket.
    pub(crate) fn join(
        &mut self,
        account: &Arc<Account>,
        units: u64,
        grows: Option<u64>,
        waker: Waker,
    ) -> u64 {
        let (ticket, turn) = (self.next(), self.next());
        let member = self.members.entry(account.number).or_insert_with(|| Member {
            account: Arc::clone(account),
            waiters: BTreeMap::new(),
            turn,
            placed_at: None,
        });
        member.waiters.insert(ticket, Waiter { units, grows, waker });
        self.waiting += 1;
        ticket
    }

    /// Renews the waker of a waiter; `false` when it is no longer in line.
    pub(crate) fn renew(&mut self, account: u64, ticket: u64, waker: &Waker) -> bool {
        let member = self.members.get_mut(&account);
        let waiter = member.and_then(|member| member.waiters.get_mut(&ticket));
        waiter.is_some_and(|waiter| {
            waiter.waker.clone_from(waker);
            true
        })
    }

    /// What was granted to `ticket`, to be held by who takes it.
    pub(crate) fn claim(&mut self, ticket: u64) -> Option<Granted> {
        self.granted.remove(&ticket)
    }

    /// Takes a waiter out; `false` when it is no longer in line.
    pub(crate) fn leave(&mut self, account: u64, ticket: u64) -> bool {
        let member = self.members.get_mut(&account);
        let left = member.is_some_and(|member| member.waiters.remove(&ticket).is_some());
        self.waiting -= usize::from(left);
        left
    }

    /// Puts an account where it belongs by its first waiter; `false` when it has none and is gone from the line.
    pub(crate) fn place(&mut self, account: &Account) -> bool {
        let number = account.number;
        let Some(member) = self.members.get_mut(&number) else { return false };
        if let Some(held) = member.placed_at.take() {
            self.order.remove(&(held, member.turn, number));
            self.growing.remove(&(member.turn, number));
        }
        let Some(first) = member.waiters.values().next() else {
            self.members.remove(&number);
            return false;
        };
        if account.has_room(first.units, first.grows) {
            let held = account.held();
            member.placed_at = Some(held);
            self.order.insert((held, member.turn, number));
            if first.grows.is_some() {
                self.growing.insert((member.turn, number));
            }
        }
        true
    }

    /// Who is served next.
    pub(crate) fn first(&self) -> Option<First> {
        let (held, _, number) = self.order.first()?;
        self.first_of(*number, *held)
    }

    /// Who is served next of those that grow what they hold.
    pub(crate) fn first_growing(&self) -> Option<First> {
        let (_, number) = self.growing.first()?;
        let held = self.members.get(number)?.placed_at?;
        self.first_of(*number, held)
    }

    fn first_of(&self, number: u64, held: u64) -> Option<First> {
        let member = self.members.get(&number)?;
        let Waiter { units, grows, .. } = member.waiters.values().next()?;
        Some(First { account: Arc::clone(&member.account), held, units: *units, grows: *grows })
    }

    /// Grants the first waiter of `account` what it waits for; its next one has to wait for another turn.
    pub(crate) fn grant(&mut self, account: &Account, is_beyond: bool) -> Option<Waker> {
        let number = account.number;
        let member = self.members.get_mut(&number)?;
        let (ticket, waiter) = member.waiters.pop_first()?;
        self.waiting -= 1;
        self.granted.insert(ticket, Granted { units: waiter.units, is_beyond });
        if let Some(held) = member.placed_at.take() {
            self.order.remove(&(held, member.turn, number));
            self.growing.remove(&(member.turn, number));
        }
        self.last += 1;
        member.turn = self.last;
        Some(waiter.waker)
    }

    /// Removes all waiters that were granted nothing; returns their wakers.
    pub(crate) fn close(&mut self) -> Vec<Waker> {
        let members = std::mem::take(&mut self.members);
        (self.order, self.growing, self.waiting) = (BTreeSet::new(), BTreeSet::new(), 0);
        let waiters = members.into_values().flat_map(|member| member.waiters.into_values());
        waiters.map(|waiter| waiter.waker).collect()
    }
}
