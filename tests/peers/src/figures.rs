//! What was measured. As JSON, these are the field names.

use std::time::Duration;

use serde::Serialize;

use crate::machine::Machine;
use crate::peer::{Asked, Looping};

/// Everything of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    /// Where.
    pub(crate) machine: Machine,
    /// Rows of the CSV that have an address.
    pub(crate) people: usize,
    /// Bytes of the CSV.
    pub(crate) csv_bytes: u64,
    /// Look-ups of one timed loop in process.
    pub(crate) lookups: u32,
    /// Times that each loop was run.
    pub(crate) rounds: u32,
    /// Seed of the questions.
    pub(crate) seed: u64,
    /// Load average of the machine when the last round ended: this program is 1 of it.
    pub(crate) load_average: f64,
    /// What the loops cost without a look-up, serialised and stream. Not subtracted from anything.
    pub(crate) loop_ns: [f64; 2],
    /// Peers in the order in which they were built.
    pub(crate) peers: Vec<Measured>,
    /// Peers that could not be had.
    pub(crate) skipped: Vec<Skipped>,
}

/// One peer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    /// Name for `--only`.
    pub(crate) name: &'static str,
    /// Name for people.
    pub(crate) title: &'static str,
    /// CSV to the first look-up; none where somebody else built it.
    pub(crate) build_seconds: Option<f64>,
    /// Memory or file for each person; none where it is somebody else's.
    pub(crate) bytes_per_person: Option<f64>,
    /// Look-ups of one timed loop.
    pub(crate) lookups: usize,
    /// In the order of the table.
    pub(crate) figures: Vec<Figure>,
    /// What a reader should know.
    pub(crate) note: Option<String>,
}

/// Time of one look-up over all rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figure {
    /// What was asked.
    pub(crate) asked: Asked,
    /// How.
    pub(crate) looping: Looping,
    /// Nanoseconds of the median round.
    pub(crate) median_ns: f64,
    /// Nanoseconds of the fastest round.
    pub(crate) min_ns: f64,
    /// Nanoseconds of the slowest round.
    pub(crate) max_ns: f64,
    /// Median over the baseline's median; none without a baseline.
    pub(crate) ratio: Option<f64>,
}

/// A peer that could not be had.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Skipped {
    /// Name for `--only`.
    pub(crate) name: &'static str,
    /// Why.
    pub(crate) why: String,
}

impl Figure {
    /// From the times of whole loops of `lookups` look-ups, one a round; without rounds, all is 0.
    pub(crate) fn new(asked: Asked, looping: Looping, rounds: &[Duration], lookups: usize) -> Self {
        let mut each: Vec<f64> = rounds.iter().map(|round| ns_each(*round, lookups)).collect();
        each.sort_by(f64::total_cmp);
        let (low, high) = (each.len().saturating_sub(1) / 2, each.len() / 2);
        let at = |place: usize| each.get(place).copied().unwrap_or(0.0);
        Self {
            asked,
            looping,
            median_ns: f64::midpoint(at(low), at(high)),
            min_ns: at(0),
            max_ns: at(each.len().saturating_sub(1)),
            ratio: None,
        }
    }
}

/// Sets every ratio to the peer of that name, where it was measured.
pub(crate) fn set_ratios(peers: &mut [Measured], baseline: &str) {
    let Some(figures) = peers.iter().find(|peer| peer.name == baseline).map(|peer| peer.figures.clone())
    else {
        return;
    };
    for figure in peers.iter_mut().flat_map(|peer| &mut peer.figures) {
        let same = figures.iter().find(|base| (base.asked, base.looping) == (figure.asked, figure.looping));
        figure.ratio = same.map(|base| figure.median_ns / base.median_ns).filter(|ratio| ratio.is_finite());
    }
}

/// Nanoseconds of each of `lookups` look-ups.
#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
pub(crate) fn ns_each(elapsed: Duration, lookups: usize) -> f64 {
    elapsed.as_nanos() as f64 / lookups.max(1) as f64
}

/// Bytes for each person.
#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
pub(crate) fn bytes_each(bytes: u64, people: usize) -> f64 {
    bytes as f64 / people.max(1) as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_median_stands_between_the_middle_rounds_and_the_spread_around_all() {
        let rounds = [90, 10, 20, 30].map(Duration::from_nanos);
        let figure = |rounds| Figure::new(Asked::Hit, Looping::Stream, rounds, 10);
        let even = figure(&rounds);
        assert!(near(even.median_ns, 2.5) && near(even.min_ns, 1.0) && near(even.max_ns, 9.0));
        assert!(near(figure(&rounds[..3]).median_ns, 2.0));
        assert!(near(figure(&[]).median_ns, 0.0));
    }

    #[test]
    fn ratios_compare_the_same_loop() {
        let mut peers = [measured("base", &[10.0, 4.0]), measured("other", &[5.0, 8.0])];
        set_ratios(&mut peers, "nobody");
        assert!(peers[1].figures[0].ratio.is_none());
        set_ratios(&mut peers, "base");
        let ratios: Vec<f64> = peers[1].figures.iter().filter_map(|figure| figure.ratio).collect();
        assert!(near(ratios[0], 0.5) && near(ratios[1], 2.0));
    }

    /// A peer with these medians, in the order of the table.
    pub(crate) fn measured(name: &'static str, medians: &[f64]) -> Measured {
        let figures = crate::peer::TIMED.iter().zip(medians).map(|(&(asked, looping), &median_ns)| Figure {
            asked,
            looping,
            median_ns,
            min_ns: median_ns * 0.9,
            max_ns: median_ns * 1.2,
            ratio: None,
        });
        Measured {
            name,
            title: name,
            build_seconds: Some(1.25),
            bytes_per_person: Some(261.0),
            lookups: 10,
            figures: figures.collect(),
            note: None,
        }
    }

    /// Results with these peers.
    pub(crate) fn results(mut peers: Vec<Measured>) -> Results {
        set_ratios(&mut peers, "hashbrown");
        Results {
            machine: Machine::here(),
            people: 1_000_000,
            csv_bytes: 212_000_000,
            lookups: 10,
            rounds: 3,
            seed: 1,
            load_average: 1.0,
            loop_ns: [9.0, 1.0],
            peers,
            skipped: vec![Skipped { name: "redis", why: "no redis-server on the PATH".to_owned() }],
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }
}
