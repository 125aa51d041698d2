//! Text in aligned columns.

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Lines of `rows` under `heads`, each column as wide as its widest text, no space at a line's end.
pub(super) fn render(heads: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(heads).zip(&widths).map(|((cell, (_, align)), width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut heads.iter().map(|(head, _)| *head));
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    text += &line(&mut rule.iter().map(String::as_str));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

/// `value` as a whole number with a comma every three digits.
pub(super) fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.max(0.0));
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `value` with three significant digits or all before the point.
pub(super) fn brief(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => whole(value),
    }
}

/// The text of `value`, or `n/a`.
pub(super) fn or_none(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(|| "n/a".to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let rows = vec![vec!["tcp".to_owned(), "1".to_owned()], vec!["x".to_owned(), "12,345".to_owned()]];
        let text = render(&[("name", Align::Left), ("tps", Align::Right)], &rows);
        assert_eq!(text, "name     tps\n----  ------\ntcp        1\nx     12,345\n");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(["0", "999", "1,000", "1,234,568"], [0.0, 999.4, 999.9, 1_234_567.8].map(whole)[..]);
        assert_eq!(
            ["0.50", "9.99", "10.0", "99.9", "100", "1,234"],
            [0.5, 9.99, 9.995, 99.9, 99.96, 1234.4].map(brief)[..]
        );
    }
}
