//! Panics of the threads of a trial or of a run.
//!
//! tokio catches the panic of a task, and a transport's own tasks are joined by no other. So a panic hook looks at
//! every panic of a thread that is watched, and notes it there instead of printing it. Panics of other threads go to the
//! hook that was there before. Those that were planned have a payload of their own, and are not noted.

use std::cell::RefCell;
use std::panic;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// The payload of a panic that was planned.
#[derive(Debug)]
pub(crate) struct Injected;

/// What panicked.
#[derive(Debug, Default)]
pub(crate) struct Panics(Mutex<Vec<String>>);

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Panics>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

impl Panics {
    /// Panics of this thread are noted here from now on.
    pub(crate) fn watch_this_thread(self: &Arc<Self>) {
        HOOK.call_once(install);
        OF_THIS_THREAD.with(|panics| *panics.borrow_mut() = Some(self.clone()));
    }

    /// Where panics of this thread are noted, if they are.
    pub(crate) fn of_this_thread() -> Option<Arc<Self>> {
        OF_THIS_THREAD.with(|panics| panics.borrow().clone())
    }

    /// What was noted, in one text; `None` when nothing was.
    pub(crate) fn describe(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!said.is_empty()).then(|| format!("panicked: {}", said.join("; ")))
    }
}

fn install() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // A thread that is ending has no such variable any more.
        let panics = OF_THIS_THREAD.try_with(|panics| panics.borrow().clone()).ok().flatten();
        let Some(panics) = panics else {
            return before(info);
        };
        let payload = info.payload();
        if payload.is::<Injected>() {
            return;
        }
        let text = payload.downcast_ref::<&str>().copied();
        let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let what = what.unwrap_or("something that is no text");
        let place = info.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let text = format!("{what}{}", place.unwrap_or_default());
        panics.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }));
}
