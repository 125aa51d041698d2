//! Lists: the order of their members.

use crate::conformance::bed::{Bed, End, at_once, round_trip};
use crate::conformance::failure::{Check, ensure};
use crate::conformance::members::{Members, first_of};

const COUNT: usize = 3;

pub(super) async fn members_order(bed: &mut Bed) -> Check {
    let (members, doors) = Members::listening(bed, COUNT).await?;
    let mut doors: Vec<_> = doors.into_iter().map(Some).collect();
    for alive in (1..1 << COUNT).rev() {
        let is_alive = |member: &usize| alive & 1 << member != 0;
        for (member, door) in doors.iter_mut().enumerate() {
            match (is_alive(&member), &door) {
                (true, None) => *door = Some(members.listen(bed, member).await?),
                (false, Some(_)) => *door = None,
                _ => {}
            }
        }
        let mut dialer = members.dialer(bed, "lazy")?;
        let meeting = async { tokio::try_join!(dialer.next(), first_of(&mut doors)) };
        let (mut near, (to, mut far)) = at_once("a dial of a list with living members", meeting).await??;
        round_trip_of(&mut near, &mut far).await?;
        let (first, living) = ((0..COUNT).find(is_alive), (0..COUNT).filter(is_alive).collect::<Vec<_>>());
        ensure!(Some(to) == first, "of the members {living:?} that are alive, member {to} was dialled");
    }
    drop(doors);
    all_are_accepted(bed).await
}

async fn round_trip_of(near: &mut End, far: &mut End) -> Check {
    near.introduce(7).await?;
    ensure!(far.meet().await? == Some(7), "the end that was accepted is of another dial");
    round_trip(near, far, 100).await
}

/// A listener of the whole list hears whoever dials one of its members.
async fn all_are_accepted(bed: &mut Bed) -> Check {
    let mut gate = bed.gate().await?;
    let scheme = gate.listener.endpoint().scheme().to_owned();
    for member in gate.listener.endpoint().members()? {
        let alone = listenrain::Endpoint::list(&scheme, [&member])?;
        let mut dialer = bed.dialer(&alone)?;
        let meeting = async { tokio::try_join!(dialer.next(), gate.listener.next()) };
        let (mut near, mut far) = at_once(&format!("a dial of {member}"), meeting).await??;
        let scheme = &far.facts.scheme;
        ensure!(scheme == member.scheme(), "{member} was dialled, and accepted by a listener of {scheme}");
        round_trip_of(&mut near, &mut far).await?;
    }
    Ok(())
}
