//! The client processes of a load test, started and led from here.
//!
//! Each is this program again with a hidden argument. They are in process groups of their own, so that
//! Ctrl-C on a terminal reaches the parent alone; they end when the parent does, because their standard
//! input then ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::job::{Job, Order, Said};

/// First argument of a client process.
pub(crate) const CLIENT_ARGUMENT: &str = "__load-client";
/// Longest wait for a client to attach or to measure itself.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Client processes that do the same at the same time.
#[derive(Debug)]
pub(crate) struct Fleet {
    clients: Vec<ClientProcess>,
    events: Receiver<(usize, Event)>,
}

/// A client process that cannot be led any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    /// The system starts no process.
    #[error("client process cannot be started: {0}; check the limit on processes (ulimit -u) and memory")]
    Start(std::io::Error),
    /// It said why.
    #[error("client process {client}: {words}")]
    Failed {
        /// Number of the client.
        client: usize,
        /// Its words.
        words: String,
    },
    /// It ended without a word.
    #[error("client process {client} ended in the middle ({status}); its standard error may say why")]
    Ended {
        /// Number of the client.
        client: usize,
        /// How it ended.
        status: String,
    },
    /// It says nothing.
    #[error("client process {client} did not answer for {seconds} s; is the machine out of memory?")]
    Silent {
        /// Number of the client.
        client: usize,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It says what was not asked.
    #[error("client process {client} said {found} where {expected} was expected; is this another version?")]
    Confused {
        /// Number of the client.
        client: usize,
        /// What it said.
        found: String,
        /// What it should have said.
        expected: &'static str,
    },
}

#[derive(Debug)]
enum Event {
    Said(Box<Said>),
    Garbled(String),
    Ended,
}

#[derive(Debug)]
struct ClientProcess {
    child: Child,
    orders: Option<ChildStdin>,
}

impl Fleet {
    /// Starts one process a job.
    pub(crate) fn start(jobs: &[Job]) -> Result<Self, FleetError> {
        let (sender, events) = channel();
        let mut fleet = Self { clients: Vec::with_capacity(jobs.len()), events };
        for (index, job) in jobs.iter().enumerate() {
            fleet.clients.push(ClientProcess::start(index, job, &sender).map_err(FleetError::Start)?);
        }
        Ok(fleet)
    }

    /// Process numbers, in the order of the jobs.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.clients.iter().map(|client| client.child.id()).collect()
    }

    /// Gives all of them an order. One that has gone is found out when it is listened to.
    pub(crate) fn order(&mut self, order: Order) {
        for client in &mut self.clients {
            client.tell(&order);
        }
    }

    /// The next answer of any client that `pick` takes, with the client's number; `None` when none came
    /// before `deadline`. `expected` names the answer for the error message.
    ///
    /// # Errors
    /// When a client fails, ends, or says something that `pick` does not take.
    pub(crate) fn hear<T>(
        &mut self,
        deadline: Instant,
        expected: &'static str,
        pick: impl Fn(Said) -> Result<T, Box<Said>>,
    ) -> Result<Option<(usize, T)>, FleetError> {
        let wait = deadline.saturating_duration_since(Instant::now());
        let (client, event) = match self.events.recv_timeout(wait) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(None),
        };
        match event {
            Event::Said(said) => match *said {
                Said::Failed(words) => Err(FleetError::Failed { client, words }),
                said => match pick(said) {
                    Ok(picked) => Ok(Some((client, picked))),
                    Err(said) => {
                        Err(FleetError::Confused { client, found: format!("{said:.80?}"), expected })
                    }
                },
            },
            Event::Garbled(found) => Err(FleetError::Confused { client, found, expected }),
            Event::Ended => {
                let status = self.clients[client].child.wait();
                let status = status.map_or_else(|error| error.to_string(), |s: ExitStatus| s.to_string());
                Err(FleetError::Ended { client, status })
            }
        }
    }

    /// One answer of every client, in the order of the jobs.
    ///
    /// # Errors
    /// As [`hear`](Self::hear), and when one says nothing for `patience`.
    pub(crate) fn hear_all<T>(
        &mut self,
        patience: Duration,
        expected: &'static str,
        pick: impl Fn(Said) -> Result<T, Box<Said>>,
    ) -> Result<Vec<T>, FleetError> {
        let mut heard: Vec<Option<T>> = self.clients.iter().map(|_| None).collect();
        while let Some(client) = heard.iter().position(Option::is_none) {
            match self.hear(Instant::now() + patience, expected, &pick)? {
                Some((client, answer)) => heard[client] = Some(answer),
                None => return Err(FleetError::Silent { client, seconds: patience.as_secs() }),
            }
        }
        Ok(heard.into_iter().flatten().collect())
    }
}

impl ClientProcess {
    fn start(index: usize, job: &Job, events: &Sender<(usize, Event)>) -> std::io::Result<Self> {
        // The file that is running, also when its path was replaced by a newer one meanwhile.
        let mut child = Command::new("/proc/self/exe")
            .arg0("persondb")
            .arg(CLIENT_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let orders = child.stdin.take();
        if let Some(said) = child.stdout.take() {
            let events = events.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(said).lines() {
                    let Ok(line) = line else { break };
                    let event = match serde_json::from_str(&line) {
                        Ok(said) => Event::Said(Box::new(said)),
                        Err(_) => Event::Garbled(line),
                    };
                    if events.send((index, event)).is_err() {
                        return;
                    }
                }
                // Nobody listens any more once the fleet is gone, and then nobody needs to know.
                let _ = events.send((index, Event::Ended));
            });
        }
        let mut process = Self { child, orders };
        process.tell(job);
        Ok(process)
    }

    fn tell(&mut self, message: &impl serde::Serialize) {
        if let Some(orders) = &mut self.orders {
            let told = serde_json::to_writer(&mut *orders, message)
                .map_err(std::io::Error::from)
                .and_then(|()| orders.write_all(b"\n"))
                .and_then(|()| orders.flush());
            if told.is_err() {
                self.orders = None;
            }
        }
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        self.tell(&Order::End);
        self.orders = None;
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
