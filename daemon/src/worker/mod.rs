//! The build, in a process of its own.
//!
//! A build needs more private memory than it makes of segment. In a child process all of it goes back to the
//! machine at the end, and an out-of-memory kill takes the child and not the daemon. The child is the same
//! program again (`/proc/self/exe` with [`CHILD_ARGUMENT`]), so any program that calls [`run_if_child`] first
//! thing in `main` can be the daemon. It gets one JSON [`Job`] on its standard input and answers with JSON
//! lines on its standard output: [`Message`]s.

mod child;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use crossbeam::channel::{Receiver, bounded};
use persondb_data::builder::Progress;
use persondb_data::input::InputSpec;
use persondb_protocol::Generation;
use serde::{Deserialize, Serialize};

pub use child::run_if_child;

/// First argument of the child.
pub const CHILD_ARGUMENT: &str = "__build";

/// What the child is to build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Dataset.
    pub name: String,
    /// Distinguishes the staging name.
    pub staging: u64,
    /// Number of the generation.
    pub generation: Generation,
    /// Files and how to read them.
    pub input: InputSpec,
    /// Boot-time nanoseconds at the start of the load.
    pub load_started_boot_ns: u64,
    /// Wall-time nanoseconds at the start of the load.
    pub built_at_wall_ns: u64,
    /// Digest of the configuration.
    pub config_digest: [u8; 16],
    /// Seed of the key hashes.
    pub hash_seed: u64,
    /// Parser threads.
    pub threads: usize,
    /// Where rejected rows go.
    pub rejects: Option<PathBuf>,
    /// Where the report goes, as JSON.
    pub report: Option<PathBuf>,
    /// Who may map the segment.
    pub mode: Access,
    /// Its group.
    pub group: Option<u32>,
    /// Niceness.
    pub nice: i32,
    /// Whether it takes only time that nobody else wants.
    pub idle: bool,
    /// Most memory in bytes, segment included.
    pub memory_max: Option<u64>,
    /// The daemon: a child that has another parent is an orphan and ends.
    pub parent: u32,
}

/// Who may map a segment, as the job says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// The group.
    Group,
    /// Everyone.
    Everyone,
}

/// A line from the child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Where the work stands.
    Progress(Progress),
    /// The segment is built and frozen under its staging name.
    Built(Counts),
    /// It is not.
    Failed {
        /// Why, in words.
        reason: String,
        /// Rows seen until then.
        counts: Counts,
    },
}

/// What came of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Warnings given.
    pub warnings: u64,
}

/// A running build. Dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// Lines of the child; disconnected once it has closed its end.
    pub messages: Receiver<Message>,
}

impl Worker {
    /// Starts the child and gives it its job.
    ///
    /// Call it from a thread that outlives the build: the kernel kills the child when the *thread* that
    /// started it ends.
    ///
    /// # Errors
    /// When no process can be made.
    pub fn start(job: &Job) -> std::io::Result<Self> {
        // Before there is a child: what has no JSON (a path that is no UTF-8) must not leave one behind.
        let job = serde_json::to_vec(job)?;
        let mut child = Command::new("/proc/self/exe")
            .arg(CHILD_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What speaks to the service manager is the daemon, and its sockets are not the child's.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("LISTEN_FDS")
            // Ctrl-C on the terminal is for the daemon, which ends the child in its own time.
            .process_group(0)
            .spawn()?;
        let mut input = child.stdin.take().expect("piped above");
        let output = child.stdout.take().expect("piped above");
        // A child that died already shows in its exit status, which says more than a broken pipe.
        let _ = input.write_all(&job);
        drop(input);
        let (sender, messages) = bounded(64);
        std::thread::Builder::new().name("build-output".into()).spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(message) => {
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%line, %error, "the build said something that is no message");
                    }
                }
            }
        })?;
        Ok(Self { child, messages })
    }

    /// Process of the child.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of a child that closed its output, and says in words how it ended when it did so
    /// without a word of its own.
    #[must_use]
    pub fn end(mut self) -> String {
        match self.child.wait() {
            Ok(status) => describe(status),
            Err(error) => format!("the build's end cannot be seen: {error}"),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only for a child that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn describe(status: ExitStatus) -> String {
    match status.signal() {
        Some(9) => "the build was killed (SIGKILL): most likely memory ran out; give the service more \
                    (MemoryMax= of the unit, the container's limit), or set --memory-max for a clear refusal"
            .into(),
        Some(6) => "the build aborted (SIGABRT): most likely it met --memory-max or a limit of the system; \
                    raise it, or load less"
            .into(),
        Some(7) => "the build died of SIGBUS: /dev/shm ran out of pages; enlarge it".into(),
        Some(signal) => format!("the build was ended by signal {signal}"),
        None => format!("the build ended without a result ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_killed_for_memory_is_told_in_words() {
        assert!(describe(ExitStatus::from_raw(9)).contains("memory ran out"));
        assert!(describe(ExitStatus::from_raw(1 << 8)).contains("without a result"));
    }

    #[test]
    fn messages_are_lines_that_come_back() {
        let message = Message::Failed { reason: "line 7:\n\"x\"".into(), counts: Counts::default() };
        let line = serde_json::to_string(&message).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Message>(&line).unwrap(), message);
    }
}
