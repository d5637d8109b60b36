//! The domains file: which domains are whose, and how their mail systems read a local part.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::classify::{Acceptance, Reject, RejectReason, WarningKind};
use super::csv::{FileSummary, read_header, read_rows};
use super::mapping::{TENANT_ID_BYTES_MAX, column_number, constant_tenant, position};
use super::person::yes_or_no;
use super::values::is_domain;
use super::{BatchPool, Canonical, InputError, InputLimits, Quoting, Report, Row, RowBatch, Source};

const DOMAIN_KEYS: &[&str] = &["domain", "domainname", "name"];
const SUBADDRESS_KEYS: &[&str] = &["subaddress", "subaddresscharacter", "subaddresschar", "subaddressing"];
const DOTS_KEYS: &[&str] = &["dotsignored", "ignoredots", "dots"];

/// A domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRow {
    /// The tenant.
    pub tenant: String,
    /// The domain as written, without white space, a leading `@` and a last dot.
    pub domain: String,
    /// Whose it is.
    pub kind: DomainKind,
    /// What divides a sub-address from the local part (`jo+lists@`), where the domain has them.
    pub subaddress: Option<char>,
    /// What dots in the local part mean.
    pub dots: Dots,
    /// Line in the file, from 1.
    pub line: u64,
}

/// Whose domain it is to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainKind {
    /// The tenant's own.
    #[default]
    Owned,
    /// Of somebody the tenant works with.
    Partner,
}

/// What dots in the local part mean to the mail system of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dots {
    /// `a.b@` and `ab@` are two addresses.
    #[default]
    Matter,
    /// They are one.
    Ignored,
}

/// Reads the domains file: columns for the tenant (or the constant `tenant`), `domain`, and, each optional,
/// `kind` (`owned`, the default, or `partner`), the sub-address character (blank: none), `dots_ignored` (yes or no).
///
/// The file and its rows are added to `report`.
///
/// # Errors
/// The file errors of [`read_rows`], a missing column, and more than `limits.rejected_percent_max` rejects.
pub fn read_domains(
    source: &Source,
    limits: &InputLimits,
    tenant: Option<&str>,
    report: &mut Report,
) -> Result<(Vec<DomainRow>, FileSummary), InputError> {
    let header = read_header(source, limits)?;
    header.check_unique()?;
    let keys = header.keys();
    let columns = Columns {
        tenant: position(&keys, Canonical::TenantId.keys()),
        constant_tenant: tenant.map(constant_tenant).transpose()?,
        domain: position(&keys, DOMAIN_KEYS).ok_or_else(|| header.missing("the domain", DOMAIN_KEYS))?,
        kind: position(&keys, &["kind", "type"]),
        subaddress: position(&keys, SUBADDRESS_KEYS),
        dots: position(&keys, DOTS_KEYS),
    };
    if columns.tenant.is_none() && columns.constant_tenant.is_none() {
        return Err(header.missing("the tenant, or a constant tenant", Canonical::TenantId.keys()));
    }
    let file = report.add_file(source.path());
    let pool = BatchPool::new(1);
    let mut domains = Vec::new();
    let mut take = |batch: RowBatch| {
        for row in batch.rows() {
            match columns.read(&row) {
                Ok((domain, acceptance)) => {
                    domains.push(domain);
                    report.accept(&row, &header.names, acceptance);
                }
                Err(reject) => report.reject(&row, &header.names, reject),
            }
        }
        pool.put_back(batch);
        ControlFlow::Continue(())
    };
    let summary = read_rows(source, file, limits, &pool, &mut take, &mut |_| {})?;
    report.judge(limits)?;
    Ok((domains, summary))
}

struct Columns {
    tenant: Option<usize>,
    constant_tenant: Option<String>,
    domain: usize,
    kind: Option<usize>,
    subaddress: Option<usize>,
    dots: Option<usize>,
}

impl Columns {
    fn read(&self, row: &Row<'_>) -> Result<(DomainRow, Acceptance), Reject> {
        let fail = |reason, column: Option<usize>| Reject {
            reason,
            column: column.and_then(|column| u16::try_from(column).ok()),
        };
        if row.is_ragged() {
            return Err(fail(RejectReason::Ragged, None));
        }
        let text = |column: Option<usize>| {
            column.and_then(|column| row.field(column)).map(str::trim).filter(|text| !text.is_empty())
        };
        let tenant = text(self.tenant).or(self.constant_tenant.as_deref());
        let tenant = tenant.ok_or_else(|| fail(RejectReason::NoTenant, self.tenant))?;
        if tenant.len() > TENANT_ID_BYTES_MAX {
            return Err(fail(RejectReason::TenantTooLong, self.tenant));
        }
        let domain = text(Some(self.domain)).unwrap_or_default();
        let domain = domain.strip_prefix('@').unwrap_or(domain);
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if !is_domain(domain) {
            return Err(fail(RejectReason::InvalidDomain, Some(self.domain)));
        }
        let kind = match text(self.kind).map(str::to_ascii_lowercase).as_deref() {
            None | Some("owned") => DomainKind::Owned,
            Some("partner") => DomainKind::Partner,
            // Taken for owned it would make strangers look like colleagues, so there is no default for it.
            Some(_) => return Err(fail(RejectReason::InvalidDomainKind, self.kind)),
        };
        let subaddress = match text(self.subaddress).map(str::as_bytes) {
            None => None,
            Some([byte]) if byte.is_ascii_punctuation() && !b"@.\"".contains(byte) => Some(char::from(*byte)),
            Some(_) => return Err(fail(RejectReason::InvalidSubaddress, self.subaddress)),
        };
        let mut acceptance = Acceptance::default();
        let dots = match text(self.dots).map(yes_or_no) {
            Some(Some(true)) => Dots::Ignored,
            Some(None) => {
                acceptance.warnings.insert_at(WarningKind::UnknownFlag, column_number(self.dots));
                Dots::Matter
            }
            _ => Dots::Matter,
        };
        if row.quoting() == Quoting::Stray {
            acceptance.warnings.insert(WarningKind::StrayQuote);
        }
        let (tenant, domain) = (tenant.to_owned(), domain.to_owned());
        Ok((DomainRow { tenant, domain, kind, subaddress, dots, line: row.line() }, acceptance))
    }
}
