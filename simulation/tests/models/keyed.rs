// LR14: a value is made once however many ask, and removing one that is known to be bad never evicts the fresh one.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};

use loom::thread;

use crate::primitives::keyed::Keyed;
use crate::{beside, check};

type Values = Keyed<&'static str, u64>;

const KEY: &str = "tcp://peer";
const LIMIT: usize = 4;

/// A value is its own generation. Values of `bad` are not to be given any more.
fn get(values: &Values, bad: u64, made: &AtomicUsize) -> u64 {
    let make = |generation| {
        made.fetch_add(1, SeqCst);
        generation
    };
    values.get_or_insert(&KEY, LIMIT, |value| *value != bad, |_| false, make).unwrap()
}

fn single_flight() {
    let (values, made) = (Arc::new(Values::new()), Arc::new(AtomicUsize::new(0)));
    let others = [(); 2].map(|()| {
        let (values, made) = (Arc::clone(&values), Arc::clone(&made));
        thread::spawn(move || get(&values, 0, &made))
    });
    let got = get(&values, 0, &made);
    for other in others {
        assert_eq!(other.join().unwrap(), got, "all share one");
    }
    assert_eq!(made.load(SeqCst), 1, "all share one");
}

/// Two callers find that the first value is bad: one replaces it, the other removes it, late perhaps.
fn replace_and_remove() {
    let (values, made) = (Arc::new(Values::new()), AtomicUsize::new(0));
    let bad = get(&values, 0, &made);
    let removed = beside(&values, move |removing| removing.remove(&KEY, bad));
    let fresh = get(&values, bad, &made);
    let removed = removed.join().unwrap();
    assert!(removed.is_none_or(|value| value == bad), "the fresh one was evicted");
    assert_eq!(values.values(), [fresh], "the fresh one was evicted");
}

/// A value whose end looks at the table again, as that of a connection may: its calls end, and their callbacks run.
struct Looks(Weak<Keyed<&'static str, Arc<Self>>>);

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(values) = self.0.upgrade() {
            assert!(values.values().len() <= 1);
        }
    }
}

/// Values that make room, are replaced or removed end outside the lock.
fn ends_outside_the_lock() {
    let values = Arc::new(Keyed::new());
    let get = |key: &'static str, bad: bool| {
        let make = |_| Arc::new(Looks(Arc::downgrade(&values)));
        drop(values.get_or_insert(&key, 1, |_| !bad, |_| true, make).unwrap());
    };
    get("evicted", false);
    get("replaced", false);
    get("replaced", true);
    drop(values.remove(&"replaced", 3).unwrap());
    assert!(values.values().is_empty());
}

#[test]
fn a_value_ends_outside_the_lock() {
    check(1, ends_outside_the_lock);
}

#[test]
fn a_value_is_made_once_however_many_ask() {
    check(3, single_flight).catches("keyed: it looks and makes under two locks", "all share one");
}

#[test]
fn a_late_removal_never_evicts_the_fresh_value() {
    check(3, replace_and_remove).catches("keyed: remove ignores the generation", "the fresh one was evicted");
}
