//! Big integers for any target: by the methods of school, for programs that are tested where they are written.
//! Operands are what callers have looked at: divisors and moduli are not zero, and what roots are taken of is not
//! below zero where there is none.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A number: its sign, and limbs of 32 bits, the lowest first and the highest not zero. Zero has no sign.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    negative: bool,
    limbs: Vec<u32>,
}

impl Number {
    fn new(negative: bool, mut limbs: Vec<u32>) -> Number {
        trim(&mut limbs);
        Number {
            negative: negative && !limbs.is_empty(),
            limbs,
        }
    }

    fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }
}

fn trim(limbs: &mut Vec<u32>) {
    while let Some(0) = limbs.last() {
        limbs.pop();
    }
}

pub(crate) fn from_u64(value: u64) -> Number {
    Number::new(false, vec![value as u32, (value >> 32) as u32])
}

pub(crate) fn from_i64(value: i64) -> Number {
    let number = from_u64(value.unsigned_abs());
    Number::new(value < 0, number.limbs)
}

/// Replaces bytes in two's complement by those of the number with the other sign.
fn negate_bytes(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
        *byte = sum;
        carry = over;
    }
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Number {
    let negative = bytes.last().map_or(false, |&byte| byte >> 7 == 1);
    let mut bytes = bytes.to_vec();
    if negative {
        negate_bytes(&mut bytes);
    }
    let limb = |chunk: &[u8]| {
        let mut limb = [0; 4];
        limb[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(limb)
    };
    Number::new(negative, bytes.chunks(4).map(limb).collect())
}

pub(crate) fn to_bytes(a: &Number) -> Vec<u8> {
    let mut bytes: Vec<u8> = a.limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    bytes.push(0);
    if a.negative {
        negate_bytes(&mut bytes);
    }
    // What only repeats the sign is left out.
    let fill = if a.negative { 0xff } else { 0 };
    while bytes.len() > 1
        && bytes[bytes.len() - 1] == fill
        && bytes[bytes.len() - 2] >> 7 == fill >> 7
    {
        bytes.pop();
    }
    bytes
}

pub(crate) fn from_text(text: &[u8], radix: u32) -> Option<Number> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut limbs: Vec<u32> = Vec::new();
    for &digit in digits {
        let mut carry = u64::from(char::from(digit).to_digit(radix)?);
        for limb in &mut limbs {
            carry += u64::from(*limb) * u64::from(radix);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    Some(Number::new(negative, limbs))
}

pub(crate) fn to_text(a: &Number, radix: u32) -> Vec<u8> {
    // As many digits at a time as a limb has room for.
    let (mut chunk, mut count) = (radix, 1);
    while let Some(more) = chunk.checked_mul(radix) {
        chunk = more;
        count += 1;
    }
    let mut rest = a.limbs.clone();
    let mut text = Vec::new();
    while !rest.is_empty() {
        let mut digits = div_limb(&mut rest, chunk);
        for _ in 0..count {
            let digit = core::char::from_digit(digits % radix, radix).unwrap_or('?');
            text.push(digit as u8);
            digits /= radix;
        }
    }
    while text.len() > 1 && text.last() == Some(&b'0') {
        text.pop();
    }
    if text.is_empty() {
        text.push(b'0');
    }
    if a.negative {
        text.push(b'-');
    }
    text.reverse();
    text
}

/// Divides in place; returns the remainder.
fn div_limb(limbs: &mut Vec<u32>, divisor: u32) -> u32 {
    let mut rest = 0;
    for limb in limbs.iter_mut().rev() {
        let all = rest << 32 | u64::from(*limb);
        *limb = (all / u64::from(divisor)) as u32;
        rest = all % u64::from(divisor);
    }
    trim(limbs);
    rest as u32
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

pub(crate) fn cmp(a: &Number, b: &Number) -> Ordering {
    match (a.negative, b.negative) {
        (false, false) => compare(&a.limbs, &b.limbs),
        (true, true) => compare(&b.limbs, &a.limbs),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

fn add_limbs(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut sum = long.to_vec();
    let mut carry = 0;
    for (i, limb) in sum.iter_mut().enumerate() {
        carry += u64::from(*limb) + u64::from(short.get(i).copied().unwrap_or(0));
        *limb = carry as u32;
        carry >>= 32;
    }
    sum.push(carry as u32);
    sum
}

/// The difference; the first number is not less.
fn sub_limbs(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut difference = a.to_vec();
    let mut borrow = 0;
    for (i, limb) in difference.iter_mut().enumerate() {
        let other = i64::from(b.get(i).copied().unwrap_or(0));
        let value = i64::from(*limb) - other + borrow;
        *limb = value as u32;
        borrow = value >> 32;
    }
    difference
}

pub(crate) fn add(a: &Number, b: &Number) -> Number {
    if a.negative == b.negative {
        return Number::new(a.negative, add_limbs(&a.limbs, &b.limbs));
    }
    match compare(&a.limbs, &b.limbs) {
        Ordering::Less => Number::new(b.negative, sub_limbs(&b.limbs, &a.limbs)),
        _ => Number::new(a.negative, sub_limbs(&a.limbs, &b.limbs)),
    }
}

pub(crate) fn sub(a: &Number, b: &Number) -> Number {
    add(a, &neg(b))
}

pub(crate) fn mul(a: &Number, b: &Number) -> Number {
    let mut product = vec![0; a.limbs.len() + b.limbs.len()];
    for (i, &x) in a.limbs.iter().enumerate() {
        let mut carry = 0;
        for (j, &y) in b.limbs.iter().enumerate() {
            carry += u64::from(x) * u64::from(y) + u64::from(product[i + j]);
            product[i + j] = carry as u32;
            carry >>= 32;
        }
        product[i + b.limbs.len()] = carry as u32;
    }
    Number::new(a.negative != b.negative, product)
}

/// Quotient and remainder of absolute values (Knuth, *The Art of Computer Programming*, 4.3.1, algorithm D).
fn div_rem_limbs(a: &[u32], b: &[u32]) -> (Vec<u32>, Vec<u32>) {
    if compare(a, b) == Ordering::Less {
        return (Vec::new(), a.to_vec());
    }
    if let [divisor] = b {
        let mut quotient = a.to_vec();
        let rest = div_limb(&mut quotient, *divisor);
        return (quotient, vec![rest]);
    }
    let shift = b[b.len() - 1].leading_zeros();
    let (mut rest, b) = (shl_limbs(a, shift), shl_limbs(b, shift));
    let b = &b[..b.len() - 1];
    let n = b.len();
    let (high, second) = (u64::from(b[n - 1]), u64::from(b[n - 2]));
    let mut quotient = vec![0; rest.len() - n];
    for j in (0..quotient.len()).rev() {
        let top = u64::from(rest[j + n]) << 32 | u64::from(rest[j + n - 1]);
        let (mut digit, mut left) = (top / high, top % high);
        while digit >> 32 != 0 || digit * second > (left << 32 | u64::from(rest[j + n - 2])) {
            digit -= 1;
            left += high;
            if left >> 32 != 0 {
                break;
            }
        }
        let (mut borrow, mut carry) = (0i64, 0);
        for i in 0..n {
            carry += digit * u64::from(b[i]);
            let value = i64::from(rest[i + j]) - i64::from(carry as u32) + borrow;
            rest[i + j] = value as u32;
            borrow = value >> 32;
            carry >>= 32;
        }
        let value = i64::from(rest[j + n]) - carry as i64 + borrow;
        rest[j + n] = value as u32;
        if value < 0 {
            digit -= 1;
            let mut carry = 0;
            for i in 0..n {
                carry += u64::from(rest[i + j]) + u64::from(b[i]);
                rest[i + j] = carry as u32;
                carry >>= 32;
            }
            rest[j + n] = rest[j + n].wrapping_add(carry as u32);
        }
        quotient[j] = digit as u32;
    }
    rest.truncate(n);
    (quotient, shr_limbs(&rest, shift))
}

/// Shifts by less than a limb; there is a limb more.
fn shl_limbs(limbs: &[u32], shift: u32) -> Vec<u32> {
    let mut out = Vec::with_capacity(limbs.len() + 1);
    let mut carry = 0;
    for &limb in limbs {
        let all = u64::from(limb) << shift | carry;
        out.push(all as u32);
        carry = all >> 32;
    }
    out.push(carry as u32);
    out
}

/// Shifts by less than a limb.
fn shr_limbs(limbs: &[u32], shift: u32) -> Vec<u32> {
    let above = |i: usize| u64::from(limbs.get(i + 1).copied().unwrap_or(0)) << 32;
    let limb = |(i, &limb): (usize, &u32)| ((above(i) | u64::from(limb)) >> shift) as u32;
    limbs.iter().enumerate().map(limb).collect()
}

fn div_rem(a: &Number, b: &Number) -> (Number, Number) {
    let (quotient, rest) = div_rem_limbs(&a.limbs, &b.limbs);
    (
        Number::new(a.negative != b.negative, quotient),
        Number::new(a.negative, rest),
    )
}

pub(crate) fn div(a: &Number, b: &Number) -> Number {
    div_rem(a, b).0
}

pub(crate) fn rem(a: &Number, b: &Number) -> Number {
    div_rem(a, b).1
}

pub(crate) fn div_floor(a: &Number, b: &Number) -> Number {
    let (quotient, rest) = div_rem(a, b);
    match !rest.is_zero() && a.negative != b.negative {
        true => sub(&quotient, &from_u64(1)),
        false => quotient,
    }
}

pub(crate) fn rem_floor(a: &Number, b: &Number) -> Number {
    let rest = rem(a, b);
    match !rest.is_zero() && a.negative != b.negative {
        true => add(&rest, b),
        false => rest,
    }
}

pub(crate) fn neg(a: &Number) -> Number {
    Number::new(!a.negative, a.limbs.clone())
}

pub(crate) fn abs(a: &Number) -> Number {
    Number::new(false, a.limbs.clone())
}

pub(crate) fn sign(a: &Number) -> i32 {
    match (a.is_zero(), a.negative) {
        (true, _) => 0,
        (_, true) => -1,
        _ => 1,
    }
}

pub(crate) fn gcd(a: &Number, b: &Number) -> Number {
    let (mut a, mut b) = (abs(a), abs(b));
    while !b.is_zero() {
        let rest = rem(&a, &b);
        a = b;
        b = rest;
    }
    a
}

pub(crate) fn lcm(a: &Number, b: &Number) -> Number {
    if a.is_zero() || b.is_zero() {
        return from_u64(0);
    }
    abs(&mul(&div(a, &gcd(a, b)), b))
}

pub(crate) fn pow(a: &Number, exponent: u32) -> Number {
    let mut power = from_u64(1);
    for i in (0..32 - exponent.leading_zeros()).rev() {
        power = mul(&power, &power);
        if exponent >> i & 1 == 1 {
            power = mul(&power, a);
        }
    }
    power
}

pub(crate) fn pow_mod(a: &Number, exponent: &Number, modulus: &Number) -> Number {
    let modulus = abs(modulus);
    let base = rem_floor(a, &modulus);
    let mut power = rem(&from_u64(1), &modulus);
    for i in (0..bits(exponent)).rev() {
        power = rem(&mul(&power, &power), &modulus);
        if bit(exponent, i) {
            power = rem(&mul(&power, &base), &modulus);
        }
    }
    power
}

/// By Euclid's extended algorithm.
pub(crate) fn inv_mod(a: &Number, modulus: &Number) -> Option<Number> {
    let modulus = abs(modulus);
    let (mut left, mut right) = (modulus.clone(), rem_floor(a, &modulus));
    let (mut of_left, mut of_right) = (from_u64(0), from_u64(1));
    while !right.is_zero() {
        let (quotient, rest) = div_rem(&left, &right);
        let next = sub(&of_left, &mul(&quotient, &of_right));
        left = right;
        right = rest;
        of_left = of_right;
        of_right = next;
    }
    match cmp(&left, &from_u64(1)) {
        Ordering::Equal => Some(rem_floor(&of_left, &modulus)),
        _ => None,
    }
}

pub(crate) fn sqrt(a: &Number) -> Number {
    root(a, 2)
}

/// By Newton's method, from above.
pub(crate) fn root(a: &Number, n: u32) -> Number {
    let magnitude = abs(a);
    if n == 1 || cmp(&magnitude, &from_u64(1)) != Ordering::Greater {
        return a.clone();
    }
    let mut root = shl(&from_u64(1), (bits(&magnitude) - 1) / n + 1);
    loop {
        let (less, all) = (from_u64(u64::from(n) - 1), from_u64(u64::from(n)));
        // Powers of what is greater than the number need not be computed.
        let quotient =
            match u64::from(bits(&root) - 1) * u64::from(n - 1) >= u64::from(bits(&magnitude)) {
                true => from_u64(0),
                false => div(&magnitude, &pow(&root, n - 1)),
            };
        let next = div(&add(&mul(&root, &less), &quotient), &all);
        if cmp(&next, &root) != Ordering::Less {
            return Number::new(a.negative, root.limbs);
        }
        root = next;
    }
}

/// By the test of Miller and Rabin to the first primes.
pub(crate) fn is_prime(a: &Number) -> bool {
    const BASES: [u64; 20] = [
        2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71,
    ];
    let one = from_u64(1);
    if cmp(a, &one) != Ordering::Greater {
        return false;
    }
    for base in BASES {
        let base = from_u64(base);
        if rem(a, &base).is_zero() {
            return cmp(a, &base) == Ordering::Equal;
        }
    }
    let minus_one = sub(a, &one);
    let twos = zeros(&minus_one).unwrap_or(0);
    let odd = shr(&minus_one, twos);
    BASES.iter().all(|&base| {
        let mut power = pow_mod(&from_u64(base), &odd, a);
        if cmp(&power, &one) == Ordering::Equal {
            return true;
        }
        for _ in 1..twos {
            if cmp(&power, &minus_one) == Ordering::Equal {
                break;
            }
            power = rem(&mul(&power, &power), a);
        }
        cmp(&power, &minus_one) == Ordering::Equal
    })
}

/// Combines bytes in two's complement, with as many signs as are missing.
fn bitwise(a: &Number, b: &Number, operation: impl Fn(u8, u8) -> u8) -> Number {
    let (mut a, mut b) = (to_bytes(a), to_bytes(b));
    let len = a.len().max(b.len());
    for bytes in [&mut a, &mut b] {
        let fill = if bytes[bytes.len() - 1] >> 7 == 1 {
            0xff
        } else {
            0
        };
        bytes.resize(len, fill);
    }
    let bytes: Vec<u8> = a.iter().zip(&b).map(|(&a, &b)| operation(a, b)).collect();
    from_bytes(&bytes)
}

pub(crate) fn and(a: &Number, b: &Number) -> Number {
    bitwise(a, b, |a, b| a & b)
}

pub(crate) fn or(a: &Number, b: &Number) -> Number {
    bitwise(a, b, |a, b| a | b)
}

pub(crate) fn xor(a: &Number, b: &Number) -> Number {
    bitwise(a, b, |a, b| a ^ b)
}

pub(crate) fn not(a: &Number) -> Number {
    sub(&from_i64(-1), a)
}

pub(crate) fn shl(a: &Number, count: u32) -> Number {
    let mut limbs = vec![0; count as usize / 32];
    limbs.extend(shl_limbs(&a.limbs, count % 32));
    Number::new(a.negative, limbs)
}

/// Rounds down.
pub(crate) fn shr(a: &Number, count: u32) -> Number {
    let skip = (count as usize / 32).min(a.limbs.len());
    let shifted = Number::new(a.negative, shr_limbs(&a.limbs[skip..], count % 32));
    match a.negative && zeros(a).map_or(false, |zeros| zeros < count) {
        true => sub(&shifted, &from_u64(1)),
        false => shifted,
    }
}

pub(crate) fn bits(a: &Number) -> u32 {
    let high = a.limbs.last().map_or(0, |limb| limb.leading_zeros());
    a.limbs.len() as u32 * 32 - high
}

pub(crate) fn ones(a: &Number) -> u32 {
    a.limbs.iter().map(|limb| limb.count_ones()).sum()
}

pub(crate) fn bit(a: &Number, index: u32) -> bool {
    let shifted = shr(a, index);
    shifted.limbs.first().map_or(false, |limb| limb & 1 == 1)
}

/// Zeros that it ends with; nothing for 0.
pub(crate) fn zeros(a: &Number) -> Option<u32> {
    let at = a.limbs.iter().position(|&limb| limb != 0)?;
    Some(at as u32 * 32 + a.limbs[at].trailing_zeros())
}
