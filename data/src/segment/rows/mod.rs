//! The *rows*: one of the same size for each person, columns coded side by side, found by ordinal alone.
//!
//! # Bytes
//! ```text
//! ordinal × row_size    schema · line of the runs (where rows name it) · the columns' codes, bit by bit
//! ... SLACK zero bytes behind the last row
//! ```
//! How each column is stored stands in the metadata ([`RowsSpec`]), so a segment explains itself:
//!
//! | store | code in the row | part in the tail |
//! |---|---|---|
//! | empty | none | none |
//! | text | none | the value; where it is the last, without its size |
//! | dictionary | 0, or place in the dictionary + 1; with `rest`, twice that + whether text follows the entry | the value, or what follows |
//! | tenant | 0, or 1: the tenant's identifier; no bit where it is everybody's | the value |
//! | number | 0, or number, time, UUID as one code | the value, or 16 bytes |
//! | template | 0, or a template over the person's names | the value, or the template's remainder |
//! | address | the same for the local part, and a domain of the tenant | the same |
//! | addresses | 0, or how many + 1 | the value, or a template, a domain and a remainder for each |
//! | link | 0, 1 (empty), or a colleague + 2: the value is their address | the value |
//!
//! Code 0 is "stored as text" (with `rest` that is code 1, and 0 is the empty value), so no value is too odd to
//! be stored. Text goes through the column's [text codec](super::column::TextCodec).
//!
//! # Trade-offs
//! Rows of one size need no offsets: a person is one cache line (sometimes two) behind the ordinal. What has no
//! room costs two more lines in the [tails](super::tails), which 28 of 100 look-ups by address need.
//! Codes are of fixed width, not entropy coded (Huffman codes would save an estimated 2 bytes a person, and make
//! every column depend on those before it).

mod addresses;
mod ahead;
mod codec;
mod decode;
mod leads;
mod named;
mod remainder;
mod row_ref;
mod short;
mod words;

use serde::{Deserialize, Serialize};

pub(crate) use leads::Leads;
pub(crate) use row_ref::RowRef;

use codec::{Codec, has_remainder, skip_remainder, take_byte};

use super::Corrupt;
use super::column::bits::Field;
use super::column::dictionary::{Dictionary, SLOT_NAMES, Slots};
use super::column::{NumberCodec, SOURCE_COUNT, TemplateSet, TextCodec, bits};

/// How rows are laid out: part of a segment's metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowsSpec {
    /// Bytes of a row.
    pub(crate) row_size: u32,
    /// Where the number of the schema stands.
    pub(crate) schema: BitField,
    /// Where the line of the runs stands; none where runs are found by ordinal.
    pub(crate) run: Option<BitField>,
    /// Columns of each schema, in the order of their parts in the tail.
    pub(crate) schemas: Vec<Vec<ColumnSpec>>,
}

/// A field of bits in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BitField {
    /// First bit.
    pub(crate) at: u32,
    /// Number of bits.
    pub(crate) width: u32,
}

/// How one column is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColumnSpec {
    /// Place in the file; the number of headers for the further addresses.
    pub(crate) place: u16,
    /// Its code in the row.
    pub(crate) code: BitField,
    /// What the code means.
    pub(crate) store: Store,
    /// Number of the text table that its parts in the tail are coded with.
    pub(crate) text: Option<u32>,
    /// Different values in the sample that decided.
    pub(crate) distinct: u64,
    /// Values that had to be stored as text.
    pub(crate) exceptions: u64,
    /// Bytes of its parts in the tails, with what sizes they have.
    pub(crate) tail_bytes: u64,
}

/// What the code of a column means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Store {
    /// Not at all: nobody has a value.
    Empty,
    /// Nothing: all of it is text.
    Text {
        /// Whether it takes what is left of the tail: nothing stands behind it, and no size before it.
        to_end: bool,
    },
    /// A place in dictionary `dictionary`.
    Dictionary {
        /// `index` of the section.
        dictionary: u32,
        /// Whether text may follow the entry.
        rest: bool,
    },
    /// The tenant's identifier.
    Tenant,
    /// A number, time or UUID.
    Number(NumberCodec),
    /// A template over names.
    Template {
        /// In the order of their codes.
        templates: Vec<String>,
    },
    /// Local part as a template, domain as a place among the tenant's.
    Address {
        /// In the order of their codes.
        templates: Vec<String>,
        /// Bits of the code that tell the domain; the lower ones tell the template.
        domain_width: u32,
    },
    /// Several addresses.
    Addresses {
        /// In the order of their codes.
        templates: Vec<String>,
        /// What stands between them.
        separator: String,
    },
    /// A person of the same tenant.
    Link,
}

/// Bytes of the rows of so many people, with what has to be readable behind them.
pub(crate) fn rows_size(row_size: usize, people: u64) -> u64 {
    row_size as u64 * people + bits::SLACK as u64
}

/// Columns that templates refer to: given, family, middle and preferred name.
pub(crate) const NAME_COUNT: usize = SOURCE_COUNT / 2;

/// The opened layout.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) row_size: usize,
    /// Of a row, with what has to be readable behind it.
    readable_size: usize,
    /// None where there is one schema.
    schema: Option<Field>,
    run: Option<Field>,
    schemas: Vec<SchemaRow>,
}

/// The columns of one schema.
#[derive(Debug)]
pub(crate) struct SchemaRow {
    columns: Vec<Column>,
    /// Place in the file → column.
    by_place: Vec<u16>,
    /// The names that templates refer to.
    names: [Option<Name>; NAME_COUNT],
    /// Where given and family name stand, unless in the tail.
    name_slots: [NameSlots; 2],
    /// Column of the primary address.
    email: Option<u16>,
    /// The same once more, where it is an address of a template and a domain.
    address: Option<AddressColumn>,
    /// The display name, where it is of a template.
    display_name: Option<TemplateColumn>,
    /// Other columns that addresses stand in.
    more_addresses: Vec<u16>,
    /// Columns that are asked for before all are read.
    far: Vec<u16>,
}

/// A name that templates refer to, with the short way to it.
#[derive(Debug)]
struct Name {
    column: u16,
    code: Field,
    /// Where its values stand, unless text may follow them.
    dictionary: Option<Dictionary>,
}

/// Where a name stands that has a slot.
#[derive(Clone, Copy, Debug)]
struct NameSlots {
    code: Field,
    slots: Slots<SLOT_NAMES>,
}

/// The primary address, with the short way to it.
#[derive(Debug)]
pub(crate) struct AddressColumn {
    number: usize,
    code: Field,
    templates: TemplateSet,
    template_width: u32,
    template_mask: u64,
    text: TextCodec,
}

/// A column of templates alone, with the short way to it.
#[derive(Debug)]
struct TemplateColumn {
    number: usize,
    code: Field,
    templates: TemplateSet,
}

#[derive(Debug)]
struct Column {
    /// In the file.
    place: usize,
    code: Field,
    codec: Codec,
    text: TextCodec,
}

/// What a layout refers to in the other sections, for [`Rows::open`].
pub(crate) trait Tables {
    /// The dictionary with this number.
    fn dictionary(&self, index: u32) -> Result<Dictionary, Corrupt>;
    /// The text codec with this number.
    fn text(&self, index: u32) -> Result<TextCodec, Corrupt>;
}

/// What the meaning of columns says of one schema: where names and primary address stand.
#[derive(Clone, Debug)]
pub(crate) struct Roles {
    /// Number of headers.
    pub(crate) header_count: usize,
    /// Places of given, family, middle and preferred name.
    pub(crate) names: [Option<u16>; NAME_COUNT],
    /// Place of the primary address.
    pub(crate) email: Option<u16>,
    /// Place of the display name.
    pub(crate) display_name: Option<u16>,
    /// Places of all addresses, the primary one first.
    pub(crate) addresses: Vec<u16>,
}

impl Rows {
    /// Checks the layout against itself: fields lie within the row, every column is there once, nothing
    /// refers to itself.
    pub(crate) fn open(spec: &RowsSpec, roles: &[Roles], tables: &impl Tables) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("layout of the rows");
        let row_size = usize::try_from(spec.row_size).map_err(|_| corrupt())?;
        let inside = |field: BitField| {
            let end = field.at.checked_add(field.width).ok_or_else(corrupt)?;
            let fits = field.width <= bits::WIDTH_MAX && u64::from(end) <= 8 * u64::from(spec.row_size);
            if fits { Ok(Field::new(field.at, field.width)) } else { Err(corrupt()) }
        };
        if spec.schemas.len() != roles.len() {
            return Err(corrupt());
        }
        let mut schemas = Vec::with_capacity(spec.schemas.len());
        for (columns, roles) in spec.schemas.iter().zip(roles) {
            let mut by_place = vec![u16::MAX; roles.header_count + 1];
            let mut opened = Vec::with_capacity(columns.len());
            for (column, number) in columns.iter().zip(0_u16..) {
                let place = by_place.get_mut(usize::from(column.place)).filter(|place| **place == u16::MAX);
                *place.ok_or_else(corrupt)? = number;
                let text = column.text.map_or(Ok(TextCodec::Raw), |index| tables.text(index))?;
                let (code, codec) = (inside(column.code)?, Codec::open(column, tables)?);
                opened.push(Column { place: usize::from(column.place), code, codec, text });
            }
            if by_place.contains(&u16::MAX) {
                return Err(corrupt());
            }
            let at = |place: Option<u16>| place.and_then(|place| by_place.get(usize::from(place)).copied());
            let others = roles.addresses.iter().filter(|&&place| roles.email != Some(place));
            let names = roles.names.map(|place| Name::of(at(place)?, &opened));
            let [given, family, ..] = &names;
            let mut schema = SchemaRow {
                more_addresses: others.filter_map(|&place| at(Some(place))).collect(),
                name_slots: [given, family].map(|name| NameSlots::of(name.as_ref())),
                names,
                email: at(roles.email),
                address: at(roles.email).and_then(|number| AddressColumn::of(number, &opened)),
                display_name: at(roles.display_name).and_then(|number| TemplateColumn::of(number, &opened)),
                columns: opened,
                by_place,
                far: Vec::new(),
            };
            schema.far = schema.far_columns();
            schema.check_references()?;
            schemas.push(schema);
        }
        let schema = inside(spec.schema)?;
        Ok(Self {
            row_size,
            readable_size: row_size.checked_add(bits::SLACK).ok_or_else(corrupt)?,
            schema: (spec.schema.width > 0).then_some(schema),
            run: spec.run.map(inside).transpose()?,
            schemas,
        })
    }
}

impl AddressColumn {
    fn of(number: u16, columns: &[Column]) -> Option<Self> {
        let number = usize::from(number);
        let Column { code, codec, text, .. } = columns.get(number)?;
        let Codec::Address { templates, template_width, template_mask } = codec else { return None };
        let (templates, text) = (templates.clone(), text.clone());
        let (template_width, template_mask) = (*template_width, *template_mask);
        Some(Self { number, code: *code, templates, template_width, template_mask, text })
    }
}

impl TemplateColumn {
    fn of(number: u16, columns: &[Column]) -> Option<Self> {
        let number = usize::from(number);
        let Column { code, codec: Codec::Template(templates), .. } = columns.get(number)? else {
            return None;
        };
        Some(Self { number, code: *code, templates: templates.clone() })
    }
}

impl Name {
    fn of(column: u16, columns: &[Column]) -> Option<Self> {
        let found = columns.get(usize::from(column))?;
        let dictionary = match &found.codec {
            Codec::Dictionary { dictionary, rest: false } => Some(dictionary.clone()),
            _ => None,
        };
        Some(Self { column, code: found.code, dictionary })
    }
}

impl NameSlots {
    fn of(name: Option<&Name>) -> Self {
        let dictionary = name.and_then(|name| Some((name.code, name.dictionary.as_ref()?)));
        match dictionary {
            Some((code, dictionary)) => Self { code, slots: dictionary.slots() },
            None => Self { code: Field::new(0, 0), slots: Slots::NONE },
        }
    }
}

impl Rows {
    /// Name of the codec that a column's text is stored with.
    pub(crate) fn text_name(&self, schema: usize, place: u16) -> &'static str {
        let column = self.schemas.get(schema).and_then(|schema| {
            let number = schema.by_place.get(usize::from(place))?;
            schema.columns.get(usize::from(*number))
        });
        column.map_or("", |column| column.text.name())
    }
}

impl SchemaRow {
    /// Names must not be made of names, nor a link lead to a link: decoding ends.
    fn check_references(&self) -> Result<(), Corrupt> {
        let names = self.names.iter().flatten().all(|name| {
            let codec = self.columns.get(usize::from(name.column)).map(|column| &column.codec);
            matches!(
                codec,
                Some(
                    Codec::Empty
                        | Codec::Text { to_end: false }
                        | Codec::Dictionary { .. }
                        | Codec::Number(_)
                )
            )
        });
        let email = self.email.and_then(|column| self.columns.get(usize::from(column)));
        let linked = email.is_some_and(|column| matches!(column.codec, Codec::Link));
        if names && !linked { Ok(()) } else { Err(Corrupt::new("a column that refers to itself")) }
    }
}
