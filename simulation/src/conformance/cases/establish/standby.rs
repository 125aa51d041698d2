//! One generator over two endpoints, the active and the standby.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use listenrain::BoxFuture;
use tokio::time::{Instant, sleep, timeout};

use crate::conformance::bed::{AT_ONCE, Bed, Door, End, at_once, round_trip};
use crate::conformance::failure::{Check, Failure, describe, ensure};
use crate::conformance::members::{FIRST_WAIT, Members, first_of};

pub(super) async fn generator_ha(bed: &mut Bed) -> Check {
    order_of_members(bed).await?;
    no_way_back(bed).await.map_err(|failure| failure.at("fail_back=never"))?;
    back_at_the_next_dial(bed).await.map_err(|failure| failure.at("fail_back=lazy"))?;
    back_as_soon_as_can_be(bed).await.map_err(|failure| failure.at("fail_back=eager"))
}

const ACTIVE: usize = 0;
const STANDBY: usize = 1;

/// Two members, those of which that have a door are alive, and a dialer for both.
struct Pair {
    members: Members,
    doors: [Option<Door>; 2],
    dialer: Door,
    /// A channel that does not last would count against its member.
    open: Vec<(End, End)>,
}

/// Where a dial led, and what says that there is a better channel by now.
struct Led {
    to: usize,
    better: Option<BoxFuture<'static, ()>>,
}

impl Pair {
    async fn new(bed: &Bed, fail_back: &str) -> Check<Self> {
        let (members, mut doors) = Members::listening(bed, 2).await?;
        let dialer = members.dialer(bed, fail_back)?;
        let standby = doors.pop();
        Ok(Self { members, doors: [doors.pop(), standby], dialer, open: Vec::new() })
    }

    fn kill(&mut self, member: usize) {
        self.doors[member] = None;
    }

    async fn revive(&mut self, bed: &Bed, member: usize) -> Check {
        self.doors[member] = Some(self.members.listen(bed, member).await?);
        Ok(())
    }

    /// Dials while every living member accepts, and makes sure that the two ends belong together.
    async fn dial(&mut self) -> Check<Led> {
        let Self { dialer, doors, open, .. } = self;
        let dialling = async { Check::Ok(dialer.next_channel().await?) };
        let (mut channel, (to, mut far)) = tokio::try_join!(dialling, first_of(doors))?;
        let better = channel.superseded.take();
        let mut near = dialer.end(channel);
        let number = open.len() as u64;
        near.introduce(number).await?;
        ensure!(far.meet().await? == Some(number), "the end that was accepted is of another dial");
        round_trip(&mut near, &mut far, 100).await?;
        open.push((near, far));
        Ok(Led { to, better })
    }

    async fn dial_leads_to(&mut self, member: usize, when: &str) -> Check<Led> {
        let led = at_once("a dial of a list with a living member", self.dial()).await??;
        ensure!(led.to == member, "{when}: a dial led to {}, expected {}", name(led.to), name(member));
        Ok(led)
    }
}

fn name(member: usize) -> &'static str {
    if member == ACTIVE { "the active" } else { "the standby" }
}

async fn order_of_members(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, "lazy").await?;
    for _ in 0..2 {
        pair.dial_leads_to(ACTIVE, "while both are alive").await?;
    }
    pair.kill(ACTIVE);
    pair.dial_leads_to(STANDBY, "when the active is dead").await?;
    pair.kill(STANDBY);
    for _ in 0..2 {
        all_dead(&mut pair).await?;
    }
    pair.revive(bed, STANDBY).await?;
    pair.dial_leads_to(STANDBY, "when the standby is back from the dead").await?;
    Ok(())
}

async fn all_dead(pair: &mut Pair) -> Check {
    let dialled = at_once("a dial of a list without a living member", pair.dialer.try_next()).await?;
    let Err(error) = dialled else {
        return Err(Failure::new("a dial gave a channel although nobody listens"));
    };
    // Naming the list names its members, and says nothing of any.
    let told = describe(&error).replace(&error.endpoint, "the list");
    for member in pair.members.endpoints() {
        ensure!(told.contains(&member.to_string()), "when all are dead, {member} is not named: {told}");
    }
    ensure!(
        matches!(error.kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound),
        "when all are dead a dial failed as {:?}, expected ConnectionRefused or NotFound: {told}",
        error.kind
    );
    ensure!(!error.is_final, "when all are dead, asking again is said to be pointless: {told}");
    Ok(())
}

async fn no_way_back(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, "never").await?;
    pair.kill(ACTIVE);
    pair.dial_leads_to(STANDBY, "when the active is dead").await?;
    pair.revive(bed, ACTIVE).await?;
    // Its only failure is forgotten by then, so that nothing but the policy keeps the dialer away from it.
    sleep(4 * FIRST_WAIT).await;
    for _ in 0..2 {
        pair.dial_leads_to(STANDBY, "when the active is back").await?;
    }
    pair.kill(STANDBY);
    pair.dial_leads_to(ACTIVE, "when the standby has died").await?;
    Ok(())
}

async fn back_at_the_next_dial(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, "lazy").await?;
    pair.kill(ACTIVE);
    let led = pair.dial_leads_to(STANDBY, "when the active is dead").await?;
    ensure!(led.better.is_none(), "a channel to the standby is to be given up for a better one");
    pair.revive(bed, ACTIVE).await?;
    let start = Instant::now();
    while pair.dial().await?.to != ACTIVE {
        ensure!(start.elapsed() < AT_ONCE, "dials still lead to the standby, long after the active is back");
        sleep(FIRST_WAIT).await;
    }
    Ok(())
}

async fn back_as_soon_as_can_be(bed: &mut Bed) -> Check {
    let mut pair = Pair::new(bed, "eager").await?;
    let led = pair.dial_leads_to(ACTIVE, "while both are alive").await?;
    ensure!(led.better.is_none(), "a channel to the active is to be given up for a better one");
    pair.kill(ACTIVE);
    let led = pair.dial_leads_to(STANDBY, "when the active is dead").await?;
    let better = led.better.ok_or_else(|| Failure::new("nothing will tell that the active is back"))?;
    let mut better = pin!(better);
    let early = timeout(Duration::from_millis(20), &mut better).await;
    ensure!(early.is_err(), "there is said to be a better channel while the active is dead");
    pair.revive(bed, ACTIVE).await?;
    // Who asks whether the active is back keeps the channel; where a dial needs help, somebody accepts it meanwhile.
    let accepting = async {
        let ((), accepted) = tokio::join!(better, first_of(&mut pair.doors));
        accepted
    };
    let (to, mut far) = at_once("a better channel once the active is back", accepting).await??;
    let mut near = at_once("a dial after a better channel was found", pair.dialer.next()).await??;
    ensure!(to == ACTIVE, "the better channel leads to {}", name(to));
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "the better channel is not the one that the next dial gave");
    round_trip(&mut near, &mut far, 100).await
}
