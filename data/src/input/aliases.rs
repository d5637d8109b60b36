//! The aliases file: one more address of one person a row.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::classify::{Acceptance, PERSON_ID_BYTES_MAX, Reject, RejectReason, WarningKind};
use super::csv::{FileSummary, read_header, read_rows};
use super::mapping::{TENANT_ID_BYTES_MAX, column_number, constant_tenant, position};
use super::values::{AddressValue, check_address, read_address, unwrap_address};
use super::{BatchPool, Canonical, InputError, InputLimits, Quoting, Report, Row, Source};

const ADDRESS_KEYS: &[&str] =
    &["address", "alias", "aliasaddress", "aliasemail", "emailalias", "aliases", "value"];

/// An address of a person, from a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    /// The tenant.
    pub tenant: String,
    /// Whose address it is.
    pub person: AliasOwner,
    /// The address, without wrapping.
    pub address: String,
    /// What it is to that person.
    pub kind: AliasKind,
    /// Line in the file, from 1.
    pub line: u64,
}

/// How an alias names its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasOwner {
    /// By person id; what else the row says is not looked at.
    PersonId(String),
    /// By primary address.
    Email(String),
}

/// What an address is to its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasKind {
    /// Another address of the account.
    #[default]
    Alias,
    /// A known good address elsewhere.
    Personal,
}

/// Reads the aliases file: columns for the tenant (or the constant `tenant`), person id or primary address or
/// both, the address, and `kind` (`alias`, the default, or `personal`).
///
/// The file and its rows are added to `report`; values of other types (`SIP:…`) are counted and left out.
///
/// # Errors
/// The file errors of [`read_rows`], a missing column, and more than `limits.rejected_percent_max` rejects.
pub fn read_aliases(
    source: &Source,
    limits: &InputLimits,
    tenant: Option<&str>,
    report: &mut Report,
) -> Result<(Vec<AliasRow>, FileSummary), InputError> {
    let header = read_header(source, limits)?;
    header.check_unique()?;
    let keys = header.keys();
    let columns = Columns {
        tenant: position(&keys, Canonical::TenantId.keys()),
        constant_tenant: tenant.map(constant_tenant).transpose()?,
        person_id: position(&keys, Canonical::PersonId.keys()),
        email: position(&keys, Canonical::Email.keys()),
        address: position(&keys, ADDRESS_KEYS)
            .ok_or_else(|| header.missing("the further address", ADDRESS_KEYS))?,
        kind: position(&keys, &["kind", "type"]),
        field_bytes_max: limits.field_bytes_max,
    };
    if columns.tenant.is_none() && columns.constant_tenant.is_none() {
        return Err(header.missing("the tenant, or a constant tenant", Canonical::TenantId.keys()));
    }
    if columns.person_id.is_none() && columns.email.is_none() {
        return Err(header.missing("the person (person_id or email)", Canonical::PersonId.keys()));
    }
    let file = report.add_file(source.path());
    let pool = BatchPool::new(1);
    let mut aliases = Vec::new();
    let mut take = |batch: super::RowBatch| {
        for row in batch.rows() {
            match columns.read(&row) {
                Ok((alias, acceptance)) => {
                    aliases.extend(alias);
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
    Ok((aliases, summary))
}

struct Columns {
    tenant: Option<usize>,
    constant_tenant: Option<String>,
    person_id: Option<usize>,
    email: Option<usize>,
    address: usize,
    kind: Option<usize>,
    field_bytes_max: usize,
}

impl Columns {
    fn read(&self, row: &Row<'_>) -> Result<(Option<AliasRow>, Acceptance), Reject> {
        let fail = |reason, column: Option<usize>| Reject {
            reason,
            column: column.and_then(|column| u16::try_from(column).ok()),
        };
        if row.is_ragged() {
            return Err(fail(RejectReason::Ragged, None));
        }
        if let Some(column) = row.fields().position(|field| field.len() > self.field_bytes_max) {
            return Err(fail(RejectReason::FieldTooLong, Some(column)));
        }
        let text = |column: Option<usize>| {
            column.and_then(|column| row.field(column)).map(str::trim).filter(|text| !text.is_empty())
        };
        let tenant = text(self.tenant).or(self.constant_tenant.as_deref());
        let tenant = tenant.ok_or_else(|| fail(RejectReason::NoTenant, self.tenant))?;
        if tenant.len() > TENANT_ID_BYTES_MAX {
            return Err(fail(RejectReason::TenantTooLong, self.tenant));
        }
        let person = match (text(self.person_id), text(self.email).map(unwrap_address)) {
            (Some(id), _) if id.len() > PERSON_ID_BYTES_MAX => {
                return Err(fail(RejectReason::PersonIdTooLong, self.person_id));
            }
            (Some(id), _) => AliasOwner::PersonId(id.to_owned()),
            (None, Some(email)) => {
                check_address(email).map_err(|error| fail(error.into(), self.email))?;
                AliasOwner::Email(email.to_owned())
            }
            (None, None) => return Err(fail(RejectReason::NoPerson, self.person_id.or(self.email))),
        };
        let mut acceptance = Acceptance::default();
        let address = text(Some(self.address));
        let address = match address.map(read_address) {
            Some(AddressValue::Address(address)) => address,
            Some(AddressValue::OtherType(_)) => {
                acceptance.other_addresses = 1;
                return Ok((None, acceptance));
            }
            Some(AddressValue::Invalid(value)) => {
                let error = check_address(unwrap_address(value)).err();
                let reason = error.map_or(RejectReason::InvalidAddress, RejectReason::from);
                return Err(fail(reason, Some(self.address)));
            }
            None => return Err(fail(RejectReason::NoAddress, Some(self.address))),
        };
        let kind = match text(self.kind).map(str::to_ascii_lowercase).as_deref() {
            None | Some("alias" | "smtp" | "secondary" | "work") => AliasKind::Alias,
            Some("personal" | "private" | "home" | "recovery") => AliasKind::Personal,
            Some(_) => {
                acceptance.warnings.insert_at(WarningKind::UnknownKind, column_number(self.kind));
                AliasKind::Alias
            }
        };
        if row.quoting() == Quoting::Stray {
            acceptance.warnings.insert(WarningKind::StrayQuote);
        }
        let (tenant, address) = (tenant.to_owned(), address.to_owned());
        Ok((Some(AliasRow { tenant, person, address, kind, line: row.line() }), acceptance))
    }
}
