//! This program as the demo's daemon: the same service as `persondbd`, and a clean-up at its end.
//!
//! It ends when its standard input does, so it never outlives the demo, however that ends. Then it removes
//! what it had in shared memory, and the demo's folder too if nobody is left who could.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use persondb_daemon::config::{Args, Config};
use persondb_daemon::{log, retention, service};
use persondb_protocol::DatasetName;
use serde::{Deserialize, Serialize};

/// First argument of the demo's daemon.
pub(super) const DAEMON_ARGUMENT: &str = "__demo-daemon";

/// What the daemon is to serve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Service {
    /// Dataset.
    pub(super) name: String,
    /// The demo's folder: everything is in it.
    pub(super) folder: PathBuf,
    /// Tenant of rows that name none.
    pub(super) tenant: Option<String>,
}

impl Service {
    /// The people file; what it is a link to changes.
    pub(super) fn people(&self) -> PathBuf {
        self.folder.join("people.csv")
    }

    /// The control socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Lock and state.
    pub(super) fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("persondb.toml")
    }

    /// The flags that an operator would give.
    fn args(&self) -> Args {
        Args {
            config: Some(self.config()),
            name: Some(self.name.clone()),
            people: vec![self.people()],
            tenant: self.tenant.clone(),
            socket: Some(self.socket()),
            state_dir: Some(self.state()),
            ..Args::default()
        }
    }
}

/// The whole life of the daemon.
pub(super) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("persondb demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let service: Service = serde_json::from_str(&line)?;
    let name = DatasetName::new(&service.name)?;
    // At the usual niceness a build beside clients that use every core takes ten times as long; here
    // somebody is watching.
    std::fs::write(service.config(), "nice = 0\n")?;
    let config = Config::resolve(&service.args())?;
    let parent = std::os::unix::process::parent_id();
    log::begin();
    end_with_standard_input();
    let served = service::run(config);
    let cleaned = retention::cleanup_in(&name, &service.state());
    if std::os::unix::process::parent_id() != parent {
        remove(&service.folder);
    }
    served?;
    cleaned?;
    Ok(())
}

/// Stops the service, by the signal that it stops by, once the other end of standard input is gone.
fn end_with_standard_input() {
    std::thread::spawn(|| {
        let mut rest = [0; 16];
        let mut input = io::stdin().lock();
        while input.read(&mut rest).is_ok_and(|size| size > 0) {}
        // It cannot fail: the signal exists and the process is this one.
        let _ = kill(getpid(), Signal::SIGTERM);
    });
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        eprintln!("persondb demo: {} stays: {error}", folder.display());
    }
}
