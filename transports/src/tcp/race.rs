//! A staggered race over all addresses of a name.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long an attempt is alone before the next address joins it: what RFC 8305 recommends.
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Tries `addresses` in order, the next one joining when the ones before it have failed or have had [`STAGGER`] for
/// themselves. The first connection wins; the other attempts are dropped, and with them their sockets.
pub(crate) async fn race<T, F, A>(addresses: Vec<SocketAddr>, attempt: A) -> io::Result<T>
where
    A: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    let mut race = Race {
        waiting: addresses.into(),
        running: Vec::new(),
        failed: Vec::new(),
        stagger: Box::pin(sleep(STAGGER)),
    };
    poll_fn(|cx| race.poll(cx, &attempt)).await
}

/// IPv6 and IPv4 in turn, starting with the family that the resolver prefers, each address once.
pub(crate) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let leads = first.is_ipv6();
    let (leading, following): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == leads);
    let (mut leading, mut following) = (leading.into_iter(), following.into_iter());
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(leading.next());
        ordered.extend(following.next());
    }
    let mut seen = Vec::with_capacity(ordered.len());
    ordered.retain(|address| {
        let fresh = !seen.contains(address);
        seen.push(*address);
        fresh
    });
    ordered
}

struct Race<F> {
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Pin<Box<F>>)>,
    failed: Vec<(SocketAddr, io::Error)>,
    stagger: Pin<Box<Sleep>>,
}

impl<F, T> Race<F>
where
    F: Future<Output = io::Result<T>>,
{
    fn poll(&mut self, cx: &mut Context<'_>, attempt: impl Fn(SocketAddr) -> F) -> Poll<io::Result<T>> {
        loop {
            if let Some(won) = self.poll_running(cx) {
                return Poll::Ready(Ok(won));
            }
            let may_join = self.running.is_empty() || self.stagger.as_mut().poll(cx).is_ready();
            let next = if may_join { self.waiting.pop_front() } else { None };
            match next {
                Some(address) => {
                    self.running.push((address, Box::pin(attempt(address))));
                    self.stagger = Box::pin(sleep(STAGGER));
                }
                None if self.running.is_empty() => return Poll::Ready(Err(self.error())),
                None => return Poll::Pending,
            }
        }
    }

    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let mut at = 0;
        while let Some((address, future)) = self.running.get_mut(at) {
            match future.as_mut().poll(cx) {
                Poll::Ready(Ok(won)) => return Some(won),
                Poll::Ready(Err(error)) => {
                    self.failed.push((*address, error));
                    drop(self.running.remove(at));
                }
                Poll::Pending => at += 1,
            }
        }
        None
    }

    fn error(&mut self) -> io::Error {
        let attempts = std::mem::take(&mut self.failed);
        match attempts.first() {
            Some((_, first)) => io::Error::new(first.kind(), Unreached { attempts }),
            None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        }
    }
}

/// How each address failed. Its kind and source are the first one's, since that address was the preferred one.
#[derive(Debug)]
struct Unreached {
    attempts: Vec<(SocketAddr, io::Error)>,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.attempts.iter().enumerate() {
            write!(f, "{}{address}: {error}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.attempts.first().map(|(_, error)| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::future::pending;
    use tokio::time::Instant;

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_choice_leads() {
        let v6 = |port| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
        let mixed = vec![v6(1), v6(2), v6(3), address(4), address(4), address(5)];
        assert_eq!(interleave(mixed), [v6(1), address(4), v6(2), v6(3), address(5)]);
        assert_eq!(interleave(vec![address(1), v6(2)]), [address(1), v6(2)]);
        assert_eq!(interleave(vec![]), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_delays_the_next_one_by_the_stagger_only() {
        let start = Instant::now();
        let won = race(vec![address(1), address(2)], |at| async move {
            if at.port() == 1 { pending().await } else { Ok(at.port()) }
        });
        assert_eq!(won.await.unwrap(), 2);
        assert_eq!(start.elapsed(), STAGGER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_address_gives_way_at_once() {
        let start = Instant::now();
        let won = race(vec![address(1), address(2)], |at| async move {
            if at.port() == 1 { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(at.port()) }
        });
        assert_eq!(won.await.unwrap(), 2);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_still_wins_against_a_slower_second() {
        let tried = RefCell::new(Vec::new());
        let won = race(vec![address(1), address(2), address(3)], |at| {
            tried.borrow_mut().push(at.port());
            async move {
                sleep(STAGGER + STAGGER / 2).await;
                Ok::<_, io::Error>(at.port())
            }
        });
        assert_eq!(won.await.unwrap(), 1);
        assert_eq!(*tried.borrow(), [1, 2], "the third never had a reason to start");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_every_address_is_named() {
        let lost = race(vec![address(1), address(2)], |at| async move {
            let kind = if at.port() == 1 {
                io::ErrorKind::ConnectionRefused
            } else {
                io::ErrorKind::HostUnreachable
            };
            Err::<(), _>(kind.into())
        });
        let error = lost.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1: ") && text.contains("; 127.0.0.1:2: "), "{text}");
        let nobody = race(vec![], |_| async { Ok::<_, io::Error>(()) }).await.unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
    }
}
