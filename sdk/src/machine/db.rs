//! Databases by the machine's services.

#![allow(unsafe_code)]

use std::string::String;
use std::vec::Vec;

use crate::db::{Comparison, Field, Query};

services! {
    db_table_create = "db_table_create" (name: *const u8, len: usize) -> u32;
    db_table_drop = "db_table_drop" (name: *const u8, len: usize) -> u32;
    db_get = "db_get" (table: u32, key: *const u8, key_len: usize, dst: *mut u8, len: usize) -> usize;
    db_exists = "db_exists" (table: u32, key: *const u8, key_len: usize) -> u32;
    db_put = "db_put" (table: u32, key: *const u8, key_len: usize, value: *const u8, len: usize) -> u32;
    db_delete = "db_delete" (table: u32, key: *const u8, key_len: usize) -> u32;
    db_swap = "db_swap" (
        table: u32, key: *const u8, key_len: usize, old: *const u8, old_len: usize, new: *const u8, new_len: usize
    ) -> u32;
    db_batch = "db_batch" (table: u32, src: *const u8, len: usize) -> u32;
    db_count = "db_count" (table: u32, low: *const u8, low_len: usize, high: *const u8, high_len: usize) -> usize;
    db_delete_range = "db_delete_range" (
        table: u32, low: *const u8, low_len: usize, high: *const u8, high_len: usize
    ) -> usize;
    db_scan = "db_scan" (
        table: u32, low: *const u8, low_len: usize, high: *const u8, high_len: usize, flags: u32, limit: u32
    ) -> u32;
    db_prefix = "db_prefix" (table: u32, prefix: *const u8, len: usize, flags: u32, limit: u32) -> u32;
    db_next = "db_next" (cursor: u32, dst: *mut u8, len: usize) -> isize;
    db_cursor_drop = "db_cursor_drop" (cursor: u32);
    db_query = "db_query" (query: *const u8, len: usize, parameters: *const u8, parameters_len: usize) -> u32;
    db_explain = "db_explain" (
        query: *const u8, query_len: usize, parameters: *const u8, parameters_len: usize, dst: *mut u8, len: usize
    ) -> usize;
    db_index = "db_index" (table: u32, name: *const u8, name_len: usize, field: *const u8, field_len: usize) -> u32;
    db_begin = "db_begin" ();
    db_commit = "db_commit" ();
    db_rollback = "db_rollback" ();
    db_depth = "db_depth" () -> usize;
}

/// The length that stands for no value, and for a range without an end.
const NONE: usize = usize::MAX;

/// Values up to this length are read at once.
const SHORT: usize = 256;

/// Bytes of rows that a cursor reads ahead.
const READ_AHEAD: usize = 4096;

/// Address and length of what may not be there.
fn optional(bytes: Option<&[u8]>) -> (*const u8, usize) {
    match bytes {
        Some(bytes) => (bytes.as_ptr(), bytes.len()),
        None => (core::ptr::null(), NONE),
    }
}

pub(crate) fn create_table(name: &str) -> u32 {
    // SAFETY: the service reads the text.
    unsafe { raw::db_table_create(name.as_ptr(), name.len()) }
}

pub(crate) fn drop_table(name: &str) -> bool {
    // SAFETY: the service reads the text.
    unsafe { raw::db_table_drop(name.as_ptr(), name.len()) == 1 }
}

pub(crate) fn get(table: u32, key: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(SHORT);
    loop {
        // SAFETY: the service reads one slice and writes no more than the other has room for.
        let len = unsafe {
            let (dst, room) = (value.as_mut_ptr(), value.capacity());
            raw::db_get(table, key.as_ptr(), key.len(), dst, room)
        };
        if len == NONE {
            return None;
        }
        if len <= value.capacity() {
            // SAFETY: so many bytes were written.
            unsafe { value.set_len(len) };
            return Some(value);
        }
        value.reserve_exact(len);
    }
}

pub(crate) fn exists(table: u32, key: &[u8]) -> bool {
    // SAFETY: the service reads the slice.
    unsafe { raw::db_exists(table, key.as_ptr(), key.len()) == 1 }
}

pub(crate) fn put(table: u32, key: &[u8], value: &[u8]) -> bool {
    // SAFETY: the service reads both slices.
    unsafe { raw::db_put(table, key.as_ptr(), key.len(), value.as_ptr(), value.len()) == 1 }
}

pub(crate) fn delete(table: u32, key: &[u8]) -> bool {
    // SAFETY: the service reads the slice.
    unsafe { raw::db_delete(table, key.as_ptr(), key.len()) == 1 }
}

pub(crate) fn swap(table: u32, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> bool {
    let ((old, old_len), (new, new_len)) = (optional(old), optional(new));
    // SAFETY: the service reads the slices that are there.
    unsafe { raw::db_swap(table, key.as_ptr(), key.len(), old, old_len, new, new_len) == 1 }
}

pub(crate) fn batch(table: u32, changes: &[u8]) {
    // SAFETY: the service reads the slice.
    unsafe { raw::db_batch(table, changes.as_ptr(), changes.len()) };
}

pub(crate) fn count(table: u32, low: &[u8], high: Option<&[u8]>) -> usize {
    let (high, high_len) = optional(high);
    // SAFETY: the service reads the slices that are there.
    unsafe { raw::db_count(table, low.as_ptr(), low.len(), high, high_len) }
}

pub(crate) fn delete_range(table: u32, low: &[u8], high: Option<&[u8]>) -> usize {
    let (high, high_len) = optional(high);
    // SAFETY: the service reads the slices that are there.
    unsafe { raw::db_delete_range(table, low.as_ptr(), low.len(), high, high_len) }
}

pub(crate) fn index(table: u32, name: &str, field: &str) -> bool {
    // SAFETY: the service reads both texts.
    unsafe {
        raw::db_index(
            table,
            name.as_ptr(),
            name.len(),
            field.as_ptr(),
            field.len(),
        ) == 1
    }
}

pub(crate) fn begin() {
    // SAFETY: the service accesses no memory.
    unsafe { raw::db_begin() }
}

pub(crate) fn commit() {
    // SAFETY: the service accesses no memory.
    unsafe { raw::db_commit() }
}

pub(crate) fn rollback() {
    // SAFETY: the service accesses no memory.
    unsafe { raw::db_rollback() }
}

pub(crate) fn depth() -> usize {
    // SAFETY: the service accesses no memory.
    unsafe { raw::db_depth() }
}

/// The text of a query, and its parameters.
fn written(table: &str, query: &Query) -> (String, Vec<u8>) {
    let mut text = String::from(table);
    let mut parameters = Vec::new();
    for (i, (field, comparison, constant)) in query.conditions.iter().enumerate() {
        let sign = match comparison {
            Comparison::Equal => "=",
            Comparison::Less => "<",
            Comparison::AtMost => "<=",
            Comparison::Greater => ">",
            Comparison::AtLeast => ">=",
            Comparison::Prefix => "prefix",
        };
        let word = if i == 0 { "where" } else { "and" };
        text += &std::format!(" {word} {field} {sign} ${}", i + 1);
        put_parameter(constant, &mut parameters);
    }
    if let Some((field, falls)) = &query.order {
        text += &std::format!(" order by {field}{}", if *falls { " desc" } else { "" });
    }
    if let Some(limit) = query.limit {
        text += &std::format!(" limit {limit}");
    }
    (text, parameters)
}

fn put_parameter(constant: &Field, out: &mut Vec<u8>) {
    let string = |out: &mut Vec<u8>, kind, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match constant {
        Field::Null => out.push(0),
        Field::Bool(value) => out.push(1 + u8::from(*value)),
        Field::Integer(value) => {
            // Integers have 64 bits, with sign or without.
            out.push(if *value < 0 { 3 } else { 4 });
            out.extend_from_slice(&(*value as u64).to_le_bytes());
        }
        Field::Float(value) => {
            out.push(5);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Field::Text(text) => string(out, 6, text.as_bytes()),
        Field::Bytes(bytes) => string(out, 7, bytes),
    }
}

pub(crate) fn explain(table: &str, query: &Query) -> String {
    let (text, parameters) = written(table, query);
    let mut plan = std::vec![0; 1024];
    loop {
        // SAFETY: the service reads two slices and writes the third.
        let len = unsafe {
            raw::db_explain(
                text.as_ptr(),
                text.len(),
                parameters.as_ptr(),
                parameters.len(),
                plan.as_mut_ptr(),
                plan.len(),
            )
        };
        let fits = len <= plan.len();
        plan.resize(len, 0);
        if fits {
            return String::from_utf8_lossy(&plan).into_owned();
        }
    }
}

/// A cursor; it ends with this.
pub(crate) struct Cursor {
    handle: u32,
    /// Rows that were read.
    rows: Vec<u8>,
    /// Where the next one is.
    at: usize,
}

impl Cursor {
    fn new(handle: u32) -> Cursor {
        Cursor {
            handle,
            rows: Vec::new(),
            at: 0,
        }
    }

    pub(crate) fn scan(table: u32, low: &[u8], high: Option<&[u8]>, backward: bool) -> Cursor {
        let (high, high_len) = optional(high);
        let flags = u32::from(backward);
        // SAFETY: the service reads the slices that are there.
        Cursor::new(unsafe {
            raw::db_scan(
                table,
                low.as_ptr(),
                low.len(),
                high,
                high_len,
                flags,
                u32::MAX,
            )
        })
    }

    pub(crate) fn prefix(table: u32, prefix: &[u8], backward: bool) -> Cursor {
        let flags = u32::from(backward);
        // SAFETY: the service reads the slice.
        Cursor::new(unsafe {
            raw::db_prefix(table, prefix.as_ptr(), prefix.len(), flags, u32::MAX)
        })
    }

    pub(crate) fn query(table: &str, query: &Query) -> Cursor {
        let (text, parameters) = written(table, query);
        // SAFETY: the service reads both slices.
        Cursor::new(unsafe {
            raw::db_query(
                text.as_ptr(),
                text.len(),
                parameters.as_ptr(),
                parameters.len(),
            )
        })
    }

    /// Shows the next row.
    pub(crate) fn next<R>(&mut self, f: impl FnOnce(&[u8], &[u8]) -> R) -> Option<R> {
        if self.at == self.rows.len() && !self.read() {
            return None;
        }
        let row = &self.rows[self.at..];
        let len = |at: usize| {
            u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]) as usize
        };
        let (key_end, end) = (8 + len(0), 8 + len(0) + len(4));
        let result = f(&row[8..key_end], &row[key_end..end]);
        self.at += end;
        Some(result)
    }

    /// Reads rows; returns whether there are any.
    fn read(&mut self) -> bool {
        let mut room = READ_AHEAD;
        loop {
            self.rows.resize(room, 0);
            // SAFETY: the service writes no more than the slice.
            let written = unsafe { raw::db_next(self.handle, self.rows.as_mut_ptr(), room) };
            if written < 0 {
                // The next row is longer.
                room = written.unsigned_abs();
                continue;
            }
            self.rows.truncate(written as usize);
            self.at = 0;
            return written > 0;
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        // SAFETY: the service accesses no memory.
        unsafe { raw::db_cursor_drop(self.handle) }
    }
}
