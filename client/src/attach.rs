//! Getting at a generation: by descriptor over the socket, by name without a daemon, by asking where
//! mapping cannot be had.
//!
//! # The race with a roll
//!
//! Between "generation 7 is current" and "its segment is open", the daemon may announce 8 and unlink 7.
//!
//! ```text
//! 1. observe: announcement a of generation g
//! 2. open g's segment; compare size, header checksum and generation with the announcement
//! 3. the announcement word is still a  →  current when it was opened: done
//!    it is not                        →  from the start, at most [`TRIES`] times
//! ```
//!
//! An error in step 2 counts only if step 3 then finds the word unchanged. What is mapped at the end was
//! current at one moment during the call, which is all that anybody can say of a moving target.

use std::sync::Arc;
use std::time::Duration;

use persondb_data::segment::{self, Segment};
use persondb_protocol::answer::{Reason, Unavailable};
use persondb_protocol::control::Welcome;
use persondb_protocol::layout::{Announcement, LAYOUT_VERSION, NORM_VERSION};
use persondb_shm::{ObserveError, OpenError, SegmentMap, SuperblockMap, Trust};

use crate::builder::{Settings, Via};
use crate::connection::{Connection, ControlError};
use crate::view::{Mapped, View};

/// Attempts at a target that moves. Each takes some microseconds, a roll some milliseconds at least.
const TRIES: u32 = 8;
/// Pause between two requests for a hand-over, times the number of the attempt.
const HAND_OVER_PAUSE: Duration = Duration::from_millis(1);

/// What attaching came to.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) view: View,
    /// Connection to the daemon, if one answered.
    pub(crate) link: Option<Connection>,
}

/// Why a generation could not be mapped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MapError {
    #[error("no generation was announced yet")]
    NoGeneration,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Segment(#[from] segment::OpenError),
    #[error("the daemon builds layout {} and norm {}, this program reads layout {LAYOUT_VERSION} and norm \
             {NORM_VERSION}", .layout, .norm)]
    DaemonVersion { layout: u32, norm: u32 },
    #[error("the generation has {0} segments, this program reads 1")]
    SegmentCount(usize),
    #[error("the segment is not the one announced: {what} {found}, expected {expected}")]
    NotAnnounced { what: &'static str, found: u64, expected: u64 },
    #[error("each of {TRIES} generations was replaced while it was opened")]
    Moving,
    #[error(transparent)]
    Socket(#[from] ControlError),
}

impl MapError {
    /// Whether only another release of this program could map it: asking is the way then.
    pub(crate) fn needs_other_release(&self) -> bool {
        matches!(
            self,
            Self::DaemonVersion { .. }
                | Self::SegmentCount(_)
                | Self::Open(OpenError::Layout { .. })
                | Self::Segment(segment::OpenError::Version { .. })
        )
    }

    fn reason(&self) -> Reason {
        match self {
            Self::NoGeneration | Self::Moving => Reason::NoGeneration,
            Self::Open(OpenError::Missing { .. } | OpenError::NotPermitted { .. } | OpenError::Os { .. })
            | Self::Socket(_) => Reason::Unreachable,
            Self::Open(_)
            | Self::Observe(_)
            | Self::Segment(_)
            | Self::DaemonVersion { .. }
            | Self::SegmentCount(_)
            | Self::NotAnnounced { .. } => Reason::Unreadable,
        }
    }
}

/// Attaches in the best way that can be had now.
pub(crate) fn attach(settings: &Settings) -> Attached {
    if settings.via == Via::Socket {
        // The connection is made by the first look-up.
        return Attached { view: View::Socket { why: None }, link: None };
    }
    let (mut link, mut troubles) = match Connection::open(settings) {
        Ok(connection) => (Some(connection), Vec::new()),
        Err(error) => (None, vec![MapError::from(error)]),
    };
    let trust = settings.trust(link.as_ref().and_then(Connection::trusted_uid));
    if let Some(connection) = &mut link {
        match map_by_descriptor(connection, settings, &trust) {
            Ok(mapped) => return Attached { view: View::Mapped(mapped), link },
            Err(error) => {
                if matches!(error, MapError::Socket(_)) {
                    link = None;
                }
                troubles.push(error);
            }
        }
    }
    // Not for a daemon of another release: what it left under the names is of that release, too.
    if !troubles.iter().any(MapError::needs_other_release) {
        match map_by_name(settings, &trust) {
            Ok(mapped) => return Attached { view: View::Mapped(mapped), link },
            Err(error) => troubles.push(error),
        }
    }
    let detail = detail(&troubles);
    if settings.via == Via::Auto && link.is_some() {
        return Attached { view: View::Socket { why: Some(detail) }, link };
    }
    // The way by name is tried last and says most about the data.
    let reason = troubles.last().map_or(Reason::Unreachable, MapError::reason);
    Attached { view: View::Nothing(Unavailable::new(reason, detail)), link }
}

/// Maps the generation that a superblock announces now, its segments by name.
pub(crate) fn map_announced(
    superblock: &Arc<SuperblockMap>,
    settings: &Settings,
    trust: &Trust,
) -> Result<Mapped, MapError> {
    for _ in 0..TRIES {
        let announcement = superblock.observe()?.ok_or(MapError::NoGeneration)?;
        let opened = sole_segment(&announcement).and_then(|size| {
            let name = settings.name.segment(announcement.generation, 0);
            Ok(SegmentMap::open_by_name(&name, trust, Some(size))?)
        });
        if let Some(result) = finish(superblock, announcement, opened, trust) {
            return result;
        }
    }
    Err(MapError::Moving)
}

/// Maps the generation that the daemon hands over.
pub(crate) fn map_by_descriptor(
    connection: &mut Connection,
    settings: &Settings,
    trust: &Trust,
) -> Result<Mapped, MapError> {
    let Welcome { layout_version: layout, norm_version: norm, .. } = *connection.welcome();
    if (layout, norm) != (LAYOUT_VERSION, NORM_VERSION) {
        return Err(MapError::DaemonVersion { layout, norm });
    }
    for attempt in 1..=TRIES {
        let (hand_over, descriptors) =
            connection.ask_segments(settings.request_timeout)?.ok_or(MapError::NoGeneration)?;
        let count = descriptors.len().saturating_sub(1);
        let Ok([superblock, segment]) = <[_; 2]>::try_from(descriptors) else {
            return Err(MapError::SegmentCount(count));
        };
        let superblock = Arc::new(SuperblockMap::from_descriptor(superblock, trust)?);
        let announcement = superblock.observe()?.ok_or(MapError::NoGeneration)?;
        if announcement.generation != hand_over.generation {
            // Announced between hand-over and observation, or the daemon's thread that hands over has not
            // heard of it yet: give it a moment.
            std::thread::sleep(attempt * HAND_OVER_PAUSE);
            continue;
        }
        let opened = sole_segment(&announcement)
            .and_then(|size| Ok(SegmentMap::from_descriptor(segment, trust, Some(size))?));
        if let Some(result) = finish(&superblock, announcement, opened, trust) {
            return result;
        }
    }
    Err(MapError::Moving)
}

/// Maps what is announced under the dataset's name, without a daemon.
pub(crate) fn map_by_name(settings: &Settings, trust: &Trust) -> Result<Mapped, MapError> {
    let superblock = Arc::new(SuperblockMap::open_by_name(&settings.superblock(), trust)?);
    map_announced(&superblock, settings, trust)
}

/// Steps 2 and 3: compares what was opened with what was announced, then looks at the word again. `None`
/// when another generation was announced meanwhile.
fn finish(
    superblock: &Arc<SuperblockMap>,
    announcement: Announcement,
    opened: Result<SegmentMap, MapError>,
    trust: &Trust,
) -> Option<Result<Mapped, MapError>> {
    let checked = opened.and_then(|map| check(Segment::open(map)?, &announcement));
    if superblock.announcement_word() != announcement.announcement {
        return None;
    }
    let superblock = Arc::clone(superblock);
    Some(checked.map(|segment| Mapped { superblock, announcement, segment, trust: trust.clone() }))
}

/// Size of the one segment that this release can read.
fn sole_segment(announcement: &Announcement) -> Result<u64, MapError> {
    match announcement.segments.as_slice() {
        [segment] => Ok(segment.size),
        segments => Err(MapError::SegmentCount(segments.len())),
    }
}

/// Whether the segment is the announced one.
fn check(segment: Segment<SegmentMap>, announcement: &Announcement) -> Result<Segment<SegmentMap>, MapError> {
    let header = segment.header();
    let expected = announcement.segments.first().map_or(0, |segment| segment.header_checksum);
    let (generation, checksum) = (header.generation.get(), header.header_checksum.get());
    if generation != announcement.generation.0 {
        let expected = announcement.generation.0;
        return Err(MapError::NotAnnounced { what: "generation", found: generation, expected });
    }
    if checksum != expected {
        return Err(MapError::NotAnnounced { what: "header checksum", found: checksum, expected });
    }
    Ok(segment)
}

/// What went wrong, in one line.
pub(crate) fn detail(troubles: &[MapError]) -> String {
    troubles.iter().map(chain).collect::<Vec<_>>().join("; ")
}

/// An error with its causes, in one line.
fn chain(error: &MapError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
