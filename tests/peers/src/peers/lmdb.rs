//! LMDB: a B+ tree in a mapped file, filled in order so that its pages are full; one read transaction for
//! all look-ups.

use anyhow::{Context, Result};
use heed::types::{Bytes, Str};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, PutFlags, RoTxn, WithoutTls};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

struct Lmdb {
    reading: RoTxn<'static, WithoutTls>,
    people: Database<'static, Str, Bytes>,
    size: u64,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    // Room in the address space, not in the file: keys and page headers add less than the records again.
    let room = (input.rows.size() * 3).next_multiple_of(1 << 20) + (16 << 20);
    let env = open(input, room)?;
    let writing = env.write_txn()?;
    let people: Database<'static, Str, Bytes> = env
        .create_databases_and_commit(writing, |opener, writing| {
            opener.create_database(writing, None).map(CommitOrAbort::<_, ()>::Commit)
        })?
        .unwrap_commit();
    let mut writing = env.write_txn()?;
    for row in input.rows.sorted() {
        people
            .put_with_flags(&mut writing, PutFlags::APPEND, row.address, row.record)
            .with_context(|| format!("{:?} was not accepted by LMDB", row.address))?;
    }
    writing.commit()?;
    let size = env.real_disk_size()?;
    let reading = env.static_read_txn()?;
    Ok(Built::Ready(Box::new(Lmdb { reading, people, size })))
}

#[expect(unsafe_code, reason = "LMDB maps a file that anybody could change; nobody else knows this folder")]
fn open(input: Input<'_>, room: usize) -> heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(room);
    // SAFETY: the folder was made for this peer in a private temporary one, it is opened once, and only
    // through the transactions above.
    unsafe { options.open(input.folder) }
}

impl Peer for Lmdb {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        self.people.get(&self.reading, key)?.map(Answer::of_record).transpose()
    }

    fn size(&self) -> u64 {
        self.size
    }
}
