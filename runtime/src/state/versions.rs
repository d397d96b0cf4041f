//! Versions of states as rows of a table.
//!
//! All states are in one table of the machine's own, `.state`:
//!
//! ```text
//! NAME 00 "v" VERSION                 a version: what it is of, when it was made, globals, sizes
//! NAME 00 "c" VERSION                 the pages that changed with it
//! NAME 00 "p" MEMORY PAGE VERSION     a page of 4 KiB as it has been since that version; empty where it is zero
//! ```
//!
//! `VERSION` has 8 bytes, the others 4, big-endian. Numbers of versions have no gaps. When there are more versions than
//! are kept, the oldest one goes, with the pages that the one behind it has replaced; so what a version costs
//! depends on the pages that it changes.

use dotvm_dotdb::{Direction, Error as DbError, Interval, Session, TableId};

use crate::error::{Error, Result};
use crate::services::db;
use crate::vm::image::{IMAGE_PAGE_BYTES, Image};

use super::no_image;

/// The table of all states.
const TABLE: &str = ".state";
/// The most bytes of a name.
const NAME_BYTES_MAX: usize = 64;
/// What versions are written in.
const FORMAT: u8 = 1;
/// What [exported](States::export) states start with.
pub const STATE_MAGIC: &[u8; 8] = b"dotstate";
/// Pages of a memory that an export may have, all memories together: 1 TiB.
const PAGES_MAX: u64 = 1 << 28;

/// A version of a state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StateVersion {
    /// Its number; each state counts from 1.
    pub number: u64,
    /// Seconds since 1970 when it was made.
    pub time: u64,
    /// A digest of the program's code and data.
    pub program: [u8; 32],
    /// Bytes of each memory.
    pub memory_bytes: Vec<u64>,
    /// Slots of all globals that may change, of 64 bits.
    pub globals: Vec<u64>,
    /// How many pages of 4 KiB changed with it.
    pub changed_pages: u64,
}

/// Pages that changed with a version: the number of the memory and that of the page.
#[derive(Default)]
pub(super) struct Changed(pub(super) Vec<(u32, u32)>);

/// The states of a database.
#[derive(Debug)]
pub struct States<'s> {
    session: &'s mut Session,
}

/// Checks the name of a state.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_plain) {
        true => Ok(()),
        false => Err(Error::Usage(format!(
            "{:?} is no name of a state: letters, digits, '_', '-' and '.', at most {NAME_BYTES_MAX}",
            name.chars().take(80).collect::<String>()
        ))),
    }
}

/// What a refusal of the database is to the embedder.
pub(super) fn refused(refusal: &DbError) -> Error {
    db::error(refusal)
}

/// A result of the database.
fn done<R>(outcome: dotvm_dotdb::Result<R>) -> Result<R> {
    outcome.map_err(|refusal| refused(&refusal))
}

/// What is in the database is no version of a state.
pub(super) fn damaged() -> Error {
    refused(&DbError::Corrupt("a version of a state".to_owned()))
}

/// What keys of a state's rows of a kind start with.
fn prefix(name: &str, kind: u8) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.extend([0, kind]);
    key
}

fn version_key(name: &str, kind: u8, version: u64) -> Vec<u8> {
    let mut key = prefix(name, kind);
    key.extend(version.to_be_bytes());
    key
}

fn page_key(name: &str, (memory, page): (u32, u32), version: u64) -> Vec<u8> {
    let mut key = prefix(name, b'p');
    key.extend(memory.to_be_bytes());
    key.extend(page.to_be_bytes());
    key.extend(version.to_be_bytes());
    key
}

/// Memory, page and version of a page's key.
fn page_key_parts(key: &[u8]) -> Option<((u32, u32), u64)> {
    let (rest, version) = key.split_last_chunk()?;
    let (rest, page) = rest.split_last_chunk()?;
    let (_, memory) = rest.split_last_chunk()?;
    let place = (u32::from_be_bytes(*memory), u32::from_be_bytes(*page));
    Some((place, u64::from_be_bytes(*version)))
}

/// Takes bytes away from the start.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

impl StateVersion {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.program);
        bytes.extend(self.time.to_le_bytes());
        bytes.extend(self.changed_pages.to_le_bytes());
        for list in [&self.globals, &self.memory_bytes] {
            bytes.extend((list.len() as u32).to_le_bytes());
            bytes.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes
    }

    fn decode(number: u64, mut bytes: &[u8]) -> Option<StateVersion> {
        let bytes = &mut bytes;
        let wide = |bytes: &mut &[u8]| Some(u64::from_le_bytes(take(bytes)?));
        let list = |bytes: &mut &[u8]| -> Option<Vec<u64>> {
            let len = u32::from_le_bytes(take(bytes)?);
            (0..len).map(|_| wide(bytes)).collect()
        };
        let [format] = take(bytes)?;
        let version = StateVersion {
            number,
            program: take(bytes)?,
            time: wide(bytes)?,
            changed_pages: wide(bytes)?,
            globals: list(bytes)?,
            memory_bytes: list(bytes)?,
        };
        (format == FORMAT && bytes.is_empty()).then_some(version)
    }
}

impl Changed {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 * self.0.len());
        for (memory, page) in &self.0 {
            bytes.extend(memory.to_le_bytes());
            bytes.extend(page.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Changed> {
        let (entries, rest) = bytes.as_chunks::<8>();
        let pages = entries.iter().map(|entry| {
            let entry = u64::from_le_bytes(*entry);
            (entry as u32, (entry >> 32) as u32)
        });
        rest.is_empty().then(|| Changed(pages.collect()))
    }
}

impl<'s> States<'s> {
    /// The states of a session's database.
    pub fn new(session: &'s mut Session) -> States<'s> {
        States { session }
    }

    /// The table, if there is one.
    fn table(&mut self) -> Result<Option<TableId>> {
        match self.session.machine_table(TABLE) {
            Ok(table) => Ok(Some(table)),
            Err(DbError::UnknownTable(_)) => Ok(None),
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    /// The table, which is made where there is none.
    fn table_to_write(&mut self) -> Result<TableId> {
        done(self.session.create_machine_table(TABLE))
    }

    /// Shows rows until `show` returns something.
    fn scan<R>(
        &mut self,
        range: Interval,
        direction: Direction,
        mut show: impl FnMut(&[u8], &[u8]) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let Some(table) = self.table()? else {
            return Ok(None);
        };
        let mut rows = done(self.session.scan(table, range, direction))?;
        while let Some((key, value)) = done(rows.next(self.session))? {
            if let Some(result) = show(key, value)? {
                return Ok(Some(result));
            }
        }
        Ok(None)
    }

    /// Names of all states, in order.
    ///
    /// # Errors
    /// Those of the database, as traps.
    pub fn names(&mut self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let range = match names.last() {
                None => Interval::all(),
                // Behind everything of that name.
                Some(name) => Interval::new(&[name.as_bytes(), &[1]].concat(), None),
            };
            let next = self.scan(range, Direction::Forward, |key, _| {
                let end = key.iter().position(|&byte| byte == 0);
                let name = end.and_then(|end| str::from_utf8(&key[..end]).ok());
                name.map(|name| Some(name.to_owned())).ok_or_else(damaged)
            })?;
            match next {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }

    /// The versions of a state, the oldest first; none where there is no such state.
    ///
    /// # Errors
    /// [`Error::Usage`] where the name is none. Those of the database, as traps.
    pub fn versions(&mut self, name: &str) -> Result<Vec<StateVersion>> {
        check_name(name)?;
        let mut versions = Vec::new();
        let range = Interval::prefix(&prefix(name, b'v'));
        self.scan(range, Direction::Forward, |key, value| {
            versions.push(version_of(key, value)?);
            Ok(None::<()>)
        })?;
        Ok(versions)
    }

    /// The first or the last version of a state.
    fn end(&mut self, name: &str, direction: Direction) -> Result<Option<StateVersion>> {
        check_name(name)?;
        let range = Interval::prefix(&prefix(name, b'v'));
        self.scan(range, direction, |key, value| {
            version_of(key, value).map(Some)
        })
    }

    /// The last version of a state; none where there is no such state.
    ///
    /// # Errors
    /// [`Error::Usage`] where the name is none. Those of the database, as traps.
    pub fn last(&mut self, name: &str) -> Result<Option<StateVersion>> {
        self.end(name, Direction::Backward)
    }

    /// A version of a state: the last one, where no number is given.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is none. Those of the database, as traps.
    pub fn version(&mut self, name: &str, number: Option<u64>) -> Result<StateVersion> {
        let last = self.last(name)?;
        let last = last.ok_or_else(|| Error::Usage(format!("there is no state {name:?}")))?;
        let Some(number) = number.filter(|&number| number != last.number) else {
            return Ok(last);
        };
        let key = version_key(name, b'v', number);
        let range = Interval::new(&key, Some(&[&key[..], &[0]].concat()));
        let version = self.scan(range, Direction::Forward, |key, value| {
            version_of(key, value).map(Some)
        })?;
        let last = last.number;
        version.ok_or_else(|| {
            Error::Usage(format!(
                "state {name:?} has no version {number}; the last one is {last}"
            ))
        })
    }

    /// Memories as they were in a version.
    pub(super) fn images(&mut self, name: &str, version: &StateVersion) -> Result<Vec<Image>> {
        let images = version.memory_bytes.iter().map(|&bytes| Image::new(bytes));
        let images: Vec<Image> = images.collect::<Result<_, _>>().map_err(no_image)?;
        self.pages(name, version.number, |(memory, page), bytes| {
            let image = images.get(memory as usize).ok_or_else(damaged)?;
            image
                .write(page, bytes)
                .map_err(|error| match error.kind() {
                    std::io::ErrorKind::InvalidInput => damaged(),
                    _ => no_image(error),
                })
        })?;
        Ok(images)
    }

    /// Shows all pages of a version that are not zero, in order.
    fn pages(
        &mut self,
        name: &str,
        version: u64,
        mut show: impl FnMut((u32, u32), &[u8]) -> Result<()>,
    ) -> Result<()> {
        let range = Interval::prefix(&prefix(name, b'p'));
        // The last one of each page that is not younger.
        let mut found: Option<(u32, u32)> = None;
        let mut bytes = Vec::new();
        self.scan(range, Direction::Forward, |key, value| {
            let (place, since) = page_key_parts(key).ok_or_else(damaged)?;
            if since > version {
                return Ok(None::<()>);
            }
            if let Some(before) = found
                && before != place
                && !bytes.is_empty()
            {
                show(before, &bytes)?;
            }
            found = Some(place);
            bytes.clear();
            bytes.extend_from_slice(value);
            Ok(None)
        })?;
        match found {
            Some(place) if !bytes.is_empty() => show(place, &bytes),
            _ => Ok(()),
        }
    }

    /// Writes a page as it is from a version on.
    pub(super) fn put_page(
        &mut self,
        name: &str,
        place: (u32, u32),
        version: u64,
        bytes: &[u8],
    ) -> Result<()> {
        let value = match bytes.iter().all(|&byte| byte == 0) {
            true => &[],
            false => bytes,
        };
        let table = self.table_to_write()?;
        done(
            self.session
                .put(table, &page_key(name, place, version), value),
        )?;
        Ok(())
    }

    /// Writes a version, whose pages are there.
    pub(super) fn put_version(
        &mut self,
        name: &str,
        version: &StateVersion,
        changed: &Changed,
    ) -> Result<()> {
        let table = self.table_to_write()?;
        let rows = [(b'v', version.encode()), (b'c', changed.encode())];
        for (kind, value) in rows {
            let key = version_key(name, kind, version.number);
            done(self.session.put(table, &key, &value))?;
        }
        Ok(())
    }

    /// The pages that changed with a version.
    fn changed(&mut self, name: &str, version: u64) -> Result<Changed> {
        let table = self.table_to_write()?;
        let value = done(self.session.get(table, &version_key(name, b'c', version)))?;
        let changed = value.as_deref().and_then(Changed::decode);
        changed.ok_or_else(damaged)
    }

    /// Removes a version's own rows.
    fn delete_version(&mut self, name: &str, version: u64) -> Result<()> {
        let table = self.table_to_write()?;
        for kind in [b'v', b'c'] {
            let key = version_key(name, kind, version);
            done(self.session.delete(table, &key))?;
        }
        Ok(())
    }

    /// Removes the oldest versions, so that no more than `kept` are left up to the last one.
    pub(super) fn prune(&mut self, name: &str, kept: u64, last: u64) -> Result<()> {
        let first = self.end(name, Direction::Forward)?;
        let first = first.map_or(last, |first| first.number);
        for old in first..=last.saturating_sub(kept) {
            self.delete_version(name, old)?;
            // What the next one has replaced, nobody sees any more.
            let table = self.table_to_write()?;
            for place in self.changed(name, old + 1)?.0 {
                let range = Interval::new(
                    &page_key(name, place, 0),
                    Some(&page_key(name, place, old + 1)),
                );
                done(self.session.delete_range(table, &range))?;
            }
        }
        Ok(())
    }

    /// Makes a version the last one: what came after it is removed. Without a number, it is the one before the last.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no such version to go back to. Those of the database, as traps.
    pub fn rollback(&mut self, name: &str, to: Option<u64>) -> Result<StateVersion> {
        let last = self.version(name, None)?.number;
        let to = to.unwrap_or(last.saturating_sub(1));
        let found = self.version(name, Some(to))?;
        self.atomically(|states| {
            for version in to + 1..=last {
                let table = states.table_to_write()?;
                for place in states.changed(name, version)?.0 {
                    let key = page_key(name, place, version);
                    done(states.session.delete(table, &key))?;
                }
                states.delete_version(name, version)?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Removes a state with all versions; returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Usage`] where the name is none. Those of the database, as traps.
    pub fn remove(&mut self, name: &str) -> Result<bool> {
        check_name(name)?;
        let Some(table) = self.table()? else {
            return Ok(false);
        };
        let range = Interval::prefix(&[name.as_bytes(), &[0]].concat());
        Ok(done(self.session.delete_range(table, &range))? > 0)
    }

    /// Runs `f` in a transaction.
    fn atomically<R>(&mut self, f: impl FnOnce(&mut States<'_>) -> Result<R>) -> Result<R> {
        done(self.session.begin())?;
        match f(self) {
            Ok(result) => done(self.session.commit()).map(|()| result),
            Err(error) => {
                // Where that fails, too, the transaction cannot be committed either.
                let _ = self.session.rollback();
                Err(error)
            }
        }
    }

    /// A version as bytes that [`States::import`] takes; the last one, where none is named.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no such version. Those of the database, as traps.
    pub fn export(&mut self, name: &str, number: Option<u64>) -> Result<Vec<u8>> {
        let mut version = self.version(name, number)?;
        let mut pages = Vec::new();
        version.changed_pages = 0;
        self.pages(name, version.number, |(memory, page), bytes| {
            version.changed_pages += 1;
            pages.extend(memory.to_le_bytes());
            pages.extend(page.to_le_bytes());
            pages.extend((bytes.len() as u32).to_le_bytes());
            pages.extend_from_slice(bytes);
            Ok(())
        })?;
        let head = version.encode();
        let mut bytes = STATE_MAGIC.to_vec();
        bytes.extend((head.len() as u64).to_le_bytes());
        bytes.extend(head);
        bytes.extend(pages);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Makes what was exported the next version of a state, which need not be there; keeps so many versions.
    ///
    /// # Errors
    /// [`Error::Usage`] where the bytes are no exported state, or damaged. Those of the database, as traps.
    pub fn import(&mut self, name: &str, bytes: &[u8], kept: u64) -> Result<StateVersion> {
        check_name(name)?;
        let wrong = || Error::Usage("this is no exported state, or it is damaged".to_owned());
        let (mut version, pages) = parse_exported(bytes).ok_or_else(wrong)?;
        self.atomically(|states| {
            let before = states.last(name)?.map_or(0, |last| last.number);
            version.number = before + 1;
            let mut changed = Changed::default();
            // Pages of the version before that are zero now.
            states.pages(name, before, |place, _| {
                if pages.binary_search_by_key(&place, |page| page.0).is_err() {
                    changed.0.push(place);
                }
                Ok(())
            })?;
            for &place in &changed.0 {
                states.put_page(name, place, version.number, &[])?;
            }
            for &(place, bytes) in &pages {
                states.put_page(name, place, version.number, bytes)?;
                changed.0.push(place);
            }
            version.changed_pages = changed.0.len() as u64;
            states.put_version(name, &version, &changed)?;
            states.prune(name, kept.max(1), version.number)
        })?;
        Ok(version)
    }
}

fn version_of(key: &[u8], value: &[u8]) -> Result<StateVersion> {
    let number = key.last_chunk().ok_or_else(damaged)?;
    StateVersion::decode(u64::from_be_bytes(*number), value).ok_or_else(damaged)
}

/// Places of pages and what is in them.
type Pages<'a> = Vec<((u32, u32), &'a [u8])>;

/// The version that was exported, and its pages.
fn parse_exported(bytes: &[u8]) -> Option<(StateVersion, Pages<'_>)> {
    let (bytes, crc) = bytes.split_last_chunk()?;
    if crc32fast::hash(bytes) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (len, rest) = bytes.strip_prefix(STATE_MAGIC)?.split_first_chunk()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let (head, mut rest) = rest.split_at_checked(len)?;
    let version = StateVersion::decode(0, head)?;
    let page_bytes = IMAGE_PAGE_BYTES as u64;
    let sizes = version.memory_bytes.iter();
    let all = sizes.fold(0u64, |all, bytes| {
        all.saturating_add(bytes.div_ceil(page_bytes))
    });
    if all > PAGES_MAX {
        return None;
    }
    let mut pages = Vec::new();
    while !rest.is_empty() {
        let place = (
            u32::from_le_bytes(take(&mut rest)?),
            u32::from_le_bytes(take(&mut rest)?),
        );
        let len = u32::from_le_bytes(take(&mut rest)?);
        let (page, behind) = rest.split_at_checked(len as usize)?;
        rest = behind;
        // No longer than a page, or what of it is in the memory.
        let memory = *version.memory_bytes.get(place.0 as usize)?;
        let start = u64::from(place.1) * page_bytes;
        if u64::from(len) > memory.checked_sub(start)?.min(page_bytes) || len == 0 {
            return None;
        }
        pages.push((place, page));
    }
    // In order, each once.
    pages
        .is_sorted_by(|a, b| a.0 < b.0)
        .then_some((version, pages))
}
