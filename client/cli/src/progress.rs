//! A progress bar on standard error: only on a terminal, and only for work that takes over a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use persondb_data::builder::{Phase, Progress};

/// Work shorter than this shows nothing.
const QUIET: Duration = Duration::from_secs(1);

/// A bar that shows itself when the work turns out to be long, and goes when it is dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
    started: Instant,
}

impl Bar {
    /// A bar over `total` things called `things`.
    pub(crate) fn new(total: u64, things: &str) -> Self {
        Self::with_counter(total, &format!("{{human_pos}} of {{human_len}} {things}"))
    }

    /// A bar over work in several parts, which are not counted in the same things.
    pub(crate) fn of_parts() -> Self {
        Self::with_counter(0, "{percent:>3} %")
    }

    fn with_counter(total: u64, counter: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(&format!("{{msg:10}} [{{bar:40}}] {counter}  {{elapsed}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar, started: Instant::now() }
    }

    /// `done` units of `total`, in the part of the work called `part`.
    pub(crate) fn set(&self, part: &'static str, done: u64, total: u64) {
        if self.bar.is_hidden() && self.started.elapsed() >= QUIET {
            // Stays hidden where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(part);
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Where a build stands.
    pub(crate) fn build(&self, progress: Progress) {
        let part = match progress.phase {
            Phase::Scan => "reading",
            Phase::Merge => "merging",
            Phase::Index => "indexing",
            Phase::Fill => "building",
            Phase::Finish => "finishing",
        };
        self.set(part, progress.done, progress.total);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
