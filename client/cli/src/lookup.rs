//! `get`, `person`, `name`, `domain`: questions in, answers out, one for one and in order.
//!
//! With `-` the questions come from standard input, one a line, and each is answered before the next is
//! read, so that the command can sit in a pipe or be spoken to by another program.

use std::io::{self, BufRead};

use persondb_protocol::answer::Answer;

use crate::args::{DomainArgs, GetArgs, Globals, LookupOptions, NameArgs, PersonArgs};
use crate::ask::{Question, Source};
use crate::exit::{Complaints, Exit, Failure};
use crate::output::Output;
use crate::render;

/// Longest line that is kept of standard input, in bytes; far over every limit on questions, so what is
/// cut off cannot change an answer.
const LINE_SIZE_MAX: usize = 64 << 10;

/// `persondb get`.
pub(crate) fn get(globals: &Globals, args: &GetArgs) -> Result<Exit, Failure> {
    let tenant = args.tenant.as_deref();
    run(globals, &args.options, &args.addresses, Question::Address { tenant })
}

/// `persondb person`.
pub(crate) fn person(globals: &Globals, args: &PersonArgs) -> Result<Exit, Failure> {
    let tenant = args.tenant.as_deref();
    run(globals, &args.options, &args.ids, Question::Person { tenant })
}

/// `persondb name`.
pub(crate) fn name(globals: &Globals, args: &NameArgs) -> Result<Exit, Failure> {
    run(globals, &args.options, &args.names, Question::Name { tenant: &args.tenant, limit: args.limit })
}

/// `persondb domain`.
pub(crate) fn domain(globals: &Globals, args: &DomainArgs) -> Result<Exit, Failure> {
    run(globals, &args.options, &args.domains, Question::Domain)
}

fn run(
    globals: &Globals,
    options: &LookupOptions,
    queries: &[String],
    question: Question<'_>,
) -> Result<Exit, Failure> {
    let source = Source::open(globals, options, question.tenant())?;
    let mut output = Output::stdout(globals.format());
    let mut exit = Exit::Done;
    let mut complaints = Complaints::default();
    let mut one = |query: &str| -> Result<(), Failure> {
        let answer = source.ask(question, query);
        exit = exit.and(render::answer(&mut output, query, &answer)?);
        if let Answer::Unavailable(why) = answer {
            complaints.complain(why.to_string());
        }
        Ok(())
    };
    for query in queries {
        if query == "-" {
            each_line(io::stdin().lock(), &mut one)?;
        } else {
            one(query)?;
        }
    }
    Ok(exit)
}

/// Hands over each line without its line end. What is no UTF-8 is replaced, which makes it absent.
fn each_line(
    mut input: impl BufRead,
    mut take: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    while read_line(&mut input, &mut line, LINE_SIZE_MAX)
        .map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?
    {
        take(&String::from_utf8_lossy(&line))?;
    }
    Ok(())
}

/// Reads one line into `line`, at most `size_max` bytes of it; `false` at the end.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, size_max: usize) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let available = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            break;
        }
        any = true;
        let end = available.iter().position(|&b| b == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        line.extend_from_slice(&piece[..piece.len().min(size_max - line.len())]);
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        each_line(io::BufReader::with_capacity(3, text), |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn every_line_is_one_question_whatever_its_end() {
        assert_eq!(lines(b"a@b\r\n\n c \nlast"), ["a@b", "", " c ", "last"]);
        assert_eq!(lines(b""), [""; 0]);
        assert_eq!(lines(b"\n"), [""]);
        assert_eq!(lines(b"a\xffb\n"), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * LINE_SIZE_MAX];
        text.extend_from_slice(b"\nnext\n");
        let lines = lines(&text);
        assert_eq!((lines[0].len(), lines[1].as_str()), (LINE_SIZE_MAX, "next"));
    }
}
