//! Values that panic when they are told to.

use crate::support::*;

/// Panics at the next call of one method of one part. Cloning it gives the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bomb(Arc<Mutex<State>>);

/// Goes off when it is dropped.
#[derive(Debug)]
pub(crate) struct Dropped(pub(crate) Bomb, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.at(self.1);
    }
}

#[derive(Debug, Default)]
struct State {
    target: Option<&'static str>,
    went_off: bool,
}

impl Bomb {
    pub(crate) fn arm(&self, target: &'static str) {
        self.0.lock().unwrap().target = Some(target);
    }

    /// Whether it went off since it was armed; it does so no more.
    pub(crate) fn disarm(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        state.target = None;
        std::mem::take(&mut state.went_off)
    }

    /// For something that is made now: it only goes off if it is armed already.
    pub(crate) fn for_new(&self) -> Self {
        if self.0.lock().unwrap().target.is_some() { self.clone() } else { Self::default() }
    }

    /// The value that has this is dropped, by the name of `at`.
    pub(crate) fn dropped(&self, at: &'static str) -> Dropped {
        Dropped(self.clone(), at)
    }

    /// `name` is called.
    pub(crate) fn at(&self, name: &str) {
        let (part, method) = name.split_once('.').expect("a part and its method");
        self.of(part, method);
    }

    /// `method` of `part` is called.
    pub(crate) fn of(&self, part: &str, method: &str) {
        let mut state = self.0.lock().unwrap();
        if state.target.is_some_and(|target| target.split_once('.') == Some((part, method))) {
            (state.target, state.went_off) = (None, true);
            drop(state);
            panic!("a bomb at {part}.{method}");
        }
    }
}
