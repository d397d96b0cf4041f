//! Instructions on transactions.

use dotvm_dotdb::{Error as DbError, Session};

use super::Call;
use crate::vm::entry::Stop;

/// `db_begin`
pub(in crate::services) fn begin(call: &mut Call<'_>) -> Result<(), Stop> {
    call.with_database(|session, _| session.begin())
}

/// `db_begin_read`
pub(in crate::services) fn begin_read(call: &mut Call<'_>) -> Result<(), Stop> {
    call.with_database(|session, _| match session.depth() {
        0 => session.begin_read(),
        _ => session.begin(),
    })
}

/// `db_commit`
pub(in crate::services) fn commit(call: &mut Call<'_>) -> Result<(), Stop> {
    end(call, Session::commit)
}

/// `db_rollback`
pub(in crate::services) fn rollback(call: &mut Call<'_>) -> Result<(), Stop> {
    end(call, Session::rollback)
}

/// Ends a transaction of the program's own.
fn end(
    call: &mut Call<'_>,
    end: impl Fn(&mut Session) -> dotvm_dotdb::Result<()>,
) -> Result<(), Stop> {
    let outer = call.store.services.database.outer;
    call.with_database(|session, _| match session.depth() > outer {
        true => end(session),
        false => Err(DbError::NoTransaction),
    })
}

/// `db_depth`
pub(in crate::services) fn depth(call: &mut Call<'_>) -> u64 {
    let outer = call.store.services.database.outer;
    // A session that is not there yet need not begin to know this.
    let session = call.store.services.database.session();
    session.map_or(0, |session| session.depth().saturating_sub(outer)) as u64
}
