//! One person's row: its codes, and the values that they stand for.

use std::cell::Cell;

use super::{Codec, Column, SchemaRow};
use crate::segment::column::bits::Field;
use crate::segment::column::dictionary::Entry;
use crate::segment::column::short::ShortText;
use crate::segment::column::short_names::ShortNames;
use crate::segment::links::Link;
use crate::segment::runs::Run;
use crate::segment::tails::Tails;
use crate::segment::{Corrupt, Parts};

/// One person's row, opened.
#[derive(Clone, Debug)]
pub(crate) struct RowRef<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) ordinal: u32,
    pub(super) bytes: &'a [u8],
    pub(super) schema: &'a SchemaRow,
    pub(super) schema_number: u16,
    /// Once it was looked for.
    pub(super) known_run: Cell<Option<Run>>,
    /// The same.
    known_tail: Cell<Option<&'a [u8]>>,
}

impl<'a> RowRef<'a> {
    /// The row of an ordinal. O(1).
    #[inline]
    pub(crate) fn open(parts: Parts<'a>, ordinal: u32) -> Result<Self, Corrupt> {
        Self::find(parts, ordinal).ok_or_else(|| no_row(ordinal))
    }

    /// [`Self::open`] where nobody asks why there is none.
    #[expect(clippy::inline_always, reason = "what is returned is some ten words, which stay in registers")]
    #[inline(always)]
    pub(crate) fn find(parts: Parts<'a>, ordinal: u32) -> Option<Self> {
        let rows = &parts.view.rows;
        let bytes = row_bytes(parts, ordinal)?;
        let schema_number = match rows.schema {
            None => 0,
            Some(schema) => u16::try_from(schema.read(bytes)?).ok()?,
        };
        let schema = rows.schemas.get(usize::from(schema_number))?;
        let (known_run, known_tail) = (Cell::new(None), Cell::new(None));
        Some(Self { parts, ordinal, bytes, schema, schema_number, known_run, known_tail })
    }

    /// Which list of columns it has.
    pub(crate) fn schema_number(&self) -> u16 {
        self.schema_number
    }

    /// Tenant, and where the tenant's domains and links begin.
    #[inline]
    pub(crate) fn run(&self) -> Result<Run, Corrupt> {
        if let Some(run) = self.known_run.get() {
            return Ok(run);
        }
        let run = self.find_run()?;
        self.known_run.set(Some(run));
        Ok(run)
    }

    /// [`Self::run`], looked for and not kept.
    #[expect(clippy::inline_always, reason = "as `find`")]
    #[inline(always)]
    pub(super) fn find_run(&self) -> Result<Run, Corrupt> {
        let view = self.parts.view;
        match view.rows.run {
            None => view.runs.of(self.parts.bytes, self.ordinal),
            Some(place) => view.runs.get(self.parts.bytes, field(self.bytes, place)?),
        }
    }

    /// Appends the value of the column at `place` in the file, as the bytes of UTF-8 that it should be.
    pub(crate) fn read(&self, place: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let column = self.schema.by_place.get(place).ok_or_else(|| Corrupt::new("no such column"))?;
        self.read_column(usize::from(*column), out)
    }

    /// The value borrowed from the segment, where it stands there as it is.
    pub(crate) fn borrow(&self, place: usize) -> Result<Option<&'a [u8]>, Corrupt> {
        let column = self.schema.by_place.get(place).and_then(|&c| self.schema.columns.get(usize::from(c)));
        let column = column.ok_or_else(|| Corrupt::new("no such column"))?;
        Ok(self.entry(column, self.code(column)?)?.map(|entry| entry.text))
    }

    /// The value of the column at `place` in the file, by the way that costs its store least: borrowed where it stands,
    /// else put together in `short` or `long`. `names` are those of this person.
    pub(crate) fn value<'b>(
        &self,
        place: usize,
        names: &mut ShortNames,
        short: &'b mut ShortText,
        long: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Corrupt>
    where
        'a: 'b,
    {
        let column = self.schema.by_place.get(place).map(|&number| usize::from(number));
        let column = column.and_then(|number| Some((number, self.schema.columns.get(number)?)));
        let (number, column) = column.ok_or_else(|| Corrupt::new("no such column"))?;
        match &column.codec {
            Codec::Empty => return Ok(&[]),
            Codec::Dictionary { .. } => {
                if let Some(entry) = self.entry(column, self.code(column)?)? {
                    return Ok(entry.text);
                }
            }
            Codec::Template(_) | Codec::Address { .. }
                if self.short_column(number, names, short).is_some() =>
            {
                return Ok(short.bytes());
            }
            _ => {}
        }
        long.clear();
        self.read_column(number, long)?;
        Ok(long)
    }

    /// Whether the value of the column at `place` is made of given name, blank and family name, of those that have
    /// 64 bytes at most.
    pub(crate) fn is_given_family(&self, place: usize) -> bool {
        let column = self.schema.by_place.get(place).and_then(|&c| self.schema.columns.get(usize::from(c)));
        let Some(Column { code, codec: Codec::Template(templates), .. }) = column else { return false };
        field(self.bytes, *code).is_ok_and(|code| templates.is_given_family(code))
    }

    #[inline]
    pub(super) fn code(&self, column: &Column) -> Result<u64, Corrupt> {
        field(self.bytes, column.code)
    }

    /// What of the person has no room in the row.
    pub(super) fn tail(&self) -> Result<&'a [u8], Corrupt> {
        if let Some(tail) = self.known_tail.get() {
            return Ok(tail);
        }
        let tail = tails(self.parts)?.get(self.ordinal)?;
        self.known_tail.set(Some(tail));
        Ok(tail)
    }

    /// Where in its section the tail begins.
    #[inline]
    pub(super) fn tail_start(&self) -> Result<usize, Corrupt> {
        tails(self.parts)?.start(self.ordinal)
    }

    /// The tail from the part of a column on.
    pub(super) fn tail_at(&self, number: usize) -> Result<&'a [u8], Corrupt> {
        from_part(self.schema, self.bytes, number, self.tail()?)
    }

    /// The dictionary entry that is the whole value, if one is.
    #[inline]
    pub(super) fn entry(&self, column: &Column, code: u64) -> Result<Option<Entry<'a>>, Corrupt> {
        let Codec::Dictionary { dictionary, rest } = &column.codec else { return Ok(None) };
        let place = if *rest {
            if code & 1 == 1 {
                return Ok(None);
            }
            if code == 0 {
                return Ok(Some(Entry { text: &[], slug: None }));
            }
            (code >> 1) - 1
        } else {
            let Some(place) = code.checked_sub(1) else { return Ok(None) };
            place
        };
        dictionary.get(self.parts.bytes, place).map(Some)
    }

    /// The colleague with this link.
    #[inline]
    pub(super) fn link(&self, link: u64) -> Result<Link, Corrupt> {
        let links = &self.parts.view.links;
        links.get(self.parts.bytes, self.run()?, link).ok_or_else(|| Corrupt::new("no such link"))
    }
}

/// The codes of a person, and what has to be readable behind them.
#[expect(clippy::inline_always, reason = "as `RowRef::find`")]
#[inline(always)]
pub(super) fn row_bytes(parts: Parts<'_>, ordinal: u32) -> Option<&[u8]> {
    if ordinal >= parts.view.people_count {
        return None;
    }
    // The section was found to have the size of so many rows, so neither wraps.
    let place = (ordinal as usize).wrapping_mul(parts.view.rows.row_size);
    let start = parts.view.row_bytes.start.wrapping_add(place);
    parts.bytes.get(start..)?.get(..parts.view.rows.readable_size)
}

/// [`RowRef::tail_at`] for who has no row open.
pub(super) fn tail_at<'a>(
    parts: Parts<'a>,
    (ordinal, schema): (u32, &SchemaRow),
    number: usize,
) -> Result<&'a [u8], Corrupt> {
    let row = row_bytes(parts, ordinal).ok_or_else(|| no_row(ordinal))?;
    from_part(schema, row, number, tails(parts)?.get(ordinal)?)
}

/// A tail from the part of a column on.
#[inline]
fn from_part<'a>(
    schema: &SchemaRow,
    row: &[u8],
    number: usize,
    mut tail: &'a [u8],
) -> Result<&'a [u8], Corrupt> {
    for before in schema.columns.iter().take(number) {
        let code = field(row, before.code)?;
        if before.codec.has_part(code) {
            before.codec.skip(code, &mut tail)?;
        }
    }
    Ok(tail)
}

fn tails(Parts { bytes, view }: Parts<'_>) -> Result<Tails<'_>, Corrupt> {
    let sections = bytes.get(view.tail_offsets.clone()).zip(bytes.get(view.tails.clone()));
    let (offsets, tails) = sections.ok_or_else(|| Corrupt::new("section beyond the segment"))?;
    Ok(Tails { offsets, tails })
}

#[cold]
fn no_row(ordinal: u32) -> Corrupt {
    Corrupt::new(format!("no row {ordinal} of a known schema"))
}

#[inline]
fn field(row: &[u8], field: Field) -> Result<u64, Corrupt> {
    field.read(row).ok_or_else(|| Corrupt::new("field beyond its row"))
}
