//! What a server's errors are here. None of them has the password in it: the server's messages have what was asked
//! and who asked, the client's are fixed.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::error::Error;

/// An error of a statement, or of connecting.
pub(super) fn of(error: &tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            reason += &format!(": {error}");
            source = error.source();
        }
        return Error::Unreachable(reason);
    };
    let code = refusal.code();
    let is = |codes: &[SqlState]| codes.contains(code);
    if is(&[
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]) {
        Error::Conflict
    } else if is(&[SqlState::LOCK_NOT_AVAILABLE]) {
        Error::Busy
    } else if is(&[SqlState::IN_FAILED_SQL_TRANSACTION]) {
        Error::Aborted
    } else if is(&[SqlState::DISK_FULL]) {
        Error::Full
    } else if is(&[
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ]) {
        Error::Unreachable(refusal.message().to_owned())
    } else {
        Error::Server(format!("{} ({})", refusal.message(), code.code()))
    }
}

/// An error of getting a connection.
pub(super) fn of_pool(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => of(&error),
        PoolError::PostCreateHook(deadpool_postgres::HookError::Backend(error)) => of(&error),
        error => Error::Unreachable(error.to_string()),
    }
}
