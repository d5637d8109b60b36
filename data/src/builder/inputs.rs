//! Everything the passes over the people need: opened files, what their columns mean, and the two small
//! files, which are read once and kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::BuildError;
use super::keyed::DotlessDomains;
use super::scan::warning;
use crate::input::{
    AliasKind, AliasOwner, AliasRow, DomainRow, Dots, FileSummary, InputLimits, InputSpec, Mapping, Report,
    Source, WarningKind, expand, read_aliases, read_domains, read_header,
};
use crate::normalize::{AddressKey, KeyBuffer, address_key, address_key_equals, domain_key};
use crate::segment::{Columns, Fields, KeyHasher};

/// The opened inputs of one build.
pub(super) struct Inputs {
    pub(super) people: Vec<PeopleFile>,
    /// Different header lines, by the number that files and records name.
    pub(super) mappings: Vec<Mapping>,
    pub(super) columns: Vec<Columns>,
    pub(super) aliases: Aliases,
    pub(super) domains: Vec<DomainRow>,
    pub(super) dotless: DotlessDomains,
    /// Domains of the tenants that named any.
    known: HashMap<String, Vec<String>>,
    pub(super) limits: InputLimits,
    /// Size of the people files as they are stored.
    pub(super) stored_bytes: u64,
    /// What reading the small files found out, in their order.
    pub(super) small_files: Vec<FileSummary>,
}

/// One file of people.
pub(super) struct PeopleFile {
    pub(super) source: Source,
    /// Which of the mappings it has.
    pub(super) schema: u16,
}

impl Inputs {
    /// Opens everything, reads headers and the small files; `report` has all files afterwards.
    pub(super) fn open(spec: &InputSpec, hasher: KeyHasher, report: &mut Report) -> Result<Self, BuildError> {
        let limits = spec.limits.clone();
        let paths = expand(&spec.people)?;
        *report = Report::new(&paths);
        let tenant = spec.tenant.as_deref();
        let mut inputs = Self {
            people: Vec::with_capacity(paths.len()),
            mappings: Vec::new(),
            columns: Vec::new(),
            aliases: Aliases::default(),
            domains: Vec::new(),
            dotless: DotlessDomains::new(),
            known: HashMap::new(),
            limits,
            stored_bytes: 0,
            small_files: Vec::new(),
        };
        for path in &paths {
            let source = Source::open(path, &inputs.limits)?;
            let header = read_header(&source, &inputs.limits)?;
            let schema = inputs.schema(Mapping::from_header(&header, spec)?)?;
            inputs.stored_bytes += source.identity().size;
            inputs.people.push(PeopleFile { source, schema });
        }
        if let Some(path) = &spec.aliases {
            let source = Source::open(path, &inputs.limits)?;
            let (rows, summary) = read_aliases(&source, &inputs.limits, tenant, report)?;
            inputs.aliases = Aliases::new(rows, hasher);
            inputs.small_files.push(summary);
        }
        if let Some(path) = &spec.domains {
            let source = Source::open(path, &inputs.limits)?;
            let (rows, summary) = read_domains(&source, &inputs.limits, tenant, report)?;
            inputs.domains = rows;
            inputs.small_files.push(summary);
            inputs.note_domains();
        }
        Ok(inputs)
    }

    /// The number of this mapping, which is new if no file had it yet.
    pub(super) fn schema(&mut self, mapping: Mapping) -> Result<u16, BuildError> {
        let known = self.mappings.iter().position(|known| *known == mapping);
        let number = known.unwrap_or(self.mappings.len());
        let number = u16::try_from(number).map_err(|_| {
            BuildError::Limit("more than 65,536 different header lines; bring the files to one form".into())
        })?;
        if known.is_none() {
            let columns = Columns::new(&mapping).map_err(|corrupt| BuildError::Limit(corrupt.to_string()))?;
            self.columns.push(columns);
            self.mappings.push(mapping);
        }
        Ok(number)
    }

    /// Whether the tenant named its domains and that of this address is not among them.
    pub(super) fn is_foreign(&self, tenant: &str, key: &AddressKey<'_>) -> bool {
        let is_other = |known: &String| known.as_bytes() != key.domain();
        self.known.get(tenant).is_some_and(|known_domains| known_domains.iter().all(is_other))
    }

    /// Warns about every line of the aliases file that no person took.
    pub(super) fn report_unused_aliases(&self, report: &mut Report) {
        // The aliases file stands behind the people files in the report.
        let file = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        for line in self.aliases.unused_lines() {
            report.warn(file, line, warning(WarningKind::AliasOfNobody));
        }
    }

    fn note_domains(&mut self) {
        let mut key = KeyBuffer::new();
        for row in &mut self.domains {
            if let Some(domain) = domain_key(&row.domain, &mut key) {
                row.domain = String::from_utf8_lossy(domain).into_owned();
            }
            self.known.entry(row.tenant.clone()).or_default().push(row.domain.clone());
            if row.dots == Dots::Ignored {
                self.dotless.entry(row.domain.clone()).or_default().push(row.tenant.clone());
            }
        }
    }
}

/// The aliases file, found by person.
#[derive(Default)]
pub(super) struct Aliases {
    rows: Vec<AliasRow>,
    by_owner: HashMap<u64, Vec<u32>>,
    used: Vec<AtomicBool>,
    hasher: Option<KeyHasher>,
}

impl Aliases {
    fn new(rows: Vec<AliasRow>, hasher: KeyHasher) -> Self {
        let mut by_owner = HashMap::<_, Vec<_>>::new();
        let mut buffer = KeyBuffer::new();
        for (row, number) in rows.iter().zip(0_u32..) {
            let tenant = hasher.tenant(&row.tenant);
            let hash = match &row.person {
                AliasOwner::PersonId(id) => KeyHasher::in_tenant(tenant, id.as_bytes()),
                AliasOwner::Email(email) => match address_key(email, &mut buffer) {
                    Some(key) => KeyHasher::in_tenant(tenant, key.bytes()),
                    None => continue,
                },
            };
            by_owner.entry(hash).or_default().push(number);
        }
        let used = rows.iter().map(|_| AtomicBool::new(false)).collect();
        Self { rows, by_owner, used, hasher: Some(hasher) }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds the addresses that the file has for this person to `further`, one a line.
    pub(super) fn add_to<'a>(
        &self,
        tenant: &str,
        person: &impl Fields<'a>,
        further: &mut String,
    ) -> Result<(), BuildError> {
        let Some(hasher) = self.hasher.filter(|_| !self.rows.is_empty()) else { return Ok(()) };
        let tenant_hash = hasher.tenant(tenant);
        let (id, email) = (person.person_id()?, person.email()?);
        let mut buffer = KeyBuffer::new();
        let key = address_key(email, &mut buffer);
        let by_id = KeyHasher::in_tenant(tenant_hash, id.as_bytes());
        let by_email = key.as_ref().map(|key| KeyHasher::in_tenant(tenant_hash, key.bytes()));
        for hash in std::iter::once(by_id).chain(by_email.filter(|hash| *hash != by_id)) {
            for &number in self.by_owner.get(&hash).into_iter().flatten() {
                let row = &self.rows[number as usize];
                let meant = match &row.person {
                    AliasOwner::PersonId(owner) => owner == id,
                    AliasOwner::Email(owner) => {
                        key.as_ref().is_some_and(|key| address_key_equals(owner, key))
                    }
                };
                if meant && row.tenant == tenant {
                    self.used[number as usize].store(true, Ordering::Relaxed);
                    further.push(match row.kind {
                        AliasKind::Alias => crate::segment::FURTHER_ALIAS,
                        AliasKind::Personal => crate::segment::FURTHER_PERSONAL,
                    });
                    further.push_str(&row.address);
                    further.push('\n');
                }
            }
        }
        Ok(())
    }

    /// Lines of the aliases file whose person was in no people file.
    fn unused_lines(&self) -> impl Iterator<Item = u64> {
        let unused = self.used.iter().zip(&self.rows).filter(|(used, _)| !used.load(Ordering::Relaxed));
        unused.map(|(_, row)| row.line)
    }
}
