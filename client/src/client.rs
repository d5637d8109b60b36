//! [`Client`]: the handle that programs keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use persondb_protocol::DatasetName;
use persondb_protocol::answer::{Reason, Unavailable};

use crate::attach::attach;
use crate::builder::{ClientBuilder, ClientError, Settings, Watch};
use crate::counters::Counters;
use crate::live::Live;
use crate::pin::Pin;
use crate::status::{Attached, ClientStatus, Watcher};
use crate::view::View;
use crate::{reader, watch};

/// Looks people up in the shared generation of one dataset.
///
/// Make one for a process and share it: it is `Send`, `Sync`, and cheap to clone. It stays good in
/// children after a `fork`, without anybody's help. Everything is let go of when the last clone is dropped;
/// only a watcher takes up to a second to end, and other threads that used it keep their last generation
/// until they end or use another client.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

impl Client {
    /// Opens a client of a dataset with all defaults.
    ///
    /// # Errors
    /// [`ClientError::Name`] when that is no dataset name; see [`ClientBuilder::open`].
    pub fn open(name: &str) -> Result<Self, ClientError> {
        ClientBuilder::new().name(DatasetName::new(name)?).open()
    }

    /// A client that is told more.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Takes hold of what is current. When nothing changed since this thread's last pin, that is one load.
    ///
    /// # Errors
    /// [`Unavailable`]: no generation, one that is older than the limit, or none that can be reached.
    #[inline]
    pub fn pin(&self) -> Result<Pin, Unavailable> {
        reader::pin(&self.handle.core).map(Pin::new)
    }

    /// How this client stands. Not for the look-up path.
    #[must_use]
    pub fn status(&self) -> ClientStatus {
        let Ok(live) = self.handle.core.whole() else { return detached() };
        let (_, view) = live.view();
        let mapped = view.mapped();
        let (attached, why_not_mapped) = match &*view {
            View::Mapped(_) => (Attached::Mapped, None),
            View::Socket { why } => (Attached::Socket, why.clone()),
            View::Nothing(unavailable) => (Attached::Nothing, Some(unavailable.to_string())),
        };
        ClientStatus {
            attached,
            why_not_mapped,
            move_error: live.move_error.load().as_deref().cloned(),
            generation: mapped.map(crate::view::Mapped::generation),
            age: mapped.map(crate::view::Mapped::age),
            heartbeat_age: mapped.map(|m| Duration::from_nanos(m.superblock.heartbeat_age_ns())),
            watcher: if live.is_watched() { Watcher::Running } else { Watcher::Pins },
            held: live.held(),
            counters: live.counters.read(),
        }
    }

    /// What all look-ups of this process came to.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.handle.core.whole().map(|live| live.counters.read()).unwrap_or_default()
    }

    /// Lets go of what the calling thread keeps between its pins. For a thread that will be idle for long,
    /// so that it does not keep an old generation mapped; its next pin costs a microsecond more.
    pub fn let_go(&self) {
        reader::let_go(&self.handle.core);
    }

    pub(crate) fn new(settings: Settings) -> Result<Self, ClientError> {
        let attached = attach(&settings);
        // Without a watcher nobody keeps up the connection, and the daemon would wait for its word.
        let link = attached.link.filter(|_| settings.watch == Watch::Background);
        let live = Live::new(Arc::new(attached.view), link).map_err(ClientError::Memory)?;
        let live = Arc::new(live);
        let core = Arc::new(Core {
            settings,
            live: ArcSwap::new(Arc::clone(&live)),
            stopped: AtomicBool::new(false),
        });
        watch::start(&core, &live);
        Ok(Self { handle: Arc::new(Handle { core }) })
    }
}

/// Ends everything with the last clone of a client.
#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stopped.store(true, Ordering::Relaxed);
        let live = self.core.live.load_full();
        if let Some(watcher) = live.watcher.get()
            && !live.is_foreign()
        {
            watcher.unpark();
        }
        live.abandon();
        reader::let_go(&self.core);
    }
}

/// What all clones, threads and pins of a client share. Lives on in pins that outlive the client.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) settings: Settings,
    live: ArcSwap<Live>,
    stopped: AtomicBool,
}

impl Core {
    /// Whether the last clone of the client was dropped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The part that belongs to this process. In a forked child the first call makes it (`live.rs` has
    /// the steps F1 to F4).
    ///
    /// # Errors
    /// When a child cannot have the page that it needs.
    pub(crate) fn whole(self: &Arc<Self>) -> Result<Arc<Live>, Unavailable> {
        loop {
            // F1
            let live = self.live.load_full();
            if !live.is_foreign() {
                return Ok(live);
            }
            // F2
            let (_, view) = live.view();
            let fresh = Live::new(view, None).map_err(|error| {
                Unavailable::new(Reason::Unreachable, format!("one page for a forked child: {error}"))
            })?;
            let fresh = Arc::new(fresh);
            // F3
            let before = self.live.compare_and_swap(&live, Arc::clone(&fresh));
            if Arc::ptr_eq(&before, &live) {
                // F4
                live.abandon();
                watch::start(self, &fresh);
            }
        }
    }
}

/// The status of a client that could not even become whole after a fork.
fn detached() -> ClientStatus {
    ClientStatus {
        attached: Attached::Nothing,
        why_not_mapped: Some("not enough memory for one page after a fork".into()),
        move_error: None,
        generation: None,
        age: None,
        heartbeat_age: None,
        watcher: Watcher::Pins,
        held: Vec::new(),
        counters: Counters::default(),
    }
}
