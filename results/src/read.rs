//! The parser of run files: from text to a [`Run`], with errors that say where.

use serde::Deserialize;

use crate::error::ReadError;
use crate::schema::{OLDEST, Run, SCHEMA};

/// All that is looked at before the schema is known to be one of ours.
#[derive(Deserialize)]
struct Head {
    schema: u64,
}

impl Run {
    /// Reads a run file's `text`; `origin` names it in errors.
    ///
    /// Fields that this version does not know are passed over, and so is a byte order mark.
    ///
    /// # Errors
    ///
    /// [`ReadError::Schema`] for another schema, [`ReadError::Corrupt`] for anything else that is no run file.
    pub fn from_json(text: &str, origin: &str) -> Result<Self, ReadError> {
        let corrupt = |source: serde_json::Error| ReadError::Corrupt {
            origin: origin.to_owned(),
            line: source.line(),
            column: source.column(),
            source,
        };
        // Some editors put a byte order mark at the front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Head { schema: found } = serde_json::from_str(text).map_err(corrupt)?;
        if !(u64::from(OLDEST)..=u64::from(SCHEMA)).contains(&found) {
            let origin = origin.to_owned();
            return Err(ReadError::Schema { origin, found, known: SCHEMA });
        }
        serde_json::from_str(text).map_err(corrupt)
    }

    /// The text of a run file, with a line feed at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Plain numbers, strings, lists and maps with string keys: there is nothing that JSON cannot say.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Cell, Env};

    const MINIMAL: &str = r#"{"schema":1,"env":{"a_later_field":1},"cells":[{"transport":"tcp","stack":"bare",
        "runtime":"current","protocol":"stream","parallel":1,"payload_bytes":4096,"requests":10,"errors":0,
        "tps":10.0,"gbit_per_s":0.1,"cpu_percent":99.0,"rss_mib":null,"a_later_field":{"x":[1]},
        "service_us":{"p50":1,"p90":1,"p99":1,"p999":1,"max":1,"mean":1}}],"a_later_field":true}"#;

    #[test]
    fn a_newer_file_with_added_fields_is_read() {
        let run = Run::from_json(MINIMAL, "text").unwrap();
        assert_eq!((run.cells[0].parallel, run.cells[0].rss_mib), (1, None));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let text = format!("\u{feff}{MINIMAL}");
        assert_eq!(Run::from_json(&text, "text").unwrap(), Run::from_json(MINIMAL, "text").unwrap());
    }

    #[test]
    fn a_run_reads_back_as_it_was_written() {
        // The last two came back as their neighbours before serde_json was asked to be exact.
        let (tps, gbit_per_s) = (9.077641564506711, 1.2833999999999999);
        let cell = Cell { tps, gbit_per_s, rss_mib: Some(3.25), ..Cell::default() };
        let run = Run::new(Env { cores: 2, ..Env::default() }, vec![cell]);
        assert_eq!(Run::from_json(&run.to_json(), "text").unwrap(), run);
    }

    #[test]
    fn an_unknown_schema_is_refused_by_number() {
        let error = Run::from_json(r#"{"schema":7,"entirely":"different"}"#, "x.json").unwrap_err();
        assert!(matches!(error, ReadError::Schema { found: 7, known: 2, .. }));
        assert!(error.to_string().contains("x.json") && error.to_string().contains('7'));
    }

    #[test]
    fn a_corrupt_file_says_where() {
        let cut = &MINIMAL[..MINIMAL.len() - 40];
        let wrong_type = MINIMAL.replace("\"parallel\":1", "\"parallel\":\"one\"");
        for (text, at) in [(cut, 4), (&wrong_type, 2), ("", 1), ("{}", 1)] {
            match Run::from_json(text, "x.json").unwrap_err() {
                ReadError::Corrupt { line, .. } => assert_eq!(line, at, "{text}"),
                other => panic!("{other}"),
            }
        }
    }
}
