//! Keys of the generation that is being served, where no CSV is given.
//!
//! Done in a process of its own: whoever iterates over everybody maps every page, and the parent must
//! not stand among those whose memory is measured.

use std::fs::OpenOptions;

use persondb_protocol::answer::{Reason, Unavailable};

use super::book::KeyBook;
use super::client::{JobError, open, say};
use super::job::{Ask, KeysJob, Place, Route, Said};
use super::messages::{MessageBook, Sender};

/// Writes keys of everybody in the current generation and says how many blocks they fill.
pub(crate) fn write_keys(job: &KeysJob) -> Result<(), JobError> {
    // Over the socket nobody can be iterated over; those who only can ask, need a CSV.
    let client = open(&Place { via: Route::Map, ..job.place.clone() })?;
    let pin = client.pin()?;
    let generation = pin.generation().ok_or_else(|| {
        Unavailable::new(
            Reason::NoGeneration,
            "expected a mapped generation to take keys from; give --people CSV",
        )
    })?;
    let file = OpenOptions::new().write(true).open(&job.keys)?;
    if job.ask == Ask::Match {
        let mut book = MessageBook::new(generation.0);
        for person in pin.people()? {
            let person = person?;
            book.person(Sender {
                tenant: person.tenant_id()?.to_owned(),
                person_id: person.person_id()?.into_owned(),
                email: person.email()?.into_owned(),
                name: person.display_name()?.into_owned(),
            });
        }
        let blocks = book.write(file, job.hits)?;
        say(&Said::Keys { blocks, generation: generation.0 })?;
        return Ok(());
    }
    let mut book = KeyBook::new(generation.0);
    book.begin_side();
    for person in pin.people()? {
        book.address(&person?.email()?);
    }
    // Aliases are not among the addresses that the book knows, so the generation itself is asked too.
    let blocks = book.write(file, job.hits, &mut |address| pin.get(address).is_absent())?;
    say(&Said::Keys { blocks, generation: generation.0 })?;
    Ok(())
}
