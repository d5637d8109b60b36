//! What single characters become, looked up instead of worked out.

/// What a character becomes, when it does so whatever stands around it: up to four bytes, then zeros.
pub(super) type Entry = [u8; 4];

/// First characters and lengths of the ranges in the tables: Basic Latin to Latin Extended-B, General Punctuation,
/// Cyrillic to its marks, Cyrillic behind them, Greek, Latin Extended Additional. No mark is among them, so nothing in
/// a name of these characters can reorder or compose.
pub(super) const RANGES: [(u32, u32); 6] =
    [(0x0000, 0x250), (0x2000, 0x70), (0x0400, 0x83), (0x048a, 0xa6), (0x0370, 0x90), (0x1e00, 0x100)];
/// No text has this byte: the character does not fit an entry and wants the general path.
const NO_ENTRY: Entry = [0xff; 4];

/// By character of [`RANGES`]: what a rule makes of it. Filled by the rule itself, so it cannot say otherwise.
pub(super) struct Table(Box<[Entry]>);

impl Table {
    /// `rule` appends what becomes of one character.
    pub(super) fn new(mut rule: impl FnMut(char, &mut String)) -> Self {
        let characters =
            RANGES.iter().flat_map(|&(first, count)| first..first + count).filter_map(char::from_u32);
        let mut text = String::new();
        Self(
            characters
                .map(|character| {
                    text.clear();
                    rule(character, &mut text);
                    let mut entry = Entry::default();
                    match entry.get_mut(..text.len()) {
                        Some(start) => {
                            start.copy_from_slice(text.as_bytes());
                            entry
                        }
                        None => NO_ENTRY,
                    }
                })
                .collect(),
        )
    }

    /// None for a character that is in no range or does not fit.
    pub(super) fn get(&self, character: char) -> Option<Entry> {
        let character = u32::from(character);
        let mut passed = 0;
        for (first, count) in RANGES {
            let within = character.wrapping_sub(first);
            if within < count {
                return self.0.get((passed + within) as usize).copied().filter(|&entry| entry != NO_ENTRY);
            }
            passed += count;
        }
        None
    }
}
