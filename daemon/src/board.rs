//! What the threads of the daemon share: the [`Board`] (what is served, kept, held, under way), the
//! superblock, and the wires between them.
//!
//! One short-lived lock. The cycle thread changes what is served, the control thread reads it and sets
//! `held`; because announcing takes the same lock, a hold that was confirmed is never followed by an
//! announcement.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam::channel::Sender;
use nix::sys::eventfd::EventFd;
use persondb_protocol::Generation;
use persondb_protocol::control::{Refusal, Rolled};
use persondb_protocol::layout::{Announcement, SuperblockState};
use persondb_protocol::status::CycleReport;
use persondb_shm::{SuperblockOwner, boot_now_ns};

use crate::config::Config;
use crate::report::chain;
use crate::served::{GenerationFacts, Served};
use crate::state::StateFile;

/// Everything the threads have in common.
#[derive(Debug)]
pub struct Shared {
    /// As resolved at the start.
    pub config: Config,
    /// The page that names the current generation.
    pub superblock: SuperblockOwner,
    /// The same page, read-only, for clients. Opened once: should somebody remove the name, clients of the
    /// socket still get the page that this daemon writes.
    pub superblock_read_only: OwnedFd,
    /// Numbers and hold across restarts.
    pub state: StateFile,
    /// When this process started to serve.
    pub started: Instant,
    /// Boot time of the control thread's last turn: a watchdog that pings without it would prove nothing.
    pub control_turn_ns: AtomicU64,
    /// Queries answered over the socket.
    pub socket_queries: AtomicU64,
    /// To the cycle thread.
    pub orders: Sender<Order>,
    events: Sender<Event>,
    wake: EventFd,
    board: Mutex<Board>,
}

/// What is served, kept, held and under way.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each with its name")]
#[derive(Debug, Default)]
pub struct Board {
    /// What queries over the socket are answered from, and whose descriptors are handed out.
    pub current: Option<Arc<Served>>,
    /// The announcement that made it current.
    pub announcement: Option<Announcement>,
    /// This process stands behind `current`: it made it or adopted it. Before, `current` is what an earlier
    /// daemon announced, and still better than no answer.
    pub serving: bool,
    /// `current` was taken over without loading.
    pub adopted: bool,
    /// Announcements are frozen.
    pub held: bool,
    /// Kept for roll back, newest first.
    pub retained: Vec<GenerationFacts>,
    /// Unlinked; alive as long as somebody maps them.
    pub retired: Vec<GenerationFacts>,
    /// How the last cycle ended.
    pub last_cycle: Option<CycleReport>,
    /// A cycle is under way.
    pub cycle_running: bool,
    /// When a build last found too little idle time.
    pub starved_at: Option<Instant>,
}

impl Board {
    /// Whether nothing may be announced. A hold freezes what is served; where nothing is (after a reboot), the
    /// first generation is announced all the same, and stays.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.held && self.serving
    }

    /// What the superblock is to say.
    #[must_use]
    pub fn state(&self) -> SuperblockState {
        match (self.serving, self.held) {
            (false, _) => SuperblockState::Starting,
            (true, false) => SuperblockState::Serving,
            (true, true) => SuperblockState::Held,
        }
    }
}

/// Number of a request that is answered later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What the cycle thread is asked to do, in the order in which it was asked.
#[derive(Debug)]
pub enum Order {
    /// A new cycle. Several that wait are one cycle.
    Roll(Option<Ticket>),
    /// Announce an older generation.
    Rollback {
        /// Which; the newest retained one older than the current when `None`.
        to: Option<Generation>,
        /// Who waits for the answer.
        ticket: Option<Ticket>,
    },
    /// Stop, ending a cycle that is under way.
    Stop,
}

/// What the control thread is told.
#[derive(Debug)]
pub enum Event {
    /// There is a new announcement.
    Announced {
        /// Current from now on.
        generation: Generation,
        /// Number of the announcement.
        announcement: u64,
    },
    /// A request that waited is done.
    Finished(Ticket, Result<Rolled, Refusal>),
    /// Log a full status.
    LogStatus,
    /// Answer what can be answered, and end.
    Stop,
}

/// Why nothing was announced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// An operator froze announcements.
    #[error("announcements are held; allow them again with `persondb release`")]
    Held,
    /// The superblock cannot take it.
    #[error("cannot announce: {0}")]
    Superblock(String),
}

impl Shared {
    /// The threads' common ground.
    #[must_use]
    pub fn new(
        config: Config,
        (superblock, superblock_read_only): (SuperblockOwner, OwnedFd),
        state: StateFile,
        orders: Sender<Order>,
        events: Sender<Event>,
        wake: EventFd,
        board: Board,
    ) -> Self {
        Self {
            config,
            superblock,
            superblock_read_only,
            state,
            started: Instant::now(),
            control_turn_ns: AtomicU64::new(boot_now_ns()),
            socket_queries: AtomicU64::new(0),
            orders,
            events,
            wake,
            board: Mutex::new(board),
        }
    }

    /// The board. Hold it briefly: every query over the socket takes it.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        // A thread that panicked with the lock has left single fields behind that are each whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is current now.
    pub fn current(&self) -> Option<Arc<Served>> {
        self.board().current.clone()
    }

    /// Makes `served` current and tells everybody.
    ///
    /// # Errors
    /// [`AnnounceError`]; what was current stays so.
    pub fn announce(&self, served: &Arc<Served>) -> Result<Announcement, AnnounceError> {
        let mut board = self.board();
        if board.is_frozen() {
            return Err(AnnounceError::Held);
        }
        let loaded_from = served.segment().header().load_started_boot_ns.get();
        let announcement = self
            .superblock
            .announce(served.generation(), loaded_from, served.announced_segments())
            .map_err(|error| AnnounceError::Superblock(chain(&error)))?;
        board.announcement = Some(announcement.clone());
        board.current = Some(Arc::clone(served));
        board.serving = true;
        board.adopted = false;
        self.superblock.set_state(board.state());
        drop(board);
        let (generation, number) = (announcement.generation, announcement.announcement);
        self.tell(Event::Announced { generation, announcement: number });
        Ok(announcement)
    }

    /// Freezes or allows announcements; written down first, so that a restart keeps it.
    ///
    /// # Errors
    /// When it cannot be written down; nothing is changed then.
    pub fn set_hold(&self, hold: Hold) -> std::io::Result<()> {
        // Before the board is taken: every query waits for it, and must not wait for a disk. A cycle may still
        // announce in between; the hold is confirmed only after the board says so.
        self.state.note_hold(hold)?;
        let freeze = hold == Hold::Held;
        let mut board = self.board();
        board.held = freeze;
        self.superblock.set_state(board.state());
        drop(board);
        tracing::info!(held = freeze, "announcements");
        Ok(())
    }

    /// Stands behind what is current already (an adopted generation) without announcing it again.
    pub fn adopt_current(&self) {
        let mut board = self.board();
        board.serving = true;
        board.adopted = true;
        self.superblock.set_state(board.state());
    }

    /// Sends the control thread an event and wakes it.
    pub fn tell(&self, event: Event) {
        // A control thread that is gone needs no events; the process is on its way out.
        let _ = self.events.send(event);
        let _ = self.wake.write(1);
    }

    /// The descriptor that becomes readable with every event.
    #[must_use]
    pub fn wake(&self) -> &EventFd {
        &self.wake
    }

    /// Notes a turn of the control thread.
    pub fn note_control_turn(&self) {
        self.control_turn_ns.store(boot_now_ns(), Ordering::Relaxed);
    }
}

/// Whether announcements are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Frozen.
    Held,
    /// Allowed.
    Released,
}
