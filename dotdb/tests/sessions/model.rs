//! Random operations against a model of maps: rows, nested transactions, cursors, indices, queries.

use std::collections::BTreeMap;
use std::ops::Bound;

use dotvm_dotdb::{Change, Direction, Interval, Options, Place, Session, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

cases! { a_session_is_like_maps }

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Apply(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Swap(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>),
    DeleteRange(Vec<u8>, Option<Vec<u8>>),
    Begin,
    Commit,
    Rollback,
    /// A cursor over a range, with a write after some rows.
    Scan(Vec<u8>, Option<Vec<u8>>, bool, usize, Vec<u8>, Vec<u8>),
    /// Rows whose first two bytes are in a range.
    Query(Vec<u8>, Vec<u8>, bool),
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0u8), Just(1), Just(b'a'), Just(255)], 0..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(prop_oneof![Just(0u8), Just(b'b'), Just(255)], 0..5),
        1 => Just(vec![7; 9000]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let maybe = || proptest::option::of(value());
    prop_oneof![
        8 => (key(), value()).prop_map(|(k, v)| Step::Put(k, v)),
        3 => key().prop_map(Step::Delete),
        2 => vec((key(), maybe()), 0..6).prop_map(Step::Apply),
        2 => (key(), maybe(), maybe()).prop_map(|(k, a, b)| Step::Swap(k, a, b)),
        1 => (key(), proptest::option::of(key())).prop_map(|(a, b)| Step::DeleteRange(a, b)),
        3 => Just(Step::Begin),
        2 => Just(Step::Commit),
        2 => Just(Step::Rollback),
        3 => (key(), proptest::option::of(key()), any::<bool>(), 0..20usize, key(), value())
            .prop_map(|(a, b, c, d, e, f)| Step::Scan(a, b, c, d, e, f)),
        3 => (vec(prop_oneof![Just(0u8), Just(b'b'), Just(255)], 0..3),
              vec(prop_oneof![Just(0u8), Just(b'b'), Just(255)], 0..3), any::<bool>())
            .prop_map(|(a, b, c)| Step::Query(a, b, c)),
        1 => Just(Step::Reopen),
    ]
}

fn in_range(map: &Map, low: &[u8], high: &Option<Vec<u8>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    if high.as_ref().is_some_and(|high| high.as_slice() < low) {
        return Vec::new();
    }
    let high = high
        .as_ref()
        .map_or(Bound::Unbounded, |high| Bound::Excluded(high.clone()));
    let rows = map.range((Bound::Included(low.to_vec()), high));
    rows.map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Walks through a range; after some rows something is written. The model's next row is asked for anew each time.
#[expect(clippy::too_many_arguments, reason = "the parts of a step")]
fn walk(
    session: &mut Session,
    table: TableId,
    map: &mut Map,
    low: &[u8],
    high: &Option<Vec<u8>>,
    backward: bool,
    when: usize,
    (key, value): (&[u8], &[u8]),
) {
    let direction = if backward {
        Direction::Backward
    } else {
        Direction::Forward
    };
    let range = Interval::new(low, high.as_deref());
    let mut cursor = session.scan(table, range, direction).unwrap();
    let mut last: Option<Vec<u8>> = None;
    for i in 0.. {
        if i == when {
            session.put(table, key, value).unwrap();
            map.insert(key.to_vec(), value.to_vec());
        }
        let mut rest = in_range(map, low, high);
        rest.retain(|(key, _)| match (&last, backward) {
            (None, _) => true,
            (Some(last), false) => key > last,
            (Some(last), true) => key < last,
        });
        let expected = if backward {
            rest.pop()
        } else {
            rest.into_iter().next()
        };
        let found = cursor
            .next(session)
            .unwrap()
            .map(|(k, v)| (k.to_vec(), v.to_vec()));
        assert_eq!(found, expected);
        match found {
            Some((key, _)) => last = Some(key),
            None => break,
        }
    }
}

/// What the index is of.
fn field(value: &[u8]) -> Option<&[u8]> {
    value.get(..2)
}

fn query(session: &mut Session, map: &Map, low: &[u8], high: &[u8], sorted: bool) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let order = if sorted { " order by two desc" } else { "" };
    let text = format!(
        "t where two >= x'{}' and two < x'{}' or two = x'6262'{order}",
        hex(low),
        hex(high)
    );
    let mut expected: Vec<_> = map
        .iter()
        .filter_map(|(key, value)| Some((field(value)?, key)))
        .filter(|(two, _)| *two >= low && *two < high || *two == b"bb")
        .collect();
    expected.sort();
    if sorted {
        expected.reverse();
    }
    let mut rows = session.query(&text, &[]).unwrap();
    let mut found = Vec::new();
    while let Some((key, value)) = rows.next(session).unwrap() {
        found.push((field(value).unwrap().to_vec(), key.to_vec()));
    }
    if !sorted {
        found.sort();
    }
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(two, key)| (two.to_vec(), key.clone()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

fn run(place: &Place, steps: Vec<Step>, declare_at: usize) {
    let open = || place.open(Options::default()).unwrap();
    let mut database = open();
    let mut session = database.session();
    let mut table = session.create_table("t").unwrap();
    // The states of the transactions that there are, the committed one first.
    let mut states: Vec<Map> = vec![Map::new()];
    for (i, step) in steps.into_iter().enumerate() {
        if i == declare_at && states.len() == 1 {
            session.create_index(table, "two", "bytes 0..2").unwrap();
        }
        let depth = states.len() - 1;
        let now = states.last_mut().unwrap();
        match step {
            Step::Put(key, value) => {
                let was = session.put(table, &key, &value).unwrap();
                assert_eq!(was, now.insert(key, value).is_some());
            }
            Step::Delete(key) => {
                let was = session.delete(table, &key).unwrap();
                assert_eq!(was, now.remove(&key).is_some());
            }
            Step::Apply(changes) => {
                let batch: Vec<_> = changes
                    .iter()
                    .map(|(key, value)| match value {
                        Some(value) => Change::Put { key, value },
                        None => Change::Delete { key },
                    })
                    .collect();
                session.apply(table, &batch).unwrap();
                for (key, value) in changes {
                    match value {
                        Some(value) => now.insert(key, value),
                        None => now.remove(&key),
                    };
                }
            }
            Step::Swap(key, expected, new) => {
                let swapped = session
                    .compare_and_swap(table, &key, expected.as_deref(), new.as_deref())
                    .unwrap();
                assert_eq!(swapped, now.get(&key) == expected.as_ref());
                match new {
                    Some(value) if swapped => drop(now.insert(key, value)),
                    None if swapped => drop(now.remove(&key)),
                    _ => {}
                }
            }
            Step::DeleteRange(low, high) => {
                let gone = in_range(now, &low, &high);
                let range = Interval::new(&low, high.as_deref());
                let removed = session.delete_range(table, &range).unwrap();
                assert_eq!(removed, gone.len() as u64);
                for (key, _) in gone {
                    now.remove(&key);
                }
            }
            Step::Begin => {
                session.begin().unwrap();
                let copy = now.clone();
                states.push(copy);
            }
            Step::Commit if depth > 0 => {
                session.commit().unwrap();
                let now = states.pop().unwrap();
                *states.last_mut().unwrap() = now;
            }
            Step::Rollback if depth > 0 => {
                session.rollback().unwrap();
                states.pop();
            }
            Step::Commit => assert!(session.commit().is_err()),
            Step::Rollback => assert!(session.rollback().is_err()),
            Step::Scan(low, high, backward, when, key, value) => {
                walk(
                    &mut session,
                    table,
                    now,
                    &low,
                    &high,
                    backward,
                    when,
                    (&key, &value),
                );
            }
            Step::Query(low, high, sorted) => {
                if !session.indices(table).unwrap().is_empty() {
                    query(&mut session, now, &low, &high, sorted);
                }
            }
            Step::Reopen => {
                states.truncate(1);
                drop(session);
                drop(database);
                database = open();
                session = database.session();
                table = session.table("t").unwrap();
            }
        }
        let now = states.last().unwrap();
        assert_eq!(
            session.count(table, &Interval::all()).unwrap(),
            now.len() as u64
        );
        assert_eq!(session.depth(), states.len() - 1);
        assert_eq!(session.check_indices(table).unwrap(), Vec::<String>::new());
    }
}

fn a_session_is_like_maps(engine: &crate::Engine) {
    let config = ProptestConfig {
        cases: engine.affordable(60),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (server, _folder) = engine.place();
    let ran =
        TestRunner::new(config).run(&(vec(step(), 1..60), 0..30usize), |(steps, declare_at)| {
            // Files are new ones; on a server, what is left of the table goes first.
            let folder = tempfile::tempdir().unwrap();
            let place = match server.file() {
                Some(_) => Place::new(folder.path().join("db")),
                None => server.clone(),
            };
            let database = place.open(Options::default()).unwrap();
            database.session().drop_table("t").unwrap();
            drop(database);
            run(&place, steps, declare_at);
            Ok(())
        });
    ran.unwrap();
}
