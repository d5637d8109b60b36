//! Templates: values that follow from the names of their person.
//!
//! # How it works
//! Most display names and the local parts of most addresses are a person's names in another form. A
//! *template* is that form, `{given.slug:1}{family.slug}`; a column has up to 255 of them, learned from a
//! sample, and a value is the code of its template with a *remainder*: what does not follow from the names.
//!
//! | text of a template | of Jane Smith | remainder |
//! |---|---|---|
//! | `{family}, {given}` | Smith, Jane | |
//! | `{given.slug:3}{digits:4}` | jan7611 | 2 bytes |
//! | `{given} {family} (Contractor)` | Jane Smith (Contractor) | |
//! | `{title}{given.slug}.{family.slug}` | Jane.Smith | |
//! | `{given} {text}. {family}` | Jane Q. Smith | 1 byte and the text |
//!
//! `{given.slug:3}` is at most 3 first letters, `{title}` and `{upper}` make capitals of what is behind them,
//! `{{` and `}}` are braces.
//!
//! A value is explained by `explain` without regard to the templates there are, and the text of the
//! explanation is looked up. A word or number that many values share at the same place (Contractor, the 2 of a second
//! Jane Smith) is part of a template of its own, which goes first.
//! When that template was not learned, the most frequent templates are tried one after the other, for an
//! explanation need not be the only one; then simpler explanations, at last `{text}`.
//!
//! # Bytes
//! Templates are strings in the metadata, their codes count from 1. A remainder, in its template's order:
//! ```text
//! {digits:n}   the number, little-endian, in the fewest bytes that hold n nines: 1 1 2 2 3 3 3 4 4
//! {text}       varint length · as many bytes of the column's text store
//! ```
//!
//! # Trade-offs
//! The letters of a source are not changed, except to ASCII capitals: what is derived otherwise (slugs) is a
//! source of its own, which the reader must derive again. In return a rendered value is a few copies.
//!
//! The idea is that of log compression, where a message is its format and its variables (Rodrigues, Luo and
//! Yuan, *CLP: Efficient and Scalable Search on Compressed Text Logs*, OSDI 2021), with variables that are
//! already stored elsewhere.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::digits;
use super::explain::{Kind, Parts, explain, join, whole};
use super::learn;
use super::piece::{Piece, Template, text_of};
use super::shape::Shape;
use super::short::{ALL, Step};
use crate::segment::{Corrupt, varint};

/// Texts that a template may refer to.
pub(crate) const SOURCE_COUNT: usize = 8;
/// Templates of a column: a code is a byte.
pub(super) const TEMPLATES_MAX: usize = 255;
/// Templates that are tried on a value whose explanation is not among them.
const TRIED_MAX: usize = 32;
/// Most frequent templates that a value is compared with before it is explained.
const QUICK_MAX: usize = 8;
/// Slots of the table of templates: a power of two, a quarter full at most.
const SLOT_COUNT: usize = 1024;

/// Given, family, middle and preferred name, and the slugs of the four. Empty: the person has none.
pub(crate) type Sources<'a> = [&'a str; SOURCE_COUNT];

/// How the text pieces of a column are stored.
pub(crate) trait TextStore {
    /// Appends the bytes of `text`.
    fn encode(&self, text: &str, out: &mut Vec<u8>);
    /// Appends the text of `bytes`.
    fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt>;
}

/// The templates of a column.
#[derive(Clone, Debug)]
pub(crate) struct TemplateSet {
    /// The template of code 1 first.
    templates: Vec<Template>,
    /// Their fixed forms, side by side.
    shapes: Vec<Shape>,
    /// Codes by the hash of the template's text, 0 where free; the next slot when one is taken.
    slots: Box<[u8]>,
}

impl TemplateSet {
    /// The templates that are worth having for a column with values like these, most frequent first.
    /// None for an empty sample, else `{text}` is one of them, so that everything has a template.
    pub(crate) fn learn<'s>(sample: impl Iterator<Item = (&'s str, Sources<'s>)>) -> Self {
        Self::new(learn::templates(sample))
    }

    /// What [`Self::parse`] reads.
    pub(crate) fn to_strings(&self) -> Vec<String> {
        self.templates.iter().map(|template| template.text.to_string()).collect()
    }

    /// Templates from their texts, any texts. O(bytes).
    pub(crate) fn parse(strings: &[String]) -> Result<Self, Corrupt> {
        if strings.len() > TEMPLATES_MAX {
            return Err(Corrupt::new("more than 255 templates in a column"));
        }
        Ok(Self::new(strings.iter().map(|text| Template::parse(text)).collect::<Result<_, _>>()?))
    }

    fn new(templates: Vec<Template>) -> Self {
        let mut set = Self { templates: Vec::new(), shapes: Vec::new(), slots: vec![0; SLOT_COUNT].into() };
        for (template, code) in templates.into_iter().zip(1..=u8::MAX) {
            // Of equal texts, which only strange bytes have, the first is the one that is found.
            if let Err(slot) = set.slot(template.text.as_bytes()) {
                set.slots[slot] = code;
            }
            set.shapes.push(Shape::of(&template.pieces).unwrap_or(Shape::NONE));
            set.templates.push(template);
        }
        set
    }

    /// Number of templates. Codes are 1 to this; 0 is for values without a template.
    pub(crate) fn len(&self) -> usize {
        self.templates.len()
    }

    /// Whether values of the template have a remainder. False for unknown codes.
    pub(crate) fn has_remainder(&self, code: u32) -> bool {
        self.template(code).is_some_and(|template| template.has_remainder)
    }

    /// The code of the template that renders `value`, whose remainder is appended; 0 and nothing when there
    /// is none.
    pub(crate) fn encode(
        &self,
        value: &str,
        sources: &Sources<'_>,
        text: &impl TextStore,
        remainder: &mut Vec<u8>,
    ) -> u32 {
        // The most frequent templates render most values, and to see that takes a fraction of an explanation.
        let quick =
            self.templates.iter().take(QUICK_MAX).position(|template| template.renders(value, sources));
        if let Some(code) = quick.and_then(|at| u32::try_from(at + 1).ok()) {
            return code;
        }
        let mut parts = Parts::new();
        let Some(code) = self.choose(value, sources, &mut parts) else { return 0 };
        for part in &parts {
            let value = &value[part.start..part.end];
            match part.kind {
                Kind::Source { .. } | Kind::Literal | Kind::Case(_) => {}
                Kind::Digits => digits::write(value, remainder),
                Kind::Text => write_text(value, text, remainder),
            }
        }
        code.into()
    }

    /// Appends the value whose remainder begins `remainder`, which is left behind it. `source` appends the
    /// text of a source, or its first letters where its number of letters is not 0.
    #[inline]
    pub(crate) fn decode(
        &self,
        code: u32,
        mut source: impl FnMut(u8, u8, &mut Vec<u8>) -> Result<(), Corrupt>,
        remainder: &mut &[u8],
        text: &impl TextStore,
        out: &mut Vec<u8>,
    ) -> Result<(), Corrupt> {
        let template = self.template(code).ok_or_else(|| Corrupt::new("code of no template"))?;
        let mut capitals = None;
        for piece in &template.pieces {
            match piece {
                Piece::Source { source: number, take } => source(*number, *take, out)?,
                Piece::Literal(literal) => match literal.as_bytes() {
                    [byte] => out.push(*byte),
                    bytes => out.extend_from_slice(bytes),
                },
                Piece::Digits(count) => {
                    out.extend(
                        digits::read(*count, remainder)?.get().to_le_bytes().iter().take(usize::from(*count)),
                    );
                }
                Piece::Text => {
                    let len = varint::read(remainder);
                    let split = len.and_then(|len| remainder.split_at_checked(len as usize));
                    let (bytes, rest) =
                        split.ok_or_else(|| Corrupt::new("text of a template is cut short"))?;
                    *remainder = rest;
                    text.decode(bytes, out)?;
                }
                Piece::Case(case) => capitals = Some((*case, out.len())),
            }
        }
        if let Some((case, start)) = capitals
            && let Some(value) = out.get_mut(start..)
        {
            case.apply(value);
        }
        Ok(())
    }

    /// Leaves the remainder of a value behind without decoding it.
    #[inline]
    pub(crate) fn skip(&self, code: u32, remainder: &mut &[u8]) -> Result<(), Corrupt> {
        let cut_short = || Corrupt::new("remainder of a template is cut short");
        let template = self.template(code).filter(|template| template.has_remainder);
        for piece in template.map_or(&[][..], |template| &template.pieces) {
            let size = match piece {
                Piece::Digits(count) => digits::size(*count),
                Piece::Text => varint::read(remainder).ok_or_else(cut_short)? as usize,
                Piece::Source { .. } | Piece::Literal(_) | Piece::Case(_) => continue,
            };
            *remainder = remainder.get(size..).ok_or_else(cut_short)?;
        }
        Ok(())
    }

    /// The steps that render values of the template; `None` where it wants [`Self::decode`].
    #[inline]
    pub(crate) fn steps(&self, code: u64) -> Option<&[Step]> {
        let at = usize::try_from(code).ok()?.checked_sub(1)?;
        self.templates.get(at)?.steps.as_deref()
    }

    /// The fixed form of the template; `None` where it has none.
    #[inline]
    pub(crate) fn shape(&self, code: u64) -> Option<&Shape> {
        // Code 0 becomes one that there is not.
        let shape = self.shapes.get(usize::try_from(code.wrapping_sub(1)).ok()?)?;
        shape.is_any().then_some(shape)
    }

    /// Whether the template is given name, blank, family name.
    pub(crate) fn is_given_family(&self, code: u64) -> bool {
        let Some(
            [
                Step::Name { name: 0, is_slug: false, take: ALL },
                Step::Literal { size: 1, bytes },
                Step::Name { name: 1, is_slug: false, take: ALL },
            ],
        ) = self.steps(code)
        else {
            return false;
        };
        bytes[0] == b' '
    }

    fn template(&self, code: u32) -> Option<&Template> {
        self.templates.get((code as usize).checked_sub(1)?)
    }

    /// The template of a value, whose parts become those of the template.
    fn choose(&self, value: &str, sources: &Sources<'_>, parts: &mut Parts) -> Option<u8> {
        explain(value, sources, parts);
        for at in 0..parts.len() {
            let kind = parts[at].kind;
            if matches!(kind, Kind::Text | Kind::Digits) {
                parts[at].kind = Kind::Literal;
                if let Some(code) = self.find(value, parts) {
                    return Some(code);
                }
                parts[at].kind = kind;
            }
        }
        if let Some(code) = self.find(value, parts) {
            return Some(code);
        }
        for (template, code) in self.templates.iter().take(TRIED_MAX).zip(1..=u8::MAX) {
            if let Some(fitting) = template.fit(value, sources) {
                *parts = fitting;
                return Some(code);
            }
        }
        if join(parts)
            && let Some(code) = self.find(value, parts)
        {
            return Some(code);
        }
        whole(value, parts);
        self.find(value, parts)
    }

    fn find(&self, value: &str, parts: &Parts) -> Option<u8> {
        let mut text = SmallVec::new();
        text_of(value, parts, &mut text);
        self.slot(&text).ok().map(|slot| self.slots[slot])
    }

    /// The slot of the template with this text, or the free one where it would be.
    fn slot(&self, text: &[u8]) -> Result<usize, usize> {
        let [low, high, ..] = xxh3_64(text).to_le_bytes();
        let mut slot = usize::from(u16::from_le_bytes([low, high])) % SLOT_COUNT;
        // Ends at a free slot: there are more slots than codes.
        while let Some(template) = self.template(self.slots[slot].into()) {
            if template.text.as_bytes() == text {
                return Ok(slot);
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
        Err(slot)
    }
}

fn write_text(value: &str, text: &impl TextStore, out: &mut Vec<u8>) {
    let place = out.len();
    // Most lengths are one byte: only a longer one moves the text.
    out.push(0);
    text.encode(value, out);
    let len = u32::try_from(out.len() - place - 1).expect("a value is below 4 GiB");
    if len < 0x80 {
        out[place] = len.to_le_bytes()[0];
    } else {
        let mut varint = Vec::new();
        varint::write(len, &mut varint);
        out.splice(place..=place, varint);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::piece::first_letters;
    use super::*;

    struct Raw;

    impl TextStore for Raw {
        fn encode(&self, text: &str, out: &mut Vec<u8>) {
            out.extend_from_slice(text.as_bytes());
        }

        fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    const JANE: Sources<'_> = ["Jane", "Smith", "", "", "jane", "smith", "", ""];

    fn set(templates: &[&str]) -> TemplateSet {
        let templates: Vec<_> = templates.iter().map(|&text| text.to_owned()).collect();
        TemplateSet::parse(&templates).unwrap()
    }

    fn of<'s>(sources: &'s Sources<'_>) -> impl FnMut(u8, u8, &mut Vec<u8>) -> Result<(), Corrupt> + 's {
        |source, take, out| {
            out.extend_from_slice(first_letters(sources[usize::from(source)], take).as_bytes());
            Ok(())
        }
    }

    /// Code and size of the remainder, when the value is read back.
    fn round_trip(set: &TemplateSet, value: &str, sources: &Sources<'_>) -> (u32, usize) {
        let mut remainder = Vec::new();
        let code = set.encode(value, sources, &Raw, &mut remainder);
        let size = remainder.len();
        if code == 0 {
            assert_eq!(size, 0);
            return (0, 0);
        }
        remainder.push(7);
        let mut rest = &remainder[..];
        let mut read = b"before".to_vec();
        set.decode(code, of(sources), &mut rest, &Raw, &mut read).unwrap();
        assert_eq!(read, [b"before", value.as_bytes()].concat());
        assert_eq!(rest, [7]);
        assert!(set.has_remainder(code) || size == 0);
        (code, size)
    }

    #[test]
    fn the_remainder_is_what_does_not_follow_from_the_names() {
        let set = set(&[
            "{given.slug}.{family.slug}",
            "{given.slug:3}{digits:4}",
            "u{digits:6}",
            "{given.slug}.{text}",
            "{given} {family} (Contractor)",
            "{given} {family} ({text})",
            "{text}",
        ]);
        assert_eq!(round_trip(&set, "jane.smith", &JANE), (1, 0));
        assert_eq!(round_trip(&set, "jan0611", &JANE), (2, 2));
        assert_eq!(round_trip(&set, "u967840", &JANE), (3, 3));
        assert_eq!(round_trip(&set, "jane.miller", &JANE), (4, 7));
        assert_eq!(round_trip(&set, "jane.miller12", &JANE), (4, 9));
        assert_eq!(round_trip(&set, "Jane Smith (Contractor)", &JANE), (5, 0));
        assert_eq!(round_trip(&set, "Jane Smith (Guest)", &JANE), (6, 6));
        assert_eq!(round_trip(&set, "xiwdweqlwn", &JANE), (7, 11));
        assert_eq!(round_trip(&set, "", &JANE), (7, 1));
        assert_eq!(round_trip(&set, &"long".repeat(100), &JANE), (7, 402));
    }

    #[test]
    fn another_explanation_is_found_when_the_first_has_no_template() {
        let set = set(&["{given.slug:3}{digits:4}", "{given.slug:1}{family.slug}"]);
        let bo = ["Bo", "S", "", "", "bo", "s", "", ""];
        assert_eq!(round_trip(&set, "bo7611", &bo), (1, 2));
        let initial = ["J", "Smith", "", "", "j", "smith", "", ""];
        assert_eq!(round_trip(&set, "jsmith", &initial), (2, 0));
        assert_eq!(round_trip(&set, "other", &initial), (0, 0));
    }

    #[test]
    fn capitals_are_made_of_the_small_letters_of_slugs() {
        let set = set(&["{title}{given.slug}.{family.slug}{digits:1}", "{upper}{given.slug:1}{family.slug}"]);
        let rene = ["René", "Le-Lièvre", "", "", "rene", "le-lievre", "", ""];
        assert_eq!(round_trip(&set, "Rene.Le-Lievre2", &rene), (1, 1));
        assert_eq!(round_trip(&set, "RLE-LIEVRE", &rene), (2, 0));
        assert_eq!(round_trip(&set, "Rene.Le-lievre2", &rene), (0, 0));
    }

    #[test]
    fn there_are_as_many_templates_as_codes() {
        let mut templates: Vec<_> = (0..255).map(|i| format!("x{i}y")).collect();
        let set = TemplateSet::parse(&templates).unwrap();
        assert_eq!(round_trip(&set, "x254y", &JANE), (255, 0));
        assert_eq!(round_trip(&set, "x0y", &JANE), (1, 0));
        templates.push("{text}".to_owned());
        assert!(TemplateSet::parse(&templates).is_err());
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_and_a_stored_set_is_the_same_set(
            rows in prop::collection::vec(
                ("[abABé .,1{}-]{0,16}", prop::array::uniform8("[abé 1-]{0,4}")), 1..40),
            others in prop::collection::vec("[abABé .,1{}-]{0,16}|.*", 10),
        ) {
            let row = |i: usize| {
                let (value, sources): &(String, [String; SOURCE_COUNT]) = &rows[i];
                (value.as_str(), sources.each_ref().map(String::as_str))
            };
            let learned = TemplateSet::learn((0..rows.len()).map(row));
            let stored = TemplateSet::parse(&learned.to_strings()).unwrap();
            prop_assert_eq!(stored.to_strings(), learned.to_strings());
            for i in 0..rows.len() {
                let (value, sources) = row(i);
                for value in others.iter().map(String::as_str).chain([value]) {
                    prop_assert_ne!(round_trip(&learned, value, &sources).0, 0);
                    prop_assert_eq!(round_trip(&stored, value, &sources), round_trip(&learned, value, &sources));
                }
            }
        }

        #[test]
        fn strange_templates_and_remainders_are_errors_or_other_values_never_panics(
            texts in prop::collection::vec(
                prop::collection::vec(
                    "\\{(given|family\\.slug|text|digits|title)(:[0-9])?\\}|[{}é:]{0,3}|.{0,70}", 0..14,
                ).prop_map(|pieces| pieces.concat()),
                0..4,
            ),
            bytes in prop::collection::vec(any::<u8>(), 0..30),
            value in ".{0,20}",
        ) {
            for texts in texts.iter().map(std::slice::from_ref).chain([&texts[..]]) {
                let Ok(set) = TemplateSet::parse(texts) else { continue };
                prop_assert_eq!(set.to_strings(), texts);
                for code in (0..6).chain([u32::MAX]) {
                    let mut out = Vec::new();
                    let mut rest = &bytes[..];
                    let read = set.decode(code, of(&JANE), &mut rest, &Raw, &mut out);
                    prop_assert!(read.is_err() || (code as usize) <= set.len());
                    prop_assert!(rest == bytes || set.has_remainder(code));
                }
                round_trip(&set, &value, &JANE);
            }
        }
    }
}
