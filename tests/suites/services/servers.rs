//! Programs whose database is on a server: the same as with a file, eight at once, and what they say where a server does
//! not let them in, keeps them waiting, or is killed.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dotvm::isa::Arch;
use dotvm_tests::command::{Outcome, run};
use dotvm_tests::guest::compile;
use dotvm_tests::header::Header;
use dotvm_tests::root;

use crate::bank::Bank;
use crate::server::{self, Server};

/// Programs that run at once.
const PROGRAMS: u64 = 8;

/// Examples print what they print with a database in memory, in every tier.
fn examples_do_the_same(server: &Server) {
    let names = ["ledger", "merkle_store", "sessions"];
    let tiers = ["--jit=off", "--jit=eager", "--jit=tiered"];
    let mut schemas = 10..;
    for name in names {
        let source = root().join(format!("examples/{name}.rs"));
        let expected = fs::read_to_string(source.with_extension("expected")).expect("its output");
        let header = Header::of(&fs::read_to_string(&source).expect("an example"), "//!");
        let folder = tempfile::tempdir().expect("a folder");
        let wasm = compile(&source, Some(Arch::Arch64)).expect("compiled");
        fs::write(folder.path().join("example.wasm"), wasm).expect("written");
        for tier in tiers {
            let url = server.url(schemas.next().expect("a schema"));
            let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
            command.current_dir(folder.path());
            command.args(["run", "-a", "arch64", tier, "--db", &url, "example.wasm"]);
            let outcome = run(command.args(&header.args), b"");
            assert_eq!(outcome.stdout, expected, "{name} {tier}: {outcome:?}");
            assert_eq!(outcome.code(), header.exit, "{name} {tier}: {outcome:?}");
        }
    }
}

/// Eight programs in one database, which are killed: what they said they did was done, and once.
fn programs_at_once(bank: &mut Bank) {
    bank.expect(bank.program(&[], &["found"]));
    let start = || {
        let seed = bank.below(u64::MAX).to_string();
        let mut command = bank.program(&[], &["transfer", &seed]);
        command.stdout(Stdio::piped()).spawn().expect("started")
    };
    let children: Vec<_> = std::iter::repeat_with(start)
        .take(PROGRAMS as usize)
        .collect();
    let mut acknowledged = 0;
    for child in children {
        let lines = bank.kill(child, true, Duration::from_millis(200));
        // The last line may be half of one.
        acknowledged += lines.iter().filter(|line| line.starts_with("did ")).count() as u64;
    }
    let found = bank.number(bank.program(&[], &["check"]));
    assert!(
        (acknowledged..=acknowledged + PROGRAMS).contains(&found),
        "{found} were made, {acknowledged} said to be"
    );
    assert!(acknowledged >= PROGRAMS, "{acknowledged}");
}

/// Eight invocations of one state at once: each goes on from what another has left.
fn invocations_at_once(bank: &Bank) {
    const TRANSFERS: u64 = 5;
    bank.expect(bank.invoke("found", &[]));
    thread::scope(|scope| {
        for seed in 1..=PROGRAMS {
            let (seed, count) = (seed.to_string(), TRANSFERS.to_string());
            scope.spawn(move || bank.number(bank.invoke("transfer", &[&seed, &count])));
        }
    });
    let found = bank.number(bank.invoke("check", &[]));
    assert_eq!(found, PROGRAMS * TRANSFERS);
    bank.expect(bank.dotvm(&["db", "check", bank.db()]));
    let versions = bank.expect(bank.dotvm(&["state", "list", "--db", bank.db()]));
    assert!(versions.contains("bank"), "{versions}");
}

/// What a command prints that fails.
#[track_caller]
fn refused(mut command: Command, code: i32) -> Outcome {
    let outcome = run(&mut command, b"");
    assert_eq!(outcome.code(), code, "{outcome:?}");
    assert!(!outcome.stderr.contains("ss/w"), "{outcome:?}");
    assert!(!outcome.stderr.contains("p%40ss"), "{outcome:?}");
    outcome
}

/// Wrong passwords, and a transaction of somebody else's that does not end.
fn who_has_to_wait_is_told_why(server: &Server, bank: &Bank) {
    let url = server.url_of("p%40ss%2Fwrong", "");
    for (args, code) in [
        // A program opens it when it needs it.
        (
            &["run", "--db", &url, "bank.dotvm", "check"] as &[&str],
            134,
        ),
        (&["db", "stats", &url], 1),
        (&["state", "list", "--db", &url], 1),
    ] {
        let outcome = refused(bank.dotvm(args), code);
        let reason = "password authentication failed for user \"dot\" (28P01)";
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    }
    let before = bank.number(bank.invoke("check", &[]));
    let lock = "BEGIN; LOCK TABLE s1.dotdb_writers IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)";
    thread::scope(|scope| {
        scope.spawn(|| server.sql(lock));
        let started = Instant::now();
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while server.sql(sleeping) == "0" {
            assert!(started.elapsed() < Duration::from_secs(20));
        }
        let mut command = bank.program(
            &[
                "--timeout",
                "500ms",
                "--state",
                "bank",
                "--invoke",
                "transfer",
            ],
            &["1", "5"],
        );
        let started = Instant::now();
        let outcome = run(&mut command, b"");
        assert_ne!(outcome.code(), 0, "{outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(2), "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    });
    assert_eq!(bank.number(bank.invoke("check", &[])), before);
}

/// The server is killed under a running program: that ends with a trap, and what it had said to be done was.
fn killed_servers_end_programs(mut server: Server) {
    let bank = Bank::new(&server.url(2));
    bank.expect(bank.program(&[], &["found"]));
    for seed in ["7", "8"] {
        let before = bank.number(bank.program(&[], &["check"]));
        let mut command = bank.program(&[], &["transfer", seed]);
        let outcome = thread::scope(|scope| {
            let running = scope.spawn(move || run(&mut command, b""));
            let done = "SELECT count(*) FROM s2.dotdb_rows";
            let rows = server.sql(done);
            while server.sql(done) == rows {
                assert!(!running.is_finished(), "{:?}", running.join());
            }
            server.signal("KILL");
            running.join().expect("it ended")
        });
        assert_eq!(outcome.code(), 134, "{outcome:?}");
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
        let port = server.port;
        server.restart();
        assert_eq!(server.port, port, "a database is where it was");
        let said = outcome
            .stdout
            .lines()
            .filter(|line| line.starts_with("did "));
        let acknowledged = before + said.count() as u64;
        let found = bank.number(bank.program(&[], &["check"]));
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{found} were made, {acknowledged} said to be"
        );
    }
}

/// One test, since a server takes longer to start than most of this.
#[test]
fn programs_on_servers() {
    if server::is_left_out() {
        return;
    }
    let server = Server::start();
    examples_do_the_same(&server);
    programs_at_once(&mut Bank::new(&server.url(0)));
    let bank = Bank::new(&server.url(1));
    invocations_at_once(&bank);
    who_has_to_wait_is_told_why(&server, &bank);
    killed_servers_end_programs(server);
}
