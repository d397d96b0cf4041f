//! Big integers: arithmetic on managed objects, by the library `dashu-int`.
//!
//! Sums, comparisons and products of short numbers are computed on the limbs as they are in the heap
//! ([`limbs`]); for everything else, the library has copies of the operands. What anything costs and how large
//! numbers may be is in [`cost`].

mod bits;
mod convert;
pub(crate) mod cost;
mod limbs;
mod theory;

use std::cmp::Ordering;

use dashu_int::ops::{Gcd, SquareRoot};
use dashu_int::{IBig, Sign, UBig};
use dotvm_isa::TrapCode;

use super::Call;
use crate::vm::entry::Stop;
use crate::vm::gc::{Big, IN_PLACE_LIMBS_MAX};

pub(super) use bits::{AND, OR, XOR, bit, bit_count, bitwise, not, ones, shl, shr, zeros};
pub(super) use convert::{from_bytes, from_text, from_word, to_bytes, to_text, to_word};
pub(super) use theory::{invmod, is_prime, powmod};

/// The shorter one of two numbers whose product is computed by rows, at most.
const ROWS_LIMBS_MAX: usize = 24;

/// An operand as it is in the heap.
fn operand<'c>(call: &'c Call<'_>, index: usize) -> Result<Big<'c>, TrapCode> {
    call.store.big(call.slots[index])
}

/// Bits of a number's absolute value.
fn bits(number: &Big<'_>) -> usize {
    let limbs = number.limbs();
    let zeros = limbs.last().map_or(0, |last| last.leading_zeros());
    limbs.len() * 64 - zeros as usize
}

/// Limbs of an operand.
fn size(call: &Call<'_>, index: usize) -> Result<u64, TrapCode> {
    Ok(operand(call, index)?.limbs().len() as u64)
}

/// An operand as the library's number.
fn number(call: &Call<'_>, index: usize) -> Result<IBig, TrapCode> {
    let view = operand(call, index)?;
    let sign = if view.negative {
        Sign::Negative
    } else {
        Sign::Positive
    };
    Ok(IBig::from_sign_words(sign, view.limbs()))
}

/// Makes a result of the library's number.
fn give(call: &mut Call<'_>, number: &IBig) -> Result<u64, Stop> {
    let (sign, limbs) = number.as_sign_words();
    give_limbs(call, sign == Sign::Negative, limbs)
}

/// Makes a result of its limbs. Operands are not kept.
fn give_limbs(call: &mut Call<'_>, negative: bool, limbs: &[u64]) -> Result<u64, Stop> {
    if limbs.len() as u64 > cost::limbs(cost::BITS_MAX) {
        return Err(TrapCode::IntegerOverflow.into());
    }
    Ok(call.store.new_big(negative, limbs, &[])?)
}

fn give_unsigned(call: &mut Call<'_>, number: &UBig) -> Result<u64, Stop> {
    give_limbs(call, false, number.as_words())
}

/// Takes fuel for so many products.
fn charge(call: &mut Call<'_>, products: u64) -> Result<(), TrapCode> {
    call.store.charge(call.service.rate().fuel(products))
}

/// `big.add`, and `big.sub`, which adds the second number with the other sign.
pub(super) fn add(call: &mut Call<'_>, subtract: bool) -> Result<u64, Stop> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    charge(call, n.max(m))?;
    let len = n.max(m) as usize + 1;
    let operands = [call.slots[0], call.slots[1]];
    if len <= IN_PLACE_LIMBS_MAX {
        let compute = |out: &mut [u64], [a, b]: [Big<'_>; 2]| sum(out, &a, &b, subtract);
        return Ok(call.store.make_big(operands, len, compute)?);
    }
    let mut out = vec![0; len];
    let (a, b) = (operand(call, 0)?, operand(call, 1)?);
    let negative = sum(&mut out, &a, &b, subtract);
    if out[len - 1] == 0 {
        out.pop();
    }
    give_limbs(call, negative, &out)
}

/// Writes the absolute value of a sum or a difference, which has room for a limb more than both numbers; whether
/// it is below zero.
fn sum(out: &mut [u64], a: &Big<'_>, b: &Big<'_>, subtract: bool) -> bool {
    let order = limbs::compare(a.limbs(), b.limbs());
    let (long, short) = match order {
        Ordering::Less => (b.limbs(), a.limbs()),
        _ => (a.limbs(), b.limbs()),
    };
    let other = b.negative != subtract;
    if a.negative == other {
        limbs::add(out, long, short);
        return a.negative;
    }
    limbs::sub(out, long, short);
    match order {
        Ordering::Less => other,
        _ => a.negative,
    }
}

/// `big.mul`
pub(super) fn mul(call: &mut Call<'_>) -> Result<u64, Stop> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    charge(call, cost::product(n, m))?;
    let operands = [call.slots[0], call.slots[1]];
    let (short, len) = (n.min(m) as usize, (n + m) as usize);
    if short <= ROWS_LIMBS_MAX && len <= IN_PLACE_LIMBS_MAX {
        let compute = |out: &mut [u64], [a, b]: [Big<'_>; 2]| {
            let (long, short) = match a.limbs().len() < b.limbs().len() {
                true => (b.limbs(), a.limbs()),
                false => (a.limbs(), b.limbs()),
            };
            limbs::mul(out, long, short);
            a.negative != b.negative
        };
        return Ok(call.store.make_big(operands, len, compute)?);
    }
    if len as u64 > cost::limbs(cost::BITS_MAX) + 1 {
        return Err(TrapCode::IntegerOverflow.into());
    }
    let product = match operands[0] == operands[1] {
        true => IBig::from(number(call, 0)?.sqr()),
        false => number(call, 0)? * number(call, 1)?,
    };
    give(call, &product)
}

/// What a division is to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Quotient,
    Remainder,
}

/// `big.div`, `big.rem`, and those that round down.
pub(super) fn divide(call: &mut Call<'_>, part: Part, floor: bool) -> Result<u64, Stop> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    if m == 0 {
        return Err(TrapCode::IntegerDivideByZero.into());
    }
    charge(call, cost::quotient(n, m))?;
    let (a, b) = (number(call, 0)?, number(call, 1)?);
    let adjusts = floor && a.sign() != b.sign();
    let result = match (part, adjusts) {
        (Part::Quotient, false) => a / b,
        (Part::Remainder, false) => a % b,
        (Part::Quotient, true) => {
            let (quotient, rest) = dashu_int::ops::DivRem::div_rem(a, b);
            match rest.is_zero() {
                true => quotient,
                false => quotient - IBig::ONE,
            }
        }
        (Part::Remainder, true) => {
            let rest = a % &b;
            match rest.is_zero() {
                true => rest,
                false => rest + b,
            }
        }
    };
    give(call, &result)
}

/// `big.neg` and `big.abs`: the sign that a number is to have.
pub(super) fn with_sign(call: &mut Call<'_>, sign: impl Fn(bool) -> bool) -> Result<u64, Stop> {
    let view = operand(call, 0)?;
    let (before, limbs) = (view.negative, view.limbs().to_vec());
    let negative = sign(before);
    charge(call, limbs.len() as u64)?;
    if negative == before {
        return Ok(call.slots[0]);
    }
    give_limbs(call, negative, &limbs)
}

/// `big.sign`
pub(super) fn sign(call: &Call<'_>) -> Result<u64, Stop> {
    let view = operand(call, 0)?;
    Ok(match (view.negative, view.limbs()) {
        (_, []) => 0,
        (true, _) => u64::from(u32::MAX),
        (false, _) => 1,
    })
}

/// Compares both operands.
fn order(call: &mut Call<'_>) -> Result<Ordering, Stop> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    charge(call, n.min(m))?;
    let (a, b) = (operand(call, 0)?, operand(call, 1)?);
    Ok(match (a.negative, b.negative) {
        (false, false) => limbs::compare(a.limbs(), b.limbs()),
        (true, true) => limbs::compare(b.limbs(), a.limbs()),
        (negative, _) if negative => Ordering::Less,
        _ => Ordering::Greater,
    })
}

/// `big.cmp`
pub(super) fn cmp(call: &mut Call<'_>) -> Result<u64, Stop> {
    let order = order(call)? as i32;
    Ok(u64::from(order.cast_unsigned()))
}

/// `big.eq`
pub(super) fn eq(call: &mut Call<'_>) -> Result<u64, Stop> {
    Ok(u64::from(order(call)? == Ordering::Equal))
}

/// Takes the fuel for a greatest common divisor, where numbers are not too large for it.
fn charge_gcd(call: &mut Call<'_>) -> Result<(), TrapCode> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    // What is longer is divided first.
    if n.min(m) > cost::limbs(cost::GCD_BITS_MAX) {
        return Err(TrapCode::InvalidArgument);
    }
    charge(call, cost::gcd(n, m))
}

/// The greatest common divisor of both operands.
fn common(a: &UBig, b: &UBig) -> UBig {
    match (a.is_zero(), b.is_zero()) {
        (true, _) => b.clone(),
        (_, true) => a.clone(),
        _ => a.gcd(b),
    }
}

/// `big.gcd`
pub(super) fn gcd(call: &mut Call<'_>) -> Result<u64, Stop> {
    charge_gcd(call)?;
    let [a, b] = [number(call, 0)?, number(call, 1)?].map(|it| it.into_parts().1);
    give_unsigned(call, &common(&a, &b))
}

/// `big.lcm`
pub(super) fn lcm(call: &mut Call<'_>) -> Result<u64, Stop> {
    charge_gcd(call)?;
    let [a, b] = [number(call, 0)?, number(call, 1)?].map(|it| it.into_parts().1);
    let products = cost::product(a.as_words().len() as u64, b.as_words().len() as u64);
    charge(call, products)?;
    if a.is_zero() || b.is_zero() {
        return give_unsigned(call, &UBig::ZERO);
    }
    let multiple = &a / common(&a, &b) * b;
    give_unsigned(call, &multiple)
}

/// `big.pow`
pub(super) fn pow(call: &mut Call<'_>) -> Result<u64, Stop> {
    let view = operand(call, 0)?;
    let (negative, bits) = (view.negative, bits(&view));
    let exponent = call.slots[1] as u32 as usize;
    // The result has more bits than that.
    let least = bits.saturating_sub(1).saturating_mul(exponent);
    if bits > 1 && least >= cost::BITS_MAX {
        return Err(TrapCode::IntegerOverflow.into());
    }
    if bits <= 1 {
        // 0, 1 and -1: of any power, however high.
        let result = match (bits, exponent) {
            (_, 0) => IBig::ONE,
            (0, _) => IBig::ZERO,
            _ if negative && exponent % 2 == 1 => IBig::NEG_ONE,
            _ => IBig::ONE,
        };
        return give(call, &result);
    }
    charge(call, cost::pow(cost::limbs(bits * exponent)))?;
    let power = number(call, 0)?.pow(exponent);
    give(call, &power)
}

/// `big.sqrt`
pub(super) fn sqrt(call: &mut Call<'_>) -> Result<u64, Stop> {
    check_root(call)?;
    let (sign, number) = number(call, 0)?.into_parts();
    if sign == Sign::Negative {
        return Err(TrapCode::InvalidArgument.into());
    }
    give_unsigned(call, &number.sqrt())
}

/// Takes the fuel for a root, where the number is not too large for it.
fn check_root(call: &mut Call<'_>) -> Result<(), TrapCode> {
    let n = size(call, 0)?;
    if n > cost::limbs(cost::TEXT_BITS_MAX) {
        return Err(TrapCode::InvalidArgument);
    }
    charge(call, cost::root(n))
}

/// `big.root`
pub(super) fn root(call: &mut Call<'_>) -> Result<u64, Stop> {
    let degree = call.slots[1] as u32 as usize;
    check_root(call)?;
    let (sign, number) = number(call, 0)?.into_parts();
    if degree == 0 || degree.is_multiple_of(2) && sign == Sign::Negative {
        return Err(TrapCode::InvalidArgument.into());
    }
    let root = match degree {
        1 => number,
        _ => number.nth_root(degree),
    };
    give(call, &IBig::from_parts(sign, root))
}
