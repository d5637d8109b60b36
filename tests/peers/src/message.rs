//! What matching a message costs, beside a single look-up of the same segment in the same run (`--message`).
//!
//! A message is a stranger who bears the display name of somebody in a tenant, and five recipients there. Tenants and
//! people are drawn at random, so that most lines of memory that are needed are in no cache. *Hostile* messages are as
//! expensive as their sender can make them: as many recipients, words and domains as are looked at.
//!
//! The single look-up is timed as elsewhere: of anybody, each waits for the answer before, address and display name are
//! read; and, for who wants to see the other end, of few people in a loop that the processor overlaps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use persondb_client::{Client, Lookup, MatchAnswer, Message};
use persondb_protocol::matching::MatchMessage;

use crate::Args;
use crate::fence::wait_for_answer;
use crate::served::{Pages, Served};

/// Recipients of a usual message.
const RECIPIENTS: usize = 5;
/// Usual messages of a round, and single look-ups.
const MESSAGES: usize = 20_000;
const LOOKUPS: usize = 200_000;
/// Hostile messages of a round.
const HOSTILE: usize = 20;

/// One person, as far as messages need one.
struct Known {
    email: String,
    name: String,
}

/// Messages of a kind, and how long each took: one time a round.
struct Kind {
    title: &'static str,
    messages: Vec<MatchMessage>,
    times: Vec<Duration>,
}

/// Times matching and gives a table for each size of pages.
///
/// # Errors
/// When the CSV cannot be used or has no tenant of five people.
pub(crate) fn run(args: &Args) -> Result<String> {
    let tenants = tenants(&args.people)?;
    let mut out = String::new();
    for (title, pages) in [("4 KiB", Pages::Small), ("2 MiB", Pages::Huge)] {
        let served = Served::of(&args.people, pages)?;
        let table = timed(&served.client, &tenants, args)?;
        let percent = served.huge_page_size.saturating_mul(100) / served.size.max(1);
        writeln!(
            out,
            "pages of {title} ({percent} % of the segment in huge ones), median of rounds, interleaved:"
        )?;
        writeln!(out, "{table}")?;
    }
    Ok(out)
}

fn timed(client: &Client, tenants: &BTreeMap<String, Vec<Known>>, args: &Args) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(args.seed);
    let large: Vec<&Vec<Known>> = tenants.values().filter(|people| people.len() > RECIPIENTS).collect();
    ensure!(!large.is_empty(), "expected a tenant of more than {RECIPIENTS} people");
    // Drawn by people, as mail comes: a large tenant gets more of it.
    let all: Vec<&Vec<Known>> =
        large.iter().flat_map(|people| std::iter::repeat_n(*people, people.len())).collect();
    let mut own = random.fork();
    let mut pick = || all[random.usize(..all.len())];
    let lookups: Vec<&str> = (0..LOOKUPS).map(|_| somebody(pick(), &mut own).email.as_str()).collect();
    let few: Vec<&str> = (0..LOOKUPS).map(|at| pick()[at % RECIPIENTS].email.as_str()).collect();
    let mut kinds = [
        kind("a stranger's name, 5 recipients", MESSAGES, || usual(pick(), true, &mut own)),
        kind("no name, 5 recipients", MESSAGES, || usual(pick(), false, &mut own)),
        kind("hostile: 500 recipients of one tenant", HOSTILE, || many_recipients(pick(), all.as_slice())),
        kind("hostile: 500 recipients at two public domains", HOSTILE, || two_domains(pick())),
        kind("hostile: 16 words, 16 tenants", HOSTILE, || many_words(all.as_slice())),
    ];
    let (mut gets, mut warm) = (Vec::new(), Vec::new());
    for round in 0..=args.rounds {
        gets.push(serialised(client, &lookups)?);
        let start = Instant::now();
        for address in &few {
            let _ = black_box(client.pin()?.get(black_box(address)));
        }
        warm.push(start.elapsed() / u32::try_from(few.len())?);
        for kind in &mut kinds {
            kind.times.push(matched(client, &kind.messages)?);
        }
        if round == 0 {
            // The first round only brings pages and tables into memory.
            gets.clear();
            warm.clear();
            for kind in &mut kinds {
                kind.times.clear();
            }
        }
    }
    text(&gets, &warm, &kinds)
}

/// Time of a look-up whose answer is read before the next one begins.
fn serialised(client: &Client, addresses: &[&str]) -> Result<Duration> {
    let (mut email, mut name) = (String::new(), String::new());
    let start = Instant::now();
    for address in addresses {
        let pin = client.pin()?;
        let Lookup::Found(people) = pin.get(black_box(address)) else {
            bail!("nobody has {address}, an address of the CSV");
        };
        people.first().read_email(&mut email)?;
        people.first().read_display_name(&mut name)?;
        black_box((&email, &name));
        wait_for_answer();
    }
    Ok(start.elapsed() / u32::try_from(addresses.len())?)
}

/// Time of a message, answer made and given back.
fn matched(client: &Client, messages: &[MatchMessage]) -> Result<Duration> {
    let start = Instant::now();
    for message in messages {
        let answer = client.pin()?.match_message(&Message::from(black_box(message)));
        ensure!(matches!(black_box(&answer), MatchAnswer::Matched(_)), "no evidence: {answer:?}");
    }
    Ok(start.elapsed() / u32::try_from(messages.len())?)
}

fn text(gets: &[Duration], warm: &[Duration], kinds: &[Kind]) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "{:<52} {:>10} {:>8} {:>8}", "one of them", "µs", "× get", "× warm")?;
    let own =
        [("get, a hit, serialised, address and name read", gets), ("get, a hit, warm, nothing read", warm)];
    let rows = kinds.iter().map(|kind| (kind.title, kind.times.as_slice()));
    for (title, times) in own.into_iter().chain(rows) {
        let [to_get, to_warm] = [gets, warm].map(|than| median_ratio(times, than));
        let time = micros(median(times));
        writeln!(out, "{title:<52} {time:>10.2} {to_get:>8.1} {to_warm:>8.1}")?;
    }
    Ok(out)
}

/// Median over the rounds.
fn median_ratio(times: &[Duration], than: &[Duration]) -> f64 {
    let ratios = times.iter().zip(than).map(|(time, than)| time.div_duration_f64(*than));
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn somebody<'p>(people: &'p [Known], random: &mut fastrand::Rng) -> &'p Known {
    &people[random.usize(..people.len())]
}

fn kind(title: &'static str, count: usize, message: impl FnMut() -> MatchMessage) -> Kind {
    Kind { title, messages: std::iter::repeat_with(message).take(count).collect(), times: Vec::new() }
}

/// Recipients may be the same person twice, as in life.
fn usual(people: &[Known], has_name: bool, random: &mut fastrand::Rng) -> MatchMessage {
    let from_name = has_name.then(|| somebody(people, random).name.clone());
    let recipients = (0..RECIPIENTS).map(|_| somebody(people, random).email.clone()).collect();
    // Of many domains, as what the keys of one meet is chance.
    let from_addr = Some(format!("x@stranger{}.example", random.u16(..1000)));
    MatchMessage { from_addr, from_name, recipients, ..MatchMessage::default() }
}

fn stranger() -> MatchMessage {
    MatchMessage { from_addr: Some("x@stranger.example".into()), ..MatchMessage::default() }
}

/// A stranger with the name of one of the people.
fn stranger_as_one_of(people: &[Known]) -> MatchMessage {
    MatchMessage { from_name: Some(people[people.len() / 2].name.clone()), ..stranger() }
}

/// Recipients of one tenant where it has so many, else of others as well.
fn many_recipients(people: &[Known], all: &[&Vec<Known>]) -> MatchMessage {
    let others = all.iter().step_by(1 + all.len() / 1000).filter_map(|people| people.first());
    let recipients = people.iter().chain(others).take(500).map(|known| known.email.clone()).collect();
    MatchMessage { recipients, ..stranger_as_one_of(people) }
}

/// No two neighbours of one domain, and many tenants have people in both.
fn two_domains(people: &[Known]) -> MatchMessage {
    let domains = ["gmail.com", "outlook.com"].into_iter().cycle();
    let mut recipients = vec![people[0].email.clone()];
    recipients.extend(domains.zip(0..499).map(|(domain, number)| format!("nobody{number}@{domain}")));
    MatchMessage { recipients, ..stranger_as_one_of(people) }
}

/// Every pair of sixteen frequent words in every tenant that may count.
fn many_words(all: &[&Vec<Known>]) -> MatchMessage {
    let mut largest: Vec<&&Vec<Known>> = all.iter().collect();
    largest.sort_by_key(|people| (std::cmp::Reverse(people.len()), people[0].email.as_str()));
    largest.dedup_by_key(|people| people[0].email.as_str());
    let words =
        "Maria Anna John David Michael Thomas Peter Martin Smith Garcia Müller Johnson Lee Silva Wang Kumar";
    MatchMessage {
        from_name: Some(words.into()),
        recipients: largest.iter().take(16).map(|people| people[0].email.clone()).collect(),
        ..stranger()
    }
}

fn tenants(people: &Path) -> Result<BTreeMap<String, Vec<Known>>> {
    let mut reader = csv::Reader::from_path(people)?;
    let headers = reader.headers()?.clone();
    let place = |name: &str| {
        headers.iter().position(|header| header == name).with_context(|| format!("no column {name}"))
    };
    let (tenant, email, name) = (place("tenant_id")?, place("email")?, place("display_name")?);
    let mut tenants = BTreeMap::<String, Vec<Known>>::new();
    for record in reader.records() {
        let record = record?;
        let known = Known { email: record[email].to_owned(), name: record[name].to_owned() };
        tenants.entry(record[tenant].to_owned()).or_default().push(known);
    }
    Ok(tenants)
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_messages_have_as_many_recipients_as_are_looked_at() {
        let known = |number: usize| Known { email: format!("p{number}@a.example"), name: "Ann Able".into() };
        let people: Vec<Known> = (0..600).map(known).collect();
        let all = vec![&people; 600];
        assert_eq!(many_recipients(&people, &all).recipients.len(), 500);
        assert_eq!(two_domains(&people).recipients.len(), 500);
        assert_eq!(usual(&people, true, &mut fastrand::Rng::with_seed(1)).recipients.len(), RECIPIENTS);
        assert_eq!(many_words(&all).recipients.len(), 1, "each tenant once");
    }
}
