//! Databases for any target: in memory, one for each thread, for being tested with.

use core::cell::RefCell;
use core::cmp::Ordering;
use core::ops::Bound;
use std::borrow::ToOwned;
use std::collections::{BTreeMap, VecDeque};
use std::string::String;
use std::vec::Vec;

use super::query::{Comparison, Field, Query};
use super::value::field;

/// The most bytes of a key and of a value.
const KEY_MAX: usize = 1024;
const VALUE_MAX: usize = 16 << 20;

std::thread_local! {
    static DATABASE: RefCell<Database> = RefCell::new(Database::default());
}

#[derive(Default)]
struct Database {
    /// Names by their numbers, which count from 1.
    names: Vec<String>,
    tables: Tables,
    /// What there was when each transaction began.
    before: Vec<Tables>,
}

type Tables = BTreeMap<String, Table>;

#[derive(Clone, Default)]
struct Table {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    indices: Vec<Index>,
}

#[derive(Clone)]
struct Index {
    name: String,
    text: String,
    extractor: Extractor,
}

#[derive(Clone)]
enum Extractor {
    Bytes(usize, usize),
    Cbor(Vec<String>),
}

impl Extractor {
    fn parse(text: &str) -> Option<Extractor> {
        if let Some(path) = text.strip_prefix("cbor ") {
            let is_name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            let names: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
            return match names.iter().all(|name| is_name(name)) {
                true => Some(Extractor::Cbor(names)),
                false => None,
            };
        }
        let (start, end) = text.strip_prefix("bytes ")?.split_once("..")?;
        let (start, end) = (start.parse().ok()?, end.parse().ok()?);
        match start < end {
            true => Some(Extractor::Bytes(start, end)),
            false => None,
        }
    }

    fn field(&self, value: &[u8]) -> Option<Field> {
        match self {
            Extractor::Bytes(start, end) => value
                .get(*start..*end)
                .map(|part| Field::Bytes(part.to_vec())),
            Extractor::Cbor(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                field(value, &names)
            }
        }
    }
}

fn with<R>(f: impl FnOnce(&mut Database) -> R) -> R {
    DATABASE.with(|database| f(&mut database.borrow_mut()))
}

fn with_table<R>(id: u32, f: impl FnOnce(&mut Table) -> R) -> R {
    with(|database| {
        let name = &database.names[id as usize - 1];
        match database.tables.get_mut(name) {
            Some(table) => f(table),
            None => panic!("there is no table {name:?}"),
        }
    })
}

pub(super) fn create_table(name: &str) -> u32 {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    assert!(
        starts_well && name.len() <= 64 && name.chars().all(is_plain),
        "{name:?} is no name"
    );
    with(|database| {
        database.tables.entry(name.to_owned()).or_default();
        let known = database.names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            database.names.push(name.to_owned());
            database.names.len() - 1
        });
        number as u32 + 1
    })
}

pub(super) fn drop_table(name: &str) -> bool {
    with(|database| database.tables.remove(name).is_some())
}

pub(super) fn get(table: u32, key: &[u8]) -> Option<Vec<u8>> {
    with_table(table, |table| table.rows.get(key).cloned())
}

pub(super) fn exists(table: u32, key: &[u8]) -> bool {
    with_table(table, |table| table.rows.contains_key(key))
}

fn check(key: &[u8], value: &[u8]) {
    assert!(key.len() <= KEY_MAX, "a key of {} bytes", key.len());
    assert!(value.len() <= VALUE_MAX, "a value of {} bytes", value.len());
}

pub(super) fn put(table: u32, key: &[u8], value: &[u8]) -> bool {
    check(key, value);
    with_table(table, |table| {
        table.rows.insert(key.to_vec(), value.to_vec()).is_some()
    })
}

pub(super) fn delete(table: u32, key: &[u8]) -> bool {
    with_table(table, |table| table.rows.remove(key).is_some())
}

pub(super) fn swap(table: u32, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> bool {
    check(key, new.unwrap_or_default());
    with_table(table, |table| {
        let is_old = table.rows.get(key).map(Vec::as_slice) == old;
        match new {
            _ if !is_old => {}
            Some(new) => drop(table.rows.insert(key.to_vec(), new.to_vec())),
            None => drop(table.rows.remove(key)),
        }
        is_old
    })
}

pub(super) fn batch(table: u32, mut changes: &[u8]) {
    let mut rows = Vec::new();
    while let Some((head, rest)) = take(changes, 8) {
        let len = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&head[at..at + 4]);
            u32::from_le_bytes(bytes) as usize
        };
        let (key, value) = rest[..len(0) + len(4)].split_at(len(0));
        check(key, value);
        rows.push((key.to_vec(), value.to_vec()));
        changes = &rest[len(0) + len(4)..];
    }
    with_table(table, |table| table.rows.extend(rows));
}

fn take(bytes: &[u8], len: usize) -> Option<(&[u8], &[u8])> {
    match bytes.len() >= len {
        true => Some(bytes.split_at(len)),
        false => None,
    }
}

/// A range as the map takes it.
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The bounds of a range; nothing where it is empty.
fn bounds<'a>(low: &'a [u8], high: Option<&'a [u8]>) -> Option<Bounds<'a>> {
    match high {
        Some(high) if high <= low => None,
        Some(high) => Some((Bound::Included(low), Bound::Excluded(high))),
        None => Some((Bound::Included(low), Bound::Unbounded)),
    }
}

fn rows_of(table: &Table, low: &[u8], high: Option<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let range = bounds(low, high).map(|range| table.rows.range::<[u8], _>(range));
    let rows = range.into_iter().flatten();
    rows.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

pub(super) fn count(table: u32, low: &[u8], high: Option<&[u8]>) -> usize {
    with_table(table, |table| rows_of(table, low, high).len())
}

pub(super) fn delete_range(table: u32, low: &[u8], high: Option<&[u8]>) -> usize {
    with_table(table, |table| {
        let rows = rows_of(table, low, high);
        for (key, _) in &rows {
            table.rows.remove(key);
        }
        rows.len()
    })
}

pub(super) fn index(table: u32, name: &str, text: &str) -> bool {
    let extractor = match Extractor::parse(text) {
        Some(extractor) => extractor,
        None => panic!("{text:?}: only the machine has such a field, if anybody"),
    };
    with_table(table, |table| {
        if let Some(known) = table.indices.iter().find(|index| index.name == name) {
            assert_eq!(known.text, text, "index {name:?} is another one");
            return false;
        }
        table.indices.push(Index {
            name: name.to_owned(),
            text: text.to_owned(),
            extractor,
        });
        true
    })
}

pub(super) fn begin() {
    with(|database| database.before.push(database.tables.clone()));
}

pub(super) fn commit() {
    with(|database| assert!(database.before.pop().is_some(), "there is no transaction"));
}

pub(super) fn rollback() {
    with(|database| match database.before.pop() {
        Some(before) => database.tables = before,
        None => panic!("there is no transaction"),
    });
}

pub(super) fn depth() -> usize {
    with(|database| database.before.len())
}

pub(super) fn explain(table: &str, _: &Query) -> String {
    std::format!("table {table}: all rows are looked at\n")
}

/// Rows as they were when it was made.
pub(super) struct Cursor(VecDeque<(Vec<u8>, Vec<u8>)>);

impl Cursor {
    pub(super) fn scan(table: u32, low: &[u8], high: Option<&[u8]>, backward: bool) -> Cursor {
        let mut rows = with_table(table, |table| rows_of(table, low, high));
        if backward {
            rows.reverse();
        }
        Cursor(rows.into())
    }

    pub(super) fn prefix(table: u32, prefix: &[u8], backward: bool) -> Cursor {
        let mut rows = Cursor::scan(table, prefix, None, backward);
        rows.0.retain(|(key, _)| key.starts_with(prefix));
        rows
    }

    pub(super) fn query(table: &str, query: &Query) -> Cursor {
        let id = create_table(table);
        let mut rows = with_table(id, |table| {
            let field = |name: &str, key: &[u8], value: &[u8]| {
                if name == "key" {
                    return Some(Field::Bytes(key.to_vec()));
                }
                match table.indices.iter().find(|index| index.name == name) {
                    Some(index) => index.extractor.field(value),
                    None => panic!("the table has no index {name:?}"),
                }
            };
            let mut found = Vec::new();
            for (key, value) in &table.rows {
                let holds = query.conditions.iter().all(|(name, comparison, constant)| {
                    let field = field(name, key, value);
                    field.map_or(false, |field| holds(&field, *comparison, constant))
                });
                let order = match &query.order {
                    Some((name, _)) => field(name, key, value),
                    None => Some(Field::Null),
                };
                if let (true, Some(order)) = (holds, order) {
                    found.push((order, key.clone(), value.clone()));
                }
            }
            found
        });
        rows.sort_by(|a, b| order(&a.0, &b.0).then_with(|| a.1.cmp(&b.1)));
        if let Some((_, true)) = query.order {
            rows.reverse();
        }
        let limit = query.limit.unwrap_or(u64::MAX);
        let limit = core::convert::TryFrom::try_from(limit).unwrap_or(usize::MAX);
        rows.truncate(limit);
        Cursor(
            rows.into_iter()
                .map(|(_, key, value)| (key, value))
                .collect(),
        )
    }

    pub(super) fn next<R>(&mut self, f: impl FnOnce(&[u8], &[u8]) -> R) -> Option<R> {
        let (key, value) = self.0.pop_front()?;
        Some(f(&key, &value))
    }
}

/// Compares fields of one kind.
fn compare(a: &Field, b: &Field) -> Option<Ordering> {
    match (a, b) {
        (Field::Null, Field::Null) => Some(Ordering::Equal),
        (Field::Bool(a), Field::Bool(b)) => Some(a.cmp(b)),
        (Field::Integer(a), Field::Integer(b)) => Some(a.cmp(b)),
        (Field::Float(a), Field::Float(b)) => a.partial_cmp(b),
        (Field::Integer(a), Field::Float(b)) => (*a as f64).partial_cmp(b),
        (Field::Float(a), Field::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Field::Text(a), Field::Text(b)) => Some(a.cmp(b)),
        (Field::Bytes(a), Field::Bytes(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// The order of all fields: by kinds, then within them.
fn order(a: &Field, b: &Field) -> Ordering {
    let kind = |field: &Field| match field {
        Field::Null => 0,
        Field::Bool(_) => 1,
        Field::Integer(_) | Field::Float(_) => 2,
        Field::Text(_) => 3,
        Field::Bytes(_) => 4,
    };
    compare(a, b).unwrap_or_else(|| kind(a).cmp(&kind(b)))
}

fn holds(field: &Field, comparison: Comparison, constant: &Field) -> bool {
    if comparison == Comparison::Prefix {
        return match (field, constant) {
            (Field::Text(text), Field::Text(prefix)) => text.starts_with(prefix.as_str()),
            (Field::Bytes(bytes), Field::Bytes(prefix)) => bytes.starts_with(prefix),
            _ => false,
        };
    }
    compare(field, constant).map_or(false, |order| match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::AtMost => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::AtLeast => order != Ordering::Less,
        Comparison::Prefix => false,
    })
}
