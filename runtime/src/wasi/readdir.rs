//! Listing directories: `fd_readdir`.
//!
//! An entry's cookie is its place in the list: `.` is 0, `..` is 1, what the operating system
//! lists comes after. A listing goes on where the program stopped reading it, as long as it asks
//! for what comes next; so files that are deleted meanwhile do not make it skip others. A
//! program that asks for an earlier place starts a new listing.

use std::io;

use cap_std::fs::{Dir, MetadataExt as _, ReadDir};

use super::descriptor::{Directory, Kind};
use super::errno::Errno;
use super::types::{FileType, Rights};
use super::{GuestMemory, Result, WasiCtx};

/// Size of a `dirent` record, which the name follows.
const RECORD_BYTES: usize = 24;

/// How many entries come before those of the operating system.
const OWN_ENTRIES: u64 = 2;

/// A directory's list of entries, while it is read.
#[derive(Debug)]
pub(super) struct Listing {
    entries: ReadDir,
    /// The place of the next entry.
    place: u64,
    /// The next entry, if it has been fetched and did not fit the program's buffer, or why it
    /// cannot be told.
    fetched: Option<Result<Entry, Errno>>,
}

#[derive(Clone, Debug)]
struct Entry {
    ino: u64,
    filetype: FileType,
    name: String,
}

/// Writes the entries from `cookie` on to a buffer, and how much of it is used. Less than all
/// means that there are no more; the last entry may be cut off.
pub(super) fn fd_readdir(
    ctx: &mut WasiCtx,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    bufused: u32,
) -> Result {
    let (descriptors, waiter) = ctx.split();
    let descriptor = descriptors.get_mut(fd)?;
    descriptor.as_directory(Rights::FD_READDIR)?;
    let Kind::Directory(directory) = &mut descriptor.kind else {
        return Err(Errno::NotDir.into());
    };
    if cookie == 0 {
        directory.listing = None;
    }

    let mut room = memory.bytes_mut(buf, buf_len)?;
    let mut place = cookie;
    while !room.is_empty() {
        waiter.remaining()?;
        let Some(entry) = directory.entry(place)? else {
            break;
        };
        let record = entry.to_bytes(place + 1);
        let length = record.len().min(room.len());
        let (filled, rest) = room.split_at_mut(length);
        filled.copy_from_slice(&record[..length]);
        room = rest;
        if length == record.len() {
            directory.advance_from(place);
            place += 1;
        }
    }
    let used = buf_len - room.len() as u32;
    memory.write_u32(bufused, used)?;
    Ok(())
}

impl Entry {
    /// The `dirent` record and the name.
    fn to_bytes(&self, next: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD_BYTES + self.name.len());
        bytes.extend_from_slice(&next.to_le_bytes());
        bytes.extend_from_slice(&self.ino.to_le_bytes());
        // A name has at most 255 bytes.
        bytes.extend_from_slice(&(self.name.len() as u32).to_le_bytes());
        bytes.push(self.filetype as u8);
        bytes.resize(RECORD_BYTES, 0);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }
}

impl Directory {
    /// The entry at a place, if there are as many.
    fn entry(&mut self, place: u64) -> Result<Option<Entry>> {
        if place < OWN_ENTRIES {
            // Also for `..` the directory itself: what is above it is not the program's business.
            let name = if place == 0 { "." } else { ".." };
            let ino = self.dir.dir_metadata()?.ino();
            let filetype = FileType::Directory;
            return Ok(Some(Entry {
                ino,
                filetype,
                name: name.to_owned(),
            }));
        }
        let listing = match &mut self.listing {
            Some(listing) if listing.place <= place => listing,
            stale => stale.insert(Listing::new(&self.dir)?),
        };
        while listing.place < place {
            if listing.fetch()?.is_none() {
                return Ok(None);
            }
            listing.advance();
        }
        match listing.fetch()? {
            Some(entry) => Ok(Some(entry.clone()?)),
            None => Ok(None),
        }
    }

    /// Forgets the entry at a place, which has been told to the program.
    fn advance_from(&mut self, place: u64) {
        match &mut self.listing {
            Some(listing) if listing.place == place => listing.advance(),
            _ => {}
        }
    }
}

impl Listing {
    fn new(dir: &Dir) -> io::Result<Listing> {
        Ok(Listing {
            entries: dir.entries()?,
            place: OWN_ENTRIES,
            fetched: None,
        })
    }

    /// The next entry. One whose name is not UTF-8 is `EILSEQ`, as WASI cannot say it.
    fn fetch(&mut self) -> Result<Option<&Result<Entry, Errno>>> {
        while self.fetched.is_none() {
            let Some(entry) = self.entries.next() else {
                return Ok(None);
            };
            let entry = entry?;
            // Some file systems list other numbers than they tell about a file, so ask.
            let metadata = match entry.metadata() {
                // Deleted meanwhile, so there is no such entry.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            let (ino, filetype) = (metadata.ino(), FileType::of(metadata.file_type()));
            self.fetched = Some(match entry.file_name().into_string() {
                Ok(name) => Ok(Entry {
                    ino,
                    filetype,
                    name,
                }),
                Err(_) => Err(Errno::Ilseq),
            });
        }
        Ok(self.fetched.as_ref())
    }

    fn advance(&mut self) {
        self.fetched = None;
        self.place += 1;
    }
}
