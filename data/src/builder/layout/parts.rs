//! The part that each column plays among the others, by what it means.

use crate::input::Canonical;
use crate::segment::rows::Roles;
use crate::segment::{Columns, roles};

/// Which columns are worth counting, by place.
pub(in super::super) fn counted(columns: &Columns) -> Vec<bool> {
    let parts = Parts::new(columns);
    (0..parts.count()).map(|place| matches!(parts.of(place), Part::Name | Part::Other)).collect()
}

/// The part that a column plays, which decides what it can be stored as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// First, because what follows is made of them: what of them stands in the tail is met first.
    Name,
    Email,
    DisplayName,
    AddressList,
    Tenant,
    Other,
    /// Behind the others: when all are read, the colleague's row is on its way meanwhile.
    Manager,
    /// Addresses from elsewhere.
    Further,
}

/// The parts of all columns of a schema.
pub(super) struct Parts<'c> {
    columns: &'c Columns,
    pub(super) roles: Roles,
}

impl<'c> Parts<'c> {
    pub(super) fn new(columns: &'c Columns) -> Self {
        Self { columns, roles: roles(columns) }
    }

    /// Columns, the further addresses among them.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.roles.header_count + 1).unwrap_or(u16::MAX)
    }

    pub(super) fn of(&self, place: u16) -> Part {
        let is = |column| self.columns.places(column).contains(&place);
        let is_first = |column| self.columns.places(column).first() == Some(&place);
        if usize::from(place) == self.roles.header_count {
            Part::Further
        } else if is_first(Canonical::Email) {
            Part::Email
        } else if is_first(Canonical::DisplayName) {
            Part::DisplayName
        } else if [Canonical::Email, Canonical::Aliases, Canonical::PersonalEmails].into_iter().any(is) {
            Part::AddressList
        } else if self.roles.names.contains(&Some(place)) {
            Part::Name
        } else if is_first(Canonical::ManagerEmail) {
            Part::Manager
        } else if is_first(Canonical::TenantId) {
            Part::Tenant
        } else {
            Part::Other
        }
    }
}
