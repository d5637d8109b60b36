//! Tenant identifiers as small numbers.

use std::collections::HashMap;

/// Tenants in the order of their first appearance, with their number of people.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    codes: HashMap<String, u32>,
    names: Vec<String>,
    people: Vec<u64>,
    last: u32,
}

impl Tenants {
    /// The code of a tenant, new if it was not seen yet. Runs of one tenant cost a comparison each.
    pub(super) fn code(&mut self, tenant: &str) -> u32 {
        if self.names.get(self.last as usize).is_some_and(|last| last == tenant) {
            return self.last;
        }
        self.last = self.find(tenant).unwrap_or_else(|| {
            let code = u32::try_from(self.names.len()).expect("fewer tenants than rows, which are capped");
            self.codes.insert(tenant.to_owned(), code);
            self.names.push(tenant.to_owned());
            self.people.push(0);
            code
        });
        self.last
    }

    /// The code of a tenant that was seen.
    pub(super) fn find(&self, tenant: &str) -> Option<u32> {
        self.codes.get(tenant).copied()
    }

    /// The identifier behind a code.
    pub(super) fn name(&self, code: u32) -> &str {
        &self.names[code as usize]
    }

    /// Moves a tenant's number of people.
    pub(super) fn count(&mut self, code: u32, by: i64) {
        let people = &mut self.people[code as usize];
        *people = people.saturating_add_signed(by);
    }

    /// Identifiers with their number of people, in the order of their codes.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.names.iter().map(String::as_str).zip(self.people.iter().copied())
    }

    /// Just the identifiers, in the order of their codes.
    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}
