//! How large numbers may be, and how long operations on them take.
//!
//! Time is counted in *products* of two limbs, which is about 0.4 ns each; fuel is charged by that, whatever
//! the operation does in fact, so that it depends on sizes alone. A library's function cannot be stopped, so nothing is
//! asked of it that takes more than a second or two.

/// The most bits of a number.
pub(crate) const BITS_MAX: usize = 1 << 24;

/// The most bits of operands whose greatest common divisor or inverse is wanted, which takes time by their
/// square.
pub(crate) const GCD_BITS_MAX: usize = 1 << 20;

/// The most bits of numbers that are read or written in bases that are no powers of two, or that roots are taken of.
pub(crate) const TEXT_BITS_MAX: usize = 1 << 23;

/// Powers of more products are computed in steps. That costs a few percent of short ones.
pub(super) const STEPS_FROM: u64 = 1 << 24;

/// Limbs of so many bits.
pub(super) fn limbs(bits: usize) -> u64 {
    bits.div_ceil(64) as u64
}

/// The square of a number of `n` limbs: by rows, then by halves, then by transforms.
pub(super) fn square(n: u64) -> u64 {
    const ROWS_MAX: u64 = 32;
    const HALVES_MAX: u64 = 4096;
    match n {
        0..ROWS_MAX => n * n,
        ROWS_MAX..=HALVES_MAX => (6 * n * n.isqrt()).max(ROWS_MAX * ROWS_MAX),
        _ => 32 * n * u64::from(n.ilog2()),
    }
}

/// The product of numbers of `a` and `b` limbs.
pub(super) fn product(a: u64, b: u64) -> u64 {
    let (short, long) = (a.min(b), a.max(b));
    match short {
        0 => 1,
        _ => long.div_ceil(short) * square(short),
    }
}

/// The quotient, or the remainder, of numbers of `a` and `b` limbs.
pub(super) fn quotient(a: u64, b: u64) -> u64 {
    match a < b {
        true => a,
        false => a + 2 * product(a - b + 1, b),
    }
}

/// The greatest common divisor of numbers of `a` and `b` limbs.
pub(super) fn gcd(a: u64, b: u64) -> u64 {
    let (short, long) = (a.min(b), a.max(b));
    quotient(long, short) + 4 * short * short
}

/// The digits of a number of `n` limbs.
pub(super) fn text(n: u64, radix: u32) -> u64 {
    match radix.is_power_of_two() {
        true => n,
        false => n + square(n) * u64::from((n | 1).ilog2() + 1),
    }
}

/// A power of so many limbs.
pub(super) fn pow(result: u64) -> u64 {
    2 * square(result)
}

/// A power modulo a number of `n` limbs, with an exponent of so many bits.
pub(super) fn powmod(n: u64, exponent_bits: u64) -> u64 {
    let steps = exponent_bits + exponent_bits / 4 + 8;
    steps.saturating_mul(3 * square(n))
}

/// A root of a number of `n` limbs.
pub(super) fn root(n: u64) -> u64 {
    n + 16 * square(n)
}

/// Whether a number of `n` limbs is a prime.
pub(super) fn prime(n: u64) -> u64 {
    powmod(n, n * 64).saturating_mul(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of about a tenth of a second.
    const PIECE_MAX: u64 = 1 << 28;

    #[test]
    fn more_takes_longer() {
        let largest = limbs(BITS_MAX);
        let mut last = 0;
        for n in (1..10_000).chain((10_000..=largest).step_by(997)) {
            let now = square(n);
            assert!(now >= last, "{n}");
            last = now;
        }
        assert!(product(largest, largest) <= PIECE_MAX);
        assert!(product(1, largest) >= largest && product(0, largest) == 1);
        assert!(prime(largest) > powmod(largest, 1));
        let most = limbs(GCD_BITS_MAX);
        assert!(gcd(most, most) <= 8 * PIECE_MAX);
    }
}
