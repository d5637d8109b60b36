//! Counts, the file of one line each that they are committed in, and how two of them compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use serde::Deserialize;

/// A count may differ by this part of what it was.
const TOLERANCE: f64 = 0.03;

/// Instructions of one call, by name, and what made the program that was counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    compiler: String,
    instructions: BTreeMap<String, f64>,
}

/// Two baselines side by side; displayed as a table and a verdict.
pub(crate) struct Comparison<'a> {
    was: &'a Baseline,
    now: &'a Baseline,
}

/// What gungraun says of one benchmark in its JSON, as far as it is of use here.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    id: Option<String>,
    /// One for each tool: callgrind alone.
    profiles: Vec<serde_json::Value>,
}

impl Baseline {
    /// From the committed file.
    pub(crate) fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// For the committed file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = format!(
            "# Instructions of one call. Written by: cargo bench -p persondb-data --bench instructions -- --write\n\
             compiler = \"{}\"\n\n[instructions]\n",
            self.compiler
        );
        for (name, count) in &self.instructions {
            writeln!(text, "{name} = {count:.1}").expect("a string takes everything");
        }
        text
    }

    /// From gungraun's JSON, one benchmark a line; the id says how many calls were counted.
    pub(crate) fn from_json_lines(lines: &str, compiler: String) -> Result<Self, String> {
        let mut instructions = BTreeMap::new();
        for line in lines.lines() {
            let summary: Summary =
                serde_json::from_str(line).map_err(|error| format!("gungraun's JSON: {error}"))?;
            let name = summary.function_name;
            let id = summary.id.unwrap_or_default();
            let calls = id.strip_prefix("of_").and_then(|calls| calls.parse::<u32>().ok());
            let calls = calls.filter(|&calls| calls > 0);
            let calls = calls.ok_or_else(|| format!("{name}: expected of_<calls> as its id, got {id:?}"))?;
            let total = summary.profiles.iter().find_map(total);
            let total = total.ok_or_else(|| format!("{name}: gungraun's JSON has no instructions"))?;
            instructions.insert(name, total / f64::from(calls));
        }
        if instructions.is_empty() {
            return Err("gungraun has counted nothing".into());
        }
        Ok(Self { compiler, instructions })
    }
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(was: &'a Baseline, now: &'a Baseline) -> Self {
        Self { was, now }
    }

    /// Whether all counts are what they were. What other compilers make is not compared.
    pub(crate) fn is_same(&self) -> bool {
        self.has_other_compiler() || self.lines().all(|(_, was, now)| is_near(was, now))
    }

    fn has_other_compiler(&self) -> bool {
        self.was.compiler != self.now.compiler
    }

    fn lines(&self) -> impl Iterator<Item = (&'a str, Option<f64>, Option<f64>)> {
        let (was, now) = (&self.was.instructions, &self.now.instructions);
        let names: BTreeSet<_> = was.keys().chain(now.keys()).collect();
        names.into_iter().map(|name| (name.as_str(), was.get(name).copied(), now.get(name).copied()))
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: Option<f64>| count.map_or("-".into(), |count| format!("{count:.1}"));
        writeln!(f, "{:<16} {:>12} {:>12} {:>7}", "instructions", "was", "now", "ratio")?;
        for (name, was, now) in self.lines() {
            let ratio = was.zip(now).map_or("-".into(), |(was, now)| format!("{:.3}", now / was));
            let mark = if is_near(was, now) { "" } else { "  <--" };
            writeln!(f, "{name:<16} {:>12} {:>12} {ratio:>7}{mark}", count(was), count(now))?;
        }
        if self.has_other_compiler() {
            return writeln!(
                f,
                "not compared: the baseline is of {}, this is {}",
                self.was.compiler, self.now.compiler
            );
        }
        if !self.is_same() {
            writeln!(
                f,
                "expected within {} % of data/benches/instructions.toml; find out why, or where it is meant: \
                 cargo bench -p persondb-data --bench instructions -- --write",
                TOLERANCE * 100.0
            )?;
        }
        Ok(())
    }
}

/// Both ways: what has become less is to be kept, so the baseline has to follow.
fn is_near(was: Option<f64>, now: Option<f64>) -> bool {
    was.zip(now).is_some_and(|(was, now)| (now - was).abs() <= was * TOLERANCE)
}

fn total(profile: &serde_json::Value) -> Option<f64> {
    profile.pointer("/data/total/metrics/Ir/values/new")?.as_f64()
}
