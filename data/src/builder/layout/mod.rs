//! How each column is stored, decided from the data: whatever costs least.
//!
//! Names are decided first, because display names and addresses are templates over them; then every other
//! column gets the cheapest of dictionary, number and text. Dictionaries are chosen from all values, the rest
//! from the sample.

pub(crate) mod dictionary;
mod encode;
mod parts;
mod slugs;

use std::cell::RefCell;

use crate::segment::column::bits::{WIDTH_MAX, width_of};
use crate::segment::column::{Aim, NumberCodec, TemplateSet, TextCodec, TextStore};
use crate::segment::rows::{BitField, NAME_COUNT};
use crate::segment::{Columns, KeyHasher};
use dictionary::Entries;
use encode::{Cell, Names};
pub(super) use encode::{Encoder, RowPlace, Stats};
pub(super) use parts::counted;
use parts::{Part, Parts};

use super::counts::{Counted, Counters};
use super::links::Links;
use super::mail_domains::MailDomains;
use super::sample::{Sample, SampleRow};
use super::tenants::Tenants;

/// Sample rows that templates and text codecs are learned from.
const LEARNED_ROWS_MAX: usize = 60_000;
/// Text of a column below which a table of its own does not pay, in bytes over all people.
const TABLE_WORTH: u64 = 24 << 10;
/// Bytes that it is worth not to look for a name in the tails: every look-up reads the names of whom it finds, and
/// a tail is a line or two of memory more. At 10 million people this takes two bits more a person, as much as the names
/// take less in the tails, and leaves half as many without a code. 12 took a third bit, and no time off.
const NAME_READ_COST: u64 = 4;
/// A column of nothing but text, until it is known which is the last of all.
const TEXT: Codec = Codec::Text { to_end: false };
/// Most addresses of a list that are coded.
const LIST_WIDTH_MAX: u32 = 4;

/// What the passes know that columns are stored with.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) hasher: KeyHasher,
    pub(super) tenants: &'c Tenants,
    pub(super) domains: &'c MailDomains,
    pub(super) links: &'c Links,
    pub(super) people: u64,
    /// Whether somebody's tenant is not told by a column that has just its identifier.
    pub(super) has_odd_tenants: bool,
    /// Whether anybody has addresses from the aliases file or from later rows.
    pub(super) has_further: bool,
}

/// The layout of all rows.
pub(super) struct Layout {
    pub(super) row_size: usize,
    pub(super) schema: BitField,
    pub(super) run: Option<BitField>,
    pub(super) schemas: Vec<SchemaLayout>,
}

/// The columns of one schema, in the order of their parts in the tail.
pub(super) struct SchemaLayout {
    pub(super) columns: Vec<Column>,
    /// Columns of the names that templates refer to.
    names: [Option<usize>; NAME_COUNT],
    /// Place of the primary address in the file.
    email: Option<u16>,
}

/// How one column is stored.
pub(super) struct Column {
    pub(super) place: u16,
    pub(super) code: BitField,
    pub(super) codec: Codec,
    pub(super) text: TextCodec,
    pub(super) distinct: u64,
}

/// What its code means.
pub(super) enum Codec {
    /// Nobody has a value.
    Empty,
    Text {
        /// Whether it ends with the tail.
        to_end: bool,
    },
    Dictionary {
        entries: Entries,
        rest: bool,
    },
    Tenant,
    Number(NumberCodec),
    Template(TemplateSet),
    Address {
        templates: TemplateSet,
        domain_width: u32,
    },
    Addresses {
        templates: TemplateSet,
        separator: &'static str,
    },
    Link,
}

impl Layout {
    /// Decides for all schemas. `further` says whether anybody has addresses from elsewhere; rows name the
    /// line of their run where `run_count` is given.
    pub(super) fn new(
        schemas: &[Columns],
        sample: &Sample,
        mut counters: Counters,
        context: Context<'_>,
        run_count: Option<u64>,
    ) -> Self {
        let mut at = 0;
        let mut field = |width: u32| {
            let field = BitField { at, width };
            at += width;
            field
        };
        let schema = field(width_of(schemas.len() as u64));
        let run = run_count.map(|count| field(width_of(count).max(1)));
        let first = at;
        let mut bits = first;
        let mut laid_out = Vec::with_capacity(schemas.len());
        for (number, columns) in (0_u16..).zip(schemas) {
            let rows: Vec<_> = sample.rows().filter(|row| row.schema == number).collect();
            let counts = |place| counters.take(usize::from(number), place);
            let mut schema = SchemaLayout::new(columns, &rows, counts, context);
            let mut at = first;
            for column in &mut schema.columns {
                column.code.at = at;
                at += column.code.width;
            }
            bits = bits.max(at);
            laid_out.push(schema);
        }
        let row_size = bits.div_ceil(8) as usize;
        Self { row_size, schema, run, schemas: laid_out }
    }
}

impl SchemaLayout {
    fn new(
        columns: &Columns,
        rows: &[SampleRow<'_>],
        mut counts: impl FnMut(u16) -> Option<Counted>,
        context: Context<'_>,
    ) -> Self {
        let parts = Parts::new(columns);
        let roles = parts.roles.clone();
        let part_of = |place: u16| parts.of(place);
        let mut places: Vec<_> = (0..parts.count()).collect();
        places.sort_by_key(|&place| (part_of(place), place));

        let mut names: Vec<(u16, Column)> = Vec::new();
        for &place in places.iter().filter(|&&place| part_of(place) == Part::Name) {
            let mut column = generic(place, rows, counts(place), context, Rest::Never);
            if let (Codec::Dictionary { entries, .. }, Some(email)) = (&mut column.codec, roles.email) {
                slugs::find(
                    entries,
                    rows.iter().map(|row| (row.field(place.into()), row.field(email.into()))),
                );
            }
            names.push((place, column));
        }
        let mut schema = Self { columns: Vec::new(), names: [None; NAME_COUNT], email: roles.email };
        // Templates see the names through a schema that has only these.
        for (place, column) in names {
            let number = schema.columns.len();
            for (slot, role) in schema.names.iter_mut().zip(roles.names) {
                if role == Some(place) {
                    *slot = Some(number);
                }
            }
            schema.columns.push(column);
        }
        let mut others = Vec::new();
        for &place in &places {
            let column = match part_of(place) {
                Part::Name => continue,
                Part::Email => schema.address(place, rows, context),
                Part::DisplayName => schema.display_name(place, rows, context),
                Part::AddressList => schema.address_list(place, rows, context),
                Part::Manager => link(place, rows, context),
                Part::Tenant => column(place, context.has_odd_tenants.into(), Codec::Tenant, 0),
                Part::Other => generic(place, rows, counts(place), context, Rest::WhereItPays),
                Part::Further if !context.has_further => column(place, 0, Codec::Empty, 0),
                Part::Further => generic(place, rows, None, context, Rest::Never),
            };
            others.push(column);
        }
        schema.join(others, &places);
        for number in 0..schema.columns.len() {
            let part = part_of(schema.columns[number].place);
            let is_looked_up = matches!(part, Part::Name | Part::Email | Part::DisplayName);
            schema.train_text(number, rows, context, if is_looked_up { Aim::Time } else { Aim::Size });
        }
        let last = schema.columns.iter_mut().rfind(|column| !matches!(column.codec, Codec::Empty));
        if let Some(Column { place, codec: Codec::Text { to_end }, .. }) = last {
            *to_end = matches!(part_of(*place), Part::Other | Part::Manager);
        }
        schema
    }

    /// Adds the other columns, brings all of them into the order of `places`.
    fn join(&mut self, others: Vec<Column>, places: &[u16]) {
        let named = self.names.map(|number| number.map(|number| self.columns[number].place));
        self.columns.extend(others);
        let rank = |place: u16| places.iter().position(|&known| known == place);
        self.columns.sort_by_key(|column| rank(column.place));
        self.names = named.map(|place| self.columns.iter().position(|column| Some(column.place) == place));
    }

    /// Local part over the names and domain of the tenant, or text where hardly anybody shares a domain.
    fn address(&self, place: u16, rows: &[SampleRow<'_>], context: Context<'_>) -> Column {
        let learned = learned(rows);
        let sample = learned.iter().filter_map(|&row| {
            let (local, _) = row.field(place.into()).rsplit_once('@')?;
            Some((local, row))
        });
        let templates = self.learn(sample, context);
        let domain_width = context.domains.width(context.people);
        let width = width_of(templates.len() as u64 + 1) + domain_width;
        let coded = column(place, width, Codec::Address { templates, domain_width }, rows.len());
        let is_known = |row: &&SampleRow<'_>| {
            let domain = row.field(place.into()).rsplit_once('@').map(|(_, domain)| domain);
            domain
                .and_then(|domain| context.domains.code(row.tenant, domain))
                .is_some_and(|code| code < 1 << domain_width)
        };
        if learned.iter().filter(is_known).count() * 16 > learned.len() {
            return coded;
        }
        let text = column(place, 0, TEXT, rows.len());
        self.cheaper(coded, text, &learned, context)
    }

    fn address_list(&self, place: u16, rows: &[SampleRow<'_>], context: Context<'_>) -> Column {
        let separator = separator(rows.iter().map(|row| row.field(place.into())));
        let learned = learned(rows);
        let pieces = learned.iter().flat_map(|&row| {
            let pieces = row.field(place.into()).split(separator);
            pieces.filter_map(move |piece| Some((piece.rsplit_once('@')?.0, row)))
        });
        let templates = self.learn(pieces, context);
        // The code counts: 0 as text, 1 none, then one more than there are.
        let beyond = |width: u32| {
            let most = (1_usize << width) - 2;
            rows.iter().filter(|row| row.field(place.into()).split(separator).count() > most).count()
        };
        let cost = |width: u32| rows.len() * width as usize + beyond(width) * 200;
        let width = (1..=LIST_WIDTH_MAX).min_by_key(|&width| cost(width)).unwrap_or(LIST_WIDTH_MAX);
        column(place, width, Codec::Addresses { templates, separator }, rows.len())
    }

    /// A template over the names, or whatever is cheaper.
    fn display_name(&self, place: u16, rows: &[SampleRow<'_>], context: Context<'_>) -> Column {
        let plain = generic(place, rows, None, context, Rest::Never);
        let learned = learned(rows);
        let templates = self.learn(learned.iter().map(|&row| (row.field(place.into()), row)), context);
        let width = width_of(templates.len() as u64 + 1);
        let mut derived = column(place, width, Codec::Template(templates), rows.len());
        derived.distinct = plain.distinct;
        self.cheaper(derived, plain, &learned, context)
    }

    /// What takes fewer bytes for these people: a column made of others, or one by itself.
    fn cheaper(
        &self,
        derived: Column,
        plain: Column,
        rows: &[SampleRow<'_>],
        context: Context<'_>,
    ) -> Column {
        let cost = |column: &Column| self.sample_cost(column, rows, context);
        if cost(&derived) < cost(&plain) { derived } else { plain }
    }

    fn learn<'s>(
        &'s self,
        sample: impl Iterator<Item = (&'s str, SampleRow<'s>)>,
        context: Context<'_>,
    ) -> TemplateSet {
        let names: Vec<_> = sample.map(|(value, row)| (value, self.names_of(row, context))).collect();
        TemplateSet::learn(names.iter().map(|(value, names)| (*value, names.sources())))
    }

    fn names_of<'s>(&'s self, row: SampleRow<'s>, context: Context<'_>) -> Names<'s> {
        Names::of(self, &|_, column| cell_of(row, column, context))
    }

    /// Bytes of a column in the rows and tails of these people.
    fn sample_cost(&self, column: &Column, rows: &[SampleRow<'_>], context: Context<'_>) -> usize {
        let mut part = Vec::new();
        let mut cost = rows.len() * column.code.width as usize / 8;
        if let Codec::Dictionary { entries, .. } = &column.codec {
            cost += entries.values.iter().map(|(value, _)| value.len() + 12).sum::<usize>();
        }
        let estimate = Collected::default();
        for &row in rows {
            part.clear();
            let names = self.names_of(row, context);
            let sources = names.sources();
            let cell = cell_of(row, column, context);
            if column.encode(cell, row.tenant, &sources, context, &estimate, &mut part).has_part {
                cost += 1 + part.len();
            }
        }
        let texts = estimate.0.into_inner();
        cost + texts.iter().map(|text| text.len() * 6 / 10).sum::<usize>()
    }

    /// Trains the text codec of a column with what it stores as text in the sample.
    fn train_text(&mut self, number: usize, rows: &[SampleRow<'_>], context: Context<'_>, aim: Aim) {
        let collected = Collected::default();
        let mut part = Vec::new();
        let learned = learned(rows);
        for &row in &learned {
            part.clear();
            let names = self.names_of(row, context);
            let column = &self.columns[number];
            let cell = cell_of(row, column, context);
            column.encode(cell, row.tenant, &names.sources(), context, &collected, &mut part);
        }
        let texts = collected.0.into_inner();
        let bytes: usize = texts.iter().map(String::len).sum();
        let expected = bytes as u64 * context.people / (learned.len() as u64).max(1);
        if expected >= TABLE_WORTH {
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            self.columns[number].text = TextCodec::train(&texts, aim);
        }
    }
}

fn cell_of<'s>(row: SampleRow<'s>, column: &Column, context: Context<'_>) -> Cell<'s> {
    column.cell(row.field(column.place.into()), row.tenant, context)
}

/// Whether a dictionary column may store what follows an entry as text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Never,
    WhereItPays,
}

/// The cheapest of dictionary, number and text. `counts` are all values with their numbers, where they repeat.
fn generic(
    place: u16,
    rows: &[SampleRow<'_>],
    counts: Option<Counted>,
    context: Context<'_>,
    rest: Rest,
) -> Column {
    let values: Vec<_> = rows.iter().map(|row| row.field(place.into())).collect();
    let for_all = |sum: u64| sum * context.people / (values.len() as u64).max(1);
    let as_text = for_all(values.iter().map(|value| dictionary::text_cost(value)).sum());
    let mut best = (as_text, column(place, 0, TEXT, values.len()));
    if let Some(number) = NumberCodec::train(&values).filter(|number| number.width() <= WIDTH_MAX) {
        let mut tail = Vec::new();
        let mut bytes = 0;
        for value in &values {
            tail.clear();
            let code = number.encode(value, &mut tail);
            let part = if code == 0 { dictionary::text_cost(value) } else { tail.len() as u64 };
            bytes += part + u64::from(!tail.is_empty());
        }
        let cost = context.people * u64::from(number.width()) / 8 + for_all(bytes);
        if cost < best.0 {
            best = (cost, column(place, number.width(), Codec::Number(number), values.len()));
        }
    }
    let Some(counts) = counts else { return best.1 };
    // Only names are stored whole or not at all.
    let read_cost = if rest == Rest::Never { NAME_READ_COST } else { 0 };
    let distinct = counts.values.len();
    let is_empty = counts.values.iter().all(|(value, _)| value.is_empty());
    if is_empty && distinct > 0 && counts.rows == context.people && !context.has_further {
        // All rows were counted and none is filled from another, so nobody has a value.
        return column(place, 0, Codec::Empty, distinct);
    }
    let mut choice = dictionary::choose(counts, context.people, read_cost);
    let mut has_rest = false;
    if rest == Rest::WhereItPays {
        let others = values.iter().filter(|value| choice.entries.code(value).is_none());
        let saved: usize = others.filter_map(|value| Some(choice.entries.prefix(value)?.1 / 2)).sum();
        let (saved, flag) = (for_all(saved as u64), context.people / 8);
        if saved > flag + flag / 4 {
            has_rest = true;
            choice.cost = (choice.cost + flag).saturating_sub(saved);
        }
    }
    if choice.cost < best.0 && !choice.entries.values.is_empty() {
        let width = width_of(choice.entries.values.len() as u64 + 1).max(1) + u32::from(has_rest);
        let codec = Codec::Dictionary { entries: choice.entries, rest: has_rest };
        best = (choice.cost, column(place, width, codec, distinct));
    }
    best.1.distinct = distinct as u64;
    best.1
}

fn link(place: u16, rows: &[SampleRow<'_>], context: Context<'_>) -> Column {
    let linked = |row: &&SampleRow<'_>| {
        let value = row.field(place.into());
        value.is_empty() || context.links.code(context.hasher, row.tenant, value).is_some()
    };
    let learned = learned(rows);
    if learned.iter().filter(linked).count() * 2 < learned.len() || learned.is_empty() {
        return generic(place, rows, None, context, Rest::Never);
    }
    let width = width_of(u64::from(context.links.code_count()) + 2);
    column(place, width, Codec::Link, rows.len())
}

fn column(place: u16, width: u32, codec: Codec, distinct: usize) -> Column {
    let code = BitField { at: 0, width };
    Column { place, code, codec, text: TextCodec::Raw, distinct: distinct as u64 }
}

/// Not more rows than learning needs, evenly from the sample.
fn learned<'s>(rows: &[SampleRow<'s>]) -> Vec<SampleRow<'s>> {
    let step = rows.len().div_ceil(LEARNED_ROWS_MAX).max(1);
    rows.iter().step_by(step).copied().collect()
}

/// What stands between the addresses of most lists.
fn separator<'s>(values: impl Iterator<Item = &'s str>) -> &'static str {
    const CANDIDATES: [&str; 6] = [";", "; ", ",", ", ", "|", " "];
    let mut counts = [0_usize; CANDIDATES.len()];
    for value in values.filter(|value| value.matches('@').count() > 1) {
        for (count, candidate) in counts.iter_mut().zip(CANDIDATES) {
            *count += usize::from(
                value.split(candidate).all(|piece| piece.matches('@').count() == 1 && piece.trim() == piece),
            );
        }
    }
    let best = counts.iter().zip(CANDIDATES).rev().max_by_key(|(count, _)| **count);
    best.map_or(";", |(_, candidate)| candidate)
}

/// Gathers what a column stores as text.
#[derive(Default)]
struct Collected(RefCell<Vec<String>>);

impl TextStore for Collected {
    fn encode(&self, text: &str, _: &mut Vec<u8>) {
        self.0.borrow_mut().push(text.to_owned());
    }

    fn decode(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), crate::segment::Corrupt> {
        Ok(())
    }
}
