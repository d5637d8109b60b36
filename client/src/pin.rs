//! [`Pin`]: look-ups that all go through one generation.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use persondb_data::segment::{Answers, Hit, Hits, LookupError, Scope, Segment};
use persondb_protocol::Generation;
use persondb_protocol::answer::{Answer, Matched, Reason, Unavailable};
use persondb_protocol::control::{KEY_SIZE_MAX, NAME_SIZE_MAX, PEOPLE_COUNT_MAX, Reply, Request};
use persondb_shm::SegmentMap;

use crate::counters::Outcome;
use crate::lookup::{DomainLookup, Lookup};
use crate::person::{PersonRef, unreadable};
use crate::reader::{Hold, too_old};
use crate::view::{Mapped, View};

/// Attempts at an answer whose age is known, over the socket, when rolls come in between.
const AGE_TRIES: u32 = 3;

/// Keeps one generation for as long as it lives; all its answers come from that one.
///
/// Take one for each unit of work (a message, a request) and drop it: while it lives, its generation
/// stays mapped, and what is announced meanwhile is not seen through it. It belongs to its thread.
///
/// # Over the socket
/// Nothing can be kept there, so the first answer decides: if a later question through the same pin is
/// answered from another generation, that answer is withheld as [`Reason::NoGeneration`], and a new pin
/// goes on. One pin for each question never meets this.
#[derive(Debug)]
#[must_use]
pub struct Pin {
    hold: Rc<Hold>,
    /// Over the socket: the generation of the first answer.
    answered: Cell<Option<Generation>>,
}

impl Pin {
    pub(crate) fn new(hold: Rc<Hold>) -> Self {
        Self { hold, answered: Cell::new(None) }
    }

    /// Everybody with this address: primary, alias, sub-address, or a personal one on record.
    pub fn get(&self, address: &str) -> Lookup<'_> {
        self.get_scoped(address, None)
    }

    /// Everybody of one tenant with this address.
    pub fn get_in(&self, tenant: &str, address: &str) -> Lookup<'_> {
        self.get_scoped(address, Some(tenant))
    }

    /// [`Self::get`] for each of the addresses, in their order: `visit` is called with the place of each and
    /// its answer. Mapped, their cache misses overlap: at 10 million people a batch of 32 took two fifths of
    /// the time of as many single look-ups (`tests/peers`).
    pub fn get_many<'p, A: AsRef<str>>(&'p self, addresses: &[A], mut visit: impl FnMut(usize, Lookup<'p>)) {
        let usual = addresses.iter().all(|address| address.as_ref().len() <= KEY_SIZE_MAX);
        let (View::Mapped(mapped), true) = (&*self.hold.view, usual) else {
            for (place, address) in addresses.iter().enumerate() {
                visit(place, self.get(address.as_ref()));
            }
            return;
        };
        mapped.segment.get_many_as(
            addresses,
            Scope::Everywhere,
            &mut MappedAnswers { pin: self, mapped, visit },
        );
    }

    /// Everybody with this identifier, compared byte for byte.
    pub fn person(&self, person_id: &str) -> Lookup<'_> {
        self.person_scoped(person_id, None)
    }

    /// The person of one tenant with this identifier.
    pub fn person_in(&self, tenant: &str, person_id: &str) -> Lookup<'_> {
        self.person_scoped(person_id, Some(tenant))
    }

    /// People of a tenant whose folded name is this one: at most `limit`, which is taken into
    /// `1..=PEOPLE_COUNT_MAX`.
    pub fn by_name(&self, tenant: &str, full_name: &str, limit: u32) -> Lookup<'_> {
        let limit = limit.clamp(1, PEOPLE_COUNT_MAX);
        self.people_lookup(
            check_key("tenant", tenant, KEY_SIZE_MAX).and(check_key("name", full_name, NAME_SIZE_MAX)),
            |segment| segment.by_name(tenant, full_name, limit as usize),
            || Request::Name { tenant: tenant.to_owned(), full_name: full_name.to_owned(), limit },
        )
    }

    /// What is known of a domain, one fact for each tenant that knows it.
    pub fn domain(&self, domain: &str) -> DomainLookup {
        let answer = match (check_key("domain", domain, KEY_SIZE_MAX), &*self.hold.view) {
            (Err(unavailable), _) => Answer::Unavailable(unavailable),
            (Ok(()), View::Mapped(mapped)) => match mapped.segment.domain(domain) {
                Ok(facts) if facts.is_empty() => Answer::Absent(mapped.generation()),
                Ok(facts) => Answer::Found(mapped.generation(), facts),
                Err(error) => Answer::Unavailable(error.into()),
            },
            (Ok(()), View::Socket { .. } | View::Nothing(_)) => {
                self.ask(&Request::Domain { domain: domain.to_owned() }, |reply| match reply {
                    Reply::Domains(answer) => Some(answer),
                    _ => None,
                })
            }
        };
        self.hold.cells.count(match &answer {
            Answer::Found(..) => Outcome::Found,
            Answer::Absent(_) => Outcome::Absent,
            Answer::Unavailable(unavailable) => Outcome::Unavailable(unavailable.reason),
        });
        answer
    }

    /// All people of the generation, in the order of its rows; each with [`Matched::Primary`]. Not
    /// counted as look-ups.
    ///
    /// # Errors
    /// [`Reason::Unreachable`] over the socket, which answers questions only.
    pub fn people(&self) -> Result<impl Iterator<Item = Result<PersonRef<'_>, Unavailable>>, Unavailable> {
        let mapped = self.mapped().ok_or_else(|| {
            Unavailable::new(
                Reason::Unreachable,
                "all people can only be read from a mapped generation, and this client asks over the socket; \
                 see why in its status",
            )
        })?;
        Ok(mapped.segment.people().map(|person| match person {
            Ok(person) => Ok(PersonRef::mapped(person, Matched::Primary)),
            Err(corrupt) => Err(unreadable(&corrupt)),
        }))
    }

    /// Generation that the answers come from; `None` over the socket before the first answer.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        self.mapped().map(Mapped::generation).or(self.answered.get())
    }

    /// Age of the data, counted from the start of the load that made the generation. Over the socket it is
    /// known only to clients with a limit on it, after the first answer.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        match self.mapped() {
            Some(mapped) => Some(mapped.age()),
            None => self.hold.core.whole().ok()?.pool.known_age(self.answered.get()?),
        }
    }

    /// The mapped segment itself, for tools that look at bytes; `None` over the socket.
    #[must_use]
    pub fn segment(&self) -> Option<&Segment<SegmentMap>> {
        self.mapped().map(|mapped| &mapped.segment)
    }

    /// What its questions go through.
    pub(crate) fn view(&self) -> &View {
        &self.hold.view
    }

    /// Counts what a question came to.
    #[inline]
    pub(crate) fn count_outcome(&self, outcome: Outcome) {
        self.hold.cells.count(outcome);
    }

    fn mapped(&self) -> Option<&Mapped> {
        self.hold.view.mapped()
    }

    #[inline]
    fn get_scoped(&self, address: &str, tenant: Option<&str>) -> Lookup<'_> {
        // As nearly all are; what is longer is refused below, whichever way it would have gone.
        let has_usual_size = address.len() <= KEY_SIZE_MAX && tenant.is_none_or(|t| t.len() <= KEY_SIZE_MAX);
        match &*self.hold.view {
            View::Mapped(mapped) if has_usual_size => {
                let sole = |hit| self.sole_answer(mapped, hit);
                mapped.segment.get_as(address, scope(tenant), sole, |hits| self.mapped_answer(mapped, hits))
            }
            _ => self.people_lookup(
                check_key("address", address, KEY_SIZE_MAX).and(check_tenant(tenant)),
                |segment| segment.get(address, scope(tenant)),
                || Request::Get { address: address.to_owned(), tenant: tenant.map(str::to_owned) },
            ),
        }
    }

    fn person_scoped(&self, person_id: &str, tenant: Option<&str>) -> Lookup<'_> {
        self.people_lookup(
            check_key("person identifier", person_id, KEY_SIZE_MAX).and(check_tenant(tenant)),
            |segment| segment.person(person_id, scope(tenant)),
            || Request::Person { person_id: person_id.to_owned(), tenant: tenant.map(str::to_owned) },
        )
    }

    /// One look-up, whichever way it goes. The limits are checked before the ways part, so that both give
    /// the same answer.
    #[inline]
    fn people_lookup<'p>(
        &'p self,
        checked: Result<(), Unavailable>,
        read: impl FnOnce(&'p Segment<SegmentMap>) -> Result<Hits<'p>, LookupError>,
        request: impl FnOnce() -> Request,
    ) -> Lookup<'p> {
        let lookup = match (checked, &*self.hold.view) {
            (Err(unavailable), _) => Lookup::Unavailable(unavailable),
            (Ok(()), View::Mapped(mapped)) => return self.mapped_answer(mapped, read(&mapped.segment)),
            (Ok(()), View::Socket { .. } | View::Nothing(_)) => {
                Lookup::from_answer(self.ask(&request(), |reply| match reply {
                    Reply::People(answer) => Some(answer),
                    _ => None,
                }))
            }
        };
        self.count(&lookup);
        lookup
    }

    /// The answer of a mapped segment that met one person by a first look, counted. It is made last, where it stays: a
    /// copy of it would be waited for.
    #[expect(clippy::inline_always, reason = "what is returned otherwise is copied")]
    #[inline(always)]
    fn sole_answer<'p>(&'p self, mapped: &'p Mapped, hit: Hit<'p>) -> Lookup<'p> {
        self.hold.cells.count(Outcome::Found);
        Lookup::of_one(mapped.generation(), hit)
    }

    /// Any answer of a mapped segment, counted.
    #[inline]
    fn mapped_answer<'p>(&'p self, mapped: &'p Mapped, hits: Result<Hits<'p>, LookupError>) -> Lookup<'p> {
        match hits {
            Ok(hits) => {
                self.hold.cells.count(if hits.is_empty() { Outcome::Absent } else { Outcome::Found });
                Lookup::from_hits(mapped.generation(), hits)
            }
            Err(error) => {
                let unavailable = Unavailable::from(error);
                self.hold.cells.count(Outcome::Unavailable(unavailable.reason));
                Lookup::Unavailable(unavailable)
            }
        }
    }

    #[inline]
    fn count(&self, lookup: &Lookup<'_>) {
        self.hold.cells.count(match lookup {
            Lookup::Found(_) => Outcome::Found,
            Lookup::Absent(_) => Outcome::Absent,
            Lookup::Unavailable(unavailable) => Outcome::Unavailable(unavailable.reason),
        });
    }

    /// Asks the daemon, and withholds answers that are too old or of another generation than the first.
    pub(crate) fn ask<T>(&self, request: &Request, pick: impl Fn(Reply) -> Option<Answer<T>>) -> Answer<T> {
        self.hold.cells.count_socket();
        self.try_ask(request, pick).unwrap_or_else(Answer::Unavailable)
    }

    fn try_ask<T>(
        &self,
        request: &Request,
        pick: impl Fn(Reply) -> Option<Answer<T>>,
    ) -> Result<Answer<T>, Unavailable> {
        let core = &self.hold.core;
        // Not the hold's own: in a forked child that would be the parent's connection.
        let live = core.whole()?;
        for _ in 0..AGE_TRIES {
            let reply = live.pool.ask(&core.settings, request)?;
            let answer = pick(reply).ok_or_else(|| {
                Unavailable::new(Reason::Unreachable, "the daemon answered another question than was asked")
            })?;
            let (Answer::Found(generation, _) | Answer::Absent(generation)) = answer else {
                return Ok(answer);
            };
            if let Some(max_age) = core.settings.max_age {
                // A roll between answer and question: ask for a younger answer.
                let Some(age) = live.pool.age(&core.settings, generation)? else { continue };
                if age >= max_age {
                    return Err(too_old(age.as_secs_f64(), core));
                }
            }
            let first = self.answered.get().unwrap_or(generation);
            self.answered.set(Some(first));
            if first == generation {
                return Ok(answer);
            }
            let detail = format!(
                "this pin's answers are from generation {first}, the daemon serves {generation} now; take a new pin"
            );
            return Err(Unavailable::new(Reason::NoGeneration, detail));
        }
        let detail = format!("the generation changed during each of {AGE_TRIES} tries; ask again");
        Err(Unavailable::new(Reason::NoGeneration, detail))
    }
}

/// Calls `visit` with the answers of a batch.
struct MappedAnswers<'p, F> {
    pin: &'p Pin,
    mapped: &'p Mapped,
    visit: F,
}

impl<'p, F: FnMut(usize, Lookup<'p>)> Answers<'p> for MappedAnswers<'p, F> {
    #[expect(clippy::inline_always, reason = "as `sole_answer`")]
    #[inline(always)]
    fn sole(&mut self, place: usize, hit: Hit<'p>) {
        (self.visit)(place, self.pin.sole_answer(self.mapped, hit));
    }

    #[inline]
    fn hits(&mut self, place: usize, hits: Result<Hits<'p>, LookupError>) {
        (self.visit)(place, self.pin.mapped_answer(self.mapped, hits));
    }
}

fn scope(tenant: Option<&str>) -> Scope<'_> {
    tenant.map_or(Scope::Everywhere, Scope::Tenant)
}

fn check_tenant(tenant: Option<&str>) -> Result<(), Unavailable> {
    tenant.map_or(Ok(()), |tenant| check_key("tenant", tenant, KEY_SIZE_MAX))
}

#[inline]
fn check_key(what: &str, key: &str, size_max: usize) -> Result<(), Unavailable> {
    if key.len() <= size_max { Ok(()) } else { Err(over_limit(what, key.len(), size_max)) }
}

#[cold]
fn over_limit(what: &str, found: usize, size_max: usize) -> Unavailable {
    Unavailable::new(Reason::OverLimit, format!("{what} of {found} bytes, expected at most {size_max}"))
}
