//! Sessions next to direct calls of redb: point reads, scans, batched writes; and queries with an index next to those
//! without.
//!
//! `cargo bench -p dotvm-dotdb -- ROWS` (default 1,000,000) prints medians of rounds that take turns.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dotvm_dotdb::{Change, Database, Direction, Interval, Options, Session, TableId};
use redb::{ReadableDatabase as _, TableDefinition};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const ROUNDS: usize = 9;

/// Keys that are spread over all byte strings.
fn key(row: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&row.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key[8..].copy_from_slice(&row.to_be_bytes());
    key
}

/// A group of 1,000 rows at a million, then the row.
fn value(row: u64) -> [u8; 64] {
    let mut value = [7; 64];
    value[..8].copy_from_slice(&(row % 1000).to_be_bytes());
    value[8..16].copy_from_slice(&row.to_be_bytes());
    value
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Prints the time of each operation, through redb and through a session.
fn compare(name: &str, operations: u64, mut ours: impl FnMut(u64), mut theirs: impl FnMut(u64)) {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 {
        let start = Instant::now();
        theirs(round);
        their_times.push(start.elapsed());
        let start = Instant::now();
        ours(round);
        our_times.push(start.elapsed());
    }
    let nanoseconds = |time: Duration| time.as_nanos() as f64 / operations as f64;
    let (ours, theirs) = (
        nanoseconds(median(our_times)),
        nanoseconds(median(their_times)),
    );
    let ratio = theirs / ours;
    println!("{name:24} redb {theirs:9.1} ns, session {ours:9.1} ns: {ratio:.2} x");
}

fn fill(session: &mut Session, table: TableId, rows: u64) {
    session.begin().unwrap();
    for row in 0..rows {
        session.put(table, &key(row), &value(row)).unwrap();
    }
    session.commit().unwrap();
}

fn main() {
    let rows = std::env::args().filter_map(|arg| arg.parse().ok()).next();
    let rows: u64 = rows.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let cache = 1 << 30;
    let mut options = Options::default();
    options.cache_bytes = cache;
    let database = Database::open(folder.path().join("ours"), options).unwrap();
    let mut session = database.session();
    let table = session.create_table("rows").unwrap();
    fill(&mut session, table, rows);
    let theirs = redb::Database::builder()
        .set_cache_size(cache)
        .create(folder.path().join("theirs"))
        .unwrap();
    let write = theirs.begin_write().unwrap();
    {
        let mut table = write.open_table(TABLE).unwrap();
        for row in 0..rows {
            table.insert(&key(row)[..], &value(row)[..]).unwrap();
        }
    }
    write.commit().unwrap();

    let reads = 200_000;
    {
        let read = theirs.begin_read().unwrap();
        let their_table = read.open_table(TABLE).unwrap();
        compare(
            "random reads",
            reads,
            |round| {
                for i in 0..reads {
                    let row = (i * 7919 + round) % rows;
                    session
                        .get_with(table, &key(row), |value| {
                            black_box(value[0]);
                        })
                        .unwrap();
                }
            },
            |round| {
                for i in 0..reads {
                    let row = (i * 7919 + round) % rows;
                    let value = their_table.get(&key(row)[..]).unwrap().unwrap();
                    black_box(value.value()[0]);
                }
            },
        );
        compare(
            "reads of one row",
            reads,
            |_| {
                for _ in 0..reads {
                    session
                        .get_with(table, &key(5), |value| {
                            black_box(value[0]);
                        })
                        .unwrap();
                }
            },
            |_| {
                for _ in 0..reads {
                    let value = their_table.get(&key(5)[..]).unwrap().unwrap();
                    black_box(value.value()[0]);
                }
            },
        );
        compare(
            "scan",
            rows,
            |_| {
                let mut cursor = session
                    .scan(table, Interval::all(), Direction::Forward)
                    .unwrap();
                while let Some((key, value)) = cursor.next(&mut session).unwrap() {
                    black_box((key[0], value[0]));
                }
            },
            |_| {
                for row in their_table.range::<&[u8]>(..).unwrap() {
                    let (key, value) = row.unwrap();
                    black_box((key.value()[0], value.value()[0]));
                }
            },
        );
    }
    let writes = 20_000;
    compare(
        "writes in a transaction",
        writes,
        |round| {
            session.begin().unwrap();
            for i in 0..writes {
                let row = rows + round * writes + i;
                session.put(table, &key(row), &value(row)).unwrap();
            }
            session.commit().unwrap();
        },
        |round| {
            let write = theirs.begin_write().unwrap();
            {
                let mut table = write.open_table(TABLE).unwrap();
                for i in 0..writes {
                    let row = rows + round * writes + i;
                    table.insert(&key(row)[..], &value(row)[..]).unwrap();
                }
            }
            write.commit().unwrap();
        },
    );
    let batch: Vec<_> = (0..writes).map(|row| (key(row), value(row))).collect();
    let start = Instant::now();
    let changes: Vec<_> = batch
        .iter()
        .map(|(key, value)| Change::Put { key, value })
        .collect();
    session.apply(table, &changes).unwrap();
    let each = start.elapsed() / writes as u32;
    println!("{:24} {each:?} each", "batch of replaced rows");

    let start = Instant::now();
    session.create_index(table, "group", "bytes 0..8").unwrap();
    println!("{:24} {:?}", "index over all rows", start.elapsed());
    let count = |session: &mut Session, query: &str| {
        let start = Instant::now();
        let mut rows = session.query(query, &[]).unwrap();
        let mut found = 0;
        while rows.next(session).unwrap().is_some() {
            found += 1;
        }
        (found, start.elapsed())
    };
    let (found, indexed) = count(&mut session, "rows where group = x'0000000000000007'");
    session.create_index(table, "second", "bytes 8..9").unwrap();
    // A condition on a field that need not be there makes the index no way to find all rows.
    let query = "rows where group = x'0000000000000007' or not second exists";
    let (same, scanned) = count(&mut session, query);
    assert_eq!(found, same);
    println!(
        "query of {found} rows: with the index {indexed:?}, without {scanned:?}: {:.0} x",
        scanned.as_secs_f64() / indexed.as_secs_f64()
    );
}
