//! Single-flight dialing: a connection that a dialer and its forks share is made once, however many want it at once.
//!
//! It knows neither what the connection is nor the channels on it.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use listenrain::{BoxFuture, NextError};

use crate::locks::lock;

/// An attempt to make a connection.
type Attempt<T> = BoxFuture<'static, Result<Arc<T>, NextError>>;

/// The current connection of a dialer and its forks.
pub(crate) struct SharedDial<T: Send + Sync + 'static> {
    slot: Mutex<Slot<T>>,
}

struct Slot<T: Send + Sync + 'static> {
    current: Option<Arc<T>>,
    /// How many dials were answered on the current connection.
    answers: u64,
    /// The attempt under way. The dials that wait for it keep it alive, so it ends with the last of them.
    attempt: Option<WeakShared<Attempt<T>>>,
    attempts: u64,
}

/// A connection to open a channel on.
pub(crate) struct Shareable<T> {
    pub(crate) connection: Arc<T>,
    /// Whether it was made for this dial, or while this dial waited.
    pub(crate) is_fresh: bool,
}

impl<T: Send + Sync + 'static> SharedDial<T> {
    /// The current connection; without one that of the attempt under way, or of a new one, which `make` makes. All dials
    /// that wait for an attempt share its outcome.
    ///
    /// Cancel safety: dropping the future leaves the attempt to the others that wait for it; the last of them ends it.
    ///
    /// # Errors
    ///
    /// The attempt's.
    pub(crate) async fn get(&self, make: impl FnOnce() -> Attempt<T>) -> Result<Shareable<T>, NextError> {
        let (attempt, number) = {
            let mut slot = lock(&self.slot);
            if let Some(current) = &slot.current {
                return Ok(Shareable { connection: Arc::clone(current), is_fresh: false });
            }
            slot.join_or(make)
        };
        let made = attempt.await;
        let mut slot = lock(&self.slot);
        // The first dial to hear of it notes it down; a later attempt is not this one's to end.
        if slot.attempts == number && slot.attempt.take().is_some() {
            (slot.current, slot.answers) = (made.clone().ok(), 0);
        }
        made.map(|connection| Shareable { connection, is_fresh: true })
    }

    /// Begins to open a channel on `connection`.
    pub(crate) fn ask<'a>(&'a self, connection: &'a Arc<T>) -> Asked<'a, T> {
        let slot = lock(&self.slot);
        let answers = slot.is_current(connection).then_some(slot.answers);
        drop(slot);
        Asked { dial: self, connection, answers }
    }

    /// `connection` is not to be given to further dials.
    pub(crate) fn forget(&self, connection: &Arc<T>) {
        self.forget_if(connection, |_| true);
    }

    fn forget_if(&self, connection: &Arc<T>, condition: impl FnOnce(&Slot<T>) -> bool) {
        let mut slot = lock(&self.slot);
        let goes = slot.is_current(connection) && condition(&slot);
        let old = if goes { slot.current.take() } else { None };
        drop(slot);
        // Dropping a connection may run anything.
        drop(old);
    }
}

impl<T: Send + Sync + 'static> Slot<T> {
    fn join_or(&mut self, make: impl FnOnce() -> Attempt<T>) -> (Shared<Attempt<T>>, u64) {
        let under_way = self.attempt.as_ref().and_then(WeakShared::upgrade);
        let attempt = under_way.unwrap_or_else(|| {
            let attempt = make().shared();
            self.attempt = attempt.downgrade();
            self.attempts += 1;
            attempt
        });
        (attempt, self.attempts)
    }

    fn is_current(&self, connection: &Arc<T>) -> bool {
        self.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection))
    }
}

/// A channel that is being opened. One that is dropped without an answer speaks against its connection, unless another dial
/// was answered on it meanwhile: the next dial then makes a new connection.
pub(crate) struct Asked<'a, T: Send + Sync + 'static> {
    dial: &'a SharedDial<T>,
    connection: &'a Arc<T>,
    /// Answers before it was asked, if the connection was the current one.
    answers: Option<u64>,
}

impl<T: Send + Sync + 'static> Asked<'_, T> {
    /// The peer has answered: its connection is the current one again, unless there is another.
    pub(crate) fn answered(mut self) {
        self.answers = None;
        let mut slot = lock(&self.dial.slot);
        if slot.current.is_none() {
            (slot.current, slot.answers) = (Some(Arc::clone(self.connection)), 0);
        }
        if slot.is_current(self.connection) {
            slot.answers += 1;
        }
    }
}

impl<T: Send + Sync + 'static> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        if let Some(answers) = self.answers {
            self.dial.forget_if(self.connection, |slot| slot.answers == answers);
        }
    }
}

impl<T: Send + Sync + 'static> Default for SharedDial<T> {
    fn default() -> Self {
        Self { slot: Mutex::new(Slot { current: None, answers: 0, attempt: None, attempts: 0 }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::{Instant, sleep, timeout};

    #[derive(Default)]
    struct TestContext {
        dial: SharedDial<usize>,
        attempts: AtomicUsize,
    }

    impl TestContext {
        /// A connection that takes a second, and is numbered.
        async fn get(&self) -> (usize, bool) {
            let number = &self.attempts;
            let make = || {
                let number = number.fetch_add(1, Ordering::Relaxed);
                async move {
                    sleep(Duration::from_secs(1)).await;
                    Ok(Arc::new(number))
                }
                .boxed()
            };
            let got = self.dial.get(make).await.unwrap();
            (*got.connection, got.is_fresh)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_while_it_is_made_waits_for_it_and_whoever_comes_later_has_it() {
        let (context, start) = (TestContext::default(), Instant::now());
        let together = tokio::join!(context.get(), context.get(), context.get());
        assert_eq!(together, ((0, true), (0, true), (0, true)));
        assert_eq!(context.get().await, (0, false));
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_goes_on_while_anybody_waits_for_it_and_no_longer() {
        let (context, start) = (TestContext::default(), Instant::now());
        let short = timeout(Duration::from_millis(900), context.get());
        let (given_up, long) = tokio::join!(biased; short, context.get());
        assert!(given_up.is_err());
        assert_eq!((long, start.elapsed()), ((0, true), Duration::from_secs(1)));
        let current = context.dial.get(|| unreachable!("there is one")).await.unwrap().connection;
        context.dial.forget(&current);
        assert!(timeout(Duration::from_millis(900), context.get()).await.is_err());
        assert_eq!(context.get().await, (2, true), "nobody waited for the one before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dial_that_is_dropped_unanswered_speaks_against_its_connection_unless_another_was_answered() {
        let context = TestContext::default();
        context.get().await;
        let first = context.dial.get(|| unreachable!("there is one")).await.unwrap().connection;
        let (slow, quick) = (context.dial.ask(&first), context.dial.ask(&first));
        quick.answered();
        drop(slow);
        assert_eq!(context.get().await, (0, false));
        let (slow, slower) = (context.dial.ask(&first), context.dial.ask(&first));
        drop(slow);
        slower.answered();
        assert_eq!(
            context.get().await,
            (0, false),
            "it has answered after all, and nothing has taken its place"
        );
        let slow = context.dial.ask(&first);
        drop(context.dial.ask(&first));
        assert_eq!(context.get().await, (1, true));
        slow.answered();
        assert_eq!(context.get().await, (1, false));
        context.dial.forget(&first);
        assert_eq!(context.get().await, (1, false), "only the current one can be forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_to_all_who_waited_and_the_next_dial_tries_again() {
        let context = TestContext::default();
        let endpoint = "tcp://a:1".parse().unwrap();
        let fail = || {
            context.attempts.fetch_add(1, Ordering::Relaxed);
            let error = NextError::passing("dial", &endpoint, io::ErrorKind::ConnectionRefused.into());
            async move {
                sleep(Duration::from_secs(1)).await;
                Err(error)
            }
            .boxed()
        };
        let (one, other) = tokio::join!(context.dial.get(fail), context.dial.get(fail));
        for error in [one.err().unwrap(), other.err().unwrap()] {
            assert_eq!(error.kind, io::ErrorKind::ConnectionRefused);
        }
        assert_eq!(context.attempts.load(Ordering::Relaxed), 1);
        assert_eq!(context.get().await, (1, true));
    }
}
