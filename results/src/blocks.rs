//! Generated blocks between markers in a text, written from recorded runs so that figures are never typed.

use std::ops::Range;

use crate::catalogue::catalogue;
use crate::error::BlockError;
use crate::markdown::markdown;
use crate::schema::Run;

const TABLE: &str = "<!-- table:";
const TABLE_END: &str = "<!-- /table -->";
const RUNS: &str = "<!-- runs -->";
const RUNS_END: &str = "<!-- /runs -->";

/// `text` with every block as `recorded` says: between `<!-- table:RUNID -->` and `<!-- /table -->` that run's table,
/// between `<!-- runs -->` and `<!-- /runs -->` a line for each run. Everything else stays as it is.
///
/// # Errors
///
/// When a block names a run that is not among `recorded`, or has no end.
pub fn update(text: &str, recorded: &[(String, Run)]) -> Result<String, BlockError> {
    let (mut done, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(block) = next(rest)? {
        let inside = match &block.id {
            None => catalogue(recorded),
            Some(id) => markdown(named(id, recorded)?),
        };
        done.push_str(&rest[..block.inside.start]);
        done.push('\n');
        done.push_str(&inside);
        rest = &rest[block.inside.end..];
    }
    Ok(done + rest)
}

struct Block {
    /// The run that it names; none for the block of all.
    id: Option<String>,
    /// What lies between its markers.
    inside: Range<usize>,
}

fn next(text: &str) -> Result<Option<Block>, BlockError> {
    let begins = [text.find(TABLE), text.find(RUNS)].into_iter().flatten().min();
    let Some(begin) = begins else { return Ok(None) };
    let (id, head, end) = match text[begin..].strip_prefix(TABLE) {
        Some(rest) => {
            let (id, _) = rest.split_once(" -->").ok_or_else(|| unclosed(TABLE, " -->"))?;
            (Some(id.to_owned()), TABLE.len() + id.len() + " -->".len(), TABLE_END)
        }
        None => (None, RUNS.len(), RUNS_END),
    };
    let from = begin + head;
    let length = text[from..].find(end).ok_or_else(|| unclosed(&text[begin..from], end))?;
    Ok(Some(Block { id, inside: from..from + length }))
}

fn unclosed(begin: &str, end: &'static str) -> BlockError {
    BlockError::Unclosed { begin: begin.to_owned(), end }
}

fn named<'a>(id: &str, recorded: &'a [(String, Run)]) -> Result<&'a Run, BlockError> {
    let found = recorded.iter().find(|(known, _)| known == id).map(|(_, run)| run);
    found.ok_or_else(|| BlockError::Unknown {
        id: id.to_owned(),
        known: recorded.iter().map(|(id, _)| id.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Cell, Env};

    fn recorded() -> Vec<(String, Run)> {
        let cell = Cell { parallel: 3, tps: 7.0, requests: 1, ..Cell::default() };
        vec![("one".to_owned(), Run::new(Env::default(), vec![cell]))]
    }

    #[test]
    fn blocks_are_written_anew_and_all_else_stays() {
        let text = "a\n<!-- table:one -->\nold | figures\n<!-- /table -->\nb <!-- runs --><!-- /runs -->\nc";
        let updated = update(text, &recorded()).unwrap();
        let table = markdown(&recorded()[0].1);
        let runs = catalogue(&recorded());
        assert_eq!(
            updated,
            format!(
                "a\n<!-- table:one -->\n{table}<!-- /table -->\nb <!-- runs -->\n{runs}<!-- /runs -->\nc"
            )
        );
        assert_eq!(update(&updated, &recorded()).unwrap(), updated, "once is enough");
    }

    #[test]
    fn a_text_without_blocks_is_itself() {
        assert_eq!(update("nothing <!-- here -->", &recorded()).unwrap(), "nothing <!-- here -->");
    }

    #[test]
    fn a_block_of_no_run_or_without_an_end_is_refused() {
        let unknown = update("<!-- table:two --><!-- /table -->", &recorded()).unwrap_err();
        assert!(unknown.to_string().contains("two") && unknown.to_string().contains("there are: one"));
        for open in ["<!-- table:one -->", "<!-- runs --> <!-- /table -->", "<!-- table:one"] {
            assert!(matches!(update(open, &recorded()), Err(BlockError::Unclosed { .. })), "{open}");
        }
    }
}
