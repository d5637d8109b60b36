//! The event loop: accepts, reads, sends, closes. What a request means is in [`super::requests`].

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use persondb_protocol::control::RefusalKind;

use super::ControlSocket;
use super::connection::{Connection, Received, Stage, Watched};
use super::limit::{self, OPERATOR_RESERVE, Turn};
use super::outgoing::{Flushed, Rest};
use super::peers::{Peer, Peers, Rights};
use super::pending::Pending;
use crate::board::{Event, Shared};

/// How long a connection may stay without a hello.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a peer may leave what it asked for unread.
const UNREAD_TIME_MAX: Duration = Duration::from_mins(1);
/// How long a refused connection may take to go by itself.
const LINGERING_TIME_MAX: Duration = Duration::from_secs(2);
/// Refused connections that are told why, beside the clients.
const LINGERING_COUNT_MAX: usize = 256;
/// Bytes read at a time.
const SCRATCH_SIZE: usize = 64 << 10;
/// Events taken at a time.
const EVENT_COUNT: usize = 256;
/// Connections taken at a time, so that a flood of new ones does not keep the others waiting.
const ACCEPT_COUNT: usize = 256;

const LISTENER: u64 = 0;
const WAKE: u64 = 1;
const FIRST_CONNECTION: u64 = 2;

/// The control thread's own state.
pub(super) struct Server {
    pub(super) shared: Arc<Shared>,
    pub(super) connections: HashMap<u64, Connection>,
    pub(super) pending: Vec<Pending>,
    pub(super) next_ticket: u64,
    /// A client moved: rolls that wait for that are looked at once it is back among the connections.
    pub(super) moved: bool,
    socket: ControlSocket,
    events: Receiver<Event>,
    epoll: Epoll,
    peers: Peers,
    next_connection: u64,
    /// Connections whose turn ended with requests left, in the order of their next turns.
    unfinished: Vec<u64>,
    /// No descriptor was left for a new connection; the listener rests until the next tick.
    resting: bool,
    last_tick: Instant,
    stopping: bool,
}

impl Server {
    pub(super) fn new(
        shared: Arc<Shared>,
        socket: ControlSocket,
        events: Receiver<Event>,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(socket.listener(), EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(shared.wake(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let peers = Peers::new(&shared.config);
        Ok(Self {
            shared,
            connections: HashMap::new(),
            pending: Vec::new(),
            next_ticket: 1,
            moved: false,
            socket,
            events,
            epoll,
            peers,
            next_connection: FIRST_CONNECTION,
            unfinished: Vec::new(),
            resting: false,
            last_tick: Instant::now(),
            stopping: false,
        })
    }

    /// Serves until told to stop.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut scratch = vec![0; SCRATCH_SIZE];
        let mut ready = [EpollEvent::empty(); EVENT_COUNT];
        while !self.stopping {
            // With turns to go on with, only what is there already.
            let timeout = EpollTimeout::from(if self.unfinished.is_empty() { 250_u8 } else { 0 });
            let count = match self.epoll.wait(&mut ready, timeout) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            self.shared.note_control_turn();
            for event in &ready[..count] {
                match event.data() {
                    LISTENER => self.accept(),
                    WAKE => {
                        // Level-triggered: taken back before the events are looked at, so none is missed.
                        let _ = self.shared.wake().read();
                    }
                    id => self.turn(id, event.events(), &mut scratch),
                }
            }
            for id in std::mem::take(&mut self.unfinished) {
                if let Some(mut connection) = self.connections.remove(&id) {
                    connection.unfinished = false;
                    self.proceed(id, connection);
                }
            }
            while let Ok(event) = self.events.try_recv() {
                match event {
                    Event::Stop => self.stopping = true,
                    event => self.handle(event),
                }
            }
            if self.last_tick.elapsed() >= Duration::from_millis(250) {
                self.last_tick = Instant::now();
                self.tick();
            }
        }
        self.refuse_all_pending();
        for connection in self.connections.values_mut() {
            // What the socket takes without waiting; a peer that does not read has to reconnect anyway.
            let superblock = self.shared.superblock_read_only.as_fd();
            let _ = connection.outgoing.flush(&connection.stream, superblock);
        }
        Ok(())
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPT_COUNT {
            match self.socket.listener().accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    // Out of descriptors or memory: those in the queue wait, and get their turn at the next tick.
                    tracing::warn!(%error, connections = self.connections.len(), "no new connections for now");
                    self.resting = self.epoll.delete(self.socket.listener()).is_ok();
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, stream: UnixStream) {
        let peer = match stream.set_nonblocking(true).and_then(|()| Peer::of(&stream)) {
            Ok(peer) => peer,
            Err(error) => {
                tracing::debug!(%error, "a connection ended before it began");
                return;
            }
        };
        let rights = self.peers.rights(peer);
        let mut connection = Connection::new(stream, peer, rights);
        let limit = self.shared.config.limits.clients_max;
        let reserve = if rights == Rights::Operate { OPERATOR_RESERVE } else { 0 };
        if self.connections.len() >= limit.saturating_add(LINGERING_COUNT_MAX + reserve) {
            // Even those that are told so are too many by now.
            return;
        }
        if rights == Rights::None {
            let text = format!(
                "uid {} may not ask this daemon: expected root, uid {}, or a member of the reader or operator group",
                peer.uid,
                nix::unistd::geteuid()
            );
            connection.refuse(0, RefusalKind::NotPermitted, text);
            connection.stage = Stage::Closing;
        } else if let Some(text) = self.over_limit(peer, rights) {
            connection.refuse(0, RefusalKind::OverLimit, text);
            connection.stage = Stage::Closing;
        }
        let id = self.next_connection;
        self.next_connection += 1;
        if let Err(errno) = self.epoll.add(&connection.stream, EpollEvent::new(EpollFlags::EPOLLIN, id)) {
            tracing::warn!(%errno, "a connection cannot be watched");
            return;
        }
        if connection.stage == Stage::Open {
            self.connections.insert(id, connection);
        } else {
            self.proceed(id, connection);
        }
    }

    /// Why a connection of `peer` would be one too many.
    fn over_limit(&self, peer: Peer, rights: Rights) -> Option<String> {
        let limit = self.shared.config.limits.clients_max;
        if self.connections.len() < limit::of_user_max(limit) {
            // Nobody can be over anything, and there is nothing to count.
            return None;
        }
        // Those that were refused are on their way out.
        let clients = || self.connections.values().filter(|c| !matches!(c.stage, Stage::Lingering { .. }));
        let of_user = clients().filter(|c| c.peer.uid == peer.uid).count();
        limit::refusal(rights, clients().count(), of_user, limit)
    }

    /// One connection's turn: read once, answer what is whole, send what goes.
    fn turn(&mut self, id: u64, events: EpollFlags, scratch: &mut [u8]) {
        // Out of the map while it is served, so that its requests can look at the others.
        let Some(mut connection) = self.connections.remove(&id) else { return };
        if events.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP)
            && !events.contains(EpollFlags::EPOLLIN)
        {
            return self.closed(id, connection);
        }
        if connection.unfinished {
            // Its requests of before come first, at the end of this turn of the loop; what came now is still there
            // after them, so it never has more than one reading in memory.
            self.connections.insert(id, connection);
            return;
        }
        if events.contains(EpollFlags::EPOLLIN) {
            match connection.receive(scratch) {
                Ok(Received::Open) => {}
                Ok(Received::End) if connection.stage == Stage::Open => connection.stage = Stage::Ending,
                Ok(Received::End) | Err(_) => return self.closed(id, connection),
            }
        }
        self.proceed(id, connection);
    }

    /// Answers and sends until one of both has to wait, and enters the connection again.
    pub(super) fn proceed(&mut self, id: u64, mut connection: Connection) {
        let mut turn = Turn::begin();
        loop {
            let current = self.shared.current();
            let mut queries = 0;
            while !turn.is_over() {
                match connection.next_request() {
                    Ok(Some(frame)) => {
                        queries += self.request(id, &mut connection, frame, current.as_ref());
                        turn.count();
                    }
                    Ok(None) => break,
                    Err(error) => {
                        let kind = if connection.hello.is_none() {
                            RefusalKind::Version
                        } else {
                            RefusalKind::OverLimit
                        };
                        connection.refuse(0, kind, error.to_string());
                        connection.stage = Stage::Closing;
                    }
                }
            }
            if queries > 0 {
                self.shared.socket_queries.fetch_add(queries, Ordering::Relaxed);
            }
            let before = connection.outgoing.waiting();
            let was_full = connection.is_full();
            let superblock = self.shared.superblock_read_only.as_fd();
            match connection.outgoing.flush(&connection.stream, superblock) {
                Ok(flushed) => {
                    if flushed == Flushed::All || connection.outgoing.waiting() < before {
                        connection.last_taken = Instant::now();
                    }
                }
                Err(_) => return self.closed(id, connection),
            }
            // Requests were left unread because of what waited; now they have their turn.
            if !was_full || connection.is_full() || turn.is_over() {
                break;
            }
        }
        if turn.is_over() && !connection.unfinished {
            // Perhaps nothing is left; then its next turn is short.
            connection.unfinished = true;
            self.unfinished.push(id);
        }
        if connection.pending == 0 && connection.outgoing.waiting() == 0 && !connection.unfinished {
            match connection.stage {
                Stage::Ending => return self.closed(id, connection),
                Stage::Closing => {
                    let _ = connection.stream.shutdown(Shutdown::Write);
                    connection.stage = Stage::Lingering { since: Instant::now() };
                }
                Stage::Open | Stage::Lingering { .. } => {}
            }
        }
        let wanted = connection.wanted();
        if wanted != connection.watched {
            let flags = match wanted {
                Watched::Read => EpollFlags::EPOLLIN,
                Watched::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
                Watched::Write => EpollFlags::EPOLLOUT,
                Watched::Nothing => EpollFlags::empty(),
            };
            if self.epoll.modify(&connection.stream, &mut EpollEvent::new(flags, id)).is_err() {
                return self.closed(id, connection);
            }
            connection.watched = wanted;
        }
        self.connections.insert(id, connection);
        if std::mem::take(&mut self.moved) {
            self.settle_moves();
        }
    }

    /// Lets another connection have its turn outside of its own events.
    pub(super) fn poke(&mut self, id: u64) {
        if let Some(connection) = self.connections.remove(&id) {
            self.proceed(id, connection);
        }
    }

    fn closed(&mut self, id: u64, connection: Connection) {
        // Dropping the stream also takes it out of the epoll.
        let moved = std::mem::take(&mut self.moved) || connection.moved.is_some();
        drop(connection);
        self.pending.retain(|pending| pending.connection != id);
        if moved {
            self.settle_moves();
        }
    }

    fn tick(&mut self) {
        if self.resting
            && self.epoll.add(self.socket.listener(), EpollEvent::new(EpollFlags::EPOLLIN, LISTENER)).is_ok()
        {
            self.resting = false;
        }
        self.refuse_overdue();
        self.forget_retired();
        let resting: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, c)| c.outgoing.rest() != Rest::No)
            .map(|(&id, _)| id)
            .collect();
        for id in resting {
            self.poke(id);
        }
        let idle_max = Duration::from_secs(self.shared.config.limits.idle_s_max);
        let overdue: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(&id, connection)| overdue(connection, idle_max).map(|why| (id, why)))
            .collect();
        for (id, why) in overdue {
            let Some(mut connection) = self.connections.remove(&id) else { continue };
            tracing::debug!(pid = connection.peer.pid, why, "connection closed");
            if connection.stage == Stage::Open {
                connection.refuse(0, RefusalKind::TimedOut, why);
                let superblock = self.shared.superblock_read_only.as_fd();
                let _ = connection.outgoing.flush(&connection.stream, superblock);
            }
            self.closed(id, connection);
        }
    }
}

/// Why a connection has been waited for too long.
fn overdue(connection: &Connection, idle_max: Duration) -> Option<&'static str> {
    if let Stage::Lingering { since } = connection.stage {
        return (since.elapsed() > LINGERING_TIME_MAX).then_some("it was refused and did not go");
    }
    if connection.hello.is_none() {
        return (connection.connected.elapsed() > HELLO_TIME_MAX).then_some("no hello came in time");
    }
    let short = connection.outgoing.rest() == Rest::Short;
    if connection.outgoing.waiting() > 0 && !short {
        return (connection.last_taken.elapsed() > UNREAD_TIME_MAX)
            .then_some("what was asked for is not read");
    }
    let stays = connection.subscribed
        || connection.moved.is_some()
        || connection.pending > 0
        || connection.unfinished
        || short;
    (!stays && connection.last_word.elapsed() > idle_max).then_some("nothing was said for too long")
}
