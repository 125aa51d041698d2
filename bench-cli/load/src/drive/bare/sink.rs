//! The bytes that come back: checked as they pass, counted as requests.

use crate::meter::Meter;
use crate::payload;

/// Checks the stream that came back.
#[derive(Debug)]
pub(super) struct Sink {
    payload: usize,
    /// The request whose bytes come next, and how many of them have come.
    request: u64,
    offset: usize,
    /// Whether something was wrong with it already: one error a request.
    is_wrong: bool,
}

/// Requests whose last byte has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) well: u64,
    pub(super) wrong: u64,
}

impl Sink {
    pub(super) fn new(payload: usize, first: u64) -> Self {
        Self { payload, request: first, offset: 0, is_wrong: false }
    }

    /// Checks the next bytes of the stream.
    pub(super) fn take(&mut self, mut bytes: &[u8], meter: &Meter) -> Finished {
        let mut finished = Finished::default();
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(self.payload - self.offset));
            let how = meter.thoroughness(self.request);
            if !self.is_wrong
                && let Err(mismatch) = payload::check_part(part, self.request, self.offset, how)
            {
                self.is_wrong = true;
                meter.failed(mismatch.kind(), || mismatch.to_string());
            }
            self.offset += part.len();
            bytes = rest;
            if self.offset == self.payload {
                finished.wrong += u64::from(self.is_wrong);
                finished.well += u64::from(!self.is_wrong);
                (self.request, self.offset, self.is_wrong) = (self.request + 1, 0, false);
            }
        }
        finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_byte_is_one_error_of_one_request() {
        let meter = Meter::new(1);
        let mut stream = vec![0; 3 * 5000];
        for (request, part) in (0..).zip(stream.chunks_mut(5000)) {
            payload::fill(part, request);
        }
        stream[7000] ^= 1;
        let mut sink = Sink::new(5000, 0);
        let mut finished = Finished::default();
        for piece in stream.chunks(13) {
            let more = sink.take(piece, &meter);
            finished = Finished { well: finished.well + more.well, wrong: finished.wrong + more.wrong };
        }
        assert_eq!(finished, Finished { well: 2, wrong: 1 });
        assert_eq!(meter.errors().count(), 1);
    }
}
