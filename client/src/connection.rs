//! One connection to the daemon: frames out, frames in, descriptors with them, and a limit on every wait.
//!
//! A connection that failed in any way (also by a time-out, because its answer may still come) is not used
//! again. All waiting is bounded: connecting by the send time-out of the socket, which a full backlog obeys;
//! reading by the time left until the request's deadline.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::geteuid;
use persondb_protocol::codec::{FrameBuffer, REPLY_SIZE_MAX, REQUEST_SIZE_MAX, decode, encode};
use persondb_protocol::control::{
    HandOver, Hello, Refusal, Reply, ReplyFrame, Request, RequestFrame, Welcome,
};
use persondb_shm::recv_with_descriptors;

use crate::builder::{Place, Settings};

/// Bytes read at a time.
const READ_SIZE: usize = 64 << 10;

/// Why the daemon could not be asked, or did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No daemon answers at any place.
    #[error(
        "no daemon answers for dataset {name:?} ({tried}); expected persondbd to run, or its socket named"
    )]
    Unreachable {
        /// The dataset.
        name: String,
        /// Each place with what it said.
        tried: String,
    },
    /// The daemon understood and refuses.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// It did not answer in time.
    #[error("the daemon did not answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The connection broke, or what came over it was no answer.
    #[error("connection to the daemon broke: {0}")]
    Broken(String),
}

/// A greeted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: UnixStream,
    frames: FrameBuffer,
    buffer: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    next_id: u64,
    welcome: Welcome,
    peer_uid: u32,
}

impl Connection {
    /// Connects to the first place that answers, and greets.
    pub(crate) fn open(settings: &Settings) -> Result<Self, ControlError> {
        let mut tried = Vec::new();
        for place in settings.places() {
            let attempt = check_private(&place).and_then(|()| dial(&place.path, settings.connect_timeout));
            let said = match attempt {
                Ok(stream) => match Self::greet(stream, settings) {
                    Ok(connection) => return Ok(connection),
                    // It answered: other places are not better.
                    Err(refused @ ControlError::Refused(_)) => return Err(refused),
                    Err(other) => other.to_string(),
                },
                Err(error) => describe(&error),
            };
            tried.push(format!("{}: {said}", place.path.display()));
        }
        Err(ControlError::Unreachable { name: settings.name.to_string(), tried: tried.join("; ") })
    }

    /// What the daemon said of itself.
    pub(crate) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The daemon's user as the kernel knows it, if the daemon says the same: whom to trust with segments.
    pub(crate) fn trusted_uid(&self) -> Option<u32> {
        (self.welcome.uid == self.peer_uid).then_some(self.peer_uid)
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, request: Request, timeout: Duration) -> Result<Reply, ControlError> {
        let deadline = Deadline::after(timeout);
        let id = self.send(request)?;
        loop {
            let frame = self.next_frame(&deadline)?;
            // Others are announcements (0), or answers that nobody waits for (`tell`).
            match frame.reply {
                // With 0 the connection as such is refused, before anything was asked.
                Reply::Refused(refusal) if frame.id == id || frame.id == 0 => return Err(refusal.into()),
                reply if frame.id == id => return Ok(reply),
                _ => {}
            }
        }
    }

    /// Asks for the descriptors of what is served: superblock first, then the segments.
    pub(crate) fn ask_segments(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<(HandOver, Vec<OwnedFd>)>, ControlError> {
        self.descriptors.clear();
        let reply = self.ask(Request::Segments, timeout)?;
        let descriptors = std::mem::take(&mut self.descriptors);
        match reply {
            Reply::Segments(None) => Ok(None),
            Reply::Segments(Some(hand_over)) => {
                let expected = u64::from(hand_over.segment_count) + 1;
                if descriptors.len() as u64 == expected {
                    Ok(Some((hand_over, descriptors)))
                } else {
                    let found = descriptors.len();
                    Err(ControlError::Broken(format!("{found} descriptors came, expected {expected}")))
                }
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Says something whose answer does not matter, without waiting for it.
    pub(crate) fn tell(&mut self, request: Request) -> Result<(), ControlError> {
        self.drain()?;
        self.send(request).map(|_| ())
    }

    /// Throws away what came unasked; an error says that the daemon is gone.
    pub(crate) fn drain(&mut self) -> Result<(), ControlError> {
        self.buffer.resize(READ_SIZE, 0);
        loop {
            match recv(self.stream.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return Err(closed()),
                Ok(size) => self.frames.push(&self.buffer[..size]),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(ControlError::Broken(errno.desc().into())),
            }
        }
        while self.frames.next_payload().map_err(broken)?.is_some() {}
        Ok(())
    }

    /// The next frame, whatever it answers; `None` for a deadline waits for ever.
    pub(crate) fn next_frame(&mut self, deadline: &Deadline) -> Result<ReplyFrame, ControlError> {
        loop {
            if let Some(payload) = self.frames.next_payload().map_err(broken)? {
                return decode(payload).map_err(broken);
            }
            self.stream
                .set_read_timeout(deadline.left()?)
                .map_err(|error| ControlError::Broken(error.to_string()))?;
            self.buffer.resize(READ_SIZE, 0);
            match recv_with_descriptors(self.stream.as_fd(), &mut self.buffer, &mut self.descriptors) {
                Ok(0) => return Err(closed()),
                Ok(size) => self.frames.push(&self.buffer[..size]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => deadline.check()?,
                Err(error) => return Err(ControlError::Broken(error.to_string())),
            }
        }
    }

    /// Sends a request and gives the number that its answer will carry.
    pub(crate) fn send(&mut self, request: Request) -> Result<u64, ControlError> {
        let id = self.next_id;
        self.next_id += 1;
        self.buffer.clear();
        encode(&RequestFrame { id, request }, REQUEST_SIZE_MAX, &mut self.buffer).map_err(broken)?;
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            // NOSIGNAL: a library must not end its host when the daemon ends.
            match send(self.stream.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL) {
                Ok(size) => rest = &rest[size..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let timeout = self.stream.write_timeout().ok().flatten();
                    return Err(ControlError::TimedOut(timeout.unwrap_or_default()));
                }
                Err(errno) => return Err(ControlError::Broken(errno.desc().into())),
            }
        }
        Ok(id)
    }

    fn greet(stream: UnixStream, settings: &Settings) -> Result<Self, ControlError> {
        let peer = getsockopt(&stream, sockopt::PeerCredentials)
            .map_err(|errno| ControlError::Broken(errno.desc().into()))?;
        stream
            .set_write_timeout(Some(at_least_a_moment(settings.request_timeout)))
            .map_err(|error| ControlError::Broken(error.to_string()))?;
        let mut connection = Self {
            stream,
            frames: FrameBuffer::new(REPLY_SIZE_MAX),
            buffer: Vec::new(),
            descriptors: Vec::new(),
            next_id: 1,
            welcome: Welcome {
                control_version: 0,
                layout_version: 0,
                norm_version: 0,
                version: String::new(),
                name: String::new(),
                uid: u32::MAX,
                pid: 0,
                generation: None,
            },
            peer_uid: peer.uid(),
        };
        let hello = Hello::new(env!("CARGO_PKG_VERSION"), &settings.program);
        match connection.ask(Request::Hello(hello), settings.request_timeout)? {
            Reply::Welcome(welcome) if welcome.name == settings.name.as_str() => {
                connection.welcome = welcome;
                Ok(connection)
            }
            Reply::Welcome(welcome) => {
                let (expected, found) = (&settings.name, &welcome.name);
                Err(ControlError::Broken(format!("it serves dataset {found:?}, expected {expected:?}")))
            }
            other => Err(unexpected(&other)),
        }
    }
}

/// Until when an answer is worth waiting for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    timeout: Duration,
    at: Option<Instant>,
}

impl Deadline {
    /// This long from now; for ever when that is beyond what the clock can say.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self { timeout, at: Instant::now().checked_add(timeout) }
    }

    /// No deadline.
    pub(crate) fn never() -> Self {
        Self { timeout: Duration::MAX, at: None }
    }

    /// Time left for a read; `None` is for ever.
    fn left(&self) -> Result<Option<Duration>, ControlError> {
        self.check()?;
        Ok(self.at.map(|at| at_least_a_moment(at.saturating_duration_since(Instant::now()))))
    }

    fn check(&self) -> Result<(), ControlError> {
        match self.at {
            Some(at) if Instant::now() >= at => Err(ControlError::TimedOut(self.timeout)),
            _ => Ok(()),
        }
    }
}

/// A reply that does not belong to its request.
pub(crate) fn unexpected(reply: &Reply) -> ControlError {
    let mut text = format!("{reply:?}");
    text.truncate(text.char_indices().nth(60).map_or(text.len(), |(at, _)| at));
    ControlError::Broken(format!("answer of another kind than asked: {text}"))
}

fn closed() -> ControlError {
    ControlError::Broken("closed by the daemon; it may be restarting".into())
}

fn broken(error: impl std::fmt::Display) -> ControlError {
    ControlError::Broken(error.to_string())
}

/// Socket time-outs of 0 mean for ever.
fn at_least_a_moment(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

/// Connects. The standard library's `connect` would wait for ever at a full backlog.
fn dial(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let address = UnixAddr::new(path)?;
    let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let timeout = at_least_a_moment(timeout);
    let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
    setsockopt(&fd, sockopt::SendTimeout, &TimeVal::new(seconds, i64::from(timeout.subsec_micros())))?;
    let deadline = Instant::now().checked_add(timeout);
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Ok(()) => return Ok(fd.into()),
            Err(Errno::EINTR) if deadline.is_none_or(|at| Instant::now() < at) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A folder in the temporary directory is believed only when nobody else can have put a socket there.
fn check_private(place: &Place) -> io::Result<()> {
    let Some(folder) = &place.private else { return Ok(()) };
    let found = std::fs::symlink_metadata(folder)?;
    let (uid, mode) = (found.uid(), found.mode() & 0o7777);
    let expected = geteuid().as_raw();
    if found.is_dir() && uid == expected && mode & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "folder has owner {uid} and mode {mode:04o}, expected owner {expected} and no writing by others; \
         remove it"
    )))
}

/// An error in the fewest words that tell it.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not there".into(),
        io::ErrorKind::ConnectionRefused => "nobody listens".into(),
        io::ErrorKind::WouldBlock => "backlog full for longer than the time-out".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_folder_that_others_can_write_or_that_is_a_link_is_not_believed() {
        let root = tempfile::tempdir().unwrap();
        let place = |folder: &str| {
            let folder = root.path().join(folder);
            Place { path: folder.join("x.sock"), private: Some(folder) }
        };
        let (private, open, link) = (place("private"), place("open"), place("link"));
        for (place, mode) in [(&private, 0o700), (&open, 0o720)] {
            let folder = place.private.as_ref().unwrap();
            std::fs::create_dir(folder).unwrap();
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink(private.private.as_ref().unwrap(), link.private.as_ref().unwrap()).unwrap();
        check_private(&private).unwrap();
        assert!(check_private(&open).unwrap_err().to_string().contains("0720"));
        check_private(&link).unwrap_err();
        assert_eq!(describe(&check_private(&place("none")).unwrap_err()), "not there");
        check_private(&Place { private: None, ..open }).unwrap();
    }
}
