//! PersonDB asked over the socket of a running daemon: what a client has that cannot map.

use anyhow::{Result, bail};
use persondb_client::{Client, Lookup, Via};

use super::{Built, Input};
use crate::peer::Peer;
use crate::record::Answer;

struct PersonDbSocket {
    client: Client,
}

pub(super) fn build(input: Input<'_>) -> Result<Built> {
    let Some(socket) = input.socket else {
        return Ok(Built::Skipped("no --socket of a daemon that serves this CSV".to_owned()));
    };
    let client = Client::builder().name(input.dataset.parse()?).socket(socket).via(Via::Socket).open()?;
    Ok(Built::Ready(Box::new(PersonDbSocket { client })))
}

impl Peer for PersonDbSocket {
    fn get(&mut self, key: &str) -> Result<Option<Answer>> {
        // A pin for each question: over the socket a pin keeps to the generation of its first answer.
        let pin = self.client.pin()?;
        match pin.get(key) {
            Lookup::Found(people) => {
                let person = people.first();
                Answer::of(person.email()?.as_bytes(), person.display_name()?.as_bytes()).map(Some)
            }
            Lookup::Absent(_) => Ok(None),
            Lookup::Unavailable(why) => bail!("PersonDB cannot say: {why}"),
        }
    }

    fn size(&self) -> u64 {
        0
    }

    fn note(&self) -> Option<String> {
        Some("the daemon's segment, counted above; every answer carries all columns".to_owned())
    }
}
