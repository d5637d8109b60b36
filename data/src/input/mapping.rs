//! Which column of one file is which canonical column.
//!
//! A plain value made from the header by a preset, the synonyms and the column table of the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::csv::Header;
use super::values::Separator;
use super::{Canonical, InputError, InputSpec, Preset, header_key, values};

/// Longest tenant in bytes.
pub const TENANT_ID_BYTES_MAX: usize = 64;

/// Columns of one file by their meaning.
///
/// ```
/// # use persondb_data::input::{Canonical, Dialect, Header, InputSpec, Mapping};
/// let names = ["Work Email", "mail", "Desk"].map(str::to_owned).to_vec();
/// let header = Header { path: "p.csv".into(), line: 1, names, dialect: Dialect { delimiter: ',' } };
/// let spec = InputSpec { tenant: Some("acme".into()), ..InputSpec::default() };
/// let mapping = Mapping::from_header(&header, &spec)?;
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
    preset: Preset,
    headers: Vec<String>,
    columns: [Vec<u16>; Canonical::ALL.len()],
    separators: [Separator; Canonical::ALL.len()],
    tenant: Option<String>,
}

impl Mapping {
    /// Finds the columns by their headers.
    ///
    /// Of `spec` the preset, the column table and the constant tenant count. The preset is found from the header
    /// where none is named. The column table maps canonical names to headers and goes before everything else; a
    /// header named there has no other meaning. In a generic file the strongest synonym is the column (of equal
    /// ones the first) and the others are attributes only; in a preset's file all headers that the preset has
    /// for a meaning count, the first that is not blank in a row. A preset's file may have further columns under
    /// their canonical names.
    ///
    /// # Errors
    /// Two equal headers, a header that is not that of the named preset, no address column, neither a tenant
    /// column nor a constant tenant, an entry in the column table of an unknown name or to a header that is not
    /// there, a constant tenant that is blank or over 64 bytes.
    pub fn from_header(header: &Header, spec: &InputSpec) -> Result<Self, InputError> {
        header.check_unique()?;
        let tenant = spec.tenant.as_deref().map(constant_tenant).transpose()?;
        let preset = match spec.preset {
            None => Preset::find(header),
            Some(named) => named.check(header).map(|()| named)?,
        };
        let mut keys = header.keys();
        let mut columns = [const { Vec::new() }; Canonical::ALL.len()];
        for (name, wanted) in &spec.columns {
            for wanted in wanted {
                let (canonical, column) = configured(header, &keys, name, wanted)?;
                let list: &mut Vec<u16> = &mut columns[canonical as usize];
                if !list.contains(&number(column)) {
                    list.push(number(column));
                }
            }
        }
        for column in columns.iter().flatten() {
            keys[usize::from(*column)].clear();
        }
        for canonical in Canonical::ALL {
            let list = &mut columns[canonical as usize];
            if list.is_empty() {
                list.extend(found(&keys, preset, canonical));
            }
        }
        if columns[Canonical::Email as usize].is_empty() {
            return Err(header.missing("the primary address", Canonical::Email.keys()));
        }
        if columns[Canonical::TenantId as usize].is_empty() && tenant.is_none() {
            let needed = "the tenant, or a constant tenant in the configuration or --tenant";
            return Err(header.missing(needed, Canonical::TenantId.keys()));
        }
        let separators = Canonical::ALL.map(|canonical| preset.separator(canonical));
        Ok(Self { preset, headers: header.names.clone(), columns, separators, tenant })
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
        for (own, separator) in joined.separators.iter_mut().zip(other.separators) {
            // What one export separates by a character of its own, the others' ways take apart as well.
            if *own != separator {
                let has_types = *own == Separator::Typed || separator == Separator::Typed;
                *own = if has_types { Separator::Typed } else { Separator::Generic };
            }
        }
        joined
    }

    /// The export that it is the header of.
    #[must_use]
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// The primary address in a value of one of its columns; empty where there is none.
    #[must_use]
    pub fn primary_address<'v>(&self, column: u16, value: &'v str) -> &'v str {
        let is_list = self.columns(Canonical::Aliases).contains(&column);
        values::primary_address(value, is_list.then_some(self.separator(Canonical::Aliases)))
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
    #[serde(default, skip_serializing_if = "is_generic")]
    preset: Preset,
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
            preset: by_name.preset,
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
            preset: mapping.preset,
            headers: mapping.headers,
            columns: columns.filter(|(_, list)| !list.is_empty()).collect(),
            separators: separators.filter(|(_, separator)| *separator != Separator::Generic).collect(),
            tenant: mapping.tenant,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_generic(preset: &Preset) -> bool {
    *preset == Preset::Generic
}

impl Preset {
    /// Whether the header can be this export's.
    fn check(self, header: &Header) -> Result<(), InputError> {
        self.misfit(header).map_or(Ok(()), |misfit| {
            Err(InputError::WrongPreset {
                path: header.path.clone(),
                line: header.line,
                named: self,
                needed: misfit.needed(),
                found: header.listed(),
                remedy: match misfit.found {
                    Preset::Generic => "leave the preset out, and name columns under [columns]".to_owned(),
                    other => format!("this is the header of {other}: name that preset, or none"),
                },
            })
        })
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

/// The columns with this meaning, best first.
fn found(keys: &[String], preset: Preset, canonical: Canonical) -> Vec<u16> {
    if preset == Preset::Generic {
        return position(keys, canonical.keys()).map(number).into_iter().collect();
    }
    let of_preset = preset.keys(canonical).iter().filter_map(|key| position(keys, &[key])).map(number);
    let mut columns: Vec<_> = of_preset.collect();
    if columns.is_empty() {
        // What somebody added to the export goes by its own name; synonyms may well mean something else there.
        columns.extend(position(keys, &canonical.keys()[..1]).map(number));
    }
    columns
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

/// The number of a column that is there.
pub(super) fn column_number(column: Option<usize>) -> u16 {
    column.map_or(u16::MAX, number)
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
        let columns = overrides.iter().map(|&(k, v)| (k.to_owned(), vec![v.to_owned()])).collect();
        let tenant = tenant.map(str::to_owned);
        Mapping::from_header(&header(names), &InputSpec { tenant, columns, ..InputSpec::default() })
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
        let mut typed = two;
        typed.separators[Canonical::Aliases as usize] = Separator::Typed;
        assert_eq!(one.joined(&typed).separator(Canonical::Aliases), Separator::Typed);
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
