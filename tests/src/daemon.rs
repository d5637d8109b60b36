//! A daemon of one's own, and what it leaves in shared memory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use persondb_protocol::{DatasetName, name::ShmObject};
use serde_json::Value;
use tempfile::TempDir;

use crate::programs::{Output, Programs, arguments};

/// Longest wait for a daemon to serve.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Everything a daemon needs, before it runs.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    name: DatasetName,
    people: PathBuf,
    flags: Vec<String>,
}

impl Setup {
    /// A dataset of its own with these people (a file to be read in place).
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(people: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", std::process::id());
        Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            name: DatasetName::new(&name).expect("digits and letters"),
            people: people.to_owned(),
            flags: Vec::new(),
        }
    }

    /// Adds flags of the daemon.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// Starts the daemon and waits until it serves.
    ///
    /// # Panics
    /// When it ends or takes too long.
    #[must_use]
    pub fn start(self) -> Daemon {
        let mut daemon = Daemon { setup: self, child: None };
        daemon.start();
        daemon
    }
}

/// A running daemon (or one that was killed and may be started again).
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    child: Option<Child>,
}

impl Daemon {
    /// Starts it again after [`Self::kill`] or [`Self::stop`], and waits until it serves.
    ///
    /// # Panics
    /// When it ends or takes too long.
    pub fn start(&mut self) {
        self.spawn();
        let started = Instant::now();
        while Output::of(&mut self.persondb(["status"])).status != 0 {
            let child = self.child.as_mut().expect("just spawned");
            if let Some(status) = child.try_wait().expect("child can be waited for") {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            assert!(started.elapsed() < START_LIMIT, "the daemon does not serve: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.path("log")).expect("log file");
        let mut command = Programs::get().persondbd();
        command
            .args(["--name", self.setup.name.as_str()])
            .arg("--people")
            .arg(&self.setup.people)
            .arg("--socket")
            .arg(self.socket())
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(&self.setup.flags)
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().expect("persondbd starts"));
    }

    /// The command-line program, pointed at this daemon.
    pub fn persondb<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = Programs::get().persondb();
        command.args(["--name", self.name()]).arg("--socket").arg(self.socket());
        arguments(&mut command, args);
        command
    }

    /// Runs the command-line program to its end.
    pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Output {
        Output::of(&mut self.persondb(args))
    }

    /// What `status --json` says.
    ///
    /// # Panics
    /// When the daemon does not serve.
    #[must_use]
    pub fn status(&self) -> Value {
        self.run(["status", "--json"]).ended_with(0).json().remove(0)
    }

    /// Dataset.
    #[must_use]
    pub fn name(&self) -> &str {
        self.setup.name.as_str()
    }

    /// Control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// A path in the daemon's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.folder.path().join(name)
    }

    /// What the daemon logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon runs");
    }

    /// Process of the daemon.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> Pid {
        let id = self.child.as_ref().expect("the daemon runs").id();
        Pid::from_raw(id.try_into().expect("process numbers are small"))
    }

    /// Kills it as the kernel would: no clean-up of its own.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().expect("child can be waited for");
        }
    }

    /// Asks it to stop and waits.
    ///
    /// # Panics
    /// When it ends in error.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_raw(child.id().try_into().expect("process numbers are small"));
            kill(pid, Signal::SIGTERM).expect("the daemon runs");
            let status = child.wait().expect("child can be waited for");
            assert!(status.success(), "the daemon ended with {status}: {}", self.log());
        }
    }

    /// File names of this dataset in shared memory.
    ///
    /// # Panics
    /// When `/dev/shm` cannot be listed.
    #[must_use]
    pub fn objects(&self) -> Vec<(String, ShmObject)> {
        let names = std::fs::read_dir("/dev/shm")
            .expect("/dev/shm")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut objects: Vec<_> =
            names.filter_map(|name| Some((name.clone(), self.setup.name.object(&name)?))).collect();
        objects.sort_by(|a, b| a.0.cmp(&b.0));
        objects
    }

    /// Number of segments in shared memory.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.objects().iter().filter(|(_, object)| matches!(object, ShmObject::Segment { .. })).count()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        for (name, _) in self.objects() {
            let _ = std::fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}
