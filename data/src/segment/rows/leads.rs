//! [`Leads`]: what the row of a person leads to, found without reading any of it.
//!
//! A look-up by address puts the primary address together from two names and a domain, each in a line of memory of its
//! own. Where those stand is worked out once: a batch asks for all of them first and comes back when they are here.

use persondb_protocol::Prefetch;

use super::{AddressColumn, NameSlots, RowRef, SchemaRow, has_remainder};
use crate::segment::Parts;

/// Beyond any segment: a name that stands in no slot.
const NO_SLOT: usize = usize::MAX;

/// Where the primary address of a person comes from, if that is a template over the names and a domain of the tenant.
///
/// Filled in place and read where it stands: a copy reads wider words than were written, and waits for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leads {
    /// Where in the segment the slots of given and family name begin.
    pub(super) names: [usize; 2],
    /// Where that of the domain begins.
    pub(super) domain: usize,
    /// Code of the template of the local part; 0 where the address stands in the tail.
    pub(super) template: u64,
    /// Whose.
    pub(crate) ordinal: u32,
    /// Number of their schema.
    pub(crate) schema: u16,
}

impl Leads {
    /// They lead nowhere.
    pub(crate) const NONE: Self =
        Self { names: [NO_SLOT; 2], domain: NO_SLOT, template: 0, ordinal: u32::MAX, schema: 0 };

    /// The row that they are of.
    #[inline]
    pub(crate) fn row<'a>(&self, parts: Parts<'a>) -> Option<RowRef<'a>> {
        RowRef::find(parts, self.ordinal)
    }
}

impl<'a> RowRef<'a> {
    /// Where the primary address comes from; nowhere if it is stored otherwise.
    #[inline]
    pub(crate) fn leads(&self) -> Leads {
        let mut leads = Leads::NONE;
        let _ = self.find_leads(&mut leads);
        leads
    }

    /// Makes `out` where the primary address comes from; `None`, and `out` as it was, if it is stored otherwise.
    #[expect(clippy::inline_always, reason = "with it the row stays in registers")]
    #[inline(always)]
    pub(crate) fn find_leads(&self, out: &mut Leads) -> Option<&'a AddressColumn> {
        let address = self.schema.address.as_ref()?;
        let code = address.code.read(self.bytes)?;
        let domain = code.wrapping_shr(address.template_width);
        let first_domain = match (self.known_run.get(), &self.parts.view.rows.run) {
            (Some(run), _) => run.first_domain,
            (None, None) => self.parts.view.runs.first_domain(self.parts.bytes, self.ordinal)?,
            (None, Some(_)) => self.find_run().ok()?.first_domain,
        };
        let place = u64::from(first_domain).wrapping_add(domain);
        out.domain = self.parts.view.domain_slots.place(place)?;
        out.template = code & address.template_mask;
        out.names = name_slots(self.schema, self.bytes);
        out.ordinal = self.ordinal;
        out.schema = self.schema_number;
        Some(address)
    }

    /// Where the slots of given and family name begin.
    #[inline]
    pub(super) fn name_slots(&self) -> [usize; 2] {
        name_slots(self.schema, self.bytes)
    }

    /// Asks for what the leads lead to, which are those of this address.
    #[expect(clippy::inline_always, reason = "as `find_leads`")]
    #[inline(always)]
    pub(crate) fn ask_for(&self, leads: &Leads, address: &AddressColumn, segment: &impl Prefetch) {
        segment.prefetch(leads.domain);
        let is_in_tail = has_remainder(&address.templates, leads.template);
        self.ask_for_sources(leads.names, is_in_tail, segment);
    }

    /// Asks for what a primary address is made of that has no leads: the names, and most likely the tail.
    #[inline(never)]
    pub(crate) fn ask_without_leads(parts: Parts<'a>, ordinal: u32, segment: &impl Prefetch) {
        if let Some(row) = Self::find(parts, ordinal) {
            row.ask_for_sources(row.name_slots(), true, segment);
        }
    }

    /// Asks for given and family name, whose slots begin there, wherever they stand; for the tail anyway where something
    /// else `is_in_tail`.
    #[expect(clippy::inline_always, reason = "as `find_leads`")]
    #[inline(always)]
    pub(super) fn ask_for_sources(&self, slots: [usize; 2], is_in_tail: bool, segment: &impl Prefetch) {
        let mut is_in_tail = is_in_tail;
        for (slot, name) in slots.into_iter().zip(&self.schema.names) {
            segment.prefetch(slot);
            is_in_tail |= slot == NO_SLOT && name.is_some();
        }
        if is_in_tail && let Ok(start) = self.tail_start() {
            // A place that wraps is a hint to nowhere.
            segment.prefetch(self.parts.view.tails.start.wrapping_add(start));
        }
    }
}

/// Where in the segment the slots of given and family name begin; beyond it where a name stands in none.
#[expect(clippy::inline_always, reason = "as `find_leads`")]
#[inline(always)]
pub(super) fn name_slots(schema: &SchemaRow, row: &[u8]) -> [usize; 2] {
    schema.name_slots.each_ref().map(|NameSlots { code, slots }| {
        // Code 0, which is for names in the tail, becomes one that no dictionary has.
        let place = code.read(row).and_then(|code| slots.place(code.wrapping_sub(1)));
        place.unwrap_or(NO_SLOT)
    })
}
