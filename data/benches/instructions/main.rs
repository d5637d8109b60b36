//! Instructions of a look-up, of a decoded person, of a matched message and of a built row, compared with
//! `../instructions.toml`.
//!
//! ```text
//! cargo bench -p persondb-data --bench instructions              counts, compares, fails beyond 3 %
//! cargo bench -p persondb-data --bench instructions -- --write   counts, writes the new baseline
//! ```
//! Other arguments go to gungraun as they are. Callgrind counts, so a busy machine changes nothing; another
//! compiler does, and is then not compared. Needs valgrind and `gungraun-runner` of the crate's version:
//! `.ci/counts` gets both where it can.

mod baseline;
#[allow(unreachable_pub, clippy::unnecessary_wraps, reason = "gungraun's macros write such items")]
mod measured;
mod people;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use baseline::{Baseline, Comparison};

fn main() -> ExitCode {
    let (bench, arguments): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument == "--bench");
    let is_write = arguments == ["--write"];
    if !is_write && !arguments.is_empty() {
        measured::run();
        return ExitCode::SUCCESS;
    }
    // Cargo says --bench when it benches: `cargo test --benches` does not, and wants no minute of callgrind.
    if bench.is_empty() {
        return ExitCode::SUCCESS;
    }
    match count().and_then(|now| if is_write { write(&now) } else { compare(&now) }) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// This program again, as gungraun's harness.
fn count() -> Result<Baseline, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let counting = Command::new(program)
        .args(["--bench", "--output-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("gungraun's harness does not start: {error}"))?;
    if !counting.status.success() {
        return Err(format!("gungraun's harness ended with {}", counting.status));
    }
    Baseline::from_json_lines(&String::from_utf8_lossy(&counting.stdout), compiler()?)
}

fn compare(now: &Baseline) -> Result<ExitCode, String> {
    let path = path();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let was = Baseline::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let comparison = Comparison::new(&was, now);
    print!("{comparison}");
    Ok(if comparison.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(now: &Baseline) -> Result<ExitCode, String> {
    let path = path();
    std::fs::write(&path, now.to_toml()).map_err(|error| format!("{}: {error}", path.display()))?;
    print!("{}:\n{}", path.display(), now.to_toml());
    Ok(ExitCode::SUCCESS)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml")
}

/// The compiler, and for which processor: together they decide the instructions.
fn compiler() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    let version = String::from_utf8_lossy(&output.stdout);
    Ok(format!("{} {}", version.trim(), std::env::consts::ARCH))
}
