//! Errors in one line: what failed, and every cause below it.

use std::error::Error;

/// The message of `error` and of all its causes, separated by `: `. A cause whose text the message already
/// holds is not repeated.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn causes_follow_and_are_not_repeated() {
        let cause = std::io::Error::other("no space");
        let error = anyhow::Error::from(cause).context("writing failed");
        assert_eq!(super::chain(error.as_ref()), "writing failed: no space");
        let error = anyhow::anyhow!("inner").context("outer: inner");
        assert_eq!(super::chain(error.as_ref()), "outer: inner");
    }
}
