//! redb: a copy-on-write B-tree in a file with a cache of its own, filled in order and compacted; the cache
//! is large enough for all of it.

use std::fs;

use anyhow::{Context, Result};
use redb::{Builder, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

const PEOPLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("people");

struct Redb {
    people: ReadOnlyTable<&'static str, &'static [u8]>,
    size: u64,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let path = input.folder.join("people.redb");
    let mut database = Builder::new().create(&path)?;
    let writing = database.begin_write()?;
    {
        let mut people = writing.open_table(PEOPLE)?;
        for row in input.rows.sorted() {
            people.insert(row.address, row.record)?;
        }
    }
    writing.commit()?;
    database.compact()?;
    drop(database);

    let size = fs::metadata(&path)?.len();
    // redb keeps a part of its cache for writing; twice the file holds all of it whatever the parts.
    let cache_size = usize::try_from(size.saturating_mul(2)).context("the file is larger than memory")?;
    let database = Builder::new().set_cache_size(cache_size).open_read_only(&path)?;
    let people = database.begin_read()?.open_table(PEOPLE)?;
    Ok(Built::Ready(Box::new(Redb { people, size })))
}

impl Peer for Redb {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        self.people.get(key)?.map(|found| Answer::of_record(found.value())).transpose()
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn note(&self) -> Option<String> {
        Some("its cache holds the records that were asked for once more, in private memory".to_owned())
    }
}
