//! One person's row: its codes, and the values that they stand for.

use super::{BitField, Codec, Column, NAME_COUNT, Name, SchemaRow, skip_remainder, take_byte};
use crate::segment::column::dictionary::{Entry, Form, SLOT_DOMAINS, SLOT_NAMES};
use crate::segment::column::{TemplateSet, TextCodec, bits, slug};
use crate::segment::runs::Run;
use crate::segment::tails::{Tails, take_part};
use crate::segment::{Corrupt, Parts};

/// One person's row, opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowRef<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) ordinal: u32,
    pub(super) bytes: &'a [u8],
    pub(super) schema: &'a SchemaRow,
    pub(super) schema_number: u16,
}

impl<'a> RowRef<'a> {
    /// The row of an ordinal. O(1).
    #[inline]
    pub(crate) fn open(parts: Parts<'a>, ordinal: u32) -> Result<Self, Corrupt> {
        let rows = &parts.view.rows;
        let start = (ordinal as usize).checked_mul(rows.row_size);
        let section = parts.bytes.get(parts.view.row_bytes.clone());
        let bytes = section
            .zip(start)
            .and_then(|(section, start)| section.get(start..start.checked_add(rows.row_size + bits::SLACK)?));
        let bytes = bytes.filter(|_| ordinal < parts.view.people_count);
        let bytes = bytes.ok_or_else(|| Corrupt::new(format!("no row {ordinal}")))?;
        let schema_number = if rows.schema.width == 0 { 0 } else { field(bytes, rows.schema)? };
        let schema_number = u16::try_from(schema_number).unwrap_or(u16::MAX);
        let schema = rows.schemas.get(usize::from(schema_number));
        let schema = schema.ok_or_else(|| Corrupt::new("schema of a row"))?;
        Ok(Self { parts, ordinal, bytes, schema, schema_number })
    }

    /// Which list of columns it has.
    pub(crate) fn schema_number(&self) -> u16 {
        self.schema_number
    }

    /// Tenant, and where the tenant's domains and links begin.
    #[inline]
    pub(crate) fn run(&self) -> Result<Run, Corrupt> {
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

    /// Calls `visit` with place and value of every column, in the order of the tail: each part of it is
    /// met once. `scratch` holds a value meanwhile.
    pub(crate) fn for_each(
        &self,
        scratch: &mut Vec<u8>,
        mut visit: impl FnMut(usize, &[u8]) -> Result<(), Corrupt>,
    ) -> Result<(), Corrupt> {
        let mut tail: Option<&[u8]> = None;
        let mut places = [0_u16; 64];
        for (place, &column) in (0_u16..).zip(&self.schema.by_place) {
            if let Some(slot) = places.get_mut(usize::from(column)) {
                *slot = place;
            }
        }
        for (number, column) in self.schema.columns.iter().enumerate() {
            let code = self.code(column)?;
            let has_part = column.codec.has_part(code);
            let tail = match &mut tail {
                Some(tail) => tail,
                None if has_part => tail.insert(self.tail()?),
                None => &mut &[][..],
            };
            let place = match places.get(number) {
                Some(&place) => usize::from(place),
                None => self.schema.by_place.iter().position(|&at| usize::from(at) == number).unwrap_or(0),
            };
            if let Some(entry) = self.entry(column, code)? {
                visit(place, entry.text)?;
                continue;
            }
            scratch.clear();
            self.decode(column, code, tail, scratch)?;
            visit(place, scratch)?;
        }
        Ok(())
    }

    /// Whether one of the person's addresses may be in this domain (a key, so in lower case); `false` is sure.
    /// Tells nearly all people apart that only share a fingerprint, without putting an address together.
    #[inline]
    pub(crate) fn may_have_domain(&self, domain: &[u8]) -> Result<bool, Corrupt> {
        match self.schema.email {
            Some(email) if !self.column_may_have_domain(email, domain)? => {}
            _ => return Ok(true),
        }
        for &number in &self.schema.more_addresses {
            if self.column_may_have_domain(number, domain)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn column_may_have_domain(&self, number: u16, domain: &[u8]) -> Result<bool, Corrupt> {
        let column = self.schema.columns.get(usize::from(number));
        let column = column.ok_or_else(|| Corrupt::new("no such column"))?;
        let code = self.code(column)?;
        match &column.codec {
            Codec::Empty => Ok(false),
            Codec::Address { templates: _, template_width } if code & ((1 << template_width) - 1) != 0 => {
                self.is_domain(self.run()?, code >> template_width, domain)
            }
            Codec::Addresses { templates, .. } if code != 0 => {
                self.list_may_have_domain(usize::from(number), templates, code - 1, domain)
            }
            Codec::Dictionary { .. } => {
                Ok(!self.entry(column, code)?.is_some_and(|entry| entry.text.is_empty()))
            }
            _ => Ok(true),
        }
    }

    fn list_may_have_domain(
        &self,
        number: usize,
        templates: &TemplateSet,
        count: u64,
        domain: &[u8],
    ) -> Result<bool, Corrupt> {
        if count == 0 {
            return Ok(false);
        }
        let (mut tail, run) = (self.tail_at(number)?, self.run()?);
        for _ in 0..count {
            let template = take_byte(&mut tail)?;
            if template == 0 || self.is_domain(run, take_byte(&mut tail)?.into(), domain)? {
                return Ok(true);
            }
            skip_remainder(templates, template.into(), &mut tail)?;
        }
        Ok(false)
    }

    /// Whether the tenant's domain with this code may have this key: other spellings than ASCII may.
    #[inline]
    fn is_domain(&self, run: Run, code: u64, domain: &[u8]) -> Result<bool, Corrupt> {
        let place = u64::from(run.first_domain).saturating_add(code);
        let written = self.parts.view.mail_domains.get(self.parts.bytes, place)?.text;
        let bare = written.strip_suffix(b".").unwrap_or(written);
        Ok(bare.eq_ignore_ascii_case(domain) || !is_plain(written))
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
    fn read_column(&self, number: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let column = self.schema.columns.get(number).ok_or_else(|| Corrupt::new("no such column"))?;
        let code = self.code(column)?;
        let mut tail = if column.codec.has_part(code) { self.tail_at(number)? } else { &[] };
        self.decode(column, code, &mut tail, out)
    }

    #[inline]
    fn code(&self, column: &Column) -> Result<u64, Corrupt> {
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
    fn entry(&self, column: &Column, code: u64) -> Result<Option<Entry<'a>>, Corrupt> {
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
    #[inline]
    fn decode(&self, column: &Column, code: u64, tail: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let text = &column.text;
        match &column.codec {
            Codec::Dictionary { dictionary, rest: false } if code != 0 => {
                out.extend_from_slice(dictionary.get(self.parts.bytes, code - 1)?.text);
                Ok(())
            }
            Codec::Dictionary { dictionary, rest: true } => {
                if let Some(place) = (code >> 1).checked_sub(1) {
                    out.extend_from_slice(dictionary.get(self.parts.bytes, place)?.text);
                }
                if code & 1 == 1 { text.decode(take_part(tail)?, out) } else { Ok(()) }
            }
            Codec::Address { templates, template_width } if code & ((1 << template_width) - 1) != 0 => {
                self.render(templates, code & ((1 << template_width) - 1), tail, text, out)?;
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
            Codec::Empty => Ok(()),
            _ => text.decode(take_part(tail)?, out),
        }
    }

    fn decode_addresses(
        &self,
        templates: &TemplateSet,
        separator: &str,
        count: u64,
        tail: &mut &[u8],
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
        let none = || Corrupt::new("no such link");
        let links = self.parts.bytes.get(self.parts.view.links.clone()).ok_or_else(none)?;
        let place = place.checked_add(u64::from(self.run()?.first_link));
        let at = place.and_then(|place| usize::try_from(place).ok()?.checked_mul(4)).ok_or_else(none)?;
        let link = links.get(at..).and_then(|links| links.first_chunk::<4>()).ok_or_else(none)?;
        let link = u32::from_le_bytes(*link);
        let start = out.len();
        Self::open(self.parts, link >> 1)?.read_email(out)?;
        if link & 1 == 1 {
            out.get_mut(start..).ok_or_else(none)?.make_ascii_lowercase();
        }
        Ok(())
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
        remainder: &mut &[u8],
        text: &TextCodec,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
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

/// Whether this is a domain as it is looked up, but for capitals: nothing that is taken off or mapped.
fn is_plain(domain: &[u8]) -> bool {
    domain.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[inline]
fn field(row: &[u8], field: BitField) -> Result<u64, Corrupt> {
    bits::read(row, field.at, field.width).ok_or_else(|| Corrupt::new("field beyond its row"))
}
