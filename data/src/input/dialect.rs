//! Which flavour of CSV a file is: the line before the header that some programs write, and the delimiter.
//!
//! Line breaks (LF, CR LF, bare CR) need no deciding: outside quotes each of them ends a record.

use serde::{Deserialize, Serialize};

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The delimiter of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// One ASCII character.
    pub delimiter: char,
}

impl Dialect {
    /// Finds the delimiter from the header: the one of comma, semicolon and tab that stands there most often
    /// outside quotes; a comma where none does.
    ///
    /// ```
    /// # use persondb_data::input::Dialect;
    /// assert_eq!(Dialect::of_header("\"Name, full\";email").delimiter, ';');
    /// assert_eq!(Dialect::of_header("email").delimiter, ',');
    /// ```
    #[must_use]
    pub fn of_header(header: &str) -> Self {
        let mut counts = [0usize; DELIMITERS.len()];
        for byte in unquoted(header) {
            if let Some(which) = DELIMITERS.iter().position(|&d| d == byte) {
                counts[which] += 1;
            }
        }
        let mut best = 0;
        for which in 1..DELIMITERS.len() {
            if counts[which] > counts[best] {
                best = which;
            }
        }
        Self { delimiter: char::from(DELIMITERS[best]) }
    }

    pub(super) fn delimiter_byte(self) -> u8 {
        u8::try_from(self.delimiter).ok().filter(u8::is_ascii).unwrap_or(b',')
    }
}

/// A first line that is no header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Preamble<'t> {
    /// The file starts with its header.
    None,
    /// `#TYPE …` of `PowerShell`, `version: …` of LDAP tools.
    Skipped,
    /// `sep=…` of spreadsheets, which decides the delimiter.
    Delimiter(u8),
    /// `sep=…` with something that cannot be one.
    Unusable(&'t str),
}

/// Judges a first line, given without its line break.
pub(super) fn preamble(line: &str) -> Preamble<'_> {
    // Spreadsheets quote the whole line where their own delimiter stands in it.
    let bare = line.strip_prefix('"').and_then(|l| l.strip_suffix('"')).unwrap_or(line);
    if let Some(value) = strip_prefix_ignoring_case(bare, "sep=") {
        return match value.trim_matches(' ').as_bytes() {
            b"\\t" => Preamble::Delimiter(b'\t'),
            // Some programs delimit this line as well: "sep=;" followed by its own semicolons.
            [first @ (b',' | b';' | b'\t' | b'|'), rest @ ..]
                if rest.iter().all(|b| b",;\t|".contains(b)) =>
            {
                Preamble::Delimiter(*first)
            }
            _ => Preamble::Unusable(value),
        };
    }
    let skipped = ["#type", "version:"].iter().any(|p| strip_prefix_ignoring_case(bare, p).is_some());
    if skipped { Preamble::Skipped } else { Preamble::None }
}

/// The first record in `text` as written, without its line break; all of it when it does not end.
pub(super) fn first_record(text: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => return &text[..at],
            _ => {}
        }
    }
    text
}

fn unquoted(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mut quoted = false;
    text.bytes().filter(move |&byte| {
        quoted ^= byte == b'"';
        !quoted && byte != b'"'
    })
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_stands_most_often_outside_quotes() {
        for (header, delimiter) in [
            ("a,b,c", ','),
            ("a;b;c", ';'),
            ("a\tb\tc", '\t'),
            ("a;b,c;d", ';'),
            ("\"a;;;\",b", ','),
            ("\"a \"\",,,\"\" b\";c", ';'),
            ("email", ','),
        ] {
            assert_eq!(Dialect::of_header(header).delimiter, delimiter, "{header:?}");
        }
    }

    #[test]
    fn first_lines_that_are_no_header_are_known_and_headers_that_look_alike_are_kept() {
        assert_eq!(preamble("#TYPE Selected.System.String"), Preamble::Skipped);
        assert_eq!(preamble("version: 1"), Preamble::Skipped);
        assert_eq!(preamble("sep=;"), Preamble::Delimiter(b';'));
        assert_eq!(preamble("SEP=\t"), Preamble::Delimiter(b'\t'));
        assert_eq!(preamble("\"sep=,\""), Preamble::Delimiter(b','));
        assert_eq!(preamble("sep=;;;;"), Preamble::Delimiter(b';'));
        assert_eq!(preamble("sep="), Preamble::Unusable(""));
        assert_eq!(preamble("sep=x"), Preamble::Unusable("x"));
        for header in ["separator,email", "version,email", "type,email", "#,email", ""] {
            assert_eq!(preamble(header), Preamble::None, "{header:?}");
        }
    }

    #[test]
    fn the_first_record_ends_at_the_first_break_outside_quotes() {
        assert_eq!(first_record("a,b\r\nc"), "a,b");
        assert_eq!(first_record("\"a\nb\",c\rd"), "\"a\nb\",c");
        assert_eq!(first_record("a"), "a");
    }
}
