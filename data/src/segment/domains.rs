//! What is known of domains, one fact a (tenant, domain): said by the domains file, or seen in people's addresses.
//!
//! # Bytes
//! ```text
//! section 0: what is said, or seen of nobody in particular
//! 0            count × (tenant code u32 · offset u32 · size u16 · kind u8 · flags u8 · subaddress u32 · people u64)
//! count × 24   the domains as A-labels, one after the other
//!
//! section 1: what is only seen
//! 0            count × (ordinal u32 · people u32)
//! ```
//! `subaddress` is a Unicode scalar, 0 for none; flag 1 says that dots in local parts mean nothing.
//!
//! A domain that is only *seen* is told by anybody who has their primary address there: tenant and domain are
//! that person's, so a line names the person and says how many there are. Where there is a single one not even
//! that is needed. References count the lines of section 0, then those of section 1, then all people.
//!
//! # Trade-offs
//! Where everybody has a domain of their own, lines with text took 24 bytes a person and the text a second time.
//! Who asks for a domain that is seen has an address put together and normalised first.

use persondb_protocol::answer::DomainKind;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Corrupt, Ordinal};

const DOTS_IGNORED: u8 = 1;

/// A domain that is not listed counts as a tenant's own from this share of its people on, 1 in so many; but that of a
/// single person only if it is half the tenant.
const OWN_SHARE: u64 = 100;
/// And it is imitated from this share on.
const MAIN_SHARE: u64 = 10;

/// Domains in which anybody can have a mailbox: nobody's own, however many of a tenant's people have one there.
const PUBLIC: [&str; 32] = [
    "126.com",
    "163.com",
    "aol.com",
    "comcast.net",
    "free.fr",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
];

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

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SeenLine {
    ordinal: U32,
    people: U32,
}

const _: () = assert!(size_of::<Line>() == 24 && size_of::<SeenLine>() == 8);

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

impl DomainLine<'_> {
    /// Whether look-alikes of this domain are kept an eye on: the tenant's own, and where it is not listed, of more
    /// than a tenth of its people. Three keys each for domains of single people would cost more than their addresses.
    pub(crate) fn is_main(&self, tenant_people: u64) -> bool {
        let is_of_many = self.people.saturating_mul(MAIN_SHARE) > tenant_people;
        self.is_own(tenant_people) && (self.kind == DomainKind::Owned || is_of_many)
    }

    /// Whether the domain is the tenant's own, of so many people: listed as such, or that of a share of them.
    pub(crate) fn is_own(&self, tenant_people: u64) -> bool {
        match self.kind {
            DomainKind::Owned => true,
            DomainKind::Partner => false,
            DomainKind::Observed => {
                // In a small tenant one person is a large share, and may be a guest.
                let is_of_several = self.people > 1 || self.people.saturating_mul(2) >= tenant_people;
                is_of_several
                    && self.people.saturating_mul(OWN_SHARE) >= tenant_people
                    && PUBLIC.binary_search(&self.domain).is_err()
            }
        }
    }
}

/// A domain that is only seen: it is that of a person's primary address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeenDomain {
    /// One of the people.
    pub(crate) person: Ordinal,
    /// People of the tenant with a primary address there.
    pub(crate) people: u32,
}

/// What a reference of the domain index leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownDomain<'a> {
    Line(DomainLine<'a>),
    Seen(SeenDomain),
}

/// Reader of the two sections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Domains<'a> {
    lines: &'a [Line],
    text: &'a [u8],
    seen: &'a [SeenLine],
}

impl<'a> Domains<'a> {
    /// Checks that so many lines fit each section. O(1).
    pub(crate) fn open(
        (bytes, count): (&'a [u8], u64),
        (seen, seen_count): (&'a [u8], u64),
    ) -> Result<Self, Corrupt> {
        let place = |count: u64| usize::try_from(count).map_err(|_| Corrupt::new("domain count"));
        let larger = || Corrupt::new("domains are larger than their section");
        let (lines, text) =
            <[Line]>::ref_from_prefix_with_elems(bytes, place(count)?).map_err(|_| larger())?;
        let (seen, _) =
            <[SeenLine]>::ref_from_prefix_with_elems(seen, place(seen_count)?).map_err(|_| larger())?;
        Ok(Self { lines, text, seen })
    }

    /// What a reference leads to. O(1).
    pub(crate) fn get(&self, reference: u32) -> Result<KnownDomain<'a>, Corrupt> {
        let reference = reference as usize;
        if let Some(line) = self.lines.get(reference) {
            return self.line(line).map(KnownDomain::Line);
        }
        let beyond = reference - self.lines.len();
        let (ordinal, people) = if let Some(line) = self.seen.get(beyond) {
            (line.ordinal.get(), line.people.get())
        } else {
            let ordinal = u32::try_from(beyond - self.seen.len());
            (ordinal.map_err(|_| Corrupt::new("no such domain"))?, 1)
        };
        Ok(KnownDomain::Seen(SeenDomain { person: Ordinal(ordinal), people }))
    }

    fn line(&self, line: &Line) -> Result<DomainLine<'a>, Corrupt> {
        let start = line.offset.get() as usize;
        let bytes = start.checked_add(usize::from(line.size.get())).and_then(|end| self.text.get(start..end));
        let bytes = bytes.ok_or_else(|| Corrupt::new("domain reaches beyond its section"))?;
        Ok(DomainLine {
            tenant: line.tenant.get(),
            domain: smoothutf8::from_utf8(bytes).ok_or_else(|| Corrupt::new("domain is not UTF-8"))?,
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

/// Size of section 0 for these domains in bytes.
pub(crate) fn size<'d>(lines: impl Iterator<Item = DomainLine<'d>>) -> u64 {
    lines.map(|line| (size_of::<Line>() + line.domain.len()) as u64).sum()
}

/// Size of section 1 for so many domains in bytes.
pub(crate) fn seen_size(count: usize) -> u64 {
    (count * size_of::<SeenLine>()) as u64
}

/// Fills `out`, which has exactly [`size`] bytes. The domains together are under 4 GiB, each under 64 KiB.
pub(crate) fn write<'d>(domains: impl ExactSizeIterator<Item = DomainLine<'d>>, out: &mut [u8]) {
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

/// Fills `out`, which has exactly [`seen_size`] bytes.
pub(crate) fn write_seen(domains: &[SeenDomain], out: &mut [u8]) {
    let sized = "the section was laid out with this size";
    let (lines, _) = <[SeenLine]>::mut_from_prefix_with_elems(out, domains.len()).expect(sized);
    for (line, from) in lines.iter_mut().zip(domains) {
        *line = SeenLine { ordinal: from.person.0.into(), people: from.people.into() };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn public_domains_are_sorted_to_be_found() {
        assert!(PUBLIC.is_sorted());
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_corruption_is_an_error(
            rows in prop::collection::vec(("[a-z.]{1,20}", any::<u32>(), 0_u8..3, any::<Option<char>>(), any::<bool>(), any::<u64>()), 1..20),
            seen in prop::collection::vec((any::<u32>(), any::<u32>()), 0..20),
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
            let seen: Vec<_> =
                seen.iter().map(|&(ordinal, people)| SeenDomain { person: Ordinal(ordinal), people }).collect();
            let mut bytes = vec![0; usize::try_from(size(lines.iter().copied())).unwrap()];
            write(lines.iter().copied(), &mut bytes);
            let mut seen_bytes = vec![0; usize::try_from(seen_size(seen.len())).unwrap()];
            write_seen(&seen, &mut seen_bytes);
            let counts = (lines.len() as u64, seen.len() as u64);
            let domains = Domains::open((&bytes, counts.0), (&seen_bytes, counts.1)).unwrap();
            let known = lines.iter().copied().map(KnownDomain::Line);
            let known = known.chain(seen.iter().copied().map(KnownDomain::Seen));
            for (reference, known) in (0..).zip(known) {
                prop_assert_eq!(domains.get(reference).unwrap(), known);
            }
            let behind = u32::try_from(lines.len() + seen.len()).unwrap();
            for ordinal in [0, 77] {
                let alone = SeenDomain { person: Ordinal(ordinal), people: 1 };
                prop_assert_eq!(domains.get(behind + ordinal).unwrap(), KnownDomain::Seen(alone));
            }
            prop_assert!(Domains::open((&bytes, u64::MAX), (&seen_bytes, 0)).is_err());
            prop_assert!(Domains::open((&bytes, counts.0), (&seen_bytes, counts.1 + 1)).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            let domains = Domains::open((&bytes, counts.0), (&seen_bytes, counts.1)).unwrap();
            for reference in (0..20).chain([u32::MAX]) {
                let _ = domains.get(reference);
            }
        }
    }
}
