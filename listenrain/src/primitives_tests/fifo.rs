use proptest::prelude::*;

use crate::primitives::outbox::{FifoQueue, SendQueue, Ticket};

#[derive(Debug, Clone)]
enum Step {
    Push,
    PushFront,
    Pop,
    /// Of the item at this place, or of a ticket that never was.
    Remove(usize),
    RemoveUnknown,
    Shrink,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Push),
        1 => Just(Step::PushFront),
        2 => Just(Step::Pop),
        5 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::RemoveUnknown),
        1 => Just(Step::Shrink),
    ]
}

proptest! {
    #[test]
    fn the_default_queue_gives_what_a_list_would_give(
        // Above and below the length from which it keeps an index.
        before in 0..100u64,
        steps in proptest::collection::vec(step(), 1..300),
    ) {
        let (mut queue, mut list) = (FifoQueue::default(), Vec::new());
        for number in 1..=before {
            queue.push(Ticket(number), number);
            list.push(number);
        }
        for (number, step) in (before + 1..).zip(steps) {
            match step {
                Step::Push => {
                    queue.push(Ticket(number), number);
                    list.push(number);
                }
                Step::PushFront => {
                    queue.push_front(Ticket(number), number);
                    list.insert(0, number);
                }
                Step::Pop => {
                    let first = (!list.is_empty()).then(|| list.remove(0));
                    prop_assert_eq!(queue.pop(), first.map(|first| (Ticket(first), first)));
                }
                Step::Remove(at) if !list.is_empty() => {
                    let gone = list.remove(at % list.len());
                    prop_assert_eq!(queue.remove(Ticket(gone)), Some(gone));
                    prop_assert_eq!(queue.remove(Ticket(gone)), None);
                }
                Step::Remove(_) | Step::RemoveUnknown => prop_assert_eq!(queue.remove(Ticket(number)), None),
                Step::Shrink => queue.shrink(),
            }
            prop_assert_eq!(queue.len(), list.len());
            prop_assert_eq!(queue.is_empty(), list.is_empty());
        }
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, item)| item).collect();
        prop_assert_eq!(rest, list);
    }
}
