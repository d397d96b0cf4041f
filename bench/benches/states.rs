//! What a state costs: the commit of a call that changes one page, and loading the last version, by the size of the
//! memory, all of whose pages have been written to. The database is a file, so commits wait for the disk.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dotvm::db::{Database, Options};
use dotvm::state::State;
use dotvm::{Instance, Linker, Module, Store};
use dotvm_bench::guest::{Tier, module};

/// Sizes of memories, in MB of 2^20 bytes.
const SIZES: [u64; 4] = [1, 16, 64, 256];

/// Writes one number, or one to each page of 4 KiB.
const PROGRAM: &str = r#"
(module
  (memory 16)
  (func (export "put") (param $at i32) (param $value i64)
    (i64.store (local.get $at) (local.get $value)))
  (func (export "fill") (param $pages i32) (local $at i32)
    (drop (memory.grow (i32.sub (local.get $pages) (memory.size))))
    (loop $next
      (i64.store (local.get $at) (i64.extend_i32_u (i32.add (local.get $at) (i32.const 1))))
      (br_if $next (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 4096)))
        (i32.mul (local.get $pages) (i32.const 65536)))))))"#;

/// An instance that has been given its state, in a transaction.
fn start(module: &Module, database: &Database) -> (Store<()>, Instance, State) {
    let mut store = Store::new(module.engine(), ());
    store.set_database(database.clone());
    store.begin_transaction().expect("a transaction");
    let linker = Linker::new(module.engine());
    let instance = linker.instantiate(&mut store, module).expect("an instance");
    let state = State::load(&mut store, instance, "bench").expect("a state");
    (store, instance, state)
}

fn states(c: &mut Criterion) {
    let module = module(&Tier::Native.engine(), PROGRAM).expect("a program");
    for megabytes in SIZES {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("states");
        let database = Database::open(file, Options::default()).expect("a database");
        let (mut store, instance, mut state) = start(&module, &database);
        state.keep(2);
        let fill = instance.get_typed_func::<i32, ()>(&mut store, "fill");
        let pages = (megabytes * 16) as i32;
        fill.expect("a function")
            .call(&mut store, pages)
            .expect("filled");
        state.save(&mut store).expect("saved");
        store.commit_transaction().expect("committed");

        let put = instance.get_typed_func::<(i32, i64), ()>(&mut store, "put");
        let put = put.expect("a function");
        let mut value = 0;
        let mut change_pages = |pages: i32| {
            store.begin_transaction().expect("a transaction");
            for page in 0..pages {
                value += 1;
                let at = (page * 7919 + 31) % (megabytes as i32 * 256) * 4096;
                put.call(&mut store, (at, value)).expect("written");
            }
            let saved = state.save(&mut store).expect("saved");
            assert_eq!(saved.changed_pages, pages as u64);
            store.commit_transaction().expect("committed");
        };
        for pages in [1, 100] {
            let mut group = c.benchmark_group(format!("states/commit of {pages} changed"));
            let id = BenchmarkId::from_parameter(format!("{megabytes} MB"));
            group.bench_function(id, |b| b.iter(|| change_pages(pages)));
        }
        drop((store, state));

        let mut group = c.benchmark_group("states/load");
        group.sample_size(10);
        let id = BenchmarkId::from_parameter(format!("{megabytes} MB"));
        group.bench_function(id, |b| b.iter(|| black_box(start(&module, &database))));
    }
}

criterion_group!(benches, states);
criterion_main!(benches);
