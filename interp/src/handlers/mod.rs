//! Handlers: what each threaded instruction does, generic over where operands come from.
//!
//! An instruction's kind is a type such as `Bin<I32Add, A, B, ToSlot>`: the pure function from
//! [`dotvm_isa::semantics`], where its operands are, and where the result goes. The compiler makes
//! one handler of each such type that lowering asks for.

pub(crate) mod calls;
pub(crate) mod control;
pub(crate) mod debug;
pub(crate) mod memory;
pub(crate) mod moves;
pub(crate) mod native;
pub(crate) mod numeric;
pub(crate) mod spans;
#[cfg(dotvm_tail_dispatch)]
pub(crate) mod vector_x86;

use std::marker::PhantomData;

use dotvm_isa::semantics::SlotValue;

use crate::machine::Regs;

impl Regs {
    /// The 16-bit operand field at byte `at` of the instruction.
    #[inline(always)]
    pub(crate) unsafe fn field(&self, at: usize) -> usize {
        // SAFETY: every instruction has a first operand word, and `at` lies within it.
        unsafe { usize::from(*self.ip.byte_add(at).cast::<u16>()) }
    }

    /// The 32-bit operand field at byte 12 of the instruction.
    #[inline(always)]
    pub(crate) unsafe fn wide_field(&self) -> u32 {
        // SAFETY: as above.
        unsafe { *self.ip.byte_add(12).cast::<u32>() }
    }

    /// The word `at` words after the instruction's first.
    #[inline(always)]
    pub(crate) unsafe fn word(&self, at: usize) -> u64 {
        // SAFETY: the instruction's kind says that it has that word.
        unsafe { *self.ip.add(at) }
    }

    /// Address of a slot of the frame.
    #[inline(always)]
    pub(crate) unsafe fn slot(&self, index: usize) -> *mut u64 {
        // SAFETY: lowering only names slots of the function's frame, which `enter` made sure are
        // on the stack.
        unsafe { self.fp.add(index) }
    }

    /// Moves on by `words`.
    #[inline(always)]
    pub(crate) unsafe fn advance(&mut self, words: usize) {
        // SAFETY: the instruction has that many words, and another one follows it.
        self.ip = unsafe { self.ip.add(words) };
    }

    /// Reads memory 0's bounds again after something that may have changed them.
    #[inline(always)]
    pub(crate) unsafe fn reload_memory(&mut self) {
        // SAFETY: `ctx.memory` is valid while guest code runs.
        unsafe {
            let memory = (*self.ctx).memory;
            self.mem = (*memory).base;
            self.len = (*memory).len;
        }
    }
}

/// A value of one slot: how it is kept in accumulators and slots.
pub(crate) trait Value: SlotValue {
    /// Where constants of this type stand in `Bin` instructions.
    type Const: Get<Self>;
    fn from_acc(r: &Regs) -> Self;
    fn to_acc(self, r: &mut Regs);
}

macro_rules! values {
    ($($ty:ty: $konst:ty, |$r:ident| $from:expr, |$v:ident, $s:ident| $to:expr;)*) => {
        $(impl Value for $ty {
            type Const = $konst;
            #[inline(always)]
            fn from_acc($r: &Regs) -> $ty {
                $from
            }
            #[inline(always)]
            fn to_acc(self, $s: &mut Regs) {
                let $v = self;
                $to
            }
        })*
    };
}

values! {
    u32: Imm, |r| r.acc as u32, |v, r| r.acc = u64::from(v);
    u64: Wide, |r| r.acc, |v, r| r.acc = v;
    f32: Imm, |r| r.f32, |v, r| r.f32 = v;
    f64: Wide, |r| r.f64, |v, r| r.f64 = v;
}

/// A place operands come from.
pub(crate) trait Get<T> {
    /// Operand words after the first one that it takes.
    const WORDS: usize;
    /// The operand.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has this operand.
    unsafe fn get(r: &Regs) -> T;
}

/// The type's accumulator.
pub(crate) struct Acc;
/// The slot named at byte 8.
pub(crate) struct S8;
/// The slot named at byte 10.
pub(crate) struct S10;
/// The slot named at byte 12.
pub(crate) struct S12;
/// The slot named at byte 16.
pub(crate) struct S16;
/// The 32 bits at byte 12.
pub(crate) struct Imm;
/// The second operand word.
pub(crate) struct Wide;
/// Zero.
pub(crate) struct Zero;
/// The wrapping sum of two operands.
pub(crate) struct Sum<A, B>(PhantomData<(A, B)>);
/// The slot named at byte 10, after adding the 32 bits at byte 16 to it.
pub(crate) struct Stepped;
/// The 32 bits at byte 20, in an instruction with [`Stepped`].
pub(crate) struct High;

impl<T: Value> Get<T> for Acc {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> T {
        T::from_acc(r)
    }
}

macro_rules! slots {
    ($($name:ident $at:literal $words:literal)*) => {
        $(impl<T: Value> Get<T> for $name {
            const WORDS: usize = $words;
            #[inline(always)]
            unsafe fn get(r: &Regs) -> T {
                // SAFETY: the caller's promise; verified code reads initialized slots only.
                T::from_slot(unsafe { *r.slot(r.field($at)) })
            }
        })*
    };
}
slots! { S8 8 0 S10 10 0 S12 12 0 S16 16 1 }

impl<T: Value> Get<T> for Imm {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> T {
        // SAFETY: the caller's promise.
        T::from_slot(u64::from(unsafe { r.wide_field() }))
    }
}

impl<T: Value> Get<T> for Wide {
    const WORDS: usize = 1;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> T {
        // SAFETY: the caller's promise.
        T::from_slot(unsafe { r.word(2) })
    }
}

impl Get<u32> for Zero {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(_: &Regs) -> u32 {
        0
    }
}

impl<A: Get<u32>, B: Get<u32>> Get<u32> for Sum<A, B> {
    const WORDS: usize = A::WORDS + B::WORDS;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> u32 {
        // SAFETY: the caller's promise, for both operands.
        unsafe { A::get(r).wrapping_add(B::get(r)) }
    }
}

impl Get<u32> for Stepped {
    const WORDS: usize = 1;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> u32 {
        // SAFETY: the caller's promise; the slot is one of the frame.
        unsafe {
            let slot = r.slot(r.field(10));
            let value = (*slot as u32).wrapping_add(r.word(2) as u32);
            *slot = u64::from(value);
            value
        }
    }
}

impl Get<u32> for High {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(r: &Regs) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { (r.word(2) >> 32) as u32 }
    }
}

/// Where a result goes.
pub(crate) trait Put {
    /// Puts it there.
    ///
    /// # Safety
    /// `r.ip` is at an instruction with this destination.
    unsafe fn put<T: Value>(r: &mut Regs, value: T);
}

/// To the accumulator of its type.
pub(crate) struct ToAcc;
/// To the accumulator of its type and the slot named at byte 8.
pub(crate) struct ToSlot;

impl Put for ToAcc {
    #[inline(always)]
    unsafe fn put<T: Value>(r: &mut Regs, value: T) {
        value.to_acc(r);
    }
}

impl Put for ToSlot {
    #[inline(always)]
    unsafe fn put<T: Value>(r: &mut Regs, value: T) {
        // SAFETY: the caller's promise.
        unsafe { *r.slot(r.field(8)) = value.to_slot() };
        value.to_acc(r);
    }
}
