//! Big integers by the machine's instructions. A program cannot hold references, so numbers are in *slots* of a table
//! that belongs to the machine, which collects what no slot has. Which slots are free is known here.

#![allow(unsafe_code)]

use alloc::vec;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::cmp::Ordering;
use core::sync::atomic::{AtomicBool, Ordering as Order};

/// Declares functions that are imports of module `dotvm`. What gives a number takes the slot for it first.
macro_rules! imports {
    ($($name:ident = $mnemonic:literal ($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        mod raw {
            #[link(wasm_import_module = "dotvm")]
            extern "C" {
                $(
                    #[link_name = $mnemonic]
                    pub(super) fn $name($($arg: $type),*) $(-> $result)?;
                )*
            }
        }
    };
}

imports! {
    grow = "slots.grow" (count: u32) -> u32;
    is_used = "slots.is_used" (slot: u32) -> u32;
    copy = "slots.copy" (dst: u32, src: u32);
    clear = "slots.clear" (slot: u32);
    from_i64 = "big.from_i64" (dst: u32, value: i64);
    from_u64 = "big.from_i64_u" (dst: u32, value: u64);
    from_bytes = "big.from_bytes" (dst: u32, src: *const u8, len: usize);
    to_bytes = "big.to_bytes" (a: u32, dst: *mut u8, len: usize) -> usize;
    from_text = "big.from_text" (dst: u32, src: *const u8, len: usize, radix: u32);
    to_text = "big.to_text" (a: u32, radix: u32, dst: *mut u8, len: usize) -> usize;
    add = "big.add" (dst: u32, a: u32, b: u32);
    sub = "big.sub" (dst: u32, a: u32, b: u32);
    mul = "big.mul" (dst: u32, a: u32, b: u32);
    div = "big.div" (dst: u32, a: u32, b: u32);
    rem = "big.rem" (dst: u32, a: u32, b: u32);
    div_floor = "big.div_floor" (dst: u32, a: u32, b: u32);
    rem_floor = "big.rem_floor" (dst: u32, a: u32, b: u32);
    neg = "big.neg" (dst: u32, a: u32);
    abs = "big.abs" (dst: u32, a: u32);
    sign = "big.sign" (a: u32) -> i32;
    cmp = "big.cmp" (a: u32, b: u32) -> i32;
    gcd = "big.gcd" (dst: u32, a: u32, b: u32);
    lcm = "big.lcm" (dst: u32, a: u32, b: u32);
    pow = "big.pow" (dst: u32, a: u32, exponent: u32);
    pow_mod = "big.powmod" (dst: u32, a: u32, exponent: u32, modulus: u32);
    inv_mod = "big.invmod" (dst: u32, a: u32, modulus: u32);
    sqrt = "big.sqrt" (dst: u32, a: u32);
    root = "big.root" (dst: u32, a: u32, n: u32);
    is_prime = "big.is_prime" (a: u32) -> u32;
    and = "big.and" (dst: u32, a: u32, b: u32);
    or = "big.or" (dst: u32, a: u32, b: u32);
    xor = "big.xor" (dst: u32, a: u32, b: u32);
    not = "big.not" (dst: u32, a: u32);
    shl = "big.shl" (dst: u32, a: u32, count: u32);
    shr = "big.shr" (dst: u32, a: u32, count: u32);
    bits = "big.bits" (a: u32) -> u32;
    ones = "big.ones" (a: u32) -> u32;
    bit = "big.bit" (a: u32, index: u32) -> u32;
    zeros = "big.zeros" (a: u32) -> u32;
}

/// Slots that no number has.
struct Free {
    taken: AtomicBool,
    slots: UnsafeCell<Vec<u32>>,
}

// SAFETY: who sets `taken` has the list for themselves until they clear it.
unsafe impl Sync for Free {}

static FREE: Free = Free {
    taken: AtomicBool::new(false),
    slots: UnsafeCell::new(Vec::new()),
};

impl Free {
    fn with<T>(&self, body: impl FnOnce(&mut Vec<u32>) -> T) -> T {
        while self.taken.swap(true, Order::Acquire) {
            core::hint::spin_loop();
        }
        // SAFETY: nobody else has the list now.
        let result = body(unsafe { &mut *self.slots.get() });
        self.taken.store(false, Order::Release);
        result
    }
}

/// A number: its slot.
#[derive(Debug)]
pub(crate) struct Number(u32);

impl Number {
    /// A slot with nothing in it.
    fn empty() -> Number {
        FREE.with(|free| {
            if free.is_empty() {
                // SAFETY: it makes an import's table longer.
                let first = unsafe { raw::grow(GROWTH) };
                assert!(first != u32::MAX, "no room for more big integers");
                // The lists of free slots never has to grow where slots are given back.
                free.reserve((first + GROWTH) as usize);
                free.extend((first..first + GROWTH).rev());
            }
            Number(free.pop().expect("there are some now"))
        })
    }

    /// The number that `fill` puts in the slot that it gets.
    fn filled(fill: impl FnOnce(u32)) -> Number {
        let number = Number::empty();
        fill(number.0);
        number
    }

    /// The same, where there is one.
    fn optional(fill: impl FnOnce(u32)) -> Option<Number> {
        let number = Number::filled(fill);
        // SAFETY: the slot is there.
        match unsafe { raw::is_used(number.0) } {
            0 => None,
            _ => Some(number),
        }
    }
}

/// Slots that there are more of whenever there are too few.
const GROWTH: u32 = 64;

impl Clone for Number {
    fn clone(&self) -> Number {
        // SAFETY: both slots are there.
        Number::filled(|to| unsafe { raw::copy(to, self.0) })
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: the slot is there.
        unsafe { raw::clear(self.0) };
        FREE.with(|free| free.push(self.0));
    }
}

/// Functions that are an instruction of numbers which gives a number.
macro_rules! functions {
    ($($name:ident ($($number:ident)* $(; $scalar:ident)?);)*) => {
        $(
            pub(crate) fn $name($($number: &Number,)* $($scalar: u32)?) -> Number {
                // SAFETY: all slots are there.
                Number::filled(|to| unsafe { raw::$name(to, $($number.0,)* $($scalar)?) })
            }
        )*
    };
}

functions! {
    add (a b);
    sub (a b);
    mul (a b);
    div (a b);
    rem (a b);
    div_floor (a b);
    rem_floor (a b);
    neg (a);
    abs (a);
    gcd (a b);
    lcm (a b);
    pow (a; exponent);
    pow_mod (a exponent modulus);
    sqrt (a);
    root (a; n);
    and (a b);
    or (a b);
    xor (a b);
    not (a);
    shl (a; count);
    shr (a; count);
}

pub(crate) fn from_i64(value: i64) -> Number {
    // SAFETY: the slot is there.
    Number::filled(|to| unsafe { raw::from_i64(to, value) })
}

pub(crate) fn from_u64(value: u64) -> Number {
    // SAFETY: the slot is there.
    Number::filled(|to| unsafe { raw::from_u64(to, value) })
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Number {
    // SAFETY: the instruction reads the slice.
    Number::filled(|to| unsafe { raw::from_bytes(to, bytes.as_ptr(), bytes.len()) })
}

pub(crate) fn to_bytes(a: &Number) -> Vec<u8> {
    let mut out = vec![0; bits(a) as usize / 8 + 1];
    // SAFETY: the instruction writes the slice.
    let len = unsafe { raw::to_bytes(a.0, out.as_mut_ptr(), out.len()) };
    out.truncate(len);
    out
}

pub(crate) fn from_text(text: &[u8], radix: u32) -> Option<Number> {
    // SAFETY: the instruction reads the slice.
    Number::optional(|to| unsafe { raw::from_text(to, text.as_ptr(), text.len(), radix) })
}

pub(crate) fn to_text(a: &Number, radix: u32) -> Vec<u8> {
    // A digit has at least as many bits as the logarithm of the base, rounded down; a sign is in front.
    let digit_bits = 31 - radix.leading_zeros();
    let mut out = vec![0; (bits(a) / digit_bits) as usize + 2];
    // SAFETY: the instruction writes the slice.
    let len = unsafe { raw::to_text(a.0, radix, out.as_mut_ptr(), out.len()) };
    out.truncate(len);
    out
}

pub(crate) fn inv_mod(a: &Number, modulus: &Number) -> Option<Number> {
    // SAFETY: all slots are there.
    Number::optional(|to| unsafe { raw::inv_mod(to, a.0, modulus.0) })
}

pub(crate) fn sign(a: &Number) -> i32 {
    // SAFETY: the slot is there.
    unsafe { raw::sign(a.0) }
}

pub(crate) fn cmp(a: &Number, b: &Number) -> Ordering {
    // SAFETY: both slots are there.
    unsafe { raw::cmp(a.0, b.0) }.cmp(&0)
}

pub(crate) fn is_prime(a: &Number) -> bool {
    // SAFETY: the slot is there.
    unsafe { raw::is_prime(a.0) == 1 }
}

pub(crate) fn bits(a: &Number) -> u32 {
    // SAFETY: the slot is there.
    unsafe { raw::bits(a.0) }
}

pub(crate) fn ones(a: &Number) -> u32 {
    // SAFETY: the slot is there.
    unsafe { raw::ones(a.0) }
}

pub(crate) fn bit(a: &Number, index: u32) -> bool {
    // SAFETY: the slot is there.
    unsafe { raw::bit(a.0, index) == 1 }
}

/// Zeros that it ends with; nothing for 0.
pub(crate) fn zeros(a: &Number) -> Option<u32> {
    // SAFETY: the slot is there.
    match unsafe { raw::zeros(a.0) } {
        u32::MAX => None,
        zeros => Some(zeros),
    }
}
