//! Instructions on rows: one by one, in batches, by ranges of keys.

use std::ops::Range;

use dotvm_dotdb::{Change, Interval, Limits};
use dotvm_isa::TrapCode;
use dotvm_isa::db::{NONE, take_change};

use super::Call;
use crate::vm::entry::Stop;

/// Keys up to this length are copied to the native stack.
const SHORT_KEY_BYTES: usize = 128;

/// What stands for nothing: -1.
const NOTHING: u64 = u32::MAX as u64;

/// `db_get`
pub(in crate::services) fn get(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, key, key_len, dst, len] = call.args();
    let table = call.table(table)?;
    let (key, dst) = (call.operand(key, key_len)?, call.operand(dst, len)?);
    call.charge(key.len())?;
    if key.len() > Limits::KEY_BYTES_MAX {
        return Ok(NOTHING);
    }
    let most = call.affordable_bytes();
    let mut short = [0; SHORT_KEY_BYTES];
    let found = call.with_database(|session, memory| {
        let mut found = None;
        let take = |memory: &mut [u8], value: &[u8]| {
            found = Some(value.len());
            if value.len() <= dst.len() && value.len() as u64 <= most {
                memory[dst.start..dst.start + value.len()].copy_from_slice(value);
            }
        };
        with_key(memory, &key, &mut short, take, |key, found| {
            session.get_with(table, key, found)
        })?;
        Ok(found)
    })?;
    match found {
        Some(len) => {
            call.charge(len)?;
            Ok(len as u64)
        }
        None => Ok(NOTHING),
    }
}

/// Runs `look` with a key of the memory, and with what takes the value; that may write to the memory.
fn with_key<R>(
    memory: &mut [u8],
    at: &Range<usize>,
    short: &mut [u8; SHORT_KEY_BYTES],
    mut take: impl FnMut(&mut [u8], &[u8]),
    look: impl FnOnce(&[u8], &mut dyn FnMut(&[u8])) -> R,
) -> R {
    let long;
    let key = match short.get_mut(..at.len()) {
        Some(short) => {
            short.copy_from_slice(&memory[at.clone()]);
            &*short
        }
        None => {
            long = memory[at.clone()].to_vec();
            long.as_slice()
        }
    };
    look(key, &mut |value| take(memory, value))
}

/// `db_exists`
pub(in crate::services) fn exists(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, key, key_len] = call.args();
    let table = call.table(table)?;
    let key = call.operand(key, key_len)?;
    call.charge(key.len())?;
    call.with_database(|session, memory| session.exists(table, &memory[key.clone()]).map(u64::from))
}

/// `db_put`
pub(in crate::services) fn put(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, key, key_len, value, len] = call.args();
    let table = call.table(table)?;
    let (key, value) = (call.operand(key, key_len)?, call.operand(value, len)?);
    call.charge(key.len() + value.len())?;
    call.with_database(|session, memory| {
        let (key, value) = (&memory[key.clone()], &memory[value.clone()]);
        session.put(table, key, value).map(u64::from)
    })
}

/// `db_delete`
pub(in crate::services) fn delete(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, key, key_len] = call.args();
    let table = call.table(table)?;
    let key = call.operand(key, key_len)?;
    call.charge(key.len())?;
    call.with_database(|session, memory| session.delete(table, &memory[key.clone()]).map(u64::from))
}

/// `db_swap`
pub(in crate::services) fn swap(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, key, key_len, old, old_len, new, new_len] = call.args();
    let table = call.table(table)?;
    let key = call.operand(key, key_len)?;
    let (old, new) = (call.optional(old, old_len)?, call.optional(new, new_len)?);
    let len = |range: &Option<Range<usize>>| range.as_ref().map_or(0, Range::len);
    call.charge(key.len() + len(&old) + len(&new))?;
    call.with_database(|session, memory| {
        let value = |range: &Option<Range<usize>>| range.clone().map(|range| &memory[range]);
        session
            .compare_and_swap(table, &memory[key.clone()], value(&old), value(&new))
            .map(u64::from)
    })
}

/// `db_batch`
pub(in crate::services) fn batch(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, src, len] = call.args();
    let table = call.table(table)?;
    let src = call.operand(src, len)?;
    let mut count = 0;
    let mut rest = &call.memory()[src.clone()];
    while !rest.is_empty() {
        take_change(&mut rest).ok_or(TrapCode::InvalidArgument)?;
        count += 1;
    }
    call.charge_rows(count, src.len() as u64)?;
    // What is made of it, for the database to have all of it at once.
    call.store
        .check_room(count * size_of::<Change<'_>>() as u64)?;
    call.with_database(|session, memory| {
        let mut rest = &memory[src.clone()];
        let changes = std::iter::from_fn(|| {
            let (key, value) = take_change(&mut rest)?;
            Some(match value {
                Some(value) => Change::Put { key, value },
                None => Change::Delete { key },
            })
        });
        let changes: Vec<Change<'_>> = changes.collect();
        session.apply(table, &changes)
    })?;
    Ok(count)
}

/// The range of keys that four operands are, copied.
pub(super) fn range(
    call: &mut Call<'_>,
    [low, low_len, high, high_len]: [u32; 4],
) -> Result<Interval, Stop> {
    let low = call.operand(low, low_len)?;
    let high = call.optional(high, high_len)?;
    let bytes = low.len() + high.as_ref().map_or(0, Range::len);
    call.charge(bytes)?;
    call.store.check_room(bytes as u64)?;
    let memory = call.memory();
    Ok(Interval::new(&memory[low], high.map(|high| &memory[high])))
}

/// `db_count`
pub(in crate::services) fn count(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, bounds @ ..] = call.args::<5>();
    let table = call.table(table)?;
    let range = range(call, bounds)?;
    let rows = call.with_database(|session, _| session.count(table, &range))?;
    // Of the whole table that is known.
    if !range.is_all() {
        call.charge_rows(rows, 0)?;
    }
    Ok(rows.min(NOTHING))
}

/// `db_delete_range`
pub(in crate::services) fn delete_range(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [table, bounds @ ..] = call.args::<5>();
    let table = call.table(table)?;
    let range = range(call, bounds)?;
    let rows = call.with_database(|session, _| session.delete_range(table, &range))?;
    call.charge_rows(rows, 0)?;
    Ok(rows.min(NOTHING))
}

impl Call<'_> {
    /// A buffer that is not there where its length is -1.
    fn optional(&self, address: u32, len: u32) -> Result<Option<Range<usize>>, TrapCode> {
        match len {
            NONE => Ok(None),
            len => self.operand(address, len).map(Some),
        }
    }
}
