//! Values of a row by the [short way](crate::segment::column::short).

use super::{Codec, NAME_COUNT, Name, RowRef};
use crate::segment::column::dictionary::{SLOT_DOMAINS, SLOT_NAMES};
use crate::segment::column::short::{ShortText, Step};
use crate::segment::column::{TemplateSet, TextCodec};
use crate::segment::last_values;
use crate::segment::tails::take_part;

/// A source that is not as usual is left to the long way, whatever the reason: that way reports it.
type Usual = Option<()>;

/// What is left of a column's part of the tail.
pub(super) enum Remainder<'a> {
    /// The part of the column with this number, not yet looked for: most values have none.
    Of(usize),
    /// This.
    Known(&'a [u8]),
}

impl<'a> Remainder<'a> {
    fn of(&mut self, row: &RowRef<'a>) -> Option<&mut &'a [u8]> {
        if let Self::Of(number) = self {
            *self = Self::Known(row.tail_at(*number).ok()?);
        }
        match self {
            Self::Known(rest) => Some(rest),
            Self::Of(_) => None,
        }
    }
}

impl<'a> RowRef<'a> {
    /// The primary address, if it is as usual.
    #[inline]
    pub(crate) fn short_email(&self, out: &mut ShortText) -> Usual {
        self.short_column(usize::from(self.schema.email?), out)
    }

    /// The value of the column at `place` in the file, if it is made of names and as usual.
    #[inline]
    pub(crate) fn short_value(&self, place: usize, out: &mut ShortText) -> Usual {
        self.short_column(usize::from(*self.schema.by_place.get(place)?), out)
    }

    /// The value of a column made of names, if it is as usual.
    #[inline]
    pub(crate) fn short_column(&self, number: usize, out: &mut ShortText) -> Usual {
        let column = self.schema.columns.get(number)?;
        let code = column.code.read(self.bytes)?;
        match &column.codec {
            Codec::Template(templates) => {
                self.run_steps(&column.text, templates, code, &mut Remainder::Of(number), out)
            }
            Codec::Address { templates, template_width, template_mask } => {
                let template = code & template_mask;
                let place = u64::from(self.run().ok()?.first_domain) + (code >> template_width);
                // Read before the names are, so that it comes while they do.
                let slot = *self.parts.view.mail_domains.slot_of::<SLOT_DOMAINS>(self.parts.bytes, place)?;
                self.run_steps(&column.text, templates, template, &mut Remainder::Of(number), out)?;
                out.push(b"@", 1)?;
                out.push_domain(&slot)
            }
            _ => None,
        }
    }

    #[inline]
    pub(super) fn run_steps(
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
                Step::Digits(count) => out.push_digits(*count, remainder.of(self)?)?,
                Step::Text => {
                    let stored = take_part(remainder.of(self)?).ok()?;
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
            return self.push_rare_name(name, is_slug, take, out);
        };
        let slot = dictionary.slot_of::<SLOT_NAMES>(self.parts.bytes, place)?;
        match out.push_name(slot, is_slug, take) {
            Some(()) => Some(()),
            None => out.push_far_name(dictionary.get(self.parts.bytes, place).ok()?, is_slug, take),
        }
    }

    /// Appends a name that stands in the tail.
    fn push_rare_name(&self, name: &Name, is_slug: bool, take: u8, out: &mut ShortText) -> Usual {
        let column = self.schema.columns.get(usize::from(name.column))?;
        if !matches!(column.codec, Codec::Dictionary { rest: false, .. } | Codec::Text) {
            return None;
        }
        // Display name and address are made of the same names.
        let of = (self.parts.view.number, self.ordinal, name.column);
        last_values::with_name(
            of,
            |text| {
                let stored = take_part(&mut self.tail_at(usize::from(name.column)).ok()?).ok()?;
                text.push_text(&column.text, stored)
            },
            |text| out.push_odd_name(text, is_slug, take),
        )
    }
}
