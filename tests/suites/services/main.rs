//! Services: published test vectors of every algorithm, databases in files and on servers, states, big integers
//! against another library, and hostile operands, in both tiers.

mod bank;
mod bigints;
mod crash;
mod database;
mod derive;
mod hashes;
mod hostile;
mod keys;
mod seal;
#[allow(dead_code, reason = "not every test of servers needs all of it")]
#[path = "../../../dotdb/tests/server/mod.rs"]
mod server;
mod servers;
mod signatures;
mod states;

/// Bytes of hexadecimal digits.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(text, 16).expect("digits")
    };
    digits.chunks(2).map(pair).collect()
}

/// Hexadecimal digits of bytes.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
