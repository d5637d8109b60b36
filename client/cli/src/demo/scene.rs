//! What a demo makes, in one place, so that all of it can be taken away: a private folder, a daemon, and
//! what that has in shared memory.
//!
//! It is taken away at the end, after a failure, and on Ctrl-C (a thread of its own waits for that). Should
//! the demo be killed outright, its daemon notices and does the same.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use persondb_daemon::retention;
use persondb_protocol::DatasetName;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::daemon::{DAEMON_ARGUMENT, Service};
use crate::load::job::{Place, Route};

/// Longest wait for the daemon to end by itself.
const END_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of the daemon's log that are shown when it failed.
const LOG_LINES_SHOWN: usize = 8;

/// Everything that a demo made.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    name: DatasetName,
    folder: PathBuf,
    daemon: Arc<Mutex<Stage>>,
}

#[derive(Debug)]
enum Stage {
    Empty,
    Daemon(Box<Running>),
    TakenAway(Vec<String>),
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// The daemon ends when this does.
    orders: Option<ChildStdin>,
}

impl Scene {
    /// An empty scene that will be taken away also when the demo is interrupted.
    pub(super) fn set() -> io::Result<Self> {
        let name = DatasetName::new(&format!("demo-{}", std::process::id())).map_err(io::Error::other)?;
        let folder = tempfile::Builder::new().prefix("persondb-demo-").tempdir()?.keep();
        let scene = Self { name, folder, daemon: Arc::new(Mutex::new(Stage::Empty)) };
        let interrupted = scene.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let left = interrupted.take_away();
                let _ = writeln!(io::stderr(), "\ninterrupted; everything that was made is removed");
                for name in left {
                    let _ = writeln!(io::stderr(), "left behind: {name}");
                }
                std::process::exit(128 + signal);
            }
        });
        Ok(scene)
    }

    /// Path of a file in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes the daemon's people file another one, at once.
    pub(super) fn serve(&self, people: &Path) -> io::Result<()> {
        let (link, new) = (self.service(None).people(), self.path("people.new"));
        std::os::unix::fs::symlink(people, &new)?;
        std::fs::rename(new, link)
    }

    /// Starts the daemon.
    pub(super) fn start(&self, tenant: Option<String>) -> io::Result<()> {
        let mut stage = self.stage();
        if !matches!(*stage, Stage::Empty) {
            return Err(io::Error::other("the demo was interrupted"));
        }
        let mut child = Command::new("/proc/self/exe")
            .arg0("persondb")
            .arg(DAEMON_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(self.log())?)
            .process_group(0)
            .spawn()?;
        let mut orders = child.stdin.take();
        if let Some(orders) = &mut orders {
            serde_json::to_writer(&mut *orders, &self.service(tenant))?;
            orders.write_all(b"\n")?;
        }
        *stage = Stage::Daemon(Box::new(Running { child, orders }));
        Ok(())
    }

    /// How the daemon ended, with the end of its log; `None` while it runs.
    pub(super) fn daemon_ended(&self) -> Option<String> {
        let mut stage = self.stage();
        let Stage::Daemon(running) = &mut *stage else { return Some("the demo was interrupted".into()) };
        let status = running.child.try_wait().ok()??;
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n  ");
        Some(format!("the daemon ended ({status}):\n  {shown}"))
    }

    /// Where clients find the daemon.
    pub(super) fn place(&self) -> Place {
        Place {
            name: self.name.as_str().to_owned(),
            socket: Some(self.service(None).socket()),
            owner: None,
            via: Route::Map,
        }
    }

    /// Runs this program as a person would type it, for this dataset.
    pub(super) fn type_command(&self, arguments: &[&str]) -> io::Result<Output> {
        Command::new("/proc/self/exe")
            .arg0("persondb")
            .args(arguments)
            .env("PERSONDB_NAME", self.name.as_str())
            .env("PERSONDB_SOCKET", self.service(None).socket())
            .env_remove("PERSONDB_OWNER")
            .stdin(Stdio::null())
            .output()
    }

    /// Takes everything away; what is left all the same. A second call waits for the first.
    pub(super) fn take_away(&self) -> Vec<String> {
        let mut stage = self.stage();
        if let Stage::TakenAway(left) = &*stage {
            return left.clone();
        }
        if let Stage::Daemon(running) = &mut *stage
            && !running.end()
        {
            // It was killed before it could clean up after itself.
            let _ = retention::cleanup_in(&self.name, &self.service(None).state());
        }
        let mut left: Vec<String> = match persondb_shm::list(&self.name) {
            Ok(objects) => objects.iter().map(|object| format!("/dev/shm{}", object.name)).collect(),
            Err(error) => vec![format!("/dev/shm cannot be read: {error}")],
        };
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            left.push(format!("{}: {error}", self.folder.display()));
        }
        *stage = Stage::TakenAway(left.clone());
        left
    }

    fn service(&self, tenant: Option<String>) -> Service {
        Service { name: self.name.as_str().to_owned(), folder: self.folder.clone(), tenant }
    }

    fn log(&self) -> PathBuf {
        self.path("daemon.log")
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // What a panic left half done is still what has to be taken away.
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Has the daemon end; false when it had to be killed.
    fn end(&mut self) -> bool {
        self.orders = None;
        let deadline = Instant::now() + END_PATIENCE;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(_) => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        false
    }
}
