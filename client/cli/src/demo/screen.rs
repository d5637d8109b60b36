//! What a demo prints: short steps with a heading each, aligned numbers, colours only on a terminal;
//! nothing at all when JSON was asked for.

use std::io::{self, Write};
use std::process::Output;

use owo_colors::OwoColorize;

use super::play::Shown;
use crate::args::Format;
use crate::output::grouped;

/// Lines of a command's output that are shown.
const LINES_SHOWN_MAX: usize = 10;
/// Columns of a line that are shown.
const COLUMNS_SHOWN_MAX: usize = 110;

/// Where a demo is watched.
#[derive(Debug)]
pub(super) struct Screen {
    format: Format,
    steps: u32,
}

impl Screen {
    /// The standard output.
    pub(super) fn new(format: Format) -> Self {
        Self { format, steps: 0 }
    }

    /// Heading of the next step.
    pub(super) fn step(&mut self, title: &str) -> io::Result<()> {
        self.steps += 1;
        let number = self.steps;
        self.print(|out| writeln!(out, "\n{} {}", number.cyan().bold(), title.bold()))
    }

    /// One line of a step.
    pub(super) fn line(&self, text: &str) -> io::Result<()> {
        self.print(|out| writeln!(out, "{}", format!("  {text}").trim_end()))
    }

    /// A command as it is typed, and what came of it.
    pub(super) fn command(&self, arguments: &[&str], output: &Output) -> io::Result<()> {
        self.print(|out| {
            writeln!(out, "  {} {}", "$".dimmed(), typed(arguments).green())?;
            let text =
                [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            for line in lines.iter().take(LINES_SHOWN_MAX) {
                writeln!(out, "    {}", cut(line))?;
            }
            if lines.len() > LINES_SHOWN_MAX {
                writeln!(out, "    {}", format!("… {} more lines", lines.len() - LINES_SHOWN_MAX).dimmed())?;
            }
            Ok(())
        })
    }

    /// Text of several lines.
    pub(super) fn block(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut text = Vec::new();
        write(&mut text)?;
        self.print(|out| {
            for line in String::from_utf8_lossy(&text).lines() {
                writeln!(out, "  {}", line.trim_end())?;
            }
            Ok(())
        })
    }

    /// The last word.
    pub(super) fn end(&mut self, shown: &Shown) -> io::Result<()> {
        self.step("What held")?;
        for (claim, held) in shown.claims() {
            self.print(|out| {
                if held {
                    writeln!(out, "  {} {claim}", "✓".green())
                } else {
                    writeln!(out, "  {} {claim}", "✗".red().bold())
                }
            })?;
        }
        for name in &shown.left_behind {
            self.line(&format!("left behind: {name}"))?;
        }
        let matches = shown.matches.iter().flat_map(|report| &report.examples);
        let examples = shown.load.examples.iter().chain(matches);
        for example in examples.chain(&shown.problems) {
            self.line(example)?;
        }
        self.print(|out| writeln!(out))
    }

    fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        match self.format {
            Format::Text => {
                let mut out = anstream::stdout().lock();
                write(&mut out)?;
                out.flush()
            }
            Format::Json => Ok(()),
        }
    }
}

/// `persondb` and its arguments, quoted where a shell would need it.
fn typed(arguments: &[&str]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@.-_+/=:,".contains(c);
    let quoted = arguments.iter().map(|argument| {
        if argument.chars().all(plain) {
            (*argument).to_owned()
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    });
    std::iter::once("persondb".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(COLUMNS_SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A number of things: `1 person`, `20,000 people`.
pub(super) fn number(count: u64, one: &str, several: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_a_shell_takes_them() {
        assert_eq!(typed(&["get", "a.b@x.example"]), "persondb get a.b@x.example");
        assert_eq!(
            typed(&["name", "Ann O'Neil", "--tenant", "t"]),
            r"persondb name 'Ann O'\''Neil' --tenant t"
        );
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"ß".repeat(200)).chars().count(), COLUMNS_SHOWN_MAX + 1);
    }
}
