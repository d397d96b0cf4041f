//! States of instances: versions in a database have what memories were, in both tiers, however many are kept.

use std::time::Duration;

use dotvm::db::{Database, Options};
use dotvm::state::{State, States};
use dotvm::{Config, Engine, Error, Instance, Jit, Linker, Memory, Module, Store, TrapCode};

/// Two memories, one of pages of a byte, and a global.
const PROGRAM: &str = r#"
.memory 2 64
.memory 5000 100000 page 1
.global $last mut i64 = 7
.export "first" memory 0
.export "second" memory 1
.export "put" func $put
.export "put_second" func $put_second
.export "grow" func $grow
.export "grow_second" func $grow_second
.export "last" func $last
.func $put (i32 $at, i64 $value)
    local.get $value
    global.set $last
    local.get $at
    local.get $value
    i64.store
    ret
.end
.func $put_second (i32 $at, i64 $value)
    local.get $at
    local.get $value
    i64.store 0 memory 1
    ret
.end
.func $grow (i32 $pages)
    local.get $pages
    memory.grow 0
    pop
    ret
.end
.func $grow_second (i32 $pages)
    local.get $pages
    memory.grow 1
    pop
    ret
.end
.func $last () -> i64
    global.get $last
    ret
.end
"#;

/// An instance that goes on from a state, in a transaction.
struct Run {
    store: Store<()>,
    instance: Instance,
    state: State,
}

impl Run {
    fn start(module: &Module, database: &Database, name: &str) -> Result<Run, Error> {
        let mut store = Store::new(module.engine(), ());
        store.set_database(database.clone());
        store.begin_transaction()?;
        let instance = Linker::new(module.engine()).instantiate(&mut store, module)?;
        let state = State::load(&mut store, instance, name)?;
        Ok(Run {
            store,
            instance,
            state,
        })
    }

    fn call(&mut self, name: &str, args: (i32, i64)) {
        let func = self
            .instance
            .get_typed_func::<(i32, i64), ()>(&mut self.store, name);
        func.unwrap().call(&mut self.store, args).unwrap();
    }

    fn grow(&mut self, name: &str, pages: i32) {
        let func = self
            .instance
            .get_typed_func::<i32, ()>(&mut self.store, name);
        func.unwrap().call(&mut self.store, pages).unwrap();
    }

    fn last(&mut self) -> i64 {
        let func = self
            .instance
            .get_typed_func::<(), i64>(&mut self.store, "last");
        func.unwrap().call(&mut self.store, ()).unwrap()
    }

    fn memory(&mut self, name: &str) -> Memory {
        self.instance.get_memory(&mut self.store, name).unwrap()
    }

    /// Everything that a state keeps.
    fn content(&mut self) -> Content {
        let mut bytes = |name| {
            let memory = self.memory(name);
            memory.data(&self.store).to_vec()
        };
        let memories = [bytes("first"), bytes("second")];
        (memories, self.last())
    }
}

type Content = ([Vec<u8>; 2], i64);

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn module(jit: Jit) -> Module {
    let mut config = Config::new();
    config.jit(jit);
    let engine = Engine::new(&config);
    Module::from_text(&engine, PROGRAM).unwrap()
}

/// Writes here and there, mostly to pages that were written to already, sometimes what is there.
fn change(run: &mut Run, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let value = random.below(3) as i64;
        let len = run.memory("first").data(&run.store).len() as u64;
        let page = random.below(len / 4096).min(random.below(40));
        run.call("put", ((page * 4096 + random.below(512) * 8) as i32, value));
        let len = run.memory("second").data(&run.store).len() as u64;
        run.call("put_second", (random.below(len - 7) as i32, value));
    }
    match random.below(6) {
        0 => run.grow("grow", 1),
        1 => run.grow("grow_second", random.below(6000) as i32),
        _ => {}
    }
}

fn check_versions(jit: Jit, mut random: Random) {
    let module = module(jit);
    let database = Database::in_memory(Options::default()).unwrap();
    // What each version had.
    let mut versions: Vec<Content> = Vec::new();
    let mut run = Run::start(&module, &database, "s").unwrap();
    for round in 0..40 {
        change(&mut run, &mut random);
        let mut content = run.content();
        let kept = 1 + random.below(5);
        run.state.keep(kept);
        let before = versions.len() as u64;
        let saved = run.state.save(&mut run.store).unwrap();
        run.store.commit_transaction().unwrap();
        if saved.number == before {
            assert_eq!(versions.last(), Some(&content), "{round}");
        } else {
            assert_eq!(saved.number, before + 1);
            versions.push(content.clone());
        }
        match random.below(5) {
            // The same instance goes on.
            0..=2 => run.store.begin_transaction().unwrap(),
            // What is not committed leaves nothing.
            3 => {
                run.store.begin_transaction().unwrap();
                change(&mut run, &mut random);
                run.state.save(&mut run.store).unwrap();
                run.store.rollback_transaction().unwrap();
                run = Run::start(&module, &database, "s").unwrap();
            }
            _ => {
                drop(run);
                let mut session = database.session();
                let mut states = States::new(&mut session);
                let there = states.versions("s").unwrap();
                if saved.number > before {
                    assert!(
                        there.len() as u64 <= kept,
                        "{round}: {} of {kept}",
                        there.len()
                    );
                }
                let to = &there[random.below(there.len() as u64) as usize];
                let exported = states.export("s", Some(to.number)).unwrap();
                match random.below(2) {
                    0 => {
                        assert_eq!(states.rollback("s", Some(to.number)).unwrap(), *to);
                        versions.truncate(to.number as usize);
                    }
                    _ => {
                        states.import("s", &exported, 3).unwrap();
                        versions.push(versions[to.number as usize - 1].clone());
                    }
                }
                content = versions.last().unwrap().clone();
                // What is not seen by any version is not kept.
                let table = session.machine_table(".state").unwrap();
                let all = session.table_info(table).unwrap().rows;
                assert!(all < 400, "{all} rows");
                run = Run::start(&module, &database, "s").unwrap();
            }
        }
        assert!(run.content() == content, "round {round}");
        assert_eq!(run.state.version(), versions.len() as u64);
    }
    assert!(versions.len() > 10);
}

#[test]
fn versions_are_what_instances_were() {
    for seed in 1..4 {
        check_versions(Jit::Off, Random(seed));
        check_versions(Jit::Eager, Random(seed));
    }
}

#[test]
fn only_changed_pages_are_written() {
    let module = module(Jit::Off);
    let database = Database::in_memory(Options::default()).unwrap();
    let mut run = Run::start(&module, &database, "s").unwrap();
    run.grow("grow", 62);
    for page in 0..1024 {
        run.call("put", (page * 4096, 1));
    }
    let saved = run.state.save(&mut run.store).unwrap();
    assert_eq!(saved.changed_pages, 1024);
    run.call("put", (4096, 2));
    run.call("put", (8192, 1));
    assert_eq!(run.state.save(&mut run.store).unwrap().changed_pages, 1);
    run.store.commit_transaction().unwrap();
    let mut run = Run::start(&module, &database, "s").unwrap();
    run.call("put", (0, 0));
    run.call("put", (4088, 5));
    run.call("put_second", (4090, -1));
    let saved = run.state.finish(&mut run.store).unwrap();
    assert_eq!((saved.number, saved.changed_pages), (3, 3));
}

#[test]
fn what_no_state_can_be_is_refused() {
    let module = module(Jit::Off);
    let database = Database::in_memory(Options::default()).unwrap();
    let mut run = Run::start(&module, &database, "s").unwrap();
    run.call("put", (0, 1));
    run.state.save(&mut run.store).unwrap();
    run.store.commit_transaction().unwrap();
    // Without a transaction.
    let error = run.state.save(&mut run.store).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::DatabaseMisuse), "{error}");
    // Somebody else has gone on meanwhile.
    let mut other = Run::start(&module, &database, "s").unwrap();
    other.call("put", (0, 2));
    other.state.finish(&mut other.store).unwrap();
    other.store.commit_transaction().unwrap();
    run.store.begin_transaction().unwrap();
    run.call("put", (0, 3));
    let error = run.state.save(&mut run.store).unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::DatabaseFailure),
        "{error}"
    );
    drop(run);
    // Exported bytes, damaged and cut.
    let mut session = database.session();
    let mut states = States::new(&mut session);
    let exported = states.export("s", None).unwrap();
    for at in 0..exported.len() {
        let mut wrong = exported.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(states.import("x", &wrong, 9).is_err(), "{at}");
        assert!(states.import("x", &exported[..at], 9).is_err(), "{at}");
    }
    assert_eq!(states.names().unwrap(), ["s"]);
    // Rows that no state would have written.
    let table = session.machine_table(".state").unwrap();
    for key in [&b"s\0v\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"s\0p\0"] {
        session.put(table, key, b"no version").unwrap();
        assert!(Run::start(&module, &database, "s").is_err(), "{key:?}");
        session.delete(table, key).unwrap();
    }
    for key in [&b"x"[..], b"\xff\0v"] {
        session.put(table, key, b"no version").unwrap();
        assert!(States::new(&mut session).names().is_err(), "{key:?}");
        session.delete(table, key).unwrap();
    }
    assert!(Run::start(&module, &database, "s").is_ok());
}

#[test]
fn programs_do_not_get_at_states() {
    const THIEF: &str = r#"
    .memory 1
    .data at 0 ".state"
    .export "name" func $name
    .export "handle" func $handle
    .func $name () -> i32
        i32.push 0
        i32.push 6
        db_table
        ret
    .end
    .func $handle (i32 $table) -> i32
        local.get $table
        i32.push 0
        i32.push 0
        i32.push 0
        i32.push -1
        db_count
        ret
    .end"#;
    let engine = Engine::default();
    let module = Module::from_text(&engine, THIEF).unwrap();
    let database = Database::in_memory(Options::default()).unwrap();
    for round in 0..2 {
        let mut run = Run::start(&module, &database, "s").unwrap();
        run.store.set_timeout(Duration::from_secs(60)).unwrap();
        let name = run
            .instance
            .get_typed_func::<(), i32>(&mut run.store, "name");
        let error = name.unwrap().call(&mut run.store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::DatabaseMisuse), "{error}");
        let handle = run
            .instance
            .get_typed_func::<i32, i32>(&mut run.store, "handle");
        let handle = handle.unwrap();
        for table in 0..8 {
            let error = handle.call(&mut run.store, table).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::InvalidHandle), "{error}");
        }
        let saved = run.state.finish(&mut run.store).unwrap();
        assert_eq!(saved.number, 1, "{round}");
        run.store.commit_transaction().unwrap();
    }
}
