//! [`PersonRef`]: one person of an answer, borrowed, the same whether mapped or received.

use std::borrow::Cow;

use persondb_data::segment::{self, Ambiguity, Corrupt};
use persondb_protocol::answer::{AccountStatus, Kind, Matched, Person, Reason, Unavailable};

/// One person. Reading a field decodes just that field; nothing is copied where the bytes stand in the
/// segment as they are asked for.
///
/// Fields that come out of the segment's bytes give a `Result`: bytes that do not hold together are
/// [`Reason::Unreadable`], never a panic and never an empty value.
#[derive(Clone, Copy, Debug)]
pub struct PersonRef<'a> {
    source: Source<'a>,
    matched: Matched,
    ambiguity: Ambiguity,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Mapped(segment::PersonRef<'a>),
    Socket(&'a Person),
}

impl<'a> PersonRef<'a> {
    /// Identifier within the tenant; the primary address where the CSV has none.
    ///
    /// # Errors
    /// [`Reason::Unreadable`], like all fields here.
    pub fn person_id(&self) -> Result<Cow<'a, str>, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.person_id()),
            Source::Socket(person) => Ok(Cow::Borrowed(&person.person_id)),
        }
    }

    /// Customer whose person this is.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn tenant_id(&self) -> Result<&'a str, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.tenant_id()),
            Source::Socket(person) => Ok(&person.tenant_id),
        }
    }

    /// Primary address as given.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn email(&self) -> Result<Cow<'a, str>, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.email()),
            Source::Socket(person) => Ok(Cow::Borrowed(&person.email)),
        }
    }

    /// [`Self::email`] into a buffer of the caller's, which is replaced: no allocation once it is large
    /// enough.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn read_email(&self, buffer: &mut String) -> Result<(), Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.read_email(buffer)),
            Source::Socket(person) => {
                buffer.clone_from(&person.email);
                Ok(())
            }
        }
    }

    /// [`Self::display_name`] into a buffer of the caller's, like [`Self::read_email`].
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn read_display_name(&self, buffer: &mut String) -> Result<(), Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.read_display_name(buffer)),
            Source::Socket(person) => {
                buffer.clone_from(&person.display_name);
                Ok(())
            }
        }
    }

    /// Display name as given; empty where the CSV has none.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn display_name(&self) -> Result<Cow<'a, str>, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.display_name()),
            Source::Socket(person) => Ok(Cow::Borrowed(&person.display_name)),
        }
    }

    /// Kind of mailbox.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn kind(&self) -> Result<Kind, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.kind()),
            Source::Socket(person) => Ok(person.kind),
        }
    }

    /// Account status.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn status(&self) -> Result<AccountStatus, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.status()),
            Source::Socket(person) => Ok(person.status),
        }
    }

    /// 0 to 3.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn vip(&self) -> Result<u8, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.vip()),
            Source::Socket(person) => Ok(person.vip),
        }
    }

    /// By which key the question met this person.
    #[must_use]
    pub fn matched(&self) -> Matched {
        self.matched
    }

    /// Whether other people answer the same question too.
    #[must_use]
    pub fn ambiguous(&self) -> bool {
        self.ambiguity == Ambiguity::Shared
    }

    /// Value of the column with exactly this header, as in the CSV; `None` when the person's file has no
    /// such column.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn value(&self, header: &str) -> Result<Option<Cow<'a, str>>, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.value(header)),
            Source::Socket(person) => Ok(received_value(person, header).map(Cow::Borrowed)),
        }
    }

    /// The same into a buffer of the caller's, which is replaced: no allocation once it is large enough.
    /// Says whether the person's file has such a column; the buffer is empty if not.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn read(&self, header: &str, buffer: &mut String) -> Result<bool, Unavailable> {
        buffer.clear();
        match self.source {
            Source::Mapped(person) => read(person.read(header, buffer)),
            Source::Socket(person) => {
                let value = received_value(person, header);
                buffer.push_str(value.unwrap_or_default());
                Ok(value.is_some())
            }
        }
    }

    /// Header and value of every column, in the order of the person's file.
    pub fn columns(&self) -> impl Iterator<Item = Result<(Cow<'a, str>, Cow<'a, str>), Unavailable>> {
        let (mapped, received) = match &self.source {
            Source::Mapped(person) => (Some(person.columns()), [].iter()),
            Source::Socket(person) => (None, person.columns.iter()),
        };
        let mapped = mapped
            .into_iter()
            .flatten()
            .map(|column| read(column).map(|(header, value)| (Cow::Borrowed(header), value)));
        let received = received
            .map(|(header, value)| Ok((Cow::Borrowed(header.as_str()), Cow::Borrowed(value.as_str()))));
        mapped.chain(received)
    }

    /// Calls `visit` with header and value of every column, in any order: the fastest way to read all of
    /// them. `scratch` holds values meanwhile; nothing is allocated once it is large enough.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn for_each_column(
        &self,
        scratch: &mut Vec<u8>,
        mut visit: impl FnMut(&str, &str),
    ) -> Result<(), Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.for_each_column(scratch, visit)),
            Source::Socket(person) => {
                person.columns.iter().for_each(|(header, value)| visit(header, value));
                Ok(())
            }
        }
    }

    /// Owned, with every column.
    ///
    /// # Errors
    /// [`Reason::Unreadable`].
    pub fn to_person(&self) -> Result<Person, Unavailable> {
        match self.source {
            Source::Mapped(person) => read(person.to_person(self.matched, self.ambiguity)),
            Source::Socket(person) => Ok(person.clone()),
        }
    }

    pub(crate) fn mapped(person: segment::PersonRef<'a>, matched: Matched) -> Self {
        Self { source: Source::Mapped(person), matched, ambiguity: Ambiguity::Sole }
    }

    pub(crate) fn received(person: &'a Person) -> Self {
        let ambiguity = if person.ambiguous { Ambiguity::Shared } else { Ambiguity::Sole };
        Self { source: Source::Socket(person), matched: person.matched, ambiguity }
    }

    pub(crate) fn among_others(self) -> Self {
        Self { ambiguity: Ambiguity::Shared, ..self }
    }
}

/// What corrupt bytes are to a caller.
pub(crate) fn unreadable(corrupt: &Corrupt) -> Unavailable {
    Unavailable::new(Reason::Unreadable, corrupt.to_string())
}

fn read<T>(result: Result<T, Corrupt>) -> Result<T, Unavailable> {
    result.map_err(|corrupt| unreadable(&corrupt))
}

fn received_value<'a>(person: &'a Person, header: &str) -> Option<&'a str> {
    person.columns.iter().find(|(name, _)| name == header).map(|(_, value)| value.as_str())
}
