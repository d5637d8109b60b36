//! Ranks: people counted within their tenant, and how they become ordinals again.
//!
//! Person index and name index are asked with a tenant, so their numbers need not tell people of all tenants
//! apart. A person's *rank* is how many people of the same tenant stand before them: where ten million people
//! are in seven thousand tenants, the largest of 400,000, it takes 19 bits where an ordinal takes 24, in each of
//! four keys a person. Where that does not pay, because tenants are mixed or hardly larger than one person, those
//! indexes hold ordinals, and this section is empty.
//!
//! # Bytes
//! ```text
//! 0                    tenants × u32: the first piece of each tenant
//! 4 × tenants          pieces × (rank u32 · ordinal u32), by tenant and rank
//! ```
//! A *piece* is one of the tenant's [runs](super::runs): its first person's rank, and their ordinal. Nearly every
//! tenant has one. What has a key of the same hash in another tenant gives a rank too; one that is beyond the
//! tenant's people is nobody's, and all others are told apart by comparing, as ever.

use std::ops::Range;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Corrupt, Parts};

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Piece {
    rank: U32,
    ordinal: U32,
}

/// What the numbers mean that stand beside a tenant's keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Members {
    tenant: u32,
    /// How many numbers mean somebody.
    count: u32,
    /// Numbers below are of the first piece, which begins at this ordinal.
    in_first: u32,
    first: u32,
}

/// Where the section stands.
#[derive(Clone, Debug)]
pub(crate) struct Ranks {
    firsts: Range<usize>,
    pieces: Range<usize>,
}

impl Ranks {
    /// Checks that there is a piece for each tenant. O(1). `None` where numbers are ordinals.
    pub(crate) fn open(section: Range<usize>, tenant_count: u64) -> Result<Option<Self>, Corrupt> {
        if section.is_empty() {
            return Ok(None);
        }
        let firsts_size =
            usize::try_from(tenant_count).ok().and_then(|count| count.checked_mul(size_of::<U32>()));
        let middle = firsts_size.and_then(|size| section.start.checked_add(size));
        let middle = middle.filter(|&middle| middle <= section.end);
        let middle = middle.ok_or_else(|| Corrupt::new("ranks do not fill their section"))?;
        Ok(Some(Self { firsts: section.start..middle, pieces: middle..section.end }))
    }
}

impl Parts<'_> {
    /// What the numbers of a tenant's keys mean, if there is such a tenant. O(1).
    pub(super) fn members_of(&self, tenant: &str) -> Result<Option<Members>, Corrupt> {
        if self.view.ranks.is_none() {
            return Ok(Some(self.everybody()));
        }
        let hash = self.view.hasher.tenant(tenant);
        let index = &self.view.tenant_index;
        let mut found = None;
        let mut compared = Ok(());
        let all = index.layout.candidates(self.slice(&index.range)?, hash, |code| {
            match self.tenant(code.0) {
                Ok(text) if text == tenant => found = Some(code.0),
                Ok(_) => {}
                Err(corrupt) => compared = Err(corrupt),
            }
            Ok(())
        });
        compared?;
        match (found, all) {
            (Some(code), _) => self.members(code).map(Some),
            (None, Ok(())) => Ok(None),
            (None, Err(_)) => Err(Corrupt::new("tenant index")),
        }
    }

    /// What the numbers of the keys of the tenant with this code mean. O(1).
    pub(super) fn members(&self, tenant: u32) -> Result<Members, Corrupt> {
        let Some(ranks) = &self.view.ranks else { return Ok(self.everybody()) };
        let no_piece = || Corrupt::new("tenant without a first piece");
        let people = self.tenant_people(tenant)?;
        let pieces = ranks.pieces_of(self.bytes, tenant).ok_or_else(no_piece)?;
        // Whoever is known by their domain alone has nobody, and no piece.
        let first = pieces.first().map_or(0, |piece| piece.ordinal.get());
        let in_first = pieces.get(1).map_or(people, |second| second.rank.get().min(people));
        Ok(Members { tenant, count: people, in_first, first })
    }

    /// Where numbers are ordinals.
    fn everybody(&self) -> Members {
        let count = self.view.people_count;
        Members { tenant: 0, count, in_first: count, first: 0 }
    }

    /// Who a number beside a tenant's key is; `None` where it is of another tenant's key. O(log pieces).
    #[inline]
    pub(super) fn member(&self, members: Members, number: u32) -> Option<u32> {
        if number < members.in_first {
            return members.first.checked_add(number);
        }
        if number >= members.count {
            return None;
        }
        let pieces = self.view.ranks.as_ref()?.pieces_of(self.bytes, members.tenant)?;
        let behind = pieces.partition_point(|piece| piece.rank.get() <= number);
        let piece = pieces.get(behind.checked_sub(1)?)?;
        piece.ordinal.get().checked_add(number - piece.rank.get())
    }
}

impl Ranks {
    /// The pieces of a tenant, up to the first of the next.
    fn pieces_of<'s>(&self, segment: &'s [u8], tenant: u32) -> Option<&'s [Piece]> {
        let firsts = <[U32]>::ref_from_bytes(segment.get(self.firsts.clone())?).ok()?;
        let pieces = <[Piece]>::ref_from_bytes(segment.get(self.pieces.clone())?).ok()?;
        let first = firsts.get(tenant as usize)?.get() as usize;
        let end = firsts.get(tenant as usize + 1).map_or(pieces.len(), |next| next.get() as usize);
        pieces.get(first..end)
    }
}

/// Encodes the pieces of all tenants: tenant, rank and ordinal of each, by tenant and rank.
pub(crate) fn encode(tenant_count: u32, pieces: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of::<U32>() * tenant_count as usize + size_of_val(pieces));
    for tenant in 0..tenant_count {
        let first = pieces.partition_point(|piece| piece.0 < tenant);
        bytes.extend_from_slice(&u32::try_from(first).expect("fewer pieces than people").to_le_bytes());
    }
    for &(_, rank, ordinal) in pieces {
        bytes.extend_from_slice(Piece { rank: rank.into(), ordinal: ordinal.into() }.as_bytes());
    }
    bytes
}
