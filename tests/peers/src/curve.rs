//! The curve: bytes a person against nanoseconds of a hit, a point for each peer, both logarithmic.
//!
//! The line joins those that nobody beats in both at once (the Pareto front): who wants fewer bytes than a point on
//! it has to wait longer.

use std::fmt::Write;

use crate::figures::{Measured, Results};
use crate::peer::{Asked, Looping};
use crate::svg::{WIDTH, colours, escaped, page};
use crate::text::short;

const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 50.0;
/// Least distance of two names, one above the other.
const LINE_HEIGHT: f64 = 15.0;

/// One peer's place.
struct Point<'r> {
    peer: &'r Measured,
    bytes: f64,
    ns: f64,
}

/// The curve as an SVG file.
pub(crate) fn svg(results: &Results) -> String {
    let mut points: Vec<Point<'_>> = results.peers.iter().filter_map(Point::of).collect();
    points.sort_by(|a, b| a.ns.total_cmp(&b.ns));
    let (bytes, ns) =
        (Axis::of(points.iter().map(|point| point.bytes)), Axis::of(points.iter().map(|point| point.ns)));
    let said = "hit, serialised, median; logarithmic; the line: nobody is smaller and faster";
    let mut out = page(results, HEIGHT, "Bytes a person and nanoseconds of a hit", said);
    grid(&mut out, &bytes, &ns);
    front(&mut out, &points, &bytes, &ns);
    let mut above = f64::INFINITY;
    for point in &points {
        let (x, y) = (across(&bytes, point.bytes), up(&ns, point.ns));
        // The slowest come last, at the top: no name is written over the one below it.
        let name_y = (y + 4.0).min(above - LINE_HEIGHT);
        above = name_y;
        let (class, colour) = colours(point.peer);
        let (anchor, name_x) = if x > WIDTH * 0.6 { ("end", x - 10.0) } else { ("start", x + 10.0) };
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" class=\"{class}\" fill=\"{colour}\"/>\
             <text x=\"{name_x:.1}\" y=\"{name_y:.1}\" font-size=\"12\" text-anchor=\"{anchor}\">{}: {} B, {} ns</text>",
            escaped(point.peer.title),
            short(point.bytes),
            short(point.ns),
        );
    }
    out.push_str("</svg>\n");
    out
}

impl<'r> Point<'r> {
    fn of(peer: &'r Measured) -> Option<Self> {
        let ns = peer.figure(Asked::Hit, Looping::Serialised)?.median_ns;
        let bytes = peer.bytes_per_person?;
        (ns > 0.0 && bytes > 0.0).then_some(Self { peer, bytes, ns })
    }
}

/// Logarithmic from `low` to `high`.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// With some room around all values.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(0.0, f64::max);
        if low.is_finite() {
            Self { low: low / 1.4, high: high * 1.4 }
        } else {
            Self { low: 1.0, high: 10.0 }
        }
    }

    /// 0 to 1.
    fn part(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// 1, 2 and 5 of each power of ten within.
    fn ticks(&self) -> Vec<f64> {
        let all = (0..12).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
        all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }
}

fn across(axis: &Axis, bytes: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * axis.part(bytes)
}

fn up(axis: &Axis, ns: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * axis.part(ns)
}

fn grid(out: &mut String, bytes: &Axis, ns: &Axis) {
    for tick in bytes.ticks() {
        let x = across(bytes, tick);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {TOP}V{:.0}\" class=\"grid\" stroke=\"#d0d7de\"/>\
             <text x=\"{x:.1}\" y=\"{:.0}\" font-size=\"11\" text-anchor=\"middle\">{} B</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18.0,
            short(tick),
        );
    }
    for tick in ns.ticks() {
        let y = up(ns, tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{:.0}\" class=\"grid\" stroke=\"#d0d7de\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" font-size=\"11\" text-anchor=\"end\">{} ns</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            short(tick),
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">bytes a person</text>",
        WIDTH - RIGHT,
        HEIGHT - 12.0
    );
}

/// The line through those that nobody beats; the points come fastest first.
fn front(out: &mut String, points: &[Point<'_>], bytes: &Axis, ns: &Axis) {
    let mut smallest = f64::INFINITY;
    let best = points.iter().filter(|point| {
        let is_best = point.bytes < smallest;
        smallest = smallest.min(point.bytes);
        is_best
    });
    let places: Vec<String> =
        best.map(|point| format!("{:.1},{:.1}", across(bytes, point.bytes), up(ns, point.ns))).collect();
    if places.len() > 1 {
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" class=\"spread\" fill=\"none\" stroke=\"#24292f\" stroke-dasharray=\"4 4\"/>",
            places.join(" ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::{measured, results};

    fn peer(name: &'static str, bytes: f64, ns: f64) -> Measured {
        Measured { bytes_per_person: Some(bytes), ..measured(name, &[ns]) }
    }

    #[test]
    fn the_line_joins_those_that_nobody_beats_in_both() {
        let svg = svg(&results(vec![
            peer("hashbrown", 280.0, 900.0),
            peer("fast", 240.0, 600.0),
            peer("persondb", 53.0, 800.0),
            peer("a<b", 60.0, 5000.0),
            peer("smallest", 40.0, 9000.0),
            Measured { bytes_per_person: None, ..peer("somebody else's", 1.0, 1.0) },
        ]));
        assert_eq!(svg.matches("<circle").count(), 5, "who has no size has no point");
        assert!(svg.contains("a&lt;b: 60"), "names are escaped");
        let (_, line) = svg.split_once("points=\"").unwrap();
        let (line, _) = line.split_once('"').unwrap();
        assert_eq!(line.split(' ').count(), 3, "fast, persondb and smallest");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn faster_is_lower_and_smaller_is_further_left() {
        let axis = Axis::of([50.0, 300.0].into_iter());
        assert!(across(&axis, 50.0) < across(&axis, 300.0) && across(&axis, 300.0) < WIDTH - RIGHT);
        assert!(up(&axis, 50.0) > up(&axis, 300.0) && up(&axis, 300.0) > TOP);
        assert_eq!(axis.ticks(), [50.0, 100.0, 200.0]);
    }

    #[test]
    fn a_curve_of_nothing_is_a_curve() {
        let svg = svg(&results(Vec::new()));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("inf"));
    }
}
