//! PersonDB as a program uses it: a segment in shared memory, built by the daemon's builder from the CSV
//! itself, and a client of the same process that takes a pin for each look-up.
//!
//! The segment also holds the indexes over aliases, person identifiers, names and domains, which no other
//! peer has. Once it stands on pages of 4 KiB, once on huge ones, under two dataset names of their own that
//! go away with the peer.

use anyhow::{Result, bail};
use persondb_client::{Lookup, PersonRef};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::{Answer, Columns};
use crate::served::{Pages, Served};

struct PersonDb {
    served: Served,
    buffers: Buffers,
}

/// What a program keeps from look-up to look-up, so that decoding allocates nothing.
#[derive(Default)]
struct Buffers {
    address: String,
    display_name: String,
    scratch: Vec<u8>,
}

pub(super) fn build_small_pages(input: Input<'_>) -> Result<Built> {
    build_on(input, Pages::Small)
}

pub(super) fn build_huge_pages(input: Input<'_>) -> Result<Built> {
    build_on(input, Pages::Huge)
}

fn build_on(input: Input<'_>, pages: Pages) -> Result<Built> {
    let served = Served::of(input.csv, pages)?;
    Ok(Built::Ready(Box::new(PersonDb { served, buffers: Buffers::default() })))
}

impl Peer for PersonDb {
    #[inline]
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        let pin = self.served.client.pin()?;
        decoded(&pin.get(key), |person| self.buffers.answer(person))
    }

    #[inline]
    fn get_batch(&mut self, keys: &[&str], answers: &mut [Option<Answer>]) -> Result<()> {
        let pin = self.served.client.pin()?;
        let mut all = Ok(());
        pin.get_many(keys, |place, lookup| match decoded(&lookup, |person| self.buffers.answer(person)) {
            Ok(answer) => answers[place] = answer,
            Err(error) => all = Err(error),
        });
        all
    }

    fn has_columns(&self) -> bool {
        true
    }

    #[inline]
    fn get_columns(&mut self, key: &str) -> Result<Option<Columns>> {
        let pin = self.served.client.pin()?;
        decoded(&pin.get(key), |person| self.buffers.columns(person))
    }

    fn size(&self) -> u64 {
        self.served.size
    }

    fn note(&self) -> Option<String> {
        let percent = self.served.huge_page_size.saturating_mul(100) / self.served.size.max(1);
        Some(format!(
            "{percent} % of the segment in huge pages; with indexes over aliases, ids, names, domains"
        ))
    }
}

/// What `read` makes of the person that was found.
#[inline]
fn decoded<T>(lookup: &Lookup<'_>, read: impl FnOnce(&PersonRef<'_>) -> Result<T>) -> Result<Option<T>> {
    match lookup {
        Lookup::Found(people) => read(&people.first()).map(Some),
        Lookup::Absent(_) => Ok(None),
        Lookup::Unavailable(why) => bail!("PersonDB cannot say: {why}"),
    }
}

impl Buffers {
    #[inline]
    fn answer(&mut self, person: &PersonRef<'_>) -> Result<Answer> {
        person.read_email(&mut self.address)?;
        person.read_display_name(&mut self.display_name)?;
        Answer::of(self.address.as_bytes(), self.display_name.as_bytes())
    }

    #[inline]
    fn columns(&mut self, person: &PersonRef<'_>) -> Result<Columns> {
        let mut columns = Columns::default();
        person.for_each_column(&mut self.scratch, |_, value| columns.add(value.as_bytes()))?;
        Ok(columns)
    }
}
