//! Ordinal → tenant, and where the tenant's domains and links stand.
//!
//! Exports are ordered by tenant, so people of one tenant stand in *runs* of ordinals: a short table of runs
//! costs less than a tenant code in each row. Which form the table has depends on how many runs there are:
//!
//! | form | for | the line of an ordinal | bytes |
//! |---|---|---|---|
//! | lines | runs of 16 people or more | found by a hint | 16 a run, 4 for each 256 people |
//! | [marked](marks) | short runs | by counting marks | some bits a run, 1.07 bits a person |
//! | named | tenants that are mixed | the row says it | 16 a tenant, or some bits; a code in each row |
//!
//! # Bytes
//! ```text
//! 0     run_count u32 · hint_count u32 · form u8 · domain_width u8 · link_width u8 · tenant_width u8 · zero × 4
//!
//! form 0, lines that are found by a hint, or named by rows (no hints)
//! 16                run_count × (start u32 · tenant u32 · first domain u32 · first link u32)
//! 16 + 16 × runs    hint_count × u32: the run that holds ordinal 256 × i
//!
//! form 1, packed lines that rows name
//! 16                run_count × (tenant · first domain · first link), of those widths, lowest bit first
//! ...               up to a whole byte, and 8 bytes of zero
//!
//! form 2, packed lines that are found by marks
//! 16                zero × 48
//! 64                hint_count lines of marks
//! ...               packed lines as in form 1
//! ```
//! The hints bound the search to the runs that begin within 256 ordinals, usually one. Packed lines have no start, and
//! no tenant where that of each stands in the place of its code. Finding the run needs only the ordinal, so the processor
//! does it while the row is still on its way.

mod marks;
mod packed;

use std::cmp::Ordering;
use std::ops::Range;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Corrupt;
use super::key_index::low_half;
use packed::Packed;

const HINT_SHIFT: u32 = 8;
/// Where marks begin: on a cache line.
const MARKS_OFFSET: usize = 64;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    run_count: U32,
    hint_count: U32,
    form: u8,
    domain_width: u8,
    link_width: u8,
    tenant_width: u8,
    reserved: [u8; 4],
}

const FORM_LINES: u8 = 0;
const FORM_PACKED: u8 = 1;
const FORM_MARKED: u8 = 2;

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
    /// First ordinal; 0 where the line does not say it.
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
    line_count: u32,
    /// Hints, or marks.
    hints: Range<usize>,
    /// Number of the last hint.
    last_hint: u32,
    are_marked: bool,
    packed: Option<Packed>,
}

impl Runs {
    /// Checks that lines and hints fit. O(1).
    pub(crate) fn open(segment: &[u8], section: Range<usize>) -> Result<Self, Corrupt> {
        let corrupt = || Corrupt::new("runs do not fill their section");
        let (head, _) = segment
            .get(section.clone())
            .and_then(|bytes| Head::ref_from_prefix(bytes).ok())
            .ok_or_else(corrupt)?;
        let place = |offset: usize, count: usize, size: usize| {
            let start = section.start.checked_add(offset)?;
            let end = start.checked_add(count.checked_mul(size)?)?;
            (end <= section.end).then_some(start..end)
        };
        let behind = |range: &Range<usize>| range.end - section.start;
        let [run_count, hint_count] = [head.run_count, head.hint_count].map(|count| count.get() as usize);
        let packed = head.packed().filter(|packed| packed.is_valid());
        let packed_size = packed.and_then(Packed::size);
        let parts = match head.form {
            FORM_LINES => place(size_of::<Head>(), run_count, size_of::<Line>()).and_then(|lines| {
                let hints = place(behind(&lines), hint_count, size_of::<U32>())?;
                Some((lines, hints))
            }),
            FORM_PACKED => {
                packed_size.and_then(|size| place(size_of::<Head>(), 1, size)).map(|lines| (lines, 0..0))
            }
            FORM_MARKED => place(MARKS_OFFSET, hint_count, marks::LINE_SIZE).and_then(|marks| {
                let lines = place(behind(&marks), 1, packed_size?)?;
                Some((lines, marks))
            }),
            _ => None,
        };
        let (lines, hints) = parts.ok_or_else(corrupt)?;
        // Packed lines are found by marks, or named.
        let hinted =
            if head.form == FORM_LINES { (head.run_count, head.hint_count) } else { (U32::ZERO, U32::ZERO) };
        let (line_count, last_hint) = (hinted.0.get(), hinted.1.get().saturating_sub(1));
        Ok(Self { lines, line_count, hints, last_hint, are_marked: head.form == FORM_MARKED, packed })
    }

    /// The run that holds an ordinal. O(1) expected, O(log runs) at worst.
    #[inline]
    pub(crate) fn of(&self, segment: &[u8], ordinal: u32) -> Result<Run, Corrupt> {
        match self.of_two(segment, ordinal) {
            Some(line) => Ok(line.run()),
            None => self.of_any(segment, ordinal).ok_or_else(|| Corrupt::new("no run holds this ordinal")),
        }
    }

    /// The first domain of that run; `None` where there is no such run.
    #[expect(
        clippy::inline_always,
        reason = "a run that is returned goes through memory, one number does not"
    )]
    #[inline(always)]
    pub(crate) fn first_domain(&self, segment: &[u8], ordinal: u32) -> Option<u32> {
        match self.of_two(segment, ordinal) {
            Some(line) => Some(line.first_domain.get()),
            None => self.of_any(segment, ordinal).map(|run| run.first_domain),
        }
    }

    /// The line of an ordinal whose hint leads to one run, or two, as nearly all do: the start of the second tells
    /// without a guess which it is.
    #[expect(clippy::inline_always, reason = "as `first_domain`")]
    #[inline(always)]
    fn of_two<'a>(&self, segment: &'a [u8], ordinal: u32) -> Option<&'a Line> {
        let hint = ordinal >> HINT_SHIFT;
        // The last one has none behind it. Where there are no hints, this is 0.
        if hint >= self.last_hint {
            return None;
        }
        let (first, last) = self.hinted(segment, hint)?;
        let between = last.checked_sub(first).filter(|&between| between <= 1)?;
        let is_second = u32::from(self.line(segment, last)?.start.get() <= ordinal);
        // Not before the last, which there is.
        self.line(segment, first.wrapping_add(is_second & between))
    }

    /// The run of any ordinal, apart, so that what most of them do stays short.
    #[inline(never)]
    fn of_any(&self, segment: &[u8], ordinal: u32) -> Option<Run> {
        if self.are_marked {
            return self.of_marked(segment, ordinal);
        }
        let hint = ordinal >> HINT_SHIFT;
        let (first, last) = match hint.cmp(&self.last_hint) {
            Ordering::Less => self.hinted(segment, hint)?,
            Ordering::Equal => self.last_hinted(segment)?,
            Ordering::Greater => return None,
        };
        self.of_many(segment, ordinal, (first, last))
    }

    /// Finds it among several lines.
    fn of_many(&self, segment: &[u8], ordinal: u32, (first, last): (u32, u32)) -> Option<Run> {
        let lines = self.lines(segment)?.get(first as usize..=last as usize)?;
        let behind = lines.partition_point(|line| line.start.get() <= ordinal);
        lines.get(behind.checked_sub(1)?).map(Line::run)
    }

    fn of_marked(&self, segment: &[u8], ordinal: u32) -> Option<Run> {
        let place = marks::run_of(segment.get(self.hints.clone())?, ordinal)?;
        self.packed?.get(segment.get(self.lines.clone())?, place.into())
    }

    /// The first and the last line that may hold an ordinal with this hint, which is not the last.
    #[inline]
    fn hinted(&self, segment: &[u8], hint: u32) -> Option<(u32, u32)> {
        // Both at once: this one and the next.
        let both = u64::from_le_bytes(*segment.get(self.hint_place(hint)..)?.first_chunk()?);
        Some((low_half(both), low_half(both >> u32::BITS)))
    }

    /// The same for the last hint: it has none behind it.
    fn last_hinted(&self, segment: &[u8]) -> Option<(u32, u32)> {
        if self.hints.is_empty() {
            return None;
        }
        let first = segment.get(self.hint_place(self.last_hint)..)?.first_chunk()?;
        Some((u32::from_le_bytes(*first), self.line_count.checked_sub(1)?))
    }

    #[inline]
    fn hint_place(&self, hint: u32) -> usize {
        // Below 2^24 of them, so it does not wrap.
        self.hints.start.wrapping_add(hint as usize * size_of::<U32>())
    }

    #[inline]
    fn line<'a>(&self, segment: &'a [u8], at: u32) -> Option<&'a Line> {
        if at >= self.line_count {
            return None;
        }
        let place = self.lines.start.wrapping_add(at as usize * size_of::<Line>());
        Some(Line::ref_from_prefix(segment.get(place..)?).ok()?.0)
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

impl Head {
    /// How lines stand that are packed.
    fn packed(&self) -> Option<Packed> {
        let [tenant_width, domain_width, link_width] =
            [self.tenant_width, self.domain_width, self.link_width].map(u32::from);
        let packed = Packed { count: self.run_count.get(), tenant_width, domain_width, link_width };
        (self.form != FORM_LINES).then_some(packed)
    }

    fn of_packed(form: u8, packed: Packed) -> Self {
        let byte = |width: u32| u8::try_from(width).expect("fields are of 32 bits");
        let mut head = Self::new_zeroed();
        (head.form, head.run_count) = (form, packed.count.into());
        head.tenant_width = byte(packed.tenant_width);
        (head.domain_width, head.link_width) = (byte(packed.domain_width), byte(packed.link_width));
        head
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
    let mut bytes = Head::of_packed(FORM_PACKED, packed).as_bytes().to_vec();
    bytes.extend_from_slice(&packed.encode(tenants));
    bytes
}

/// Encodes runs in ascending order in as few bits as they need, with marks for so many `people`.
pub(crate) fn encode_marked(runs: &[Run], people: u32) -> Vec<u8> {
    let packed = Packed::of(runs);
    let marks = marks::encode(runs, people);
    let mut head = Head::of_packed(FORM_MARKED, packed);
    head.hint_count = u32::try_from(marks.len() / marks::LINE_SIZE).expect("fewer lines than people").into();
    let mut bytes = head.as_bytes().to_vec();
    bytes.resize(MARKS_OFFSET, 0);
    bytes.extend_from_slice(&marks);
    bytes.extend_from_slice(&packed.encode(runs));
    bytes
}

/// Bits that marks take, and all lines behind them, for runs whose fields have so many bits.
pub(crate) fn marked_bits(people: u64, runs: u64, line_width: u32) -> u64 {
    people * 64 * 8 / u64::from(marks::LINE_COUNT) + runs * u64::from(line_width)
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

    fn open(bytes: &[u8]) -> Result<Runs, Corrupt> {
        Runs::open(bytes, 0..bytes.len())
    }

    /// Runs of these sizes and tenants, with as wide numbers as `shift` leaves.
    fn runs_of(sizes: &[(u32, u32)], shift: u32) -> (Vec<Run>, u32) {
        let mut people = 0;
        let run = |&(size, tenant): &(u32, u32)| {
            let start = people;
            people += size;
            Run { start, tenant, first_domain: start.wrapping_mul(77_777) >> shift, first_link: tenant * 3 }
        };
        (sizes.iter().map(run).collect(), people)
    }

    /// Runs of the sizes, of tenants in the order of their codes or not.
    fn sizes(most: u32) -> impl Strategy<Value = Vec<(u32, u32)>> {
        (prop::collection::vec((1..most, any::<u16>()), 1..60), any::<bool>()).prop_map(
            |(sizes, is_in_order)| {
                let tenant = |place: u32, any: u16| if is_in_order { place } else { any.into() };
                (0..).zip(sizes).map(|(place, (size, any))| (size, tenant(place, any))).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn every_ordinal_is_in_its_run_and_corruption_is_an_error(
            (sizes, is_marked) in (sizes(2000), any::<bool>()), shift in 0_u32..32,
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let (runs, people) = runs_of(&sizes, shift);
            let mut bytes = if is_marked { encode_marked(&runs, people) } else { encode(&runs, people) };
            let reader = open(&bytes).unwrap();
            for (run, (size, _)) in runs.iter().zip(&sizes) {
                let known = Run { start: if is_marked { 0 } else { run.start }, ..*run };
                prop_assert_eq!(reader.of(&bytes, run.start).unwrap(), known);
                prop_assert_eq!(reader.of(&bytes, run.start + size - 1).unwrap(), known);
            }
            prop_assert!(reader.get(&bytes, runs.len() as u64).is_err());
            prop_assert!(reader.of(&bytes, people + 512).is_err());
            prop_assert!(open(&bytes[..bytes.len() - 1]).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            if let Ok(reader) = open(&bytes) {
                for ordinal in (0..people).step_by(17) {
                    let _ = reader.of(&bytes, ordinal);
                }
            }
        }

        #[test]
        fn lines_that_rows_name_come_back_and_corruption_is_an_error(
            (sizes, is_packed) in (sizes(1 << 20), any::<bool>()), shift in 0_u32..32,
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let (runs, _) = runs_of(&sizes, shift);
            let runs: Vec<_> = runs.iter().map(|run| Run { start: 0, ..*run }).collect();
            let mut bytes = if is_packed { encode_packed(&runs) } else { encode(&runs, 0) };
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
    fn hints_that_mislead_are_errors() {
        let (runs, people) = runs_of(&[(300, 1), (300, 2), (300, 3)], 0);
        let bytes = encode(&runs, people);
        let reader = open(&bytes).unwrap();
        for ordinal in [0, 255, 256, 299, 300, 511, 512, 767, 768, 899] {
            assert_eq!(reader.of(&bytes, ordinal).unwrap(), runs[ordinal as usize / 300], "{ordinal}");
        }
        assert!(reader.of(&bytes, 1_024).is_err(), "behind the last hint");
        let hints = 16 + 16 * runs.len();
        for hint in [[u32::MAX, 0], [2, 1], [3, 3], [2, 3]] {
            let mut bytes = bytes.clone();
            bytes[hints..hints + 8].copy_from_slice(hint.map(u32::to_le_bytes).as_flattened());
            assert!(open(&bytes).unwrap().of(&bytes, 7).is_err(), "{hint:?}");
        }
        // Packed lines have no hints, whatever the head says.
        let mut bytes = encode_packed(&runs.iter().map(|run| Run { start: 0, ..*run }).collect::<Vec<_>>());
        bytes[4..8].copy_from_slice(&9_u32.to_le_bytes());
        let segment = [bytes.clone(), vec![0; 4_096]].concat();
        let reader = Runs::open(&segment, 0..bytes.len()).unwrap();
        assert!((0..2_000).all(|ordinal| reader.of(&segment, ordinal).is_err()));
    }

    #[test]
    fn a_person_a_tenant_takes_a_mark_and_lines_that_say_nothing_take_no_bits() {
        let nothing = |tenant| Run { start: tenant, tenant, first_domain: 0, first_link: 0 };
        let mut runs: Vec<_> = (0..4_800).map(nothing).collect();
        assert_eq!(encode_marked(&runs, 4_800).len(), 64 + 10 * 64 + 9);
        assert_eq!(encode_packed(&runs).len(), 16 + 9);
        assert_eq!(encode(&runs, 0).len(), 16 + 4_800 * 16);
        runs.swap(3, 4);
        assert_eq!(encode_packed(&runs).len(), 16 + 4_800 * 13 / 8 + 9, "tenants of another order are named");
    }
}
