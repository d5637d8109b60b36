//! SQLite: one table with the CSV's columns, clustered by address (`WITHOUT ROWID`), filled in order; opened
//! as immutable and mapped, so that a look-up takes no lock and makes no system call.

use std::fs;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params_from_iter};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

const GET: &str = "SELECT email, display_name FROM people WHERE email = ?1";

struct Sqlite {
    connection: Connection,
    size: u64,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let path = input.folder.join("people.sqlite");
    let mut connection = Connection::open(&path)?;
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let quoted: Vec<String> =
        input.rows.headers().iter().map(|header| format!("\"{}\"", header.replace('"', "\"\""))).collect();
    let columns = quoted.iter().map(|name| format!("{name} TEXT")).collect::<Vec<_>>().join(", ");
    connection.execute_batch(&format!(
        "CREATE TABLE people ({columns}, PRIMARY KEY ({})) WITHOUT ROWID;",
        quoted.first().context("a CSV without columns")?
    ))?;
    let writing = connection.transaction()?;
    {
        let places = vec!["?"; quoted.len()].join(", ");
        let mut insert = writing.prepare(&format!("INSERT INTO people VALUES ({places})"))?;
        for row in input.rows.sorted() {
            insert.execute(params_from_iter(row.texts()))?;
        }
    }
    writing.commit()?;
    drop(connection);

    let size = fs::metadata(&path)?.len();
    let path = path.to_str().context("the folder's name is not UTF-8; name another with --folder")?;
    let uri =
        format!("file:{}?immutable=1", path.replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    // SQLite maps 2 GiB at most; what is beyond goes through its cache.
    connection.execute_batch(&format!("PRAGMA mmap_size = {size}; PRAGMA cache_size = -262144;"))?;
    Ok(Built::Ready(Box::new(Sqlite { connection, size })))
}

impl Peer for Sqlite {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let mut get = self.connection.prepare_cached(GET)?;
        let found = get
            .query_row([key], |row| {
                let (address, display_name) = (row.get_ref(0)?, row.get_ref(1)?);
                Ok(Answer::of(address.as_bytes()?, display_name.as_bytes()?))
            })
            .optional()?;
        found.transpose()
    }

    fn size(&self) -> u64 {
        self.size
    }
}
