//! Address keys: two spellings of one mailbox become the same bytes.
//!
//! # Trade-offs
//!
//! - Plain addresses only: `Jane <a@b.example>`, groups, comments and encoded words belong to the header parser.
//!   Around the address, blanks, `<…>` and `mailto:` are understood, because exports contain them.
//! - Lenient inside the local part: `john.@docomo.example` and `a..b@…` exist, so dots may stand anywhere. What is
//!   *not* accepted without quotes is what would be read as something else: blanks, controls and `()<>[]:;@\,"`.
//! - Case is folded, although RFC 5321 lets a host tell `Jane` from `jane`: hosts that do are not met in practice, and
//!   the record keeps the address as given. Full folding also makes `strauß` and `strauss` one key.
//! - Compatibility forms and invisible characters are *not* folded: `ｊane@…` and `ja\u{200b}ne@…` are other mailboxes
//!   to every mail server, and in a message they are evidence.

use std::borrow::Cow;
use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::KeyBuffer;
use super::domain::append_domain;
use super::usual::{USUAL_SIZE_MAX, write_usual};

/// Longest address accepted and longest key made, in bytes of UTF-8 (the path limit of RFC 5321, 4.5.3.1.3, without
/// its brackets).
pub const ADDRESS_KEY_BYTES_MAX: usize = 254;

/// The key of an address: lower-case local part, `@`, domain as A-labels. Equal mailboxes have equal bytes.
///
/// Only this module makes one, so there is always a local part, an `@` and a domain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AddressKey<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> AddressKey<'b> {
    /// The key whose bytes and place of the `@` were kept.
    pub(crate) fn kept(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// All of it, UTF-8, at most [`ADDRESS_KEY_BYTES_MAX`] bytes.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Position in bytes of the `@` that parts local part and domain (a quoted local part can hold others).
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Before the `@`; in quotes where it could not stand without them.
    #[must_use]
    pub fn local(&self) -> &'b [u8] {
        &self.bytes[..self.at]
    }

    /// After the `@`; equal to what [`domain_key`](super::domain_key) makes of the domain.
    #[must_use]
    pub fn domain(&self) -> &'b [u8] {
        &self.bytes[self.at + 1..]
    }
}

impl fmt::Debug for AddressKey<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AddressKey({})", String::from_utf8_lossy(self.bytes))
    }
}

/// Writes the key of one plain `address` to `out` and returns it.
///
/// None when it is no address: not exactly one `@` outside quotes, an empty part, a domain that has no key, characters
/// that want quotes without quotes, or over 254 bytes of UTF-8 (without blanks, `<…>` and `mailto:` around it), be it as
/// given or as key. `out` then holds nothing of use. A key is its own key.
///
/// ```
/// use persondb_data::normalize::{KeyBuffer, address_key};
/// let mut out = KeyBuffer::new();
/// let key = address_key(" <mailto:\"Jane.Doe\"@BÜCHER.example.> ", &mut out).unwrap();
/// assert_eq!(key.local(), b"jane.doe");
/// assert_eq!(key.domain(), b"xn--bcher-kva.example");
/// ```
#[must_use]
pub fn address_key<'b>(address: &str, out: &'b mut KeyBuffer) -> Option<AddressKey<'b>> {
    let mut usual = [0; USUAL_SIZE_MAX];
    if let Some(at) = write_usual(address, &mut usual) {
        out.clear();
        out.extend_from_slice(usual.get(..address.len())?);
        return Some(AddressKey { bytes: out, at });
    }
    let plain = unwrapped(address);
    if plain.len() > ADDRESS_KEY_BYTES_MAX {
        return None;
    }
    out.clear();
    let domain = if let Some(quoted) = plain.strip_prefix('"') {
        append_quoted(quoted, out)?
    } else {
        let (local, domain) = plain.split_once('@')?;
        if local.is_ascii() {
            out.extend_from_slice(local.as_bytes());
            out.make_ascii_lowercase();
        } else {
            out.extend_from_slice(folded_local(local).as_bytes());
        }
        // Judged after folding: U+037E, for one, decomposes to a semicolon.
        if !stands_unquoted(out) {
            return None;
        }
        domain
    };
    let at = out.len();
    out.push(b'@');
    append_domain(domain, out)?;
    finished(out, at)
}

/// Whether the raw `stored` address has this `key`: the same as building its key and comparing, but for plain ASCII
/// without building one.
///
/// ```
/// use persondb_data::normalize::{KeyBuffer, address_key, address_key_equals};
/// let mut out = KeyBuffer::new();
/// let key = address_key("JANE@a.example", &mut out).unwrap();
/// assert!(address_key_equals("Jane@A.Example", &key));
/// assert!(!address_key_equals("Jane@A.Example.org", &key));
/// ```
#[must_use]
pub fn address_key_equals(stored: &str, key: &AddressKey<'_>) -> bool {
    let plain = unwrapped(stored);
    if plain.is_ascii() && !plain.starts_with('"') {
        // The key is valid, so text that equals it but for ASCII case is a valid address with this very key; and a
        // plain ASCII address differs from its key in nothing else.
        let bytes = plain.as_bytes();
        bytes.len() <= ADDRESS_KEY_BYTES_MAX
            && bytes.strip_suffix(b".").unwrap_or(bytes).eq_ignore_ascii_case(key.bytes)
    } else {
        let mut built = KeyBuffer::new();
        address_key(plain, &mut built).is_some_and(|built| built.bytes == key.bytes)
    }
}

/// The key without the sub-address: the local part up to its first `separator` (`+` nearly everywhere, `-` on some).
///
/// None when nothing changes, nothing would be left, or the local part is quoted.
#[must_use]
pub fn strip_subaddress<'b>(
    key: &AddressKey<'_>,
    separator: char,
    out: &'b mut KeyBuffer,
) -> Option<AddressKey<'b>> {
    let local = unquoted_local(key)?;
    let kept = &local[..local.find(separator)?];
    out.clear();
    out.extend_from_slice(kept.as_bytes());
    with_domain_of(key, out)
}

/// The key with the dots of the local part taken out, for domains that ignore them.
///
/// None when nothing changes, nothing would be left, or the local part is quoted.
#[must_use]
pub fn strip_dots<'b>(key: &AddressKey<'_>, out: &'b mut KeyBuffer) -> Option<AddressKey<'b>> {
    let local = unquoted_local(key)?;
    if !local.contains('.') {
        return None;
    }
    out.clear();
    if local.is_ascii() {
        out.extend(local.bytes().filter(|&byte| byte != b'.'));
    } else {
        // A mark that stood behind a dot now stands behind a letter and may compose with it.
        out.extend_from_slice(folded_local(&local.replace('.', "")).as_bytes());
    }
    with_domain_of(key, out)
}

/// `address` without blanks, `<…>` and `mailto:` around it, in any nesting.
fn unwrapped(address: &str) -> &str {
    let mut rest = address.trim();
    loop {
        let inner = match rest.as_bytes().first() {
            Some(b'<') => rest.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')),
            Some(b'm' | b'M') => rest
                .split_at_checked("mailto:".len())
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto:"))
                .map(|(_, inner)| inner),
            _ => None,
        };
        match inner {
            Some(inner) => rest = inner.trim(),
            None => return rest,
        }
    }
}

/// Appends the local part whose opening quote has been read, with quotes only if it needs them. Returns the domain.
fn append_quoted<'a>(quoted: &'a str, out: &mut KeyBuffer) -> Option<&'a str> {
    let mut content = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => content.push(characters.next()?),
            character => content.push(character),
        }
    }
    let domain = characters.as_str().strip_prefix('@')?;
    let content = folded_local(&content);
    if content.is_empty() || content.chars().any(char::is_control) {
        return None;
    }
    if stands_unquoted(content.as_bytes()) {
        out.extend_from_slice(content.as_bytes());
    } else {
        out.push(b'"');
        for byte in content.bytes() {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    Some(domain)
}

/// Canonical caseless form (Unicode, D145), composed again: case fold between NFD and NFC. Folding without the first
/// step would depend on how the input was composed.
fn folded_local(local: &str) -> Cow<'_, str> {
    if local.is_ascii() {
        return if local.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(local.to_ascii_lowercase())
        } else {
            Cow::Borrowed(local)
        };
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(local);
    let folded = CaseMapper::new().fold_string(&decomposed);
    Cow::Owned(ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned())
}

/// Whether a local part means itself without quotes: not empty, no controls, no blanks, none of RFC 5322's specials
/// but the dot.
fn stands_unquoted(local: &[u8]) -> bool {
    if local.is_ascii() {
        !local.is_empty() && local.iter().all(|&byte| STANDS_UNQUOTED[usize::from(byte)])
    } else {
        str::from_utf8(local).is_ok_and(|local| {
            local.chars().all(|character| match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() => STANDS_UNQUOTED[usize::from(byte)],
                _ => !character.is_control() && !character.is_whitespace(),
            })
        })
    }
}

/// By ASCII byte: may it stand in a local part without quotes?
const STANDS_UNQUOTED: [bool; 128] = {
    let mut table = [false; 128];
    let mut byte = b'!';
    while byte < 0x7f {
        table[byte as usize] = !matches!(
            byte,
            b'(' | b')' | b'<' | b'>' | b'[' | b']' | b':' | b';' | b'@' | b'\\' | b',' | b'"'
        );
        byte += 1;
    }
    table
};

fn unquoted_local<'b>(key: &AddressKey<'b>) -> Option<&'b str> {
    str::from_utf8(key.local()).ok().filter(|local| !local.starts_with('"'))
}

/// Completes the local part in `out` with the domain of `key`.
fn with_domain_of<'b>(key: &AddressKey<'_>, out: &'b mut KeyBuffer) -> Option<AddressKey<'b>> {
    let at = out.len();
    if at == 0 {
        return None;
    }
    out.extend_from_slice(&key.bytes[key.at..]);
    finished(out, at)
}

fn finished(out: &KeyBuffer, at: usize) -> Option<AddressKey<'_>> {
    (out.len() <= ADDRESS_KEY_BYTES_MAX).then_some(AddressKey { bytes: out, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Option<String> {
        let mut out = KeyBuffer::new();
        address_key(address, &mut out).map(|key| String::from_utf8(key.bytes().to_vec()).unwrap())
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_makes_the_same_keys(address in "[a-zA-Z0-9.@+'_ -]{0,12}@?[a-zA-Z0-9.'+_-]{0,9}\\.?") {
            let mut usual = [0; USUAL_SIZE_MAX];
            if write_usual(&address, &mut usual).is_some() {
                // Around the address anything that is taken off sends it the long way.
                let short = String::from_utf8(usual[..address.len()].to_vec()).ok();
                proptest::prop_assert_eq!(key(&format!("<{address}>")), short);
            } else if let Some(key) = key(&address) {
                let usual_bytes = address.bytes().all(|byte| !matches!(byte, b' ' | b'+' | b'\''));
                let is_usual = usual_bytes && !address.contains("..");
                proptest::prop_assert!(!is_usual || key.len() != address.len(), "a usual address went the long way");
            }
        }
    }

    #[test]
    fn spellings_of_one_address_share_a_key_and_near_misses_do_not() {
        for (address, expected, other) in [
            ("Jane.Doe@Example.COM", "jane.doe@example.com", "janedoe@example.com"),
            ("  jane@example.com\r\n", "jane@example.com", "jane@example.co"),
            ("<jane@example.com>", "jane@example.com", "jame@example.com"),
            ("MailTo:jane@example.com", "jane@example.com", "mailto.jane@example.com"),
            ("< <mailto: jane@example.com>>", "jane@example.com", "jane@exampl.ecom"),
            ("jane@example.com.", "jane@example.com", "jane.@example.com"),
            ("\"jane\"@example.com", "jane@example.com", "\"jane \"@example.com"),
            ("\"j\\ane\"@example.com", "jane@example.com", "\"j\\\\ane\"@example.com"),
            ("\"Jane Doe\"@example.com", "\"jane doe\"@example.com", "jane_doe@example.com"),
            ("\"a@b\"@example.com", "\"a@b\"@example.com", "a@example.com"),
            ("\"a\\\"b\"@example.com", "\"a\\\"b\"@example.com", "\"ab\"@example.com"),
            ("\"a..b\"@example.com", "a..b@example.com", "a.b@example.com"),
            ("JÖRG@example.com", "jörg@example.com", "jorg@example.com"),
            ("jo\u{308}rg@example.com", "jörg@example.com", "joerg@example.com"),
            ("STRAUẞ@example.com", "strauss@example.com", "straus@example.com"),
            ("ΣΊΣΥΦΟΣ@example.com", "σίσυφοσ@example.com", "σισυφοσ@example.com"),
            ("a@bücher.example", "a@xn--bcher-kva.example", "a@bucher.example"),
            ("o'neil+tag=1@example.com", "o'neil+tag=1@example.com", "oneil+tag=1@example.com"),
            ("jane@localhost", "jane@localhost", "jane@localhos"),
        ] {
            assert_eq!(key(address).as_deref(), Some(expected), "{address}");
            assert_eq!(key(expected).as_deref(), Some(expected), "a key is its own key: {expected}");
            assert_ne!(key(other).as_deref(), Some(expected), "{address} {other}");
        }
    }

    #[test]
    fn lookalikes_to_the_eye_have_other_keys() {
        let plain = key("jane@example.com");
        for other in [
            "ｊane@example.com",
            "ja\u{200b}ne@example.com",
            "j\u{430}ne@example.com",
            "jane@ex\u{430}mple.com",
        ] {
            assert!(key(other).is_some(), "{other}");
            assert_ne!(key(other), plain, "{other}");
        }
    }

    #[test]
    fn what_is_no_address_has_no_key() {
        for address in [
            "",
            "@",
            "jane",
            "jane@",
            "@example.com",
            "a@b@example.com",
            "Jane <jane@example.com>",
            "jane doe@example.com",
            "jane@exa mple.com",
            "jane@example..com",
            "jane@example.com..",
            "jane@[192.0.2.1]",
            "a,b@example.com",
            "a@example.com,b@example.com",
            "a;b@example.com",
            "SMTP:a@example.com",
            "ja\u{0}ne@example.com",
            "ja\u{85}ne@ü.example",
            "j\u{a0}ö@example.com",
            "jö\u{37e}@example.com",
            "<jane@example.com",
            "jane@example.com>",
            "\"jane@example.com",
            "\"jane\"example.com",
            "\"jane\"x@example.com",
            "\"\"@example.com",
            "\"ja\tne\"@example.com",
            "\"jane\\",
            "mailto:",
            "<>",
        ] {
            assert_eq!(key(address), None, "{address:?}");
        }
    }

    #[test]
    fn addresses_are_accepted_up_to_254_bytes() {
        let full = format!("{}@{}", "a".repeat(254 - 12), "example.com");
        assert_eq!(full.len(), 254);
        assert_eq!(key(&full).as_deref(), Some(&*full));
        assert_eq!(key(&format!(" <{full}> ")).as_deref(), Some(&*full), "wrappers do not count");
        assert_eq!(key(&format!("a{full}")), None);
        // The trailing dot does count, for building as for comparing.
        let mut out = KeyBuffer::new();
        let built = address_key(&full, &mut out).unwrap();
        assert!(address_key_equals(&full, &built));
        assert!(!address_key_equals(&format!("{full}."), &built));
        assert_eq!(key(&format!("{full}.")), None);
        // U+0149 folds from two bytes to three: short enough as given, but not as key.
        assert!(key(&format!("{}@example.com", "\u{149}".repeat(80))).is_some());
        assert_eq!(key(&format!("{}@example.com", "\u{149}".repeat(81))), None);
    }

    #[test]
    fn a_stored_address_equals_its_key_and_no_other() {
        let mut out = KeyBuffer::new();
        let jane = address_key("jane@example.com", &mut out).unwrap();
        for same in
            ["jane@example.com", "JANE@example.COM.", " <mailto:Jane@example.com>", "\"jane\"@example.com"]
        {
            assert!(address_key_equals(same, &jane), "{same}");
        }
        assert!(address_key_equals("jane@ｅxample.com", &jane));
        for other in
            ["jane@example.co", "jane@example.com..", "jan@example.com", "", "jane", "\"jane \"@example.com"]
        {
            assert!(!address_key_equals(other, &jane), "{other}");
        }
    }

    #[test]
    fn a_subaddress_is_cut_at_the_first_separator_only() {
        let (mut a, mut b) = (KeyBuffer::new(), KeyBuffer::new());
        let mut strip = |address: &str, separator| {
            let key = address_key(address, &mut a).unwrap();
            strip_subaddress(&key, separator, &mut b).map(|key| {
                assert_eq!(key.domain(), b"example.com");
                String::from_utf8(key.local().to_vec()).unwrap()
            })
        };
        assert_eq!(strip("jane+a+b@example.com", '+').as_deref(), Some("jane"));
        assert_eq!(strip("jane-a@example.com", '-').as_deref(), Some("jane"));
        assert_eq!(strip("jane-a@example.com", '+'), None, "another separator");
        assert_eq!(strip("jane@example.com", '+'), None, "nothing changes");
        assert_eq!(strip("+a@example.com", '+'), None, "nothing is left");
        assert_eq!(strip("\"jane doe+a\"@example.com", '+'), None, "quoted");
    }

    #[test]
    fn dots_are_taken_from_the_local_part_only() {
        let (mut a, mut b) = (KeyBuffer::new(), KeyBuffer::new());
        let mut strip = |address: &str| {
            let key = address_key(address, &mut a).unwrap();
            strip_dots(&key, &mut b).map(|key| String::from_utf8(key.bytes().to_vec()).unwrap())
        };
        assert_eq!(strip("j.a.ne@mail.example.com").as_deref(), Some("jane@mail.example.com"));
        assert_eq!(strip("jane@mail.example.com"), None, "nothing changes");
        assert_eq!(strip("..@example.com"), None, "nothing is left");
        assert_eq!(strip("e.\u{301}@example.com").as_deref(), Some("é@example.com"), "composed again");
        assert_eq!(strip("\"a. b\"@example.com"), None, "quoted");
    }
}
