//! [`Lookup`]: what a look-up gives. Three answers, never mixed up: *found*, *definitely absent*,
//! *cannot say*.

use persondb_data::segment::{Hit, Hits, HitsIter, to_people};
use persondb_protocol::Generation;
use persondb_protocol::answer::{Answer, DomainFact, Person, Reason, Unavailable};
use persondb_protocol::control::PEOPLE_COUNT_MAX;

use crate::person::{PersonRef, unreadable};

/// The answer to a question about people. `'p` is the pin that it came through.
#[must_use]
#[derive(Clone, Debug)]
pub enum Lookup<'p> {
    /// Somebody has this key.
    Found(People<'p>),
    /// Nobody in this generation has it. This is knowledge, not failure.
    Absent(Generation),
    /// There is no way to know now. Never to be read as absent.
    Unavailable(Unavailable),
}

/// The answer to a question about a domain.
pub type DomainLookup = Answer<Vec<DomainFact>>;

/// Everybody that a look-up met: at least one person. The list is cut at
/// [`PEOPLE_COUNT_MAX`], or at the limit of the question.
#[derive(Clone, Debug)]
pub struct People<'p> {
    generation: Generation,
    source: Source<'p>,
}

/// Borrowed from the mapped segment, or received.
#[derive(Clone, Debug)]
enum Source<'p> {
    Mapped(Hits<'p>),
    Socket(Vec<Person>),
}

impl<'p> Lookup<'p> {
    /// The people, where there are any; `None` for absent *and* for cannot say.
    #[must_use]
    pub fn found(&self) -> Option<&People<'p>> {
        match self {
            Self::Found(people) => Some(people),
            Self::Absent(_) | Self::Unavailable(_) => None,
        }
    }

    /// The people, none when absent.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no way to know.
    pub fn known(self) -> Result<Option<People<'p>>, Unavailable> {
        match self {
            Self::Found(people) => Ok(Some(people)),
            Self::Absent(_) => Ok(None),
            Self::Unavailable(unavailable) => Err(unavailable),
        }
    }

    /// Whether nobody has this key, for certain.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// The owned form, the same whichever way it came; at most [`PEOPLE_COUNT_MAX`] people.
    #[must_use]
    pub fn to_answer(&self) -> Answer<Vec<Person>> {
        match self {
            Self::Found(people) => match people.to_people() {
                Ok(owned) => Answer::Found(people.generation, owned),
                Err(unavailable) => Answer::Unavailable(unavailable),
            },
            Self::Absent(generation) => Answer::Absent(*generation),
            Self::Unavailable(unavailable) => Answer::Unavailable(unavailable.clone()),
        }
    }

    /// One person.
    #[expect(clippy::inline_always, reason = "made where it stays")]
    #[inline(always)]
    pub(crate) fn of_one(generation: Generation, hit: Hit<'p>) -> Self {
        Self::Found(People { generation, source: Source::Mapped(Hits::of_one(hit)) })
    }

    pub(crate) fn from_hits(generation: Generation, hits: Hits<'p>) -> Self {
        if hits.is_empty() {
            return Self::Absent(generation);
        }
        Self::Found(People { generation, source: Source::Mapped(hits) })
    }

    pub(crate) fn from_answer(answer: Answer<Vec<Person>>) -> Self {
        match answer {
            // An empty list would make "found" a lie; no daemon sends one.
            Answer::Found(_, people) if people.is_empty() => Self::Unavailable(Unavailable::new(
                Reason::Unreadable,
                "the daemon found nobody and did not say absent; the two sides may be of different versions",
            )),
            Answer::Found(generation, people) => {
                Self::Found(People { generation, source: Source::Socket(people) })
            }
            Answer::Absent(generation) => Self::Absent(generation),
            Answer::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl People<'_> {
    /// Generation that they stand in.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// How many, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always somebody")]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Mapped(hits) => hits.len(),
            Source::Socket(people) => people.len(),
        }
    }

    /// The first of them.
    #[must_use]
    pub fn first(&self) -> PersonRef<'_> {
        self.iter().next().expect("no constructor takes an empty list")
    }

    /// The only one; `None` when several people share the key, also where the list was cut to one.
    #[must_use]
    pub fn sole(&self) -> Option<PersonRef<'_>> {
        (!self.is_shared()).then(|| self.first())
    }

    /// Whether several people answer the question, also where the list was cut to one.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &self.source {
            Source::Mapped(hits) => hits.is_shared(),
            Source::Socket(people) => people.len() > 1 || people.iter().any(|person| person.ambiguous),
        }
    }

    /// All of them.
    #[must_use]
    pub fn iter(&self) -> PeopleIter<'_> {
        let inner = match &self.source {
            Source::Mapped(hits) => Inner::Mapped(hits.iter()),
            Source::Socket(people) => Inner::Socket(people.iter()),
        };
        PeopleIter { shared: self.is_shared(), inner }
    }

    /// Owned, with every column; at most [`PEOPLE_COUNT_MAX`] of them.
    ///
    /// # Errors
    /// [`Unavailable`] when a person's bytes do not hold together.
    pub fn to_people(&self) -> Result<Vec<Person>, Unavailable> {
        match &self.source {
            Source::Mapped(hits) => to_people(hits).map_err(|corrupt| unreadable(&corrupt)),
            Source::Socket(people) => Ok(people.iter().take(PEOPLE_COUNT_MAX as usize).cloned().collect()),
        }
    }
}

impl<'a> IntoIterator for &'a People<'_> {
    type Item = PersonRef<'a>;
    type IntoIter = PeopleIter<'a>;

    fn into_iter(self) -> PeopleIter<'a> {
        self.iter()
    }
}

/// Iterator over [`People`].
#[derive(Clone, Debug)]
pub struct PeopleIter<'a> {
    shared: bool,
    inner: Inner<'a>,
}

#[derive(Clone, Debug)]
enum Inner<'a> {
    Mapped(HitsIter<'a, 'a>),
    Socket(std::slice::Iter<'a, Person>),
}

impl<'a> Iterator for PeopleIter<'a> {
    type Item = PersonRef<'a>;

    fn next(&mut self) -> Option<PersonRef<'a>> {
        match &mut self.inner {
            Inner::Mapped(hits) => hits.next().map(|hit| {
                let person = PersonRef::mapped(hit.person, hit.matched);
                if self.shared { person.among_others() } else { person }
            }),
            Inner::Socket(people) => people.next().map(PersonRef::received),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.inner {
            Inner::Mapped(hits) => hits.size_hint(),
            Inner::Socket(people) => people.size_hint(),
        }
    }
}

impl ExactSizeIterator for PeopleIter<'_> {}

#[cfg(test)]
mod tests {
    use persondb_protocol::answer::{AccountStatus, Kind, Matched};

    use super::*;

    fn person(id: &str) -> Person {
        Person {
            person_id: id.into(),
            tenant_id: "acme".into(),
            email: "a@b.example".into(),
            matched: Matched::Alias,
            display_name: "A".into(),
            kind: Kind::Role,
            status: AccountStatus::Suspended,
            vip: 2,
            ambiguous: true,
            columns: vec![("Title".into(), "Boss".into()), ("Empty".into(), String::new())],
        }
    }

    #[test]
    fn a_received_person_reads_like_a_mapped_one() {
        let lookup = Lookup::from_answer(Answer::Found(Generation(3), vec![person("1"), person("2")]));
        let people = lookup.found().unwrap();
        assert_eq!((people.len(), people.generation()), (2, Generation(3)));
        assert!(people.sole().is_none(), "two people share the address");
        let second = people.iter().nth(1).unwrap();
        assert_eq!(second.person_id().unwrap(), "2");
        assert_eq!(second.value("Title").unwrap().as_deref(), Some("Boss"));
        assert_eq!(second.value("Empty").unwrap().as_deref(), Some(""), "empty is not the same as no column");
        assert_eq!(second.value("title").unwrap(), None, "headers are compared exactly");
        let mut buffer = String::from("old");
        assert!(second.read("Title", &mut buffer).unwrap());
        assert_eq!(buffer, "Boss");
        assert_eq!(second.to_person().unwrap(), person("2"));
        assert_eq!(lookup.to_answer(), Answer::Found(Generation(3), vec![person("1"), person("2")]));
    }

    #[test]
    fn one_person_of_a_list_that_was_cut_is_not_the_only_one() {
        let answer = |ambiguous| Answer::Found(Generation(3), vec![Person { ambiguous, ..person("1") }]);
        let (cut, whole) = (Lookup::from_answer(answer(true)), Lookup::from_answer(answer(false)));
        let cut = cut.found().unwrap();
        assert!(cut.is_shared() && cut.sole().is_none() && cut.first().ambiguous());
        assert!(whole.found().unwrap().sole().is_some_and(|person| !person.ambiguous()));
    }

    #[test]
    fn the_three_answers_stay_apart() {
        let absent = Lookup::from_answer(Answer::Absent(Generation(3)));
        assert!(absent.is_absent());
        assert!(matches!(absent.known(), Ok(None)));
        let trouble = Unavailable::new(Reason::TimedOut, "x");
        let cannot_say = Lookup::from_answer(Answer::Unavailable(trouble.clone()));
        assert!(!cannot_say.is_absent() && cannot_say.found().is_none());
        assert_eq!(cannot_say.known().unwrap_err(), trouble);
    }

    #[test]
    fn found_without_anybody_is_neither_found_nor_absent() {
        let lookup = Lookup::from_answer(Answer::Found(Generation(3), Vec::new()));
        assert!(matches!(lookup, Lookup::Unavailable(u) if u.reason == Reason::Unreadable));
    }
}
