//! The chart: four panels, one for each of [`SHOWN`], a bar for each peer on a logarithmic scale.
//!
//! Written by hand, because it is little and because it has to be readable on a light page and on a dark
//! one: it brings its own background, and colours for both. A page that is darker or lighter than the reader's
//! system says still has text with contrast.

use std::fmt::Write;

use crate::figures::{Figure, Measured, Results};
use crate::peer::{Asked, BATCH_SIZE, Looping};
use crate::text::short;

pub(crate) const WIDTH: f64 = 960.0;
/// Between the border and everything else.
const MARGIN: f64 = 16.0;
const HEADER_HEIGHT: f64 = 58.0;
const PANEL_TITLE_HEIGHT: f64 = 42.0;
const BAR_HEIGHT: f64 = 20.0;
/// Room for the names at the left and for the figures at the right of a bar.
const NAMES_WIDTH: f64 = 216.0;
const FIGURES_WIDTH: f64 = 160.0;

/// What the figures are read for; the others stand in the table.
const SHOWN: [(Asked, Looping); 4] = [
    (Asked::Hit, Looping::Serialised),
    (Asked::Hit, Looping::Stream),
    (Asked::Hit, Looping::Batch),
    (Asked::Miss, Looping::Serialised),
];

/// On its background each bar has a contrast of at least 3 : 1, and text of more than 7 : 1. Who knows no
/// style sheets sees the attributes: a light chart.
const STYLE: &str = "<style>\
    .page{fill:#fff;stroke:#d0d7de}text{fill:#24292f}.grid{stroke:#d0d7de}.spread{stroke:#24292f}\
    .baseline{fill:#2f8f57}.persondb{fill:#d4600f}.peer{fill:#3b78bd}\
    @media(prefers-color-scheme:dark){\
    .page{fill:#0d1117;stroke:#30363d}text{fill:#e6edf3}.grid{stroke:#30363d}.spread{stroke:#e6edf3}\
    .baseline{fill:#3fa66a}.persondb{fill:#ec7a2c}.peer{fill:#4f8fd6}}\
    </style>\n";

/// The page that a chart begins with: its title, and how it was measured.
pub(crate) fn page(results: &Results, height: f64, title: &str, said: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#24292f\" role=\"img\">\n\
         <title>{title}</title>\n{STYLE}\
         <rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"15\" font-weight=\"600\">{title} among {} people</text>\n\
         <text x=\"{MARGIN}\" y=\"48\">{}, {} cores; {said}</text>\n",
        WIDTH - 1.0,
        height - 1.0,
        short(count(results.people)),
        escaped(&results.machine.processor),
        results.machine.cores,
    )
}

/// The chart as an SVG file.
pub(crate) fn svg(results: &Results) -> String {
    let peers = &results.peers;
    let panel_height = PANEL_TITLE_HEIGHT + BAR_HEIGHT * count(peers.len()) + 14.0;
    let height = HEADER_HEIGHT + panel_height * count(SHOWN.len()) + 4.0;
    let said =
        format!("logarithmic; median of {} rounds with fastest and slowest; × hashbrown", results.rounds);
    let mut out = page(results, height, "Nanoseconds of a look-up", &said);
    let scale = Scale::of(peers);
    for (place, &(asked, looping)) in SHOWN.iter().enumerate() {
        let top = HEADER_HEIGHT + panel_height * count(place);
        let _ = writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{:.0}\" font-weight=\"600\">{}</text>",
            top + 20.0,
            title(asked, looping)
        );
        grid(&mut out, &scale, top + PANEL_TITLE_HEIGHT, BAR_HEIGHT * count(peers.len()));
        for (line, peer) in peers.iter().enumerate() {
            let y = top + PANEL_TITLE_HEIGHT + BAR_HEIGHT * count(line);
            if let Some(figure) = peer.figure(asked, looping) {
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
        let shown =
            |peer| SHOWN.iter().filter_map(move |&(asked, looping)| Measured::figure(peer, asked, looping));
        let all = || peers.iter().flat_map(shown);
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
            "<path d=\"M{x:.1} {top:.0}v{height:.0}\" class=\"grid\" stroke=\"#d0d7de\"/>\
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
    let (class, colour) = colours(peer);
    let (start, end, middle) = (NAMES_WIDTH, scale.x(figure.median_ns), y + BAR_HEIGHT / 2.0);
    let (fastest, slowest) = (scale.x(figure.min_ns), scale.x(figure.max_ns));
    let ratio = figure.ratio.map(|ratio| format!(" · {}×", short(ratio))).unwrap_or_default();
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.1}\" font-size=\"12\" text-anchor=\"end\">{}</text>\
         <rect x=\"{start:.0}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.0}\" rx=\"2\" class=\"{class}\" fill=\"{colour}\"/>\
         <path d=\"M{fastest:.1} {middle:.1}H{slowest:.1}\" class=\"spread\" stroke=\"#24292f\" stroke-width=\"2\"/>\
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

/// Class of a peer's mark, and its colour on a light page.
pub(crate) fn colours(peer: &Measured) -> (&'static str, &'static str) {
    match peer.name {
        "hashbrown" => ("baseline", "#2f8f57"),
        name if name.starts_with("persondb") => ("persondb", "#d4600f"),
        _ => ("peer", "#3b78bd"),
    }
}

fn title(asked: Asked, looping: Looping) -> String {
    let asked = match asked {
        Asked::Hit => "hit",
        Asked::Miss => "miss",
    };
    match looping {
        Looping::Serialised => format!("{asked}, serialised: each look-up waits for the one before"),
        Looping::Stream => format!("{asked}, stream: the processor overlaps look-ups"),
        Looping::Batch => format!(
            "{asked}, batch: {BATCH_SIZE} questions at a time, a loop for who knows no batches; × hashbrown's stream"
        ),
        Looping::Columns => format!("{asked}, all columns"),
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{measured, results};

    #[test]
    fn every_peer_has_a_bar_in_every_panel() {
        let peers = vec![
            measured("hashbrown", &[1207.0, 447.0, 894.0, 217.0, 80.0, 81.0]),
            measured("a<b", &[60e3, 1.0, 0.0, 5.0, 6.0, 7.0, 999e6]),
        ];
        let svg = svg(&results(peers));
        assert_eq!(svg.matches("<rect").count(), 1 + 8, "the page and the bars");
        assert_eq!(svg.matches("a&lt;b").count(), 4, "names are escaped");
        assert!(svg.contains("1,207 ns · 1.00×") && svg.contains("100 µs"));
        assert!(svg.contains("894 ns · 2.00×"), "a batch refers to hashbrown's stream");
        for shown in ["hit, serialised", "hit, stream", "hit, batch", "miss, serialised"] {
            assert!(svg.contains(shown), "{shown}");
        }
        assert!(!svg.contains("1 ms"), "what is not shown does not stretch the scale");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    /// Relative luminance and contrast as WCAG 2.2 defines them.
    #[test]
    fn text_and_bars_have_contrast_on_their_own_page_light_and_dark() {
        let luminance = |colour: &str| -> f64 {
            let digits: String = match colour.len() {
                3 => colour.chars().flat_map(|digit| [digit, digit]).collect(),
                _ => colour.to_owned(),
            };
            let parts = [0, 2, 4].map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
            let linear =
                parts.map(|part| (f64::from(part) / 255.0 + 0.055) / 1.055).map(|part| part.powf(2.4));
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (light, dark) = STYLE.split_once("@media").unwrap();
        for sheet in [light, dark] {
            let colour = |class: &str| {
                let (_, rest) = sheet.split_once(&format!("{class}{{")).unwrap();
                let (_, rest) = rest.split_once('#').unwrap();
                luminance(&rest[..rest.find([';', '}']).unwrap()])
            };
            let contrast = |class: &str| {
                let (a, b) = (colour(".page"), colour(class));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            assert!(contrast("text") > 7.0);
            for bar in [".baseline", ".persondb", ".peer"] {
                assert!(contrast(bar) > 3.0, "{bar}: {}", contrast(bar));
            }
        }
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
