//! `updated_at`, and what a revision writes so that an answer tells which revision it is from.
//!
//! Revision 0 has moments of two years before 2026. Revision r > 0 has only moments of one day, the r-th day after
//! 2025-12-31, and ends every title with ` r<r>`: the two columns of one answer have to name the same revision,
//! and no record is the same in two revisions.

use std::fmt::Write as _;

use super::random::Random;

const DAY: u64 = 86_400;

/// 2025-12-31T00:00:00Z in seconds since 1970.
const REVISION_ZERO_ENDS: u64 = 20_453 * DAY;

/// The last revision whose day has a year of four digits.
pub(crate) const REVISION_MAX: u32 = 2_900_000;

/// Seconds since 1970 for a record of `revision`.
pub(crate) fn draw(random: &mut Random, revision: u32) -> u64 {
    if revision == 0 {
        // Most records were touched lately: the age is the product of two fair draws.
        let fraction = random.below(1 << 20) * random.below(1 << 20);
        return REVISION_ZERO_ENDS - ((fraction * 720) >> 40) * DAY - random.below(DAY) - 1;
    }
    REVISION_ZERO_ENDS + u64::from(revision) * DAY + random.below(DAY)
}

/// Writes `seconds` since 1970 as RFC 3339 in UTC.
pub(crate) fn write(seconds: u64, out: &mut String) {
    let (day, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        .expect("writing to a string cannot fail");
}

/// Ends `title` with the mark of `revision`; revision 0 has none.
pub(crate) fn mark(title: &mut String, revision: u32) {
    if revision > 0 {
        let blank = if title.is_empty() { "" } else { " " };
        write!(title, "{blank}r{revision}").expect("writing to a string cannot fail");
    }
}

/// Year, month and day of the days since 1970-01-01 (Hinnant, *chrono-compatible low-level date algorithms*).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        let mut out = String::new();
        write(seconds, &mut out);
        out
    }

    #[test]
    fn moments_are_written_as_rfc_3339() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(text(REVISION_ZERO_ENDS - 1), "2025-12-30T23:59:59Z");
        assert_eq!(text(REVISION_ZERO_ENDS), "2025-12-31T00:00:00Z");
    }

    #[test]
    fn a_revision_is_one_day_and_the_last_one_fits() {
        let mut random = Random::new(1, super::super::random::Purpose::Revision, 0);
        for _ in 0..1000 {
            assert!(text(draw(&mut random, 0)).as_str() < "2025-12-31");
            assert!(text(draw(&mut random, 1)).starts_with("2026-01-01T"));
            assert!(text(draw(&mut random, 59)).starts_with("2026-02-28T"));
            assert_eq!(text(draw(&mut random, REVISION_MAX)).len(), 20);
        }
    }
}
