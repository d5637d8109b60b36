//! Value → parts: how a value follows from the names of its person.
//!
//! # How it works
//! One scan from the left. Where a *token* (a run of letters and digits) begins, a depth-first search
//! looks for pieces that end where a token ends:
//! ```text
//! jsmith12      given "Jane", family "Smith", slugs "jane", "smith"
//! |             whole sources: none matches; first letters: {given.slug:1} matches "j", then
//!  |            whole sources: {family.slug} matches "smith", then
//!       |       {digits:2} ends the token
//! ```
//! Whole sources go first, longest first and as written before slugs, for a whole name explains more than
//! its first letters do; of the first letters the most go first. A token that nothing explains is text, and
//! so is what separates it from text before it. All other characters are literal.
//!
//! A value that is not explained without text, `Rene.Lelievre` of René Lelièvre, is looked at once more with
//! small letters.
//!
//! # Trade-offs
//! The search does not look beyond the token, so it does not find every explanation; it finds the same one
//! for the same shape of value, in a hundred nanoseconds or less. Names like "Aaaa" would make it try very
//! many ways: [`STEPS_MAX`] ends that, and what is left of the value is text.

use smallvec::SmallVec;

use super::piece::{Case, DIGITS_MAX, PIECES_MAX, TAKE_MAX};
use super::template::Sources;

/// Sources that may follow each other within a token.
const SOURCES_PER_TOKEN_MAX: u8 = 4;
/// Places of a value at which sources are tried, counted again for each way that leads there.
const STEPS_MAX: u32 = 64;
/// Digits behind text that are worth their own piece: one digit takes a byte either way.
const DIGITS_BEHIND_TEXT_MIN: usize = 2;

/// Bytes of a value that is looked at without its capitals.
const CAPITALISED_BYTES_MAX: usize = 64;

/// What a stretch of a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A source, whole or its first letters.
    Source { source: u8, take: u8 },
    /// Characters of the template.
    Literal,
    /// Digits of the remainder.
    Digits,
    /// Text of the remainder.
    Text,
    /// Nothing: the parts behind it were capitalised.
    Case(Case),
}

/// A stretch of a value: bytes from `start` to `end`, both at character boundaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The parts of a value, which they cover without a gap.
pub(super) type Parts = SmallVec<[Part; PIECES_MAX]>;

/// Explains `value`: `parts` become its parts. One text if it takes too many pieces.
pub(super) fn explain(value: &str, sources: &Sources<'_>, parts: &mut Parts) {
    parts.clear();
    if (Scan { value, sources, parts, steps: STEPS_MAX }).run().is_none() {
        whole(value, parts);
    }
    if has_text(parts)
        && let Some(better) = capitalised(value, sources)
    {
        *parts = better;
    }
}

/// The explanation of a value by small letters that were made capitals, if that leaves no text.
fn capitalised(value: &str, sources: &Sources<'_>) -> Option<Parts> {
    let len_fits = value.len() <= CAPITALISED_BYTES_MAX;
    if !len_fits || !value.is_ascii() || !value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut small = [0; CAPITALISED_BYTES_MAX];
    let small = &mut small[..value.len()];
    small.copy_from_slice(value.as_bytes());
    small.make_ascii_lowercase();
    let case = [Case::Title, Case::Upper].into_iter().find(|case| {
        let mut capital = [0; CAPITALISED_BYTES_MAX];
        let capital = &mut capital[..small.len()];
        capital.copy_from_slice(small);
        case.apply(capital);
        capital == value.as_bytes()
    })?;
    // ASCII: its parts are at the same places.
    let small = std::str::from_utf8(small).ok()?;
    let mut parts = Parts::new();
    parts.push(Part { kind: Kind::Case(case), start: 0, end: 0 });
    Scan { value: small, sources, parts: &mut parts, steps: STEPS_MAX }.run()?;
    (!has_text(&parts)).then_some(parts)
}

fn has_text(parts: &Parts) -> bool {
    parts.iter().any(|part| part.kind == Kind::Text)
}

/// The simplest explanation: it is text.
pub(super) fn whole(value: &str, parts: &mut Parts) {
    parts.clear();
    parts.push(Part { kind: Kind::Text, start: 0, end: value.len() });
}

/// Makes digits behind text part of the text. False if there are none.
pub(super) fn join(parts: &mut Parts) -> bool {
    let [.., text, digits] = &mut parts[..] else { return false };
    if (text.kind, digits.kind) != (Kind::Text, Kind::Digits) {
        return false;
    }
    text.end = digits.end;
    parts.pop();
    true
}

struct Scan<'a> {
    value: &'a str,
    sources: &'a Sources<'a>,
    parts: &'a mut Parts,
    steps: u32,
}

impl Scan<'_> {
    /// `None` when there are too many pieces.
    fn run(&mut self) -> Option<()> {
        let mut at = 0;
        while at < self.value.len() {
            at = match self.sources_at(at, SOURCES_PER_TOKEN_MAX) {
                Some(end) => end,
                None if self.is_word(at) => self.unexplained(at)?,
                None => self.separator(at)?,
            };
        }
        Some(())
    }

    /// Explains what begins at `at` by at most `left` sources, and digits, up to the end of a token.
    fn sources_at(&mut self, at: usize, left: u8) -> Option<usize> {
        self.steps = self.steps.checked_sub(1)?;
        let rest = self.value.as_bytes().get(at..)?;
        let first = rest.first()?;
        // Sources with the first byte in common; most often that is one or none.
        let mut alike = 0_u8;
        let mut whole = 0_u8;
        for (source, text) in self.sources.iter().enumerate() {
            if text.as_bytes().first() == Some(first) {
                alike |= 1 << source;
                whole |= u8::from(rest.starts_with(text.as_bytes())) << source;
            }
        }
        while let Some(source) = self.longest(whole) {
            whole &= !(1 << source);
            let end = at + self.sources[usize::from(source)].len();
            let part = Part { kind: Kind::Source { source, take: 0 }, start: at, end };
            if let Some(end) = self.source(part, left) {
                return Some(end);
            }
        }
        if alike == 0 || !self.is_word(at) {
            return None;
        }
        (0..8).filter(|source| alike & (1 << source) != 0).find_map(|source| self.letters(source, at, left))
    }

    /// The longest of a set of sources, of equals the first.
    fn longest(&self, set: u8) -> Option<u8> {
        let mut best = None;
        let mut best_len = 0;
        let mut set = set;
        while set != 0 {
            let source = set.trailing_zeros().to_le_bytes()[0];
            let len = self.sources[usize::from(source)].len();
            if len > best_len {
                (best, best_len) = (Some(source), len);
            }
            set &= set - 1;
        }
        best
    }

    /// First letters of `source` at `at`, the most first.
    fn letters(&mut self, source: u8, at: usize, left: u8) -> Option<usize> {
        let rest = self.value.as_bytes().get(at..)?;
        let text = self.sources[usize::from(source)];
        let mut ends = [0; TAKE_MAX as usize];
        let mut count = 0;
        for (slot, letter) in ends.iter_mut().zip(text.char_indices()) {
            let end = letter.0 + letter.1.len_utf8();
            // All the letters are the whole source, which was tried.
            if end == text.len() || rest.get(..end) != text.as_bytes().get(..end) {
                break;
            }
            *slot = at + end;
            count += 1;
        }
        (1..=TAKE_MAX).zip(ends).take(count).rev().find_map(|(take, end)| {
            self.source(Part { kind: Kind::Source { source, take }, start: at, end }, left)
        })
    }

    /// Takes `part` if the token ends behind it, or digits or further sources lead to its end.
    fn source(&mut self, part: Part, left: u8) -> Option<usize> {
        if self.parts.len() == PIECES_MAX {
            return None;
        }
        let before = self.parts.len();
        self.parts.push(part);
        if self.is_end(part.end) {
            return Some(part.end);
        }
        if self.parts.len() < PIECES_MAX
            && let Some(end) = self.digits_end(part.end)
        {
            self.parts.push(Part { kind: Kind::Digits, start: part.end, end });
            return Some(end);
        }
        if left > 1
            && let Some(end) = self.sources_at(part.end, left - 1)
        {
            return Some(end);
        }
        self.parts.truncate(before);
        None
    }

    /// Digits from `at` to the end of the token: where they end.
    fn digits_end(&self, at: usize) -> Option<usize> {
        let digits = self.value.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = at + digits;
        ((1..=DIGITS_MAX.into()).contains(&digits) && !self.is_word(end)).then_some(end)
    }

    /// A token of digits alone, or text.
    fn unexplained(&mut self, at: usize) -> Option<usize> {
        if let Some(end) = self.digits_end(at) {
            return self.push(Kind::Digits, at, end);
        }
        let len = self.value[at..].find(|letter: char| !letter.is_alphanumeric());
        let end = len.map_or(self.value.len(), |len| at + len);
        let bytes = &self.value.as_bytes()[at..end];
        let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        // Only at the end of the value: elsewhere they would keep text from joining text.
        let split = end == self.value.len()
            && digits < bytes.len()
            && (DIGITS_BEHIND_TEXT_MIN..=DIGITS_MAX.into()).contains(&digits);
        let text_end = if split { end - digits } else { end };
        if let [.., text, separator] = &mut self.parts[..]
            && (text.kind, separator.kind) == (Kind::Text, Kind::Literal)
        {
            text.end = text_end;
            self.parts.pop();
        } else {
            self.push(Kind::Text, at, text_end)?;
        }
        if split { self.push(Kind::Digits, text_end, end) } else { Some(end) }
    }

    /// A character between tokens.
    fn separator(&mut self, at: usize) -> Option<usize> {
        let end = at + self.value[at..].chars().next()?.len_utf8();
        if let Some(part) = self.parts.last_mut()
            && part.kind == Kind::Literal
        {
            part.end = end;
            return Some(end);
        }
        self.push(Kind::Literal, at, end)
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Option<usize> {
        if self.parts.len() == PIECES_MAX {
            return None;
        }
        self.parts.push(Part { kind, start, end });
        Some(end)
    }

    /// Whether a letter or digit begins at `at`, a character boundary.
    fn is_word(&self, at: usize) -> bool {
        match self.value.as_bytes().get(at) {
            None => false,
            Some(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric(),
            Some(_) => self.value[at..].chars().next().is_some_and(char::is_alphanumeric),
        }
    }

    /// Whether no token goes on at `at`.
    fn is_end(&self, at: usize) -> bool {
        !self.is_word(at)
            || self.value[..at].chars().next_back().is_some_and(|letter| !letter.is_alphanumeric())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::piece::text_of;
    use super::*;

    fn explained(value: &str, sources: Sources<'_>) -> String {
        let mut text = SmallVec::new();
        let mut parts = Parts::new();
        explain(value, &sources, &mut parts);
        text_of(value, &parts, &mut text);
        String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn usual_names_and_addresses_follow_from_the_person() {
        let john = ["John", "Smith", "", "Jack", "john", "smith", "", "jack"];
        let mees = ["Mees", "Die Bont", "", "", "mees", "diebont", "", ""];
        let rene = ["René", "Le-Lièvre", "", "", "rene", "le-lievre", "", ""];
        let oleg = ["Олег", "О'Нил, мл.", "", "", "oleg", "onil-ml", "", ""];
        for (sources, value, template) in [
            (john, "John Smith", "{given} {family}"),
            (john, "John Smith (Contractor)", "{given} {family} ({text})"),
            (john, "John Q. Smith", "{given} {text}. {family}"),
            (john, "J. Smith", "{given:1}. {family}"),
            (john, "Smith, Jack", "{family}, {preferred}"),
            (john, "John {Smith}", "{given} {{{family}}}"),
            (john, "john.smith", "{given.slug}.{family.slug}"),
            (john, "jsmith", "{given.slug:1}{family.slug}"),
            (john, "johns", "{given.slug}{family.slug:1}"),
            (john, "js", "{given.slug:1}{family.slug:1}"),
            (john, "smith_j", "{family.slug}_{given.slug:1}"),
            (john, "john.smith2", "{given.slug}.{family.slug}{digits:1}"),
            (john, "joh7611", "{given.slug:3}{digits:4}"),
            (john, "John.Smith", "{given}.{family}"),
            (john, "john.miller", "{given.slug}.{text}"),
            (john, "u967840", "{text}{digits:6}"),
            (john, "room 5", "{text} {digits:1}"),
            (john, "xiwdweqlwn", "{text}"),
            (john, "the sales team - EMEA", "{text}"),
            (john, "johnny", "{text}"),
            (john, "JSMITH", "{upper}{given.slug:1}{family.slug}"),
            (john, "Jsmith", "{given:1}{family.slug}"),
            (rene, "Rene2", "{title}{given.slug}{digits:1}"),
            (john, "JsMith", "{text}"),
            (rene, "Rene.Le-Lievre2", "{title}{given.slug}.{family.slug}{digits:1}"),
            (rene, "Rene Le-Lievre", "{title}{given.slug} {family.slug}"),
            (rene, "René Le-Lièvre", "{given} {family}"),
            (john, "", ""),
            (mees, "Die Bont, Mees", "{family}, {given}"),
            (mees, "mees.diebont", "{given.slug}.{family.slug}"),
            (oleg, "О'Нил, мл. Олег", "{family} {given}"),
            (oleg, "Ол. О'Нил, мл.", "{given:2}. {family}"),
        ] {
            assert_eq!(explained(value, sources), template, "{value}");
        }
    }

    #[test]
    fn repetitive_names_end_the_search() {
        let sources = ["a", "aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "aaaaaaa", "ab"];
        assert_eq!(explained(&("a".repeat(100) + "!"), sources), "{text}!");
        assert_eq!(explained(&"a.".repeat(100), sources), "{text}");
    }

    proptest! {
        #[test]
        fn parts_cover_the_value_at_character_boundaries(
            value in "[abABé .1{-]{0,30}", sources in prop::array::uniform8("[abé .1-]{0,4}"),
        ) {
            let sources = sources.each_ref().map(String::as_str);
            let mut parts = Parts::new();
            explain(&value, &sources, &mut parts);
            let mut simpler = parts.clone();
            join(&mut simpler);
            for parts in [parts, simpler] {
                let mut at = 0;
                prop_assert!(parts.len() <= PIECES_MAX);
                for part in parts {
                    prop_assert_eq!(part.start, at);
                    let is_case = matches!(part.kind, Kind::Case(_));
                    prop_assert!((part.start < part.end) != is_case && value.is_char_boundary(part.end));
                    at = part.end;
                }
                prop_assert_eq!(at, value.len());
            }
        }
    }
}
