//! `--check-config`: what was understood, and whether it can work. Nothing is started or changed.

use persondb_data::input::{Identity, expand};
use persondb_shm::SegmentMode;
use serde::Serialize;

use crate::admission::{Free, segment_size_min, text_size_min};
use crate::config::Config;
use crate::config::size::human_size;
use crate::report::chain;

/// What the daemon would do, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Key and value, in the order of the manual.
    pub understood: Vec<(&'static str, String)>,
    /// What would not work. Empty: the daemon can start.
    pub problems: Vec<String>,
}

/// Looks at everything a start would look at first.
#[must_use]
pub fn check(config: &Config) -> Check {
    let mut problems = Vec::new();
    let mut files = match expand(&config.input.people) {
        Ok(files) => files,
        Err(error) => {
            problems.push(chain(&error));
            Vec::new()
        }
    };
    let people = files.len();
    files.extend(config.input.aliases.clone());
    files.extend(config.input.domains.clone());
    for file in &files {
        if let Err(error) = Identity::of(file) {
            problems.push(chain(&error));
        }
    }
    let text = text_size_min(&config.input).unwrap_or(0);
    if let Err(error) = Free::now(config.memory_max).admit("the build", segment_size_min(text), 0) {
        problems.push(error.to_string());
    }
    let option = |value: Option<String>, none: &str| value.unwrap_or_else(|| none.to_owned());
    let path = |path: &Option<std::path::PathBuf>, none: &str| {
        option(path.as_ref().map(|path| path.display().to_string()), none)
    };
    let group = |group: Option<u32>, none: &str| option(group.map(|gid| format!("gid {gid}")), none);
    let rules = &config.rules;
    let understood = vec![
        ("name", config.name.to_string()),
        ("people", format!("{people} files with at least {} of text", human_size(text))),
        ("aliases", path(&config.input.aliases, "none")),
        ("domains", path(&config.input.domains, "none")),
        ("tenant", option(config.input.tenant.clone(), "from the files")),
        ("preset", option(config.input.preset.map(|preset| preset.to_string()), "by header")),
        (
            "columns",
            if config.input.columns.is_empty() {
                "by header".into()
            } else {
                format!("{:?}", config.input.columns)
            },
        ),
        ("socket", path(&config.socket, "the first usual place")),
        ("state_dir", config.state_dir.display().to_string()),
        ("retain", config.retain.to_string()),
        (
            "mode",
            match config.mode {
                SegmentMode::Group => "0440 (the reader group)".into(),
                SegmentMode::Everyone => "0444 (everybody)".into(),
            },
        ),
        ("reader_group", group(config.reader_group, "the daemon's own")),
        ("operator_group", group(config.operator_group, "none (root and the daemon's user)")),
        ("memory_max", option(config.memory_max.map(human_size), "what the machine allows")),
        ("nice", config.nice.to_string()),
        ("idle", config.idle.to_string()),
        ("threads", config.threads.to_string()),
        ("validate.people_min", rules.people_min.to_string()),
        ("validate.shrink_max", format!("{:.0} %", rules.shrink_max * 100.0)),
        (
            "validate.tenant_shrink_max",
            format!(
                "{:.0} % for tenants of {} people and more",
                rules.tenant_shrink_max * 100.0,
                rules.tenant_large_people
            ),
        ),
        ("validate.canaries", rules.canaries.len().to_string()),
        ("validate.allow_shrink", rules.allow_shrink.to_string()),
        ("limits.clients_max", config.limits.clients_max.to_string()),
        ("limits.cycle_s_max", config.limits.cycle_s_max.to_string()),
        ("limits.idle_s_max", config.limits.idle_s_max.to_string()),
    ];
    Check { understood, problems }
}
