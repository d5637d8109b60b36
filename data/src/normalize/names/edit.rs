//! Whether two texts are one edit apart.

/// Whether one insertion, deletion, substitution or swap of neighbours, in characters, makes the one text the other;
/// true as well for equal ones. Linear: what is the same at both ends is taken off, and the rest is looked at.
///
/// That is an *optimal string alignment* distance (Damerau 1964, without a second edit of a swapped pair) of at most
/// one. Both texts are UTF-8.
pub(super) fn within_one_edit(a: &[u8], b: &[u8]) -> bool {
    // One edit of a character changes the length by no more bytes than a character has.
    if a.len().abs_diff(b.len()) > 4 {
        return false;
    }
    let mut same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    while [a, b].iter().any(|text| !is_start(text.get(same))) {
        same -= 1;
    }
    let (a, b) = (&a[same..], &b[same..]);
    let mut same = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    while !is_start(a.get(a.len() - same)) {
        same -= 1;
    }
    let (a, b) = (&a[..a.len() - same], &b[..b.len() - same]);
    // Two characters have at most eight bytes.
    if a.len().max(b.len()) > 8 {
        return false;
    }
    match (characters(a), characters(b)) {
        (0 | 1, 0 | 1) => true,
        (2, 2) => {
            let first = 1 + a[1..].iter().position(|byte| is_start(Some(byte))).unwrap_or(0);
            let (first, second) = a.split_at(first);
            b.strip_prefix(second) == Some(first)
        }
        _ => false,
    }
}

/// Number of characters of a UTF-8 text.
pub(super) fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| is_start(Some(byte))).count()
}

fn is_start(byte: Option<&u8>) -> bool {
    byte.is_none_or(|byte| byte & 0b1100_0000 != 0b1000_0000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The recurrence as it stands in the literature.
    fn distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut cost = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                cost[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let other = usize::from(a[i - 1] != b[j - 1]);
                    let mut least =
                        (cost[i - 1][j] + 1).min(cost[i][j - 1] + 1).min(cost[i - 1][j - 1] + other);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(cost[i - 2][j - 2] + 1);
                    }
                    least
                };
            }
        }
        cost[a.len()][b.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn one_edit_is_what_the_recurrence_says(a in "[ab äüи王]{0,5}", b in "[ab äüи王]{0,5}") {
            prop_assert_eq!(within_one_edit(a.as_bytes(), b.as_bytes()), distance(&a, &b) <= 1);
            prop_assert_eq!(characters(a.as_bytes()), a.chars().count());
        }
    }
}
