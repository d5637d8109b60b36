//! Roll back: announce a retained generation. Nothing is loaded. What is announced was announced before, or
//! passed everything that comes before an announcement: a daemon killed between publishing and announcing leaves
//! such a generation.
//!
//! Without a number it goes back, and never forward: after a roll back from a bad generation, that one is
//! retained, and a second roll back must not bring it again. By number it can be had.

use std::sync::Arc;
use std::time::Instant;

use persondb_protocol::Generation;
use persondb_protocol::control::{Refusal, RefusalKind, Rolled};

use crate::board::{AnnounceError, Shared};
use crate::cycle::retire;
use crate::inbox::Inbox;
use crate::report::chain;
use crate::served::Served;
use crate::verify::verify;
use crate::{notify, status};

/// Announces `to`, or the newest retained generation older than the current one.
///
/// # Errors
/// [`Refusal`]: held, nothing retained, or a generation that no longer passes verification.
pub fn run(shared: &Shared, inbox: &mut Inbox, to: Option<Generation>) -> Result<Rolled, Refusal> {
    let started = Instant::now();
    let refuse = |kind, message: String| {
        tracing::error!(reason = message, "roll back refused; what was served stays");
        Err(Refusal { kind, message })
    };
    let (frozen, current, retained) = {
        let board = shared.board();
        let current = board.current.as_ref().map(|served| served.generation());
        let retained: Vec<_> = board.retained.iter().map(|facts| facts.generation).collect();
        (board.is_frozen(), current, retained)
    };
    if frozen {
        return refuse(RefusalKind::Held, AnnounceError::Held.to_string());
    }
    let target = match to {
        Some(to) => retained.iter().copied().find(|&generation| generation == to),
        // Newest first, so this is the newest older one. Where nothing is current, everything is back.
        None => {
            retained.iter().copied().find(|&generation| current.is_none_or(|current| generation < current))
        }
    };
    let Some(target) = target else {
        let list = retained.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = match to {
            Some(to) if Some(to) == current => format!("generation {to} is current already"),
            Some(to) if list.is_empty() => format!("generation {to} is not retained; none is"),
            Some(to) => format!("generation {to} is not retained; retained are {list}"),
            None if list.is_empty() => {
                "there is no retained generation to roll back to; raise --retain for the next time".into()
            }
            None => format!(
                "no retained generation is older than the current one; name a newer one to go to it: {list}"
            ),
        };
        return refuse(RefusalKind::NothingRetained, message);
    };
    let served = match open(shared, inbox, target) {
        Ok(served) => Arc::new(served),
        Err(reason) => return refuse(RefusalKind::Failed, reason),
    };
    match shared.announce(&served) {
        Ok(_) => {}
        Err(AnnounceError::Held) => return refuse(RefusalKind::Held, AnnounceError::Held.to_string()),
        Err(error) => return refuse(RefusalKind::Failed, chain(&error)),
    }
    retire(shared, target);
    notify::status(&status::line(shared));
    tracing::info!(generation = %target, "rolled back");
    let seconds = started.elapsed().as_secs_f64();
    Ok(Rolled { generation: target, seconds, rows: 0, rejected: 0, warnings: 0 })
}

/// Opens a retained generation, and verifies it as before a first announcement.
pub(crate) fn open(shared: &Shared, inbox: &mut Inbox, generation: Generation) -> Result<Served, String> {
    let served = Served::open(&shared.config.name, generation)
        .map_err(|error| format!("generation {generation}: {}", chain(&error)))?;
    verify(inbox, served.segment(), Instant::now(), shared.config.limits.cycle_s_max)
        .map_err(|error| format!("generation {generation}: {error}"))?;
    Ok(served)
}
