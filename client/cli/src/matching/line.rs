//! One line of JSON a message in, one line an answer out, for `--ndjson`.

use std::fmt::{self, Display};

use persondb_protocol::matching::{MatchAnswer, MatchMessage};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

/// Longest line that is read, in bytes: a message at all limits, every character escaped.
pub(super) const LINE_SIZE_MAX: usize = 8 << 20;

/// What is printed for one message.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Line", description = "What `persondb match` prints for one message.")]
pub(super) enum Line {
    /// It was understood.
    Answer(MatchAnswer),
    /// The line is no message.
    Error(LineError),
}

/// A line that is no message.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct LineError {
    /// Always `error`.
    answer: ErrorTag,
    /// Number of the line, from 1.
    line: u64,
    /// Where in the line it was found, from 1; 0 where it is the line as a whole.
    column: u64,
    /// What a line has to be.
    expected: String,
    /// What it is instead.
    found: String,
}

/// What stands for the kind of answer in a [`LineError`].
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ErrorTag {
    /// The line is no message.
    Error,
}

impl Line {
    /// The JSON Schema (2020-12) of every line that is printed.
    pub(super) fn schema() -> schemars::Schema {
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Self>()
    }
}

impl Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}, found {}", self.line, self.expected, self.found)
    }
}

/// The message of a line.
pub(super) fn read(line: &[u8], number: u64) -> Result<MatchMessage, LineError> {
    let fault = |column: usize, found: String| LineError {
        answer: ErrorTag::Error,
        line: number,
        column: column as u64,
        expected: "one JSON object with the fields of `persondb match --schema=message`".to_owned(),
        found,
    };
    if line.len() > LINE_SIZE_MAX {
        let expected = format!("at most {LINE_SIZE_MAX} bytes");
        return Err(LineError { expected, ..fault(0, "a longer line".to_owned()) });
    }
    // serde would take a list for the fields in their order.
    match line.iter().position(|byte| !byte.is_ascii_whitespace()) {
        None => Err(fault(0, "an empty line".to_owned())),
        Some(start) if line[start] != b'{' => {
            let rest = String::from_utf8_lossy(&line[start..line.len().min(start + 40)]).into_owned();
            Err(fault(start + 1, format!("{rest:?}")))
        }
        Some(_) => serde_json::from_slice(line).map_err(|error| fault(error.column(), without_place(&error))),
    }
}

/// What is wrong, without the place, which is counted from the beginning of the line.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str) -> LineError {
        read(line.as_bytes(), 7).unwrap_err()
    }

    #[test]
    fn a_line_is_one_object_and_nothing_else() {
        let message = read(b" {\"from\":\"a@b.example\",\"to\":[\"c@d.example\"]}\r", 1).unwrap();
        assert_eq!((message.from.as_deref(), message.recipients.len()), (Some("a@b.example"), 1));
        assert_eq!(read(b"{}", 1).unwrap(), MatchMessage::default());
        for (line, column, found) in [
            ("", 0, "an empty line"),
            (" \t", 0, "an empty line"),
            ("[\"a@b.example\"]", 1, "\"[\\\"a@b.example\\\"]\""),
            (" null", 2, "\"null\""),
            ("{\"form\":\"a@b.example\"}", 7, "unknown field `form`, expected one of `from`"),
            ("{\"from\":7}", 9, "invalid type: integer `7`, expected a string"),
            ("{\"from\":\"a\",\"from\":\"b\"}", 18, "duplicate field `from`"),
            ("{\"from\":\"a\"", 11, "EOF while parsing an object"),
            ("{}{}", 3, "trailing characters"),
        ] {
            let fault = fault(line);
            assert_eq!((fault.line, fault.column), (7, column), "{line}: {fault}");
            assert!(fault.found.starts_with(found), "{line}: {fault}");
        }
        assert!(read(b"{\"from\":\"\xff\"}", 1).is_err());
    }

    #[test]
    fn a_line_over_the_limit_is_told_and_not_read_in_part() {
        let mut line = b"{}".to_vec();
        line.resize(LINE_SIZE_MAX, b' ');
        assert!(read(&line, 1).is_ok());
        line.push(b' ');
        assert!(read(&line, 1).unwrap_err().to_string().contains("expected at most 8388608 bytes"));
    }

    #[test]
    fn the_schema_is_that_of_both_kinds_of_lines() {
        let schema = Line::schema().to_value();
        assert_eq!(schema["anyOf"].as_array().unwrap().len(), 2, "{schema:#}");
        let required = schema["$defs"]["LineError"]["required"].as_array().unwrap();
        assert_eq!(required.len(), 5, "{schema:#}");
        let json = serde_json::to_value(Line::Error(fault("7"))).unwrap();
        assert_eq!(json["answer"], schema["$defs"]["ErrorTag"]["oneOf"][0]["const"], "{schema:#}");
    }
}
