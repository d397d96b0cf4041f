//! A ledger of tokens in a database: accounts with balances, an index by holder, transfers that happen as a whole or
//! not at all, and a history. Random transfers keep the total. The size is the number of transfers in hundreds.
//!
//! test-args: 3

use dotvm_sdk::db::{self, Query, Table};
use dotvm_sdk::record;

record! {
    /// Tokens of somebody.
    #[derive(Clone, PartialEq, Debug)]
    struct Account {
        holder: String,
        balance: u64,
    }
}

record! {
    /// What was done.
    #[derive(Debug)]
    struct Transfer {
        from: u32,
        to: u32,
        amount: u64,
        note: Option<String>,
    }
}

/// Why a transfer was not made.
#[derive(PartialEq, Debug)]
enum Refused {
    UnknownAccount(u32),
    TooLittle { has: u64, needs: u64 },
}

struct Ledger {
    accounts: Table<u32, Account>,
    /// By number of the account, then of the transfer.
    history: Table<(u32, u64), Transfer>,
}

impl Ledger {
    fn open() -> Ledger {
        let ledger = Ledger {
            accounts: Table::open("accounts"),
            history: Table::open("history"),
        };
        ledger.accounts.index("holder", "cbor holder");
        ledger.accounts.index("balance", "cbor balance");
        ledger
    }

    fn account(&self, number: u32) -> Result<Account, Refused> {
        self.accounts
            .get(&number)
            .ok_or(Refused::UnknownAccount(number))
    }

    fn transfer(&self, from: u32, to: u32, amount: u64, number: u64) -> Result<(), Refused> {
        db::transaction(|| {
            // The receiver first, so that a refusal has something to roll back.
            let mut receiver = self.account(to)?;
            receiver.balance += amount;
            self.accounts.insert(&to, &receiver);
            let mut sender = self.account(from)?;
            sender.balance = match sender.balance.checked_sub(amount) {
                Some(rest) => rest,
                None => {
                    return Err(Refused::TooLittle {
                        has: sender.balance,
                        needs: amount,
                    })
                }
            };
            self.accounts.insert(&from, &sender);
            let note = if amount % 10 == 0 {
                Some(format!("round {}", amount / 10))
            } else {
                None
            };
            for account in [from, to] {
                let transfer = Transfer {
                    from,
                    to,
                    amount,
                    note: note.clone(),
                };
                self.history.insert(&(account, number), &transfer);
            }
            Ok(())
        })
    }

    fn total(&self) -> u64 {
        self.accounts.iter().map(|(_, account)| account.balance).sum()
    }
}

fn main() {
    let transfers = 100 * size_argument(100);
    let ledger = Ledger::open();
    let holders = ["ann", "bob", "cid", "dora", "eve"];
    let all: Vec<(u32, Account)> = (0..100)
        .map(|number: u32| {
            let account = Account {
                holder: holders[number as usize % holders.len()].to_owned(),
                balance: 1_000,
            };
            (number, account)
        })
        .collect();
    ledger.accounts.insert_all(all.iter().map(|(number, account)| (number, account)));
    println!("{} accounts with {} tokens", ledger.accounts.len(), ledger.total());

    let mut random = 88172645463325252;
    let mut below = move |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let (mut done, mut refused) = (0, 0);
    for number in 0..transfers as u64 {
        // Numbers from 100 on are of no account.
        let (from, to) = (below(101) as u32, below(100) as u32);
        if from == to {
            continue;
        }
        match ledger.transfer(from, to, below(900), number) {
            Ok(()) => done += 1,
            Err(_) => refused += 1,
        }
    }
    println!("{} transfers, {} refused, {} tokens", done, refused, ledger.total());
    println!("{:?}", ledger.transfer(100, 1, 5, 1_000_000));
    let poorest = ledger.accounts.query(&Query::new().order_by("balance").limit(1));
    for (number, account) in poorest {
        let refusal = ledger.transfer(number, 1, account.balance + 1, 1_000_001);
        println!("{:?}", refusal == Err(Refused::TooLittle { has: account.balance, needs: account.balance + 1 }));
    }

    for holder in &holders {
        let accounts = ledger.accounts.query(&Query::new().equal("holder", *holder).order_by("key"));
        let (mut count, mut sum, mut numbers) = (0, 0, 0u32);
        for (number, account) in accounts {
            count += 1;
            sum += account.balance;
            numbers += number;
        }
        println!("{}: {} accounts, {} in sum of numbers, {} tokens", holder, count, numbers, sum);
    }
    println!("the richest:");
    for (number, account) in ledger.accounts.query(&Query::new().order_by_falling("balance").limit(3)) {
        println!("  {:3} {:4} {}", number, account.holder, account.balance);
        if let Some((_, last)) = ledger.history.starting_with(&number).last() {
            println!("      last {} -> {}: {}, {:?}", last.from, last.to, last.amount, last.note);
        }
    }
    let rich = ledger.accounts.query(&Query::new().at_least("balance", 1_500u64)).count();
    let poor = ledger.accounts.query(&Query::new().less("balance", 500u64)).count();
    println!("{} have 1500 or more, {} less than 500", rich, poor);
}

/// The first argument, or the default.
fn size_argument(default: usize) -> usize {
    std::env::args()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(default)
}
