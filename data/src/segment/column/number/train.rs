//! From a sample of a column to its codec.
//!
//! The sample is sorted into groups of one form each. One outlier must not cost every row its bits, so
//! for each number of bits a group might span, the window of its sorted numbers that holds most of them
//! is found with two pointers; the cheapest choice over all groups together is taken, where what is left
//! outside a window costs its text. Windows are then widened, since a sample does not have the extremes,
//! and grow further into the codes that the width has to left.

use std::collections::{HashMap, HashSet};

use super::digits::Hex;
use super::time::Style;
use super::{DIGITS_MAX, FORMATS_MAX, Format, NumberCodec, Shape, TAIL_SIZE, WIDTH_MAX};

/// Values beyond this number are only counted: they would not move a range by much.
const SAMPLE_MAX: usize = 1 << 16;

/// What values of one format have in common besides the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key<'a> {
    /// Digits as in [`Format::Decimal`].
    Decimal(&'a str, u8),
    Time(Style),
    Hex {
        hyphens: bool,
        upper: bool,
    },
    Empty,
}

/// The values of the sample that share a key.
#[derive(Debug)]
struct Group<'a> {
    key: Key<'a>,
    /// In steps, ascending; all zero for those without a number.
    numbers: Vec<u64>,
    /// Bytes of text of all the values.
    text_size: u64,
    /// Units of one step.
    step: u64,
    /// Bounds of the format, in steps.
    low: u64,
    high: u64,
}

/// Numbers of a group that get codes, in steps, both ends included.
#[derive(Clone, Copy, Debug)]
struct Window {
    first: u64,
    last: u64,
    /// Of the sample's values.
    count: usize,
}

impl Window {
    fn code_count(self) -> u64 {
        self.last - self.first + 1
    }
}

pub(super) fn train(whole_sample: &[&str]) -> Option<NumberCodec> {
    let stride = whole_sample.len().div_ceil(SAMPLE_MAX).max(1);
    let sample: Vec<_> = whole_sample.iter().copied().step_by(stride).collect();
    let regular = sample.iter().filter(|value| Shape::of(value).is_some()).count();
    let blank = sample.iter().filter(|value| value.trim().is_empty()).count();
    if regular * 5 < (sample.len() - blank) * 4 {
        return None;
    }
    let groups = groups(&sample);
    let mut best: Option<(u64, Vec<Window>, u32)> = None;
    for bits in 0..=WIDTH_MAX {
        let windows: Vec<_> = groups.iter().map(|group| group.window(bits)).collect();
        let codes = windows.iter().try_fold(0_u64, |sum, window| sum.checked_add(window.code_count()));
        let width = codes.map_or(u64::BITS, |codes| u64::BITS - codes.leading_zeros());
        if width > WIDTH_MAX {
            break;
        }
        let texts: u64 = groups.iter().zip(&windows).map(|(group, window)| group.text_bits(window)).sum();
        let cost = texts + u64::from(width) * sample.len() as u64;
        let all_inside =
            groups.iter().zip(&windows).all(|(group, window)| window.count == group.numbers.len());
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, windows, width));
        }
        if all_inside {
            break;
        }
    }
    let (_, mut windows, width) = best?;
    widen(&groups, &mut windows, width);
    let formats = groups.iter().zip(&windows).map(|(group, window)| group.format(*window)).collect();
    let codec = NumberCodec::new(formats).ok()?;
    pays(&codec, whole_sample).then_some(codec)
}

/// The groups worth having, the most frequent one first.
fn groups<'a>(sample: &[&'a str]) -> Vec<Group<'a>> {
    let rare = |count: usize| count * 1000 < sample.len();
    let shapes = || sample.iter().filter_map(|value| Some((value.len(), Shape::of(value)?)));
    // Lengths at which zeros stand in front; the others write numbers as they are.
    let mut zero_led_counts = HashMap::<_, usize>::new();
    for (_, shape) in shapes() {
        if let Shape::Decimal { prefix, digits, zero_led: true, .. } = shape {
            *zero_led_counts.entry((prefix, digits)).or_default() += 1;
        }
    }
    let padded: HashSet<_> = zero_led_counts.into_iter().filter(|e| !rare(e.1)).map(|e| e.0).collect();

    let mut by_key = HashMap::<Key<'_>, (Vec<u64>, u64)>::new();
    for (size, shape) in shapes() {
        let (key, number) = match shape {
            Shape::Empty => (Key::Empty, 0),
            Shape::Decimal { prefix, digits, number, zero_led } => {
                match (padded.contains(&(prefix, digits)), zero_led) {
                    (true, _) => (Key::Decimal(prefix, digits), number),
                    (false, false) => (Key::Decimal(prefix, 0), number),
                    (false, true) => continue,
                }
            }
            Shape::Time { style, units } => (Key::Time(style), units),
            Shape::Hex(Hex { hyphens, upper, .. }) => (Key::Hex { hyphens, upper }, 0),
        };
        let (numbers, text_size) = by_key.entry(key).or_default();
        numbers.push(number);
        *text_size += size as u64;
    }
    let mut groups: Vec<_> = by_key
        .into_iter()
        // The empty string costs one code, and nothing else can stand for it but text.
        .filter(|(key, (numbers, _))| *key == Key::Empty || !rare(numbers.len()))
        .map(|(key, (numbers, text_size))| Group::new(key, numbers, text_size))
        .collect();
    groups.sort_unstable_by(|a, b| b.numbers.len().cmp(&a.numbers.len()).then(a.key.cmp(&b.key)));
    groups.truncate(FORMATS_MAX);
    groups
}

impl<'a> Group<'a> {
    fn new(key: Key<'a>, mut numbers: Vec<u64>, text_size: u64) -> Self {
        let (step, low, high) = match key {
            Key::Empty | Key::Hex { .. } => (1, 0, 0),
            Key::Decimal(_, 0) => (1, 0, 10_u64.pow(DIGITS_MAX.into()) - 1),
            Key::Decimal(_, digits) => (1, 0, 10_u64.pow(digits.into()) - 1),
            Key::Time(style) => {
                // Midnights, full minutes, milliseconds that are always 000: few exceptions are text.
                let on = |step| numbers.iter().filter(|&&number| number % step == 0).count();
                let step = style.steps().find(|&step| on(step) * 100 >= numbers.len() * 99).unwrap_or(1);
                numbers.retain(|number| number % step == 0);
                for number in &mut numbers {
                    *number /= step;
                }
                (step, style.first().div_ceil(step), style.last() / step)
            }
        };
        numbers.sort_unstable();
        Self { key, numbers, text_size, step, low, high }
    }

    /// The fullest window of at most 2^`bits` numbers, widened to what the rest of the column may hold.
    fn window(&self, bits: u32) -> Window {
        let numbers = &self.numbers;
        let (mut first, mut count) = (0, 0);
        let mut start = 0;
        for (end, &number) in numbers.iter().enumerate() {
            while number - numbers[start] >= 1 << bits {
                start += 1;
            }
            if end + 1 - start > count {
                (first, count) = (start, end + 1 - start);
            }
        }
        let (first, last) = (numbers[first], numbers[first + count - 1]);
        // Of values beside the sample 2 in n are expected beyond the extremes of n, mostly not far.
        let margin = (last - first) / count as u64 * 4;
        let first = first.saturating_sub(margin).max(self.low);
        Window { first, last: last.saturating_add(margin).min(self.high), count }
    }

    /// What the values cost besides their codes: tails, or text and its length outside the window.
    fn text_bits(&self, window: &Window) -> u64 {
        if matches!(self.key, Key::Hex { .. }) {
            return (8 * TAIL_SIZE * self.numbers.len()) as u64;
        }
        let count = self.numbers.len() as u64;
        8 * (count - window.count as u64) * (self.text_size / count + 1)
    }

    fn format(&self, Window { first, last, .. }: Window) -> Format {
        match self.key {
            Key::Empty => Format::Empty,
            Key::Hex { hyphens, upper } => Format::Hex { hyphens, upper },
            Key::Decimal(prefix, digits) => {
                Format::Decimal { prefix: prefix.to_owned(), digits, first, last }
            }
            Key::Time(style) => {
                Format::Time { style, first: first * self.step, last: last * self.step, step: self.step }
            }
        }
    }
}

/// Hands out the codes that a width leaves over: to each group by its share of the values, and then what
/// some could not take to whoever can. Numbers below come first when all of them fit, as in `0..=1023`.
fn widen(groups: &[Group<'_>], windows: &mut [Window], width: u32) {
    let all: u64 = groups.iter().map(|group| group.numbers.len() as u64).sum();
    let mut left = (1_u64 << width) - 1 - windows.iter().map(|window| window.code_count()).sum::<u64>();
    for by_share in [true, false] {
        let at_first = left;
        for (group, window) in groups.iter().zip(&mut *windows) {
            let share = u128::from(at_first) * group.numbers.len() as u128 / u128::from(all);
            let share = if by_share { u64::try_from(share).map_or(left, |n| n.min(left)) } else { left };
            let room = window.first - group.low;
            let below = if room <= share { room } else { share / 2 };
            let above = (share - below).min(group.high - window.last);
            window.first -= below;
            window.last += above;
            left -= below + above;
        }
    }
}

fn pays(codec: &NumberCodec, sample: &[&str]) -> bool {
    let (mut covered, mut filled, mut stored, mut text_size) = (0, 0, 0, 0);
    let mut tail = Vec::with_capacity(TAIL_SIZE);
    for value in sample {
        let code = codec.encode(value, &mut tail);
        let is_filled = usize::from(!value.trim().is_empty());
        filled += is_filled;
        text_size += value.len();
        if code > 0 {
            covered += is_filled;
            stored += tail.len();
        } else {
            stored += value.len() + 1;
        }
        tail.clear();
    }
    stored += sample.len() * codec.width() as usize / 8;
    covered * 5 >= filled * 4 && stored * 10 <= text_size * 7
}
