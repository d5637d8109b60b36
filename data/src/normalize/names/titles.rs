//! Words around a name that are not part of it.
//!
//! Each list has two strengths. *Sure* words go wherever one word is left. *Unsure* ones are also somebody's name
//! (`Mag`, `Ing`, `Md`), so they go only where a name of two words is left without them.
//!
//! The lists are part of the norm version: what is indexed depends on them.

/// Whether a word may be taken for a name rather than for what the list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// Nobody's name.
    Sure,
    /// A name as well.
    Unsure,
}

/// Whether a folded word stands before names, or in directories behind the given name.
pub(super) fn title(word: &[u8]) -> Option<Strength> {
    match word {
        b"mr" | b"mrs" | b"ms" | b"mx" | b"miss" | b"dr" | b"drs" | b"prof" | b"professor" | b"univ"
        | b"dipl" | b"herr" | b"frau" | b"hr" | b"fr" | b"mme" | b"mlle" | b"monsieur" | b"madame"
        | b"sra" | b"srta" | b"dott" | b"dottssa" | b"sig" | b"signor" | b"signora" => Some(Strength::Sure),
        b"sir" | b"dame" | b"lord" | b"lady" | b"rev" | b"hon" | b"ing" | b"mag" | b"sr" | b"capt"
        | b"sgt" | b"lt" | b"ir" => Some(Strength::Unsure),
        _ => None,
    }
}

/// Whether a folded word stands behind names: generations and degrees.
pub(super) fn post_nominal(word: &[u8]) -> Option<Strength> {
    match word {
        b"jr" | b"phd" | b"esq" | b"iii" | b"msc" | b"bsc" | b"mba" | b"llm" | b"llb" | b"cpa" | b"dds"
        | b"dvm" | b"pharmd" | b"cissp" | b"pmp" | b"cfa" => Some(Strength::Sure),
        b"sr" | b"ii" | b"iv" | b"md" | b"jd" | b"rn" | b"obe" | b"mbe" | b"cbe" | b"junior" | b"senior" => {
            Some(Strength::Unsure)
        }
        _ => None,
    }
}

/// Whether what follows this folded word says where a message came from, or of what organisation the person is.
pub(super) fn leads_away(word: &[u8]) -> bool {
    matches!(word, b"via" | b"from" | b"obo")
}

/// Whether this folded word belongs to the family name behind it, and is put behind a comma in some directories.
pub(super) fn is_particle(word: &[u8]) -> bool {
    matches!(
        word,
        b"van"
            | b"von"
            | b"vom"
            | b"zu"
            | b"zum"
            | b"zur"
            | b"de"
            | b"den"
            | b"der"
            | b"des"
            | b"het"
            | b"ter"
            | b"ten"
            | b"te"
            | b"t"
            | b"in"
            | b"op"
            | b"da"
            | b"dos"
            | b"das"
            | b"di"
            | b"del"
            | b"della"
            | b"du"
            | b"la"
            | b"le"
            | b"af"
            | b"av"
    )
}
