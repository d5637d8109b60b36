//! What the daemon is told: flags, then the configuration file, then defaults.
//!
//! What shapes a generation ([`InputSpec`] and [`Rules`]) is resolved again at every cycle, so that a
//! roll takes a corrected file; everything else (names, sockets, groups, limits of the server) is fixed for
//! the life of the process.

mod args;
mod file;
pub mod size;

use std::path::{Path, PathBuf};

use persondb_data::input::{ColumnTable, InputSpec, Preset};
use persondb_protocol::layout::{LAYOUT_VERSION, NORM_VERSION};
use persondb_protocol::name::NameError;
use persondb_protocol::{DatasetName, ShmName};
use persondb_shm::SegmentMode;
use serde::Serialize;

pub use args::Args;
use file::File;
pub use file::{Limits, Rules};

/// Everything the daemon has to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Dataset.
    pub name: DatasetName,
    /// Files and how to read them.
    pub input: InputSpec,
    /// What a candidate has to pass.
    pub rules: Rules,
    /// Limits of the server.
    pub limits: Limits,
    /// Control socket, when it was named.
    pub socket: Option<PathBuf>,
    /// Generations kept besides the current one.
    pub retain: usize,
    /// Who may map.
    pub mode: SegmentMode,
    /// Group of segments and superblock.
    pub reader_group: Option<u32>,
    /// Group that may operate.
    pub operator_group: Option<u32>,
    /// Most memory of a build, in bytes.
    pub memory_max: Option<u64>,
    /// Niceness of the build.
    pub nice: i32,
    /// Whether the build first tries with the time that nobody else wants.
    pub idle: bool,
    /// Parser threads of the build.
    pub threads: usize,
    /// Lock, rejects, state.
    pub state_dir: PathBuf,
    args: Args,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot read the configuration: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The file is no configuration.
    #[error("{}: {}", path.display(), reason.trim_end())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column, key, and what was expected.
        reason: String,
    },
    /// `[limits]` is wrong.
    #[error("[limits]: {0}")]
    Limits(String),
    /// The dataset name is wrong.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A value is wrong.
    #[error("{key}: expected {expected}, found {found:?}")]
    Value {
        /// Key in the file; the flag is the same with hyphens.
        key: &'static str,
        /// What stood there.
        found: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A user or group that the machine does not know.
    #[error("{key}: there is no {what} {found:?} on this machine; create it, or write a number")]
    Unknown {
        /// Key in the file.
        key: &'static str,
        /// User or group.
        what: &'static str,
        /// What stood there.
        found: String,
    },
    /// Nothing to load.
    #[error("no people: expected --people PATH or people = [\"PATH\"] in the configuration file")]
    NoPeople,
    /// Standard input, which cannot be read again at the next roll.
    #[error("expected files, found - (standard input), which ends; write the rows to a file and name that")]
    StandardInput,
    /// Clients would not trust what this process makes.
    #[error(
        "owner: clients are to trust uid {owner}, but this daemon runs as uid {uid}; start it as that user or as root"
    )]
    Owner {
        /// The configured owner.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
}

impl Config {
    /// Resolves flags, file and defaults.
    ///
    /// # Errors
    /// [`ConfigError`]: names the key, what was found and what was expected.
    pub fn resolve(args: &Args) -> Result<Self, ConfigError> {
        let file = args.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let (limits, input_limits) = file.limits()?;
        let uid = nix::unistd::geteuid().as_raw();
        if let Some(owner) = args.owner.as_deref().or(file.owner.as_deref()) {
            let owner = size::user("owner", owner)?;
            if uid != 0 && uid != owner {
                return Err(ConfigError::Owner { owner, uid });
            }
        }
        let people = if args.people.is_empty() { file.people } else { args.people.clone() };
        if people.is_empty() {
            return Err(ConfigError::NoPeople);
        }
        let aliases = args.aliases.clone().or(file.aliases);
        let domains = args.domains.clone().or(file.domains);
        if people.iter().chain(&aliases).chain(&domains).any(|path| path.as_os_str() == "-") {
            return Err(ConfigError::StandardInput);
        }
        let rules = Rules { allow_shrink: args.allow_shrink || file.validate.allow_shrink, ..file.validate };
        check_rules(&rules)?;
        let group = |key, flag: &Option<String>, value: &Option<String>| {
            flag.as_deref().or(value.as_deref()).map(|text| size::group(key, text)).transpose()
        };
        let text = |flag: &Option<String>, value: &Option<String>| flag.clone().or_else(|| value.clone());
        let nice = file.nice.unwrap_or(10);
        if !(0..=19).contains(&nice) {
            let expected = "0 (as everybody) to 19 (last of all)";
            return Err(ConfigError::Value { key: "nice", found: nice.to_string(), expected });
        }
        Ok(Self {
            name: DatasetName::new(text(&args.name, &file.name).as_deref().unwrap_or("default"))?,
            input: InputSpec {
                people,
                aliases,
                domains,
                tenant: args.tenant.clone().or(file.tenant),
                preset: args.preset.or(file.preset),
                columns: file.columns,
                limits: input_limits,
            },
            rules,
            limits,
            socket: args.socket.clone().or(file.socket),
            retain: args.retain.or(file.retain).unwrap_or(2),
            mode: text(&args.mode, &file.mode).map_or(Ok(SegmentMode::Group), |m| size::parse_mode(&m))?,
            reader_group: group("reader_group", &args.reader_group, &file.reader_group)?,
            operator_group: group("operator_group", &args.operator_group, &file.operator_group)?,
            memory_max: text(&args.memory_max, &file.memory_max)
                .map(|t| size::parse_size("memory_max", &t))
                .transpose()?,
            nice,
            idle: file.idle.unwrap_or(true),
            threads: file.threads.filter(|&n| n > 0).unwrap_or_else(default_threads).min(64),
            state_dir: args.state_dir.clone().or(file.state_dir).unwrap_or_else(default_state_dir),
            args: args.clone(),
        })
    }

    /// The same with inputs and rules as the file has them now.
    ///
    /// # Errors
    /// As for [`Self::resolve`]; the caller keeps what it has.
    pub fn refreshed(&self) -> Result<Self, ConfigError> {
        let fresh = Self::resolve(&self.args)?;
        Ok(Self { input: fresh.input, rules: fresh.rules, ..self.clone() })
    }

    /// xxh3-128 of everything in the configuration that shapes the bytes of a generation. Rules and limits of
    /// the server do not: with other ones the same bytes come out.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        #[derive(Serialize)]
        struct Shape<'a> {
            layout: u32,
            norm: u32,
            people: &'a [PathBuf],
            aliases: &'a Option<PathBuf>,
            domains: &'a Option<PathBuf>,
            tenant: &'a Option<String>,
            preset: Option<Preset>,
            columns: &'a ColumnTable,
            limits: &'a persondb_data::input::InputLimits,
        }
        let shape = Shape {
            layout: LAYOUT_VERSION,
            norm: NORM_VERSION,
            people: &self.input.people,
            aliases: &self.input.aliases,
            domains: &self.input.domains,
            tenant: &self.input.tenant,
            preset: self.input.preset,
            columns: &self.input.columns,
            limits: &self.input.limits,
        };
        // A path that is no UTF-8 has no JSON, and its digest is that of nothing. No generation is ever made with
        // it, because the build's job has no JSON either; so none is adopted by it.
        let json = serde_json::to_vec(&shape).unwrap_or_default();
        xxhash_rust::xxh3::xxh3_128(&json).to_le_bytes()
    }

    /// Name of the superblock.
    #[must_use]
    pub fn superblock(&self) -> ShmName {
        self.name.superblock()
    }

    /// The lock that keeps a second daemon of this dataset out.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        lock_file(&self.state_dir, &self.name)
    }

    /// Where all rejected rows of the last cycle stand.
    #[must_use]
    pub fn rejects_file(&self) -> PathBuf {
        self.state_dir.join(format!("{}.rejects.csv", self.name))
    }

    /// Where the report of the last build stands, as JSON.
    #[must_use]
    pub fn report_file(&self) -> PathBuf {
        self.state_dir.join(format!("{}.report.json", self.name))
    }
}

/// Path of a dataset's lock in a state folder.
#[must_use]
pub fn lock_file(state_dir: &Path, name: &DatasetName) -> PathBuf {
    state_dir.join(format!("{name}.lock"))
}

/// Where state is kept when nobody says otherwise: systemd's `$STATE_DIRECTORY`, `/var/lib/persondb` for
/// root, `$XDG_STATE_HOME/persondb` or `~/.local/state/persondb` for others, and a folder of the user's own
/// in the temporary directory for those without a home.
#[must_use]
pub fn default_state_dir() -> PathBuf {
    let folder = |key: &str| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    // Several folders are separated by ':'; the first is ours.
    let of_service = std::env::var("STATE_DIRECTORY").ok();
    if let Some(first) =
        of_service.as_deref().and_then(|list| list.split(':').next()).filter(|f| !f.is_empty())
    {
        return first.into();
    }
    let uid = nix::unistd::geteuid();
    if uid.is_root() {
        return "/var/lib/persondb".into();
    }
    folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state"))).map_or_else(
        || persondb_protocol::places::private_folder(&std::env::temp_dir(), uid.as_raw()),
        |base| base.join("persondb"),
    )
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn check_rules(rules: &Rules) -> Result<(), ConfigError> {
    for (key, part) in
        [("validate.shrink_max", rules.shrink_max), ("validate.tenant_shrink_max", rules.tenant_shrink_max)]
    {
        if !(0.0..=1.0).contains(&part) {
            let expected = "a part between 0 and 1, such as 0.2 for 20 %";
            return Err(ConfigError::Value { key, found: part.to_string(), expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str, args: Args) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("persondb.toml");
        std::fs::write(&path, text).unwrap();
        Config::resolve(&Args { config: Some(path), ..args })
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let args = Args { retain: Some(5), ..Args::default() };
        let text = "people = \"a.csv\"\nretain = 1\nname = \"eu\"\nmemory_max = \"2G\"\n[limits]\nclients_max = 7\n\
                    record_bytes_max = 1000\n[validate]\npeople_min = 3\n[columns]\nemail = \"Post\"\n\
                    aliases = [\"Old Post\", \"Older Post\"]\n";
        let config = with_file(text, args).unwrap();
        assert_eq!(config.retain, 5);
        assert_eq!(config.name.as_str(), "eu");
        assert_eq!(config.memory_max, Some(2 << 30));
        assert_eq!(config.limits.clients_max, 7);
        assert_eq!(config.limits.cycle_s_max, 3600);
        assert_eq!(config.input.limits.record_bytes_max, 1000);
        assert_eq!(config.rules.people_min, 3);
        assert_eq!(config.input.columns["email"], ["Post"]);
        assert_eq!(config.input.columns["aliases"], ["Old Post", "Older Post"]);
        assert_eq!(config.input.people, [PathBuf::from("a.csv")]);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        for (text, key) in [
            ("people = [\"a\"]\npeple = 1\n", "peple"),
            ("people = [\"a\"]\n[validate]\nshrink = 0.1\n", "shrink"),
            ("people = [\"a\"]\n[limits]\nclient_max = 1\n", "client_max"),
        ] {
            let error = with_file(text, Args::default()).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn values_that_cannot_be_are_refused_with_their_key() {
        for (text, key) in [
            ("mode = \"0644\"", "mode"),
            ("memory_max = \"lots\"", "memory_max"),
            ("nice = -5", "nice"),
            ("reader_group = \"no such group here\"", "reader_group"),
            ("[validate]\nshrink_max = 20.0", "shrink_max"),
            ("name = \"A\"", "dataset name"),
        ] {
            let error = with_file(&format!("people = [\"a\"]\n{text}\n"), Args::default());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        assert!(matches!(with_file("", Args::default()), Err(ConfigError::NoPeople)));
        for text in ["people = \"-\"", "people = \"a\"\naliases = \"-\""] {
            assert!(matches!(with_file(text, Args::default()), Err(ConfigError::StandardInput)), "{text}");
        }
        assert!(with_file("people = \"./-\"", Args::default()).is_ok());
    }

    #[test]
    fn a_preset_is_named_in_the_file_or_by_the_flag_and_an_unknown_one_is_told_all_of_them() {
        let text = "people = \"a.csv\"\npreset = \"entra\"\n";
        assert_eq!(with_file(text, Args::default()).unwrap().input.preset, Some(Preset::Entra));
        let args = Args { preset: Some(Preset::Okta), ..Args::default() };
        assert_eq!(with_file(text, args).unwrap().input.preset, Some(Preset::Okta));
        assert_eq!(with_file("people = \"a.csv\"", Args::default()).unwrap().input.preset, None);
        let error =
            with_file("people = \"a.csv\"\npreset = \"azure\"", Args::default()).unwrap_err().to_string();
        for part in ["azure", "preset", "entra", "ldap"] {
            assert!(error.contains(part), "{part} not in {error}");
        }
    }

    #[test]
    fn the_digest_follows_what_shapes_the_bytes_and_nothing_else() {
        let base = with_file("people = [\"a\"]", Args::default()).unwrap();
        let same =
            with_file("people = [\"a\"]\nretain = 9\n[validate]\npeople_min = 2", Args::default()).unwrap();
        assert_eq!(base.digest(), same.digest());
        for other in [
            "people = [\"b\"]",
            "people = [\"a\"]\ntenant = \"t\"",
            "people = [\"a\"]\npreset = \"google\"",
            "people = [\"a\"]\n[columns]\nemail = \"x\"",
        ] {
            assert_ne!(base.digest(), with_file(other, Args::default()).unwrap().digest(), "{other}");
        }
    }
}
