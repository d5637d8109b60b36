//! The steps of a demo.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use persondb_client::Control;
use persondb_protocol::control::RollUntil;
use persondb_protocol::status::Status;
use serde::Serialize;

use super::DemoArgs;
use super::messages;
use super::scene::Scene;
use super::screen::{Screen, number};
use crate::exit::Failure;
use crate::generate::{self, Difficulty, GenerateError, GenerateOptions};
use crate::load::csv::{Somebody, somebody};
use crate::load::job::{Ask, Until};
use crate::load::report::Report;
use crate::load::roller::RollPlan;
use crate::load::run::{self, Keys, Operator, Plan};
use crate::load::units::bytes;
use crate::progress::Bar;

/// Rolls under load; one roll back follows.
const ROLLS: u64 = 5;
/// Longest wait for the first generation.
const START_PATIENCE: Duration = Duration::from_mins(10);
/// Longest wait for one roll and for all clients to have moved.
const ROLL_PATIENCE: Duration = Duration::from_mins(10);
/// Rows to go by before somebody is chosen for the examples, so that it is not always the first.
const SKIPPED: u64 = 25;
/// Sum of shares that still is one copy.
const RATIO_MAX: f64 = 1.01;

/// A demo about to be shown.
pub(super) struct Play<'s> {
    /// What was asked for.
    pub(super) args: DemoArgs,
    /// Where.
    pub(super) scene: &'s Scene,
}

/// What was shown. The JSON of the command.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    /// Everything held.
    pub(super) held: bool,
    people: u64,
    csv_bytes: u64,
    segment_bytes: u64,
    bytes_per_person: f64,
    /// Seconds from the daemon's start to the first generation.
    first_generation_s: f64,
    rolls: Vec<Rolled>,
    /// The load test that ran meanwhile.
    pub(super) load: Report,
    /// The one with messages; none where nobody has a name.
    pub(super) matches: Option<Report>,
    /// What did not go as it should, in words.
    pub(super) problems: Vec<String>,
    /// What could not be taken away.
    pub(super) left_behind: Vec<String>,
}

/// One roll or roll back of the demo.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rolled {
    kind: &'static str,
    generation: u64,
    seconds: f64,
}

/// The files that are served in turns.
pub(super) struct People {
    /// What is served first.
    pub(super) first: PathBuf,
    second: Option<PathBuf>,
}

impl Play<'_> {
    /// Shows all steps but the last, which is whether anything is left.
    pub(super) fn run(self, screen: &mut Screen) -> Result<Shown, Failure> {
        let people = self.people(screen)?;
        let (status, first_generation_s) = self.daemon(screen, &people)?;
        let problems = self.look_up(screen, &people)?;
        let (load, rolls) = self.load(screen, &people)?;
        let matches = self.match_messages(screen, &people)?;
        screen.step("What it costs")?;
        screen.block(|out| load.memory(out))?;
        let mut shown = Shown {
            held: false,
            people: status.people,
            csv_bytes: status.csv_bytes,
            segment_bytes: status.segment_bytes,
            bytes_per_person: status.bytes_per_person,
            first_generation_s,
            rolls,
            load,
            matches,
            problems,
            left_behind: Vec::new(),
        };
        screen.line(&format!(
            "the CSV is {}; a copy of the segment in each of {} processes would be {}",
            bytes(shown.csv_bytes),
            self.args.clients + 1,
            bytes(shown.segment_bytes * u64::from(self.args.clients + 1)),
        ))?;
        shown.held = shown.claims().iter().all(|(_, held)| *held) && shown.problems.is_empty();
        Ok(shown)
    }

    fn people(&self, screen: &mut Screen) -> Result<People, Failure> {
        screen.step("People")?;
        if let Some(file) = &self.args.people_file {
            let first = std::path::absolute(file).map_err(Failure::usage)?;
            self.scene.serve(&first).map_err(no_place)?;
            screen.line(&format!("{}", first.display()))?;
            return Ok(People { first, second: None });
        }
        let files = ["monday.csv", "tuesday.csv"].map(|name| self.scene.path(name));
        for (revision, path) in (1..).zip(&files) {
            self.generate(revision, path)?;
        }
        self.scene.serve(&files[0]).map_err(no_place)?;
        let size = std::fs::metadata(&files[0]).map_err(no_place)?.len();
        screen.line(&format!(
            "{} who do not exist: {} of CSV, and the export of the day after,",
            number(self.args.people, "person", "people"),
            bytes(size)
        ))?;
        screen.line("in which every record differs, so that no mixture of the two goes unnoticed")?;
        let [first, second] = files;
        Ok(People { first, second: Some(second) })
    }

    fn generate(&self, revision: u32, path: &Path) -> Result<(), Failure> {
        let options = GenerateOptions {
            people: self.args.people,
            tenants: None,
            seed: 1,
            revision,
            difficulty: Difficulty::Realistic,
        };
        let bar = Bar::new(options.people, "people");
        let mut out = BufWriter::new(File::create(path).map_err(no_place)?);
        generate::people(&options, &mut out, &mut |rows| bar.set("generating", rows, options.people))
            .map_err(|error| match error {
                GenerateError::Write(error) => no_place(error),
                error => Failure::usage(error),
            })?;
        out.flush().map_err(no_place)
    }

    /// Starts the daemon and waits for its first generation.
    fn daemon(&self, screen: &mut Screen, people: &People) -> Result<(Status, f64), Failure> {
        screen.step("The daemon")?;
        let start = Instant::now();
        self.scene.start(self.args.tenant.clone()).map_err(no_place)?;
        let mut operator = Operator::new(&self.scene.place());
        let status = loop {
            if let Some(words) = self.scene.daemon_ended() {
                let words = format!("{} cannot be shown: {words}", people.first.display());
                // What was made up is accepted; a file of somebody's own may be what is wrong.
                return Err(match self.args.people_file {
                    Some(_) => Failure::usage(words),
                    None => Failure::refused(words),
                });
            }
            match operator.status() {
                Ok(status) if status.generation.is_some() => break status,
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
            if start.elapsed() >= START_PATIENCE {
                return Err(Failure::unavailable(format!(
                    "expected a generation within {} s, found none; is the machine out of memory?",
                    START_PATIENCE.as_secs()
                )));
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        screen.line(&format!(
            "loaded, built, frozen, verified and announced in {seconds:.2} s: {} in {}",
            number(status.people, "person", "people"),
            number(status.tenants, "tenant", "tenants"),
        ))?;
        screen.line(&format!(
            "one segment of {}, {:.0} bytes a person (the CSV has {}), {} of it in huge pages",
            bytes(status.segment_bytes),
            status.bytes_per_person,
            bytes(status.csv_bytes),
            bytes(status.huge_page_bytes)
        ))?;
        Ok((status, seconds))
    }

    /// A few look-ups as they are typed; what did not go as it should.
    fn look_up(&self, screen: &mut Screen, people: &People) -> Result<Vec<String>, Failure> {
        screen.step("Look-ups, as they are typed")?;
        let found = somebody(&people.first, SKIPPED).map_err(Failure::usage)?;
        let who = match found {
            Some(who) => Some(who),
            None => somebody(&people.first, 0).map_err(Failure::usage)?,
        };
        let Some(who) = who else {
            screen.line("nobody in this file has all of an alias, a given and a family name: no examples")?;
            return Ok(Vec::new());
        };
        let Somebody { tenant, email, alias, full_name } = &who;
        let nobody = format!("nobody.{email}");
        let commands: [(&[&str], i32); 4] = [
            (&["get", email], 0),
            (&["get", alias, "--json"], 0),
            (&["name", full_name, "--tenant", tenant], 0),
            (&["get", &nobody], 1),
        ];
        let mut problems = Vec::new();
        for (arguments, expected) in commands {
            problems.extend(self.type_command(screen, arguments, expected)?);
        }
        problems.extend(self.show_messages(screen, people, &who)?);
        Ok(problems)
    }

    /// Clients look up without pause while the data is exchanged under them.
    fn load(&self, screen: &mut Screen, people: &People) -> Result<(Report, Vec<Rolled>), Failure> {
        screen.step("Rolls under load")?;
        screen.line(&format!(
            "{} up without pause; meanwhile the data is exchanged {ROLLS} times and rolled back once",
            number(self.args.clients.into(), "process looks people", "processes look people"),
        ))?;
        let place = self.scene.place();
        let plan = Plan {
            place: place.clone(),
            ask: Ask::Get,
            keys: Keys::Csv {
                sides: std::iter::once(&people.first).chain(&people.second).cloned().collect(),
                tenant: self.args.tenant.clone(),
            },
            clients: self.args.clients,
            connections: 1,
            batch: 1,
            rate: None,
            hits: 0.5,
            until: Until::Told,
            rolls: Some(RollPlan {
                every: Duration::from_secs(self.args.seconds.into()) / u32::try_from(ROLLS + 1).unwrap_or(1),
                count: Some(ROLLS + 1),
            }),
        };
        let mut operator = Operator::new(&place);
        let mut rolls: Vec<Rolled> = Vec::new();
        let mut turn = 0;
        let report = run::run(&plan, &mut || {
            turn += 1;
            let rolled = if turn <= ROLLS {
                let next = people.second.as_ref().filter(|_| turn % 2 == 1).unwrap_or(&people.first);
                self.scene.serve(next).map_err(|error| error.to_string())?;
                roll(&mut operator, "roll")?
            } else {
                roll(&mut operator, "roll back")?
            };
            let moved = if rolled.kind == "roll" { ", all clients moved" } else { "" };
            let line = format!(
                "{:<9} → generation {:<3} {:>5.2} s{moved}",
                rolled.kind, rolled.generation, rolled.seconds
            );
            rolls.push(rolled);
            screen.line(&line).map_err(|error| error.to_string())
        })?;
        screen.line("")?;
        screen.block(|out| report.summary(out))?;
        Ok((report, rolls))
    }
}

/// One roll with all clients moved, or a roll back.
pub(super) fn roll(operator: &mut Operator, kind: &'static str) -> Result<Rolled, String> {
    let start = Instant::now();
    let rolled = operator.with(|control: &mut Control| match kind {
        "roll" => control.roll(RollUntil::Moved, ROLL_PATIENCE),
        _ => control.rollback(None),
    })?;
    Ok(Rolled { kind, generation: rolled.generation.0, seconds: start.elapsed().as_secs_f64() })
}

impl Shown {
    /// What a demo is to show, and whether it did.
    pub(super) fn claims(&self) -> Vec<(String, bool)> {
        let load = &self.load;
        let last = self.rolls.last().map(|rolled| rolled.generation);
        let ended_there = load.last_generations().all(|generation| generation == last);
        let mut claims = vec![
            (
                format!(
                    "{}, {} of them failed",
                    number(load.lookups(), "look-up", "look-ups"),
                    load.failures()
                ),
                load.lookups() > 0 && load.failures() == 0,
            ),
            (
                format!("{} answers equal the CSV in every column", crate::output::grouped(load.compared)),
                load.compared > 0 && load.verdict() == crate::load::report::Verdict::Held,
            ),
            (
                format!("{ROLLS} rolls and a roll back announced, every client followed"),
                load.rolls == ROLLS + 1 && load.rolls_failed == 0 && ended_there,
            ),
            (
                format!(
                    "one copy for {} processes: shares of it add up to {:.3} of its size",
                    load.clients + 1,
                    load.ratio
                ),
                load.ratio > 0.0 && load.ratio <= RATIO_MAX,
            ),
        ];
        claims.extend(self.matches.iter().flat_map(messages::claims));
        claims.push(("everything that was made is removed".to_owned(), self.left_behind.is_empty()));
        claims
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn no_place(error: io::Error) -> Failure {
    Failure::refused(format!("the demo cannot be set up: {error}; check free space in TMPDIR and /dev/shm"))
}
