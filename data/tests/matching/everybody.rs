//! Everybody of a made-up world is found by each of their names, however a stranger spells it.

use persondb_data::message::Message;
use persondb_protocol::matching::NameKind::{
    self, Canonical, Confusable, Edit1, Exact, Extended, FirstLast, Folded, InitialLast, Joined, Nickname,
};
use persondb_protocol::matching::{MatchOptions, NameEvidence};
use proptest::prelude::*;

use crate::world::{HEADER, World, message};

const TO: &str = "reader@acme.example";

/// Given names with a form that is listed as a nickname of them; blank where there is none.
const GIVEN: [(&str, &str); 12] = [
    ("Robert", "Bob"),
    ("William", "Bill"),
    ("Elizabeth", "Liz"),
    ("Margaret", "Peggy"),
    ("Jürgen", ""),
    ("Søren", ""),
    ("Jean-Luc", ""),
    ("Zoë", ""),
    ("Łukasz", ""),
    ("Иван", ""),
    ("Anna Maria", ""),
    ("D'Arcy", ""),
];
const FAMILY: [&str; 10] = [
    "Smith",
    "Müller",
    "O'Brien",
    "van der Berg",
    "García López",
    "Groß",
    "Петров",
    "Ångström",
    "Weiß-Grün",
    "Li",
];

#[derive(Clone, Debug)]
struct Someone {
    given: String,
    nickname: &'static str,
    family: String,
    preferred: String,
    other: String,
    is_turned: bool,
    is_vip: bool,
}

fn someone() -> impl Strategy<Value = Someone> {
    let word = || "[A-ZÄÖÜÉ][a-zäöüéñ]{4,9}".prop_map(String::from);
    let given = prop_oneof![
        prop::sample::select(&GIVEN[..]).prop_map(|(given, nickname)| (given.to_owned(), nickname)),
        word().prop_map(|given| (given, "")),
    ];
    let family = prop_oneof![prop::sample::select(&FAMILY[..]).prop_map(str::to_owned), word()];
    (given, family, prop_oneof![Just(String::new()), word()], any::<bool>(), any::<bool>(), word()).prop_map(
        |((given, nickname), family, preferred, is_turned, is_vip, other)| Someone {
            other: if is_turned { format!("{given} {other}") } else { String::new() },
            given,
            nickname,
            family,
            preferred,
            is_turned,
            is_vip,
        },
    )
}

impl Someone {
    fn line(&self, number: usize) -> String {
        let Self { given, family, preferred, other, .. } = self;
        let display = if self.is_turned { format!("{family}, {given}") } else { format!("{given} {family}") };
        let vip = u8::from(self.is_vip);
        format!(
            "acme,{number},p{number}@acme.example,,\"{display}\",{given},{family},{preferred},{other},,person,active,{vip}\n"
        )
    }

    /// All spellings of all names, each with the weakest kind by which it still has to be found.
    fn spellings(&self, place: usize) -> Vec<(String, NameKind)> {
        let mut all = Vec::new();
        let family = self.family.as_str();
        for first in [&self.given, &self.preferred].into_iter().filter(|first| !first.is_empty()) {
            variants(first, family, place, &mut all);
        }
        if let Some((given, other)) = self.other.rsplit_once(' ') {
            variants(given, other, place, &mut all);
        }
        if !self.nickname.is_empty() {
            all.push((format!("{} {family}", self.nickname), Nickname));
            all.push((format!("{family}, {}", self.nickname), Nickname));
        }
        if self.is_vip {
            let initial = self.given.chars().next().unwrap();
            all.push((format!("{initial} {family}"), InitialLast));
            all.push((format!("{initial}. {family}"), InitialLast));
        }
        all
    }
}

fn variants(first: &str, last: &str, place: usize, all: &mut Vec<(String, NameKind)>) {
    let full = format!("{first} {last}");
    all.extend([
        (full.clone(), Exact),
        (full.to_uppercase(), Exact),
        (full.to_lowercase().replace(' ', " \u{a0} "), Exact),
        (plain(&full), Folded),
        (german(&full), Folded),
        (full.replacen(' ', "\u{200b} ", 1), Folded),
        (format!("{last}, {first}"), Canonical),
        (format!("{last}, Dr. {first} (IT)"), Canonical),
        (format!("Prof. {full}, Jr."), Canonical),
        (format!("{full} via Signatures"), Canonical),
        (full.replace(' ', ""), Joined),
        (plain(&full).replace(' ', ""), Joined),
        (full.replace('o', "0"), Confusable),
        (full.replace('a', "а"), Confusable),
        (format!("{first} Quincy {last}"), FirstLast),
        (format!("{full} CEO"), Extended),
        (format!("Team {full}"), Extended),
    ]);
    let plain = plain(&full);
    if is_long(&plain) {
        let edited = edits(&plain, place).into_iter().filter(|edited| is_long(edited));
        all.extend(edited.map(|edited| (edited, Edit1)));
    }
}

/// Whether one edit may be overlooked.
fn is_long(name: &str) -> bool {
    name.chars().count() >= 8 && name.chars().filter(|letter| letter.is_alphabetic()).count() >= 6
}

/// The name with one letter replaced, inserted, left out, or swapped with its neighbour, at about this place.
fn edits(name: &str, place: usize) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let at = place % letters.len();
    if !letters[at].is_alphabetic() {
        return Vec::new();
    }
    let edited = |edit: fn(&mut Vec<char>, usize)| {
        let mut letters = letters.clone();
        edit(&mut letters, at);
        letters.into_iter().collect::<String>()
    };
    let mut all =
        vec![edited(|letters, at| letters[at] = 'x'), edited(|letters, at| letters.insert(at, 'x'))];
    let is_inner = |letter: Option<&char>| letter.is_some_and(|letter| letter.is_alphabetic());
    if is_inner(letters.get(at + 1)) {
        all.push(edited(|letters, at| {
            letters.remove(at);
        }));
        all.push(edited(|letters, at| letters.swap(at, at + 1)));
    }
    all
}

/// As a directory of ASCII would have it.
fn plain(name: &str) -> String {
    spelled(name, |letter| {
        Some(match letter {
            'ä' | 'å' => "a",
            'Ä' | 'Å' => "A",
            'ö' | 'ø' | 'ó' => "o",
            'Ö' => "O",
            'ü' => "u",
            'Ü' => "U",
            'ë' | 'é' => "e",
            'É' => "E",
            'í' => "i",
            'ñ' => "n",
            'ß' => "ss",
            'Ł' => "L",
            '\'' => "",
            '-' => " ",
            _ => return None,
        })
    })
}

/// With umlauts spelled out.
fn german(name: &str) -> String {
    spelled(name, |letter| {
        Some(match letter {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            'Ä' => "Ae",
            'Ö' => "Oe",
            'Ü' => "Ue",
            'ß' => "ss",
            _ => return None,
        })
    })
}

fn spelled(name: &str, other: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match other(letter) {
            Some(text) => out.push_str(text),
            None => out.push(letter),
        }
    }
    out
}

fn ask(world: &World, name: &str) -> NameEvidence {
    let message = Message { from_name: Some(name.into()), ..message("x@stranger.test", TO) };
    let options = MatchOptions { candidates_max: 1000, ..MatchOptions::default() };
    world.ask_about(&message, &options).sender_name.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn everybody_is_found_by_each_of_their_names_however_it_is_spelled(
        everybody in prop::collection::vec(someone(), 1..25), place in 0_usize..1000,
    ) {
        let lines = everybody.iter().enumerate().map(|(number, someone)| someone.line(number));
        let people = HEADER.to_owned() + "acme,reader,reader@acme.example,,Quenby Reader,,,,,,,,\n" + &lines.collect::<String>();
        let world = World::of(&people, "", "tenant_id,domain\nacme,acme.example\n");
        for (number, someone) in everybody.iter().enumerate() {
            let id = number.to_string();
            for (name, weakest) in someone.spellings(place + number) {
                let evidence = ask(&world, &name);
                let found = evidence.candidates.iter().find(|candidate| candidate.person_id == id);
                let kind = found.map(|candidate| candidate.matched);
                prop_assert!(kind.is_some_and(|kind| kind <= weakest), "{:?}: {:?}, not {:?}", name, kind, weakest);
            }
        }
    }
}
