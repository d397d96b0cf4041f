//! Databases, in both tiers: rows, cursors, queries, transactions, and operands that instructions do not take.

use std::time::{Duration, Instant};

use dotvm::db::{Database, Direction, Interval, Options};
use dotvm::isa::ops::{Rate, Service};
use dotvm::{Config, Engine, Jit, Linker, Module, Store, TrapCode};
use dotvm_tests::services::{Both, MEMORY_BYTES};

const END: u32 = MEMORY_BYTES as u32;
/// Where texts and rows are put, and where results go.
const SRC: u32 = 1 << 16;
const DST: u32 = 1 << 20;
const DST_LEN: u32 = 1 << 20;
/// What -1 is.
const NONE: u32 = u32::MAX;

/// A database in both tiers.
struct Db {
    both: Both,
    next: u32,
}

impl Db {
    fn new() -> Db {
        Db {
            both: Both::default(),
            next: SRC,
        }
    }

    /// Calls a service with some buffers as its first operands behind `first`, then `rest`.
    fn call(
        &mut self,
        service: Service,
        first: &[u32],
        buffers: &[&[u8]],
        rest: &[u32],
    ) -> Result<u32, TrapCode> {
        let mut args = first.to_vec();
        for buffer in buffers {
            if self.next as usize + buffer.len() > DST as usize {
                self.next = SRC;
            }
            self.both.put(self.next, buffer);
            args.extend([self.next, buffer.len() as u32]);
            self.next += buffer.len() as u32;
        }
        args.extend(rest);
        self.both.call(service, &args)
    }

    #[track_caller]
    fn run(&mut self, service: Service, first: &[u32], buffers: &[&[u8]], rest: &[u32]) -> u32 {
        let result = self.call(service, first, buffers, rest);
        result.unwrap_or_else(|trap| panic!("{service:?} {first:?} {buffers:?} {rest:?}: {trap}"))
    }

    #[track_caller]
    fn create(&mut self, name: &str) -> u32 {
        self.run(Service::DbTableCreate, &[], &[name.as_bytes()], &[])
    }

    #[track_caller]
    fn put(&mut self, table: u32, key: &[u8], value: &[u8]) -> u32 {
        self.run(Service::DbPut, &[table], &[key, value], &[])
    }

    #[track_caller]
    fn get(&mut self, table: u32, key: &[u8]) -> Option<Vec<u8>> {
        match self.run(Service::DbGet, &[table], &[key], &[DST, DST_LEN]) {
            NONE => None,
            len => Some(self.both.get(DST, len)),
        }
    }

    /// The rest of a cursor's rows, read with a buffer of that size.
    #[track_caller]
    fn rows_with(&mut self, cursor: u32, len: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        loop {
            let written = self.both.run(Service::DbNext, &[cursor, DST, len]);
            if written == 0 {
                return rows;
            }
            assert!(written <= len, "{written}");
            let bytes = self.both.get(DST, written);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let len = |at: usize| {
                    u32::from_le_bytes(rest[at..at + 4].try_into().expect("4 bytes")) as usize
                };
                let (key, value) = (len(0), len(4));
                let row = &rest[8..8 + key + value];
                rows.push((row[..key].to_vec(), row[key..].to_vec()));
                rest = &rest[8 + key + value..];
            }
        }
    }

    /// The keys of a cursor's rows, as text.
    #[track_caller]
    fn keys(&mut self, cursor: u32) -> String {
        let rows = self.rows_with(cursor, DST_LEN);
        let keys: Vec<String> = rows
            .iter()
            .map(|(key, _)| String::from_utf8_lossy(key).into_owned())
            .collect();
        keys.join(" ")
    }
}

/// Changes as `db_batch` takes them.
fn changes(list: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in list {
        bytes.extend((key.len() as u32).to_le_bytes());
        bytes.extend(value.map_or(NONE, |value| value.len() as u32).to_le_bytes());
        bytes.extend(*key);
        bytes.extend(value.unwrap_or_default());
    }
    bytes
}

#[test]
fn rows_are_kept_by_their_keys() {
    let mut db = Db::new();
    assert_eq!(db.run(Service::DbTable, &[], &[b"a"], &[]), 0);
    let a = db.create("a");
    assert_eq!(db.run(Service::DbTable, &[], &[b"a"], &[]), a);
    assert_eq!(db.create("a"), a);
    let b = db.create("b");
    assert_ne!(a, b);
    assert_eq!(db.get(a, b"k"), None);
    assert_eq!(db.put(a, b"k", b"one"), 0);
    assert_eq!(db.put(a, b"k", b"two"), 1);
    assert_eq!(db.get(a, b"k").as_deref(), Some(&b"two"[..]));
    assert_eq!(db.get(b, b"k"), None);
    assert_eq!(db.put(a, b"", b""), 0);
    assert_eq!(db.get(a, b"").as_deref(), Some(&b""[..]));
    // Keys that are longer than what is copied to the stack.
    let long = vec![7; 1000];
    db.put(a, &long, &long);
    assert_eq!(db.get(a, &long).as_deref(), Some(long.as_slice()));
    assert_eq!(db.get(a, &[7; 2000]), None);
    // A value that does not fit is not written.
    db.both.put(DST, b"????");
    assert_eq!(db.run(Service::DbGet, &[a], &[b"k"], &[DST, 2]), 3);
    assert_eq!(db.both.get(DST, 4), b"????");
    assert_eq!(db.run(Service::DbExists, &[a], &[b"k"], &[]), 1);
    assert_eq!(db.run(Service::DbDelete, &[a], &[b"k"], &[]), 1);
    assert_eq!(db.run(Service::DbDelete, &[a], &[b"k"], &[]), 0);
    assert_eq!(db.run(Service::DbExists, &[a], &[b"k"], &[]), 0);
    assert_eq!(db.run(Service::DbTables, &[], &[], &[DST, 100]), 4);
    assert_eq!(db.both.get(DST, 4), b"a\nb\n");
    assert_eq!(db.run(Service::DbTables, &[], &[], &[DST, 3]), 4);
    assert_eq!(db.run(Service::DbTableDrop, &[], &[b"a"], &[]), 1);
    assert_eq!(db.run(Service::DbTableDrop, &[], &[b"a"], &[]), 0);
    // The handle is there, the table is not.
    let get = db.call(Service::DbGet, &[a], &[b""], &[DST, 0]);
    assert_eq!(get, Err(TrapCode::DatabaseMisuse));
}

#[test]
fn swaps_and_batches_happen_as_a_whole() {
    let mut db = Db::new();
    let a = db.create("a");
    let absent = [0, NONE];
    let value = |db: &mut Db, bytes: &[u8]| {
        let at = DST + 500_000;
        db.both.put(at, bytes);
        [at, bytes.len() as u32]
    };
    let swap = |db: &mut Db, old: [u32; 2], new: &[u8]| {
        let mut args = old.to_vec();
        let at = DST + 600_000;
        db.both.put(at, new);
        args.extend([at, new.len() as u32]);
        db.run(Service::DbSwap, &[a], &[b"k"], &args)
    };
    assert_eq!(swap(&mut db, absent, b"1"), 1);
    assert_eq!(swap(&mut db, absent, b"2"), 0);
    let old = value(&mut db, b"0");
    assert_eq!(swap(&mut db, old, b"2"), 0);
    let old = value(&mut db, b"1");
    assert_eq!(swap(&mut db, old, b"2"), 1);
    assert_eq!(db.get(a, b"k").as_deref(), Some(&b"2"[..]));
    let old = value(&mut db, b"2");
    let args = [old[0], old[1], 0, NONE];
    assert_eq!(db.run(Service::DbSwap, &[a], &[b"k"], &args), 1);
    assert_eq!(db.get(a, b"k"), None);

    let batch = changes(&[
        (b"1", Some(b"one")),
        (b"2", Some(b"")),
        (b"1", None),
        (b"3", Some(b"three")),
    ]);
    assert_eq!(db.run(Service::DbBatch, &[a], &[&batch], &[]), 4);
    assert_eq!(db.get(a, b"1"), None);
    assert_eq!(db.get(a, b"2").as_deref(), Some(&b""[..]));
    let too_long = changes(&[(b"4", Some(b"four")), (&[0; 1025], Some(b""))]);
    let refused = db.call(Service::DbBatch, &[a], &[&too_long], &[]);
    assert_eq!(refused, Err(TrapCode::DatabaseLimit));
    assert_eq!(db.get(a, b"4"), None);
    for cut in [1, 8, batch.len() - 1] {
        let refused = db.call(Service::DbBatch, &[a], &[&batch[..cut]], &[]);
        assert_eq!(refused, Err(TrapCode::InvalidArgument), "{cut}");
    }
    assert_eq!(db.run(Service::DbBatch, &[a], &[b""], &[]), 0);
}

#[test]
fn cursors_go_both_ways() {
    let mut db = Db::new();
    let a = db.create("a");
    for key in ["a", "ab", "b", "ba", "bb", "c", "d"] {
        db.put(a, key.as_bytes(), key.to_uppercase().as_bytes());
    }
    let scan = |db: &mut Db, low: &[u8], high: Option<&[u8]>, flags: u32, limit: u32| {
        let cursor = match high {
            Some(high) => db.run(Service::DbScan, &[a], &[low, high], &[flags, limit]),
            None => db.run(Service::DbScan, &[a], &[low], &[0, NONE, flags, limit]),
        };
        let keys = db.keys(cursor);
        db.run(Service::DbCursorDrop, &[cursor], &[], &[]);
        keys
    };
    assert_eq!(scan(&mut db, b"", None, 0, NONE), "a ab b ba bb c d");
    assert_eq!(scan(&mut db, b"", None, 1, NONE), "d c bb ba b ab a");
    assert_eq!(scan(&mut db, b"ab", Some(b"c"), 0, NONE), "ab b ba bb");
    assert_eq!(scan(&mut db, b"ab", Some(b"c"), 1, 2), "bb ba");
    assert_eq!(scan(&mut db, b"c", Some(b"b"), 0, NONE), "");
    assert_eq!(scan(&mut db, b"", None, 0, 0), "");
    let prefix = db.run(Service::DbPrefix, &[a], &[b"b"], &[1, NONE]);
    assert_eq!(db.keys(prefix), "bb ba b");
    let count =
        |db: &mut Db, bounds: &[&[u8]], rest: &[u32]| db.run(Service::DbCount, &[a], bounds, rest);
    assert_eq!(count(&mut db, &[b""], &[0, NONE]), 7);
    assert_eq!(count(&mut db, &[b"b", b"c"], &[]), 3);

    // Buffers of any size give the same rows; too small ones say what is needed.
    for len in 11..60 {
        let cursor = db.run(Service::DbScan, &[a], &[b""], &[0, NONE, 0, NONE]);
        if len < 12 {
            let mut first = db.both.run(Service::DbNext, &[cursor, DST, len]);
            assert_eq!(first, 10);
            first = db.both.run(Service::DbNext, &[cursor, DST, len]);
            assert_eq!(first.cast_signed(), -12);
            continue;
        }
        assert_eq!(db.rows_with(cursor, len).len(), 7, "{len}");
    }
    // What is written while a cursor is half-way is seen behind it.
    let cursor = db.run(Service::DbScan, &[a], &[b"b"], &[0, NONE, 0, NONE]);
    assert_eq!(db.both.run(Service::DbNext, &[cursor, DST, 11]), 10);
    db.put(a, b"a0", b"");
    db.put(a, b"bz", b"");
    db.run(Service::DbDelete, &[a], &[b"ba"], &[]);
    assert_eq!(db.keys(cursor), "bb bz c d");
    assert_eq!(db.run(Service::DbDeleteRange, &[a], &[b"b", b"c"], &[]), 3);
    assert_eq!(scan(&mut db, b"", None, 0, NONE), "a a0 ab c d");
    assert_eq!(db.run(Service::DbDeleteRange, &[a], &[b""], &[0, NONE]), 5);
    assert_eq!(count(&mut db, &[b""], &[0, NONE]), 0);
}

/// Parameters of a query, as they are written down.
fn text_param(text: &str) -> Vec<u8> {
    let mut bytes = vec![6];
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[test]
fn queries_use_indices_and_parameters() {
    let mut db = Db::new();
    let people = db.create("people");
    for i in 0..500u32 {
        let (name, age) = (["ann", "bob", "cid"][i as usize % 3], i % 90);
        let value = format!(r#"{{"name": "{name}", "age": {age}}}"#);
        db.put(people, format!("{i:03}").as_bytes(), value.as_bytes());
    }
    let index = |db: &mut Db, name: &[u8], field: &[u8]| {
        db.run(Service::DbIndex, &[people], &[name, field], &[])
    };
    assert_eq!(index(&mut db, b"age", b"json age"), 1);
    assert_eq!(index(&mut db, b"age", b"json age"), 0);
    assert_eq!(index(&mut db, b"name", b"json name"), 1);
    let query = |db: &mut Db, text: &str, params: &[u8]| {
        let cursor = db.run(Service::DbQuery, &[], &[text.as_bytes(), params], &[]);
        let keys = db.keys(cursor);
        db.run(Service::DbCursorDrop, &[cursor], &[], &[]);
        keys
    };
    let age = |age: i64| [&[3][..], &age.to_le_bytes()].concat();
    assert_eq!(
        query(&mut db, "people where age = $1", &age(7)),
        "007 097 187 277 367 457"
    );
    let params = [age(7), text_param("bob")].concat();
    let both = "people where age = $1 and name = $2";
    assert_eq!(query(&mut db, both, &params), "007 097 187 277 367 457");
    let sorted = "people where age between $1 and 9 order by age desc limit 3";
    assert_eq!(query(&mut db, sorted, &age(8)), "459 369 279");
    let explain = |db: &mut Db, text: &str| {
        let buffers: [&[u8]; 2] = [text.as_bytes(), &age(7)];
        let len = db.run(Service::DbExplain, &[], &buffers, &[DST, 1000]);
        String::from_utf8(db.both.get(DST, len)).expect("text")
    };
    let plan = explain(&mut db, "people where age = $1");
    assert!(
        plan.starts_with("table people: index age, 1 range, 6 entries"),
        "{plan}"
    );
    // Fuel depends on what is looked at: through the index, a few rows.
    let cost = |db: &mut Db, text: &str| {
        let cursor = db.run(Service::DbQuery, &[], &[text.as_bytes(), b""], &[]);
        db.both.run(Service::DbNext, &[cursor, DST, DST_LEN]);
        db.both.fuel()
    };
    let few = cost(&mut db, "people where age = 7");
    let row_fuel = Rate::Rows.fuel(Rate::ROW_BYTES);
    let few = few - u64::from(Service::DbNext.op().info().fuel);
    assert!((6 * row_fuel..14 * row_fuel).contains(&few), "{few}");
    assert_eq!(db.run(Service::DbIndexDrop, &[people], &[b"age"], &[]), 1);
    assert_eq!(db.run(Service::DbIndexDrop, &[people], &[b"age"], &[]), 0);
    let gone = db.call(Service::DbQuery, &[], &[b"people where age = 7", b""], &[]);
    assert_eq!(gone, Err(TrapCode::DatabaseMisuse));
}

#[test]
fn what_is_wrong_traps_and_changes_nothing() {
    let mut db = Db::new();
    let a = db.create("a");
    db.put(a, b"k", b"v");
    let misuse = Err(TrapCode::DatabaseMisuse);
    for name in [
        &b"1a"[..],
        b"",
        b".state",
        b"a b",
        b"\xff",
        &[b'a'; 65],
        &[b'a'; 70_000],
    ] {
        assert_eq!(db.call(Service::DbTable, &[], &[name], &[]), misuse);
        assert_eq!(db.call(Service::DbTableCreate, &[], &[name], &[]), misuse);
        assert_eq!(db.call(Service::DbTableDrop, &[], &[name], &[]), misuse);
        assert_eq!(
            db.call(Service::DbIndex, &[a], &[name, b"json x"], &[]),
            misuse
        );
    }
    for field in [&b""[..], b"json", b"bytes 3..1", b"xml a", b"\xff"] {
        assert_eq!(db.call(Service::DbIndex, &[a], &[b"i", field], &[]), misuse);
    }
    for query in [
        &b""[..],
        b"nobody",
        b"a where",
        b"a where x = 1",
        b"a where key = $1",
        b"\xff",
    ] {
        assert_eq!(db.call(Service::DbQuery, &[], &[query, b""], &[]), misuse);
        let explain = db.call(Service::DbExplain, &[], &[query, b""], &[DST, 10]);
        assert_eq!(explain, misuse);
    }
    for params in [
        &[8][..],
        &[3, 0],
        &[6, 1, 0, 0, 0, 255],
        &[7, 255, 255, 255, 255],
    ] {
        let refused = db.call(Service::DbQuery, &[], &[b"a", params], &[]);
        assert_eq!(refused, Err(TrapCode::InvalidArgument), "{params:?}");
    }
    assert_eq!(db.both.call(Service::DbCommit, &[]), misuse);
    assert_eq!(db.both.call(Service::DbRollback, &[]), misuse);
    let too_long = db.call(Service::DbPut, &[a], &[&[0; 1025], b""], &[]);
    assert_eq!(too_long, Err(TrapCode::DatabaseLimit));

    let cursor = db.run(Service::DbScan, &[a], &[b""], &[0, NONE, 0, NONE]);
    let hash = db.both.run(Service::CryptoHashNew, &[1]);
    let invalid = Err(TrapCode::InvalidHandle);
    for table in [0, a + 1, 99, cursor + 70_000, NONE] {
        assert_eq!(
            db.call(Service::DbGet, &[table], &[b"k"], &[DST, 9]),
            invalid
        );
        assert_eq!(
            db.call(Service::DbPut, &[table], &[b"k", b""], &[]),
            invalid
        );
        assert_eq!(db.call(Service::DbBatch, &[table], &[b""], &[]), invalid);
        assert_eq!(
            db.call(Service::DbCount, &[table], &[b"", b""], &[]),
            invalid
        );
        let scan = db.call(Service::DbScan, &[table], &[b"", b""], &[0, 9]);
        assert_eq!(scan, invalid);
        assert_eq!(
            db.call(Service::DbIndexDrop, &[table], &[b"i"], &[]),
            invalid
        );
    }
    for handle in [0, hash, cursor + 1, NONE] {
        assert_eq!(db.both.call(Service::DbNext, &[handle, DST, 9]), invalid);
        assert_eq!(db.both.call(Service::DbCursorDrop, &[handle]), invalid);
    }
    assert_eq!(db.both.call(Service::CryptoHashDrop, &[cursor]), invalid);
    assert_eq!(db.both.call(Service::CryptoKeyDrop, &[cursor]), invalid);
    for flags in [2, 3, NONE] {
        let refused = db.call(Service::DbScan, &[a], &[b"", b"z"], &[flags, 1]);
        assert_eq!(refused, Err(TrapCode::InvalidArgument));
    }
    let oob = Err(TrapCode::MemoryOutOfBounds);
    for (at, len) in [
        (END, 1),
        (END - 3, 4),
        (NONE, 0),
        (1, NONE - 1),
        (0, END + 1),
    ] {
        assert_eq!(db.both.call(Service::DbTable, &[at, len]), oob);
        assert_eq!(db.both.call(Service::DbGet, &[a, at, len, DST, 9]), oob);
        assert_eq!(db.both.call(Service::DbGet, &[a, 0, 1, at, len]), oob);
        assert_eq!(db.both.call(Service::DbPut, &[a, 0, 1, at, len]), oob);
        let swap = db.both.call(Service::DbSwap, &[a, 0, 1, 0, NONE, at, len]);
        assert_eq!(swap, oob);
        assert_eq!(db.both.call(Service::DbNext, &[cursor, at, len]), oob);
        assert_eq!(db.both.call(Service::DbCount, &[a, at, len, 0, 0]), oob);
        assert_eq!(db.both.call(Service::DbCount, &[a, 0, 0, at, len]), oob);
        assert_eq!(db.both.call(Service::DbQuery, &[at, len, 0, 0]), oob);
        assert_eq!(db.both.call(Service::DbQuery, &[0, 0, at, len]), oob);
        assert_eq!(db.both.call(Service::DbBatch, &[a, at, len]), oob);
        assert_eq!(db.both.call(Service::DbTables, &[at, len]), oob);
    }
    assert_eq!(db.get(a, b"k").as_deref(), Some(&b"v"[..]));
    assert_eq!(db.keys(cursor), "k");
}

#[test]
fn cursors_count_as_memory() {
    let mut db = Db::new();
    let a = db.create("a");
    for i in 0..100u8 {
        db.put(a, &[i], &[0; 100_000]);
    }
    for store in db.both.stores() {
        let room = store.usage().handle_bytes + MEMORY_BYTES as u64 + 1_000_000;
        store.set_max_memory_bytes(room);
    }
    let mut read = 0;
    let trap = loop {
        let cursor = db.run(Service::DbScan, &[a], &[b""], &[0, NONE, 0, NONE]);
        match db.both.call(Service::DbNext, &[cursor, DST, 200_000]) {
            Ok(bytes) => assert_eq!(bytes, 100_009),
            Err(trap) => break trap,
        }
        read += 1;
    };
    assert_eq!(trap, TrapCode::MemoryLimit);
    // Each keeps a piece of about 256 KiB.
    assert!((2..5).contains(&read), "{read}");
}

#[test]
fn limits_of_the_database() {
    let mut config = Config::new();
    let mut limits = Options::default().limits;
    limits.tables = 2;
    limits.value_bytes = 10;
    config.database_limits(limits);
    let engine = Engine::new(&config);
    let mut store = Store::new(&engine, ());
    let session = store.database().expect("in memory");
    let a = session.create_table("a").expect("one");
    session.create_table("b").expect("two");
    let third = session.create_table("c").unwrap_err().to_string();
    assert_eq!(third, "tables: 3 is over the limit of 2");
    let long = session.put(a, b"k", &[0; 11]).unwrap_err().to_string();
    assert_eq!(long, "bytes of a value: 11 is over the limit of 10");
}

/// Programs with several instructions on databases in a call.
const PROGRAM: &str = r#"
    .memory 1
    .data at 0 "table"
    .data at 8 "k"
    .export "open" func $open
    .export "put" func $put
    .export "leave" func $leave
    .export "trap" func $trap
    .export "nested" func $nested
    .export "depth" func $depth
    .export "commit" func $commit
    .func $open () -> i32
        i32.push 0
        i32.push 5
        db_table_create
        ret
    .end
    .func $put (i32 $value)
        i32.push 16
        local.get $value
        i32.store8
        i32.push 1
        i32.push 8
        i32.push 1
        i32.push 16
        i32.push 1
        db_put
        pop
        ret
    .end
    ; Leaves a transaction open.
    .func $leave (i32 $value)
        db_begin
        db_begin
        local.get $value
        call $put
        ret
    .end
    .func $trap (i32 $value)
        db_begin
        local.get $value
        call $put
        trap
    .end
    ; The inner part is rolled back, the outer one committed.
    .func $nested (i32 $value) -> i32
        db_begin
        local.get $value
        call $put
        db_begin
        i32.push 0
        call $put
        db_depth
        db_rollback
        db_commit
        ret
    .end
    .func $depth () -> i32
        db_depth
        ret
    .end
    .func $commit (i32 $value)
        db_begin
        local.get $value
        call $put
        db_commit
        ret
    .end
"#;

/// The program's functions, in a store with that database.
fn program(jit: Jit, database: Option<&Database>) -> (Store<()>, dotvm::Instance) {
    let mut config = Config::new();
    config.jit(jit).jit_threshold(1);
    let engine = Engine::new(&config);
    let module = Module::from_text(&engine, PROGRAM).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, ());
    if let Some(database) = database {
        store.set_database(database.clone());
    }
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    (store, instance.expect("nothing is imported"))
}

/// The value of the only key, in what was committed.
fn value(database: &Database) -> Option<u8> {
    let mut session = database.session();
    let table = session.table("table").expect("it was made");
    let mut rows = session
        .scan(table, Interval::all(), Direction::Forward)
        .expect("rows");
    let row = rows.next(&mut session).expect("a row");
    row.map(|(_, value)| value[0])
}

#[test]
fn transactions_that_are_left_open_are_rolled_back() {
    for jit in [Jit::Off, Jit::Eager] {
        let database = Database::in_memory(Options::default()).expect("a database");
        let (mut store, instance) = program(jit, Some(&database));
        let call = |store: &mut Store<()>, name: &str, value: i32| {
            let func = instance.get_typed_func::<i32, ()>(&mut *store, name);
            func.expect("a function").call(store, value)
        };
        let open = instance
            .get_typed_func::<(), i32>(&mut store, "open")
            .unwrap();
        let depth = instance
            .get_typed_func::<(), i32>(&mut store, "depth")
            .unwrap();
        let nested = instance
            .get_typed_func::<i32, i32>(&mut store, "nested")
            .unwrap();
        assert_eq!(depth.call(&mut store, ()).unwrap(), 0);
        assert_eq!(open.call(&mut store, ()).unwrap(), 1);
        call(&mut store, "put", 1).unwrap();
        assert_eq!(value(&database), Some(1));
        call(&mut store, "leave", 2).unwrap();
        assert_eq!(value(&database), Some(1));
        assert_eq!(depth.call(&mut store, ()).unwrap(), 0);
        let trap = call(&mut store, "trap", 3).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::Unreachable));
        assert_eq!(value(&database), Some(1));
        call(&mut store, "commit", 4).unwrap();
        assert_eq!(value(&database), Some(4));
        assert_eq!(nested.call(&mut store, 5).unwrap(), 2);
        assert_eq!(value(&database), Some(5));

        // A transaction of the embedder's is around everything.
        store.begin_transaction().unwrap();
        call(&mut store, "commit", 6).unwrap();
        assert_eq!(depth.call(&mut store, ()).unwrap(), 0);
        call(&mut store, "leave", 7).unwrap();
        assert_eq!(value(&database), Some(5));
        store.commit_transaction().unwrap();
        assert_eq!(value(&database), Some(6));
        store.begin_transaction().unwrap();
        call(&mut store, "commit", 8).unwrap();
        store.rollback_transaction().unwrap();
        assert_eq!(value(&database), Some(6));
        let none = store.commit_transaction().unwrap_err();
        assert_eq!(none.trap_code(), Some(TrapCode::DatabaseMisuse));
    }
}

#[test]
fn nobody_waits_for_others_beyond_the_deadline() {
    for jit in [Jit::Off, Jit::Eager] {
        let database = Database::in_memory(Options::default()).expect("a database");
        let (mut store, instance) = program(jit, Some(&database));
        let open = instance
            .get_typed_func::<(), i32>(&mut store, "open")
            .unwrap();
        open.call(&mut store, ()).unwrap();
        let mut other = database.session();
        other.begin().unwrap();
        let start = Instant::now();
        store.set_timeout(Duration::from_millis(50)).unwrap();
        let put = instance
            .get_typed_func::<i32, ()>(&mut store, "put")
            .unwrap();
        let trap = put.call(&mut store, 1).unwrap_err();
        assert_eq!(trap.trap_code(), Some(TrapCode::Timeout), "{trap}");
        assert!(start.elapsed() < Duration::from_secs(3));
        store.set_deadline(None).unwrap();
        other.rollback().unwrap();
        put.call(&mut store, 1).unwrap();
        assert_eq!(value(&database), Some(1));
    }
}

#[test]
fn long_operations_end_at_the_deadline() {
    let database = Database::in_memory(Options::default()).expect("a database");
    let mut session = database.session();
    let rows = session.create_table("rows").unwrap();
    session.begin().unwrap();
    for i in 0..300_000u32 {
        session.put(rows, &i.to_be_bytes(), &[1; 8]).unwrap();
    }
    session.commit().unwrap();
    let text = r#"
        .memory 1
        .data at 0 "rows"
        .export "count" func $count
        .export "remove" func $remove
        .func $table () -> i32
            i32.push 0
            i32.push 4
            db_table
            ret
        .end
        .func $count () -> i32
            call $table
            i32.push 100
            i32.push 2
            i32.push 0
            i32.push -1
            db_count
            ret
        .end
        .func $remove () -> i32
            call $table
            i32.push 100
            i32.push 2
            i32.push 0
            i32.push -1
            db_delete_range
            ret
        .end
    "#;
    for jit in [Jit::Off, Jit::Eager] {
        let mut config = Config::new();
        config.jit(jit).jit_threshold(1);
        let engine = Engine::new(&config);
        let module = Module::from_text(&engine, text).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        store.set_database(database.clone());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for name in ["count", "remove"] {
            let func = instance
                .get_typed_func::<(), i32>(&mut store, name)
                .unwrap();
            store.set_timeout(Duration::from_millis(2)).unwrap();
            let trap = func.call(&mut store, ()).unwrap_err();
            assert_eq!(trap.trap_code(), Some(TrapCode::Timeout), "{name}: {trap}");
        }
        store.set_deadline(None).unwrap();
        let count = instance
            .get_typed_func::<(), i32>(&mut store, "count")
            .unwrap();
        assert_eq!(count.call(&mut store, ()).unwrap(), 300_000);
    }
}

#[test]
fn a_database_that_cannot_be_opened_says_why() {
    for jit in [Jit::Off, Jit::Eager] {
        let (mut store, instance) = program(jit, None);
        store.set_database_with(|| Err("the reason".into()));
        let open = instance
            .get_typed_func::<(), i32>(&mut store, "open")
            .unwrap();
        for _ in 0..2 {
            let error = open.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::DatabaseFailure));
            let text = error.to_string();
            assert!(
                text.starts_with("trap: database failure: the reason\n"),
                "{text}"
            );
            assert!(text.contains("0: open"), "{text}");
        }
        // Programs that do not use it need none.
        let depth = instance
            .get_typed_func::<(), i32>(&mut store, "depth")
            .unwrap();
        assert_eq!(depth.call(&mut store, ()).unwrap(), 0);
    }
}
