//! The thorough check of a generation before it is announced or adopted, with an end to it.
//!
//! It reads all of a segment, which can take minutes when the machine is short of memory. Meanwhile the cycle
//! thread does nothing else, so it looks at its orders in between: a daemon that is told to stop stops.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use persondb_data::segment::{Segment, VerifyError};
use persondb_protocol::Prefetch;

use crate::inbox::{Go, Inbox};
use crate::report::chain;

/// People that are looked up by each of their keys.
const SAMPLE_COUNT: u64 = 20_000;

/// Why a generation is not to be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It does not hold together.
    #[error("verification failed: {0}")]
    Failed(String),
    /// The daemon is to stop.
    #[error("the daemon is stopping")]
    Stopped,
    /// The cycle took too long.
    #[error(
        "verification was ended after {seconds_max} s of the cycle; raise limits.cycle_s_max, or load less"
    )]
    Overdue {
        /// `limits.cycle_s_max`.
        seconds_max: u64,
    },
}

/// Verifies a segment; what it belongs to has begun at `started`. O(segment), and ends within a section of it
/// once the daemon is to stop or `seconds_max` (`limits.cycle_s_max`) are over.
///
/// # Errors
/// [`Unverified`].
pub fn verify<B: Prefetch>(
    inbox: &mut Inbox,
    segment: &Segment<B>,
    started: Instant,
    seconds_max: u64,
) -> Result<(), Unverified> {
    let time_max = Duration::from_secs(seconds_max);
    let result = segment.verify(Some(SAMPLE_COUNT), &mut |_| {
        if inbox.go() == Go::Stop || started.elapsed() > time_max {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    match result {
        Ok(_) => Ok(()),
        Err(VerifyError::Stopped) if inbox.go() == Go::Stop => Err(Unverified::Stopped),
        Err(VerifyError::Stopped) => Err(Unverified::Overdue { seconds_max }),
        Err(error) => Err(Unverified::Failed(chain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::unbounded;
    use persondb_data::builder::{BuildOptions, build};
    use persondb_data::input::InputSpec;
    use persondb_protocol::Generation;

    use super::*;
    use crate::board::Order;

    #[test]
    fn a_stop_order_or_the_end_of_the_time_ends_a_verification() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, "tenant_id,person_id,email\nt,p,p@example.com\n").unwrap();
        let spec = InputSpec { people: vec![path], ..InputSpec::default() };
        let options = BuildOptions {
            generation: Generation(1),
            load_started_boot_ns: 1,
            built_at_wall_ns: 1,
            config_digest: [0; 16],
            hash_seed: 7,
            threads: 1,
            rejects: None,
        };
        let mut bytes = Vec::new();
        build(&spec, &options, &mut bytes, &mut |_| ()).unwrap();
        let segment = Segment::open(bytes).unwrap();

        let (orders, receiver) = unbounded();
        let mut inbox = Inbox::new(receiver);
        let now = Instant::now();
        assert_eq!(verify(&mut inbox, &segment, now, 3600), Ok(()));
        orders.send(Order::Roll(None)).unwrap();
        assert_eq!(verify(&mut inbox, &segment, now, 3600), Ok(()), "other orders wait");
        assert_eq!(verify(&mut inbox, &segment, now, 0), Err(Unverified::Overdue { seconds_max: 0 }));
        orders.send(Order::Stop).unwrap();
        assert_eq!(verify(&mut inbox, &segment, now, 3600), Err(Unverified::Stopped));
    }
}
