//! Tenant identifiers as small numbers.

use std::collections::HashMap;

use super::rows::{RowNumber, Rows};

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
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> + Clone {
        self.names.iter().map(String::as_str).zip(self.people.iter().copied())
    }

    /// Just the identifiers, in the order of their codes.
    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// Tenant of each accepted row, as runs of rows: exports are ordered by tenant.
#[derive(Debug, Default)]
pub(super) struct RowTenants {
    /// First row and tenant of each run.
    runs: Vec<(RowNumber, u32)>,
}

impl RowTenants {
    /// The next row's tenant; rows come in order.
    pub(super) fn push(&mut self, row: RowNumber, tenant: u32) {
        if self.runs.last().is_none_or(|last| last.1 != tenant) {
            self.runs.push((row, tenant));
        }
    }

    /// Tenant of a row. O(log runs).
    pub(super) fn of(&self, row: RowNumber) -> u32 {
        let behind = self.runs.partition_point(|run| run.0 <= row);
        behind.checked_sub(1).map_or(0, |at| self.runs[at].1)
    }

    /// Runs of the ordinals of so many people: first ordinal and tenant, ascending, none empty.
    pub(super) fn of_ordinals(&self, rows: &Rows, people: u64) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::with_capacity(self.runs.len());
        for &(row, tenant) in &self.runs {
            let start = rows.ordinals_before(row);
            if runs.last().is_some_and(|last| last.0 == start) {
                runs.pop();
            }
            if runs.last().is_none_or(|last| last.1 != tenant) {
                runs.push((start, tenant));
            }
        }
        // Rows at the end may all be of people that came before.
        if runs.last().is_some_and(|last| u64::from(last.0) >= people) {
            runs.pop();
        }
        runs
    }
}
