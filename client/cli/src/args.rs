//! The command line: options common to all commands, the commands, and the examples in their help.
//!
//! What each command takes stands in [`options`]. The options of [`Globals`] may stand before or after the command. Those that say where a look-up
//! looks ([`LookupOptions`]) belong to the look-ups only, so that no command accepts an option that it
//! would not use.
//!
//! A module with commands of its own (`load`, `demo`) brings its `Args` and a
//! `run(&Globals, Args) -> Result<Exit, Failure>`.

mod message;
mod options;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use persondb_protocol::DatasetName;

pub(crate) use self::message::{MatchArgs, MatchQuestion, SchemaOf};
pub(crate) use self::options::{
    BuildArgs, CheckArgs, CleanupArgs, CompletionsArgs, DomainArgs, GetArgs, InputArgs, LookupOptions,
    ManArgs, NameArgs, PersonArgs, RollArgs, RollbackArgs, SegmentArgs, Via, column_table,
};
use crate::demo::{self, DemoArgs};
use crate::load::{self, LoadArgs};
use crate::synthesize::GenerateArgs;

/// Look people up by address, identifier or name; operate the daemon; try and measure.
#[derive(Debug, Parser)]
#[command(
    name = "persondb",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "\
Exit status:
  0  everything asked for was found or done
  1  something is definitely absent
  2  wrong usage, or an input file that is refused
  3  cannot say: no daemon and no generation, too old, unreadable
  4  refused: validation failed, not permitted, held, timed out

Examples:
  persondb demo                                     see all of it at work, without any set-up
  persondb get jane.doe@corp.example                who is this address?
  persondb get --offline people.csv jane@corp.example   the same without a daemon
  persondb --name eu status --json                  what is served, as JSON"
)]
pub(crate) struct Cli {
    /// Options common to all commands.
    #[command(flatten)]
    pub(crate) globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options common to all commands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Globals {
    /// Dataset
    #[arg(long, global = true, env = "PERSONDB_NAME", default_value = "default", value_name = "NAME")]
    pub(crate) name: DatasetName,
    /// Socket of the daemon, instead of the usual places
    #[arg(long, global = true, env = "PERSONDB_SOCKET", value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// User (name or number) whose segments are trusted beside root's and one's own
    #[arg(long, global = true, env = "PERSONDB_OWNER", value_name = "USER", value_parser = options::user)]
    pub(crate) owner: Option<u32>,
    /// One JSON object a line, and nothing else on standard output
    #[arg(long, global = true)]
    json: bool,
}

impl Globals {
    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What `persondb` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Who has this address?
    #[command(after_help = "\
Every address that is asked gets exactly one answer, in the order asked. An empty line, and anything
that is no address, is absent.

Examples:
  persondb get jane.doe@corp.example
  persondb get --tenant acme info@corp.example --json
  cut -d, -f3 log.csv | persondb get - --json
  persondb get --offline people.csv --aliases aliases.csv jane@corp.example")]
    Get(GetArgs),
    /// Who has this identifier?
    #[command(after_help = "\
Identifiers are compared byte for byte, without blanks at their ends.

Examples:
  persondb person 15759875855
  persondb person 7 --tenant acme --json")]
    Person(PersonArgs),
    /// Who in a tenant has this full name?
    #[command(after_help = "\
Upper and lower case, accents and punctuation make no difference.

Examples:
  persondb name 'Jane Doe' --tenant acme
  persondb name 'JÜRGEN GROSS' --tenant acme --limit 5 --json")]
    Name(NameArgs),
    /// Whose domain is this?
    #[command(after_help = "\
Examples:
  persondb domain corp.example
  persondb domain bücher.example --json")]
    Domain(DomainArgs),
    /// Who are sender and recipients of this message, and whose name does the sender bear?
    #[command(after_help = "\
Evidence, never a verdict: what each address is, which domains it imitates, who of the recipients' people
bears the sender's name. A message is answered also when nobody is known, and that ends with 0; lines and
files that are no message end with 2.

Examples:
  persondb match --from 'Jane Doe <jane@evil.example>' --to joe@corp.example --to ann@corp.example
  persondb match --eml message.eml --envelope-from bounce@evil.example --json
  persondb match --eml - < message.eml
  persondb match --ndjson < messages.jsonl      one answer a line, at once; fields: --schema=message
  persondb match --schema > answer.schema.json
  persondb match --offline people.csv --domains domains.csv --from ceo@c0rp.example --to joe@corp.example")]
    Match(MatchArgs),
    /// What is served, and how old it is
    #[command(after_help = "\
Ends with 0 only when the daemon serves a generation, so it can be waited for:
  until persondb status >/dev/null 2>&1; do sleep 1; done

Examples:
  persondb status
  persondb status --json | jq .data_age_s")]
    Status,
    /// Load the inputs again and announce a new generation
    #[command(after_help = "\
Always makes a new generation, also from unchanged inputs. Ends with 0 only once it is announced, and
with 4 and the reason when it is not; the generation served before is then served on.

Examples:
  persondb roll
  persondb roll --wait --timeout 600     until every connected client has moved")]
    Roll(RollArgs),
    /// Announce an older, retained generation
    #[command(after_help = "\
Examples:
  persondb rollback            to the newest retained one
  persondb rollback --to 41    see `persondb generations`")]
    Rollback(RollbackArgs),
    /// Freeze announcements: what is served now stays
    #[command(after_help = "\
Example:
  persondb hold")]
    Hold,
    /// Allow announcements again
    #[command(after_help = "\
Example:
  persondb release")]
    Release,
    /// Generations that are served, retained, or kept alive by a client
    #[command(after_help = "\
Examples:
  persondb generations
  persondb generations --json | jq 'select(.state == \"retained\").generation'")]
    Generations,
    /// Clients connected to the daemon
    #[command(after_help = "\
Examples:
  persondb clients
  persondb clients --json | jq .pid")]
    Clients,
    /// Remove what a stopped daemon left in shared memory
    #[command(after_help = "\
Served generations stay when the daemon stops, so that it starts quickly. This removes them. It does
nothing while a daemon runs.

Example:
  persondb cleanup --name eu")]
    Cleanup(CleanupArgs),
    /// Would these files be accepted? What would be rejected?
    #[command(after_help = "\
Reads the files as the daemon would and publishes nothing. Ends with 2 when the files would be refused.

Examples:
  persondb check people.csv
  persondb check User_Download.csv --tenant acme      exports of admin consoles name no tenant
  persondb check people.csv --preset generic --column email='Work Mail'
  persondb check 'exports/*.csv.zst' --aliases aliases.csv --rejects rejects.csv
  persondb check people.csv --json")]
    Check(CheckArgs),
    /// Build a segment into a file
    #[command(after_help = "\
Example:
  persondb build people.csv -o people.segment
  persondb inspect people.segment")]
    Build(BuildArgs),
    /// Check every byte of a segment: checksums, offsets, and that each person is found
    #[command(after_help = "\
Examples:
  persondb verify people.segment
  persondb verify --live")]
    Verify(SegmentArgs),
    /// Where the bytes of a segment go
    #[command(after_help = "\
Examples:
  persondb inspect people.segment
  persondb inspect --live --json")]
    Inspect(SegmentArgs),
    /// Made-up people that look like real ones
    #[command(after_help = "\
The same options give the same bytes on every machine.

Examples:
  persondb generate --people 1000000 --seed 7 -o people.csv
  persondb generate --people 100000 --hard -o people.csv --aliases aliases.csv --domains domains.csv")]
    Generate(GenerateArgs),
    /// Many processes look people up at once, and everything is counted
    #[command(after_help = load::EXAMPLES)]
    Load(LoadArgs),
    /// See all of it at work: daemon, clients, rolls under load; removes everything it made
    #[command(after_help = demo::EXAMPLES)]
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples:
  persondb completions bash > /usr/share/bash-completion/completions/persondb
  persondb completions fish > ~/.config/fish/completions/persondb.fish")]
    Completions(CompletionsArgs),
    /// Print the man page, or write all of them
    #[command(after_help = "\
Examples:
  persondb man | man -l -
  persondb man --directory /usr/local/share/man/man1")]
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_options_stand_before_or_after_the_command() {
        for line in [
            ["persondb", "--name", "eu", "--json", "status"],
            ["persondb", "status", "--json", "--name", "eu"],
            ["persondb", "--name", "eu", "status", "--json"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!((cli.globals.name.as_str(), cli.globals.format()), ("eu", Format::Json));
        }
    }

    #[test]
    fn every_command_has_an_example_in_its_help() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("persondb {name}")) || help.contains(name), "{name}: {help}");
        }
    }

    #[test]
    fn offline_options_are_refused_without_offline() {
        for line in [
            ["persondb", "get", "a@b.example", "--aliases", "a.csv"].as_slice(),
            &["persondb", "get", "a@b.example", "--offline", "p.csv", "--via", "map"],
            &["persondb", "get"],
            &["persondb", "name", "Jane"],
            &["persondb", "inspect"],
            &["persondb", "inspect", "file", "--live"],
        ] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
