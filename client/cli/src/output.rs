//! Standard output: JSON lines or text for people, never both.
//!
//! Text goes through a stream that drops colours unless it is a terminal (and always under
//! `NO_COLOR`), and values that come from outside are [`Plain`] in it, so that a CSV cannot move the
//! cursor of whoever looks. JSON is written as it is. A write fails as a
//! [`Failure`], which knows that a reader that went away is no failure.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::args::Format;
use crate::exit::Failure;

/// Where a command's results go, in the format asked for.
pub(crate) struct Output<W> {
    format: Format,
    to: W,
}

impl Output<Box<dyn Write>> {
    /// Standard output. Results are complete on the other side with every call.
    pub(crate) fn stdout(format: Format) -> Self {
        let to: Box<dyn Write> = match format {
            Format::Json => Box::new(io::stdout().lock()),
            Format::Text => Box::new(anstream::stdout().lock()),
        };
        Self { format, to }
    }
}

impl<W: Write> Output<W> {
    /// An output on any writer.
    #[cfg(test)]
    pub(crate) fn new(format: Format, to: W) -> Self {
        Self { format, to }
    }

    /// One result: `json` as one line, or `text`, which ends with its own line feed. Flushed.
    pub(crate) fn put(
        &mut self,
        json: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let line = match self.format {
            Format::Json => {
                let mut line = serde_json::to_string(json).map_err(io::Error::other)?;
                line.push('\n');
                line
            }
            Format::Text => text(),
        };
        self.to.write_all(line.as_bytes())?;
        self.to.flush()?;
        Ok(())
    }

    /// A list: one JSON line an item, or one table.
    pub(crate) fn list<T: Serialize>(
        &mut self,
        items: &[T],
        header: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => items.iter().try_for_each(|item| self.put(item, String::new)),
            Format::Text => {
                let text = table(header, items.iter().map(row));
                self.put(&(), || text)
            }
        }
    }
}

/// A table with a header line; columns of numbers are set to the right.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for (i, column) in table.column_iter_mut().enumerate() {
        let numeric = rows.iter().all(|row| row.get(i).is_none_or(|cell| is_number(cell)));
        if numeric && !rows.is_empty() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    text
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_suffix(" %").unwrap_or(cell);
    matches!(cell, "" | "-") || digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
}

/// A value from outside, fit for a terminal: control characters and those that turn the direction of
/// text stand as escapes.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || turns || c == '\u{2028}' || c == '\u{2029}' {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(Plain("a\u{1b}[2Jb\nc\u{202e}d").to_string(), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(Plain("Ægir 张伟 \\ \"x\"").to_string(), "Ægir 张伟 \\ \"x\"");
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn json_is_one_line_an_item_and_text_is_one_table() {
        let mut bytes = Vec::new();
        let row = |n: &u64| vec![format!("n{n}"), n.to_string()];
        Output::new(Format::Json, &mut bytes).list(&[1_u64, 20], &["NAME", "COUNT"], row).unwrap();
        assert_eq!(bytes, b"1\n20\n");
        bytes.clear();
        Output::new(Format::Text, &mut bytes).list(&[1_u64, 20], &["NAME", "COUNT"], row).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "NAME  COUNT\nn1        1\nn20      20\n");
    }
}
