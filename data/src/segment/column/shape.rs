//! [`Shape`]: a template of two names as a few copies of fixed size, one after the other.
//!
//! Nearly all templates are given and family name, in either order, with a few letters before, between and behind
//! them, sometimes with digits at the end. Taking such a template piece by piece is a loop whose every turn the
//! processor guesses wrong, for the next person has another template. In a shape the pieces stand in fixed places,
//! those that a template lacks are of size 0, and all templates run through the same instructions: callgrind's
//! predictor went from 23 wrong guesses a hit to 12 (address and display name, a million people).
//!
//! ```text
//! before · first name · between · second name · digits · behind
//! ```
//! What has another form, or [names](ShortNames) of more than 16 bytes, goes step by step
//! ([`Step`](super::short::Step)); both give the same bytes.

use wide::u8x16;

use super::beside_key::{BLOCK, BesideKey};
use super::blocks::Blocks;
use super::digits::Digits;
use super::piece::{DIGITS_MAX, Piece, TAKE_MAX};
use super::short::ShortText;
use super::short_names::{NAME_MAX, ShortNames};
use super::template::SOURCE_COUNT;

/// Longest text before or between the names.
const INNER_MAX: usize = 4;
/// Bytes that it is copied with: more than it ever has, so that no copy is cut at its end, which would have to be
/// foreseen.
const INNER_BLOCK: usize = 8;
/// Longest text behind them.
const BEHIND_MAX: usize = 14;
const BEHIND_BLOCK: usize = 16;
/// How many letters are taken of a name that is not cut: as many as it may have.
const ALL_LETTERS: u8 = 16;
const _: () = assert!(ALL_LETTERS as usize == NAME_MAX);
/// Longest value.
const SIZE_MAX: usize = INNER_MAX + NAME_MAX + INNER_MAX + NAME_MAX + DIGITS_MAX as usize + BEHIND_MAX;
/// No place in a value is greater; so the places need no check.
const PLACE_MASK: usize = 63;
const _: () = assert!(SIZE_MAX <= PLACE_MASK);

/// A template in its fixed form, one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Shape {
    before: Literal<INNER_BLOCK>,
    between: Literal<INNER_BLOCK>,
    behind: Literal<BEHIND_BLOCK>,
    first: Part,
    second: Part,
    digits: u8,
    /// Whether there is one.
    is_any: bool,
    /// Whether a value has no capitals, as keys have none.
    is_lower: bool,
    /// Whether letters of a name are counted.
    is_cut: bool,
}

/// The same in all values.
#[derive(Clone, Copy, Debug)]
struct Literal<const BLOCK: usize> {
    bytes: [u8; BLOCK],
    size: u8,
}

/// What is taken of a name.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Of [`ShortNames`].
    form: u8,
    /// Letters; [`ALL_LETTERS`] for all of them, 0 where the template has no such name.
    take: u8,
    /// Whether letters are counted, so that each has to be a byte.
    is_cut: bool,
}

impl Shape {
    /// That of a template that has none.
    pub(super) const NONE: Self = Self {
        before: Literal::NONE,
        between: Literal::NONE,
        behind: Literal::NONE,
        first: Part::NONE,
        second: Part::NONE,
        digits: 0,
        is_any: false,
        is_lower: false,
        is_cut: false,
    };

    /// The fixed form of a template; `None` where it does not fit.
    pub(super) fn of(pieces: &[Piece]) -> Option<Self> {
        let names = u8::try_from(SOURCE_COUNT / 2).ok()?;
        let mut shape = Self { is_any: true, ..Self::NONE };
        let mut name_count = 0;
        for piece in pieces {
            let is_at_end = shape.digits > 0 || shape.behind.size > 0;
            match piece {
                Piece::Source { source, take } if *take <= TAKE_MAX && source % names < 2 && !is_at_end => {
                    let form = 2 * (source % names) + u8::from(*source >= names);
                    let is_cut = *take > 0;
                    let take = if is_cut { *take } else { ALL_LETTERS };
                    let place = [&mut shape.first, &mut shape.second].into_iter().nth(name_count)?;
                    *place = Part { form, take, is_cut };
                    name_count += 1;
                }
                Piece::Literal(literal) if is_at_end => shape.behind.set(literal, BEHIND_MAX)?,
                Piece::Literal(literal) => match name_count {
                    0 => shape.before.set(literal, INNER_MAX)?,
                    1 => shape.between.set(literal, INNER_MAX)?,
                    _ => shape.behind.set(literal, BEHIND_MAX)?,
                },
                Piece::Digits(count) if !is_at_end && *count <= DIGITS_MAX => shape.digits = *count,
                _ => return None,
            }
        }
        let literals = [&shape.before.bytes[..], &shape.between.bytes, &shape.behind.bytes];
        shape.is_cut = shape.first.is_cut | shape.second.is_cut;
        shape.is_lower = [shape.first, shape.second].into_iter().all(Part::is_lower)
            && literals.into_iter().flatten().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        Some(shape)
    }

    /// Whether the template has one.
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.is_any
    }

    /// Whether these names tell the value.
    #[inline]
    pub(crate) fn is_told_by(&self, names: &ShortNames) -> bool {
        // Few values are cut.
        !self.is_cut || (self.first.is_told_by(names) & self.second.is_told_by(names))
    }

    /// Puts the value of these names, which [tell it](Self::is_told_by), into `out`, which is empty. `digits` takes so many
    /// digits off the remainder.
    ///
    /// For an address that a look-up cannot compare piece by piece. With blocks one behind the other, as [`Self::write`] has them, a look-up
    /// took 6 % more instructions.
    #[inline]
    pub(crate) fn render(
        &self,
        names: &ShortNames,
        digits: impl FnOnce(u8) -> Option<Digits>,
        out: &mut ShortText,
    ) -> Option<()> {
        let at = self.before.put(0, out);
        let at = self.first.put(names, at, out);
        let at = self.between.put(at, out);
        let mut at = self.second.put(names, at, out);
        if self.digits > 0 {
            out.put_at(at & PLACE_MASK, digits(self.digits)?.get().to_le_bytes());
            at += usize::from(self.digits);
        }
        let size = self.behind.put(at, out);
        out.end_at(size);
        Some(())
    }

    /// Whether a value may be a key as it is, and is worth to be [compared](Self::compare) where that stands.
    #[inline]
    pub(crate) fn is_lower(&self) -> bool {
        self.is_lower
    }

    /// Compares the value of these names, which [tell it](Self::is_told_by), with what comes next of a key. `digits` as in
    /// [`Self::render`].
    #[expect(clippy::inline_always, reason = "with it the differences stay in a register")]
    #[inline(always)]
    pub(crate) fn compare(
        &self,
        names: &ShortNames,
        digits: impl FnOnce(u8) -> Option<Digits>,
        key: &mut BesideKey<'_>,
    ) -> Option<()> {
        if self.before.size > 0 {
            self.before.compare(key);
        }
        self.first.compare(names, key);
        self.between.compare(key);
        self.second.compare(names, key);
        if self.digits > 0 {
            key.next(u8x16::new(digits(self.digits)?.get().to_le_bytes()), self.digits.into());
        }
        if self.behind.size > 0 {
            self.behind.compare(key);
        }
        Some(())
    }

    /// Appends the value of these names, which [tell it](Self::is_told_by). `digits` takes so many digits off the remainder.
    /// `None`, and whatever in `out`, where there are none, or as [`Blocks`] says.
    #[inline]
    pub(crate) fn write(
        &self,
        names: &ShortNames,
        digits: impl FnOnce(u8) -> Option<Digits>,
        out: &mut impl Blocks,
    ) -> Option<()> {
        // Hardly any template begins with text.
        if self.before.size > 0 {
            self.before.write(out)?;
        }
        self.first.write(names, out)?;
        self.between.write(out)?;
        self.second.write(names, out)?;
        if self.digits > 0 {
            out.push_block(&digits(self.digits)?.get().to_le_bytes(), self.digits.into())?;
        }
        if self.behind.size > 0 {
            self.behind.write(out)?;
        }
        Some(())
    }
}

impl<const BLOCK: usize> Literal<BLOCK> {
    const NONE: Self = Self { bytes: [0; BLOCK], size: 0 };

    /// Sets it; `None` where there is one, or the text is longer than `most`.
    fn set(&mut self, text: &str, most: usize) -> Option<()> {
        if self.size > 0 || text.len() > most {
            return None;
        }
        self.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        self.size = u8::try_from(text.len()).ok()?;
        Some(())
    }

    #[inline]
    fn put(&self, at: usize, out: &mut ShortText) -> usize {
        out.put_at(at & PLACE_MASK, self.bytes);
        at + usize::from(self.size)
    }

    #[inline]
    fn compare(&self, key: &mut BesideKey<'_>) {
        key.next(block(self.bytes), self.size.into());
    }

    #[inline]
    fn write(&self, out: &mut impl Blocks) -> Option<()> {
        out.push_block(&self.bytes, self.size.into())
    }
}

/// A block that begins with these bytes.
#[inline]
fn block<const SIZE: usize>(bytes: [u8; SIZE]) -> u8x16 {
    let mut block = [0; BLOCK];
    if let Some(room) = block.first_chunk_mut() {
        *room = bytes;
    }
    u8x16::new(block)
}

impl Part {
    const NONE: Self = Self { form: 0, take: 0, is_cut: false };

    /// Whether it is a slug, which are in lower case, or nothing.
    fn is_lower(self) -> bool {
        self.form % 2 == 1 || self.take == 0
    }

    #[inline]
    fn compare(self, names: &ShortNames, key: &mut BesideKey<'_>) {
        let form = names.form(self.form);
        key.next(form.block(), form.size_of(self.take));
    }

    /// Whether this part can be taken by bytes.
    #[inline]
    fn is_told_by(self, names: &ShortNames) -> bool {
        !(self.is_cut & names.form(self.form).is_wide())
    }

    #[inline]
    fn put(self, names: &ShortNames, at: usize, out: &mut ShortText) -> usize {
        let form = names.form(self.form);
        out.put_at(at & PLACE_MASK, form.block().to_array());
        at + form.size_of(self.take)
    }

    #[inline]
    fn write(self, names: &ShortNames, out: &mut impl Blocks) -> Option<()> {
        let form = names.form(self.form);
        out.push_block(form.block().as_array(), form.size_of(self.take))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dictionary::{Entry, SLOT_DOMAINS};
    use super::super::slug;
    use super::super::template::{TemplateSet, TextStore};
    use super::*;
    use crate::normalize::KeyRoom;
    use crate::segment::Corrupt;

    /// Templates here have no text.
    struct NoText;

    impl TextStore for NoText {
        fn encode(&self, _: &str, _: &mut Vec<u8>) {}

        fn decode(&self, _: &[u8], _: &mut Vec<u8>) -> Result<(), Corrupt> {
            Err(Corrupt::new("no text"))
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let source = (prop::sample::select(vec!["given", "family", "middle"]), any::<bool>(), 0_u8..6);
        prop_oneof![
            6 => source.prop_map(|(name, is_slug, take)| {
                let slug = if is_slug { ".slug" } else { "" };
                let take = if take == 0 || take > TAKE_MAX { String::new() } else { format!(":{take}") };
                format!("{{{name}{slug}{take}}}")
            }),
            4 => prop::sample::select(vec![".", " ", ", ", "u", "ext-", " (Contractor)", "ü", "abcde"]).prop_map(str::to_owned),
            1 => (1..=DIGITS_MAX).prop_map(|count| format!("{{digits:{count}}}")),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            "[A-Z][a-z]{0,12}",
            "[A-Za-z]{15,18}",
            "[A-Z]'[A-Z][a-z]{1,5}",
            "[a-z0-9-]{0,6}",
            "[A-Zäé李 ]{0,6}"
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]
        #[test]
        fn a_shape_gives_what_its_template_gives_or_says_that_it_does_not(
            pieces in prop::collection::vec(piece(), 1..6), given in name(), family in name(), number: u32,
        ) {
            let Ok(templates) = TemplateSet::parse(&[pieces.concat()]) else { return Ok(()) };
            let Some(shape) = templates.shape(1) else { return Ok(()) };
            let mut names = ShortNames::unknown();
            let mut set = |number, name: &str| names.set_entry(number, Entry { text: name.as_bytes(), slug: None });
            let known = set(0, &given).and(set(1, &family));
            if known.is_none() || !shape.is_told_by(&names) {
                prop_assert!(given.len().max(family.len()) > NAME_MAX || !given.is_ascii() || !family.is_ascii());
                return Ok(());
            }
            // Every number has one digit at least.
            let remainder = (number % 10).to_le_bytes();
            let source = |source: u8, take: u8, out: &mut Vec<u8>| {
                let start = out.len();
                let sources = [&given, &family, "", ""];
                out.extend_from_slice(sources[usize::from(source) % 4].as_bytes());
                if source >= 4 {
                    slug::make(out, start);
                }
                if take > 0 {
                    slug::take(out, start, take);
                }
                Ok(())
            };
            let mut expected = Vec::new();
            templates.decode(1, source, &mut &remainder[..], &NoText, &mut expected).unwrap();
            let mut made = ShortText::new();
            let digits = |count| super::super::digits::read(count, &mut &remainder[..]).ok();
            prop_assert!(shape.render(&names, digits, &mut made).is_some());
            prop_assert_eq!(made.bytes(), &expected);
            let digits = |count| super::super::digits::read(count, &mut &remainder[..]).ok();
            let mut bytes = b"before".to_vec();
            prop_assert!(shape.write(&names, digits, &mut bytes).is_some());
            prop_assert_eq!(&bytes[6..], &expected);
            let mut text = String::new();
            let digits = |count| super::super::digits::read(count, &mut &remainder[..]).ok();
            let is_ascii = expected.is_ascii() && given.is_ascii() && family.is_ascii();
            match shape.write(&names, digits, &mut text) {
                Some(()) => prop_assert_eq!(text.as_bytes(), &expected),
                // What is not ASCII may be left to others.
                None => prop_assert!(!is_ascii),
            }
            // A key of these bytes is met, one that differs in a byte is not.
            let mut room = [b'x'; size_of::<KeyRoom>()];
            room[..expected.len()].copy_from_slice(&expected);
            let is_met = |room: &KeyRoom| {
                let mut beside = BesideKey::new(room);
                let digits = |count| super::super::digits::read(count, &mut &remainder[..]).ok();
                shape.compare(&names, digits, &mut beside).unwrap();
                beside.ends(expected.len(), &[0; SLOT_DOMAINS], expected.len() + 1)
            };
            prop_assert!(is_met(&room));
            for at in 0..expected.len() {
                room[at] ^= 1 << (number % 8);
                prop_assert!(!is_met(&room), "byte {} of {:?}", at, String::from_utf8_lossy(&expected));
                room[at] ^= 1 << (number % 8);
            }
        }
    }

    #[test]
    fn usual_templates_have_a_shape_and_others_have_none() {
        for (template, has_shape) in [
            ("{given.slug}.{family.slug}", true),
            ("{given.slug:1}{family.slug}{digits:2}", true),
            ("{family}, {given}", true),
            ("{given} {family} (Contractor)", true),
            ("u{digits:6}", true),
            ("{family.slug}", true),
            ("{given} {middle} {family}", false),
            ("{given} {text}. {family}", false),
            ("{title}{given.slug}", false),
            ("{given}{family}{given}", false),
            ("{digits:2}{given.slug}", false),
            ("{given} (external) {family}", false),
            ("{given} {family} (Contractor, abroad)", false),
        ] {
            let templates = TemplateSet::parse(&[template.to_owned()]).unwrap();
            assert_eq!(templates.shape(1).is_some(), has_shape, "{template}");
        }
    }
}
