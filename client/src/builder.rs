//! [`ClientBuilder`]: what a client may be told before it opens. Everything has a default that is right
//! for a service on the machine of its daemon.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{User, geteuid};
use persondb_protocol::name::NameError;
use persondb_protocol::places::{private_folder, socket_places};
use persondb_protocol::{DatasetName, ShmName};
use persondb_shm::Trust;

use crate::client::Client;
use crate::control::{Control, ControlError};

/// Settings of a client, and the two ways to use them: [`open`](Self::open) for look-ups,
/// [`control`](Self::control) for an operator's commands.
///
/// ```no_run
/// use std::time::Duration;
/// use persondb_client::{Client, Via};
///
/// let client = Client::builder()
///     .name("eu".parse()?)
///     .max_age(Duration::from_secs(36 * 3600))
///     .via(Via::Auto)
///     .program("mail-scorer")
///     .open()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    settings: Settings,
}

/// How look-ups reach the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// Mapped, and over the socket where mapping cannot be had.
    #[default]
    Auto,
    /// Mapped, or not at all.
    Map,
    /// Asked of the daemon.
    Socket,
}

/// Who notices that a new generation was announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// A thread of the client. It opens and prefaults the new generation away from the look-ups, keeps
    /// the daemon informed, and makes a pin one load.
    #[default]
    Background,
    /// Nobody in between: each pin compares the announcement itself, and the first one that sees a change
    /// pays for opening the new generation. A pin reads the clock, some 30 ns more. For programs that end
    /// soon, or must not have a thread.
    OnPin,
}

/// Why a client could not be opened. That there is no data yet is no reason: the client then answers
/// "cannot say" until there is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The dataset name is no dataset name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A variable of the environment has a value that means nothing.
    #[error("{variable} is {found:?}: expected {expected}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// Its value.
        found: OsString,
        /// What it may be.
        expected: &'static str,
    },
    /// The page that notices a fork could not be had.
    #[error("one page of memory could not be set up: expected mmap and MADV_WIPEONFORK (Linux 4.14) to work")]
    Memory(#[source] std::io::Error),
}

impl ClientBuilder {
    /// The defaults: dataset `default`, socket at the usual places, mapped where possible, watched in the
    /// background, no limit on age.
    pub fn new() -> Self {
        Self { settings: Settings::default() }
    }

    /// The defaults, changed by `PERSONDB_NAME`, `PERSONDB_SOCKET` and `PERSONDB_OWNER` (name or number of
    /// a user) of the environment.
    ///
    /// # Errors
    /// [`ClientError::Name`], [`ClientError::Environment`] when a variable has a value that means nothing.
    pub fn from_env() -> Result<Self, ClientError> {
        let mut builder = Self::new();
        if let Some(name) = variable("PERSONDB_NAME") {
            builder = builder.name(DatasetName::new(&name.to_string_lossy())?);
        }
        if let Some(socket) = variable("PERSONDB_SOCKET") {
            builder = builder.socket(PathBuf::from(socket));
        }
        if let Some(owner) = variable("PERSONDB_OWNER") {
            let uid = user(&owner.to_string_lossy()).ok_or(ClientError::Environment {
                variable: "PERSONDB_OWNER",
                found: owner,
                expected: "the name or number of a user of this machine",
            })?;
            builder = builder.owner(uid);
        }
        Ok(builder)
    }

    /// Dataset. Default: `default`.
    pub fn name(mut self, name: DatasetName) -> Self {
        self.settings.name = name;
        self
    }

    /// Socket of the daemon, instead of the usual places.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.socket = Some(path.into());
        self
    }

    /// A user whose segments are believed, beside root's, one's own, and those of the user at the other
    /// end of the socket.
    pub fn owner(mut self, uid: u32) -> Self {
        self.settings.owner = Some(uid);
        self
    }

    /// How look-ups reach the data. Default: [`Via::Auto`].
    pub fn via(mut self, via: Via) -> Self {
        self.settings.via = via;
        self
    }

    /// Who notices announcements. Default: [`Watch::Background`].
    pub fn watch(mut self, watch: Watch) -> Self {
        self.settings.watch = watch;
        self
    }

    /// Data older than this is [`TooOld`](crate::Reason::TooOld) instead of an answer. It is compared when
    /// a pin is taken (over the socket: at each answer), with the start of the load that made the
    /// generation; a pin reads the clock for that, some 30 ns. Default: no limit.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = Some(age);
        self
    }

    /// Longest wait for a connection to the daemon. Default: 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Longest wait for one answer over the socket. Default: 5 seconds.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.settings.request_timeout = timeout;
        self
    }

    /// Name of the program, for `persondb clients`. Default: the executable's file name.
    pub fn program(mut self, program: impl Into<String>) -> Self {
        self.settings.program = program.into();
        self
    }

    /// Opens a client. It attaches at once if it can; if there is no data, it keeps trying and its
    /// answers are "cannot say" until then.
    ///
    /// # Errors
    /// [`ClientError::Memory`].
    pub fn open(self) -> Result<Client, ClientError> {
        Client::new(self.settings)
    }

    /// Connects to the daemon for an operator's commands. Nothing is mapped.
    ///
    /// # Errors
    /// [`ControlError`]: no daemon, or one that refuses.
    pub fn control(self) -> Result<Control, ControlError> {
        Control::connect(&self.settings)
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// What a client was told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: DatasetName,
    pub(crate) socket: Option<PathBuf>,
    pub(crate) owner: Option<u32>,
    pub(crate) via: Via,
    pub(crate) watch: Watch,
    pub(crate) max_age: Option<Duration>,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) program: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: DatasetName::new("default").expect("the default dataset name is a dataset name"),
            socket: None,
            owner: None,
            via: Via::default(),
            watch: Watch::default(),
            max_age: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            program: program_name(),
        }
    }
}

impl Settings {
    /// Places to try, in order; each with the folder that has to be private to this user, if any.
    pub(crate) fn places(&self) -> Vec<Place> {
        if let Some(path) = &self.socket {
            return vec![Place { path: path.clone(), private: None }];
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR");
        let temporary = std::env::temp_dir();
        let uid = geteuid().as_raw();
        let private = private_folder(&temporary, uid);
        socket_places(&self.name, runtime.as_deref().map(Path::new), &temporary, uid)
            .into_iter()
            .map(|path| {
                let private = path.starts_with(&private).then(|| private.clone());
                Place { path, private }
            })
            .collect()
    }

    /// Whose shared memory is believed, given who is at the other end of the socket.
    pub(crate) fn trust(&self, peer: Option<u32>) -> Trust {
        let mut owners = vec![0, geteuid().as_raw()];
        owners.extend(self.owner);
        owners.extend(peer);
        owners.sort_unstable();
        owners.dedup();
        Trust::only(owners)
    }

    /// Name of the superblock.
    pub(crate) fn superblock(&self) -> ShmName {
        self.name.superblock()
    }
}

/// A place where the daemon's socket can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The socket.
    pub(crate) path: PathBuf,
    /// Folder that has to belong to this user alone before the socket in it is believed: it stands in a
    /// folder where everybody can create names.
    pub(crate) private: Option<PathBuf>,
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Number of a user, given by name or number.
fn user(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| Some(User::from_name(text).ok()??.uid.as_raw()))
}

fn program_name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_in_the_temporary_directory_has_to_be_private() {
        let places = Settings::default().places();
        let (last, others) = places.split_last().unwrap();
        assert!(others.iter().all(|place| place.private.is_none()), "{others:?}");
        let folder = last.private.as_ref().expect("the last place is in a folder of everybody's");
        assert_eq!(last.path.parent(), Some(folder.as_path()));
    }

    #[test]
    fn a_given_socket_is_the_only_place() {
        let settings = ClientBuilder::new().socket("/x/y.sock").settings;
        assert_eq!(settings.places(), [Place { path: "/x/y.sock".into(), private: None }]);
    }

    #[test]
    fn users_are_found_by_name_and_number_and_nobody_else() {
        assert_eq!(user("root"), Some(0));
        assert_eq!(user("4711"), Some(4711));
        assert_eq!(user("no such user"), None);
    }

    #[test]
    fn root_oneself_owner_and_peer_are_trusted_and_no_stranger() {
        let trust = ClientBuilder::new().owner(4711).settings.trust(Some(4712));
        for uid in [0, geteuid().as_raw(), 4711, 4712] {
            assert!(trust.includes(uid), "{uid}");
        }
        assert!(!trust.includes(4713));
        assert!(!Settings::default().trust(None).includes(4711));
    }
}
