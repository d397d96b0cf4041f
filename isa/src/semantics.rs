//! What pure instructions compute: written once, called by interpreter, constant folder and tests.
//!
//! Every instruction of the table's groups `unary` and `binary` is a type here, of the same name,
//! that implements [`Unary`] or [`Binary`]; loads and stores name their conversions by
//! [`LoadOp`] and [`StoreOp`]. Values cross as raw 64-bit slots where types are erased
//! ([`eval_unary`], [`eval_binary`]). Pure functions of other values are [`Pure`]: those of vectors are in
//! [`vector`](mod@vector), those of wide integers in [`wide`], those of wide vectors in [`wide_vector`].

mod pure;
mod vector;
pub mod wide;
pub mod wide_vector;

pub use pure::*;
pub use vector::*;

use crate::ops::Op;
use crate::trap::TrapCode;

/// A value that fits one slot: how it is kept in 64 bits. Upper bits of narrow values are zero.
pub trait SlotValue: Copy + PartialEq {
    /// The slot's content.
    fn to_slot(self) -> u64;
    /// The value of a slot; upper bits of narrow values are ignored.
    fn from_slot(slot: u64) -> Self;
}

macro_rules! slot_values {
    ($($ty:ty: $to:expr, $from:expr;)*) => {
        $(impl SlotValue for $ty {
            #[inline(always)]
            fn to_slot(self) -> u64 {
                $to(self)
            }
            #[inline(always)]
            fn from_slot(slot: u64) -> $ty {
                $from(slot)
            }
        })*
    };
}

slot_values! {
    u32: u64::from, |s| s as u32;
    u64: |v| v, |s| s;
    f32: |v: f32| u64::from(v.to_bits()), |s| f32::from_bits(s as u32);
    f64: f64::to_bits, f64::from_bits;
}

/// An instruction of one operand.
pub trait Unary {
    /// The operand's type; integers are unsigned.
    type In: SlotValue;
    /// The result's type.
    type Out: SlotValue;
    /// Whether [`eval`](Unary::eval) can trap.
    const TRAPS: bool;
    /// Computes the result.
    ///
    /// # Errors
    /// The trap the instruction stops with.
    fn eval(a: Self::In) -> Result<Self::Out, TrapCode>;
}

/// An instruction of two operands.
pub trait Binary {
    /// The operands' type; integers are unsigned.
    type In: SlotValue;
    /// The result's type.
    type Out: SlotValue;
    /// Whether [`eval`](Binary::eval) can trap.
    const TRAPS: bool;
    /// Whether the operands may be exchanged without changing any result.
    const COMMUTES: bool;
    /// Computes the result.
    ///
    /// # Errors
    /// The trap the instruction stops with.
    fn eval(a: Self::In, b: Self::In) -> Result<Self::Out, TrapCode>;
}

macro_rules! unary {
    ($($name:ident: $in:ty => $out:ty, |$a:ident| $body:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Unary for $name {
            type In = $in;
            type Out = $out;
            const TRAPS: bool = false;
            #[inline(always)]
            fn eval($a: $in) -> Result<$out, TrapCode> {
                Ok($body)
            }
        })*
    };
}

macro_rules! unary_trapping {
    ($($name:ident: $in:ty => $out:ty, $body:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Unary for $name {
            type In = $in;
            type Out = $out;
            const TRAPS: bool = true;
            #[inline(always)]
            fn eval(a: $in) -> Result<$out, TrapCode> {
                $body(a)
            }
        })*
    };
}

macro_rules! binary {
    ($($name:ident $commutes:ident: $in:ty => $out:ty, |$a:ident, $b:ident| $body:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Binary for $name {
            type In = $in;
            type Out = $out;
            const TRAPS: bool = false;
            const COMMUTES: bool = binary!(@$commutes);
            #[inline(always)]
            fn eval($a: $in, $b: $in) -> Result<$out, TrapCode> {
                Ok($body)
            }
        })*
    };
    (@sym) => { true };
    (@ord) => { false };
}

macro_rules! binary_trapping {
    ($($name:ident $commutes:ident: $in:ty, $body:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Binary for $name {
            type In = $in;
            type Out = $in;
            const TRAPS: bool = true;
            const COMMUTES: bool = binary!(@$commutes);
            #[inline(always)]
            fn eval(a: $in, b: $in) -> Result<$in, TrapCode> {
                $body(a, b)
            }
        })*
    };
}

macro_rules! integer_ops {
    ($u:ty, $s:ty: $eqz:ident $eq:ident $ne:ident $lt:ident $ltu:ident $gt:ident $gtu:ident $le:ident $leu:ident
     $ge:ident $geu:ident $clz:ident $ctz:ident $popcnt:ident $neg:ident $not:ident $add:ident $sub:ident $mul:ident
     $div:ident $divu:ident $rem:ident $remu:ident $and:ident $or:ident $xor:ident $shl:ident $shr:ident $shru:ident
     $rotl:ident $rotr:ident) => {
        unary! {
            $eqz: $u => u32, |a| u32::from(a == 0);
            $clz: $u => $u, |a| a.leading_zeros() as $u;
            $ctz: $u => $u, |a| a.trailing_zeros() as $u;
            $popcnt: $u => $u, |a| a.count_ones() as $u;
            $neg: $u => $u, |a| a.wrapping_neg();
            $not: $u => $u, |a| !a;
        }
        binary! {
            $eq sym: $u => u32, |a, b| u32::from(a == b);
            $ne sym: $u => u32, |a, b| u32::from(a != b);
            $lt ord: $u => u32, |a, b| u32::from((a as $s) < b as $s);
            $ltu ord: $u => u32, |a, b| u32::from(a < b);
            $gt ord: $u => u32, |a, b| u32::from(a as $s > b as $s);
            $gtu ord: $u => u32, |a, b| u32::from(a > b);
            $le ord: $u => u32, |a, b| u32::from(a as $s <= b as $s);
            $leu ord: $u => u32, |a, b| u32::from(a <= b);
            $ge ord: $u => u32, |a, b| u32::from(a as $s >= b as $s);
            $geu ord: $u => u32, |a, b| u32::from(a >= b);
            $add sym: $u => $u, |a, b| a.wrapping_add(b);
            $sub ord: $u => $u, |a, b| a.wrapping_sub(b);
            $mul sym: $u => $u, |a, b| a.wrapping_mul(b);
            $and sym: $u => $u, |a, b| a & b;
            $or sym: $u => $u, |a, b| a | b;
            $xor sym: $u => $u, |a, b| a ^ b;
            $shl ord: $u => $u, |a, b| a.wrapping_shl(b as u32);
            $shr ord: $u => $u, |a, b| (a as $s).wrapping_shr(b as u32) as $u;
            $shru ord: $u => $u, |a, b| a.wrapping_shr(b as u32);
            $rotl ord: $u => $u, |a, b| a.rotate_left(b as u32 % <$u>::BITS);
            $rotr ord: $u => $u, |a, b| a.rotate_right(b as u32 % <$u>::BITS);
        }
        binary_trapping! {
            $div ord: $u, |a: $u, b: $u| match (a as $s).checked_div(b as $s) {
                Some(quotient) => Ok(quotient as $u),
                None if b == 0 => Err(TrapCode::IntegerDivideByZero),
                None => Err(TrapCode::IntegerOverflow),
            };
            $divu ord: $u, |a: $u, b: $u| a.checked_div(b).ok_or(TrapCode::IntegerDivideByZero);
            $rem ord: $u, |a: $u, b: $u| match b {
                0 => Err(TrapCode::IntegerDivideByZero),
                // The smallest integer's remainder by -1 is 0, though the quotient overflows.
                _ => Ok((a as $s).wrapping_rem(b as $s) as $u),
            };
            $remu ord: $u, |a: $u, b: $u| a.checked_rem(b).ok_or(TrapCode::IntegerDivideByZero);
        }
    };
}

integer_ops! { u32, i32: I32Eqz I32Eq I32Ne I32Lt I32LtU I32Gt I32GtU I32Le I32LeU I32Ge I32GeU I32Clz I32Ctz
I32Popcnt I32Neg I32Not I32Add I32Sub I32Mul I32Div I32DivU I32Mod I32ModU I32And I32Or I32Xor I32Shl I32Shr
I32ShrU I32Rotl I32Rotr }
integer_ops! { u64, i64: I64Eqz I64Eq I64Ne I64Lt I64LtU I64Gt I64GtU I64Le I64LeU I64Ge I64GeU I64Clz I64Ctz
I64Popcnt I64Neg I64Not I64Add I64Sub I64Mul I64Div I64DivU I64Mod I64ModU I64And I64Or I64Xor I64Shl I64Shr
I64ShrU I64Rotl I64Rotr }

/// The result of a signed operation, where it fits.
#[inline(always)]
fn fitting(result: Option<i64>) -> Result<u64, TrapCode> {
    result
        .map(i64::cast_unsigned)
        .ok_or(TrapCode::IntegerOverflow)
}

binary_trapping! {
    I64AddChecked sym: u64, |a: u64, b: u64| fitting(a.cast_signed().checked_add(b.cast_signed()));
    I64SubChecked ord: u64, |a: u64, b: u64| fitting(a.cast_signed().checked_sub(b.cast_signed()));
    I64MulChecked sym: u64, |a: u64, b: u64| fitting(a.cast_signed().checked_mul(b.cast_signed()));
}

macro_rules! float_ops {
    ($f:ty, $bits:ty: $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident $abs:ident $neg:ident $ceil:ident
     $floor:ident $trunc:ident $nearest:ident $sqrt:ident $add:ident $sub:ident $mul:ident $div:ident $min:ident
     $max:ident $copysign:ident $rem:ident) => {
        unary! {
            // On bits: the sign of a NaN counts too.
            $abs: $f => $f, |a| <$f>::from_bits(a.to_bits() & (<$bits>::MAX >> 1));
            $neg: $f => $f, |a| <$f>::from_bits(a.to_bits() ^ !(<$bits>::MAX >> 1));
            $ceil: $f => $f, |a| quiet(a.ceil());
            $floor: $f => $f, |a| quiet(a.floor());
            $trunc: $f => $f, |a| quiet(a.trunc());
            $nearest: $f => $f, |a| quiet(a.round_ties_even());
            $sqrt: $f => $f, |a| a.sqrt();
        }
        binary! {
            $eq sym: $f => u32, |a, b| u32::from(a == b);
            $ne sym: $f => u32, |a, b| u32::from(a != b);
            $lt ord: $f => u32, |a, b| u32::from(a < b);
            $gt ord: $f => u32, |a, b| u32::from(a > b);
            $le ord: $f => u32, |a, b| u32::from(a <= b);
            $ge ord: $f => u32, |a, b| u32::from(a >= b);
            // Not marked as commuting: which NaN comes out depends on the order.
            $add ord: $f => $f, |a, b| settle(a + b, a, b);
            $sub ord: $f => $f, |a, b| settle(a - b, a, b);
            $mul ord: $f => $f, |a, b| settle(a * b, a, b);
            $div ord: $f => $f, |a, b| settle(a / b, a, b);
            $min ord: $f => $f, |a, b| {
                if a < b { a } else if b < a { b } else if a == b {
                    <$f>::from_bits(a.to_bits() | b.to_bits())
                } else { settle(a + b, a, b) }
            };
            $max ord: $f => $f, |a, b| {
                if a > b { a } else if b > a { b } else if a == b {
                    <$f>::from_bits(a.to_bits() & b.to_bits())
                } else { settle(a + b, a, b) }
            };
            $copysign ord: $f => $f, |a, b| {
                let sign = !(<$bits>::MAX >> 1);
                <$f>::from_bits(a.to_bits() & !sign | b.to_bits() & sign)
            };
            $rem ord: $f => $f, |a, b| settle(a % b, a, b);
        }
    };
}

/// What NaNs of a type look like.
trait Nan: Copy + PartialEq {
    /// It as a quiet NaN.
    fn quieted(self) -> Self;

    /// The NaN that operations make of numbers.
    const DEFAULT: Self;
}

macro_rules! nan {
    ($f:ty, $default:literal, $quiet:literal) => {
        impl Nan for $f {
            #[inline(always)]
            fn quieted(self) -> $f {
                <$f>::from_bits(self.to_bits() | $quiet)
            }

            const DEFAULT: $f = <$f>::from_bits($default);
        }
    };
}

nan! { f32, 0xffc0_0000, 0x40_0000 }
nan! { f64, 0xfff8_0000_0000_0000, 0x8_0000_0000_0000 }

/// A result, or the NaN that it is to be: that of the first operand that is one. The processor does
/// the same, but the compiler may have exchanged the operands.
#[inline(always)]
#[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
fn settle<F: Nan>(result: F, a: F, b: F) -> F {
    if result == result {
        result
    } else if a != a {
        a.quieted()
    } else if b != b {
        b.quieted()
    } else {
        F::DEFAULT
    }
}

/// Makes a signalling NaN quiet, as arithmetic does; library roundings may pass it through.
#[inline(always)]
fn quiet<F: Copy + PartialEq + std::ops::Add<Output = F>>(a: F) -> F {
    #[allow(clippy::eq_op, reason = "only a NaN differs from itself")]
    if a != a { a + a } else { a }
}

float_ops! { f32, u32: F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest
F32Sqrt F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign F32Mod }
float_ops! { f64, u64: F64Eq F64Ne F64Lt F64Gt F64Le F64Ge F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest
F64Sqrt F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign F64Mod }

unary! {
    I32WrapI64: u64 => u32, |a| a as u32;
    I64ExtendI32: u32 => u64, |a| a as i32 as u64;
    I64ExtendI32U: u32 => u64, |a| u64::from(a);
    I32Extend8: u32 => u32, |a| a as i8 as u32;
    I32Extend16: u32 => u32, |a| a as i16 as u32;
    I64Extend8: u64 => u64, |a| a as i8 as u64;
    I64Extend16: u64 => u64, |a| a as i16 as u64;
    I64Extend32: u64 => u64, |a| a as i32 as u64;
    I32ReinterpretF32: f32 => u32, |a| a.to_bits();
    I64ReinterpretF64: f64 => u64, |a| a.to_bits();
    F32ReinterpretI32: u32 => f32, |a| f32::from_bits(a);
    F64ReinterpretI64: u64 => f64, |a| f64::from_bits(a);
    F32ConvertI32: u32 => f32, |a| a as i32 as f32;
    F32ConvertI32U: u32 => f32, |a| a as f32;
    F32ConvertI64: u64 => f32, |a| a as i64 as f32;
    F32ConvertI64U: u64 => f32, |a| a as f32;
    F64ConvertI32: u32 => f64, |a| f64::from(a as i32);
    F64ConvertI32U: u32 => f64, |a| f64::from(a);
    F64ConvertI64: u64 => f64, |a| a as i64 as f64;
    F64ConvertI64U: u64 => f64, |a| a as f64;
    F32DemoteF64: f64 => f32, |a| a as f32;
    F64PromoteF32: f32 => f64, |a| f64::from(a);
    I32TruncSatF32: f32 => u32, |a| a as i32 as u32;
    I32TruncSatF32U: f32 => u32, |a| a as u32;
    I32TruncSatF64: f64 => u32, |a| a as i32 as u32;
    I32TruncSatF64U: f64 => u32, |a| a as u32;
    I64TruncSatF32: f32 => u64, |a| a as i64 as u64;
    I64TruncSatF32U: f32 => u64, |a| a as u64;
    I64TruncSatF64: f64 => u64, |a| a as i64 as u64;
    I64TruncSatF64U: f64 => u64, |a| a as u64;
}

/// A float as an integer: `low` and `high` bound the values whose integer part fits, exclusively.
macro_rules! trunc {
    ($f:ty, $int:ty, $out:ty, $low:expr, $high:expr) => {
        |a: $f| {
            if a > $low && a < $high {
                Ok(a as $int as $out)
            } else if a.is_nan() {
                Err(TrapCode::InvalidConversionToInteger)
            } else {
                Err(TrapCode::IntegerOverflow)
            }
        }
    };
}

unary_trapping! {
    // The next float below the smallest integer where that integer itself is a float.
    I32TruncF32: f32 => u32, trunc!(f32, i32, u32, -2_147_483_904.0, 2_147_483_648.0);
    I32TruncF32U: f32 => u32, trunc!(f32, u32, u32, -1.0, 4_294_967_296.0);
    I32TruncF64: f64 => u32, trunc!(f64, i32, u32, -2_147_483_649.0, 2_147_483_648.0);
    I32TruncF64U: f64 => u32, trunc!(f64, u32, u32, -1.0, 4_294_967_296.0);
    I64TruncF32: f32 => u64, trunc!(f32, i64, u64, -9_223_373_136_366_403_584.0, 9_223_372_036_854_775_808.0);
    I64TruncF32U: f32 => u64, trunc!(f32, u64, u64, -1.0, 18_446_744_073_709_551_616.0);
    I64TruncF64: f64 => u64, trunc!(f64, i64, u64, -9_223_372_036_854_777_856.0, 9_223_372_036_854_775_808.0);
    I64TruncF64U: f64 => u64, trunc!(f64, u64, u64, -1.0, 18_446_744_073_709_551_616.0);
}

/// A load: how bytes become a value.
pub trait LoadOp {
    /// The bytes in memory.
    type Bytes: Copy;
    /// The value's type.
    type Out: Copy;
    /// Bytes read.
    const WIDTH: usize;
    /// The value of these bytes.
    fn value(bytes: Self::Bytes) -> Self::Out;
}

/// A store: how a value becomes bytes.
pub trait StoreOp {
    /// The bytes in memory.
    type Bytes: Copy;
    /// The value's type.
    type In: Copy;
    /// Bytes written.
    const WIDTH: usize;
    /// The value's bytes.
    fn bytes(value: Self::In) -> Self::Bytes;
}

macro_rules! loads {
    ($($name:ident: $mem:ty, $out:ty, $convert:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl LoadOp for $name {
            type Bytes = [u8; size_of::<$mem>()];
            type Out = $out;
            const WIDTH: usize = size_of::<$mem>();
            #[inline(always)]
            fn value(bytes: Self::Bytes) -> $out {
                $convert(<$mem>::from_le_bytes(bytes))
            }
        })*
    };
}

macro_rules! stores {
    ($($name:ident: $in:ty, $mem:ty, $convert:expr;)*) => {
        $(#[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl StoreOp for $name {
            type Bytes = [u8; size_of::<$mem>()];
            type In = $in;
            const WIDTH: usize = size_of::<$mem>();
            #[inline(always)]
            fn bytes(value: $in) -> Self::Bytes {
                <$mem>::to_le_bytes($convert(value))
            }
        })*
    };
}

loads! {
    I32Load: u32, u32, |v| v;
    I64Load: u64, u64, |v| v;
    F32Load: u32, f32, f32::from_bits;
    F64Load: u64, f64, f64::from_bits;
    I32Load8S: i8, u32, |v| v as u32;
    I32Load8U: u8, u32, u32::from;
    I32Load16S: i16, u32, |v| v as u32;
    I32Load16U: u16, u32, u32::from;
    I64Load8S: i8, u64, |v| v as u64;
    I64Load8U: u8, u64, u64::from;
    I64Load16S: i16, u64, |v| v as u64;
    I64Load16U: u16, u64, u64::from;
    I64Load32S: i32, u64, |v| v as u64;
    I64Load32U: u32, u64, u64::from;
    I32LoadBe: u32, u32, u32::swap_bytes;
    I64LoadBe: u64, u64, u64::swap_bytes;
}

stores! {
    I32Store: u32, u32, |v| v;
    I64Store: u64, u64, |v| v;
    F32Store: f32, u32, f32::to_bits;
    F64Store: f64, u64, f64::to_bits;
    I32Store8: u32, u8, |v| v as u8;
    I32Store16: u32, u16, |v| v as u16;
    I64Store8: u64, u8, |v| v as u8;
    I64Store16: u64, u16, |v| v as u16;
    I64Store32: u64, u32, |v| v as u32;
    I32StoreBe: u32, u32, u32::swap_bytes;
    I64StoreBe: u64, u64, u64::swap_bytes;
}

macro_rules! eval {
    (
        unary { $($u:ident $um:literal $uc:literal $ui:tt $ucat:ident $ua:ident $uf:literal ($up:ident -> $ur:ident) $ud:literal;)* }
        binary { $($b:ident $bm:literal $bc:literal $bi:tt $bcat:ident $ba:ident $bf:literal ($bp:ident $bq:ident -> $br:ident) $bd:literal;)* }
        $($rest:tt)*
    ) => {
        /// Computes a unary instruction on a slot; `None` where `op` is not unary.
        pub fn eval_unary(op: Op, a: u64) -> Option<Result<u64, TrapCode>> {
            fn on_slots<O: Unary>(a: u64) -> Result<u64, TrapCode> {
                O::eval(O::In::from_slot(a)).map(SlotValue::to_slot)
            }
            match op {
                $(Op::$u => Some(on_slots::<$u>(a)),)*
                _ => None,
            }
        }

        /// Computes a binary instruction on slots; `None` where `op` is not binary.
        pub fn eval_binary(op: Op, a: u64, b: u64) -> Option<Result<u64, TrapCode>> {
            fn on_slots<O: Binary>(a: u64, b: u64) -> Result<u64, TrapCode> {
                O::eval(O::In::from_slot(a), O::In::from_slot(b)).map(SlotValue::to_slot)
            }
            match op {
                $(Op::$b => Some(on_slots::<$b>(a, b)),)*
                _ => None,
            }
        }

        #[cfg(test)]
        mod types_agree_with_the_table {
            use super::*;
            use crate::types::ValType;

            trait Matches {
                const TYPE: ValType;
            }
            impl Matches for u32 {
                const TYPE: ValType = ValType::I32;
            }
            impl Matches for u64 {
                const TYPE: ValType = ValType::I64;
            }
            impl Matches for f32 {
                const TYPE: ValType = ValType::F32;
            }
            impl Matches for f64 {
                const TYPE: ValType = ValType::F64;
            }

            #[test]
            fn of_every_pure_instruction() {
                $(assert_eq!((<<$u as Unary>::In as Matches>::TYPE, <<$u as Unary>::Out as Matches>::TYPE), (ValType::$up, ValType::$ur), $um);)*
                $(assert_eq!((<<$b as Binary>::In as Matches>::TYPE, <<$b as Binary>::Out as Matches>::TYPE), (ValType::$bp, ValType::$br), $bm);)*
            }
        }
    };
}
crate::for_each_op!(eval);
