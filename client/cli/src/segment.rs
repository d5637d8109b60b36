//! `verify` and `inspect`: a segment in a file, or the one of the generation that is current here.

use std::fs;
use std::ops::ControlFlow;
use std::time::Instant;

use persondb_client::{Pin, Via, Watch};
use persondb_data::segment::Segment;
use persondb_protocol::Generation;
use persondb_protocol::Prefetch;
use persondb_protocol::layout::SectionKind;
use persondb_shm::SegmentMap;
use serde::Serialize;

use crate::args::{Globals, SegmentArgs};
use crate::ask::builder;
use crate::check::meaning;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Plain, grouped, table};
use crate::progress::Bar;

/// A segment of a file, or the one that is current here.
enum Opened {
    File(Box<Segment<Vec<u8>>>),
    Live(Pin),
}

/// `persondb verify`.
pub(crate) fn verify(globals: &Globals, args: &SegmentArgs) -> Result<Exit, Failure> {
    match open(globals, args)? {
        Opened::File(segment) => verified(globals, &segment),
        Opened::Live(pin) => verified(globals, mapped(&pin)?),
    }
}

/// `persondb inspect`.
pub(crate) fn inspect(globals: &Globals, args: &SegmentArgs) -> Result<Exit, Failure> {
    let inspected = match open(globals, args)? {
        Opened::File(segment) => inspected(&segment),
        Opened::Live(pin) => inspected(mapped(&pin)?),
    };
    Output::stdout(globals.format()).put(&inspected, || text(&inspected))?;
    Ok(Exit::Done)
}

fn verified<B: Prefetch>(globals: &Globals, segment: &Segment<B>) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Line {
        result: &'static str,
        generation: Generation,
        segment_bytes: u64,
        checksummed_bytes: u64,
        people: u64,
        lookups: u64,
        seconds: f64,
    }
    let started = Instant::now();
    let header = segment.header();
    let bar = Bar::new(header.people_count.get(), "people");
    let verified = segment
        .verify(None, &mut |people| {
            bar.set("verifying", people, header.people_count.get());
            ControlFlow::Continue(())
        })
        .map_err(|corrupt| {
            Failure::unavailable(format!(
                "{corrupt}; expected the bytes as they were built: build it again, and look for what changed it"
            ))
        })?;
    drop(bar);
    let line = Line {
        result: "intact",
        generation: segment.generation(),
        segment_bytes: header.segment_size.get(),
        checksummed_bytes: verified.bytes,
        people: verified.people,
        lookups: verified.lookups,
        seconds: started.elapsed().as_secs_f64(),
    };
    Output::stdout(globals.format()).put(&line, || {
        format!(
            "intact: generation {}, {} bytes checked, {} people read, {} look-ups found their person, {:.1} s\n",
            line.generation,
            grouped(line.checksummed_bytes),
            grouped(line.people),
            grouped(line.lookups),
            line.seconds
        )
    })?;
    Ok(Exit::Done)
}

/// What `inspect` shows of one segment. The bytes of `sections` add up to `segment_bytes`.
#[derive(Debug, Serialize)]
struct Inspected {
    generation: Generation,
    segment_index: u32,
    segment_count: u32,
    layout_version: u32,
    norm_version: u32,
    unicode_version: String,
    built_at: String,
    people: u64,
    tenants: u64,
    csv_bytes: u64,
    segment_bytes: u64,
    bytes_per_person: f64,
    sections: Vec<Section>,
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Section {
    #[serde(rename = "section")]
    name: String,
    index: u32,
    encoding: u32,
    count: u64,
    bytes: u64,
    bytes_per_person: f64,
}

/// One column of the CSV and what it takes: `row_bits` in the row of each person, its parts of the tails, its
/// dictionary and text table. The bytes of `columns`, with the last line for what is left, are those of the
/// sections rows, tails, dictionary and text table.
#[derive(Debug, Serialize)]
struct Column {
    header: String,
    meaning: Option<&'static str>,
    stored: &'static str,
    detail: String,
    text: &'static str,
    distinct: u64,
    exceptions: u64,
    row_bits: u32,
    tail_bytes: u64,
    table_bytes: u64,
    bytes: u64,
    bytes_per_person: f64,
}

fn inspected<B: AsRef<[u8]>>(segment: &Segment<B>) -> Inspected {
    let header = segment.header();
    let people = header.people_count.get();
    let size = header.segment_size.get();
    let mut sections: Vec<Section> = segment
        .sections()
        .iter()
        .map(|entry| Section {
            name: match SectionKind::from_number(entry.kind.get()) {
                Some(kind) => kind.name().to_owned(),
                None => format!("kind {}", entry.kind.get()),
            },
            index: entry.index.get(),
            encoding: entry.encoding.get(),
            count: entry.count.get(),
            bytes: entry.size.get(),
            bytes_per_person: ratio(entry.size.get(), people),
        })
        .collect();
    let framing = size.saturating_sub(sections.iter().map(|section| section.bytes).sum());
    sections.push(Section {
        name: "header, table and padding".to_owned(),
        index: 0,
        encoding: 0,
        count: segment.sections().len() as u64,
        bytes: framing,
        bytes_per_person: ratio(framing, people),
    });
    let columns = columns(segment);
    let unicode = header.unicode_version.get();
    Inspected {
        generation: segment.generation(),
        segment_index: header.segment_index.get(),
        segment_count: header.segment_count.get(),
        layout_version: header.layout_version.get(),
        norm_version: header.norm_version.get(),
        unicode_version: format!("{}.{}.{}", unicode >> 16, unicode >> 8 & 0xff, unicode & 0xff),
        built_at: jiff::Timestamp::from_nanosecond(i128::from(header.built_at_wall_ns.get()))
            .map_or_else(|_| "unknown".to_owned(), |time| format!("{time:.0}")),
        people,
        tenants: header.tenant_count.get(),
        csv_bytes: header.csv_size.get(),
        segment_bytes: size,
        bytes_per_person: ratio(size, people),
        sections,
        columns,
    }
}

/// What each column takes.
fn columns<B: AsRef<[u8]>>(segment: &Segment<B>) -> Vec<Column> {
    let meta = segment.meta();
    let meaning = |schema: usize, header: &str| {
        let mapping = meta.schemas.get(schema)?;
        let place = mapping.headers().iter().position(|known| known == header)?;
        meaning(mapping, u16::try_from(place).ok()?)
    };
    let people = segment.header().people_count.get();
    let stored = segment.stored_columns();
    let mut columns: Vec<Column> = stored
        .into_iter()
        .map(|column| {
            let bytes = u64::from(column.row_bits) * people / 8 + column.tail_bytes + column.table_bytes;
            Column {
                meaning: column.header.as_deref().and_then(|header| meaning(column.schema, header)),
                header: column.header.unwrap_or_else(|| "(further addresses)".to_owned()),
                stored: column.store,
                detail: column.detail,
                text: column.text,
                distinct: column.distinct,
                exceptions: column.exceptions,
                row_bits: column.row_bits,
                tail_bytes: column.tail_bytes,
                table_bytes: column.table_bytes,
                bytes,
                bytes_per_person: ratio(bytes, people),
            }
        })
        .collect();
    let of_sections = segment.sections().iter().filter(|entry| {
        use SectionKind::{Dictionary, Rows, Tails, TextTable};
        [Rows, Tails, Dictionary, TextTable].iter().any(|kind| *kind as u32 == entry.kind.get())
    });
    let total: u64 = of_sections.map(|entry| entry.size.get()).sum();
    let left = total.saturating_sub(columns.iter().map(|column| column.bytes).sum());
    columns.push(Column {
        header: "(row head, unused bits, sizes of long tails)".to_owned(),
        meaning: None,
        stored: "",
        detail: String::new(),
        text: "",
        distinct: 0,
        exceptions: 0,
        row_bits: segment.stored_row().head_bits,
        tail_bytes: 0,
        table_bytes: 0,
        bytes: left,
        bytes_per_person: ratio(left, people),
    });
    columns
}

fn text(inspected: &Inspected) -> String {
    let mut text = format!(
        "generation {}, segment {} of {}, built {}, layout {}, norm {}, Unicode {}\n\
         {} people in {} tenants, {} columns, from {} bytes of CSV\n\n",
        inspected.generation,
        inspected.segment_index + 1,
        inspected.segment_count,
        inspected.built_at,
        inspected.layout_version,
        inspected.norm_version,
        inspected.unicode_version,
        grouped(inspected.people),
        grouped(inspected.tenants),
        inspected.columns.len(),
        grouped(inspected.csv_bytes),
    );
    let rows = inspected.sections.iter().map(|section| {
        vec![
            if section.index == 0 {
                section.name.clone()
            } else {
                format!("{} {}", section.name, section.index)
            },
            section.encoding.to_string(),
            grouped(section.count),
            grouped(section.bytes),
            format!("{:.2}", section.bytes_per_person),
        ]
    });
    let total = vec![
        "total".to_owned(),
        String::new(),
        String::new(),
        grouped(inspected.segment_bytes),
        format!("{:.2}", inspected.bytes_per_person),
    ];
    let header = ["SECTION", "ENCODING", "COUNT", "BYTES", "BYTES A PERSON"];
    text.push_str(&table(&header, rows.chain([total])));
    text.push('\n');
    let rows = inspected.columns.iter().map(|column| {
        vec![
            Plain(&column.header).to_string(),
            column.meaning.unwrap_or("-").to_owned(),
            column.stored.to_owned(),
            grouped(column.distinct),
            grouped(column.exceptions),
            column.row_bits.to_string(),
            grouped(column.tail_bytes),
            grouped(column.table_bytes),
            format!("{:.2}", column.bytes_per_person),
        ]
    });
    let header = [
        "COLUMN",
        "MEANING",
        "STORED",
        "DISTINCT",
        "EXCEPTIONS",
        "ROW BITS",
        "TAILS",
        "TABLES",
        "BYTES A PERSON",
    ];
    text.push_str(&table(&header, rows));
    text.push('\n');
    let details = inspected.columns.iter().filter(|column| !column.detail.is_empty()).map(|column| {
        vec![Plain(&column.header).to_string(), column.text.to_owned(), Plain(&column.detail).to_string()]
    });
    text + &table(&["COLUMN", "TEXT AS", "STORED AS"], details)
}

#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
fn ratio(bytes: u64, people: u64) -> f64 {
    if people == 0 { 0.0 } else { bytes as f64 / people as f64 }
}

/// Opens what the arguments name.
fn open(globals: &Globals, args: &SegmentArgs) -> Result<Opened, Failure> {
    let Some(file) = &args.file else {
        let client =
            builder(globals).via(Via::Map).watch(Watch::OnPin).open().map_err(Failure::unavailable)?;
        return client.pin().map(Opened::Live).map_err(Failure::unavailable);
    };
    let bytes = fs::read(file).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}; expected a segment file", file.display()))
    })?;
    let segment = Segment::open(bytes).map_err(|error| {
        Failure::unavailable(format!(
            "{} cannot be read: {error}; build it again with this program",
            file.display()
        ))
    })?;
    Ok(Opened::File(Box::new(segment)))
}

/// The segment that a pin holds.
fn mapped(pin: &Pin) -> Result<&Segment<SegmentMap>, Failure> {
    pin.segment().ok_or_else(|| Failure::unavailable("expected a mapped generation, found none"))
}
