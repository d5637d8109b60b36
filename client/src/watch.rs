//! Moving over to what was announced: by a thread of the client, or by a pin where there is none.
//!
//! ```text
//! announcement changed ─► open the new segment ─► prefault ─► install ─► tell the daemon
//!        ▲                 │ by descriptor,        (thread     (epoch
//!        │                 │ else by name           only)       changes)
//!  futex on the wake word  └─ failed: the old generation goes on, again after a pause
//! ```
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

use crate::attach::{Attached, MapError, attach, map_announced, map_by_descriptor};
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
        Need::Nothing => return,
        Need::Move => move_over(core, mover, &view, effort),
        Need::Attach => attach_anew(core, mover, &view, effort),
    };
    if let Ok(next) = result {
        if effort == Effort::Background {
            prefault(core, &next);
        }
        let is_move = view.mapped().is_some() && next.mapped().is_some();
        live.install(Arc::new(next));
        mover.failures = 0;
        if is_move {
            live.counters.count_move();
        }
    } else {
        if view.mapped().is_some_and(|mapped| !mapped.is_current()) {
            live.counters.count_failed_move();
        }
        mover.retry_at_ns = now.saturating_add(pause(RETRY_PAUSE, RETRY_PAUSE_MAX, mover.failures));
        mover.failures = mover.failures.saturating_add(1);
    }
}

/// The view stays as it is; try again later.
struct NotMoved;

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
            sleep(core, live, &mut mover)
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
fn sleep(core: &Core, live: &Live, mover: &mut Mover) -> Duration {
    let now = boot_now_ns();
    let mut until = now.saturating_add(nanoseconds(SLEEP_MAX));
    if mover.retry_at_ns > now {
        until = until.min(mover.retry_at_ns);
    }
    let (_, view) = live.view();
    if let Some(mapped) = view.mapped() {
        let too_old_at = mapped.too_old_at_ns(core.settings.max_age);
        let announcement = mapped.announcement.announcement;
        if too_old_at > now {
            until = until.min(too_old_at);
        } else if mover.aged != Some(announcement) {
            // Once for each announcement: the pins find out the rest themselves.
            mover.aged = Some(announcement);
            live.look_again();
        }
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
    let is_stale = superblock.heartbeat_age_ns() > nanoseconds(HEARTBEAT_AGE_MAX);
    if is_stale && !still_has_its_name(mapped, settings) { Need::Attach } else { Need::Nothing }
}

/// Whether the dataset's name still leads to this superblock. If it leads nowhere, a daemon that can be
/// reached over the socket only may know better.
fn still_has_its_name(mapped: &Mapped, settings: &Settings) -> bool {
    SuperblockMap::open_by_name(&settings.superblock(), &mapped.trust)
        .is_ok_and(|named| named.identity() == mapped.superblock.identity())
}

/// Maps what is announced now in the same superblock.
fn move_over(core: &Core, mover: &mut Mover, view: &View, effort: Effort) -> Result<View, NotMoved> {
    let Some(old) = view.mapped() else { return Err(NotMoved) };
    match map_next(core, mover, old) {
        Ok(mut next) => {
            if next.superblock.identity() == old.superblock.identity() {
                next.superblock = Arc::clone(&old.superblock);
            }
            Ok(View::Mapped(next))
        }
        Err(error) if error.needs_other_release() => attach_anew(core, mover, view, effort),
        Err(_) => Err(NotMoved),
    }
}

/// By descriptor where there is a connection, else by name, else by descriptor over a new connection (a
/// client in a container may not see the names).
fn map_next(core: &Core, mover: &mut Mover, old: &Mapped) -> Result<Mapped, MapError> {
    let settings = &core.settings;
    let linked = mover.link.is_some();
    if let Some(link) = &mut mover.link {
        match map_by_descriptor(link, settings, &old.trust) {
            Ok(next) => return Ok(next),
            Err(MapError::Socket(_)) => mover.link = None,
            Err(_) => {}
        }
    }
    let by_name = map_announced(&old.superblock, settings, &old.trust);
    match by_name {
        Err(error) if !linked && !error.needs_other_release() => {
            let mut connection = Connection::open(settings)?;
            map_by_descriptor(&mut connection, settings, &old.trust)
        }
        result => result,
    }
}

/// Attaches from the start. What is mapped is left only for something better: another mapping, or, if it
/// cannot be followed any more, a daemon that has answers.
fn attach_anew(core: &Core, mover: &mut Mover, view: &View, effort: Effort) -> Result<View, NotMoved> {
    let Attached { view: next, link } = attach(&core.settings);
    let serves = link.as_ref().is_some_and(|link| link.welcome().generation.is_some());
    if effort == Effort::Background {
        mover.link = link;
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
    if is_better { Ok(next) } else { Err(NotMoved) }
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
    if mover.link.as_mut().is_some_and(|link| link.drain().is_err()) {
        mover.link = None;
    }
    if mover.link.is_none() {
        let Some(mapped) = view.mapped() else { return };
        let now = boot_now_ns();
        let is_stale = mapped.superblock.heartbeat_age_ns() > nanoseconds(HEARTBEAT_AGE_MAX);
        if is_stale || now < mover.relink_at_ns {
            return;
        }
        mover.link = Connection::open(&core.settings).ok();
        mover.told = None;
        if mover.link.is_some() {
            mover.link_failures = 0;
        } else {
            mover.relink_at_ns = now.saturating_add(pause(LINK_PAUSE, LINK_PAUSE_MAX, mover.link_failures));
            mover.link_failures = mover.link_failures.saturating_add(1);
        }
    }
    tell(mover, view.mapped().map(Mapped::generation));
}

fn tell(mover: &mut Mover, generation: Option<Generation>) {
    if mover.told == generation {
        return;
    }
    if let Some(link) = &mut mover.link {
        match link.tell(Request::Moved { generation }) {
            Ok(()) => mover.told = generation,
            Err(_) => mover.link = None,
        }
    }
}

/// Doubles with each failure.
fn pause(first: Duration, longest: Duration, failures: u32) -> u64 {
    nanoseconds(first.saturating_mul(1 << failures.min(16)).min(longest))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
