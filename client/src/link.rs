//! [`Link`]: the connection over which the daemon learns where this client is.
//!
//! Whoever moves talks over it, one at a time. It does not stand under the lock of the mover: that is held
//! while a generation is opened and prefaulted, for seconds perhaps. A child forked in that time can never
//! take the lock, and would keep its copy of the descriptor open; the daemon would go on seeing a client
//! whose process is dead. So [`Link::close`] takes no lock and closes at once, but for the moment in which
//! somebody talks: what it was said over is closed when that is said.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use crate::connection::Connection;

/// The connection, if there is one. The lock inside is for one exchange; only the mover takes it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    connection: ArcSwapOption<Mutex<Connection>>,
}

impl Link {
    pub(crate) fn new(connection: Option<Connection>) -> Self {
        let link = Self::default();
        link.replace(connection);
        link
    }

    /// Whether there is one. It may have been closed by the daemon since.
    pub(crate) fn is_open(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Goes on with another one; the one before is closed.
    pub(crate) fn replace(&self, connection: Option<Connection>) {
        self.connection.store(connection.map(|connection| Arc::new(Mutex::new(connection))));
    }

    /// Closes it without waiting for anybody.
    pub(crate) fn close(&self) {
        self.connection.store(None);
    }

    /// Talks over it; `None` when there is none.
    pub(crate) fn talk<T>(&self, talk: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let connection = self.connection.load_full()?;
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        Some(talk(&mut connection))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    use persondb_protocol::answer::{Reason, Unavailable};
    use persondb_protocol::codec::{FrameBuffer, REPLY_SIZE_MAX, REQUEST_SIZE_MAX, decode, encode};
    use persondb_protocol::control::{Reply, ReplyFrame, RequestFrame, Welcome};
    use persondb_protocol::layout::{LAYOUT_VERSION, NORM_VERSION};

    use super::*;
    use crate::builder::Settings;
    use crate::live::Live;
    use crate::view::View;

    /// A connection, and the daemon's end of it.
    fn connected() -> (Connection, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let greeter = std::thread::spawn(move || greet(listener.accept().unwrap().0));
        let connection = Connection::open(&Settings { socket: Some(path), ..Settings::default() }).unwrap();
        (connection, greeter.join().unwrap())
    }

    fn greet(mut stream: UnixStream) -> UnixStream {
        let mut frames = FrameBuffer::new(REQUEST_SIZE_MAX);
        let mut buffer = [0; 4096];
        let hello: RequestFrame = loop {
            let size = stream.read(&mut buffer).unwrap();
            frames.push(&buffer[..size]);
            if let Some(payload) = frames.next_payload().unwrap() {
                break decode(payload).unwrap();
            }
        };
        let reply = Reply::Welcome(Welcome {
            control_version: 1,
            layout_version: LAYOUT_VERSION,
            norm_version: NORM_VERSION,
            version: "0".into(),
            name: Settings::default().name.to_string(),
            uid: 0,
            pid: 0,
            generation: None,
        });
        let mut out = Vec::new();
        encode(&ReplyFrame { id: hello.id, reply }, REPLY_SIZE_MAX, &mut out).unwrap();
        stream.write_all(&out).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream
    }

    #[test]
    fn it_is_closed_although_nobody_will_ever_unlock_the_mover() {
        let (connection, mut daemon) = connected();
        let nothing = View::Nothing(Unavailable::new(Reason::NoGeneration, "nothing yet"));
        let live = Live::new(Arc::new(nothing), Some(connection)).unwrap();
        // As in a child that was forked while the watcher prefaulted.
        let _held = live.mover.lock().unwrap();
        let open = daemon.read(&mut [0]).unwrap_err();
        assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock);
        live.abandon();
        assert!(!live.link.is_open());
        assert_eq!(daemon.read(&mut [0]).unwrap(), 0, "the descriptor was closed");
    }
}
