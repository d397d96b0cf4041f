//! Opening databases.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CATALOG, FORMAT, FORMAT_KEY, NEXT_KEY};
use crate::engine::embedded::Embedded;
use crate::engine::{Access, Engine, Wait};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::session::Session;

/// How a database is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Options {
    /// What sessions may store and ask for.
    pub limits: Limits,
    /// How long to wait for others who write.
    pub patience: Duration,
    /// How long a server may take until there is a connection to it.
    pub connect: Duration,
    /// Bytes of memory for what was read.
    pub cache_bytes: usize,
    /// Whether to read the whole file first and compare it with its checksums. Small files are in any case.
    pub check: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            limits: Limits::default(),
            patience: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            cache_bytes: 256 << 20,
            check: false,
        }
    }
}

/// A database, for as many [sessions](Session) as there are users, on any thread. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Arc<dyn Engine>,
    options: Options,
}

impl Database {
    /// Opens the database in a file, or creates one.
    ///
    /// # Errors
    /// [`InUse`](Error::InUse) where another process has it open, [`NotADatabase`](Error::NotADatabase),
    /// [`Corrupt`](Error::Corrupt), and those of the operating system.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Database> {
        let engine = Embedded::open(path.as_ref(), options.cache_bytes, options.check)?;
        Database::on(Arc::new(engine), options)
    }

    /// A database in memory, which ends with its last user.
    ///
    /// # Errors
    /// None that are known.
    pub fn in_memory(options: Options) -> Result<Database> {
        let engine = Embedded::in_memory(options.cache_bytes)?;
        Database::on(Arc::new(engine), options)
    }

    /// A database on any engine.
    ///
    /// # Errors
    /// Those of reading and writing; [`Corrupt`](Error::Corrupt) where the format is unknown.
    pub fn on(engine: Arc<dyn Engine>, options: Options) -> Result<Database> {
        let mut is_new = true;
        let mut is_known = false;
        let mut look = |access| -> Result<_> {
            let mut transaction = engine.begin(access, &Wait::new(options.patience))?;
            let found = transaction.get(CATALOG, FORMAT_KEY, &mut |format| {
                is_known = format == FORMAT;
            })?;
            is_new = !found;
            Ok((transaction, found))
        };
        let (_, found) = look(Access::Read)?;
        if !found {
            let (mut transaction, found) = look(Access::Write)?;
            if !found {
                transaction.put(CATALOG, FORMAT_KEY, FORMAT)?;
                transaction.put(CATALOG, NEXT_KEY, &1u32.to_le_bytes())?;
                transaction.commit()?;
            }
        }
        if !is_new && !is_known {
            return Err(Error::Corrupt("its format is unknown".to_owned()));
        }
        Ok(Database { engine, options })
    }

    /// A user's view of it.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// What stores it.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// How it was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Bytes that it takes to store everything.
    ///
    /// # Errors
    /// Those of asking for it.
    pub fn stored_bytes(&self) -> Result<u64> {
        self.engine.stored_bytes()
    }

    /// The name of its engine.
    pub fn engine_name(&self) -> &str {
        self.engine.name()
    }
}
