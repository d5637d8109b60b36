//! What each request does, and what comes of requests that waited.

use std::sync::Arc;
use std::time::Instant;

use persondb_protocol::control::{
    CONTROL_VERSION, HandOver, Hello, Refusal, RefusalKind, Reply, ReplyFrame, Request, RequestFrame,
    RollUntil, Rolled, Welcome,
};
use persondb_protocol::layout::{LAYOUT_VERSION, NORM_VERSION};

use super::answer::answer;
use super::connection::{Connection, Stage};
use super::peers::Rights;
use super::pending::{PENDING_COUNT_MAX, Pending};
use super::server::Server;
use crate::board::{AnnounceError, Event, Hold, Order, Ticket};
use crate::served::Served;
use crate::status::{self, Connected};

impl Server {
    /// Carries out one request. Returns how many queries it was.
    pub(super) fn request(
        &mut self,
        connection_id: u64,
        connection: &mut Connection,
        frame: RequestFrame,
        current: Option<&Arc<Served>>,
    ) -> u64 {
        let RequestFrame { id, request } = frame;
        if connection.hello.is_none() && !matches!(request, Request::Hello(_)) {
            connection.refuse(id, RefusalKind::Version, "expected a hello as the first frame");
            connection.stage = Stage::Closing;
            return 0;
        }
        if let Some(reply) = answer(&request, current.map(Arc::as_ref)) {
            connection.reply(id, reply);
            return 1;
        }
        if Connection::needs_operator(&request) && connection.rights != Rights::Operate {
            let text = format!(
                "uid {} may not do this: expected root, uid {}, or a member of the operator group{}",
                connection.peer.uid,
                nix::unistd::geteuid(),
                if self.shared.config.operator_group.is_none() { " (none is configured)" } else { "" }
            );
            connection.refuse(id, RefusalKind::NotPermitted, text);
            return 0;
        }
        match request {
            Request::Hello(hello) => self.hello(id, connection, hello, current),
            Request::Segments => hand_over(id, connection, current),
            Request::Status => {
                let status = status::status(&self.shared, &self.connected(Some(connection)));
                connection.reply(id, Reply::Status(Box::new(status)));
            }
            Request::Generations => {
                let lines = status::generations(&self.shared, &self.connected(Some(connection)));
                connection.reply(id, Reply::Generations(lines));
            }
            Request::Clients => {
                let mut clients: Vec<_> = self.connections.values().map(Connection::info).collect();
                clients.push(connection.info());
                clients.sort_by(|a, b| b.connected_s.total_cmp(&a.connected_s));
                connection.reply(id, Reply::Clients(clients));
            }
            Request::Roll { until, timeout_ms } => {
                self.order(connection_id, connection, id, (until, timeout_ms), |ticket| {
                    Order::Roll(Some(ticket))
                });
            }
            Request::Rollback { to } => {
                // Short: it is verified and announced, not loaded. Behind a cycle it waits as long as that may.
                let patience = self.shared.config.limits.cycle_s_max.saturating_mul(1000);
                self.order(connection_id, connection, id, (RollUntil::Announced, patience), |ticket| {
                    Order::Rollback { to, ticket: Some(ticket) }
                });
            }
            Request::Hold => self.hold(id, connection, Hold::Held),
            Request::Release => self.hold(id, connection, Hold::Released),
            Request::Subscribe => {
                connection.subscribed = true;
                connection.reply(id, Reply::Done);
            }
            Request::Moved { generation } => {
                connection.moved = generation;
                connection.reply(id, Reply::Done);
                // Not here: rolls may wait on this very connection, which is out of the map now.
                self.moved = true;
            }
            // Answered above.
            Request::Get { .. }
            | Request::Person { .. }
            | Request::Name { .. }
            | Request::Domain { .. }
            | Request::Match { .. } => {}
        }
        0
    }

    fn hello(&self, id: u64, connection: &mut Connection, hello: Hello, current: Option<&Arc<Served>>) {
        if hello.control_version != CONTROL_VERSION {
            let text = format!(
                "expected control version {CONTROL_VERSION}, found {} (client {}, daemon {}); use the same release",
                hello.control_version,
                hello.version,
                env!("CARGO_PKG_VERSION")
            );
            connection.refuse(id, RefusalKind::Version, text);
            connection.stage = Stage::Closing;
            return;
        }
        connection.greet(hello);
        let welcome = Welcome {
            control_version: CONTROL_VERSION,
            layout_version: LAYOUT_VERSION,
            norm_version: NORM_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.shared.config.name.to_string(),
            uid: nix::unistd::geteuid().as_raw(),
            pid: std::process::id(),
            generation: current.map(|served| served.generation()),
        };
        connection.reply(id, Reply::Welcome(welcome));
    }

    fn hold(&self, id: u64, connection: &mut Connection, hold: Hold) {
        match self.shared.set_hold(hold) {
            Ok(()) => connection.reply(id, Reply::Done),
            Err(error) => connection.refuse(id, RefusalKind::Failed, error.to_string()),
        }
    }

    /// Hands an order to the cycle thread and notes who waits for it.
    fn order(
        &mut self,
        connection_id: u64,
        connection: &mut Connection,
        id: u64,
        (until, timeout_ms): (RollUntil, u64),
        order: impl FnOnce(Ticket) -> Order,
    ) {
        if connection.pending >= PENDING_COUNT_MAX {
            let text = format!("{PENDING_COUNT_MAX} requests of this connection wait already");
            return connection.refuse(id, RefusalKind::OverLimit, text);
        }
        // Refused at once, and not only after the cycle that may be running.
        if self.shared.board().is_frozen() {
            return connection.refuse(id, RefusalKind::Held, AnnounceError::Held.to_string());
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        if self.shared.orders.send(order(ticket)).is_err() {
            return connection.refuse(id, RefusalKind::Stopping, "the daemon is stopping");
        }
        connection.pending += 1;
        self.pending.push(Pending::new(connection_id, id, ticket, until, timeout_ms));
    }

    /// What the other threads say.
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Announced { generation, announcement } => {
                let subscribed: Vec<_> =
                    self.connections.iter().filter(|(_, c)| c.subscribed).map(|(&id, _)| id).collect();
                for id in subscribed {
                    if let Some(connection) = self.connections.get_mut(&id) {
                        connection.reply(0, Reply::Announced { generation, announcement });
                    }
                    self.poke(id);
                }
            }
            Event::Finished(ticket, result) => {
                let Some(place) = self.pending.iter().position(|pending| pending.ticket == ticket) else {
                    return;
                };
                match result {
                    Ok(rolled) if self.pending[place].until == RollUntil::Moved => {
                        self.pending[place].rolled = Some(rolled);
                        self.settle_moves();
                    }
                    result => self.finish(place, result),
                }
            }
            Event::LogStatus => status::log(&self.shared, &self.connected(None)),
            // The event loop itself deals with it.
            Event::Stop => {}
        }
    }

    /// Answers the request at `place` of the pending list.
    fn finish(&mut self, place: usize, result: Result<Rolled, Refusal>) {
        let pending = self.pending.swap_remove(place);
        if let Some(connection) = self.connections.get_mut(&pending.connection) {
            connection.pending -= 1;
            let reply = result.map_or_else(Reply::Refused, Reply::Rolled);
            connection.reply(pending.id, reply);
        }
        self.poke(pending.connection);
    }

    /// Answers rolls whose clients have all moved.
    pub(super) fn settle_moves(&mut self) {
        let behind = self.behind();
        while let Some(place) = self.pending.iter().position(|p| p.rolled.is_some() && behind.is_empty()) {
            if let Some(rolled) = self.pending[place].rolled.take() {
                self.finish(place, Ok(rolled));
            }
        }
    }

    /// Clients that map something else than what is current, by name.
    fn behind(&self) -> Vec<String> {
        let current = self.shared.current().map(|served| served.generation());
        let behind = self.connections.values().filter(|c| c.moved.is_some() && c.moved != current);
        let mut labels: Vec<_> = behind
            .filter_map(|c| c.moved.map(|generation| format!("{} at generation {generation}", c.label())))
            .collect();
        labels.sort();
        labels
    }

    pub(super) fn refuse_overdue(&mut self) {
        let now = Instant::now();
        while let Some(place) = self.pending.iter().position(|pending| pending.deadline <= now) {
            let message = match &self.pending[place].rolled {
                None => {
                    "the cycle is not done in time; it goes on, and `persondb status` will tell".to_owned()
                }
                Some(rolled) => {
                    let behind = self.behind().join(", ");
                    format!("generation {} is announced; not moved yet: {behind}", rolled.generation)
                }
            };
            self.finish(place, Err(Refusal { kind: RefusalKind::TimedOut, message }));
        }
    }

    pub(super) fn refuse_all_pending(&mut self) {
        while !self.pending.is_empty() {
            let message = "the daemon is stopping".to_owned();
            self.finish(0, Err(Refusal { kind: RefusalKind::Stopping, message }));
        }
    }

    /// Forgets retired generations that no connected client maps any more.
    pub(super) fn forget_retired(&mut self) {
        let mut board = self.shared.board();
        if !board.retired.is_empty() {
            let mapped = self.connected(None).mapped;
            board.retired.retain(|facts| mapped.contains_key(&facts.generation));
        }
    }

    /// Counts over all connections; `also` is one that is out of the map.
    fn connected(&self, also: Option<&Connection>) -> Connected {
        let mut connected = Connected::default();
        for connection in self.connections.values().chain(also).filter(|c| c.hello.is_some()) {
            connected.clients += 1;
            if let Some(generation) = connection.moved {
                *connected.mapped.entry(generation).or_insert(0) += 1;
            }
        }
        connected
    }
}

fn hand_over(id: u64, connection: &mut Connection, current: Option<&Arc<Served>>) {
    let Some(served) = current else { return connection.reply(id, Reply::Segments(None)) };
    let hand_over = HandOver { generation: served.generation(), segment_count: 1 };
    let frame = ReplyFrame { id, reply: Reply::Segments(Some(hand_over)) };
    if connection.outgoing.push_hand_over(&frame, Arc::clone(served)).is_err() {
        connection.stage = Stage::Closing;
    }
}
