//! A table of text in aligned columns.

use super::plain;

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Rows under their heads: as aligned text, or, by the page, as HTML. The first column names the rows. What they hold is
/// plain text, whoever wrote it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) heads: Vec<(String, Align)>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// `heads` are names with a comma between them; `<` stands before one whose column is aligned to the left.
    pub(super) fn new(heads: &str, rows: Vec<Vec<String>>) -> Self {
        let head = |name: &str| match name.strip_prefix('<') {
            Some(name) => (name.to_owned(), Align::Left),
            None => (name.to_owned(), Align::Right),
        };
        Self::with_heads(heads.split(", ").map(head).collect(), rows)
    }

    /// The same with heads that are taken apart already.
    pub(super) fn with_heads(heads: Vec<(String, Align)>, rows: Vec<Vec<String>>) -> Self {
        let heads = heads.into_iter().map(|(head, align)| (plain::line(&head), align)).collect();
        let plain = |row: Vec<String>| row.iter().map(|text| plain::line(text)).collect();
        Self { heads, rows: rows.into_iter().map(plain).collect() }
    }

    /// Each column as wide as its widest text, no space at a line's end.
    pub(super) fn text(&self) -> String {
        let heads: Vec<_> = self.heads.iter().map(|(head, _)| head.clone()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&heads]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&self.heads).zip(&widths);
            let padded = cells.map(|((cell, (_, align)), width)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
        [&heads, &rule].into_iter().chain(&self.rows).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = vec![vec!["tcp".to_owned(), "1".to_owned()], vec!["x".to_owned(), "12,345".to_owned()]];
        let text = Table::new("<name, tps", rows).text();
        assert_eq!(text, "name     tps\n----  ------\ntcp        1\nx     12,345\n");
    }
}
