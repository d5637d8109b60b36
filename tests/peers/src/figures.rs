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
    /// Bytes of the CSV after `zstd -19`, where that was asked for.
    pub(crate) zstd_bytes: Option<u64>,
    /// Bytes of PersonDB's segment over those.
    pub(crate) segment_to_zstd: Option<f64>,
    /// Look-ups of one timed loop in process.
    pub(crate) lookups: u32,
    /// Times that each loop was run.
    pub(crate) rounds: u32,
    /// Seed of the questions.
    pub(crate) seed: u64,
    /// Load average of the machine when the last round ended: this program is 1 of it.
    pub(crate) load_average: f64,
    /// What the loops cost without a look-up: serialised, stream, batch. Not subtracted from anything.
    pub(crate) loop_ns: [f64; 3],
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
    /// Memory or file; none where it is somebody else's.
    pub(crate) bytes: Option<u64>,
    /// The same for each person; none where it is somebody else's.
    pub(crate) bytes_per_person: Option<f64>,
    /// Look-ups of one timed loop.
    pub(crate) lookups: usize,
    /// In the order of [`crate::peer::TIMED`].
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
    /// Median over another median, that of `ratio_to`; none without it.
    pub(crate) ratio: Option<f64>,
    /// What the ratio refers to.
    pub(crate) ratio_to: RatioTo,
}

/// What a ratio refers to; always the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RatioTo {
    /// hashbrown in the same loop.
    HashbrownSame,
    /// hashbrown's stream: it has no batches, so that is what a program would do there.
    HashbrownStream,
    /// The peer's own serialised loop: nobody else decodes columns.
    OwnSerialised,
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
            ratio_to: RatioTo::of(looping),
        }
    }
}

impl RatioTo {
    pub(crate) fn of(looping: Looping) -> Self {
        match looping {
            Looping::Serialised | Looping::Stream => Self::HashbrownSame,
            Looping::Batch => Self::HashbrownStream,
            Looping::Columns => Self::OwnSerialised,
        }
    }
}

impl Measured {
    /// The figure of this loop; none where the peer does not have it.
    pub(crate) fn figure(&self, asked: Asked, looping: Looping) -> Option<&Figure> {
        self.figures.iter().find(|figure| (figure.asked, figure.looping) == (asked, looping))
    }
}

/// Sets every ratio to the peer of that name, or to its own peer, where that was measured.
pub(crate) fn set_ratios(peers: &mut [Measured], baseline: &str) {
    let base = peers.iter().find(|peer| peer.name == baseline).cloned();
    for peer in peers {
        let own = peer.clone();
        for figure in &mut peer.figures {
            let to = match figure.ratio_to {
                RatioTo::HashbrownSame => base.as_ref().and_then(|b| b.figure(figure.asked, figure.looping)),
                RatioTo::HashbrownStream => {
                    base.as_ref().and_then(|b| b.figure(figure.asked, Looping::Stream))
                }
                RatioTo::OwnSerialised => own.figure(figure.asked, Looping::Serialised),
            };
            figure.ratio = to.map(|to| figure.median_ns / to.median_ns).filter(|ratio| ratio.is_finite());
        }
    }
}

/// PersonDB's segment over the compressed CSV, where both are known.
#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
pub(crate) fn segment_to_zstd(peers: &[Measured], zstd_bytes: Option<u64>) -> Option<f64> {
    let segment =
        peers.iter().filter(|peer| peer.name.starts_with("persondb")).find_map(|peer| peer.bytes)?;
    Some(segment as f64 / zstd_bytes.filter(|&bytes| bytes > 0)? as f64)
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
    fn ratios_compare_the_same_loop_batches_the_stream_and_columns_their_own_peer() {
        let base = [10.0, 4.0, 3.0, 6.0, 2.0, 1.0];
        let other = [5.0, 8.0, 2.0, 6.0, 2.0, 4.0, 20.0];
        let mut peers = [measured("base", &base), measured("other", &other)];
        let ratios = |peers: &[Measured]| -> Vec<Option<f64>> {
            peers[1].figures.iter().map(|figure| figure.ratio).collect()
        };
        set_ratios(&mut peers, "nobody");
        let mut alone = vec![None; 6];
        alone.push(Some(4.0));
        assert_eq!(ratios(&peers), alone);
        set_ratios(&mut peers, "base");
        assert_eq!(ratios(&peers), [0.5, 2.0, 0.5, 1.0, 1.0, 2.0, 4.0].map(Some));
        assert_eq!(peers[0].figures[2].ratio, Some(0.75), "hashbrown's batches refer to its stream too");
    }

    #[test]
    fn the_segment_is_compared_with_the_compressed_csv_where_both_are_known() {
        let peers = [measured("cdb", &[]), measured("persondb-4k", &[])];
        assert_eq!(segment_to_zstd(&peers, Some(87_000_000)), Some(3.0));
        assert_eq!(segment_to_zstd(&peers[..1], Some(87_000_000)), None);
        assert_eq!(segment_to_zstd(&peers, None), None);
        assert_eq!(segment_to_zstd(&peers, Some(0)), None);
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
            ratio_to: RatioTo::of(looping),
        });
        Measured {
            name,
            title: name,
            build_seconds: Some(1.25),
            bytes: Some(261_000_000),
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
            zstd_bytes: None,
            segment_to_zstd: None,
            lookups: 10,
            rounds: 3,
            seed: 1,
            load_average: 1.0,
            loop_ns: [9.0, 1.0, 2.0],
            peers,
            skipped: vec![Skipped { name: "redis", why: "no redis-server on the PATH".to_owned() }],
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }
}
