//! Overdraws an account, deep in functions that are inlined.

struct Account {
    name: &'static str,
    balance: u32,
}

trait Apply {
    fn apply(&mut self, amount: u32);
}

impl Apply for Account {
    #[inline(always)]
    fn apply(&mut self, amount: u32) {
        self.balance = checked(self.balance, amount);
    }
}

#[inline(always)]
fn checked(balance: u32, amount: u32) -> u32 {
    match balance.checked_sub(amount) {
        Some(left) => left,
        None => refuse(amount),
    }
}

#[inline(never)]
fn refuse(amount: u32) -> ! {
    panic!("cannot withdraw {amount}")
}

#[inline(never)]
fn process(account: &mut Account, amounts: &[u32]) {
    amounts.iter().for_each(|&amount| account.apply(amount));
}

fn main() {
    let mut account = Account {
        name: "savings",
        balance: 100,
    };
    let amounts: Vec<u32> = std::env::args().skip(1).map(|arg| arg.len() as u32 * 40).collect();
    process(&mut account, &amounts);
    println!("{}: {}", account.name, account.balance);
}
