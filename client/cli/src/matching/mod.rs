//! `match`: messages in, evidence out, one for one and in order.
//!
//! | file | its part |
//! |---|---|
//! | `mod.rs` | where messages come from: options, files, lines of standard input |
//! | `line.rs` | one line of JSON in, one out, also for a line that is no message; their schemas |
//! | `text.rs` | evidence for people |
//!
//! A message is answered whoever it is from: evidence that nobody is known ends with 0 too. 2 is for lines and files
//! that are no message, 3 for those that could not be answered.

mod line;
mod text;

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use persondb_data::input::TENANT_ID_BYTES_MAX;
use persondb_data::message::{HEADER_BLOCK_BYTES_MAX, Message};
use persondb_protocol::matching::{MatchAnswer, MatchMessage, MatchOptions};

use self::line::{LINE_SIZE_MAX, Line};
use crate::args::{Format, Globals, MatchArgs, MatchQuestion, SchemaOf};
use crate::ask::Source;
use crate::exit::{Complaints, Exit, Failure};
use crate::lookup::read_line;
use crate::output::Output;

/// `persondb match`.
pub(crate) fn run(globals: &Globals, args: &MatchArgs) -> Result<Exit, Failure> {
    let question = &args.question;
    if let Some(of) = question.schema {
        return print_schema(globals.format(), of);
    }
    let options = MatchOptions {
        candidates_max: args.limit,
        tenants: (!args.tenant.is_empty()).then(|| args.tenant.clone()),
    };
    // A file beside `--offline` may name no tenant; what is no identifier of one is told as over a limit below.
    let only = args.tenant.first().filter(|only| args.tenant.len() == 1 && only.len() <= TENANT_ID_BYTES_MAX);
    let tenant = only.map(String::as_str);
    let source = Source::open(globals, &args.options, tenant)?;
    let format = if question.ndjson { Format::Json } else { globals.format() };
    let (output, complaints) = (Output::stdout(format), Complaints::default());
    let mut run = Run { source, options, output, exit: Exit::Done, complaints };
    if question.ndjson {
        run.lines(io::stdin().lock())?;
    } else if question.eml.is_empty() {
        let message = question.message();
        if message == Message::default() {
            return Err(Failure::usage(
                "expected a message: --from and --to, --eml FILE, or --ndjson; found none of them; see --help",
            ));
        }
        run.one(&message)?;
    } else {
        for path in &question.eml {
            let bytes = header_block(path)?;
            run.one(&question.with_envelope(&bytes, path)?)?;
        }
    }
    Ok(run.exit)
}

/// Messages on their way through one source to one output.
struct Run<W> {
    source: Source,
    options: MatchOptions,
    output: Output<W>,
    exit: Exit,
    complaints: Complaints,
}

impl<W: Write> Run<W> {
    fn one(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let answer = self.source.match_message(message, &self.options);
        self.put(&Line::Answer(answer))
    }

    /// Each line is answered before the next is read, through a pin of its own.
    fn lines(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for number in 1_u64.. {
            let is_there = read_line(&mut input, &mut bytes, LINE_SIZE_MAX + 1);
            if !is_there.map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))? {
                break;
            }
            match line::read(&bytes, number) {
                Ok(message) => self.one(&Message::from(&message))?,
                Err(fault) => self.put(&Line::Error(fault))?,
            }
        }
        Ok(())
    }

    fn put(&mut self, line: &Line) -> Result<(), Failure> {
        self.output.put(line, || match line {
            Line::Answer(answer) => text::text(answer),
            // Lines are answered in JSON only.
            Line::Error(fault) => format!("{fault}\n"),
        })?;
        let exit = match line {
            Line::Answer(MatchAnswer::Matched(_)) => Exit::Done,
            Line::Answer(MatchAnswer::Unavailable(why)) => {
                self.complaints.complain(why.to_string());
                Exit::Unavailable
            }
            Line::Error(fault) => {
                self.complaints.complain(fault.to_string());
                Exit::Usage
            }
        };
        self.exit = self.exit.and(exit);
        Ok(())
    }
}

impl MatchQuestion {
    /// The message of the options.
    fn message(&self) -> Message<'_> {
        let borrowed = |value: &'_ Option<String>| value.clone().map(Into::into);
        Message {
            from: borrowed(&self.from),
            from_name: borrowed(&self.from_name),
            from_addr: borrowed(&self.from_addr),
            reply_to: borrowed(&self.reply_to),
            envelope_from: borrowed(&self.envelope_from),
            recipients: self.to.iter().chain(&self.cc).map(|value| value.as_str().into()).collect(),
            ..Message::default()
        }
    }

    /// The message of a file, with what the options know of its envelope.
    fn with_envelope<'a>(&'a self, bytes: &'a [u8], path: &Path) -> Result<Message<'a>, Failure> {
        let mut message = Message::from_eml(bytes);
        if message == Message::default() {
            return Err(Failure::usage(format!(
                "{}: expected a message with a From, To or Cc header, found none; give the message as it was sent",
                path.display()
            )));
        }
        if let Some(sender) = &self.envelope_from {
            message.envelope_from = Some(sender.as_str().into());
        }
        message.recipients.extend(self.to.iter().chain(&self.cc).map(|value| value.as_str().into()));
        Ok(message)
    }
}

/// As much of a message as is read of it, and one byte that tells whether it goes on.
fn header_block(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = HEADER_BLOCK_BYTES_MAX as u64 + 1;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Failure::usage(format!("{}: expected a file with a message: {error}", path.display()))
    })?;
    Ok(bytes)
}

fn print_schema(format: Format, of: SchemaOf) -> Result<Exit, Failure> {
    let schema = match of {
        SchemaOf::Answer => Line::schema(),
        SchemaOf::Message => MatchMessage::schema(),
    };
    let pretty = serde_json::to_string_pretty(&schema).map_err(io::Error::other)?;
    Output::stdout(format).put(&schema, || pretty + "\n")?;
    Ok(Exit::Done)
}
