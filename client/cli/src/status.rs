//! `status`: what the daemon serves. JSON is the protocol's [`Status`] as it is; text is one fact a line.

use persondb_protocol::status::{CycleReport, Status};

use crate::args::Globals;
use crate::exit::{Exit, Failure, complain};
use crate::operate::{connect, question};
use crate::output::{Output, Plain, grouped};

/// `persondb status`.
pub(crate) fn run(globals: &Globals) -> Result<Exit, Failure> {
    let status = connect(globals)?.status().map_err(question)?;
    Output::stdout(globals.format()).put(&status, || text(&status))?;
    if status.generation.is_some() {
        return Ok(Exit::Done);
    }
    let why = match status.last_cycle.as_ref().and_then(|cycle| cycle.reason.as_deref()) {
        Some(reason) => format!("; the last cycle failed: {reason}"),
        None => String::new(),
    };
    complain(&format!(
        "expected a generation of dataset {} to be served, found a daemon (pid {}) without one{why}",
        globals.name, status.daemon_pid
    ));
    Ok(Exit::Unavailable)
}

fn text(status: &Status) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    let mut line = |key, value: String| lines.push((key, value));
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    line("dataset", status.name.clone());
    line("generation", or_none(status.generation.map(|generation| generation.to_string())));
    line("people", format!("{} in {} tenants", grouped(status.people), grouped(status.tenants)));
    line(
        "segment",
        format!(
            "{} bytes, {:.1} a person, {} of it in huge pages",
            grouped(status.segment_bytes),
            status.bytes_per_person,
            grouped(status.huge_page_bytes)
        ),
    );
    line("csv", format!("{} bytes", grouped(status.csv_bytes)));
    for input in &status.inputs {
        line("input", format!("{} ({} bytes)", Plain(&input.path), grouped(input.bytes)));
    }
    line("announced at", or_none(status.announced_at.clone()));
    line("data age", or_none(status.data_age_s.map(span)));
    line("last cycle", or_none(status.last_cycle.as_ref().map(cycle)));
    line("held", if status.held { "yes: `persondb release` allows announcements" } else { "no" }.to_owned());
    let retained: Vec<String> = status
        .retained
        .iter()
        .map(|one| format!("{} ({} bytes)", one.generation, grouped(one.bytes)))
        .collect();
    line("retained", or_none((!retained.is_empty()).then(|| retained.join(", "))));
    line(
        "clients",
        format!("{}, {} queries over the socket", grouped(status.clients), grouped(status.socket_queries)),
    );
    line("retired, still held", format!("{} bytes", grouped(status.retired_bytes_held)));
    let adopted = if status.adopted { ", took over its generation without loading" } else { "" };
    line("daemon", format!("pid {}, up {}{adopted}", status.daemon_pid, span(status.uptime_s)));
    line("versions", format!("layout {}, norm {}", status.layout_version, status.norm_version));
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let lines: Vec<_> = lines.iter().map(|(key, value)| format!("{key:width$}  {value}")).collect();
    lines.join("\n") + "\n"
}

fn cycle(cycle: &CycleReport) -> String {
    let reason = cycle.reason.as_ref().map_or_else(String::new, |reason| format!("; {}", Plain(reason)));
    format!(
        "{} in {:.1} s: {} rows, {} rejected, {} warnings{reason}",
        Plain(&cycle.result),
        cycle.seconds,
        grouped(cycle.rows),
        grouped(cycle.rejected),
        grouped(cycle.warnings)
    )
}

/// Seconds for people: the two largest units.
fn span(seconds: f64) -> String {
    // A negative or overlong age is nobody's: the cast saturates.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = seconds as u64;
    match (whole / 86400, whole / 3600 % 24, whole / 60 % 60) {
        (0, 0, 0) => format!("{seconds:.1} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", whole % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use persondb_protocol::Generation;

    use super::*;

    #[test]
    fn a_failed_cycle_shows_its_reason_and_a_missing_generation_is_none() {
        let failed =
            CycleReport { result: "failed".into(), reason: Some("a\nb".into()), ..CycleReport::default() };
        let status = Status { name: "eu".into(), last_cycle: Some(failed), ..Status::default() };
        let shown = text(&status);
        assert!(shown.contains("generation           none\n"), "{shown}");
        assert!(shown.contains("0 warnings; a\\nb\n"), "{shown}");
        let served = text(&Status { generation: Some(Generation(7)), ..status });
        assert!(served.contains("generation           7\n"), "{served}");
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        for (seconds, shown) in [
            (0.25, "0.2 s"),
            (59.9, "59.9 s"),
            (61.0, "1 min 1 s"),
            (7260.0, "2 h 1 min"),
            (90000.0, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), shown);
        }
    }
}
