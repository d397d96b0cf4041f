//! Names in directories: `path_*`.
//!
//! Every path is relative to a directory descriptor and resolved beneath it by `cap-std`. A path
//! that leads out is `EPERM`.

use std::fs::File;
use std::io;
use std::time::Duration;

use cap_fs_ext::{
    DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsMaybeDirExt as _,
    OpenOptionsSyncExt as _,
};
use cap_std::fs::{Dir, FileTypeExt as _, Metadata, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags as HostFlags;

use super::ctx::Waiter;
use super::descriptor::{Descriptor, Kind, OpenFile};
use super::errno::Errno;
use super::fd::new_times;
use super::types::{FdFlags, FileStat, FileType, LookupFlags, OFlags, Rights};
use super::{GuestMemory, Result, WasiCtx};

/// How long to wait between attempts to open a pipe nobody reads, while there is a deadline.
const PIPE_RETRY: Duration = Duration::from_millis(5);

/// The directory with this number, for resolving paths.
fn directory(ctx: &WasiCtx, fd: u32, needed: Rights) -> Result<&Dir> {
    Ok(&ctx.descriptors.get(fd)?.as_directory(needed)?.dir)
}

/// Whether a path can only be for a directory, which a symbolic link at its end leads to.
fn names_directory(path: &str) -> bool {
    path.ends_with('/')
}

/// Creates a directory.
pub(super) fn path_create_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = directory(ctx, fd, Rights::PATH_CREATE_DIRECTORY)?;
    Ok(dir.create_dir(memory.path(path, path_len)?)?)
}

/// Tells what is known about a file.
pub(super) fn path_filestat_get(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    stat: u32,
) -> Result {
    let record = filestat(ctx, memory, fd, flags, path, path_len)?.to_bytes();
    memory.write_record(stat, 8, &record)?;
    Ok(())
}

/// What is known about a file.
pub(super) fn filestat(
    ctx: &WasiCtx,
    memory: &GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
) -> Result<FileStat> {
    let follow = LookupFlags::parse(flags)?.has(LookupFlags::SYMLINK_FOLLOW);
    let dir = directory(ctx, fd, Rights::PATH_FILESTAT_GET)?;
    let path = memory.path(path, path_len)?;
    let metadata = if follow || names_directory(path) {
        dir.metadata(path)?
    } else {
        dir.symlink_metadata(path)?
    };
    Ok(FileStat::of(&metadata))
}

/// Sets the times of a file.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result {
    let follow = LookupFlags::parse(flags)?.has(LookupFlags::SYMLINK_FOLLOW);
    let (access, modification) = new_times(atim, mtim, fst_flags)?;
    let (access, modification) = (access.for_path(), modification.for_path());
    let dir = directory(ctx, fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    let path = memory.path(path, path_len)?;

    // Following means opening, which can block, or be denied though setting times is allowed. So
    // it is left for where there is a link to be followed.
    let follow = follow && !names_directory(path) && dir.symlink_metadata(path)?.is_symlink();
    if !follow {
        return Ok(dir.set_symlink_times(path, access, modification)?);
    }
    let target = dir.metadata(path)?;
    if !target.is_file() && !target.is_dir() {
        return Err(Errno::NotSup.into());
    }
    Ok(dir.set_times(path, access, modification)?)
}

/// Gives a file another name. A symbolic link gets it itself: following it is `EINVAL`.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn path_link(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let old_dir = directory(ctx, old_fd, Rights::PATH_LINK_SOURCE)?;
    let new_dir = directory(ctx, new_fd, Rights::PATH_LINK_TARGET)?;
    let old_path = memory.path(old_path, old_path_len)?;
    let new_path = memory.path(new_path, new_path_len)?;
    if LookupFlags::parse(old_flags)?.has(LookupFlags::SYMLINK_FOLLOW) {
        return Err(Errno::Inval.into());
    }
    Ok(old_dir.hard_link(old_path, new_dir, new_path)?)
}

/// Opens a file or directory, and tells its number.
///
/// Of the rights asked for, reading and writing decide how it is opened; it gets the others as
/// far as the directory passes them on.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn path_open(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    rights_base: u64,
    _rights_inheriting: u64,
    fdflags: u32,
    opened_fd: u32,
) -> Result {
    let rights = Rights::truncate(rights_base);
    let request = Request {
        path: memory.path(path, path_len)?,
        follow: LookupFlags::parse(dirflags)?.has(LookupFlags::SYMLINK_FOLLOW),
        oflags: OFlags::parse(oflags)?,
        fdflags: FdFlags::parse(fdflags)?,
        read: rights.has(Rights::FD_READ),
        write: rights.has(Rights::FD_WRITE),
    };
    let (descriptors, mut waiter) = ctx.split();
    let parent = descriptors.get(fd)?;
    let dir = &parent.as_directory(request.needed())?.dir;
    let inheriting = parent.inheriting;
    request.check(inheriting)?;
    descriptors.check_room()?;

    let (file, filetype) = request.open(dir, &mut waiter)?;
    let descriptor = if filetype == FileType::Directory {
        let rights = Rights::DIRECTORY.and(inheriting);
        Descriptor::directory(Dir::from_std_file(file), None, rights, inheriting)
    } else {
        let rights = request.file_rights().and(inheriting);
        let kind = Kind::File(OpenFile { file, filetype });
        Descriptor {
            kind,
            rights,
            inheriting: rights,
            flags: request.fdflags,
        }
    };
    let number = descriptors.insert(descriptor)?;
    memory.write_u32(opened_fd, number)?;
    Ok(())
}

/// What the program wants opened, and how.
struct Request<'a> {
    path: &'a str,
    follow: bool,
    oflags: OFlags,
    fdflags: FdFlags,
    read: bool,
    write: bool,
}

impl Request<'_> {
    /// The rights the directory must have.
    fn needed(&self) -> Rights {
        let mut needed = Rights::PATH_OPEN;
        if self.oflags.has(OFlags::CREAT) {
            needed = needed.with(Rights::PATH_CREATE_FILE);
        }
        if self.oflags.has(OFlags::TRUNC) {
            needed = needed.with(Rights::PATH_FILESTAT_SET_SIZE);
        }
        needed
    }

    /// The rights a file gets, if the directory passes them on.
    fn file_rights(&self) -> Rights {
        let mut rights = Rights::FILE;
        if !self.read {
            rights = rights.without(Rights::FD_READ);
        }
        if !self.write {
            rights = rights.without(Rights::FILE_CHANGES);
        }
        rights
    }

    /// Checks that the request makes sense, and is covered by the rights the directory passes on.
    fn check(&self, inheriting: Rights) -> Result {
        let changing = OFlags::CREAT.with(OFlags::EXCL).with(OFlags::TRUNC);
        if self.oflags.has(OFlags::DIRECTORY) && self.oflags.intersects(changing) {
            return Err(Errno::Inval.into());
        }
        let mut needed = Rights::NONE;
        if self.read {
            needed = needed.with(Rights::FD_READ);
        }
        if self.write {
            needed = needed.with(Rights::FD_WRITE);
        }
        if self.fdflags.intersects(FdFlags::SYNC.with(FdFlags::RSYNC)) {
            needed = needed.with(Rights::FD_SYNC);
        } else if self.fdflags.has(FdFlags::DSYNC) {
            needed = needed.with(Rights::FD_DATASYNC);
        }
        if inheriting.has(needed) {
            Ok(())
        } else {
            Err(Errno::NotCapable.into())
        }
    }

    /// Opens the file, and says what it is.
    fn open(&self, dir: &Dir, waiter: &mut Waiter<'_>) -> Result<(File, FileType)> {
        let file = loop {
            match self.open_once(dir, waiter.has_deadline()) {
                Ok(file) => break file,
                // A pipe nobody reads. Opening it would block, had it not been prevented.
                Err(error)
                    if waiter.has_deadline()
                        && rustix::io::Errno::from_io_error(&error)
                            == Some(rustix::io::Errno::NXIO)
                        && !self.fdflags.has(FdFlags::NONBLOCK)
                        && self.names_pipe(dir) =>
                {
                    if let Some(left) = waiter.remaining()? {
                        waiter.host.sleep(left.min(PIPE_RETRY));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        let filetype = FileType::of(Metadata::from_file(&file)?.file_type());
        if self.oflags.has(OFlags::DIRECTORY) && filetype != FileType::Directory {
            return Err(Errno::NotDir.into());
        }
        let is_special = !matches!(filetype, FileType::Directory | FileType::RegularFile);
        if is_special && waiter.has_deadline() && !self.fdflags.has(FdFlags::NONBLOCK) {
            // Reading and writing wait for it to be ready while there is a deadline.
            let flags = rustix::fs::fcntl_getfl(&file)?;
            rustix::fs::fcntl_setfl(&file, flags - HostFlags::NONBLOCK)?;
        }
        Ok((file, filetype))
    }

    fn names_pipe(&self, dir: &Dir) -> bool {
        dir.metadata(self.path)
            .is_ok_and(|metadata| metadata.file_type().is_fifo())
    }

    fn open_once(&self, dir: &Dir, has_deadline: bool) -> io::Result<File> {
        let create = self.oflags.has(OFlags::CREAT);
        let truncate = self.oflags.has(OFlags::TRUNC);
        let exclusive = self.oflags.has(OFlags::EXCL);
        if create && !self.write && !truncate && !exclusive {
            // Creating takes opening for writing, which a file that exists may not allow and the
            // program does not want.
            match self.open_host(dir, false, false, has_deadline) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return result,
            }
        }
        self.open_host(dir, create, truncate, has_deadline)
    }

    fn open_host(
        &self,
        dir: &Dir,
        create: bool,
        truncate: bool,
        has_deadline: bool,
    ) -> io::Result<File> {
        let write = self.write || create || truncate;
        let directory = self.oflags.has(OFlags::DIRECTORY);
        let mut options = OpenOptions::new();
        // A descriptor that is for neither reading nor writing still is one.
        options
            .read(self.read || !write)
            .write(write)
            .truncate(truncate);
        match self.oflags.has(OFlags::EXCL) {
            true => options.create_new(create),
            false => options.create(create),
        };
        options.maybe_dir(true).follow(match self.follow {
            true => FollowSymlinks::Yes,
            false => FollowSymlinks::No,
        });
        options
            .sync(self.fdflags.has(FdFlags::SYNC))
            .dsync(self.fdflags.has(FdFlags::DSYNC))
            .rsync(self.fdflags.has(FdFlags::RSYNC))
            .nonblock(has_deadline || directory || self.fdflags.has(FdFlags::NONBLOCK));
        // A terminal must not become the controlling one of this process. `append` of the options
        // would exclude truncating. Where `cap-std` follows links by itself, asking for a directory
        // would keep it from seeing that there is one; `open` looks again.
        let mut flags = HostFlags::NOCTTY;
        flags.set(HostFlags::APPEND, self.fdflags.has(FdFlags::APPEND));
        flags.set(HostFlags::DIRECTORY, directory && !self.follow);
        options.custom_flags(flags.bits().cast_signed());
        Ok(dir.open_with(self.path, &options)?.into_std())
    }
}

/// Writes what a symbolic link contains to a buffer, as far as it fits, and how much did.
/// `EPERM` for an absolute path, which is not the program's business.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn path_readlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    bufused: u32,
) -> Result {
    let dir = directory(ctx, fd, Rights::PATH_READLINK)?;
    let link = dir.read_link(memory.path(path, path_len)?)?;
    let link = link.to_str().ok_or(Errno::Ilseq)?.as_bytes();
    let length = link.len().min(buf_len as usize);
    memory.write(buf, &link[..length])?;
    memory.write_u32(bufused, length as u32)?;
    Ok(())
}

/// Removes an empty directory.
pub(super) fn path_remove_directory(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = directory(ctx, fd, Rights::PATH_REMOVE_DIRECTORY)?;
    let path = memory.path(path, path_len)?;
    // A slash says nothing here, but `cap-std` takes it for `/.`, which cannot be removed.
    let name = match path.trim_end_matches('/') {
        "" => path,
        name => name,
    };
    Ok(dir.remove_dir(name)?)
}

/// Renames a file or directory, replacing what had the new name.
#[allow(clippy::too_many_arguments, reason = "the ABI has as many")]
pub(super) fn path_rename(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let old_dir = directory(ctx, old_fd, Rights::PATH_RENAME_SOURCE)?;
    let new_dir = directory(ctx, new_fd, Rights::PATH_RENAME_TARGET)?;
    let old_path = memory.path(old_path, old_path_len)?;
    let new_path = memory.path(new_path, new_path_len)?;
    // `cap-std` forgets a slash at the end of the new name.
    if names_directory(new_path) && !old_dir.symlink_metadata(old_path)?.is_dir() {
        return Err(Errno::NotDir.into());
    }
    Ok(old_dir.rename(old_path, new_dir, new_path)?)
}

/// Creates a symbolic link. One to an absolute path is `EPERM`: it would lead other programs,
/// though not this one, out of the directory.
pub(super) fn path_symlink(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result {
    let dir = directory(ctx, fd, Rights::PATH_SYMLINK)?;
    let contents = memory.path(old_path, old_path_len)?;
    let name = memory.path(new_path, new_path_len)?;
    Ok(dir.symlink(contents, name)?)
}

/// Removes a name that is not one of a directory.
pub(super) fn path_unlink_file(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result {
    let dir = directory(ctx, fd, Rights::PATH_UNLINK_FILE)?;
    Ok(dir.remove_file_or_symlink(memory.path(path, path_len)?)?)
}
