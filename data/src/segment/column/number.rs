//! Numbers, times and UUIDs of one column as integers of one width.
//!
//! # How it works
//! What an export calls a person's id, the time of their last sign-in or the object's UUID is text of a
//! regular form. A [`NumberCodec`] knows the forms of one column, found by looking at a sample, and gives
//! each a contiguous range of one space of codes:
//! ```text
//! code   0        1 … 17179869184         17179869185 … 17189869184       17189869185        width 35
//!        none     decimal 0..=17179869183  E+7 digits 0000000..=9999999    uuid → 16 bytes of tail
//! ```
//! The code is stored with as many bits as the highest one has; 0 says that the value has no such form
//! and is stored as text. This is frame-of-reference coding (Goldstein, Ramakrishnan, Shaft 1998) over
//! several frames at once, since one column of a real export holds the ids of many tenants.
//!
//! A form takes only what it prints again: parsing gives the number *and* everything about its text that
//! is not the number (prefix, leading zeros, separator, case), and the latter has to equal the form's own.
//!
//! # Trade-offs
//! One width for all rows keeps a code's place computable and its reading one shift and mask, where a
//! variable-length code would be smaller for columns of mixed forms. A UUID has no frame: its code says
//! only what it is, its 16 bytes are stored beside (36 in text).

mod digits;
mod time;
mod train;

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use self::digits::{Hex, parse_decimal, write_decimal, write_hex};
use self::time::Style;
use crate::segment::Corrupt;

/// Bytes that a code with a tail has beside it.
pub(crate) const TAIL_SIZE: usize = 16;
/// Most forms of a column.
const FORMATS_MAX: usize = 16;
/// Bits of the widest code: what eight unaligned bytes hold at any bit offset.
const WIDTH_MAX: u32 = 56;
const PREFIX_SIZE_MAX: usize = 8;
/// Digits that always fit a `u64`.
const DIGITS_MAX: u8 = 19;

/// The forms of one column and their codes. In JSON it is the list of forms:
/// `[{"decimal":{"first":0,"last":17179869183}},{"uuid":{"upper":false}},"empty"]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Description>", into = "Vec<Description>")]
pub(crate) struct NumberCodec {
    /// In the order of their codes.
    ranges: Vec<Range>,
    width: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Range {
    first_code: u64,
    last_code: u64,
    format: Format,
}

/// One form; numbers from `first` to `last` inclusive.
#[derive(Clone, Debug, PartialEq)]
enum Format {
    Empty,
    /// `digits` 0: as many as the number has.
    Decimal {
        prefix: String,
        digits: u8,
        first: u64,
        last: u64,
    },
    /// Every `step`th unit of the style.
    Time {
        style: Style,
        first: u64,
        last: u64,
        step: u64,
    },
    Hex {
        hyphens: bool,
        upper: bool,
    },
}

/// A form as people and JSON see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Description {
    Empty,
    Decimal {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
        /// Exactly so many, zeros in front; absent: no zeros in front.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digits: Option<u8>,
        first: u64,
        last: u64,
    },
    Time {
        first: String,
        last: String,
        /// Units of the last digit from one time to the next; absent: 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u64>,
    },
    Uuid {
        upper: bool,
    },
    Hex32 {
        upper: bool,
    },
}

impl NumberCodec {
    /// Finds the forms of a column. `None` when fewer than 80 % of the values that are not blank have
    /// one, or when codes, tails and the text of the rest come to over 0.7 of the text's bytes.
    ///
    /// O(n log n); ranges are wider than what the sample has, forms of less than 0.1 % of it left out.
    pub(crate) fn train(sample: &[&str]) -> Option<Self> {
        train::train(sample)
    }

    fn new(formats: Vec<Format>) -> Result<Self, Corrupt> {
        if formats.is_empty() || formats.len() > FORMATS_MAX {
            return Err(Corrupt::new("number codec: between 1 and 16 formats are possible"));
        }
        let mut codes = 0_u64;
        let mut ranges = Vec::with_capacity(formats.len());
        for format in formats {
            let first_code = codes + 1;
            codes = format
                .code_count()
                .and_then(|count| codes.checked_add(count))
                .filter(|&codes| codes < 1 << WIDTH_MAX)
                .ok_or_else(|| Corrupt::new("number codec: a range is empty, or codes exceed 56 bits"))?;
            ranges.push(Range { first_code, last_code: codes, format });
        }
        Ok(Self { ranges, width: u64::BITS - codes.leading_zeros() })
    }

    /// Bits of a code: 1 to 56.
    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    /// The value's code, the same one each time. A code that [has a tail](Self::has_tail) appends it.
    /// 0: no form takes this value, nothing was appended.
    pub(crate) fn encode(&self, value: &str, tail: &mut Vec<u8>) -> u64 {
        let Some(shape) = Shape::of(value) else { return 0 };
        for range in &self.ranges {
            if let Some(offset) = range.format.offset(&shape) {
                if let Shape::Hex(hex) = &shape {
                    tail.extend_from_slice(&hex.bytes);
                }
                return range.first_code + offset;
            }
        }
        0
    }

    /// Whether [`TAIL_SIZE`] bytes belong to the code.
    pub(crate) fn has_tail(&self, code: u64) -> bool {
        self.range(code).is_some_and(|range| matches!(range.format, Format::Hex { .. }))
    }

    /// Appends the value of a code. `tail` begins with the code's own bytes; what follows is not read.
    ///
    /// # Errors
    /// Code 0, codes beyond the last one, a tail that is cut short.
    pub(crate) fn decode(&self, code: u64, tail: &[u8], out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let range = self.range(code).ok_or_else(|| Corrupt::new("number code out of range"))?;
        let offset = code - range.first_code;
        match &range.format {
            Format::Empty => {}
            Format::Decimal { prefix, digits, first, .. } => {
                out.extend_from_slice(prefix.as_bytes());
                write_decimal(first + offset, *digits, out);
            }
            Format::Time { style, first, step, .. } => style.write(first + offset * step, out),
            Format::Hex { hyphens, upper } => {
                let bytes = tail.first_chunk::<TAIL_SIZE>();
                let bytes = *bytes.ok_or_else(|| Corrupt::new("number code without its tail"))?;
                write_hex(bytes, *hyphens, *upper, out);
            }
        }
        Ok(())
    }

    /// The forms for people: `decimal 0..=17179869183, E+7 digits 0..=9999999, uuid`.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for (place, range) in self.ranges.iter().enumerate() {
            let separator = if place > 0 { ", " } else { "" };
            let _ = write!(text, "{separator}{}", range.format);
        }
        text
    }

    /// A linear search: columns have one to four forms, the most frequent one first.
    fn range(&self, code: u64) -> Option<&Range> {
        self.ranges.iter().find(|range| code <= range.last_code).filter(|_| code > 0)
    }
}

/// A value taken apart: the number, and what a form has to have in common with it.
#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    Empty,
    Decimal {
        prefix: &'a str,
        digits: u8,
        /// A zero stands before further digits.
        zero_led: bool,
        number: u64,
    },
    Time {
        style: Style,
        units: u64,
    },
    Hex(Hex),
}

impl<'a> Shape<'a> {
    fn of(value: &'a str) -> Option<Self> {
        let bytes = value.as_bytes();
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        // A decimal may look like a date up to here (`ACME-HR-0001`), nothing else is two things at once.
        if bytes.get(4) == Some(&b'-')
            && let Some((style, units)) = Style::parse(bytes)
        {
            return Some(Self::Time { style, units });
        }
        if matches!(bytes.len(), 32 | 36) { Hex::parse(bytes).map(Self::Hex) } else { Self::decimal(value) }
    }

    fn decimal(value: &'a str) -> Option<Self> {
        let start = value.bytes().take(PREFIX_SIZE_MAX + 1).position(|b| b.is_ascii_digit())?;
        let (prefix, text) = value.split_at(start);
        let digits = u8::try_from(text.len()).ok().filter(|&n| n <= DIGITS_MAX)?;
        let number = parse_decimal(text.as_bytes())?;
        Some(Self::Decimal { prefix, digits, zero_led: digits > 1 && text.starts_with('0'), number })
    }
}

impl Format {
    /// `None` for a range that holds nothing.
    fn code_count(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Hex { .. } => Some(1),
            Self::Decimal { first, last, .. } => last.checked_sub(*first)?.checked_add(1),
            Self::Time { first, last, step, .. } => {
                last.checked_sub(*first)?.checked_div(*step)?.checked_add(1)
            }
        }
    }

    /// The code of a value among those of this form; `None` when it would not come back as it is.
    #[inline]
    fn offset(&self, shape: &Shape<'_>) -> Option<u64> {
        match (self, shape) {
            (Self::Empty, Shape::Empty) => Some(0),
            (
                Self::Decimal { prefix, digits, first, last },
                Shape::Decimal { prefix: found, digits: found_digits, zero_led, number },
            ) => {
                let same = if *digits == 0 { !zero_led } else { digits == found_digits };
                (same && same_prefix(prefix, found) && number <= last).then(|| number.checked_sub(*first))?
            }
            (Self::Time { style, first, last, step }, Shape::Time { style: found, units }) => {
                let beyond = units.checked_sub(*first).filter(|_| style == found && units <= last)?;
                (beyond.is_multiple_of(*step)).then(|| beyond / step)
            }
            (Self::Hex { hyphens, upper }, Shape::Hex(hex)) => {
                let other_case = if *upper { hex.lower } else { hex.upper };
                (*hyphens == hex.hyphens && !other_case).then_some(0)
            }
            _ => None,
        }
    }
}

/// Byte by byte: `==` calls `memcmp`, which for an empty `String` was measured to take 85 ns (AVX-512
/// loads that are masked off, at the address 1 of no page).
fn same_prefix(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().eq(b.bytes())
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => write!(f, "empty"),
            Self::Decimal { prefix, digits, first, last } => {
                if !prefix.is_empty() {
                    write!(f, "{}+", prefix.escape_debug())?;
                }
                match digits {
                    0 => write!(f, "decimal {first}..={last}"),
                    _ => write!(f, "{digits} digits {first}..={last}"),
                }
            }
            Self::Time { style, first, last, step } => {
                write!(f, "time {}..={}", style.text(*first), style.text(*last))?;
                if *step == 1 { Ok(()) } else { write!(f, " by {step}") }
            }
            Self::Hex { hyphens, upper } => {
                let name = if *hyphens { "uuid" } else { "hex32" };
                write!(f, "{name}{}", if *upper { " in capitals" } else { "" })
            }
        }
    }
}

impl From<NumberCodec> for Vec<Description> {
    fn from(codec: NumberCodec) -> Self {
        let description = |range: Range| match range.format {
            Format::Empty => Description::Empty,
            Format::Decimal { prefix, digits, first, last } => {
                Description::Decimal { prefix, digits: Some(digits).filter(|&n| n > 0), first, last }
            }
            Format::Time { style, first, last, step } => {
                let step = Some(step).filter(|&step| step != 1);
                Description::Time { first: style.text(first), last: style.text(last), step }
            }
            Format::Hex { hyphens: true, upper } => Description::Uuid { upper },
            Format::Hex { hyphens: false, upper } => Description::Hex32 { upper },
        };
        codec.ranges.into_iter().map(description).collect()
    }
}

impl TryFrom<Vec<Description>> for NumberCodec {
    type Error = Corrupt;

    fn try_from(descriptions: Vec<Description>) -> Result<Self, Corrupt> {
        Self::new(descriptions.into_iter().map(Format::try_from).collect::<Result<_, _>>()?)
    }
}

impl TryFrom<Description> for Format {
    type Error = Corrupt;

    /// Everything that [`NumberCodec::decode`] relies on, besides the number of codes.
    fn try_from(description: Description) -> Result<Self, Corrupt> {
        match description {
            Description::Empty => Ok(Self::Empty),
            Description::Uuid { upper } => Ok(Self::Hex { hyphens: true, upper }),
            Description::Hex32 { upper } => Ok(Self::Hex { hyphens: false, upper }),
            Description::Decimal { prefix, digits, first, last } => {
                let fits = prefix.len() <= PREFIX_SIZE_MAX
                    && !prefix.bytes().any(|b| b.is_ascii_digit())
                    && digits.is_none_or(|n| (1..=DIGITS_MAX).contains(&n))
                    && last < 10_u64.pow(digits.unwrap_or(DIGITS_MAX).min(DIGITS_MAX).into());
                let digits = digits.unwrap_or(0);
                let format = Self::Decimal { prefix, digits, first, last };
                fits.then_some(format).ok_or_else(|| Corrupt::new("number codec: decimal that cannot be"))
            }
            Description::Time { first, last, step } => {
                let parsed = Style::parse(first.as_bytes()).zip(Style::parse(last.as_bytes()));
                let ((style, first), (_, last)) = parsed
                    .filter(|(first, last)| first.0 == last.0)
                    .ok_or_else(|| Corrupt::new("number codec: time that cannot be"))?;
                Ok(Self::Time { style, first, last, step: step.unwrap_or(1) })
            }
        }
    }
}

#[cfg(test)]
mod tests;
