//! Connections of a case: one end of a channel, whose bytes are checked, and what is carried over two of them.

use listenrain::{Channel, ChannelFacts};

use super::failure::Check;
use super::ledger::Ledger;
use super::reader::CheckedReader;
use super::writer::CheckedWriter;
use crate::faults::Side;
use crate::pattern::Pattern;

/// One end of a channel. Dropped as a channel is: the read half first.
pub(crate) struct Connection {
    pub(crate) reader: CheckedReader,
    pub(crate) writer: CheckedWriter,
    pub(crate) facts: ChannelFacts,
    side: Side,
}

impl Connection {
    pub(super) fn new(channel: Channel, side: Side, who: &str, ledger: &Ledger) -> Self {
        let Channel { read, write, facts, .. } = channel;
        let pattern = Pattern::new(0);
        Self {
            reader: CheckedReader::new(read, pattern, ledger.entry(who.to_owned())),
            writer: CheckedWriter::new(write, pattern, ledger.entry(who.to_owned())),
            facts,
            side,
        }
    }

    /// Its halves, to be used apart.
    pub(crate) fn split(self) -> (CheckedWriter, CheckedReader) {
        (self.writer, self.reader)
    }

    /// Both halves follow the patterns of channel `number` from now on.
    pub(super) fn follow(&mut self, number: u64, side: Side) {
        // A number that no channel has must fail as such, not by a sum.
        let there = number.wrapping_mul(2);
        let (there, back) = (Pattern::new(there), Pattern::new(there.wrapping_add(1)));
        let (out, into) = if side == Side::Dialer { (there, back) } else { (back, there) };
        self.writer.follow(out);
        self.reader.follow(into);
    }

    /// Says which number it is, so that the end that accepted it knows what to expect; both follow that number's patterns.
    pub(crate) async fn introduce(&mut self, number: u64) -> Check {
        self.writer.say(number.to_be_bytes().to_vec()).await?;
        self.follow(number, self.side);
        Ok(())
    }

    /// Hears which number it is; `None` when the channel is over before it was said.
    pub(crate) async fn meet(&mut self) -> Check<Option<u64>> {
        let Some(said) = self.reader.hear(8).await? else {
            return Ok(None);
        };
        let number = said.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.follow(number, self.side);
        self.reader.verify()?;
        Ok(Some(number))
    }
}

/// Some bytes one way, then some back; read while they are written, so that any window will do.
pub(crate) async fn round_trip(near: &mut Connection, far: &mut Connection, count: usize) -> Check {
    carry(&mut near.writer, &mut far.reader, count).await?;
    carry(&mut far.writer, &mut near.reader, count).await
}

/// Flushes and reads all that `writer` has taken; a full window may need the flush to move.
pub(crate) async fn drain(writer: &mut CheckedWriter, reader: &mut CheckedReader) -> Check {
    let sent = writer.sent();
    tokio::try_join!(writer.flush(), reader.reach(sent))?;
    Ok(())
}

/// Some bytes one way.
pub(crate) async fn carry(writer: &mut CheckedWriter, reader: &mut CheckedReader, count: usize) -> Check {
    tokio::try_join!(writer.send(count), reader.through(count))?;
    Ok(())
}
