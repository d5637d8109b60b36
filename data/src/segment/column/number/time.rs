//! Times as RFC 3339 writes them ↔ a count of units.
//!
//! A [`Style`] is everything about a time's text that does not change from row to row: the separator,
//! how many digits the fraction has, what stands behind. What is left is one number, the units since
//! 0000-03-01 in which the last digit counts: days, seconds, or decimal fractions of seconds. The year
//! of this calendar begins in March, so that the leap day is its last (Howard Hinnant,
//! *chrono-compatible low-level date algorithms*, `days_from_civil` and `civil_from_days`).

use super::digits::pair;

/// Bytes of the longest text: date, separator, clock, six digits of fraction, suffix.
const TEXT_SIZE_MAX: usize = 10 + 1 + 8 + 1 + 6 + SUFFIX_SIZE_MAX;
const SUFFIX_SIZE_MAX: usize = 8;
const SECONDS_PER_DAY: u64 = 86_400;
const DAYS_PER_ERA: u64 = 146_097;
/// 0001-01-01 and the day after 9999-12-31, in days since 0000-03-01.
const DAY_FIRST: u64 = 306;
const DAY_END: u64 = 3_652_365;

/// The part of a time's text that a column has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Style {
    /// `T` or a space; `None` is a date alone.
    separator: Option<u8>,
    /// Digits behind the decimal point; 0: no point.
    fraction: u8,
    suffix_size: u8,
    /// The offset from UTC or whatever stands in its place, up to `suffix_size`; zero behind.
    suffix: [u8; SUFFIX_SIZE_MAX],
}

impl Style {
    /// Takes a text apart; [`Self::write`] of both results gives it back byte for byte. `None` for other
    /// forms and for what is in no calendar: years from 0001 to 9999, seconds to 59.
    pub(super) fn parse(text: &[u8]) -> Option<(Self, u64)> {
        let (date, rest) = text.split_first_chunk::<10>()?;
        if date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let year = two_digits(date[0], date[1])? * 100 + two_digits(date[2], date[3])?;
        let day = day_number(year, two_digits(date[5], date[6])?, two_digits(date[8], date[9])?)?;
        if rest.is_empty() {
            let style = Self { separator: None, fraction: 0, suffix_size: 0, suffix: [0; SUFFIX_SIZE_MAX] };
            return Some((style, day));
        }
        let (clock, mut rest) = rest.split_first_chunk::<9>()?;
        if !matches!(clock[0], b'T' | b' ') || clock[3] != b':' || clock[6] != b':' {
            return None;
        }
        let hour = two_digits(clock[1], clock[2]).filter(|&n| n < 24)?;
        let minute = two_digits(clock[4], clock[5]).filter(|&n| n < 60)?;
        let second = two_digits(clock[7], clock[8]).filter(|&n| n < 60)?;
        let mut units = day * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        let mut fraction = 0;
        if let [b'.', behind @ ..] = rest {
            rest = behind;
            while let [digit @ b'0'..=b'9', behind @ ..] = rest {
                if fraction == 6 {
                    return None;
                }
                (fraction, units, rest) = (fraction + 1, units * 10 + u64::from(digit - b'0'), behind);
            }
            if fraction == 0 {
                return None;
            }
        }
        // A suffix that goes on like the clock would make two styles of one text.
        if rest.first().is_some_and(|&b| b.is_ascii_digit() || b == b'.') || !rest.is_ascii() {
            return None;
        }
        let mut suffix = [0; SUFFIX_SIZE_MAX];
        suffix.get_mut(..rest.len())?.copy_from_slice(rest);
        let suffix_size = u8::try_from(rest.len()).ok()?;
        Some((Self { separator: Some(clock[0]), fraction, suffix_size, suffix }, units))
    }

    /// Appends the text of `units`, which are within [`Self::first`] and [`Self::last`].
    pub(super) fn write(&self, units: u64, out: &mut Vec<u8>) {
        let mut text = [0; TEXT_SIZE_MAX];
        let Some(separator) = self.separator else {
            write_date(units, &mut text);
            return out.extend_from_slice(&text[..10]);
        };
        let mut seconds = units;
        let mut size = 19;
        if self.fraction > 0 {
            let per_second = self.units_per_second();
            seconds = units / per_second;
            let mut rest = units % per_second;
            text[size] = b'.';
            for place in (size + 1..=size + usize::from(self.fraction)).rev() {
                text[place] = b'0' + (rest % 10).to_le_bytes()[0];
                rest /= 10;
            }
            size += 1 + usize::from(self.fraction);
        }
        write_date(seconds / SECONDS_PER_DAY, &mut text);
        let clock = seconds % SECONDS_PER_DAY;
        text[10] = separator;
        text[11..13].copy_from_slice(&pair(clock / 3600));
        text[13] = b':';
        text[14..16].copy_from_slice(&pair(clock / 60 % 60));
        text[16] = b':';
        text[17..19].copy_from_slice(&pair(clock % 60));
        text[size..size + SUFFIX_SIZE_MAX].copy_from_slice(&self.suffix);
        out.extend_from_slice(&text[..size + usize::from(self.suffix_size)]);
    }

    /// [`Self::write`] into a text of its own.
    pub(super) fn text(&self, units: u64) -> String {
        let mut out = Vec::with_capacity(TEXT_SIZE_MAX);
        self.write(units, &mut out);
        String::from_utf8(out).expect("digits and ASCII separators")
    }

    /// The units of 0001-01-01 at midnight.
    pub(super) fn first(&self) -> u64 {
        DAY_FIRST * self.units_per_day()
    }

    /// The units of the last moment of 9999-12-31.
    pub(super) fn last(&self) -> u64 {
        DAY_END * self.units_per_day() - 1
    }

    /// Units of a day, an hour, a minute, a second and the unit itself, as far as they differ.
    pub(super) fn steps(&self) -> impl Iterator<Item = u64> {
        let second = if self.separator.is_some() { self.units_per_second() } else { 0 };
        [self.units_per_day(), 3600 * second, 60 * second, second, 1].into_iter().filter(|&step| step > 0)
    }

    fn units_per_second(&self) -> u64 {
        10_u64.pow(u32::from(self.fraction))
    }

    fn units_per_day(&self) -> u64 {
        if self.separator.is_some() { SECONDS_PER_DAY * self.units_per_second() } else { 1 }
    }
}

fn two_digits(tens: u8, ones: u8) -> Option<u64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u64::from(tens * 10 + ones))
}

/// Days since 0000-03-01; `None` when the calendar has no such day.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let day_max = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || day == 0 || day > day_max {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year % 400;
    Some(year / 400 * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year)
}

/// Writes `YYYY-MM-DD`; inverse of [`day_number`].
fn write_date(days: u64, text: &mut [u8; TEXT_SIZE_MAX]) {
    let day_of_era = days % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (DAYS_PER_ERA - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = days / DAYS_PER_ERA * 400 + year_of_era + u64::from(month <= 2);
    text[0..2].copy_from_slice(&pair(year / 100));
    text[2..4].copy_from_slice(&pair(year % 100));
    text[4] = b'-';
    text[5..7].copy_from_slice(&pair(month));
    text[7] = b'-';
    text[8..10].copy_from_slice(&pair(day));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_is_one_number_higher_than_the_day_before() {
        let (style, first) = Style::parse(b"0001-01-01").unwrap();
        assert_eq!((first, style.text(first).as_str()), (style.first(), "0001-01-01"));
        for day in style.first()..=style.last() {
            assert_eq!(Style::parse(style.text(day).as_bytes()), Some((style, day)));
        }
        assert_eq!(style.text(style.last()), "9999-12-31");
    }

    #[test]
    fn days_and_seconds_that_do_not_exist_are_not_parsed() {
        for text in [
            "2023-02-29",
            "1900-02-29",
            "2024-02-30",
            "2024-04-31",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "0000-12-31",
            "2024-1-01",
            "2024-10-07T24:00:00Z",
            "2024-10-07T23:60:00Z",
            "2016-12-31T23:59:60Z",
            "2024-10-07T23:34:25.Z",
            "2024-10-07T23:34:25.0000000Z",
            "2024-10-07T23:34:25.1.2",
            "2024-10-07T23:34:251",
            "2024-10-07T23:34",
            "2024-10-07 ",
            "2024-10-07T23:34:25 Europe/Berlin",
            "2024-10-07x23:34:25Z",
            "2024-10-07T23:34:25\u{661}",
            "２024-10-07",
        ] {
            assert_eq!(Style::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn each_form_comes_back_as_it_was() {
        for text in [
            "2024-10-07",
            "2024-02-29",
            "2000-02-29",
            "2024-10-07T23:34:25Z",
            "2024-10-07 23:34:25",
            "2024-10-07T23:34:25+00:00",
            "2024-10-07T23:34:25-03:30",
            "2024-10-07 23:34:25 UTC",
            "2024-10-07T23:34:25.000Z",
            "1969-12-31T23:59:59.999Z",
            "2024-10-07 23:34:25.123456+00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let (style, units) = Style::parse(text.as_bytes()).unwrap();
            assert_eq!(style.text(units), text);
            assert!((style.first()..=style.last()).contains(&units));
        }
    }
}
