//! A bank of 100 accounts, which crash tests kill: balances are in a database, with indices, and in memory.
//!
//! As a command it transfers for ever, one transaction each (`transfer SEED`), or checks what there is (`check`). Functions
//! are for a state that is kept: `found`, `transfer`, `check`.

use std::io::Write;
use std::sync::Mutex;

use dotvm_sdk::db::{self, Query, Table};
use dotvm_sdk::record;

const ACCOUNTS: u32 = 100;
const EACH: u64 = 1_000;

record! {
    #[derive(Clone, PartialEq, Debug)]
    struct Account {
        branch: u32,
        balance: u64,
    }
}

/// What memory knows: balances, and how many transfers there were.
static KNOWN: Mutex<(Vec<u64>, u64)> = Mutex::new((Vec::new(), 0));

struct Bank {
    accounts: Table<u32, Account>,
    /// From, to and amount by number.
    history: Table<u64, (u32, u32, u64)>,
}

impl Bank {
    fn open() -> Bank {
        let bank = Bank {
            accounts: Table::open("accounts"),
            history: Table::open("history"),
        };
        bank.accounts.index("branch", "cbor branch");
        bank.accounts.index("balance", "cbor balance");
        bank
    }

    fn found(&self) {
        let account = |number: u32| Account {
            branch: number % 7,
            balance: EACH,
        };
        let all: Vec<(u32, Account)> = (0..ACCOUNTS).map(|number| (number, account(number))).collect();
        self.accounts.insert_all(all.iter().map(|(number, account)| (number, account)));
    }

    /// A transfer; returns what it was.
    fn transfer(&self, random: &mut Random) -> (u32, u32, u64) {
        let done: Result<_, ()> = db::transaction(|| {
            let from = random.below(ACCOUNTS.into()) as u32;
            let to = (from + 1 + random.below(u64::from(ACCOUNTS) - 1) as u32) % ACCOUNTS;
            let mut sender = self.accounts.get(&from).expect("an account");
            let amount = random.below(sender.balance + 1);
            sender.balance -= amount;
            self.accounts.insert(&from, &sender);
            let mut receiver = self.accounts.get(&to).expect("an account");
            receiver.balance += amount;
            receiver.branch = random.below(7) as u32;
            self.accounts.insert(&to, &receiver);
            let transfer = (from, to, amount);
            assert!(!self.history.insert(&(self.history.len() as u64), &transfer));
            Ok(transfer)
        });
        done.expect("nothing is refused")
    }

    /// Checks everything that must hold; returns balances and the number of transfers.
    fn check(&self) -> (Vec<u64>, u64) {
        let all: Vec<(u32, Account)> = self.accounts.iter().collect();
        assert_eq!(all.len(), ACCOUNTS as usize);
        assert_eq!(all.iter().map(|(_, account)| account.balance).sum::<u64>(), EACH * u64::from(ACCOUNTS));
        let mut balances = vec![EACH; ACCOUNTS as usize];
        let mut transfers = 0;
        for (number, (from, to, amount)) in self.history.iter() {
            assert_eq!(number, transfers);
            balances[from as usize] -= amount;
            balances[to as usize] += amount;
            transfers += 1;
        }
        // Each index has what a scan finds.
        let mut by_balance: Vec<_> = self.accounts.query(&Query::new().order_by("balance")).collect();
        assert!(by_balance.windows(2).all(|pair| pair[0].1.balance <= pair[1].1.balance));
        by_balance.sort_by_key(|row| row.0);
        assert_eq!(by_balance, all);
        for branch in 0..7u32 {
            let mut found: Vec<_> = self.accounts.query(&Query::new().equal("branch", branch)).collect();
            found.sort_by_key(|row| row.0);
            let expected: Vec<_> = all.iter().filter(|row| row.1.branch == branch).cloned().collect();
            assert_eq!(found, expected);
        }
        assert_eq!(all.iter().map(|row| row.1.balance).collect::<Vec<_>>(), balances);
        (balances, transfers)
    }
}

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

/// Founds the bank, for a state.
#[no_mangle]
pub extern "C" fn found() {
    let bank = Bank::open();
    bank.found();
    *KNOWN.lock().expect("nobody panics") = bank.check();
}

/// Makes so many transfers; returns how many there have been in all.
#[no_mangle]
pub extern "C" fn transfer(seed: u64, count: u32) -> u64 {
    let bank = Bank::open();
    let mut random = Random(seed | 1);
    let mut known = KNOWN.lock().expect("nobody panics");
    for _ in 0..count {
        let (from, to, amount) = bank.transfer(&mut random);
        known.0[from as usize] -= amount;
        known.0[to as usize] += amount;
        known.1 += 1;
    }
    known.1
}

/// Checks that database and memory know the same; returns how many transfers there have been.
#[no_mangle]
pub extern "C" fn check() -> u64 {
    let known = KNOWN.lock().expect("nobody panics");
    assert_eq!(*known, Bank::open().check());
    known.1
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let bank = Bank::open();
    match args.get(1).map(String::as_str) {
        Some("found") => bank.found(),
        Some("transfer") => {
            let mut random = Random(args[2].parse::<u64>().expect("a number") | 1);
            let mut done = bank.history.len();
            loop {
                bank.transfer(&mut random);
                done += 1;
                println!("did {}", done);
                std::io::stdout().flush().expect("somebody reads");
            }
        }
        _ => println!("{}", bank.check().1),
    }
}
