//! What is wrong with an address that has no key.

use crate::normalize::{ADDRESS_KEY_BYTES_MAX, KeyBuffer, address_key, domain_key};

/// How much of a wrong address is repeated, in bytes.
const SHOWN_BYTES_MAX: usize = 80;

/// What was expected of `address` and what it is instead; None for one that has a key.
///
/// ```
/// use persondb_data::message::address_fault;
/// assert_eq!(address_fault("jane@corp.example"), None);
/// assert_eq!(address_fault("jane").unwrap(), "expected name@domain, found \"jane\", which has no @");
/// ```
#[must_use]
pub fn address_fault(address: &str) -> Option<String> {
    let mut out = KeyBuffer::new();
    if address_key(address, &mut out).is_some() {
        return None;
    }
    let shown = &address[..address.floor_char_boundary(SHOWN_BYTES_MAX)];
    Some(match address.rsplit_once('@') {
        _ if address.is_empty() => "expected name@domain, found no address".to_owned(),
        _ if address.len() > ADDRESS_KEY_BYTES_MAX => {
            format!("expected at most {ADDRESS_KEY_BYTES_MAX} bytes, found {}: {shown:?}…", address.len())
        }
        None => format!("expected name@domain, found {shown:?}, which has no @"),
        Some((_, domain)) if domain_key(domain, &mut out).is_none() => {
            format!(
                "expected a domain after the @, found {:?}",
                &domain[..domain.floor_char_boundary(SHOWN_BYTES_MAX)]
            )
        }
        Some((local, _)) if local.contains('@') && !local.starts_with('"') => {
            format!("expected one @, found {shown:?}")
        }
        Some(("", _)) => format!("expected a name before the @, found {shown:?}"),
        Some(_) => format!(
            "expected a name before the @ that holds blanks, controls and ()<>[]:;\\,\" only in quotes, found {shown:?}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named_and_a_valid_address_has_none() {
        for valid in ["jane@x.y", "<jane@x.y>", "\"jane doe\"@x.y", "\"a@b\"@x.y", "jürgen@bücher.example"]
        {
            assert_eq!(address_fault(valid), None, "{valid}");
        }
        let (long, long_domain) = (format!("{}@x.y", "a".repeat(251)), format!("a@{}.y", "x".repeat(64)));
        for (address, expected) in [
            ("", "expected name@domain, found no address"),
            ("jane", "found \"jane\", which has no @"),
            (&long, "expected at most 254 bytes, found 255"),
            ("jane@", "expected a domain after the @, found \"\""),
            ("jane@x..y", "expected a domain after the @, found \"x..y\""),
            ("jane@[192.0.2.1]", "expected a domain after the @, found \"[192.0.2.1]\""),
            (&long_domain, "expected a domain after the @"),
            ("a@b@x.y", "expected one @, found \"a@b@x.y\""),
            ("@x.y", "expected a name before the @, found \"@x.y\""),
            ("jane doe@x.y", "only in quotes, found \"jane doe@x.y\""),
            ("\"jane@x.y", "only in quotes"),
        ] {
            let fault = address_fault(address).unwrap();
            assert!(fault.contains(expected), "{address}: {fault}");
            assert!(fault.len() < 300, "{fault}");
        }
    }
}
