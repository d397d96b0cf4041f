//! Signatures of the instructions on memories, tables and objects, which depend on what the module declares
//! (addresses and indices are of 32 or 64 bits, elements of some reference type), and how the runtime
//! is called to execute such instructions.

use std::mem::offset_of;

use crate::abi::Libcalls;
use crate::instr::Instr;
use crate::module::Spaces;
use crate::objects::Access;
use crate::ops::{Op, Service, Sig};
use crate::types::ValType;

/// The bit of an immediate that says which instruction it is of the two that a function executes: that which
/// needs no values, or allows null, or leaves out the sign.
pub const VARIANT: u64 = 1 << 63;

/// The most operands that such an instruction has.
const MAX_PARAMS: usize = 5;

/// Operand types of an instruction, and that of its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    params: [Option<ValType>; MAX_PARAMS],
    /// Type of the result, where there is one.
    pub result: Option<ValType>,
}

impl Signature {
    fn new<const N: usize>(types: [ValType; N], result: Option<ValType>) -> Signature {
        let mut params = [None; MAX_PARAMS];
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

/// A call of the runtime that executes an instruction, with its operands in consecutive slots.
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
        let service = Service::of(instr.op);
        let row = match instr.op {
            _ if service.is_some() => offset_of!(Libcalls, service),
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
            Op::StructNew | Op::StructNewDefault => offset_of!(Libcalls, struct_new),
            Op::StructGet | Op::StructGetU => offset_of!(Libcalls, struct_get),
            Op::StructSet => offset_of!(Libcalls, struct_set),
            Op::ArrayNew | Op::ArrayNewDefault => offset_of!(Libcalls, array_new),
            Op::ArrayNewFixed => offset_of!(Libcalls, array_new_fixed),
            Op::ArrayNewData => offset_of!(Libcalls, array_new_data),
            Op::ArrayGet | Op::ArrayGetU => offset_of!(Libcalls, array_get),
            Op::ArraySet => offset_of!(Libcalls, array_set),
            Op::ArrayLen => offset_of!(Libcalls, array_len),
            Op::ArrayFill => offset_of!(Libcalls, array_fill),
            Op::ArrayCopy => offset_of!(Libcalls, array_copy),
            Op::RefTest | Op::RefTestNull => offset_of!(Libcalls, ref_test),
            Op::RefCast | Op::RefCastNull => offset_of!(Libcalls, ref_cast),
            Op::RefKind => offset_of!(Libcalls, ref_kind),
            Op::RefI31 => offset_of!(Libcalls, ref_i31),
            Op::I31Get | Op::I31GetU => offset_of!(Libcalls, i31_get),
            op => unreachable!("{op:?} is not the runtime's"),
        };
        let (operands, result) = match (
            self.signature(instr.op, instr.a, instr.b),
            instr.op.info().sig,
        ) {
            (Some(signature), _) => (signature.params().count(), signature.result),
            (None, Sig::Fixed(params, results)) => (params.len(), results.first().copied()),
            (None, Sig::Poly) if instr.op == Op::StructNew => {
                let fields = self.objects[instr.a as usize].0.fields();
                (fields.len(), Some(ValType::AnyRef))
            }
            (None, Sig::Poly) if instr.op == Op::ArrayNewFixed => {
                (instr.b as usize, Some(ValType::AnyRef))
            }
            (None, Sig::Poly) => unreachable!("{:?} has a signature", instr.op),
        };
        RuntimeCall {
            row,
            operands,
            result,
            immediate: self.runtime_immediate(instr),
        }
    }

    /// The immediates of an instruction as the runtime takes them: together, or as an [`Access`] where it
    /// accesses an object. Variants of an instruction that share a function set a bit of their own.
    fn runtime_immediate(&self, instr: &Instr) -> u64 {
        let field = |at: usize| {
            let (ty, layout) = &self.objects[instr.a as usize];
            let access = Access {
                object: instr.a as u32,
                storage: ty.fields()[at].storage,
                unsigned: matches!(instr.op, Op::StructGetU | Op::ArrayGetU),
                offset: layout.offsets[at],
            };
            access.pack()
        };
        if let Some(service) = Service::of(instr.op) {
            return service as u64;
        }
        match instr.op {
            Op::StructGet | Op::StructGetU | Op::StructSet => field(instr.b as usize),
            Op::ArrayGet | Op::ArrayGetU | Op::ArraySet | Op::ArrayFill => field(0),
            Op::StructNewDefault | Op::ArrayNewDefault | Op::RefTestNull | Op::RefCastNull => {
                instr.a | VARIANT
            }
            Op::I31GetU => VARIANT,
            op => match op.info().imms.len() {
                2 => instr.a << 32 | instr.b,
                _ => instr.a,
            },
        }
    }

    /// The signature of an instruction on memories, tables or objects with these immediates, which name some that
    /// exist. Nothing for loads and stores, whose address is of the type that [`Spaces::address`] says,
    /// and for all other instructions.
    pub fn signature(&self, op: Op, a: u64, b: u64) -> Option<Signature> {
        let i32 = ValType::I32;
        let index = |table: u64| self.tables[table as usize].address.val_type();
        let element = |table: u64| self.tables[table as usize].element;
        let any = ValType::AnyRef;
        let field = |object: u64, at: u64| {
            let fields = self.objects[object as usize].0.fields();
            fields[at as usize].storage.val_type()
        };
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
            Op::StructNewDefault => Signature::new([], Some(any)),
            Op::StructGet | Op::StructGetU => Signature::new([any], Some(field(a, b))),
            Op::StructSet => Signature::new([any, field(a, b)], None),
            Op::ArrayNew => Signature::new([field(a, 0), i32], Some(any)),
            Op::ArrayNewDefault => Signature::new([i32], Some(any)),
            Op::ArrayNewData => Signature::new([i32, i32], Some(any)),
            Op::ArrayGet | Op::ArrayGetU => Signature::new([any, i32], Some(field(a, 0))),
            Op::ArraySet => Signature::new([any, i32, field(a, 0)], None),
            Op::ArrayFill => Signature::new([any, i32, field(a, 0), i32], None),
            Op::ArrayCopy => Signature::new([any, i32, any, i32, i32], None),
            _ => return None,
        })
    }

    /// The type of addresses of a memory.
    pub fn address(&self, memory: u64) -> ValType {
        self.memories[memory as usize].address.val_type()
    }
}
