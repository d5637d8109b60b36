//! How tenants stand among the ordinals, and the ranks of people within them, where indexes hold those.

use super::keyed::Keyed;
use super::layout::Context;
use super::tenants::Tenants;
use crate::segment::column::bits::width_of;
use crate::segment::sections;

/// Bytes that a tenant and a run cost which ranks need: a place and a key of the tenant index, and a piece.
const TENANT_COST: u64 = 4 + 5;
const PIECE_COST: u64 = 8;
/// Ordinals of one hint.
const HINT_SHIFT: u32 = 8;

/// How tenants stand among the ordinals.
pub(super) struct TenantOrder {
    /// First ordinal and tenant of each run.
    pub(super) runs: Vec<(u32, u32)>,
    pub(super) form: RunsForm,
    ranks: Option<Ranks>,
}

/// How the tenant of an ordinal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunsForm {
    /// A line for each run.
    Lines,
    /// A bit for each person, set where a run begins.
    Marked,
    /// Rows name their tenant's line.
    Named,
}

impl TenantOrder {
    /// For people in these runs, first ordinal and tenant of each.
    pub(super) fn new(runs: Vec<(u32, u32)>, context: Context<'_>, keyed: &Keyed) -> Self {
        let Context { people, tenants, .. } = context;
        let form = RunsForm::for_runs(&runs, context);
        let ranks = (form != RunsForm::Named).then(|| Ranks::new(&runs, people, tenants, keyed)).flatten();
        Self { runs, form, ranks }
    }

    /// Where the indexes that are asked with a tenant hold ranks.
    pub(super) fn ranks(&self) -> Option<&Ranks> {
        self.ranks.as_ref()
    }
}

impl RunsForm {
    /// Lines where runs are long, since they are read at once; otherwise what takes fewer bits.
    fn for_runs(runs: &[(u32, u32)], context: Context<'_>) -> Self {
        let people = context.people;
        let run_count = runs.len() as u64;
        if Self::are_lines(runs.len(), people) {
            return Self::Lines;
        }
        let tenants = context.tenants.iter().len() as u64;
        let tenant_width = width_of(tenants);
        let known_width =
            width_of(context.domains.domains().len() as u64) + width_of(context.links.table().len() as u64);
        let are_in_place = runs.iter().zip(0..).all(|(&(_, tenant), place)| tenant == place);
        let line_width = known_width + if are_in_place { 0 } else { tenant_width };
        let marked = sections::marked_runs_bits(people, run_count, line_width);
        let line_bits = if Self::named_are_packed(tenants, people) { u64::from(known_width) } else { 128 };
        let named = people * u64::from(tenant_width) + tenants * line_bits;
        if marked < named { Self::Marked } else { Self::Named }
    }

    /// Whether there is a line for each of so many runs, since they are long.
    pub(super) fn are_lines(run_count: usize, people: u64) -> bool {
        run_count as u64 <= people / 16 + 16
    }

    /// Whether lines that rows name are packed. Where there are few, some bits of a person are not worth what every
    /// look-up would have to take apart.
    pub(super) fn named_are_packed(tenants: u64, people: u64) -> bool {
        tenants >= people / 16
    }
}

/// Ordinal → rank.
pub(super) struct Ranks {
    /// First ordinal of each run, and what is taken off the ordinals in it.
    runs: Vec<(u32, u32)>,
    /// The run of each 256th ordinal.
    hints: Vec<usize>,
    /// Tenant, first rank and first ordinal of each run, by tenant and rank.
    pieces: Vec<(u32, u32, u32)>,
}

impl Ranks {
    /// For people in these runs, first ordinal and tenant of each; `None` where ordinals take less room beside these
    /// keys.
    fn new(runs: &[(u32, u32)], people: u64, tenants: &Tenants, keyed: &Keyed) -> Option<Self> {
        let largest = tenants.iter().map(|(_, people)| people).max().unwrap_or(0);
        let spared = u64::from(width_of(people).saturating_sub(width_of(largest)));
        let keys = (keyed.persons.len() + keyed.names.len()) as u64;
        let cost = TENANT_COST * tenants.iter().len() as u64 + PIECE_COST * runs.len() as u64;
        (keys * spared / 8 > cost).then(|| Self::of_runs(runs, people, tenants.iter().len()))
    }

    fn of_runs(runs: &[(u32, u32)], people: u64, tenant_count: usize) -> Self {
        let mut before = vec![0_u32; tenant_count];
        let end = u32::try_from(people).expect("people are capped at 2^31");
        let ends = runs.iter().skip(1).map(|run| run.0).chain([end]);
        let mut ranks = Self { runs: Vec::new(), hints: Vec::new(), pieces: Vec::new() };
        for (&(start, tenant), end) in runs.iter().zip(ends) {
            let rank = &mut before[tenant as usize];
            ranks.runs.push((start, start - *rank));
            ranks.pieces.push((tenant, *rank, start));
            *rank += end - start;
        }
        ranks.pieces.sort_unstable();
        let mut run = 0;
        for hint in 0..=end >> HINT_SHIFT {
            while runs.get(run + 1).is_some_and(|next| next.0 <= hint << HINT_SHIFT) {
                run += 1;
            }
            ranks.hints.push(run);
        }
        ranks
    }

    /// How many people of their tenant stand before somebody. O(log runs) at worst, as a rule O(1).
    pub(super) fn of(&self, ordinal: u32) -> u32 {
        let hint = (ordinal >> HINT_SHIFT) as usize;
        let first = self.hints[hint];
        let last = self.hints.get(hint + 1).copied().unwrap_or(self.runs.len() - 1);
        let behind = self.runs[first..=last].partition_point(|run| run.0 <= ordinal);
        ordinal - self.runs[first + behind - 1].1
    }

    /// The section.
    pub(super) fn encode(&self, tenant_count: u32) -> Vec<u8> {
        sections::encode_ranks(tenant_count, &self.pieces)
    }
}
