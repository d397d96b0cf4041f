//! The engine in the process: redb, in a file or in memory.
//!
//! A space is a table of redb. Tables stay open as long as a transaction, since opening one takes longer than
//! reading a row. redb's own savepoints cannot be made once something was written; so a transaction
//! with savepoints keeps what it overwrites, and puts it back.
//!
//! redb panics where a file says what no file can say. Everything that calls it is [guarded](guard):
//! after a panic, or an error of the operating system in writing, the engine is *broken*, and
//! answers everything with an error.

mod runs;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::ops::Bound;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redb::{
    AccessGuard, Database, DatabaseError, ReadOnlyTable, ReadTransaction, ReadableDatabase as _,
    ReadableTable, StorageBackend, StorageError, Table, TableDefinition, TableError,
    TableHandle as _, TransactionError, WriteTransaction,
};
use self_cell::self_cell;

use runs::{Room, Runs};

use super::guard::{guard, unguarded};
use super::{Access, Budget, Direction, Engine, InPlace, Rows, Space, Transaction, Wait};
use crate::error::{Error, Result};
use crate::interval::Interval;

/// What a file of redb starts with.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// Files up to this size are checked as a whole when they are opened; the time that takes grows with the size.
const CHECKED_BYTES_MAX: u64 = 16 << 20;
/// What names of redb's tables start with; a space's number follows.
const TABLE_PREFIX: &str = "dotdb.";
/// Which part of the cache runs of rows may be.
const RUNS_PART: usize = 4;
/// How long to sleep between attempts to be the one who writes.
const PAUSE: Duration = Duration::from_micros(200);

/// The engine in the process.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// `None` only while being dropped.
    database: Option<Database>,
    /// The file's length, where there is a file.
    bytes: Arc<AtomicU64>,
    commits: AtomicU64,
    broken: AtomicBool,
    /// For what transactions keep of what they have scanned.
    room: Arc<Room>,
}

impl Embedded {
    /// Opens a file, or creates it. With `check`, all of it is read and compared with its checksums, which
    /// small files are in any case.
    ///
    /// # Errors
    /// Those of opening; [`InUse`](Error::InUse), [`NotADatabase`](Error::NotADatabase),
    /// [`Corrupt`](Error::Corrupt).
    pub fn open(path: &Path, cache_bytes: usize, check: bool) -> Result<Embedded> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(Error::NotADatabase);
        }
        let len = file.metadata()?.len();
        if len > 0 && !starts_like_a_database(&mut file)? {
            return Err(Error::NotADatabase);
        }
        let check = check || len <= CHECKED_BYTES_MAX;
        guard(|| {
            let backend = redb::backends::FileBackend::new(file)?;
            Embedded::build(backend, cache_bytes, check && len > 0)
        })
    }

    /// A database in memory, which is gone with the engine.
    ///
    /// # Errors
    /// None that are known.
    pub fn in_memory(cache_bytes: usize) -> Result<Embedded> {
        Embedded::on(redb::backends::InMemoryBackend::new(), cache_bytes)
    }

    /// A database on any storage.
    ///
    /// # Errors
    /// Those of [`Embedded::open`].
    pub fn on(backend: impl StorageBackend, cache_bytes: usize) -> Result<Embedded> {
        guard(|| Embedded::build(backend, cache_bytes, true))
    }

    fn build(backend: impl StorageBackend, cache_bytes: usize, check: bool) -> Result<Embedded> {
        let bytes = Arc::new(AtomicU64::new(backend.len()?));
        let backend = Measured {
            backend,
            bytes: Arc::clone(&bytes),
        };
        let mut builder = Database::builder();
        let runs_bytes = cache_bytes / RUNS_PART;
        builder.set_cache_size(cache_bytes - runs_bytes);
        builder.set_check_integrity_on_open(check);
        let database = builder.create_with_backend(backend)?;
        let foreign = |table: redb::UntypedTableHandle| !table.name().starts_with(TABLE_PREFIX);
        let tables = database.begin_read()?;
        if tables.list_tables()?.any(foreign) || tables.list_multimap_tables()?.next().is_some() {
            return Err(Error::NotADatabase);
        }
        Ok(Embedded {
            shared: Arc::new(Shared {
                database: Some(database),
                bytes,
                commits: AtomicU64::new(0),
                broken: AtomicBool::new(false),
                room: Arc::new(Room::new(runs_bytes)),
            }),
        })
    }
}

fn starts_like_a_database(file: &mut File) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start == MAGIC),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Shared {
    /// Runs `f` on the database, unless that is broken; it is, after some errors.
    fn run<R>(&self, f: impl FnOnce(&Database) -> Result<R>) -> Result<R> {
        let database = match &self.database {
            Some(database) if !self.broken.load(Ordering::Relaxed) => database,
            _ => return Err(Error::Broken),
        };
        let outcome = guard(|| f(database));
        if let Err(Error::Corrupt(_) | Error::Full | Error::Io(_) | Error::Broken) = outcome {
            self.broken.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let database = self.database.take();
        // Whoever wanted to know about errors has had an error from a commit.
        let _ = guard(|| {
            drop(database);
            Ok(())
        });
    }
}

impl Engine for Embedded {
    fn begin(&self, access: Access, wait: &Wait) -> Result<Box<dyn Transaction>> {
        let shared = &self.shared;
        let state = match access {
            Access::Read => shared.run(|database| {
                Ok(State::Read(Box::new(Reading {
                    transaction: database.begin_read()?,
                    tables: BTreeMap::new(),
                    runs: Runs::new(Arc::clone(&shared.room)),
                })))
            })?,
            Access::Write | Access::Attempt => {
                let started = Instant::now();
                let transaction = loop {
                    match shared.run(|database| Ok(database.try_begin_write()?)) {
                        Err(Error::Busy) if started.elapsed() < wait.patience => {
                            if wait.is_over() {
                                return Err(Error::Interrupted);
                            }
                            std::thread::sleep(PAUSE);
                        }
                        other => break other?,
                    }
                };
                State::Write(Writing::new(transaction, |_| BTreeMap::new()))
            }
        };
        Ok(Box::new(EmbeddedTransaction {
            shared: Arc::clone(shared),
            state: Some(state),
            undo: Vec::new(),
            savepoints: Vec::new(),
        }))
    }

    fn version(&self) -> Option<u64> {
        Some(self.shared.commits.load(Ordering::Acquire))
    }

    fn stored_bytes(&self) -> Result<u64> {
        Ok(self.shared.bytes.load(Ordering::Relaxed))
    }

    fn name(&self) -> &str {
        "redb"
    }
}

type Bytes = &'static [u8];
type Row<'t> = (AccessGuard<'t, Bytes>, AccessGuard<'t, Bytes>);
type WriteTables<'t> = BTreeMap<Space, Table<'t, Bytes, Bytes>>;

self_cell!(
    /// A write transaction with the tables that it has open.
    struct Writing {
        owner: WriteTransaction,
        #[not_covariant]
        dependent: WriteTables,
    }
);

/// A read transaction with the tables that it has open; `None` for those that do not exist.
struct Reading {
    transaction: ReadTransaction,
    tables: BTreeMap<Space, Option<ReadOnlyTable<Bytes, Bytes>>>,
    runs: Runs,
}

enum State {
    Read(Box<Reading>),
    Write(Writing),
}

/// What brings back what was overwritten.
struct Undo {
    space: Space,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

struct EmbeddedTransaction {
    shared: Arc<Shared>,
    /// `None` once it has ended.
    state: Option<State>,
    /// Kept while there are savepoints.
    undo: Vec<Undo>,
    /// For each, how long `undo` was.
    savepoints: Vec<usize>,
}

fn table_name(space: Space) -> String {
    format!("{TABLE_PREFIX}{}", space.0)
}

impl Reading {
    fn table(&mut self, space: Space) -> Result<Option<&ReadOnlyTable<Bytes, Bytes>>> {
        Ok(self.table_and_runs(space)?.0)
    }

    fn table_and_runs(
        &mut self,
        space: Space,
    ) -> Result<(Option<&ReadOnlyTable<Bytes, Bytes>>, &mut Runs)> {
        if let std::collections::btree_map::Entry::Vacant(place) = self.tables.entry(space) {
            let name = table_name(space);
            let table = match self.transaction.open_table(TableDefinition::new(&name)) {
                Ok(table) => Some(table),
                Err(TableError::TableDoesNotExist(_)) => None,
                Err(error) => return Err(error.into()),
            };
            place.insert(table);
        }
        let table = self.tables.get(&space).and_then(Option::as_ref);
        Ok((table, &mut self.runs))
    }
}

impl EmbeddedTransaction {
    /// Runs `f` on a table to be read, where it exists.
    fn read<R>(
        &mut self,
        space: Space,
        f: impl FnOnce(&dyn Readable) -> Result<R>,
    ) -> Result<Option<R>> {
        let state = self.state.as_mut().ok_or(Error::Broken)?;
        self.shared.run(|_| match state {
            State::Read(reading) => reading.table(space)?.map(|table| f(table)).transpose(),
            State::Write(writing) => with_table(writing, space, |table| f(table).map(Some)),
        })
    }

    /// Runs `f` on a table to be written.
    fn write<R>(
        &mut self,
        space: Space,
        f: impl FnOnce(&mut Table<'_, Bytes, Bytes>, Option<&mut Vec<Undo>>) -> Result<R>,
    ) -> Result<R> {
        let undo = (!self.savepoints.is_empty()).then_some(&mut self.undo);
        match self.state.as_mut() {
            None => Err(Error::Broken),
            Some(State::Read(_)) => Err(Error::ReadOnly),
            Some(State::Write(writing)) => self
                .shared
                .run(|_| with_table(writing, space, |table| f(table, undo))),
        }
    }
}

fn with_table<R>(
    writing: &mut Writing,
    space: Space,
    f: impl FnOnce(&mut Table<'_, Bytes, Bytes>) -> Result<R>,
) -> Result<R> {
    writing.with_dependent_mut(|transaction, tables| {
        use std::collections::btree_map::Entry;
        let table = match tables.entry(space) {
            Entry::Occupied(table) => table.into_mut(),
            Entry::Vacant(place) => {
                let name = table_name(space);
                place.insert(transaction.open_table(TableDefinition::new(&name))?)
            }
        };
        f(table)
    })
}

/// Shows rows to `row` until that says no; returns whether it did.
fn scan_rows(
    table: &impl ReadableTable<Bytes, Bytes>,
    range: &Interval,
    direction: Direction,
    row: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool> {
    if range.is_empty() {
        return Ok(false);
    }
    let high = match &range.high {
        Some(high) => Bound::Excluded(high.as_slice()),
        None => Bound::Unbounded,
    };
    let rows = table.range::<&[u8]>((Bound::Included(range.low.as_slice()), high))?;
    match direction {
        Direction::Forward => show_rows(rows, row),
        Direction::Backward => show_rows(rows.rev(), row),
    }
}

fn show_rows<'t>(
    rows: impl Iterator<Item = Result<Row<'t>, StorageError>>,
    mut row: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<bool> {
    for next in rows {
        // Rows are large, for what is done with them, and stay where they are.
        match &next {
            Ok((key, value)) if row(key.value(), value.value()) => {}
            Ok(_) => return Ok(true),
            Err(_) => drop(next?),
        }
    }
    Ok(false)
}

/// A table in either kind of transaction.
trait Readable {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool>;
    fn scan(
        &self,
        range: &Interval,
        direction: Direction,
        row: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool>;
    fn rows(&self) -> Result<u64>;
}

impl<T: ReadableTable<Bytes, Bytes>> Readable for T {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        match ReadableTable::get(self, key)? {
            Some(value) => {
                found(value.value());
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn scan(
        &self,
        range: &Interval,
        direction: Direction,
        row: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool> {
        scan_rows(self, range, direction, row)
    }

    fn rows(&self) -> Result<u64> {
        Ok(self.len()?)
    }
}

impl Transaction for EmbeddedTransaction {
    fn get(&mut self, space: Space, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let mut outcome = Ok(());
        let got = self.read(space, |table| {
            table.get(key, &mut |value| outcome = unguarded(|| found(value)))
        })?;
        match outcome {
            Ok(()) => Ok(got.unwrap_or(false)),
            Err(panic) => resume_unwind(panic),
        }
    }

    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<Option<usize>> {
        self.write(space, |table, undo| {
            let old = table.insert(key, value)?;
            let bytes = old.as_ref().map(|old| old.value().len());
            if let Some(undo) = undo {
                undo.push(Undo {
                    space,
                    key: key.to_vec(),
                    value: old.map(|old| old.value().to_vec()),
                });
            }
            Ok(bytes)
        })
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<Option<usize>> {
        self.write(space, |table, undo| {
            let Some(old) = table.remove(key)? else {
                return Ok(None);
            };
            let bytes = old.value().len();
            if let Some(undo) = undo {
                undo.push(Undo {
                    space,
                    key: key.to_vec(),
                    value: Some(old.value().to_vec()),
                });
            }
            Ok(Some(bytes))
        })
    }

    fn scan(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        budget: Budget,
        rows: &mut Rows,
    ) -> Result<bool> {
        let (most_rows, most_bytes) = (rows.len() + budget.rows, rows.bytes() + budget.bytes);
        let more = self.read(space, |table| {
            table.scan(range, direction, &mut |key, value| {
                rows.push(key, value);
                rows.len() < most_rows && rows.bytes() < most_bytes
            })
        })?;
        Ok(more.unwrap_or(false))
    }

    fn in_place(&mut self) -> Option<&mut dyn InPlace> {
        Some(self)
    }

    fn count(&mut self, space: Space, range: &Interval, at_most: u64) -> Result<u64> {
        let count = self.read(space, |table| {
            if range.is_all() {
                return Ok(table.rows()?.min(at_most));
            }
            let mut count = 0;
            if at_most > 0 {
                table.scan(range, Direction::Forward, &mut |_, _| {
                    count += 1;
                    count < at_most
                })?;
            }
            Ok(count)
        })?;
        Ok(count.unwrap_or(0))
    }

    fn remove_space(&mut self, space: Space) -> Result {
        let Some(State::Write(writing)) = &mut self.state else {
            return Err(Error::ReadOnly);
        };
        self.shared.run(|_| {
            writing.with_dependent_mut(|transaction, tables| {
                tables.remove(&space);
                let name = table_name(space);
                let definition = TableDefinition::<Bytes, Bytes>::new(&name);
                match transaction.delete_table(definition) {
                    Ok(_) | Err(TableError::TableDoesNotExist(_)) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            })
        })
    }

    fn push_savepoint(&mut self) -> Result {
        self.savepoints.push(self.undo.len());
        Ok(())
    }

    fn rollback_to_savepoint(&mut self) -> Result {
        let Some(len) = self.savepoints.pop() else {
            return Err(Error::NoTransaction);
        };
        let undo = self.undo.split_off(len);
        let Some(State::Write(writing)) = &mut self.state else {
            return Ok(());
        };
        self.shared.run(|_| {
            for undo in undo.into_iter().rev() {
                with_table(writing, undo.space, |table| {
                    match undo.value {
                        Some(value) => table.insert(undo.key.as_slice(), value.as_slice())?,
                        None => table.remove(undo.key.as_slice())?,
                    };
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn release_savepoint(&mut self) -> Result {
        self.savepoints.pop();
        if self.savepoints.is_empty() {
            self.undo.clear();
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result {
        match self.state.take() {
            None => Err(Error::Broken),
            Some(State::Read(_)) => Ok(()),
            Some(State::Write(writing)) => {
                self.shared.run(|_| Ok(writing.into_owner().commit()?))?;
                self.shared.commits.fetch_add(1, Ordering::Release);
                Ok(())
            }
        }
    }
}

impl InPlace for EmbeddedTransaction {
    fn visit(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        row: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool> {
        let mut outcome = Ok(());
        let shown = |key: &[u8], value: &[u8]| {
            let mut go_on = false;
            outcome = unguarded(|| go_on = row(key, value));
            go_on
        };
        let state = self.state.as_mut().ok_or(Error::Broken)?;
        let stopped = self.shared.run(|_| match state {
            State::Read(reading) => match reading.table_and_runs(space)? {
                (Some(table), runs) => runs.visit(space, table, range, direction, shown),
                (None, _) => Ok(false),
            },
            State::Write(writing) => with_table(writing, space, |table| {
                scan_rows(table, range, direction, shown)
            }),
        })?;
        match outcome {
            Ok(()) => Ok(stopped),
            Err(panic) => resume_unwind(panic),
        }
    }
}

impl Drop for EmbeddedTransaction {
    fn drop(&mut self) {
        let state = self.state.take();
        // Rolling back writes nothing that counts; on a damaged file it may panic.
        let _ = guard(|| {
            drop(state);
            Ok(())
        });
    }
}

/// A storage whose length is known outside.
#[derive(Debug)]
struct Measured<B> {
    backend: B,
    bytes: Arc<AtomicU64>,
}

impl<B: StorageBackend> StorageBackend for Measured<B> {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)?;
        self.bytes.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, redb::BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, redb::BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<(), redb::BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), redb::BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, redb::BackendError> {
        self.backend.query_lock_range(start, end)
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Error {
        match error {
            StorageError::Corrupted(reason) => Error::Corrupt(reason),
            StorageError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::Corrupt("the file is too short".to_owned())
            }
            StorageError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Error::Corrupt(error.to_string())
            }
            StorageError::Io(error) => error.into(),
            _ => Error::Broken,
        }
    }
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Error {
        match error {
            TableError::Storage(error) => error.into(),
            // All tables of ours have one type.
            error => Error::Corrupt(error.to_string()),
        }
    }
}

impl From<TransactionError> for Error {
    fn from(error: TransactionError) -> Error {
        match error {
            TransactionError::Storage(error) => error.into(),
            TransactionError::WouldBlock => Error::Busy,
            _ => Error::Broken,
        }
    }
}

impl From<redb::CommitError> for Error {
    fn from(error: redb::CommitError) -> Error {
        match error {
            redb::CommitError::Storage(error) => error.into(),
            _ => Error::Broken,
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Error {
        match error {
            DatabaseError::DatabaseAlreadyOpen => Error::InUse,
            DatabaseError::Storage(error) => error.into(),
            error => Error::Corrupt(error.to_string()),
        }
    }
}
