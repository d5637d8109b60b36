//! Ordinal → tenant, and where the tenant's domains and links stand.
//!
//! Exports are ordered by tenant, so people of one tenant stand in *runs* of ordinals: a short table of runs
//! costs less than a tenant code in each row. Where a dataset is not ordered so, the table has one line a
//! tenant and rows name the line.
//!
//! # Bytes
//! ```text
//! 0                 run_count u32 · hint_count u32 · form u8 · domain_width u8 · link_width u8 · zero × 5
//! 16                run_count × (start u32 · tenant u32 · first domain u32 · first link u32)
//! 16 + 16 × runs    hint_count × u32: the run that holds ordinal 256 × i
//! ```
//! Form 1 packs the lines that rows name, where tenants are nearly as many as people. The line of a tenant stands
//! in the place of its code, so it needs neither that nor a start:
//! ```text
//! 16                run_count × (first domain · first link), domain_width and link_width bits, lowest bit first
//! ...               8 zero bytes
//! ```
//! The hints bound the search to the runs that begin within 256 ordinals, usually one. Finding the run needs
//! only the ordinal, so the processor does it while the row is still on its way.

use std::ops::Range;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Corrupt;
use super::column::bits;

const HINT_SHIFT: u32 = 8;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    run_count: U32,
    hint_count: U32,
    form: u8,
    domain_width: u8,
    link_width: u8,
    reserved: [u8; 5],
}

const FORM_LINES: u8 = 0;
const FORM_PACKED: u8 = 1;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Line {
    start: U32,
    tenant: U32,
    first_domain: U32,
    first_link: U32,
}

const _: () = assert!(size_of::<Head>() == 16 && size_of::<Line>() == 16);

/// People of one tenant that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First ordinal.
    pub(crate) start: u32,
    /// Code of the tenant.
    pub(crate) tenant: u32,
    /// The tenant's first place among the mail domains.
    pub(crate) first_domain: u32,
    /// The tenant's first place among the links.
    pub(crate) first_link: u32,
}

/// Where the runs stand: what the reader keeps of them.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    lines: Range<usize>,
    hints: Range<usize>,
    packed: Option<Packed>,
}

/// How packed lines stand.
#[derive(Clone, Copy, Debug)]
struct Packed {
    count: u32,
    domain_width: u32,
    link_width: u32,
}

impl Runs {
    /// Checks that lines and hints fit. O(1).
    pub(crate) fn open(segment: &[u8], section: Range<usize>) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("runs do not fill their section");
        let (head, _) = segment
            .get(section.clone())
            .and_then(|bytes| Head::ref_from_prefix(bytes).ok())
            .ok_or_else(corrupt)?;
        let packed = match head.form {
            FORM_LINES => None,
            FORM_PACKED => Some(Packed::open(head).ok_or_else(corrupt)?),
            _ => return Err(corrupt()),
        };
        let place = |start: usize, count: u32, size: usize| {
            let end = start.checked_add((count as usize).checked_mul(size)?)?;
            (end <= section.end).then_some(start..end)
        };
        let lines = section.start.checked_add(size_of::<Head>());
        let lines = lines.and_then(|start| match packed {
            None => place(start, head.run_count.get(), size_of::<Line>()),
            Some(packed) => place(start, 1, packed.size()?),
        });
        let lines = lines.ok_or_else(corrupt)?;
        let hints = place(lines.end, head.hint_count.get(), size_of::<U32>()).ok_or_else(corrupt)?;
        Ok(Self { lines, hints, packed })
    }

    /// The run that holds an ordinal. O(1) expected, O(log runs) at worst.
    #[inline]
    pub(crate) fn of(&self, segment: &[u8], ordinal: u32) -> Result<Run, Corrupt> {
        let none = || Corrupt::new("no run holds this ordinal");
        let (first, last) = self.hinted(segment, ordinal).ok_or_else(none)?;
        let line = |at: usize| self.line(segment, at);
        if last <= first + 1 {
            // Nearly always: one run, or two, of which the start of the second tells without a guess which it is.
            let is_second = usize::from(line(last).ok_or_else(none)?.start.get() <= ordinal) & (last - first);
            return line(first + is_second).map(Line::run).ok_or_else(none);
        }
        let lines = self.lines(segment).and_then(|lines| lines.get(first..=last)).ok_or_else(none)?;
        let behind = lines.partition_point(|line| line.start.get() <= ordinal);
        behind.checked_sub(1).and_then(|at| lines.get(at)).map(Line::run).ok_or_else(none)
    }

    /// The first and the last line that may hold an ordinal.
    #[inline]
    fn hinted(&self, segment: &[u8], ordinal: u32) -> Option<(usize, usize)> {
        let hints =
            segment.get(self.hints.clone())?.get((ordinal >> HINT_SHIFT) as usize * size_of::<U32>()..)?;
        let hint = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes) as usize;
        let first = hint(hints.first_chunk()?);
        let last = match hints.get(size_of::<U32>()..)?.first_chunk() {
            Some(next) => hint(next),
            None => (self.lines.len() / size_of::<Line>()).checked_sub(1)?,
        };
        (first <= last).then_some((first, last))
    }

    #[inline]
    fn line<'a>(&self, segment: &'a [u8], at: usize) -> Option<&'a Line> {
        let lines = segment.get(self.lines.clone())?;
        Some(Line::ref_from_prefix(lines.get(at.checked_mul(size_of::<Line>())?..)?).ok()?.0)
    }

    /// The line at `place`, where rows name it.
    #[inline]
    pub(crate) fn get(&self, segment: &[u8], place: u64) -> Result<Run, Corrupt> {
        if let Some(packed) = self.packed {
            let bytes = segment.get(self.lines.clone());
            return bytes
                .and_then(|bytes| packed.get(bytes, place))
                .ok_or_else(|| Corrupt::new("no such run"));
        }
        let line = self.lines(segment).and_then(|lines| lines.get(usize::try_from(place).ok()?));
        line.map(Line::run).ok_or_else(|| Corrupt::new("no such run"))
    }

    fn lines<'a>(&self, segment: &'a [u8]) -> Option<&'a [Line]> {
        <[Line]>::ref_from_bytes(segment.get(self.lines.clone())?).ok()
    }
}

impl Packed {
    fn open(head: &Head) -> Option<Self> {
        let [domain_width, link_width] = [head.domain_width, head.link_width].map(u32::from);
        let packed = Self { count: head.run_count.get(), domain_width, link_width };
        (domain_width <= u32::BITS && link_width <= u32::BITS).then_some(packed)
    }

    /// The narrowest fields for these lines.
    fn of(runs: &[Run]) -> Self {
        let width = |most: Option<u32>| bits::width_of(u64::from(most.unwrap_or(0)) + 1);
        Self {
            count: u32::try_from(runs.len()).expect("fewer runs than people"),
            domain_width: width(runs.iter().map(|run| run.first_domain).max()),
            link_width: width(runs.iter().map(|run| run.first_link).max()),
        }
    }

    /// Byte and bit where a line begins.
    fn place(self, line: u32) -> Option<(usize, u32)> {
        let at = u64::from(line) * u64::from(self.domain_width + self.link_width);
        Some((usize::try_from(at / 8).ok()?, u32::try_from(at % 8).ok()?))
    }

    /// Bytes of all lines, with what has to be readable behind them.
    fn size(self) -> Option<usize> {
        self.place(self.count)?.0.checked_add(1 + bits::SLACK)
    }

    fn get(self, bytes: &[u8], place: u64) -> Option<Run> {
        let tenant = u32::try_from(place).ok().filter(|&tenant| tenant < self.count)?;
        let (byte, at) = self.place(tenant)?;
        let bytes = bytes.get(byte..)?;
        // Two loads: both fields together may be wider than one.
        let first_domain = u32::try_from(bits::read(bytes, at, self.domain_width)?).ok()?;
        let first_link = u32::try_from(bits::read(bytes, at + self.domain_width, self.link_width)?).ok()?;
        Some(Run { start: 0, tenant, first_domain, first_link })
    }
}

impl Line {
    fn run(&self) -> Run {
        let Self { start, tenant, first_domain, first_link } = self;
        Run {
            start: start.get(),
            tenant: tenant.get(),
            first_domain: first_domain.get(),
            first_link: first_link.get(),
        }
    }
}

/// Encodes lines that rows name, one a tenant in the order of their codes, in as few bits as they need.
pub(crate) fn encode_packed(tenants: &[Run]) -> Vec<u8> {
    let packed = Packed::of(tenants);
    let byte = |width: u32| u8::try_from(width).expect("fields are of 32 bits");
    let mut head = Head::new_zeroed();
    head.run_count = packed.count.into();
    head.form = FORM_PACKED;
    (head.domain_width, head.link_width) = (byte(packed.domain_width), byte(packed.link_width));
    let mut bytes = head.as_bytes().to_vec();
    let start = bytes.len();
    let in_memory = "the lines are in memory, and larger than this";
    bytes.resize(start + packed.size().expect(in_memory), 0);
    for (run, line) in tenants.iter().zip(0..) {
        let (byte, at) = packed.place(line).expect(in_memory);
        let bytes = &mut bytes[start + byte..];
        bits::write(bytes, at, packed.domain_width, run.first_domain.into());
        bits::write(bytes, at + packed.domain_width, packed.link_width, run.first_link.into());
    }
    bytes
}

/// Encodes runs in ascending order; with hints for so many `people`, or without (0) where rows name the line.
pub(crate) fn encode(runs: &[Run], people: u32) -> Vec<u8> {
    let hint_count = people.div_ceil(1 << HINT_SHIFT);
    let mut head = Head::new_zeroed();
    head.run_count = u32::try_from(runs.len()).expect("fewer runs than people").into();
    head.hint_count = hint_count.into();
    let mut bytes = head.as_bytes().to_vec();
    for run in runs {
        let line = Line {
            start: run.start.into(),
            tenant: run.tenant.into(),
            first_domain: run.first_domain.into(),
            first_link: run.first_link.into(),
        };
        bytes.extend_from_slice(line.as_bytes());
    }
    let mut at = 0;
    for hint in 0..hint_count {
        while runs.get(at + 1).is_some_and(|next| next.start <= hint << HINT_SHIFT) {
            at += 1;
        }
        bytes.extend_from_slice(U32::new(u32::try_from(at).expect("fewer runs than people")).as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_ordinal_is_in_its_run_and_corruption_is_an_error(
            sizes in prop::collection::vec(1_u32..2000, 1..60), at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let mut people = 0;
            let mut runs = Vec::new();
            for (tenant, size) in (0..).zip(&sizes) {
                runs.push(Run { start: people, tenant, first_domain: tenant * 2, first_link: tenant * 3 });
                people += size;
            }
            let mut bytes = encode(&runs, people);
            let open = |bytes: &[u8]| Runs::open(bytes, 0..bytes.len());
            let reader = open(&bytes).unwrap();
            for (place, run) in (0..).zip(&runs) {
                prop_assert_eq!(reader.get(&bytes, place).unwrap(), *run);
                prop_assert_eq!(reader.of(&bytes, run.start).unwrap(), *run);
                prop_assert_eq!(reader.of(&bytes, run.start + sizes[run.tenant as usize] - 1).unwrap(), *run);
            }
            prop_assert!(reader.get(&bytes, runs.len() as u64).is_err());
            prop_assert!(reader.of(&bytes, people + 256).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(reader) = open(&bytes) {
                for ordinal in (0..people).step_by(17) {
                    let _ = reader.of(&bytes, ordinal);
                }
            }
        }

        #[test]
        fn packed_lines_come_back_by_tenant_and_corruption_is_an_error(
            firsts in prop::collection::vec((any::<u32>(), any::<u32>()), 0..60),
            shifts in (0_u32..32, 0_u32..32), at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let runs = firsts.iter().zip(0_u32..).map(|(&(domain, link), tenant)| {
                Run { start: 0, tenant, first_domain: domain >> shifts.0, first_link: link >> shifts.1 }
            });
            let runs: Vec<_> = runs.collect();
            let mut bytes = encode_packed(&runs);
            let open = |bytes: &[u8]| Runs::open(bytes, 0..bytes.len());
            let reader = open(&bytes).unwrap();
            for (place, run) in (0..).zip(&runs) {
                prop_assert_eq!(reader.get(&bytes, place).unwrap(), *run);
            }
            prop_assert!(reader.get(&bytes, runs.len() as u64).is_err());
            prop_assert!(reader.get(&bytes, u64::MAX).is_err());
            prop_assert!(reader.of(&bytes, 0).is_err(), "rows name these lines");
            prop_assert!(open(&bytes[..bytes.len() - 1]).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(reader) = open(&bytes) {
                for place in 0..100 {
                    let _ = (reader.get(&bytes, place), reader.of(&bytes, 17));
                }
            }
        }
    }

    #[test]
    fn lines_that_say_nothing_take_no_bits() {
        let nothing = |tenant| Run { start: 0, tenant, first_domain: 0, first_link: 0 };
        let runs: Vec<_> = (0..1_000).map(nothing).collect();
        assert!(encode_packed(&runs).len() < 32);
        assert_eq!(encode(&runs, 0).len(), 16 + 16_000);
    }
}
