//! Who is at the other end, and what they may do. The kernel says who; the configuration says what.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::geteuid;
use persondb_shm::SegmentMode;

use crate::config::Config;
use crate::config::size::groups_of;

/// How long a user's groups are remembered: a change of membership shows after this, without a look-up in
/// the user database (which can be on the network) for every connection.
const GROUPS_KEPT: Duration = Duration::from_mins(1);
/// Most users remembered.
const USERS_MAX: usize = 4096;

/// A peer, as the kernel saw it connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Process.
    pub(super) pid: u32,
    /// User.
    pub(super) uid: u32,
    /// Primary group.
    pub(super) gid: u32,
}

/// What a peer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// Nothing.
    None,
    /// Ask.
    Ask,
    /// Ask, roll, roll back, hold, release.
    Operate,
}

/// Decides about peers.
#[derive(Debug)]
pub(super) struct Peers {
    own_uid: u32,
    everyone_asks: bool,
    reader_group: Option<u32>,
    operator_group: Option<u32>,
    groups: HashMap<u32, (Instant, Vec<u32>)>,
}

impl Peer {
    /// Who connected.
    ///
    /// # Errors
    /// When the kernel does not say, which it does for every Unix stream socket.
    pub(super) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        let pid = u32::try_from(credentials.pid()).unwrap_or(0);
        Ok(Self { pid, uid: credentials.uid(), gid: credentials.gid() })
    }
}

impl Peers {
    /// The rules of a configuration.
    #[must_use]
    pub(super) fn new(config: &Config) -> Self {
        Self {
            own_uid: geteuid().as_raw(),
            everyone_asks: config.mode == SegmentMode::Everyone,
            // Without a configured group, the group of segments and socket is the daemon's own.
            reader_group: config.reader_group.or_else(|| Some(nix::unistd::getegid().as_raw())),
            operator_group: config.operator_group,
            groups: HashMap::new(),
        }
    }

    /// What `peer` may do: root and the daemon's user everything; members of the operator group everything;
    /// members of the reader group, and with mode 0444 everybody, ask.
    pub(super) fn rights(&mut self, peer: Peer) -> Rights {
        if peer.uid == 0 || peer.uid == self.own_uid {
            return Rights::Operate;
        }
        if self.is_member(peer, self.operator_group) {
            Rights::Operate
        } else if self.everyone_asks || self.is_member(peer, self.reader_group) {
            Rights::Ask
        } else {
            Rights::None
        }
    }

    fn is_member(&mut self, peer: Peer, group: Option<u32>) -> bool {
        let Some(group) = group else { return false };
        if peer.gid == group {
            return true;
        }
        if self.groups.len() >= USERS_MAX {
            self.groups.clear();
        }
        let (seen, groups) =
            self.groups.entry(peer.uid).or_insert_with(|| (Instant::now(), groups_of(peer.uid)));
        if seen.elapsed() > GROUPS_KEPT {
            (*seen, *groups) = (Instant::now(), groups_of(peer.uid));
        }
        groups.contains(&group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(everyone_asks: bool) -> Peers {
        Peers {
            own_uid: 7,
            everyone_asks,
            reader_group: Some(20),
            operator_group: Some(30),
            groups: HashMap::new(),
        }
    }

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer { pid: 1, uid, gid }
    }

    #[test]
    fn root_own_user_and_operator_group_operate_and_nobody_else() {
        let mut closed = peers(false);
        let stranger = 4_000_000_001;
        for (who, rights) in [
            (peer(0, 0), Rights::Operate),
            (peer(7, 9), Rights::Operate),
            (peer(stranger, 30), Rights::Operate),
            (peer(stranger, 20), Rights::Ask),
            (peer(stranger, 31), Rights::None),
        ] {
            assert_eq!(closed.rights(who), rights, "{who:?}");
        }
        assert_eq!(peers(true).rights(peer(stranger, 31)), Rights::Ask);
    }

    #[test]
    fn supplementary_groups_count() {
        let mut closed = peers(false);
        closed.groups.insert(5, (Instant::now(), vec![1, 30]));
        assert_eq!(closed.rights(peer(5, 1)), Rights::Operate);
    }
}
