//! Memory of claimed lengths.

use bytes::Bytes;
use listenrain::DEFAULT_MAX_PACKET;

use super::each;
use super::framed::{Framed, header_of};
use crate::allocations;
use crate::conformance::context::TestContext;
use crate::conformance::failure::{Check, ensure};

/// Channels on which as much is claimed as may be.
const CLAIMS: usize = 16;
/// What one of them may hold beyond what has come: one read, and whatever a transport and a task need.
const BESIDE: usize = 1 << 20;

pub(super) async fn claims(context: &mut TestContext) -> Check {
    each(context, async |context, framing| {
        let codec = framing.with_max(DEFAULT_MAX_PACKET);
        // The beginning of a packet as long as it may be.
        let claim = Bytes::from([&header_of(framing, DEFAULT_MAX_PACKET)?[..], &[0; 1000]].concat());
        let mut open = Vec::new();
        for _ in 0..CLAIMS {
            open.push(Framed::pair(context, &codec).await?);
        }
        let before = forget();
        for (near, far) in &mut open {
            tokio::try_join!(near.end.writer.say(claim.clone()), far.until(claim.len()))?;
            far.expect_part()?;
            let room = far.end.reader.buffer().spare().get_ref().capacity();
            ensure!(room <= BESIDE, "{room} bytes are held for a claim of which {} have come", claim.len());
        }
        check(context, before, CLAIMS * (claim.len() + BESIDE))?;
        // As its bytes come, its memory grows.
        let (near, far) = &mut open[0];
        let more = context.size(2 << 20, 1 << 20);
        let before = forget();
        let sending = async {
            let piece = Bytes::from(vec![0; 64 << 10]);
            for _ in 0..more / piece.len() {
                near.end.writer.say(piece.clone()).await?;
            }
            Ok(())
        };
        tokio::try_join!(sending, far.until(claim.len() + more))?;
        far.expect_part()?;
        // A buffer that has to grow is copied: for a moment there are both.
        check(context, before, 4 * more + BESIDE)
    })
    .await
}

/// What is allocated now, from where a peak is looked for.
fn forget() -> Option<usize> {
    allocations::forget_peak();
    allocations::live()
}

fn check(context: &TestContext, before: Option<usize>, allowed: usize) -> Check {
    if let Some((before, peak)) = before.zip(allocations::peak()).filter(|_| context.alone) {
        let beside = peak.saturating_sub(before);
        ensure!(beside <= allowed, "{beside} bytes were held where {allowed} are enough");
    }
    Ok(())
}
