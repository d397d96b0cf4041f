//! Programs that are killed, or cannot write, lose nothing that was committed, and leave nothing half done: neither in
//! the database nor in the memory that is kept with it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dotvm_tests::command::run;

use crate::bank::Bank;

/// `DOTVM_TEST_KILLS` in the environment says how many processes of each kind are killed.
fn kills() -> u64 {
    std::env::var("DOTVM_TEST_KILLS").map_or(15, |kills| kills.parse().expect("a number"))
}

#[test]
fn killed_programs_leave_what_they_committed() {
    let mut bank = Bank::new("bank.db");
    bank.expect(bank.program(&[], &["found"]));
    let mut all = 0;
    for _ in 0..kills() {
        let seed = bank.below(u64::MAX).to_string();
        let mut command = bank.program(&[], &["transfer", &seed]);
        let child = command.stdout(Stdio::piped()).spawn().expect("started");
        // Some are killed before they have done anything.
        let first = bank.below(10) > 0;
        let lines = bank.kill(child, first, Duration::from_millis(20));
        // The last line may be half of one.
        let numbers = lines
            .iter()
            .filter_map(|line| line.strip_prefix("did ")?.parse().ok());
        let acknowledged: u64 = numbers.max().unwrap_or(0);
        let found = bank.number(bank.program(&[], &["check"]));
        assert!(
            found >= acknowledged.max(all),
            "{found}, {acknowledged}, {all}"
        );
        all = found;
    }
    assert!(all > kills(), "{all} transfers");
    bank.expect(bank.dotvm(&["db", "check", "bank.db"]));
}

#[test]
fn killed_programs_leave_the_state_before() {
    const TRANSFERS: u64 = 5;
    let mut bank = Bank::new("bank.db");
    bank.expect(bank.invoke("found", &[]));
    let count = TRANSFERS.to_string();
    let start = Instant::now();
    let mut all = bank.number(bank.invoke("transfer", &["1", &count]));
    let usual = start.elapsed();
    let mut committed = 0;
    for _ in 0..kills() {
        let seed = bank.below(1 << 60).to_string();
        let mut command = bank.invoke("transfer", &[&seed, &count]);
        let child = command.stdout(Stdio::piped()).spawn().expect("started");
        let lines = bank.kill(child, false, usual * 5 / 4);
        let found = bank.number(bank.invoke("check", &[]));
        // All of a call's transfers or none.
        assert!(found == all || found == all + TRANSFERS, "{found}, {all}");
        if let Some(line) = lines.first() {
            assert_eq!(line.parse::<u64>(), Ok(found), "it was said to be done");
        }
        committed += u64::from(found > all);
        all = found;
    }
    if kills() > 100 {
        assert!(
            committed > 0 && committed < kills(),
            "{committed} were committed"
        );
    }
    bank.expect(bank.dotvm(&["db", "check", "bank.db"]));
}

#[test]
fn programs_that_cannot_write_leave_the_state_before() {
    let mut bank = Bank::new("bank.db");
    bank.expect(bank.invoke("found", &[]));
    let mut all = 0;
    let mut failed = 0;
    for _ in 0..kills() {
        let bytes = fs::metadata(bank.path("bank.db")).expect("a file").len();
        // Where writing ends in the file: what lies behind cannot be written, as on a full disk.
        let blocks = bank.below(bytes / 512 + 64);
        let seed = bank.below(1 << 60).to_string();
        let command = bank.invoke("transfer", &[&seed, "5"]);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("ulimit -f {blocks}; exec \"$@\""), "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(bank.path("."));
        let outcome = run(&mut limited, b"");
        let found = bank.number(bank.invoke("check", &[]));
        match outcome.code() {
            0 => assert_eq!(found, all + 5, "{}", outcome.stderr),
            code => {
                assert!([1, 134].contains(&code), "{code}: {}", outcome.stderr);
                assert_eq!((found, &*outcome.stdout), (all, ""), "{}", outcome.stderr);
                assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
                failed += 1;
            }
        }
        all = found;
    }
    assert!(failed > 0);
    bank.expect(bank.dotvm(&["db", "check", "bank.db"]));
}
