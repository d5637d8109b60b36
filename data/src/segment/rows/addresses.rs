//! What a row tells of its person's addresses without putting them together: it rejects candidates.
//!
//! Who only shares the fingerprint of a key nearly always has no address in its domain, and domains are codes. Of
//! addresses in the same domain the local part tells, which is usually a template over names.

use super::remainder::Remainder;
use super::{Codec, Column, RowRef, skip_remainder, take_byte};
use crate::normalize::{AddressKey, is_usual_address};
use crate::segment::Corrupt;
use crate::segment::column::TemplateSet;
use crate::segment::column::short::ShortText;
use crate::segment::column::short_names::ShortNames;
use crate::segment::runs::Run;
use crate::segment::scratch::with_scratch;
use crate::segment::tails::take_part;

/// A list of addresses in its coded form.
#[derive(Clone, Copy)]
struct List<'c> {
    number: usize,
    column: &'c Column,
    templates: &'c TemplateSet,
    count: u64,
}

impl RowRef<'_> {
    /// Whether the primary address may be in this domain (a key, so in lower case); `false` is sure.
    #[inline]
    pub(crate) fn email_may_have_domain(&self, domain: &[u8]) -> Result<bool, Corrupt> {
        let Some(number) = self.schema.email else { return Ok(true) };
        let column = self.column(number)?;
        let code = self.code(column)?;
        match &column.codec {
            Codec::Empty => Ok(false),
            Codec::Address { templates: _, template_width, template_mask } if code & template_mask != 0 => {
                self.may_be_domain(self.run()?, code >> template_width, domain)
            }
            _ => Ok(true),
        }
    }

    /// Whether one of the further addresses may have this key; `false` is sure.
    #[inline]
    pub(crate) fn others_may_have(&self, key: &AddressKey<'_>) -> Result<bool, Corrupt> {
        for &number in &self.schema.more_addresses {
            if self.column_may_have(number, key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    fn column_may_have(&self, number: u16, key: &AddressKey<'_>) -> Result<bool, Corrupt> {
        let column = self.column(number)?;
        let code = self.code(column)?;
        match &column.codec {
            Codec::Empty => Ok(false),
            Codec::Addresses { templates, .. } if code != 0 => {
                let list = List { number: usize::from(number), column, templates, count: code - 1 };
                self.list_may_have(list, key)
            }
            _ => match self.entry(column, code)? {
                Some(entry) => Ok(text_may_have(entry.text, key)),
                None => with_scratch(|scratch| {
                    scratch.clear();
                    self.read_column(usize::from(number), &mut scratch.bytes)?;
                    Ok(text_may_have(&scratch.bytes, key))
                }),
            },
        }
    }

    fn list_may_have(&self, list: List<'_>, key: &AddressKey<'_>) -> Result<bool, Corrupt> {
        if list.count == 0 {
            return Ok(false);
        }
        let (mut tail, run) = (self.tail_at(list.number)?, self.run()?);
        let text = &list.column.text;
        let (mut names, mut decoded) = (ShortNames::unknown(), ShortText::new());
        for _ in 0..list.count {
            decoded.clear();
            let template = take_byte(&mut tail)?;
            if template == 0 {
                let is_short = decoded.push_text(text, take_part(&mut tail)?);
                let other = decoded.text().filter(|text| is_usual_address(text));
                if is_short.is_none() || other.is_none_or(|text| is_same(text.as_bytes(), key.bytes())) {
                    return Ok(true);
                }
                continue;
            }
            if self.may_be_domain(run, take_byte(&mut tail)?.into(), key.domain())? {
                let mut rest = Remainder::Known(tail);
                let code = template.into();
                let is_short = self.put_together(
                    text,
                    (list.templates, code),
                    &mut rest,
                    self.name_slots(),
                    &mut names,
                    &mut decoded,
                );
                let local = decoded.bytes();
                // A local part of letters and digits is its own key but for capitals.
                if is_short.is_none() || !is_plain(local) || is_same(local, key.local()) {
                    return Ok(true);
                }
            }
            skip_remainder(list.templates, template.into(), &mut tail)?;
        }
        Ok(false)
    }

    /// Whether the tenant's domain with this code may have this key: other spellings than ASCII may.
    #[inline]
    fn may_be_domain(&self, run: Run, code: u64, domain: &[u8]) -> Result<bool, Corrupt> {
        let place = u64::from(run.first_domain).saturating_add(code);
        let written = self.parts.view.mail_domains.get(self.parts.bytes, place)?.text;
        let bare = written.strip_suffix(b".").unwrap_or(written);
        Ok(bare.eq_ignore_ascii_case(domain) || !is_plain(written))
    }

    #[inline]
    fn column(&self, number: u16) -> Result<&Column, Corrupt> {
        self.schema.columns.get(usize::from(number)).ok_or_else(|| Corrupt::new("no such column"))
    }
}

/// Whether a text with any number of addresses may have one with this key; `false` is sure.
///
/// In ASCII without quotes every local part stands as in its key but for capitals, before an `@`. A list of
/// hundreds is passed over at the speed of its bytes, where taking it apart takes a microsecond an address.
fn text_may_have(text: &[u8], key: &AddressKey<'_>) -> bool {
    if !text.is_ascii() || memchr::memchr(b'"', text).is_some() {
        return true;
    }
    let local = key.local();
    memchr::memchr_iter(b'@', text).any(|at| {
        let start = at.checked_sub(local.len());
        start.and_then(|start| text.get(start..at)).is_some_and(|before| is_same(before, local))
    })
}

fn is_same(stored: &[u8], key: &[u8]) -> bool {
    stored.eq_ignore_ascii_case(key)
}

/// Whether this stands in keys as it is, but for capitals: nothing that is taken off or mapped.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
