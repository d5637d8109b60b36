//! Where the daemon's words go: journal fields when standard error is the journal, else lines on standard
//! error, coloured on a terminal only.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Environment variable with the filter, such as `debug` or `persondb_daemon=trace`.
pub const FILTER: &str = "PERSONDB_LOG";

/// Begins logging. A second call in one process changes nothing.
pub fn begin() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    // JOURNAL_STREAM is set by systemd for what it connected; without the socket, lines are still readable.
    if std::env::var_os("JOURNAL_STREAM").is_some()
        && !stderr().is_terminal()
        && let Ok(journal) = tracing_journald::layer()
    {
        let _ = registry.with(journal.with_syslog_identifier("persondbd".into())).try_init();
        return;
    }
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(colours).with_target(false);
    let _ = registry.with(lines).try_init();
}
