//! Instructions on tables and their indices.

use dotvm_dotdb::{Error as DbError, Session, TableId};
use dotvm_isa::TrapCode;

use super::{Call, TABLES_MAX};
use crate::vm::entry::Stop;

/// The handle of a table.
fn handle(table: TableId) -> u64 {
    u64::from(table.number()) + 1
}

/// The name that the first operands are, as `f` takes it.
fn named<R>(
    call: &mut Call<'_>,
    mut f: impl FnMut(&mut Session, &str) -> dotvm_dotdb::Result<R>,
) -> Result<R, Stop> {
    let [name, len] = call.args();
    let name = call.operand(name, len)?;
    call.charge(name.len())?;
    call.with_database(|session, memory| f(session, name_text(&memory[name.clone()])?))
}

/// The text of a name; which ones there are is for the database to say.
fn name_text(bytes: &[u8]) -> dotvm_dotdb::Result<&str> {
    str::from_utf8(bytes).map_err(|_| {
        let start = &bytes[..bytes.len().min(80)];
        DbError::Name(String::from_utf8_lossy(start).into_owned())
    })
}

/// Makes sure that there may be another handle.
fn check_handles(call: &mut Call<'_>) -> Result<(), Stop> {
    let (session, _) = call.database()?;
    match session.numbered_table(TABLES_MAX - 1) {
        Ok(_) => Err(TrapCode::HandleLimit.into()),
        Err(_) => Ok(()),
    }
}

/// `db_table`
pub(in crate::services) fn open(call: &mut Call<'_>) -> Result<u64, Stop> {
    check_handles(call)?;
    named(call, |session, name| match session.table(name) {
        Ok(table) => Ok(handle(table)),
        Err(DbError::UnknownTable(_)) => Ok(0),
        Err(refusal) => Err(refusal),
    })
}

/// `db_table_create`
pub(in crate::services) fn create(call: &mut Call<'_>) -> Result<u64, Stop> {
    check_handles(call)?;
    named(call, |session, name| session.create_table(name).map(handle))
}

/// `db_table_drop`
pub(in crate::services) fn remove(call: &mut Call<'_>) -> Result<u64, Stop> {
    named(call, |session, name| {
        session.drop_table(name).map(u64::from)
    })
}

/// `db_tables`
pub(in crate::services) fn names(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [dst, len] = call.args();
    let dst = call.operand(dst, len)?;
    let mut names = call.with_database(|session, _| session.table_names())?;
    // Those of the machine are not the program's.
    names.retain(|name| !name.starts_with('.'));
    call.charge_rows(names.len() as u64, 0)?;
    let lines: String = names.iter().flat_map(|name| [name, "\n"]).collect();
    call.write_text(&dst, &lines)
}

/// `db_index`
pub(in crate::services) fn index(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, name, name_len, field, field_len] = call.args();
    let table = call.table(table)?;
    let (name, field) = (
        call.operand(name, name_len)?,
        call.operand(field, field_len)?,
    );
    call.charge(name.len() + field.len())?;
    let (is_new, entries) = call.with_database(|session, memory| {
        let name = name_text(&memory[name.clone()])?;
        let field = str::from_utf8(&memory[field.clone()])
            .map_err(|_| DbError::Extractor("it is not UTF-8".to_owned()))?;
        let is_new = session.create_index(table, name, field)?;
        // What was done for it: each row was read.
        let rows = match is_new {
            true => session.count(table, &dotvm_dotdb::Interval::all())?,
            false => 0,
        };
        Ok((is_new, rows))
    })?;
    call.charge_rows(entries, 0)?;
    Ok(u64::from(is_new))
}

/// `db_index_drop`
pub(in crate::services) fn index_drop(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, name, len] = call.args();
    let table = call.table(table)?;
    let name = call.operand(name, len)?;
    call.charge(name.len())?;
    call.with_database(|session, memory| {
        match session.drop_index(table, name_text(&memory[name.clone()])?) {
            Ok(()) => Ok(1),
            Err(DbError::UnknownIndex { .. }) => Ok(0),
            Err(refusal) => Err(refusal),
        }
    })
}
