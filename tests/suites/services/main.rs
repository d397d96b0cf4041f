//! Services: published test vectors of every algorithm, databases, states, big integers against another library, and
//! hostile operands, in both tiers.

mod bigints;
mod crash;
mod database;
mod derive;
mod hashes;
mod hostile;
mod keys;
mod seal;
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
