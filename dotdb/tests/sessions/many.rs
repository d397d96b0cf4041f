//! Cursors of which many rows are taken at once, and rows that are read again and again, against a map: what is
//! kept of them in memory must not outlive what is written, here or by others.

use std::collections::BTreeMap;

use dotvm_dotdb::{Cursor, Direction, Interval, Options, Session, TableId};

cases! { what_is_kept_is_what_is_there }

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Numbers that look like chance, by xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn key(&mut self) -> Vec<u8> {
        (self.below(6000) as u16).to_be_bytes().to_vec()
    }
}

fn next<'m>(
    map: &'m Map,
    range: &Interval,
    direction: Direction,
    last: Option<&Vec<u8>>,
) -> Option<(&'m Vec<u8>, &'m Vec<u8>)> {
    let is_left = |key: &Vec<u8>| {
        range.contains(key)
            && last.is_none_or(|last| match direction {
                Direction::Forward => key > last,
                Direction::Backward => key < last,
            })
    };
    match direction {
        Direction::Forward => {
            let from = last.unwrap_or(&range.low).clone();
            map.range(from..).take(2).find(|(key, _)| is_left(key))
        }
        Direction::Backward => {
            let to = last.or(range.high.as_ref());
            let rows = match to {
                Some(to) => map.range(..to.clone()),
                None => map.range(Vec::new()..),
            };
            rows.rev().take(2).find(|(key, _)| is_left(key))
        }
    }
}

/// Takes so many rows, which have to be those of the map; returns whether there were as many.
fn take(
    cursor: &mut Cursor,
    session: &mut Session,
    count: usize,
    mut expected: impl FnMut(Option<&Vec<u8>>) -> Option<(Vec<u8>, Vec<u8>)>,
    last: &mut Option<Vec<u8>>,
) -> bool {
    let mut taken = 0;
    cursor
        .each(session, |key, value| {
            if taken == count {
                return false;
            }
            let found = Some((key.to_vec(), value.to_vec()));
            assert_eq!(found, expected(last.as_ref()), "behind {last:?}");
            *last = Some(key.to_vec());
            taken += 1;
            true
        })
        .unwrap();
    if taken < count {
        assert_eq!(expected(last.as_ref()), None, "behind {last:?}");
    }
    taken == count
}

fn scan(session: &mut Session, table: TableId, map: &mut Map, numbers: &mut Numbers) {
    let (low, high) = (numbers.key(), numbers.key());
    let range = match numbers.below(3) {
        0 => Interval::all(),
        1 => Interval::new(&low, None),
        _ => Interval::new(&low, Some(&high)),
    };
    let direction = match numbers.below(3) {
        0 => Direction::Backward,
        _ => Direction::Forward,
    };
    let writes = numbers.below(2) == 0;
    let mut cursor = session.scan(table, range.clone(), direction).unwrap();
    let mut last = None;
    loop {
        let count = [0, 1, 17, 300, 5000][numbers.below(5) as usize];
        let expected = |last: Option<&Vec<u8>>| {
            let row = next(map, &range, direction, last);
            row.map(|(key, value)| (key.clone(), value.clone()))
        };
        if !take(&mut cursor, session, count, expected, &mut last) {
            break;
        }
        if writes {
            write(session, table, map, numbers);
        }
        // Right behind where the cursor is.
        if let Some(last) = last.as_ref().filter(|_| writes) {
            let at = u16::from_be_bytes([last[0], last[1]]);
            let by = 1 + numbers.below(3) as u16;
            let at = match direction {
                Direction::Forward => at.saturating_add(by),
                Direction::Backward => at.saturating_sub(by),
            };
            let key = at.to_be_bytes().to_vec();
            session.put(table, &key, b"behind").unwrap();
            map.insert(key, b"behind".to_vec());
        }
    }
}

fn write(session: &mut Session, table: TableId, map: &mut Map, numbers: &mut Numbers) {
    let (key, value) = (numbers.key(), numbers.key());
    if numbers.below(2) == 0 {
        session.put(table, &key, &value).unwrap();
        map.insert(key, value);
    } else {
        session.delete(table, &key).unwrap();
        map.remove(&key);
    }
}

fn what_is_kept_is_what_is_there(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let (mut session, mut other) = (database.session(), database.session());
    let table = session.create_table("t").unwrap();
    let others = other.create_table("t").unwrap();
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut map = Map::new();
    session.begin().unwrap();
    for _ in 0..3000 {
        let (key, value) = (numbers.key(), numbers.key());
        session.put(table, &key, &value).unwrap();
        map.insert(key, value);
    }
    session.commit().unwrap();
    let mut before = None;
    for _ in 0..engine.affordable(300) {
        match numbers.below(8) {
            0 if session.depth() == 0 => write(&mut other, others, &mut map, &mut numbers),
            1 if session.depth() == 0 => {
                session.begin().unwrap();
                before = Some(map.clone());
            }
            2 if session.depth() > 0 => session.commit().unwrap(),
            3 if session.depth() > 0 => {
                session.rollback().unwrap();
                map = before.take().unwrap();
            }
            4 | 5 => {
                let key = numbers.key();
                for _ in 0..4 {
                    let found = session.get(table, &key).unwrap();
                    assert_eq!(found.as_ref(), map.get(&key));
                    if numbers.below(8) == 0 {
                        session.put(table, &key, b"new").unwrap();
                        map.insert(key.clone(), b"new".to_vec());
                    }
                }
            }
            _ => scan(&mut session, table, &mut map, &mut numbers),
        }
    }
}
