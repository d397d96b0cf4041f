//! Sessions: one user's view of a database, with transactions that nest.
//!
//! Outside of transactions every operation is one of its own, and reads are of what was committed last. What
//! is read is kept open until something is committed, since that takes longer than reading.

mod active;
mod cache;
mod cursor;
mod indices;
mod rows;
mod tables;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use active::Active;
use cache::RowCache;
pub use cursor::Cursor;
pub(crate) use cursor::{Origin, RangeSource, Source};
pub use indices::IndexInfo;
pub use rows::Change;
pub use tables::{TableId, TableInfo};

use crate::catalog::{TableDef, size_key};
use crate::database::Database;
pub use crate::engine::Direction;
use crate::engine::{Access, Space, Transaction, Wait, Watch};
use crate::error::{Error, Result};
use crate::limits::{DEPTH_MAX, Limits, at_most};

/// The version of what an engine shows that does not know whether it changes; it never is one.
const NO_VERSION: u64 = u64::MAX;

/// The most bytes of rows that a session keeps, and which part of the database's cache that may be.
const ROWS_KEPT_BYTES: usize = 8 << 20;
const ROWS_KEPT_PART: usize = 8;

/// One user's view of a database.
pub struct Session {
    database: Database,
    view: View,
    /// Rows that were read in this view.
    rows: RowCache,
    /// Tables that were asked for, by their [`TableId`].
    tables: Vec<OpenTable>,
    /// Changes with the view, and with definitions: then these are looked up again.
    epoch: u64,
    /// Changes with the view, and with everything that is written: then cursors read again.
    stamp: u64,
    /// How long to wait for others who write.
    patience: Duration,
    watch: Option<Watch>,
    /// Whether what is read stays the same, whatever is committed.
    is_held: bool,
}

/// What is read and written.
enum View {
    /// Nothing yet.
    None,
    /// What was committed when this version was the last.
    Committed(Box<dyn Transaction>, u64),
    /// That of a transaction.
    Active(Active),
}

impl View {
    /// What is read.
    fn transaction(&mut self) -> Result<&mut dyn Transaction> {
        match self {
            View::Committed(transaction, _) => Ok(&mut **transaction),
            View::Active(active) => Ok(&mut *active.transaction),
            View::None => Err(Error::NoTransaction),
        }
    }
}

/// What ends with an operation, also where a caller's code in it panics.
struct Held<'s> {
    session: &'s mut Session,
    was_held: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let session = &mut *self.session;
        session.is_held = self.was_held;
        // Where nobody knows whether it is still true, the next one reads anew; nothing is kept open for it.
        if !self.was_held && matches!(session.view, View::Committed(_, NO_VERSION)) {
            session.view = View::None;
        }
    }
}

/// A table that was asked for.
struct OpenTable {
    name: String,
    /// The epoch of the definition.
    epoch: u64,
    def: Arc<TableDef>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("database", &self.database)
            .field("depth", &self.depth())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(database: Database) -> Session {
        let options = database.options();
        Session {
            rows: RowCache::new(ROWS_KEPT_BYTES.min(options.cache_bytes / ROWS_KEPT_PART)),
            patience: options.patience,
            watch: None,
            database,
            view: View::None,
            tables: Vec::new(),
            // Definitions of epoch 0 are of none.
            epoch: 1,
            stamp: 1,
            is_held: false,
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Sets how long to wait for others who write, in place of [`Options::patience`](crate::Options::patience).
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Has operations that take long ask now and then whether to end, with
    /// [`Interrupted`](Error::Interrupted): nothing of them remains then.
    pub fn set_watch(&mut self, watch: impl Fn() -> bool + Send + Sync + 'static) {
        self.watch = Some(Arc::new(watch));
    }

    /// Asks whether to end.
    pub(crate) fn pause(&self) -> Result {
        match &self.watch {
            Some(watch) if watch() => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }

    /// Starts a transaction: in another one, a part of it that can be rolled back alone.
    ///
    /// # Errors
    /// [`Busy`](Error::Busy) where others write and do not end; [`Limit`](Error::Limit) where too many are inside
    /// each other.
    pub fn begin(&mut self) -> Result {
        self.begin_for(Access::Write)
    }

    /// Starts a transaction that only reads: what was committed by now, whatever others write.
    ///
    /// # Errors
    /// Those of [`Session::begin`].
    pub fn begin_read(&mut self) -> Result {
        self.begin_for(Access::Read)
    }

    fn begin_for(&mut self, access: Access) -> Result {
        let View::Active(active) = &mut self.view else {
            // What was kept open for reading would only keep old pages.
            self.leave_view();
            let transaction = self.database.engine().begin(access, &self.wait())?;
            self.view = View::Active(Active::new(transaction));
            return Ok(());
        };
        if active.has_failed {
            return Err(Error::Aborted);
        }
        at_most(
            "transactions inside each other",
            active.depth() as u64 + 1,
            DEPTH_MAX,
        )?;
        active.push()
    }

    /// Ends the innermost transaction. With the outermost one, everything written is durable, and others see it.
    ///
    /// # Errors
    /// [`NoTransaction`](Error::NoTransaction); [`Aborted`](Error::Aborted) where it can only be rolled back; and those of
    /// writing, after which the transaction is over and nothing of it was written.
    pub fn commit(&mut self) -> Result {
        let View::Active(active) = &mut self.view else {
            return Err(Error::NoTransaction);
        };
        if active.has_failed {
            return Err(Error::Aborted);
        }
        if active.depth() > 1 {
            return active.release();
        }
        let View::Active(active) = self.leave_view() else {
            return Err(Error::NoTransaction);
        };
        active.commit()
    }

    /// Ends the innermost transaction; nothing of what it wrote remains.
    ///
    /// # Errors
    /// [`NoTransaction`](Error::NoTransaction), and those of writing.
    pub fn rollback(&mut self) -> Result {
        let View::Active(active) = &mut self.view else {
            return Err(Error::NoTransaction);
        };
        if active.depth() > 1 {
            // Definitions may be others again.
            self.epoch += 1;
            self.stamp += 1;
            return active.roll_back();
        }
        self.leave_view();
        Ok(())
    }

    /// How many transactions are inside each other; 0 where there is none.
    pub fn depth(&self) -> usize {
        match &self.view {
            View::Active(active) => active.depth(),
            _ => 0,
        }
    }

    /// How long to wait for others.
    fn wait(&self) -> Wait {
        Wait {
            patience: self.patience,
            watch: self.watch.clone(),
        }
    }

    fn leave_view(&mut self) -> View {
        self.epoch += 1;
        self.stamp += 1;
        std::mem::replace(&mut self.view, View::None)
    }

    fn limits(&self) -> &Limits {
        &self.database.options().limits
    }

    /// Changes whenever definitions may have changed.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Makes sure that there is something to read.
    fn look(&mut self) -> Result {
        let engine = self.database.engine();
        let version = match &self.view {
            View::Active(active) if active.has_failed => return Err(Error::Aborted),
            View::Active(_) => return Ok(()),
            View::Committed(..) if self.is_held => return Ok(()),
            View::Committed(_, version) => {
                let now = engine.version();
                if now == Some(*version) {
                    return Ok(());
                }
                now
            }
            View::None => engine.version(),
        };
        match version {
            Some(_) => drop(self.leave_view()),
            // Cursors see what others write with their next piece; only this session's writes make pieces stale.
            None => {
                self.epoch += 1;
                self.view = View::None;
            }
        }
        let transaction = self.database.engine().begin(Access::Read, &self.wait())?;
        self.view = View::Committed(transaction, version.unwrap_or(NO_VERSION));
        Ok(())
    }

    /// Runs `f`, which reads more than once, on one state, whatever others commit meanwhile.
    pub(crate) fn hold<R>(&mut self, f: impl FnOnce(&mut Session) -> Result<R>) -> Result<R> {
        self.look()?;
        let was_held = std::mem::replace(&mut self.is_held, true);
        let held = Held {
            session: self,
            was_held,
        };
        f(held.session)
    }

    /// What is read.
    pub(crate) fn reader(&mut self) -> Result<&mut dyn Transaction> {
        self.look()?;
        self.view.transaction()
    }

    /// The transaction, in which something is going to be written.
    fn writer(&mut self) -> Result<&mut Active> {
        match &mut self.view {
            View::Active(active) => {
                self.stamp += 1;
                Ok(active)
            }
            _ => Err(Error::NoTransaction),
        }
    }

    /// What a space takes, as the catalog has it and as limits count it.
    pub(crate) fn space_size(&mut self, space: Space) -> Result<i64> {
        self.look()?;
        match &mut self.view {
            View::Active(active) => active.space_size(space),
            View::Committed(transaction, _) => active::stored(&mut **transaction, &size_key(space)),
            View::None => Err(Error::NoTransaction),
        }
    }

    /// Asks whether a transaction may write so many bytes, by which tables and indices grow so much. Then it may
    /// write them: an operation asks once, before it writes anything.
    fn reserve(&mut self, bytes: usize, growth: i64) -> Result {
        let limits = *self.limits();
        self.writer()?.reserve(bytes, growth, &limits)
    }

    /// Runs `f` in the transaction that there is, or in one of its own: then again where others stood in the way,
    /// the second time alone.
    fn atomically<R>(&mut self, mut f: impl FnMut(&mut Session) -> Result<R>) -> Result<R> {
        if let View::Active(active) = &self.view {
            if active.has_failed {
                return Err(Error::Aborted);
            }
            let outcome = f(self);
            if let (Err(error), View::Active(active)) = (&outcome, &mut self.view) {
                active.has_failed |= !error.is_harmless();
            }
            return outcome;
        }
        let started = Instant::now();
        let mut access = Access::Attempt;
        loop {
            match self.attempt(access, &mut f) {
                Err(Error::Conflict) if started.elapsed() < self.patience => self.pause()?,
                outcome => return outcome,
            }
            access = Access::Write;
        }
    }

    /// Runs `f` in a transaction of its own.
    fn attempt<R>(
        &mut self,
        access: Access,
        f: &mut impl FnMut(&mut Session) -> Result<R>,
    ) -> Result<R> {
        self.begin_for(access)?;
        match f(self) {
            Ok(result) => self.commit().map(|()| result),
            Err(error) => {
                self.leave_view();
                Err(error)
            }
        }
    }

    /// Runs `f`, of which nothing remains if it fails.
    fn all_or_nothing<R>(&mut self, f: impl FnMut(&mut Session) -> Result<R>) -> Result<R> {
        if self.depth() == 0 {
            return self.atomically(f);
        }
        self.begin()?;
        match self.atomically(f) {
            Ok(result) => self.commit().map(|()| result),
            Err(error) => {
                // Where that fails, too, only the transaction as a whole can be rolled back.
                let _ = self.rollback();
                Err(error)
            }
        }
    }
}
