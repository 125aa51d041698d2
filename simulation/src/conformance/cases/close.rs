//! Group C: how a channel ends.

use super::super::bed::Bed;
use super::super::case::Case;
use super::super::case::Source::RustLibP2pMuxer;
use super::super::failure::Check;

pub(super) const CASES: &[Case] = &[Case::new(
    "C01",
    "close_implies_flush",
    0,
    "What was written and not flushed is read before the end that a shutdown makes, and what was flushed before the end \
     that a drop makes.",
    |bed| Box::pin(close_implies_flush(bed)),
)
.from(&[RustLibP2pMuxer])
.swapped()];

async fn close_implies_flush(bed: &mut Bed) -> Check {
    for size in [1, 100, 5000, 40_000] {
        let (mut near, mut far) = bed.pair().await?;
        let closing = async {
            near.tx.write_in(size, 3000).await?;
            near.tx.shutdown().await
        };
        tokio::try_join!(closing, far.rx.through_end(size))?;
        let (mut near, mut far) = bed.pair().await?;
        let closing = async move {
            near.tx.send(size).await?;
            drop(near);
            Ok(())
        };
        tokio::try_join!(closing, far.rx.through_end(size))?;
    }
    Ok(())
}
