//! One question, three ways to its answer: mapped or over the socket through the client library, or
//! offline from an index built in this process. All give the same [`Answer`], so all print the same.

use persondb_client::{Client, ClientBuilder, Pin, Watch};
use persondb_data::input::InputSpec;
use persondb_data::message::Message;
use persondb_data::segment::{Hits, LookupError, Scope, Segment, to_people};
use persondb_protocol::Generation;
use persondb_protocol::answer::{Answer, Person, Reason, Unavailable};
use persondb_protocol::control::{KEY_SIZE_MAX, NAME_SIZE_MAX};
use persondb_protocol::matching::{MatchAnswer, MatchOptions};

use crate::args::{Globals, LookupOptions, Via, column_table};
use crate::build;
use crate::exit::Failure;
use crate::render::Found;

/// What can be asked about a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    /// Who has this address, in all tenants or in one?
    Address { tenant: Option<&'a str> },
    /// Who has this identifier, in all tenants or in one?
    Person { tenant: Option<&'a str> },
    /// Which people of a tenant have this full name, at most so many?
    Name { tenant: &'a str, limit: u32 },
    /// Whose domain is this?
    Domain,
}

/// Who answers.
pub(crate) enum Source {
    /// The generation that is current when a question comes.
    Live(Client),
    /// A segment of this process.
    Offline(Box<Segment<Vec<u8>>>),
}

/// The generation that offline answers carry: none was ever announced.
const OFFLINE: Generation = Generation(0);

impl Source {
    /// Opens what the options name. A missing daemon is no failure here: the answers will say so.
    ///
    /// Of a file beside `--offline` that names no tenant, everybody is of the tenant that is asked about.
    pub(crate) fn open(
        globals: &Globals,
        options: &LookupOptions,
        tenant: Option<&str>,
    ) -> Result<Self, Failure> {
        if options.offline.is_empty() {
            return Ok(Self::Live(client(globals, options)?));
        }
        let spec = InputSpec {
            people: options.offline.clone(),
            aliases: options.aliases.clone(),
            domains: options.domains.clone(),
            tenant: options.tenant_constant.as_deref().or(tenant).map(str::to_owned),
            preset: options.preset,
            columns: column_table(&options.columns),
            ..InputSpec::default()
        };
        let (bytes, _) = build::in_memory(&spec, None)?;
        let segment = Segment::open(bytes).map_err(Failure::unavailable)?;
        Ok(Self::Offline(Box::new(segment)))
    }

    /// Answers one question, through a pin of its own.
    pub(crate) fn ask(&self, question: Question<'_>, key: &str) -> Answer<Found> {
        if let Some(over) = question.over_limit(key) {
            return Answer::Unavailable(over);
        }
        match self {
            Self::Offline(segment) => offline(segment, question, key)
                .unwrap_or_else(|error| Answer::Unavailable(Unavailable::from(error))),
            Self::Live(client) => match client.pin() {
                Ok(pin) => live(&pin, question, key),
                Err(why) => Answer::Unavailable(why),
            },
        }
    }

    /// Evidence about one message, through a pin of its own.
    pub(crate) fn match_message(&self, message: &Message<'_>, options: &MatchOptions) -> MatchAnswer {
        match self {
            Self::Offline(segment) => {
                let evidence =
                    options.check().and_then(|()| Ok(segment.match_message(&message.bounded(), options)?));
                evidence.map_or_else(MatchAnswer::Unavailable, MatchAnswer::Matched)
            }
            Self::Live(client) => match client.pin() {
                Ok(pin) => pin.match_message_with(message, options),
                Err(why) => MatchAnswer::Unavailable(why),
            },
        }
    }
}

impl Question<'_> {
    /// The tenant whose people are meant, where it is one.
    pub(crate) fn tenant(&self) -> Option<&str> {
        match *self {
            Self::Address { tenant } | Self::Person { tenant } => tenant,
            Self::Name { tenant, .. } => Some(tenant),
            Self::Domain => None,
        }
    }

    /// The limits of the socket hold for every way, so that all give the same answer.
    fn over_limit(&self, key: &str) -> Option<Unavailable> {
        let (limit, tenant) = match *self {
            Self::Address { tenant } | Self::Person { tenant } => (KEY_SIZE_MAX, tenant),
            Self::Name { tenant, .. } => (NAME_SIZE_MAX, Some(tenant)),
            Self::Domain => (KEY_SIZE_MAX, None),
        };
        let over = |what, found: usize, limit| {
            (found > limit).then(|| {
                let detail = format!("expected at most {limit} bytes of {what}, found {found}; shorten it");
                Unavailable::new(Reason::OverLimit, detail)
            })
        };
        over("query", key.len(), limit).or_else(|| over("tenant", tenant.map_or(0, str::len), KEY_SIZE_MAX))
    }
}

/// The client library's builder for the common options.
pub(crate) fn builder(globals: &Globals) -> ClientBuilder {
    let mut builder = Client::builder().name(globals.name.clone()).program("persondb");
    if let Some(socket) = &globals.socket {
        builder = builder.socket(socket);
    }
    if let Some(owner) = globals.owner {
        builder = builder.owner(owner);
    }
    builder
}

/// A client without a thread: each pin compares the announcement by itself.
fn client(globals: &Globals, options: &LookupOptions) -> Result<Client, Failure> {
    let via = match options.via {
        Via::Auto => persondb_client::Via::Auto,
        Via::Map => persondb_client::Via::Map,
        Via::Socket => persondb_client::Via::Socket,
    };
    let mut builder = builder(globals).via(via).watch(Watch::OnPin);
    if let Some(age) = options.max_age {
        builder = builder.max_age(age);
    }
    builder.open().map_err(Failure::unavailable)
}

fn live(pin: &Pin, question: Question<'_>, key: &str) -> Answer<Found> {
    let lookup = match question {
        Question::Address { tenant: None } => pin.get(key),
        Question::Address { tenant: Some(tenant) } => pin.get_in(tenant, key),
        Question::Person { tenant: None } => pin.person(key),
        Question::Person { tenant: Some(tenant) } => pin.person_in(tenant, key),
        Question::Name { tenant, limit } => pin.by_name(tenant, key, limit),
        Question::Domain => return map(pin.domain(key), Found::Domains),
    };
    map(lookup.to_answer(), Found::People)
}

fn map<T>(answer: Answer<T>, wrap: impl FnOnce(T) -> Found) -> Answer<Found> {
    match answer {
        Answer::Found(generation, found) => Answer::Found(generation, wrap(found)),
        Answer::Absent(generation) => Answer::Absent(generation),
        Answer::Unavailable(why) => Answer::Unavailable(why),
    }
}

fn offline(
    segment: &Segment<Vec<u8>>,
    question: Question<'_>,
    key: &str,
) -> Result<Answer<Found>, LookupError> {
    let scope = |tenant: Option<_>| tenant.map_or(Scope::Everywhere, Scope::Tenant);
    match question {
        Question::Address { tenant } => people(&segment.get(key, scope(tenant))?),
        Question::Person { tenant } => people(&segment.person(key, scope(tenant))?),
        Question::Name { tenant, limit } => {
            people(&segment.by_name(tenant, key, usize::try_from(limit).unwrap_or(usize::MAX))?)
        }
        Question::Domain => Ok(match segment.domain(key)? {
            facts if facts.is_empty() => Answer::Absent(OFFLINE),
            facts => Answer::Found(OFFLINE, Found::Domains(facts)),
        }),
    }
}

fn people(hits: &Hits<'_>) -> Result<Answer<Found>, LookupError> {
    let people: Vec<Person> = to_people(hits)?;
    Ok(if people.is_empty() {
        Answer::Absent(OFFLINE)
    } else {
        Answer::Found(OFFLINE, Found::People(people))
    })
}
