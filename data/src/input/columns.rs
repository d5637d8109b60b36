//! The columns that are understood, and under which headers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A column with a meaning. Every other column, and each of these too, is an attribute under its own header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u8)]
pub enum Canonical {
    /// Customer whose person this is.
    TenantId,
    /// Opaque name of the person within the tenant.
    PersonId,
    /// Primary address.
    Email,
    /// Further addresses of the person.
    Aliases,
    /// Name as shown.
    DisplayName,
    /// Given name.
    GivenName,
    /// Middle names or initials.
    MiddleName,
    /// Family name.
    FamilyName,
    /// Jr., III.
    Suffix,
    /// What the person is called.
    PreferredName,
    /// Maiden name, native script, romanised form.
    OtherNames,
    /// Known good addresses elsewhere.
    PersonalEmails,
    /// Person, shared, role, service, guest, external.
    Kind,
    /// Active, suspended, terminated.
    Status,
    /// How exposed the person is, 0 to 3.
    Vip,
    /// Position.
    Title,
    /// Part of the organisation.
    Department,
    /// Place of work.
    Location,
    /// Address of the manager.
    ManagerEmail,
    /// Time of the last change in the source of the export.
    UpdatedAt,
}

impl Canonical {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 20] = [
        Self::TenantId,
        Self::PersonId,
        Self::Email,
        Self::Aliases,
        Self::DisplayName,
        Self::GivenName,
        Self::MiddleName,
        Self::FamilyName,
        Self::Suffix,
        Self::PreferredName,
        Self::OtherNames,
        Self::PersonalEmails,
        Self::Kind,
        Self::Status,
        Self::Vip,
        Self::Title,
        Self::Department,
        Self::Location,
        Self::ManagerEmail,
        Self::UpdatedAt,
    ];

    /// The columns that hold one name each.
    pub const NAMES: [Self; 6] = [
        Self::DisplayName,
        Self::GivenName,
        Self::MiddleName,
        Self::FamilyName,
        Self::Suffix,
        Self::PreferredName,
    ];

    /// The canonical name, as the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TenantId => "tenant_id",
            Self::PersonId => "person_id",
            Self::Email => "email",
            Self::Aliases => "aliases",
            Self::DisplayName => "display_name",
            Self::GivenName => "given_name",
            Self::MiddleName => "middle_name",
            Self::FamilyName => "family_name",
            Self::Suffix => "suffix",
            Self::PreferredName => "preferred_name",
            Self::OtherNames => "other_names",
            Self::PersonalEmails => "personal_emails",
            Self::Kind => "kind",
            Self::Status => "status",
            Self::Vip => "vip",
            Self::Title => "title",
            Self::Department => "department",
            Self::Location => "location",
            Self::ManagerEmail => "manager_email",
            Self::UpdatedAt => "updated_at",
        }
    }

    /// The canonical column of this name, or of a header that is a synonym of it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let key = header_key(name);
        Self::ALL.into_iter().find(|canonical| canonical.keys().contains(&key.as_str()))
    }

    /// [Header keys](header_key) that mean this column, strongest first.
    #[must_use]
    #[allow(clippy::too_many_lines, reason = "one table")]
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::TenantId => &[
                "tenantid",
                "tenant",
                "customerid",
                "customer",
                "organizationid",
                "organisationid",
                "orgid",
                "companyid",
            ],
            Self::PersonId => &[
                "personid",
                "id",
                "objectid",
                "employeeid",
                "userid",
                "uid",
                "externalid",
                "employeenumber",
                "staffid",
                "staffnumber",
                "personnelnumber",
                "guid",
            ],
            Self::Email => &[
                "email",
                "primaryemail",
                "emailaddress",
                "primaryemailaddress",
                "mail",
                "primarymail",
                "mailaddress",
                "workemail",
                "workemailaddress",
                "businessemail",
                "companyemail",
                "useremail",
                "primarysmtpaddress",
                "smtpaddress",
                "userprincipalname",
            ],
            Self::Aliases => &[
                "aliases",
                "emailaliases",
                "mailaliases",
                "aliasaddresses",
                "aliasemails",
                "proxyaddresses",
                "emailaddresses",
                "worksecondaryemail",
                "alternateemails",
                "alternateemailaddresses",
                "additionalemails",
                "otheremails",
                "emailalias",
                "alias",
            ],
            Self::DisplayName => {
                &["displayname", "fullname", "name", "commonname", "cn", "employeename", "personname"]
            }
            Self::GivenName => &["givenname", "firstname", "forename", "given", "first"],
            Self::MiddleName => &["middlename", "middlenames", "middleinitial", "middle"],
            Self::FamilyName => &["familyname", "lastname", "surname", "sn", "family", "last"],
            Self::Suffix => &["suffix", "namesuffix", "honorificsuffix"],
            Self::PreferredName => {
                &["preferredname", "preferredfirstname", "knownas", "nickname", "callname"]
            }
            Self::OtherNames => &[
                "othernames",
                "othername",
                "alternatenames",
                "namevariants",
                "formernames",
                "formername",
                "maidenname",
                "birthname",
                "nativename",
                "aka",
            ],
            Self::PersonalEmails => &[
                "personalemails",
                "personalemail",
                "personalemailaddress",
                "privateemails",
                "privateemail",
                "homeemail",
                "homesecondaryemail",
                "recoveryemail",
            ],
            Self::Kind => &["kind", "type", "personkind", "usertype", "accounttype", "mailboxtype"],
            Self::Status => &["status", "accountstatus", "userstatus", "employmentstatus", "accountenabled"],
            Self::Vip => &["vip", "isvip", "viplevel"],
            Self::Title => &["title", "jobtitle", "position", "employeetitle"],
            Self::Department => &["department", "dept", "departmentname"],
            Self::Location => &["location", "officelocation", "physicaldeliveryofficename", "office", "site"],
            Self::ManagerEmail => {
                &["manageremail", "manageremailaddress", "managermail", "supervisoremail", "manager"]
            }
            Self::UpdatedAt => &[
                "updatedat",
                "lastupdated",
                "lastmodified",
                "modifiedat",
                "updated",
                "modified",
                "whenchanged",
            ],
        }
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a header is compared by: lower case, without `[...]`, without anything but letters and digits (of any
/// script).
///
/// ```
/// use persondb_data::input::header_key;
/// assert_eq!(header_key("Email Address [Required]"), "emailaddress");
/// assert_eq!(header_key("E-Mail"), "email");
/// assert_eq!(header_key("Straße 1"), "straße1");
/// ```
#[must_use]
pub fn header_key(header: &str) -> String {
    let mut key = String::with_capacity(header.len());
    let mut rest = header;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((_, behind)) = after.split_once(']') else { break };
        push_key(&mut key, before);
        rest = behind;
    }
    push_key(&mut key, rest);
    key
}

fn push_key(key: &mut String, text: &str) {
    key.extend(text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_means_one_column_and_is_written_as_a_key() {
        let mut seen = std::collections::HashMap::new();
        for (number, canonical) in Canonical::ALL.into_iter().enumerate() {
            assert_eq!(canonical as usize, number);
            assert_eq!(canonical.keys()[0], header_key(canonical.name()));
            assert_eq!(serde_json::to_value(canonical).unwrap(), canonical.name());
            for key in canonical.keys() {
                assert_eq!(*key, header_key(key));
                assert_eq!(seen.insert(*key, canonical), None, "{key}");
            }
        }
    }

    #[test]
    fn headers_of_common_exports_are_understood_and_lookalikes_are_not() {
        for (header, canonical) in [
            ("mail", Canonical::Email),
            ("email_address", Canonical::Email),
            ("Email Address [Required]", Canonical::Email),
            ("PRIMARY_EMAIL", Canonical::Email),
            ("id", Canonical::PersonId),
            ("tenant", Canonical::TenantId),
            ("customer_id", Canonical::TenantId),
            ("name", Canonical::DisplayName),
            ("Full Name", Canonical::DisplayName),
            ("first_name", Canonical::GivenName),
            ("Last Name [Required]", Canonical::FamilyName),
            ("surname", Canonical::FamilyName),
            ("is_vip", Canonical::Vip),
        ] {
            assert_eq!(Canonical::of(header), Some(canonical), "{header}");
        }
        for header in ["", "emails count", "[email]", "mail server", "ид", "domain"] {
            assert_eq!(Canonical::of(header), None, "{header}");
        }
    }

    #[test]
    fn an_unclosed_bracket_is_left_out_as_punctuation_and_letters_of_all_scripts_stay() {
        assert_eq!(header_key("a[b"), "ab");
        assert_eq!(header_key("a[b]c[d]"), "ac");
        assert_eq!(header_key("Имя (полное)"), "имяполное");
    }
}
