//! A candidate's addresses beside the key that is looked for.

use super::person_ref::PersonRef;
use super::rows::{Leads, RowRef};
use super::scratch::with_scratch;
use super::{Corrupt, Parts, last_values};
use crate::normalize::{AddressKey, UsualKey, equals_lower, is_usual_address};

/// What the primary address and the domains tell of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstLook {
    /// It is the primary address.
    IsPrimary,
    /// It is none of theirs.
    IsNot,
    /// Their addresses have to be compared.
    MayBe,
}

impl<'a> PersonRef<'a> {
    /// Whether a usual key is the primary address of the person whose leads these are, told the shortest way: where not,
    /// [`Self::schema_of_primary`] may still know better.
    #[expect(clippy::inline_always, reason = "as `RowRef::find`")]
    #[inline(always)]
    pub(super) fn is_usual_primary(parts: Parts<'a>, leads: &Leads, key: &UsualKey) -> bool {
        let of = (parts.view.number, leads.ordinal);
        last_values::keep_key(of, key, |names| RowRef::is_email(parts, leads, names, key))
    }

    /// The schema of the person whose leads these are, if this is their primary address and as usual: nearly every look-up
    /// that finds somebody ends here.
    #[inline(never)]
    pub(super) fn schema_of_primary(parts: Parts<'a>, leads: &Leads, key: &AddressKey<'_>) -> Option<u16> {
        let row = leads.row(parts)?;
        let of = (parts.view.number, leads.ordinal);
        let is_primary = last_values::keep(
            of,
            |names, email| row.short_email(leads, names, email),
            |email| equals_key(email, key),
        );
        (is_primary == Some(true)).then(|| row.schema_number())
    }

    /// Opens the person with this ordinal and tells what the address is to them, as far as it can be told
    /// without looking at all their addresses.
    #[inline]
    pub(super) fn compared(
        parts: Parts<'a>,
        ordinal: u32,
        key: &AddressKey<'_>,
    ) -> Result<(Self, FirstLook), Corrupt> {
        let row = RowRef::open(parts, ordinal)?;
        let person = Self::of_row(&row);
        // Known from the ordinal: found while the row is still on its way.
        row.run()?;
        let mut is_other = false;
        let kept = last_values::keep(
            (parts.view.number, ordinal),
            |names, email| row.short_email(&row.leads(), names, email),
            |email| {
                let is_primary = equals_key(email, key);
                // Another that is its own key but for capitals; what else is written otherwise may be the same.
                is_other = !is_primary && std::str::from_utf8(email).is_ok_and(is_usual_address);
                is_primary
            },
        );
        let is_primary = match kept {
            Some(is_primary) => is_primary,
            None => person.is_long_primary(key)?,
        };
        if is_primary {
            return Ok((person, FirstLook::IsPrimary));
        }
        let may_be = (!is_other && row.email_may_have_domain(key.domain())?) || row.others_may_have(key)?;
        Ok((person, if may_be { FirstLook::MayBe } else { FirstLook::IsNot }))
    }

    /// Whether this is the primary address, for one that the short way does not know.
    fn is_long_primary(&self, key: &AddressKey<'_>) -> Result<bool, Corrupt> {
        with_scratch(|scratch| {
            scratch.clear();
            self.row()?.read_email(&mut scratch.bytes)?;
            let (of, email) = ((self.parts.view.number, self.ordinal), &scratch.bytes);
            let kept = last_values::keep(of, |_, text| text.set(email), |email| equals_key(email, key));
            Ok(kept.unwrap_or_else(|| equals_key(email, key)))
        })
    }

    /// Reads the address that the look-up has just compared, where it is still there. It equals
    /// a key, so there is nothing around it.
    #[inline]
    pub(super) fn read_compared_email(&self, out: &mut String) -> Result<bool, Corrupt> {
        last_values::read_to((self.parts.view.number, self.ordinal), out)
    }

    /// What `read` makes of the address that the look-up has just compared, if it is still there.
    pub(crate) fn compared_email<R>(&self, read: impl FnOnce(&str) -> R) -> Result<Option<R>, Corrupt> {
        last_values::read_text((self.parts.view.number, self.ordinal), read)
    }
}

/// Whether an address as it stands is that of the key, whatever its case. What is written otherwise than a key,
/// with quotes or blanks, is not: that wants [`address_key_equals`](crate::normalize::address_key_equals).
#[inline]
fn equals_key(address: &[u8], key: &AddressKey<'_>) -> bool {
    equals_lower(address, key.bytes())
}
