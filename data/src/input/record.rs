//! One record: where it ends and where its fields are.
//!
//! The grammar is that of csv-core, which never fails. Lines without doubled quotes and without line breaks
//! in quotes, which are nearly all, take a shorter way that gives the same fields (a property test holds the
//! two together); everything else goes through csv-core field by field. Going by field shows where quotes are
//! irregular: csv-core would read `"ab"c` as `abc` and a quote that is never closed as a field up to the end
//! of the file.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use memchr::memchr;

use super::batch::{Quoting, Span};
use super::block::line_breaks;
use super::specials::Specials;

pub(super) struct RecordParser {
    delimiter: u8,
    core: Reader,
    bytes_max: usize,
    fields_max: usize,
    /// Unquoted text of a record that went through csv-core.
    scratch: Vec<u8>,
    fields: Vec<Span>,
}

/// What stands at the front of the text.
pub(super) enum Parsed<'p> {
    Record(Record<'p>),
    /// Line breaks only.
    Blank {
        bytes: usize,
        line_breaks: u64,
    },
    /// The text ends within a quoted field; `fields` come before it.
    Incomplete {
        fields: usize,
    },
    TooLong {
        fields: usize,
    },
    TooManyFields,
}

pub(super) struct Record<'p> {
    pub(super) text: &'p str,
    pub(super) fields: &'p [Span],
    pub(super) quoting: Quoting,
    /// Bytes as written, with the line break that ends the record.
    pub(super) bytes: usize,
    pub(super) line_breaks: u64,
}

/// Whether more text can follow the text at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    MayFollow,
    None,
}

enum Outcome {
    Done { bytes: usize, quoting: Quoting },
    Incomplete,
    TooLong,
    TooManyFields,
}

impl RecordParser {
    pub(super) fn new(delimiter: u8, bytes_max: usize, fields_max: usize) -> Self {
        Self {
            delimiter,
            core: ReaderBuilder::new().delimiter(delimiter).build(),
            bytes_max,
            fields_max,
            scratch: Vec::new(),
            fields: Vec::new(),
        }
    }

    pub(super) fn fields_max(&self) -> usize {
        self.fields_max
    }

    /// Reads the record at the front of `text`, which is not empty and ends with a line break or where the
    /// file does.
    #[inline]
    pub(super) fn parse<'p>(&'p mut self, text: &'p str, rest: Rest) -> Parsed<'p> {
        let bytes = text.as_bytes();
        let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            return Parsed::Blank { bytes: blank, line_breaks: line_breaks(&bytes[..blank]) };
        }
        self.fields.clear();
        if let Some(content) = self.regular_line(bytes) {
            if content > self.bytes_max {
                return Parsed::TooLong { fields: self.fields.len().saturating_sub(1) };
            }
            if self.fields.len() > self.fields_max {
                return Parsed::TooManyFields;
            }
            let line_break = match bytes.get(content..) {
                Some([b'\r', b'\n', ..]) => 2,
                Some([_, ..]) => 1,
                _ => 0,
            };
            return Parsed::Record(Record {
                text: &text[..content],
                fields: &self.fields,
                quoting: Quoting::Regular,
                bytes: content + line_break,
                line_breaks: u64::from(line_break > 0),
            });
        }
        self.any_record(bytes, rest)
    }

    /// The short way: fields are slices of the line. The length of the line, or nothing where the line needs
    /// csv-core.
    #[inline]
    fn regular_line(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut specials = Specials::new(bytes, self.delimiter);
        // Start of the field, whether it is within quotes, and where these were closed.
        let (mut from, mut is_open, mut closed) = (0, false, None);
        loop {
            let (special, at) = specials.next();
            if special == b'"' {
                match closed {
                    // Doubled, or behind the end.
                    Some(_) => return None,
                    None if is_open => (is_open, closed) = (false, Some(at)),
                    None => is_open = at == from,
                }
                continue;
            }
            if is_open {
                if special != self.delimiter {
                    return None;
                }
                continue;
            }
            match closed.take() {
                None => self.fields.push(span(from, at)),
                Some(end) if end + 1 == at => self.fields.push(span(from + 1, end)),
                Some(_) => return None,
            }
            if special != self.delimiter || self.fields.len() > self.fields_max {
                return Some(at);
            }
            from = at + 1;
        }
    }

    fn any_record(&mut self, bytes: &[u8], rest: Rest) -> Parsed<'_> {
        self.fields.clear();
        let outcome = self.read_fields(bytes, rest);
        let fields = self.fields.len();
        let (bytes_read, quoting) = match outcome {
            Outcome::Done { bytes, quoting } => (bytes, quoting),
            Outcome::Incomplete => return Parsed::Incomplete { fields },
            Outcome::TooLong => return Parsed::TooLong { fields },
            Outcome::TooManyFields => return Parsed::TooManyFields,
        };
        let text_end = self.fields.last().map_or(0, |span| span.end as usize);
        // Only ASCII bytes were left out of checked UTF-8, so this cannot fail; were it to, the row would come
        // out empty and be rejected as ragged.
        let text = simdutf8::basic::from_utf8(&self.scratch[..text_end]).unwrap_or_default();
        let fields = if text.len() == text_end { self.fields.as_slice() } else { &[] };
        let line_breaks = line_breaks(&bytes[..bytes_read]);
        Parsed::Record(Record { text, fields, quoting, bytes: bytes_read, line_breaks })
    }

    fn read_fields(&mut self, bytes: &[u8], rest: Rest) -> Outcome {
        self.core.reset();
        // A reader that has read nothing would take U+FEFF at the front of a record for a byte order mark.
        self.core.read_field(b"\n", &mut [0]);
        // Nothing longer than this is let through, so neither is its unquoted text.
        let limit = self.bytes_max + 2;
        if self.scratch.len() < limit.min(bytes.len()) {
            self.scratch.resize(limit.min(bytes.len()), 0);
        }
        let (mut at, mut out) = (0, 0);
        let mut quoting = Quoting::Regular;
        loop {
            if self.fields.len() >= self.fields_max {
                return Outcome::TooManyFields;
            }
            let from = at;
            let mut to;
            let last = loop {
                let (result, read, written) = self.core.read_field(&bytes[at..], &mut self.scratch[out..]);
                at += read;
                out += written;
                to = at;
                match result {
                    ReadFieldResult::Field { record_end } => {
                        // At the end of the file a field ends without a byte of its own.
                        to -= usize::from(read > 0);
                        break record_end;
                    }
                    ReadFieldResult::InputEmpty if rest == Rest::MayFollow => return Outcome::Incomplete,
                    // Asked again with nothing to read, csv-core ends the field.
                    ReadFieldResult::InputEmpty => {}
                    ReadFieldResult::OutputFull => return Outcome::TooLong,
                    ReadFieldResult::End => break true,
                }
            };
            match quotes(&bytes[from..to]) {
                Quotes::Regular => {}
                Quotes::Stray => quoting = Quoting::Stray,
                Quotes::Unclosed => return Outcome::Incomplete,
            }
            let start = self.fields.last().map_or(0, |span| span.end);
            self.fields.push(Span { end: span(0, out).end, start });
            if to > self.bytes_max {
                return Outcome::TooLong;
            }
            if last {
                // csv-core leaves the LF of CR LF to the next record.
                let line_feed = to < at && bytes[to] == b'\r' && bytes.get(at) == Some(&b'\n');
                return Outcome::Done { bytes: at + usize::from(line_feed), quoting };
            }
        }
    }
}

#[inline]
fn span(start: usize, end: usize) -> Span {
    // A window is at most RECORD_BYTES_CEILING and a bit; and what was cut would be cut at its end.
    let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: offset(start), end: offset(end) }
}

enum Quotes {
    Regular,
    Stray,
    Unclosed,
}

/// How a field as written is quoted.
fn quotes(field: &[u8]) -> Quotes {
    if field.first() != Some(&b'"') {
        return Quotes::Regular;
    }
    let mut at = 1;
    while let Some(found) = memchr(b'"', &field[at..]) {
        at += found + 1;
        match field.get(at) {
            None => return Quotes::Regular,
            Some(b'"') => at += 1,
            Some(_) => return Quotes::Stray,
        }
    }
    Quotes::Unclosed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parser() -> RecordParser {
        RecordParser::new(b',', 1000, 100)
    }

    fn fields(record: &Record<'_>) -> Vec<String> {
        record.fields.iter().map(|s| record.text[s.start as usize..s.end as usize].to_owned()).collect()
    }

    fn record(text: &str) -> (Vec<String>, usize, Quoting) {
        let mut parser = parser();
        match parser.parse(text, Rest::None) {
            Parsed::Record(record) => (fields(&record), record.bytes, record.quoting),
            _ => panic!("no record in {text:?}"),
        }
    }

    #[test]
    fn fields_end_at_the_delimiter_and_records_at_any_line_break() {
        for (text, expected, bytes) in [
            ("a,b\nc", vec!["a", "b"], 4),
            ("a,b\r\nc", vec!["a", "b"], 5),
            ("a,b\rc", vec!["a", "b"], 4),
            ("a,", vec!["a", ""], 2),
            ("\"a,\nb\",c\r\nd", vec!["a,\nb", "c"], 10),
            ("\"a\"\"b\",\"\"\nx", vec!["a\"b", ""], 10),
            ("a,5\"6,d\n", vec!["a", "5\"6", "d"], 8),
            ("\u{feff}\"\"x,\"\"\"\"\n", vec!["\u{feff}\"\"x", "\""], 12),
        ] {
            let (fields, read, quoting) = record(text);
            assert_eq!(
                (fields, read, quoting),
                (expected.iter().map(|s| (*s).to_owned()).collect(), bytes, Quoting::Regular),
                "{text:?}"
            );
        }
    }

    #[test]
    fn text_after_a_closing_quote_is_reported_and_well_formed_quotes_are_not() {
        assert_eq!(record("\"ab\"c,d\n"), (vec!["abc".into(), "d".into()], 8, Quoting::Stray));
        assert_eq!(record("\"a\"b\"\n").2, Quoting::Stray);
        assert_eq!(record("\"a\"\"b\"\n").2, Quoting::Regular);
    }

    #[test]
    fn an_open_quote_is_incomplete_also_at_the_end_of_the_file() {
        for rest in [Rest::MayFollow, Rest::None] {
            for text in ["a,\"b\nc,d\n", "a,\"", "a,\"b\"\""] {
                assert!(matches!(parser().parse(text, rest), Parsed::Incomplete { fields: 1 }), "{text:?}");
            }
        }
    }

    #[test]
    fn records_at_the_limits_pass_and_over_them_do_not() {
        let parse = |text: &str| match parser().parse(text, Rest::None) {
            Parsed::Record(_) => "record",
            Parsed::TooLong { .. } => "long",
            Parsed::TooManyFields => "fields",
            _ => "other",
        };
        assert_eq!(parse(&format!("{}\n", "x".repeat(1000))), "record");
        assert_eq!(parse(&format!("{}\n", "x".repeat(1001))), "long");
        assert_eq!(parse(&format!("\"{}\n\"\n", "x".repeat(997))), "record");
        assert_eq!(parse(&format!("\"{}\n\"\n", "x".repeat(998))), "long");
        assert_eq!(parse(&format!("{}\n", ",".repeat(99))), "record");
        assert_eq!(parse(&format!("{}\n", ",".repeat(100))), "fields");
        assert_eq!(parse(&format!("\"\n\"{}\n", ",".repeat(99))), "record");
        assert_eq!(parse(&format!("\"\n\"{}\n", ",".repeat(100))), "fields");
    }

    proptest! {
        #[test]
        fn the_short_way_gives_what_csv_core_gives(text in "[a,\"\n\r é]{1,40}") {
            let mut short = parser();
            let mut long = parser();
            if let Some(content) = short.regular_line(text.as_bytes())
                && content > 0
                && let Parsed::Record(expected) = long.any_record(text.as_bytes(), Rest::None)
            {
                let found: Vec<_> =
                    short.fields.iter().map(|s| text[s.start as usize..s.end as usize].to_owned()).collect();
                prop_assert_eq!(found, fields(&expected));
                prop_assert_eq!(expected.quoting, Quoting::Regular);
                prop_assert!(text[content..].len() >= text.len() - expected.bytes);
            }
        }
    }
}
