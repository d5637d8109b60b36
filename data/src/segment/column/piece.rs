//! The text of a template: what people and the metadata read.

use smallvec::SmallVec;

use super::explain::{Kind, Part, Parts};
use super::short::Step;
use super::template::{SOURCE_COUNT, Sources};
use crate::segment::Corrupt;

/// Pieces of a template.
pub(super) const PIECES_MAX: usize = 12;
/// Bytes of a literal.
const LITERAL_BYTES_MAX: usize = 64;
/// First letters of a source that a piece may take.
pub(super) const TAKE_MAX: u8 = 4;
/// Digits of a piece: their number is below 2³².
pub(super) const DIGITS_MAX: u8 = 9;

/// Part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A source: whole if `take` is 0, else its first `take` letters, or as many as there are.
    Source {
        /// Below [`SOURCE_COUNT`].
        source: u8,
        /// At most [`TAKE_MAX`].
        take: u8,
    },
    /// The same in all values.
    Literal(Box<str>),
    /// So many decimal digits of the remainder.
    Digits(u8),
    /// Text of the remainder.
    Text,
    /// Makes capitals of letters of the pieces behind it.
    Case(Case),
}

/// Which ASCII letters become capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The first of each word: Rene.Lelievre.
    Title,
    /// All: RENE.LELIEVRE.
    Upper,
}

impl Case {
    /// Other bytes, UTF-8 of any kind, stay as they are.
    pub(super) fn apply(self, text: &mut [u8]) {
        let mut in_word = false;
        for byte in text {
            if self == Self::Upper || !in_word {
                byte.make_ascii_uppercase();
            }
            in_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        }
    }
}

/// A template and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) text: Box<str>,
    pub(super) pieces: Vec<Piece>,
    pub(super) has_remainder: bool,
    /// The short way, if it can go it.
    pub(super) steps: Option<Box<[Step]>>,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, Corrupt> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if (letter == '{' || letter == '}') && !rest[1..].starts_with(letter) {
                let (name, behind) = rest
                    .find('}')
                    .filter(|&end| end > 0)
                    .map(|end| rest.split_at(end + 1))
                    .ok_or_else(|| Corrupt::new("single brace in a template"))?;
                let piece = piece_named(name).ok_or_else(|| Corrupt::new("unknown piece of a template"))?;
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
                }
                pieces.push(piece);
                rest = behind;
            } else {
                literal.push(letter);
                let brace = letter == '{' || letter == '}';
                rest = &rest[if brace { 2 } else { letter.len_utf8() }..];
            }
            if literal.len() > LITERAL_BYTES_MAX || pieces.len() > PIECES_MAX {
                return Err(Corrupt::new("template of more than 12 pieces or 64 bytes between them"));
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        if pieces.len() > PIECES_MAX {
            return Err(Corrupt::new("template of more than 12 pieces"));
        }
        let has_remainder = pieces.iter().any(|piece| matches!(piece, Piece::Digits(_) | Piece::Text));
        let steps = Step::of(&pieces);
        Ok(Self { text: text.into(), has_remainder, steps, pieces })
    }

    /// Whether the template renders `value` and nothing remains: names and literals only.
    pub(super) fn renders(&self, value: &str, sources: &Sources<'_>) -> bool {
        if self.has_remainder {
            return false;
        }
        // Sizes tell most templates apart, and cost less than to compare.
        let mut size = 0;
        for piece in &self.pieces {
            size += match piece {
                Piece::Source { source, take } => match sources[usize::from(*source)] {
                    "" => return false,
                    text if *take == 0 => text.len(),
                    text => first_letters(text, *take).len(),
                },
                Piece::Literal(literal) => literal.len(),
                Piece::Digits(_) | Piece::Text | Piece::Case(_) => return false,
            };
        }
        if size != value.len() {
            return false;
        }
        let mut rest = value.as_bytes();
        let mut take = |text: &str| match rest.split_at_checked(text.len()) {
            Some((start, behind)) if !text.is_empty() && start == text.as_bytes() => {
                rest = behind;
                true
            }
            _ => false,
        };
        let fits = self.pieces.iter().all(|piece| match piece {
            Piece::Source { source, take: letters } => {
                take(first_letters(sources[usize::from(*source)], *letters))
            }
            Piece::Literal(literal) => take(literal),
            Piece::Digits(_) | Piece::Text | Piece::Case(_) => false,
        });
        fits && rest.is_empty()
    }

    /// The stretches of `value` if the template renders it. Not for templates with text, which fit
    /// anything, nor with capitals.
    pub(super) fn fit(&self, value: &str, sources: &Sources<'_>) -> Option<Parts> {
        let mut parts = Parts::new();
        let mut start = 0;
        for piece in &self.pieces {
            let rest = value.get(start..)?;
            let (kind, len) = match piece {
                &Piece::Source { source, take } => {
                    let letters = first_letters(sources[usize::from(source)], take);
                    let fits = !letters.is_empty() && rest.starts_with(letters);
                    (Kind::Source { source, take }, fits.then_some(letters.len())?)
                }
                Piece::Literal(literal) => {
                    (Kind::Literal, rest.starts_with(&**literal).then_some(literal.len())?)
                }
                Piece::Digits(count) => {
                    let digits = rest.as_bytes().get(..usize::from(*count))?;
                    (Kind::Digits, digits.iter().all(u8::is_ascii_digit).then_some(digits.len())?)
                }
                Piece::Text | Piece::Case(_) => return None,
            };
            parts.push(Part { kind, start, end: start + len });
            start += len;
        }
        (start == value.len()).then_some(parts)
    }
}

/// The text of a template.
pub(super) type TemplateText = SmallVec<[u8; 128]>;

/// Appends the text of the template that these parts are of.
pub(super) fn text_of(value: &str, parts: &[Part], out: &mut TemplateText) {
    for part in parts {
        match part.kind {
            Kind::Source { source, take } => {
                out.extend_from_slice(SOURCE_NAMES[usize::from(source)][usize::from(take)].as_bytes());
            }
            Kind::Literal => literal_text(&value[part.start..part.end], out),
            Kind::Digits => out.extend_from_slice(DIGIT_NAMES[part.end - part.start].as_bytes()),
            Kind::Text => out.extend_from_slice(TEXT_NAME.as_bytes()),
            Kind::Case(Case::Title) => out.extend_from_slice(TITLE_NAME.as_bytes()),
            Kind::Case(Case::Upper) => out.extend_from_slice(UPPER_NAME.as_bytes()),
        }
    }
}

/// Appends a literal as the text of a template has it.
pub(super) fn literal_text(literal: &str, out: &mut TemplateText) {
    for &byte in literal.as_bytes() {
        out.push(byte);
        if byte == b'{' || byte == b'}' {
            out.push(byte);
        }
    }
}

/// The piece of `{name}`.
fn piece_named(name: &str) -> Option<Piece> {
    match name {
        TEXT_NAME => return Some(Piece::Text),
        TITLE_NAME => return Some(Piece::Case(Case::Title)),
        UPPER_NAME => return Some(Piece::Case(Case::Upper)),
        _ => {}
    }
    if let Some(count) = (1..=DIGITS_MAX).find(|&count| DIGIT_NAMES[usize::from(count)] == name) {
        return Some(Piece::Digits(count));
    }
    (0_u8..).zip(&SOURCE_NAMES).find_map(|(source, names)| {
        let (take, _) = (0_u8..).zip(names).find(|(_, known)| **known == name)?;
        Some(Piece::Source { source, take })
    })
}

macro_rules! source_names {
    ($($name:literal)*) => {
        [$([
            concat!("{", $name, "}"),
            concat!("{", $name, ":1}"),
            concat!("{", $name, ":2}"),
            concat!("{", $name, ":3}"),
            concat!("{", $name, ":4}"),
        ],)*]
    };
}

/// Pieces in the text of a template: sources by `take`.
const SOURCE_NAMES: [[&str; TAKE_MAX as usize + 1]; SOURCE_COUNT] = source_names!(
    "given" "family" "middle" "preferred" "given.slug" "family.slug" "middle.slug" "preferred.slug"
);
/// Digits by their number.
const DIGIT_NAMES: [&str; DIGITS_MAX as usize + 1] = [
    "",
    "{digits:1}",
    "{digits:2}",
    "{digits:3}",
    "{digits:4}",
    "{digits:5}",
    "{digits:6}",
    "{digits:7}",
    "{digits:8}",
    "{digits:9}",
];
/// Text.
pub(super) const TEXT_NAME: &str = "{text}";
/// Capitals.
const TITLE_NAME: &str = "{title}";
const UPPER_NAME: &str = "{upper}";

/// The first `take` letters, or as many as there are; all if it is 0.
pub(super) fn first_letters(text: &str, take: u8) -> &str {
    let take = usize::from(take);
    match text.as_bytes().get(..take) {
        _ if take == 0 => text,
        None => text,
        Some(letters) if letters.is_ascii() => &text[..take],
        Some(_) => text.char_indices().nth(take).map_or(text, |(end, _)| &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_templates_are_pieces() {
        let source = |source, take| Piece::Source { source, take };
        let literal = |text: &str| Piece::Literal(text.into());
        let pieces = |text| Template::parse(text).unwrap().pieces;
        assert_eq!(pieces("{family}, {given}"), [source(1, 0), literal(", "), source(0, 0)]);
        assert_eq!(pieces("{preferred.slug:4}{digits:9}"), [source(7, 4), Piece::Digits(9)]);
        assert_eq!(pieces("{{{text}}}é"), [literal("{"), Piece::Text, literal("}é")]);
        assert_eq!(pieces("{title}{middle:1}"), [Piece::Case(Case::Title), source(2, 1)]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn templates_beyond_the_limits_are_not_parsed() {
        for text in
            ["{", "}", "{}", "{given", "given}", "{given:0}", "{given:5}", "{digits:0}", "{digits:10}"]
        {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        assert!(Template::parse(&"{text}".repeat(12)).is_ok());
        assert!(Template::parse(&"{text}".repeat(13)).is_err());
        assert!(Template::parse(&("{text}".repeat(12) + ".")).is_err());
        assert!(Template::parse(&"{{".repeat(64)).is_ok());
        assert!(Template::parse(&"{{".repeat(65)).is_err());
    }
}
