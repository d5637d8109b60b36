//! Values of a row by the [short way](crate::segment::column::short).

use super::remainder::Remainder;
use super::{Codec, Leads, NAME_COUNT, Name, RowRef};
use crate::segment::column::blocks::Blocks;
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
        let names = names.get(|names| self.find_names(self.name_slots(), names))?;
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
            && let Some(names) = names.get(|names| self.find_names(slots, names))
            && shape.is_told_by(names)
        {
            return shape.render(names, |count| digits::read(count, remainder.rest(self).ok()?).ok(), out);
        }
        self.run_steps(text, templates, code, remainder, out)
    }

    /// Sets given and family name, if they are short.
    #[inline]
    fn find_names(&self, [given, family]: [usize; 2], names: &mut ShortNames) -> Usual {
        self.find_name(0, given, names)?;
        self.find_name(1, family, names)
    }

    #[inline]
    fn find_name(&self, number: usize, slot: usize, names: &mut ShortNames) -> Usual {
        if let Some(slot) = self.parts.bytes.get(slot..).and_then(<[u8]>::first_chunk)
            && names.set_slot(number, slot).is_some()
        {
            return Some(());
        }
        self.find_far_name(number, names)
    }

    /// Sets a name that does not stand in a slot, if it is short.
    #[inline(never)]
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
