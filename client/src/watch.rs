//! Moving over to what was announced: by a thread of the client, or by a pin where there is none.
//!
//! ```text
//! announcement changed ─► open the new segment ─► prefault ─► install ─► tell the daemon
//!        ▲                 │ by descriptor,        (thread     (epoch
//!        │                 │ else by name           only)       changes)
//!  futex on the wake word  └─ failed: the old generation goes on, again after a pause
//! ```
//!
//! A generation that cannot be mapped time and again (no memory, no descriptors, a name that is gone) is
//! asked for over the socket, if the daemon serves there: current answers at a higher price are better than
//! old ones that nobody was told of. From then on the client depends on the daemon, and goes on trying to
//! map. Who wants it mapped or not at all stays with what is mapped.
//!
//! The thread sleeps on the superblock's wake word, for a second at most; then it looks at the
//! heartbeat. A heartbeat that is stale means that the daemon is dead (mapped data goes on answering), or
//! that this superblock was removed and made anew, which nobody could announce in it: the name is opened
//! again and the inodes compared. A superblock that is marked retired is left at once.

use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use nix::sys::signal::SigSet;
use persondb_protocol::Generation;
use persondb_protocol::control::Request;
use persondb_protocol::layout::SuperblockState;
use persondb_shm::{SuperblockMap, boot_now_ns};

use crate::attach::{Attached, MapError, attach, detail, map_announced, map_by_descriptor};
use crate::builder::{Settings, Via, Watch};
use crate::client::Core;
use crate::connection::Connection;
use crate::live::{IsWatched, Live, Mover};
use crate::view::{Mapped, View};

/// Longest sleep. The heartbeat is looked at this often.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// A heartbeat is given each second; after this long the daemon is dead or beats elsewhere.
const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(5);
/// First and longest pause after a move or an attempt to attach failed.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Attempts in a row to map what is announced before the socket answers: some 1.5 s with their pauses.
const MOVES_FAILED_MAX: u32 = 5;
/// First and longest pause between attempts to be connected.
const LINK_PAUSE: Duration = Duration::from_millis(500);
const LINK_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How much may be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// On a thread of its own: prefault before moving over, keep a connection.
    Background,
    /// While a look-up waits.
    Pin,
}

/// What the look-ups' view needs.
enum Need {
    Nothing,
    /// Another generation was announced in the same superblock.
    Move,
    /// Attaching from the start.
    Attach,
}

/// Starts the watcher of a client, if it is to have one. Where no thread can be had, pins look themselves.
pub(crate) fn start(core: &Arc<Core>, live: &Arc<Live>) {
    if core.settings.watch != Watch::Background || core.settings.via == Via::Socket {
        return;
    }
    live.set_watched(IsWatched::Yes);
    let (core, watched) = (Arc::clone(core), Arc::clone(live));
    let thread =
        std::thread::Builder::new().name("persondb-watch".into()).spawn(move || run(&core, &AtWork(watched)));
    match thread {
        Ok(handle) => {
            // Cannot be set yet: a `Live` is started once.
            let _ = live.watcher.set(handle.thread().clone());
        }
        Err(_) => live.set_watched(IsWatched::No),
    }
}

/// Brings the view up to date, if it needs that and the pause after a failure is over.
pub(crate) fn refresh(core: &Core, live: &Live, mover: &mut Mover, effort: Effort) {
    let now = boot_now_ns();
    if now < mover.retry_at_ns {
        return;
    }
    let (_, view) = live.view();
    let result = match need(&view, &core.settings) {
        Need::Nothing => {
            forget_failures(live, mover);
            return;
        }
        Need::Move => move_over(core, live, mover, &view, effort),
        Need::Attach => attach_anew(core, live, mover, &view, effort),
    };
    match result {
        Ok(next) => {
            if effort == Effort::Background {
                prefault(core, &next);
            }
            let is_move = view.mapped().is_some() && next.mapped().is_some();
            if next.mapped().is_some() {
                forget_failures(live, mover);
            }
            live.install(Arc::new(next));
            mover.failures = 0;
            if is_move {
                live.counters.count_move();
            }
        }
        Err(NotMoved { why }) => {
            if view.mapped().is_some_and(|mapped| !mapped.is_current()) {
                live.counters.count_failed_move();
                live.move_error.store(why.map(Arc::new));
                mover.moves_failed = mover.moves_failed.saturating_add(1);
            }
            mover.retry_at_ns = now.saturating_add(pause(RETRY_PAUSE, RETRY_PAUSE_MAX, mover.failures));
            mover.failures = mover.failures.saturating_add(1);
        }
    }
}

/// What is announced is mapped, or there is nothing to map.
fn forget_failures(live: &Live, mover: &mut Mover) {
    mover.failures = 0;
    mover.moves_failed = 0;
    if live.move_error.load().is_some() {
        live.move_error.store(None);
    }
}

/// The view stays as it is; try again later.
struct NotMoved {
    /// In the words of the status.
    why: Option<String>,
}

/// Tells the pins when the watcher ends, however it ends.
struct AtWork(Arc<Live>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.set_watched(IsWatched::No);
    }
}

fn run(core: &Core, at_work: &AtWork) {
    let live = &at_work.0;
    // Signals are for the program's own threads.
    let _ = SigSet::all().thread_block();
    {
        let (_, view) = live.view();
        prefault(core, &view);
    }
    while !core.is_stopped() {
        // Read before looking: a change from here on ends the sleep at once.
        let superblock = superblock(live);
        let seen_wake = superblock.as_ref().map(|superblock| superblock.wake_word());
        let sleep = {
            let mut mover = live.mover.lock().unwrap_or_else(PoisonError::into_inner);
            refresh(core, live, &mut mover, Effort::Background);
            keep_linked(core, live, &mut mover);
            sleep(&mover)
        };
        match (superblock, seen_wake) {
            (Some(superblock), Some(seen_wake)) => {
                // No generation is held meanwhile, only its superblock.
                if superblock.wait(seen_wake, sleep).is_err() {
                    std::thread::park_timeout(sleep.min(Duration::from_millis(100)));
                }
            }
            _ => std::thread::park_timeout(sleep),
        }
    }
    // What was installed after the client had let go of everything.
    live.abandon();
}

fn superblock(live: &Live) -> Option<Arc<SuperblockMap>> {
    let (_, view) = live.view();
    view.mapped().map(|mapped| Arc::clone(&mapped.superblock))
}

/// How long nothing has to be done unless somebody wakes us.
fn sleep(mover: &Mover) -> Duration {
    let now = boot_now_ns();
    let mut until = now.saturating_add(nanoseconds(SLEEP_MAX));
    if mover.retry_at_ns > now {
        until = until.min(mover.retry_at_ns);
    }
    Duration::from_nanos(until - now)
}

fn need(view: &View, settings: &Settings) -> Need {
    let mapped = match view {
        View::Mapped(mapped) => mapped,
        View::Socket { why: None } => return Need::Nothing,
        View::Socket { why: Some(_) } | View::Nothing(_) => return Need::Attach,
    };
    let superblock = &mapped.superblock;
    if superblock.state() == Some(SuperblockState::Retired) {
        return Need::Attach;
    }
    if !mapped.is_current() {
        return Need::Move;
    }
    if is_stale(superblock) && !still_has_its_name(mapped, settings) { Need::Attach } else { Need::Nothing }
}

/// Whether nothing more is to be expected of a superblock as it looks now.
pub(crate) fn is_forsaken(superblock: &SuperblockMap) -> bool {
    superblock.state() == Some(SuperblockState::Retired) || is_stale(superblock)
}

/// Whether the daemon is dead or gives its sign of life elsewhere.
fn is_stale(superblock: &SuperblockMap) -> bool {
    superblock.heartbeat_age_ns() > nanoseconds(HEARTBEAT_AGE_MAX)
}

/// Whether the dataset's name still leads to this superblock. If it leads nowhere, a daemon that can be
/// reached over the socket only may know better.
fn still_has_its_name(mapped: &Mapped, settings: &Settings) -> bool {
    SuperblockMap::open_by_name(&settings.superblock(), &mapped.trust)
        .is_ok_and(|named| named.identity() == mapped.superblock.identity())
}

/// Maps what is announced now in the same superblock; where that fails too often, the socket will do.
fn move_over(
    core: &Core,
    live: &Live,
    mover: &mut Mover,
    view: &View,
    effort: Effort,
) -> Result<View, NotMoved> {
    let Some(old) = view.mapped() else { return Err(NotMoved { why: None }) };
    match map_next(core, live, old) {
        Ok(mut next) => {
            if next.superblock.identity() == old.superblock.identity() {
                next.superblock = Arc::clone(&old.superblock);
            }
            Ok(View::Mapped(next))
        }
        Err(troubles) => {
            let fails_often = mover.moves_failed + 1 >= MOVES_FAILED_MAX && core.settings.via == Via::Auto;
            let why = Some(detail(&troubles));
            if fails_often || troubles.iter().any(MapError::needs_other_release) {
                live.move_error.store(why.clone().map(Arc::new));
                attach_anew(core, live, mover, view, effort).map_err(|_| NotMoved { why })
            } else {
                Err(NotMoved { why })
            }
        }
    }
}

/// By descriptor where there is a connection, else by name, else by descriptor over a new connection (a
/// client in a container may not see the names).
fn map_next(core: &Core, live: &Live, old: &Mapped) -> Result<Mapped, Vec<MapError>> {
    let settings = &core.settings;
    let mut troubles = Vec::new();
    let handed_over = live.link.talk(|link| map_by_descriptor(link, settings, &old.trust));
    let linked = handed_over.is_some();
    match handed_over {
        Some(Ok(next)) => return Ok(next),
        Some(Err(error)) => {
            if matches!(error, MapError::Socket(_)) {
                live.link.close();
            }
            troubles.push(error);
        }
        None => {}
    }
    match map_announced(&old.superblock, settings, &old.trust) {
        Ok(next) => return Ok(next),
        Err(error) => troubles.push(error),
    }
    if linked || troubles.iter().any(MapError::needs_other_release) {
        return Err(troubles);
    }
    let connection = Connection::open(settings).map_err(MapError::from);
    match connection.and_then(|mut connection| map_by_descriptor(&mut connection, settings, &old.trust)) {
        Ok(next) => Ok(next),
        Err(error) => {
            troubles.push(error);
            Err(troubles)
        }
    }
}

/// Attaches from the start. What is mapped is left only for something better: another mapping, or, if it
/// cannot be followed any more, a daemon that has answers.
fn attach_anew(
    core: &Core,
    live: &Live,
    mover: &mut Mover,
    view: &View,
    effort: Effort,
) -> Result<View, NotMoved> {
    let Attached { view: next, link } = attach(&core.settings);
    let serves = link.as_ref().is_some_and(|link| link.welcome().generation.is_some());
    if effort == Effort::Background {
        live.link.replace(link);
        mover.told = None;
    }
    let is_better = match (view, &next) {
        (View::Mapped(old), View::Mapped(new)) => {
            old.superblock.identity() != new.superblock.identity()
                || old.announcement.announcement != new.announcement.announcement
        }
        (_, View::Mapped(_)) | (View::Nothing(_), View::Socket { .. }) => true,
        (View::Mapped(_), View::Socket { .. }) => serves,
        _ => false,
    };
    if is_better {
        return Ok(next);
    }
    let why = match next {
        View::Mapped(_) => None,
        View::Socket { why } => why,
        View::Nothing(unavailable) => Some(unavailable.detail),
    };
    Err(NotMoved { why })
}

/// Populates the pages of a generation before look-ups meet them. What cannot be populated is faulted in
/// by the look-ups.
fn prefault(core: &Core, view: &View) {
    if let Some(mapped) = view.mapped() {
        let go_on = |_| if core.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let _ = mapped.segment.bytes().prefault(go_on);
    }
}

/// Keeps the daemon informed of where this client is. All of it is best effort: look-ups need none of it.
fn keep_linked(core: &Core, live: &Live, mover: &mut Mover) {
    let (_, view) = live.view();
    if live.link.talk(|link| link.drain().is_err()) == Some(true) {
        live.link.close();
    }
    if !live.link.is_open() {
        let Some(mapped) = view.mapped() else { return };
        let now = boot_now_ns();
        if is_stale(&mapped.superblock) || now < mover.relink_at_ns {
            return;
        }
        live.link.replace(Connection::open(&core.settings).ok());
        mover.told = None;
        if live.link.is_open() {
            mover.link_failures = 0;
        } else {
            mover.relink_at_ns = now.saturating_add(pause(LINK_PAUSE, LINK_PAUSE_MAX, mover.link_failures));
            mover.link_failures = mover.link_failures.saturating_add(1);
        }
    }
    tell(live, mover, view.mapped().map(Mapped::generation));
}

fn tell(live: &Live, mover: &mut Mover, generation: Option<Generation>) {
    if mover.told == generation {
        return;
    }
    match live.link.talk(|link| link.tell(Request::Moved { generation })) {
        Some(Ok(())) => mover.told = generation,
        Some(Err(_)) => live.link.close(),
        None => {}
    }
}

/// Doubles with each failure.
fn pause(first: Duration, longest: Duration, failures: u32) -> u64 {
    nanoseconds(first.saturating_mul(1 << failures.min(16)).min(longest))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
