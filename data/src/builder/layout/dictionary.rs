//! Which values of a column get a code of their own.

use compact_str::CompactString;
use hashbrown::HashMap;

use crate::builder::counts::Counted;

use crate::segment::column::bits::width_of;
use crate::segment::column::dictionary::{SLOT_NAMES, fits, size_of_entry};

/// Widest code of a dictionary in bits: a million entries.
const WIDTH_MAX: u32 = 20;

/// Values with codes of their own, most frequent first.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Value and, where the rule does not give it, its slug.
    pub(crate) values: Vec<(CompactString, Option<Box<str>>)>,
    /// Short values stand in the table itself: finding one is one cache miss, not two.
    codes: HashMap<CompactString, u32>,
    empty: Option<u32>,
}

impl Entries {
    /// Code of a value, from 0.
    pub(crate) fn code(&self, value: &str) -> Option<u32> {
        if value.is_empty() { self.empty } else { self.codes.get(value).copied() }
    }

    /// The longest entry that `value` begins with up to the end of a word, with its size. Entries of less than
    /// four bytes do not pay.
    pub(crate) fn prefix(&self, value: &str) -> Option<(u32, usize)> {
        let ends = value.char_indices().rev().filter(|&(at, c)| at >= 4 && !c.is_alphanumeric());
        ends.take(12).find_map(|(at, _)| Some((self.code(&value[..at])?, at)))
    }

    /// The slug stored with an entry.
    pub(crate) fn slug(&self, code: u32) -> Option<&str> {
        self.values.get(code as usize).and_then(|(_, slug)| slug.as_deref())
    }
}

/// A dictionary for a column, and what it would cost.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) entries: Entries,
    /// Bytes in all: codes, entries and the values that are none.
    pub(super) cost: u64,
}

/// Bytes of these values, each so many times, as text.
pub(super) fn cost_as_text(values: &[(CompactString, u32)]) -> u64 {
    values.iter().map(|(value, count)| text_cost(value) * u64::from(*count)).sum()
}

/// The dictionary that costs least for `people`, of whom these were counted.
pub(super) fn choose(counted: Counted, people: u64) -> Choice {
    let Counted { mut values, rows } = counted;
    for (_, count) in &mut values {
        let all = u64::from(*count) * people.max(rows) / rows.max(1);
        *count = u32::try_from(all).unwrap_or(u32::MAX);
    }
    let people: u64 = values.iter().map(|(_, count)| u64::from(*count)).sum();
    let all_as_text = cost_as_text(&values);
    let entry_cost = |value: &str| size_of_entry(SLOT_NAMES, value, None) as u64;
    // A value that costs more as an entry than wherever it stands is left out, however narrow the codes.
    let is_worth = |(value, count): &(CompactString, u32)| {
        fits(value) && entry_cost(value) < text_cost(value) * u64::from(*count)
    };
    let worth: Vec<_> = values.into_iter().filter(is_worth).collect();
    let widest = width_of(worth.len() as u64 + 1).clamp(1, WIDTH_MAX);
    let (mut entries, mut text) = (0, all_as_text);
    let mut best = (u64::MAX, 0);
    let mut done = 0;
    for width in 1..=widest {
        let count = worth.len().min((1 << width) - 1);
        for (value, count) in &worth[done..count] {
            entries += entry_cost(value);
            text -= text_cost(value) * u64::from(*count);
        }
        done = count;
        best = best.min((people * u64::from(width) / 8 + entries + text, count));
    }
    let (cost, count) = best;
    let entries: Vec<(CompactString, _)> =
        worth.into_iter().take(count).map(|(value, _)| (value, None)).collect();
    let codes: HashMap<_, _> =
        entries.iter().zip(0_u32..).map(|((value, _), code)| (value.clone(), code)).collect();
    let empty = codes.get("").copied();
    Choice { entries: Entries { values: entries, codes, empty }, cost }
}

/// Bytes that a value takes as text, before its codec is known. Other scripts compress less, and a name that
/// has no slug costs its address too.
pub(super) fn text_cost(value: &str) -> u64 {
    let size = value.len() as u64;
    if value.is_ascii() { 1 + size * 5 / 10 } else { 4 + size * 8 / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(values: &[(&str, u32)]) -> Counted {
        let rows = values.iter().map(|&(_, count)| u64::from(count)).sum();
        Counted { values: values.iter().map(|&(value, count)| (value.into(), count)).collect(), rows }
    }

    #[test]
    fn frequent_values_get_codes_and_unique_ones_stay_text() {
        let mut values = counted(&[("Human Resources", 700_000), ("Legal", 300_000)]);
        values.values.extend((0..500).map(|i| (format!("Something Of Its Own Kind {i}").into(), 1)));
        let as_text = cost_as_text(&values.values);
        let choice = choose(values, 1_000_000);
        assert_eq!(choice.entries.values.len(), 2);
        assert!(choice.cost < as_text / 10);
        assert!(choice.entries.code("Legal").is_some() && choice.entries.code("legal").is_none());
    }

    #[test]
    fn the_longest_entry_up_to_a_word_is_the_prefix() {
        let entries = choose(counted(&[("Junior Buyer", 60), ("Junior", 50)]), 110).entries;
        let whole = entries.code("Junior Buyer").unwrap();
        assert_eq!(entries.prefix("Junior Buyer - tech 7"), Some((whole, 12)));
        assert_eq!(entries.prefix("Junior Buyers"), Some((entries.code("Junior").unwrap(), 6)));
        assert_eq!(entries.prefix("Juniors"), None);
    }
}
