//! The *slug* of a name: how it looks inside an e-mail address.
//!
//! Names of ASCII letters follow one rule, which reader and builder compute alike: lower case, and of what is
//! no letter or digit only hyphens stay (`O'Brien` → `obrien`, `Anne-Marie` → `anne-marie`). For other names
//! the builder stores the slug it found in the addresses beside the name.

/// Longest name that templates refer to, in bytes; longer ones count as none.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Writes the slug by rule to `out` and returns it; empty where the rule has none for this name.
#[inline]
pub(crate) fn by_rule<'o>(name: &[u8], out: &'o mut [u8; NAME_BYTES_MAX]) -> &'o [u8] {
    let mut size = 0;
    if name.len() > NAME_BYTES_MAX {
        return &[];
    }
    for &byte in name {
        let lower = byte.to_ascii_lowercase();
        if byte >= 0x80 {
            return &[];
        }
        if lower.is_ascii_lowercase() || lower.is_ascii_digit() || lower == b'-' {
            out[size] = lower;
            size += 1;
        }
    }
    &out[..size]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_names_have_a_slug_and_others_none() {
        let mut out = [0; NAME_BYTES_MAX];
        for (name, slug) in [
            ("Toivo", "toivo"),
            ("O'Brien", "obrien"),
            ("Mees Die Bont", "meesdiebont"),
            ("Anne-Marie 2", "anne-marie2"),
            ("", ""),
            ("Renée", ""),
        ] {
            assert_eq!(by_rule(name.as_bytes(), &mut out), slug.as_bytes(), "{name}");
        }
        assert_eq!(by_rule(&[b'a'; NAME_BYTES_MAX], &mut out).len(), NAME_BYTES_MAX);
        let mut out = [0; NAME_BYTES_MAX];
        assert_eq!(by_rule(&[b'a'; NAME_BYTES_MAX + 1], &mut out), b"");
    }
}
