//! Processes that are killed lose nothing that was committed, and leave nothing half done.

mod ledger;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dotvm_dotdb::{Database, Options};
use ledger::Random;

const CHILD: &str = "DOTDB_TEST_LEDGER";

/// Transfers until it is killed; says after each how many there were.
fn child(path: &Path) {
    let database = Database::open(path, Options::default()).unwrap();
    let mut session = database.session();
    let mut random = Random(u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    loop {
        let transfers = ledger::transfer(&mut session, &mut random).unwrap();
        println!("did {transfers}");
        std::io::stdout().flush().unwrap();
    }
}

/// `DOTDB_TEST_KILLS` in the environment says how many processes are killed.
#[test]
fn killed_processes_leave_what_was_committed() {
    if let Some(path) = std::env::var_os(CHILD) {
        child(Path::new(&path));
    }
    let kills = std::env::var("DOTDB_TEST_KILLS").map_or(60, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    ledger::found(&Database::open(&path, Options::default()).unwrap()).unwrap();
    let mut random = Random(88172645463325252);
    let mut all = 0;
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "killed_processes_leave_what_was_committed",
                "--nocapture",
            ])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        // Some are killed before they have done anything.
        let mut first = None;
        if random.below(10) > 0 {
            first = lines.find(|line| line.contains("did "));
        }
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "a process ended by itself: {ended:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = first.into_iter().chain(lines).filter_map(|line| {
            let number = line.rsplit_once("did ")?.1;
            number.parse::<u64>().ok()
        });
        let acknowledged = acknowledged.last().unwrap_or(all);
        let database = Database::open(&path, Options::default()).unwrap();
        let transfers = ledger::check(&database).unwrap();
        assert!(
            transfers >= acknowledged.max(all),
            "{transfers}, {acknowledged}, {all}"
        );
        all = transfers;
    }
    assert!(all > kills, "{all} transfers");
}
