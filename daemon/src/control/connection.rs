//! One connection: who is at the other end, what was received, what waits to be sent.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use persondb_protocol::Generation;
use persondb_protocol::codec::{CodecError, FrameBuffer, HELLO_SIZE_MAX, REQUEST_SIZE_MAX, decode};
use persondb_protocol::control::{Hello, Refusal, RefusalKind, Reply, ReplyFrame, Request, RequestFrame};
use persondb_protocol::status::ClientInfo;

use super::answer::too_large;
use super::outgoing::{Outgoing, Rest, WAITING_SIZE_MAX};
use super::peers::{Peer, Rights};

/// Longest program name and version that are kept of a hello, in characters.
const LABEL_COUNT_MAX: usize = 64;

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    /// The socket, non-blocking.
    pub(super) stream: UnixStream,
    /// Who it is.
    pub(super) peer: Peer,
    /// What it may do.
    pub(super) rights: Rights,
    /// What waits to be sent.
    pub(super) outgoing: Outgoing,
    /// What it said of itself; `None` before the hello.
    pub(super) hello: Option<Hello>,
    /// It wants announcements.
    pub(super) subscribed: bool,
    /// The generation its look-ups go through.
    pub(super) moved: Option<Generation>,
    /// Its requests that are answered later.
    pub(super) pending: usize,
    /// Since when.
    pub(super) connected: Instant,
    /// When it last said something.
    pub(super) last_word: Instant,
    /// When its peer last took something that waited.
    pub(super) last_taken: Instant,
    /// Where it is on its way to the end.
    pub(super) stage: Stage,
    /// What the event loop waits for, to change it only when it changes.
    pub(super) watched: Watched,
    /// Its last turn ended with requests left; the next comes without an event.
    pub(super) unfinished: bool,
    requests: u64,
    incoming: FrameBuffer,
}

/// Where a connection is on its way to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// In use.
    Open,
    /// The peer says nothing more; what it asked for is still answered.
    Ending,
    /// We refused to go on; what waits is still sent.
    Closing,
    /// The same, and everything is sent. Closing now could keep the peer from reading why: with its bytes unread
    /// here, it would get an error. So they are taken and forgotten until it has gone, or for a short time.
    Lingering {
        /// Since when.
        since: Instant,
    },
}

/// What the event loop waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// Requests.
    Read,
    /// Requests, and room to send.
    Both,
    /// Room to send: its peer does not read, or says nothing more.
    Write,
    /// Its end, while an answer is still to come.
    Nothing,
}

/// How reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Something came, or nothing is there now.
    Open,
    /// The peer says nothing more.
    End,
}

impl Connection {
    /// A connection that was just accepted.
    #[must_use]
    pub(super) fn new(stream: UnixStream, peer: Peer, rights: Rights) -> Self {
        let now = Instant::now();
        Self {
            stream,
            peer,
            rights,
            outgoing: Outgoing::default(),
            hello: None,
            subscribed: false,
            moved: None,
            pending: 0,
            connected: now,
            last_word: now,
            last_taken: now,
            stage: Stage::Open,
            watched: Watched::Read,
            unfinished: false,
            requests: 0,
            incoming: FrameBuffer::new(HELLO_SIZE_MAX),
        }
    }

    /// Reads once; level-triggered waiting brings us back for the rest, after everybody else had a turn.
    ///
    /// # Errors
    /// When the connection broke.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> io::Result<Received> {
        match (&self.stream).read(scratch) {
            Ok(0) => Ok(Received::End),
            Ok(size) => {
                if matches!(self.stage, Stage::Open) {
                    self.incoming.push(&scratch[..size]);
                }
                self.last_word = Instant::now();
                Ok(Received::Open)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Received::Open)
            }
            Err(error) => Err(error),
        }
    }

    /// The next request; `None` until more bytes come, or while too much waits to be sent.
    ///
    /// # Errors
    /// Bytes that are no request: the connection is to be closed.
    pub(super) fn next_request(&mut self) -> Result<Option<RequestFrame>, CodecError> {
        if self.is_full() || matches!(self.stage, Stage::Closing | Stage::Lingering { .. }) {
            return Ok(None);
        }
        let Some(payload) = self.incoming.next_payload()? else { return Ok(None) };
        let frame = decode(payload)?;
        self.requests += 1;
        Ok(Some(frame))
    }

    /// Its peer does not read what it asked for.
    #[must_use]
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.waiting() > WAITING_SIZE_MAX
    }

    /// Queues a reply.
    pub(super) fn reply(&mut self, id: u64, reply: Reply) {
        let frame = ReplyFrame { id, reply };
        if let Err(error) = self.outgoing.push(&frame) {
            tracing::debug!(%error, "a reply is over the limit");
            let instead = ReplyFrame { id, reply: too_large(&frame.reply) };
            if self.outgoing.push(&instead).is_err() {
                self.stage = Stage::Closing;
            }
        }
    }

    /// Queues a refusal.
    pub(super) fn refuse(&mut self, id: u64, kind: RefusalKind, message: impl Into<String>) {
        self.reply(id, Reply::Refused(Refusal { kind, message: message.into() }));
    }

    /// Notes what the client says of itself, cut to what lists can show. From now on it may ask at length.
    pub(super) fn greet(&mut self, mut hello: Hello) {
        for label in [&mut hello.program, &mut hello.version] {
            *label = label.chars().filter(|c| !c.is_control()).take(LABEL_COUNT_MAX).collect();
        }
        self.hello = Some(hello);
        self.incoming.set_limit(REQUEST_SIZE_MAX);
    }

    /// What the event loop has to wait for now.
    #[must_use]
    pub(super) fn wanted(&self) -> Watched {
        if matches!(self.stage, Stage::Lingering { .. }) {
            return Watched::Read;
        }
        match (
            self.outgoing.waiting() > 0 && self.outgoing.rest() == Rest::No,
            self.is_full() || self.stage != Stage::Open,
        ) {
            (false, false) => Watched::Read,
            (true, false) => Watched::Both,
            (true, true) => Watched::Write,
            (false, true) => Watched::Nothing,
        }
    }

    /// Name for messages.
    #[must_use]
    pub(super) fn label(&self) -> String {
        let program = self.hello.as_ref().map_or("", |hello| hello.program.as_str());
        format!("process {} ({program})", self.peer.pid)
    }

    /// Its line in `persondb clients`.
    #[must_use]
    pub(super) fn info(&self) -> ClientInfo {
        let (program, version) =
            self.hello.as_ref().map_or_else(Default::default, |h| (h.program.clone(), h.version.clone()));
        ClientInfo {
            pid: self.peer.pid,
            uid: self.peer.uid,
            program,
            version,
            generation: self.moved,
            connected_s: self.connected.elapsed().as_secs_f64(),
            requests: self.requests,
            subscribed: self.subscribed,
        }
    }

    /// Whether a request has to come from an operator.
    #[must_use]
    pub(super) fn needs_operator(request: &Request) -> bool {
        matches!(request, Request::Roll { .. } | Request::Rollback { .. } | Request::Hold | Request::Release)
    }
}
