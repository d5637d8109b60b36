//! The table, as Markdown: it reads on a terminal and can be put into a README.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::figures::{Figure, Measured, Results};

/// All of it: where, the table, notes.
pub(crate) fn text(results: &Results) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "ns a look-up",
        "hit serialised",
        "hit stream",
        "miss serialised",
        "miss stream",
        "bytes a person",
        "build s",
    ]);
    for peer in &results.peers {
        table.add_row(cells(peer));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n\n{table}\n\n{}", heading(results), notes(results))
}

/// A number with groups of three digits; as many decimals as it takes for three digits in all.
pub(crate) fn short(number: f64) -> String {
    let text = match number {
        n if n < 9.995 => return format!("{n:.2}"),
        n if n < 99.95 => return format!("{n:.1}"),
        n => format!("{n:.0}"),
    };
    let mut grouped = String::new();
    for (at, digit) in text.char_indices() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn heading(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "{} people, {} bytes of CSV; {} look-ups, median of {} rounds (fastest to slowest), × hashbrown.\n\
         {}, {} cores, {} GiB, Linux {}; one thread, load average {:.1} (1 is this program).",
        short(count(results.people)),
        results.csv_bytes,
        short(f64::from(results.lookups)),
        results.rounds,
        machine.processor,
        machine.cores,
        machine.memory_bytes >> 30,
        machine.kernel,
        results.load_average,
    )
}

fn cells(peer: &Measured) -> Vec<String> {
    let mut cells = vec![peer.title.to_owned()];
    cells.extend(peer.figures.iter().map(cell));
    cells.push(peer.bytes_per_person.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.0}")));
    cells.push(peer.build_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}")));
    cells
}

fn cell(figure: &Figure) -> String {
    let ratio = figure.ratio.map(|ratio| format!(" · {}×", short(ratio))).unwrap_or_default();
    format!("{} ({}–{}){ratio}", short(figure.median_ns), short(figure.min_ns), short(figure.max_ns))
}

fn notes(results: &Results) -> String {
    let [serialised, stream] = results.loop_ns.map(short);
    let mut notes = format!(
        "The loops without a look-up: {serialised} ns serialised, {stream} ns stream; not subtracted.\n"
    );
    for peer in &results.peers {
        if let Some(note) = &peer.note {
            // A String takes all that is written.
            let _ = writeln!(notes, "{}: {note}.", peer.title);
        }
    }
    for skipped in &results.skipped {
        let _ = writeln!(notes, "skipped {}: {}.", skipped.name, skipped.why);
    }
    notes
}

#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{measured, results};

    #[test]
    fn numbers_have_three_digits_and_groups() {
        let all = [0.0, 1.005, 9.994, 9.996, 99.94, 99.96, 999.6, 1207.4, 58_100.0, 1e6];
        let short = all.map(short).join(" ");
        assert_eq!(short, "0.00 1.00 9.99 10.0 99.9 100 1,000 1,207 58,100 1,000,000");
    }

    #[test]
    fn the_table_has_a_line_for_each_peer_and_says_who_was_skipped() {
        let peers = vec![
            measured("hashbrown", &[1207.0, 447.0, 217.0, 80.0]),
            measured("other", &[603.5, 447.0, 868.0, 8.0]),
        ];
        let text = text(&results(peers));
        let line = text.lines().find(|line| line.starts_with("| other")).unwrap();
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells[2], "604 (543–724) · 0.50×");
        assert_eq!(cells[4], "868 (781–1,042) · 4.00×");
        assert_eq!(cells[6..8], ["261", "1.2"]);
        assert!(text.contains("1,000,000 people") && text.contains("skipped redis: no redis-server"));
    }
}
