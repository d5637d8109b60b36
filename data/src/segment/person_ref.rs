//! [`PersonRef`]: one person, borrowed from the segment.

use std::borrow::Cow;

use persondb_protocol::answer::{AccountStatus, Kind, Matched, Person};

use super::meta::Columns;
use super::record::RecordRef;
use super::{Corrupt, Fields, Ordinal, Parts};
use crate::input::Canonical;

/// One person in a segment. Copying it copies a few words; reading a column is O(columns) and allocates
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct PersonRef<'a> {
    parts: Parts<'a>,
    ordinal: Ordinal,
    record: RecordRef<'a>,
    columns: &'a Columns,
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
    pub(super) fn new(parts: Parts<'a>, ordinal: Ordinal, record: RecordRef<'a>) -> Result<Self, Corrupt> {
        let columns = parts.view.schemas.get(usize::from(record.head().schema));
        let columns = columns.ok_or_else(|| Corrupt::new("schema of a record"))?;
        Ok(Self { parts, ordinal, record, columns })
    }

    /// Its record number.
    #[must_use]
    pub fn ordinal(&self) -> Ordinal {
        self.ordinal
    }

    /// Customer whose person this is.
    ///
    /// # Errors
    /// [`Corrupt`], here and below, when the bytes do not hold together.
    pub fn tenant_id(&self) -> Result<&'a str, Corrupt> {
        Ok(self.parts.tenants()?.get(self.record.head().tenant)?.0)
    }

    /// Identifier within the tenant; the primary address where the CSV has none.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn person_id(&self) -> Result<Cow<'a, str>, Corrupt> {
        Fields::person_id(self).map(Cow::Borrowed)
    }

    /// Primary address as given, without blanks, `<>` or `mailto:` around it.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn email(&self) -> Result<Cow<'a, str>, Corrupt> {
        Fields::email(self).map(Cow::Borrowed)
    }

    /// Display name as given; empty where the CSV has none.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn display_name(&self) -> Result<Cow<'a, str>, Corrupt> {
        Fields::canonical(self, Canonical::DisplayName).map(Cow::Borrowed)
    }

    /// Kind of mailbox.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record.head().kind
    }

    /// Account status.
    #[must_use]
    pub fn status(&self) -> AccountStatus {
        self.record.head().status
    }

    /// 0 to 3.
    #[must_use]
    pub fn vip(&self) -> u8 {
        self.record.head().vip
    }

    /// Value of the column with exactly this header, as in the CSV; `None` when the person's file has no
    /// such column. O(columns).
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn value(&self, header: &str) -> Result<Option<Cow<'a, str>>, Corrupt> {
        match self.columns.headers().iter().position(|known| known == header) {
            Some(place) => self.stored(place).map(|value| Some(Cow::Borrowed(value))),
            None => Ok(None),
        }
    }

    /// The same into the caller's buffer, without allocation once that is large enough; `false` when
    /// there is no such column.
    ///
    /// # Errors
    /// See [`Self::tenant_id`].
    pub fn read(&self, header: &str, out: &mut String) -> Result<bool, Corrupt> {
        out.clear();
        let value = self.value(header)?;
        out.push_str(value.as_deref().unwrap_or_default());
        Ok(value.is_some())
    }

    /// Header and value of every column of the person's file, in its order.
    pub fn columns(&self) -> impl Iterator<Item = Result<(&'a str, Cow<'a, str>), Corrupt>> {
        let values = self.record.columns(self.columns.stored_count());
        self.columns
            .headers()
            .iter()
            .zip(values)
            .map(|(header, value)| Ok((header.as_str(), Cow::Borrowed(value?))))
    }

    /// Every address with what it is to the person, as stored, primary first.
    ///
    /// # Errors
    /// [`Corrupt`], or what `visit` returns.
    pub fn for_each_address(
        &self,
        visit: impl FnMut(&'a str, Matched) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        super::for_each_address(self, visit)
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
            kind: self.kind(),
            status: self.status(),
            vip: self.vip(),
            ambiguous: ambiguity == Ambiguity::Shared,
            columns: columns.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn tenant_code(&self) -> u32 {
        self.record.head().tenant
    }

    fn stored(&self, place: usize) -> Result<&'a str, Corrupt> {
        self.record.column(place, self.columns.stored_count())
    }
}

impl<'a> Fields<'a> for PersonRef<'a> {
    fn schema(&self) -> &Columns {
        self.columns
    }

    fn field(&self, place: u16) -> Result<&'a str, Corrupt> {
        self.stored(usize::from(place))
    }

    fn further_addresses(&self) -> Result<&'a str, Corrupt> {
        self.stored(self.columns.headers().len())
    }
}
