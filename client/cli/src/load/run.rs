//! One load test from its plan to its report: keys, clients, rolls, measurements.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use persondb_client::{Control, ControlError};
use persondb_data::input::InputError;
use persondb_protocol::DatasetName;
use persondb_protocol::control::RollUntil;
use persondb_protocol::name::NameError;

use super::client::{builder, path_of};
use super::csv;
use super::fleet::{Fleet, FleetError, PATIENCE};
use super::interrupt::Interrupt;
use super::job::{Ask, Job, KeysJob, LookJob, Order, Place, Ran, Said, Until};
use super::memory;
use super::report::{Circumstances, Client, DaemonReport, Report};
use super::roller::{RollPlan, Roller, Rolls};

/// Longest wait for one roll.
const ROLL_TIMEOUT: Duration = Duration::from_hours(1);
/// Longest wait for the keys of the live generation: everybody is iterated over.
const KEYS_PATIENCE: Duration = Duration::from_mins(10);
/// Look-ups go on for so long after the last roll, where the rolls decide when the test ends.
const AFTER_ROLLS: Duration = Duration::from_millis(500);
/// How often it is looked whether the test is to end early.
const GLANCE: Duration = Duration::from_millis(100);

/// A load test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Where the clients look.
    pub(crate) place: Place,
    /// What they ask for.
    pub(crate) ask: Ask,
    /// Where that comes from.
    pub(crate) keys: Keys,
    /// How many processes.
    pub(crate) clients: u32,
    /// Connections of each.
    pub(crate) connections: u32,
    /// Look-ups through one pin.
    pub(crate) batch: u32,
    /// Look-ups a second of each, in an open loop.
    pub(crate) rate: Option<f64>,
    /// Share that finds somebody.
    pub(crate) hits: f64,
    /// When they are done.
    pub(crate) until: Until,
    /// Rolls meanwhile.
    pub(crate) rolls: Option<RollPlan>,
}

/// Where keys come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Keys {
    /// From files, of which the daemon serves one at a time; answers are compared.
    Csv {
        /// The first gives the keys.
        sides: Vec<PathBuf>,
        /// Tenant of rows that name none.
        tenant: Option<String>,
    },
    /// From the generation that is served.
    Live,
}

/// A load test that could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// A CSV is refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Nothing to ask for.
    #[error(
        "there is nobody to ask for: expected at least one person with an address (and with --match a display name), in both files where there are two"
    )]
    NoKeys,
    /// No file for the keys.
    #[error("the keys cannot be written: {0}; check the free space of the temporary folder (TMPDIR)")]
    Io(#[from] io::Error),
    /// A client failed.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The dataset name cannot be used.
    #[error(transparent)]
    Place(#[from] NameError),
}

/// Runs the test. `roll` makes the daemon roll, where the plan wants that, and gives the reason when it
/// did not announce.
///
/// # Errors
/// When it could not be run to its end.
pub(crate) fn run(plan: &Plan, roll: &mut dyn FnMut() -> Result<(), String>) -> Result<Report, RunError> {
    let dataset = DatasetName::new(&plan.place.name)?;
    let file = tempfile::tempfile()?;
    let keys = path_of(&file);
    let (blocks, sides, generation) = match &plan.keys {
        Keys::Csv { sides, tenant } if plan.ask == Ask::Match => {
            // Names and addresses: the same on all sides.
            let first = sides.first().ok_or(RunError::NoKeys)?;
            let book = csv::read_messages(first, tenant.as_deref())?;
            (book.write(file.try_clone()?, plan.hits)?, Vec::new(), None)
        }
        Keys::Csv { sides, tenant } => {
            let (book, headers) = csv::read(sides, tenant.as_deref())?;
            (book.write(file.try_clone()?, plan.hits, &mut |_| true)?, headers, None)
        }
        Keys::Live => {
            let (blocks, generation) = live_keys(plan, keys.clone())?;
            (blocks, Vec::new(), Some(generation))
        }
    };
    if blocks == 0 {
        return Err(RunError::NoKeys);
    }
    let jobs: Vec<Job> = (0..plan.clients)
        .map(|client| {
            Job::Look(LookJob {
                ask: plan.ask,
                place: plan.place.clone(),
                keys: keys.clone(),
                blocks,
                generation,
                sides: sides.clone(),
                client,
                clients: plan.clients,
                connections: plan.connections,
                batch: plan.batch,
                rate: plan.rate,
                until: plan.until,
            })
        })
        .collect();

    let mut fleet = Fleet::start(&jobs)?;
    let before = fleet.hear_all(PATIENCE, "Ready", |said| match said {
        Said::Ready(usage) => Ok(usage),
        other => Err(Box::new(other)),
    })?;
    fleet.order(Order::Go);
    let (ran, rolls) = lead(&mut fleet, plan, roll)?;
    fleet.order(Order::Measure);
    let after = fleet.hear_all(PATIENCE, "Measured", |said| match said {
        Said::Measured { usage, generation } => Ok((usage, generation)),
        other => Err(Box::new(other)),
    })?;
    // The daemon is looked at while every client still has its mapping: shares depend on who shares.
    let (segment_bytes, daemon) = look_at_daemon(&plan.place, &dataset);

    let clients: Vec<Client> = fleet
        .pids()
        .into_iter()
        .zip(before)
        .zip(ran)
        .zip(after)
        .map(|(((pid, before), ran), (after, last_generation))| Client {
            pid,
            before,
            ran,
            after,
            last_generation,
        })
        .collect();
    let circumstances = Circumstances {
        name: plan.place.name.clone(),
        ask: plan.ask,
        via: plan.place.via,
        connections: plan.connections,
        batch: plan.batch,
        rate: plan.rate,
        segment_bytes,
        daemon,
        rolls,
    };
    Ok(Report::new(&clients, circumstances))
}

/// Waits for the clients to be done, and rolls meanwhile.
fn lead(
    fleet: &mut Fleet,
    plan: &Plan,
    roll: &mut dyn FnMut() -> Result<(), String>,
) -> Result<(Vec<Ran>, Rolls), RunError> {
    let start = Instant::now();
    let end = match plan.until {
        Until::Seconds(seconds) => Some(start + Duration::from_secs_f64(seconds) + PATIENCE),
        Until::Lookups(_) | Until::Told => None,
    };
    let mut roller = plan.rolls.map(Roller::new);
    let mut stop_at = None;
    let interrupt = Interrupt::watch()?;
    let mut given_up_at = None;
    let mut ran: Vec<Option<Ran>> = (0..plan.clients).map(|_| None).collect();
    while let Some(client) = ran.iter().position(Option::is_none) {
        let now = Instant::now();
        if interrupt.is_asked() && given_up_at.is_none() {
            given_up_at = Some(now + PATIENCE);
            fleet.order(Order::Stop);
        }
        let told = given_up_at.or(stop_at.map(|stop_at: Instant| stop_at + PATIENCE));
        if given_up_at.or(end).or(told).is_some_and(|end| now >= end) {
            return Err(FleetError::Silent { client, seconds: start.elapsed().as_secs() }.into());
        }
        let due = roller.as_ref().and_then(Roller::due).filter(|_| given_up_at.is_none());
        if due.is_none() && plan.until == Until::Told {
            let stop_at = *stop_at.get_or_insert(now + AFTER_ROLLS);
            if now >= stop_at {
                fleet.order(Order::Stop);
            }
        }
        let stop = stop_at.filter(|&at| at > now);
        let wake = [due, end, stop, told, Some(now + GLANCE)].into_iter().flatten().min();
        let heard = fleet.hear(wake.unwrap_or(now + GLANCE), "Ran", |said| match said {
            Said::Ran(ran) => Ok(*ran),
            other => Err(Box::new(other)),
        })?;
        match (heard, &mut roller) {
            (Some((client, done)), _) => ran[client] = Some(done),
            (None, Some(roller)) if due.is_some_and(|due| Instant::now() >= due) => roller.roll(roll),
            (None, _) => {}
        }
    }
    Ok((ran.into_iter().flatten().collect(), roller.map(Roller::finish).unwrap_or_default()))
}

/// Keys of the live generation, made by a process of its own.
fn live_keys(plan: &Plan, keys: PathBuf) -> Result<(u64, u64), RunError> {
    let job = KeysJob { ask: plan.ask, place: plan.place.clone(), keys, hits: plan.hits };
    let mut fleet = Fleet::start(&[Job::Keys(job)])?;
    let made = fleet.hear_all(KEYS_PATIENCE, "Keys", |said| match said {
        Said::Keys { blocks, generation } => Ok((blocks, generation)),
        other => Err(Box::new(other)),
    })?;
    Ok(made.into_iter().next().unwrap_or_default())
}

/// Size of the current segments, and what the daemon costs; as far as there is one and it may be seen.
fn look_at_daemon(place: &Place, dataset: &DatasetName) -> (Option<u64>, Option<DaemonReport>) {
    let Ok(status) = Operator::new(place).status() else { return (None, None) };
    let usage = memory::of_other(status.daemon_pid, dataset).ok();
    let daemon = usage.map(|usage| DaemonReport { pid: status.daemon_pid, usage });
    (Some(status.segment_bytes), daemon)
}

/// A control connection that is made when it is first wanted, and again after it broke.
#[derive(Debug)]
pub(crate) struct Operator {
    place: Place,
    control: Option<Control>,
}

impl Operator {
    /// Not connected yet.
    pub(crate) fn new(place: &Place) -> Self {
        Self { place: place.clone(), control: None }
    }

    /// One roll that is announced, or why it was not.
    pub(crate) fn roll(&mut self) -> Result<(), String> {
        self.with(|control| control.roll(RollUntil::Announced, ROLL_TIMEOUT).map(|_| ()))
    }

    /// The daemon's state.
    pub(crate) fn status(&mut self) -> Result<persondb_protocol::status::Status, String> {
        self.with(Control::status)
    }

    /// Uses the connection.
    pub(crate) fn with<T>(
        &mut self,
        command: impl FnOnce(&mut Control) -> Result<T, ControlError>,
    ) -> Result<T, String> {
        let mut control = if let Some(control) = self.control.take() {
            control
        } else {
            let builder = builder(&self.place).map_err(|error| error.to_string())?;
            builder.control().map_err(|error| error.to_string())?
        };
        let outcome = command(&mut control);
        if matches!(outcome, Ok(_) | Err(ControlError::Refused(_))) {
            self.control = Some(control);
        }
        outcome.map_err(|error| error.to_string())
    }
}
