//! Transactions on a server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::driver::Ended;
use super::{ON_ITS_WAY, ROLLBACK_MAX, STATEMENT_MAX, Shared, errors, no_answer, sql};
use crate::engine::{Access, Budget, Direction, Rows, Space, Transaction, Wait};
use crate::error::{Error, Result};
use crate::interval::Interval;

/// Rows of a space that are removed with one statement.
const REMOVED_AT_ONCE: i64 = 10_000;
/// How long to wait until asking again what became of a transaction.
const PAUSE: Duration = Duration::from_millis(50);

/// What goes into a statement.
type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// A transaction on a server.
pub(super) struct PostgresTransaction {
    shared: Arc<Shared>,
    /// `None` once it has ended, or its connection was lost.
    client: Option<Object>,
    access: Access,
    wait: Wait,
    savepoints: usize,
    /// Whether a statement was refused: the server would end the transaction with a rollback that looks like a commit.
    has_failed: bool,
}

/// What a statement takes for a number without a sign.
fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl PostgresTransaction {
    pub(super) fn new(
        shared: Arc<Shared>,
        client: Object,
        access: Access,
        wait: &Wait,
    ) -> PostgresTransaction {
        PostgresTransaction {
            shared,
            client: Some(client),
            access,
            wait: wait.clone(),
            savepoints: 0,
            has_failed: false,
        }
    }

    /// Starts it.
    pub(super) fn begin(&mut self, statements: &str) -> Result {
        self.batch(statements)
    }

    /// Runs `f` on the connection.
    fn run<R>(
        &mut self,
        f: impl AsyncFnOnce(&ClientWrapper) -> Result<R, tokio_postgres::Error>,
    ) -> Result<R> {
        let Some(client) = &self.client else {
            return Err(Error::Unreachable("it was lost before".to_owned()));
        };
        // Whoever waits for a lock has an answer from the server before.
        let at_most = self
            .wait
            .patience
            .saturating_add(STATEMENT_MAX + ON_ITS_WAY);
        let watch = self.wait.watch.as_ref();
        match self.shared.driver.wait(at_most, watch, f(&**client)) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                self.has_failed = true;
                let error = errors::of(&error);
                if let Error::Unreachable(_) = error {
                    drop(self.client.take().map(Object::take));
                }
                Err(error)
            }
            Err(ended) => {
                self.abandon();
                Err(match ended {
                    Ended::Watch => Error::Interrupted,
                    Ended::Time => no_answer(at_most),
                })
            }
        }
    }

    /// Closes the connection, whatever the server is doing for it; what that is, the server is asked to end.
    fn abandon(&mut self) {
        if let Some(client) = self.client.take() {
            let client = Object::take(client);
            let token = client.cancel_token();
            let tls = self.shared.tls.clone();
            self.shared.driver.spawn(async move {
                // A server that cannot be asked finds out by itself that the connection is closed.
                let _ = token.cancel_query(tls).await;
            });
        }
    }

    fn batch(&mut self, statements: &str) -> Result {
        self.run(async |client| client.batch_execute(statements).await)
    }

    fn rows(&mut self, statement: &str, parameters: &Parameters<'_>) -> Result<Vec<Row>> {
        self.run(async |client| {
            let statement = client.prepare_cached(statement).await?;
            client.query(&statement, parameters).await
        })
    }

    /// The number in the only row, if there is one.
    pub(super) fn number(
        &mut self,
        statement: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Option<i64>> {
        let rows = self.rows(statement, parameters)?;
        let number = rows.first().map(|row| row.try_get(0)).transpose();
        Ok(number.map_err(|error| errors::of(&error))?.flatten())
    }

    /// The length in the only row, if there is one.
    fn len(&mut self, statement: &str, parameters: &Parameters<'_>) -> Result<Option<usize>> {
        if self.access == Access::Read {
            return Err(Error::ReadOnly);
        }
        let rows = self.rows(statement, parameters)?;
        let len = rows.first().map(|row| row.try_get::<_, Option<i32>>(0));
        let len = len.transpose().map_err(|error| errors::of(&error))?;
        Ok(len.flatten().map(|len| len.unsigned_abs() as usize))
    }

    /// Asks on another connection what became of a transaction whose `COMMIT` had no answer.
    fn resolve(&self, number: Option<i64>, lost: String) -> Result {
        let Some(number) = number else {
            // It has written nothing.
            return Err(Error::Unreachable(lost));
        };
        let started = Instant::now();
        let status = loop {
            let at_most = match self.wait.is_over() {
                true => ON_ITS_WAY.min(self.shared.connect),
                false => self.shared.connect,
            };
            match self.ask(number) {
                Ok(Some(status)) if status != "in progress" => break status,
                // The server starts again, or the transaction is still ending.
                _ if started.elapsed() < at_most => std::thread::sleep(PAUSE),
                _ => return Err(Error::InDoubt(lost)),
            }
        };
        match status.as_str() {
            "committed" => Ok(()),
            _ => Err(Error::Unreachable(lost)),
        }
    }

    fn ask(&self, number: i64) -> Result<Option<String>> {
        let client = self.shared.connection(self.shared.connect, None)?;
        let client = &client;
        let asked = async move {
            let row = client.query_one(sql::STATUS, &[&number]).await?;
            row.try_get(0)
        };
        match self.shared.driver.wait(ON_ITS_WAY, None, asked) {
            Ok(status) => status.map_err(|error| errors::of(&error)),
            Err(_) => Err(no_answer(ON_ITS_WAY)),
        }
    }
}

impl Transaction for PostgresTransaction {
    fn get(&mut self, space: Space, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let rows = self.rows(sql::GET, &[&i64::from(space.0), &key])?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        found(row.try_get(0).map_err(|error| errors::of(&error))?);
        Ok(true)
    }

    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<Option<usize>> {
        self.len(sql::PUT, &[&i64::from(space.0), &key, &value])
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<Option<usize>> {
        self.len(sql::DELETE, &[&i64::from(space.0), &key])
    }

    fn scan(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        budget: Budget,
        rows: &mut Rows,
    ) -> Result<bool> {
        if range.is_empty() {
            return Ok(false);
        }
        let space = i64::from(space.0);
        // There is always a first row.
        let (most_rows, most_bytes) = (signed(budget.rows.max(1)), signed(budget.bytes.max(1)));
        let found = match (&range.high, direction) {
            (Some(high), direction) => {
                let statement = match direction {
                    Direction::Forward => sql::SCAN,
                    Direction::Backward => sql::SCAN_BACKWARD,
                };
                self.rows(
                    statement,
                    &[&space, &range.low, high, &most_rows, &most_bytes],
                )?
            }
            (None, direction) => {
                let statement = match direction {
                    Direction::Forward => sql::SCAN_FROM,
                    Direction::Backward => sql::SCAN_FROM_BACKWARD,
                };
                self.rows(statement, &[&space, &range.low, &most_rows, &most_bytes])?
            }
        };
        let (rows_before, bytes_before) = (rows.len(), rows.bytes());
        for row in &found {
            let key = row.try_get(0).map_err(|error| errors::of(&error))?;
            let value = row.try_get(1).map_err(|error| errors::of(&error))?;
            rows.push(key, value);
        }
        let (new_rows, new_bytes) = (rows.len() - rows_before, rows.bytes() - bytes_before);
        Ok(new_rows > 0 && (new_rows >= budget.rows || new_bytes >= budget.bytes))
    }

    fn count(&mut self, space: Space, range: &Interval, at_most: u64) -> Result<u64> {
        if range.is_empty() {
            return Ok(0);
        }
        let space = i64::from(space.0);
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let count = match &range.high {
            Some(high) => self.number(sql::COUNT, &[&space, &range.low, high, &at_most]),
            None => self.number(sql::COUNT_FROM, &[&space, &range.low, &at_most]),
        };
        Ok(count?.unwrap_or(0).unsigned_abs())
    }

    fn remove_space(&mut self, space: Space) -> Result {
        let space = i64::from(space.0);
        loop {
            let removed = self.run(async |client| {
                let statement = client.prepare_cached(sql::CLEAR).await?;
                client
                    .execute(&statement, &[&space, &REMOVED_AT_ONCE])
                    .await
            })?;
            if removed < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }

    fn push_savepoint(&mut self) -> Result {
        self.batch(&format!("SAVEPOINT s{}", self.savepoints))?;
        self.savepoints += 1;
        Ok(())
    }

    fn rollback_to_savepoint(&mut self) -> Result {
        let Some(savepoint) = self.savepoints.checked_sub(1) else {
            return Err(Error::NoTransaction);
        };
        self.savepoints = savepoint;
        self.batch(&format!(
            "ROLLBACK TO SAVEPOINT s{savepoint}; RELEASE SAVEPOINT s{savepoint}"
        ))
    }

    fn release_savepoint(&mut self) -> Result {
        let Some(savepoint) = self.savepoints.checked_sub(1) else {
            return Err(Error::NoTransaction);
        };
        self.savepoints = savepoint;
        self.batch(&format!("RELEASE SAVEPOINT s{savepoint}"))
    }

    fn commit(mut self: Box<Self>) -> Result {
        let number = match self.shared.is_postgresql {
            true => self.number(sql::NUMBER, &[])?,
            false => None,
        };
        if self.has_failed {
            return Err(Error::Aborted);
        }
        let lost = match self.batch("COMMIT") {
            Ok(()) => {
                // The next one may have the connection.
                self.client = None;
                return Ok(());
            }
            Err(Error::Unreachable(reason)) => reason,
            Err(Error::Interrupted) => "there was no time for its answer".to_owned(),
            Err(error) => return Err(error),
        };
        match self.shared.is_postgresql {
            true => self.resolve(number, lost),
            false => Err(Error::InDoubt(lost)),
        }
    }
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        if self.access == Access::Read {
            // It holds nothing that others wait for.
            self.shared.driver.spawn(async move {
                if client.batch_execute("ROLLBACK").await.is_err() {
                    drop(Object::take(client));
                }
            });
            return;
        }
        let rolled_back = {
            let client = &client;
            let rollback = async move { client.batch_execute("ROLLBACK").await };
            self.shared.driver.wait(ROLLBACK_MAX, None, rollback)
        };
        if !matches!(rolled_back, Ok(Ok(()))) {
            self.client = Some(client);
            self.abandon();
        }
    }
}
