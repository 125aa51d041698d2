//! Group B: every byte arrives, in order, once.

use super::super::bed::Bed;
use super::super::case::Case;
use super::super::case::Source::{LibP2pTransport, Nettest};
use super::super::failure::Check;

pub(super) const CASES: &[Case] = &[Case::new(
    "B01",
    "basic_io_1mib",
    0,
    "1 MiB in pieces of 1 KiB each way, byte for byte; then the end, after the last byte and not before.",
    |bed| Box::pin(basic_io_1mib(bed)),
)
.from(&[Nettest, LibP2pTransport])
.swapped()];

async fn basic_io_1mib(bed: &mut Bed) -> Check {
    let total = bed.size(1 << 20, 16 << 10);
    let (mut near, mut far) = bed.pair().await?;
    for _ in 0..2 {
        let sending = async {
            near.tx.write_in(total, 1024).await?;
            near.tx.flush().await
        };
        tokio::try_join!(sending, far.rx.through(total))?;
        std::mem::swap(&mut near, &mut far);
    }
    near.tx.shutdown().await?;
    far.rx.end().await
}
