//! The values of one column by code, most frequent first.
//!
//! # Bytes
//! ```text
//! 0                   count × slot_size bytes:  size u8 (< slot_size, + 128: own slug) · text · zeros
//!                                          or:  255 · slug size u8 (255: by rule) · text size u16 · offset u32 · zeros
//! count × slot_size   texts of the second form, each with its slug behind it
//! ```
//! A short value stands in its slot, so that reading it costs one cache line; offsets count from the end of
//! the slots. A mark says that a short value is nothing but ASCII letters, digits and hyphens: then its slug is the
//! same in lower case, and is copied as fast. The *slug* of another name is stored where the [rule](super::slug) does not give it. The size of a
//! slot (the section's `encoding`) is chosen by whoever builds: [`SLOT_NAMES`] or [`SLOT_DOMAINS`].

use std::ops::Range;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::slug;
use crate::segment::Corrupt;

/// Slot for names and words: 11 bytes hold 95 % of given and family names.
pub(crate) const SLOT_NAMES: usize = 12;
/// Slot for domains: 31 bytes hold nearly all.
pub(crate) const SLOT_DOMAINS: usize = 32;

/// Largest slot.
const SLOT_MAX: usize = 64;

const FAR: u8 = 255;
const BY_RULE: u8 = 255;
/// In the size of a short value: its slug is the value in lower case, and that by a bit of each byte.
pub(crate) const OWN_SLUG: u8 = 128;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Far {
    mark: u8,
    slug_size: u8,
    text_size: U16,
    offset: U32,
}

const _: () = assert!(size_of::<Far>() == 8 && size_of::<Far>() <= SLOT_NAMES);

/// A value with its slug, if it has one of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// The value.
    pub(crate) text: &'a [u8],
    /// How it stands in addresses; `None`: as the rule says.
    pub(crate) slug: Option<&'a [u8]>,
}

fn none() -> Corrupt {
    Corrupt::new("no such code in a dictionary")
}

/// Where a dictionary stands: what the reader keeps of it.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    start: usize,
    slot_size: usize,
    count: usize,
    texts: Range<usize>,
}

/// Slots of a dictionary, all of one size: the short way to one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots<const SIZE: usize> {
    start: usize,
    count: usize,
}

impl<const SIZE: usize> Slots<SIZE> {
    /// There are none.
    pub(crate) const NONE: Self = Self { start: 0, count: 0 };

    /// Where in the segment the slot of a code begins.
    #[inline]
    pub(crate) fn place(&self, code: u64) -> Option<usize> {
        let code = usize::try_from(code).ok().filter(|&code| code < self.count)?;
        // Below the end of the slots, which was checked, so neither wraps.
        Some(code.wrapping_mul(SIZE).wrapping_add(self.start))
    }
}

impl Dictionary {
    /// Checks that `count` slots fit the section. O(1).
    pub(crate) fn open(section: Range<usize>, slot_size: u32, count: u64) -> Result<Self, Corrupt> {
        let slot_size =
            usize::try_from(slot_size).ok().filter(|&size| (SLOT_NAMES..=SLOT_MAX).contains(&size));
        let slot_size = slot_size.ok_or_else(|| Corrupt::new("slots of a dictionary"))?;
        let larger = || Corrupt::new("dictionary is larger than its section");
        let count = usize::try_from(count).map_err(|_| larger())?;
        let end = count.checked_mul(slot_size).and_then(|size| section.start.checked_add(size));
        let end = end.filter(|&end| end <= section.end).ok_or_else(larger)?;
        Ok(Self { start: section.start, slot_size, count, texts: end..section.end })
    }

    /// Appends a value.
    pub(crate) fn append(&self, segment: &[u8], code: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        out.extend_from_slice(self.get(segment, code)?.text);
        Ok(())
    }

    /// Appends a value that stands in its slot: the whole slot is copied and cut, which needs no loop. `None` where it
    /// does not.
    #[inline]
    pub(crate) fn append_slot(&self, segment: &[u8], code: u64, out: &mut Vec<u8>) -> Option<()> {
        let slot = self.slot_of::<SLOT_NAMES>(segment, code)?;
        let size = usize::from(slot[0] & !OWN_SLUG);
        if size >= SLOT_NAMES {
            return None;
        }
        let end = out.len() + size;
        out.extend_from_slice(&slot[1..]);
        out.truncate(end);
        Some(())
    }

    /// The value with this code, from 0, in the bytes of the segment. O(1), one cache line for short ones.
    #[inline]
    pub(crate) fn get<'a>(&self, segment: &'a [u8], code: u64) -> Result<Entry<'a>, Corrupt> {
        let slot = self.slot(segment, code)?;
        let size = usize::from(slot[0] & !OWN_SLUG);
        if size < self.slot_size {
            return Ok(Entry { text: &slot[1..=size], slug: None });
        }
        self.far(segment, slot)
    }

    /// The slot with this code, if slots have this size.
    #[inline]
    pub(crate) fn slot_of<'a, const SIZE: usize>(
        &self,
        segment: &'a [u8],
        code: u64,
    ) -> Option<&'a [u8; SIZE]> {
        segment.get(self.slots::<SIZE>().place(code)?..)?.first_chunk()
    }

    /// Its slots, if they have this size; else none.
    #[inline]
    pub(crate) fn slots<const SIZE: usize>(&self) -> Slots<SIZE> {
        Slots { start: self.start, count: if self.slot_size == SIZE { self.count } else { 0 } }
    }

    /// Bytes of all slots and texts.
    pub(crate) fn size(&self) -> usize {
        self.texts.end - self.start
    }

    /// Where in the segment the slot of a code stands, for prefetching.
    #[inline]
    pub(crate) fn slot_offset(&self, code: u64) -> usize {
        let code = usize::try_from(code).map_or(0, |code| code.min(self.count));
        self.start + code * self.slot_size
    }

    /// Where in the segment the text of a code stands if its slot does not hold it, for prefetching: nothing branches
    /// on a slot that is still on its way, so the processor goes on meanwhile.
    #[inline]
    pub(crate) fn far_offset(&self, segment: &[u8], code: u64) -> Option<usize> {
        let (far, _) = Far::ref_from_prefix(segment.get(self.slot_offset(code)..)?).ok()?;
        Some(self.texts.start.wrapping_add(far.offset.get() as usize).min(self.texts.end))
    }

    /// At least [`SLOT_NAMES`] bytes.
    #[inline]
    fn slot<'a>(&self, segment: &'a [u8], code: u64) -> Result<&'a [u8], Corrupt> {
        let at = usize::try_from(code).ok().filter(|&code| code < self.count);
        // Below the end of the slots, which was checked: no product or sum overflows.
        let slot = at.and_then(|code| {
            let start = self.start + code * self.slot_size;
            segment.get(start..start + self.slot_size)
        });
        slot.ok_or_else(none)
    }

    fn far<'a>(&self, segment: &'a [u8], slot: &[u8]) -> Result<Entry<'a>, Corrupt> {
        let beyond = || Corrupt::new("value reaches beyond its dictionary");
        let far = Far::ref_from_prefix(slot).ok().map(|(far, _)| far).filter(|far| far.mark == FAR);
        let far = far.ok_or_else(beyond)?;
        let texts = segment.get(self.texts.clone()).ok_or_else(beyond)?;
        let text = texts.get(far.offset.get() as usize..).ok_or_else(beyond)?;
        let (text, rest) = text.split_at_checked(usize::from(far.text_size.get())).ok_or_else(beyond)?;
        let slug = match far.slug_size {
            BY_RULE => None,
            size => Some(rest.get(..usize::from(size)).ok_or_else(beyond)?),
        };
        Ok(Entry { text, slug })
    }
}

/// Whether a value (with its slug) can stand in a dictionary at all.
pub(crate) fn fits(text: &str) -> bool {
    u16::try_from(text.len()).is_ok()
}

/// Bytes that an entry takes.
pub(crate) fn size_of_entry(slot_size: usize, text: &str, slug: Option<&str>) -> usize {
    let far = text.len() >= slot_size || slug.is_some();
    slot_size + if far { text.len() + slug.map_or(0, str::len) } else { 0 }
}

/// Encodes values with their slugs, in the order of their codes. Each value [`fits`], slugs are under 255
/// bytes, all together under 4 GiB.
pub(crate) fn encode<'e>(
    slot_size: usize,
    entries: impl ExactSizeIterator<Item = (&'e str, Option<&'e str>)>,
) -> Vec<u8> {
    let mut slots = Vec::with_capacity(entries.len() * slot_size);
    let mut texts = Vec::new();
    for (text, own_slug) in entries {
        let end = slots.len() + slot_size;
        if let (true, None, Ok(size)) = (text.len() < slot_size, own_slug, u8::try_from(text.len())) {
            slots.push(size | if slug::is_own(text.as_bytes()) { OWN_SLUG } else { 0 });
            slots.extend_from_slice(text.as_bytes());
        } else {
            let far = Far {
                mark: FAR,
                slug_size: own_slug
                    .map_or(BY_RULE, |slug| u8::try_from(slug.len()).expect("slugs are short")),
                text_size: u16::try_from(text.len()).expect("only values that fit are given").into(),
                offset: u32::try_from(texts.len()).expect("a dictionary is under 4 GiB").into(),
            };
            slots.extend_from_slice(far.as_bytes());
            texts.extend_from_slice(text.as_bytes());
            texts.extend_from_slice(own_slug.unwrap_or_default().as_bytes());
        }
        slots.resize(end, 0);
    }
    slots.extend_from_slice(&texts);
    slots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_and_slugs_come_back_and_corruption_is_an_error(
            entries in prop::collection::vec((".{0,40}", prop::option::of("[a-z]{0,20}")), 1..30),
            slot_size in prop::sample::select(vec![SLOT_NAMES, SLOT_DOMAINS]),
            at in any::<prop::sample::Index>(), bits in 1_u8..,
        ) {
            let mut bytes = encode(slot_size, entries.iter().map(|(text, slug)| (&**text, slug.as_deref())));
            let size: usize = entries.iter().map(|(text, slug)| size_of_entry(slot_size, text, slug.as_deref())).sum();
            prop_assert_eq!(size, bytes.len());
            let open = |count| Dictionary::open(0..bytes.len(), u32::try_from(slot_size).unwrap(), count);
            let dictionary = open(entries.len() as u64).unwrap();
            for (code, (text, slug)) in (0..).zip(&entries) {
                let entry = dictionary.get(&bytes, code).unwrap();
                prop_assert_eq!(entry.text, text.as_bytes());
                let far = dictionary.far_offset(&bytes, code).unwrap();
                if text.len() >= slot_size || slug.is_some() {
                    prop_assert_eq!(&bytes[far..][..text.len()], text.as_bytes());
                }
                prop_assert!(far <= bytes.len());
                prop_assert_eq!(entry.slug, slug.as_ref().map(String::as_bytes));
                let mut whole = b"before".to_vec();
                dictionary.append(&bytes, code, &mut whole).unwrap();
                prop_assert_eq!(&whole[6..], text.as_bytes());
                let mut short = b"before".to_vec();
                match dictionary.append_slot(&bytes, code, &mut short) {
                    Some(()) => prop_assert_eq!(&short[6..], text.as_bytes()),
                    None => prop_assert!(text.len() >= SLOT_NAMES || slug.is_some() || slot_size != SLOT_NAMES),
                }
                if let Some(slot) = dictionary.slot_of::<SLOT_NAMES>(&bytes, code)
                    && slot[0] & OWN_SLUG != 0 && slot[0] != FAR
                {
                    prop_assert!(slug::is_own(text.as_bytes()) && slug.is_none());
                }
            }
            prop_assert!(dictionary.get(&bytes, entries.len() as u64).is_err());
            prop_assert!(dictionary.get(&bytes, u64::MAX).is_err());
            prop_assert!(open(bytes.len() as u64).is_err());
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            for code in 0..40 {
                let _ = dictionary.get(&bytes, code);
            }
        }
    }
}
