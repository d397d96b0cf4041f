//! Sockets: `sock_*`.
//!
//! A program cannot make sockets, only use those it was given. The host's descriptors never
//! block; where the program's are to, waiting is done here, so that it ends at the deadline.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::{Errno as HostErrno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown, recvmsg,
    sendmsg,
};

use super::ctx::Waiter;
use super::descriptor::{Descriptor, Kind};
use super::errno::Errno;
use super::io::byte_count;
use super::types::{FdFlags, RECV_DATA_TRUNCATED, RiFlags, Rights, SdFlags};
use super::{GuestMemory, Result, WasiCtx};

/// Receiving as reading does it.
pub(super) const PLAIN: RiFlags = RiFlags::NONE;

/// Sending to a closed connection is to be an error and no signal. Apple's systems have no flag
/// for it; there, as everywhere, Rust programs ignore that signal.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::empty();

/// What was received.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    /// How many bytes.
    pub(super) count: usize,
    /// Whether the message had more, which are lost.
    truncated: bool,
}

/// Accepts a connection, and tells its number.
pub(super) fn sock_accept(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    opened_fd: u32,
) -> Result {
    let flags = FdFlags::parse(flags)?;
    let (descriptors, mut waiter) = ctx.split();
    let listener = descriptors.get(fd)?;
    let socket = listener.as_socket(Rights::SOCK_ACCEPT)?;
    if !FdFlags::NONBLOCK.has(flags) {
        return Err(Errno::Inval.into());
    }
    descriptors.check_room()?;
    let nonblocking = listener.is_nonblocking();
    let accepted = blocking(socket, PollFlags::IN, nonblocking, &mut waiter, || {
        accept(socket)
    })?;
    let rights = Rights::SOCKET.and(listener.inheriting);
    let kind = Kind::Socket(accepted);
    let number = descriptors.insert(Descriptor {
        kind,
        rights,
        inheriting: rights,
        flags,
    })?;
    memory.write_u32(opened_fd, number)?;
    Ok(())
}

/// Accepts a connection, for a descriptor that does not block and is not inherited.
fn accept(listener: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::accept(listener)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

/// Does what would block, again and again until it would not, unless it is not to be waited for.
fn blocking<T>(
    socket: BorrowedFd<'_>,
    events: PollFlags,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    mut operation: impl FnMut() -> rustix::io::Result<T>,
) -> Result<T> {
    loop {
        match retry_on_intr(&mut operation) {
            Err(HostErrno::AGAIN) if !nonblocking => waiter.block(socket, events)?,
            result => return Ok(result?),
        }
    }
}

/// Receives into buffers, and tells how many bytes, and whether there were more.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn sock_recv(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    ri_flags: u32,
    nread: u32,
    ro_flags: u32,
) -> Result {
    let (descriptors, mut waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    let socket = descriptor.as_socket(Rights::FD_READ)?;
    let flags = RiFlags::parse(ri_flags)?;
    let mut targets = memory.targets(iovs, iovs_len, waiter.transfer_bytes_max())?;
    let received = match targets.is_empty() {
        true => Received::default(),
        false => receive(
            socket,
            descriptor.is_nonblocking(),
            &mut waiter,
            &mut targets,
            flags,
        )?,
    };
    memory.write_u32(nread, byte_count(received.count))?;
    memory.write_u16(
        ro_flags,
        if received.truncated {
            RECV_DATA_TRUNCATED
        } else {
            0
        },
    )?;
    Ok(())
}

/// Receives into buffers.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    targets: &mut [IoSliceMut<'_>],
    flags: RiFlags,
) -> Result<Received> {
    let peek = flags.has(RiFlags::PEEK);
    let host_flags = if peek {
        RecvFlags::PEEK
    } else {
        RecvFlags::empty()
    };
    let mut rest = targets;
    let mut total = Received::default();
    loop {
        let message = blocking(socket, PollFlags::IN, nonblocking, waiter, || {
            recvmsg(
                socket,
                rest,
                &mut RecvAncillaryBuffer::default(),
                host_flags,
            )
        });
        let message = match message {
            Ok(message) => message,
            // What has been received is told first; the error comes again with the next call.
            Err(super::Failure::Errno(_)) if total.count > 0 => return Ok(total),
            Err(failure) => return Err(failure),
        };
        total.count += message.bytes;
        total.truncated |= message.flags.contains(ReturnFlags::TRUNC);
        IoSliceMut::advance_slices(&mut rest, message.bytes);
        // Peeking sees the same bytes again.
        let wants_more = flags.has(RiFlags::WAITALL) && !peek && message.bytes > 0;
        if !wants_more || rest.is_empty() {
            return Ok(total);
        }
    }
}

/// Sends buffers, and tells how many bytes. There are no flags.
pub(super) fn sock_send(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    si_flags: u32,
    nwritten: u32,
) -> Result {
    let (descriptors, mut waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    let socket = descriptor.as_socket(Rights::FD_WRITE)?;
    if si_flags != 0 {
        return Err(Errno::Inval.into());
    }
    let sources = memory.sources(iovs, iovs_len, waiter.transfer_bytes_max())?;
    let count = match sources.is_empty() {
        true => 0,
        false => send(socket, descriptor.is_nonblocking(), &mut waiter, &sources)?,
    };
    memory.write_u32(nwritten, byte_count(count))?;
    Ok(())
}

/// Sends buffers.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    sources: &[IoSlice<'_>],
) -> Result<usize> {
    blocking(socket, PollFlags::OUT, nonblocking, waiter, || {
        sendmsg(
            socket,
            sources,
            &mut SendAncillaryBuffer::default(),
            SEND_FLAGS,
        )
    })
}

/// Ends receiving, sending, or both.
pub(super) fn sock_shutdown(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    how: u32,
) -> Result {
    let descriptor = ctx.descriptors.get(fd)?;
    let socket = descriptor.as_socket(Rights::SOCK_SHUTDOWN)?;
    let how = SdFlags::parse(how)?;
    let how = match (how.has(SdFlags::RD), how.has(SdFlags::WR)) {
        (true, true) => Shutdown::Both,
        (true, false) => Shutdown::Read,
        (false, true) => Shutdown::Write,
        (false, false) => return Err(Errno::Inval.into()),
    };
    Ok(rustix::net::shutdown(socket.as_fd(), how)?)
}
