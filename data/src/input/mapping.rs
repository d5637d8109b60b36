//! Which column of one file is which canonical column.
//!
//! A plain value made from the header, so that other ways to make one (presets, a column table) need nothing
//! but to fill it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::csv::Header;
use super::values::Separator;
use super::{Canonical, InputError, header_key};

/// Longest tenant in bytes.
pub const TENANT_ID_BYTES_MAX: usize = 64;

/// Columns of one file by their meaning.
///
/// ```
/// # use persondb_data::input::{Canonical, Dialect, Header, Mapping};
/// let names = ["Work Email", "mail", "Desk"].map(str::to_owned).to_vec();
/// let header = Header { path: "p.csv".into(), line: 1, names, dialect: Dialect { delimiter: ',' } };
/// let mapping = Mapping::from_header(&header, &Default::default(), Some("acme"))?;
/// assert_eq!(mapping.columns(Canonical::Email), [1]);
/// assert_eq!(mapping.headers().len(), 3);
/// # Ok::<(), persondb_data::input::InputError>(())
/// ```
///
/// In JSON columns go by their canonical names. What is read from JSON is as good as its source: column
/// numbers have to be checked against [`Mapping::headers`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ByName", into = "ByName")]
pub struct Mapping {
    headers: Vec<String>,
    columns: [Vec<u16>; Canonical::ALL.len()],
    separators: [Separator; Canonical::ALL.len()],
    tenant: Option<String>,
}

impl Mapping {
    /// Finds the columns by their headers.
    ///
    /// `overrides` maps canonical names to headers and goes before the synonyms; a header named there has no
    /// other meaning. Where several headers of a file mean one column, the strongest synonym wins (of equal
    /// ones the first) and the others are attributes only.
    ///
    /// # Errors
    /// Two equal headers, no address column, neither a tenant column nor a constant `tenant`, an override of
    /// an unknown name or to a header that is not there, a constant tenant that is blank or over 64 bytes.
    pub fn from_header(
        header: &Header,
        overrides: &BTreeMap<String, String>,
        tenant: Option<&str>,
    ) -> Result<Self, InputError> {
        header.check_unique()?;
        let tenant = tenant.map(constant_tenant).transpose()?;
        let mut keys = header.keys();
        let mut columns = [const { Vec::new() }; Canonical::ALL.len()];
        for (name, wanted) in overrides {
            let (canonical, column) = configured(header, &keys, name, wanted)?;
            columns[canonical as usize] = vec![number(column)];
        }
        for column in columns.iter().flatten() {
            keys[usize::from(*column)].clear();
        }
        for canonical in Canonical::ALL {
            let list = &mut columns[canonical as usize];
            if list.is_empty() {
                list.extend(position(&keys, canonical.keys()).map(number));
            }
        }
        if columns[Canonical::Email as usize].is_empty() {
            return Err(header.missing("the primary address", Canonical::Email.keys()));
        }
        if columns[Canonical::TenantId as usize].is_empty() && tenant.is_none() {
            let needed = "the tenant, or a constant tenant in the configuration or --tenant";
            return Err(header.missing(needed, Canonical::TenantId.keys()));
        }
        let separators = [Separator::Generic; Canonical::ALL.len()];
        Ok(Self { headers: header.names.clone(), columns, separators, tenant })
    }

    /// A mapping with the columns of both: these first, then those that only `other` has. Where both have a
    /// column of one meaning under different headers, this one's comes first.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for header in &other.headers {
            if !joined.headers.contains(header) {
                joined.headers.push(header.clone());
            }
        }
        for (own, columns) in joined.columns.iter_mut().zip(&other.columns) {
            for column in columns {
                let header = other.headers.get(usize::from(*column));
                let place = header.and_then(|header| joined.headers.iter().position(|known| known == header));
                if let Some(place) = place.and_then(|place| u16::try_from(place).ok())
                    && !own.contains(&place)
                {
                    own.push(place);
                }
            }
        }
        joined
    }

    /// Headers of all columns, in their order; each is an attribute.
    #[must_use]
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Columns that hold `canonical`, from 0, best first. Of a single value the first that is not blank
    /// counts; several values are those of all columns together.
    #[must_use]
    #[inline]
    pub fn columns(&self, canonical: Canonical) -> &[u16] {
        &self.columns[canonical as usize]
    }

    /// What separates the values of `canonical` in this file.
    #[must_use]
    #[inline]
    pub fn separator(&self, canonical: Canonical) -> Separator {
        self.separators[canonical as usize]
    }

    /// The tenant of rows without one of their own.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// A mapping as JSON has it, with only what is there.
#[derive(Serialize, Deserialize)]
struct ByName {
    headers: Vec<String>,
    columns: BTreeMap<Canonical, Vec<u16>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    separators: BTreeMap<Canonical, Separator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
}

impl From<ByName> for Mapping {
    fn from(mut by_name: ByName) -> Self {
        Self {
            columns: Canonical::ALL.map(|c| by_name.columns.remove(&c).unwrap_or_default()),
            separators: Canonical::ALL.map(|c| by_name.separators.remove(&c).unwrap_or_default()),
            headers: by_name.headers,
            tenant: by_name.tenant,
        }
    }
}

impl From<Mapping> for ByName {
    fn from(mapping: Mapping) -> Self {
        let columns = Canonical::ALL.into_iter().zip(mapping.columns);
        let separators = Canonical::ALL.into_iter().zip(mapping.separators);
        Self {
            headers: mapping.headers,
            columns: columns.filter(|(_, list)| !list.is_empty()).collect(),
            separators: separators.filter(|(_, separator)| *separator != Separator::Generic).collect(),
            tenant: mapping.tenant,
        }
    }
}

impl Header {
    /// The headers as they are compared.
    pub(super) fn keys(&self) -> Vec<String> {
        self.names.iter().map(|name| header_key(name)).collect()
    }

    pub(super) fn check_unique(&self) -> Result<(), InputError> {
        let mut seen = BTreeMap::new();
        for (index, name) in self.names.iter().enumerate() {
            if let Some(first) = seen.insert(name, index) {
                return Err(InputError::DuplicateHeader {
                    path: self.path.clone(),
                    line: self.line,
                    name: name.clone(),
                    first: first + 1,
                    second: index + 1,
                });
            }
        }
        Ok(())
    }

    pub(super) fn missing(&self, needed: &'static str, understood: &[&str]) -> InputError {
        InputError::MissingColumn {
            path: self.path.clone(),
            line: self.line,
            needed,
            understood: understood.join(", "),
            found: self.listed(),
        }
    }

    /// The names for a message; of a header with hundreds the first.
    fn listed(&self) -> String {
        const LISTED_MAX: usize = 40;
        let mut list: Vec<_> = self.names.iter().take(LISTED_MAX).map(|name| format!("{name:?}")).collect();
        if self.names.len() > LISTED_MAX {
            list.push(format!("and {} more", self.names.len() - LISTED_MAX));
        }
        list.join(", ")
    }
}

/// The first column whose key is the strongest of `wanted` that is there.
pub(super) fn position(keys: &[String], wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|wanted| keys.iter().position(|key| key == wanted))
}

/// A constant tenant, without white space around it.
pub(super) fn constant_tenant(tenant: &str) -> Result<String, InputError> {
    let tenant = tenant.trim();
    if (1..=TENANT_ID_BYTES_MAX).contains(&tenant.len()) {
        return Ok(tenant.to_owned());
    }
    Err(InputError::ConstantTenant { limit: TENANT_ID_BYTES_MAX, found: tenant.len() })
}

fn configured(
    header: &Header,
    keys: &[String],
    name: &str,
    wanted: &str,
) -> Result<(Canonical, usize), InputError> {
    let key = header_key(name);
    let canonical = Canonical::ALL.into_iter().find(|c| c.keys()[0] == key).ok_or_else(|| {
        InputError::UnknownCanonical {
            found: name.to_owned(),
            understood: Canonical::ALL.map(Canonical::name).join(", "),
        }
    })?;
    let exact = header.names.iter().position(|name| name == wanted);
    let column = exact.or_else(|| position(keys, &[&header_key(wanted)])).ok_or_else(|| {
        InputError::ConfiguredColumn {
            path: header.path.clone(),
            line: header.line,
            canonical: canonical.name().to_owned(),
            header: wanted.to_owned(),
            found: header.listed(),
        }
    })?;
    Ok((canonical, column))
}

fn number(column: usize) -> u16 {
    u16::try_from(column).expect("a header has at most RECORD_FIELDS_CEILING columns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Dialect;

    fn header(names: &[&str]) -> Header {
        let names = names.iter().map(|&n| n.to_owned()).collect();
        Header { path: "people.csv".into(), line: 2, names, dialect: Dialect { delimiter: ',' } }
    }

    fn mapping(
        names: &[&str],
        overrides: &[(&str, &str)],
        tenant: Option<&str>,
    ) -> Result<Mapping, InputError> {
        let overrides = overrides.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Mapping::from_header(&header(names), &overrides, tenant)
    }

    #[test]
    fn the_strongest_synonym_wins_and_the_other_header_stays_an_attribute() {
        let mapping = mapping(&["mail", "Email", "E-Mail", "tenant"], &[], None).unwrap();
        assert_eq!(mapping.columns(Canonical::Email), [1]);
        assert_eq!(mapping.headers(), ["mail", "Email", "E-Mail", "tenant"]);
    }

    #[test]
    fn an_override_takes_its_header_away_from_the_synonyms() {
        let found = mapping(
            &["email", "Work", "mail", "tenant"],
            &[("personal_emails", "email"), ("title", "WORK ")],
            None,
        );
        let found = found.unwrap();
        assert_eq!(found.columns(Canonical::PersonalEmails), [0]);
        assert_eq!(found.columns(Canonical::Email), [2]);
        assert_eq!(found.columns(Canonical::Title), [1]);
    }

    #[test]
    fn a_mapping_comes_back_from_json_where_columns_have_names() {
        let mut mapping = mapping(&["mail", "name"], &[], Some("acme")).unwrap();
        mapping.separators[Canonical::Aliases as usize] = Separator::Only(',');
        let json = serde_json::to_string(&mapping).unwrap();
        assert!(json.contains(r#""columns":{"email":[0],"display_name":[1]}"#), "{json}");
        assert_eq!(serde_json::from_str::<Mapping>(&json).unwrap(), mapping);
    }

    #[test]
    fn joined_mappings_have_the_columns_of_both_with_their_own_first() {
        let one = mapping(&["mail", "desk"], &[], Some("t")).unwrap();
        let two = mapping(&["desk", "title", "email"], &[], Some("t")).unwrap();
        let joined = one.joined(&two);
        assert_eq!(joined.headers(), ["mail", "desk", "title", "email"]);
        assert_eq!(joined.columns(Canonical::Email), [0, 3]);
        assert_eq!(joined.columns(Canonical::Title), [2]);
        assert_eq!(one.joined(&one), one);
    }

    #[test]
    fn headers_that_cannot_do_are_refused_with_what_was_found_and_what_is_understood() {
        let message = mapping(&["name", "tenant"], &[], None).unwrap_err().to_string();
        for part in ["people.csv line 2", "\"name\"", "primaryemail", "[columns]"] {
            assert!(message.contains(part), "{part} not in {message}");
        }
        assert!(matches!(mapping(&["email"], &[], None), Err(InputError::MissingColumn { .. })));
        assert!(mapping(&["email"], &[], Some("acme")).is_ok());
        assert!(matches!(mapping(&["email"], &[], Some(" ")), Err(InputError::ConstantTenant { .. })));
        assert!(mapping(&["email"], &[], Some(&"t".repeat(64))).is_ok());
        assert!(mapping(&["email"], &[], Some(&"t".repeat(65))).is_err());
        assert!(matches!(
            mapping(&["email", "x", "x"], &[], Some("t")),
            Err(InputError::DuplicateHeader { first: 2, second: 3, .. })
        ));
        assert!(mapping(&["email", "x", "X"], &[], Some("t")).is_ok());
        assert!(matches!(
            mapping(&["email"], &[("email", "post")], Some("t")),
            Err(InputError::ConfiguredColumn { .. })
        ));
        assert!(matches!(
            mapping(&["email"], &[("surname", "email")], Some("t")),
            Err(InputError::UnknownCanonical { .. })
        ));
    }
}
