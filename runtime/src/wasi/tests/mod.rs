//! Tests that drive the functions as a program would: through the table, over a memory.

mod basics;
mod directories;
mod escape;
mod files;
mod random_calls;
mod rights;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};

use super::types::Rights;
use super::{Errno, GuestMemory, Stop, WasiCtx, WasiCtxBuilder, find};

/// Size of a program's memory.
const MEMORY_BYTES: usize = 1 << 20;

/// Where the functions put their results.
const RESULT: u32 = 16;

/// Where records the functions fill in are.
const RECORD: u32 = 1024;

/// Where buffers and strings for the functions begin.
const SCRATCH: u32 = 4096;

/// The descriptor of the sandbox.
const ROOT: u32 = 3;

/// `lookupflags`.
const FOLLOW: u64 = 1;

/// `oflags`.
const CREAT: u64 = 1;
const DIRECTORY: u64 = 2;
const EXCL: u64 = 4;
const TRUNC: u64 = 8;

/// `fdflags`.
const APPEND: u64 = 1;
const DSYNC: u64 = 2;
const NONBLOCK: u64 = 4;

/// `rights` that decide how a file is opened.
const READ: u64 = 2;
const WRITE: u64 = 64;

/// What a function made of a call, other than success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Errno(Errno),
    Stop(Stop),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal::Errno(errno)
    }
}

type Answer<T = ()> = Result<T, Refusal>;

/// A program: its memory and what it has been given.
struct Guest {
    ctx: WasiCtx,
    memory: Vec<u8>,
    /// Where the next argument goes.
    next: u32,
    /// The module it imports from.
    module: &'static str,
}

/// A directory with a `sandbox` for a program and an `outside` that it must not reach.
struct World {
    temp: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("sandbox")).unwrap();
        fs::create_dir(temp.path().join("outside")).unwrap();
        World { temp }
    }

    /// A path in the sandbox.
    fn inside(&self, path: &str) -> PathBuf {
        self.temp.path().join("sandbox").join(path)
    }

    /// A path outside.
    fn outside(&self, path: &str) -> PathBuf {
        self.temp.path().join("outside").join(path)
    }

    /// A program that has been given the sandbox as `/`.
    fn guest(&self) -> Guest {
        let mut builder = WasiCtxBuilder::new();
        builder.preopened_dir(self.inside(""), "/").unwrap();
        Guest::new(builder.build())
    }
}

impl Guest {
    fn new(ctx: WasiCtx) -> Guest {
        let module = "wasi_snapshot_preview1";
        Guest {
            ctx,
            memory: vec![0; MEMORY_BYTES],
            next: SCRATCH,
            module,
        }
    }

    /// Calls a function.
    fn call(&mut self, name: &str, arguments: &[u64]) -> Answer {
        let function = find(self.module, name).unwrap_or_else(|| panic!("no function {name}"));
        assert_eq!(
            function.params.len(),
            arguments.len(),
            "arguments of {name}"
        );
        let mut memory = GuestMemory::new(&mut self.memory);
        let result = (function.call)(&mut self.ctx, &mut memory, arguments);
        self.next = SCRATCH;
        match result {
            Ok(0) => Ok(()),
            Ok(number) => {
                let errno = Errno::ALL
                    .iter()
                    .find(|errno| i32::from(errno.raw()) == number);
                Err(Refusal::Errno(*errno.unwrap()))
            }
            Err(stop) => Err(Refusal::Stop(stop)),
        }
    }

    /// Puts bytes where the function will look for them, and tells where that is.
    fn put(&mut self, bytes: &[u8]) -> u64 {
        let address = self.next;
        self.memory[address as usize..][..bytes.len()].copy_from_slice(bytes);
        self.next += u32::try_from(bytes.len().next_multiple_of(8)).unwrap();
        u64::from(address)
    }

    /// Calls a function with a path among its arguments, which `arguments` puts into place.
    fn call_path(
        &mut self,
        name: &str,
        path: impl AsRef<[u8]>,
        arguments: impl FnOnce(u64, u64) -> Vec<u64>,
    ) -> Answer {
        let address = self.put(path.as_ref());
        self.call(name, &arguments(address, path.as_ref().len() as u64))
    }

    /// Puts a list of buffers, and tells where that is.
    fn iovecs(&mut self, buffers: &[(u64, u64)]) -> u64 {
        let records: Vec<u8> = buffers
            .iter()
            .flat_map(|&(address, length)| [address, length])
            .flat_map(|number| u32::try_from(number).unwrap().to_le_bytes())
            .collect();
        self.put(&records)
    }

    fn u16_at(&self, address: u32) -> u16 {
        u16::from_le_bytes(self.memory[address as usize..][..2].try_into().unwrap())
    }

    fn u32_at(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.memory[address as usize..][..4].try_into().unwrap())
    }

    fn u64_at(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.memory[address as usize..][..8].try_into().unwrap())
    }

    /// Opens a path relative to a descriptor.
    fn open_at(
        &mut self,
        fd: u32,
        path: impl AsRef<[u8]>,
        lookup: u64,
        oflags: u64,
        rights: u64,
        fdflags: u64,
    ) -> Answer<u32> {
        self.call_path("path_open", path, |address, length| {
            let inheriting = Rights::ALL.raw();
            let fd = u64::from(fd);
            vec![
                fd,
                lookup,
                address,
                length,
                oflags,
                rights,
                inheriting,
                fdflags,
                RESULT.into(),
            ]
        })?;
        Ok(self.u32_at(RESULT))
    }

    /// Opens a path in the sandbox.
    fn open(&mut self, path: impl AsRef<[u8]>, oflags: u64, rights: u64) -> Answer<u32> {
        self.open_at(ROOT, path, 0, oflags, rights, 0)
    }

    fn close(&mut self, fd: u32) -> Answer {
        self.call("fd_close", &[fd.into()])
    }

    /// Writes bytes from one buffer.
    fn write(&mut self, fd: u32, bytes: &[u8]) -> Answer<u32> {
        let address = self.put(bytes);
        let iovecs = self.iovecs(&[(address, bytes.len() as u64)]);
        self.call("fd_write", &[fd.into(), iovecs, 1, RESULT.into()])?;
        Ok(self.u32_at(RESULT))
    }

    /// Reads at most so many bytes into one buffer.
    fn read(&mut self, fd: u32, length: usize) -> Answer<Vec<u8>> {
        let address = self.put(&vec![0; length]);
        let iovecs = self.iovecs(&[(address, length as u64)]);
        self.call("fd_read", &[fd.into(), iovecs, 1, RESULT.into()])?;
        let count = self.u32_at(RESULT) as usize;
        Ok(self.memory[usize::try_from(address).unwrap()..][..count].to_vec())
    }

    fn seek(&mut self, fd: u32, offset: i64, whence: u64) -> Answer<u64> {
        let arguments = [fd.into(), offset.cast_unsigned(), whence, RESULT.into()];
        self.call("fd_seek", &arguments)?;
        Ok(self.u64_at(RESULT))
    }

    /// `filestat` of an open file.
    fn stat(&mut self, fd: u32) -> Answer<Stat> {
        self.call("fd_filestat_get", &[fd.into(), RECORD.into()])?;
        Ok(self.stat_record())
    }

    /// `filestat` of a path in the sandbox.
    fn stat_path(&mut self, path: &str, lookup: u64) -> Answer<Stat> {
        self.call_path("path_filestat_get", path, |address, length| {
            vec![ROOT.into(), lookup, address, length, RECORD.into()]
        })?;
        Ok(self.stat_record())
    }

    fn stat_record(&self) -> Stat {
        Stat {
            ino: self.u64_at(RECORD + 8),
            filetype: self.memory[RECORD as usize + 16],
            nlink: self.u64_at(RECORD + 24),
            size: self.u64_at(RECORD + 32),
            atim: self.u64_at(RECORD + 40),
            mtim: self.u64_at(RECORD + 48),
        }
    }

    /// File type, flags, and the two sets of rights of a descriptor.
    fn fdstat(&mut self, fd: u32) -> Answer<(u8, u16, u64, u64)> {
        self.call("fd_fdstat_get", &[fd.into(), RECORD.into()])?;
        let filetype = self.memory[RECORD as usize];
        let rights = (self.u64_at(RECORD + 8), self.u64_at(RECORD + 16));
        Ok((filetype, self.u16_at(RECORD + 2), rights.0, rights.1))
    }

    /// Calls one of the functions whose arguments are a descriptor and a path.
    fn path_call(&mut self, name: &str, fd: u32, path: impl AsRef<[u8]>) -> Answer {
        self.call_path(name, path, |address, length| {
            vec![fd.into(), address, length]
        })
    }

    fn create_directory(&mut self, path: &str) -> Answer {
        self.path_call("path_create_directory", ROOT, path)
    }

    fn unlink(&mut self, path: &str) -> Answer {
        self.path_call("path_unlink_file", ROOT, path)
    }

    fn remove_directory(&mut self, path: &str) -> Answer {
        self.path_call("path_remove_directory", ROOT, path)
    }

    fn rename(&mut self, old: &str, new: &str) -> Answer {
        let from = self.put(old.as_bytes());
        let to = self.put(new.as_bytes());
        let (root, old, new) = (ROOT.into(), old.len() as u64, new.len() as u64);
        self.call("path_rename", &[root, from, old, root, to, new])
    }

    fn link(&mut self, lookup: u64, old: &str, new: &str) -> Answer {
        let from = self.put(old.as_bytes());
        let to = self.put(new.as_bytes());
        let (root, old, new) = (ROOT.into(), old.len() as u64, new.len() as u64);
        self.call("path_link", &[root, lookup, from, old, root, to, new])
    }

    fn symlink(&mut self, contents: &str, name: &str) -> Answer {
        let from = self.put(contents.as_bytes());
        let to = self.put(name.as_bytes());
        let arguments = [
            from,
            contents.len() as u64,
            ROOT.into(),
            to,
            name.len() as u64,
        ];
        self.call("path_symlink", &arguments)
    }

    fn readlink(&mut self, path: &str, room: u64) -> Answer<String> {
        self.call_path("path_readlink", path, |address, length| {
            vec![
                ROOT.into(),
                address,
                length,
                RECORD.into(),
                room,
                RESULT.into(),
            ]
        })?;
        let count = self.u32_at(RESULT) as usize;
        Ok(String::from_utf8(self.memory[RECORD as usize..][..count].to_vec()).unwrap())
    }

    /// Sets the times of a path in the sandbox.
    fn set_times(&mut self, lookup: u64, path: &str, atim: u64, mtim: u64, flags: u64) -> Answer {
        self.call_path("path_filestat_set_times", path, |address, length| {
            vec![ROOT.into(), lookup, address, length, atim, mtim, flags]
        })
    }

    /// The whole list of a directory, read with a buffer of this size: names and types.
    fn readdir(&mut self, fd: u32, room: u64) -> Answer<Vec<(String, u8)>> {
        let mut found = Vec::new();
        let mut cookie = 0;
        loop {
            let (entries, is_last) = self.readdir_from(fd, room, cookie)?;
            for entry in &entries {
                found.push((entry.name.clone(), entry.filetype));
            }
            match entries.last() {
                Some(last) if !is_last => cookie = last.next,
                _ => return Ok(found),
            }
        }
    }

    /// One call of `fd_readdir`: the whole entries, and whether the end was reached.
    fn readdir_from(&mut self, fd: u32, room: u64, cookie: u64) -> Answer<(Vec<Entry>, bool)> {
        let buffer = u64::from(SCRATCH);
        self.call(
            "fd_readdir",
            &[fd.into(), buffer, room, cookie, RESULT.into()],
        )?;
        let used = self.u32_at(RESULT);
        let mut entries = Vec::new();
        let mut at = SCRATCH;
        while at + 24 <= SCRATCH + used {
            let length = self.u32_at(at + 16);
            if at + 24 + length > SCRATCH + used {
                break;
            }
            let name = self.memory[at as usize + 24..][..length as usize].to_vec();
            entries.push(Entry {
                next: self.u64_at(at),
                ino: self.u64_at(at + 8),
                filetype: self.memory[at as usize + 20],
                name: String::from_utf8(name).unwrap(),
            });
            at += 24 + length;
        }
        Ok((entries, u64::from(used) < room))
    }
}

/// Fields of `filestat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    ino: u64,
    filetype: u8,
    nlink: u64,
    size: u64,
    atim: u64,
    mtim: u64,
}

/// Fields of `dirent`, and the name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    next: u64,
    ino: u64,
    filetype: u8,
    name: String,
}

/// The refusal with an error number, for comparing.
fn refused<T>(errno: Errno) -> Answer<T> {
    Err(Refusal::Errno(errno))
}

/// Reads a file of the host.
fn contents(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}
