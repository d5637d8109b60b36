//! One value with several things in it, and what counts as an address.
//!
//! Pure functions on `&str`: the reader of a segment takes stored values apart with the very functions that
//! the builder indexed them with.

use serde::{Deserialize, Serialize};

use crate::normalize::{KeyBuffer, address_key, is_usual_address};

/// Longest address in bytes (RFC 5321 path without its angle brackets).
pub const ADDRESS_BYTES_MAX: usize = 254;
/// Longest local part in bytes (RFC 5321).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 63;
/// Longest name of a type of address (`SMTP`, `X500`).
const TYPE_BYTES_MAX: usize = 16;
/// Wrappers around one address that are taken off; more of them is no address.
const WRAPPERS_MAX: usize = 4;

/// What separates several values in one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Separator {
    /// `;`, `|` and line breaks; in addresses also comma and blank where every piece is an address by itself.
    #[default]
    Generic,
    /// This character alone.
    Only(char),
    /// `;`, `|`, comma, white space, wherever a type (`smtp:`, `X500:`) follows: values of Exchange and Active
    /// Directory, which may themselves have blanks and semicolons. What has no type is taken apart as
    /// [`Separator::Generic`].
    Typed,
}

impl Separator {
    fn is(self, c: char) -> bool {
        match self {
            Self::Generic | Self::Typed => matches!(c, ';' | '|' | '\n' | '\r'),
            Self::Only(only) => c == only,
        }
    }

    /// Where the first piece ends.
    fn find(self, text: &str) -> Option<usize> {
        if self != Self::Typed {
            return text.find(|c| self.is(c));
        }
        let mut from = 0;
        while let Some(at) = text[from..].find(|c: char| c == ',' || c.is_whitespace() || self.is(c)) {
            let at = from + at;
            let rest = text[at..].trim_start_matches(|c: char| c == ',' || c.is_whitespace() || self.is(c));
            if rest.is_empty() || has_type(rest) {
                return Some(at);
            }
            from = text.len() - rest.len();
        }
        None
    }
}

/// `text.trim()`, at once where what it begins and ends with can be seen and is ASCII, as it nearly always is.
#[inline]
pub(crate) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [] | [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// One piece of a field with addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressValue<'a> {
    /// An address, without its wrapping.
    Address(&'a str),
    /// A value of another type than mail, such as `SIP:…` or `X500:…`, as written.
    OtherType(&'a str),
    /// Neither, as written.
    Invalid(&'a str),
}

/// Takes a field with any number of addresses apart. Blank pieces are left out; nothing is allocated.
///
/// Never separates at `+`. An address with a quoted local part that holds a separator is whole if it is all
/// there is in the field.
///
/// ```
/// use persondb_data::input::values::{AddressValue::*, Separator, addresses};
/// let found: Vec<_> = addresses("SMTP:a@x.org;sip:b@x.org; <c+d@x.org>", Separator::Generic).collect();
/// assert_eq!(found, [Address("a@x.org"), OtherType("sip:b@x.org"), Address("c+d@x.org")]);
/// ```
#[must_use]
pub fn addresses(value: &str, separator: Separator) -> Addresses<'_> {
    let whole = trimmed(value);
    // A list as some programs print it: `{a@x.org; b@x.org}`.
    let list = whole.strip_prefix('{').and_then(|list| list.strip_suffix('}'));
    let whole = list.filter(|list| !list.contains(['{', '}'])).map_or(whole, str::trim);
    let outer = Pieces { rest: Some(whole), by: By::Separator(separator) };
    match read_address(whole) {
        address @ AddressValue::Address(_) => Addresses { whole: Some(address), outer: EMPTY, inner: EMPTY },
        _ if whole.is_empty() => Addresses { whole: None, outer: EMPTY, inner: EMPTY },
        _ => Addresses { whole: None, outer, inner: EMPTY },
    }
}

/// Iterator over the addresses of a field, made by [`addresses`].
#[derive(Debug, Clone)]
pub struct Addresses<'a> {
    whole: Option<AddressValue<'a>>,
    outer: Pieces<'a>,
    inner: Pieces<'a>,
}

impl<'a> Iterator for Addresses<'a> {
    type Item = AddressValue<'a>;

    fn next(&mut self) -> Option<AddressValue<'a>> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        loop {
            if let Some(piece) = self.inner.find(|piece| !piece.is_empty()) {
                return Some(read_address(piece));
            }
            let piece = self.outer.next()?;
            let by = match self.outer.by {
                By::Separator(Separator::Typed) if is_of_other_type(piece) => By::Nothing,
                By::Separator(Separator::Typed) if piece.contains(|c| Separator::Generic.is(c)) => {
                    By::Separator(Separator::Generic)
                }
                By::Separator(Separator::Generic | Separator::Typed) => lists_of_addresses(piece),
                _ => By::Nothing,
            };
            self.inner = Pieces { rest: Some(piece), by };
        }
    }
}

/// How to take a piece further apart: at commas, or commas and blanks, where that gives addresses only.
fn lists_of_addresses(piece: &str) -> By {
    if !piece.contains(|c: char| c == ',' || c.is_whitespace()) {
        return By::Nothing;
    }
    for by in [By::Comma, By::CommaOrBlank] {
        let mut parts = Pieces { rest: Some(piece), by }.filter(|part| !part.is_empty());
        if parts.all(|part| !matches!(read_address(part), AddressValue::Invalid(_))) {
            return by;
        }
    }
    By::Nothing
}

/// Takes a field with any number of names apart: at `;`, `|` and line breaks, never at commas, since a name
/// may well be `Last, First`. Blank pieces are left out.
pub fn texts(value: &str, separator: Separator) -> impl Iterator<Item = &str> + Clone {
    Pieces { rest: Some(value), by: By::Separator(separator) }.filter(|piece| !piece.is_empty())
}

/// Reads one piece: takes its wrapping off and says what it is.
///
/// Wrapping is `<…>`, `{…}`, `mailto:`, `smtp:` and white space around it, in any case and order.
#[must_use]
pub fn read_address(piece: &str) -> AddressValue<'_> {
    if is_usual_address(piece) {
        return AddressValue::Address(piece);
    }
    let piece = piece.trim();
    let bare = unwrap_address(piece);
    if check_address(bare).is_ok() {
        AddressValue::Address(bare)
    } else if has_type(bare) {
        AddressValue::OtherType(piece)
    } else {
        AddressValue::Invalid(piece)
    }
}

/// The primary address in a value of an e-mail column, without its wrapping and not checked; empty where there
/// is none.
///
/// `list` is what separates the values of a column that holds the further addresses as well. The primary one
/// of those is marked `SMTP:` in capitals (Exchange and Active Directory do that), else it is the first.
///
/// ```
/// use persondb_data::input::values::{Separator, primary_address};
/// let list = Some(Separator::Typed);
/// assert_eq!(primary_address("smtp:jd@x.org SMTP:jane.doe@x.org", list), "jane.doe@x.org");
/// assert_eq!(primary_address("jane.doe@x.org; jd@x.org", list), "jane.doe@x.org");
/// assert_eq!(primary_address("<jane.doe@x.org>", None), "jane.doe@x.org");
/// ```
#[must_use]
pub fn primary_address(value: &str, list: Option<Separator>) -> &str {
    if is_usual_address(value) {
        return value;
    }
    let bare = unwrap_address(value);
    let Some(separator) = list.filter(|_| check_address(bare).is_err()) else { return bare };
    let mut first = None;
    let mut has_other_types = false;
    for piece in addresses(value, separator) {
        match piece {
            AddressValue::Address(address) if is_marked_primary(value, address) => return address,
            AddressValue::Address(address) => first = first.or(Some(address)),
            AddressValue::OtherType(_) => has_other_types = true,
            AddressValue::Invalid(_) => {}
        }
    }
    // What is no address at all is given as it is, so that it can be shown.
    first.unwrap_or(if has_other_types { "" } else { bare })
}

/// Whether `SMTP:` stands before this part of the value.
fn is_marked_primary(value: &str, address: &str) -> bool {
    let start = address.as_ptr().addr().checked_sub(value.as_ptr().addr());
    let before = start.and_then(|start| value.get(..start));
    before.is_some_and(|before| before.trim_end().ends_with("SMTP:"))
}

/// Whether a sign-in name is that of a guest: Entra ID calls whoever has an account elsewhere
/// `jane_corp.example#EXT#@tenant.onmicrosoft.com`.
#[must_use]
pub fn is_guest_name(name: &str) -> bool {
    const MARK: &[u8] = b"#EXT#";
    name.rsplit_once('@').is_some_and(|(local, _)| {
        let end = local.len().checked_sub(MARK.len()).and_then(|at| local.as_bytes().get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(MARK))
    })
}

/// The address within its wrapping, not checked.
#[must_use]
pub fn unwrap_address(piece: &str) -> &str {
    // Nearly all are bare: no wrapper begins or ends with a letter or digit but a prefix with its colon.
    if let [first, .., last] = piece.as_bytes()
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && memchr::memchr(b':', piece.as_bytes()).is_none()
    {
        return piece;
    }
    let mut bare = piece.trim();
    for _ in 0..WRAPPERS_MAX {
        let before = bare;
        for (open, close) in [('<', '>'), ('{', '}')] {
            bare = bare.strip_prefix(open).and_then(|b| b.strip_suffix(close)).unwrap_or(bare);
        }
        for prefix in ["mailto:", "smtp:"] {
            if bare.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)) {
                bare = &bare[prefix.len()..];
            }
        }
        bare = bare.trim();
        if bare.len() == before.len() {
            break;
        }
    }
    bare
}

/// Whether the text starts like `SIP:`, `X500:`, `EUM:`; no address without quotes does.
fn has_type(text: &str) -> bool {
    mail_type(text).is_some()
}

/// What stands before the colon, where it is a type. Looks at no more than its longest, since a hostile list is
/// asked at every separator.
fn mail_type(text: &str) -> Option<&str> {
    let at = text.bytes().take(TYPE_BYTES_MAX + 1).position(|byte| byte == b':')?;
    let kind = text.get(..at)?;
    let is_word = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && text.len() > at + 1).then_some(kind)
}

/// Whether the piece has a type, and one that is not mail.
fn is_of_other_type(piece: &str) -> bool {
    mail_type(piece)
        .is_some_and(|kind| !["smtp", "mailto"].iter().any(|mail| mail.eq_ignore_ascii_case(kind)))
}

/// The two halves of an address that passed [`check_address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// Before the last `@`, with its quotes if it has any.
    pub local: &'a str,
    /// After the last `@`.
    pub domain: &'a str,
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// Over [`ADDRESS_BYTES_MAX`].
    TooLong,
    /// No `@`.
    NoAt,
    /// The part before the `@`: empty, over [`LOCAL_PART_BYTES_MAX`], or with characters that need quotes.
    LocalPart,
    /// The part after the `@`.
    Domain,
}

/// Checks the syntax of a bare address.
///
/// The rule, made for directories and not for message headers:
/// - at most 254 bytes of UTF-8, divided at the last `@`; local part of 1 to 64 bytes;
/// - local part without quotes: no white space, control or invisible characters and none of `()<>[]{}:;,\"@|`
///   (`{}` and `|` are legal in RFC 5321, but in exports they wrap and separate); dots anywhere, since some
///   providers gave out `a..b@`; any other Unicode (RFC 6531);
/// - local part in quotes: anything but control characters, `"` and `\` escaped by `\`;
/// - domain: two labels or more (directories have no `a@localhost`) and perhaps a last dot; each label 1 to
///   63 bytes of letters, digits and inner hyphens, the last not digits alone; where there are other letters
///   or `xn--`, all of it counts after UTS #46, which has to succeed;
/// - it has a key: what cannot be looked up is no address.
///
/// # Errors
/// The first of the rules above that does not hold.
pub fn check_address(text: &str) -> Result<Address<'_>, AddressError> {
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(AddressError::TooLong);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
    if is_usual_address(text) {
        return Ok(Address { local, domain });
    }
    if !is_local_part(local) {
        return Err(AddressError::LocalPart);
    }
    if !is_domain(domain) {
        return Err(AddressError::Domain);
    }
    // Normalising can bring forth what the rules above forbid (U+037E decomposes to a semicolon) or more bytes
    // than an address has. Such an address could never be found.
    let is_plain = text.is_ascii() && !local.starts_with('"');
    if !is_plain && address_key(text, &mut KeyBuffer::new()).is_none() {
        return Err(AddressError::LocalPart);
    }
    Ok(Address { local, domain })
}

fn is_local_part(local: &str) -> bool {
    if local.is_empty() || local.len() > LOCAL_PART_BYTES_MAX {
        return false;
    }
    if local.len() > 2
        && let Some(quoted) = local.strip_prefix('"').and_then(|l| l.strip_suffix('"'))
    {
        let mut escaped = false;
        let fine = quoted.chars().all(|c| {
            let allowed = !c.is_control() && (escaped || c != '"');
            escaped = !escaped && c == '\\';
            allowed
        });
        return fine && !escaped;
    }
    if local.is_ascii() {
        return local.bytes().all(|byte| UNQUOTED[usize::from(byte)]);
    }
    local.chars().all(|c| match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => UNQUOTED[usize::from(byte)],
        _ => is_visible(c),
    })
}

/// Bytes that an ASCII local part may have without quotes.
const UNQUOTED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        table[byte as usize] = true;
        byte += 1;
    }
    let special = b"()<>[]{}:;,\\\"@|";
    let mut i = 0;
    while i < special.len() {
        table[special[i] as usize] = false;
        i += 1;
    }
    table
};

/// Checks the syntax of a domain by the rule of [`check_address`].
#[must_use]
pub fn is_domain(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    // Any `--` may be that of an `xn--` label.
    if domain.is_ascii() && memchr::memmem::find(domain.as_bytes(), b"--").is_none() {
        return is_ascii_domain(domain);
    }
    // UTS #46 would drop what is invisible and let through what is ASCII but no letter of a domain.
    let fine =
        |c: char| c == '.' || c == '-' || c.is_ascii_alphanumeric() || (!c.is_ascii() && is_visible(c));
    domain.chars().all(fine) && idna::domain_to_ascii(domain).is_ok_and(|ascii| is_ascii_domain(&ascii))
}

fn is_ascii_domain(domain: &str) -> bool {
    let mut labels = 0;
    let mut last: &[u8] = &[];
    for label in domain.as_bytes().split(|&byte| byte == b'.') {
        let fine = label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let (Some(first), Some(end)) = (label.first(), label.last()) else { return false };
        if !fine || label.len() > LABEL_BYTES_MAX || *first == b'-' || *end == b'-' {
            return false;
        }
        labels += 1;
        last = label;
    }
    labels >= 2 && domain.len() < ADDRESS_BYTES_MAX && !last.iter().all(u8::is_ascii_digit)
}

/// Whether a character outside ASCII can be seen.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !c.is_whitespace()
        && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

const EMPTY: Pieces<'static> = Pieces { rest: None, by: By::Nothing };

/// Trimmed pieces of a text.
#[derive(Debug, Clone)]
struct Pieces<'a> {
    rest: Option<&'a str>,
    by: By,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Nothing,
    Separator(Separator),
    Comma,
    CommaOrBlank,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest.take()?;
        let at = match self.by {
            By::Nothing => None,
            By::Separator(separator) => separator.find(rest),
            By::Comma => rest.find(','),
            By::CommaOrBlank => rest.find(|c: char| c == ',' || c.is_whitespace()),
        };
        let Some(at) = at else { return Some(trimmed(rest)) };
        let width = rest[at..].chars().next().map_or(1, char::len_utf8);
        self.rest = Some(&rest[at + width..]);
        Some(trimmed(&rest[..at]))
    }
}
