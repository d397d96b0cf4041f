//! Flags, rights and records of WASI preview 1, and their layout in the program's memory.

use super::errno::Errno;
use super::{Failure, Result};

/// Declares a set of bits: its width in the ABI, and what each bit means.
macro_rules! bits {
    (
        $(#[doc = $doc:literal])+
        $name:ident: $raw:ident {
            $( $(#[doc = $bit_doc:literal])+ $bit:ident = $value:expr; )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct $name($raw);

        // Not every bit of the ABI is looked at by name.
        #[allow(dead_code, reason = "the tables list the whole ABI")]
        impl $name {
            $( $(#[doc = $bit_doc])+ pub(super) const $bit: $name = $name(1 << $value); )*

            /// No bits.
            pub(super) const NONE: $name = $name(0);

            /// Every bit that has a meaning.
            pub(super) const ALL: $name = $name(0 $(| 1 << $value)*);

            /// The bits as the ABI has them.
            pub(super) const fn raw(self) -> $raw {
                self.0
            }

            /// Takes a value from the program; `EINVAL` where it has bits without a meaning.
            pub(super) fn parse(value: u32) -> Result<$name> {
                match $raw::try_from(value) {
                    Ok(raw) if raw & !Self::ALL.0 == 0 => Ok($name(raw)),
                    _ => Err(Failure::Errno(Errno::Inval)),
                }
            }

            /// Takes the bits that have a meaning and forgets the others.
            pub(super) const fn truncate(value: $raw) -> $name {
                $name(value & Self::ALL.0)
            }

            /// Whether every bit of `other` is set here.
            pub(super) const fn has(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether some bit of `other` is set here.
            pub(super) const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// The bits of both.
            pub(super) const fn with(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// The bits that are here and not in `other`.
            pub(super) const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }

            /// The bits that are in both.
            pub(super) const fn and(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }
        }
    };
}

bits! {
    /// What a descriptor may be used for.
    Rights: u64 {
        /// `fd_datasync`, and opening with `dsync`.
        FD_DATASYNC = 0;
        /// `fd_read` and `sock_recv`.
        FD_READ = 1;
        /// `fd_seek`; implies `FD_TELL`.
        FD_SEEK = 2;
        /// `fd_fdstat_set_flags`.
        FD_FDSTAT_SET_FLAGS = 3;
        /// `fd_sync`, and opening with `sync` or `rsync`.
        FD_SYNC = 4;
        /// `fd_tell`, and `fd_seek` that does not move.
        FD_TELL = 5;
        /// `fd_write` and `sock_send`.
        FD_WRITE = 6;
        /// `fd_advise`.
        FD_ADVISE = 7;
        /// `fd_allocate`.
        FD_ALLOCATE = 8;
        /// `path_create_directory`.
        PATH_CREATE_DIRECTORY = 9;
        /// `path_open` that creates.
        PATH_CREATE_FILE = 10;
        /// `path_link`, as the directory of the existing name.
        PATH_LINK_SOURCE = 11;
        /// `path_link`, as the directory of the new name.
        PATH_LINK_TARGET = 12;
        /// `path_open`.
        PATH_OPEN = 13;
        /// `fd_readdir`.
        FD_READDIR = 14;
        /// `path_readlink`.
        PATH_READLINK = 15;
        /// `path_rename`, as the directory of the existing name.
        PATH_RENAME_SOURCE = 16;
        /// `path_rename`, as the directory of the new name.
        PATH_RENAME_TARGET = 17;
        /// `path_filestat_get`.
        PATH_FILESTAT_GET = 18;
        /// `path_open` that truncates.
        PATH_FILESTAT_SET_SIZE = 19;
        /// `path_filestat_set_times`.
        PATH_FILESTAT_SET_TIMES = 20;
        /// `fd_filestat_get`.
        FD_FILESTAT_GET = 21;
        /// `fd_filestat_set_size`.
        FD_FILESTAT_SET_SIZE = 22;
        /// `fd_filestat_set_times`.
        FD_FILESTAT_SET_TIMES = 23;
        /// `path_symlink`.
        PATH_SYMLINK = 24;
        /// `path_remove_directory`.
        PATH_REMOVE_DIRECTORY = 25;
        /// `path_unlink_file`.
        PATH_UNLINK_FILE = 26;
        /// `poll_oneoff` on the descriptor.
        POLL_FD_READWRITE = 27;
        /// `sock_shutdown`.
        SOCK_SHUTDOWN = 28;
        /// `sock_accept`.
        SOCK_ACCEPT = 29;
    }
}

impl Rights {
    /// What a regular file opened for reading and writing may be used for.
    pub(super) const FILE: Rights = Rights::FD_DATASYNC
        .with(Rights::FD_READ)
        .with(Rights::FD_SEEK)
        .with(Rights::FD_FDSTAT_SET_FLAGS)
        .with(Rights::FD_SYNC)
        .with(Rights::FD_TELL)
        .with(Rights::FD_WRITE)
        .with(Rights::FD_ADVISE)
        .with(Rights::FD_ALLOCATE)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::FD_FILESTAT_SET_SIZE)
        .with(Rights::FD_FILESTAT_SET_TIMES)
        .with(Rights::POLL_FD_READWRITE);

    /// What a directory may be used for. Neither reading, writing nor seeking: libraries take
    /// those rights for a sign that it is a file.
    pub(super) const DIRECTORY: Rights = Rights::DIRECTORY_READ_ONLY
        .with(Rights::PATH_CREATE_DIRECTORY)
        .with(Rights::PATH_CREATE_FILE)
        .with(Rights::PATH_LINK_SOURCE)
        .with(Rights::PATH_LINK_TARGET)
        .with(Rights::PATH_RENAME_SOURCE)
        .with(Rights::PATH_RENAME_TARGET)
        .with(Rights::PATH_FILESTAT_SET_SIZE)
        .with(Rights::PATH_FILESTAT_SET_TIMES)
        .with(Rights::FD_FILESTAT_SET_TIMES)
        .with(Rights::PATH_SYMLINK)
        .with(Rights::PATH_REMOVE_DIRECTORY)
        .with(Rights::PATH_UNLINK_FILE);

    /// What a directory that must not be changed may be used for.
    pub(super) const DIRECTORY_READ_ONLY: Rights = Rights::PATH_OPEN
        .with(Rights::FD_READDIR)
        .with(Rights::PATH_READLINK)
        .with(Rights::PATH_FILESTAT_GET)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::FD_SYNC)
        .with(Rights::FD_DATASYNC);

    /// What a file in a directory that must not be changed may be used for.
    pub(super) const FILE_READ_ONLY: Rights = Rights::FD_READ
        .with(Rights::FD_SEEK)
        .with(Rights::FD_FDSTAT_SET_FLAGS)
        .with(Rights::FD_TELL)
        .with(Rights::FD_ADVISE)
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::FD_SYNC)
        .with(Rights::FD_DATASYNC)
        .with(Rights::POLL_FD_READWRITE);

    /// What a stream without a position (standard input and output) may be used for, besides
    /// reading or writing.
    pub(super) const STREAM: Rights = Rights::FD_FDSTAT_SET_FLAGS
        .with(Rights::FD_FILESTAT_GET)
        .with(Rights::POLL_FD_READWRITE);

    /// What a socket may be used for, besides accepting.
    pub(super) const SOCKET: Rights = Rights::STREAM
        .with(Rights::FD_READ)
        .with(Rights::FD_WRITE)
        .with(Rights::SOCK_SHUTDOWN);

    /// What writing through the descriptor takes, in one way or another.
    pub(super) const FILE_CHANGES: Rights = Rights::FD_WRITE
        .with(Rights::FD_ALLOCATE)
        .with(Rights::FD_FILESTAT_SET_SIZE);
}

bits! {
    /// `fdflags`: how a descriptor behaves.
    FdFlags: u16 {
        /// Writes go to the end of the file.
        APPEND = 0;
        /// Writes wait until the data is on the disk.
        DSYNC = 1;
        /// Reads and writes fail with `EAGAIN` instead of blocking.
        NONBLOCK = 2;
        /// Reads wait as writes do under `DSYNC` and `SYNC`.
        RSYNC = 3;
        /// Writes wait until data and metadata are on the disk.
        SYNC = 4;
    }
}

impl FdFlags {
    /// The flags that can only be given when opening.
    pub(super) const SYNC_FAMILY: FdFlags = FdFlags::DSYNC.with(FdFlags::RSYNC).with(FdFlags::SYNC);
}

bits! {
    /// `oflags`: how `path_open` opens.
    OFlags: u16 {
        /// Create the file if it does not exist.
        CREAT = 0;
        /// Fail if it is not a directory.
        DIRECTORY = 1;
        /// Fail if the file exists.
        EXCL = 2;
        /// Truncate the file.
        TRUNC = 3;
    }
}

bits! {
    /// `lookupflags`: how a path is resolved.
    LookupFlags: u32 {
        /// Follow a symbolic link in the last component.
        SYMLINK_FOLLOW = 0;
    }
}

bits! {
    /// `fstflags`: which timestamps to set.
    FstFlags: u16 {
        /// The access time, to the given value.
        ATIM = 0;
        /// The access time, to now.
        ATIM_NOW = 1;
        /// The modification time, to the given value.
        MTIM = 2;
        /// The modification time, to now.
        MTIM_NOW = 3;
    }
}

bits! {
    /// `riflags`: how `sock_recv` receives.
    RiFlags: u16 {
        /// Leave the data in the queue.
        PEEK = 0;
        /// Wait until the buffers are full.
        WAITALL = 1;
    }
}

bits! {
    /// `sdflags`: which half of a connection `sock_shutdown` ends.
    SdFlags: u8 {
        /// Receiving.
        RD = 0;
        /// Sending.
        WR = 1;
    }
}

bits! {
    /// `subclockflags`: what a clock subscription's timeout means.
    SubClockFlags: u16 {
        /// A time of that clock, rather than a span from now.
        ABSTIME = 0;
    }
}

/// `roflags` of `sock_recv`: the message did not fit the buffers.
pub(super) const RECV_DATA_TRUNCATED: u16 = 1;

/// `eventrwflags` of `poll_oneoff`: the other end has hung up.
pub(super) const EVENT_HANGUP: u16 = 1;

/// `filetype`: what a descriptor or a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FileType {
    /// Something WASI has no word for, such as a pipe.
    Unknown = 0,
    /// A block device.
    BlockDevice = 1,
    /// A character device; for standard streams, a terminal.
    CharacterDevice = 2,
    /// A directory.
    Directory = 3,
    /// A regular file.
    RegularFile = 4,
    /// A stream socket. (5, a datagram socket, is never seen: nothing can make one.)
    SocketStream = 6,
    /// A symbolic link.
    SymbolicLink = 7,
}

impl FileType {
    /// The type of a file of the host.
    pub(super) fn of(host: cap_std::fs::FileType) -> FileType {
        use cap_std::fs::FileTypeExt as _;
        if host.is_file() {
            FileType::RegularFile
        } else if host.is_dir() {
            FileType::Directory
        } else if host.is_symlink() {
            FileType::SymbolicLink
        } else if host.is_char_device() {
            FileType::CharacterDevice
        } else if host.is_block_device() {
            FileType::BlockDevice
        } else if host.is_socket() {
            FileType::SocketStream
        } else {
            FileType::Unknown
        }
    }
}

/// `filestat`: what is known about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStat {
    /// Device the file is on.
    pub(super) dev: u64,
    /// Number of the file on its device.
    pub(super) ino: u64,
    /// What it is.
    pub(super) filetype: FileType,
    /// How many names it has.
    pub(super) nlink: u64,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Last access, in nanoseconds since 1970 (earlier times are given as 1970).
    pub(super) atim: u64,
    /// Last change of the contents, likewise.
    pub(super) mtim: u64,
    /// Last change of the contents or the attributes, likewise.
    pub(super) ctim: u64,
}

impl FileStat {
    /// A stream: nothing is known about it but its type.
    pub(super) fn stream(filetype: FileType) -> FileStat {
        FileStat {
            dev: 0,
            ino: 0,
            filetype,
            nlink: 0,
            size: 0,
            atim: 0,
            mtim: 0,
            ctim: 0,
        }
    }

    /// What the host says about a file.
    pub(super) fn of(host: &cap_std::fs::Metadata) -> FileStat {
        use cap_std::fs::MetadataExt as _;
        FileStat {
            dev: host.dev(),
            ino: host.ino(),
            filetype: FileType::of(host.file_type()),
            nlink: host.nlink(),
            size: host.size(),
            atim: timestamp(host.atime(), host.atime_nsec()),
            mtim: timestamp(host.mtime(), host.mtime_nsec()),
            ctim: timestamp(host.ctime(), host.ctime_nsec()),
        }
    }

    /// The record as `wasi_snapshot_preview1` lays it out.
    pub(super) fn to_bytes(self) -> [u8; 64] {
        let mut record = [0; 64];
        record[0..8].copy_from_slice(&self.dev.to_le_bytes());
        record[8..16].copy_from_slice(&self.ino.to_le_bytes());
        record[16] = self.filetype as u8;
        record[24..32].copy_from_slice(&self.nlink.to_le_bytes());
        record[32..40].copy_from_slice(&self.size.to_le_bytes());
        record[40..48].copy_from_slice(&self.atim.to_le_bytes());
        record[48..56].copy_from_slice(&self.mtim.to_le_bytes());
        record[56..64].copy_from_slice(&self.ctim.to_le_bytes());
        record
    }

    /// The record as `wasi_unstable` lays it out: the link count has 32 bits.
    pub(super) fn to_unstable_bytes(self) -> [u8; 56] {
        let nlink = u32::try_from(self.nlink).unwrap_or(u32::MAX);
        let mut record = [0; 56];
        record[0..8].copy_from_slice(&self.dev.to_le_bytes());
        record[8..16].copy_from_slice(&self.ino.to_le_bytes());
        record[16] = self.filetype as u8;
        record[20..24].copy_from_slice(&nlink.to_le_bytes());
        record[24..32].copy_from_slice(&self.size.to_le_bytes());
        record[32..40].copy_from_slice(&self.atim.to_le_bytes());
        record[40..48].copy_from_slice(&self.mtim.to_le_bytes());
        record[48..56].copy_from_slice(&self.ctim.to_le_bytes());
        record
    }
}

/// Nanoseconds since 1970; times before that, and after 2554, are moved to the nearest that fits.
fn timestamp(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_clamped_to_what_the_abi_can_say() {
        assert_eq!(timestamp(1, 5), 1_000_000_005);
        assert_eq!(timestamp(-1, 999_999_999), 0);
        assert_eq!(timestamp(i64::MAX, 999_999_999), u64::MAX);
        assert_eq!(timestamp(i64::MIN, 0), 0);
    }

    #[test]
    fn flags_without_a_meaning_are_refused() {
        assert!(OFlags::parse(0b1111).is_ok());
        assert!(OFlags::parse(0b1_0000).is_err());
        assert!(FdFlags::parse(1 << 16).is_err());
        assert_eq!(Rights::truncate(u64::MAX), Rights::ALL);
    }
}
