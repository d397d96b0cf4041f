//! Which ways queries take through tables with more entries than planning counts.

use dotvm_dotdb::{Options, Session};

cases! { queries_take_the_way_with_the_fewest_entries }

/// 4,000 rows: every other one has an `odd` of 1, all have their number as `number`.
fn session(engine: &crate::Engine) -> Session {
    let database = engine.database(Options::default());
    let mut session = database.session();
    let rows = session.create_table("rows").unwrap();
    session.begin().unwrap();
    for row in 0..4000u32 {
        let value = format!("{{\"odd\": {}, \"number\": {row}}}", row % 2);
        session
            .put(rows, &row.to_be_bytes(), value.as_bytes())
            .unwrap();
    }
    session.create_index(rows, "odd", "json odd").unwrap();
    session.create_index(rows, "number", "json number").unwrap();
    session.commit().unwrap();
    session
}

/// Checks how a query is answered: the first line of the plan, how many rows there are, and how many entries
/// are read at most.
#[track_caller]
fn check(session: &mut Session, query: &str, plan: &str, rows: usize, examined: u64) {
    let explained = session.explain(query, &[]).unwrap();
    assert_eq!(explained.lines().next(), Some(plan), "{explained}");
    let mut cursor = session.query(query, &[]).unwrap();
    let mut found = 0;
    while cursor.next(session).unwrap().is_some() {
        found += 1;
    }
    assert_eq!(found, rows);
    assert!(
        cursor.examined() <= examined,
        "{} entries were read",
        cursor.examined()
    );
}

fn queries_take_the_way_with_the_fewest_entries(engine: &crate::Engine) {
    let session = &mut session(engine);
    a_range_with_ends_is_read_rather_than_everything(session);
    of_two_indices_the_one_with_fewer_entries_is_read(session);
    a_limit_ends_reading_where_rows_come_in_order(session);
    without_a_way_through_an_index_everything_is_read(session);
}

fn a_range_with_ends_is_read_rather_than_everything(session: &mut Session) {
    let plan = "table rows: index odd, 1 range, 1000 entries or more";
    check(session, "rows where odd = 1", plan, 2000, 2000);
}

fn of_two_indices_the_one_with_fewer_entries_is_read(session: &mut Session) {
    let plan = "table rows: index number, 1 range, 10 entries";
    check(session, "rows where odd = 1 and number < 10", plan, 5, 10);
}

fn a_limit_ends_reading_where_rows_come_in_order(session: &mut Session) {
    let plan = "table rows: index number, all, 1000 entries or more";
    check(session, "rows order by number desc limit 3", plan, 3, 3);
    let plan = "table rows: keys, all, 1000 entries or more";
    check(session, "rows limit 3", plan, 3, 3);
}

fn without_a_way_through_an_index_everything_is_read(session: &mut Session) {
    let plan = "table rows: keys, all, 1000 entries or more";
    check(
        session,
        "rows where number < 10 or not odd exists",
        plan,
        10,
        4000,
    );
}
