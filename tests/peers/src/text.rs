//! The table, as Markdown: it reads on a terminal and can be put into a README.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use crate::figures::{Figure, Measured, Results};
use crate::peer::{BATCH_SIZE, TIMED};

/// All of it: where, the table, notes.
pub(crate) fn text(results: &Results) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "ns a look-up",
        "hit serialised",
        "hit stream",
        "hit batch",
        "miss serialised",
        "miss stream",
        "miss batch",
        "hit, all columns",
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
        "{} people, {} bytes of CSV; {} look-ups, median of {} rounds (fastest to slowest), × hashbrown \
         in the same loop;\nbatches of {BATCH_SIZE}: × hashbrown's stream; all columns (serialised): × the peer's own \
         serialised hit.\n\
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
    let none = || "–".to_owned();
    cells.extend(TIMED.map(|(asked, looping)| peer.figure(asked, looping).map_or_else(none, cell)));
    cells.push(peer.bytes_per_person.map_or_else(none, |bytes| format!("{bytes:.0}")));
    cells.push(peer.build_seconds.map_or_else(none, |seconds| format!("{seconds:.1}")));
    cells
}

fn cell(figure: &Figure) -> String {
    let ratio = figure.ratio.map(|ratio| format!(" · {}×", short(ratio))).unwrap_or_default();
    format!("{} ({}–{}){ratio}", short(figure.median_ns), short(figure.min_ns), short(figure.max_ns))
}

fn notes(results: &Results) -> String {
    let [serialised, stream, batch] = results.loop_ns.map(short);
    let mut notes = format!(
        "The loops without a look-up: {serialised} ns serialised, {stream} ns stream, {batch} ns batch; not \
         subtracted.\n"
    );
    if let (Some(bytes), Some(ratio)) = (results.zstd_bytes, results.segment_to_zstd) {
        // A String takes all that is written, here and below.
        let _ =
            writeln!(notes, "PersonDB's segment: {}× `zstd -19` of the CSV ({bytes} bytes).", short(ratio));
    }
    for peer in &results.peers {
        if let Some(note) = &peer.note {
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
            measured("hashbrown", &[1207.0, 447.0, 460.0, 217.0, 80.0, 81.0]),
            measured("other", &[603.5, 447.0, 149.0, 868.0, 8.0, 8.0, 1207.0]),
        ];
        let mut results = results(peers);
        let without = text(&results);
        results.zstd_bytes = Some(87_000_000);
        results.segment_to_zstd = Some(3.0);
        let text = text(&results);
        let line = text.lines().find(|line| line.starts_with("| other")).unwrap();
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells[2], "604 (543–724) · 0.50×");
        assert_eq!(cells[4], "149 (134–179) · 0.33×", "over hashbrown's stream");
        assert_eq!(cells[5], "868 (781–1,042) · 4.00×");
        assert_eq!(cells[8..11], ["1,207 (1,086–1,448) · 2.00×", "261", "1.2"]);
        let columns = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split('|').nth(8).unwrap().trim().to_owned()
        };
        assert_eq!(columns("| hashbrown"), "–");
        assert!(text.contains("hashbrown's stream") && text.contains("3.00× `zstd -19`"));
        assert!(!without.contains("zstd"));
        assert!(text.contains("1,000,000 people") && text.contains("skipped redis: no redis-server"));
    }
}
