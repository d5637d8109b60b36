//! How much of the daemon one peer may take: connections of a user, and time in a turn of the loop.

use std::time::{Duration, Instant};

use super::peers::Rights;

/// Connections for operators above the limit of clients: whoever fills it must not keep out who could end that.
pub(super) const OPERATOR_RESERVE: usize = 16;
/// Requests of a connection that are answered in one turn.
const TURN_COUNT_MAX: u32 = 64;
/// Time after which a turn ends: a request can meet a thousand people, each of some kilobytes.
const TURN_TIME_MAX: Duration = Duration::from_millis(5);

/// Why one more connection is too many; `None` when it is not. `clients` are connected, `of_user` of them of the
/// same user, and `limit` is `limits.clients_max`.
///
/// Three quarters of all are for any one user that is no operator, so that one program that leaks connections
/// does not keep the other users out.
#[must_use]
pub(super) fn refusal(rights: Rights, clients: usize, of_user: usize, limit: usize) -> Option<String> {
    if rights == Rights::Operate {
        return (clients >= limit.saturating_add(OPERATOR_RESERVE)).then(|| over(limit));
    }
    let of_user_max = of_user_max(limit);
    if clients >= limit {
        Some(over(limit))
    } else if of_user >= of_user_max {
        Some(format!(
            "{of_user_max} clients of this user are connected, which is the limit of one user (three quarters of \
             limits.clients_max); close some, or map"
        ))
    } else {
        None
    }
}

/// Most connections of a user that is no operator.
#[must_use]
pub(super) fn of_user_max(limit: usize) -> usize {
    (limit - limit / 4).max(1)
}

fn over(limit: usize) -> String {
    format!("{limit} clients are connected, which is the limit (limits.clients_max); try again, or map")
}

/// One connection's turn of the loop.
#[derive(Debug)]
pub(super) struct Turn {
    begun: Instant,
    requests: u32,
}

impl Turn {
    /// It begins.
    #[must_use]
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), requests: 0 }
    }

    /// Counts a request.
    pub(super) fn count(&mut self) {
        self.requests += 1;
    }

    /// Whether the others come first now.
    #[must_use]
    pub(super) fn is_over(&self) -> bool {
        // A turn without a request did nothing yet: each has at least one, however late the loop is.
        self.requests >= TURN_COUNT_MAX || (self.requests > 0 && self.begun.elapsed() >= TURN_TIME_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_house_has_room_for_operators_and_one_user_never_fills_it() {
        assert_eq!(refusal(Rights::Ask, 74, 74, 100), None);
        assert!(refusal(Rights::Ask, 75, 75, 100).unwrap().contains("this user"));
        assert_eq!(refusal(Rights::Ask, 99, 24, 100), None, "another user's");
        assert!(refusal(Rights::Ask, 100, 24, 100).unwrap().contains("clients_max"));
        assert_eq!(refusal(Rights::Operate, 115, 115, 100), None);
        assert!(refusal(Rights::Operate, 116, 0, 100).is_some());
        assert_eq!(refusal(Rights::Ask, 0, 0, 1), None, "the smallest limit lets one in");
    }

    #[test]
    fn a_turn_ends_by_count_or_time_and_not_before_its_first_request() {
        let mut turn = Turn { begun: Instant::now().checked_sub(TURN_TIME_MAX).unwrap(), requests: 0 };
        assert!(!turn.is_over());
        turn.count();
        assert!(turn.is_over());
        let far = Instant::now() + Duration::from_mins(1);
        assert!(!Turn { begun: far, requests: TURN_COUNT_MAX - 1 }.is_over());
        assert!(Turn { begun: far, requests: TURN_COUNT_MAX }.is_over());
    }
}
