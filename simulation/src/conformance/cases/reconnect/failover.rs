//! Two servers, the active and the standby, either of which can die and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use listenrain::{CallError, Client, ConnectionState, RawBytes, Refusal};
use tokio::time::{Instant, sleep};

use super::site::{Book, HELD, Site, ask, client, enters, hardly, is_answered_by, told, works};
use super::tap::Tap;
use crate::conformance::bed::{AT_ONCE, Bed, Door, at_once};
use crate::conformance::failure::{Check, Failure, ensure};
use crate::conformance::members::{FIRST_WAIT, LONGEST_WAIT, Members};

const ACTIVE: usize = 0;
const STANDBY: usize = 1;
const NAMES: [&str; 2] = ["the active", "the standby"];

/// Servers of the members of a list.
pub(super) struct Pair {
    pub(super) members: Members,
    pub(super) book: Book,
    sites: [Option<Site>; 2],
    requests: usize,
}

impl Pair {
    /// Both alive; of one channel each serves at most `requests` at a time.
    pub(super) async fn new(bed: &Bed, requests: usize) -> Check<Self> {
        let (members, doors) = Members::listening(bed, 2).await?;
        let mut pair = Self { members, book: Book::default(), sites: [None, None], requests };
        for (member, door) in doors.into_iter().enumerate() {
            pair.serve(member, door)?;
        }
        Ok(pair)
    }

    fn serve(&mut self, member: usize, door: Door) -> Check {
        self.sites[member] = Some(Site::open(door, NAMES[member], &self.book, self.requests)?);
        Ok(())
    }

    pub(super) async fn kill(&mut self, member: usize) -> Check {
        match self.sites[member].take() {
            Some(site) => site.kill().await,
            None => Ok(()),
        }
    }

    async fn revive(&mut self, bed: &Bed, member: usize) -> Check {
        let door = self.members.listen(bed, member).await?;
        self.serve(member, door)
    }

    pub(super) async fn end(mut self, client: Client<RawBytes>) -> Check {
        client.close().await;
        self.kill(ACTIVE).await?;
        self.kill(STANDBY).await
    }
}

pub(super) async fn failover_to_standby(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let mut pair = Pair::new(bed, 1024).await?;
    let dialer = pair.members.dialer(bed, "lazy")?;
    let first = client(bed, dialer, |builder| builder)?;
    is_answered_by(&first, NAMES[ACTIVE], "while both are alive").await?;
    pair.kill(ACTIVE).await?;
    // Nobody has called meanwhile.
    tap.has_accepted(2).await?;
    is_answered_by(&first, NAMES[STANDBY], "the first call after the active has died").await?;

    let dialer = pair.members.dialer(bed, "lazy")?;
    let second = client(bed, dialer, |builder| builder)?;
    is_answered_by(&second, NAMES[STANDBY], "the first call of a client whose active was never alive")
        .await?;
    pair.revive(bed, ACTIVE).await?;
    let dialer = pair.members.dialer(bed, "lazy")?;
    let third = client(bed, dialer, |builder| builder)?;
    is_answered_by(&third, NAMES[ACTIVE], "the first call of a client, the active being back").await?;
    is_answered_by(&second, NAMES[STANDBY], "a call on a channel to the standby, the active being back")
        .await?;
    first.close().await;
    second.close().await;
    pair.end(third).await
}

pub(super) async fn standby_dead_too(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, 1024).await?;
    let dialer = pair.members.dialer(bed, "lazy")?;
    let backoff = hardly(bed).down_after(2);
    let client = client(bed, dialer, |builder| builder.backoff(backoff))?;
    is_answered_by(&client, NAMES[ACTIVE], "while both are alive").await?;
    for back in [STANDBY, ACTIVE] {
        pair.kill(ACTIVE).await?;
        pair.kill(STANDBY).await?;
        let down = |state: &ConnectionState| matches!(state, ConnectionState::Down { .. });
        enters(client.connection(), "down", down).await?;
        all_are_named(&client, &pair.members).await?;
        pair.revive(bed, back).await?;
        works(&client).await?;
        is_answered_by(&client, NAMES[back], "the first call after all were dead").await?;
    }
    pair.end(client).await
}

/// Calls are refused at once, and told of each member that it is dead, once the last goodbye is behind them.
async fn all_are_named(client: &Client<RawBytes>, members: &Members) -> Check {
    let start = Instant::now();
    loop {
        let named = are_all_named(client, members).await;
        if named.is_ok() || start.elapsed() > AT_ONCE {
            return named;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

async fn are_all_named(client: &Client<RawBytes>, members: &Members) -> Check {
    let called = at_once("a call while all are dead", client.call("who".into())).await?;
    let Err(CallError::Refused(Refusal::Down { cause: Some(cause), .. })) = called else {
        return Err(Failure::new(format!("a call while all are dead ended as {called:?}")));
    };
    // Naming the list names its members, and says nothing of any.
    let why = super::site::chain(&cause).replace(&cause.endpoint, "the list");
    for member in members.endpoints() {
        ensure!(why.contains(&member.to_string()), "{member} is dead, and not named: {why}");
    }
    Ok(())
}

pub(super) async fn active_returns(bed: &mut Bed) -> Check {
    let tap = Tap::on(bed);
    let mut pair = Pair::new(bed, 1024).await?;
    pair.kill(ACTIVE).await?;
    let dialer = pair.members.dialer(bed, "eager")?;
    let client = client(bed, dialer, |builder| builder)?;
    let held = tokio::spawn({
        let client = client.clone();
        async move { client.call(vec![HELD].into()).await }
    });
    pair.book.has_executed(1).await?;
    pair.revive(bed, ACTIVE).await?;
    let start = Instant::now();
    // No call may fail on the way.
    while ask(&client, "who").await? != NAMES[ACTIVE] {
        ensure!(start.elapsed() < AT_ONCE, "calls still go to the standby, long after the active is back");
        sleep(Duration::from_millis(1)).await;
    }
    pair.book.let_go();
    let answer = at_once("the answer to a call that began on the standby", held).await??;
    let answer = answer.map_err(|error| told(error).at("a call that began on the standby"))?;
    ensure!(answer == NAMES[STANDBY], "a call that began on the standby was answered by {answer:?}");
    tap.is_open_at_most(1).await?;
    pair.end(client).await
}

/// How long a member flaps.
const FLAPPING: Duration = Duration::from_millis(300);

pub(super) async fn flapping(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, 1024).await?;
    pair.kill(ACTIVE).await?;
    let mut door = pair.members.listen(bed, ACTIVE).await?;
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    let start = Instant::now();
    // It takes every channel and drops it, as a server does that dies of its first request.
    let flaps = tokio::spawn(async move {
        while let Ok(channel) = door.next_channel().await {
            count.fetch_add(1, Ordering::AcqRel);
            drop(channel);
        }
    });
    let dialer = pair.members.dialer(bed, "eager")?;
    let client = client(bed, dialer, |builder| builder)?;
    let mut answered = 0;
    while start.elapsed() < FLAPPING {
        // What had left for the active is lost with its channel; the standby answers the rest.
        let outcome = at_once("a call beside a member that flaps", client.call("who".into())).await?;
        if let Ok(answer) = outcome {
            ensure!(answer == NAMES[STANDBY], "a call was answered by {answer:?}");
            answered += 1;
        }
        sleep(Duration::from_millis(2)).await;
    }
    let (accepted, allowed) = (accepted.load(Ordering::Acquire), most_dials(start.elapsed()));
    ensure!(answered > 0, "beside a member that flaps not one call was answered");
    ensure!(
        accepted <= allowed,
        "a member that flaps was dialled {accepted} times, at most {allowed} were due"
    );
    flaps.abort();
    pair.end(client).await
}

/// How often a member that always fails is dialled within `time`, each wait as short as jitter can make it.
fn most_dials(time: Duration) -> usize {
    let waits = (0..).map(|failures: u32| (FIRST_WAIT * (1 << failures.min(16))).min(LONGEST_WAIT) / 2);
    let ends = waits.scan(Duration::ZERO, |end, wait| {
        *end += wait;
        Some(*end)
    });
    1 + ends.take_while(|end| *end <= time).count()
}
