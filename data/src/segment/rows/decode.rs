//! Values of a row as bytes, put together at the end of a buffer: any value of any column.

use super::remainder::Remainder;
use super::{Codec, Column, NAME_COUNT, RowRef, take_byte};
use crate::segment::column::blocks::Blocks;
use crate::segment::column::dictionary::{OWN_SLUG, SLOT_DOMAINS};
use crate::segment::column::short::ShortText;
use crate::segment::column::short_names::ShortNames;
use crate::segment::column::{TemplateSet, TextCodec, slug};
use crate::segment::runs::Run;
use crate::segment::tails::take_part;
use crate::segment::{Corrupt, last_values};

/// Values that are put together before they are checked.
const TOGETHER_MAX: usize = 32;

impl<'a> RowRef<'a> {
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
        // The first part of all begins the tail.
        let mut tail = Remainder::Of(0);
        let mut names = last_values::with_names((self.parts.view.number, self.ordinal), |names| *names);
        let email = self.schema.email.and_then(|number| self.schema.columns.get(usize::from(number)));
        for columns in self.schema.columns.chunks(TOGETHER_MAX) {
            let mut ends = [0; TOGETHER_MAX];
            scratch.clear();
            for (column, end) in columns.iter().zip(&mut ends) {
                let code = self.code(column)?;
                let is_email = email.is_some_and(|email| std::ptr::eq(email, column));
                if is_email && self.append_compared_email(scratch) {
                    if column.codec.has_part(code) {
                        column.codec.skip(code, tail.rest(self)?)?;
                    }
                } else {
                    self.decode(column, code, &mut tail, &mut names, scratch)?;
                }
                *end = scratch.len();
            }
            let (mut rest, mut start) = (utf8(scratch)?, 0);
            for (column, &end) in columns.iter().zip(&ends) {
                // Each value has to be UTF-8 by itself, not only all of them together.
                let (value, behind) = rest.split_at_checked(end - start).ok_or_else(not_utf8)?;
                visit(column.place, value)?;
                (rest, start) = (behind, end);
            }
        }
        Ok(())
    }

    /// Appends the primary address, if a look-up has just compared it.
    #[inline]
    fn append_compared_email(&self, out: &mut Vec<u8>) -> bool {
        let of = (self.parts.view.number, self.ordinal);
        last_values::append_to(of, out)
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
        self.decode(column, code, &mut Remainder::Of(number), &mut ShortNames::unknown(), out)
    }

    /// Appends the value with this code; its part, if it has one, is taken off the front of the tail.
    #[expect(clippy::inline_always, reason = "for each column the call itself costs some 35 instructions")]
    #[inline(always)]
    fn decode(
        &self,
        column: &Column,
        code: u64,
        tail: &mut Remainder<'a>,
        names: &mut ShortNames,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        match &column.codec {
            Codec::Dictionary { dictionary, rest }
                if code & u64::from(*rest) == 0 && (*rest || code != 0) =>
            {
                // No entry is the empty value.
                let Some(place) = (code >> u8::from(*rest)).checked_sub(1) else { return Ok(()) };
                match dictionary.append_slot(self.parts.bytes, place, out) {
                    Some(()) => Ok(()),
                    None => dictionary.append(self.parts.bytes, place, out),
                }
            }
            Codec::Empty => Ok(()),
            _ => self.decode_made(column, code, tail, names, out),
        }
    }

    /// [`Self::decode`] for what is more than an entry of a dictionary.
    #[expect(clippy::inline_always, reason = "as `decode`")]
    #[inline(always)]
    fn decode_made(
        &self,
        column: &Column,
        code: u64,
        tail: &mut Remainder<'a>,
        names: &mut ShortNames,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let text = &column.text;
        match &column.codec {
            Codec::Dictionary { dictionary, rest: true } => {
                if let Some(place) = (code >> 1).checked_sub(1) {
                    dictionary.append(self.parts.bytes, place, out)?;
                }
                if code & 1 == 1 { text.decode(take_part(tail.rest(self)?)?, out) } else { Ok(()) }
            }
            Codec::Address { templates, template_width, template_mask } if code & template_mask != 0 => {
                self.render((templates, text), code & template_mask, tail, names, out)?;
                self.push_domain(self.run()?, code >> template_width, out)
            }
            Codec::Template(templates) if code != 0 => self.render((templates, text), code, tail, names, out),
            Codec::Number(number) if code != 0 => {
                if !number.has_tail(code) {
                    return number.decode(code, &[], out);
                }
                let tail = tail.rest(self)?;
                number.decode(code, tail, out)?;
                column.codec.skip(code, tail)
            }
            Codec::Tenant { is_given } if code != 0 || *is_given => {
                let tenant = self.parts.tenant(self.run()?.tenant)?;
                out.extend_from_slice(tenant.as_bytes());
                Ok(())
            }
            Codec::Addresses { templates, separator } if code != 0 => {
                self.decode_addresses((templates, text, separator), code - 1, tail, names, out)
            }
            Codec::Link if code != 0 => match code.checked_sub(2) {
                None => Ok(()),
                Some(place) => self.decode_link(place, out),
            },
            codec => text.decode(codec.take_text(tail.rest(self)?)?, out),
        }
    }

    fn decode_addresses(
        &self,
        (templates, text, separator): (&TemplateSet, &TextCodec, &str),
        count: u64,
        tail: &mut Remainder<'a>,
        names: &mut ShortNames,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let run = self.run()?;
        for number in 0..count {
            if number > 0 {
                out.extend_from_slice(separator.as_bytes());
            }
            let template = take_byte(tail.rest(self)?)?;
            if template == 0 {
                text.decode(take_part(tail.rest(self)?)?, out)?;
                continue;
            }
            let domain = take_byte(tail.rest(self)?)?;
            self.render((templates, text), template.into(), tail, names, out)?;
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
        colleague.read_email(out)?;
        if link.is_lower {
            out.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
        }
        Ok(())
    }

    /// Appends `@` and a domain of the tenant.
    #[inline]
    fn push_domain(&self, run: Run, domain: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let (bytes, domains) = (self.parts.bytes, &self.parts.view.mail_domains);
        let place = u64::from(run.first_domain).saturating_add(domain);
        if let Some(slot) = domains.slot_of::<SLOT_DOMAINS>(bytes, place)
            && usize::from(slot[0] & !OWN_SLUG) < SLOT_DOMAINS
        {
            let mut block = *slot;
            block[0] = b'@';
            let _ = out.push_block(&block, 1 + usize::from(slot[0] & !OWN_SLUG));
            return Ok(());
        }
        out.push(b'@');
        domains.append(bytes, place, out)
    }

    /// Appends what a template makes of the person's names.
    #[inline]
    fn render(
        &self,
        (templates, text): (&TemplateSet, &TextCodec),
        code: u64,
        remainder: &mut Remainder<'a>,
        names: &mut ShortNames,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let (start, mut rest) = (out.len(), *remainder);
        if self.write_shape(templates, code, &mut rest, names, out).is_some() {
            *remainder = rest;
            return Ok(());
        }
        out.truncate(start);
        let (mut short, mut rest) = (ShortText::new(), *remainder);
        if self
            .put_together(text, (templates, code), &mut rest, self.name_slots(), names, &mut short)
            .is_some()
        {
            *remainder = rest;
            short.append_to(out);
            return Ok(());
        }
        let code = u32::try_from(code).map_err(|_| Corrupt::new("no such template"))?;
        let mut none = &[][..];
        let rest = if templates.has_remainder(code) { remainder.rest(self)? } else { &mut none };
        templates.decode(code, |source, take, out| self.push_source(source, take, out), rest, text, out)
    }

    /// Appends a name or a slug, or its first letters; nothing where there is none or the name is too long.
    fn push_source(&self, source: u8, take: u8, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let (name, is_slug) = (usize::from(source) % NAME_COUNT, usize::from(source) >= NAME_COUNT);
        let Some(name) = &self.schema.names[name] else { return Ok(()) };
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
