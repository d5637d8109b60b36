//! A row into its codes and its tail.

use smallvec::SmallVec;

use super::{Codec, Column, Context, Layout, SchemaLayout};
use crate::builder::BuildError;
use crate::segment::column::{SOURCE_COUNT, Sources, TextStore, bits, slug};
use crate::segment::rows::NAME_COUNT;
use crate::segment::tails::{push_part, push_tail, stored_size};
use crate::segment::varint;

/// How often a column needed text, and what its parts in the tail take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) exceptions: u64,
    pub(crate) tail_bytes: u64,
}

/// What encoding one value came to; its part of the tail stands in the buffer.
pub(super) struct Encoded {
    code: u64,
    pub(super) has_part: bool,
    /// Whether the part is text, whose size stands in front of it; others end by themselves.
    is_text: bool,
    is_exception: bool,
}

/// A value, and its code where it has one that says all.
#[derive(Clone, Copy)]
pub(super) struct Cell<'v> {
    value: &'v str,
    code: Option<u32>,
}

/// The names of a row, with slugs, as templates refer to them.
pub(super) struct Names<'n> {
    texts: [&'n str; NAME_COUNT],
    slugs: [Slug<'n>; NAME_COUNT],
}

enum Slug<'n> {
    Stored(&'n str),
    ByRule(SmallVec<[u8; slug::NAME_BYTES_MAX]>),
}

impl<'n> Names<'n> {
    /// Of the row that has these cells, by number of their column.
    pub(super) fn of(schema: &'n SchemaLayout, cell: &impl Fn(usize, &Column) -> Cell<'n>) -> Self {
        let mut names = Self { texts: [""; NAME_COUNT], slugs: [const { Slug::Stored("") }; NAME_COUNT] };
        let slots = names.texts.iter_mut().zip(&mut names.slugs);
        for (number, (text, slugged)) in schema.names.iter().zip(slots) {
            let Some(number) = *number else { continue };
            let Some(column) = schema.columns.get(number) else { continue };
            let Cell { value: name, code: found } = cell(number, column);
            if name.is_empty() || name.len() > slug::NAME_BYTES_MAX {
                continue;
            }
            *text = name;
            let stored = match &column.codec {
                Codec::Dictionary { entries, rest } => {
                    // Behind the code that says that it is none of them.
                    let entry = found.and_then(|code| (code >> u32::from(*rest)).checked_sub(1));
                    entry.and_then(|entry| entries.slug(entry))
                }
                _ => None,
            };
            *slugged =
                if let Some(stored) = stored { Slug::Stored(stored) } else { Slug::ByRule(slug::of(name)) };
        }
        names
    }

    /// In the order of the templates' sources.
    pub(super) fn sources(&self) -> Sources<'_> {
        let mut sources = [""; SOURCE_COUNT];
        sources[..NAME_COUNT].copy_from_slice(&self.texts);
        for (source, slug) in sources[NAME_COUNT..].iter_mut().zip(&self.slugs) {
            *source = match slug {
                Slug::Stored(stored) => stored,
                Slug::ByRule(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            };
        }
        sources
    }
}

impl Column {
    /// The value with its code, where that is found by it alone.
    pub(super) fn cell<'v>(&self, value: &'v str, tenant: u32, context: Context<'_>) -> Cell<'v> {
        Cell { value, code: self.look_up(value, tenant, context) }
    }

    fn is_known_by_value(&self) -> bool {
        matches!(self.codec, Codec::Empty | Codec::Tenant | Codec::Dictionary { .. } | Codec::Link)
    }

    /// The code of a value that is known as it is: in a dictionary, among the links.
    #[inline]
    fn look_up(&self, value: &str, tenant: u32, context: Context<'_>) -> Option<u32> {
        match &self.codec {
            Codec::Empty => Some(0),
            // Without a bit for it nobody has anything else.
            Codec::Tenant if self.code.width == 0 => Some(0),
            Codec::Tenant => (context.tenants.name(tenant) == value).then_some(1),
            Codec::Dictionary { rest: true, .. } if value.is_empty() => Some(0),
            Codec::Dictionary { entries, rest } => {
                entries.code(value).map(|entry| (entry + 1) << u32::from(*rest))
            }
            Codec::Link if value.is_empty() => Some(1),
            Codec::Link => context.links.code(context.hasher, tenant, value).map(|link| link + 2),
            _ => None,
        }
    }

    /// The code of a value; its part of the tail is appended to `part`.
    pub(super) fn encode(
        &self,
        Cell { value, code }: Cell<'_>,
        tenant: u32,
        sources: &Sources<'_>,
        context: Context<'_>,
        text: &impl TextStore,
        part: &mut Vec<u8>,
    ) -> Encoded {
        let coded = |code: u64, part: &Vec<u8>| Encoded {
            code,
            has_part: !part.is_empty(),
            is_text: false,
            is_exception: false,
        };
        if let Some(code) = code {
            return coded(code.into(), part);
        }
        match &self.codec {
            Codec::Empty | Codec::Dictionary { rest: false, .. } | Codec::Tenant | Codec::Link => {
                exception(value, text, part)
            }
            Codec::Text { .. } => {
                text.encode(value, part);
                Encoded { code: 0, has_part: true, is_text: true, is_exception: false }
            }
            Codec::Dictionary { entries, rest: true } => {
                let (entry, size) =
                    entries.prefix(value).map_or((0, 0), |(code, size)| (u64::from(code) + 1, size));
                text.encode(&value[size..], part);
                Encoded { code: entry << 1 | 1, has_part: true, is_text: true, is_exception: true }
            }
            Codec::Number(number) => match number.encode(value, part) {
                0 => exception(value, text, part),
                code => coded(code, part),
            },
            Codec::Template(templates) => match templates.encode(value, sources, text, part) {
                0 => exception(value, text, part),
                code => coded(code.into(), part),
            },
            Codec::Address { templates, domain_width } => {
                let template_width = self.code.width - domain_width;
                let both = halves(value).and_then(|(local, domain)| {
                    let domain =
                        context.domains.code(tenant, domain).filter(|&code| code < 1 << domain_width)?;
                    match templates.encode(local, sources, text, part) {
                        0 => None,
                        template => Some((template, domain)),
                    }
                });
                match both {
                    Some((template, domain)) => {
                        coded(u64::from(template) | u64::from(domain) << template_width, part)
                    }
                    None => exception(value, text, part),
                }
            }
            Codec::Addresses { templates, separator } => {
                if value.is_empty() {
                    return coded(1, part);
                }
                let count = pieces(value, separator).count();
                if count as u64 + 1 >= 1 << self.code.width {
                    return exception(value, text, part);
                }
                for piece in pieces(value, separator) {
                    encode_piece(piece, templates, tenant, sources, context, text, part);
                }
                coded(count as u64 + 1, part)
            }
        }
    }
}

/// What `value.split(separator)` gives, without the preparations that a search for any text makes.
fn pieces<'v>(value: &'v str, separator: &'static str) -> impl Iterator<Item = &'v str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let first = *separator.as_bytes().first()?;
        let mut found = memchr::memchr_iter(first, text.as_bytes());
        match found.find_map(|at| Some((text.get(..at)?, text.get(at..)?.strip_prefix(separator)?))) {
            Some((piece, behind)) => {
                rest = Some(behind);
                Some(piece)
            }
            None => rest.take(),
        }
    })
}

/// Appends one address of a list.
fn encode_piece(
    piece: &str,
    templates: &crate::segment::column::TemplateSet,
    tenant: u32,
    sources: &Sources<'_>,
    context: Context<'_>,
    text: &impl TextStore,
    part: &mut Vec<u8>,
) {
    let start = part.len();
    let coded = halves(piece).and_then(|(local, domain)| {
        let domain = u8::try_from(context.domains.code(tenant, domain)?).ok()?;
        part.extend_from_slice(&[0, domain]);
        match u8::try_from(templates.encode(local, sources, text, part)) {
            Ok(0) | Err(_) => None,
            Ok(template) => Some(template),
        }
    });
    if let Some(template) = coded {
        part[start] = template;
        return;
    }
    part.truncate(start);
    part.push(0);
    // The size stands in front of text whose size is not known before: shift it by the varint's bytes.
    let from = part.len();
    text.encode(piece, part);
    let size = u32::try_from(part.len() - from).expect("a row has at most a few MiB");
    let mut head = Vec::with_capacity(5);
    varint::write(size, &mut head);
    part.splice(from..from, head);
}

/// Local part and domain of one address. What has a second `@` is text: it may be several addresses, and a
/// look-up that sees another domain at its end must not pass it over.
fn halves(address: &str) -> Option<(&str, &str)> {
    let mut places = memchr::memchr_iter(b'@', address.as_bytes());
    let (at, None) = (places.next()?, places.next()) else { return None };
    Some((address.get(..at)?, address.get(at + 1..)?))
}

fn exception(value: &str, text: &impl TextStore, part: &mut Vec<u8>) -> Encoded {
    part.clear();
    text.encode(value, part);
    Encoded { code: 0, has_part: true, is_text: true, is_exception: true }
}

/// Encodes one row after the other, with buffers kept between them.
pub(crate) struct Encoder<'l> {
    layout: &'l Layout,
    context: Context<'l>,
    part: Vec<u8>,
    tail: Vec<u8>,
    /// Codes that were looked up ahead, one column after the other.
    ahead: Vec<u32>,
    ahead_rows: usize,
    /// By schema and column.
    pub(crate) stats: Vec<Vec<Stats>>,
}

/// What the encoder has to know of a row beside its columns.
#[derive(Clone, Copy)]
pub(crate) struct RowPlace {
    pub(crate) schema: u16,
    pub(crate) tenant: u32,
    pub(crate) ordinal: u32,
    /// Which it is of the rows that were [looked ahead at](Encoder::look_ahead), if it is one of them as it is.
    pub(crate) ahead: Option<usize>,
}

/// In place of a code: there is none. Dictionaries and links have fewer.
const NO_CODE: u32 = u32::MAX;

impl<'l> Encoder<'l> {
    pub(crate) fn new(layout: &'l Layout, context: Context<'l>) -> Self {
        let stats =
            layout.schemas.iter().map(|schema| vec![Stats::default(); schema.columns.len()]).collect();
        let (part, tail, ahead) = (Vec::new(), Vec::new(), Vec::new());
        Self { layout, context, part, tail, ahead, ahead_rows: 0, stats }
    }

    /// Looks up the codes of rows of these tenants that are pushed next. `values` gives their columns by place.
    ///
    /// Column after column, which costs less than row after row: see `Entries::codes`.
    pub(crate) fn look_ahead<'f, V: Iterator<Item = &'f str>>(
        &mut self,
        schema: u16,
        tenants: &[u32],
        values: impl Fn(u16) -> V,
    ) {
        let columns = &self.layout.schemas[usize::from(schema)].columns;
        self.ahead_rows = tenants.len();
        self.ahead.clear();
        self.ahead.resize(columns.len() * tenants.len(), NO_CODE);
        for (column, codes) in columns.iter().zip(self.ahead.chunks_exact_mut(tenants.len().max(1))) {
            if !column.is_known_by_value() {
                continue;
            }
            if let Codec::Dictionary { entries, rest } = &column.codec {
                entries.codes(|| values(column.place), NO_CODE, codes);
                for (code, value) in codes.iter_mut().zip(values(column.place)) {
                    *code = match *code {
                        _ if *rest && value.is_empty() => 0,
                        NO_CODE => NO_CODE,
                        // Behind the code that says that it is none of them.
                        entry => (entry + 1) << u32::from(*rest),
                    };
                }
                continue;
            }
            for ((code, value), tenant) in codes.iter_mut().zip(values(column.place)).zip(tenants) {
                *code = column.look_up(value, *tenant, self.context).unwrap_or(NO_CODE);
            }
        }
    }

    /// Appends the row and the tail of a person whose columns `field` gives by place; returns the bytes that the
    /// tail takes.
    pub(crate) fn push<'f>(
        &mut self,
        place: RowPlace,
        field: impl Fn(u16) -> &'f str,
        rows: &mut Vec<u8>,
        tails: &mut Vec<u8>,
    ) -> Result<usize, BuildError> {
        let Self { layout, context, part, tail, ahead, ahead_rows, stats } = self;
        let schema = &layout.schemas[usize::from(place.schema)];
        if let Some(email) = schema.email {
            context.links.check(context.hasher, place.tenant, place.ordinal, field(email))?;
        }
        let start = rows.len();
        rows.resize(start + layout.row_size + bits::SLACK, 0);
        let row = &mut rows[start..];
        bits::write(row, layout.schema.at, layout.schema.width, place.schema.into());
        if let Some(run) = layout.run {
            bits::write(row, run.at, run.width, place.tenant.into());
        }
        let known = |number: usize| {
            let code = place.ahead.and_then(|row| ahead.get(number * *ahead_rows + row));
            code.copied().filter(|&code| code != NO_CODE)
        };
        let names = Names::of(schema, &|number, column| {
            let value = field(column.place);
            known(number).map_or_else(
                || column.cell(value, place.tenant, *context),
                |code| Cell { value, code: Some(code) },
            )
        });
        let sources = names.sources();
        tail.clear();
        let counted = schema.columns.iter().zip(&mut stats[usize::from(place.schema)]);
        for (number, (column, stats)) in counted.enumerate() {
            if let Some(code) = known(number) {
                bits::write(row, column.code.at, column.code.width, code.into());
                continue;
            }
            part.clear();
            let cell = column.cell(field(column.place), place.tenant, *context);
            let encoded = column.encode(cell, place.tenant, &sources, *context, &column.text, part);
            bits::write(row, column.code.at, column.code.width, encoded.code);
            stats.exceptions += u64::from(encoded.is_exception);
            if encoded.has_part {
                let before = tail.len();
                if encoded.is_text && !matches!(column.codec, Codec::Text { to_end: true }) {
                    push_part(part, tail);
                } else {
                    tail.extend_from_slice(part);
                }
                stats.tail_bytes += (tail.len() - before) as u64;
            }
        }
        rows.truncate(start + layout.row_size);
        push_tail(tail, tails);
        Ok(stored_size(tail.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_as_the_standard_library_cuts_them() {
        for list in ["", ";", "a;b", "a; b", "a;; b;", "; ", "a;b; ;", "é; ü"] {
            for separator in [";", "; ", ", "] {
                let cut: Vec<_> = pieces(list, separator).collect();
                assert_eq!(cut, list.split(separator).collect::<Vec<_>>(), "{list:?} at {separator:?}");
            }
        }
    }

    #[test]
    fn an_address_has_two_halves_and_what_has_another_at_has_none() {
        assert_eq!(halves("a@b.example"), Some(("a", "b.example")));
        assert_eq!(halves("@"), Some(("", "")));
        assert_eq!((halves("a.example"), halves("a@b@c.example")), (None, None));
    }
}
