//! The configuration file. A key that nobody knows is an error that names it: a misspelt limit that is
//! silently not applied is worse than a daemon that does not start.

use std::path::{Path, PathBuf};

use persondb_data::input::{ColumnTable, InputLimits, Preset, column_table};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The file as it is written. Every key may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "one_or_several")]
    pub(super) people: Vec<PathBuf>,
    pub(super) aliases: Option<PathBuf>,
    pub(super) domains: Option<PathBuf>,
    pub(super) tenant: Option<String>,
    pub(super) socket: Option<PathBuf>,
    pub(super) owner: Option<String>,
    pub(super) retain: Option<usize>,
    pub(super) mode: Option<String>,
    pub(super) reader_group: Option<String>,
    pub(super) operator_group: Option<String>,
    pub(super) memory_max: Option<String>,
    pub(super) nice: Option<i32>,
    pub(super) idle: Option<bool>,
    pub(super) threads: Option<usize>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) preset: Option<Preset>,
    #[serde(deserialize_with = "column_table")]
    pub(super) columns: ColumnTable,
    pub(super) validate: Rules,
    limits: toml::Table,
}

/// `[validate]`: what a candidate has to pass before anybody can reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Fewest people.
    pub people_min: u64,
    /// Largest part of the people that may be gone against the current generation, 0 to 1.
    pub shrink_max: f64,
    /// The same within one tenant that had at least `tenant_large_people`.
    pub tenant_shrink_max: f64,
    /// People that make a tenant large enough for `tenant_shrink_max` to count.
    pub tenant_large_people: u64,
    /// Addresses that have to be found.
    pub canaries: Vec<String>,
    /// Announce although it shrank (still logged).
    pub allow_shrink: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            people_min: 1,
            shrink_max: 0.20,
            tenant_shrink_max: 0.50,
            tenant_large_people: 100,
            canaries: Vec::new(),
            allow_shrink: false,
        }
    }
}

/// The part of `[limits]` that is the daemon's; the rest are [`InputLimits`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most clients connected at once.
    pub clients_max: usize,
    /// Seconds after which a build is ended.
    pub cycle_s_max: u64,
    /// Seconds a connection may stay without a word, when it neither listens nor maps.
    pub idle_s_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clients_max: 4096, cycle_s_max: 3600, idle_s_max: 600 }
    }
}

impl File {
    /// Reads the file.
    ///
    /// # Errors
    /// Unreadable, no TOML, an unknown key or a value of the wrong kind; the message has line and column.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::Syntax { path: path.to_owned(), reason: error.to_string() })
    }

    /// `[limits]`, its keys sorted to those whom they concern.
    ///
    /// # Errors
    /// An unknown key or a value of the wrong kind.
    pub(super) fn limits(&self) -> Result<(Limits, InputLimits), ConfigError> {
        let known = toml::Table::try_from(InputLimits::default()).unwrap_or_default();
        let (input, own): (toml::Table, toml::Table) =
            self.limits.clone().into_iter().partition(|(key, _)| known.contains_key(key));
        let wrong = |error: toml::de::Error| ConfigError::Limits(error.to_string().trim().to_owned());
        Ok((own.try_into().map_err(wrong)?, input.try_into().map_err(wrong)?))
    }
}

/// `people = "a.csv"` and `people = ["a.csv", "b.csv"]` mean what they look like.
fn one_or_several<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a path or a list of paths")]
    enum Paths {
        One(PathBuf),
        Several(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(deserializer)? {
        Paths::One(path) => vec![path],
        Paths::Several(paths) => paths,
    })
}
