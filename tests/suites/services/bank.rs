//! The bank: a program that is killed, and its database.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::Duration;

use dotvm_tests::command::run;
use dotvm_tests::guest::compile;
use dotvm_tests::root;
use tempfile::TempDir;

/// A folder with the bank (`tests/programs/bank.rs`), and where its database is.
pub(crate) struct Bank {
    folder: TempDir,
    db: String,
    random: u64,
}

impl Bank {
    /// One whose database is that file in the folder, or at that URL.
    pub(crate) fn new(db: &str) -> Bank {
        let bank = Bank {
            folder: tempfile::tempdir().expect("a folder"),
            db: db.to_owned(),
            random: 88172645463325252,
        };
        // What takes longest is done once in a process.
        static WASM: LazyLock<Vec<u8>> = LazyLock::new(|| {
            compile(&root().join("tests/programs/bank.rs"), None).expect("compiled")
        });
        fs::write(bank.path("bank.wasm"), &*WASM).expect("written");
        bank.expect(bank.dotvm(&["transpile", "-i", "bank.wasm", "-o", "bank.dotvm"]));
        bank
    }

    /// The file or the URL of its database.
    pub(crate) fn db(&self) -> &str {
        &self.db
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    pub(crate) fn dotvm(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dotvm-under-test"));
        command.args(args).current_dir(self.folder.path());
        command
    }

    /// Runs the program with its database.
    pub(crate) fn program(&self, options: &[&str], args: &[&str]) -> Command {
        let fixed = ["run", "--jit=off", "--db", &self.db];
        self.dotvm(&[&fixed, options, &["bank.dotvm"], args].concat())
    }

    /// Calls a function of the state.
    pub(crate) fn invoke(&self, function: &str, args: &[&str]) -> Command {
        let options = [
            "--state",
            "bank",
            "--state-versions",
            "3",
            "--invoke",
            function,
        ];
        self.program(&options, args)
    }

    /// What a command prints that succeeds.
    #[track_caller]
    pub(crate) fn expect(&self, mut command: Command) -> String {
        let outcome = run(&mut command, b"");
        assert_eq!(outcome.code(), 0, "{command:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// The number that a command prints.
    #[track_caller]
    pub(crate) fn number(&self, command: Command) -> u64 {
        let text = self.expect(command);
        text.trim().parse().unwrap_or_else(|_| panic!("{text:?}"))
    }

    /// Kills a process after some time; returns the lines that it has printed, those that were read before in front.
    pub(crate) fn kill(&mut self, mut child: Child, first: bool, within: Duration) -> Vec<String> {
        let output = BufReader::new(child.stdout.take().expect("standard output"));
        let mut lines = output.lines().map_while(Result::ok);
        let mut printed = Vec::new();
        if first {
            printed.extend(lines.next());
        }
        std::thread::sleep(Duration::from_micros(self.below(within.as_micros() as u64)));
        child.kill().expect("killed");
        child.wait().expect("waited for");
        printed.extend(lines);
        printed
    }
}
