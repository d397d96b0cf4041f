//! Databases through the machine's instructions, in both tiers, next to redb called directly: point reads, scans, and
//! writes in a transaction. Tables have a million rows of 16 and 64 bytes, in files that are read from the cache.
//!
//! `cargo bench -p dotvm-bench --bench db -- ROWS WHAT` prints medians of rounds that take turns, of what has such a
//! name.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use dotvm::db::{Database, Options};
use dotvm::{Linker, Module, Store, TypedFunc};
use dotvm_bench::guest::Tier;
use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const ROUNDS: usize = 9;
const CACHE_BYTES: usize = 1 << 30;
/// Operations of a round.
const READS: i64 = 200_000;
const WRITES: i64 = 20_000;

/// Keys are a row's number times that, then the number itself, big-endian: spread over all byte strings.
const SPREAD: i64 = 0x9e37_79b9_7f4a_7c15_u64.cast_signed();

/// The key is at 0, the value at 16; rows are read to 128, and to 65536 by cursors.
const PROGRAM: &str = r#"
.memory 2
.global $table mut i32 = 0
.data at 1024 "rows"
.export "open" func $open
.export "read" func $read
.export "write" func $write
.export "scan" func $scan

.func $open ()
    i32.push 1024
    i32.push 4
    db_table_create
    global.set $table
    ret
.end

.func $key (i64 $row)
    i32.push 0
    local.get $row
    i64.push SPREAD
    i64.mul
    i64.store_be
    i32.push 8
    local.get $row
    i64.store_be
    ret
.end

; The sum of the first bytes of so many rows' values; each row is 7919 behind the one before, of so many.
.func $read (i64 $row, i64 $count, i64 $rows) -> i64
    .local i64 $sum
next:
    loop
    local.get $row
    call $key
    global.get $table
    i32.push 0
    i32.push 16
    i32.push 128
    i32.push 64
    db_get
    pop
    local.get $sum
    i32.push 128
    i64.load8_u
    i64.add
    local.set $sum
    local.get $row
    i64.push 7919
    i64.add
    local.get $rows
    i64.mod_u
    local.set $row
    local.get $count
    i64.push 1
    i64.sub
    local.tee $count
    i64.eqz
    jz next
    local.get $sum
    ret
.end

; Writes so many rows from this one on, in a transaction.
.func $write (i64 $row, i64 $count)
    db_begin
next:
    loop
    local.get $row
    call $key
    i32.push 16
    local.get $row
    i64.store
    global.get $table
    i32.push 0
    i32.push 16
    i32.push 16
    i32.push 64
    db_put
    pop
    local.get $row
    i64.push 1
    i64.add
    local.set $row
    local.get $count
    i64.push 1
    i64.sub
    local.tee $count
    i64.eqz
    jz next
    db_commit
    ret
.end

; The sum of the first bytes of all rows' values, of which as many as fit are read at once.
.func $scan () -> i64
    .local i64 $sum
    .local i32 $cursor $at $end
    global.get $table
    i32.push 0
    i32.push 0
    i32.push 0
    i32.push -1
    db_prefix
    local.set $cursor
more:
    loop
    i32.push 65536
    local.tee $at
    local.get $cursor
    i32.push 65536
    i32.push 65536
    db_next
    i32.add
    local.tee $end
    local.get $at
    i32.eq
    jnz done
row:
    loop
    local.get $sum
    local.get $at
    i64.load8_u 24
    i64.add
    local.set $sum
    local.get $at
    i32.push 88
    i32.add
    local.tee $at
    local.get $end
    i32.lt_u
    jnz row
    jmp more
done:
    local.get $cursor
    db_cursor_drop
    local.get $sum
    ret
.end"#;

/// An instance with a database of its own.
struct Guest {
    store: Store<()>,
    read: TypedFunc<(i64, i64, i64), i64>,
    write: TypedFunc<(i64, i64), ()>,
    scan: TypedFunc<(), i64>,
}

impl Guest {
    fn open(tier: Tier, path: &Path) -> Guest {
        let engine = tier.engine();
        let text = PROGRAM.replace("SPREAD", &SPREAD.to_string());
        let module = Module::from_text(&engine, &text).expect("a program");
        let mut options = Options::default();
        options.cache_bytes = CACHE_BYTES;
        let mut store = Store::new(&engine, ());
        store.set_database(Database::open(path, options).expect("a database"));
        let linker = Linker::new(&engine);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("nothing is imported");
        let open = instance.get_typed_func::<(), ()>(&mut store, "open");
        open.expect("a function")
            .call(&mut store, ())
            .expect("a table");
        Guest {
            read: instance
                .get_typed_func(&mut store, "read")
                .expect("a function"),
            write: instance
                .get_typed_func(&mut store, "write")
                .expect("a function"),
            scan: instance
                .get_typed_func(&mut store, "scan")
                .expect("a function"),

            store,
        }
    }

    fn read(&mut self, row: i64, rows: i64) -> i64 {
        let args = (row, READS, rows);
        self.read.call(&mut self.store, args).expect("rows")
    }

    fn write(&mut self, row: i64, count: i64) {
        self.write
            .call(&mut self.store, (row, count))
            .expect("written");
    }

    fn scan(&mut self) -> i64 {
        self.scan.call(&mut self.store, ()).expect("rows")
    }
}

fn key(row: i64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&row.wrapping_mul(SPREAD).to_be_bytes());
    key[8..].copy_from_slice(&row.to_be_bytes());
    key
}

fn value(row: i64) -> [u8; 64] {
    let mut value = [0; 64];
    value[..8].copy_from_slice(&row.to_le_bytes());
    value
}

fn fill(database: &redb::Database, first: i64, count: i64) {
    let write = database.begin_write().expect("a transaction");
    {
        let mut table = write.open_table(TABLE).expect("a table");
        for row in first..first + count {
            table
                .insert(&key(row)[..], &value(row)[..])
                .expect("written");
        }
    }
    write.commit().expect("committed");
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_nanos() as f64
}

/// Prints what an operation takes: called directly, and in each tier. All return the same.
fn compare(
    name: &str,
    operations: i64,
    guests: &mut [Guest; 2],
    mut direct: impl FnMut(i64) -> i64,
    guest: impl Fn(&mut Guest, i64) -> i64,
) {
    let wanted = |part: &String| !part.starts_with('-') && part.parse::<i64>().is_err();
    let mut wanted = std::env::args().skip(1).filter(wanted).peekable();
    if wanted.peek().is_some() && !wanted.any(|part| name.contains(&part)) {
        return;
    }
    let mut times = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        let mut sums = [0; 3];
        // Whoever is first finds what was written before still on its way to the disk.
        for i in (0..3).map(|i| (i + round) % 3) {
            let start = Instant::now();
            sums[i] = match i {
                0 => direct(round as i64),
                i => guest(&mut guests[i - 1], round as i64),
            };
            times[i].push(start.elapsed());
        }
        assert!(sums.iter().all(|&sum| sum == sums[0]), "{name}: {sums:?}");
    }
    let [redb, ours @ ..] = times.map(|times| median(times) / operations as f64);
    print!("{name:24} redb {redb:7.1} ns");
    for (tier, ours) in Tier::ALL.iter().zip(ours) {
        print!(", {} {ours:7.1} ns ({:.2} x)", tier.name(), redb / ours);
    }
    println!();
}

fn main() {
    let rows = std::env::args().filter_map(|arg| arg.parse().ok()).next();
    let rows: i64 = rows.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let database = redb::Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create(folder.path().join("redb"))
        .expect("a database");
    fill(&database, 0, rows);
    let mut guests = Tier::ALL.map(|tier| {
        let mut guest = Guest::open(tier, &folder.path().join(tier.name()));
        guest.write(0, rows);
        guest
    });

    let reading = database.begin_read().expect("a transaction");
    let table = reading.open_table(TABLE).expect("a table");
    let read = |row: i64| {
        let value = table.get(&key(row)[..]).expect("read").expect("a row");
        i64::from(value.value()[0])
    };
    compare(
        "point reads",
        READS,
        &mut guests,
        |round| (0..READS).map(|i| read((round + i * 7919) % rows)).sum(),
        |guest, round| guest.read(round, rows),
    );
    compare(
        "reads of one row",
        READS,
        &mut guests,
        |_| (0..READS).map(|_| read(black_box(0))).sum(),
        |guest, _| guest.read(0, 1),
    );
    compare(
        "scan",
        rows,
        &mut guests,
        |_| {
            let all = table.iter().expect("a range");
            all.map(|row| i64::from(row.expect("a row").1.value()[0]))
                .sum()
        },
        |guest, _| guest.scan(),
    );
    drop(table);
    drop(reading);
    compare(
        "writes in a transaction",
        WRITES,
        &mut guests,
        |round| {
            fill(&database, rows + round * WRITES, WRITES);
            0
        },
        |guest, round| {
            guest.write(rows + round * WRITES, WRITES);
            0
        },
    );
}
