//! Vectors: operands from slots, results to slots. Results that are no vectors go where those of other
//! instructions go.

use std::marker::PhantomData;

use dotvm_isa::TrapCode;
use dotvm_isa::semantics::{
    ByteLanes, Immediates, Lane, LaneLoad, LaneStore, LoadOp, Operand, Operands, StoreOp, V128,
    Vector,
};

use super::memory::{Numbered, far};
use super::{Get, Put, S10, Value};
use crate::machine::{Exec, Flow, Regs};

/// A value that can be read from a slot or from words of an instruction.
pub(crate) trait FromSlot: Operand {
    /// Reads it there.
    ///
    /// # Safety
    /// `at` has as many slots as the type.
    unsafe fn read(at: *const u64) -> Self;
}

macro_rules! from_slot {
    ($($ty:ty)*) => {
        $(impl FromSlot for $ty {
            #[inline(always)]
            unsafe fn read(at: *const u64) -> $ty {
                // SAFETY: the caller's promise.
                <$ty as Operand>::from_bits(u128::from(unsafe { *at }))
            }
        })*
    };
}
from_slot! { u32 u64 f32 f64 }

impl FromSlot for V128 {
    #[inline(always)]
    unsafe fn read(at: *const u64) -> V128 {
        // SAFETY: the caller's promise.
        unsafe { at.cast::<V128>().read_unaligned() }
    }
}

/// Where the operands of an instruction are.
pub(crate) trait Form {
    /// Words that the last operand takes, behind the first operand word.
    const WORDS: usize;
    /// The last operand, whose slot would be named at byte `at`.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has this operand.
    unsafe fn last<T: FromSlot>(r: &Regs, at: usize) -> T;
}

/// All in slots, named at bytes 10, 12 and 14.
pub(crate) struct Slots;
/// The last one in words 2 and 3, the others as in [`Slots`].
pub(crate) struct ConstLast;

impl Form for Slots {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn last<T: FromSlot>(r: &Regs, at: usize) -> T {
        // SAFETY: the caller's promise; verified code reads initialized slots only.
        unsafe { T::read(r.slot(r.field(at))) }
    }
}

impl Form for ConstLast {
    const WORDS: usize = 2;
    #[inline(always)]
    unsafe fn last<T: FromSlot>(r: &Regs, _: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { T::read(r.ip.add(2)) }
    }
}

/// The operands of an instruction.
pub(crate) trait GetAll: Operands {
    /// Reads them.
    ///
    /// # Safety
    /// `r.ip` is at an instruction with operands in this form.
    unsafe fn get<F: Form>(r: &Regs) -> Self;
}

impl<A: FromSlot> GetAll for (A,) {
    #[inline(always)]
    unsafe fn get<F: Form>(r: &Regs) -> Self {
        // SAFETY: the caller's promise.
        unsafe { (F::last(r, 10),) }
    }
}

impl<A: FromSlot, B: FromSlot> GetAll for (A, B) {
    #[inline(always)]
    unsafe fn get<F: Form>(r: &Regs) -> Self {
        // SAFETY: the caller's promise.
        unsafe { (Slots::last(r, 10), F::last(r, 12)) }
    }
}

impl<A: FromSlot, B: FromSlot, C: FromSlot> GetAll for (A, B, C) {
    #[inline(always)]
    unsafe fn get<F: Form>(r: &Regs) -> Self {
        // SAFETY: the caller's promise.
        unsafe { (Slots::last(r, 10), Slots::last(r, 12), F::last(r, 14)) }
    }
}

/// The immediates of an instruction.
pub(crate) trait GetImm: Immediates {
    /// Words they take.
    const WORDS: usize;
    /// Reads them; `words` are the operands'.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has them.
    unsafe fn get(r: &Regs, words: usize) -> Self;
}

impl GetImm for () {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(_: &Regs, _: usize) {}
}

/// At byte 14.
impl<const N: usize> GetImm for Lane<N> {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(r: &Regs, _: usize) -> Lane<N> {
        // SAFETY: the caller's promise.
        Lane(unsafe { r.field(14) } as u8)
    }
}

/// Two words behind the operands.
impl GetImm for ByteLanes {
    const WORDS: usize = 2;
    #[inline(always)]
    unsafe fn get(r: &Regs, words: usize) -> ByteLanes {
        // SAFETY: the caller's promise.
        ByteLanes(unsafe { V128::read(r.ip.add(2 + words)) }.0)
    }
}

/// Puts a vector into the slots at byte 8.
///
/// # Safety
/// `r.ip` is at an instruction with this destination.
#[inline(always)]
unsafe fn put(r: &Regs, vector: V128) {
    // SAFETY: the caller's promise.
    unsafe {
        r.slot(r.field(8)).cast::<V128>().write_unaligned(vector);
    }
}

/// `slots at byte 8 = O(operands)`.
pub(crate) struct ToVector<O, F>(PhantomData<(O, F)>);

impl<O: Vector<Out = V128>, F: Form> Exec for ToVector<O, F>
where
    O::Args: GetAll,
    O::Imm: GetImm,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands that its kind names.
        unsafe {
            let args = O::Args::get::<F>(r);
            put(r, O::eval(args, O::Imm::get(r, F::WORDS)));
            r.advance(2 + F::WORDS + O::Imm::WORDS);
        }
        Flow::Next
    }
}

/// `dst = O(vector)`, the vector in the slots at byte 10.
pub(crate) struct FromVector<O, D>(PhantomData<(O, D)>);

impl<O: Vector, D: Put> Exec for FromVector<O, D>
where
    O::Args: GetAll,
    O::Imm: GetImm,
    O::Out: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands that its kind names.
        unsafe {
            let args = O::Args::get::<Slots>(r);
            let value = O::eval(args, O::Imm::get(r, 0));
            D::put(r, value);
            r.advance(2);
        }
        Flow::Next
    }
}

/// `slots at byte 8 = words 2 and 3`.
pub(crate) struct Constant;

impl Exec for Constant {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            put(r, V128::read(r.ip.add(2)));
            r.advance(4);
        }
        Flow::Next
    }
}

/// `slots at byte 8 = condition != 0 ? slots at byte 10 : slots at byte 12`, the condition in the slot
/// at byte 14.
pub(crate) struct SelectVector;

impl Exec for SelectVector {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let condition = *r.slot(r.field(14)) as u32;
            let from = r.field(if condition != 0 { 10 } else { 12 });
            put(r, V128::read(r.slot(from)));
            r.advance(2);
        }
        Flow::Next
    }
}

/// Where an access goes.
pub(crate) trait Place {
    /// Words that say so, behind the first operand word.
    const WORDS: usize;
    /// That place, where that many bytes are in the memory.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has these operands.
    unsafe fn find(r: &Regs, width: usize) -> Option<*mut u8>;
}

/// In memory 0, at the address `A` plus the offset in the 32 bits at byte 12.
pub(crate) struct Near<A>(PhantomData<A>);

impl<A: Get<u32>> Place for Near<A> {
    const WORDS: usize = A::WORDS;
    #[inline(always)]
    unsafe fn find(r: &Regs, width: usize) -> Option<*mut u8> {
        // SAFETY: the caller's promise; the address is within the memory, which `mem` and `len` describe.
        unsafe {
            let at = A::get(r) as usize + r.wide_field() as usize;
            (at + width <= r.len).then(|| r.mem.add(at))
        }
    }
}

/// In any memory, its number in the 32 bits at byte 12, at an address of 32 or 64 bits in the slot at byte
/// 10 plus the offset in word 2.
pub(crate) struct Far;

impl Place for Far {
    const WORDS: usize = 1;
    #[inline(always)]
    unsafe fn find(r: &Regs, width: usize) -> Option<*mut u8> {
        // SAFETY: the caller's promise.
        unsafe { far::<Numbered, S10>(r, width) }
    }
}

/// `slots at byte 8 = memory[P]`.
pub(crate) struct LoadVector<O, P>(PhantomData<(O, P)>);

impl<O: LoadOp<Out = V128>, P: Place> Exec for LoadVector<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            put(r, O::value(at.cast::<O::Bytes>().read_unaligned()));
            r.advance(2 + P::WORDS);
        }
        Flow::Next
    }
}

/// `memory[P] = slots at byte 8`.
pub(crate) struct StoreVector<O, P>(PhantomData<(O, P)>);

impl<O: StoreOp<In = V128>, P: Place> Exec for StoreVector<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let value = V128::read(r.slot(r.field(8)));
            at.cast::<O::Bytes>().write_unaligned(O::bytes(value));
            r.advance(2 + P::WORDS);
        }
        Flow::Next
    }
}

/// Slot of the vector and number of the lane, in the word behind the place.
///
/// # Safety
/// `r.ip` is at an instruction with this operand.
#[inline(always)]
unsafe fn lane<P: Place>(r: &Regs) -> (V128, u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let word = r.word(2 + P::WORDS);
        (
            V128::read(r.slot(word as usize & 0xffff)),
            (word >> 16) as u8,
        )
    }
}

/// `slots at byte 8 = vector with memory[P] in a lane`.
pub(crate) struct LoadIntoLane<O, P>(PhantomData<(O, P)>);

impl<O: LaneLoad, P: Place> Exec for LoadIntoLane<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, size_of::<O::Bytes>()) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let (vector, lane) = lane::<P>(r);
            let bytes = at.cast::<O::Bytes>().read_unaligned();
            put(r, O::insert(vector, bytes, lane));
            r.advance(3 + P::WORDS);
        }
        Flow::Next
    }
}

/// `memory[P] = a lane of the vector`.
pub(crate) struct StoreLane<O, P>(PhantomData<(O, P)>);

impl<O: LaneStore, P: Place> Exec for StoreLane<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, size_of::<O::Bytes>()) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let (vector, lane) = lane::<P>(r);
            at.cast::<O::Bytes>()
                .write_unaligned(O::extract(vector, lane));
            r.advance(3 + P::WORDS);
        }
        Flow::Next
    }
}
