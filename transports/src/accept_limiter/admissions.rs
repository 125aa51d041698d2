//! Admission control: a table of a listener's connections, by age and by source address.
//!
//! A connection is unproved until its peer has done what the transport asks for, such as finish a handshake. When a limit is
//! reached the oldest unproved connection is evicted for a new one, among those of its address where that limit is the
//! address's own. So no number of silent peers keeps others out. The table knows neither sockets nor time; each step costs
//! O(log n).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many connections a listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Unproved ones.
    pub(crate) unproved: usize,
    /// In all.
    pub(crate) all: usize,
    /// Of one [`Source`], in all.
    pub(crate) per_source: usize,
}

/// The source of a connection: an IPv4 address, or the /64 of an IPv6 address, since a host has all addresses of its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source(u64, bool);

impl Source {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(u32::from(ip).into(), false),
            IpAddr::V6(ip) => Self((u128::from(ip) >> 64) as u64, true),
        }
    }
}

/// What a new connection meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// There is room.
    Free,
    /// There is room, but at least half of it is taken by unproved connections, or by its own source.
    Crowded,
    /// Another has to be evicted for it.
    Evicts,
    /// All are proved.
    Full,
}

/// The connections of one listener, each with a handle `T` by which it can be closed.
#[derive(Debug)]
pub(crate) struct Admissions<T> {
    pub(crate) limits: Limits,
    all: BTreeMap<u64, Admitted<T>>,
    /// Oldest first.
    unproved: BTreeSet<u64>,
    by_source: BTreeMap<Source, OfSource>,
    next: u64,
}

#[derive(Debug)]
struct Admitted<T> {
    /// For which it counts.
    source: Option<Source>,
    handle: T,
}

#[derive(Debug, Default)]
struct OfSource {
    count: usize,
    unproved: BTreeSet<u64>,
}

impl<T> Admissions<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, all: BTreeMap::new(), unproved: BTreeSet::new(), by_source: BTreeMap::new(), next: 0 }
    }

    /// What a new connection from `source` meets.
    pub(crate) fn outlook(&self, source: Source) -> Outlook {
        let limits = &self.limits;
        let of_source = self.by_source.get(&source);
        let own = of_source.map_or(0, |of_source| of_source.count);
        if own >= limits.per_source {
            let has_unproved = of_source.is_some_and(|of_source| !of_source.unproved.is_empty());
            return if has_unproved { Outlook::Evicts } else { Outlook::Full };
        }
        if self.all.len() >= limits.all || self.unproved.len() >= limits.unproved {
            return if self.unproved.is_empty() { Outlook::Full } else { Outlook::Evicts };
        }
        let is_crowded = 2 * self.unproved.len() >= limits.unproved || 2 * own >= limits.per_source;
        if is_crowded { Outlook::Crowded } else { Outlook::Free }
    }

    /// Admits a connection from `source`, unless all that there are are proved: its key, and the handles of those that are
    /// evicted for it.
    pub(crate) fn enter(&mut self, source: Source, handle: T) -> Option<(u64, Vec<T>)> {
        let mut evicted = Vec::new();
        loop {
            match self.outlook(source) {
                Outlook::Full => return None,
                Outlook::Free | Outlook::Crowded => break,
                Outlook::Evicts => evicted.extend(self.remove_oldest(source)),
            }
        }
        let key = self.next;
        self.next += 1;
        self.all.insert(key, Admitted { source: Some(source), handle });
        self.unproved.insert(key);
        let of_source = self.by_source.entry(source).or_default();
        of_source.count += 1;
        of_source.unproved.insert(key);
        Some((key, evicted))
    }

    /// Removes the oldest unproved connection: of `source` where that is what is full, else of all.
    fn remove_oldest(&mut self, source: Source) -> Option<T> {
        let of_source = self.by_source.get(&source).filter(|own| own.count >= self.limits.per_source);
        let unproved = of_source.map_or(&self.unproved, |own| &own.unproved);
        let oldest = *unproved.first()?;
        self.leave(oldest)
    }

    /// The connection at `key` is proved, and no longer evicted. Says whether it had not been before.
    pub(crate) fn prove(&mut self, key: u64) -> bool {
        let Some(admitted) = self.all.get(&key) else { return false };
        self.unproved.remove(&key);
        if let Some(of_source) = admitted.source.and_then(|source| self.by_source.get_mut(&source)) {
            of_source.unproved.remove(&key);
        }
        true
    }

    /// As [`prove`](Self::prove), and it no longer counts for its source.
    pub(crate) fn release(&mut self, key: u64) -> bool {
        let Some(admitted) = self.all.get_mut(&key) else { return false };
        self.unproved.remove(&key);
        let source = admitted.source.take();
        self.leave_source(source, key);
        true
    }

    /// The connection at `key` is over.
    pub(crate) fn leave(&mut self, key: u64) -> Option<T> {
        let Admitted { source, handle } = self.all.remove(&key)?;
        self.unproved.remove(&key);
        self.leave_source(source, key);
        Some(handle)
    }

    fn leave_source(&mut self, source: Option<Source>, key: u64) {
        let Some(source) = source else { return };
        if let Some(of_source) = self.by_source.get_mut(&source) {
            of_source.count -= 1;
            of_source.unproved.remove(&key);
            if of_source.count == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    /// Whether a new connection could be admitted.
    pub(crate) fn has_room(&self) -> bool {
        self.all.len() < self.limits.all || !self.unproved.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::of([192, 0, 2, last].into())
    }

    fn admissions(unproved: usize, all: usize, per_source: usize) -> Admissions<u8> {
        Admissions::new(Limits { unproved, all, per_source })
    }

    #[test]
    fn the_oldest_that_has_proved_nothing_makes_way_from_one_beyond_the_limit_on() {
        let mut admissions = admissions(3, 10, 10);
        let keys: Vec<_> = (0..3).map(|at| admissions.enter(source(at), at).unwrap()).collect();
        assert!(keys.iter().all(|(_, evicted)| evicted.is_empty()));
        admissions.prove(keys[0].0);
        assert!(admissions.enter(source(3), 3).unwrap().1.is_empty());
        assert_eq!(admissions.enter(source(4), 4).unwrap().1, [1], "the oldest has proved itself");
        assert_eq!(admissions.enter(source(5), 5).unwrap().1, [2]);
        assert_eq!(admissions.leave(keys[1].0), None, "it is out already");
    }

    #[test]
    fn those_that_have_proved_themselves_fill_it_for_good() {
        let mut admissions = admissions(2, 2, 2);
        let (first, _) = admissions.enter(source(0), 0).unwrap();
        let (second, _) = admissions.enter(source(1), 1).unwrap();
        admissions.prove(first);
        assert!(admissions.has_room());
        admissions.prove(second);
        assert!(!admissions.has_room());
        assert_eq!((admissions.outlook(source(2)), admissions.enter(source(2), 2)), (Outlook::Full, None));
        admissions.leave(first);
        assert!(admissions.enter(source(2), 2).unwrap().1.is_empty());
    }

    #[test]
    fn an_address_makes_way_for_itself_and_for_nobody_else() {
        let mut admissions = admissions(10, 10, 2);
        for at in 0..2 {
            admissions.enter(source(1), at).unwrap();
        }
        let (proved, _) = admissions.enter(source(2), 9).unwrap();
        assert_eq!(admissions.enter(source(1), 2).unwrap().1, [0]);
        admissions.prove(proved);
        admissions.enter(source(2), 10).unwrap();
        assert_eq!(
            admissions.enter(source(2), 11).unwrap().1,
            [10],
            "what has proved itself stays, and counts"
        );
        admissions.release(proved);
        assert!(admissions.enter(source(2), 12).unwrap().1.is_empty(), "until it does so no more");
    }

    #[test]
    fn from_half_of_a_limit_on_it_is_crowded() {
        let mut admissions = admissions(4, 100, 8);
        let far = source(9);
        for at in 0..2 {
            assert_eq!(admissions.outlook(far), Outlook::Free);
            admissions.enter(source(at), at).unwrap();
        }
        assert_eq!(admissions.outlook(far), Outlook::Crowded);
        let mut admissions = self::admissions(100, 100, 2);
        admissions.enter(source(1), 0).unwrap();
        assert_eq!([1, 2].map(|at| admissions.outlook(source(at))), [Outlook::Crowded, Outlook::Free]);
    }

    #[test]
    fn ipv6_counts_by_its_network_and_a_mapped_address_as_what_it_is() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::9"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_ne!(of("0.0.0.1"), of("::"));
    }

    #[test]
    fn nothing_is_left_of_those_that_are_gone() {
        let mut admissions = admissions(50, 50, 3);
        let mut random = 1u64;
        let mut inside = Vec::new();
        for at in 0..10_000u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (random >> 33) as usize;
            if draw.is_multiple_of(3) && !inside.is_empty() {
                admissions.leave(inside.swap_remove(draw % inside.len()));
            } else if let Some((key, _)) = admissions.enter(source((draw % 40) as u8), at as u8) {
                inside.push(key);
                match draw % 5 {
                    0 => assert!(admissions.prove(key)),
                    1 => assert!(admissions.release(key)),
                    _ => {}
                }
            }
            assert!(admissions.all.len() <= 50 && admissions.by_source.values().all(|own| own.count <= 3));
        }
        for key in inside {
            admissions.leave(key);
        }
        assert!(
            admissions.all.is_empty() && admissions.unproved.is_empty() && admissions.by_source.is_empty()
        );
    }
}
