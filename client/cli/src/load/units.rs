//! Numbers as people read them: three digits that matter, and a unit.

use crate::output::grouped;

/// Bytes: `512 B`, `3.4 KiB`, `212 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    scaled(count, 1024.0, &UNITS)
}

/// Nanoseconds: `312 ns`, `1.25 µs`, `40.1 ms`, `2.00 s`.
pub(crate) fn nanoseconds(count: u64) -> String {
    scaled(count, 1000.0, &["ns", "µs", "ms", "s"])
}

/// A rate or other number of which only the whole part matters: `1,234,567`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
pub(crate) fn rounded(number: f64) -> String {
    grouped(number.round().clamp(0.0, 9e18) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn scaled(count: u64, step: f64, units: &[&str]) -> String {
    let mut value = count as f64;
    let mut unit = 0;
    // 999.5 would be shown as 1000.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        let shown = [0, 999, 1023, 1024, 1536, 10_240, 1 << 20, 5 << 40, u64::MAX].map(bytes);
        let expected = [
            "0 B",
            "999 B",
            "1023 B",
            "1.00 KiB",
            "1.50 KiB",
            "10.0 KiB",
            "1.00 MiB",
            "5.00 TiB",
            "16777216 TiB",
        ];
        assert_eq!(shown, expected);
        let shown = [7, 999, 1000, 12_345, 999_600, 1_500_000_000, 90_000_000_000].map(nanoseconds);
        assert_eq!(shown, ["7 ns", "999 ns", "1.00 µs", "12.3 µs", "1.00 ms", "1.50 s", "90.0 s"]);
    }

    #[test]
    fn rates_are_whole_and_never_negative() {
        assert_eq!(rounded(-3.0), "0");
        assert_eq!(rounded(1999.6), "2,000");
    }
}
