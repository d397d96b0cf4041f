//! Big integers from and to words, bytes and text.

use std::ops::Range;

use dashu_int::{IBig, Sign, UBig};
use dotvm_isa::TrapCode;

use super::cost::{self, BITS_MAX, TEXT_BITS_MAX};
use super::{Call, bits, give, number, operand};
use crate::vm::entry::Stop;
use crate::vm::gc::Big;

/// The most limbs of a word.
const WORD_LIMBS_MAX: usize = 8;

/// Replaces limbs in two's complement by those of the number with the other sign.
fn negate(limbs: &mut [u64]) {
    let mut carry = true;
    for limb in limbs {
        (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
    }
}

/// `big.from_i…`: of a word of so many bits, signed or not.
pub(in crate::services) fn from_word(
    call: &mut Call<'_>,
    word_bits: usize,
    signed: bool,
) -> Result<u64, Stop> {
    let mut limbs = [0; WORD_LIMBS_MAX];
    let limbs = &mut limbs[..word_bits.div_ceil(64)];
    limbs.copy_from_slice(&call.slots[..limbs.len()]);
    if word_bits < 64 {
        limbs[0] = match signed {
            true => i64::from((limbs[0] as u32).cast_signed()).cast_unsigned(),
            false => u64::from(limbs[0] as u32),
        };
    }
    let negative = signed && limbs[limbs.len() - 1] >> 63 != 0;
    if negative {
        negate(limbs);
    }
    Ok(call.store.new_big(negative, limbs, &[])?)
}

/// `big.to_i…`: as a word of so many bits, signed or not.
pub(in crate::services) fn to_word(
    call: &mut Call<'_>,
    word_bits: usize,
    signed: bool,
) -> Result<u64, Stop> {
    let number = operand(call, 0)?;
    let needed = match signed {
        true => signed_bits(&number),
        false if number.negative => usize::MAX,
        false => bits(&number),
    };
    if needed > word_bits {
        return Err(TrapCode::IntegerOverflow.into());
    }
    let mut limbs = [0; WORD_LIMBS_MAX];
    let limbs = &mut limbs[..word_bits.div_ceil(64)];
    let negative = number.negative;
    limbs[..number.limbs().len()].copy_from_slice(number.limbs());
    if negative {
        negate(limbs);
    }
    if word_bits < 64 {
        limbs[0] = u64::from(limbs[0] as u32);
    }
    call.slots[..limbs.len()].copy_from_slice(limbs);
    Ok(limbs[0])
}

/// Bits of a number in two's complement, its sign included.
fn signed_bits(number: &Big<'_>) -> usize {
    let bits = bits(number);
    let (last, rest) = match number.limbs() {
        [rest @ .., last] => (*last, rest),
        [] => (0, &[][..]),
    };
    let is_power = last.is_power_of_two() && rest.iter().all(|&limb| limb == 0);
    bits + usize::from(!(number.negative && is_power))
}

/// `big.from_bytes`
pub(in crate::services) fn from_bytes(call: &mut Call<'_>, signed: bool) -> Result<u64, Stop> {
    let [src, len] = call.args();
    let src = call.operand(src, len)?;
    if src.len() > BITS_MAX / 8 + 1 {
        return Err(TrapCode::IntegerOverflow.into());
    }
    call.charge(src.len().div_ceil(8))?;
    let bytes = &call.memory()[src];
    let negative = signed && bytes.last().is_some_and(|&byte| byte >> 7 != 0);
    let fill = if negative { 0xff } else { 0 };
    let limb = |chunk: &[u8]| {
        let mut limb = [fill; 8];
        limb[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(limb)
    };
    let mut limbs: Vec<u64> = bytes.chunks(8).map(limb).collect();
    if negative {
        negate(&mut limbs);
    }
    while let Some(0) = limbs.last() {
        limbs.pop();
    }
    if limbs.len() as u64 > cost::limbs(BITS_MAX) {
        return Err(TrapCode::IntegerOverflow.into());
    }
    Ok(call.store.new_big(negative, &limbs, &[])?)
}

/// `big.to_bytes`
pub(in crate::services) fn to_bytes(call: &mut Call<'_>, signed: bool) -> Result<u64, Stop> {
    let [_, dst, len] = call.args();
    let dst = call.operand(dst, len)?;
    let number = operand(call, 0)?;
    let needed = match signed {
        true => signed_bits(&number).div_ceil(8),
        false => bits(&number).div_ceil(8),
    };
    let negative = signed && number.negative;
    let mut limbs = number.limbs().to_vec();
    call.charge(limbs.len().max(dst.len() / 8))?;
    if needed <= dst.len() {
        if negative {
            negate(&mut limbs);
        }
        let out = &mut call.memory_mut()[dst];
        out.fill(if negative { 0xff } else { 0 });
        for (out, limb) in out.chunks_mut(8).zip(limbs) {
            out.copy_from_slice(&limb.to_le_bytes()[..out.len()]);
        }
    }
    Ok(needed as u64)
}

/// The base that an operand says.
fn radix(number: u32) -> Result<u8, TrapCode> {
    match number {
        2..=36 => Ok(number as u8),
        _ => Err(TrapCode::InvalidArgument),
    }
}

/// Refuses numbers that take too long to read or write.
fn check_text(bits: usize, radix: u8) -> Result<(), TrapCode> {
    match bits > TEXT_BITS_MAX && !radix.is_power_of_two() {
        true => Err(TrapCode::InvalidArgument),
        false => Ok(()),
    }
}

/// `big.from_text`
pub(in crate::services) fn from_text(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [src, len, base] = call.args();
    let radix = radix(base)?;
    let src = call.operand(src, len)?;
    // Looking at the digits takes time as well.
    call.charge(src.len().div_ceil(8))?;
    let Some((sign, digits)) = digits(call.memory(), src, radix) else {
        return Ok(0);
    };
    // The number has at least so many bits, since the first digit is not 0.
    let least = digits.len().saturating_sub(1) * base.ilog2() as usize;
    if least > BITS_MAX {
        return Err(TrapCode::IntegerOverflow.into());
    }
    check_text(least, radix)?;
    call.charge(cost::text(cost::limbs(least), base) as usize)?;
    let text = std::str::from_utf8(&call.memory()[digits]);
    let value = text.map(|text| UBig::from_str_radix(text, base));
    match value {
        Ok(Ok(value)) => give(call, &IBig::from_parts(sign, value)),
        _ => Ok(0),
    }
}

/// The sign of a text and its digits without leading zeros, but for the last one; nothing where it is no number.
fn digits(memory: &[u8], mut src: Range<usize>, radix: u8) -> Option<(Sign, Range<usize>)> {
    let sign = match memory[src.clone()] {
        [b'-', ..] => Sign::Negative,
        _ => Sign::Positive,
    };
    if let [b'-' | b'+', ..] = memory[src.clone()] {
        src.start += 1;
    }
    let is_digit = |&byte: &u8| char::from(byte).is_digit(u32::from(radix));
    let bytes = &memory[src.clone()];
    if bytes.is_empty() || !bytes.iter().all(is_digit) {
        return None;
    }
    let zeros = bytes.iter().take_while(|&&byte| byte == b'0').count();
    src.start += zeros.min(bytes.len() - 1);
    Some((sign, src))
}

/// `big.to_text`
pub(in crate::services) fn to_text(call: &mut Call<'_>) -> Result<u64, Stop> {
    let [_, base, dst, len] = call.args();
    let radix = radix(base)?;
    let dst = call.operand(dst, len)?;
    let view = operand(call, 0)?;
    let size = bits(&view);
    check_text(size, radix)?;
    call.charge(cost::text(cost::limbs(size), base) as usize)?;
    let text = number(call, 0)?.in_radix(radix).to_string();
    if text.len() <= dst.len() {
        call.write(&(dst.start..dst.start + text.len()), text.as_bytes());
    }
    Ok(text.len() as u64)
}
