//! Values that people write as text: sizes, modes, users and groups.

use nix::unistd::{Gid, Group, Uid, User};
use persondb_shm::SegmentMode;

use super::ConfigError;

/// Bytes of a size such as `2G`, `512M`, `1.5GiB`, `4096`. Units are powers of 1024, as in systemd.
///
/// # Errors
/// [`ConfigError::Value`] for anything else.
pub fn parse_size(key: &'static str, text: &str) -> Result<u64, ConfigError> {
    let wrong = || ConfigError::Value {
        key,
        found: text.to_owned(),
        expected: "a size above 0 such as 512M, 2G or 1.5G",
    };
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim().to_ascii_uppercase();
    let shift = match unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit) {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
    let bytes = number * (1_u64 << shift) as f64;
    // 2^60 bytes are more than any machine has; the cast is exact enough below it.
    if !(1.0..1.152_921_504_606_847e18).contains(&bytes) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked above")]
    Ok(bytes as u64)
}

/// Bytes in a form for people.
#[must_use]
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "for people, one decimal")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Mode of the segments.
///
/// # Errors
/// [`ConfigError::Value`] for anything but `0440` and `0444`.
pub fn parse_mode(text: &str) -> Result<SegmentMode, ConfigError> {
    match text.trim_start_matches("0o").trim_start_matches('0') {
        "440" => Ok(SegmentMode::Group),
        "444" => Ok(SegmentMode::Everyone),
        _ => Err(ConfigError::Value {
            key: "mode",
            found: text.to_owned(),
            expected: "0440 (the reader group may map) or 0444 (everybody may)",
        }),
    }
}

/// Number of a group that was written as a name or a number.
///
/// # Errors
/// [`ConfigError::Unknown`] when the machine does not know it.
pub fn group(key: &'static str, text: &str) -> Result<u32, ConfigError> {
    if let Ok(number) = text.parse::<u32>() {
        return Ok(number);
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        _ => Err(ConfigError::Unknown { key, what: "group", found: text.to_owned() }),
    }
}

/// Number of a user that was written as a name or a number.
///
/// # Errors
/// [`ConfigError::Unknown`] when the machine does not know it.
pub fn user(key: &'static str, text: &str) -> Result<u32, ConfigError> {
    if let Ok(number) = text.parse::<u32>() {
        return Ok(number);
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        _ => Err(ConfigError::Unknown { key, what: "user", found: text.to_owned() }),
    }
}

/// Groups of a user, the one in its account entry included; empty for a user without an entry.
#[must_use]
pub fn groups_of(uid: u32) -> Vec<u32> {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return Vec::new() };
    let Ok(name) = std::ffi::CString::new(user.name) else { return Vec::new() };
    let groups = nix::unistd::getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
    groups.into_iter().map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024_and_nonsense_is_refused() {
        for (text, bytes) in
            [("1", 1), ("4096", 4096), ("1K", 1024), ("2G", 2 << 30), ("1.5g", 3 << 29), ("16 MiB", 16 << 20)]
        {
            assert_eq!(parse_size("memory_max", text).unwrap(), bytes, "{text}");
        }
        for text in ["", "0", "-1", "1X", "G", "1..2", "1e9", "99999999T", "nan", "inf"] {
            assert!(parse_size("memory_max", text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_two_read_only_modes_are_taken() {
        assert_eq!(parse_mode("0440").unwrap(), SegmentMode::Group);
        assert_eq!(parse_mode("444").unwrap(), SegmentMode::Everyone);
        for text in ["0644", "0400", "rw", "", "4440"] {
            assert!(parse_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn root_is_in_its_own_group() {
        assert!(groups_of(0).contains(&0));
        assert_eq!(groups_of(u32::MAX - 7), Vec::<u32>::new());
    }
}
