//! What operations compute, once more: by numbers of any size, as the reference says it in words.

use dotvm::isa::semantics::wide::{U128, U256, U512, Uint};
use dotvm::isa::{TrapCode, ValType};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::operations::{Operation, Slots};

/// A value as the reference sees it.
enum Value {
    Int(BigUint),
    Float(f64),
}

/// The results of an operation, or its trap; `limb` is its immediate.
pub(super) fn by_bigint(
    op: Operation,
    limb: u64,
    params: &[ValType],
    slots: &[u64],
) -> Result<Slots, TrapCode> {
    let dotvm::isa::ops::Sig::Fixed(_, results) = op.sig else {
        unreachable!("pure instructions have fixed signatures");
    };
    let mut args = Vec::new();
    let mut rest = slots;
    for ty in params {
        let (own, others) = rest.split_at(ty.slots() as usize);
        rest = others;
        args.push(match ty {
            ValType::F32 => Value::Float(f32::from_bits(own[0] as u32).into()),
            ValType::F64 => Value::Float(f64::from_bits(own[0])),
            _ => Value::Int(unsigned(own)),
        });
    }
    let (of, name) = op.mnemonic.split_once('.').expect("a type and a name");
    let values = if let [Value::Float(float)] = args[..] {
        vec![truncated(name, float, results[0].bits())?]
    } else {
        let args: Vec<BigUint> = args
            .into_iter()
            .map(|arg| match arg {
                Value::Int(int) => int,
                Value::Float(_) => unreachable!("floats are alone"),
            })
            .collect();
        if name.starts_with("convert") {
            let value = signed_if(!name.ends_with("_u"), &args[0], params[0].bits());
            return Ok(vec![match of {
                "f32" => u64::from((nearest(&value, 24) as f32).to_bits()),
                _ => nearest(&value, 53).to_bits(),
            }]);
        }
        integers(name, limb, &args, params, results)?
    };
    Ok(values
        .iter()
        .zip(results)
        .flat_map(|(value, ty)| wrapped(value, ty.bits(), ty.slots() as usize))
        .collect())
}

fn unsigned(slots: &[u64]) -> BigUint {
    let halves = slots
        .iter()
        .flat_map(|&slot| [slot as u32, (slot >> 32) as u32]);
    BigUint::new(halves.collect())
}

fn signed(value: &BigUint, bits: u32) -> BigInt {
    let value = BigInt::from(value.clone());
    match value.bit(u64::from(bits) - 1) {
        true => value - (BigInt::one() << bits),
        false => value,
    }
}

fn signed_if(condition: bool, value: &BigUint, bits: u32) -> BigInt {
    match condition {
        true => signed(value, bits),
        false => value.clone().into(),
    }
}

/// The low bits of a number in two's complement.
fn wrapped(value: &BigInt, bits: u32, slots: usize) -> Slots {
    let (sign, mut digits) = value.to_u64_digits();
    digits.resize(slots, 0);
    if sign == Sign::Minus {
        let mut carry = true;
        for digit in &mut digits {
            (*digit, carry) = (!*digit).overflowing_add(carry.into());
        }
    }
    if bits < 64 {
        digits[0] &= (1 << bits) - 1;
    }
    digits
}

/// Operations on integers: results before they wrap.
fn integers(
    name: &str,
    limb: u64,
    args: &[BigUint],
    params: &[ValType],
    results: &[ValType],
) -> Result<Vec<BigInt>, TrapCode> {
    let bits = params[0].bits();
    let (plain, is_unsigned) = match name.strip_suffix("_u") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    let int = |i: usize| signed_if(!is_unsigned, &args[i], params[i].bits());
    let bare = |i: usize| BigInt::from(args[i].clone());
    let count = || (&args[1] % bits).to_u32().expect("below the width");
    let flag = |value: bool| BigInt::from(u8::from(value));
    let nonzero = |i: usize| match args[i].is_zero() {
        true => Err(TrapCode::IntegerDivideByZero),
        false => Ok(BigInt::from(args[i].clone())),
    };
    let fits = |value: &BigInt| {
        let (low, high) = match is_unsigned {
            true => (BigInt::zero(), BigInt::one() << bits),
            false => (-(BigInt::one() << (bits - 1)), BigInt::one() << (bits - 1)),
        };
        *value >= low && *value < high
    };
    let checked = |value: BigInt| {
        let overflow = flag(!fits(&value));
        vec![value, overflow]
    };
    let halves = |value: BigInt| {
        let high = &value >> bits;
        vec![value, high]
    };
    let one = |value: BigInt| Ok(vec![value]);
    match plain {
        "eqz" => one(flag(args[0].is_zero())),
        "eq" => one(flag(args[0] == args[1])),
        "ne" => one(flag(args[0] != args[1])),
        "lt" => one(flag(int(0) < int(1))),
        "gt" => one(flag(int(0) > int(1))),
        "le" => one(flag(int(0) <= int(1))),
        "ge" => one(flag(int(0) >= int(1))),
        "clz" => one((u64::from(bits) - args[0].bits()).into()),
        "ctz" => one(args[0].trailing_zeros().unwrap_or(bits.into()).into()),
        "popcnt" => one(args[0].count_ones().into()),
        "bswap" => {
            let mut bytes = args[0].to_bytes_le();
            bytes.resize(bits as usize / 8, 0);
            one(BigInt::from_bytes_be(Sign::Plus, &bytes))
        }
        "add" => one(bare(0) + bare(1)),
        "sub" => one(bare(0) - bare(1)),
        "mul" => one(bare(0) * bare(1)),
        "neg" => one(-bare(0)),
        "not" => one(-bare(0) - 1),
        "abs" => one(int(0).abs()),
        "and" => one(bare(0) & bare(1)),
        "or" => one(bare(0) | bare(1)),
        "xor" => one(bare(0) ^ bare(1)),
        "shl" => one(bare(0) << count()),
        "shr" => one(signed_if(!is_unsigned, &args[0], bits) >> count()),
        "rotl" => one((bare(0) << count()) + (bare(0) >> (bits - count()))),
        "rotr" => one((bare(0) >> count()) + (bare(0) << (bits - count()))),
        "min" => one(int(0).min(int(1))),
        "max" => one(int(0).max(int(1))),
        "div" | "mod" | "divmod" => {
            nonzero(1)?;
            let (quotient, remainder) = (int(0) / int(1), int(0) % int(1));
            if plain != "mod" && !fits(&quotient) {
                return Err(TrapCode::IntegerOverflow);
            }
            Ok(match plain {
                "div" => vec![quotient],
                "mod" => vec![remainder],
                _ => vec![quotient, remainder],
            })
        }
        "exp" => one(bare(0).modpow(&bare(1), &(BigInt::one() << bits))),
        "isqrt" => one(bare(0).sqrt()),
        "gcd" => one(bare(0).gcd(&bare(1))),
        "addmod" => one((bare(0) + bare(1)) % nonzero(2)?),
        "mulmod" => one(bare(0) * bare(1) % nonzero(2)?),
        "powmod" => one(bare(0).modpow(&bare(1), &nonzero(2)?)),
        "invmod" => one(bare(0).modinv(&nonzero(1)?).unwrap_or_default()),
        "add_overflow" => Ok(checked(int(0) + int(1))),
        "sub_overflow" => Ok(checked(int(0) - int(1))),
        "mul_overflow" => Ok(checked(int(0) * int(1))),
        "add_carry" | "sub_borrow" => {
            let carry = flag(!args[2].is_zero());
            let value = match plain {
                "add_carry" => bare(0) + bare(1) + carry,
                _ => bare(0) - bare(1) - carry,
            };
            let out = flag(value.is_negative() || value.bits() > bits.into());
            Ok(vec![value, out])
        }
        "mul_wide" => Ok(halves(int(0) * int(1))),
        _ if plain.starts_with("limb") => one(bare(0) >> (64 * limb)),
        "from_limbs" => {
            let limbs = args.iter().rev();
            one(limbs.fold(BigInt::zero(), |sum, limb| {
                (sum << 64u32) + BigInt::from(limb.clone())
            }))
        }
        _ if plain.starts_with("wrap") || plain.starts_with("extend") => one(int(0)),
        _ => unreachable!("{name} of {results:?} has no reference"),
    }
}

/// The nearest float with so many bits, ties to even, or infinity.
fn nearest(value: &BigInt, precision: u64) -> f64 {
    let magnitude = value.magnitude();
    let excess = magnitude.bits().saturating_sub(precision);
    let mut kept = magnitude >> excess;
    let rest = magnitude - (&kept << excess);
    if excess > 0 {
        let half = BigUint::one() << (excess - 1);
        if rest > half || rest == half && kept.is_odd() {
            kept += 1u32;
        }
    }
    let float = kept.to_u64().expect("as many bits") as f64 * 2f64.powi(excess as i32);
    if value.is_negative() { -float } else { float }
}

/// The integer part of a float, as the operation takes it.
fn truncated(name: &str, float: f64, bits: u32) -> Result<BigInt, TrapCode> {
    let (low, high) = match name.ends_with("_u") {
        true => (BigInt::zero(), (BigInt::one() << bits) - 1),
        false => (
            -(BigInt::one() << (bits - 1)),
            (BigInt::one() << (bits - 1)) - 1,
        ),
    };
    let saturating = name.contains("_sat_");
    if float.is_nan() {
        return match saturating {
            true => Ok(BigInt::zero()),
            false => Err(TrapCode::InvalidConversionToInteger),
        };
    }
    let whole = match float.is_infinite() {
        true => (BigInt::one() << 2000) * if float > 0.0 { 1 } else { -1 },
        false => exact(float.trunc()),
    };
    match whole.clone().clamp(low, high) {
        clamped if saturating || clamped == whole => Ok(clamped),
        _ => Err(TrapCode::IntegerOverflow),
    }
}

/// A float without fraction as an integer.
fn exact(float: f64) -> BigInt {
    let (mut float, mut shift) = (float, 0);
    while float.abs() >= 2f64.powi(53) {
        float /= 2.0;
        shift += 1;
    }
    BigInt::from(float as i64) << shift
}

/// The results of an operation on unsigned numbers by `ruint`, where it has that.
pub(super) fn by_ruint(op: Operation, params: &[ValType], slots: &[u64]) -> Option<Slots> {
    let (_, name) = op.mnemonic.split_once('.')?;
    match params[0] {
        ValType::I128 => {
            of_width::<128, 2>(name, params, slots).map(|word: U128| word.as_limbs().to_vec())
        }
        ValType::I256 => {
            of_width::<256, 4>(name, params, slots).map(|word: U256| word.as_limbs().to_vec())
        }
        ValType::I512 => {
            of_width::<512, 8>(name, params, slots).map(|word: U512| word.as_limbs().to_vec())
        }
        _ => None,
    }
}

fn of_width<const BITS: usize, const LIMBS: usize>(
    name: &str,
    params: &[ValType],
    slots: &[u64],
) -> Option<Uint<BITS, LIMBS>> {
    let word = |i: usize| {
        let limbs = slots.get(i * LIMBS..(i + 1) * LIMBS).unwrap_or(&[0; LIMBS]);
        Uint::<BITS, LIMBS>::from_limbs_slice(limbs)
    };
    let (a, b, c) = (
        word(0),
        word(1.min(params.len() - 1)),
        word(2.min(params.len() - 1)),
    );
    let count = slots[LIMBS..]
        .first()
        .map_or(0, |&count| count as usize % BITS);
    Some(match name {
        "add" => a.wrapping_add(b),
        "sub" => a.wrapping_sub(b),
        "mul" => a.wrapping_mul(b),
        "div_u" => a.checked_div(b)?,
        "mod_u" => a.checked_rem(b)?,
        "neg" => a.wrapping_neg(),
        "and" => a & b,
        "or" => a | b,
        "xor" => a ^ b,
        "not" => !a,
        "shl" => a << count,
        "shr_u" => a >> count,
        "shr" => a.arithmetic_shr(count),
        "rotl" => a.rotate_left(count),
        "rotr" => a.rotate_right(count),
        "min_u" => a.min(b),
        "max_u" => a.max(b),
        "exp" => a.pow(b),
        "gcd" => a.gcd(b),
        "addmod" => a.add_mod(b, c),
        "mulmod" => a.mul_mod(b, c),
        "powmod" => a.pow_mod(b, c),
        "invmod" => a.inv_mod(b).unwrap_or_default(),
        _ => return None,
    })
}
