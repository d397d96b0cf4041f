//! The machine's instructions as imports of module `dotvm`, named as the instructions are. The transpiler
//! replaces each call by the instruction.
//!
//! Operands are passed as limbs, the lowest first; counts and carries as they are. A call returns the lowest
//! limb of its result. The others are what calls of `limb1`, `limb2` … return that follow in the same
//! function; of an instruction with two results, they go on with the limbs of the second, or `flag` is the
//! second. So operands and results are values: nothing goes through memory.

#![allow(unsafe_code)]

/// Declares an import and calls it.
macro_rules! import {
    ($width:literal . $name:literal ($($type:ty),*) -> $result:ty, ($($value:expr),*)) => {{
        #[link(wasm_import_module = "dotvm")]
        extern "C" {
            #[link_name = concat!($width, ".", $name)]
            fn import($(_: $type),*) -> $result;
        }
        // SAFETY: the import is an instruction of that signature, which computes on values only.
        unsafe { import($($value),*) }
    }};
}

/// A limb's type, for each index.
macro_rules! limb_type {
    ($index:literal) => {
        u64
    };
}

/// Calls an instruction with one to three words given by name, and a scalar behind one or two of them. What it
/// returns is a scalar or the lowest limb.
macro_rules! call {
    ($width:literal . $name:literal -> $result:ty, [$($i:literal)*] $a:ident) => {
        import!($width . $name ($(limb_type!($i)),*) -> $result, ($($a[$i]),*))
    };
    ($width:literal . $name:literal -> $result:ty, [$($i:literal)*] $a:ident; $scalar:expr) => {
        import!(
            $width . $name ($(limb_type!($i),)* u32) -> $result, ($($a[$i],)* $scalar)
        )
    };
    ($width:literal . $name:literal -> $result:ty, [$($i:literal)*] $a:ident $b:ident) => {
        import!(
            $width . $name ($(limb_type!($i),)* $(limb_type!($i)),*) -> $result,
            ($($a[$i],)* $($b[$i]),*)
        )
    };
    ($width:literal . $name:literal -> $result:ty, [$($i:literal)*] $a:ident $b:ident; $scalar:expr) => {
        import!(
            $width . $name ($(limb_type!($i),)* $(limb_type!($i),)* u32) -> $result,
            ($($a[$i],)* $($b[$i],)* $scalar)
        )
    };
    ($width:literal . $name:literal -> $result:ty, [$($i:literal)*] $a:ident $b:ident $c:ident) => {
        import!(
            $width . $name ($(limb_type!($i),)* $(limb_type!($i),)* $(limb_type!($i)),*) -> $result,
            ($($a[$i],)* $($b[$i],)* $($c[$i]),*)
        )
    };
}

/// Functions that are an instruction each: its operands, and what its result is.
macro_rules! functions {
    ($width:literal $indices:tt $(
        $name:ident = $mnemonic:literal ($($word:ident)* $(; $scalar:ident: $type:ty)?) -> $result:ident;
    )*) => {
        $(
            #[inline(always)]
            pub(in crate::machine) fn $name(
                $($word: Word,)* $($scalar: $type)?
            ) -> result_type!($result) {
                $result(call!(
                    $width . $mnemonic -> call_type!($result),
                    $indices $($word)* $(; u32::from($scalar))?
                ))
            }
        )*
    };
}

/// The type of a result.
macro_rules! result_type {
    (word) => {
        Word
    };
    (two_words) => {
        (Word, Word)
    };
    (word_and_flag) => {
        (Word, bool)
    };
    (flag) => {
        bool
    };
}

/// What the call returns of it.
macro_rules! call_type {
    (flag) => {
        u32
    };
    ($words:ident) => {
        u64
    };
}

/// The instructions of one width. The lists are the indices of a word's limbs, and the names of what is left of
/// results: of the first result, and of a second one.
macro_rules! width {
    ($module:ident = $width:literal, $limbs:literal, $indices:tt,
     [$($rest:literal)*], [$($second:literal)*]) => {
        pub(super) mod $module {
            type Word = [u64; $limbs];

            /// The result whose lowest limb an instruction has just returned.
            #[inline(always)]
            fn word(lowest: u64) -> Word {
                [lowest, $(import!($width . $rest () -> u64, ())),*]
            }

            /// The same of an instruction with two results.
            #[inline(always)]
            fn two_words(lowest: u64) -> (Word, Word) {
                (word(lowest), [$(import!($width . $second () -> u64, ())),*])
            }

            /// The same where the second one is a carry or the like.
            #[inline(always)]
            fn word_and_flag(lowest: u64) -> (Word, bool) {
                (word(lowest), flag(import!($width . "flag" () -> u32, ())))
            }

            #[inline(always)]
            fn flag(value: u32) -> bool {
                value != 0
            }

            functions! {
                $width $indices
                add = "add" (a b) -> word;
                sub = "sub" (a b) -> word;
                mul = "mul" (a b) -> word;
                add_carry = "add_carry" (a b; carry: bool) -> word_and_flag;
                sub_borrow = "sub_borrow" (a b; borrow: bool) -> word_and_flag;
                mul_wide = "mul_wide_u" (a b) -> two_words;
                mul_overflow = "mul_overflow_u" (a b) -> word_and_flag;
                mul_overflow_signed = "mul_overflow" (a b) -> word_and_flag;
                div = "div_u" (a b) -> word;
                div_signed = "div" (a b) -> word;
                rem = "mod_u" (a b) -> word;
                rem_signed = "mod" (a b) -> word;
                div_rem = "divmod_u" (a b) -> two_words;
                div_rem_signed = "divmod" (a b) -> two_words;
                shl = "shl" (a; count: u32) -> word;
                shr = "shr_u" (a; count: u32) -> word;
                shr_signed = "shr" (a; count: u32) -> word;
                rotl = "rotl" (a; count: u32) -> word;
                rotr = "rotr" (a; count: u32) -> word;
                lt = "lt_u" (a b) -> flag;
                lt_signed = "lt" (a b) -> flag;
                add_mod = "addmod" (a b modulus) -> word;
                mul_mod = "mulmod" (a b modulus) -> word;
                pow_mod = "powmod" (base exponent modulus) -> word;
                inv_mod = "invmod" (a modulus) -> word;
                exp = "exp" (base exponent) -> word;
                isqrt = "isqrt" (a) -> word;
                gcd = "gcd" (a b) -> word;
            }
        }
    };
}

#[cfg(dotvm = "i128")]
width!(i128 = "i128", 2, [0 1], ["limb1"], ["limb2" "limb3"]);
#[cfg(dotvm = "i256")]
width!(
    i256 = "i256", 4, [0 1 2 3],
    ["limb1" "limb2" "limb3"],
    ["limb4" "limb5" "limb6" "limb7"]
);
#[cfg(dotvm = "i512")]
width!(
    i512 = "i512", 8, [0 1 2 3 4 5 6 7],
    ["limb1" "limb2" "limb3" "limb4" "limb5" "limb6" "limb7"],
    ["limb8" "limb9" "limb10" "limb11" "limb12" "limb13" "limb14" "limb15"]
);
