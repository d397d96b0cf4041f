//! Which instruction of the machine a WebAssembly operator is, where it is one.

use dotvm_isa::Op;
use wasmparser::{MemArg, MemArgTarget, Operator};

use crate::ir::Inst;

/// Declares how operators without and with a memory operand map to opcodes of the same or another
/// name.
macro_rules! operators {
    (plain { $($wasm:ident $(= $op:ident)?,)* } memory { $($mem:ident,)* }) => {
        /// The instruction for an operator that has an exact counterpart and neither jumps nor
        /// refers to anything declared.
        pub(super) fn simple(operator: &Operator<'_>) -> Option<Inst> {
            match operator {
                $(Operator::$wasm => Some(Inst::op(operators!(@op $wasm $($op)?))),)*
                $(Operator::$mem { memarg } => access(Op::$mem, memarg, 0),)*
                _ => None,
            }
        }
    };
    (@op $wasm:ident $op:ident) => { Op::$op };
    (@op $wasm:ident) => { Op::$wasm };
}

operators! {
    plain {
        Unreachable = Trap, Drop = Pop, Select, RefIsNull, RefAsNonNull, ThrowRef,
        I32Eqz, I32Eq, I32Ne, I32LtS = I32Lt, I32LtU, I32GtS = I32Gt, I32GtU, I32LeS = I32Le,
        I32LeU, I32GeS = I32Ge, I32GeU,
        I64Eqz, I64Eq, I64Ne, I64LtS = I64Lt, I64LtU, I64GtS = I64Gt, I64GtU, I64LeS = I64Le,
        I64LeU, I64GeS = I64Ge, I64GeU,
        I64Add128, I64Sub128, I64MulWideS = I64MulWide, I64MulWideU,
        F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge, F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge,
        I32Clz, I32Ctz, I32Popcnt, I32Add, I32Sub, I32Mul, I32DivS = I32Div, I32DivU,
        I32RemS = I32Mod, I32RemU = I32ModU, I32And, I32Or, I32Xor, I32Shl, I32ShrS = I32Shr,
        I32ShrU, I32Rotl, I32Rotr,
        I64Clz, I64Ctz, I64Popcnt, I64Add, I64Sub, I64Mul, I64DivS = I64Div, I64DivU,
        I64RemS = I64Mod, I64RemU = I64ModU, I64And, I64Or, I64Xor, I64Shl, I64ShrS = I64Shr,
        I64ShrU, I64Rotl, I64Rotr,
        F32Abs, F32Neg, F32Ceil, F32Floor, F32Trunc, F32Nearest, F32Sqrt, F32Add, F32Sub, F32Mul,
        F32Div, F32Min, F32Max, F32Copysign,
        F64Abs, F64Neg, F64Ceil, F64Floor, F64Trunc, F64Nearest, F64Sqrt, F64Add, F64Sub, F64Mul,
        F64Div, F64Min, F64Max, F64Copysign,
        I32WrapI64, I32TruncF32S = I32TruncF32, I32TruncF32U, I32TruncF64S = I32TruncF64,
        I32TruncF64U, I64ExtendI32S = I64ExtendI32, I64ExtendI32U, I64TruncF32S = I64TruncF32,
        I64TruncF32U, I64TruncF64S = I64TruncF64, I64TruncF64U,
        F32ConvertI32S = F32ConvertI32, F32ConvertI32U, F32ConvertI64S = F32ConvertI64,
        F32ConvertI64U, F32DemoteF64, F64ConvertI32S = F64ConvertI32, F64ConvertI32U,
        F64ConvertI64S = F64ConvertI64, F64ConvertI64U, F64PromoteF32,
        I32ReinterpretF32, I64ReinterpretF64, F32ReinterpretI32, F64ReinterpretI64,
        I32Extend8S = I32Extend8, I32Extend16S = I32Extend16, I64Extend8S = I64Extend8,
        I64Extend16S = I64Extend16, I64Extend32S = I64Extend32,
        I32TruncSatF32S = I32TruncSatF32, I32TruncSatF32U, I32TruncSatF64S = I32TruncSatF64,
        I32TruncSatF64U, I64TruncSatF32S = I64TruncSatF32, I64TruncSatF32U,
        I64TruncSatF64S = I64TruncSatF64, I64TruncSatF64U,
    }
    memory {
        I32Load, I64Load, F32Load, F64Load, I32Load8S, I32Load8U, I32Load16S, I32Load16U,
        I64Load8S, I64Load8U, I64Load16S, I64Load16U, I64Load32S, I64Load32U,
        I32Store, I64Store, F32Store, F64Store, I32Store8, I32Store16, I64Store8, I64Store16,
        I64Store32,
    }
}

/// A load or store, of a memory: validation bounds their number. `lane` is 0 where it is not one of lanes.
pub(super) fn access(op: Op, memarg: &MemArg, lane: u8) -> Option<Inst> {
    match memarg.target {
        MemArgTarget::Memory(index) => Some(Inst::access(
            index as u16,
            op,
            memarg.offset,
            u64::from(lane),
        )),
        _ => None,
    }
}

/// The instruction for an operator that has an exact counterpart and refers to something by index.
pub(super) fn indexed(operator: &Operator<'_>) -> Option<Inst> {
    let one = |op, a: u32| Some(Inst::op1(op, u64::from(a)));
    let two = |op, a: u32, b: u32| Some(Inst::op2(op, u64::from(a), u64::from(b)));
    match *operator {
        Operator::LocalGet { local_index } => one(Op::LocalGet, local_index),
        Operator::LocalSet { local_index } => one(Op::LocalSet, local_index),
        Operator::LocalTee { local_index } => one(Op::LocalTee, local_index),
        Operator::GlobalGet { global_index } => one(Op::GlobalGet, global_index),
        Operator::GlobalSet { global_index } => one(Op::GlobalSet, global_index),
        Operator::I32Const { value } => Some(Inst::i32(value)),
        Operator::I64Const { value } => Some(Inst::i64(value)),
        Operator::F32Const { value } => one(Op::F32Push, value.bits()),
        Operator::F64Const { value } => Some(Inst::op1(Op::F64Push, value.bits())),
        Operator::Call { function_index } => one(Op::Call, function_index),
        Operator::ReturnCall { function_index } => one(Op::RetCall, function_index),
        Operator::CallIndirect {
            type_index,
            table_index,
        } => two(Op::CallIndirect, type_index, table_index),
        Operator::ReturnCallIndirect {
            type_index,
            table_index,
        } => two(Op::RetCallIndirect, type_index, table_index),
        Operator::RefFunc { function_index } => one(Op::RefFunc, function_index),
        Operator::CallRef { type_index } => one(Op::CallRef, type_index),
        Operator::ReturnCallRef { type_index } => one(Op::RetCallRef, type_index),
        Operator::Throw { tag_index } => one(Op::Throw, tag_index),
        Operator::MemorySize { mem } => one(Op::MemorySize, mem),
        Operator::MemoryGrow { mem } => one(Op::MemoryGrow, mem),
        Operator::MemoryFill { mem } => one(Op::MemoryFill, mem),
        Operator::MemoryCopy { dst_mem, src_mem } => two(Op::MemoryCopy, dst_mem, src_mem),
        Operator::MemoryInit { data_index, mem } => two(Op::MemoryInit, data_index, mem),
        Operator::DataDrop { data_index } => one(Op::DataDrop, data_index),
        Operator::TableInit { elem_index, table } => two(Op::TableInit, elem_index, table),
        Operator::ElemDrop { elem_index } => one(Op::ElemDrop, elem_index),
        Operator::TableCopy {
            dst_table,
            src_table,
        } => two(Op::TableCopy, dst_table, src_table),
        Operator::TableFill { table } => one(Op::TableFill, table),
        Operator::TableGet { table } => one(Op::TableGet, table),
        Operator::TableSet { table } => one(Op::TableSet, table),
        Operator::TableGrow { table } => one(Op::TableGrow, table),
        Operator::TableSize { table } => one(Op::TableSize, table),
        _ => None,
    }
}

macro_rules! proposals {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// The name of the proposal that an operator comes from.
        #[cold]
        pub(super) fn proposal(operator: &Operator<'_>) -> String {
            let name = match operator {
                $(Operator::$op { .. } => stringify!($proposal),)*
                _ => "unknown",
            };
            name.replace('_', "-")
        }
    };
}
wasmparser::for_each_operator!(proposals);
