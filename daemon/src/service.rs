//! The whole daemon: who starts whom, and in which order.
//!
//! ```text
//! main thread      cycles, roll back           owns the Inbox; every build is its child
//! control thread   socket server               answers from the current mapping, never waits
//! heartbeat        once a second               superblock heartbeat, watchdog, patience of the manager
//! signals          signal → order
//! ```
//!
//! # At the start
//! 1. The generation an earlier daemon announced is opened, so that the socket can answer at once.
//! 2. It is *adopted* when inputs and configuration are unchanged (see [`crate::adopt`]), else a cycle runs.
//! 3. If that cycle fails, the newest generation that verifies is served all the same, and the failure is
//!    in the status and the log; with none, the daemon ends with the reason.
//!
//! READY is told, and `status` names a generation, only after step 2 or 3.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use crossbeam::channel::{RecvTimeoutError, Sender, bounded, unbounded};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use persondb_protocol::layout::Announcement;
use persondb_protocol::status::CycleReport;
use persondb_protocol::{DatasetName, Generation, places};
use persondb_shm::{DatasetLock, Locked, SuperblockOwner, boot_now_ns};

use crate::adopt::{self, Decision};
use crate::board::{Board, Event, Order, Shared};
use crate::config::Config;
use crate::control::{self, ControlSocket};
use crate::inbox::Inbox;
use crate::report::chain;
use crate::served::Served;
use crate::state::{StateFile, private_folder};
use crate::verify::verify;
use crate::{alive, cycle, notify, retention, rollback, signal, status};

/// A control thread that did not turn for this long is stuck: the watchdog is no longer told otherwise.
const CONTROL_TURN_NS_MAX: u64 = 20_000_000_000;

/// A second lock, in a place that no flag moves: two daemons of one dataset that were given state folders and
/// sockets of their own would announce into one superblock. `None` where that place cannot be had; then the
/// lock in the state folder is what there is.
fn machine_lock(name: &DatasetName) -> Result<Option<DatasetLock>, Locked> {
    let uid = nix::unistd::geteuid().as_raw();
    let folder = places::private_folder(&std::env::temp_dir(), uid);
    if let Err(error) = private_folder(&folder) {
        tracing::warn!(%error, "no lock beside the one in the state folder");
        return Ok(None);
    }
    DatasetLock::acquire(&folder.join(format!("{name}.daemon.lock"))).map(Some)
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// When it cannot start (another daemon holds the dataset, no socket, no shared memory), when the first load
/// fails and nothing older can be served, or when the control thread died.
pub fn run(config: Config) -> Result<()> {
    private_folder(&config.state_dir).context("state folder")?;
    let _lock = DatasetLock::acquire(&config.lock_file())?;
    let _machine_lock = machine_lock(&config.name)?;
    raise_descriptor_limit();
    for name in retention::clear_staging(&config.name) {
        tracing::info!(name, "removed an unfinished segment of an earlier daemon");
    }
    let state = StateFile::open(&config.state_dir, &config.name)?;
    let remembered = state.state();
    // Both before the superblock is touched: taking it over tells its readers that another daemon has it, and
    // root could take it from a living daemon of another user, whom no lock of this user's keeps out.
    let socket = ControlSocket::open(&config)?;
    alive::refuse_foreign(&config.name)?;
    // Without a reader group it is this process's own, also where an earlier daemon had another.
    let group = config.reader_group.unwrap_or_else(|| nix::unistd::getegid().as_raw());
    let superblock = SuperblockOwner::create_or_take(&config.name, config.mode, Some(group))?;
    while superblock.last_issued() < Generation(remembered.last_issued) {
        let _ = superblock.issue();
    }
    let announcement = superblock.current();
    let board = Board { held: remembered.held, ..found(&config, announcement) };
    let read_only = superblock.descriptor_read_only()?;
    let (orders, inbox) = unbounded();
    let (events, inbound) = unbounded();
    let wake = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    let shared = Arc::new(Shared::new(config, (superblock, read_only), state, orders, events, wake, board));

    let _signals = signal::listen(Arc::clone(&shared))?;
    let control = control::start(Arc::clone(&shared), socket, inbound)?;
    let heartbeat = Heartbeat::start(Arc::clone(&shared))?;
    let mut inbox = Inbox::new(inbox);
    let result = first(&shared, &mut inbox).and_then(|begun| match begun {
        Begun::Serving => serve(&shared, &mut inbox),
        Begun::Stopped => Ok(()),
    });
    notify::stopping();
    tracing::info!("stopping; what is served stays for the next start");
    shared.tell(Event::Stop);
    let control = control.join();
    drop(heartbeat);
    result?;
    match control {
        Ok(()) => Ok(()),
        Err(reason) => bail!("the control thread ended: {reason}"),
    }
}

/// What stands in shared memory already.
fn found(config: &Config, announcement: Option<Announcement>) -> Board {
    let mut board = Board { retained: retention::kept(config), ..Board::default() };
    let Some(announcement) = announcement else { return board };
    match Served::open(&config.name, announcement.generation) {
        Ok(served) if served.announced_segments() == announcement.segments => {
            board.current = Some(Arc::new(served));
            board.announcement = Some(announcement);
        }
        Ok(_) => {
            tracing::warn!(generation = %announcement.generation, "the announced generation was replaced");
        }
        Err(error) => {
            tracing::warn!(generation = %announcement.generation, error = chain(&error), "the announced generation cannot be read");
        }
    }
    board
}

enum Begun {
    Serving,
    Stopped,
}

/// Adopts or loads the first generation that this process serves.
fn first(shared: &Shared, inbox: &mut Inbox) -> Result<Begun> {
    let started = Instant::now();
    if adopt(shared, inbox) {
        let report = CycleReport {
            result: "adopted".into(),
            seconds: started.elapsed().as_secs_f64(),
            ..CycleReport::default()
        };
        shared.board().last_cycle = Some(report);
    } else if let Err(refusal) = cycle::run(shared, inbox) {
        if matches!(inbox.go(), crate::inbox::Go::Stop) {
            return Ok(Begun::Stopped);
        }
        serve_older(shared, inbox).with_context(|| format!("the first load failed: {}", refusal.message))?;
    }
    notify::ready(&status::line(shared));
    Ok(Begun::Serving)
}

/// Takes over what an earlier daemon served, if it is what would be loaded now.
fn adopt(shared: &Shared, inbox: &mut Inbox) -> bool {
    let (current, held) = {
        let board = shared.board();
        (board.current.clone(), board.held)
    };
    let Some(current) = current else { return false };
    let generation = current.generation();
    let decision = if held {
        Decision::Adopt("announcements are held")
    } else {
        match shared.config.refreshed() {
            Ok(config) => adopt::decide(&config, current.segment()),
            Err(error) => Decision::Load(chain(&error)),
        }
    };
    let why = match decision {
        Decision::Adopt(why) => why,
        Decision::Load(why) => {
            tracing::info!(%generation, why, "the served generation is loaded anew");
            return false;
        }
    };
    if let Err(error) = current.permit(&shared.config) {
        tracing::warn!(%generation, %error, "the served generation keeps readers that it should not have, and is loaded anew");
        return false;
    }
    let seconds_max = shared.config.limits.cycle_s_max;
    if let Err(error) = verify(inbox, current.segment(), Instant::now(), seconds_max) {
        tracing::warn!(%generation, %error, "the served generation is not adopted");
        return false;
    }
    shared.adopt_current();
    cycle::retire(shared, generation);
    tracing::info!(%generation, why, "adopted without loading");
    true
}

/// After a failed first load: the served generation, else the newest kept one that verifies.
fn serve_older(shared: &Shared, inbox: &mut Inbox) -> Result<()> {
    let (current, mut candidates) = {
        let board = shared.board();
        let current = board.current.as_ref().map(|served| served.generation());
        (current, board.retained.iter().map(|facts| facts.generation).collect::<Vec<_>>())
    };
    // The announced one first: clients are on it, also after a roll back.
    candidates.sort_by_key(|&generation| (Some(generation) != current, std::cmp::Reverse(generation)));
    for generation in candidates {
        match rollback::open(shared, inbox, generation) {
            Ok(_) if Some(generation) == current => shared.adopt_current(),
            Ok(served) => {
                shared.announce(&Arc::new(served))?;
            }
            Err(reason) => {
                tracing::warn!(reason, "not served");
                continue;
            }
        }
        tracing::warn!(%generation, "the first load failed; an older generation is served");
        cycle::retire(shared, generation);
        return Ok(());
    }
    bail!("and there is no older generation that could be served")
}

/// Does what it is ordered to, until stopped.
fn serve(shared: &Shared, inbox: &mut Inbox) -> Result<()> {
    loop {
        match inbox.next_order() {
            Order::Roll(ticket) => {
                let mut tickets = inbox.take_rolls();
                tickets.extend(ticket);
                let result = cycle::run(shared, inbox);
                for ticket in tickets {
                    shared.tell(Event::Finished(ticket, result.clone()));
                }
            }
            Order::Rollback { to, ticket } => {
                let result = rollback::run(shared, inbox, to);
                if let Some(ticket) = ticket {
                    shared.tell(Event::Finished(ticket, result));
                }
            }
            Order::Stop => return Ok(()),
        }
    }
}

/// The thread that says once a second that the daemon lives.
struct Heartbeat {
    /// Dropping it ends the thread.
    _stop: Sender<()>,
}

impl Heartbeat {
    fn start(shared: Arc<Shared>) -> Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        std::thread::Builder::new().name("heartbeat".into()).spawn(move || {
            let watched = notify::watchdog_interval().is_some();
            let mut lost = false;
            for beat in 0_u64.. {
                shared.superblock.beat();
                let turn = shared.control_turn_ns.load(Ordering::Relaxed);
                if watched && boot_now_ns().saturating_sub(turn) < CONTROL_TURN_NS_MAX {
                    notify::watchdog();
                }
                // Adopting verifies and may digest every input: no cycle, and as long as one.
                if beat % 10 == 0 && !shared.board().serving {
                    notify::extend_timeout(Duration::from_mins(1));
                }
                if beat % 10 == 5 && !lost && !shared.superblock.is_reachable() {
                    lost = true;
                    tracing::error!(
                        "the superblock lost its name; clients attach over the socket only until a restart \
                         (RemoveIPC=no keeps names; `persondb cleanup` is for stopped daemons)"
                    );
                }
                if stopped.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { _stop: stop })
    }
}

/// Every client is a descriptor, and the usual soft limit is 1,024.
fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard.min(1 << 20).max(soft), hard)
    {
        tracing::warn!(%error, soft, "the limit of open files stays");
    }
}
