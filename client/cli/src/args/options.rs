//! What each command takes, and how its values are read.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use persondb_data::input::{ColumnTable, Preset};
use persondb_protocol::Generation;

/// Where a look-up looks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where to look")]
pub(crate) struct LookupOptions {
    /// How to reach the data: mapped, over the socket, or mapped where that can be had
    #[arg(long, value_enum, default_value_t = Via::Auto)]
    pub(crate) via: Via,
    /// Answer "cannot say" when the data is older than this (seconds, or 90m, 36h, 2d)
    #[arg(long, value_name = "AGE", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// Look in this CSV, without a daemon (several times for several files); its generation is 0
    #[arg(long, value_name = "PEOPLE.csv", conflicts_with_all = ["via", "max_age"])]
    pub(crate) offline: Vec<PathBuf>,
    /// Aliases file beside --offline
    #[arg(long, value_name = "FILE", requires = "offline")]
    pub(crate) aliases: Option<PathBuf>,
    /// Domains file beside --offline
    #[arg(long, value_name = "FILE", requires = "offline")]
    pub(crate) domains: Option<PathBuf>,
    /// Tenant of rows that name none, beside --offline [default: that of --tenant]
    #[arg(long, value_name = "ID", requires = "offline")]
    pub(crate) tenant_constant: Option<String>,
    /// What the files beside --offline are exports of [default: found from the header]
    #[arg(long, value_name = "NAME", requires = "offline")]
    pub(crate) preset: Option<Preset>,
    /// A column of the files beside --offline, such as email='Work Mail'; may be given several times
    #[arg(long = "column", value_name = "MEANING=HEADER", requires = "offline", value_parser = column)]
    pub(crate) columns: Vec<(String, String)>,
}

/// How a look-up reaches the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// Mapped, and over the socket where mapping cannot be had.
    Auto,
    /// Mapped into this process.
    Map,
    /// Asked of the daemon.
    Socket,
}

/// `persondb get`.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// Addresses; `-` reads one a line from standard input and answers each at once
    #[arg(required = true, value_name = "EMAIL")]
    pub(crate) addresses: Vec<String>,
    /// Only people of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// Where to look.
    #[command(flatten)]
    pub(crate) options: LookupOptions,
}

/// `persondb person`.
#[derive(Args, Debug)]
pub(crate) struct PersonArgs {
    /// Identifiers; `-` reads one a line from standard input
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Only people of this tenant
    #[arg(long, value_name = "T")]
    pub(crate) tenant: Option<String>,
    /// Where to look.
    #[command(flatten)]
    pub(crate) options: LookupOptions,
}

/// `persondb name`.
#[derive(Args, Debug)]
pub(crate) struct NameArgs {
    /// Full names; `-` reads one a line from standard input
    #[arg(required = true, value_name = "FULL NAME")]
    pub(crate) names: Vec<String>,
    /// The tenant whose people are meant
    #[arg(long, required = true, value_name = "T")]
    pub(crate) tenant: String,
    /// Most people in an answer
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(persondb_protocol::control::PEOPLE_COUNT_MAX)))]
    pub(crate) limit: u32,
    /// Where to look.
    #[command(flatten)]
    pub(crate) options: LookupOptions,
}

/// `persondb domain`.
#[derive(Args, Debug)]
pub(crate) struct DomainArgs {
    /// Domains; `-` reads one a line from standard input
    #[arg(id = "asked", required = true, value_name = "DOMAIN")]
    pub(crate) domains: Vec<String>,
    /// Where to look.
    #[command(flatten)]
    pub(crate) options: LookupOptions,
}

/// `persondb roll`.
#[derive(Args, Debug)]
pub(crate) struct RollArgs {
    /// Also wait until every connected client has moved to the new generation
    #[arg(long)]
    pub(crate) wait: bool,
    /// Give up waiting after this long (seconds, or 10m); the cycle goes on
    #[arg(long, default_value = "1h", value_name = "S", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// `persondb rollback`.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// Generation to announce; the newest retained one that is not current by default
    #[arg(long, value_name = "N", value_parser = generation)]
    pub(crate) to: Option<Generation>,
}

/// `persondb cleanup`.
#[derive(Args, Debug)]
pub(crate) struct CleanupArgs {
    /// State folder of the daemon, where it was told another than the usual one
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// The files of a dataset, for `check` and `build`.
#[derive(Args, Clone, Debug)]
pub(crate) struct InputArgs {
    /// People: files, globs or folders; .csv, .csv.gz or .csv.zst; `-` is standard input
    #[arg(required = true, value_name = "PEOPLE.csv")]
    pub(crate) people: Vec<PathBuf>,
    /// Aliases file
    #[arg(long, value_name = "FILE")]
    pub(crate) aliases: Option<PathBuf>,
    /// Domains file
    #[arg(long, value_name = "FILE")]
    pub(crate) domains: Option<PathBuf>,
    /// Tenant of rows that name none
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// What the files are exports of: google, entra, exchange, okta, bamboohr, ldap, or generic
    /// [default: found from each file's header]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<Preset>,
    /// What a column means, such as email='Work Mail'; may be given several times
    #[arg(long = "column", value_name = "MEANING=HEADER", value_parser = column)]
    pub(crate) columns: Vec<(String, String)>,
    /// Write every rejected row to this file
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) rejects: Option<PathBuf>,
}

/// `persondb check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// What to check.
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

/// `persondb build`.
#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// What to build from.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// File to write; it appears only when it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Which segment `verify` and `inspect` mean.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct SegmentArgs {
    /// File made by `persondb build`
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The generation that is current on this machine
    #[arg(long)]
    pub(crate) live: bool,
}

/// `persondb completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `persondb man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

/// One entry of the column table. A header may have `=` in it, a meaning has not.
fn column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((meaning, header)) if !meaning.trim().is_empty() && !header.is_empty() => {
            Ok((meaning.trim().to_owned(), header.to_owned()))
        }
        _ => Err("expected a meaning and a header, such as email='Work Mail'".into()),
    }
}

/// The column table of these entries, those of one meaning in their order.
pub(crate) fn column_table(entries: &[(String, String)]) -> ColumnTable {
    let mut table = ColumnTable::new();
    for (meaning, header) in entries {
        table.entry(meaning.clone()).or_default().push(header.clone());
    }
    table
}

/// A user by name or number.
pub(super) fn user(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match nix::unistd::User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err("expected the name or number of a user of this machine, found neither".into()),
        Err(error) => Err(format!("the users of this machine cannot be read: {error}; give the number")),
    }
}

/// A time span: seconds, or a number with s, m, h or d.
fn duration(text: &str) -> Result<Duration, String> {
    let refused =
        || "expected seconds, or a number with s, m, h or d, such as 90, 0.5, 15m or 36h".to_owned();
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(refused()),
    };
    let number: f64 = number.parse().map_err(|_| refused())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| refused())
}

fn generation(text: &str) -> Result<Generation, String> {
    text.parse().map(Generation).map_err(|_| "expected the number of a generation".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_meaning_keep_their_order_and_a_header_may_have_an_equals_sign() {
        let entries: Vec<_> =
            ["email=Work Mail", "aliases=a=b", "email=Login"].map(|text| column(text).unwrap()).into();
        let table = column_table(&entries);
        assert_eq!(table["email"], ["Work Mail", "Login"]);
        assert_eq!(table["aliases"], ["a=b"]);
        for bad in ["", "email", "=x", "email="] {
            assert!(column(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_seconds_or_have_a_unit_and_nothing_else() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(duration("2d"), Ok(Duration::from_hours(48)));
        for bad in ["", "m", "-1", "1w", "1e", "inf", "nan", "1 m", "1e400"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
