//! Keeps an account and panics when it is overdrawn. A panic aborts a WebAssembly program with a
//! trap: its message goes to standard error, and the exit code is 134. (A native build unwinds and
//! exits with 101.)
//!
//! exit: 134

fn main() {
    let mut balance = 100;
    for amount in [30, 50, 40, 10] {
        println!("balance {balance}, withdrawing {amount}");
        balance = withdraw(balance, amount);
    }
    println!("not reached");
}

/// The balance that is left.
///
/// # Panics
/// When the amount exceeds the balance.
fn withdraw(balance: u32, amount: u32) -> u32 {
    match balance.checked_sub(amount) {
        Some(left) => left,
        None => panic!("cannot withdraw {} from {}", amount, balance),
    }
}
