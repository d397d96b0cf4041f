//! Computes a Fibonacci number by the definition fib(n) = fib(n-1) + fib(n-2), without memory of
//! earlier results. The work is nearly all calls and returns: fib(n) takes about 1.6^n of them.
//! The iterative result is computed as well and must agree.
//!
//! test-args: 20

/// Beyond this the result does not fit 64 bits.
const MAX_INDEX: u32 = 93;

fn main() {
    let n = size_argument(43);
    if n > MAX_INDEX {
        eprintln!("the size must be at most {MAX_INDEX}");
        std::process::exit(2);
    }
    let result = fib(n);
    assert_eq!(result, fib_iterative(n));
    println!("fib({n}) = {result}");
}

fn fib(n: u32) -> u64 {
    if n < 2 {
        u64::from(n)
    } else {
        fib(n - 1) + fib(n - 2)
    }
}

fn fib_iterative(n: u32) -> u64 {
    // The pair runs one ahead of the result, so the last step may exceed 64 bits: it is not used.
    let (mut current, mut next) = (0u64, 1u64);
    for _ in 0..n {
        let following = current.wrapping_add(next);
        current = next;
        next = following;
    }
    current
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
