//! Answers as JSON and as text: the one place that makes either, so that every way to an answer
//! (mapped, over the socket, offline) shows the same bytes.

use std::fmt::Write as _;
use std::io::Write;

use owo_colors::OwoColorize;
use persondb_protocol::Generation;
use persondb_protocol::answer::{
    AccountStatus, Answer, DomainFact, DomainKind, Kind, Matched, Person, Reason,
};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::{Output, Plain, grouped};

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// By `get`, `person`, `name`.
    People(Vec<Person>),
    /// By `domain`.
    Domains(Vec<DomainFact>),
}

/// One line of JSON. The order of the fields is part of the contract.
#[derive(Serialize)]
struct Line<'a> {
    query: &'a str,
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<Generation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<&'a [Person]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domains: Option<&'a [DomainFact]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn new(query: &'a str, answer: &'a Answer<Found>) -> Self {
        let empty = Self {
            query,
            answer: "found",
            generation: None,
            people: None,
            domains: None,
            reason: None,
            detail: None,
        };
        match answer {
            Answer::Found(generation, Found::People(people)) => {
                Self { generation: Some(*generation), people: Some(people), ..empty }
            }
            Answer::Found(generation, Found::Domains(domains)) => {
                Self { generation: Some(*generation), domains: Some(domains), ..empty }
            }
            Answer::Absent(generation) => Self { answer: "absent", generation: Some(*generation), ..empty },
            Answer::Unavailable(why) => {
                Self { answer: "unavailable", reason: Some(why.reason), detail: Some(&why.detail), ..empty }
            }
        }
    }
}

/// Prints one answer and flushes it; gives the exit status it stands for.
pub(crate) fn answer<W: Write>(
    output: &mut Output<W>,
    query: &str,
    answer: &Answer<Found>,
) -> Result<Exit, Failure> {
    output.put(&Line::new(query, answer), || text(query, answer))?;
    Ok(match answer {
        Answer::Found(..) => Exit::Done,
        Answer::Absent(_) => Exit::Absent,
        Answer::Unavailable(_) => Exit::Unavailable,
    })
}

fn text(query: &str, answer: &Answer<Found>) -> String {
    let mut out = format!("{}: ", Plain(query).bold());
    // Writing into a String cannot fail.
    let _ = match answer {
        Answer::Found(generation, Found::People(people)) => {
            let _ = match people.len() {
                1 => writeln!(out, "{} (generation {generation})", "found".green()),
                n => writeln!(out, "{}, {n} people (generation {generation})", "found".green()),
            };
            people.iter().try_for_each(|one| person(&mut out, one))
        }
        Answer::Found(generation, Found::Domains(facts)) => {
            let _ = writeln!(out, "{} (generation {generation})", "found".green());
            facts.iter().try_for_each(|fact| domain(&mut out, fact))
        }
        Answer::Absent(generation) => {
            writeln!(out, "{} (generation {generation})", "absent".yellow())
        }
        Answer::Unavailable(why) => writeln!(out, "{} ({})", "cannot say".red(), why.reason.text()),
    };
    out
}

fn person(out: &mut String, person: &Person) -> std::fmt::Result {
    let name = if person.display_name.is_empty() { "(no display name)" } else { &person.display_name };
    writeln!(out, "  {} <{}>  by {}", Plain(name).bold(), Plain(&person.email), matched(person.matched))?;
    write!(
        out,
        "    tenant {}, person_id {}, {}, {}, vip {}",
        Plain(&person.tenant_id),
        Plain(&person.person_id),
        kind(person.kind),
        status(person.status),
        person.vip
    )?;
    writeln!(out, "{}", if person.ambiguous { ", one of several" } else { "" })?;
    let filled = || person.columns.iter().filter(|(_, value)| !value.is_empty());
    let width = filled().map(|(header, _)| header.chars().count()).max().unwrap_or(0).min(40);
    for (header, value) in filled() {
        // The escapes of `dimmed` would count as width, so the header is padded first.
        let header = format!("{:width$}", Plain(header).to_string());
        writeln!(out, "    {}  {}", header.dimmed(), Plain(value))?;
    }
    Ok(())
}

fn domain(out: &mut String, fact: &DomainFact) -> std::fmt::Result {
    let relation = match fact.kind {
        DomainKind::Owned => "owned by",
        DomainKind::Partner => "partner of",
        DomainKind::Observed => "not in the domains file, has people of",
    };
    write!(out, "  {} {relation} tenant {}", Plain(&fact.domain), Plain(&fact.tenant_id).bold())?;
    write!(out, ", {} people", grouped(fact.people))?;
    if let Some(character) = fact.subaddress {
        write!(out, ", sub-addresses after {character:?}")?;
    }
    writeln!(out, "{}", if fact.dots_ignored { ", dots ignored" } else { "" })
}

fn matched(matched: Matched) -> &'static str {
    match matched {
        Matched::Primary => "primary address",
        Matched::Alias => "alias",
        Matched::Subaddress => "sub-address",
        Matched::Dots => "address without dots",
        Matched::PersonalKnown => "personal address",
        Matched::PersonId => "person_id",
        Matched::Name => "name",
        _ => "another key",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "person",
        Kind::Shared => "shared mailbox",
        Kind::Role => "role",
        Kind::Service => "service",
        Kind::Guest => "guest",
        Kind::External => "external",
    }
}

fn status(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Active => "active",
        AccountStatus::Suspended => "suspended",
        AccountStatus::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use persondb_protocol::answer::Unavailable;

    use super::*;
    use crate::args::Format;

    fn rendered(format: Format, query: &str, given: &Answer<Found>) -> (String, Exit) {
        let mut bytes = Vec::new();
        let exit = answer(&mut Output::new(format, &mut bytes), query, given).unwrap();
        (anstream::adapter::strip_str(&String::from_utf8(bytes).unwrap()).to_string(), exit)
    }

    fn jane() -> Person {
        Person {
            person_id: "7".into(),
            tenant_id: "acme".into(),
            email: "jane@acme.example".into(),
            matched: Matched::Alias,
            display_name: "Jane".into(),
            kind: Kind::Person,
            status: AccountStatus::Active,
            vip: 3,
            ambiguous: false,
            columns: vec![("note".into(), "a\nb".into()), ("empty".into(), String::new())],
        }
    }

    #[test]
    fn json_of_the_three_answers_is_the_contract() {
        let found = Answer::Found(Generation(3), Found::People(vec![jane()]));
        assert_eq!(
            rendered(Format::Json, "j@acme.example", &found),
            (
                concat!(
                    r#"{"query":"j@acme.example","answer":"found","generation":3,"people":[{"person_id":"7","#,
                    r#""tenant_id":"acme","email":"jane@acme.example","matched":"alias","display_name":"Jane","#,
                    r#""kind":"person","status":"active","vip":3,"ambiguous":false,"#,
                    r#""columns":{"note":"a\nb","empty":""}}]}"#,
                    "\n"
                )
                .to_owned(),
                Exit::Done
            )
        );
        assert_eq!(
            rendered(Format::Json, "x\"", &Answer::Absent(Generation(3))),
            ("{\"query\":\"x\\\"\",\"answer\":\"absent\",\"generation\":3}\n".to_owned(), Exit::Absent)
        );
        let unavailable = Answer::Unavailable(Unavailable::new(Reason::TooOld, "25 h"));
        let line =
            "{\"query\":\"x\",\"answer\":\"unavailable\",\"reason\":\"too_old\",\"detail\":\"25 h\"}\n";
        assert_eq!(rendered(Format::Json, "x", &unavailable), (line.to_owned(), Exit::Unavailable));
    }

    #[test]
    fn text_shows_every_filled_column_and_no_control_character() {
        let found = Answer::Found(Generation(3), Found::People(vec![jane()]));
        let (text, _) = rendered(Format::Text, "j@acme.example", &found);
        assert_eq!(
            text,
            "j@acme.example: found (generation 3)\n  Jane <jane@acme.example>  by alias\n    \
             tenant acme, person_id 7, person, active, vip 3\n    note  a\\nb\n"
        );
    }
}
