//! Negative controls: transports that are broken on purpose, and the case that is there for each.
//!
//! A case that catches nothing proves nothing. So every case has at least one control that it must fail, and no two
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
    make: fn() -> Subject,
}

impl Control {
    const fn new(
        name: &'static str,
        case: &'static str,
        breaks: &'static str,
        make: fn() -> Subject,
    ) -> Self {
        Self { name, case, breaks, make }
    }

    /// The transport, fresh.
    #[must_use]
    pub fn subject(&self) -> Subject {
        (self.make)()
    }
}

/// The transport that every control is built upon, broken in nothing.
pub const SOUND: Control = Control::new("sound", "", "nothing", flaws::sound);

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

/// The control of this name, or the sound transport.
#[must_use]
pub fn control(name: &str) -> Option<&'static Control> {
    controls().chain([&SOUND]).find(|control| control.name == name)
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
    fn names_are_unique() {
        let mut names: Vec<_> = controls().chain([&SOUND]).map(|control| control.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert!(names.len() == count && count > 50, "{names:?}");
    }
}
