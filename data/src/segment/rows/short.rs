//! Values of a row by the [short way](crate::segment::column::short).

use super::leads::name_slots;
use super::remainder::Remainder;
use super::row_ref::{row_bytes, tail_at};
use super::{Codec, Leads, NAME_COUNT, Name, RowRef, SchemaRow};
use crate::normalize::UsualKey;
use crate::segment::Parts;
use crate::segment::column::beside_key::BesideKey;
use crate::segment::column::blocks::Blocks;
use crate::segment::column::digits::Digits;
use crate::segment::column::short::{ShortText, Step};
use crate::segment::column::short_names::ShortNames;
use crate::segment::column::{TemplateSet, TextCodec, digits};
use crate::segment::last_values;
use crate::segment::tails::take_part;

/// A source that is not as usual is left to the long way, whatever the reason: that way reports it.
type Usual = Option<()>;

impl<'a> RowRef<'a> {
    /// The primary address, if it is as usual. `leads` are those of this row.
    #[inline]
    pub(crate) fn short_email(&self, leads: &Leads, names: &mut ShortNames, out: &mut ShortText) -> Usual {
        let address = self.schema.address.as_ref()?;
        // Read before the names are, so that it comes while they do.
        let domain = self.parts.bytes.get(leads.domain..)?.first_chunk()?;
        let template = (&address.templates, leads.template);
        let mut remainder = Remainder::Of(address.number);
        self.put_together(&address.text, template, &mut remainder, leads.names, names, out)?;
        out.push_domain(domain)
    }

    /// Whether a key is the primary address of the person whose leads these are, where that can be told without putting
    /// the address together. Finds the names.
    #[expect(clippy::inline_always, reason = "as `RowRef::find`")]
    #[inline(always)]
    pub(crate) fn is_email(
        parts: Parts<'a>,
        leads: &Leads,
        names: &mut ShortNames,
        key: &UsualKey,
    ) -> Option<bool> {
        let schema = parts.view.rows.schemas.get(usize::from(leads.schema))?;
        let address = schema.address.as_ref()?;
        let domain = parts.bytes.get(leads.domain..)?.first_chunk()?;
        let shape = address.templates.shape(leads.template).filter(|shape| shape.is_lower())?;
        let names = names.get(|names| find_names(parts, leads.ordinal, leads.names, names))?;
        if !shape.is_told_by(names) {
            return None;
        }
        let mut beside = BesideKey::new(key.room());
        shape.compare(
            names,
            |count| digits_of(parts, (leads.ordinal, schema), address.number, count),
            &mut beside,
        )?;
        Some(beside.ends(key.at(), domain, key.size()))
    }

    /// Makes `out` the display name of a person with this schema, if it is a shape over names that are as usual, and
    /// not blank; else `None`, and whatever in `out`.
    #[expect(clippy::inline_always, reason = "as `RowRef::find`")]
    #[inline(always)]
    pub(crate) fn write_display_name(
        parts: Parts<'a>,
        (ordinal, schema): (u32, u16),
        names: &mut ShortNames,
        out: &mut String,
    ) -> Usual {
        let schema = parts.view.rows.schemas.get(usize::from(schema))?;
        let column = schema.display_name.as_ref()?;
        let row = row_bytes(parts, ordinal)?;
        let shape = column.templates.shape(column.code.read(row)?)?;
        let names = names.get(|names| find_names(parts, ordinal, name_slots(schema, row), names))?;
        if !shape.is_told_by(names) {
            return None;
        }
        out.clear();
        shape.write(names, |count| digits_of(parts, (ordinal, schema), column.number, count), out)?;
        out.as_bytes().first().filter(|byte| byte.is_ascii_graphic()).map(drop)
    }

    /// The value of the column at `place` in the file, if it is made of names and as usual.
    #[inline]
    pub(crate) fn short_value(&self, place: usize, names: &mut ShortNames, out: &mut ShortText) -> Usual {
        self.short_column(usize::from(*self.schema.by_place.get(place)?), names, out)
    }

    /// Makes `out` the value of the column at `place` in the file, if it is a shape over names that are as usual, and
    /// ASCII; else `None`, and whatever in `out`.
    #[inline]
    pub(crate) fn write_value(&self, place: usize, names: &mut ShortNames, out: &mut String) -> Usual {
        let number = usize::from(*self.schema.by_place.get(place)?);
        let column = self.schema.columns.get(number)?;
        let Codec::Template(templates) = &column.codec else { return None };
        out.clear();
        self.write_shape(templates, column.code.read(self.bytes)?, &mut Remainder::Of(number), names, out)
    }

    /// Appends what a template makes of the names, if it has a shape and they are as usual; else `None`, and whatever in
    /// `out`.
    #[inline]
    pub(super) fn write_shape(
        &self,
        templates: &TemplateSet,
        code: u64,
        remainder: &mut Remainder<'a>,
        names: &mut ShortNames,
        out: &mut impl Blocks,
    ) -> Usual {
        let shape = templates.shape(code)?;
        let names = names.get(|names| find_names(self.parts, self.ordinal, self.name_slots(), names))?;
        if !shape.is_told_by(names) {
            return None;
        }
        shape.write(names, |count| digits::read(count, remainder.rest(self).ok()?).ok(), out)
    }

    /// Makes `out` the value of a column made of names, if it is as usual. `names` are those of this person.
    #[inline]
    pub(crate) fn short_column(&self, number: usize, names: &mut ShortNames, out: &mut ShortText) -> Usual {
        let column = self.schema.columns.get(number)?;
        match &column.codec {
            Codec::Template(templates) => {
                let template = (templates, column.code.read(self.bytes)?);
                let mut remainder = Remainder::Of(number);
                self.put_together(&column.text, template, &mut remainder, self.name_slots(), names, out)
            }
            Codec::Address { .. } if Some(number) == self.schema.email.map(usize::from) => {
                self.short_email(&self.leads(), names, out)
            }
            _ => None,
        }
    }

    /// Makes `out` what a template makes of the names, whose slots begin there.
    #[inline]
    pub(super) fn put_together(
        &self,
        text: &TextCodec,
        (templates, code): (&TemplateSet, u64),
        remainder: &mut Remainder<'a>,
        slots: [usize; 2],
        names: &mut ShortNames,
        out: &mut ShortText,
    ) -> Usual {
        out.clear();
        if let Some(shape) = templates.shape(code)
            && let Some(names) = names.get(|names| find_names(self.parts, self.ordinal, slots, names))
            && shape.is_told_by(names)
        {
            return shape.render(names, |count| digits::read(count, remainder.rest(self).ok()?).ok(), out);
        }
        self.run_steps(text, templates, code, remainder, out)
    }

    /// Sets a name that does not stand in a slot, if it is short.
    fn find_far_name(&self, number: usize, names: &mut ShortNames) -> Usual {
        let Some(name) = self.schema.names.get(number)? else {
            names.set_none(number);
            return Some(());
        };
        if let (Some(dictionary), Some(place)) =
            (&name.dictionary, name.code.read(self.bytes)?.checked_sub(1))
        {
            return names.set_entry(number, dictionary.get(self.parts.bytes, place).ok()?);
        }
        let mut text = ShortText::new();
        self.read_rare_name(name, &mut text)?;
        names.set_text(number, &text)
    }

    fn run_steps(
        &self,
        text: &TextCodec,
        templates: &TemplateSet,
        code: u64,
        remainder: &mut Remainder<'a>,
        out: &mut ShortText,
    ) -> Usual {
        for step in templates.steps(code)? {
            match step {
                Step::Name { name, is_slug, take } => self.push_name(*name, *is_slug, *take, out)?,
                Step::Literal { size, bytes } => out.push(bytes, usize::from(*size))?,
                Step::Digits(count) => out.push_digits(*count, remainder.rest(self).ok()?)?,
                Step::Text => {
                    let stored = take_part(remainder.rest(self).ok()?).ok()?;
                    out.push_text(text, stored)?;
                }
            }
        }
        Some(())
    }

    #[inline]
    fn push_name(&self, name: u8, is_slug: bool, take: u8, out: &mut ShortText) -> Usual {
        // No such name: nothing of it.
        let Some(name) = self.schema.names.get(usize::from(name) % NAME_COUNT)? else { return Some(()) };
        let code = name.code.read(self.bytes)?;
        let (Some(dictionary), Some(place)) = (&name.dictionary, code.checked_sub(1)) else {
            return self.rare_name(name, |text| out.push_odd_name(text, is_slug, take));
        };
        out.push_entry(dictionary.get(self.parts.bytes, place).ok()?, is_slug, take)
    }

    /// What `read` makes of a name that stands in the tail.
    fn rare_name<R>(&self, name: &Name, read: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
        // Display name and address are made of the same names.
        let of = (self.parts.view.number, self.ordinal, name.column);
        last_values::with_name(of, |text| self.read_rare_name(name, text), read)
    }

    /// Appends a name that stands in the tail.
    fn read_rare_name(&self, name: &Name, out: &mut ShortText) -> Usual {
        let column = self.schema.columns.get(usize::from(name.column))?;
        if !matches!(column.codec, Codec::Dictionary { rest: false, .. } | Codec::Text { .. }) {
            return None;
        }
        let stored = take_part(&mut self.tail_at(usize::from(name.column)).ok()?).ok()?;
        out.push_text(&column.text, stored)
    }
}

/// Sets given and family name of a person from their slots, or wherever they stand, if they are short.
#[expect(clippy::inline_always, reason = "as `RowRef::find`")]
#[inline(always)]
fn find_names(parts: Parts<'_>, ordinal: u32, [given, family]: [usize; 2], names: &mut ShortNames) -> Usual {
    find_name(parts, ordinal, (0, given), names)?;
    find_name(parts, ordinal, (1, family), names)
}

#[expect(clippy::inline_always, reason = "as `RowRef::find`")]
#[inline(always)]
fn find_name(
    parts: Parts<'_>,
    ordinal: u32,
    (number, slot): (usize, usize),
    names: &mut ShortNames,
) -> Usual {
    let slot = parts.bytes.get(slot..).and_then(<[u8]>::first_chunk);
    match slot.and_then(|slot| names.set_slot(number, slot)) {
        Some(()) => Some(()),
        None => find_far_name(parts, ordinal, number, names),
    }
}

/// Apart, for most names stand in slots.
#[inline(never)]
fn find_far_name(parts: Parts<'_>, ordinal: u32, number: usize, names: &mut ShortNames) -> Usual {
    RowRef::find(parts, ordinal)?.find_far_name(number, names)
}

/// So many digits, the first part of a column in the tail.
#[inline(never)]
fn digits_of(parts: Parts<'_>, of: (u32, &SchemaRow), column: usize, count: u8) -> Option<Digits> {
    digits::read(count, &mut tail_at(parts, of, column).ok()?).ok()
}
