//! What keeps a processor from being at the next look-up before this one has its answer.
//!
//! A dependency between look-ups does that for hits. A miss leaves nothing to depend on: its outcome is a
//! branch, the processor guesses it, and goes on. `std::sync::atomic::fence` does not help: its locked
//! instruction orders what others can see, and current processors load ahead of it all the same. In a loop
//! of random reads from a gibibyte (Zen 5, 4 KiB pages), nanoseconds a read:
//!
//! | nothing | `fence(SeqCst)` | `LFENCE` | a true dependency | both |
//! |---|---|---|---|---|
//! | 7 | 9 | 252 | 240 | 217 |

/// Returns when all loads before it are done, and lets nothing after it begin earlier.
///
/// `LFENCE`: Intel's manual defines it so, AMD's does since Linux sets it to. On machines other than x86-64 it
/// is the fence of the standard library, and misses may overlap there.
#[inline]
pub(crate) fn wait_for_answer() {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instruction has no safe form outside of functions for SSE2")]
    // SAFETY: SSE2 belongs to every x86-64, and the instruction touches nothing.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::hint::black_box;
    use std::time::Instant;

    use super::*;
    use crate::machine::tests::alone;

    /// The near miss is the fence of the standard library: it makes each read longer, and they overlap.
    #[test]
    fn reads_that_are_fenced_do_not_overlap() {
        let _alone = alone();
        // Beyond any cache, so that a read that waits takes several times as long as one that does not.
        let memory = vec![1_u8; 512 << 20];
        let time = |after: fn()| {
            let start = Instant::now();
            let (mut at, mut sum) = (1_usize, 0_usize);
            for _ in 0..300_000 {
                at = at.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                sum += usize::from(memory[(at >> 30) & (memory.len() - 1)]);
                after();
            }
            black_box(sum);
            start.elapsed()
        };
        let (free, fenced) = (time(|| {}), time(wait_for_answer));
        assert!(fenced > 4 * free, "{fenced:?} with the fence, {free:?} without");
    }
}
