//! What is only true of servers: others write at the same time, passwords are wrong, and connections end.

#[allow(dead_code, reason = "not every test of servers needs all of it")]
mod ledger;
mod server;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use dotvm_dotdb::{Database, Error, Interval, Options, Place, Result};
use ledger::Random;
use server::Server;

fn impatient() -> Options {
    let mut options = Options::default();
    options.patience = Duration::from_millis(300);
    options.connect = Duration::from_secs(2);
    options
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("8 bytes"))
}

/// Eight users of one database, each with an engine of its own as a process would have: single operations,
/// transactions, and indices that are declared and dropped meanwhile.
fn everything_happens_once(place: &Place) {
    const USERS: u64 = 8;
    const TIMES: u64 = 15;
    let mut options = Options::default();
    options.patience = Duration::from_secs(60);
    let open = || place.open(options).unwrap();
    let database = open();
    ledger::found(&database).unwrap();
    let mut session = database.session();
    let table = session.create_table("counters").unwrap();
    for key in [b"swaps", b"added"] {
        session.put(table, key, &0u64.to_be_bytes()).unwrap();
    }
    let swaps = AtomicU64::new(0);
    thread::scope(|scope| {
        for user in 0..USERS {
            let swaps = &swaps;
            scope.spawn(move || {
                let mut session = open().session();
                let table = session.table("counters").unwrap();
                let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (user + 1));
                for time in 0..TIMES {
                    // A single operation on a row of everybody's, which the machine repeats by itself.
                    let old = session.get(table, b"swaps").unwrap().unwrap();
                    let new = (number(&old) + 1).to_be_bytes();
                    let swapped = session.compare_and_swap(table, b"swaps", Some(&old), Some(&new));
                    swaps.fetch_add(u64::from(swapped.unwrap()), Ordering::Relaxed);
                    // One that only adds a row of its own.
                    let key = [b'n', user as u8, time as u8];
                    assert!(!session.put(table, &key, b"1").unwrap());
                    // A transaction, which nobody could repeat.
                    session.begin().unwrap();
                    let added = session.get(table, b"added").unwrap().unwrap();
                    let more = (number(&added) + user).to_be_bytes();
                    session.put(table, b"added", &more).unwrap();
                    session.commit().unwrap();
                    ledger::transfer(&mut session, &mut random).unwrap();
                }
            });
        }
    });
    assert_eq!(ledger::check(&database).unwrap(), USERS * TIMES);
    let swapped = session.get(table, b"swaps").unwrap().unwrap();
    assert_eq!(number(&swapped), swaps.into_inner());
    let added = session.get(table, b"added").unwrap().unwrap();
    assert_eq!(number(&added), (0..USERS).sum::<u64>() * TIMES);
    let rows = session.count(table, &Interval::prefix(b"n")).unwrap();
    assert_eq!(rows, USERS * TIMES);
    assert_eq!(session.check_indices(table).unwrap(), Vec::<String>::new());
}

/// A single operation that meets a transaction of others is done again. These do not know of DotDB's lock.
fn the_machine_repeats_what_it_can(server: &Server, place: &Place) {
    let database = place.open(Options::default()).unwrap();
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.put(table, b"k", b"1").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            server.sql(
                "BEGIN; UPDATE s6.dotdb_rows SET value = '22' WHERE key = 'k'; \
                 SELECT pg_sleep(1); COMMIT",
            );
        });
        let started = Instant::now();
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while server.sql(sleeping) == "0" {
            assert!(started.elapsed() < Duration::from_secs(20));
        }
        // Its snapshot is older than the row: PostgreSQL refuses it with 40001 when the others have committed.
        assert!(session.put(table, b"k", b"333").unwrap());
    });
    assert_eq!(session.get(table, b"k").unwrap().unwrap(), b"333");
}

/// Others who do not know of DotDB's lock change a row that a transaction has read and writes.
fn conflicts_are_errors_where_the_machine_cannot_repeat(server: &Server, place: &Place) {
    let database = place.open(impatient()).unwrap();
    let mut session = database.session();
    let table = session.create_table("t").unwrap();
    session.put(table, b"k", b"1").unwrap();
    session.begin().unwrap();
    session.put(table, b"other", b"1").unwrap();
    server.sql("UPDATE s1.dotdb_rows SET value = '2' WHERE key = 'k'");
    let refused = session.put(table, b"k", b"3");
    assert!(matches!(refused, Err(Error::Conflict)), "{refused:?}");
    assert!(matches!(session.commit(), Err(Error::Aborted)));
    session.rollback().unwrap();
    assert_eq!(session.get(table, b"k").unwrap().unwrap(), b"2");
    assert_eq!(session.get(table, b"other").unwrap(), None);
}

/// Waiting ends: for others who write, for a server that does not answer, and when somebody wants it to.
fn nothing_waits_for_ever(server: &Server, place: &Place) {
    let database = place.open(impatient()).unwrap();
    let mut first = database.session();
    let table = first.create_table("t").unwrap();
    first.begin().unwrap();
    first.put(table, b"k", b"1").unwrap();
    let mut second = database.session();
    let table = second.table("t").unwrap();
    let started = Instant::now();
    assert!(matches!(second.put(table, b"k", b"2"), Err(Error::Busy)));
    assert!(started.elapsed() < Duration::from_secs(5));
    // The lock is given back, whatever ends the transaction.
    drop(first);
    second.put(table, b"k", b"3").unwrap();
    second.begin().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&is_over);
    second.set_watch(move || watched.load(Ordering::Relaxed));
    second.rollback().unwrap();
    second.begin().unwrap();
    second.put(table, b"k", b"4").unwrap();
    server.signal("STOP");
    let started = Instant::now();
    let stopping = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        is_over.store(true, Ordering::Relaxed);
    });
    let outcome = second.put(table, b"k", b"5");
    assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
    let outcome = second.commit();
    assert!(outcome.is_err(), "what was given up is written");
    drop(second);
    let outcome = place.open(impatient());
    assert!(matches!(outcome, Err(Error::Unreachable(_))), "{outcome:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
    stopping.join().unwrap();
    server.signal("CONT");
    let mut session = place.open(Options::default()).unwrap().session();
    let table = session.table("t").unwrap();
    assert_eq!(session.get(table, b"k").unwrap().unwrap(), b"3");
}

/// Nobody gets in without the password, which no message has in it.
fn who_is_not_let_in_is_told_why(server: &Server) {
    let secret = "very-secret";
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let closed = nobody.local_addr().unwrap().port();
    drop(nobody);
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let web = other.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = other.accept() {
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let says_nothing = silent.local_addr().unwrap().port();
    let at = |port| format!("postgres://dot:{secret}@127.0.0.1:{port}/postgres");
    for (url, shown) in [
        (
            server.url_of(secret, ""),
            "password authentication failed for user \"dot\" (28P01)",
        ),
        (
            server.url(9).replace("/postgres?", "/nowhere?"),
            "database \"nowhere\" does not exist (3D000)",
        ),
        (at(closed), "Connection refused"),
        (at(web), "no connection to the server"),
        (at(says_nothing), "no answer within 2s"),
        (
            at(closed).replace("127.0.0.1", "no-such-host.invalid"),
            "no connection to the server",
        ),
        (
            format!("postgres://dot:{secret}@127.0.0.1:port/postgres"),
            "no URL of a database",
        ),
        (
            format!("postgres://dot@127.0.0.1/postgres?{secret}=1"),
            "no URL of a database",
        ),
    ] {
        let place = Place::new(url);
        let started = Instant::now();
        let error = place.open(impatient()).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10), "{place}");
        let text = format!("{place}: {error}, {error:?}");
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains(secret) && !text.contains("ss/w"), "{text}");
    }
    let database = Place::new(server.url(2)).open(impatient()).unwrap();
    assert!(!format!("{database:?} {:?}", database.session()).contains("ss/w"));
    // Without a database, none is made by those who only look.
    let error = Place::new(server.url(3))
        .open_existing(impatient())
        .unwrap_err();
    assert!(matches!(error, Error::NotADatabase), "{error}");
    assert_eq!(
        server.sql("SELECT to_regclass('s3.dotdb_rows') IS NULL"),
        "t"
    );
    drop(silent);
}

/// Who is to be trusted is asked for a certificate; everything else is encrypted all the same, where that was not
/// refused.
fn connections_are_encrypted(server: &Server) {
    let certificate = server.certificate();
    let trusted = format!("&sslmode=verify-full&sslrootcert={}", certificate.display());
    for (parameters, expected) in [
        ("", Ok("t")),
        ("&sslmode=prefer", Ok("t")),
        ("&sslmode=disable", Ok("f")),
        (&*trusted, Ok("t")),
        ("&sslmode=require", Err("certificate")),
        (
            &*trusted.replace(".crt", ".key"),
            Err("the certificates in"),
        ),
    ] {
        let url = server.url(8) + parameters;
        let opened = Place::new(url).open(impatient());
        match (opened, expected) {
            (Ok(database), Ok(expected)) => {
                let mut session = database.session();
                session.begin().unwrap();
                let encrypted = server.sql(
                    "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE state LIKE 'idle in%'",
                );
                assert_eq!(encrypted, expected, "{parameters}");
                session.rollback().unwrap();
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (opened, _) => panic!("{parameters}: {opened:?}"),
        }
    }
}

/// A server that is killed at random moments: what was committed is there, and nothing of what was not.
fn killed_servers_lose_nothing(mut server: Server) {
    let place = Place::new(server.url(4));
    let mut committed: u64 = 0;
    ledger::found(&place.open(Options::default()).unwrap()).unwrap();
    let mut random = Random(88172645463325252);
    for kill in 0..4 {
        let place = Place::new(server.url(4));
        let (runs, is_running) = channel();
        let running = thread::spawn(move || -> (u64, Error) {
            let mut session = place.open(impatient()).unwrap().session();
            let mut random = Random(7 + kill);
            let mut last = 0;
            loop {
                match ledger::transfer(&mut session, &mut random) {
                    Ok(transfers) => {
                        last = transfers;
                        let _ = runs.send(());
                    }
                    Err(error) => return (last, error),
                }
            }
        });
        is_running.recv().unwrap();
        thread::sleep(Duration::from_micros(random.below(100_000)));
        server.signal("KILL");
        let (acknowledged, error) = running.join().unwrap();
        let is_lost = matches!(error, Error::Unreachable(_) | Error::InDoubt(_));
        assert!(is_lost, "{error}");
        server.restart();
        let database = Place::new(server.url(4)).open(Options::default()).unwrap();
        let transfers = ledger::check(&database).unwrap();
        // One more may have been committed whose answer was lost, and that is what the error says.
        let in_doubt = u64::from(matches!(error, Error::InDoubt(_)));
        let least = acknowledged.max(committed);
        assert!(
            (least..=least + in_doubt).contains(&transfers),
            "{transfers}, {least}, {error}"
        );
        committed = transfers;
    }
    assert!(committed > 0);
    // A session goes on after its server was started again.
    let database: Database = Place::new(server.url(4)).open(Options::default()).unwrap();
    let mut session = database.session();
    let log = session.table("log").unwrap();
    server.signal("KILL");
    let lost: Result<_> = session.get(log, b"transfers");
    assert!(matches!(lost, Err(Error::Unreachable(_))), "{lost:?}");
    server.restart();
    assert_eq!(
        number(&session.get(log, b"transfers").unwrap().unwrap()),
        committed
    );
}

/// One test, since a server takes longer to start than most of this.
#[test]
fn servers() {
    if server::is_left_out() {
        return;
    }
    let server = Server::start();
    let place = |schema| Place::new(server.url(schema));
    everything_happens_once(&place(0));
    the_machine_repeats_what_it_can(&server, &place(6));
    conflicts_are_errors_where_the_machine_cannot_repeat(&server, &place(1));
    who_is_not_let_in_is_told_why(&server);
    connections_are_encrypted(&server);
    nothing_waits_for_ever(&server, &place(5));
    killed_servers_lose_nothing(server);
}
