//! What is wrong, and what to do about it, in words.

use persondb_data::input::{RejectReason, WarningKind};

pub(super) fn reject_remedy(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::Ragged => "look for an unquoted delimiter or line break in the row",
        RejectReason::FieldTooLong | RejectReason::NameTooLong => "shorten the value in the source system",
        RejectReason::NoTenant => "fill the column, or give --tenant",
        RejectReason::TenantTooLong | RejectReason::PersonIdTooLong => "use the system's short identifier",
        RejectReason::NoAddress => "fill the column, or leave such rows out of the export",
        RejectReason::InvalidAddress | RejectReason::AddressTooLong => "correct the address",
        RejectReason::NoPerson => "fill person_id or email",
        RejectReason::InvalidDomain => "correct the domain",
        RejectReason::InvalidDomainKind => "write owned or partner",
        RejectReason::InvalidSubaddress => "write one character such as +, or nothing",
        _ => "correct the row",
    }
}

/// What is odd, and what to do about it.
pub(super) fn warning_words(kind: WarningKind) -> (&'static str, &'static str) {
    match kind {
        WarningKind::NoName => ("no name", "fill a name column: without one only addresses are found"),
        WarningKind::DamagedName => ("name with U+FFFD or ? for letters", "export as UTF-8"),
        WarningKind::Formula => {
            ("value that starts like a formula", "harmless here; do not open it in a spreadsheet")
        }
        WarningKind::DuplicatePerson => {
            ("same person again", "one row a person: the first value counts, later rows fill blanks")
        }
        WarningKind::DomainNotOfTenant => (
            "address outside the tenant's domains",
            "add the domain to the domains file, or correct the tenant",
        ),
        WarningKind::InvalidAlias => ("alias that is no address", "correct it: it is not found"),
        WarningKind::InvalidPersonalEmail => ("personal address that is none", "correct it: it is not found"),
        WarningKind::UnknownKind => {
            ("unknown kind, taken as person", "write person, shared, role, service, guest or external")
        }
        WarningKind::UnknownStatus => {
            ("unknown status, taken as active", "write active, suspended or terminated")
        }
        WarningKind::UnknownVip => ("unknown vip, taken as 0", "write 0 to 3, true or false"),
        WarningKind::StrayQuote => ("text after a closing quote", "double quotes within a quoted value"),
        WarningKind::UnknownFlag => ("neither yes nor no, taken as no", "write true or false"),
        WarningKind::AliasOfNobody => {
            ("alias of somebody who is in no people file", "export both files at the same time")
        }
        _ => ("something else", "see the release notes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_warning_has_words_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            WarningKind::ALL.into_iter().map(|kind| warning_words(kind).0).collect();
        assert_eq!(words.len(), WarningKind::ALL.len());
        assert!(!words.contains("something else"));
    }
}
