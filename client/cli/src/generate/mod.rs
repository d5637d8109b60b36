//! `persondb generate`: realistic people who do not exist.
//!
//! The figures (how frequent the frequent names are, how long titles, how large tenants, how many aliases) follow
//! what was measured on public staff lists, so that sizes and collisions found with this data hold elsewhere.
//! The same options give the same bytes on every machine. Domains are made up but not reserved ones: do not send
//! mail to any of these addresses.
//!
//! Everything is streamed. Memory holds one tenant's addresses (hashes) and managers at a time, whatever the
//! number of people; aliases file and absent addresses go through the same people again instead of keeping them.
//!
//! # Revisions
//!
//! A *revision* is a later export of the same population: person ids, tenants, names and addresses are the same,
//! but every record has another title and another `updated_at`, and some have another department. Revision r > 0
//! can be told from each record: its title ends with ` r<r>` (or is `r<r>`), and its `updated_at` lies on the r-th
//! day after 2025-12-31. An answer whose two columns disagree mixes generations.
//!
//! | file | for |
//! |---|---|
//! | `random` | streams of chance, distributions |
//! | `names`, `work` | vocabulary |
//! | `population`, `tenant`, `people`, `person` | the tenants, one of them, its people, one of them |
//! | `address`, `moment` | their addresses, their dates |
//! | `hard` | what makes a row difficult to read |
//! | `absent` | addresses that are not there |

mod absent;
mod address;
#[cfg(test)]
mod figures;
mod hard;
mod moment;
mod names;
mod people;
mod person;
mod population;
#[cfg(test)]
mod promises;
mod random;
mod tenant;
mod work;

use std::io::{self, Write};

use absent::Absent;
use people::People;
use person::Person;
use population::Tenants;

/// What to generate. The same options give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GenerateOptions {
    /// How many people, at most 2³⁴.
    pub(crate) people: u64,
    /// How many tenants; `None` draws them from the distribution of sizes until all people have one.
    pub(crate) tenants: Option<u64>,
    /// Another seed gives other people.
    pub(crate) seed: u64,
    /// Which export of the same population; 0 is the plain one without marks.
    pub(crate) revision: u32,
    /// Which columns, and how hard to read.
    pub(crate) difficulty: Difficulty,
}

/// How hard the rows are to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Difficulty {
    /// As exports are: one row a line, distinct primary addresses within a tenant.
    #[default]
    Realistic,
    /// All columns of the input specification and two of no meaning to it, with shared addresses, empty fields,
    /// quotes, line breaks, 4-byte characters, blanks at the ends, long values and capitals.
    Hard,
}

/// Why nothing, or not everything, was generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum GenerateError {
    /// Each tenant needs somebody.
    #[error(
        "expected 1 to {people} tenants for {people} people, found {tenants}: ask for fewer tenants or more people"
    )]
    Tenants {
        /// People asked for.
        people: u64,
        /// Tenants asked for.
        tenants: u64,
    },
    /// Tenant ids would not be distinct.
    #[error(
        "expected at most {} tenants, found more: give --tenants a smaller number",
        population::TENANTS_MAX
    )]
    TooManyTenants,
    /// Person ids would not be distinct.
    #[error("expected at most {PEOPLE_MAX} people, found {0}: ask for fewer")]
    TooManyPeople(u64),
    /// Dates end.
    #[error("expected a revision up to {max}, found {0}: ask for a smaller one", max = moment::REVISION_MAX)]
    Revision(u32),
    /// Absent addresses are near misses of somebody.
    #[error("expected people to make absent addresses from, found none: ask for at least one person")]
    AbsentOfNobody,
    /// The output did not take the bytes.
    #[error("writing failed: {0}; the file is incomplete")]
    Write(#[from] io::Error),
}

/// Person ids are scattered over so many numbers.
const PEOPLE_MAX: u64 = 1 << 34;

/// Rows between two calls of the progress function.
const PROGRESS_ROWS: u64 = 16_384;

/// Writes the people file to `out`, and calls `progress` with the number of rows so far every now and then and
/// at the end.
///
/// # Errors
/// If the options contradict each other, or `out` fails.
pub(crate) fn people(
    options: &GenerateOptions,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), GenerateError> {
    check(options)?;
    let mut writer = writer(out);
    write_header(options.difficulty, &mut writer)?;
    let mut person = Person::default();
    let mut rows = 0;
    for tenant in Tenants::new(options)? {
        let mut people = People::new(options, &tenant);
        while people.next(&mut person) {
            write_person(options.difficulty, &tenant.id, &person, &mut writer)?;
            rows += 1;
            if rows % PROGRESS_ROWS == 0 {
                progress(rows);
            }
        }
    }
    writer.flush()?;
    progress(rows);
    Ok(())
}

/// Writes the aliases file of the same people to `out`: `tenant_id,person_id,email,address,kind`.
///
/// Its addresses are further ones, which the people file does not have. The person is named by `person_id`, and
/// by `email` where that is empty.
///
/// # Errors
/// If the options contradict each other, or `out` fails.
pub(crate) fn aliases(options: &GenerateOptions, out: &mut dyn Write) -> Result<(), GenerateError> {
    check(options)?;
    let mut writer = writer(out);
    write(&mut writer, &["tenant_id", "person_id", "email", "address", "kind"])?;
    let mut person = Person::default();
    for tenant in Tenants::new(options)? {
        let mut people = People::new(options, &tenant);
        while people.next(&mut person) {
            let email = if person.person_id.is_empty() { person.email.as_str() } else { "" };
            for address in &person.further {
                write(&mut writer, &[&tenant.id, &person.person_id, email, address, "alias"])?;
            }
        }
    }
    Ok(writer.flush()?)
}

/// Writes the domains file of the same tenants to `out`: `tenant_id,domain,kind,subaddress,dots_ignored`.
///
/// # Errors
/// If the options contradict each other, or `out` fails.
pub(crate) fn domains(options: &GenerateOptions, out: &mut dyn Write) -> Result<(), GenerateError> {
    check(options)?;
    let mut writer = writer(out);
    write(&mut writer, &["tenant_id", "domain", "kind", "subaddress", "dots_ignored"])?;
    for tenant in Tenants::new(options)? {
        for domain in &tenant.domains {
            let subaddress = if domain.subaddress { "+" } else { "" };
            let dots_ignored = if domain.dots_ignored { "true" } else { "false" };
            write(&mut writer, &[&tenant.id, &domain.name, "owned", subaddress, dots_ignored])?;
        }
        for partner in &tenant.partners {
            write(&mut writer, &[&tenant.id, partner, "partner", "", "false"])?;
        }
    }
    Ok(writer.flush()?)
}

/// Writes `count` distinct addresses to `out`, one a line, that neither the people file nor the aliases file of
/// these options has, with or without the rules of the domains file. Tenants get a share by size.
///
/// # Errors
/// If the options contradict each other or have no people, or `out` fails.
pub(crate) fn absent(
    options: &GenerateOptions,
    count: u64,
    out: &mut dyn Write,
) -> Result<(), GenerateError> {
    check(options)?;
    if options.people == 0 && count > 0 {
        return Err(GenerateError::AbsentOfNobody);
    }
    let mut out = io::BufWriter::new(out);
    let mut address = String::new();
    for tenant in Tenants::new(options)? {
        // How many of `count` stand before the first person and before the one after the last.
        let before = |person: u64| u128::from(person) * u128::from(count) / u128::from(options.people);
        let share = before(tenant.first + tenant.people) - before(tenant.first);
        if share == 0 {
            continue;
        }
        let mut absent = Absent::new(options, &tenant);
        for _ in 0..share {
            absent.next(&mut address);
            writeln!(out, "{address}")?;
        }
    }
    Ok(out.flush()?)
}

fn check(options: &GenerateOptions) -> Result<(), GenerateError> {
    if options.people > PEOPLE_MAX {
        return Err(GenerateError::TooManyPeople(options.people));
    }
    if options.revision > moment::REVISION_MAX {
        return Err(GenerateError::Revision(options.revision));
    }
    Ok(())
}

type Writer<'w> = csv::Writer<&'w mut dyn Write>;

fn writer(out: &mut dyn Write) -> Writer<'_> {
    csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out)
}

fn write(writer: &mut Writer<'_>, fields: &[&str]) -> Result<(), GenerateError> {
    // `io::Error::from` would hide what kind of error it was.
    writer.write_record(fields).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => io::Error::other(format!("{other:?}")).into(),
    })
}

fn write_header(difficulty: Difficulty, writer: &mut Writer<'_>) -> Result<(), GenerateError> {
    let header: &[&str] = match difficulty {
        Difficulty::Realistic => &[
            "person_id",
            "tenant_id",
            "email",
            "aliases",
            "display_name",
            "given_name",
            "family_name",
            "title",
            "department",
            "manager_email",
            "location",
            "is_vip",
            "updated_at",
            "kind",
            "status",
        ],
        Difficulty::Hard => &[
            "person_id",
            "tenant_id",
            "email",
            "aliases",
            "display_name",
            "given_name",
            "middle_name",
            "family_name",
            "suffix",
            "preferred_name",
            "other_names",
            "personal_emails",
            "title",
            "department",
            "manager_email",
            "location",
            "is_vip",
            "updated_at",
            "kind",
            "status",
            "Cost Centre",
            "Notes (free text)",
        ],
    };
    write(writer, header)
}

fn write_person(
    difficulty: Difficulty,
    tenant_id: &str,
    p: &Person,
    writer: &mut Writer<'_>,
) -> Result<(), GenerateError> {
    match difficulty {
        Difficulty::Realistic => write(
            writer,
            &[
                &p.person_id,
                tenant_id,
                &p.email,
                &p.aliases,
                &p.display_name,
                &p.given_name,
                &p.family_name,
                &p.title,
                &p.department,
                &p.manager_email,
                &p.location,
                p.vip,
                &p.updated_at,
                p.kind,
                p.status,
            ],
        ),
        Difficulty::Hard => write(
            writer,
            &[
                &p.person_id,
                tenant_id,
                &p.email,
                &p.aliases,
                &p.display_name,
                &p.given_name,
                &p.middle_name,
                &p.family_name,
                &p.suffix,
                &p.preferred_name,
                &p.other_names,
                &p.personal_emails,
                &p.title,
                &p.department,
                &p.manager_email,
                &p.location,
                p.vip,
                &p.updated_at,
                p.kind,
                p.status,
                &p.cost_centre,
                &p.notes,
            ],
        ),
    }
}
