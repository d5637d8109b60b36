//! What is known of domains, one line a (tenant, domain).
//!
//! # Bytes
//! ```text
//! 0            count × (tenant code u32 · offset u32 · size u16 · kind u8 · flags u8 · subaddress u32 · people u64)
//! count × 24   the domains as A-labels, one after the other
//! ```
//! `subaddress` is a Unicode scalar, 0 for none; flag 1 says that dots in local parts mean nothing.

use persondb_protocol::answer::DomainKind;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Corrupt;

const DOTS_IGNORED: u8 = 1;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Line {
    tenant: U32,
    offset: U32,
    size: U16,
    kind: u8,
    flags: u8,
    subaddress: U32,
    people: U64,
}

const _: () = assert!(size_of::<Line>() == 24);

/// One line, with the domain borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DomainLine<'a> {
    /// Code of the tenant.
    pub(crate) tenant: u32,
    /// A-label, lower case.
    pub(crate) domain: &'a str,
    /// Relation of the tenant to it.
    pub(crate) kind: DomainKind,
    /// Character that starts a sub-address.
    pub(crate) subaddress: Option<char>,
    /// Dots in local parts mean nothing.
    pub(crate) dots_ignored: bool,
    /// People of the tenant with a primary address there.
    pub(crate) people: u64,
}

/// Reader of the domains section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Domains<'a> {
    lines: &'a [Line],
    text: &'a [u8],
}

impl<'a> Domains<'a> {
    /// Checks that `count` lines fit. O(1).
    pub(crate) fn open(bytes: &'a [u8], count: u64) -> Result<Self, Corrupt> {
        let count = usize::try_from(count).map_err(|_| Corrupt::new("domain count"))?;
        let (lines, text) = <[Line]>::ref_from_prefix_with_elems(bytes, count)
            .map_err(|_| Corrupt::new("domains are larger than their section"))?;
        Ok(Self { lines, text })
    }

    /// The line at `place`. O(1).
    pub(crate) fn get(&self, place: u32) -> Result<DomainLine<'a>, Corrupt> {
        let line = self.lines.get(place as usize).ok_or_else(|| Corrupt::new("no such domain line"))?;
        let start = line.offset.get() as usize;
        let bytes = start.checked_add(usize::from(line.size.get())).and_then(|end| self.text.get(start..end));
        let bytes = bytes.ok_or_else(|| Corrupt::new("domain reaches beyond its section"))?;
        Ok(DomainLine {
            tenant: line.tenant.get(),
            domain: std::str::from_utf8(bytes).map_err(|_| Corrupt::new("domain is not UTF-8"))?,
            kind: DomainKind::from_number(line.kind).ok_or_else(|| Corrupt::new("domain kind"))?,
            subaddress: match line.subaddress.get() {
                0 => None,
                scalar => Some(char::from_u32(scalar).ok_or_else(|| Corrupt::new("sub-address character"))?),
            },
            dots_ignored: line.flags & DOTS_IGNORED != 0,
            people: line.people.get(),
        })
    }
}

/// Size of the section for these domains in bytes.
pub(crate) fn size(lines: &[DomainLine<'_>]) -> u64 {
    lines.iter().map(|line| (size_of::<Line>() + line.domain.len()) as u64).sum()
}

/// Fills `out`, which has exactly [`size`] bytes. The domains together are under 4 GiB, each under 64 KiB.
pub(crate) fn write(domains: &[DomainLine<'_>], out: &mut [u8]) {
    let sized = "the section was laid out with this size";
    let (lines, text) = <[Line]>::mut_from_prefix_with_elems(out, domains.len()).expect(sized);
    let mut offset = 0;
    for (line, from) in lines.iter_mut().zip(domains) {
        text[offset..offset + from.domain.len()].copy_from_slice(from.domain.as_bytes());
        *line = Line {
            tenant: from.tenant.into(),
            offset: u32::try_from(offset).expect("the builder caps domains at 4 GiB").into(),
            size: u16::try_from(from.domain.len()).expect("a domain has at most 253 bytes").into(),
            kind: from.kind as u8,
            flags: if from.dots_ignored { DOTS_IGNORED } else { 0 },
            subaddress: from.subaddress.map_or(0, u32::from).into(),
            people: from.people.into(),
        };
        offset += from.domain.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_corruption_is_an_error(
            rows in prop::collection::vec(("[a-z.]{1,20}", any::<u32>(), 0_u8..3, any::<Option<char>>(), any::<bool>(), any::<u64>()), 1..20),
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let lines: Vec<_> = rows.iter().map(|(domain, tenant, kind, subaddress, dots_ignored, people)| DomainLine {
                tenant: *tenant,
                domain,
                kind: DomainKind::from_number(*kind).unwrap(),
                subaddress: subaddress.filter(|&c| c != '\0'),
                dots_ignored: *dots_ignored,
                people: *people,
            }).collect();
            let mut bytes = vec![0; usize::try_from(size(&lines)).unwrap()];
            write(&lines, &mut bytes);
            let domains = Domains::open(&bytes, lines.len() as u64).unwrap();
            for (place, line) in (0..).zip(&lines) {
                prop_assert_eq!(&domains.get(place).unwrap(), line);
            }
            prop_assert!(domains.get(u32::try_from(lines.len()).unwrap()).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            let domains = Domains::open(&bytes, lines.len() as u64).unwrap();
            for place in 0..20 {
                let _ = domains.get(place);
            }
        }
    }
}
