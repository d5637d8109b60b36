//! Descriptors over a Unix socket (`SCM_RIGHTS`): how a client gets what it has no name for.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

/// Most descriptors in one message: a generation's segments, its superblock, and some room.
pub const DESCRIPTOR_COUNT_MAX: usize = 20;
/// Most that the kernel delivers at once (`SCM_MAX_FD`). With room for all of them, none can be cut off.
const KERNEL_COUNT_MAX: usize = 253;

/// Sends bytes and, with the first of them, descriptors. Returns how many bytes went; the descriptors went
/// with them, so what remains is sent without.
///
/// # Errors
/// `InvalidInput` with more than [`DESCRIPTOR_COUNT_MAX`] descriptors, or with descriptors and no byte to
/// carry them; `WouldBlock` on a full non-blocking socket; `BrokenPipe` (no signal) when the peer is gone.
pub fn send_with_descriptors(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if descriptors.len() > DESCRIPTOR_COUNT_MAX {
        return Err(too_many(descriptors.len(), io::ErrorKind::InvalidInput));
    }
    if bytes.is_empty() && !descriptors.is_empty() {
        let message = "descriptors need at least one byte to travel with, found none";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control: &[ControlMessage<'_>] = if numbers.is_empty() { &[] } else { &rights };
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None)
        {
            Ok(sent) => return Ok(sent),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Receives bytes and appends the descriptors that came with them, close-on-exec. Returns how many bytes
/// came; 0 is the end.
///
/// # Errors
/// `InvalidData` when more than [`DESCRIPTOR_COUNT_MAX`] came, or when the kernel could not deliver all
/// (this process has too many open): what came is closed, and the connection should be, too.
pub fn recv_with_descriptors(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    received: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    // rustix instead of nix: when the kernel cuts the message short, nix gives no access to the descriptors
    // that did arrive, and they would stay open for ever. This buffer closes what is not taken out of it.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(KERNEL_COUNT_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let slices = &mut [IoSliceMut::new(buffer)];
        match recvmsg(socket, slices, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => break message,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut came: Vec<OwnedFd> = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = ancillary {
            came.extend(descriptors);
        }
    }
    if message.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not all descriptors could be received: this process has too many open; raise its limit (ulimit -n)",
        ));
    }
    if came.len() > DESCRIPTOR_COUNT_MAX {
        return Err(too_many(came.len(), io::ErrorKind::InvalidData));
    }
    received.append(&mut came);
    Ok(message.bytes)
}

/// Whether the peer has read all that was sent to it, and so holds what was sent with it itself.
///
/// # Errors
/// When this is no connected stream socket.
pub fn is_all_taken(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut untaken: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (SIOCOUTQ on sockets) stores one int through the pointer, which is valid for the call;
    // the descriptor is borrowed and open.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut untaken) })?;
    Ok(untaken == 0)
}

/// Own copy of a descriptor that this process was started with, as socket activation hands them over
/// (numbers from 3). Both are close-on-exec from now on; the original stays open for the life of the process.
///
/// A copy, because nobody can know that the number is not owned by something else in this process already.
///
/// # Errors
/// When no such descriptor is open.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl looks the number up and fails if it is not open; no memory is involved.
    let copy = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows its number.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    // SAFETY: as the first.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(copy)
}

fn too_many(found: usize, kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, format!("{found} descriptors in a message, expected at most {DESCRIPTOR_COUNT_MAX}"))
}
