//! Reading and writing: `fd_read`, `fd_write`, `fd_pread`, `fd_pwrite`.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::{preadv, pwritev, retry_on_intr};

use super::ctx::Waiter;
use super::descriptor::{Descriptor, Kind};
use super::errno::Errno;
use super::stdio::{InputStream, OutputStream};
use super::types::{FileType, Rights};
use super::{Failure, GuestMemory, Result, WasiCtx, sock};

/// How many bytes can be written to a pipe that says it is ready without blocking: `PIPE_BUF`,
/// or what POSIX promises at least.
const PIPE_BYTES: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Reads from the current position.
pub(super) fn fd_read(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread: u32,
) -> Result {
    let (descriptors, mut waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    check_no_directory(descriptor, Errno::IsDir)?;
    descriptor.require(Rights::FD_READ)?;
    let mut targets = memory.targets(iovs, iovs_len, waiter.transfer_bytes_max())?;
    let count = match targets.is_empty() {
        true => 0,
        false => read(descriptor, &mut waiter, &mut targets)?,
    };
    memory.write_u32(nread, byte_count(count))?;
    Ok(())
}

/// Reads from a given position, and does not move the current one.
pub(super) fn fd_pread(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread: u32,
) -> Result {
    let (descriptors, waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    check_no_directory(descriptor, Errno::IsDir)?;
    let open = descriptor.as_file(Rights::FD_READ.with(Rights::FD_SEEK), Errno::Spipe)?;
    let mut targets = memory.targets(iovs, iovs_len, waiter.transfer_bytes_max())?;
    check_offset(offset)?;
    let count = match targets.is_empty() {
        true => 0,
        false => retry_on_intr(|| preadv(&open.file, &mut targets, offset))?,
    };
    memory.write_u32(nread, byte_count(count))?;
    Ok(())
}

/// Writes at the current position, or at the end of a file opened to append.
pub(super) fn fd_write(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten: u32,
) -> Result {
    let (descriptors, mut waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    descriptor.require(Rights::FD_WRITE)?;
    let mut sources = memory.sources(iovs, iovs_len, waiter.transfer_bytes_max())?;
    let count = match sources.is_empty() {
        true => 0,
        false => write(descriptor, &mut waiter, &mut sources)?,
    };
    memory.write_u32(nwritten, byte_count(count))?;
    Ok(())
}

/// Writes at a given position, and does not move the current one. In a file opened to append,
/// the operating system decides which is stronger (Linux: appending).
pub(super) fn fd_pwrite(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten: u32,
) -> Result {
    let (descriptors, waiter) = ctx.split();
    let descriptor = descriptors.get(fd)?;
    let open = descriptor.as_file(Rights::FD_WRITE.with(Rights::FD_SEEK), Errno::Spipe)?;
    let sources = memory.sources(iovs, iovs_len, waiter.transfer_bytes_max())?;
    check_offset(offset)?;
    let count = match sources.is_empty() {
        true => 0,
        false => retry_on_intr(|| pwritev(&open.file, &sources, offset))?,
    };
    memory.write_u32(nwritten, byte_count(count))?;
    Ok(())
}

/// The error for using a directory as a file.
fn check_no_directory(descriptor: &Descriptor, errno: Errno) -> Result {
    match descriptor.kind {
        Kind::Directory(_) => Err(errno.into()),
        _ => Ok(()),
    }
}

/// Offsets are signed on the host; on some, -1 means the current position.
fn check_offset(offset: u64) -> Result {
    match i64::try_from(offset) {
        Ok(_) => Ok(()),
        Err(_) => Err(Errno::Inval.into()),
    }
}

/// A number of bytes as the ABI has it. One call moves less than 2 GiB.
pub(super) fn byte_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Reads into buffers, of which there are some and none is empty.
fn read(
    descriptor: &Descriptor,
    waiter: &mut Waiter<'_>,
    targets: &mut [IoSliceMut<'_>],
) -> Result<usize> {
    let nonblocking = descriptor.is_nonblocking();
    match &descriptor.kind {
        Kind::Input(InputStream::Null) => Ok(0),
        Kind::Input(InputStream::Memory(input)) => {
            while !input.is_ready() {
                if nonblocking {
                    return Err(Errno::Again.into());
                }
                input.wait(waiter.remaining()?);
            }
            Ok(input.read(targets))
        }
        Kind::Input(input) => match input.fd() {
            Some(fd) => read_stream(fd, nonblocking, waiter, targets),
            None => Ok(0),
        },
        Kind::File(open) if open.filetype == FileType::RegularFile => {
            Ok(retry_on_intr(|| readv(open.file.as_fd(), targets))?)
        }
        Kind::File(open) => read_stream(open.file.as_fd(), nonblocking, waiter, targets),
        Kind::Socket(socket) => {
            Ok(sock::receive(socket.as_fd(), nonblocking, waiter, targets, sock::PLAIN)?.count)
        }
        Kind::Output(_) | Kind::Directory(_) => Err(Errno::Badf.into()),
    }
}

/// Reads into buffers. For one buffer, the usual case, the plain call costs a third less.
fn readv(fd: BorrowedFd<'_>, targets: &mut [IoSliceMut<'_>]) -> rustix::io::Result<usize> {
    match targets {
        [target] => rustix::io::read(fd, &mut target[..]),
        targets => rustix::io::readv(fd, targets),
    }
}

/// Writes from buffers, likewise.
fn writev(fd: BorrowedFd<'_>, sources: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
    match sources {
        [source] => rustix::io::write(fd, source),
        sources => rustix::io::writev(fd, sources),
    }
}

/// Reads from what may block.
fn read_stream(
    fd: BorrowedFd<'_>,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    targets: &mut [IoSliceMut<'_>],
) -> Result<usize> {
    waiter.before(fd, PollFlags::IN, nonblocking)?;
    loop {
        match retry_on_intr(|| readv(fd, targets)) {
            // Another process has made the shared pipe or terminal non-blocking.
            Err(rustix::io::Errno::AGAIN) if !nonblocking => waiter.block(fd, PollFlags::IN)?,
            result => return Ok(result?),
        }
    }
}

/// Writes from buffers, of which there are some and none is empty.
fn write(
    descriptor: &Descriptor,
    waiter: &mut Waiter<'_>,
    sources: &mut [IoSlice<'_>],
) -> Result<usize> {
    let nonblocking = descriptor.is_nonblocking();
    match &descriptor.kind {
        Kind::Output(OutputStream::Null) => Ok(sources.iter().map(|source| source.len()).sum()),
        Kind::Output(OutputStream::Memory(output)) => Ok(output.write(sources)?),
        Kind::Output(output) => match output.fd() {
            Some(fd) => write_stream(fd, nonblocking, waiter, sources),
            None => Ok(0),
        },
        Kind::File(open) if open.filetype == FileType::RegularFile => {
            Ok(retry_on_intr(|| writev(open.file.as_fd(), sources))?)
        }
        Kind::File(open) => write_stream(open.file.as_fd(), nonblocking, waiter, sources),
        Kind::Socket(socket) => sock::send(socket.as_fd(), nonblocking, waiter, sources),
        Kind::Input(_) | Kind::Directory(_) => Err(Errno::Badf.into()),
    }
}

/// Writes to what may block. Where that does not matter, this is one system call.
fn write_stream(
    fd: BorrowedFd<'_>,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    sources: &mut [IoSlice<'_>],
) -> Result<usize> {
    if (nonblocking || waiter.has_deadline()) && !is_regular(fd) {
        return write_in_pieces(fd, nonblocking, waiter, sources);
    }
    loop {
        match retry_on_intr(|| writev(fd, sources)) {
            // Another process has made the shared pipe or terminal non-blocking.
            Err(rustix::io::Errno::AGAIN) if !nonblocking => waiter.block(fd, PollFlags::OUT)?,
            result => return Ok(result?),
        }
    }
}

/// Whether output goes to a regular file, which does not block.
fn is_regular(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| {
        rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
    })
}

/// Writes as much as a ready pipe takes without blocking, until all is written, or there is no
/// more room and no waiting either.
fn write_in_pieces(
    fd: BorrowedFd<'_>,
    nonblocking: bool,
    waiter: &mut Waiter<'_>,
    sources: &mut [IoSlice<'_>],
) -> Result<usize> {
    let mut rest = sources;
    let mut total = 0;
    while !rest.is_empty() {
        let written = waiter
            .before(fd, PollFlags::OUT, nonblocking)
            .and_then(|()| Ok(retry_on_intr(|| writev(fd, &prefix(rest, PIPE_BYTES)))?));
        match written {
            Ok(count) => {
                total += count;
                IoSlice::advance_slices(&mut rest, count);
            }
            Err(Failure::Errno(Errno::Again)) if !nonblocking => {}
            // What has been written is told first; the error comes again with the next call.
            Err(Failure::Errno(_)) if total > 0 => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(total)
}

/// The first `bytes_max` bytes of some buffers.
fn prefix<'a>(sources: &'a [IoSlice<'_>], bytes_max: usize) -> Vec<IoSlice<'a>> {
    let mut left = bytes_max;
    let mut pieces = Vec::new();
    for source in sources {
        let piece = &source[..source.len().min(left)];
        left -= piece.len();
        pieces.push(IoSlice::new(piece));
        if left == 0 {
            break;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_cuts_across_buffers() {
        let sources = [
            IoSlice::new(b"abc"),
            IoSlice::new(b"def"),
            IoSlice::new(b"ghi"),
        ];
        let text = |bytes_max| {
            prefix(&sources, bytes_max)
                .iter()
                .map(|s| s.to_vec())
                .collect()
        };
        let pieces: Vec<Vec<u8>> = text(4);
        assert_eq!(pieces, [b"abc".to_vec(), b"d".to_vec()]);
        let pieces: Vec<Vec<u8>> = text(3);
        assert_eq!(pieces, [b"abc".to_vec()]);
        let pieces: Vec<Vec<u8>> = text(100);
        assert_eq!(pieces.concat(), b"abcdefghi");
    }
}
