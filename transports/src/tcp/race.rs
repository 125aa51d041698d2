//! A staggered race over all addresses of a name.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

/// How long an attempt is alone before the next address joins it: what RFC 8305 recommends.
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Tries `addresses` in order, the next one joining when the ones before it have failed or have had [`STAGGER`] for
/// themselves. The first connection wins; the other attempts are dropped, and with them their sockets.
pub(crate) async fn race<T, F, A>(addresses: Vec<SocketAddr>, attempt: A) -> io::Result<T>
where
    A: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    let (mut waiting, mut failed) = (addresses.into_iter(), Vec::new());
    let mut running = FuturesUnordered::new();
    while let Some(address) = waiting.next() {
        let attempt = attempt(address);
        running.push(async move { (address, attempt.await) });
        let mut stagger = pin!(sleep(STAGGER));
        while !running.is_empty() {
            tokio::select! {
                biased;
                Some((address, ended)) = running.next() => match ended {
                    Ok(won) => return Ok(won),
                    Err(error) => failed.push((address, error)),
                },
                () = &mut stagger, if waiting.len() > 0 => break,
            }
        }
    }
    Err(unreached(failed))
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

/// How each address failed. Its kind and source are the first one's, since that address was the preferred one.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Unreached {
    text: String,
    #[source]
    first: io::Error,
}

fn unreached(failed: Vec<(SocketAddr, io::Error)>) -> io::Error {
    let texts: Vec<_> = failed.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    match failed.into_iter().next() {
        Some((_, first)) => io::Error::new(first.kind(), Unreached { text: texts.join("; "), first }),
        None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
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
    async fn a_silent_address_delays_the_next_one_by_the_stagger_and_a_failed_one_not_at_all() {
        for (is_silent, delay) in [(true, STAGGER), (false, Duration::ZERO)] {
            let start = Instant::now();
            let won = race(vec![address(1), address(2)], |at| async move {
                match at.port() {
                    1 if is_silent => pending().await,
                    1 => Err(io::ErrorKind::ConnectionRefused.into()),
                    port => Ok(port),
                }
            });
            assert_eq!((won.await.unwrap(), start.elapsed()), (2, delay));
        }
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
            let kinds = [io::ErrorKind::ConnectionRefused, io::ErrorKind::HostUnreachable];
            Err::<(), _>(kinds[usize::from(at.port()) - 1].into())
        });
        let error = lost.await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1: ") && text.contains("; 127.0.0.1:2: "), "{text}");
        let nobody = race(vec![], |_| async { Ok::<_, io::Error>(()) }).await.unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
    }
}
