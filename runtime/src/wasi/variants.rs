//! The functions of `wasi_unstable` that differ from those of `wasi_snapshot_preview1`.

use super::errno::Errno;
use super::fd::{self, Whence};
use super::poll::{self, Layout};
use super::{GuestMemory, Result, WasiCtx, path};

/// Moves a file's current position, and tells it. The ways to count are numbered differently.
pub(super) fn fd_seek(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    whence: u32,
    newoffset: u32,
) -> Result {
    let whence = match whence {
        0 => Whence::Current,
        1 => Whence::End,
        2 => Whence::Set,
        _ => return Err(Errno::Inval.into()),
    };
    fd::seek(ctx, memory, fd, offset.cast_signed(), whence, newoffset)
}

/// Tells what is known about an open file. The link count has 32 bits.
pub(super) fn fd_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    stat: u32,
) -> Result {
    let record = fd::filestat(ctx, fd)?.to_unstable_bytes();
    memory.write_record(stat, 8, &record)?;
    Ok(())
}

/// Tells what is known about a file. The link count has 32 bits.
pub(super) fn path_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result {
    let record = path::filestat(ctx, memory, fd, flags, path, path_len)?.to_unstable_bytes();
    memory.write_record(stat, 8, &record)?;
    Ok(())
}

/// Waits until something happens. Subscriptions to clocks have one field more.
pub(super) fn poll_oneoff(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    nevents: u32,
) -> Result {
    poll::poll(
        ctx,
        memory,
        Layout::UNSTABLE,
        subscriptions,
        events,
        count,
        nevents,
    )
}
