//! The chart: four panels, one for each loop, a bar for each peer on a logarithmic scale.
//!
//! Written by hand, because it is little and because it has to be readable on a light page and on a dark
//! one: no background, text in a grey that has contrast on both.

use std::fmt::Write;

use crate::figures::{Figure, Measured, Results};
use crate::peer::{Asked, Looping, TIMED};
use crate::text::short;

const WIDTH: f64 = 960.0;
const HEADER_HEIGHT: f64 = 46.0;
const PANEL_TITLE_HEIGHT: f64 = 42.0;
const BAR_HEIGHT: f64 = 20.0;
/// Room for the names at the left and for the figures at the right of a bar.
const NAMES_WIDTH: f64 = 200.0;
const FIGURES_WIDTH: f64 = 150.0;

/// On white and on black each of them has a contrast of at least 3 : 1, the text of 4.5 : 1.
const TEXT: &str = "#767676";
const GRID: &str = "#8888884d";
const BASELINE_BAR: &str = "#4a9a68";
const PERSONDB_BAR: &str = "#e0701e";
const PEER_BAR: &str = "#4a86c8";

/// The chart as an SVG file.
pub(crate) fn svg(results: &Results) -> String {
    let peers = &results.peers;
    let panel_height = PANEL_TITLE_HEIGHT + BAR_HEIGHT * count(peers.len()) + 14.0;
    let height = HEADER_HEIGHT + panel_height * count(TIMED.len());
    let mut out = String::new();
    // A String takes all that is written: results of `write!` into it are never errors.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{TEXT}\" role=\"img\">\n\
         <title>Nanoseconds of a look-up</title>\n\
         <text x=\"0\" y=\"18\" font-size=\"15\" font-weight=\"600\">Nanoseconds of a look-up among {} people</text>\n\
         <text x=\"0\" y=\"36\">{}, {} cores; logarithmic; median of {} rounds with fastest and slowest; × hashbrown</text>\n",
        short(count(results.people)),
        escaped(&results.machine.processor),
        results.machine.cores,
        results.rounds,
    );
    let scale = Scale::of(peers);
    for (place, &(asked, looping)) in TIMED.iter().enumerate() {
        let top = HEADER_HEIGHT + panel_height * count(place);
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{:.0}\" font-weight=\"600\">{}</text>",
            top + 20.0,
            title(asked, looping)
        );
        grid(&mut out, &scale, top + PANEL_TITLE_HEIGHT, BAR_HEIGHT * count(peers.len()));
        for (line, peer) in peers.iter().enumerate() {
            let y = top + PANEL_TITLE_HEIGHT + BAR_HEIGHT * count(line);
            if let Some(figure) = peer.figures.get(place) {
                bar(&mut out, &scale, y, peer, figure);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Nanoseconds to places, equal for all panels, so that they can be compared.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    /// Whole powers of ten around all times.
    #[expect(clippy::cast_possible_truncation, reason = "logarithms of times are small")]
    fn of(peers: &[Measured]) -> Self {
        let all = || peers.iter().flat_map(|peer| &peer.figures);
        let low = all().map(|figure| figure.min_ns).fold(f64::INFINITY, f64::min);
        let high = all().map(|figure| figure.max_ns).fold(0.0, f64::max);
        let power = |ns: f64| ns.max(1.0).log10();
        let low = if low.is_finite() { power(low).floor() as i32 } else { 0 };
        Self { low, high: (power(high).ceil() as i32).max(low + 1) }
    }

    fn x(&self, ns: f64) -> f64 {
        let width = WIDTH - NAMES_WIDTH - FIGURES_WIDTH;
        let part = (ns.max(1.0).log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        NAMES_WIDTH + width * part.clamp(0.0, 1.0)
    }
}

/// A line at each power of ten, named below.
fn grid(out: &mut String, scale: &Scale, top: f64, height: f64) {
    for power in scale.low..=scale.high {
        let ns = 10_f64.powi(power);
        let x = scale.x(ns);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {top:.0}v{height:.0}\" stroke=\"{GRID}\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" font-size=\"10\" text-anchor=\"middle\">{}</text>",
            top - 3.0,
            match power {
                ..3 => format!("{ns:.0} ns"),
                3..6 => format!("{:.0} µs", ns / 1e3),
                6.. => format!("{:.0} ms", ns / 1e6),
            }
        );
    }
}

fn bar(out: &mut String, scale: &Scale, y: f64, peer: &Measured, figure: &Figure) {
    let colour = match peer.name {
        "hashbrown" => BASELINE_BAR,
        name if name.starts_with("persondb") => PERSONDB_BAR,
        _ => PEER_BAR,
    };
    let (start, end, middle) = (NAMES_WIDTH, scale.x(figure.median_ns), y + BAR_HEIGHT / 2.0);
    let (fastest, slowest) = (scale.x(figure.min_ns), scale.x(figure.max_ns));
    let ratio = figure.ratio.map(|ratio| format!(" · {}×", short(ratio))).unwrap_or_default();
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.1}\" font-size=\"12\" text-anchor=\"end\">{}</text>\
         <rect x=\"{start:.0}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.0}\" rx=\"2\" fill=\"{colour}\"/>\
         <path d=\"M{fastest:.1} {middle:.1}H{slowest:.1}\" stroke=\"{TEXT}\" stroke-width=\"2\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{} ns{ratio}</text>",
        start - 6.0,
        middle + 4.0,
        escaped(peer.title),
        y + 3.0,
        (end - start).max(1.0),
        BAR_HEIGHT - 6.0,
        end.max(slowest) + 6.0,
        middle + 4.0,
        short(figure.median_ns),
    );
}

fn title(asked: Asked, looping: Looping) -> &'static str {
    match (asked, looping) {
        (Asked::Hit, Looping::Serialised) => "hit, serialised: each look-up waits for the one before",
        (Asked::Hit, Looping::Stream) => "hit, stream: the processor overlaps look-ups",
        (Asked::Miss, Looping::Serialised) => "miss, serialised",
        (Asked::Miss, Looping::Stream) => "miss, stream",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
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
    fn every_peer_has_a_bar_in_every_panel() {
        let peers = vec![
            measured("hashbrown", &[1207.0, 447.0, 217.0, 80.0]),
            measured("a<b", &[60e3, 1.0, 0.0, 5.0]),
        ];
        let svg = svg(&results(peers));
        assert_eq!(svg.matches("<rect").count(), 8);
        assert_eq!(svg.matches("a&lt;b").count(), 4, "names are escaped");
        assert!(svg.contains("1,207 ns · 1.00×") && svg.contains("100 µs"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn ten_times_the_time_is_the_same_way_to_the_right_everywhere() {
        let scale = Scale::of(&[measured("a", &[20.0, 3000.0])]);
        let step = scale.x(100.0) - scale.x(10.0);
        assert!((scale.x(1000.0) - scale.x(100.0) - step).abs() < 1e-6 && step > 50.0);
        assert!(scale.x(f64::MAX) <= WIDTH - FIGURES_WIDTH);
    }

    #[test]
    fn a_chart_of_nothing_is_a_chart() {
        let svg = svg(&results(Vec::new()));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("inf"));
    }
}
