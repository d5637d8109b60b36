//! [`PersonRef`]: one person, borrowed from the segment.

use std::borrow::Cow;

use persondb_protocol::answer::{AccountStatus, Kind, Matched, Person};

use super::column::short::ShortText;
use super::meta::Columns;
use super::rows::RowRef;
use super::scratch::{Decoded, Scratch, with_scratch};
use super::{Corrupt, Fields, Ordinal, Parts, last_values};
use crate::input::values::is_guest_name;
use crate::input::{self, Canonical};

/// One person in a segment. Copying it copies a few words.
///
/// Columns are decoded as they are read: values of a dictionary are borrowed, others are put together. The
/// `read…` functions do that in the caller's buffer and allocate nothing once it is large enough.
#[derive(Clone, Copy, Debug)]
pub struct PersonRef<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) ordinal: u32,
    schema: u16,
}

/// Whether other people answer the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// One person.
    Sole,
    /// Several.
    Shared,
}

impl<'a> PersonRef<'a> {
    #[inline]
    pub(super) fn new(parts: Parts<'a>, ordinal: u32) -> Result<Self, Corrupt> {
        let row = RowRef::open(parts, ordinal)?;
        Ok(Self { parts, ordinal, schema: row.schema_number() })
    }

    /// The person whom a [hit](super::Hits) tells.
    #[inline]
    pub(super) fn from_parts(parts: Parts<'a>, ordinal: u32, schema: u16) -> Self {
        Self { parts, ordinal, schema }
    }

    /// What [`Self::from_parts`] takes.
    #[inline]
    pub(super) fn into_parts(self) -> (Parts<'a>, u32, u16) {
        (self.parts, self.ordinal, self.schema)
    }

    /// Whose row this is.
    pub(super) fn of_row(row: &RowRef<'a>) -> Self {
        Self { parts: row.parts(), ordinal: row.ordinal(), schema: row.schema_number() }
    }

    /// Its number in the generation.
    #[must_use]
    pub fn ordinal(&self) -> Ordinal {
        Ordinal(self.ordinal)
    }

    /// Customer whose person this is.
    ///
    /// # Errors
    /// [`Corrupt`], here and below, when the bytes do not hold together.
    pub fn tenant_id(&self) -> Result<&'a str, Corrupt> {
        self.parts.tenant(self.tenant_code()?)
    }

    /// Identifier within the tenant; the primary address where the CSV has none.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn person_id(&self) -> Result<Cow<'a, str>, Corrupt> {
        match cut(self.canonical(Canonical::PersonId)?, str::trim) {
            id if id.is_empty() => self.email(),
            id => Ok(id),
        }
    }

    /// Primary address as given, without blanks, `<>` or `mailto:` around it.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn email(&self) -> Result<Cow<'a, str>, Corrupt> {
        for &place in self.schema().places(Canonical::Email) {
            let address =
                cut(self.stored(usize::from(place))?, |value| self.schema().primary_address(place, value));
            if !address.is_empty() {
                return Ok(address);
            }
        }
        Ok(Cow::Borrowed(""))
    }

    /// [`Self::email`] into the caller's buffer.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn read_email(&self, out: &mut String) -> Result<(), Corrupt> {
        if self.read_compared_email(out)? {
            return Ok(());
        }
        for &place in self.schema().places(Canonical::Email) {
            self.read_stored(usize::from(place), out)?;
            let email = self.schema().primary_address(place, out);
            if email.is_empty() {
                continue;
            }
            if email.len() != out.len() {
                *out = email.to_owned();
            }
            return Ok(());
        }
        out.clear();
        Ok(())
    }

    /// Display name as given; empty where the CSV has none.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn display_name(&self) -> Result<Cow<'a, str>, Corrupt> {
        self.canonical(Canonical::DisplayName)
    }

    /// [`Self::display_name`] into the caller's buffer.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    #[inline]
    pub fn read_display_name(&self, out: &mut String) -> Result<(), Corrupt> {
        let (of, person) = ((self.parts.view.number, self.ordinal), (self.ordinal, self.schema));
        let written =
            last_values::with_names(of, |names| RowRef::write_display_name(self.parts, person, names, out));
        match written {
            Some(()) => Ok(()),
            None => self.read_canonical(Canonical::DisplayName, out),
        }
    }

    /// Kind of mailbox. A guest's sign-in name behind the primary address goes before what the column says.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn kind(&self) -> Result<Kind, Corrupt> {
        if let Some(names @ [_, ..]) = self.schema().places(Canonical::Email).get(1..) {
            let is_guest = with_scratch(|scratch| {
                let fields = self.decode(names, scratch)?;
                names.iter().try_fold(false, |known, &place| Ok(known || is_guest_name(fields.field(place)?)))
            })?;
            if is_guest {
                return Ok(Kind::Guest);
            }
        }
        self.word(Canonical::Kind, input::kind_of_word)
    }

    /// Account status.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn status(&self) -> Result<AccountStatus, Corrupt> {
        self.word(Canonical::Status, input::status_of_word)
    }

    /// 0 to 3.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn vip(&self) -> Result<u8, Corrupt> {
        self.word(Canonical::Vip, input::Vip::of_word).map(input::Vip::level)
    }

    /// Value of the column with exactly this header, as in the CSV; `None` when the person's file has no
    /// such column. O(columns).
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn value(&self, header: &str) -> Result<Option<Cow<'a, str>>, Corrupt> {
        self.place(header).map(|place| self.stored(place)).transpose()
    }

    /// The same into the caller's buffer, without allocation once that is large enough; `false` when
    /// there is no such column.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn read(&self, header: &str, out: &mut String) -> Result<bool, Corrupt> {
        out.clear();
        match self.place(header) {
            Some(place) => self.read_stored(place, out).map(|()| true),
            None => Ok(false),
        }
    }

    /// Header and value of every column of the person's file, in its order.
    pub fn columns(&self) -> impl Iterator<Item = Result<(&'a str, Cow<'a, str>), Corrupt>> {
        let person = *self;
        let headers = self.schema().headers().iter().enumerate();
        headers.map(move |(place, header)| Ok((header.as_str(), person.stored(place)?)))
    }

    /// Calls `visit` with header and value of every column, in the order in which they are stored. `scratch`
    /// holds values meanwhile; nothing is allocated once it is large enough. O(columns), the fastest way to
    /// read all of them.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn for_each_column(
        &self,
        scratch: &mut Vec<u8>,
        mut visit: impl FnMut(&'a str, &str),
    ) -> Result<(), Corrupt> {
        let headers = self.schema().headers();
        self.row()?.for_each(scratch, |place, value| {
            if let Some(header) = headers.get(place) {
                visit(header, value);
            }
            Ok(())
        })
    }

    /// Calls `visit` with every address and what it is to the person, as stored, primary first.
    ///
    /// # Errors
    /// [`Corrupt`], or what `visit` returns.
    pub fn for_each_address(
        &self,
        visit: impl FnMut(&str, Matched) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        with_scratch(|scratch| {
            let fields = self.decode(self.schema().address_places(), scratch)?;
            super::for_each_address(&fields, visit)
        })
    }

    /// The owned form for socket and JSON.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn to_person(&self, matched: Matched, ambiguity: Ambiguity) -> Result<Person, Corrupt> {
        let columns = self.columns().map(|column| column.map(|(h, v)| (h.to_owned(), v.into_owned())));
        Ok(Person {
            person_id: self.person_id()?.into_owned(),
            tenant_id: self.tenant_id()?.to_owned(),
            email: self.email()?.into_owned(),
            matched,
            display_name: self.display_name()?.into_owned(),
            kind: self.kind()?,
            status: self.status()?,
            vip: self.vip()?,
            ambiguous: ambiguity == Ambiguity::Shared,
            columns: columns.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn tenant_code(&self) -> Result<u32, Corrupt> {
        Ok(self.row()?.run()?.tenant)
    }

    /// Of the segment among all that this process opened.
    #[inline]
    pub(super) fn segment_number(&self) -> u64 {
        self.parts.view.number
    }

    /// What its columns mean.
    #[inline]
    pub(super) fn schema(&self) -> &'a Columns {
        // The row was opened with this schema, and there are as many of both.
        &self.parts.view.schemas[usize::from(self.schema)]
    }

    #[inline]
    pub(super) fn row(&self) -> Result<RowRef<'a>, Corrupt> {
        RowRef::open(self.parts, self.ordinal)
    }

    /// Decodes some columns to look at them as fields.
    pub(super) fn decode<'s>(&self, places: &[u16], scratch: &'s mut Scratch) -> Result<Decoded<'s>, Corrupt>
    where
        'a: 's,
    {
        scratch.clear();
        let row = self.row()?;
        for &place in places {
            let start = scratch.bytes.len();
            row.read(usize::from(place), &mut scratch.bytes)?;
            scratch.end(place, start);
        }
        scratch.fields(self.schema())
    }

    fn place(&self, header: &str) -> Option<usize> {
        self.schema().headers().iter().position(|known| known == header)
    }

    fn word<T: Default>(&self, column: Canonical, read: fn(&str) -> Option<T>) -> Result<T, Corrupt> {
        Ok(read(self.canonical(column)?.trim()).unwrap_or_default())
    }

    /// The first value of this meaning that is not blank; empty where there is none.
    fn canonical(&self, column: Canonical) -> Result<Cow<'a, str>, Corrupt> {
        for &place in self.schema().places(column) {
            let value = self.stored(usize::from(place))?;
            if !value.trim().is_empty() {
                return Ok(value);
            }
        }
        Ok(Cow::Borrowed(""))
    }

    #[inline(never)]
    fn read_canonical(&self, column: Canonical, out: &mut String) -> Result<(), Corrupt> {
        for &place in self.schema().places(column) {
            self.read_long(usize::from(place), out)?;
            let begins_with_text = out.as_bytes().first().is_some_and(u8::is_ascii_graphic);
            if begins_with_text || !out.trim().is_empty() {
                return Ok(());
            }
        }
        out.clear();
        Ok(())
    }

    fn stored(&self, place: usize) -> Result<Cow<'a, str>, Corrupt> {
        if let Some(borrowed) = self.row()?.borrow(place)? {
            return utf8(borrowed).map(Cow::Borrowed);
        }
        let mut value = String::new();
        self.read_stored(place, &mut value)?;
        Ok(Cow::Owned(value))
    }

    #[inline]
    fn read_stored(&self, place: usize, out: &mut String) -> Result<(), Corrupt> {
        match self.read_short(place, out) {
            Some(()) => Ok(()),
            None => self.read_long(place, out),
        }
    }

    /// Makes `out` a value that is made of names and as usual.
    #[inline]
    fn read_short(&self, place: usize, out: &mut String) -> Option<()> {
        let row = RowRef::find(self.parts, self.ordinal)?;
        let of = (self.parts.view.number, self.ordinal);
        last_values::with_names(of, |names| row.write_value(place, names, out))
    }

    /// Makes `out` any value.
    #[inline(never)]
    fn read_long(&self, place: usize, out: &mut String) -> Result<(), Corrupt> {
        let row = self.row()?;
        let of = (self.parts.view.number, self.ordinal);
        let short = last_values::with_names(of, |names| {
            let mut short = ShortText::new();
            row.short_value(place, names, &mut short)?;
            short.read_to(out)
        });
        if short.is_some() {
            return Ok(());
        }
        let mut bytes = std::mem::take(out).into_bytes();
        bytes.clear();
        row.read(place, &mut bytes)?;
        *out = String::from_utf8(bytes).map_err(|_| Corrupt::new("a value is not UTF-8"))?;
        Ok(())
    }
}

/// A part of a value, borrowed where the value is.
fn cut(value: Cow<'_, str>, part: impl Fn(&str) -> &str) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(value) => Cow::Borrowed(part(value)),
        Cow::Owned(value) => {
            let cut = part(&value);
            if cut.len() == value.len() { Cow::Owned(value) } else { Cow::Owned(cut.to_owned()) }
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Corrupt> {
    smoothutf8::from_utf8(bytes).ok_or_else(|| Corrupt::new("a value is not UTF-8"))
}
