//! Descriptors themselves: what they are, their flags, rights and positions.

use std::io::SeekFrom;
use std::os::fd::{AsFd, BorrowedFd};

use cap_fs_ext::{DirExt as _, OpenOptionsMaybeDirExt as _};
use cap_std::fs::{Metadata, OpenOptions};
use rustix::fs::{OFlags as HostFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::retry_on_intr;

use super::descriptor::{Directory, Kind};
use super::errno::Errno;
use super::types::{FdFlags, FileStat, FstFlags, Rights};
use super::{GuestMemory, Result, WasiCtx};

/// How much room is allocated between looks at the deadline.
const ALLOCATION_BYTES: u64 = 256 << 20;

/// Says how a part of a file is going to be used.
pub(super) fn fd_advise(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result {
    const ADVICE_MAX: u32 = 5;
    if advice > ADVICE_MAX {
        return Err(Errno::Inval.into());
    }
    let descriptor = ctx.descriptors.get(fd)?;
    let open = descriptor.as_file(Rights::FD_ADVISE, Errno::Badf)?;
    if i64::try_from(offset).is_err() || i64::try_from(len).is_err() {
        return Err(Errno::Inval.into());
    }
    advise(open.file.as_fd(), offset, len, advice)
}

#[cfg(target_os = "linux")]
fn advise(file: BorrowedFd<'_>, offset: u64, len: u64, advice: u32) -> Result {
    use rustix::fs::Advice;
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        _ => Advice::NoReuse,
    };
    // No length means: to the end.
    Ok(rustix::fs::fadvise(
        file,
        offset,
        std::num::NonZeroU64::new(len),
        advice,
    )?)
}

/// Advice may be ignored, and is where the operating system does not take any.
#[cfg(not(target_os = "linux"))]
fn advise(_: BorrowedFd<'_>, _: u64, _: u64, _: u32) -> Result {
    Ok(())
}

/// Makes sure that there is room on the disk for a part of a file, which grows if it must.
pub(super) fn fd_allocate(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    len: u64,
) -> Result {
    let (descriptors, waiter) = ctx.split();
    let open = descriptors
        .get(fd)?
        .as_file(Rights::FD_ALLOCATE, Errno::Badf)?;
    let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
    if len == 0 {
        return Err(Errno::Inval.into());
    }
    if i64::try_from(end).is_err() {
        return Err(Errno::Fbig.into());
    }
    let step = if waiter.has_deadline() {
        ALLOCATION_BYTES
    } else {
        len
    };
    let mut from = offset;
    while from < end {
        waiter.remaining()?;
        let part = (end - from).min(step);
        retry_on_intr(|| allocate(open.file.as_fd(), from, part))?;
        from += part;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn allocate(file: BorrowedFd<'_>, offset: u64, len: u64) -> rustix::io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), offset, len)
}

/// What other operating systems have for this can truncate the file.
#[cfg(not(target_os = "linux"))]
fn allocate(_: BorrowedFd<'_>, _: u64, _: u64) -> rustix::io::Result<()> {
    Err(rustix::io::Errno::NOTSUP)
}

/// Closes a descriptor.
pub(super) fn fd_close(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    drop(ctx.descriptors.remove(fd)?);
    Ok(())
}

/// Waits until a file's data is on the disk.
pub(super) fn fd_datasync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    sync(ctx, fd, Rights::FD_DATASYNC, host_datasync)
}

#[cfg(not(target_vendor = "apple"))]
fn host_datasync(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    rustix::fs::fdatasync(file)
}

/// Apple's systems have only the stronger call.
#[cfg(target_vendor = "apple")]
fn host_datasync(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    rustix::fs::fsync(file)
}

/// Waits until a file's data and metadata are on the disk.
pub(super) fn fd_sync(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32) -> Result {
    sync(ctx, fd, Rights::FD_SYNC, |file| rustix::fs::fsync(file))
}

fn sync(
    ctx: &WasiCtx,
    fd: u32,
    right: Rights,
    operation: fn(BorrowedFd<'_>) -> rustix::io::Result<()>,
) -> Result {
    let descriptor = ctx.descriptors.get(fd)?;
    if let Kind::Directory(Directory { dir, .. }) = &descriptor.kind {
        descriptor.require(right)?;
        // The descriptor may be one for looking up paths only.
        let readable = dir.open_with(".", OpenOptions::new().read(true).maybe_dir(true))?;
        return Ok(retry_on_intr(|| operation(readable.as_fd()))?);
    }
    let open = descriptor.as_file(right, Errno::Inval)?;
    Ok(retry_on_intr(|| operation(open.file.as_fd()))?)
}

/// Tells what a descriptor is and what it may be used for.
pub(super) fn fd_fdstat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    stat: u32,
) -> Result {
    let descriptor = ctx.descriptors.get(fd)?;
    let mut record = [0; 24];
    record[0] = descriptor.filetype() as u8;
    record[2..4].copy_from_slice(&descriptor.flags.raw().to_le_bytes());
    record[8..16].copy_from_slice(&descriptor.rights.raw().to_le_bytes());
    record[16..24].copy_from_slice(&descriptor.inheriting.raw().to_le_bytes());
    memory.write_record(stat, 8, &record)?;
    Ok(())
}

/// Changes how a descriptor behaves. `append` and `nonblock` can change, the others not.
pub(super) fn fd_fdstat_set_flags(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
) -> Result {
    let flags = FdFlags::parse(flags)?;
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if let Kind::Directory(_) = descriptor.kind {
        return Err(Errno::Badf.into());
    }
    descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
    let changed = flags
        .without(descriptor.flags)
        .with(descriptor.flags.without(flags));
    if changed.intersects(FdFlags::SYNC_FAMILY) {
        return Err(Errno::Inval.into());
    }
    // The host's flags of streams are shared with other processes, and those of sockets are
    // fixed: `io` and `sock` see to it that they behave as if they had changed.
    if let Kind::File(open) = &descriptor.kind {
        let mut host = rustix::fs::fcntl_getfl(&open.file)?;
        host.set(HostFlags::APPEND, flags.has(FdFlags::APPEND));
        host.set(HostFlags::NONBLOCK, flags.has(FdFlags::NONBLOCK));
        rustix::fs::fcntl_setfl(&open.file, host)?;
    }
    descriptor.flags = flags;
    Ok(())
}

/// Takes rights from a descriptor. They cannot be given back: `ENOTCAPABLE`.
pub(super) fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result {
    let (base, inheriting) = (Rights::truncate(base), Rights::truncate(inheriting));
    let descriptor = ctx.descriptors.get_mut(fd)?;
    if !descriptor.rights.has(base) || !descriptor.inheriting.has(inheriting) {
        return Err(Errno::NotCapable.into());
    }
    descriptor.rights = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

/// Tells what is known about an open file.
pub(super) fn fd_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    stat: u32,
) -> Result {
    let record = filestat(ctx, fd)?.to_bytes();
    memory.write_record(stat, 8, &record)?;
    Ok(())
}

/// What is known about an open file.
pub(super) fn filestat(ctx: &WasiCtx, fd: u32) -> Result<FileStat> {
    let descriptor = ctx.descriptors.get(fd)?;
    descriptor.require(Rights::FD_FILESTAT_GET)?;
    match &descriptor.kind {
        Kind::File(open) => Ok(FileStat::of(&Metadata::from_file(&open.file)?)),
        Kind::Directory(directory) => Ok(FileStat::of(&directory.dir.dir_metadata()?)),
        Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => {
            Ok(FileStat::stream(descriptor.filetype()))
        }
    }
}

/// Changes the size of a file. What is added reads as zeros.
pub(super) fn fd_filestat_set_size(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    size: u64,
) -> Result {
    let descriptor = ctx.descriptors.get(fd)?;
    let open = descriptor.as_file(Rights::FD_FILESTAT_SET_SIZE, Errno::Badf)?;
    if i64::try_from(size).is_err() {
        return Err(Errno::Fbig.into());
    }
    Ok(retry_on_intr(|| rustix::fs::ftruncate(&open.file, size))?)
}

/// What is to become of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTime {
    /// It stays.
    Unchanged,
    /// The time when it is set.
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

/// Reads the arguments of the functions that set times: for access and for modification.
pub(super) fn new_times(atim: u64, mtim: u64, fst_flags: u32) -> Result<(NewTime, NewTime)> {
    let flags = FstFlags::parse(fst_flags)?;
    let new_time = |at: FstFlags, now: FstFlags, time| match (flags.has(at), flags.has(now)) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(NewTime::At(time)),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Unchanged),
    };
    let access = new_time(FstFlags::ATIM, FstFlags::ATIM_NOW, atim)?;
    let modification = new_time(FstFlags::MTIM, FstFlags::MTIM_NOW, mtim)?;
    Ok((access, modification))
}

/// Sets the times of an open file.
pub(super) fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _: &mut GuestMemory<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result {
    let (access, modification) = new_times(atim, mtim, fst_flags)?;
    let descriptor = ctx.descriptors.get(fd)?;
    if let Kind::Directory(Directory { dir, .. }) = &descriptor.kind {
        descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
        let (access, modification) = (access.for_path(), modification.for_path());
        return Ok(dir.set_symlink_times(".", access, modification)?);
    }
    let open = descriptor.as_file(Rights::FD_FILESTAT_SET_TIMES, Errno::Badf)?;
    let times = Timestamps {
        last_access: access.for_file(),
        last_modification: modification.for_file(),
    };
    Ok(rustix::fs::futimens(&open.file, &times)?)
}

impl NewTime {
    fn for_file(self) -> Timespec {
        const NANOSECONDS: u64 = 1_000_000_000;
        // The types differ between platforms; all of them hold these numbers.
        match self {
            NewTime::Unchanged => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT as _,
            },
            NewTime::Now => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW as _,
            },
            NewTime::At(time) => Timespec {
                tv_sec: (time / NANOSECONDS) as _,
                tv_nsec: (time % NANOSECONDS) as _,
            },
        }
    }

    /// The same as `cap-std` takes it.
    pub(super) fn for_path(self) -> Option<cap_fs_ext::SystemTimeSpec> {
        use cap_fs_ext::SystemTimeSpec;
        use cap_std::time::SystemTime;
        use std::time::{Duration, UNIX_EPOCH};
        match self {
            NewTime::Unchanged => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(time) => {
                let time = UNIX_EPOCH + Duration::from_nanos(time);
                Some(SystemTimeSpec::Absolute(SystemTime::from_std(time)))
            }
        }
    }
}

/// Tells that a descriptor is a directory the program started with, and how long its name is.
/// `EBADF` for others, by which programs find out how many there are.
pub(super) fn fd_prestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    prestat: u32,
) -> Result {
    let Kind::Directory(Directory {
        preopen: Some(name),
        ..
    }) = &ctx.descriptors.get(fd)?.kind
    else {
        return Err(Errno::Badf.into());
    };
    // The tag 0 means a directory, and there are no other tags.
    let mut record = [0; 8];
    record[4..8].copy_from_slice(&(name.len() as u32).to_le_bytes());
    memory.write_record(prestat, 4, &record)?;
    Ok(())
}

/// Writes the name of a directory the program started with.
pub(super) fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let Kind::Directory(Directory {
        preopen: Some(name),
        ..
    }) = &ctx.descriptors.get(fd)?.kind
    else {
        return Err(Errno::NotDir.into());
    };
    if name.len() > path_len as usize {
        return Err(Errno::NameTooLong.into());
    }
    memory.write(path, name.as_bytes())?;
    Ok(())
}

/// Moves a descriptor to another number that is in use, closing what was there.
pub(super) fn fd_renumber(ctx: &mut WasiCtx, _: &mut GuestMemory<'_>, fd: u32, to: u32) -> Result {
    Ok(ctx.descriptors.renumber(fd, to)?)
}

/// What an offset of [`seek`] counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// The start of the file.
    Set,
    /// The current position.
    Current,
    /// The end of the file.
    End,
}

/// Moves a file's current position, and tells it.
pub(super) fn fd_seek(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: u64,
    whence: u32,
    newoffset: u32,
) -> Result {
    let whence = match whence {
        0 => Whence::Set,
        1 => Whence::Current,
        2 => Whence::End,
        _ => return Err(Errno::Inval.into()),
    };
    seek(ctx, memory, fd, offset.cast_signed(), whence, newoffset)
}

/// Moves a file's current position, and tells it.
pub(super) fn seek(
    ctx: &WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: Whence,
    newoffset: u32,
) -> Result {
    let moves = offset != 0 || whence != Whence::Current;
    let descriptor = ctx.descriptors.get(fd)?;
    // The right to move the position includes looking at it.
    let needed = match moves || descriptor.rights.has(Rights::FD_SEEK) {
        true => Rights::FD_SEEK,
        false => Rights::FD_TELL,
    };
    let open = descriptor.as_file(needed, Errno::Spipe)?;
    let to = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        Whence::Current => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    let position = std::io::Seek::seek(&mut &open.file, to)?;
    memory.write_u64(newoffset, position)?;
    Ok(())
}

/// Tells a file's current position.
pub(super) fn fd_tell(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: u32,
) -> Result {
    seek(ctx, memory, fd, 0, Whence::Current, offset)
}
