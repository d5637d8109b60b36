//! `persondbd`: flags in, daemon out. Everything else is in the library.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use persondb_daemon::check::check;
use persondb_daemon::config::{Args, Config};
use persondb_daemon::{log, service, worker};

/// Wrong usage or configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if let Some(end) = worker::run_if_child() {
        return end;
    }
    let args = Args::parse();
    match run(&args) {
        Ok(end) => end,
        Err(error) => {
            tracing::error!("{error:#}");
            // The journal has it from the line above, and a terminal too; `--check-config` does not log.
            if args.check_config {
                eprintln!("persondbd: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if args.man {
        clap_mangen::Man::new(Args::command()).render(&mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(shell) = args.completions {
        clap_complete::generate(shell, &mut Args::command(), "persondbd", &mut out);
        return Ok(ExitCode::SUCCESS);
    }
    let config = match Config::resolve(args) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("persondbd: {error}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    if !args.check_config {
        drop(out);
        log::begin();
        return service::run(config).map(|()| ExitCode::SUCCESS);
    }
    let check = check(&config);
    if args.json {
        serde_json::to_writer(&mut out, &check)?;
        writeln!(out)?;
    } else {
        for (key, value) in &check.understood {
            writeln!(out, "{key:28} {value}")?;
        }
        for problem in &check.problems {
            eprintln!("persondbd: {problem}");
        }
    }
    Ok(if check.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
}
