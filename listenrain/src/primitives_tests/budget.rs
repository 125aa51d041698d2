use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use crate::primitives::budget::{Account, Budget, Permit, Place};

/// Counts wake-ups.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waiter for units of `account`.
struct Waiting {
    account: usize,
    units: u64,
    place: Place,
    wakes: Arc<Wakes>,
    waker: Waker,
}

impl Waiting {
    fn new(account: usize, units: u64) -> Self {
        let wakes = Arc::<Wakes>::default();
        Self { account, units, place: Place::default(), waker: Arc::clone(&wakes).into(), wakes }
    }

    fn woken(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self, accounts: &[Arc<Account>]) -> Poll<Permit> {
        let account = &accounts[self.account];
        let polled = account.poll_acquire(&mut self.place, self.units, &mut Context::from_waker(&self.waker));
        polled.map(|permit| permit.expect("neither closed nor crowded"))
    }
}

/// A budget, its accounts, and all who hold or want something of it.
struct TestContext {
    budget: Arc<Budget>,
    limit: u64,
    accounts: Vec<Arc<Account>>,
    held: Vec<(usize, Permit)>,
    waiting: Vec<Waiting>,
}

const OF_AN_ACCOUNT: u64 = 12;
const ACCOUNTS: usize = 4;

impl TestContext {
    fn new(limit: u64) -> Self {
        let budget = Budget::shared(limit);
        let accounts = (0..ACCOUNTS).map(|_| budget.account(OF_AN_ACCOUNT)).collect();
        Self { budget, limit, accounts, held: Vec::new(), waiting: Vec::new() }
    }

    fn want(&mut self, account: usize, units: u64) {
        let mut waiting = Waiting::new(account, units);
        match waiting.poll(&self.accounts) {
            Poll::Ready(permit) => self.held.push((account, permit)),
            Poll::Pending => self.waiting.push(waiting),
        }
    }

    /// One of those who wait gives up.
    fn leave(&mut self, which: usize) {
        if !self.waiting.is_empty() {
            let mut left = self.waiting.remove(which % self.waiting.len());
            self.accounts[left.account].leave(&mut left.place);
        }
    }

    /// One of those who hold something gives back what is above `units`, or all of it.
    fn give_back(&mut self, which: usize, units: u64) {
        if !self.held.is_empty() {
            let which = which % self.held.len();
            match units {
                0 => drop(self.held.remove(which)),
                units => self.held[which].1.shrink_to(units),
            }
        }
    }

    /// All who were woken look; each of them has got what it waits for, and was woken once.
    fn look(&mut self) -> Result<(), TestCaseError> {
        let (woken, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one| one.woken() > 0);
        self.waiting = others;
        for mut one in woken {
            prop_assert_eq!(one.woken(), 1);
            match one.poll(&self.accounts) {
                Poll::Ready(permit) => self.held.push((one.account, permit)),
                Poll::Pending => prop_assert!(false, "woken for nothing"),
            }
        }
        Ok(())
    }

    fn holds(&self, account: usize) -> u64 {
        self.held.iter().filter(|(of, _)| *of == account).map(|(_, permit)| permit.units()).sum()
    }

    /// What holds whenever no waiter is about to be polled.
    fn check(&self) -> Result<(), TestCaseError> {
        let used = (0..ACCOUNTS).map(|account| self.holds(account)).sum::<u64>();
        prop_assert_eq!(self.budget.in_use(), used);
        for account in 0..ACCOUNTS {
            prop_assert_eq!(self.accounts[account].in_use(), self.holds(account));
            prop_assert!(self.holds(account) <= OF_AN_ACCOUNT.max(self.largest_of(account)));
        }
        prop_assert!(used <= self.limit.max(self.held.iter().map(|(_, one)| one.units()).max().unwrap_or(0)));
        self.check_nobody_waits_for_nothing(used)
    }

    fn largest_of(&self, account: usize) -> u64 {
        self.held.iter().filter(|(of, _)| *of == account).map(|(_, one)| one.units()).max().unwrap_or(0)
    }

    /// Of the accounts whose own limit has room for their first waiter, the one that holds least does not fit.
    fn check_nobody_waits_for_nothing(&self, used: u64) -> Result<(), TestCaseError> {
        let firsts = (0..ACCOUNTS).filter_map(|account| {
            let units = self.waiting.iter().find(|one| one.account == account)?.units;
            let holds = self.holds(account);
            (holds == 0 || holds + units <= OF_AN_ACCOUNT).then_some((holds, units))
        });
        let firsts: Vec<_> = firsts.collect();
        let Some(least) = firsts.iter().map(|(holds, _)| *holds).min() else { return Ok(()) };
        let fits = |units: u64| used == 0 || used + least + units <= self.limit;
        let all_fit = firsts.iter().filter(|(holds, _)| *holds == least).all(|(_, units)| fits(*units));
        prop_assert!(!all_fit, "room for {least} and {firsts:?} with {used} in use");
        Ok(())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Want(usize, u64),
    Leave(usize),
    GiveBack(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..ACCOUNTS, 1..8u64).prop_map(|(account, units)| Step::Want(account, units)),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), 0..4u64).prop_map(|(which, units)| Step::GiveBack(which, units)),
    ]
}

proptest! {
    #[test]
    fn units_are_held_within_the_limits_and_nobody_waits_while_there_is_room(
        limit in 4..30u64,
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut context = TestContext::new(limit);
        for step in steps {
            match step {
                Step::Want(account, units) => context.want(account, units),
                Step::Leave(which) => context.leave(which),
                Step::GiveBack(which, units) => context.give_back(which, units),
            }
            context.look()?;
            context.check()?;
        }
        while !context.held.is_empty() || !context.waiting.is_empty() {
            prop_assert!(!context.held.is_empty(), "somebody waits and nobody holds anything");
            context.give_back(0, 0);
            context.look()?;
        }
        prop_assert_eq!(context.budget.in_use(), 0);
    }
}

#[test]
fn as_many_are_woken_as_there_is_room_for_the_least_held_first_and_in_turn() {
    let budget = Budget::plain(2);
    let accounts: Vec<_> = (0..100).map(|_| budget.account(10)).collect();
    let held = [accounts[0].try_acquire(1).unwrap(), accounts[0].try_acquire(1).unwrap()];
    let mut waiting: Vec<_> = (0..100).map(|account| Waiting::new(account, 1)).collect();
    for one in &mut waiting {
        assert!(one.poll(&accounts).is_pending());
    }
    let [first, second] = held;
    drop(first);
    let woken = |waiting: &[Waiting]| -> Vec<_> { (0..100).filter(|at| waiting[*at].woken() > 0).collect() };
    assert_eq!(woken(&waiting), [1], "not the one that holds something");
    drop(second);
    assert_eq!(woken(&waiting), [0, 1], "now it holds nothing either, and has waited longest");
    assert_eq!(waiting.iter().map(Waiting::woken).sum::<usize>(), 2);
}

#[test]
fn an_account_with_several_in_line_has_its_next_turn_behind_those_who_have_come_meanwhile() {
    let budget = Budget::plain(1);
    let accounts: Vec<_> = (0..3).map(|_| budget.account(1)).collect();
    let held = accounts[2].try_acquire(1).unwrap();
    let mut waiting = [Waiting::new(0, 1), Waiting::new(0, 1), Waiting::new(1, 1)];
    for one in &mut waiting {
        assert!(one.poll(&accounts).is_pending());
    }
    drop(held);
    let Poll::Ready(first) = waiting[0].poll(&accounts) else { panic!("the first in line") };
    drop(first);
    assert_eq!(waiting.each_ref().map(Waiting::woken), [1, 0, 1]);
}

#[test]
fn what_is_merged_is_given_back_in_one_and_what_is_of_another_account_at_once() {
    let budget = Budget::plain(10);
    let accounts: Vec<_> = (0..2).map(|_| budget.account(10)).collect();
    let mut one = accounts[0].try_acquire(2).unwrap();
    one.merge(accounts[0].try_acquire(3).unwrap());
    assert_eq!((one.units(), accounts[0].in_use(), budget.in_use()), (5, 5, 5));
    one.merge(accounts[1].try_acquire(4).unwrap());
    assert_eq!((one.units(), accounts[1].in_use(), budget.in_use()), (5, 0, 5));
    drop(one);
    assert_eq!((accounts[0].in_use(), budget.in_use()), (0, 0));
}
