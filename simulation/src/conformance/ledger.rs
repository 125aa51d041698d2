//! Operations under way, for the report of a trial that hangs.

use std::fmt::Write;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Most halves that are named when a trial hangs.
const NAMED: usize = 8;

/// All halves of one trial.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Vec<Weak<Entry>>>,
}

/// What one half, or one step, is about.
#[derive(Debug)]
pub(crate) struct Entry {
    who: String,
    doing: AtomicU8,
    bytes: AtomicU64,
}

/// What can take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    Nothing,
    Reading,
    Writing,
    Flushing,
    ShuttingDown,
    Dialling,
    Accepting,
    Listening,
}

const WORDS: [&str; 8] =
    ["", "reads", "writes", "flushes", "shuts down", "dials", "accepts", "is being bound"];

impl Ledger {
    pub(crate) fn entry(&self, who: String) -> Arc<Entry> {
        let entry = Arc::new(Entry { who, doing: AtomicU8::new(0), bytes: AtomicU64::new(0) });
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == entries.capacity() {
            entries.retain(|entry| entry.strong_count() > 0);
        }
        entries.push(Arc::downgrade(&entry));
        entry
    }

    /// Who is in the middle of what.
    pub(crate) fn describe(&self) -> String {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let busy: Vec<_> = entries.iter().filter_map(Weak::upgrade).filter(|entry| entry.is_busy()).collect();
        if busy.is_empty() {
            return "no read, write, dial or accept was under way".to_owned();
        }
        let mut text = String::new();
        for (index, entry) in busy.iter().take(NAMED).enumerate() {
            let word = WORDS[usize::from(entry.doing.load(Ordering::Relaxed))];
            let bytes = entry.bytes.load(Ordering::Relaxed);
            let _ = write!(
                text,
                "{}{} {word} (after {bytes} bytes)",
                if index == 0 { "" } else { ", " },
                entry.who
            );
        }
        if busy.len() > NAMED {
            let _ = write!(text, " and {} more", busy.len() - NAMED);
        }
        text
    }
}

impl Entry {
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Says so until what it answers is dropped.
    pub(crate) fn busy(self: &Arc<Self>, doing: Doing) -> Busy {
        self.doing.store(doing as u8, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.doing.load(Ordering::Relaxed) != Doing::Nothing as u8
    }
}

/// Something is under way.
pub(crate) struct Busy(Arc<Entry>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.doing.store(Doing::Nothing as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_under_way_is_named() {
        let ledger = Ledger::default();
        let (near, far) = (ledger.entry("near".to_owned()), ledger.entry("far".to_owned()));
        near.moved(7);
        let busy = near.busy(Doing::Reading);
        drop(far.busy(Doing::Writing));
        assert_eq!(ledger.describe(), "near reads (after 7 bytes)");
        drop(busy);
        assert!(ledger.describe().starts_with("no read"));
    }
}
