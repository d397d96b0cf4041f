//! Values of several slots, which are vectors and wide integers: operands from slots, results to slots.
//! Results of one slot go where those of other instructions go.
//!
//! The fields of an instruction are, from byte 8 on, the slots of its results, or of one in an accumulator,
//! and those of its operands, four in a word. Behind the words that these take are a constant for the last
//! operand and immediates.

use std::marker::PhantomData;

use dotvm_isa::TrapCode;
use dotvm_isa::semantics::wide::Uint;
use dotvm_isa::semantics::wide_vector::{GatherOp, WideVector};
use dotvm_isa::semantics::{
    ByteLanes, Immediates, Lane, LaneLoad, LaneStore, LoadOp, Operand, Operands, Pure, Results,
    SlotValue, StoreOp, V128,
};

use super::memory::{Memory, Numbered, far};
use super::{Get, Put, S10, Value};
use crate::machine::{Exec, Flow, Regs};

/// A value that can be read from slots, or from words of an instruction, and written to slots.
pub(crate) trait InSlots: Operand {
    /// Reads it there.
    ///
    /// # Safety
    /// `at` has as many slots as the type.
    unsafe fn read(at: *const u64) -> Self;
    /// Writes it there.
    ///
    /// # Safety
    /// `at` has as many slots as the type.
    unsafe fn write(self, at: *mut u64);
}

/// One of several slots.
pub(crate) trait Span: InSlots {}

macro_rules! in_a_slot {
    ($($ty:ty)*) => {
        $(impl InSlots for $ty {
            #[inline(always)]
            unsafe fn read(at: *const u64) -> $ty {
                // SAFETY: the caller's promise.
                <$ty>::from_slot(unsafe { *at })
            }
            #[inline(always)]
            unsafe fn write(self, at: *mut u64) {
                // SAFETY: the caller's promise.
                unsafe { *at = self.to_slot() };
            }
        })*
    };
}
in_a_slot! { u32 u64 f32 f64 }

impl Span for V128 {}
impl InSlots for V128 {
    #[inline(always)]
    unsafe fn read(at: *const u64) -> V128 {
        // SAFETY: the caller's promise.
        unsafe { at.cast::<V128>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn write(self, at: *mut u64) {
        // SAFETY: the caller's promise.
        unsafe { at.cast::<V128>().write_unaligned(self) };
    }
}

impl<const PARTS: usize> Span for WideVector<PARTS> {}
impl<const PARTS: usize> InSlots for WideVector<PARTS> {
    #[inline(always)]
    unsafe fn read(at: *const u64) -> Self {
        // Part by part: where these were just written one by one, the processor would have to wait for more
        // at once.
        let mut parts = [V128::default(); PARTS];
        for (i, part) in parts.iter_mut().enumerate() {
            // SAFETY: the caller's promise; the type's slots are those of its parts.
            *part = unsafe { V128::read(at.add(V128::SLOTS * i)) };
        }
        WideVector(parts)
    }
    #[inline(always)]
    unsafe fn write(self, at: *mut u64) {
        for (i, part) in self.0.iter().enumerate() {
            // SAFETY: as above.
            unsafe { part.write(at.add(V128::SLOTS * i)) };
        }
    }
}

impl<const BITS: usize, const LIMBS: usize> Span for Uint<BITS, LIMBS> {}
impl<const BITS: usize, const LIMBS: usize> InSlots for Uint<BITS, LIMBS> {
    #[inline(always)]
    unsafe fn read(at: *const u64) -> Self {
        let mut at = at;
        Operand::from_slots(&mut || {
            // SAFETY: the caller's promise; there is a slot for each limb. Limb by limb: reading vectors, the
            // processor would have to wait where limbs were just written one by one.
            unsafe {
                let slot = at.read_volatile();
                at = at.add(1);
                slot
            }
        })
    }
    #[inline(always)]
    unsafe fn write(self, at: *mut u64) {
        // SAFETY: the caller's promise; there is a slot for each limb.
        unsafe { *at.cast::<[u64; LIMBS]>() = *self.as_limbs() };
    }
}

/// An instruction and its frame: what is needed to read operands and to write results.
#[derive(Clone, Copy)]
pub(crate) struct At {
    ip: *const u64,
    fp: *mut u64,
}

impl At {
    #[inline(always)]
    fn new(r: &Regs) -> At {
        At { ip: r.ip, fp: r.fp }
    }

    /// The slots named by a field, counted from the one at byte 8.
    ///
    /// # Safety
    /// The instruction has that field.
    #[inline(always)]
    unsafe fn slots(self, field: usize) -> *mut u64 {
        // SAFETY: the caller's promise; lowering only names slots of the frame.
        unsafe {
            let slot = *self.ip.add(1).cast::<u16>().add(field);
            self.fp.add(usize::from(slot))
        }
    }
}

/// Where the last operand of an instruction is; the others are in slots.
pub(crate) trait Form {
    /// Whether it is a constant.
    const CONSTANT: bool;
    /// That operand, whose slots would be named by that field, or which is at that word.
    ///
    /// # Safety
    /// The instruction has this operand.
    unsafe fn last<T: InSlots>(at: At, field: usize, word: usize) -> T;
}

/// In slots, too.
pub(crate) struct Slots;
/// In words of the instruction.
pub(crate) struct ConstLast;

impl Form for Slots {
    const CONSTANT: bool = false;
    #[inline(always)]
    unsafe fn last<T: InSlots>(at: At, field: usize, _: usize) -> T {
        // SAFETY: the caller's promise; verified code reads initialized slots only.
        unsafe { T::read(at.slots(field)) }
    }
}

impl Form for ConstLast {
    const CONSTANT: bool = true;
    #[inline(always)]
    unsafe fn last<T: InSlots>(at: At, _: usize, word: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { T::read(at.ip.add(word)) }
    }
}

/// The operands of an instruction.
pub(crate) trait GetAll: Operands {
    /// Slots of the last one.
    const LAST_SLOTS: usize;
    /// Reads them: the first one's slots are named by that field, a constant is at that word.
    ///
    /// # Safety
    /// The instruction has operands in this form.
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self;
}

impl<A: InSlots> GetAll for (A,) {
    const LAST_SLOTS: usize = A::SLOTS;
    #[inline(always)]
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { (F::last(at, field, word),) }
    }
}

impl<A: InSlots, B: InSlots> GetAll for (A, B) {
    const LAST_SLOTS: usize = B::SLOTS;
    #[inline(always)]
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { (A::read(at.slots(field)), F::last(at, field + 1, word)) }
    }
}

impl<A: InSlots, B: InSlots, C: InSlots> GetAll for (A, B, C) {
    const LAST_SLOTS: usize = C::SLOTS;
    #[inline(always)]
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = <(A, B)>::get::<Slots>(at, field, word);
            (a, b, F::last(at, field + 2, word))
        }
    }
}

impl<A: InSlots, B: InSlots, C: InSlots, D: InSlots> GetAll for (A, B, C, D) {
    const LAST_SLOTS: usize = D::SLOTS;
    #[inline(always)]
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b, c) = <(A, B, C)>::get::<Slots>(at, field, word);
            (a, b, c, F::last(at, field + 3, word))
        }
    }
}

impl<const N: usize> GetAll for [u64; N] {
    const LAST_SLOTS: usize = 1;
    #[inline(always)]
    unsafe fn get<F: Form>(at: At, field: usize, word: usize) -> Self {
        let mut operands = [0; N];
        for (i, operand) in operands.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *operand = unsafe {
                match i + 1 == N {
                    true => F::last(at, field + i, word),
                    false => u64::read(at.slots(field + i)),
                }
            };
        }
        operands
    }
}

/// The immediates of an instruction.
pub(crate) trait GetImm: Immediates {
    /// Words they take.
    const WORDS: usize;
    /// Reads them; where they take words, these are from that one on.
    ///
    /// # Safety
    /// The instruction has them.
    unsafe fn get(at: At, word: usize) -> Self;
}

impl GetImm for () {
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(_: At, _: usize) {}
}

/// At byte 14.
impl<const N: usize> GetImm for Lane<N>
where
    Lane<N>: Immediates,
{
    const WORDS: usize = 0;
    #[inline(always)]
    unsafe fn get(at: At, _: usize) -> Lane<N> {
        // SAFETY: the caller's promise.
        Lane(unsafe { *at.ip.byte_add(14).cast::<u8>() })
    }
}

/// Two words.
impl GetImm for ByteLanes {
    const WORDS: usize = 2;
    #[inline(always)]
    unsafe fn get(at: At, word: usize) -> ByteLanes {
        // SAFETY: the caller's promise.
        ByteLanes(unsafe { V128::read(at.ip.add(word)) }.0)
    }
}

/// A pure instruction that has handlers.
pub(crate) trait Handled: Pure<Args: GetAll, Imm: GetImm> {
    /// Words of the fields, with the handler's.
    const FIELD_WORDS: usize = 1 + (Self::Out::TYPES.len() + Self::Args::TYPES.len()).div_ceil(4);

    /// Words of the instruction in that form.
    #[inline(always)]
    fn words<F: Form>() -> usize {
        Self::immediates::<F>() + Self::Imm::WORDS
    }

    /// The first word of the immediates in that form.
    #[inline(always)]
    fn immediates<F: Form>() -> usize {
        Self::FIELD_WORDS
            + if F::CONSTANT {
                Self::Args::LAST_SLOTS
            } else {
                0
            }
    }

    /// Computes the results.
    ///
    /// # Safety
    /// The instruction is this one, in that form.
    #[inline(always)]
    unsafe fn compute<F: Form>(at: At) -> Result<Self::Out, TrapCode> {
        // SAFETY: the caller's promise.
        unsafe {
            let args = Self::Args::get::<F>(at, Self::Out::TYPES.len(), Self::FIELD_WORDS);
            Self::eval(args, Self::Imm::get(at, Self::immediates::<F>()))
        }
    }
}

impl<O: Pure<Args: GetAll, Imm: GetImm>> Handled for O {}

/// Results that go to slots.
pub(crate) trait ToSlots: Results {
    /// Puts them there.
    ///
    /// # Safety
    /// The instruction has such results.
    unsafe fn put(self, at: At);
}

impl<T: Span> ToSlots for T {
    #[inline(always)]
    unsafe fn put(self, at: At) {
        // SAFETY: the caller's promise.
        unsafe { self.write(at.slots(0)) };
    }
}

impl<A: InSlots, B: InSlots> ToSlots for (A, B) {
    #[inline(always)]
    unsafe fn put(self, at: At) {
        // SAFETY: the caller's promise.
        unsafe {
            // In the order of the assignments, where both go to one local.
            self.1.write(at.slots(1));
            self.0.write(at.slots(0));
        }
    }
}

/// An instruction with results in slots that takes long; returns the trap's code, or 0. It is out of line, so
/// that its frame is gone when the handler goes on to the next one.
///
/// # Safety
/// As for [`Handled::compute`].
#[inline(never)]
unsafe extern "sysv64" fn slow<O: Handled<Out: ToSlots>, F: Form>(
    ip: *const u64,
    fp: *mut u64,
) -> u32 {
    let at = At { ip, fp };
    // SAFETY: the caller's promise.
    unsafe {
        match O::compute::<F>(at) {
            Ok(results) => {
                results.put(at);
                0
            }
            Err(trap) => trap as u32,
        }
    }
}

/// `results = O(operands)`.
pub(crate) struct PureToSlots<O, F>(PhantomData<(O, F)>);

impl<O: Handled<Out: ToSlots>, F: Form> Exec for PureToSlots<O, F> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands and results that its kind names.
        unsafe {
            if O::SLOW {
                let status = slow::<O, F>(r.ip, r.fp);
                if status != 0 {
                    return Flow::Exit(status);
                }
            } else {
                match O::compute::<F>(At::new(r)) {
                    Ok(results) => results.put(At::new(r)),
                    Err(trap) => return Flow::trap(trap),
                }
            }
            r.advance(O::words::<F>());
        }
        Flow::Next
    }
}

/// An instruction with a result of one slot that takes long and does not trap: that slot.
///
/// # Safety
/// As for [`Handled::compute`].
#[inline(never)]
unsafe extern "sysv64" fn slow_value<O: Handled<Out: SlotValue>, F: Form>(
    ip: *const u64,
    fp: *mut u64,
) -> u64 {
    const { assert!(O::TRAPS.is_empty(), "there is no place for a trap") };
    // SAFETY: the caller's promise.
    let result = unsafe { O::compute::<F>(At { ip, fp }) };
    result.map_or(0, SlotValue::to_slot)
}

/// `dst = O(operands)`, a result of one slot.
pub(crate) struct PureToValue<O, F, D>(PhantomData<(O, F, D)>);

impl<O: Handled<Out: Value>, F: Form, D: Put> Exec for PureToValue<O, F, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has the operands that its kind names.
        unsafe {
            let value = match O::SLOW {
                true => O::Out::from_slot(slow_value::<O, F>(r.ip, r.fp)),
                false => match O::compute::<F>(At::new(r)) {
                    Ok(value) => value,
                    Err(trap) => return Flow::trap(trap),
                },
            };
            D::put(r, value);
            r.advance(O::words::<F>());
        }
        Flow::Next
    }
}

/// `slots at byte 8 = words from 2 on`.
pub(crate) struct Constant<const N: usize>;

impl<const N: usize> Exec for Constant<N> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            *r.slot(r.field(8)).cast::<[u64; N]>() = *r.ip.add(2).cast::<[u64; N]>();
            r.advance(2 + N);
        }
        Flow::Next
    }
}

/// `slots at byte 8 = slots at byte 10`, which may overlap.
pub(crate) struct CopySlots<const N: usize>;

impl<const N: usize> Exec for CopySlots<N> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let (dst, src) = (r.slot(r.field(8)), r.slot(r.field(10)));
            std::ptr::copy(src.cast::<[u64; N]>(), dst.cast::<[u64; N]>(), 1);
            r.advance(2);
        }
        Flow::Next
    }
}

/// `slots at byte 8 = condition != 0 ? slots at byte 10 : slots at byte 12`, the condition in the slot
/// at byte 14.
pub(crate) struct SelectSlots<const N: usize>;

impl<const N: usize> Exec for SelectSlots<N> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let condition = *r.slot(r.field(14)) as u32;
            let from = r.field(if condition != 0 { 10 } else { 12 });
            *r.slot(r.field(8)).cast::<[u64; N]>() = *r.slot(from).cast::<[u64; N]>();
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
    /// That place, where it is in the memory or right behind it, and how many bytes there are from there on.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has these operands.
    unsafe fn rest(r: &Regs) -> Option<(*mut u8, usize)>;
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
    #[inline(always)]
    unsafe fn rest(r: &Regs) -> Option<(*mut u8, usize)> {
        // SAFETY: as above.
        unsafe {
            let at = A::get(r) as usize + r.wide_field() as usize;
            let rest = r.len.checked_sub(at)?;
            Some((r.mem.add(at), rest))
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
    #[inline(always)]
    unsafe fn rest(r: &Regs) -> Option<(*mut u8, usize)> {
        // SAFETY: the caller's promise. The place is within the memory, where there is a rest of it.
        unsafe {
            let at = far::<Numbered, S10>(r, 0)?;
            let (base, len) = Numbered::bytes(r);
            Some((at, len - (at.addr() - base.addr())))
        }
    }
}

/// Bytes in memory.
pub(crate) trait Bytes: Copy {
    /// Reads them there.
    ///
    /// # Safety
    /// There are as many.
    unsafe fn read(at: *const u8) -> Self;
    /// Writes them there.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn write(self, at: *mut u8);
}

macro_rules! at_once {
    ($($ty:ty)*) => {
        $(impl<const N: usize> Bytes for [$ty; N] {
            #[inline(always)]
            unsafe fn read(at: *const u8) -> Self {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<Self>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn write(self, at: *mut u8) {
                // SAFETY: the caller's promise.
                unsafe { at.cast::<Self>().write_unaligned(self) };
            }
        })*
    };
}
at_once! { u8 u64 }

/// Those of parts, one by one as parts are elsewhere.
impl<const N: usize, const PARTS: usize> Bytes for [[u8; N]; PARTS] {
    #[inline(always)]
    unsafe fn read(at: *const u8) -> Self {
        let mut parts = [[0; N]; PARTS];
        for (i, part) in parts.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *part = unsafe { <[u8; N]>::read(at.add(N * i)) };
        }
        parts
    }
    #[inline(always)]
    unsafe fn write(self, at: *mut u8) {
        for (i, part) in self.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { part.write(at.add(N * i)) };
        }
    }
}

/// `slots at byte 8 = memory[P]`.
pub(crate) struct LoadSpan<O, P>(PhantomData<(O, P)>);

impl<O: LoadOp<Out: Span, Bytes: Bytes>, P: Place> Exec for LoadSpan<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let value = O::value(O::Bytes::read(at));
            value.write(r.slot(r.field(8)));
            r.advance(2 + P::WORDS);
        }
        Flow::Next
    }
}

/// `memory[P] = slots at byte 8`.
pub(crate) struct StoreSpan<O, P>(PhantomData<(O, P)>);

impl<O: StoreOp<In: Span, Bytes: Bytes>, P: Place> Exec for StoreSpan<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some(at) = P::find(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let value = O::In::read(r.slot(r.field(8)));
            O::bytes(value).write(at);
            r.advance(2 + P::WORDS);
        }
        Flow::Next
    }
}

/// Loads lanes of the `len` bytes that are there; says whether all are among them. Out of line, as what takes
/// long is.
///
/// # Safety
/// There are as many bytes, and vectors in both slots.
#[inline(never)]
unsafe extern "sysv64" fn gather<O: GatherOp<Vector: Span>>(
    place: *const u8,
    len: usize,
    lanes: *const u64,
    to: *mut u64,
) -> bool {
    // SAFETY: the caller's promise; what is loaded is among these bytes.
    let gathered = unsafe {
        O::gather(O::Vector::read(lanes), len, |at| {
            place.add(at).cast::<O::Bytes>().read_unaligned()
        })
    };
    // SAFETY: as above.
    gathered.map(|vector| unsafe { vector.write(to) }).is_some()
}

/// `slots at byte 8 = memory[P]` in each lane from where the vector says whose slot is in the word behind the
/// place.
pub(crate) struct LoadGathered<O, P>(PhantomData<(O, P)>);

impl<O: GatherOp<Vector: Span>, P: Place> Exec for LoadGathered<O, P> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let Some((place, len)) = P::rest(r) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let lanes = r.slot(r.word(2 + P::WORDS) as usize);
            if !gather::<O>(place, len, lanes, r.slot(r.field(8))) {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            }
            r.advance(3 + P::WORDS);
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
            O::insert(vector, bytes, lane).write(r.slot(r.field(8)));
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
