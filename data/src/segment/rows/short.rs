//! Values of a row by the [short way](crate::segment::column::short).

use persondb_protocol::Prefetch;

use super::{Codec, NAME_COUNT, RowRef};
use crate::segment::column::TemplateSet;
use crate::segment::column::bits;
use crate::segment::column::dictionary::{SLOT_DOMAINS, SLOT_NAMES};
use crate::segment::column::short::{ShortText, Step};

/// A source that is not as usual is left to the long way, whatever the reason: that way reports it.
type Usual = Option<()>;

impl RowRef<'_> {
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
        let code = bits::read(self.bytes, column.code.at, column.code.width)?;
        match &column.codec {
            Codec::Template(templates) => self.run_steps(number, templates, code, out),
            Codec::Address { templates, template_width } => {
                self.run_steps(number, templates, code & ((1 << template_width) - 1), out)?;
                out.push(b"@", 1)?;
                let place = u64::from(self.run().ok()?.first_domain) + (code >> template_width);
                let slot = self.parts.view.mail_domains.slot_of::<SLOT_DOMAINS>(self.parts.bytes, place)?;
                out.push_domain(slot)
            }
            _ => None,
        }
    }

    /// Asks for the lines of memory that the person's names and address are made of, but for the row itself.
    #[inline]
    pub(crate) fn prefetch(&self, segment: &impl Prefetch) -> Usual {
        let view = self.parts.view;
        let mut is_in_tail = false;
        for name in self.schema.names.iter().flatten() {
            let code = bits::read(self.bytes, name.code.at, name.code.width)?;
            match (&name.dictionary, code.checked_sub(1)) {
                (Some(dictionary), Some(place)) => segment.prefetch(dictionary.slot_offset(place)),
                _ => is_in_tail = true,
            }
        }
        let email = self.schema.columns.get(usize::from(self.schema.email?))?;
        let code = bits::read(self.bytes, email.code.at, email.code.width)?;
        if let Codec::Address { template_width, .. } = &email.codec {
            let place = u64::from(self.run().ok()?.first_domain) + (code >> template_width);
            segment.prefetch(view.mail_domains.slot_offset(place));
        }
        if is_in_tail || email.codec.has_part(code) {
            segment.prefetch(view.tails.start + self.tail_start().ok()?);
        }
        Some(())
    }

    #[inline]
    fn run_steps(&self, number: usize, templates: &TemplateSet, code: u64, out: &mut ShortText) -> Usual {
        let mut remainder: Option<&[u8]> = None;
        for step in templates.steps(code)? {
            match step {
                Step::Name { name, is_slug, take } => self.push_name(*name, *is_slug, *take, out)?,
                Step::Literal { size, bytes } => out.push(bytes, usize::from(*size))?,
                Step::Digits(count) => {
                    let remainder = match &mut remainder {
                        Some(remainder) => remainder,
                        none => none.insert(self.tail_at(number).ok()?),
                    };
                    out.push_digits(*count, remainder)?;
                }
            }
        }
        Some(())
    }

    #[inline]
    fn push_name(&self, name: u8, is_slug: bool, take: u8, out: &mut ShortText) -> Usual {
        // No such name: nothing of it.
        let Some(name) = self.schema.names.get(usize::from(name) % NAME_COUNT)? else { return Some(()) };
        let place = bits::read(self.bytes, name.code.at, name.code.width)?.checked_sub(1)?;
        let dictionary = name.dictionary.as_ref()?;
        let slot = dictionary.slot_of::<SLOT_NAMES>(self.parts.bytes, place)?;
        match out.push_name(slot, is_slug, take) {
            Some(()) => Some(()),
            None => out.push_far_name(dictionary.get(self.parts.bytes, place).ok()?, is_slug, take),
        }
    }
}
