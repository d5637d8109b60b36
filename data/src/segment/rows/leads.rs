//! [`Leads`]: what the row of a person leads to, found without reading any of it.
//!
//! A look-up by address puts the primary address together from two names and a domain, each in a line of memory of its
//! own. Where those stand is worked out once: a batch asks for all of them first and comes back when they are here.

use persondb_protocol::Prefetch;

use super::{AddressColumn, RowRef, has_remainder};
use crate::segment::Parts;
use crate::segment::column::dictionary::{SLOT_DOMAINS, SLOT_NAMES};

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
}

impl Leads {
    /// They lead nowhere.
    pub(crate) const NONE: Self =
        Self { names: [NO_SLOT; 2], domain: NO_SLOT, template: 0, ordinal: u32::MAX };

    /// The row that they are of.
    #[inline]
    pub(crate) fn row<'a>(&self, parts: Parts<'a>) -> Option<RowRef<'a>> {
        RowRef::find(parts, self.ordinal)
    }
}

impl RowRef<'_> {
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
    pub(crate) fn find_leads(&self, out: &mut Leads) -> Option<()> {
        let address = self.schema.address.as_ref()?;
        let code = address.code.read(self.bytes)?;
        let domain = code.wrapping_shr(address.template_width);
        let run = match self.known_run.get() {
            Some(run) => run,
            None => self.find_run().ok()?,
        };
        let place = u64::from(run.first_domain).wrapping_add(domain);
        out.domain = self.parts.view.mail_domains.slot_place::<SLOT_DOMAINS>(place)?;
        out.template = code & address.template_mask;
        out.names[0] = self.name_slot(0);
        out.names[1] = self.name_slot(1);
        out.ordinal = self.ordinal;
        Some(())
    }

    /// Where in the segment the slot of given (0) or family name (1) begins; beyond it where the name stands in none.
    #[expect(clippy::inline_always, reason = "as `find_leads`")]
    #[inline(always)]
    pub(super) fn name_slot(&self, number: usize) -> usize {
        let Some(Some(name)) = self.schema.names.get(number) else { return NO_SLOT };
        let (Some(dictionary), Some(code)) = (&name.dictionary, name.code.read(self.bytes)) else {
            return NO_SLOT;
        };
        // Code 0, which is for names in the tail, becomes one that no dictionary has.
        dictionary.slot_place::<SLOT_NAMES>(code.wrapping_sub(1)).unwrap_or(NO_SLOT)
    }

    /// Where the slots of given and family name begin.
    #[inline]
    pub(super) fn name_slots(&self) -> [usize; 2] {
        [self.name_slot(0), self.name_slot(1)]
    }

    /// Asks for what the leads lead to.
    #[inline]
    pub(crate) fn ask_for(&self, leads: &Leads, segment: &impl Prefetch) {
        segment.prefetch(leads.domain);
        let is_of_template = |address: &AddressColumn| !has_remainder(&address.templates, leads.template);
        let is_in_tail = !self.schema.address.as_ref().is_some_and(is_of_template);
        self.ask_for_sources(leads.names, is_in_tail, segment);
    }

    /// Asks for what a primary address is made of that has no leads: the names, and most likely the tail.
    #[inline]
    pub(crate) fn ask_without_leads(&self, segment: &impl Prefetch) {
        self.ask_for_sources(self.name_slots(), true, segment);
    }

    /// Asks for given and family name, whose slots begin there, wherever they stand; for the tail anyway where something
    /// else `is_in_tail`.
    #[inline]
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
