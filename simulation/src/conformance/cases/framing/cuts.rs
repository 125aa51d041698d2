//! Packets cut by reads, and several packets in one read.

use super::each;
use super::framed::{Framed, encoded, overhead, packet};
use crate::conformance::context::TestContext;
use crate::conformance::failure::Check;

pub(super) async fn split_header(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(1000);
        let (mut near, mut far) = Framed::pair(context, &codec).await?;
        for (number, cut) in (1..).zip(1..overhead(&codec)? + 2) {
            let sent = packet(&codec, number, 300);
            let bytes = encoded(&codec, &sent)?;
            tokio::try_join!(near.end.writer.say(bytes.slice(..cut)), far.until(cut))?;
            far.expect_part()?;
            let rest = tokio::try_join!(near.end.writer.say(bytes.slice(cut..)), far.expect(&sent));
            rest.map_err(|failure| failure.at(format!("cut at {cut}")))?;
        }
        far.expect_nothing()
    })
    .await
}

pub(super) async fn two_in_one_read(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(5000);
        let (mut near, mut far) = Framed::pair(context, &codec).await?;
        for sizes in [(1, 1), (0, 0), (0, 300), (300, 0), (300, 1), (2100, 3000), (5000, 5000)] {
            let (first, second) = (packet(&codec, 1, sizes.0), packet(&codec, 2, sizes.1));
            let both = [encoded(&codec, &first)?, encoded(&codec, &second)?].concat();
            let count = both.len();
            tokio::try_join!(near.end.writer.say(both), far.until(count))?;
            for packet in [first, second] {
                far.expect_now(&packet).map_err(|failure| failure.at(format!("{sizes:?} together")))?;
            }
            far.expect_nothing()?;
        }
        Ok(())
    })
    .await
}

pub(super) async fn one_and_a_half(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(5000);
        let (mut near, mut far) = Framed::pair(context, &codec).await?;
        let (first, second) = (packet(&codec, 1, 300), packet(&codec, 2, 3000));
        let (whole, half) = (encoded(&codec, &first)?, encoded(&codec, &second)?);
        let header = overhead(&codec)?;
        for cut in [1, header - 1, header, header + 1, 1500, half.len() - 1] {
            let together = [&whole[..], &half[..cut]].concat();
            let count = together.len();
            tokio::try_join!(near.end.writer.say(together), far.until(count))?;
            far.expect_now(&first)?;
            far.expect_part()?;
            let rest = tokio::try_join!(near.end.writer.say(half.slice(cut..)), far.expect(&second));
            rest.map_err(|failure| failure.at(format!("cut at {cut}")))?;
        }
        far.expect_nothing()
    })
    .await
}
