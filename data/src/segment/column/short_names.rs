//! [`ShortNames`]: given and family name of a person and their slugs, as blocks of sixteen bytes.
//!
//! A name is copied as a block, however long it is, and only its size says where the next piece begins: a copy of just
//! so many bytes is a call whose way the size decides, and the processor cannot foresee it.

use wide::u8x16;

use super::dictionary::{Entry, OWN_SLUG, SLOT_NAMES};
use super::short::ShortText;
use super::slug;

/// Longest name, and longest slug.
pub(super) const NAME_MAX: usize = 16;
/// A bit that makes lower case of a letter, and changes neither digits nor hyphens.
const LOWER: u8x16 = u8x16::new([0x20; NAME_MAX]);

/// Given and family name of a person, once they were looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortNames {
    /// Given name, its slug, family name, its slug.
    forms: [Form; FORM_COUNT],
    are_known: bool,
}

const FORM_COUNT: usize = 4;

/// A name, or its slug. Written as it is read, by one move each: a processor waits for a read that spans several writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// What is behind the name is not counted.
    block: u8x16,
    /// At most [`NAME_MAX`].
    size: usize,
}

impl ShortNames {
    /// Not yet looked for.
    pub(crate) const fn unknown() -> Self {
        Self { forms: [Form::NONE; FORM_COUNT], are_known: false }
    }

    /// Has them looked for again.
    #[inline]
    pub(crate) fn forget(&mut self) {
        self.are_known = false;
    }

    /// The names, which `find` sets where they are not known; `None` where it does not.
    #[inline]
    pub(crate) fn get(&mut self, find: impl FnOnce(&mut Self) -> Option<()>) -> Option<&Self> {
        if !self.are_known {
            find(self)?;
            self.are_known = true;
        }
        Some(self)
    }

    /// There is no given (0) or family name (1): nothing, whatever is taken of it.
    #[inline]
    pub(crate) fn set_none(&mut self, number: usize) {
        self.set(number, Form::NONE, Form::NONE);
    }

    /// Sets a name from its slot in a dictionary; `None` where that does not hold all of it.
    #[inline]
    pub(crate) fn set_slot(&mut self, number: usize, slot: &[u8; SLOT_NAMES]) -> Option<()> {
        let size = usize::from(slot[0] & !OWN_SLUG);
        if size >= SLOT_NAMES {
            return None;
        }
        let first = u64::from_le_bytes(*slot.get(1..)?.first_chunk()?);
        let last = u32::from_le_bytes(*slot.last_chunk()?) >> u8::BITS;
        let block = u128::from(first) | u128::from(last) << u64::BITS;
        if slot[0] & OWN_SLUG == 0 {
            return self.set_block(number, block, size);
        }
        let name = Form { block: u8x16::new(block.to_le_bytes()), size };
        self.set(number, name, name.lower());
        Some(())
    }

    /// Sets a name from its dictionary; `None` where it or its slug is longer.
    pub(crate) fn set_entry(&mut self, number: usize, entry: Entry<'_>) -> Option<()> {
        let name = Form::of(entry.text)?;
        self.set(number, name, entry.slug.map_or_else(|| Some(name.slug()), Form::of)?);
        Some(())
    }

    /// Sets a name that has no slug but that of the rule, from a text that begins so; `None` where it is longer.
    #[inline]
    pub(crate) fn set_text(&mut self, number: usize, text: &ShortText) -> Option<()> {
        let (block, size) = text.begin::<NAME_MAX>()?;
        self.set_block(number, u128::from_le_bytes(*block), size)
    }

    #[inline]
    fn set_block(&mut self, number: usize, block: u128, size: usize) -> Option<()> {
        let name = Form::of_block(block, size)?;
        self.set(number, name, if name.is_own_slug() { name.lower() } else { name.slug() });
        Some(())
    }

    #[inline]
    fn set(&mut self, number: usize, name: Form, slug: Form) {
        let place = 2 * (number & 1);
        self.forms[place] = name;
        self.forms[place + 1] = slug;
    }

    /// The form with this number, any number.
    #[inline]
    pub(super) fn form(&self, number: u8) -> &Form {
        &self.forms[usize::from(number) % FORM_COUNT]
    }
}

impl Form {
    const NONE: Self = Self { block: u8x16::ZERO, size: 0 };

    fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; NAME_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Self::of_block(u128::from_le_bytes(bytes), text.len())
    }

    /// `None` where it is longer. What is behind the name is cleared.
    #[inline]
    fn of_block(block: u128, size: usize) -> Option<Self> {
        let bits = 8 * u32::try_from(NAME_MAX.checked_sub(size)?).ok()?;
        let kept = u128::MAX.checked_shr(bits).unwrap_or(0);
        Some(Self { block: u8x16::new((block & kept).to_le_bytes()), size })
    }

    /// Its bytes, with others behind them.
    #[inline]
    pub(super) fn block(&self) -> u8x16 {
        self.block
    }

    /// How many of them are meant, at most `most`.
    #[inline]
    pub(super) fn size_of(&self, most: u8) -> usize {
        self.size.min(most.into())
    }

    /// Whether letters may be of several bytes.
    #[inline]
    pub(super) fn is_wide(&self) -> bool {
        self.block.to_bitmask() != 0
    }

    /// Whether its slug is its [lower](Self::lower) case.
    #[inline]
    fn is_own_slug(&self) -> bool {
        let bytes = self.block;
        let among = |bytes: u8x16, first: u8, last: u8| {
            (bytes - u8x16::splat(first)).simd_le(u8x16::splat(last - first))
        };
        let is_letter = among(bytes | u8x16::splat(0x20), b'a', b'z');
        let is_other = among(bytes, b'0', b'9') | bytes.simd_eq(u8x16::splat(b'-'));
        // What is behind the name is zero.
        (is_letter | is_other | bytes.simd_eq(u8x16::ZERO)).all()
    }

    /// In lower case, of letters, digits and hyphens.
    #[inline]
    fn lower(&self) -> Self {
        Self { block: self.block | LOWER, size: self.size }
    }

    /// The slug that the [rule](slug) gives this name.
    fn slug(&self) -> Self {
        if self.is_wide() {
            return Self::NONE;
        }
        let (mut made, mut size) = ([0; NAME_MAX], 0);
        for &byte in self.block.as_array().iter().take(self.size) {
            let byte = slug::of_ascii(byte);
            made[size % NAME_MAX] = byte;
            size += usize::from(byte != 0);
        }
        made.get_mut(size..).unwrap_or_default().fill(0);
        Self { block: u8x16::new(made), size }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(form: &Form) -> Vec<u8> {
        form.block.as_array()[..form.size].to_vec()
    }

    proptest! {
        #[test]
        fn short_names_have_the_slugs_of_the_rule_and_long_ones_are_left(
            name in prop_oneof!["[A-Za-z]{0,16}", "[A-Za-z' 0-9.-]{0,18}", "[a-zäß李 -]{0,8}"],
            own in prop::option::of("[a-z]{0,18}"),
        ) {
            let mut names = ShortNames::unknown();
            let is_short = name.len() <= NAME_MAX && own.as_ref().is_none_or(|own| own.len() <= NAME_MAX);
            let mut whole = ShortText::new();
            whole.push_slice(name.as_bytes()).unwrap();
            prop_assert_eq!(names.set_text(0, &whole).is_some(), name.len() <= NAME_MAX);
            if name.len() <= NAME_MAX {
                prop_assert_eq!(text(names.form(0)), name.as_bytes());
                prop_assert_eq!(text(names.form(1)), slug::of(&name).to_vec());
            }
            let entry = Entry { text: name.as_bytes(), slug: own.as_deref().map(str::as_bytes) };
            prop_assert_eq!(names.set_entry(1, entry).is_some(), is_short);
            if is_short {
                let by_rule = slug::of(&name).to_vec();
                prop_assert_eq!(text(names.form(2)), name.as_bytes());
                prop_assert_eq!(text(names.form(3)), own.map_or(by_rule, String::into_bytes));
                prop_assert_eq!(names.form(2).is_wide(), !name.is_ascii());
            }
        }
    }
}
