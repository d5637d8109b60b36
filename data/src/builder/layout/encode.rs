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

/// The names of a row, with slugs, as templates refer to them.
pub(super) struct Names<'n> {
    /// Place in the dictionary of its column.
    codes: [Option<u32>; NAME_COUNT],
    texts: [&'n str; NAME_COUNT],
    slugs: [Slug<'n>; NAME_COUNT],
}

enum Slug<'n> {
    Stored(&'n str),
    ByRule(SmallVec<[u8; slug::NAME_BYTES_MAX]>),
}

impl<'n> Names<'n> {
    /// Of the row whose columns `field` gives by place.
    pub(super) fn of(schema: &'n SchemaLayout, field: impl Fn(u16) -> &'n str) -> Self {
        let mut names = Self {
            codes: [None; NAME_COUNT],
            texts: [""; NAME_COUNT],
            slugs: [const { Slug::Stored("") }; NAME_COUNT],
        };
        let slots = names.texts.iter_mut().zip(&mut names.slugs).zip(&mut names.codes);
        for (number, ((text, slugged), code)) in schema.names.iter().zip(slots) {
            let Some(column) = number.and_then(|number| schema.columns.get(number)) else { continue };
            let name = field(column.place);
            if name.is_empty() || name.len() > slug::NAME_BYTES_MAX {
                continue;
            }
            *text = name;
            let stored = match &column.codec {
                Codec::Dictionary { entries, .. } => {
                    *code = entries.code(name);
                    code.and_then(|code| entries.slug(code))
                }
                _ => None,
            };
            *slugged =
                if let Some(stored) = stored { Slug::Stored(stored) } else { Slug::ByRule(slug::of(name)) };
        }
        names
    }

    /// The code of a column that is a name and stands in its dictionary.
    fn code(&self, schema: &SchemaLayout, number: usize) -> Option<u64> {
        let name = schema.names.iter().position(|&name| name == Some(number))?;
        let without_rest = matches!(schema.columns[number].codec, Codec::Dictionary { rest: false, .. });
        self.codes[name].filter(|_| without_rest).map(|code| u64::from(code) + 1)
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
    /// The code of a value; its part of the tail is appended to `part`.
    pub(super) fn encode(
        &self,
        value: &str,
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
        match &self.codec {
            Codec::Empty => coded(0, part),
            Codec::Text => {
                text.encode(value, part);
                Encoded { code: 0, has_part: true, is_text: true, is_exception: false }
            }
            Codec::Dictionary { entries, rest: false } => match entries.code(value) {
                Some(code) => coded(u64::from(code) + 1, part),
                None => exception(value, text, part),
            },
            Codec::Dictionary { entries, rest: true } => {
                if value.is_empty() {
                    return coded(0, part);
                }
                if let Some(code) = entries.code(value) {
                    return coded((u64::from(code) + 1) << 1, part);
                }
                let (entry, size) =
                    entries.prefix(value).map_or((0, 0), |(code, size)| (u64::from(code) + 1, size));
                text.encode(&value[size..], part);
                Encoded { code: entry << 1 | 1, has_part: true, is_text: true, is_exception: true }
            }
            Codec::Tenant if context.tenants.name(tenant) == value => coded(1, part),
            Codec::Tenant => exception(value, text, part),
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
                let count = value.split(separator).count();
                if count as u64 + 1 >= 1 << self.code.width {
                    return exception(value, text, part);
                }
                for piece in value.split(separator) {
                    encode_piece(piece, templates, tenant, sources, context, text, part);
                }
                coded(count as u64 + 1, part)
            }
            Codec::Link => {
                if value.is_empty() {
                    return coded(1, part);
                }
                match context.links.code(context.hasher, tenant, value) {
                    Some(code) => coded(u64::from(code) + 2, part),
                    None => exception(value, text, part),
                }
            }
        }
    }
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
    address.split_once('@').filter(|(_, domain)| !domain.contains('@'))
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
    /// By schema and column.
    pub(crate) stats: Vec<Vec<Stats>>,
}

/// What the encoder has to know of a row beside its columns.
#[derive(Clone, Copy)]
pub(crate) struct RowPlace {
    pub(crate) schema: u16,
    pub(crate) tenant: u32,
    pub(crate) ordinal: u32,
}

impl<'l> Encoder<'l> {
    pub(crate) fn new(layout: &'l Layout, context: Context<'l>) -> Self {
        let stats =
            layout.schemas.iter().map(|schema| vec![Stats::default(); schema.columns.len()]).collect();
        Self { layout, context, part: Vec::new(), tail: Vec::new(), stats }
    }

    /// Appends the row and the tail of a person; returns the bytes that the tail takes.
    pub(crate) fn push<'f>(
        &mut self,
        place: RowPlace,
        fields: impl Iterator<Item = &'f str>,
        rows: &mut Vec<u8>,
        tails: &mut Vec<u8>,
    ) -> Result<usize, BuildError> {
        let fields: SmallVec<[&str; 32]> = fields.collect();
        let field = |place: u16| fields.get(usize::from(place)).copied().unwrap_or_default();
        let Self { layout, context, part, tail, stats } = self;
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
        let names = Names::of(schema, field);
        let sources = names.sources();
        tail.clear();
        let counted = schema.columns.iter().zip(&mut stats[usize::from(place.schema)]);
        for (number, (column, stats)) in counted.enumerate() {
            if let Some(code) = names.code(schema, number) {
                bits::write(row, column.code.at, column.code.width, code);
                continue;
            }
            part.clear();
            let value = field(column.place);
            let encoded = column.encode(value, place.tenant, &sources, *context, &column.text, part);
            bits::write(row, column.code.at, column.code.width, encoded.code);
            stats.exceptions += u64::from(encoded.is_exception);
            if encoded.has_part {
                let before = tail.len();
                if encoded.is_text {
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
