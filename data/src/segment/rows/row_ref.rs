//! One person's row: its codes, and the values that they stand for.

use std::cell::Cell;

use super::short::Remainder;
use super::{Codec, Column, NAME_COUNT, Name, SchemaRow, take_byte};
use crate::segment::column::bits::Field;
use crate::segment::column::dictionary::{Entry, Form, SLOT_DOMAINS, SLOT_NAMES};
use crate::segment::column::short::ShortText;
use crate::segment::column::{TemplateSet, TextCodec, bits, slug};
use crate::segment::runs::Run;
use crate::segment::tails::{Tails, take_part};
use crate::segment::{Corrupt, Parts, last_values};

/// Values that are put together before they are checked.
const TOGETHER_MAX: usize = 32;

/// One person's row, opened.
#[derive(Clone, Debug)]
pub(crate) struct RowRef<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) ordinal: u32,
    pub(super) bytes: &'a [u8],
    pub(super) schema: &'a SchemaRow,
    pub(super) schema_number: u16,
    /// Once it was looked for.
    known_run: Cell<Option<Run>>,
}

/// A colleague whose address is a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) ordinal: u32,
    /// Whether the value is the address in lower case.
    is_lower: bool,
}

impl<'a> RowRef<'a> {
    /// The row of an ordinal. O(1).
    #[inline]
    pub(crate) fn open(parts: Parts<'a>, ordinal: u32) -> Result<Self, Corrupt> {
        let rows = &parts.view.rows;
        // The section was found to have the size of so many rows.
        let known = Some(ordinal).filter(|&ordinal| ordinal < parts.view.people_count);
        let bytes = known.and_then(|ordinal| {
            let start = parts.view.row_bytes.start + ordinal as usize * rows.row_size;
            parts.bytes.get(start..)?.get(..rows.row_size + bits::SLACK)
        });
        let bytes = bytes.ok_or_else(|| no_row(ordinal))?;
        let schema_number = rows.schema.map_or(Ok(0), |schema| field(bytes, schema))?;
        let schema_number = u16::try_from(schema_number).unwrap_or(u16::MAX);
        let schema = rows.schemas.get(usize::from(schema_number));
        let schema = schema.ok_or_else(|| Corrupt::new("schema of a row"))?;
        Ok(Self { parts, ordinal, bytes, schema, schema_number, known_run: Cell::new(None) })
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
        let view = self.parts.view;
        let run = match view.rows.run {
            None => view.runs.of(self.parts.bytes, self.ordinal)?,
            Some(place) => view.runs.get(self.parts.bytes, field(self.bytes, place)?)?,
        };
        self.known_run.set(Some(run));
        Ok(run)
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
    /// else put together in `short` or `long`.
    pub(crate) fn value<'b>(
        &self,
        place: usize,
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
            Codec::Template(_) | Codec::Address { .. } => {
                short.clear();
                if self.short_column(number, short).is_some() {
                    return Ok(short.bytes());
                }
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

    /// Calls `visit` with place and value of every column, in the order of the tail: each part of it is
    /// met once. `scratch` holds values meanwhile.
    ///
    /// Several are put together before their UTF-8 is checked: the check costs more to begin than to go on.
    pub(crate) fn for_each(
        &self,
        scratch: &mut Vec<u8>,
        mut visit: impl FnMut(usize, &str) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        // What cannot be asked for is found out when it is read.
        let _ = self.ask_for_far();
        let mut tail: Option<&[u8]> = None;
        for (chunk, columns) in self.schema.columns.chunks(TOGETHER_MAX).enumerate() {
            let email =
                self.schema.email.map(|number| usize::from(number).wrapping_sub(chunk * TOGETHER_MAX));
            let mut ends = [0; TOGETHER_MAX];
            scratch.clear();
            for (number, (column, end)) in columns.iter().zip(&mut ends).enumerate() {
                let code = self.code(column)?;
                let tail = match &mut tail {
                    Some(tail) => tail,
                    None if column.codec.has_part(code) => tail.insert(self.tail()?),
                    None => &mut &[][..],
                };
                if email == Some(number) && self.append_compared_email(scratch) {
                    if column.codec.has_part(code) {
                        column.codec.skip(code, tail)?;
                    }
                } else {
                    self.decode(column, code, tail, scratch)?;
                }
                *end = scratch.len();
            }
            let text = utf8(scratch)?;
            let mut start = 0;
            for (column, &end) in columns.iter().zip(&ends) {
                // Each value has to be UTF-8 by itself, not only all of them together.
                visit(column.place, text.get(start..end).ok_or_else(not_utf8)?)?;
                start = end;
            }
        }
        Ok(())
    }

    /// Appends the primary address, if a look-up has just put it together.
    #[inline]
    fn append_compared_email(&self, out: &mut Vec<u8>) -> bool {
        let of = (self.parts.view.number, self.ordinal);
        last_values::read(of, |email| out.extend_from_slice(email)).is_some()
    }

    /// Appends the primary address: what a look-up compares.
    #[inline]
    pub(crate) fn read_email(&self, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        match self.schema.email {
            Some(column) => self.read_column(usize::from(column), out),
            None => Ok(()),
        }
    }

    #[inline]
    pub(super) fn read_column(&self, number: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let column = self.schema.columns.get(number).ok_or_else(|| Corrupt::new("no such column"))?;
        let code = self.code(column)?;
        let mut tail = if column.codec.has_part(code) { self.tail_at(number)? } else { &[] };
        self.decode(column, code, &mut tail, out)
    }

    #[inline]
    pub(super) fn code(&self, column: &Column) -> Result<u64, Corrupt> {
        field(self.bytes, column.code)
    }

    fn tail(&self) -> Result<&'a [u8], Corrupt> {
        self.tails()?.get(self.ordinal)
    }

    /// Where in its section the tail begins.
    #[inline]
    pub(super) fn tail_start(&self) -> Result<usize, Corrupt> {
        self.tails()?.start(self.ordinal)
    }

    fn tails(&self) -> Result<Tails<'a>, Corrupt> {
        let Parts { bytes, view } = self.parts;
        let sections = bytes.get(view.tail_offsets.clone()).zip(bytes.get(view.tails.clone()));
        let (offsets, tails) = sections.ok_or_else(|| Corrupt::new("section beyond the segment"))?;
        Ok(Tails { offsets, tails })
    }

    /// The tail from the part of a column on.
    pub(super) fn tail_at(&self, number: usize) -> Result<&'a [u8], Corrupt> {
        let mut tail = self.tail()?;
        for before in self.schema.columns.iter().take(number) {
            let code = self.code(before)?;
            if before.codec.has_part(code) {
                before.codec.skip(code, &mut tail)?;
            }
        }
        Ok(tail)
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

    /// Appends the value with this code; its part, if it has one, is taken off the front of the tail.
    #[expect(clippy::inline_always, reason = "for each column the call itself costs some 35 instructions")]
    #[inline(always)]
    fn decode(
        &self,
        column: &Column,
        code: u64,
        tail: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        match &column.codec {
            Codec::Dictionary { dictionary, rest: false } if code != 0 => {
                dictionary.append(self.parts.bytes, code - 1, out)
            }
            Codec::Dictionary { dictionary, rest: true } if code & 1 == 0 => match code >> 1 {
                0 => Ok(()),
                place => dictionary.append(self.parts.bytes, place - 1, out),
            },
            Codec::Empty => Ok(()),
            _ => self.decode_made(column, code, tail, out),
        }
    }

    /// [`Self::decode`] for what is more than an entry of a dictionary.
    #[expect(clippy::inline_always, reason = "as `decode`")]
    #[inline(always)]
    fn decode_made(
        &self,
        column: &Column,
        code: u64,
        tail: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let text = &column.text;
        match &column.codec {
            Codec::Dictionary { dictionary, rest: true } => {
                if let Some(place) = (code >> 1).checked_sub(1) {
                    dictionary.append(self.parts.bytes, place, out)?;
                }
                if code & 1 == 1 { text.decode(take_part(tail)?, out) } else { Ok(()) }
            }
            Codec::Address { templates, template_width, template_mask } if code & template_mask != 0 => {
                self.render(templates, code & template_mask, tail, text, out)?;
                out.push(b'@');
                self.push_domain(self.run()?, code >> template_width, out)
            }
            Codec::Template(templates) if code != 0 => self.render(templates, code, tail, text, out),
            Codec::Number(number) if code != 0 => {
                number.decode(code, tail, out)?;
                if number.has_tail(code) { column.codec.skip(code, tail) } else { Ok(()) }
            }
            Codec::Tenant if code != 0 => {
                let tenant = self.parts.tenants()?.get(self.run()?.tenant)?.0;
                out.extend_from_slice(tenant.as_bytes());
                Ok(())
            }
            Codec::Addresses { templates, separator } if code != 0 => {
                self.decode_addresses(templates, separator, code - 1, tail, text, out)
            }
            Codec::Link if code != 0 => match code.checked_sub(2) {
                None => Ok(()),
                Some(place) => self.decode_link(place, out),
            },
            _ => text.decode(take_part(tail)?, out),
        }
    }

    fn decode_addresses(
        &self,
        templates: &TemplateSet,
        separator: &str,
        count: u64,
        tail: &mut &'a [u8],
        text: &TextCodec,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let run = self.run()?;
        for number in 0..count {
            if number > 0 {
                out.extend_from_slice(separator.as_bytes());
            }
            let template = take_byte(tail)?;
            if template == 0 {
                text.decode(take_part(tail)?, out)?;
                continue;
            }
            let domain = take_byte(tail)?;
            self.render(templates, template.into(), tail, text, out)?;
            out.push(b'@');
            self.push_domain(run, domain.into(), out)?;
        }
        Ok(())
    }

    /// Appends the address of a colleague.
    fn decode_link(&self, place: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let link = self.link(place)?;
        let start = out.len();
        let colleague = Self::open(self.parts, link.ordinal)?;
        // Of the same tenant.
        colleague.known_run.set(Some(self.run()?));
        let mut short = ShortText::new();
        if colleague.short_email(&mut short).is_some() {
            out.extend_from_slice(short.bytes());
        } else {
            colleague.read_email(out)?;
        }
        if link.is_lower {
            out.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        }
        Ok(())
    }

    /// The colleague at `place` of the run's.
    #[inline]
    pub(super) fn link(&self, place: u64) -> Result<Link, Corrupt> {
        let none = || Corrupt::new("no such link");
        let links = self.parts.bytes.get(self.parts.view.links.clone()).ok_or_else(none)?;
        let place = place.checked_add(u64::from(self.run()?.first_link));
        let at = place.and_then(|place| usize::try_from(place).ok()?.checked_mul(4)).ok_or_else(none)?;
        let link = links.get(at..).and_then(|links| links.first_chunk::<4>()).ok_or_else(none)?;
        let link = u32::from_le_bytes(*link);
        Ok(Link { ordinal: link >> 1, is_lower: link & 1 == 1 })
    }

    #[inline]
    fn push_domain(&self, run: Run, domain: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let place = u64::from(run.first_domain).saturating_add(domain);
        let domains = &self.parts.view.mail_domains;
        if !domains.append_short::<{ SLOT_DOMAINS - 1 }>(self.parts.bytes, place, Form::Whole, out)? {
            out.extend_from_slice(domains.get(self.parts.bytes, place)?.text);
        }
        Ok(())
    }

    /// Appends what a template makes of the person's names.
    #[inline]
    fn render(
        &self,
        templates: &TemplateSet,
        code: u64,
        remainder: &mut &'a [u8],
        text: &TextCodec,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let (mut short, mut rest) = (ShortText::new(), Remainder::Known(remainder));
        if self.run_steps(text, templates, code, &mut rest, &mut short).is_some()
            && let Remainder::Known(rest) = rest
        {
            *remainder = rest;
            out.extend_from_slice(short.bytes());
            return Ok(());
        }
        let code = u32::try_from(code).map_err(|_| Corrupt::new("no such template"))?;
        templates.decode(code, |source, take, out| self.push_source(source, take, out), remainder, text, out)
    }

    /// Appends a name or a slug, or its first letters; nothing where there is none or the name is too long.
    #[inline]
    fn push_source(&self, source: u8, take: u8, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let (name, is_slug) = (usize::from(source) % NAME_COUNT, usize::from(source) >= NAME_COUNT);
        let Some(name) = &self.schema.names[name] else { return Ok(()) };
        if let Some(dictionary) = &name.dictionary
            && let Some(place) = field(self.bytes, name.code)?.checked_sub(1)
        {
            // Names of up to 11 letters are nearly all.
            let form = Form::Letters { is_slug, count: take };
            if dictionary.append_short::<{ SLOT_NAMES - 1 }>(self.parts.bytes, place, form, out)? {
                return Ok(());
            }
        }
        self.push_odd_source(name, is_slug, take, out)
    }

    /// The same for any name.
    fn push_odd_source(
        &self,
        name: &Name,
        is_slug: bool,
        take: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let column = self.schema.columns.get(usize::from(name.column));
        let column = column.ok_or_else(|| Corrupt::new("no such column"))?;
        let start = out.len();
        let mut has_slug = false;
        match self.entry(column, self.code(column)?)? {
            Some(entry) => {
                out.extend_from_slice(entry.slug.filter(|_| is_slug).unwrap_or(entry.text));
                has_slug = entry.slug.is_some();
            }
            None => self.read_column(usize::from(name.column), out)?,
        }
        if is_slug && !has_slug {
            slug::make(out, start);
        } else if !is_slug && out.len() - start > slug::NAME_BYTES_MAX {
            out.truncate(start);
        }
        if take > 0 {
            slug::take(out, start, take);
        }
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Corrupt> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| not_utf8())
}

fn not_utf8() -> Corrupt {
    Corrupt::new("a value is not UTF-8")
}

#[cold]
fn no_row(ordinal: u32) -> Corrupt {
    Corrupt::new(format!("no row {ordinal}"))
}

#[inline]
fn field(row: &[u8], field: Field) -> Result<u64, Corrupt> {
    field.read(row).ok_or_else(|| Corrupt::new("field beyond its row"))
}
