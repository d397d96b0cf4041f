//! Databases: what instructions do with tables, rows, cursors and transactions.
//!
//! A store has one session, which begins with the first instruction that needs one. What is refused is a trap that
//! says why. Operations that take long look at the store's signals now and then.

pub(super) mod cursors;
pub(super) mod rows;
pub(super) mod tables;
pub(super) mod transactions;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dotvm_dotdb::{Database, Error as DbError, Options, Session, TableId};
use dotvm_isa::TrapCode;
use dotvm_isa::ops::Rate;

use super::Call;
use crate::error::{BoxError, Error, Trap};
use crate::store::StoreOpaque;
use crate::vm::entry::Stop;

/// The most tables that a session gives handles to: what it knows of each name is kept.
const TABLES_MAX: u32 = 0xffff;

/// What opens a database.
type Open = Box<dyn FnOnce() -> Result<Database, BoxError> + Send>;

/// A store's database.
#[derive(Default)]
pub(crate) struct StoreDatabase {
    source: Source,
    /// Nobody locks it; the lock makes stores shareable between threads.
    session: Option<Mutex<Session>>,
    /// Transactions that are the embedder's: programs neither commit nor roll them back.
    outer: usize,
}

/// Where the database comes from.
#[derive(Default)]
enum Source {
    /// From memory, with the limits of the engine's configuration.
    #[default]
    Memory,
    /// From there.
    Open(Mutex<Open>),
    /// It came, or did not for this reason.
    Asked(String),
}

impl StoreDatabase {
    /// Sets what the database is.
    pub(crate) fn set(&mut self, open: Open) {
        *self = StoreDatabase {
            source: Source::Open(Mutex::new(open)),
            session: None,
            outer: 0,
        };
    }

    /// Ends the session, if there is one; another one cannot begin.
    pub(crate) fn close(&mut self) {
        *self = StoreDatabase {
            source: Source::Asked("it was closed".to_owned()),
            session: None,
            outer: 0,
        };
    }

    /// Whether there is a session.
    pub(crate) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// The session, if there is one.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        let session = self.session.as_mut()?;
        Some(session.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Rolls back what programs began and did not end.
    pub(crate) fn end_run(&mut self) {
        let outer = self.outer;
        if let Some(session) = self.session() {
            while session.depth() > outer {
                // One that fails leaves a transaction that cannot be committed.
                let _ = session.rollback();
            }
        }
    }
}

/// What the embedder gets to see of a refusal.
pub(crate) fn error(error: &DbError) -> Error {
    let code = match error {
        DbError::Limit { .. } => TrapCode::DatabaseLimit,
        DbError::Name(_)
        | DbError::UnknownTable(_)
        | DbError::UnknownIndex { .. }
        | DbError::IndexExists { .. }
        | DbError::Extractor(_)
        | DbError::Query { .. }
        | DbError::NoTransaction
        | DbError::Aborted
        | DbError::ReadOnly => TrapCode::DatabaseMisuse,
        _ => TrapCode::DatabaseFailure,
    };
    Error::Trap(Trap::with_detail(code, error.to_string()))
}

fn stop(refusal: DbError) -> Stop {
    Stop::Error(error(&refusal))
}

/// The store's session, which begins now where it had not.
///
/// # Errors
/// Where the database cannot be opened.
pub(crate) fn session(store: &mut StoreOpaque) -> Result<&mut Session, Error> {
    if !store.services.database.is_open() {
        open(store)?;
    }
    let session = store.services.database.session();
    session.ok_or_else(|| Error::Bug("a session that is not there".to_owned()))
}

#[cold]
fn open(store: &mut StoreOpaque) -> Result<(), Error> {
    let failed = |reason: String| Trap::with_detail(TrapCode::DatabaseFailure, reason);
    let source = &mut store.services.database.source;
    let asked = std::mem::replace(source, Source::Asked("it is being opened".to_owned()));
    let opened = match asked {
        Source::Memory => {
            let mut options = Options::default();
            options.limits = store.engine.config().database_limits;
            // What is in memory is to be within the limit of memory.
            let most = &mut options.limits.database_bytes;
            *most = (*most).min(store.max_memory_bytes());
            Database::in_memory(options).map_err(BoxError::from)
        }
        Source::Open(open) => open.into_inner().unwrap_or_else(PoisonError::into_inner)(),
        Source::Asked(reason) => {
            let failure = failed(reason.clone());
            store.services.database.source = Source::Asked(reason);
            return Err(failure.into());
        }
    };
    let mut session = match opened {
        Ok(database) => database.session(),
        Err(refusal) => {
            store.services.database.source = Source::Asked(refusal.to_string());
            return Err(failed(refusal.to_string()).into());
        }
    };
    let signals = Arc::clone(store.signals());
    session.set_watch(move || signals.is_poked());
    store.services.database.session = Some(Mutex::new(session));
    Ok(())
}

/// Starts a transaction of the embedder's, which programs take part in and do not end.
///
/// # Errors
/// Those of opening and of starting.
pub(crate) fn begin_outer(store: &mut StoreOpaque) -> Result<(), Error> {
    session(store)?.begin().map_err(|refusal| error(&refusal))?;
    store.services.database.outer += 1;
    Ok(())
}

/// Ends a transaction of the embedder's.
///
/// # Errors
/// Where there is none, and those of committing.
pub(crate) fn end_outer(
    store: &mut StoreOpaque,
    end: impl FnOnce(&mut Session) -> dotvm_dotdb::Result<()>,
) -> Result<(), Error> {
    let outer = &mut store.services.database.outer;
    let Some(fewer) = outer.checked_sub(1) else {
        return Err(error(&DbError::NoTransaction));
    };
    *outer = fewer;
    let session = session(store)?;
    let ended = end(session);
    if ended.is_err() && session.depth() > fewer {
        let _ = session.rollback();
    }
    ended.map_err(|refusal| error(&refusal))
}

impl Call<'_> {
    /// The session, and the program's memory.
    fn database(&mut self) -> Result<(&mut Session, &mut [u8]), Stop> {
        session(self.store)?;
        let StoreOpaque {
            services, memories, ..
        } = &mut *self.store;
        let session = services.database.session();
        let memory = memories.get_mut(self.memory);
        let memory = memory.map_or(&mut [][..], |memory| memory.bytes_mut());
        match session {
            Some(session) => Ok((session, memory)),
            None => Err(Error::Bug("a session that is not there".to_owned()).into()),
        }
    }

    /// Does something with the session and the memory. Where that ended because of the store's signals, it stops
    /// with what they say, or it is done again.
    fn with_database<R>(
        &mut self,
        mut f: impl FnMut(&mut Session, &mut [u8]) -> dotvm_dotdb::Result<R>,
    ) -> Result<R, Stop> {
        loop {
            let deadline = self.store.deadline();
            let (session, memory) = self.database()?;
            if let (Some(deadline), 0) = (deadline, session.depth()) {
                // Nobody waits for others for longer than that.
                let left = deadline.saturating_duration_since(Instant::now());
                session.set_patience(session.database().options().patience.min(left));
            }
            match f(session, memory) {
                Ok(result) => return Ok(result),
                Err(DbError::Interrupted) => self.store.safepoint()?,
                Err(DbError::Busy) => {
                    // Perhaps it was the deadline that ended the wait.
                    self.store.safepoint()?;
                    return Err(stop(DbError::Busy));
                }
                Err(refusal) => return Err(stop(refusal)),
            }
        }
    }

    /// The table of a handle.
    fn table(&mut self, handle: u32) -> Result<TableId, Stop> {
        let (session, _) = self.database()?;
        let number = handle.checked_sub(1).ok_or(TrapCode::InvalidHandle)?;
        match session.numbered_table(number) {
            Ok(table) if !session.is_machine_table(table) => Ok(table),
            _ => Err(TrapCode::InvalidHandle.into()),
        }
    }

    /// How many bytes there is fuel for.
    fn affordable_bytes(&self) -> u64 {
        let fuel = self.store.fuel_left();
        fuel.saturating_mul(self.service.rate().units())
    }

    /// Takes the fuel for that many rows, and bytes of them.
    fn charge_rows(&mut self, rows: u64, bytes: u64) -> Result<(), TrapCode> {
        let units = rows.saturating_mul(Rate::ROW_BYTES).saturating_add(bytes);
        self.store.charge(self.service.rate().fuel(units))
    }

    /// Writes a text where it fits; returns its length.
    fn write_text(&mut self, dst: &std::ops::Range<usize>, text: &str) -> Result<u64, Stop> {
        self.charge(text.len())?;
        if text.len() <= dst.len() {
            self.write(&(dst.start..dst.start + text.len()), text.as_bytes());
        }
        Ok(text.len() as u64)
    }
}
