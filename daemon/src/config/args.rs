//! The flags of the daemon. `persondbd` is nothing but these; `persondb demo` fills them in by itself.

use std::path::PathBuf;

use clap::Parser;
use persondb_data::input::Preset;

/// Flags; each overrides the key of the same name in the configuration file.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "persondbd",
    version,
    about = "Loads people from CSV, builds a generation in shared memory, announces it to every client",
    after_help = EXAMPLES
)]
pub struct Args {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Dataset: a-z, 0-9, '_' and '-' [default: default]
    #[arg(long, value_name = "NAME", env = "PERSONDB_NAME")]
    pub name: Option<String>,
    /// People: a CSV file (.csv, .csv.gz, .csv.zst), a folder or a glob; may be given several times
    #[arg(long, value_name = "PATH")]
    pub people: Vec<PathBuf>,
    /// More addresses of people, one a row (CSV)
    #[arg(long, value_name = "PATH")]
    pub aliases: Option<PathBuf>,
    /// Domains of tenants, one a row (CSV)
    #[arg(long, value_name = "PATH")]
    pub domains: Option<PathBuf>,
    /// Tenant of every row that names none
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,
    /// What the people files are exports of: google, entra, exchange, okta, bamboohr, ldap, or generic
    /// [default: found from each file's header]
    #[arg(long, value_name = "NAME")]
    pub preset: Option<Preset>,
    /// Control socket [default: the first of the usual places that can be created]
    #[arg(long, value_name = "PATH", env = "PERSONDB_SOCKET")]
    pub socket: Option<PathBuf>,
    /// User whose segments clients trust; the daemon refuses to run as anybody but this user and root
    #[arg(long, value_name = "USER", env = "PERSONDB_OWNER")]
    pub owner: Option<String>,
    /// Generations kept for roll back besides the current one [default: 2]
    #[arg(long, value_name = "N")]
    pub retain: Option<usize>,
    /// Who may map the segments: 0440 (the reader group) or 0444 (everybody) [default: 0440]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<String>,
    /// Group that may map and ask, by name or number [default: the daemon's own group]
    #[arg(long, value_name = "GROUP")]
    pub reader_group: Option<String>,
    /// Group that may roll, roll back, hold and release, beside root and the daemon's user
    #[arg(long, value_name = "GROUP")]
    pub operator_group: Option<String>,
    /// Most memory a build may take, segment included, such as 2G or 512M
    #[arg(long, value_name = "SIZE")]
    pub memory_max: Option<String>,
    /// Folder for the lock, the rejected rows and what has to survive a restart
    #[arg(long, value_name = "PATH")]
    pub state_dir: Option<PathBuf>,
    /// Announce even if the data shrank by more than the configured part
    #[arg(long)]
    pub allow_shrink: bool,
    /// Say what was understood of flags and configuration, and whether it can work; then stop
    #[arg(long)]
    pub check_config: bool,
    /// With --check-config: print JSON
    #[arg(long, requires = "check_config")]
    pub json: bool,
    /// Print the man page (roff)
    #[arg(long, hide = true)]
    pub man: bool,
    /// Print completions for this shell
    #[arg(long, hide = true, value_name = "SHELL")]
    pub completions: Option<clap_complete::Shell>,
}

const EXAMPLES: &str = "\
Examples:
  persondbd --people people.csv
  persondbd --name eu --people /srv/exports/ --domains domains.csv --operator-group staff
  persondbd --config /etc/persondb/eu.toml --check-config

Signals:
  SIGHUP    load again and announce        SIGUSR1   announce the generation before
  SIGUSR2   log a full status              SIGTERM   stop; what is served stays for the next start

Log filter: PERSONDB_LOG=debug (default info).";
