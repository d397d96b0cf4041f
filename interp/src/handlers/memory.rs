//! Memories: loads, stores, bulk operations; and everything else that the runtime does.
//!
//! Memory 0 is in registers. The forms for 32-bit addresses in it are the many; what is rarer has one
//! form, with the address in a slot or the accumulator and an offset of 64 bits.

use std::marker::PhantomData;

use dotvm_isa::TrapCode;
use dotvm_isa::abi::Libcall;
use dotvm_isa::semantics::{LoadOp, StoreOp};

use super::{Get, Put, S8, Value};
use crate::machine::{Exec, Flow, Regs};

/// `dst = memory[a + offset]`, the offset in the 32 bits at byte 12. Addresses are of 32 bits, their sum
/// with the offset is of 33.
pub(crate) struct Load<O, A, D>(PhantomData<(O, A, D)>);

impl<O: LoadOp, A: Get<u32>, D: Put> Exec for Load<O, A, D>
where
    O::Out: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands; the access is within the memory, which
        // `mem` and `len` describe.
        unsafe {
            let at = A::get(r) as usize + r.wide_field() as usize;
            if at + O::WIDTH > r.len {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            }
            let bytes = r.mem.add(at).cast::<O::Bytes>().read_unaligned();
            D::put(r, O::value(bytes));
            r.advance(2 + A::WORDS);
            Flow::Next
        }
    }
}

/// `memory[a + offset] = value`, the offset in the 32 bits at byte 12.
pub(crate) struct Store<O, A, V>(PhantomData<(O, A, V)>);

impl<O: StoreOp, A: Get<u32>, V: Get<O::In>> Exec for Store<O, A, V> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `Load`.
        unsafe {
            let at = A::get(r) as usize + r.wide_field() as usize;
            if at + O::WIDTH > r.len {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            }
            r.mem
                .add(at)
                .cast::<O::Bytes>()
                .write_unaligned(O::bytes(V::get(r)));
            r.advance(2 + A::WORDS + V::WORDS);
            Flow::Next
        }
    }
}

/// A memory that an instruction names.
pub(crate) trait Memory {
    /// Its first byte and how many there are.
    ///
    /// # Safety
    /// `r.ip` is at an instruction that has this operand.
    unsafe fn bytes(r: &Regs) -> (*mut u8, usize);
}

/// Memory 0.
pub(crate) struct First;
/// The memory whose number is the 32 bits at byte 12.
pub(crate) struct Numbered;

impl Memory for First {
    #[inline(always)]
    unsafe fn bytes(r: &Regs) -> (*mut u8, usize) {
        (r.mem, r.len)
    }
}

impl Memory for Numbered {
    #[inline(always)]
    unsafe fn bytes(r: &Regs) -> (*mut u8, usize) {
        // SAFETY: the context lists the module's memories.
        unsafe {
            let memory = *(*r.ctx).memories.add(r.wide_field() as usize);
            ((*memory).base, (*memory).len)
        }
    }
}

/// Where `width` bytes of the memory `M` are, at the address `A` plus the offset in word 2.
///
/// # Safety
/// `r.ip` is at an instruction with these operands.
#[inline(always)]
pub(super) unsafe fn far<M: Memory, A: Get<u64>>(r: &Regs, width: usize) -> Option<*mut u8> {
    // SAFETY: the caller's promise. What is returned is within the memory.
    unsafe {
        let (base, len) = M::bytes(r);
        let at = A::get(r).checked_add(r.word(2))?;
        let last = (len as u64).checked_sub(width as u64)?;
        (at <= last).then(|| base.add(at as usize))
    }
}

/// `dst = memory[a + offset]` for any memory, with addresses of 32 or 64 bits.
pub(crate) struct LoadFar<O, M, A, D>(PhantomData<(O, M, A, D)>);

impl<O: LoadOp, M: Memory, A: Get<u64>, D: Put> Exec for LoadFar<O, M, A, D>
where
    O::Out: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands; `far` checked the access.
        unsafe {
            let Some(place) = far::<M, A>(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let bytes = place.cast::<O::Bytes>().read_unaligned();
            D::put(r, O::value(bytes));
            r.advance(3);
            Flow::Next
        }
    }
}

/// `memory[a + offset] = value (byte 8)` for any memory, with addresses of 32 or 64 bits.
pub(crate) struct StoreFar<O, M, A>(PhantomData<(O, M, A)>);

impl<O: StoreOp, M: Memory, A: Get<u64>> Exec for StoreFar<O, M, A>
where
    O::In: Value,
{
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: as for `LoadFar`.
        unsafe {
            let Some(place) = far::<M, A>(r, O::WIDTH) else {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            };
            let value = S8::get(r);
            place.cast::<O::Bytes>().write_unaligned(O::bytes(value));
            r.advance(3);
            Flow::Next
        }
    }
}

/// `dst = size in pages` of the memory `M`; binary logarithm of a page's bytes in word 2.
pub(crate) struct MemorySize<M, D>(PhantomData<(M, D)>);

impl<M: Memory, D: Put> Exec for MemorySize<M, D> {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: this instruction has these operands.
        unsafe {
            let (_, len) = M::bytes(r);
            D::put(r, len as u64 >> r.word(2));
            r.advance(3);
            Flow::Next
        }
    }
}

/// Operands of bulk operations: the slots named at bytes 10, 12 and 14.
unsafe fn bulk(r: &Regs) -> (usize, u32, usize) {
    // SAFETY: the caller's instruction has these operands.
    unsafe {
        let get = |at| *r.slot(r.field(at)) as u32;
        (get(10) as usize, get(12), get(14) as usize)
    }
}

/// More bytes than this take so long that the runtime does it: it stops when time is over.
const LARGE_BYTES: usize = 1 << 20;

/// Has the runtime do a bulk operation on memory 0.
///
/// # Safety
/// As for handlers; the libcall takes these operands.
#[cold]
#[inline(never)]
unsafe fn large(r: &mut Regs, call: Libcall, (dst, other, len): (usize, u32, usize)) -> Flow {
    let mut operands = [dst as u64, u64::from(other), len as u64];
    // SAFETY: the caller's promise.
    unsafe {
        let status = call_runtime(r, call, operands.as_mut_ptr(), 0);
        if status != 0 {
            return Flow::Exit(status);
        }
        r.advance(2);
    }
    Flow::Next
}

/// `memory.copy` within memory 0.
pub(crate) struct MemoryCopy;

impl Exec for MemoryCopy {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: both ranges are within the memory.
        unsafe {
            let (dst, src, len) = bulk(r);
            if len > LARGE_BYTES {
                return large(r, (*(*r.ctx).libcalls).memory_copy, (dst, src, len));
            }
            let src = src as usize;
            if dst + len > r.len || src + len > r.len {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            }
            std::ptr::copy(r.mem.add(src), r.mem.add(dst), len);
            r.advance(2);
            Flow::Next
        }
    }
}

/// `memory.fill` of memory 0.
pub(crate) struct MemoryFill;

impl Exec for MemoryFill {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: the range is within the memory.
        unsafe {
            let (dst, value, len) = bulk(r);
            if len > LARGE_BYTES {
                return large(r, (*(*r.ctx).libcalls).memory_fill, (dst, value, len));
            }
            if dst + len > r.len {
                return Flow::trap(TrapCode::MemoryOutOfBounds);
            }
            std::ptr::write_bytes(r.mem.add(dst), value as u8, len);
            r.advance(2);
            Flow::Next
        }
    }
}

/// Makes a libcall for the instruction that is being executed; returns its status.
///
/// # Safety
/// The operands and the immediate are those that the libcall takes.
#[inline(always)]
pub(super) unsafe fn call_runtime(
    r: &mut Regs,
    call: Libcall,
    operands: *mut u64,
    immediate: u64,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let state = (*r.ctx).state;
        (*state).last_ip = r.ip;
        (*state).last_fp = r.fp;
        let status = call(r.ctx, operands, immediate);
        r.reload_memory();
        status
    }
}

/// Calls the libcall whose offset in the table is the 32 bits at byte 12, with the operands from the
/// slot named at byte 8 and the immediate in word 2.
pub(crate) struct CallRuntime;

impl Exec for CallRuntime {
    #[inline(always)]
    unsafe fn exec(r: &mut Regs) -> Flow {
        // SAFETY: lowering took the offset from the table's layout; the operands are in the
        // frame's slots as the libcall's row says.
        unsafe {
            let table = (*r.ctx).libcalls;
            let call = *table.byte_add(r.wide_field() as usize).cast::<Libcall>();
            let status = call_runtime(r, call, r.slot(r.field(8)), r.word(2));
            if status != 0 {
                return Flow::Exit(status);
            }
            r.advance(3);
            Flow::Next
        }
    }
}
