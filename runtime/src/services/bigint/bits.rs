//! Big integers as bits: in two's complement without an end, unless something else is said.

use std::ops::{BitAnd, BitOr, BitXor};

use dashu_int::IBig;
use dotvm_isa::TrapCode;

use super::cost::BITS_MAX;
use super::{Call, charge, give, number, operand, size};
use crate::vm::entry::Stop;

/// `big.and`, `big.or` and `big.xor`
pub(in crate::services) fn bitwise(
    call: &mut Call<'_>,
    operation: fn(IBig, IBig) -> IBig,
) -> Result<u64, Stop> {
    let (n, m) = (size(call, 0)?, size(call, 1)?);
    charge(call, n.max(m))?;
    let result = operation(number(call, 0)?, number(call, 1)?);
    give(call, &result)
}

/// What [`bitwise`] is to do for each instruction.
pub(in crate::services) const AND: fn(IBig, IBig) -> IBig = BitAnd::bitand;
pub(in crate::services) const OR: fn(IBig, IBig) -> IBig = BitOr::bitor;
pub(in crate::services) const XOR: fn(IBig, IBig) -> IBig = BitXor::bitxor;

/// `big.not`
pub(in crate::services) fn not(call: &mut Call<'_>) -> Result<u64, Stop> {
    let n = size(call, 0)?;
    charge(call, n)?;
    let result = !number(call, 0)?;
    give(call, &result)
}

/// `big.shl`
pub(in crate::services) fn shl(call: &mut Call<'_>) -> Result<u64, Stop> {
    let count = call.slots[1] as u32 as usize;
    let (n, bits) = (size(call, 0)?, super::bits(&operand(call, 0)?));
    if bits == 0 {
        return Ok(call.slots[0]);
    }
    if bits + count > BITS_MAX {
        return Err(TrapCode::IntegerOverflow.into());
    }
    charge(call, n + count as u64 / 64)?;
    let result = number(call, 0)? << count;
    give(call, &result)
}

/// `big.shr`
pub(in crate::services) fn shr(call: &mut Call<'_>) -> Result<u64, Stop> {
    let count = call.slots[1] as u32 as usize;
    let n = size(call, 0)?;
    charge(call, n)?;
    // Rounds down.
    let result = number(call, 0)? >> count;
    give(call, &result)
}

/// `big.bits`
pub(in crate::services) fn bit_count(call: &Call<'_>) -> Result<u64, Stop> {
    Ok(super::bits(&operand(call, 0)?) as u64)
}

/// `big.ones`
pub(in crate::services) fn ones(call: &mut Call<'_>) -> Result<u64, Stop> {
    let n = size(call, 0)?;
    charge(call, n)?;
    let limbs = operand(call, 0)?;
    let ones = |limb: &u64| u64::from(limb.count_ones());
    Ok(limbs.limbs().iter().map(ones).sum())
}

/// `big.zeros`
pub(in crate::services) fn zeros(call: &mut Call<'_>) -> Result<u64, Stop> {
    let n = size(call, 0)?;
    charge(call, n)?;
    let view = operand(call, 0)?;
    let limbs = view.limbs();
    Ok(match limbs.iter().position(|&limb| limb != 0) {
        Some(at) => at as u64 * 64 + u64::from(limbs[at].trailing_zeros()),
        None => u64::from(u32::MAX),
    })
}

/// `big.bit`
pub(in crate::services) fn bit(call: &mut Call<'_>) -> Result<u64, Stop> {
    let index = call.slots[1] as u32;
    let (at, shift) = ((index / 64) as usize, index % 64);
    let n = size(call, 0)?;
    charge(call, n)?;
    let view = operand(call, 0)?;
    let limbs = view.limbs();
    let limb = limbs.get(at).copied().unwrap_or_default();
    if !view.negative {
        return Ok(limb >> shift & 1);
    }
    // Limbs below the lowest that is not zero stay zero, that one is negated, those above are the other way.
    let lowest = limbs.iter().position(|&limb| limb != 0).unwrap_or_default();
    let limb = match at.cmp(&lowest) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => limb.wrapping_neg(),
        std::cmp::Ordering::Greater => !limb,
    };
    Ok(limb >> shift & 1)
}
