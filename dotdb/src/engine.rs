//! What stores bytes: the trait of engines.
//!
//! An engine has *spaces*, numbered ordered maps of bytes to bytes, and transactions over them. Tables, indices
//! and queries are made of these in the session, the same for every engine.

pub mod embedded;
pub mod guard;
#[cfg(feature = "postgres")]
pub mod postgres;

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::interval::Interval;
use crate::limits::VALUE_BYTES_MAX;
pub use crate::rows::Rows;

/// The number of an ordered map. One that nobody has written to is empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Space(pub u32);

/// What a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reading, of what was committed when it began.
    Read,
    /// Reading and writing. Where others want the same, it waits for them, so that it can go through to the end.
    Write,
    /// The same, by one who does all of it again where it ends with [`Conflict`](crate::Error::Conflict): an engine
    /// may let several of these go on at once.
    Attempt,
}

/// Says whether to end what takes long.
pub type Watch = Arc<dyn Fn() -> bool + Send + Sync>;

/// How long to wait.
#[derive(Clone)]
pub struct Wait {
    /// For others who write.
    pub patience: Duration,
    /// For anything, until this says to end it.
    pub watch: Option<Watch>,
}

impl Wait {
    /// Waits that long for others who write.
    pub fn new(patience: Duration) -> Wait {
        Wait {
            patience,
            watch: None,
        }
    }

    /// Whether somebody wants it to end.
    pub fn is_over(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch())
    }
}

impl Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// In which order rows come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// By rising keys.
    #[default]
    Forward,
    /// By falling keys.
    Backward,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reverse(self) -> Direction {
        match self {
            Direction::Forward => Direction::Backward,
            Direction::Backward => Direction::Forward,
        }
    }
}

/// How much a scan reads at once: it ends behind the row that reaches one of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Rows.
    pub rows: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

/// What stores bytes.
pub trait Engine: Send + Sync + Debug {
    /// Starts a transaction.
    ///
    /// # Errors
    /// [`Busy`](crate::Error::Busy) where others write and do not end for as long as there is patience,
    /// [`Interrupted`](crate::Error::Interrupted) where that was wanted.
    fn begin(&self, access: Access, wait: &Wait) -> Result<Box<dyn Transaction>>;

    /// A number that changes with every commit: while it does not, what was read is still true. `None` where
    /// an engine cannot know that.
    fn version(&self) -> Option<u64>;

    /// Bytes that it takes to store everything.
    ///
    /// # Errors
    /// Those of asking for it.
    fn stored_bytes(&self) -> Result<u64>;

    /// Its name, for people.
    fn name(&self) -> &str;

    /// The most bytes of a value that it stores.
    fn value_bytes_max(&self) -> u64 {
        VALUE_BYTES_MAX
    }
}

/// A transaction of an engine. Dropping it rolls it back.
pub trait Transaction: Send {
    /// Shows the value of a key to `found`, whose panics are its own; returns whether there is one.
    ///
    /// # Errors
    /// Those of reading.
    fn get(&mut self, space: Space, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool>;

    /// Sets the value of a key; returns how many bytes the value had that it had before.
    ///
    /// # Errors
    /// Those of writing.
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<Option<usize>>;

    /// Removes a key; returns how many bytes its value had, if it was there.
    ///
    /// # Errors
    /// Those of writing.
    fn delete(&mut self, space: Space, key: &[u8]) -> Result<Option<usize>>;

    /// Appends rows of a range to `rows`; returns whether there may be more.
    ///
    /// # Errors
    /// Those of reading.
    fn scan(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        budget: Budget,
        rows: &mut Rows,
    ) -> Result<bool>;

    /// The transaction as one that shows rows where they are; `None` where they have to be fetched.
    fn in_place(&mut self) -> Option<&mut dyn InPlace> {
        None
    }

    /// Counts the rows of a range, up to `at_most`.
    ///
    /// # Errors
    /// Those of reading.
    fn count(&mut self, space: Space, range: &Interval, at_most: u64) -> Result<u64>;

    /// Removes everything in a space, for good: savepoints do not bring it back.
    ///
    /// # Errors
    /// Those of writing.
    fn remove_space(&mut self, space: Space) -> Result;

    /// Remembers the state. Savepoints are a stack.
    ///
    /// # Errors
    /// Those of writing.
    fn push_savepoint(&mut self) -> Result;

    /// Goes back to the state of the last savepoint, and forgets that.
    ///
    /// # Errors
    /// Those of writing.
    fn rollback_to_savepoint(&mut self) -> Result;

    /// Forgets the last savepoint; the state stays.
    ///
    /// # Errors
    /// Those of writing.
    fn release_savepoint(&mut self) -> Result;

    /// Makes what was written the state for others, durably.
    ///
    /// # Errors
    /// Those of writing; then nothing of it is.
    fn commit(self: Box<Self>) -> Result;
}

/// A transaction whose rows are in this process, so that they need not be copied to be looked at.
pub trait InPlace {
    /// Shows the rows of a range to `row`, whose panics are its own, until that says no; returns whether it did.
    ///
    /// # Errors
    /// Those of reading.
    fn visit(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        row: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<bool>;
}
