//! The listening socket: where it is, who may connect, and what to do with one that is there already.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{Backlog, getsockopt, listen, sockopt};
use nix::unistd::{Gid, geteuid};
use persondb_protocol::places::{SYSTEM_FOLDER, socket_places};
use persondb_shm::SegmentMode;
use persondb_shm::descriptor::inherited;

use crate::config::Config;
use crate::state::private_folder;

/// Name of the socket in `persondb@.socket` (`FileDescriptorName=`).
pub const ACTIVATION_NAME: &str = "control";

/// The listening socket. Dropped, its file is gone, unless the service manager owns it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: Option<OwnPath>,
}

/// The file this process made, with what tells it from a later one of the same name.
#[derive(Debug)]
struct OwnPath {
    path: PathBuf,
    identity: (u64, u64),
}

/// Why nobody can connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// A process listens there.
    #[error("{}: expected a free place, found process {holder} listening there; stop it, or name another with --socket", path.display())]
    Live {
        /// The socket.
        path: PathBuf,
        /// Who listens, as the kernel says.
        holder: String,
    },
    /// Something else has the name.
    #[error("{}: expected a socket or nothing, found a file of another kind; remove it, or name another with --socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// No place.
    #[error("no control socket could be made: {}", tried.join("; "))]
    NoPlace {
        /// Each place with its reason.
        tried: Vec<String>,
    },
    /// What the service manager handed over cannot be used.
    #[error("socket activation: {0}")]
    Activation(String),
}

impl ControlSocket {
    /// Takes what the service manager handed over, else makes the first of the usual places that can be made
    /// (or the configured one).
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn open(config: &Config) -> Result<Self, SocketError> {
        if let Some(listener) = activated()? {
            tracing::info!("control socket handed over by the service manager");
            return Ok(Self { listener, path: None });
        }
        if let Some(path) = &config.socket {
            return Self::bind(config, path);
        }
        let uid = geteuid().as_raw();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let mut tried = Vec::new();
        for path in socket_places(&config.name, runtime.as_deref(), &std::env::temp_dir(), uid) {
            let result =
                folder_for(&path).map_err(|error| format!("{}: {error}", path.display())).and_then(|()| {
                    Self::bind(config, &path).map_err(|error| match error {
                        // A second daemon at one place must not simply take the next one.
                        live @ SocketError::Live { .. } => format!("!{live}"),
                        error => error.to_string(),
                    })
                });
            match result {
                Ok(socket) => return Ok(socket),
                Err(reason) if reason.starts_with('!') => {
                    return Err(SocketError::NoPlace { tried: vec![reason[1..].to_owned()] });
                }
                Err(reason) => tried.push(reason),
            }
        }
        Err(SocketError::NoPlace { tried })
    }

    /// The listening descriptor.
    #[must_use]
    pub fn listener(&self) -> &UnixListener {
        &self.listener
    }

    fn bind(config: &Config, path: &Path) -> Result<Self, SocketError> {
        clear_stale(path)?;
        let os =
            |error: io::Error| SocketError::NoPlace { tried: vec![format!("{}: {error}", path.display())] };
        let listener = UnixListener::bind(path).map_err(os)?;
        let metadata = std::fs::symlink_metadata(path).map_err(os)?;
        let own = OwnPath { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
        let socket = Self { listener, path: Some(own) };
        let (mode, group) = access(config);
        if let Some(group) = group {
            nix::unistd::chown(path, None, Some(Gid::from_raw(group))).map_err(|errno| os(errno.into()))?;
        }
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(os)?;
        prepare(&socket.listener).map_err(os)?;
        tracing::info!(path = %path.display(), mode = format!("{mode:04o}"), "control socket");
        Ok(socket)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let Some(own) = &self.path else { return };
        // Only the file this process made: a clean-up and a later daemon may have put another there.
        let same = std::fs::symlink_metadata(&own.path).is_ok_and(|m| (m.dev(), m.ino()) == own.identity);
        if same {
            let _ = std::fs::remove_file(&own.path);
        }
    }
}

/// Mode and group of the socket file. It is the outer guard; every peer's credentials are looked at too.
fn access(config: &Config) -> (u32, Option<u32>) {
    match (config.mode, config.reader_group, config.operator_group) {
        // Everybody may ask, or two groups may come in: one file has one group, so credentials decide.
        (SegmentMode::Group, Some(reader), Some(operator)) if reader != operator => (0o666, None),
        (SegmentMode::Everyone, _, _) | (SegmentMode::Group, None, Some(_)) => (0o666, None),
        (SegmentMode::Group, reader, _) => (0o660, reader),
    }
}

/// Longest queue the system allows: clients that come all at once wait, and none is turned away.
///
/// Also for a socket that was handed over: `SO_PEERCRED` tells clients who called `listen` last, and that
/// has to be the daemon, not the service manager.
fn prepare(listener: &UnixListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let backlog = Backlog::MAXCONN;
    listen(&listener.as_fd(), backlog)?;
    Ok(())
}

/// The socket that the service manager handed over to this process, by name; the only one may have any.
fn activated() -> Result<Option<UnixListener>, SocketError> {
    let fail = |text: String| SocketError::Activation(text);
    let handed: Vec<_> = sd_notify::listen_fds_with_names()
        .map_err(|e| fail(format!("LISTEN_FDS cannot be read: {e}")))?
        .collect();
    let number = match handed.as_slice() {
        [] => return Ok(None),
        [(number, _)] => *number,
        several => {
            let ours = several.iter().find(|(_, name)| name == ACTIVATION_NAME);
            let names: Vec<_> = several.iter().map(|(_, name)| name.as_str()).collect();
            ours
                .ok_or_else(|| {
                    fail(format!("expected one socket, or one named {ACTIVATION_NAME:?} (FileDescriptorName=), found {names:?}"))
                })?
                .0
        }
    };
    let descriptor = inherited(number).map_err(|e| fail(format!("descriptor {number} is not open: {e}")))?;
    check_listening(&descriptor).map_err(fail)?;
    let listener = UnixListener::from(descriptor);
    prepare(&listener).map_err(|e| fail(e.to_string()))?;
    Ok(Some(listener))
}

fn check_listening(descriptor: &OwnedFd) -> Result<(), String> {
    let wrong = "expected a listening Unix stream socket (ListenStream=/path, Accept=no)";
    let listening = getsockopt(descriptor, sockopt::AcceptConn).map_err(|e| format!("{wrong}: {e}"))?;
    let kind = getsockopt(descriptor, sockopt::SockType).map_err(|e| format!("{wrong}: {e}"))?;
    let family = nix::sys::socket::getsockname::<nix::sys::socket::UnixAddr>(raw(descriptor.as_fd()));
    if listening && kind == nix::sys::socket::SockType::Stream && family.is_ok() {
        Ok(())
    } else {
        Err(format!("{wrong}, found something else"))
    }
}

fn raw(descriptor: BorrowedFd<'_>) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&descriptor)
}

/// Removes a socket file that nobody listens on any more; a daemon that was killed leaves one.
fn clear_stale(path: &Path) -> Result<(), SocketError> {
    // Missing, or not to be seen: binding will say which.
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Ok(stream) => {
            let peer = getsockopt(&stream, sockopt::PeerCredentials);
            let holder = peer.map_or_else(|_| "of another user".into(), |peer| peer.pid().to_string());
            Err(SocketError::Live { path: path.to_owned(), holder })
        }
        // Refused: nobody listens. Anything else (permission, a full queue) may be somebody.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let remove = std::fs::remove_file(path);
            remove.map_err(|e| SocketError::NoPlace { tried: vec![format!("{}: {e}", path.display())] })
        }
        Err(error) => Err(SocketError::Live { path: path.to_owned(), holder: format!("unknown ({error})") }),
    }
}

/// The folder of a usual place: the system's is for every user to walk through, the others are private.
fn folder_for(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    if folder != Path::new(SYSTEM_FOLDER) {
        return private_folder(folder);
    }
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir(folder)?;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))
}
