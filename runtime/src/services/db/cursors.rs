//! Instructions on cursors: ranges of rows, and queries.

use std::ops::Range;

use dotvm_dotdb::{Cursor, Direction, Error as DbError, Interval, Session, Value};
use dotvm_isa::TrapCode;
use dotvm_isa::db::{NONE, Param, ROW_HEAD_BYTES, take_param};
use dotvm_isa::ops::Rate;

use super::rows::range;
use super::{Call, stop};
use crate::services::Object;
use crate::store::StoreOpaque;
use crate::vm::entry::Stop;

/// `db_scan`
pub(in crate::services) fn scan(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, low, low_len, high, high_len, flags, limit] = call.args();
    let range = range(call, [low, low_len, high, high_len])?;
    start(call, table, &range, flags, limit)
}

/// `db_prefix`
pub(in crate::services) fn prefix(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, prefix, len, flags, limit] = call.args();
    let prefix = call.operand(prefix, len)?;
    call.charge(prefix.len())?;
    call.store.check_room(2 * prefix.len() as u64)?;
    let range = Interval::prefix(&call.memory()[prefix]);
    start(call, table, &range, flags, limit)
}

fn start(
    call: &mut Call<'_>,
    table: u32,
    range: &Interval,
    flags: u32,
    limit: u32,
) -> Result<u64, Stop> {
    let table = call.table(table)?;
    let direction = match flags {
        0 => Direction::Forward,
        1 => Direction::Backward,
        _ => return Err(TrapCode::InvalidArgument.into()),
    };
    let cursor = call.with_database(|session, _| session.scan(table, range.clone(), direction))?;
    keep(
        call,
        match limit {
            NONE => cursor,
            limit => cursor.limited(limit.into()),
        },
    )
}

/// Keeps a cursor; returns its handle.
fn keep(call: &mut Call<'_>, cursor: Cursor) -> Result<u64, Stop> {
    let bytes = cursor.bytes();
    Ok(call.keep(Object::Cursor(Box::new(cursor)), bytes as usize)?)
}

/// `db_query`
pub(in crate::services) fn query(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [query, len, parameters, parameters_len] = call.args();
    let query = call.operand(query, len)?;
    let parameters = parameters_of(call, &query, parameters, parameters_len)?;
    let cursor = call.with_database(|session, memory| {
        session.query(query_text(&memory[query.clone()])?, &parameters)
    })?;
    call.charge_rows(cursor.examined(), 0)?;
    keep(call, cursor)
}

/// `db_explain`
pub(in crate::services) fn explain(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [query, query_len, parameters, parameters_len, dst, len] = call.args();
    let query = call.operand(query, query_len)?;
    let dst = call.operand(dst, len)?;
    let parameters = parameters_of(call, &query, parameters, parameters_len)?;
    let plan = call.with_database(|session, memory| {
        session.explain(query_text(&memory[query.clone()])?, &parameters)
    })?;
    call.write_text(&dst, &plan)
}

/// The text of a query.
fn query_text(bytes: &[u8]) -> dotvm_dotdb::Result<&str> {
    str::from_utf8(bytes).map_err(|error| DbError::Query {
        at: error.valid_up_to(),
        reason: "it is not UTF-8".to_owned(),
    })
}

/// The parameters of a query, for which and for whose text fuel is taken.
fn parameters_of(
    call: &mut Call<'_>,
    query: &Range<usize>,
    at: u32,
    len: u32,
) -> Result<Vec<Value>, Stop> {
    let at = call.operand(at, len)?;
    let mut rest = &call.memory()[at.clone()];
    let mut count = 0u64;
    while !rest.is_empty() {
        take_param(&mut rest).ok_or(TrapCode::InvalidArgument)?;
        count += 1;
    }
    call.charge(query.len() + at.len())?;
    let bytes = count * size_of::<Value>() as u64 + at.len() as u64 + query.len() as u64;
    call.store.check_room(bytes)?;
    let mut rest = &call.memory()[at];
    let parameters = std::iter::from_fn(|| {
        Some(match take_param(&mut rest)? {
            Param::Null => Value::Null,
            Param::Bool(value) => Value::Bool(value),
            Param::Integer(value) => Value::Integer(value),
            Param::Float(value) => Value::Float(value),
            Param::Text(text) => Value::Text(text.to_owned()),
            Param::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        })
    });
    Ok(parameters.collect())
}

/// What `db_next` has done so far.
#[derive(Default)]
struct Written {
    rows: u64,
    bytes: usize,
    /// Bytes of the row that did not fit.
    needed: usize,
}

/// `db_next`
pub(in crate::services) fn next(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [handle, dst, len] = call.args();
    call.cursor(handle)?;
    let dst = call.operand(dst, len)?;
    loop {
        let written = next_rows(call, handle, &dst)?;
        if let Some(Written { bytes, needed, .. }) = written {
            return Ok(match needed {
                0 => bytes as u64,
                // As a number with sign, minus that: rows are shorter than 2^31 bytes.
                needed => u64::from((needed as u32).wrapping_neg()),
            });
        }
    }
}

/// Writes rows; `None` where the store's signals were looked at before there was one.
fn next_rows(
    call: &mut Call<'_>,
    handle: u32,
    dst: &Range<usize>,
) -> Result<Option<Written>, Stop> {
    call.database()?;
    let most = call.affordable_bytes();
    let StoreOpaque {
        services, memories, ..
    } = &mut *call.store;
    let memory = &mut memories[call.memory].bytes_mut()[dst.clone()];
    let cursor = services.objects.get_mut(handle)?;
    let (Object::Cursor(cursor), Some(session)) = (cursor, services.database.session()) else {
        return Err(TrapCode::InvalidHandle.into());
    };
    let (before, piece) = (cursor.examined(), cursor.piece_bytes());
    let mut written = Written::default();
    let outcome = write_rows(session, cursor, memory, most, &mut written);
    let examined = cursor.examined() - before;
    let bytes = (cursor.piece_bytes() != piece).then(|| cursor.bytes());
    match outcome {
        Ok(()) => {}
        Err(DbError::Interrupted) => {
            call.store.safepoint()?;
            if written.rows == 0 {
                call.charge_rows(examined, 0)?;
                return Ok(None);
            }
        }
        Err(refusal) => return Err(stop(refusal)),
    }
    if let Some(bytes) = bytes {
        let known = call.store.services.objects.set_bytes(handle, bytes)?;
        if bytes > known && !call.store.has_room() {
            return Err(TrapCode::MemoryLimit.into());
        }
    }
    call.charge_rows(written.rows.max(examined), written.bytes as u64)?;
    Ok(Some(written))
}

/// Writes rows, as many as fit and as there is fuel for, but one at least that fits.
fn write_rows(
    session: &mut Session,
    cursor: &mut Cursor,
    memory: &mut [u8],
    most: u64,
    written: &mut Written,
) -> dotvm_dotdb::Result<()> {
    cursor.each(session, |key, value| {
        let bytes = ROW_HEAD_BYTES + key.len() + value.len();
        let Some(place) = memory.get_mut(written.bytes..written.bytes + bytes) else {
            if written.rows == 0 {
                written.needed = bytes;
            }
            return false;
        };
        let all = (written.rows + 1) * Rate::ROW_BYTES + (written.bytes + bytes) as u64;
        if all > most && written.rows > 0 {
            return false;
        }
        let (head, place) = place.split_at_mut(ROW_HEAD_BYTES);
        // Both lengths are limited to far less than that.
        head[..4].copy_from_slice(&(key.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&(value.len() as u32).to_le_bytes());
        let (key_place, value_place) = place.split_at_mut(key.len());
        key_place.copy_from_slice(key);
        value_place.copy_from_slice(value);
        written.rows += 1;
        written.bytes += bytes;
        true
    })
}

/// `db_cursor_drop`
pub(in crate::services) fn end(call: &mut Call<'_>) -> Result<(), Stop> {
    let [handle] = call.args();
    call.cursor(handle)?;
    call.store.services.objects.remove(handle)?;
    Ok(())
}

impl Call<'_> {
    /// Checks that a handle is one of a cursor.
    fn cursor(&self, handle: u32) -> Result<(), TrapCode> {
        match self.store.services.objects.get(handle)? {
            Object::Cursor(_) => Ok(()),
            _ => Err(TrapCode::InvalidHandle),
        }
    }
}
