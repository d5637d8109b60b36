//! Lines of runs bit by bit: where tenants are many beside the people.

use super::Run;
use crate::segment::column::bits;

/// How packed lines stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    pub(super) count: u32,
    /// 0 where the line of a tenant stands in the place of its code.
    pub(super) tenant_width: u32,
    pub(super) domain_width: u32,
    pub(super) link_width: u32,
}

impl Packed {
    /// The narrowest fields for these lines.
    pub(super) fn of(runs: &[Run]) -> Self {
        let width = |of: fn(&Run) -> u32| {
            bits::width_of(runs.iter().map(|run| u64::from(of(run)) + 1).max().unwrap_or(1))
        };
        let are_in_place = runs.iter().zip(0..).all(|(run, place)| run.tenant == place);
        Self {
            count: u32::try_from(runs.len()).expect("fewer runs than people"),
            tenant_width: if are_in_place { 0 } else { width(|run| run.tenant).max(1) },
            domain_width: width(|run| run.first_domain),
            link_width: width(|run| run.first_link),
        }
    }

    /// Whether fields are no wider than they can be.
    pub(super) fn is_valid(self) -> bool {
        [self.tenant_width, self.domain_width, self.link_width].iter().all(|&width| width <= u32::BITS)
    }

    /// Bytes of all lines, with what has to be readable behind them.
    pub(super) fn size(self) -> Option<usize> {
        self.place(self.count)?.0.checked_add(1 + bits::SLACK)
    }

    /// Byte and bit where a line begins.
    fn place(self, line: u32) -> Option<(usize, u32)> {
        let at = u64::from(line) * u64::from(self.tenant_width + self.domain_width + self.link_width);
        Some((usize::try_from(at / 8).ok()?, u32::try_from(at % 8).ok()?))
    }

    #[inline]
    pub(super) fn get(self, bytes: &[u8], place: u64) -> Option<Run> {
        let place = u32::try_from(place).ok().filter(|&place| place < self.count)?;
        let (byte, mut at) = self.place(place)?;
        let bytes = bytes.get(byte..)?;
        // A load for each: together they may be wider than one.
        let mut field = |width: u32| {
            let value = bits::read(bytes, at, width)?;
            at += width;
            u32::try_from(value).ok()
        };
        let tenant = if self.tenant_width == 0 { place } else { field(self.tenant_width)? };
        Some(Run {
            start: 0,
            tenant,
            first_domain: field(self.domain_width)?,
            first_link: field(self.link_width)?,
        })
    }

    /// The lines.
    pub(super) fn encode(self, runs: &[Run]) -> Vec<u8> {
        let in_memory = "the lines are in memory, and larger than this";
        let mut bytes = vec![0; self.size().expect(in_memory)];
        for (run, line) in runs.iter().zip(0..) {
            let (byte, mut at) = self.place(line).expect(in_memory);
            let bytes = &mut bytes[byte..];
            let tenant = (self.tenant_width > 0).then_some((self.tenant_width, run.tenant));
            let others = [(self.domain_width, run.first_domain), (self.link_width, run.first_link)];
            for (width, value) in tenant.into_iter().chain(others) {
                bits::write(bytes, at, width, value.into());
                at += width;
            }
        }
        bytes
    }
}
