//! The exports that admin consoles really give: which of their headers mean what.
//!
//! | preset | export | headers after |
//! |---|---|---|
//! | google | Google Workspace, users: download, and the form to upload | support.google.com/a/answer/40057 and downloads |
//! | entra | Microsoft Entra ID, users: download, older (`objectId`) and newer (`id`) header | learn.microsoft.com, users-bulk-download |
//! | exchange | `Get-Mailbox`, `Get-Recipient` and the like, `Export-Csv` | learn.microsoft.com, filterable properties |
//! | okta | users as CSV, the sample of the CSV import | support.okta.com, CSV import |
//! | bamboohr | reports of `BambooHR` | documentation.bamboohr.com, list of field names |
//! | ldap | `csvde`, `Get-ADUser`, tables made of `ldapsearch` | RFC 4519, RFC 2798, Active Directory schema |
//!
//! A preset is a table and nothing else: what it says goes into the [`Mapping`](super::Mapping) and from there
//! into the segment, so builder and reader never have to know which preset it was. What cannot be said by
//! naming columns follows from how they stand together: several columns of one meaning count one after the
//! other, row by row; a column that is both [`Canonical::Email`] and [`Canonical::Aliases`] is a list with the
//! primary address in it ([`primary_address`](super::values::primary_address)); a sign-in name behind the
//! primary address tells guests ([`is_guest_name`](super::values::is_guest_name)).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::preset_tables as tables;
use super::values::Separator;
use super::{Canonical, Header, header_key};

/// Where an export comes from, which says what its headers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Preset {
    /// Anything else: columns are found by the synonyms of [`Canonical::keys`].
    #[default]
    Generic,
    /// Google Workspace.
    Google,
    /// Microsoft Entra ID, once Azure Active Directory.
    Entra,
    /// Microsoft Exchange, on a server or online.
    Exchange,
    /// Okta.
    Okta,
    /// `BambooHR`.
    Bamboohr,
    /// LDAP directories, Active Directory among them.
    Ldap,
}

/// What is known of one export.
pub(super) struct Table {
    /// How its header is told from others: any of these, in which of every group one header is there. With
    /// `[` a header is compared as it is written, otherwise by its key.
    pub(super) tells: &'static [&'static [&'static [&'static str]]],
    /// Without one header of each of these groups it cannot be this export at all.
    pub(super) needs: &'static [&'static [&'static str]],
    /// Header keys by meaning, those that count first in front.
    pub(super) columns: &'static [(Canonical, &'static [&'static str])],
    /// What separates several values, where it is not [`Separator::Generic`].
    pub(super) separators: &'static [(Canonical, Separator)],
}

impl Preset {
    /// All of them; [`Preset::Generic`] first.
    pub const ALL: [Self; 7] =
        [Self::Generic, Self::Google, Self::Entra, Self::Exchange, Self::Okta, Self::Bamboohr, Self::Ldap];

    /// Its name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Google => "google",
            Self::Entra => "entra",
            Self::Exchange => "exchange",
            Self::Okta => "okta",
            Self::Bamboohr => "bamboohr",
            Self::Ldap => "ldap",
        }
    }

    /// The export whose header this is; [`Preset::Generic`] where it is not plain. O(headers).
    ///
    /// ```
    /// # use persondb_data::input::{Dialect, Header, Preset};
    /// let header = |names: &[&str]| {
    ///     let names = names.iter().map(|&name| name.to_owned()).collect();
    ///     Header { path: "p.csv".into(), line: 1, names, dialect: Dialect { delimiter: ',' } }
    /// };
    /// let entra = header(&["userPrincipalName", "displayName", "surname", "mail", "givenName", "id"]);
    /// assert_eq!(Preset::find(&entra), Preset::Entra);
    /// assert_eq!(Preset::find(&header(&["displayName", "mail", "id"])), Preset::Generic);
    /// ```
    #[must_use]
    pub fn find(header: &Header) -> Self {
        let names = Names::new(header);
        Self::ALL.into_iter().find(|preset| preset.is_told_by(&names)).unwrap_or_default()
    }

    /// The groups of headers that the named preset needs and this header has none of; and which preset it is
    /// instead, where that can be told.
    pub(super) fn misfit(self, header: &Header) -> Option<Misfit> {
        let table = self.table()?;
        let names = Names::new(header);
        if self.is_told_by(&names) {
            return None;
        }
        let missing: Vec<_> = table.needs.iter().filter(|group| !names.has_any(group)).copied().collect();
        let found = Self::find(header);
        (!missing.is_empty() || found != Self::Generic).then_some(Misfit {
            needs: if missing.is_empty() { table.needs.to_vec() } else { missing },
            found,
        })
    }

    /// Header keys that mean this column in the export, first that which counts first. Empty where the export
    /// has none.
    pub(super) fn keys(self, canonical: Canonical) -> &'static [&'static str] {
        let columns = self.table().map_or(&[][..], |table| table.columns);
        columns.iter().find(|(column, _)| *column == canonical).map_or(&[], |(_, keys)| keys)
    }

    /// What separates several values of this column.
    pub(super) fn separator(self, canonical: Canonical) -> Separator {
        let separators = self.table().map_or(&[][..], |table| table.separators);
        let known = separators.iter().find(|(column, _)| *column == canonical);
        known.map(|(_, separator)| *separator).unwrap_or_default()
    }

    fn is_told_by(self, names: &Names) -> bool {
        let tells = self.table().map_or(&[][..], |table| table.tells);
        tells.iter().any(|groups| groups.iter().all(|group| names.has_any(group)))
    }

    fn table(self) -> Option<&'static Table> {
        match self {
            Self::Generic => None,
            Self::Google => Some(&tables::GOOGLE),
            Self::Entra => Some(&tables::ENTRA),
            Self::Exchange => Some(&tables::EXCHANGE),
            Self::Okta => Some(&tables::OKTA),
            Self::Bamboohr => Some(&tables::BAMBOOHR),
            Self::Ldap => Some(&tables::LDAP),
        }
    }
}

/// Why a header is not that of the preset that was named.
pub(super) struct Misfit {
    /// Of each of these groups one header is needed.
    pub(super) needs: Vec<&'static [&'static str]>,
    /// What it is instead; generic where nobody knows.
    pub(super) found: Preset,
}

impl Misfit {
    /// The groups for a message.
    pub(super) fn needed(&self) -> String {
        self.needs.iter().map(|group| group.join(" or ")).collect::<Vec<_>>().join(", and for ")
    }
}

/// The names of a header in the two forms that they are compared in.
struct Names {
    keys: Vec<String>,
    written: Vec<String>,
}

impl Names {
    fn new(header: &Header) -> Self {
        let written = header.names.iter().map(|name| name.trim().to_lowercase()).collect();
        Self { keys: header.names.iter().map(|name| header_key(name)).collect(), written }
    }

    fn has_any(&self, group: &[&str]) -> bool {
        group.iter().any(|wanted| {
            let names = if wanted.contains('[') { &self.written } else { &self.keys };
            names.iter().any(|name| name == wanted)
        })
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no preset has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one of generic, google, entra, exchange, okta, bamboohr, ldap, found {0:?}; leave the preset out and it is found from the header"
)]
pub struct UnknownPreset(String);

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        let known = Self::ALL.into_iter().find(|preset| preset.name().eq_ignore_ascii_case(name.trim()));
        known.ok_or_else(|| UnknownPreset(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_an_unknown_one_is_told_all_of_them() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
        }
        let error = "azure".parse::<Preset>().unwrap_err().to_string();
        assert!(Preset::ALL.iter().all(|preset| error.contains(preset.name())), "{error}");
    }

    #[test]
    fn every_table_is_written_in_keys_and_finds_a_primary_address_and_a_person() {
        for table in Preset::ALL.into_iter().filter_map(Preset::table) {
            let wanted = table.tells.iter().copied().flatten().copied().flatten();
            for key in wanted.chain(table.needs.iter().copied().flatten()) {
                let is_key = header_key(key) == *key;
                assert!(is_key || (key.contains('[') && key.to_lowercase() == *key), "{key}");
            }
            let mut seen = std::collections::BTreeSet::new();
            for (canonical, keys) in table.columns {
                assert!(seen.insert(canonical), "{canonical} twice");
                assert!(!keys.is_empty() && keys.iter().all(|key| header_key(key) == *key), "{canonical}");
            }
            assert!(seen.contains(&Canonical::Email) && seen.contains(&Canonical::PersonId));
        }
    }
}
