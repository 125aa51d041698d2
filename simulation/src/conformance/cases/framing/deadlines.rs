//! How long a caller waits, as its packets and its handlers are told.

use std::time::Duration;

use bytes::Bytes;
use listenrain::{CallError, Client, Outcome, PacketCodec, RawBytes, Request, Router};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::each;
use super::framed::Framed;
use crate::conformance::bed::{Bed, Gate, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::framing::Codec;
use crate::conformance::stack::{PATIENT, client, message, number_of, protocol, server};

/// What a deadline on the wire is rounded to.
const STEP: Duration = Duration::from_millis(1);
/// Deadlines that are told apart by each digit of them, and long enough to be kept.
const LONG: [Duration; 3] =
    [Duration::from_millis(7_654), Duration::from_micros(9_876_543), Duration::from_secs(3_600)];
/// Rounded down, this is none.
const SHORT: Duration = Duration::from_micros(900);

/// Whether a deadline came as it was sent: to the millisecond, and never as none, which is what less than one must not
/// become.
pub(super) fn is_told(sent: Option<Duration>, came: Option<Duration>) -> bool {
    match (sent, came) {
        (None, None) => true,
        (Some(sent), Some(came)) => {
            let below =
                Duration::from_secs(sent.as_secs()) + Duration::from_millis(sent.subsec_millis().into());
            let above = if below == sent && !sent.is_zero() { sent } else { below + STEP };
            !came.is_zero() && (below..=above).contains(&came)
        }
        _ => false,
    }
}

pub(super) async fn deadline_is_told(bed: &mut Bed) -> Check {
    each(bed, async |bed, framing| {
        let codec = framing.with_max(1000);
        on_the_wire(bed, &codec).await.map_err(|failure| failure.at("on the wire"))?;
        to_handlers(bed, &codec).await.map_err(|failure| failure.at("to handlers"))
    })
    .await
}

/// The server is played by hand, and looks at what is asked.
async fn on_the_wire(bed: &mut Bed, codec: &Codec) -> Check {
    let Gate { dialer, mut listener, .. } = bed.gate().await?;
    let caller = client(&protocol(codec.clone()).build()?, bed.random.draw()).dial(dialer.generator)?;
    let mut server = Framed::new(listener.next().await?, codec);
    for (number, within) in (1..).zip(LONG) {
        let before = Instant::now();
        let _call = Calls::start(&caller, number, within);
        let asked = at_once("a request", server.request()).await??;
        let took = before.elapsed();
        ensure!(number_of(&asked.payload.into_bytes()) == Some(number), "request {number} came as another");
        let Some(left) = expected(codec, asked.deadline)? else { continue };
        ensure!(
            left <= within && left + took + STEP >= within,
            "of a call that waits {within:?} a packet says {left:?} after {took:?}"
        );
    }
    // By a real clock these may be over before they leave.
    for number in 10..20 {
        is_answered_or_late(&caller.call_within(message(number, 10), SHORT).await)?;
    }
    let _last = Calls::start(&caller, 20, PATIENT);
    loop {
        let asked = at_once("the last request", server.request()).await??;
        let deadline = expected(codec, asked.deadline)?;
        if number_of(&asked.payload.into_bytes()) == Some(20) {
            return Ok(());
        }
        let is_short = deadline.is_none_or(|left| is_told(Some(SHORT), Some(left)));
        ensure!(is_short, "of a call that waits {SHORT:?} a packet says {deadline:?}");
    }
}

/// A call that is given up when this is dropped.
struct Calls(tokio::task::JoinHandle<Outcome<Bytes>>);

impl Calls {
    fn start(caller: &Client<RawBytes>, number: u64, within: Duration) -> Self {
        let (caller, message) = (caller.clone(), message(number, 10));
        Self(tokio::spawn(async move { caller.call_within(message, within).await }))
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A deadline where the codec can tell one, and none where it cannot.
fn expected<T: std::fmt::Debug>(codec: &Codec, deadline: Option<T>) -> Check<Option<T>> {
    let tells = codec.abilities().deadline;
    ensure!(
        deadline.is_some() == tells,
        "the codec {} deadlines, and of a call there came {deadline:?}",
        if tells { "tells" } else { "does not tell" }
    );
    Ok(deadline)
}

/// The server is the library's, and its handlers look at what they are told.
async fn to_handlers(bed: &mut Bed, codec: &Codec) -> Check {
    let Gate { dialer, listener, .. } = bed.gate().await?;
    let (tell, mut told) = mpsc::unbounded_channel();
    let router = Router::<RawBytes>::new().fallback(move |request: Request<Bytes>| {
        let _ = tell.send((request.deadline, Instant::now()));
        async { Ok(request.message) }
    });
    let protocol = protocol(codec.clone()).build()?;
    let _server = server(&protocol, router).listen(listener.generator)?;
    let caller = client(&protocol, bed.random.draw()).dial(dialer.generator)?;
    for within in LONG {
        let earliest = Instant::now() + within;
        caller.call_within(message(1, 10), within).await?;
        let (deadline, seen) = told.recv().await.ok_or_else(|| Failure::new("no handler has run"))?;
        let Some(deadline) = expected(codec, deadline)? else { continue };
        // It counts from when the packet was read, so it is later than the caller's by as long as that was under way.
        ensure!(
            deadline + STEP >= earliest && deadline <= seen + within + STEP,
            "of a call that waits {within:?} a handler is told {:?}, {:?} after the call began",
            deadline.saturating_duration_since(seen),
            seen.saturating_duration_since(earliest - within)
        );
    }
    for number in 10..20 {
        is_answered_or_late(&caller.call_within(message(number, 10), SHORT).await)?;
    }
    caller.call(message(20, 10)).await?;
    while let Ok((deadline, _)) = told.try_recv() {
        expected(codec, deadline)?;
    }
    Ok(())
}

fn is_answered_or_late(outcome: &Outcome<Bytes>) -> Check {
    ensure!(
        outcome.as_ref().err().is_none_or(CallError::is_timeout),
        "a call that waits {SHORT:?} ended with {outcome:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_told_to_the_millisecond_and_less_than_one_is_not_none() {
        // Broken by a comparison that looks only whether there is any.
        let told = |sent: u64, came: u64| {
            is_told(Some(Duration::from_micros(sent)), Some(Duration::from_micros(came)))
        };
        assert!(told(5_000, 5_000) && told(5_400, 5_000) && told(5_400, 6_000) && told(5_400, 5_400));
        assert!(!told(5_000, 4_000) && !told(5_000, 6_000) && !told(5_400, 4_999) && !told(5_400, 6_001));
        assert!(told(900, 1_000) && told(900, 900) && told(0, 1_000));
        assert!(!told(900, 0) && !told(0, 0) && !told(900, 2_000));
        assert!(is_told(None, None) && !is_told(None, Some(STEP)) && !is_told(Some(SHORT), None));
    }
}
