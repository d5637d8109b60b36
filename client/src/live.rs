//! [`Live`]: the part of a client that belongs to one process.
//!
//! # Fork
//!
//! A child has a copy of everything in memory, but not the threads: a lock that another thread held at
//! the fork stays locked for ever, the watcher is gone, and the parent's connections are shared with the
//! parent. So all locks, connections and counts of a client stand in a `Live`, whose epoch word (a
//! [`ForkWord`]) reads 0 in a child. Whoever sees that replaces the whole `Live` without touching its locks:
//!
//! ```text
//! child, any thread                                   another thread of the child
//! F1  live = core.live; live.epoch() == 0             the same
//! F2  fresh = Live with live's view (mapping stays)   the same
//! F3  compare-and-swap core.live: live → fresh        one of the two wins; the other drops its own
//! F4  winner: live.abandon(), start a watcher         goes on with the winner's
//! ```
//!
//! A `Live` tells by itself whether it is of this process, so no thread can take a half-replaced one for
//! good, and a grandchild does the same again. `view` and `core.live` are the only things shared between
//! the old and the new one; both are lock-free (`arc-swap`), so a thread that vanished in the middle of
//! using them hinders nobody.
//!
//! What remains in the child of threads that vanished are their references: an old generation that
//! another thread of the parent had pinned or cached at the fork stays mapped in the child until it ends.
//! Programs that fork from one thread (all pre-fork servers) have none.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::Thread;

use arc_swap::{ArcSwap, ArcSwapOption};
use persondb_protocol::Generation;
use persondb_protocol::answer::{Reason, Unavailable};
use persondb_shm::ForkWord;

use crate::connection::Connection;
use crate::counters::Registry;
use crate::link::Link;
use crate::socket::Pool;
use crate::status::HeldGeneration;
use crate::view::View;

/// All that a client has in one process.
#[derive(Debug)]
pub(crate) struct Live {
    /// Changes with the view; 0 in a forked child.
    epoch: ForkWord,
    /// What look-ups go through.
    view: ArcSwap<View>,
    /// Serialises changes of view and epoch. Held for some instructions.
    change: Mutex<Change>,
    /// Who is opening the next generation. Held while that takes.
    pub(crate) mover: Mutex<Mover>,
    pub(crate) link: Link,
    /// Why the last attempt to map what is announced failed; `None` when it is mapped.
    pub(crate) move_error: ArcSwapOption<String>,
    pub(crate) counters: Registry,
    pub(crate) pool: Pool,
    /// A watcher thread is at work.
    watched: AtomicBool,
    /// For waking it when it sleeps.
    pub(crate) watcher: OnceLock<Thread>,
}

#[derive(Debug)]
struct Change {
    epoch: u64,
    /// Views that were replaced and may still be held by a pin or a thread.
    past: Vec<Weak<View>>,
}

/// State of the business of moving.
#[derive(Debug, Default)]
pub(crate) struct Mover {
    /// Boot time before which moving is not tried again.
    pub(crate) retry_at_ns: u64,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Failures in a row to map what the superblock announces.
    pub(crate) moves_failed: u32,
    /// Boot time before which the link is not tried again.
    pub(crate) relink_at_ns: u64,
    /// Failures to link in a row.
    pub(crate) link_failures: u32,
    /// Generation that the daemon was last told over the link; a new link starts with `None`.
    pub(crate) told: Option<Generation>,
}

impl Live {
    /// A `Live` of the calling process.
    pub(crate) fn new(view: Arc<View>, link: Option<Connection>) -> std::io::Result<Self> {
        Ok(Self {
            epoch: ForkWord::new(NonZeroU64::MIN)?,
            view: ArcSwap::new(view),
            change: Mutex::new(Change { epoch: 1, past: Vec::new() }),
            mover: Mutex::default(),
            link: Link::new(link),
            move_error: ArcSwapOption::empty(),
            counters: Registry::default(),
            pool: Pool::default(),
            watched: AtomicBool::new(false),
            watcher: OnceLock::new(),
        })
    }

    /// Changes whenever what a pin sees may have changed. One relaxed load; 0 says that this is the copy
    /// of another process.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load()
    }

    /// Whether this belongs to another process (a parent).
    pub(crate) fn is_foreign(&self) -> bool {
        self.epoch() == 0
    }

    /// The view, with an epoch that is not younger: when the epoch is still the same later, so is the view.
    pub(crate) fn view(&self) -> (u64, Arc<View>) {
        let epoch = self.epoch();
        // SYNC: pairs with the release fence in `change_view`. Seeing an epoch means seeing its view.
        fence(Ordering::Acquire);
        (epoch, self.view.load_full())
    }

    /// Puts another view in place; every pin taken from now on sees it.
    pub(crate) fn install(&self, view: Arc<View>) {
        self.change_view(Some(view));
    }

    /// Older generations that something in this process still holds.
    pub(crate) fn held(&self) -> Vec<HeldGeneration> {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        change.past.retain(|view| view.strong_count() > 0);
        let views: Vec<_> = change.past.iter().filter_map(Weak::upgrade).collect();
        drop(change);
        let held = views.iter().filter_map(|view| view.mapped()).map(|mapped| HeldGeneration {
            generation: mapped.generation(),
            bytes: mapped.segment.bytes().size(),
        });
        held.collect()
    }

    /// Whether a thread follows the announcements, so that pins need not.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Says whether a thread follows the announcements; pins look for themselves again if not.
    pub(crate) fn set_watched(&self, watch: IsWatched) {
        self.watched.store(watch == IsWatched::Yes, Ordering::Relaxed);
        self.change_view(None);
    }

    /// Lets go of everything without waiting for a lock: in a child, of what was the parent's.
    /// Descriptors are closed in this process only; the parent's connections go on.
    pub(crate) fn abandon(&self) {
        let gone = Unavailable::new(Reason::Unreachable, "the client was closed");
        self.view.store(Arc::new(View::Nothing(gone)));
        self.link.close();
        self.pool.abandon();
    }

    fn change_view(&self, view: Option<Arc<View>>) {
        let mut change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = view {
            let old = self.view.swap(view);
            change.past.retain(|view| view.strong_count() > 0);
            if old.mapped().is_some() {
                change.past.push(Arc::downgrade(&old));
            }
        }
        change.epoch += 1;
        // SYNC: pairs with the acquire fence in `view`.
        fence(Ordering::Release);
        self.epoch.store(change.epoch);
    }
}

/// Whether a thread follows the announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsWatched {
    Yes,
    No,
}
