//! First pass: what there is. Row by row it decides what is accepted, gathers the keys, counts values and
//! domains, and notes who names whom. Of the rows themselves only a sample is kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use persondb_protocol::answer::Kind;

use super::counts::{Counters, is_counted};
use super::domains::DomainCounts;
use super::inputs::Inputs;
use super::keyed::{KeyMaker, Keyed};
use super::layout;
use super::links::{LinkCounts, PRIMARY};
use super::mail_domains::MailDomainCounts;
use super::pipeline::{self, Watch};
use super::row::RowFields;
use super::rows::RowNumber;
use super::sample::Sample;
use super::tenants::{RowTenants, Tenants};
use super::{BuildError, BuildOptions};
use crate::input::{
    Canonical, FileSummary, PersonRow, RejectsWriter, Report, Row, RowBatch, Verdict, WarningKind, Warnings,
    classify,
};
use crate::segment::rows::Roles;
use crate::segment::{KeyHasher, roles};

/// What the first pass found.
pub(super) struct Scan {
    pub(super) summaries: Vec<FileSummary>,
    pub(super) tenants: Tenants,
    /// Tenant code of each accepted row.
    pub(super) tenant_of: RowTenants,
    pub(super) keyed: Keyed,
    pub(super) domains: DomainCounts,
    pub(super) mail_domains: MailDomainCounts,
    pub(super) links: LinkCounts,
    /// Whether somebody's tenant is not told by a column that has just its identifier.
    pub(super) has_odd_tenants: bool,
    pub(super) sample: Sample,
    pub(super) counters: Counters,
    /// Number of the first accepted row of each batch, and of the row after the last.
    pub(super) batch_starts: Vec<RowNumber>,
    /// Places of rejected rows in their batch.
    pub(super) rejected: HashMap<u64, Vec<u32>>,
}

/// What one batch held. Row numbers count accepted rows of the batch.
struct Scanned {
    number: u64,
    tenants: Vec<String>,
    tenant_of: Vec<u32>,
    has_odd_tenants: bool,
    keyed: Keyed,
    domains: DomainCounts,
    mail_domains: MailDomainCounts,
    links: LinkCounts,
    sample: Sample,
    rejected: Vec<u32>,
}

struct Worker<'i> {
    report: Report,
    counters: Counters,
    keys: KeyMaker<'i>,
    further: String,
}

/// Reads all people once.
pub(super) fn scan(
    inputs: &Inputs,
    hasher: KeyHasher,
    options: &BuildOptions,
    report: &mut Report,
    watch: &mut Watch<'_>,
) -> Result<Scan, BuildError> {
    let rejects = match &options.rejects {
        Some(path) => Some(RejectsWriter::create(path, &inputs.limits)?),
        None => None,
    };
    let empty = Report::new(&report.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>());
    let mut scan = Scan {
        summaries: Vec::new(),
        tenants: Tenants::default(),
        tenant_of: RowTenants::default(),
        keyed: Keyed::default(),
        domains: DomainCounts::default(),
        mail_domains: MailDomainCounts::default(),
        links: LinkCounts::default(),
        has_odd_tenants: false,
        sample: Sample::default(),
        counters: Counters::default(),
        batch_starts: vec![0],
        rejected: HashMap::new(),
    };
    let counted: Vec<_> = inputs.columns.iter().map(layout::counted).collect();
    let start = || Worker {
        report: empty.clone(),
        counters: Counters::new(&counted),
        keys: KeyMaker::new(hasher, &inputs.dotless),
        further: String::new(),
    };
    let roles: Vec<_> = inputs.columns.iter().map(roles).collect();
    // Batches drop what the sample would drop anyway; one that is behind only carries more.
    let shift = AtomicU32::new(0);
    let work = |worker: &mut Worker<'_>, number, batch: &RowBatch| {
        let sample = Sample::with_shift(shift.load(Ordering::Relaxed));
        scan_batch(inputs, &roles, worker, rejects.as_ref(), number, batch, sample)
    };
    let (summaries, workers) = pipeline::run(inputs, options.threads, watch, start, work, |batch| {
        scan.add(batch)?;
        shift.store(scan.sample.shift(), Ordering::Relaxed);
        Ok(())
    })?;
    scan.summaries = summaries;
    scan.counters = Counters::new(&counted);
    for worker in workers {
        report.merge(worker.report);
        scan.counters.merge(worker.counters);
    }
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    report.judge(&inputs.limits)?;
    Ok(scan)
}

fn scan_batch(
    inputs: &Inputs,
    roles: &[Roles],
    worker: &mut Worker<'_>,
    rejects: Option<&RejectsWriter>,
    number: u64,
    batch: &RowBatch,
    sample: Sample,
) -> Result<Scanned, BuildError> {
    let schema_number = inputs.people[batch.file() as usize].schema;
    let schema = usize::from(schema_number);
    let (mapping, columns) = (&inputs.mappings[schema], &inputs.columns[schema]);
    let email_place = roles[schema].email.map(usize::from);
    let email_column = roles[schema].email.unwrap_or_default();
    let second_emails = columns.places(Canonical::Email).get(1..).unwrap_or_default();
    let list_places =
        [second_emails, columns.places(Canonical::Aliases), columns.places(Canonical::PersonalEmails)];
    let tenant_place = columns.places(Canonical::TenantId).first().copied().map(usize::from);
    let manager_place = columns.places(Canonical::ManagerEmail).first().copied().map(usize::from);
    let hasher = worker.keys.hasher();
    let mut scanned = Scanned {
        number,
        tenants: Vec::new(),
        tenant_of: Vec::with_capacity(batch.len()),
        has_odd_tenants: false,
        keyed: Keyed::with_room(batch.len()),
        domains: DomainCounts::default(),
        mail_domains: MailDomainCounts::default(),
        links: LinkCounts::default(),
        sample,
        rejected: Vec::new(),
    };
    let mut tenants = Tenants::default();
    for (row, place) in batch.rows().zip(0_u32..) {
        pipeline::give_way(place as usize);
        let person = PersonRow::new(row, mapping);
        let mut acceptance = match classify(&person, &inputs.limits) {
            Verdict::Accepted(acceptance) => acceptance,
            Verdict::Rejected(reject) => {
                worker.report.reject(&row, mapping.headers(), reject);
                if let Some(rejects) = rejects {
                    let path = inputs.people[batch.file() as usize].source.path();
                    rejects.write(path, &row, mapping.headers(), reject)?;
                }
                scanned.rejected.push(place);
                continue;
            }
        };
        let tenant = person.tenant().unwrap_or_default();
        let code = tenants.code(tenant);
        scanned.has_odd_tenants |= tenant_place.and_then(|place| row.field(place)) != Some(tenant);
        worker.further.clear();
        let plain = RowFields { row, columns, email: Some(person.email().unwrap_or_default()), further: "" };
        inputs.aliases.add_to(tenant, &plain, &mut worker.further)?;
        let fields = RowFields { further: &worker.further, ..plain };
        let accepted = u32::try_from(scanned.tenant_of.len()).unwrap_or(u32::MAX);
        let (domains, links) = (&mut scanned.domains, &mut scanned.links);
        let outsider = || matches!(person.kind(), Kind::Guest | Kind::External);
        let email = email_place.and_then(|place| row.field(place)).unwrap_or_default();
        worker.keys.add(&fields, tenant, accepted, &mut scanned.keyed, |key| {
            if inputs.is_foreign(tenant, key) && !outsider() {
                acceptance.warnings.insert_at(WarningKind::DomainNotOfTenant, email_column);
            }
            domains.add(code, key, accepted);
            if links.has(hasher, accepted, email, key.bytes()) { PRIMARY } else { 0 }
        })?;
        scanned.mail_domains.add(code, email);
        for &place in list_places.iter().copied().flatten() {
            let list = row.field(place.into()).unwrap_or_default();
            for address in list.split([';', ',', '|', ' ']).filter(|_| !list.is_empty()) {
                scanned.mail_domains.add(code, address);
            }
        }
        let manager = manager_place.and_then(|place| row.field(place)).unwrap_or_default();
        if !manager.is_empty() {
            scanned.links.name(hasher, code, manager);
        }
        let bytes = row.bytes() + row.len() + worker.further.len() + 1;
        scanned.sample.offer((number, place), (schema_number, code), bytes, fields.stored());
        scanned.tenant_of.push(code);
        worker.report.accept(&row, mapping.headers(), acceptance);
    }
    if is_counted(number) {
        let is_accepted = |place: &u32| scanned.rejected.binary_search(place).is_err();
        let rows: Vec<_> =
            batch.rows().zip(0..).filter(|(_, place)| is_accepted(place)).map(|(row, _)| row).collect();
        let column = |place| rows.iter().map(move |row| row.field(place).unwrap_or_default());
        worker.counters.add(schema_number, column);
    }
    scanned.tenants = tenants.into_names();
    Ok(scanned)
}

impl Scan {
    /// The accepted rows of a batch with their numbers, in a later pass over the same files.
    pub(super) fn accepted<'b>(
        &'b self,
        batch_number: u64,
        batch: &'b RowBatch,
    ) -> Result<impl Iterator<Item = (Row<'b>, RowNumber)>, BuildError> {
        let place = usize::try_from(batch_number).map_err(|_| BuildError::Changed)?;
        let [start, end] = self.batch_starts.get(place..place + 2).ok_or(BuildError::Changed)? else {
            return Err(BuildError::Changed);
        };
        let rejected = self.rejected.get(&batch_number).map_or(&[][..], Vec::as_slice);
        if batch.len() != rejected.len() + (end - start) as usize {
            return Err(BuildError::Changed);
        }
        let rows = batch.rows().zip(0_u32..).filter(|(_, place)| rejected.binary_search(place).is_err());
        Ok(rows.map(|(row, _)| row).zip(*start..))
    }

    fn add(&mut self, batch: Scanned) -> Result<(), BuildError> {
        let first = self.batch_starts.last().copied().unwrap_or(0);
        let codes: Vec<_> = batch.tenants.iter().map(|tenant| self.tenants.code(tenant)).collect();
        let mut end = first;
        for code in batch.tenant_of {
            self.tenants.count(codes[code as usize], 1);
            self.tenant_of.push(end, codes[code as usize]);
            end += 1;
        }
        self.mail_domains.append(batch.mail_domains, &codes);
        self.links.append(batch.links, &codes, first);
        self.sample.append(&batch.sample, &codes);
        self.keyed.append(&batch.keyed, first);
        self.has_odd_tenants |= batch.has_odd_tenants;
        self.domains.append(batch.domains, &codes, first);
        // A batch is small, so the sum above cannot pass 2^32 before it is refused here.
        if end >= 1 << 31 {
            return Err(too_many());
        }
        self.batch_starts.push(end);
        if !batch.rejected.is_empty() {
            self.rejected.insert(batch.number, batch.rejected);
        }
        Ok(())
    }
}

fn too_many() -> BuildError {
    BuildError::Limit("more than 2,147,483,647 people: split the dataset by tenant".into())
}

/// The one warning of this kind.
pub(super) fn warning(kind: WarningKind) -> Warnings {
    let mut warnings = Warnings::default();
    warnings.insert(kind);
    warnings
}
