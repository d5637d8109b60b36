//! What the daemon tells about itself: `status`, `generations`, `clients`.

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::Generation;

/// State of the daemon and of what it serves. The JSON keys are part of the contract.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
pub struct Status {
    /// Dataset.
    pub name: String,
    /// Generation being served; `None` before the first.
    pub generation: Option<Generation>,
    /// People in it.
    pub people: u64,
    /// Tenants in it.
    pub tenants: u64,
    /// Size of its segments in bytes.
    pub segment_bytes: u64,
    /// `segment_bytes / people`.
    pub bytes_per_person: f64,
    /// Bytes of CSV (decompressed) it was made from.
    pub csv_bytes: u64,
    /// Files it was made from.
    pub inputs: Vec<InputFile>,
    /// Wall time of the announcement, RFC 3339.
    pub announced_at: Option<String>,
    /// Seconds since the start of the load that made the generation.
    pub data_age_s: Option<f64>,
    /// The last cycle, whether it succeeded or not.
    pub last_cycle: Option<CycleReport>,
    /// Announcements are held by an operator.
    pub held: bool,
    /// Generations kept for roll back, newest first.
    pub retained: Vec<RetainedGeneration>,
    /// Clients connected to the control channel.
    pub clients: u64,
    /// Bytes of retired generations that connected clients still keep alive.
    pub retired_bytes_held: u64,
    /// Bytes of the served segments that lie in huge pages.
    pub huge_page_bytes: u64,
    /// Process of the daemon.
    pub daemon_pid: u32,
    /// Seconds since the daemon started.
    pub uptime_s: f64,
    /// Byte-format number.
    pub layout_version: u32,
    /// Normalisation number.
    pub norm_version: u32,
    /// The served generation was taken over at start without loading.
    pub adopted: bool,
    /// A cycle is under way.
    pub cycle_running: bool,
    /// Queries answered over the socket since the start.
    pub socket_queries: u64,
}

/// One input file of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct InputFile {
    /// Where it was read.
    pub path: String,
    /// Its size on disk.
    pub bytes: u64,
    /// xxh3-128 of its bytes, hexadecimal.
    pub digest: String,
}

/// How a cycle ended.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
pub struct CycleReport {
    /// `announced`, `adopted`, `held` or `failed`.
    pub result: String,
    /// Duration.
    pub seconds: f64,
    /// Rows read.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Warnings given.
    pub warnings: u64,
    /// Why it failed; `None` when it did not.
    pub reason: Option<String>,
}

/// A generation kept for roll back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct RetainedGeneration {
    /// Its number.
    pub generation: Generation,
    /// Its size.
    pub bytes: u64,
}

/// One line of `persondb generations`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct GenerationInfo {
    /// Its number.
    pub generation: Generation,
    /// `current`, `retained`, or `retired` (unlinked, kept alive by a client).
    pub state: String,
    /// Its size.
    pub bytes: u64,
    /// People in it.
    pub people: u64,
    /// Wall time of its build, RFC 3339.
    pub built_at: String,
    /// Connected clients that have it mapped.
    pub clients: u64,
}

/// One line of `persondb clients`.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub struct ClientInfo {
    /// Process (as the kernel says).
    pub pid: u32,
    /// User (as the kernel says).
    pub uid: u32,
    /// Program name (as the client says).
    pub program: String,
    /// Crate version (as the client says).
    pub version: String,
    /// Generation it last said it maps; `None` for clients that only ask over the socket.
    pub generation: Option<Generation>,
    /// Seconds since it connected.
    pub connected_s: f64,
    /// Requests it has sent.
    pub requests: u64,
    /// It listens to announcements.
    pub subscribed: bool,
}
