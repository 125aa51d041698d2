//! The histograms as an interval log, which HdrHistogram's tools read.

use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::histograms::kept;
use super::{Shown, plain};

/// One tagged line a cell and kind of time; nanoseconds, the column of maxima milliseconds.
///
/// # Errors
///
/// A text for the user when a histogram cannot be read, or there is none.
pub(crate) fn log(runs: &[Shown<'_>]) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the log cannot be written: {error}");
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(
            "bench-cli: one line a cell and kind of time; values are nanoseconds, Interval_Max is ms",
        )
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| failed(&error))?;
    for shown in runs {
        log.write_comment(&plain::line(&format!("{}: {}", shown.name, shown.run.env.command)))
            .map_err(|error| failed(&error))?;
    }
    let mut start = 0.0;
    for kept in kept(runs)? {
        let mut tag = kept.label.replace(',', "").replace(char::is_whitespace, "_");
        if runs.len() > 1 {
            tag = format!("{}:{tag}", kept.run + 1);
        }
        tag = plain::line(&format!("{tag}:{}", kept.kind.name()));
        let length = Duration::try_from_secs_f64(kept.cell.duration_s).unwrap_or_default();
        let from = Duration::try_from_secs_f64(start).unwrap_or_default();
        log.write_histogram(&kept.counts, from, length, Tag::new(&tag))
            .map_err(|error| format!("{}: cannot be written to a log: {error:?}", kept.label))?;
        start += kept.cell.duration_s;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use crate::histogram::from_text;
    use crate::report::fixtures;

    #[test]
    fn a_reader_of_logs_finds_every_histogram_as_it_was() {
        let run = fixtures::rich();
        let log = log(&[Shown::measured(&run)]).unwrap();
        let mut read = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            if let LogEntry::Interval(line) = entry.unwrap() {
                let bytes = STANDARD.decode(line.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> =
                    Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                read.push((line.tag().unwrap().as_str().to_owned(), histogram));
            }
        }
        let cell = run.cells.iter().find(|cell| cell.open_loop.is_some()).unwrap();
        let tag = format!("{}_{}", cell.transport, cell.stack);
        let is_it = |(name, _): &&(String, Histogram<u64>)| {
            name.starts_with(&tag) && name.contains("/s_") && name.ends_with(":send_lag")
        };
        let (_, found) = read.iter().find(is_it).unwrap();
        assert!(*found == from_text(cell.histograms.send_lag.as_deref().unwrap()).unwrap());
        let mut tags: Vec<_> = read.iter().map(|(tag, _)| tag).collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), read.len(), "no two lines have one tag");
    }
}
