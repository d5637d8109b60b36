//! The look-ups of `persondb load --match`: each is a message, and its evidence is checked.
//!
//! The time runs as for other look-ups: from before the pin (of the first message of a batch) or before the question,
//! to the whole answer. The message is put together before.

use std::borrow::Cow;
use std::time::Instant;

use persondb_client::{Matched, Message, Pin};
use persondb_protocol::answer::{Reason, Unavailable};
use persondb_protocol::matching::{MatchAnswer, MatchEvidence, PartyPerson};

use super::job::{LookJob, Tally};
use super::keys::{Expected, Key};
use super::looker::{Looker, count_unavailable, nanoseconds};
use super::messages::{About, message_of};
use super::pace::wait_until;

impl Looker<'_> {
    /// `size` messages through one pin.
    pub(super) fn match_batch(&mut self, size: u64) -> std::io::Result<()> {
        let client = self.client.clone();
        let mut held_pin: Option<Pin> = None;
        for _ in 0..size {
            let key = self.keys.next_key()?;
            let (recipients, about) = message_of(&key).ok_or_else(|| {
                std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    "the file of messages holds something else",
                )
            })?;
            let message = Message {
                from: Some(Cow::Borrowed(key.address)),
                recipients: recipients.map(Cow::Borrowed).collect(),
                ..Message::default()
            };
            let start = match &mut self.pace {
                Some(pace) => {
                    let due = pace.next_due();
                    wait_until(due);
                    due
                }
                None => Instant::now(),
            };
            let answer = loop {
                let is_new = held_pin.is_none();
                let pin = match &held_pin {
                    Some(pin) => Ok(pin),
                    None => client.pin().map(|pin| &*held_pin.insert(pin)),
                };
                let answer = match &pin {
                    Ok(pin) => std::hint::black_box(pin.match_message(&message)),
                    Err(unavailable) => MatchAnswer::Unavailable(unavailable.clone()),
                };
                if is_new || !pin.is_ok_and(|pin| has_ended(pin, &answer)) {
                    break answer;
                }
                held_pin = None;
            };
            let took = start.elapsed();
            self.latencies.record(took);
            self.tally.lookups += 1;
            self.tally.total_ns = self.tally.total_ns.saturating_add(nanoseconds(took));
            judge(self.job, &key, &message, about, &answer, &mut self.tally);
        }
        Ok(())
    }
}

/// As for other look-ups: over the socket the daemon has gone on, and a new pin is taken.
fn has_ended(pin: &Pin, answer: &MatchAnswer) -> bool {
    matches!(answer, MatchAnswer::Unavailable(Unavailable { reason: Reason::NoGeneration, .. }))
        && pin.segment().is_none()
        && pin.generation().is_some()
}

/// Counts an answer, found where the sender's address is somebody's, and says whether it is right.
fn judge(
    job: &LookJob,
    key: &Key<'_>,
    message: &Message<'_>,
    about: About<'_>,
    answer: &MatchAnswer,
    tally: &mut Tally,
) {
    let evidence = match answer {
        MatchAnswer::Matched(evidence) => evidence,
        MatchAnswer::Unavailable(unavailable) => return count_unavailable(unavailable, tally),
    };
    let is_known = evidence.from.as_ref().is_some_and(|from| !from.people.is_empty());
    *(if is_known { &mut tally.found } else { &mut tally.absent }) += 1;
    let generation = evidence.generation.0;
    tally.generations.insert(generation);
    if job.generation.is_some_and(|of_keys| of_keys != generation) {
        return;
    }
    tally.compared += 1;
    if let Some(fault) = fault(key.expected, message, about, evidence) {
        tally.wrong += 1;
        tally.example(|| format!("{} in generation {generation}: {fault}", key.address));
    }
}

/// What is wrong with the evidence about a message; `None` where nothing is.
fn fault(
    expected: Expected,
    message: &Message<'_>,
    about: About<'_>,
    evidence: &MatchEvidence,
) -> Option<String> {
    if evidence.recipients.len() != message.recipients.len() {
        let (asked, found) = (message.recipients.len(), evidence.recipients.len());
        return Some(format!("{found} recipients, expected {asked}"));
    }
    for (asked, party) in message.recipients.iter().zip(&evidence.recipients) {
        let is_theirs = |one: &PartyPerson| one.tenant_id == about.tenant && one.matched == Matched::Primary;
        if party.address != **asked || !party.people.iter().any(is_theirs) {
            return Some(format!("recipient {asked} is nobody's primary address in {}", about.tenant));
        }
    }
    if !evidence.recipient_tenants.iter().any(|tenant| tenant == about.tenant) {
        return Some(format!("the tenant {} is not among the recipients'", about.tenant));
    }
    let is_sender =
        |tenant: &str, person_id: &str| tenant == about.sender_tenant && person_id == about.sender_id;
    let people = evidence.from.iter().flat_map(|from| &from.people);
    match expected {
        Expected::Found if !people.clone().any(|one| is_sender(&one.tenant_id, &one.person_id)) => {
            Some(format!("the sender is not {} of {}", about.sender_id, about.sender_tenant))
        }
        Expected::Found => None,
        Expected::Absent if people.count() > 0 => Some("the stranger's address is somebody's".to_owned()),
        Expected::Absent => {
            let candidates = evidence.sender_name.as_ref().map_or(&[][..], |name| &name.candidates);
            let is_cut = evidence.candidate_count > candidates.len() as u64;
            let is_there = candidates.iter().any(|one| is_sender(&one.tenant_id, &one.person_id));
            (!is_there && !is_cut).then(|| {
                format!("{} of {} is no candidate for the name", about.sender_id, about.sender_tenant)
            })
        }
    }
}
