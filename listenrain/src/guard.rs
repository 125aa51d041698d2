//! Guarded calls of user code, whose panics are caught.
//!
//! A panic is caught where it happens and ends one call or one channel. What cannot be caught is a second panic while the
//! first one unwinds frames of the user's own: the standard library ends the process then.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs code of the user's: what it gives, or what its panic said.
#[inline]
pub(crate) fn guard<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(panic_text)
}

/// Runs a future of the user's: what it comes to, or what its panic said.
pub(crate) async fn guard_future<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match guard(|| future.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Drops a value of the user's.
#[inline]
pub(crate) fn drop_guarded<T>(value: T) {
    if let Err(panic) = guard(|| drop(value)) {
        tracing::debug!(panic, "a value of the user's panicked when it was dropped");
    }
}

/// A value of the user's, whose drop may panic.
#[derive(Debug)]
pub(crate) struct Foreign<T>(Option<T>);

impl<T> Foreign<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Deref for Foreign<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> DerefMut for Foreign<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Foreign<T> {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}

/// What a panic said. What it carries is the user's too.
fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    if text.is_none() && catch_unwind(AssertUnwindSafe(|| drop(panic))).is_err() {
        tracing::debug!("what a panic carried panicked when it was dropped");
    }
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_panic_that_carries_one_is_one_text() {
        assert_eq!(guard(|| std::panic::panic_any(Bomb)), Err::<(), _>("no message".to_owned()));
        assert_eq!(guard(|| panic!("{}", 7)), Err::<(), _>("7".to_owned()));
        assert_eq!(guard(|| 7), Ok(7));
    }

    #[test]
    fn a_value_whose_drop_panics_harms_nobody() {
        drop(Foreign::new(Bomb));
        drop_guarded(Bomb);
    }
}
