//! Several rows, one person: a pass of its own over the few rows that share (tenant, person identifier).
//!
//! The first value wins, later rows fill blanks, and no address is lost: a later row's primary address and
//! aliases become further addresses. Only runs where the first pass saw the same identifier twice; then the
//! rows concerned (and no others) are held in memory until they are one.

use std::collections::{BTreeMap, HashMap};

use persondb_protocol::answer::Matched;

use super::inputs::Inputs;
use super::keyed::{KeyMaker, Keyed};
use super::pipeline::{self, Watch};
use super::row::RowFields;
use super::rows::{RowNumber, Rows};
use super::scan::{Scan, warning};
use super::{BuildError, BuildOptions, keyed};
use crate::input::{Mapping, PersonRow, Report, RowBatch, WarningKind};
use crate::normalize::{KeyBuffer, address_key};
use crate::segment::{
    Columns, Corrupt, FURTHER_ALIAS, FURTHER_PERSONAL, Fields, KeyHasher, for_each_address,
};

/// Most bytes of rows held to be merged.
const HELD_SIZE_MAX: usize = 1 << 30;
/// Most rows of one person. More are no export of people but a column that does not identify them.
const ROWS_OF_ONE_MAX: usize = 1000;

/// The merged people by the row that leads.
pub(super) struct Merged {
    people: HashMap<RowNumber, Person>,
}

/// A row (or what several became), owned.
struct Person {
    schema: u16,
    tenant: u32,
    values: Vec<String>,
    further: String,
    file: u32,
    line: u64,
}

struct PersonFields<'a> {
    person: &'a Person,
    columns: &'a Columns,
}

impl<'a> Fields<'a> for PersonFields<'a> {
    fn schema(&self) -> &Columns {
        self.columns
    }

    fn field(&self, place: u16) -> Result<&'a str, Corrupt> {
        Ok(self.person.values.get(usize::from(place)).map_or("", String::as_str))
    }

    fn further_addresses(&self) -> Result<&'a str, Corrupt> {
        Ok(&self.person.further)
    }
}

/// Gathers and merges the rows that share a person; corrects what the scan counted for each of them alone.
pub(super) fn merge(
    inputs: &mut Inputs,
    hasher: KeyHasher,
    options: &BuildOptions,
    rows: &Rows,
    scan: &mut Scan,
    report: &mut Report,
    watch: &mut Watch<'_>,
) -> Result<Merged, BuildError> {
    let mut groups = BTreeMap::<RowNumber, Vec<Person>>::new();
    let mut held_size = 0;
    {
        let (inputs, scan) = (&*inputs, &*scan);
        let work = |(): &mut (), number, batch: &RowBatch| gather(inputs, rows, scan, number, batch);
        let take = |found: Vec<(RowNumber, Person)>| {
            for (leader, person) in found {
                held_size += person.size();
                let group = groups.entry(leader).or_default();
                group.push(person);
                if held_size > HELD_SIZE_MAX || group.len() > ROWS_OF_ONE_MAX {
                    return Err(not_identifiers(inputs, group)?);
                }
            }
            Ok(())
        };
        pipeline::run(inputs, options.threads, watch, || (), work, take)?;
    }
    let mut merged = Merged { people: HashMap::with_capacity(groups.len()) };
    let mut keys = Keyed::default();
    for (leader, group) in groups {
        let person = one_of(inputs, hasher, scan, report, group)?;
        let fields = PersonFields { person: &person, columns: &inputs.columns[usize::from(person.schema)] };
        let tenant = scan.tenants.name(person.tenant).to_owned();
        let domains = &mut scan.domains;
        KeyMaker::new(hasher, &inputs.dotless).add(&fields, &tenant, leader, &mut keys, |key| {
            domains.put_back(person.tenant, keyed::domain_of(key), leader);
            0
        })?;
        scan.tenants.count(person.tenant, 1);
        merged.people.insert(leader, person);
    }
    scan.keyed.append(&keys, 0);
    Ok(merged)
}

/// What is wrong with these rows of one person, which are too many.
fn not_identifiers(inputs: &Inputs, group: &[Person]) -> Result<BuildError, Corrupt> {
    let Some(last) = group.last() else { return Ok(BuildError::Changed) };
    let path = inputs.people.get(last.file as usize).map(|people| people.source.path().display().to_string());
    Ok(BuildError::Limit(format!(
        "{} line {}: expected identifiers that tell the people of a tenant apart, found {:?} again and again \
         (limits: {ROWS_OF_ONE_MAX} rows of one person, {HELD_SIZE_MAX} bytes of such rows in all); check which \
         column is the person_id, or leave the identifier blank where there is none",
        path.unwrap_or_default(),
        last.line,
        person_id(inputs, last)?,
    )))
}

/// The rows of a batch that share their person, each with the row that leads.
fn gather(
    inputs: &Inputs,
    rows: &Rows,
    scan: &Scan,
    number: u64,
    batch: &RowBatch,
) -> Result<Vec<(RowNumber, Person)>, BuildError> {
    let schema = inputs.people[batch.file() as usize].schema;
    let (mapping, columns) = (&inputs.mappings[usize::from(schema)], &inputs.columns[usize::from(schema)]);
    let mut found = Vec::new();
    for (row, accepted) in scan.accepted(number, batch)? {
        let Some(leader) = rows.leader(accepted) else { continue };
        let tenant = PersonRow::new(row, mapping).tenant().unwrap_or_default();
        let mut further = String::new();
        inputs.aliases.add_to(tenant, &RowFields { row, columns, email: None, further: "" }, &mut further)?;
        let tenant = scan.tenants.find(tenant).ok_or(BuildError::Changed)?;
        let values = row.fields().map(str::to_owned).collect();
        found.push((leader, Person { schema, tenant, values, further, file: row.file(), line: row.line() }));
    }
    Ok(found)
}

/// Makes one person of several rows, in their order, and takes back what the scan counted for each.
fn one_of(
    inputs: &mut Inputs,
    hasher: KeyHasher,
    scan: &mut Scan,
    report: &mut Report,
    group: Vec<Person>,
) -> Result<Person, BuildError> {
    for person in &group {
        let columns = &inputs.columns[usize::from(person.schema)];
        scan.tenants.count(person.tenant, -1);
        let tenant = scan.tenants.name(person.tenant).to_owned();
        let fields = PersonFields { person, columns };
        let domains = &mut scan.domains;
        let mut unused = Keyed::default();
        KeyMaker::new(hasher, &inputs.dotless).add(&fields, &tenant, 0, &mut unused, |key| {
            domains.take_back(person.tenant, keyed::domain_of(key));
            0
        })?;
    }
    let mut group = group.into_iter();
    let mut one = group.next().ok_or(BuildError::Changed)?;
    let id = person_id(inputs, &one)?.to_owned();
    for next in group {
        // Equal 64-bit hashes brought them here; a build with another seed will not.
        if person_id(inputs, &next)? != id {
            return Err(BuildError::HashCollision);
        }
        report.warn(next.file, next.line, warning(WarningKind::DuplicatePerson));
        let known = addresses_of(inputs, [&one, &next])?;
        if next.schema != one.schema {
            widen(inputs, &mut one, &next)?;
        }
        fill_blanks(inputs, &mut one, &next);
        let held = addresses_of(inputs, [&one])?;
        for (key, (kind, address)) in known {
            if held.get(&key).is_none_or(|&(as_held, _)| as_held != kind && kind == FURTHER_ALIAS) {
                one.further.push(kind);
                one.further.push_str(&address);
                one.further.push('\n');
            }
        }
    }
    Ok(one)
}

/// All addresses of these rows by their keys, each with what it is: to a person that has it in both ways it is
/// their own, not a personal one.
fn addresses_of<const N: usize>(
    inputs: &Inputs,
    people: [&Person; N],
) -> Result<BTreeMap<Vec<u8>, (char, String)>, BuildError> {
    let mut buffer = KeyBuffer::new();
    let mut found = BTreeMap::new();
    for person in people {
        let fields = PersonFields { person, columns: &inputs.columns[usize::from(person.schema)] };
        for_each_address(&fields, |address, matched| {
            let Some(key) = address_key(address, &mut buffer) else { return Ok(()) };
            let kind = if matched == Matched::PersonalKnown { FURTHER_PERSONAL } else { FURTHER_ALIAS };
            let known = found.entry(key.bytes().to_vec()).or_insert_with(|| (kind, address.to_owned()));
            if kind == FURTHER_ALIAS {
                known.0 = kind;
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Gives `one` the columns of `next`'s file too.
fn widen(inputs: &mut Inputs, one: &mut Person, next: &Person) -> Result<(), BuildError> {
    let own = &inputs.mappings[usize::from(one.schema)];
    let other = &inputs.mappings[usize::from(next.schema)];
    let wide: Mapping = own.joined(other);
    one.values.resize(wide.headers().len(), String::new());
    one.schema = inputs.schema(wide)?;
    Ok(())
}

/// Takes over the values of `next` where `one` has none. The columns are found by their headers.
fn fill_blanks(inputs: &Inputs, one: &mut Person, next: &Person) {
    let own = inputs.mappings[usize::from(one.schema)].headers();
    let other = inputs.mappings[usize::from(next.schema)].headers();
    for (header, value) in other.iter().zip(&next.values) {
        if let Some(place) = own.iter().position(|known| known == header)
            && one.values[place].trim().is_empty()
        {
            one.values[place].clone_from(value);
        }
    }
}

fn person_id<'p>(inputs: &'p Inputs, person: &'p Person) -> Result<&'p str, Corrupt> {
    PersonFields { person, columns: &inputs.columns[usize::from(person.schema)] }.person_id()
}

impl Merged {
    /// Schema, tenant and columns of the merged person that this row leads.
    pub(super) fn person<'p>(
        &'p self,
        leader: RowNumber,
    ) -> Result<(u16, u32, impl Fn(u16) -> &'p str), BuildError> {
        let person = self.people.get(&leader).ok_or(BuildError::Changed)?;
        Ok((person.schema, person.tenant, |place| person.stored(place)))
    }
}

impl Person {
    /// Bytes of memory it takes, roughly.
    fn size(&self) -> usize {
        let text: usize = self.values.iter().map(String::len).sum();
        size_of::<Self>() + self.values.len() * size_of::<String>() + text + self.further.len()
    }

    /// The column at `place` as a segment stores it; the further addresses behind the last one.
    fn stored(&self, place: u16) -> &str {
        let place = usize::from(place);
        let further = if place == self.values.len() { &*self.further } else { "" };
        self.values.get(place).map_or(further, String::as_str)
    }
}
