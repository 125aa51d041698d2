//! Named pipes: what opens them, what ends them, what is written into their rendezvous, what is left of them.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use listenrain::Endpoint;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::io;
use crate::conformance::bed::{AT_ONCE, Bed, Gate, at_once, round_trip};
use crate::conformance::failure::{Check, ensure};

/// A rendezvous of the case's own, and the files that belong to it.
struct Place {
    endpoint: Endpoint,
    path: PathBuf,
    pairs: PathBuf,
}

impl Place {
    fn fresh(bed: &Bed) -> Self {
        let endpoint = bed.transport.scratch_endpoint();
        let (path, pairs) = (endpoint.address().into(), format!("{}.pairs", endpoint.address()).into());
        Self { endpoint, path, pairs }
    }

    /// Whatever is there under its name.
    fn files(&self) -> Check<Vec<PathBuf>> {
        let mut files: Vec<_> =
            [&self.path, &self.pairs].into_iter().filter(|path| path.exists()).cloned().collect();
        if let Ok(pairs) = fs::read_dir(&self.pairs) {
            for entry in pairs {
                files.push(io("a directory of pairs", entry)?.path());
            }
        }
        Ok(files)
    }

    fn is_clean(&self, when: &str) -> Check {
        let files = self.files()?;
        ensure!(files.is_empty(), "{when}: {files:?} are left behind");
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing is there unless the case has failed.
        let _ = (fs::remove_file(&self.path), fs::remove_dir_all(&self.pairs));
    }
}

fn pipe(path: &Path) -> Check {
    io("making a pipe", mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(std::io::Error::from))
}

/// Far less than a thread that waits for a peer would be blocked.
const BLOCKED: Duration = Duration::from_secs(1);

pub(super) async fn opening_never_blocks(bed: &mut Bed) -> Check {
    let place = Place::fresh(bed);
    let mut dialer = bed.dialer(&place.endpoint)?;
    // A pipe that nobody reads: to open it for writing would wait.
    pipe(&place.path)?;
    let start = Instant::now();
    let dialled = at_once("a dial of a pipe that nobody reads", dialer.try_next()).await?;
    ensure!(dialled.is_err_and(|error| !error.is_final), "a pipe that nobody reads was not refused for now");
    io("removing a pipe", fs::remove_file(&place.path))?;
    let mut gate = bed.gate_at(&place.endpoint).await?;
    {
        // Nobody dials: an accept that opened something would wait.
        let accept = tokio::time::timeout(Duration::from_millis(20), gate.listener.next()).await;
        ensure!(accept.is_err(), "somebody was accepted although nobody dialled");
    }
    let (mut near, mut far) = gate.connect().await?;
    round_trip(&mut near, &mut far, 100).await?;
    // This case has one thread: whoever blocks it is late here.
    ensure!(
        start.elapsed() < AT_ONCE.min(3 * BLOCKED),
        "its thread was blocked: it took {:?}",
        start.elapsed()
    );
    Ok(())
}

pub(super) async fn writer_disappears(bed: &mut Bed) -> Check {
    let mut gate = bed.gate().await?;
    for dialler_goes in [true, false] {
        let (near, far) = gate.connect().await?;
        let (mut gone, mut left) = if dialler_goes { (near, far) } else { (far, near) };
        gone.tx.send(1000).await?;
        drop(gone);
        left.rx.through(1000).await?;
        at_once("the end of a channel whose writer has gone", left.rx.end()).await??;
        // The other direction has no reader any more.
        let error = at_once("an error of writing to nobody", left.tx.until_error(1 << 20)).await??;
        ensure!(
            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "writing to a reader that has gone failed as {:?}",
            error.kind()
        );
    }
    Ok(())
}

/// Beyond what any system writes at once (`PIPE_BUF`, 512 bytes to 4 KiB), and no multiple of it.
const PIECES: [usize; 4] = [511, 4097, 65_537, 300_001];

pub(super) async fn writes_are_not_atomic(bed: &mut Bed) -> Check {
    let mut gate = bed.gate_at(&bed.scratch_with_small_windows()).await?;
    let (mut near, mut far) = gate.connect().await?;
    for piece in PIECES {
        // Full, so that what follows is taken in parts, as the reader makes room for it.
        near.tx.fill(1000, 64 << 20).await?;
        let due = near.tx.sent() + piece as u64;
        let sending = async {
            let mut rest = near.tx.piece(piece);
            near.tx.take_all(&mut rest).await
        };
        at_once(&format!("a write of {piece} bytes into a full pipe"), async {
            tokio::try_join!(sending, far.rx.reach(due))
        })
        .await??;
    }
    Ok(())
}

/// A request as the transport's documentation has it.
fn request(name: [u8; 16]) -> Vec<u8> {
    let mut bytes = b"\x89LRfifo\n\x01\0\0\0".to_vec();
    bytes.extend(std::process::id().to_be_bytes());
    bytes.extend(name);
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let check = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    bytes.extend(check.to_be_bytes());
    bytes
}

fn write_raw(place: &Place, bytes: &[u8]) -> Check {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut rendezvous = io("opening the rendezvous", options.open(&place.path))?;
    io("writing into the rendezvous", rendezvous.write_all(bytes))
}

pub(super) async fn forged_requests(bed: &mut Bed) -> Check {
    let place = Place::fresh(bed);
    let mut gate = bed.gate_at(&place.endpoint).await?;
    let whole = request([3; 16]);
    for garbage in [&b"x"[..], &[0; 3000], &whole[..39], &whole[1..], b"\n\n"] {
        write_raw(&place, garbage)?;
        serves(&mut gate)
            .await
            .map_err(|failure| failure.at(format!("after {} bytes of garbage", garbage.len())))?;
    }
    // A whole request for nothing, and one that would lead to a file that is no pipe.
    let precious = place.pairs.join(format!("{}.up", "05".repeat(16)));
    io("writing a file", fs::write(&precious, "precious"))?;
    for forged in [request([4; 16]), request([5; 16])] {
        write_raw(&place, &forged)?;
        serves(&mut gate).await.map_err(|failure| failure.at("after a forged request"))?;
    }
    let kept = io("reading a file", fs::read(&precious))?;
    ensure!(kept == b"precious", "a forged request has changed a file: {kept:?}");
    io("removing a file", fs::remove_file(&precious))?;
    drop(gate);
    place.is_clean("after a listener that heard garbage")
}

/// Whoever dials is the next that is accepted.
async fn serves(gate: &mut Gate) -> Check {
    let (mut near, mut far) = at_once("a dial", gate.connect()).await??;
    round_trip(&mut near, &mut far, 100).await
}

pub(super) async fn nothing_is_left(bed: &mut Bed) -> Check {
    let place = Place::fresh(bed);
    let mut gate = bed.gate_at(&place.endpoint).await?;
    let rendezvous = io("the rendezvous", fs::symlink_metadata(&place.path))?;
    ensure!(rendezvous.file_type().is_fifo(), "{} is no pipe", place.path.display());
    ensure!(rendezvous.mode() & 0o777 == 0o600, "the rendezvous has mode {:o}", rendezvous.mode() & 0o777);
    let before = place.files()?;
    let mut ends = Vec::new();
    for _ in 0..3 {
        ends.push(gate.connect().await?);
    }
    ensure!(place.files()? == before, "channels that are open have files: {:?}", place.files()?);
    // One that nobody accepts.
    let waiting = gate.dialer.next().await?;
    drop(gate);
    place.is_clean("after a listener with open channels")?;
    for (near, far) in &mut ends {
        round_trip(near, far, 100).await?;
    }
    drop((ends, waiting));
    let mut dialer = bed.dialer(&place.endpoint)?;
    let refused = at_once("a dial of nothing", dialer.try_next()).await?;
    ensure!(refused.is_err(), "a dial of nothing gave a channel");
    place.is_clean("after a dial that was refused")
}
