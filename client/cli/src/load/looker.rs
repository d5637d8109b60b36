//! One thread that looks people up: the loop that is measured, and the checks beside it.
//!
//! A look-up's time runs from before the pin (of the first look-up of a batch) or before the question to
//! the answer, found people and all; in an open loop from when it was due. Choosing the key, counting and
//! checking are outside of it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use persondb_client::{Client, Lookup, People, Pin};
use persondb_protocol::Generation;
use persondb_protocol::answer::{Reason, Unavailable};

use super::book::Random;
use super::check::{PinCheck, Sides, sides_of};
use super::job::{Ask, LookJob, Tally, Until};
use super::keys::{Expected, KeptKey, Key, KeyReader};
use super::latency::Latencies;
use super::pace::{Pace, sleep_precisely, wait_until};

/// One of this many answers that can be compared with the CSV is.
const COMPARE_ONE_IN: usize = 16;
/// One of this many pins has its answers compared with each other.
const CHECK_ONE_PIN_IN: usize = 64;
/// A checked pin is held for a moment this often, so that rolls happen while it is held.
const HOLD_EVERY: Duration = Duration::from_millis(100);
/// For so long.
const HOLD_FOR: Duration = Duration::from_millis(1);
/// Look-ups after which a client's memory is looked at for comparison with the end.
pub(crate) const CHECKPOINT: u64 = 100_000;

/// Looks up until it is done.
#[derive(Debug)]
pub(crate) struct Looker<'j> {
    pub(super) job: &'j LookJob,
    pub(super) client: Client,
    pub(super) keys: KeyReader,
    pub(super) pace: Option<Pace>,
    random: Random,
    last_hold: Instant,
    /// A person of an earlier pin, to be asked for beside that of the pin.
    second: Option<KeptKey>,
    /// What it counted.
    pub(crate) tally: Tally,
    /// What it timed.
    pub(crate) latencies: Latencies,
}

impl<'j> Looker<'j> {
    /// A looker that begins now; `thread` of the client's connections.
    pub(crate) fn new(job: &'j LookJob, client: Client, keys: KeyReader, thread: u32) -> Self {
        let (thread, threads) = (f64::from(thread), f64::from(job.connections));
        let phase = (f64::from(job.client) + thread / threads) / f64::from(job.clients.max(1));
        let now = Instant::now();
        // Messages come one by one, look-ups as many together as go through one pin.
        let together = if job.ask == Ask::Match { 1.0 } else { f64::from(job.batch) };
        Self {
            job,
            client,
            keys,
            pace: job.rate.and_then(|rate| Pace::new(now, rate / threads / together, phase)),
            random: Random(u64::from(job.client)),
            last_hold: now,
            second: None,
            tally: Tally::default(),
            latencies: Latencies::new(),
        }
    }

    /// Looks up until the job is done or `stop` is set; `at_checkpoint` is called once, after
    /// [`CHECKPOINT`] look-ups.
    ///
    /// # Errors
    /// When the file of keys cannot be read.
    pub(crate) fn run(&mut self, stop: &AtomicBool, at_checkpoint: &mut dyn FnMut()) -> std::io::Result<()> {
        if self.pace.is_some() {
            sleep_precisely();
        }
        let start = Instant::now();
        let mut checkpoint = false;
        while !stop.load(Ordering::Relaxed) && !self.is_done(start) {
            self.batch()?;
            if !checkpoint && self.tally.lookups >= CHECKPOINT {
                checkpoint = true;
                at_checkpoint();
            }
        }
        Ok(())
    }

    fn is_done(&self, start: Instant) -> bool {
        match self.job.until {
            Until::Seconds(seconds) => start.elapsed().as_secs_f64() >= seconds,
            Until::Lookups(lookups) => self.tally.lookups >= lookups,
            Until::Told => false,
        }
    }

    /// Look-ups through one pin.
    fn batch(&mut self) -> std::io::Result<()> {
        let size = match self.job.until {
            Until::Lookups(lookups) => {
                let left = lookups - self.tally.lookups;
                u64::from(self.job.batch).min(left)
            }
            Until::Seconds(_) | Until::Told => u64::from(self.job.batch),
        };
        if self.job.ask == Ask::Match {
            return self.match_batch(size);
        }
        let checked = self.random.below(CHECK_ONE_PIN_IN) == 0;
        let mut check = PinCheck::new();
        let client = self.client.clone();
        let mut held_pin: Option<Pin> = None;
        for place in 0..size {
            let key = self.keys.next_key()?;
            let start = match &mut self.pace {
                // Those behind the first begin when the one before has its answer, as in a loop over addresses.
                Some(pace) if place == 0 => {
                    let due = pace.next_due();
                    wait_until(due);
                    due
                }
                _ => Instant::now(),
            };
            loop {
                let is_new = held_pin.is_none();
                let pin = match &held_pin {
                    Some(pin) => Ok(pin),
                    None => client.pin().map(|pin| &*held_pin.insert(pin)),
                };
                let lookup = match &pin {
                    Ok(pin) => std::hint::black_box(pin.get(key.address)),
                    Err(unavailable) => Lookup::Unavailable(unavailable.clone()),
                };
                if !is_new && pin.is_ok_and(|pin| has_ended(pin, &lookup)) {
                    drop(lookup);
                    held_pin = None;
                    check = PinCheck::new();
                    continue;
                }
                let took = start.elapsed();
                self.latencies.record(took);
                self.tally.lookups += 1;
                self.tally.total_ns = self.tally.total_ns.saturating_add(nanoseconds(took));
                let compare = key.is_compared() && (checked || self.random.below(COMPARE_ONE_IN) == 0);
                let sides = judge(self.job, &key, &lookup, compare, &mut self.tally);
                if checked {
                    note(&mut check, &lookup, sides);
                }
                break;
            }
        }
        if checked && let Some(pin) = &held_pin {
            self.ask_again(pin, &mut check)?;
        }
        Ok(())
    }

    /// Asks through the same pin for two people, twice each, with a pause in between now and then: all
    /// answers have to be of one generation and one data set.
    fn ask_again(&mut self, pin: &Pin, check: &mut PinCheck) -> std::io::Result<()> {
        let mut extra = Tally::default();
        let hold = self.pace.is_none() && self.last_hold.elapsed() >= HOLD_EVERY;
        for round in 0..2 {
            if round == 1 && hold {
                std::thread::sleep(HOLD_FOR);
                self.last_hold = Instant::now();
            }
            if let Some(second) = &self.second {
                let key = second.as_key();
                let lookup = pin.get(key.address);
                if has_ended(pin, &lookup) {
                    break;
                }
                let sides = judge(self.job, &key, &lookup, key.is_compared(), &mut extra);
                note(check, &lookup, sides);
            }
            let key = self.keys.next_key()?;
            let lookup = pin.get(key.address);
            if has_ended(pin, &lookup) {
                break;
            }
            let sides = judge(self.job, &key, &lookup, key.is_compared(), &mut extra);
            note(check, &lookup, sides);
            if key.is_compared() {
                self.second = Some(key.keep());
            }
        }
        self.tally.pins_checked += 1;
        if let Some(words) = check.mixed() {
            self.tally.mixed += 1;
            self.tally.example(|| words);
        }
        // These look-ups are not among those that were asked for, unless something is wrong with them.
        let Tally { unavailable, wrong, compared, reasons, examples, .. } = extra;
        let lookups = unavailable;
        self.tally.add(&Tally {
            lookups,
            unavailable,
            wrong,
            compared,
            reasons,
            examples,
            ..Tally::default()
        });
        Ok(())
    }
}

/// Counts an answer and says whether it is right; the sides it can come from.
fn judge(job: &LookJob, key: &Key<'_>, lookup: &Lookup<'_>, compare: bool, tally: &mut Tally) -> Sides {
    let answered = match lookup {
        Lookup::Found(people) => {
            tally.found += 1;
            (Expected::Found, people.generation())
        }
        Lookup::Absent(generation) => {
            tally.absent += 1;
            (Expected::Absent, *generation)
        }
        Lookup::Unavailable(unavailable) => {
            count_unavailable(unavailable, tally);
            return Sides::ANY;
        }
    };
    let (answer, Generation(generation)) = answered;
    tally.generations.insert(generation);
    if job.generation.is_some_and(|of_keys| of_keys != generation) {
        return Sides::ANY;
    }
    if answer != key.expected {
        tally.wrong += 1;
        tally.example(|| {
            format!("{} is {answer:?} in generation {generation}, expected {:?}", key.address, key.expected)
        });
        return Sides::ANY;
    }
    match lookup {
        Lookup::Found(people) if compare => {
            tally.compared += 1;
            match sides_of_people(people, key, &job.sides) {
                Ok(sides) if sides.is_none() => {
                    tally.wrong += 1;
                    tally.example(|| {
                        format!(
                            "{} in generation {generation}: none of {} people has the columns of the CSV",
                            key.address,
                            people.len()
                        )
                    });
                    Sides::ANY
                }
                Ok(sides) => sides,
                Err(unavailable) => {
                    tally.wrong += 1;
                    tally.example(|| format!("{}: {unavailable}", key.address));
                    Sides::ANY
                }
            }
        }
        _ => Sides::ANY,
    }
}

/// The sides in which one of these people has exactly the columns of the key's record.
fn sides_of_people(
    people: &People<'_>,
    key: &Key<'_>,
    headers: &[Vec<String>],
) -> Result<Sides, Unavailable> {
    let mut sides = Sides::NONE;
    for person in people {
        let columns: Vec<(Cow<'_, str>, Cow<'_, str>)> = person.columns().collect::<Result<_, _>>()?;
        sides = sides.or(sides_of(key, headers, &columns));
    }
    Ok(sides)
}

/// Whether a pin over the socket says that the daemon has gone on to another generation. It answers no
/// more then, rather than mix: its user takes a new one and asks again, and so does a look-up here, in the
/// same time. A mapped pin never ends.
fn has_ended(pin: &Pin, lookup: &Lookup<'_>) -> bool {
    matches!(lookup, Lookup::Unavailable(Unavailable { reason: Reason::NoGeneration, .. }))
        && pin.segment().is_none()
        && pin.generation().is_some()
}

fn note(check: &mut PinCheck, lookup: &Lookup<'_>, sides: Sides) {
    match lookup {
        Lookup::Found(people) => check.answer(people.generation().0, sides),
        Lookup::Absent(generation) => check.answer(generation.0, sides),
        Lookup::Unavailable(_) => {}
    }
}

pub(super) fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn count_unavailable(unavailable: &Unavailable, tally: &mut Tally) {
    tally.unavailable += 1;
    let reason = unavailable.reason.text();
    if let Some(count) = tally.reasons.get_mut(reason) {
        *count += 1;
    } else {
        tally.reasons.insert(reason.to_owned(), 1);
        tally.example(|| unavailable.to_string());
    }
}
