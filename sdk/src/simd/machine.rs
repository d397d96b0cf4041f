//! Operations on vectors as the machine's instructions: imports of module `dotvm`, as those of integers are
//! (see [`crate::machine`]). Vectors are passed as their limbs, which are their lanes of 64 bits.

#![allow(unsafe_code)]
// `value as u32` of what is one already.
#![allow(trivial_numeric_casts, clippy::unnecessary_cast)]

use super::functions;
use super::operations::{
    FloatOperations, IntOperations, Operations, Portable, PortableFloats, PortableInts,
};

/// Declares an import and calls it. `unsafe` is whoever uses it for one that accesses memory.
macro_rules! import {
    ($name:expr, ($($type:ty),*) -> $result:ty, ($($value:expr),*)) => {{
        #[link(wasm_import_module = "dotvm")]
        extern "C" {
            #[link_name = $name]
            fn import($(_: $type),*) -> $result;
        }
        import($($value),*)
    }};
}

/// A limb's type, for each index.
macro_rules! limb_type {
    ($index:literal) => {
        u64
    };
}

/// Calls an import with scalars and up to three vectors given by name.
macro_rules! call {
    ([$($i:literal)*] $name:expr, $result:ty;) => {
        import!($name, () -> $result, ())
    };
    ([$($i:literal)*] $name:expr, $result:ty; $a:ident) => {
        import!($name, ($(limb_type!($i)),*) -> $result, ($($a[$i]),*))
    };
    ([$($i:literal)*] $name:expr, $result:ty; $a:ident, $scalar:ident: $type:ty) => {
        import!($name, ($(limb_type!($i),)* $type) -> $result, ($($a[$i],)* $scalar))
    };
    ([$($i:literal)*] $name:expr, $result:ty; $scalar:ident: $type:ty) => {
        import!($name, ($type) -> $result, ($scalar))
    };
    ([$($i:literal)*] $name:expr, $result:ty; $scalar:ident: $type:ty, $a:ident) => {
        import!($name, ($type $(, limb_type!($i))*) -> $result, ($scalar $(, $a[$i])*))
    };
    ([$($i:literal)*] $name:expr, $result:ty; $a:ident $b:ident) => {
        import!(
            $name, ($(limb_type!($i),)* $(limb_type!($i)),*) -> $result, ($($a[$i],)* $($b[$i]),*)
        )
    };
    ([$($i:literal)*] $name:expr, $result:ty; $a:ident $b:ident $c:ident) => {
        import!(
            $name, ($(limb_type!($i),)* $(limb_type!($i),)* $(limb_type!($i)),*) -> $result,
            ($($a[$i],)* $($b[$i],)* $($c[$i]),*)
        )
    };
}

/// The vector whose lowest limb an instruction has just returned.
#[cfg(dotvm = "v256")]
#[inline(always)]
pub(super) fn v256<const N: usize>(lowest: u64) -> [u64; N] {
    let mut limbs = [0; N];
    limbs[0] = lowest;
    // SAFETY: these imports are instructions, which compute on values only.
    unsafe {
        limbs[1] = call!([] "v256.limb1", u64;);
        limbs[2] = call!([] "v256.limb2", u64;);
        limbs[3] = call!([] "v256.limb3", u64;);
    }
    limbs
}

/// The same of 512 bits.
#[cfg(dotvm = "v512")]
#[inline(always)]
pub(super) fn v512<const N: usize>(lowest: u64) -> [u64; N] {
    let mut limbs = [0; N];
    limbs[0] = lowest;
    // SAFETY: these imports are instructions, which compute on values only.
    unsafe {
        limbs[1] = call!([] "v512.limb1", u64;);
        limbs[2] = call!([] "v512.limb2", u64;);
        limbs[3] = call!([] "v512.limb3", u64;);
        limbs[4] = call!([] "v512.limb4", u64;);
        limbs[5] = call!([] "v512.limb5", u64;);
        limbs[6] = call!([] "v512.limb6", u64;);
        limbs[7] = call!([] "v512.limb7", u64;);
    }
    limbs
}

/// An instruction by its names for both widths, with what its result is: a vector, or what a function makes of
/// what the import returns. Behind `else` is what is computed for other widths.
macro_rules! instruction {
    ($short:expr, $long:expr, vector; $($rest:tt)*) => {
        instruction!(
            @ $short, u64, $crate::simd::machine::v256; $long, u64, $crate::simd::machine::v512;
            $($rest)*
        )
    };
    ($short:expr, $long:expr, $result:ty as $as:path; $($rest:tt)*) => {
        instruction!(@ $short, $result, $as; $long, $result, $as; $($rest)*)
    };
    (@ $short:expr, $short_result:ty, $short_as:path; $long:expr, $long_result:ty, $long_as:path;
     ($($args:tt)*) else $portable:expr) => {
        match N {
            // SAFETY: the import is an instruction of that signature, which computes on values only, or
            // accesses memory that whoever names it has looked at.
            #[cfg(dotvm = "v256")]
            4 => $short_as(unsafe { call!([0 1 2 3] $short, $short_result; $($args)*) }),
            // SAFETY: as above.
            #[cfg(dotvm = "v512")]
            8 => $long_as(unsafe { call!([0 1 2 3 4 5 6 7] $long, $long_result; $($args)*) }),
            _ => $portable,
        }
    };
}

/// The instruction of a lane's type with that operation, or what the trait has for any target.
macro_rules! operation {
    (($lane:ident $trait:ident $short:literal $long:literal) $op:expr, bytes_mask; $a:ident; $name:ident) => {
        instruction!(
            @ concat!($short, ".", $op), u32, u64::from; concat!($long, ".", $op), u64, u64::from;
            ($a) else <$lane as $trait>::$name($a)
        )
    };
    (($lane:ident $trait:ident $short:literal $long:literal) $op:expr, $result:ty as $as:path;
     $($a:ident)*; $name:ident) => {
        instruction!(
            concat!($short, ".", $op), concat!($long, ".", $op), $result as $as;
            ($($a)*) else <$lane as $trait>::$name($($a),*)
        )
    };
    (($lane:ident $trait:ident $short:literal $long:literal) $op:expr;
     $($a:ident)* $(, $scalar:ident: $type:ty)?; $name:ident) => {
        instruction!(
            concat!($short, ".", $op), concat!($long, ".", $op), vector;
            ($($a)* $(, $scalar: $type)?) else <$lane as $trait>::$name($($a,)* $($scalar)?)
        )
    };
}

/// A method that is an instruction.
macro_rules! method {
    ($of:tt $lane:ident $scalar:ident one $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N]) -> [u64; N] {
            operation!($of $op; a; $name)
        }
    };
    ($of:tt $lane:ident $scalar:ident two $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
            operation!($of $op; a b; $name)
        }
    };
    ($of:tt $lane:ident $scalar:ident three $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N], c: [u64; N]) -> [u64; N] {
            operation!($of $op; a b c; $name)
        }
    };
    ($of:tt $lane:ident $scalar:ident shift $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], count: u32) -> [u64; N] {
            operation!($of $op; a, count: u32; $name)
        }
    };
    (($of:ident $trait:ident $short:literal $long:literal) $lane:ident $scalar:ident
     splat $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(value: $lane) -> [u64; N] {
            let scalar = value as $scalar;
            instruction!(
                concat!($short, ".", $op), concat!($long, ".", $op), vector;
                (scalar: $scalar) else <$lane as $trait>::$name(value)
            )
        }
    };
    ($of:tt $lane:ident $scalar:ident fold $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N]) -> $lane {
            #[inline(always)]
            fn lane(value: $scalar) -> $lane {
                value as $lane
            }
            operation!($of $op, $scalar as lane; a; $name)
        }
    };
    ($of:tt $lane:ident $scalar:ident flag $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N]) -> bool {
            operation!($of $op, u32 as flag; a; $name)
        }
    };
    ($of:tt $lane:ident $scalar:ident mask $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N]) -> u64 {
            operation!($of $op, u32 as u64::from; a; $name)
        }
    };
    // Of more than one instruction, the main one of which is named.
    ($of:tt $lane:ident $scalar:ident product $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
            multiply_bytes(a, b)
        }
    };
    ($of:tt $lane:ident $scalar:ident least $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
            functions::select(<$lane as Operations>::lt(a, b), a, b)
        }
    };
    ($of:tt $lane:ident $scalar:ident greatest $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
            functions::select(<$lane as Operations>::lt(b, a), a, b)
        }
    };
    ($of:tt $lane:ident $scalar:ident flipped $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
            <i64 as Operations>::$name(flipped(a), flipped(b))
        }
    };
    ($of:tt $lane:ident $scalar:ident bytes_mask $name:ident $op:expr) => {
        #[inline(always)]
        fn $name<const N: usize>(a: [u64; N]) -> u64 {
            operation!($of $op, bytes_mask; a; $name)
        }
    };
}

/// Operations that are instructions, or few: for lanes of that type, passed as scalars of the next one, with both
/// shapes. A row is the kind of instruction, the operation and the end of the instruction's name.
macro_rules! instructions {
    ($($here:ident, $trait:ident for $lane:ident as $scalar:ident, $short:literal $long:literal {
        $($kind:ident $name:ident = $op:expr;)*
    })*) => {
        $(
            impl $here for $lane {
                $(method!(($lane $trait $short $long) $lane $scalar $kind $name $op);)*
            }
        )*
    };
}

/// The instructions of integers of up to 32 bits, with what kinds of instructions products and masks are, and
/// what only some lanes have.
macro_rules! integers {
    ($($lane:ident as $scalar:ident, $short:literal $long:literal, $mul:ident, $bitmask:ident, $sign:ident,
       $overflow:ident;)*) => {
        $(integers!(@ $sign $overflow $lane as $scalar, $short $long, $mul, $bitmask);)*
    };
    (@ signed $overflow:ident $($row:tt)*) => {
        integers!(@@ $overflow "" {
            one neg = "neg";
            one abs = "abs";
        } $($row)*);
    };
    (@ unsigned $overflow:ident $($row:tt)*) => {
        integers!(@@ $overflow "_u" {} $($row)*);
    };
    (@@ saturating $sign:literal $more:tt $($row:tt)*) => {
        integers!(@@@ $sign $more {
            two add_sat = concat!("add_sat", $sign);
            two sub_sat = concat!("sub_sat", $sign);
        } $($row)*);
    };
    (@@ wrapping $sign:literal $more:tt $($row:tt)*) => {
        integers!(@@@ $sign $more {} $($row)*);
    };
    (@@@ $sign:literal {$($more:tt)*} {$($more_ints:tt)*}
     $lane:ident as $scalar:ident, $short:literal $long:literal, $mul:ident, $bitmask:ident) => {
        instructions! {
            Operations, Portable for $lane as $scalar, $short $long {
                splat splat = "splat";
                two add = "add";
                two sub = "sub";
                $mul mul = "mul";
                two min = concat!("min", $sign);
                two max = concat!("max", $sign);
                two eq = "eq";
                two ne = "ne";
                two lt = concat!("lt", $sign);
                two le = concat!("le", $sign);
                fold reduce_add = "reduce_add";
                fold reduce_min = concat!("reduce_min", $sign);
                fold reduce_max = concat!("reduce_max", $sign);
                flag all = "all_true";
                $bitmask bitmask = "bitmask";
                $($more)*
            }
            IntOperations, PortableInts for $lane as $scalar, $short $long {
                shift shl = "shl";
                shift shr = concat!("shr", $sign);
                $($more_ints)*
            }
        }
    };
}

/// The instructions of floats.
macro_rules! floats {
    ($($lane:ident, $short:literal $long:literal)*) => {
        $(instructions! {
            Operations, Portable for $lane as $lane, $short $long {
                splat splat = "splat";
                two add = "add";
                two sub = "sub";
                two mul = "mul";
                one neg = "neg";
                one abs = "abs";
                two min = "min";
                two max = "max";
                two eq = "eq";
                two ne = "ne";
                two lt = "lt";
                two le = "le";
                fold reduce_add = "reduce_add";
                fold reduce_min = "reduce_min";
                fold reduce_max = "reduce_max";
            }
            FloatOperations, PortableFloats for $lane as $lane, $short $long {
                two div = "div";
                one sqrt = "sqrt";
                one ceil = "ceil";
                one floor = "floor";
                one trunc = "trunc";
                one nearest = "nearest";
                three fma = "fma";
                three fnma = "fnma";
            }
        })*
    };
}

#[inline(always)]
fn flag(value: u32) -> bool {
    value != 0
}

/// Where signs are flipped, unsigned numbers compare as signed ones do.
#[inline(always)]
fn flipped<const N: usize>(a: [u64; N]) -> [u64; N] {
    functions::xor(a, <u64 as Operations>::splat(1 << 63))
}

/// Products of bytes: those of the lower and of the upper ones of each pair, in 16 bits.
#[inline(always)]
fn multiply_bytes<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    let low = <u16 as Operations>::mul(a, b);
    let upper = |a| <u16 as IntOperations>::shr(a, 8);
    let high = <u16 as IntOperations>::shl(<u16 as Operations>::mul(upper(a), upper(b)), 8);
    functions::select(<u16 as Operations>::splat(0xff), low, high)
}

integers! {
    i8 as i32, "i8x32" "i8x64", product, bytes_mask, signed, saturating;
    u8 as u32, "i8x32" "i8x64", product, bytes_mask, unsigned, saturating;
    i16 as i32, "i16x16" "i16x32", two, mask, signed, saturating;
    u16 as u32, "i16x16" "i16x32", two, mask, unsigned, saturating;
    i32 as i32, "i32x8" "i32x16", two, mask, signed, wrapping;
    u32 as u32, "i32x8" "i32x16", two, mask, unsigned, wrapping;
}

floats! {
    f32, "f32x8" "f32x16"
    f64, "f64x4" "f64x8"
}

instructions! {
    Operations, Portable for i64 as i64, "i64x4" "i64x8" {
        splat splat = "splat";
        two add = "add";
        two sub = "sub";
        two mul = "mul";
        one neg = "neg";
        one abs = "abs";
        least min = "lt";
        greatest max = "lt";
        two eq = "eq";
        two ne = "ne";
        two lt = "lt";
        two le = "le";
        fold reduce_add = "reduce_add";
        flag all = "all_true";
        mask bitmask = "bitmask";
    }
    IntOperations, PortableInts for i64 as i64, "i64x4" "i64x8" {
        shift shl = "shl";
        shift shr = "shr";
    }
    Operations, Portable for u64 as u64, "i64x4" "i64x8" {
        splat splat = "splat";
        two add = "add";
        two sub = "sub";
        two mul = "mul";
        least min = "lt";
        greatest max = "lt";
        two eq = "eq";
        two ne = "ne";
        flipped lt = "lt";
        flipped le = "le";
        fold reduce_add = "reduce_add";
        flag all = "all_true";
        mask bitmask = "bitmask";
    }
    IntOperations, PortableInts for u64 as u64, "i64x4" "i64x8" {
        shift shl = "shl";
        shift shr = "shr_u";
    }
}
