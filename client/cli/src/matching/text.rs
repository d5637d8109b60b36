//! Evidence for people: a table of the addresses, a table of the candidates, and what follows for the whole.
//!
//! Kinds and flags are called as in the JSON, so that what is read here can be looked up in its schema.

use std::fmt::{Display, Write as _};

use owo_colors::OwoColorize;
use persondb_protocol::matching::{
    AddressKind, Candidate, MatchAnswer, MatchEvidence, NameEvidence, Party, PartyPerson,
};
use serde::Serialize;

use crate::output::{Plain, grouped, table};

/// Recipients that are shown.
const RECIPIENTS_SHOWN_MAX: usize = 20;
/// People, owners and imitated domains that are shown of one address.
const WHO_SHOWN_MAX: usize = 3;

/// An answer, ending with a line feed.
pub(super) fn text(answer: &MatchAnswer) -> String {
    match answer {
        MatchAnswer::Matched(evidence) => {
            let mut out = String::new();
            // Writing into a String cannot fail.
            let _ = write_evidence(&mut out, evidence);
            out
        }
        MatchAnswer::Unavailable(why) => {
            format!("{}: {} ({})\n", "message".bold(), "cannot say".red(), why.reason.text())
        }
    }
}

fn write_evidence(out: &mut String, evidence: &MatchEvidence) -> std::fmt::Result {
    writeln!(out, "{}: matched (generation {})", "message".bold(), evidence.generation)?;
    write_parties(out, evidence)?;
    if let Some(name) = &evidence.sender_name {
        write_name(out, name, evidence.candidate_count)?;
    }
    let scope: Vec<_> = evidence.recipient_tenants.iter().map(|tenant| Plain(tenant)).collect();
    let scope = if scope.is_empty() { "nobody's".to_owned() } else { list(scope) };
    writeln!(out, "  {}  {scope}", "tenants of the recipients".dimmed())?;
    for (holds, words) in [
        (evidence.sender_is_internal, "the sender is one of them"),
        (evidence.cross_tenant_sender, "the sender is of another tenant"),
        (evidence.same_person_as_recipient, "the sender is also a recipient"),
    ] {
        if holds {
            writeln!(out, "  {words}")?;
        }
    }
    if !evidence.oddities.is_empty() {
        writeln!(out, "  {}  {}", "odd".dimmed(), list(evidence.oddities.iter().map(word)))?;
    }
    Ok(())
}

fn write_parties(out: &mut String, evidence: &MatchEvidence) -> std::fmt::Result {
    let single =
        [("from", &evidence.from), ("reply-to", &evidence.reply_to), ("envelope", &evidence.envelope_from)];
    let single = single.into_iter().filter_map(|(label, party)| Some((label, party.as_ref()?)));
    let recipients = evidence.recipients.iter().take(RECIPIENTS_SHOWN_MAX).map(|party| ("to", party));
    let parties: Vec<_> = single.chain(recipients).collect();
    let rows = parties
        .iter()
        .map(|(label, party)| vec![(*label).to_owned(), address(party), list(party.kinds.iter().map(word))]);
    let text = table(&["", "ADDRESS", "KINDS"], rows);
    let mut lines = text.lines();
    if let Some(header) = lines.next() {
        writeln!(out, "  {}", header.dimmed())?;
    }
    for (line, (_, party)) in lines.zip(&parties) {
        match tone(party) {
            Tone::Known => writeln!(out, "  {}", line.green())?,
            Tone::Near => writeln!(out, "  {}", line.yellow())?,
            Tone::Plain => writeln!(out, "  {line}")?,
        }
        let details: Vec<String> = who(party).into_iter().chain(notes(party)).collect();
        if !details.is_empty() {
            writeln!(out, "            {}", list(details))?;
        }
    }
    if let Some(more) = evidence.recipients.len().checked_sub(RECIPIENTS_SHOWN_MAX).filter(|&n| n > 0) {
        writeln!(out, "  … {more} more recipients")?;
    }
    Ok(())
}

fn write_name(out: &mut String, name: &NameEvidence, candidate_count: u64) -> std::fmt::Result {
    write!(out, "  {}  {}", "sender's name".dimmed(), Plain(&name.name).bold())?;
    let flags = name.flags.iter().map(word);
    let embedded = name.embedded_addresses.iter().map(|address| format!("holds {}", Plain(address)));
    let notes: Vec<String> = flags.chain(embedded).collect();
    writeln!(out, "{}", if notes.is_empty() { String::new() } else { format!("  ({})", list(notes)) })?;
    if name.candidates.is_empty() {
        let words =
            if candidate_count == 0 { "nobody else there bears it" } else { "candidates not asked for" };
        return writeln!(out, "  {words}");
    }
    let header = ["MATCH", "OF", "PERSON", "TENANT", "VIP", "PERSON_ID", "NOTES"];
    for (i, line) in table(&header, name.candidates.iter().map(row)).lines().enumerate() {
        if i == 0 { writeln!(out, "  {}", line.dimmed())? } else { writeln!(out, "  {line}")? }
    }
    let cut = candidate_count.saturating_sub(name.candidates.len() as u64);
    if cut > 0 { writeln!(out, "  … {} more", grouped(cut)) } else { Ok(()) }
}

fn row(candidate: &Candidate) -> Vec<String> {
    let mut notes: Vec<String> = candidate.flags.iter().map(word).collect();
    // What goes without saying is not said.
    notes.extend([word(&candidate.kind)].into_iter().filter(|kind| kind != "person"));
    notes.extend([word(&candidate.status)].into_iter().filter(|status| status != "active"));
    if candidate.distance > 0 {
        notes.push(format!("distance {}", candidate.distance));
    }
    vec![
        word(&candidate.matched),
        word(&candidate.matched_field),
        format!("{} <{}>", Plain(&candidate.display_name), Plain(&candidate.email)),
        Plain(&candidate.tenant_id).to_string(),
        candidate.vip.to_string(),
        Plain(&candidate.person_id).to_string(),
        list(notes),
    ]
}

/// The address as it stands in the message.
fn address(party: &Party) -> String {
    match &party.name {
        Some(name) if !party.address.is_empty() => format!("{} <{}>", Plain(name), Plain(&party.address)),
        Some(name) => Plain(name).to_string(),
        None => Plain(&party.address).to_string(),
    }
}

/// Whose it is, or whose it looks like.
fn who(party: &Party) -> Vec<String> {
    let person = |person: &PartyPerson| {
        let name = if person.display_name.is_empty() { &person.email } else { &person.display_name };
        format!("{} ({} {})", Plain(name), Plain(&person.tenant_id), Plain(&person.person_id))
    };
    let mut who = shown(party.people.iter().map(person));
    if party.people.is_empty() {
        who.extend(shown(party.owner_tenants.iter().map(|owner| format!("domain of {}", Plain(owner)))));
    }
    who.extend(shown(party.lookalikes.iter().map(|like| {
        format!("like {} of {} ({})", Plain(&like.domain), Plain(&like.tenant_id), word(&like.how))
    })));
    who
}

fn notes(party: &Party) -> Vec<String> {
    let mut notes: Vec<String> =
        party.flags.iter().map(word).chain(party.oddities.iter().map(word)).collect();
    notes.extend(party.invalid.as_ref().map(|why| Plain(why).to_string()));
    if party.further_count > 0 {
        notes.push(format!("{} more in the header", party.further_count));
    }
    notes
}

/// The first few, and how many there are besides.
fn shown(all: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = all.len().saturating_sub(WHO_SHOWN_MAX);
    let mut shown: Vec<String> = all.take(WHO_SHOWN_MAX).collect();
    if more > 0 {
        shown.push(format!("… {more} more"));
    }
    shown
}

/// How an address stands to the directory, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Known,
    Near,
    Plain,
}

fn tone(party: &Party) -> Tone {
    match party.kinds.first() {
        Some(
            AddressKind::Primary | AddressKind::Alias | AddressKind::Subaddress | AddressKind::SharedOrRole,
        ) => Tone::Known,
        Some(
            AddressKind::OwnedDomainUnknownUser
            | AddressKind::LookalikeDomain
            | AddressKind::LocalPartForeign,
        ) => Tone::Near,
        _ => Tone::Plain,
    }
}

/// What a value is called in JSON.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}
