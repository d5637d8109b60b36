//! Addresses inside display names: `"ceo@corp.example" <x@evil.example>`.

use std::borrow::Cow;
use std::ops::Range;

/// Most addresses that are looked for in one name.
pub const EMBEDDED_COUNT_MAX: usize = 4;

/// Longest local part and domain that are recognised, in bytes.
const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;

/// The addresses that a reader sees in a display name, at most [`EMBEDDED_COUNT_MAX`], in order.
///
/// Something before and after an at sign, with a dot in the domain, so that `Jane @ Corp` and `@jane` are none. The
/// full-width and small at signs (U+FF20, U+FE6B) count, and are given as `@`. Linear in the name.
///
/// ```
/// use persondb_data::message::embedded_addresses;
/// let found: Vec<_> = embedded_addresses("CEO (ceo＠corp.example), was: a@b.example.").collect();
/// assert_eq!(found, ["ceo@corp.example", "a@b.example"]);
/// assert_eq!(embedded_addresses("Jane @ Corp").count(), 0);
/// ```
pub fn embedded_addresses(name: &str) -> impl Iterator<Item = Cow<'_, str>> {
    embedded_ranges(name).map(|range| {
        let text = &name[range];
        if text.contains(is_wide_at) { text.replace(is_wide_at, "@").into() } else { text.into() }
    })
}

/// Where they stand.
pub(super) fn embedded_ranges(name: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    name.match_indices(is_at)
        .filter_map(move |(at, sign)| {
            let local = &name[from..at];
            let start = at - local_length(local);
            let after = at + sign.len();
            let domain = domain_length(&name[after..]);
            from = after;
            (start < at && domain > 0).then(|| {
                from = after + domain;
                start..after + domain
            })
        })
        .take(EMBEDDED_COUNT_MAX)
}

fn is_at(character: char) -> bool {
    character == '@' || is_wide_at(character)
}

fn is_wide_at(character: char) -> bool {
    matches!(character, '\u{ff20}' | '\u{fe6b}')
}

/// Full stops that UTS #46 reads as one.
fn is_dot(character: char) -> bool {
    matches!(character, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// How much of the end of `text` can be a local part.
fn local_length(text: &str) -> usize {
    let mut length = 0;
    for character in text.chars().rev() {
        let stops =
            character.is_whitespace() || character.is_control() || "<>()[]\"',;:\\|".contains(character);
        if stops || length + character.len_utf8() > LOCAL_BYTES_MAX {
            break;
        }
        length += character.len_utf8();
    }
    length
}

/// How much of the beginning of `text` is a domain with a dot inside, or 0.
fn domain_length(text: &str) -> usize {
    let (mut length, mut kept, mut labels, mut in_label) = (0, 0, 0, false);
    for character in text.chars() {
        if is_dot(character) {
            if !in_label {
                break;
            }
            in_label = false;
        } else if character.is_alphanumeric() || matches!(character, '-' | '_') || is_mark(character) {
            labels += u32::from(!in_label);
            in_label = true;
        } else {
            break;
        }
        length += character.len_utf8();
        if length > DOMAIN_BYTES_MAX {
            break;
        }
        if in_label {
            kept = length;
        }
    }
    if labels >= 2 { kept } else { 0 }
}

/// Combining marks and joiners, which are part of a label in many scripts and invisible in the others.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_names_are_found_and_near_misses_are_not() {
        for (name, expected) in [
            ("ceo@corp.example", &["ceo@corp.example"][..]),
            ("\"ceo@corp.example\"", &["ceo@corp.example"]),
            ("CEO <ceo@corp.example> Jane", &["ceo@corp.example"]),
            ("ceo@corp.example. Thanks", &["ceo@corp.example"]),
            ("a@b.c@d.example", &["a@b.c"]),
            ("jürgen@bücher.example", &["jürgen@bücher.example"]),
            ("a@b.c a@b.d a@b.e a@b.f a@b.g", &["a@b.c", "a@b.d", "a@b.e", "a@b.f"]),
            ("Jane @ Corp.example", &[]),
            ("@jane.doe", &[]),
            ("jane@corp", &[]),
            ("jane@corp.", &[]),
            ("jane@.corp", &[]),
            ("jane@@corp.example", &["@corp.example"][..0]),
            ("", &[]),
        ] {
            let found: Vec<_> = embedded_addresses(name).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
