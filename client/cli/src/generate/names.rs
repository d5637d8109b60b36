//! Names of fifteen cultures: frequent ones from lists, the long tail built from the parts such names have.
//!
//! A name is a *rank* drawn from a Zipf–Mandelbrot law. The first ranks are the list of the culture, in order of
//! frequency; every further rank has one name of its own, put together from beginnings and endings by a hash of
//! culture and rank (so rank 7,431 is always the same name, and two people may well share it). Lists alone would
//! overstate how often strangers share a name: in real staff lists a third of the surnames occurs once.
//!
//! The lists are `names/*.txt`: one line per section, items by blank, `_` for a blank within an item, and
//! `native=Latin` where the culture has a script of its own.

use std::sync::LazyLock;

use super::random::{Purpose, Random};

/// Names of one culture.
#[derive(Debug)]
pub(crate) struct Culture {
    /// Weight among the cultures, in 1/1000.
    pub(crate) weight: u32,
    /// Whether middle initials are the custom.
    pub(crate) middle_initials: bool,
    /// Whether the names have a script other than Latin.
    pub(crate) native_script: bool,
    given: Kind,
    family: Kind,
    /// Words before a surname: `von`, `de la`.
    particles: Vec<Piece>,
    /// Where such people work: `City, CC`.
    pub(crate) places: Vec<String>,
    ordinal: u64,
}

/// A name in two spellings: as its owner writes it, and in ASCII as directories often do.
#[derive(Debug, Default, Clone)]
pub(crate) struct Name {
    /// As its owner writes it.
    pub(crate) shown: String,
    /// In ASCII.
    pub(crate) latin: String,
}

impl Name {
    /// Adds ` other`, or `-other` and so on by `separator`.
    pub(crate) fn join(&mut self, separator: &str, other: &Self) {
        self.shown.push_str(separator);
        self.shown.push_str(&other.shown);
        self.latin.push_str(separator);
        self.latin.push_str(&other.latin);
    }

    fn push(&mut self, piece: &Piece) {
        self.shown.push_str(&piece.shown);
        self.latin.push_str(&piece.latin);
    }

    fn clear(&mut self) {
        self.shown.clear();
        self.latin.clear();
    }
}

/// A whole name or a part of one, in both spellings.
#[derive(Debug, Clone)]
struct Piece {
    shown: String,
    latin: String,
}

/// Given or family names of a culture.
#[derive(Debug)]
struct Kind {
    list: Vec<Piece>,
    starts: Vec<Piece>,
    ends: Vec<Piece>,
    /// Chance of a name from the list.
    list_ppm: u64,
    /// Flattens the head of the list.
    offset: u64,
    /// How many ranks there are; those beyond the list are built.
    ranks: u64,
}

impl Culture {
    /// Draws a given name into `out`, which is cleared first.
    pub(crate) fn given(&self, random: &mut Random, out: &mut Name) {
        out.clear();
        self.given.draw(random, self.ordinal * 2, out);
    }

    /// Draws a surname into `out`, which is cleared first: one token, or with a particle, or two joined.
    pub(crate) fn family(&self, random: &mut Random, out: &mut Name) {
        out.clear();
        self.family.draw(random, self.ordinal * 2 + 1, out);
        if random.chance(20_000) {
            let mut second = Name::default();
            self.family.draw(random, self.ordinal * 2 + 1, &mut second);
            let separator = if random.chance(700_000) { "-" } else { " " };
            out.join(separator, &second);
        } else if !self.particles.is_empty() && random.chance(28_000) {
            let particle = random.pick(&self.particles);
            out.shown.insert(0, ' ');
            out.shown.insert_str(0, &particle.shown);
            out.latin.insert(0, ' ');
            out.latin.insert_str(0, &particle.latin);
        }
    }
}

impl Kind {
    fn draw(&self, random: &mut Random, tag: u64, out: &mut Name) {
        let rank = if random.chance(self.list_ppm) {
            random.rank(self.offset, self.list.len() as u64)
        } else {
            random.rank(TAIL_OFFSET, self.ranks)
        };
        match self.list.get(usize::try_from(rank).unwrap_or(usize::MAX)) {
            Some(piece) => out.push(piece),
            None => self.build(rank, tag, out),
        }
    }

    /// The name of a rank beyond the list: beginning and ending, now and then with a syllable between.
    fn build(&self, rank: u64, tag: u64, out: &mut Name) {
        // Seed 0: the tail of a culture is the same for every seed of the generator, as its list is.
        let mut parts = Random::new(0, Purpose::Name, (tag << 48) | rank);
        out.push(parts.pick(&self.starts));
        if parts.chance(220_000)
            && out.shown.is_ascii()
            && !out.shown.ends_with(['a', 'e', 'i', 'o', 'u', 'y'])
        {
            let syllable = parts.word(&["a", "e", "i", "o", "an", "el", "er", "in", "on", "ar"]);
            out.shown.push_str(syllable);
            out.latin.push_str(syllable);
        }
        out.push(parts.pick(&self.ends));
    }
}

/// Flattens the distribution of names that are not drawn from the list.
const TAIL_OFFSET: u64 = 60;

/// All cultures, the most frequent first.
pub(crate) fn cultures() -> &'static [Culture] {
    static CULTURES: LazyLock<Vec<Culture>> = LazyLock::new(|| {
        SOURCES.iter().zip(0..).map(|(source, ordinal)| Culture::parse(source, ordinal)).collect()
    });
    &CULTURES
}

/// What is told of a culture here; the rest stands in its list.
struct Source {
    weight: u32,
    middle_initials: bool,
    text: &'static str,
}

const SOURCES: [Source; 15] = [
    Source { weight: 420, middle_initials: true, text: include_str!("names/english.txt") },
    Source { weight: 95, middle_initials: false, text: include_str!("names/german.txt") },
    Source { weight: 90, middle_initials: false, text: include_str!("names/french.txt") },
    Source { weight: 80, middle_initials: false, text: include_str!("names/spanish.txt") },
    Source { weight: 50, middle_initials: true, text: include_str!("names/portuguese.txt") },
    Source { weight: 45, middle_initials: false, text: include_str!("names/italian.txt") },
    Source { weight: 50, middle_initials: false, text: include_str!("names/nordic.txt") },
    Source { weight: 30, middle_initials: false, text: include_str!("names/finnish.txt") },
    Source { weight: 40, middle_initials: false, text: include_str!("names/slavic.txt") },
    Source { weight: 15, middle_initials: false, text: include_str!("names/turkish.txt") },
    Source { weight: 45, middle_initials: true, text: include_str!("names/indian.txt") },
    Source { weight: 5, middle_initials: false, text: include_str!("names/greek.txt") },
    Source { weight: 12, middle_initials: false, text: include_str!("names/russian.txt") },
    Source { weight: 15, middle_initials: false, text: include_str!("names/chinese.txt") },
    Source { weight: 8, middle_initials: false, text: include_str!("names/arabic.txt") },
];

impl Culture {
    fn parse(source: &Source, ordinal: u64) -> Self {
        let section = |name: &str| -> Vec<Piece> {
            let mut pieces: Vec<Piece> = Vec::new();
            for line in source.text.lines() {
                let mut items = line.split_whitespace();
                if items.next() == Some(name) {
                    pieces.extend(items.map(Piece::parse));
                }
            }
            pieces
        };
        let kind = |list: &str, starts: &str, ends: &str, list_ppm, offset, ranks| {
            let kind = Kind {
                list: distinct(section(list)),
                starts: section(starts),
                ends: section(ends),
                list_ppm,
                offset,
                ranks,
            };
            debug_assert!(!kind.starts.is_empty() && !kind.ends.is_empty(), "{list} has no parts");
            kind
        };
        let small = source.weight < 20;
        Self {
            weight: source.weight,
            middle_initials: source.middle_initials,
            native_script: source.text.contains('='),
            given: kind("given", "given_starts", "given_ends", 780_000, 7, if small { 700 } else { 3_500 }),
            family: kind("family", "starts", "ends", 420_000, 25, if small { 8_000 } else { 60_000 }),
            particles: section("particles"),
            places: section("places").into_iter().map(|piece| piece.shown).collect(),
            ordinal,
        }
    }
}

impl Piece {
    fn parse(item: &str) -> Self {
        let item = item.replace('_', " ");
        match item.split_once('=') {
            Some((native, latin)) => Self { shown: native.to_owned(), latin: ascii(latin) },
            None => Self { latin: ascii(&item), shown: item },
        }
    }
}

/// A name that a list has twice would be twice as frequent as its place says.
fn distinct(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let mut seen = std::collections::HashSet::new();
    pieces.retain(|piece| seen.insert(piece.shown.clone()));
    pieces
}

/// The ASCII spelling of a name, as directories write it; characters without one are left out.
fn ascii(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        out.push_str(match letter {
            'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' | 'ą' | 'ă' => "a",
            'Á' | 'À' | 'Â' | 'Ã' | 'Ä' | 'Å' => "A",
            'æ' => "ae",
            'ç' | 'ć' | 'č' => "c",
            'Ç' | 'Č' => "C",
            'ď' | 'ð' => "d",
            'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
            'É' | 'È' => "E",
            'ğ' => "g",
            'í' | 'ì' | 'î' | 'ï' | 'ı' => "i",
            'Í' | 'İ' => "I",
            'ł' => "l",
            'Ł' => "L",
            'ñ' | 'ń' | 'ň' => "n",
            'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'ø' => "o",
            'Ó' | 'Ö' | 'Ø' => "O",
            'ř' => "r",
            'ś' | 'š' | 'ş' => "s",
            'Ś' | 'Š' | 'Ş' => "S",
            'ß' => "ss",
            'ť' => "t",
            'ú' | 'ù' | 'û' | 'ü' | 'ů' => "u",
            'Ú' | 'Ü' => "U",
            'ý' | 'ÿ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            'Ž' | 'Ż' => "Z",
            plain if plain.is_ascii() => {
                out.push(plain);
                continue;
            }
            _ => continue,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_has_both_spellings_and_every_culture_all_sections() {
        for culture in cultures() {
            assert!(!culture.places.is_empty());
            for kind in [&culture.given, &culture.family] {
                assert!(kind.list.len() >= 25, "{}", kind.list[0].shown);
                for piece in kind.list.iter().chain(&kind.starts).chain(&kind.ends).chain(&culture.particles)
                {
                    assert!(piece.latin.is_ascii() && !piece.latin.is_empty(), "{piece:?}");
                    assert!(!piece.shown.contains(['_', '=']), "{piece:?}");
                    // A letter that `ascii` does not know would be missing.
                    let (shown, latin) = (piece.shown.chars().count(), piece.latin.chars().count());
                    assert!(culture.native_script || latin >= shown, "{piece:?}");
                }
            }
        }
    }

    #[test]
    fn a_rank_beyond_the_list_is_always_the_same_name() {
        let family = &cultures()[0].family;
        let build = |rank| {
            let mut name = Name::default();
            family.build(rank, 1, &mut name);
            name.shown
        };
        assert_eq!(build(7_431), build(7_431));
        assert_ne!(build(7_431), build(7_432));
    }
}
