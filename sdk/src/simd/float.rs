//! Operations on floats that `core` does not have. NaNs are none of their business.

/// 2^52: from here on, an `f64` has no fraction.
const WHOLE: f64 = 4_503_599_627_370_496.0;

const FRACTION_BITS: u32 = 52;

/// The exponent of the lowest bit of the least numbers.
const LEAST_EXPONENT: i32 = -1074;

/// A number that has the sign of another one.
fn with_sign(value: f64, sign: f64) -> f64 {
    const SIGN: u64 = 1 << 63;
    f64::from_bits(value.to_bits() & !SIGN | sign.to_bits() & SIGN)
}

/// Whether a number may have a fraction.
fn may_have_fraction(a: f64) -> bool {
    a < WHOLE && a > -WHOLE
}

/// The integral part.
pub(super) fn trunc(a: f64) -> f64 {
    match may_have_fraction(a) {
        true => with_sign(a as i64 as f64, a),
        false => a,
    }
}

/// The greatest integral number that is not greater.
pub(super) fn floor(a: f64) -> f64 {
    let whole = trunc(a);
    match whole > a {
        true => whole - 1.0,
        false => whole,
    }
}

/// The least integral number that is not less.
pub(super) fn ceil(a: f64) -> f64 {
    let whole = trunc(a);
    match whole < a {
        true => with_sign(whole + 1.0, a),
        false => whole,
    }
}

/// The nearest integral number, of two the even one.
pub(super) fn nearest(a: f64) -> f64 {
    if !may_have_fraction(a) {
        return a;
    }
    let push = with_sign(WHOLE, a);
    with_sign((a + push) - push, a)
}

/// The square root.
#[cfg(feature = "std")]
#[inline(always)]
pub(super) fn sqrt_f64(a: f64) -> f64 {
    a.sqrt()
}

/// The square root.
#[cfg(not(feature = "std"))]
pub(super) fn sqrt_f64(a: f64) -> f64 {
    exact_sqrt(a)
}

/// The square root.
#[cfg(feature = "std")]
#[inline(always)]
pub(super) fn sqrt_f32(a: f32) -> f32 {
    a.sqrt()
}

/// The square root: twice as many bits are enough to round again.
#[cfg(not(feature = "std"))]
pub(super) fn sqrt_f32(a: f32) -> f32 {
    exact_sqrt(a.into()) as f32
}

/// The square root, bit by bit.
#[cfg(not(feature = "std"))]
fn exact_sqrt(a: f64) -> f64 {
    if a < 0.0 {
        return f64::NAN;
    }
    if a == 0.0 || !a.is_finite() {
        return a;
    }
    let (digits, exponent) = parts(a);
    // The root of a number with 107 or 108 bits has 54: one more than are kept.
    let mut shift = 54 + digits.leading_zeros() as i32 - 11;
    if (exponent - shift) % 2 != 0 {
        shift += 1;
    }
    let mut rest = (digits as u128) << shift;
    let (mut root, mut bit) = (0u128, 1u128 << 108);
    while bit > 0 {
        if rest >= root + bit {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
        bit >>= 2;
    }
    let sticky = (rest != 0) as u128;
    rounded(root << 1 | sticky, (exponent - shift) / 2 - 1)
}

/// `a * b + c`, rounded once: the product is exact with twice as many bits, and the sum is made odd where it
/// is not exact, so that rounding it again makes no difference.
pub(super) fn fma_f32(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (a as f64 * b as f64, c as f64);
    let sum = product + c;
    let moved = sum - product;
    let error = (product - (sum - moved)) + (c - moved);
    let is_exact = error == 0.0 || error.is_nan() || !sum.is_finite();
    if is_exact || sum.to_bits() & 1 == 1 {
        return sum as f32;
    }
    let is_short = (error > 0.0) == (sum > 0.0);
    let bits = sum.to_bits();
    f64::from_bits(if is_short { bits + 1 } else { bits - 1 }) as f32
}

/// `a * b + c`, rounded once.
pub(super) fn fma_f64(a: f64, b: f64, c: f64) -> f64 {
    if !(a.is_finite() && b.is_finite()) || a == 0.0 || b == 0.0 {
        return a * b + c;
    }
    if !c.is_finite() {
        // Products may overflow.
        return c;
    }
    if c == 0.0 {
        // The sum would lose the sign of a product that is too small.
        return a * b;
    }
    let ((a_digits, a_exponent), (b_digits, b_exponent)) = (parts(a), parts(b));
    let (c_digits, c_exponent) = parts(c);
    let product = aligned(a_digits as u128 * b_digits as u128, a_exponent + b_exponent);
    let summand = aligned(c_digits as u128, c_exponent);
    let negative = (a < 0.0) != (b < 0.0);
    let ((high, low), sign) =
        match product.1 > summand.1 || product.1 == summand.1 && product.0 >= summand.0 {
            true => ((product, summand), negative),
            false => ((summand, product), c < 0.0),
        };
    let distance = (high.1 - low.1) as u32;
    // What is shifted out only matters by not being zero.
    let low = match distance {
        0 => low.0,
        1..=127 => low.0 >> distance | (low.0 << (128 - distance) != 0) as u128,
        _ => 1,
    };
    let digits = match negative == (c < 0.0) {
        true => high.0 + low,
        false => high.0 - low,
    };
    if digits == 0 {
        return 0.0;
    }
    let value = rounded(digits, high.1);
    if sign {
        -value
    } else {
        value
    }
}

/// Digits and exponent of a finite number that is not 0: its magnitude is `digits * 2^exponent`.
fn parts(a: f64) -> (u64, i32) {
    let bits = a.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match (bits >> FRACTION_BITS & 0x7ff) as i32 {
        0 => (fraction, LEAST_EXPONENT),
        exponent => (fraction | 1 << FRACTION_BITS, exponent - 1 + LEAST_EXPONENT),
    }
}

/// The same number with the highest bit at 125: there is room for a sum.
fn aligned(digits: u128, exponent: i32) -> (u128, i32) {
    let shift = digits.leading_zeros() as i32 - 2;
    (digits << shift, exponent - shift)
}

/// The nearest number to `digits * 2^exponent`, of two the even one.
fn rounded(digits: u128, exponent: i32) -> f64 {
    let length = 128 - digits.leading_zeros() as i32;
    let spare = (length - 1 - FRACTION_BITS as i32).max(LEAST_EXPONENT - exponent);
    let exponent = exponent + spare;
    let digits = match spare {
        i32::MIN..=0 => digits << -spare,
        1..=127 => {
            let (kept, rest) = (digits >> spare, digits << (128 - spare));
            let half = 1 << 127;
            kept + (rest > half || rest == half && kept & 1 == 1) as u128
        }
        _ => 0,
    };
    const INFINITE: u64 = 0x7ff << FRACTION_BITS;
    let exponent = (exponent - LEAST_EXPONENT) as u64;
    let bits = (exponent.min(0x7ff) << FRACTION_BITS) + digits as u64;
    f64::from_bits(bits.min(INFINITE))
}
