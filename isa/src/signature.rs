//! Signatures of the instructions on memories and tables, which depend on what the module declares
//! (addresses and indices are of 32 or 64 bits, elements of some reference type), and how the runtime
//! is called to execute such instructions.

use std::mem::offset_of;

use crate::abi::Libcalls;
use crate::instr::Instr;
use crate::module::Spaces;
use crate::ops::{Op, Sig};
use crate::types::ValType;

/// Operand types of an instruction, and that of its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    params: [Option<ValType>; 3],
    /// Type of the result, where there is one.
    pub result: Option<ValType>,
}

impl Signature {
    fn new<const N: usize>(types: [ValType; N], result: Option<ValType>) -> Signature {
        let mut params = [None; 3];
        for (param, ty) in params.iter_mut().zip(types) {
            *param = Some(ty);
        }
        Signature { params, result }
    }

    /// Types of the operands, first to last.
    pub fn params(&self) -> impl DoubleEndedIterator<Item = ValType> + use<> {
        self.params.into_iter().flatten()
    }
}

/// A call of the runtime that executes an instruction, with one slot for each operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RuntimeCall {
    /// Offset of the function's address in the table of libcalls.
    pub row: usize,
    /// Number of operands.
    pub operands: usize,
    /// Type of the result, where there is one.
    pub result: Option<ValType>,
    /// The instruction's immediates as the function takes them.
    pub immediate: u64,
}

impl Spaces {
    /// How the runtime executes an instruction that it executes.
    ///
    /// # Panics
    /// For other instructions.
    pub fn runtime_call(&self, instr: &Instr) -> RuntimeCall {
        let row = match instr.op {
            Op::MemoryGrow => offset_of!(Libcalls, memory_grow),
            Op::MemoryCopy => offset_of!(Libcalls, memory_copy),
            Op::MemoryFill => offset_of!(Libcalls, memory_fill),
            Op::MemoryInit => offset_of!(Libcalls, memory_init),
            Op::DataDrop => offset_of!(Libcalls, data_drop),
            Op::TableGet => offset_of!(Libcalls, table_get),
            Op::TableSet => offset_of!(Libcalls, table_set),
            Op::TableGrow => offset_of!(Libcalls, table_grow),
            Op::TableSize => offset_of!(Libcalls, table_size),
            Op::TableFill => offset_of!(Libcalls, table_fill),
            Op::TableCopy => offset_of!(Libcalls, table_copy),
            Op::TableInit => offset_of!(Libcalls, table_init),
            Op::ElemDrop => offset_of!(Libcalls, elem_drop),
            Op::RefFunc => offset_of!(Libcalls, ref_func),
            Op::Alloc => offset_of!(Libcalls, alloc),
            Op::Free => offset_of!(Libcalls, free),
            op => unreachable!("{op:?} is not the runtime's"),
        };
        let (operands, result) = match (
            self.signature(instr.op, instr.a, instr.b),
            instr.op.info().sig,
        ) {
            (Some(signature), _) => (signature.params().count(), signature.result),
            (None, Sig::Fixed(params, results)) => (params.len(), results.first().copied()),
            (None, Sig::Poly) => unreachable!("{:?} has a signature", instr.op),
        };
        RuntimeCall {
            row,
            operands,
            result,
            immediate: match instr.op.info().imms.len() {
                2 => instr.a << 32 | instr.b,
                _ => instr.a,
            },
        }
    }

    /// The signature of an instruction on memories or tables with these immediates, which name some that
    /// exist. Nothing for loads and stores, whose address is of the type that [`Spaces::address`] says,
    /// and for all other instructions.
    pub fn signature(&self, op: Op, a: u64, b: u64) -> Option<Signature> {
        let i32 = ValType::I32;
        let index = |table: u64| self.tables[table as usize].address.val_type();
        let element = |table: u64| self.tables[table as usize].element;
        Some(match op {
            Op::MemorySize => Signature::new([], Some(self.address(a))),
            Op::MemoryGrow => Signature::new([self.address(a)], Some(self.address(a))),
            Op::MemoryInit => Signature::new([self.address(b), i32, i32], None),
            Op::MemoryFill => Signature::new([self.address(a), i32, self.address(a)], None),
            Op::MemoryCopy => {
                let (to, from) = (self.address(a), self.address(b));
                Signature::new([to, from, to.min(from)], None)
            }
            Op::TableSize => Signature::new([], Some(index(a))),
            Op::TableGet => Signature::new([index(a)], Some(element(a))),
            Op::TableSet => Signature::new([index(a), element(a)], None),
            Op::TableGrow => Signature::new([element(a), index(a)], Some(index(a))),
            Op::TableFill => Signature::new([index(a), element(a), index(a)], None),
            Op::TableInit => Signature::new([index(b), i32, i32], None),
            Op::TableCopy => {
                let (to, from) = (index(a), index(b));
                Signature::new([to, from, to.min(from)], None)
            }
            _ => return None,
        })
    }

    /// The type of addresses of a memory.
    pub fn address(&self, memory: u64) -> ValType {
        self.memories[memory as usize].address.val_type()
    }
}
