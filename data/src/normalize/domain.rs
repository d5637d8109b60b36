//! Domain keys: what DNS compares, as bytes.
//!
//! # Trade-offs
//!
//! - An ASCII domain is only lower-cased, never decoded: DNS compares those bytes, so two different `xn--` labels are
//!   two domains even where one is not valid punycode. Everything else goes through UTS #46 (non-transitional) to
//!   A-labels, so `bücher.example` and `xn--bcher-kva.example` are one key.
//! - Underscores and hyphens anywhere are accepted: such hosts do receive mail. So are single labels (`localhost`,
//!   intranets). Domain literals (`[192.0.2.1]`) are not: nobody's directory lists people under them.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::KeyBuffer;

/// Longest domain in DNS's presentation form, in bytes, without the trailing dot (RFC 1035, 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;
/// Longest label in bytes (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// Writes the key of `domain` to `out` and returns it; surrounding blanks and one trailing dot are dropped.
///
/// None when it is no domain: an empty label, one over 63 bytes, over 253 bytes in all, anything but letters, digits,
/// `-` and `_` in ASCII (so no blanks, no controls, no `@`), or text that UTS #46 refuses. `out` then holds nothing
/// of use.
///
/// ```
/// use persondb_data::normalize::{KeyBuffer, domain_key};
/// let mut out = KeyBuffer::new();
/// assert_eq!(domain_key(" Bücher.Example. ", &mut out), Some(&b"xn--bcher-kva.example"[..]));
/// assert_eq!(domain_key("a..example", &mut out), None);
/// ```
#[must_use]
pub fn domain_key<'b>(domain: &str, out: &'b mut KeyBuffer) -> Option<&'b [u8]> {
    out.clear();
    append_domain(domain.trim(), out)?;
    Some(out)
}

/// Appends the key of `domain`, which has no blanks around it. On None, `out` has lost or kept anything.
pub(super) fn append_domain(domain: &str, out: &mut KeyBuffer) -> Option<()> {
    // Longer text cannot become a domain that is short enough, and the punycode encoder is quadratic in it.
    if domain.len() > 4 * DOMAIN_BYTES_MAX {
        return None;
    }
    let start = out.len();
    if domain.is_ascii() {
        let bytes = domain.as_bytes();
        out.extend_from_slice(bytes.strip_suffix(b".").unwrap_or(bytes));
    } else {
        // The deny list is left empty because `is_domain` judges the result: after mapping, full-width forms count too.
        let ascii = Uts46::new()
            .to_ascii(domain.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
            .ok()?;
        out.extend_from_slice(ascii.strip_suffix('.').unwrap_or(&ascii).as_bytes());
    }
    let appended = &mut out[start..];
    appended.make_ascii_lowercase();
    is_domain(appended).then_some(())
}

fn is_domain(domain: &[u8]) -> bool {
    let (mut label_bytes, mut all_of_hosts) = (0, true);
    for &byte in domain {
        if byte == b'.' {
            if label_bytes == 0 || label_bytes > LABEL_BYTES_MAX {
                return false;
            }
            label_bytes = 0;
        } else {
            all_of_hosts &= OF_HOSTS[usize::from(byte)];
            label_bytes += 1;
        }
    }
    all_of_hosts && domain.len() <= DOMAIN_BYTES_MAX && (1..=LABEL_BYTES_MAX).contains(&label_bytes)
}

/// By byte: may it stand in a label?
const OF_HOSTS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn key(domain: &str) -> Option<String> {
        let mut out = KeyBuffer::new();
        domain_key(domain, &mut out).map(|key| String::from_utf8(key.to_vec()).unwrap())
    }

    #[test]
    fn spellings_of_one_domain_share_a_key_and_near_misses_do_not() {
        for (a, b, other) in [
            ("Example.COM", "example.com", "example.co"),
            ("example.com.", "example.com", "example.com.a"),
            (" example.com\t", "example.com", "example-com"),
            ("BÜCHER.example", "xn--bcher-kva.example", "bucher.example"),
            ("bu\u{308}cher.example", "XN--BCHER-KVA.example", "buecher.example"),
            ("ｅｘａｍｐｌｅ。ｃｏｍ", "example.com", "examp1e.com"),
            ("exa\u{ad}mple.com", "example.com", "exa-mple.com"),
            ("faß.example", "xn--fa-hia.example", "fass.example"),
            ("пример.example", "ПРИМЕР.example", "npимep.example"),
        ] {
            assert_eq!(key(a), key(b), "{a} {b}");
            assert!(key(a).is_some(), "{a}");
            assert_ne!(key(a), key(other), "{a} {other}");
        }
    }

    #[test]
    fn odd_hosts_that_receive_mail_are_domains() {
        for domain in
            ["a_b.example", "-a.example", "a-.example", "r3---sn.example", "localhost", "1.2.3.4", "xn--a"]
        {
            assert_eq!(key(domain).as_deref(), Some(domain));
        }
    }

    #[test]
    fn what_is_no_domain_has_no_key() {
        for domain in [
            "",
            ".",
            "..",
            "a..example",
            ".example",
            "example..",
            "a b.example",
            "a\0.example",
            "a@b",
            "[192.0.2.1]",
            "a/b",
        ] {
            assert_eq!(key(domain), None, "{domain:?}");
        }
        for domain in
            ["bü cher.example", "ü..example", "。ü", "a＠ü.example", "a\u{2028}ü.example", "ü.xn--\u{fffd}"]
        {
            assert_eq!(key(domain), None, "{domain:?}");
        }
    }

    #[test]
    fn length_limits_hold_to_the_byte() {
        let label = |bytes: usize| "a".repeat(bytes);
        assert!(key(&format!("{}.example", label(63))).is_some());
        assert_eq!(key(&format!("{}.example", label(64))), None);
        let full = format!("{0}.{0}.{0}.{1}", label(63), label(61));
        assert_eq!(full.len(), 253);
        assert!(key(&full).is_some());
        assert!(key(&format!("{full}.")).is_some());
        assert_eq!(key(&format!("{full}a")), None);
        // The limit is on the A-label: 50 letters of two bytes fit, 63 do not.
        assert!(key(&format!("{}.example", "ü".repeat(50))).is_some());
        assert_eq!(key(&format!("{}.example", "üж".repeat(32))), None);
        assert_eq!(key(&"ü.".repeat(100_000)), None);
    }
}
