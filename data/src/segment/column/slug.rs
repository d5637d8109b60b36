//! The *slug* of a name: how it looks inside an e-mail address.
//!
//! Names of ASCII letters follow one rule, which reader and builder compute alike: lower case, and of what is
//! no letter or digit only hyphens stay (`O'Brien` → `obrien`, `Anne-Marie` → `anne-marie`). For other names
//! the builder stores the slug it found in the addresses beside the name.

use smallvec::SmallVec;

/// Longest name that templates refer to, in bytes; longer ones count as none.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// What a byte of an ASCII name becomes; 0 is left out, [`OTHER`] is no ASCII.
const SLUG: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let lower = byte.to_ascii_lowercase();
        if byte >= 0x80 {
            table[byte as usize] = OTHER;
        } else if lower.is_ascii_lowercase() || lower.is_ascii_digit() || lower == b'-' {
            table[byte as usize] = lower;
        }
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

const OTHER: u8 = u8::MAX;

/// What a byte of an ASCII name becomes; 0 is left out.
#[inline]
pub(super) fn of_ascii(byte: u8) -> u8 {
    SLUG[usize::from(byte)]
}

/// Whether the slug of a name is the name itself in lower case, by a bit of each byte.
pub(super) fn is_own(name: &[u8]) -> bool {
    name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Makes the slug of the name that stands in `text` from `start` on; nothing is left of a name that the rule
/// has no slug for.
#[inline]
pub(crate) fn make(text: &mut Vec<u8>, start: usize) {
    if let Some(name) = text.get_mut(start..) {
        let size = make_in_place(name);
        text.truncate(start + size);
    }
}

/// The slug of a name.
#[inline]
pub(crate) fn of(name: &str) -> SmallVec<[u8; NAME_BYTES_MAX]> {
    let mut slug = SmallVec::from_slice(name.as_bytes());
    let size = make_in_place(&mut slug);
    slug.truncate(size);
    slug
}

/// Puts the slug in the place of the name; returns its size.
#[inline]
fn make_in_place(name: &mut [u8]) -> usize {
    let (mut size, mut other) = (0, name.len() > NAME_BYTES_MAX);
    for at in 0..name.len() {
        let byte = SLUG[usize::from(name[at])];
        // Never ahead of what is read: `size` grows by at most one a byte.
        name[size] = byte;
        size += usize::from(byte != 0);
        other |= byte == OTHER;
    }
    if other { 0 } else { size }
}

/// Cuts the text from `start` on after so many characters.
#[inline]
pub(crate) fn take(text: &mut Vec<u8>, start: usize, count: u8) {
    if let Some(name) = text.get(start..) {
        let end = start + size_of_first(name, count);
        text.truncate(end);
    }
}

/// Bytes of the first `count` characters; of all where that is 0.
#[inline]
pub(super) fn size_of_first(text: &[u8], count: u8) -> usize {
    let is_start = |byte: &u8| byte & 0xc0 != 0x80;
    let mut starts = text.iter().enumerate().filter(|(_, byte)| is_start(byte)).map(|(at, _)| at);
    let end = if count == 0 { None } else { starts.nth(usize::from(count)) };
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(name: &str) -> Vec<u8> {
        let mut text = b"before".to_vec();
        text.extend_from_slice(name.as_bytes());
        make(&mut text, 6);
        text.split_off(6)
    }

    #[test]
    fn ascii_names_have_a_slug_and_others_none() {
        for (name, expected) in [
            ("Toivo", "toivo"),
            ("O'Brien", "obrien"),
            ("Mees Die Bont", "meesdiebont"),
            ("Anne-Marie 2", "anne-marie2"),
            ("", ""),
            ("Renée", ""),
        ] {
            assert_eq!(slug(name), expected.as_bytes(), "{name}");
        }
        assert_eq!(slug(&"a".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(slug(&"a".repeat(NAME_BYTES_MAX + 1)), b"");
    }

    #[test]
    fn first_letters_are_whole_characters() {
        for (name, count, expected) in
            [("Éric", 1, "É"), ("Jo", 3, "Jo"), ("Jo", 1, "J"), ("前田", 1, "前"), ("", 2, "")]
        {
            let mut text = [b"x-", name.as_bytes()].concat();
            take(&mut text, 2, count);
            assert_eq!(text, [b"x-", expected.as_bytes()].concat(), "{name} {count}");
        }
    }
}
