//! What was once wrong: refusals that left something behind, states that were mixed, counts that were none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dotvm_dotdb::engine::embedded::Embedded;
use dotvm_dotdb::engine::{Access, Budget, Engine, Rows, Space, Transaction, Wait};
use dotvm_dotdb::{
    Change, Database, Direction, Error, Interval, Limits, Options, Result, Session, TableId, Value,
};

cases! {
    a_write_that_is_refused_leaves_indices_alone,
    the_size_of_a_database_is_what_is_in_it,
    what_is_kept_to_be_put_back_counts,
    pieces_of_many_ranges_go_on_behind_the_last_row,
    panics_of_callers_are_theirs,
    fields_that_queries_could_not_name_are_refused,
    tables_of_the_machine_are_nobody_elses,
    cursors_are_of_the_table_that_they_were_made_of,
    cursors_see_what_is_behind_them_until_they_have_told_the_end,
    cursors_see_what_is_written_in_front_of_a_row_that_was_refused,
}

fn limited(engine: &crate::Engine, limit: impl FnOnce(&mut Limits)) -> Database {
    let mut options = Options::default();
    limit(&mut options.limits);
    engine.database(options)
}

fn is_limit(error: &Error) -> bool {
    matches!(error, Error::Limit { .. })
}

/// Keys of the rows that a query finds; all of them have that field.
fn found(session: &mut Session, query: &str) -> Result<Vec<Vec<u8>>> {
    let mut rows = session.query(query, &[])?;
    let mut keys = Vec::new();
    while let Some((key, value)) = rows.next(session)? {
        assert!(value.starts_with(b"b"), "{query}: {value:?}");
        keys.push(key.to_vec());
    }
    Ok(keys)
}

fn a_write_that_is_refused_leaves_indices_alone(engine: &crate::Engine) {
    type Refused = fn(&mut Session, TableId, &[u8]) -> Result<bool>;
    let refused: [Refused; 3] = [
        |session, table, value| session.put(table, b"1", value),
        |session, table, value| session.put(table, b"2", value),
        |session, table, value| {
            let old = session.get(table, b"1")?;
            session.compare_and_swap(table, b"1", old.as_deref(), Some(value))
        },
    ];
    for refused in refused {
        let database = limited(engine, |limits| limits.transaction_bytes = 60);
        let mut session = database.session();
        let table = session.create_table("t").unwrap();
        session.create_index(table, "i", "bytes 0..1").unwrap();
        session.begin().unwrap();
        session.put(table, b"1", &[b'a'; 40]).unwrap();
        let error = refused(&mut session, table, &[b'b'; 12]).unwrap_err();
        assert!(is_limit(&error), "{error}");
        session.commit().unwrap();
        assert_eq!(session.check_indices(table).unwrap(), Vec::<String>::new());
        assert!(found(&mut session, "t where i = 'b'").unwrap().is_empty());
    }
}

/// An engine where others do something whenever something was scanned for reading.
#[derive(Debug)]
struct Crowded {
    engine: Arc<Embedded>,
    others: Arc<Mutex<Others>>,
}

struct Others(Option<Box<dyn FnMut() + Send>>);

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("others")
    }
}

impl Engine for Crowded {
    fn begin(&self, access: Access, wait: &Wait) -> Result<Box<dyn Transaction>> {
        Ok(Box::new(CrowdedTransaction {
            transaction: self.engine.begin(access, wait)?,
            others: (access == Access::Read).then(|| self.others.clone()),
        }))
    }

    fn version(&self) -> Option<u64> {
        self.engine.version()
    }

    fn stored_bytes(&self) -> Result<u64> {
        self.engine.stored_bytes()
    }

    fn name(&self) -> &str {
        "crowded"
    }
}

struct CrowdedTransaction {
    transaction: Box<dyn Transaction>,
    others: Option<Arc<Mutex<Others>>>,
}

impl Transaction for CrowdedTransaction {
    fn get(&mut self, space: Space, key: &[u8], found: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.transaction.get(space, key, found)
    }

    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<Option<usize>> {
        self.transaction.put(space, key, value)
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<Option<usize>> {
        self.transaction.delete(space, key)
    }

    fn scan(
        &mut self,
        space: Space,
        range: &Interval,
        direction: Direction,
        budget: Budget,
        rows: &mut Rows,
    ) -> Result<bool> {
        let more = self
            .transaction
            .scan(space, range, direction, budget, rows)?;
        if let Some(others) = &self.others
            && let Some(others) = &mut others.lock().unwrap().0
        {
            others();
        }
        Ok(more)
    }

    fn count(&mut self, space: Space, range: &Interval, at_most: u64) -> Result<u64> {
        self.transaction.count(space, range, at_most)
    }

    fn remove_space(&mut self, space: Space) -> Result {
        self.transaction.remove_space(space)
    }

    fn push_savepoint(&mut self) -> Result {
        self.transaction.push_savepoint()
    }

    fn rollback_to_savepoint(&mut self) -> Result {
        self.transaction.rollback_to_savepoint()
    }

    fn release_savepoint(&mut self) -> Result {
        self.transaction.release_savepoint()
    }

    fn commit(self: Box<Self>) -> Result {
        self.transaction.commit()
    }
}

#[test]
fn entries_and_rows_are_of_one_state() {
    let engine = Arc::new(Embedded::in_memory(16 << 20).unwrap());
    let others = Arc::new(Mutex::new(Others(None)));
    let crowded = Crowded {
        engine: engine.clone(),
        others: others.clone(),
    };
    let database = Database::on(Arc::new(crowded), Options::default()).unwrap();
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.create_index(table, "i", "bytes 0..1").unwrap();
    for key in 0..100u8 {
        session.put(table, &[key], b"b").unwrap();
    }
    // Whenever something is read, they change all rows, or remove them and put them back.
    let mut other = Database::on(engine, Options::default()).unwrap().session();
    let other_table = other.table("t").unwrap();
    let mut turn = 0;
    others.lock().unwrap().0 = Some(Box::new(move || {
        turn += 1;
        other.begin().unwrap();
        for key in 0..100u8 {
            match turn % 3 {
                0 => drop(other.put(other_table, &[key], b"b").unwrap()),
                1 => drop(other.put(other_table, &[key], b"a").unwrap()),
                _ => drop(other.delete(other_table, &[key]).unwrap()),
            }
        }
        other.commit().unwrap();
    }));
    for query in [
        "t where i = 'b'",
        "t where i = 'b' order by key desc",
        "t where i >= 'b' and key > x'03'",
    ] {
        for _ in 0..6 {
            found(&mut session, query).unwrap();
        }
    }
    for _ in 0..6 {
        assert_eq!(session.check_indices(table).unwrap(), Vec::<String>::new());
        let info = session.table_info(table).unwrap();
        assert_eq!(info.rows, info.indices[0].entries);
    }
}

fn the_size_of_a_database_is_what_is_in_it(engine: &crate::Engine) {
    let database = limited(engine, |limits| limits.database_bytes = 10_000);
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.create_index(table, "i", "bytes 0..1").unwrap();
    let fill = |session: &mut Session, table: TableId| {
        for key in 0..1000u16 {
            if let Err(error) = session.put(table, &key.to_be_bytes(), &[0; 50]) {
                assert!(is_limit(&error), "{error}");
                return u64::from(key);
            }
        }
        panic!("there is no limit");
    };
    // A row has 2 + 50 bytes, its entry 5 (with a zero that is two) + 2, and both 8 more.
    let rows = 10_000 / (2 + 50 + 8 + 5 + 2 + 8);
    for _ in 0..3 {
        assert_eq!(fill(&mut session, table), rows);
        // What does not grow may go on.
        assert!(session.put(table, &0u16.to_be_bytes(), &[0; 50]).unwrap());
        assert_eq!(session.delete_range(table, &Interval::all()).unwrap(), rows);
        assert_eq!(session.check_indices(table).unwrap(), Vec::<String>::new());
    }
    // Removed tables and indices make room, what was rolled back takes none.
    for _ in 0..3 {
        assert_eq!(fill(&mut session, table), rows);
        session.drop_index(table, "i").unwrap();
        assert!(fill(&mut session, table) > rows);
        assert!(session.drop_table("t").unwrap());
        session.create_table("t").unwrap();
        session.begin().unwrap();
        fill(&mut session, table);
        session.rollback().unwrap();
        session.begin().unwrap();
        session.begin().unwrap();
        fill(&mut session, table);
        session.rollback().unwrap();
        session.create_index(table, "i", "bytes 0..1").unwrap();
        session.commit().unwrap();
    }
    // A plain table, where old values are not read otherwise.
    let plain = session.create_table("plain").unwrap();
    let rows = fill(&mut session, plain);
    assert_eq!(rows, 10_000 / (2 + 50 + 8));
    assert!(session.put(plain, &0u16.to_be_bytes(), &[1; 50]).unwrap());
    assert!(is_limit(
        &session
            .put(plain, &0u16.to_be_bytes(), &[1; 150])
            .unwrap_err()
    ));
    assert_eq!(session.check_indices(plain).unwrap(), Vec::<String>::new());
}

fn what_is_kept_to_be_put_back_counts(engine: &crate::Engine) {
    let database = limited(engine, |limits| limits.transaction_bytes = 100_000);
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    for key in 0..200u16 {
        session.put(table, &key.to_be_bytes(), &[0; 1000]).unwrap();
    }
    session.begin().unwrap();
    // One value of 1,000 bytes more may be kept than the limit says.
    let error = session.delete_range(table, &Interval::all()).unwrap_err();
    assert!(is_limit(&error), "{error}");
    assert_eq!(session.count(table, &Interval::all()).unwrap(), 200);
    let changes: Vec<_> = (0..200u16).map(u16::to_be_bytes).collect();
    let changes: Vec<_> = changes
        .iter()
        .map(|key| Change::Put { key, value: b"" })
        .collect();
    let error = session.apply(table, &changes).unwrap_err();
    assert!(is_limit(&error), "{error}");
    // In parts it works: a part that is over is not kept any more.
    for part in 0..4u16 {
        let (low, high) = ((part * 50).to_be_bytes(), (part * 50 + 50).to_be_bytes());
        let range = Interval::new(&low, Some(&high));
        assert_eq!(session.delete_range(table, &range).unwrap(), 50);
    }
    session.rollback().unwrap();
    // Outside of transactions nothing has to be kept.
    assert_eq!(session.delete_range(table, &Interval::all()).unwrap(), 200);
}

#[test]
fn many_constants_are_found_in_time() {
    let database = Database::in_memory(Options::default()).unwrap();
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.create_index(table, "i", "bytes 0..2").unwrap();
    session.begin().unwrap();
    for key in 0..3000u16 {
        session
            .put(table, &key.to_be_bytes(), &(2 * key).to_be_bytes())
            .unwrap();
    }
    session.commit().unwrap();
    let parameters: Vec<_> = (0..2500u16)
        .map(|key| Value::Bytes((2 * key).to_be_bytes().to_vec()))
        .collect();
    let names: Vec<_> = (1..=parameters.len()).map(|n| format!("${n}")).collect();
    let list = names.join(",");
    let mut count = |query: &str| {
        let mut rows = session.query(query, &parameters).unwrap();
        let mut count = 0;
        while rows.next(&mut session).unwrap().is_some() {
            count += 1;
        }
        count
    };
    let started = Instant::now();
    assert_eq!(count(&format!("t where i in ({list})")), 2500);
    assert_eq!(count(&format!("t where not i in ({list})")), 500);
    assert_eq!(
        count(&format!("t where key in ({list}) and i exists")),
        1500
    );
    // Each took seconds when it was quadratic.
    let seconds = started.elapsed().as_secs_f64();
    assert!(seconds < 4.0, "{seconds} seconds");
}

fn pieces_of_many_ranges_go_on_behind_the_last_row(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.create_index(table, "i", "bytes 0..1").unwrap();
    for key in 0..200u8 {
        session.put(table, &[key], &[key % 10]).unwrap();
    }
    for direction in ["", " desc"] {
        let query = format!("t where i in (x'01', x'02', x'05', x'09') order by i{direction}");
        let mut rows = session.query(&query, &[]).unwrap();
        let mut last = None;
        let mut count = 0;
        while let Some((key, value)) = rows.next(&mut session).unwrap() {
            let place = (value[0], key[0]);
            if let Some(last) = last {
                let is_behind = if direction.is_empty() {
                    place > last
                } else {
                    place < last
                };
                assert!(is_behind, "{place:?} after {last:?}");
            }
            last = Some(place);
            count += 1;
            // Whatever is written, what is left of the piece is read again.
            session.put(table, b"other", b"").unwrap();
        }
        assert_eq!(count, 80);
    }
}

fn panics_of_callers_are_theirs(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.put(table, b"k", b"v").unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        session.get_with(table, b"k", |_| {
            assert!(!dotvm_dotdb::is_guarded());
            panic!("the caller's");
        })
    }));
    let panic = outcome.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the caller's"));
    assert_eq!(
        session.get(table, b"k").unwrap().as_deref(),
        Some(&b"v"[..])
    );
    // What others commit is still seen.
    let mut other = database.session();
    let other_table = other.table("t").unwrap();
    other.put(other_table, b"k", b"w").unwrap();
    assert_eq!(
        session.get(table, b"k").unwrap().as_deref(),
        Some(&b"w"[..])
    );
}

fn fields_that_queries_could_not_name_are_refused(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    for name in ["not", "NOT", "key"] {
        let error = session.create_index(table, name, "bytes 0..1").unwrap_err();
        assert!(matches!(error, Error::Extractor(_)), "{error}");
    }
    session.put(table, b"k", b"b").unwrap();
    for name in [
        "and", "order", "in", "true", "where", "limit", "desc", "exists", "nothing",
    ] {
        session.create_index(table, name, "bytes 0..1").unwrap();
        let query = format!("t where {name} = 'b' order by {name}");
        assert_eq!(found(&mut session, &query).unwrap().len(), 1, "{name}");
        session.drop_index(table, name).unwrap();
    }
}

fn tables_of_the_machine_are_nobody_elses(engine: &crate::Engine) {
    let mut options = Options::default();
    options.limits.key_bytes = 2;
    options.limits.value_bytes = 2;
    options.limits.tables = 1;
    let mut session = engine.database(options).session();
    assert!(matches!(
        session.machine_table(".m"),
        Err(Error::UnknownTable(_))
    ));
    let table = session.create_machine_table(".m").unwrap();
    assert_eq!(session.create_machine_table(".m").unwrap(), table);
    assert!(session.is_machine_table(table));
    // Limits on tables and rows are not for it, but those of the storage itself are.
    session.put(table, b"a long key", b"a long value").unwrap();
    let long = session.put(table, &[0; 1025], b"");
    assert!(matches!(long, Err(Error::Limit { .. })), "{long:?}");
    let own = session.create_table("own").unwrap();
    assert!(!session.is_machine_table(own));
    assert!(session.put(own, b"key", b"").is_err());
    assert!(session.create_table("second").is_err());
    for name in ["m", "", ".", "..", ".a b", &format!(".{}", "a".repeat(64))] {
        assert!(
            matches!(session.machine_table(name), Err(Error::Name(_))),
            "{name}"
        );
    }
    // Whatever a program names, it is another one.
    assert!(matches!(session.table(".m"), Err(Error::Name(_))));
    assert!(matches!(session.create_table(".m"), Err(Error::Name(_))));
    assert!(matches!(session.drop_table(".m"), Err(Error::Name(_))));
    assert!(session.query(".m", &[]).is_err());
    assert_eq!(session.table_names().unwrap(), [".m", "own"]);
}

fn cursors_are_of_the_table_that_they_were_made_of(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    for key in 0..100u8 {
        let value = if key < 10 { b"bb" } else { b"cc" };
        session.put(table, &[key], value).unwrap();
    }
    // Spaces of what is rolled back are given again.
    session.begin().unwrap();
    session.create_index(table, "i", "bytes 0..1").unwrap();
    let mut by_index = session.query("t where i = 'b'", &[]).unwrap();
    let rolled_back = session.create_table("x").unwrap();
    for key in 0..100u8 {
        session.put(rolled_back, &[key], b"x").unwrap();
    }
    let mut rows = session
        .scan(rolled_back, Interval::all(), Direction::Forward)
        .unwrap();
    assert!(by_index.next(&mut session).unwrap().is_some());
    assert!(rows.next(&mut session).unwrap().is_some());
    session.rollback().unwrap();
    for name in ["y", "z"] {
        let other = session.create_table(name).unwrap();
        session.put(other, b"other", b"").unwrap();
    }
    let unknown = by_index.next(&mut session).unwrap_err();
    assert!(matches!(unknown, Error::UnknownIndex { .. }), "{unknown}");
    let unknown = rows.next(&mut session).unwrap_err();
    assert!(matches!(unknown, Error::UnknownTable(_)), "{unknown}");
    // Whether it was begun, and whether there is another one of its name: a table that was removed is none.
    for begins in [false, true] {
        for comes_again in [false, true] {
            let table = session.create_table("t").unwrap();
            session.put(table, b"1", b"1").unwrap();
            session.put(table, b"2", b"2").unwrap();
            let mut rows = session
                .scan(table, Interval::all(), Direction::Forward)
                .unwrap();
            if begins {
                session.begin().unwrap();
            }
            assert!(rows.next(&mut session).unwrap().is_some());
            session.drop_table("t").unwrap();
            if comes_again {
                let table = session.create_table("t").unwrap();
                session.put(table, b"3", b"3").unwrap();
            }
            let unknown = rows.next(&mut session).unwrap_err();
            assert!(matches!(unknown, Error::UnknownTable(_)), "{unknown}");
            if begins {
                session.commit().unwrap();
            }
        }
    }
}

fn cursors_see_what_is_behind_them_until_they_have_told_the_end(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    for (count, begins) in [0, 1, 15, 16, 17, 66, 3000]
        .into_iter()
        .flat_map(|count| [(count, false), (count, true)])
    {
        session.drop_table("t").unwrap();
        let table = session.create_table("t").unwrap();
        session.begin().unwrap();
        for key in 0..count as u16 {
            session.put(table, &key.to_be_bytes(), b"").unwrap();
        }
        if !begins {
            session.commit().unwrap();
        }
        let scan = |session: &mut Session| {
            session
                .scan(table, Interval::all(), Direction::Forward)
                .unwrap()
        };
        let (mut many, mut single) = (scan(&mut session), scan(&mut session));
        // So many at once, and how many that were.
        let some = |session: &mut Session, cursor: &mut dotvm_dotdb::Cursor| {
            let mut seen = 0;
            let each = cursor.each(session, |_, _| {
                seen += 1;
                true
            });
            each.unwrap();
            seen
        };
        if count > 0 {
            assert_eq!(some(&mut session, &mut many), count);
        }
        for _ in 0..count {
            assert!(single.next(&mut session).unwrap().is_some());
        }
        // The end was not told yet.
        for more in 0..3 {
            session.put(table, &[255, 255, more], b"").unwrap();
            assert_eq!(some(&mut session, &mut many), 1, "{count} rows, {more}");
            assert!(single.next(&mut session).unwrap().is_some());
        }
        assert_eq!(some(&mut session, &mut many), 0);
        assert!(single.next(&mut session).unwrap().is_none());
        // Now it was.
        session.put(table, &[255, 255, 255], b"").unwrap();
        assert_eq!(some(&mut session, &mut many), 0);
        assert!(single.next(&mut session).unwrap().is_none());
        if begins {
            session.rollback().unwrap();
        }
    }
}

fn cursors_see_what_is_written_in_front_of_a_row_that_was_refused(engine: &crate::Engine) {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        for count in [1, 16, 66, 5000u16] {
            session.drop_table("t").unwrap();
            session.create_table("t").unwrap();
            session.begin().unwrap();
            for key in 0..count {
                let at = 2 * key + 10;
                session.put(table, &at.to_be_bytes(), b"").unwrap();
            }
            session.commit().unwrap();
            let place = |at: u16| match direction {
                Direction::Forward => at,
                Direction::Backward => 2 * count + 18 - at,
            };
            let mut rows = session.scan(table, Interval::all(), direction).unwrap();
            let last = place(2 * count + 8).to_be_bytes();
            let refused = |key: &[u8], _: &[u8]| key != last;
            for _ in 0..2 {
                rows.each(&mut session, refused).unwrap();
            }
            // Between the last one that was taken and the one that was refused, which comes once more.
            let between = place(2 * count + 7).to_be_bytes();
            session.put(table, &between, b"").unwrap();
            for key in [between, last] {
                let (found, _) = rows.next(&mut session).unwrap().expect("a row");
                assert_eq!(found, key, "{count} {direction:?}");
            }
            assert!(rows.next(&mut session).unwrap().is_none());
        }
    }
}
