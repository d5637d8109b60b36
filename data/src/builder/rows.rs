//! Which accepted row becomes which ordinal.
//!
//! Accepted rows are numbered from 0 in the order of the files. Usually the number *is* the ordinal; where
//! several rows are one person (the same tenant and person identifier) the first of them *leads* and the
//! later ones *follow*: they have no ordinal of their own.

use std::collections::HashMap;

use crate::segment::KeyEntry;

/// Number of an accepted row.
pub(super) type RowNumber = u32;

/// The rows that belong together, and the ordinals that follow from it.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Rows that follow, in order.
    followers: Vec<RowNumber>,
    /// Leader of each follower, and each leader itself.
    leader: HashMap<RowNumber, RowNumber>,
}

impl Rows {
    /// `same_person` holds hash of the person identifier and row, sorted; `tenant_of` tells a row's tenant.
    pub(super) fn new(same_person: &[KeyEntry], tenant_of: impl Fn(RowNumber) -> u32) -> Self {
        let mut rows = Self::default();
        let mut first_in_tenant = HashMap::new();
        for group in same_person.chunk_by(|a, b| a.hash() == b.hash()).filter(|group| group.len() > 1) {
            first_in_tenant.clear();
            for row in group.iter().map(KeyEntry::number) {
                let leader = *first_in_tenant.entry(tenant_of(row)).or_insert(row);
                if leader != row {
                    rows.followers.push(row);
                    rows.leader.insert(row, leader);
                    rows.leader.insert(leader, leader);
                }
            }
        }
        rows.followers.sort_unstable();
        rows
    }

    /// Rows that follow another.
    pub(super) fn follower_count(&self) -> usize {
        self.followers.len()
    }

    /// The leader when the row shares its person with others (itself when it leads), else `None`.
    pub(super) fn leader(&self, row: RowNumber) -> Option<RowNumber> {
        if self.leader.is_empty() { None } else { self.leader.get(&row).copied() }
    }

    /// Ordinal of the row's person. O(log followers).
    pub(super) fn ordinal(&self, row: RowNumber) -> u32 {
        if self.followers.is_empty() {
            return row;
        }
        self.ordinals_before(self.leader(row).unwrap_or(row))
    }

    /// People whose leading row stands before `row`. O(log followers).
    pub(super) fn ordinals_before(&self, row: RowNumber) -> u32 {
        let before = self.followers.partition_point(|&follower| follower < row);
        row - u32::try_from(before).expect("fewer followers than rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_person_share_the_ordinal_of_the_first_and_others_close_up() {
        // Rows 0 and 3 are one person, 1 has the same identifier in another tenant, 2 and 4 are alone.
        let same_person =
            [(7, 0), (7, 1), (7, 3), (8, 2), (9, 4)].map(|(hash, row)| KeyEntry::new(hash, row));
        let rows = Rows::new(&same_person, |row| u32::from(row == 1));
        let ordinals: Vec<_> = (0..5).map(|row| rows.ordinal(row)).collect();
        assert_eq!(ordinals, [0, 1, 2, 0, 3]);
        assert_eq!((rows.leader(0), rows.leader(3), rows.leader(1)), (Some(0), Some(0), None));
        assert_eq!(rows.follower_count(), 1);
    }
}
