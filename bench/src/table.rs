//! Tables that read well in a terminal and are Markdown.

use std::fmt;

/// A table: names in the first column, numbers in the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table {
    /// One heading a column.
    pub header: Vec<String>,
    /// The rows; cells that are missing are empty.
    pub rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column: usize| {
            let rows = std::iter::once(&self.header).chain(&self.rows);
            let widths = rows.map(|row| cell(row, column).chars().count());
            widths.max().unwrap_or(0).max(2)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            for (column, &width) in widths.iter().enumerate() {
                let text = cell(row, column);
                match column {
                    0 => write!(f, "| {text:width$} ")?,
                    _ => write!(f, "| {text:>width$} ")?,
                }
            }
            writeln!(f, "|")
        };
        line(f, &self.header)?;
        for (column, &width) in widths.iter().enumerate() {
            let dashes = "-".repeat(width - 1);
            match column {
                0 => write!(f, "| {dashes}- ")?,
                _ => write!(f, "| {dashes}: ")?,
            }
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// A number with three digits that say something: `0.0123`, `1.23`, `123`; a dash where there is none.
pub fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let magnitude = value.abs().log10().floor();
    let decimals = (2.0 - magnitude).clamp(0.0, 4.0);
    format!(
        "{value:.*}",
        if value == 0.0 { 0 } else { decimals as usize }
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Table, number};

    #[test]
    fn columns_are_aligned() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect();
        let table = Table {
            header: row(&["program", "native", "größer"]),
            rows: vec![row(&["fib", "0.4", "10.25"]), row(&["spectral_norm", "–"])],
        };
        expect![[r"
            | program       | native | größer |
            | ------------- | -----: | -----: |
            | fib           |    0.4 |  10.25 |
            | spectral_norm |      – |        |
        "]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn numbers_have_three_digits() {
        let written = |value| number(Some(value));
        assert_eq!(number(None), "–");
        assert_eq!(written(0.0), "0");
        assert_eq!(written(0.01234), "0.0123");
        assert_eq!(written(1.234), "1.23");
        assert_eq!(written(12.34), "12.3");
        assert_eq!(written(1234.5), "1234");
        assert_eq!(written(0.000_01), "0.0000");
    }
}
