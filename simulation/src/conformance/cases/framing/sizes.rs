//! Packet sizes at the limits.

use listenrain::buffer::ReadBuffer;

use super::each;
use super::framed::{Framed, packet};
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, Failure};
use crate::conformance::framing::Framing;

pub(super) async fn empty(context: &mut TestContext) -> Check {
    sized(context, |_| 0).await
}

pub(super) async fn one(context: &mut TestContext) -> Check {
    sized(context, |_| 1).await
}

pub(super) async fn just_below(context: &mut TestContext) -> Check {
    sized(context, |max| max - 1).await
}

pub(super) async fn longest(context: &mut TestContext) -> Check {
    sized(context, |max| max).await
}

/// A packet whose size depends on the longest that is allowed, alone and among others.
async fn sized(context: &mut TestContext, size: fn(usize) -> usize) -> Check {
    // A longer one gets a buffer of its own while it is read.
    let large = context.size(100_000, ReadBuffer::OWN_BUFFER_FROM + 500);
    each(context, async |context, framing| {
        for max in [1000, large] {
            exchange(context, framing, max, size(max))
                .await
                .map_err(|failure| failure.at(format!("{} of at most {max} bytes", size(max))))?;
        }
        Ok(())
    })
    .await
}

async fn exchange(context: &mut TestContext, framing: &Framing, max: usize, size: usize) -> Check {
    let codec = framing.with_max(max);
    let (mut near, mut far) = Framed::pair(context, &codec).await?;
    let sizes = [size, 300, size, size, 7, size];
    let sent: Vec<_> = (1..).zip(sizes).map(|(number, size)| packet(&codec, number, size)).collect();
    let sending = async {
        let (alone, together) = sent.split_at(3);
        for packet in alone {
            near.send(packet).await?;
        }
        near.send_all(together).await?;
        near.end.writer.shutdown().await
    };
    let reading = async {
        for packet in &sent {
            far.expect(packet).await?;
        }
        far.expect_end().await
    };
    tokio::try_join!(sending, reading)?;
    Ok::<_, Failure>(())
}
