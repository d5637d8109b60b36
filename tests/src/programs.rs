//! Finding and running `persondb` and `persondbd`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Where the two programs are, built in the profile of the running test.
#[derive(Debug)]
pub struct Programs {
    folder: PathBuf,
}

/// What a program said.
#[derive(Debug)]
pub struct Output {
    /// Exit status; -1 when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Programs {
    /// Builds the programs once a test process (`cargo test` alone builds only a package's own) and says
    /// where they are.
    ///
    /// # Panics
    /// When cargo cannot build them.
    pub fn get() -> &'static Self {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| Self::build().expect("persondb and persondbd can be built"))
    }

    fn build() -> Result<Self> {
        // target/PROFILE/deps/test-123 → target/PROFILE
        let own = std::env::current_exe()?;
        let folder = own.parent().and_then(Path::parent).context("test program in deps")?.to_owned();
        let release = folder.ends_with("release");
        let mut cargo = Command::new(env!("CARGO"));
        // All packages and a test of one: with the features that `cargo test --workspace` compiled everything with, so that
        // nothing is compiled a second time.
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bins", "--test", "superblock"]);
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        cargo.env("CARGO_TARGET_DIR", folder.parent().context("target folder")?);
        if release {
            cargo.arg("--release");
        }
        let status = cargo.stdin(Stdio::null()).status().context("cargo")?;
        ensure!(status.success(), "cargo build ended with {status}");
        Ok(Self { folder })
    }

    /// The command-line program.
    #[must_use]
    pub fn persondb(&self) -> Command {
        self.command("persondb")
    }

    /// The daemon.
    #[must_use]
    pub fn persondbd(&self) -> Command {
        self.command("persondbd")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        for variable in ["PERSONDB_NAME", "PERSONDB_SOCKET", "PERSONDB_OWNER", "NOTIFY_SOCKET"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null());
        command
    }
}

impl Output {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("program starts");
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as JSON lines.
    ///
    /// # Panics
    /// When a line is no JSON.
    #[must_use]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The same, after checking the exit status.
    ///
    /// # Panics
    /// When the program ended otherwise.
    #[allow(
        clippy::must_use_candidate,
        clippy::return_self_not_must_use,
        reason = "often only the check is wanted"
    )]
    pub fn ended_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "standard error: {}\nstandard output: {}", self.err, self.out);
        self
    }
}

/// Arguments of any kind as one list.
pub(crate) fn arguments<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    command: &mut Command,
    all: I,
) -> &mut Command {
    command.args(all)
}
