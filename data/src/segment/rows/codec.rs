//! [`Codec`]: what the code of a column means, opened.

use super::{ColumnSpec, Store, Tables};
use crate::segment::Corrupt;
use crate::segment::column::dictionary::Dictionary;
use crate::segment::column::{NUMBER_TAIL_SIZE, NumberCodec, TemplateSet, bits};
use crate::segment::tails::take_part;

/// [`Store`], with what it refers to.
#[derive(Debug)]
pub(super) enum Codec {
    Empty,
    Text {
        to_end: bool,
    },
    Dictionary {
        dictionary: Dictionary,
        rest: bool,
    },
    /// Whether it is the tenant's identifier for everybody, without a bit that says so.
    Tenant {
        is_given: bool,
    },
    Number(NumberCodec),
    Template(TemplateSet),
    Address {
        templates: TemplateSet,
        template_width: u32,
        template_mask: u64,
    },
    Addresses {
        templates: TemplateSet,
        separator: String,
    },
    Link,
}

impl Codec {
    pub(super) fn open(spec: &ColumnSpec, tables: &impl Tables) -> Result<Self, Corrupt> {
        Ok(match &spec.store {
            Store::Empty => Self::Empty,
            Store::Text { to_end } => Self::Text { to_end: *to_end },
            Store::Dictionary { dictionary, rest } => {
                Self::Dictionary { dictionary: tables.dictionary(*dictionary)?, rest: *rest }
            }
            Store::Tenant => Self::Tenant { is_given: spec.code.width == 0 },
            Store::Number(codec) => Self::Number(codec.clone()),
            Store::Template { templates } => Self::Template(TemplateSet::parse(templates)?),
            Store::Address { templates, domain_width } => {
                let template_width = spec.code.width.checked_sub(*domain_width);
                let template_width = template_width.ok_or_else(|| Corrupt::new("layout of an address"))?;
                Self::Address {
                    templates: TemplateSet::parse(templates)?,
                    template_width,
                    template_mask: bits::low_bits(template_width),
                }
            }
            Store::Addresses { templates, separator } => {
                Self::Addresses { templates: TemplateSet::parse(templates)?, separator: separator.clone() }
            }
            Store::Link => Self::Link,
        })
    }

    /// Whether a value with this code has a part in the tail.
    #[inline]
    pub(super) fn has_part(&self, code: u64) -> bool {
        match self {
            Self::Empty => false,
            Self::Text { .. } => true,
            Self::Dictionary { rest, .. } => {
                if *rest {
                    code & 1 == 1
                } else {
                    code == 0
                }
            }
            Self::Number(number) => code == 0 || number.has_tail(code),
            Self::Template(templates) => has_remainder(templates, code),
            Self::Address { templates, template_mask, .. } => has_remainder(templates, code & template_mask),
            Self::Addresses { .. } => code != 1,
            Self::Tenant { is_given } => code == 0 && !is_given,
            Self::Link => code == 0,
        }
    }

    /// Leaves the part of a value that [has one](Self::has_part) behind without decoding it.
    #[inline]
    pub(super) fn skip(&self, code: u64, tail: &mut &[u8]) -> Result<(), Corrupt> {
        match self {
            Self::Number(_) if code != 0 => {
                *tail = tail.get(NUMBER_TAIL_SIZE..).ok_or_else(|| Corrupt::new("tail of a number"))?;
                Ok(())
            }
            Self::Template(templates) if code != 0 => skip_remainder(templates, code, tail),
            Self::Address { templates, template_mask, .. } => match code & template_mask {
                0 => take_part(tail).map(drop),
                template => skip_remainder(templates, template, tail),
            },
            Self::Addresses { templates, .. } if code > 1 => {
                for _ in 1..code {
                    let template = take_byte(tail)?;
                    if template == 0 {
                        take_part(tail)?;
                    } else {
                        take_byte(tail)?;
                        skip_remainder(templates, template.into(), tail)?;
                    }
                }
                Ok(())
            }
            _ => self.take_text(tail).map(drop),
        }
    }

    /// Takes text off the front of a tail: a part with its size, or all that is left.
    #[inline]
    pub(super) fn take_text<'a>(&self, tail: &mut &'a [u8]) -> Result<&'a [u8], Corrupt> {
        match self {
            Self::Text { to_end: true } => Ok(std::mem::take(tail)),
            _ => take_part(tail),
        }
    }
}

pub(super) fn skip_remainder(templates: &TemplateSet, code: u64, tail: &mut &[u8]) -> Result<(), Corrupt> {
    templates.skip(u32::try_from(code).map_err(|_| Corrupt::new("no such template"))?, tail)
}

#[inline]
pub(super) fn take_byte(tail: &mut &[u8]) -> Result<u8, Corrupt> {
    let (&byte, rest) = tail.split_first().ok_or_else(|| Corrupt::new("list of addresses is cut short"))?;
    *tail = rest;
    Ok(byte)
}

#[inline]
pub(super) fn has_remainder(templates: &TemplateSet, code: u64) -> bool {
    code == 0 || u32::try_from(code).is_ok_and(|code| templates.has_remainder(code))
}
