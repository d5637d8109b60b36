//! What is said on the control channel: requests, replies, announcements.
//!
//! A client sends [`RequestFrame`]s, as many as it likes without waiting; the daemon answers each
//! with a [`ReplyFrame`] of the same `id`. Queries are answered in order; operator commands that wait
//! (`roll`) are answered when they are done, so match by `id`. Announcements carry `id` 0.
//!
//! The first frame is [`Request::Hello`]. The variants `Hello`, `Welcome` and `Refused` keep their
//! place and shape for ever, so that any two versions can tell each other that they do not fit.
//!
//! Variants are added at the end only. A daemon closes the connection on one that it does not know yet, and
//! a client takes that for *unreachable*.
//!
//! # Descriptors
//! A [`Reply::Segments`] frame comes with read-only descriptors (`SCM_RIGHTS`) attached to its first
//! byte: the superblock, then the segments of the announcement, in order.

use bincode::{Decode, Encode};

use crate::answer::{Answer, DomainFact, Person};
use crate::matching::{MatchAnswer, MatchMessage, MatchOptions};
use crate::status::{ClientInfo, GenerationInfo, Status};
use crate::{Generation, layout};

/// Version of the exchange described here.
pub const CONTROL_VERSION: u32 = 1;
/// Longest address, person identifier, domain or tenant in a request, in bytes.
pub const KEY_SIZE_MAX: usize = 1024;
/// Longest name in a request, in bytes.
pub const NAME_SIZE_MAX: usize = 1024;
/// Most people in one reply; a question that meets more is cut there.
pub const PEOPLE_COUNT_MAX: u32 = 1000;

/// One request with the number its reply will carry (not 0).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestFrame {
    /// Chosen by the client.
    pub id: u64,
    /// What is asked.
    pub request: Request,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ReplyFrame {
    /// The request's number, or 0 for an announcement.
    pub id: u64,
    /// What is answered.
    pub reply: Reply,
}

/// What a client can ask.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// Who the client is. First on every connection.
    Hello(Hello),
    /// Descriptors of superblock and current segments.
    Segments,
    /// Everybody with this address (primary, alias, personal …).
    Get {
        /// An address, normalised by the daemon.
        address: String,
        /// Only within this tenant.
        tenant: Option<String>,
    },
    /// Everybody with this identifier.
    Person {
        /// The identifier, compared byte for byte but for blanks around it.
        person_id: String,
        /// Only within this tenant.
        tenant: Option<String>,
    },
    /// Everybody in a tenant with this folded name.
    Name {
        /// The scope.
        tenant: String,
        /// A full name, folded by the daemon.
        full_name: String,
        /// Most people wanted.
        limit: u32,
    },
    /// What is known of a domain.
    Domain {
        /// A domain, normalised by the daemon.
        domain: String,
    },
    /// State of the daemon.
    Status,
    /// Current, retained and held-alive generations.
    Generations,
    /// Who is connected.
    Clients,
    /// Run a cycle. Operators only.
    Roll {
        /// When to answer.
        until: RollUntil,
        /// After this many milliseconds the answer is a refusal; the cycle goes on.
        timeout_ms: u64,
    },
    /// Announce an older retained generation. Operators only.
    Rollback {
        /// Which; the newest retained one older than the current when `None`.
        to: Option<Generation>,
    },
    /// Freeze announcements. Operators only.
    Hold,
    /// Allow announcements again. Operators only.
    Release,
    /// Send [`Reply::Announced`] with every change from now on.
    Subscribe,
    /// The client's look-ups now go through this generation.
    Moved {
        /// The generation it maps; `None` when it maps nothing.
        generation: Option<Generation>,
    },
    /// Evidence about one message.
    Match {
        /// The message, within the limits that the client keeps too.
        message: Box<MatchMessage>,
        /// How much is wanted.
        options: MatchOptions,
    },
}

/// Who the client is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// [`CONTROL_VERSION`] of the client.
    pub control_version: u32,
    /// [`layout::LAYOUT_VERSION`] of the client.
    pub layout_version: u32,
    /// [`layout::NORM_VERSION`] of the client.
    pub norm_version: u32,
    /// Crate version, for `persondb clients`.
    pub version: String,
    /// Program name, for `persondb clients`.
    pub program: String,
}

impl Hello {
    /// The greeting of this build.
    #[must_use]
    pub fn new(version: &str, program: &str) -> Self {
        Self {
            control_version: CONTROL_VERSION,
            layout_version: layout::LAYOUT_VERSION,
            norm_version: layout::NORM_VERSION,
            version: version.to_owned(),
            program: program.to_owned(),
        }
    }
}

/// Who the daemon is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// [`CONTROL_VERSION`] of the daemon.
    pub control_version: u32,
    /// Its layout version.
    pub layout_version: u32,
    /// Its norm version.
    pub norm_version: u32,
    /// Crate version.
    pub version: String,
    /// Dataset it serves.
    pub name: String,
    /// Effective user of the daemon: the owner of its segments.
    pub uid: u32,
    /// Its process.
    pub pid: u32,
    /// Current generation.
    pub generation: Option<Generation>,
}

/// When a roll counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RollUntil {
    /// The new generation is announced.
    Announced,
    /// The same, and every connected client that maps has moved.
    Moved,
}

/// What the daemon can answer.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Reply {
    /// To `Hello`.
    Welcome(Welcome),
    /// The request was understood and is not carried out.
    Refused(Refusal),
    /// To `Segments`; `None` when nothing is served. Descriptors come along.
    Segments(Option<HandOver>),
    /// To `Get`, `Person`, `Name`.
    People(Answer<Vec<Person>>),
    /// To `Domain`.
    Domains(Answer<Vec<DomainFact>>),
    /// To `Status`.
    Status(Box<Status>),
    /// To `Generations`, newest first.
    Generations(Vec<GenerationInfo>),
    /// To `Clients`.
    Clients(Vec<ClientInfo>),
    /// To `Roll` and `Rollback`.
    Rolled(Rolled),
    /// To `Hold`, `Release`, `Subscribe`, `Moved`.
    Done,
    /// To subscribers, with `id` 0.
    Announced {
        /// Current from now on.
        generation: Generation,
        /// Number of the announcement.
        announcement: u64,
    },
    /// To `Match`.
    Match(MatchAnswer),
}

/// What the descriptors of a [`Reply::Segments`] are.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HandOver {
    /// Generation of the segments.
    pub generation: Generation,
    /// Number of segment descriptors after the superblock's.
    pub segment_count: u32,
}

/// A roll or roll back that was announced.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Rolled {
    /// Generation that is current now.
    pub generation: Generation,
    /// Duration in seconds, from the start of the load.
    pub seconds: f64,
    /// Rows read (0 for a roll back).
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Warnings given.
    pub warnings: u64,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind.
    pub kind: RefusalKind,
    /// Expected, found, remedy.
    pub message: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum RefusalKind {
    /// Versions do not fit, or the first frame was no `Hello`.
    Version,
    /// The peer is neither root, the daemon's user, nor in the operator group.
    NotPermitted,
    /// Announcements are held.
    Held,
    /// The cycle failed; the message says why.
    Failed,
    /// It was not done in time; the message says what is missing.
    TimedOut,
    /// A limit (clients, frame, key) was met.
    OverLimit,
    /// There is nothing to roll back to.
    NothingRetained,
    /// The daemon is stopping.
    Stopping,
}
