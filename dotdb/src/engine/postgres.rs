//! The engine on a server: PostgreSQL, and what speaks its protocol.
//!
//! Whatever writes at the same time, it is as if one had run after the other, or one of them ends with a conflict.
//! Transactions that cannot be repeated by whoever began them run alone: they hold a lock (of the table `dotdb_writers`)
//! until they end, and wait for it before they see anything. Those that can be repeated are `SERIALIZABLE` and run
//! together, and alone the second time. So nobody has to repeat what only a program could repeat, as long as the
//! server has such locks; servers that have none tell more conflicts.
//!
//! Transactions that read have a snapshot, and are never in anybody's way.
//!
//! Nothing waits for ever: not for a connection, not for a lock, not for an answer. A connection that does not
//! answer in time is closed, which is the end of its transaction.

mod driver;
mod errors;
mod sql;
mod tls;
mod transaction;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Access, Engine, Transaction, Wait, Watch};
use crate::error::{Error, Result};
use driver::{Driver, Ended};
use transaction::PostgresTransaction;

/// Connections of an engine.
const CONNECTIONS_MAX: usize = 32;
/// How long the answer to a statement may take, apart from waiting for others.
const STATEMENT_MAX: Duration = Duration::from_secs(60);
/// How much longer the server's answer is waited for than the server may take.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// How long the end of a transaction is waited for that nobody wants any more.
const ROLLBACK_MAX: Duration = Duration::from_secs(2);
/// How often a connection that was closed while nobody used it is replaced.
const RECONNECTS: u32 = 3;
/// The most bytes of a value: a message of the protocol has at most 1 GiB.
const VALUE_BYTES_MAX: u64 = 256 << 20;

/// The engine on a server.
pub struct Postgres {
    shared: Arc<Shared>,
}

/// What its transactions need.
struct Shared {
    pool: Pool,
    driver: Driver,
    tls: MakeRustlsConnect,
    /// How long it may take until there is a connection.
    connect: Duration,
    /// Whether the server has locks of tables, and numbers of transactions.
    is_postgresql: bool,
}

impl fmt::Debug for Postgres {
    // Without what the pool knows: the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Opens the database at a URL, `postgres://user:password@host:port/database`; with `create`, makes one there
    /// where there is none. A URL without a password has that of the variable `PGPASSWORD`, if it is set. `sslmode` and
    /// `sslrootcert` in it say whether connections are encrypted, and whom they trust (docs/dotdb.md).
    ///
    /// # Errors
    /// [`Unreachable`](Error::Unreachable), also where there is no connection after `connect`;
    /// [`Server`](Error::Server) where the server lets nobody in, or there are no certificates to trust;
    /// [`Url`](Error::Url);
    /// [`NotADatabase`](Error::NotADatabase) where there is none and none is to be made.
    pub fn open(url: &str, connect: Duration, create: bool) -> Result<Postgres> {
        // What is wrong with a URL may be something in the password, and is not said.
        let (known, authorities) = tls::split(url);
        let mut config: Config = known.parse().map_err(|_| Error::Url)?;
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(Error::Url);
        }
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        config.connect_timeout(connect);
        config.tcp_user_timeout(STATEMENT_MAX);
        let tls = tls::connector(config.get_ssl_mode(), authorities.as_deref())?;
        let driver = Driver::start()?;
        let is_postgresql = ask_for_kind(&driver, &config, &tls, connect)?;
        let settings = match is_postgresql {
            true => sql::CONNECTED_TO_POSTGRESQL,
            false => sql::CONNECTED,
        };
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, tls.clone(), recycling))
            .max_size(CONNECTIONS_MAX)
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(async move {
                    let set = client.batch_execute(settings).await;
                    set.map_err(HookError::Backend)
                })
            }))
            .build()
            .map_err(|error| Error::Server(error.to_string()))?;
        let shared = Shared {
            pool,
            driver,
            tls,
            connect,
            is_postgresql,
        };
        shared.prepare(create)?;
        Ok(Postgres {
            shared: Arc::new(shared),
        })
    }
}

/// Connects once; returns whether the server is PostgreSQL itself.
fn ask_for_kind(
    driver: &Driver,
    config: &Config,
    tls: &MakeRustlsConnect,
    connect: Duration,
) -> Result<bool> {
    let asked = driver.wait(connect, None, async {
        let (client, connection) = config.connect(tls.clone()).await?;
        let connection = tokio::spawn(connection);
        let version = client.query_one(sql::VERSION, &[]).await?;
        let version: String = version.try_get(0)?;
        drop(client);
        // It was closed by us.
        let _ = connection.await;
        Ok(version)
    });
    match asked {
        Ok(Ok(version)) => Ok(version.starts_with("PostgreSQL") && !version.contains("-YB-")),
        Ok(Err(error)) => Err(errors::of(&error)),
        Err(_) => Err(no_answer(connect)),
    }
}

fn no_answer(after: Duration) -> Error {
    Error::Unreachable(format!("no answer within {after:?}"))
}

impl Shared {
    /// Makes sure that there is a database.
    fn prepare(&self, create: bool) -> Result {
        let client = self.connection(self.connect, None)?;
        let client = &client;
        let prepared = self.driver.wait(STATEMENT_MAX, None, async move {
            let exists: bool = client.query_one(sql::EXISTS, &[]).await?.try_get(0)?;
            if !exists && create {
                if let Err(error) = client.batch_execute(sql::CREATE).await {
                    client.batch_execute("ROLLBACK").await?;
                    return Err(error);
                }
                return Ok(true);
            }
            Ok(exists)
        });
        match prepared {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Error::NotADatabase),
            Ok(Err(error)) => Err(errors::of(&error)),
            Err(_) => Err(no_answer(STATEMENT_MAX)),
        }
    }

    /// A connection that nobody uses.
    fn connection(&self, at_most: Duration, watch: Option<&Watch>) -> Result<Object> {
        match self.driver.wait(at_most, watch, self.pool.get()) {
            Ok(got) => got.map_err(errors::of_pool),
            Err(Ended::Watch) => Err(Error::Interrupted),
            Err(Ended::Time) if self.pool.status().size >= CONNECTIONS_MAX => Err(Error::Busy),
            Err(Ended::Time) => Err(no_answer(at_most)),
        }
    }

    /// What starts a transaction.
    fn beginning(&self, access: Access, patience: Duration) -> String {
        if access == Access::Read {
            return sql::BEGIN_READ.to_owned();
        }
        if !self.is_postgresql {
            return sql::BEGIN.to_owned();
        }
        let (begin, lock) = match access {
            Access::Attempt => (sql::BEGIN, sql::LOCK_TOGETHER),
            _ => (sql::BEGIN_ALONE, sql::LOCK_ALONE),
        };
        // 0 would mean to wait for ever.
        let milliseconds = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
        let (locked, answered) = (
            milliseconds(patience),
            milliseconds(patience.saturating_add(STATEMENT_MAX)),
        );
        format!(
            "{begin}; SET LOCAL lock_timeout = {locked}; SET LOCAL statement_timeout = {answered}; {lock}"
        )
    }
}

impl Engine for Postgres {
    fn begin(&self, access: Access, wait: &Wait) -> Result<Box<dyn Transaction>> {
        let beginning = self.shared.beginning(access, wait.patience);
        let mut reconnects = 0;
        loop {
            let at_most = wait.patience.max(self.shared.connect);
            let client = self.shared.connection(at_most, wait.watch.as_ref())?;
            let shared = Arc::clone(&self.shared);
            let mut transaction = PostgresTransaction::new(shared, client, access, wait);
            match transaction.begin(&beginning) {
                // Nothing has been done yet.
                Err(Error::Unreachable(_)) if reconnects < RECONNECTS => reconnects += 1,
                begun => {
                    begun?;
                    return Ok(Box::new(transaction));
                }
            }
        }
    }

    fn version(&self) -> Option<u64> {
        None
    }

    fn stored_bytes(&self) -> Result<u64> {
        let statement = match self.shared.is_postgresql {
            true => sql::STORED_BYTES,
            false => sql::STORED_BYTES_OF_ROWS,
        };
        let client = self.shared.connection(self.shared.connect, None)?;
        let wait = Wait::new(self.shared.connect);
        let mut transaction =
            PostgresTransaction::new(Arc::clone(&self.shared), client, Access::Read, &wait);
        transaction.begin(sql::BEGIN_READ)?;
        let bytes = transaction.number(statement, &[])?;
        Ok(bytes.unwrap_or(0).max(0).unsigned_abs())
    }

    fn name(&self) -> &str {
        "PostgreSQL"
    }

    fn value_bytes_max(&self) -> u64 {
        VALUE_BYTES_MAX
    }
}
