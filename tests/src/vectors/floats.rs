//! Operations on lanes of floats.

use super::reference::{Lanes, join, split};
use crate::operations::Slots;

/// A float of either width, as its bits.
trait Float: Copy + PartialOrd + 'static {
    const BITS: u32;
    /// The bit that quiet NaNs have.
    const QUIET: u64;
    fn of(bits: u64) -> Self;
    fn bits(self) -> u64;
    /// The result of an operation on numbers, before anything is said of NaNs.
    fn apply(name: &str, args: &[Self]) -> Option<Self>;
}

macro_rules! float {
    ($f:ident, $bits:ident, $quiet:literal) => {
        impl Float for $f {
            const BITS: u32 = $bits::BITS;
            const QUIET: u64 = $quiet;
            fn of(bits: u64) -> $f {
                $f::from_bits(bits as $bits)
            }
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn apply(name: &str, args: &[$f]) -> Option<$f> {
                Some(match (name, args) {
                    ("add", [a, b]) => a + b,
                    ("sub", [a, b]) => a - b,
                    ("mul", [a, b]) => a * b,
                    ("div", [a, b]) => a / b,
                    ("fma", [a, b, c]) => a.mul_add(*b, *c),
                    ("fnma", [a, b, c]) => (-a).mul_add(*b, *c),
                    ("sqrt", [a]) => a.sqrt(),
                    ("ceil", [a]) => a.ceil(),
                    ("floor", [a]) => a.floor(),
                    ("trunc", [a]) => a.trunc(),
                    ("nearest", [a]) => a.round_ties_even(),
                    _ => return None,
                })
            }
        }
    };
}
float! { f32, u32, 0x40_0000 }
float! { f64, u64, 0x8_0000_0000_0000 }

fn is_nan<F: Float>(value: F) -> bool {
    value.partial_cmp(&value).is_none()
}

/// The sign bit.
fn sign<F: Float>() -> u64 {
    1 << (F::BITS - 1)
}

/// The NaN that operations make of numbers: quiet, negative, nothing else.
fn default_nan<F: Float>() -> u64 {
    let exponent = match F::BITS {
        32 => 0x7f80_0000,
        _ => 0x7ff0_0000_0000_0000,
    };
    sign::<F>() | exponent | F::QUIET
}

/// The result of an operation.
pub(super) fn result(name: &str, bits: u32, operands: &[Slots]) -> Slots {
    if let Some(lanes) = converted(name, &operands[0]) {
        return join(&lanes, bits);
    }
    let lanes: Vec<Lanes> = operands.iter().map(|slots| split(slots, bits)).collect();
    let of = |args: &[u64]| match bits {
        32 => lane::<f32>(name, args),
        _ => lane::<f64>(name, args),
    };
    if let Some(op) = name.strip_prefix("reduce_") {
        let mut lanes = lanes[0].clone();
        while lanes.len() > 1 {
            let upper = lanes.split_off(lanes.len() / 2);
            for (low, high) in lanes.iter_mut().zip(upper) {
                *low = match bits {
                    32 => lane::<f32>(op, &[*low, high]),
                    _ => lane::<f64>(op, &[*low, high]),
                };
            }
        }
        return lanes;
    }
    let lanes: Lanes = (0..lanes[0].len())
        .map(|i| of(&lanes.iter().map(|lanes| lanes[i]).collect::<Lanes>()))
        .collect();
    join(&lanes, bits)
}

/// A lane of the result, of the operands' lanes.
fn lane<F: Float>(name: &str, bits: &[u64]) -> u64 {
    let args: Vec<F> = bits.iter().map(|&bits| F::of(bits)).collect();
    if let Some(value) = F::apply(name, &args) {
        // Multiplications and additions in one look at the second operand first.
        let order: &[usize] = if args.len() == 3 { &[1, 0, 2] } else { &[0, 1] };
        let mut order = order.iter().filter(|&&i| i < args.len());
        return match order.find(|&&i| is_nan(args[i])) {
            Some(&i) => bits[i] | F::QUIET,
            None if is_nan(value) => default_nan::<F>(),
            None => value.bits(),
        };
    }
    let mask = |condition: bool| if condition { u64::MAX } else { 0 };
    match (name, args.as_slice()) {
        ("abs", _) => bits[0] & !sign::<F>(),
        ("neg", _) => bits[0] ^ sign::<F>(),
        ("eq", [a, b]) => mask(a == b),
        ("ne", [a, b]) => mask(a != b),
        ("lt", [a, b]) => mask(a < b),
        ("gt", [a, b]) => mask(a > b),
        ("le", [a, b]) => mask(a <= b),
        ("ge", [a, b]) => mask(a >= b),
        ("min", [a, b]) | ("max", [a, b]) => match a.partial_cmp(b) {
            None => default_nan::<F>(),
            // Zeros differ in the sign.
            Some(std::cmp::Ordering::Equal) if name == "min" => bits[0] | bits[1],
            Some(std::cmp::Ordering::Equal) => bits[0] & bits[1],
            Some(order) => bits[usize::from(order.is_gt() == (name == "min"))],
        },
        ("pmin", [a, b]) => bits[usize::from(b < a)],
        ("pmax", [a, b]) => bits[usize::from(a < b)],
        _ => panic!("the reference does not know {name}"),
    }
}

/// Conversions: the lanes of the result.
fn converted(name: &str, slots: &[u64]) -> Option<Lanes> {
    let lower_half = |bits: u32| {
        let mut lanes = split(slots, bits);
        lanes.truncate(lanes.len() / 2);
        lanes.into_iter()
    };
    let int = |lane: u64| match name.ends_with("_u") {
        true => i64::from(lane as u32),
        false => i64::from(lane as i32),
    };
    Some(if name.starts_with("convert_low_") {
        let lanes = lower_half(32);
        lanes.map(|lane| (int(lane) as f64).to_bits()).collect()
    } else if name.starts_with("convert_") {
        let lanes = split(slots, 32).into_iter();
        lanes
            .map(|lane| (int(lane) as f32).to_bits().into())
            .collect()
    } else if name.starts_with("promote_low_") {
        lower_half(32).map(promoted).collect()
    } else if name.starts_with("demote_") {
        let mut lanes: Lanes = slots.iter().map(|&lane| demoted(lane)).collect();
        lanes.resize(2 * slots.len(), 0);
        lanes
    } else {
        return None;
    })
}

/// A float made wider; NaNs keep the sign and what they have to say.
fn promoted(bits: u64) -> u64 {
    let value = f32::from_bits(bits as u32);
    match value.is_nan() {
        true => (bits & 1 << 31) << 32 | 0x7ff8_0000_0000_0000 | (bits & 0x7f_ffff) << 29,
        false => f64::from(value).to_bits(),
    }
}

/// A float made narrower; NaNs keep the sign and the upper part of what they have to say.
fn demoted(bits: u64) -> u64 {
    let value = f64::from_bits(bits);
    match value.is_nan() {
        true => bits >> 63 << 31 | 0x7fc0_0000 | bits >> 29 & 0x7f_ffff,
        false => u64::from((value as f32).to_bits()),
    }
}
