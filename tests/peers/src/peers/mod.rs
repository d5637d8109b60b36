//! One file for each peer.

mod arena;
mod cdb;
mod hashbrown;
mod lmdb;
mod memcached;
mod persondb;
mod persondb_socket;
mod redb;
mod redis;
mod server;
mod sqlite;

use std::path::Path;

use anyhow::Result;

use crate::peer::Peer;
use crate::rows::Rows;

/// What a peer is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// The CSV.
    pub(crate) csv: &'a Path,
    /// The same in memory. Reading it is part of every build time.
    pub(crate) rows: &'a Rows,
    /// An empty folder of the peer's own.
    pub(crate) folder: &'a Path,
    /// A running daemon, if there is one.
    pub(crate) socket: Option<&'a Path>,
    /// Dataset of that daemon.
    pub(crate) dataset: &'a str,
}

/// What came of a build.
pub(crate) enum Built {
    /// It can be asked.
    Ready(Box<dyn Peer>),
    /// It cannot be had here, and why.
    Skipped(String),
}

/// A peer that can be built.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Name for `--only` and in the JSON.
    pub(crate) name: &'static str,
    /// Name for people.
    pub(crate) title: &'static str,
    /// One look-up of this many in process; a server is asked so much less.
    pub(crate) share: usize,
    /// Whether the rows are read first, from which it is built.
    pub(crate) source: Source,
    /// Builds it.
    pub(crate) build: fn(Input<'_>) -> Result<Built>,
}

/// Where a build takes the people from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the rows in memory: reading the CSV is added to its build time.
    Rows,
    /// It reads the CSV itself.
    Csv,
    /// Somebody else built it.
    Served,
}

/// Everybody. The first is what the others are compared with; it is built first, because its memory is
/// measured by what the process grows.
pub(crate) const ALL: [Entry; 12] = [
    Entry {
        name: BASELINE,
        title: "hashbrown + foldhash, private",
        share: 1,
        source: Source::Rows,
        build: hashbrown::build,
    },
    Entry {
        name: "persondb-4k",
        title: "PersonDB get, 4 KiB pages",
        share: 1,
        source: Source::Csv,
        build: persondb::build_small_pages,
    },
    Entry {
        name: "persondb-2m",
        title: "PersonDB get, 2 MiB pages",
        share: 1,
        source: Source::Csv,
        build: persondb::build_huge_pages,
    },
    Entry {
        name: "raw",
        title: "hash table over raw records",
        share: 1,
        source: Source::Rows,
        build: arena::build_raw,
    },
    Entry {
        name: "zstd-blocks",
        title: "hash table over zstd blocks",
        share: BLOCK_SHARE,
        source: Source::Rows,
        build: arena::build_blocks,
    },
    Entry { name: "cdb", title: "cdb", share: 1, source: Source::Rows, build: cdb::build },
    Entry { name: "lmdb", title: "LMDB", share: 1, source: Source::Rows, build: lmdb::build },
    Entry { name: "redb", title: "redb", share: 1, source: Source::Rows, build: redb::build },
    Entry { name: "sqlite", title: "SQLite", share: 1, source: Source::Rows, build: sqlite::build },
    Entry {
        name: "persondb-socket",
        title: "PersonDB over its socket",
        share: SERVER_SHARE,
        source: Source::Served,
        build: persondb_socket::build,
    },
    Entry {
        name: "redis",
        title: "Redis over a socket",
        share: SERVER_SHARE,
        source: Source::Rows,
        build: redis::build,
    },
    Entry {
        name: "memcached",
        title: "memcached over a socket",
        share: SERVER_SHARE,
        source: Source::Rows,
        build: memcached::build,
    },
];

/// Name of the peer that ratios refer to.
pub(crate) const BASELINE: &str = "hashbrown";

/// A block takes this many times as long to decompress as others to read, about.
const BLOCK_SHARE: usize = 10;

/// A question over a socket takes this many times as long as one in process, about.
const SERVER_SHARE: usize = 20;

/// The peers with these names in the order of [`ALL`]; all of them when there is no name.
pub(crate) fn select(names: &[String]) -> Vec<Entry> {
    let is_chosen = |entry: &Entry| names.is_empty() || names.iter().any(|name| name == entry.name);
    ALL.into_iter().filter(is_chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::{Known, Questions};

    const CSV: &str = "tenant_id,person_id,email,aliases,display_name\n\
        acme,1,jane.doe@corp.example,jd@corp.example,Jane Doe\n\
        acme,2,\"ann@other.example\",,\"Sánchez, Ann \"\"A\"\"\"\n\
        acme,3,info@corp.example,,\n\
        acme,4,Mixed.Case@corp.example,,Mixed Case\n";

    /// Also what keeps a peer honest that is built from other bytes than the rest.
    #[test]
    fn every_peer_that_can_be_had_here_gives_the_answers_of_the_csv() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("people.csv");
        std::fs::write(&csv, CSV).unwrap();
        let rows = Rows::read(&csv).unwrap();
        let known = Known::new(&rows);
        let hits = Questions::hits(&rows, &known, 8, 1).unwrap();
        let misses = Questions::misses(&rows, &known, 100, 1);
        for entry in ALL {
            let own = folder.path().join(entry.name);
            std::fs::create_dir(&own).unwrap();
            let input = Input { csv: &csv, rows: &rows, folder: &own, socket: None, dataset: "default" };
            match (entry.build)(input).unwrap() {
                Built::Ready(mut peer) => {
                    peer.check(&hits, usize::MAX).unwrap();
                    peer.check(&misses, usize::MAX).unwrap();
                }
                Built::Skipped(why) => {
                    assert!(
                        entry.share == SERVER_SHARE,
                        "{} needs nothing that is not here: {why}",
                        entry.name
                    );
                }
            }
        }
    }

    #[test]
    fn peers_are_chosen_by_name_and_keep_their_order() {
        assert_eq!(select(&[]).len(), ALL.len());
        let chosen = select(&["redb".to_owned(), BASELINE.to_owned()]);
        assert!(chosen.iter().map(|entry| entry.name).eq([BASELINE, "redb"]));
    }
}
