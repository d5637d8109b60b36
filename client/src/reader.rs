//! What a thread keeps between its look-ups, so that taking a pin is one load.
//!
//! Each thread caches a [`Hold`] for each client it uses: an `Rc` around the view that look-ups go
//! through, with the epoch at which that view was current. A pin compares the epoch (one relaxed load of a
//! page that nobody else writes) and clones the `Rc`: no lock, no system call, no read-modify-write.
//!
//! Two kinds of client also read the clock at each pin, some 30 ns: those with a limit on age, because no
//! watcher can be relied on to run in time, and those without a watcher, for the heartbeat.
//!
//! # When an old generation goes
//!
//! The mapping of a generation ends with the last of: the client's current view, a pin, and the cached
//! hold of a thread. A thread lets go of its cached hold at its next pin, or when it ends. So a thread
//! that is idle for ever keeps the generation that it looked at last: at most one for each thread, and
//! threads that last looked in the same generation share it. [`Client::let_go`](crate::Client::let_go)
//! ends that for a thread that knows it will be idle, and [`ClientStatus::held`](crate::ClientStatus::held)
//! shows what is kept.
//!
//! The alternatives cost each pin an atomic read-modify-write (a slot that another thread can clear, an
//! upgrade of a weak reference), some 10 ns a look-up for all to help those that are idle; or they need
//! an asymmetric barrier and unsafe code.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use persondb_protocol::answer::{Reason, Unavailable};
use persondb_shm::boot_now_ns;

use crate::builder::Via;
use crate::client::Core;
use crate::counters::Cells;
use crate::live::Live;
use crate::view::View;
use crate::watch::{self, Effort};

/// Time without a watcher between two looks at what a word alone does not tell: the daemon's heartbeat;
/// over the socket, where looking means trying to map again, between two of those. By the clock, not by a
/// count: a program that asks once a minute has to notice as well as one that asks all the time.
const LOOK_PAUSE_NS: u64 = 1_000_000_000;

/// A view that a thread may look through without asking anybody, as long as it [is good](Hold::is_good).
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) core: Arc<Core>,
    pub(crate) view: Arc<View>,
    pub(crate) cells: Arc<Cells>,
    live: Arc<Live>,
    epoch: u64,
    /// Compared at each pin, also where there is a watcher: that one may be busy, or the machine was
    /// suspended and the watcher has not run since.
    too_old_at_ns: u64,
    own_look: Option<OwnLook>,
}

/// What a pin compares itself when no watcher does.
#[derive(Debug)]
struct OwnLook {
    announcement: u64,
    wake: u32,
    look_at_ns: Cell<u64>,
}

/// What one thread keeps of one client.
struct Entry {
    core: Arc<Core>,
    live: Arc<Live>,
    cells: Arc<Cells>,
    hold: Option<Rc<Hold>>,
}

thread_local! {
    static ENTRIES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A hold on what is current.
#[inline]
pub(crate) fn pin(core: &Arc<Core>) -> Result<Rc<Hold>, Unavailable> {
    let cached = ENTRIES.try_with(|entries| {
        let entries = entries.try_borrow().ok()?;
        let entry = entries.iter().find(|entry| Arc::ptr_eq(&entry.core, core))?;
        entry.hold.as_ref().filter(|hold| hold.is_good()).map(Rc::clone)
    });
    match cached {
        Ok(Some(hold)) => Ok(hold),
        _ => pin_anew(core),
    }
}

/// Drops what the calling thread keeps of a client.
pub(crate) fn let_go(core: &Arc<Core>) {
    change(|entries| {
        let at = entries.iter().position(|entry| Arc::ptr_eq(&entry.core, core))?;
        Some(entries.swap_remove(at))
    });
}

impl Hold {
    /// Whether this still is what look-ups should go through.
    #[inline]
    fn is_good(&self) -> bool {
        if self.live.epoch() != self.epoch {
            return false;
        }
        // Only those who need the clock pay for reading it.
        if self.own_look.is_none() && self.too_old_at_ns == u64::MAX {
            return true;
        }
        let now = boot_now_ns();
        now < self.too_old_at_ns && self.own_look.as_ref().is_none_or(|look| look.is_good(&self.view, now))
    }
}

impl OwnLook {
    fn new(view: &View, core: &Core) -> Option<Self> {
        let (announcement, wake) = match view {
            View::Mapped(mapped) => (mapped.announcement.announcement, mapped.superblock.wake_word()),
            View::Socket { .. } if core.settings.via == Via::Auto => (0, 0),
            View::Socket { .. } | View::Nothing(_) => return None,
        };
        let look_at_ns = Cell::new(boot_now_ns().saturating_add(LOOK_PAUSE_NS));
        Some(Self { announcement, wake, look_at_ns })
    }

    fn is_good(&self, view: &View, now_ns: u64) -> bool {
        let is_due = now_ns >= self.look_at_ns.get();
        let Some(mapped) = view.mapped() else { return !is_due };
        let superblock = &mapped.superblock;
        if superblock.announcement_word() != self.announcement || superblock.wake_word() != self.wake {
            return false;
        }
        if is_due {
            if watch::is_forsaken(superblock) {
                return false;
            }
            self.look_at_ns.set(now_ns.saturating_add(LOOK_PAUSE_NS));
        }
        true
    }
}

/// The slow way: something changed, or this thread has not looked before, or this is a new process.
#[cold]
fn pin_anew(core: &Arc<Core>) -> Result<Rc<Hold>, Unavailable> {
    let live = core.whole()?;
    let cells = cells(core, &live);
    let is_watched = live.is_watched();
    if !is_watched
        && core.settings.via != Via::Socket
        // Somebody else is at it: what is there answers until then.
        && let Ok(mut mover) = live.mover.try_lock()
    {
        watch::refresh(core, &live, &mut mover, Effort::Pin);
    }
    let (epoch, view) = live.view();
    let hold = check(&view, core).map_err(|unavailable| cells.refuse(unavailable)).map(|()| {
        let own_look = if is_watched { None } else { OwnLook::new(&view, core) };
        let limit = core.settings.max_age;
        let too_old_at_ns = view.mapped().map_or(u64::MAX, |mapped| mapped.too_old_at_ns(limit));
        let (core, live, cells) = (Arc::clone(core), Arc::clone(&live), Arc::clone(&cells));
        Rc::new(Hold { core, view, cells, live, epoch, too_old_at_ns, own_look })
    });
    keep(Entry { core: Arc::clone(core), live, cells, hold: hold.as_ref().ok().map(Rc::clone) });
    hold
}

/// Whether look-ups may go through this view now.
fn check(view: &View, core: &Core) -> Result<(), Unavailable> {
    match view {
        View::Nothing(unavailable) => Err(unavailable.clone()),
        View::Mapped(mapped) if boot_now_ns() >= mapped.too_old_at_ns(core.settings.max_age) => {
            Err(too_old(mapped.age().as_secs_f64(), core))
        }
        View::Mapped(_) | View::Socket { .. } => Ok(()),
    }
}

/// Data that is older than the caller's limit.
pub(crate) fn too_old(age_s: f64, core: &Core) -> Unavailable {
    let limit = core.settings.max_age.unwrap_or_default().as_secs_f64();
    let detail =
        format!("the data is {age_s:.1} s old, the limit is {limit} s; see why the daemon does not roll");
    Unavailable::new(Reason::TooOld, detail)
}

/// This thread's cells for a client, the ones it has if they are of this process.
fn cells(core: &Arc<Core>, live: &Arc<Live>) -> Arc<Cells> {
    let known = ENTRIES.try_with(|entries| {
        let entries = entries.try_borrow().ok()?;
        let entry = entries.iter().find(|e| Arc::ptr_eq(&e.core, core) && Arc::ptr_eq(&e.live, live))?;
        Some(Arc::clone(&entry.cells))
    });
    match known {
        Ok(Some(cells)) => cells,
        _ => live.counters.register(),
    }
}

/// Replaces what this thread keeps of the entry's client, and forgets clients that were closed.
fn keep(entry: Entry) {
    change(|entries| {
        let is_dead = |e: &mut Entry| e.core.is_stopped() || Arc::ptr_eq(&e.core, &entry.core);
        let dead: Vec<_> = entries.extract_if(.., is_dead).collect();
        entries.push(entry);
        Some(dead)
    });
}

/// Changes the entries. What `change` gives back is dropped after the borrow ends: dropping may unmap a
/// generation. In a thread that is ending there are no entries any more, and pins live without.
fn change<T>(change: impl FnOnce(&mut Vec<Entry>) -> Option<T>) {
    let dropped = ENTRIES.try_with(|entries| change(&mut *entries.try_borrow_mut().ok()?));
    drop(dropped);
}
