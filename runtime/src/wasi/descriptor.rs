//! The table of open descriptors, and what a descriptor can be.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use cap_std::fs::Dir;

use super::errno::Errno;
use super::readdir::Listing;
use super::stdio::{InputStream, OutputStream};
use super::types::{FdFlags, FileType, Rights};

/// An open descriptor.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// What it stands for.
    pub(super) kind: Kind,
    /// What it may be used for.
    pub(super) rights: Rights,
    /// What descriptors opened through it may be used for, if they are for something it is
    /// useful for.
    pub(super) inheriting: Rights,
    /// How it behaves.
    pub(super) flags: FdFlags,
}

/// What a descriptor stands for.
#[derive(Debug)]
pub(super) enum Kind {
    /// Standard input.
    Input(InputStream),
    /// Standard output or standard error.
    Output(OutputStream),
    /// A file: regular, or a device or pipe that has a name.
    File(OpenFile),
    /// A directory.
    Directory(Directory),
    /// A socket, listening or connected. The host's descriptor never blocks, see `sock`.
    Socket(OwnedFd),
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// The file. Its position and flags are the host's.
    pub(super) file: File,
    /// What it was when it was opened.
    pub(super) filetype: FileType,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    /// The directory, which paths are resolved beneath.
    pub(super) dir: Dir,
    /// Its name in the program, if the program started with it.
    pub(super) preopen: Option<String>,
    /// How far it has been listed, if listing has begun.
    pub(super) listing: Option<Listing>,
}

impl Descriptor {
    /// A stream the program starts with.
    pub(super) fn stream(kind: Kind, direction: Rights) -> Descriptor {
        let rights = Rights::STREAM.with(direction);
        Descriptor {
            kind,
            rights,
            inheriting: Rights::NONE,
            flags: FdFlags::NONE,
        }
    }

    /// A directory.
    pub(super) fn directory(
        dir: Dir,
        preopen: Option<String>,
        rights: Rights,
        inheriting: Rights,
    ) -> Descriptor {
        let kind = Kind::Directory(Directory {
            dir,
            preopen,
            listing: None,
        });
        Descriptor {
            kind,
            rights,
            inheriting,
            flags: FdFlags::NONE,
        }
    }

    /// Checks that the descriptor may be used for something. Reading what is not open for
    /// reading, or writing, is `EBADF` as everywhere; the lack of another right is `ENOTCAPABLE`.
    pub(super) fn require(&self, needed: Rights) -> Result<(), Errno> {
        let missing = needed.without(self.rights);
        if missing == Rights::NONE {
            Ok(())
        } else if missing.intersects(Rights::FD_READ.with(Rights::FD_WRITE)) {
            Err(Errno::Badf)
        } else {
            Err(Errno::NotCapable)
        }
    }

    /// The directory, which may be used for what is needed; `ENOTDIR` if it is none.
    pub(super) fn as_directory(&self, needed: Rights) -> Result<&Directory, Errno> {
        match &self.kind {
            Kind::Directory(directory) => {
                self.require(needed)?;
                Ok(directory)
            }
            _ => Err(Errno::NotDir),
        }
    }

    /// The file, which may be used for what is needed: `EBADF` for a directory, `without_position`
    /// for a stream.
    pub(super) fn as_file(
        &self,
        needed: Rights,
        without_position: Errno,
    ) -> Result<&OpenFile, Errno> {
        match &self.kind {
            Kind::File(file) => {
                self.require(needed)?;
                Ok(file)
            }
            Kind::Directory(_) => Err(Errno::Badf),
            Kind::Input(_) | Kind::Output(_) | Kind::Socket(_) => Err(without_position),
        }
    }

    /// The socket, which may be used for what is needed; `ENOTSOCK` if it is none.
    pub(super) fn as_socket(&self, needed: Rights) -> Result<BorrowedFd<'_>, Errno> {
        match &self.kind {
            Kind::Socket(socket) => {
                self.require(needed)?;
                Ok(socket.as_fd())
            }
            _ => Err(Errno::NotSock),
        }
    }

    /// Whether calls are not to block.
    pub(super) fn is_nonblocking(&self) -> bool {
        self.flags.has(FdFlags::NONBLOCK)
    }

    /// What the descriptor stands for, as the ABI says it. A standard stream is a terminal, or
    /// something a program need not know more about.
    pub(super) fn filetype(&self) -> FileType {
        let fd = match &self.kind {
            Kind::Input(input) => input.fd(),
            Kind::Output(output) => output.fd(),
            Kind::File(file) => return file.filetype,
            Kind::Directory(_) => return FileType::Directory,
            Kind::Socket(_) => return FileType::SocketStream,
        };
        match fd {
            Some(fd) if std::io::IsTerminal::is_terminal(&fd) => FileType::CharacterDevice,
            _ => FileType::Unknown,
        }
    }
}

/// The open descriptors of a program, by number.
#[derive(Debug)]
pub(super) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// No slot before this one is free.
    first_free: usize,
    open: usize,
    open_max: usize,
}

impl Descriptors {
    /// An empty table that takes at most `open_max` descriptors when the program opens one.
    pub(super) fn new(open_max: usize) -> Descriptors {
        Descriptors {
            slots: Vec::new(),
            first_free: 0,
            open: 0,
            open_max,
        }
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// The descriptor with this number; `EBADF` if there is none.
    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        match self.slots.get(fd as usize) {
            Some(Some(descriptor)) => Ok(descriptor),
            _ => Err(Errno::Badf),
        }
    }

    /// Likewise, to be changed.
    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        match self.slots.get_mut(fd as usize) {
            Some(Some(descriptor)) => Ok(descriptor),
            _ => Err(Errno::Badf),
        }
    }

    /// Checks that the program may open one more; `EMFILE` if not. To be called before anything
    /// is done that opening would leave behind.
    pub(super) fn check_room(&self) -> Result<(), Errno> {
        if self.open < self.open_max {
            Ok(())
        } else {
            Err(Errno::Mfile)
        }
    }

    /// Adds a descriptor under the lowest free number.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.slots[self.first_free..]
            .iter()
            .position(Option::is_none);
        let slot = free.map_or(self.slots.len(), |offset| self.first_free + offset);
        // Numbers are signed in C.
        let Some(fd) = u32::try_from(slot)
            .ok()
            .filter(|&fd| fd <= i32::MAX.cast_unsigned())
        else {
            return Err(Errno::Mfile);
        };
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(descriptor);
        self.first_free = slot + 1;
        self.open += 1;
        Ok(fd)
    }

    /// Removes a descriptor; `EBADF` if there is none.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = fd as usize;
        let descriptor = self.slots.get_mut(slot).and_then(Option::take);
        let descriptor = descriptor.ok_or(Errno::Badf)?;
        self.first_free = self.first_free.min(slot);
        self.open -= 1;
        Ok(descriptor)
    }

    /// Moves a descriptor to another number that is in use, closing what was there.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let descriptor = self.remove(from)?;
            *self.get_mut(to)? = descriptor;
        }
        Ok(())
    }
}
