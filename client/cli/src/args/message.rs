//! What `persondb match` takes: a message, in one of three ways, and how much is wanted of the answer.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use persondb_protocol::matching::{CANDIDATE_COUNT_DEFAULT, CANDIDATE_COUNT_MAX};

use super::LookupOptions;

/// `persondb match`.
#[derive(Args, Debug)]
pub(crate) struct MatchArgs {
    /// Only people and domains of this tenant (several times for several)
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Vec<String>,
    /// Most candidates for the sender's name
    #[arg(long, default_value_t = CANDIDATE_COUNT_DEFAULT, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(CANDIDATE_COUNT_MAX)))]
    pub(crate) limit: u32,
    /// The message, or what else is wanted.
    #[command(flatten)]
    pub(crate) question: MatchQuestion,
    /// Where to look.
    #[command(flatten)]
    pub(crate) options: LookupOptions,
}

/// The message. At least one of these is given.
#[derive(Args, Debug)]
#[command(next_help_heading = "Message")]
pub(crate) struct MatchQuestion {
    /// Sender as in the From header: 'Jane Doe <jane@evil.example>', or an address
    #[arg(long, value_name = "HEADER")]
    pub(crate) from: Option<String>,
    /// The sender's name; counts before the one in --from
    #[arg(long, value_name = "NAME")]
    pub(crate) from_name: Option<String>,
    /// The sender's address; counts before the one in --from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from_addr: Option<String>,
    /// Reply-To header
    #[arg(long, value_name = "HEADER")]
    pub(crate) reply_to: Option<String>,
    /// Sender of the envelope (MAIL FROM, Return-Path)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) envelope_from: Option<String>,
    /// Recipient: an address or a To header (several times for several); beside --eml one more
    #[arg(long, value_name = "HEADER")]
    pub(crate) to: Vec<String>,
    /// The same for Cc
    #[arg(long, value_name = "HEADER")]
    pub(crate) cc: Vec<String>,
    /// Message in a file, of which the headers are read; `-` is standard input (several times for several)
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["from", "from_name", "from_addr", "reply_to", "ndjson", "schema"])]
    pub(crate) eml: Vec<PathBuf>,
    /// Messages from standard input, one JSON object a line; each is answered at once, in JSON
    #[arg(long, conflicts_with_all = ["from", "from_name", "from_addr", "reply_to", "envelope_from", "to", "cc", "schema"])]
    pub(crate) ndjson: bool,
    /// Print the JSON Schema of an answer, or with =message of what --ndjson takes
    #[arg(long, value_enum, value_name = "OF", num_args = 0..=1, require_equals = true, default_missing_value = "answer",
          conflicts_with_all = ["from", "from_name", "from_addr", "reply_to", "envelope_from", "to", "cc"])]
    pub(crate) schema: Option<SchemaOf>,
}

/// What a JSON Schema is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A line that is printed.
    Answer,
    /// A line that is read.
    Message,
}
