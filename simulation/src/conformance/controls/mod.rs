//! Negative controls: transports that are broken on purpose, and the case that is there for each.
//!
//! A case that catches nothing proves nothing. So every case has at least one control that it must fail, for the reason
//! that the control names: a case that fails for another reason, or hangs where it should fail, has not caught it. No two
//! controls are caught by the same single case only: each is told from the others by what catches it. All are layers
//! upon a sound transport in memory, or packet codecs beside one, which must pass everything that is run; or upon the one
//! transport that a case is about.

mod calls;
mod cancel;
mod close;
mod establish;
mod flaws;
mod flow;
mod framing;
mod integrity;
mod judge;
mod lists;
mod packets;
mod reconnect;
mod special;

use std::fmt;

use super::record::{Record, Verdict};
use super::subject::Subject;

pub use judge::{Caught, Judge};

/// One transport that is broken in one way.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// The id of the case that is there for it.
    pub case: &'static str,
    /// What it does wrong.
    pub breaks: &'static str,
    /// How that case must end, and what it must say: a case that ends otherwise has found something else.
    pub symptom: Symptom,
    make: fn() -> Subject,
}

/// How a case ends on a broken transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Symptom {
    /// It fails, and its reason has these words.
    Fails(&'static str),
    /// It is not over within its limit, and what is still under way has these words.
    Hangs(&'static str),
    /// It passes.
    None,
}

impl Symptom {
    /// Whether `record` shows it.
    #[must_use]
    pub fn is_shown_by(self, record: &Record) -> bool {
        let says = |words: &str| record.reason_alone().is_some_and(|reason| reason.contains(words));
        match self {
            Self::Fails(words) => record.verdict == Verdict::Fail && says(words),
            Self::Hangs(words) => record.verdict == Verdict::Timeout && says(words),
            Self::None => record.verdict == Verdict::Pass,
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(words) => write!(f, "fails with {words:?}"),
            Self::Hangs(words) => write!(f, "hangs with {words:?}"),
            Self::None => f.write_str("passes"),
        }
    }
}

impl Control {
    const fn new(
        name: &'static str,
        case: &'static str,
        breaks: &'static str,
        make: fn() -> Subject,
    ) -> Self {
        Self { name, case, breaks, symptom: Symptom::None, make }
    }

    /// The same, whose case fails with these words in its reason.
    const fn fails(mut self, words: &'static str) -> Self {
        self.symptom = Symptom::Fails(words);
        self
    }

    /// The same, whose case hangs with these words on what is still under way.
    const fn hangs(mut self, words: &'static str) -> Self {
        self.symptom = Symptom::Hangs(words);
        self
    }

    /// The transport, fresh.
    #[must_use]
    pub fn subject(&self) -> Subject {
        (self.make)()
    }
}

/// The transport that controls are built upon, broken in nothing.
pub const SOUND: Control = Control::new("sound", "", "nothing", flaws::sound);

/// The same with a hello on top, as controls that are broken in theirs are built upon it.
pub const SOUND_WITH_A_HELLO: Control =
    Control::new("sound-with-a-hello", "", "nothing", establish::sound_with_a_hello);

/// The transports that controls are built upon, which nothing may catch.
pub const SOUND_ONES: [&Control; 2] = [&SOUND, &SOUND_WITH_A_HELLO];

/// Every control, in the order of the cases that are there for them.
pub fn controls() -> impl Iterator<Item = &'static Control> {
    let groups = [
        establish::CONTROLS,
        integrity::CONTROLS,
        close::CONTROLS,
        cancel::CONTROLS,
        flow::CONTROLS,
        framing::CONTROLS,
        calls::CONTROLS,
        reconnect::CONTROLS,
        special::CONTROLS,
    ];
    groups.into_iter().flatten()
}

/// The control of this name, or the sound transport that is called so.
#[must_use]
pub fn control(name: &str) -> Option<&'static Control> {
    controls().chain(SOUND_ONES).find(|control| control.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::cases;

    #[test]
    fn every_case_has_a_control_and_every_control_a_case() {
        for case in cases() {
            assert!(controls().any(|control| control.case == case.id), "nothing can fail {}", case.id);
        }
        let ids: Vec<_> = controls().map(|control| control.case).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| cases().any(|case| case.id == *id)), "{ids:?}");
    }

    #[test]
    fn every_control_says_how_its_case_must_end() {
        // Broken by a control without words, which any failure would have.
        for control in controls() {
            let (Symptom::Fails(words) | Symptom::Hangs(words)) = control.symptom else {
                panic!("{} may pass", control.name);
            };
            assert!(words.len() >= 10, "{}: {words:?} could be said of anything", control.name);
        }
    }

    /// A record of a case that ended so.
    fn record(verdict: Verdict, reason: &str) -> Record {
        Record {
            transport: "broken".to_owned(),
            hardship: "none".to_owned(),
            case: "B01".to_owned(),
            name: "basic_io_1mib".to_owned(),
            verdict,
            reason: Some(format!("{reason} [near-dials, seed 1; again: cargo run --case B01]")),
            notes: Vec::new(),
            milliseconds: 1.0,
            roles: Vec::new(),
        }
    }

    #[test]
    fn a_case_that_ends_otherwise_than_its_control_says_has_not_caught_it() {
        // Broken by a judge to whom any failure will do, or a hang.
        let shown = |symptom: Symptom, verdict, reason| symptom.is_shown_by(&record(verdict, reason));
        let fails = Symptom::Fails("1 byte is missing");
        assert!(shown(fails, Verdict::Fail, "B01: 1 byte is missing"));
        assert!(!shown(fails, Verdict::Fail, "the dial was refused"));
        assert!(!shown(fails, Verdict::Timeout, "not over after 20s: 1 byte is missing"));
        assert!(!shown(Symptom::Fails("--case B01"), Verdict::Fail, "the dial was refused"));
        let hangs = Symptom::Hangs("an accepted end reads");
        assert!(shown(hangs, Verdict::Timeout, "not over after 20s: an accepted end reads"));
        assert!(!shown(hangs, Verdict::Timeout, "not over after 20s: a dialled end dials"));
        assert!(!shown(hangs, Verdict::Fail, "an accepted end reads"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = controls().chain(SOUND_ONES).map(|control| control.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert!(names.len() == count && count > 50, "{names:?}");
    }
}
