//! The short way through an address list: mailboxes in plain ASCII, as nearly all are.
//!
//! | written | read here |
//! |---|---|
//! | `jane@corp.example` | yes, behind a comma or alone |
//! | `Jane Doe <jane@corp.example>`, `"Doe, Jane" <jane@corp.example>` | yes |
//! | whatever has comments, groups, encoded words, backslashes, two blanks side by side, other scripts | no |
//!
//! One pass over the bytes of the mailbox. What is not as plain goes the long way through the tokens, and the two
//! say the same of what both can read: a test holds that.

use wide::u8x16;

use super::lex::is_blank;

/// A mailbox that needs nothing done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlainMailbox<'a> {
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    /// Offset of what is read next: behind the comma, or the end.
    pub(super) next: usize,
}

/// Longest name that is read here.
const NAME_BYTES_MAX: usize = 128;

/// What a byte may be part of.
const ADDRESS: u8 = 1;
const WORD: u8 = 2;
const QUOTED: u8 = 4;

/// By byte. The equals sign may begin an encoded word.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => ADDRESS | WORD | QUOTED,
            b'+' => ADDRESS | QUOTED,
            b'\'' | b'&' | b'/' => WORD | QUOTED,
            b'"' | b'\\' | b'=' => 0,
            other => {
                if other.is_ascii_graphic() {
                    QUOTED
                } else {
                    0
                }
            }
        };
        byte += 1;
    }
    classes
};

/// The mailbox that begins at `from`, if all of it up to the next comma or the end is plain.
pub(super) fn plain_mailbox(text: &str, from: usize) -> Option<PlainMailbox<'_>> {
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().take_while(|byte| is_blank(**byte)).count();
    let end = end_of_address(bytes, start);
    if let Some(end) = end
        && let Some(next) = behind_mailbox(bytes, end)
    {
        return Some(PlainMailbox { name: "", address: &text[start..end], next });
    }
    let is_quoted = bytes.get(start) == Some(&b'"');
    let name_start = start + usize::from(is_quoted);
    let name_end = end_of_name(bytes, name_start, if is_quoted { QUOTED } else { WORD });
    if is_quoted && bytes.get(name_end) != Some(&b'"') {
        return None;
    }
    let (name, behind_name) = (name_start..name_end, name_end + usize::from(is_quoted));
    let open = behind_name + usize::from(bytes.get(behind_name) == Some(&b' '));
    if name.len() > NAME_BYTES_MAX || bytes.get(open) != Some(&b'<') {
        return None;
    }
    let end = end_of_address(bytes, open + 1).filter(|&end| bytes.get(end) == Some(&b'>'))?;
    let next = behind_mailbox(bytes, end + 1)?;
    Some(PlainMailbox { name: text[name].trim(), address: &text[open + 1..end], next })
}

/// Where the address that begins at `start` ends: something on both sides of one at sign.
fn end_of_address(bytes: &[u8], start: usize) -> Option<usize> {
    let at = end_of_run(bytes, start);
    if at == start || bytes.get(at) != Some(&b'@') {
        return None;
    }
    let end = end_of_run(bytes, at + 1);
    (end > at + 1).then_some(end)
}

/// Where a run of bytes of an address ends: sixteen at a time, the last sixteen over those before them.
#[inline]
fn end_of_run(bytes: &[u8], start: usize) -> usize {
    let mut from = start;
    while let Some(chunk) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        match in_address(chunk).trailing_ones() {
            16.. => from += LANES,
            count => return from + count as usize,
        }
    }
    if let Some((last, before)) = bytes.last_chunk().zip(bytes.len().checked_sub(LANES)) {
        // The chunk has fewer bytes than bits behind `from`, so the first zero is at the end or before it.
        return from + (in_address(last) >> (from - before)).trailing_ones() as usize;
    }
    let is_part = |byte: &&u8| CLASSES[usize::from(**byte)] & ADDRESS != 0;
    from + bytes.get(from..).unwrap_or_default().iter().take_while(is_part).count()
}

/// Bytes that are looked at together.
const LANES: usize = 16;

/// A bit for each byte that may be part of an address.
#[inline]
fn in_address(chunk: &[u8; LANES]) -> u32 {
    let given = u8x16::new(*chunk);
    let is_below = |offset: u8x16, end: u8| offset.min(u8x16::splat(end)).simd_eq(offset);
    let is = |byte: u8| given.simd_eq(u8x16::splat(byte));
    let letters = is_below((given | u8x16::splat(0x20)) - u8x16::splat(b'a'), 25);
    let digits = is_below(given - u8x16::splat(b'0'), 9);
    (letters | digits | is(b'.') | is(b'-') | is(b'_') | is(b'+')).to_bitmask()
}

/// Where a name of such bytes ends, with one blank at most between its words: before two, and before any other byte.
fn end_of_name(bytes: &[u8], start: usize, class: u8) -> usize {
    let mut end = start;
    while let Some(&byte) = bytes.get(end) {
        let is_single_blank = byte == b' ' && bytes.get(end + 1) != Some(&b' ');
        if CLASSES[usize::from(byte)] & class == 0 && !is_single_blank {
            break;
        }
        end += 1;
    }
    end
}

/// Where the next mailbox begins, if nothing of this one is left.
fn behind_mailbox(bytes: &[u8], from: usize) -> Option<usize> {
    let end = from + bytes.get(from..)?.iter().take_while(|byte| is_blank(**byte)).count();
    match bytes.get(end) {
        None => Some(end),
        Some(b',') => Some(end + 1),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_at_once_are_told_as_each_by_itself() {
        for byte in 0..=u8::MAX {
            let is_part = CLASSES[usize::from(byte)] & ADDRESS != 0;
            for place in 0..40 {
                let mut bytes = [b'a'; 40];
                bytes[place] = byte;
                for start in [0, place, place + 1] {
                    let end = if is_part || start > place { 40 } else { place };
                    assert_eq!(end_of_run(&bytes, start), end, "{byte} at {place} from {start}");
                }
                assert_eq!(end_of_run(&bytes[..place], 0), place);
            }
        }
    }
}
