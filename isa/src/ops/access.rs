//! How many bytes of memory instructions load and store.

use super::{Group, Op};

/// What an instruction does with a linear memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryAccess {
    /// Whether it writes.
    pub is_store: bool,
    /// How many bytes it reads or writes.
    pub bytes: u32,
}

impl Op {
    /// What a load or store does with its memory; `None` of other instructions, also of those whose operands
    /// say how many bytes they copy.
    pub fn memory_access(self) -> Option<MemoryAccess> {
        let is_store = match self.info().group {
            Group::Store
            | Group::VectorStore
            | Group::LaneStore
            | Group::WideStore
            | Group::PartsStore => true,
            group if group.accesses_memory() => false,
            _ => return None,
        };
        Some(MemoryAccess {
            is_store,
            bytes: self.access_bytes(),
        })
    }

    /// See [`MemoryAccess::bytes`]; 0 of instructions that are no accesses.
    const fn access_bytes(self) -> u32 {
        match self {
            Op::I32Load8S
            | Op::I32Load8U
            | Op::I64Load8S
            | Op::I64Load8U
            | Op::I32Store8
            | Op::I64Store8
            | Op::V128Load8Splat
            | Op::V128Load8Lane
            | Op::V128Store8Lane
            | Op::V256Load8Splat
            | Op::V512Load8Splat => 1,
            Op::I32Load16S
            | Op::I32Load16U
            | Op::I64Load16S
            | Op::I64Load16U
            | Op::I32Store16
            | Op::I64Store16
            | Op::V128Load16Splat
            | Op::V128Load16Lane
            | Op::V128Store16Lane
            | Op::V256Load16Splat
            | Op::V512Load16Splat => 2,
            Op::I32Load
            | Op::F32Load
            | Op::I64Load32S
            | Op::I64Load32U
            | Op::I32LoadBe
            | Op::I32Store
            | Op::F32Store
            | Op::I64Store32
            | Op::I32StoreBe
            | Op::V128Load32Splat
            | Op::V128Load32Zero
            | Op::V128Load32Lane
            | Op::V128Store32Lane
            | Op::V256Load32Splat
            | Op::V512Load32Splat => 4,
            Op::I64Load
            | Op::F64Load
            | Op::I64LoadBe
            | Op::I64Store
            | Op::F64Store
            | Op::I64StoreBe
            | Op::V128Load8x8
            | Op::V128Load8x8U
            | Op::V128Load16x4
            | Op::V128Load16x4U
            | Op::V128Load32x2
            | Op::V128Load32x2U
            | Op::V128Load64Splat
            | Op::V128Load64Zero
            | Op::V128Load64Lane
            | Op::V128Store64Lane
            | Op::V256Load64Splat
            | Op::V512Load64Splat => 8,
            Op::V128Load
            | Op::V128Store
            | Op::I128Load
            | Op::I128LoadBe
            | Op::I128Store
            | Op::I128StoreBe
            | Op::V256Load8x16
            | Op::V256Load8x16U
            | Op::V256Load16x8
            | Op::V256Load16x8U
            | Op::V256Load32x4
            | Op::V256Load32x4U => 16,
            Op::I256Load
            | Op::I256LoadBe
            | Op::I256Store
            | Op::I256StoreBe
            | Op::V256Load
            | Op::V512Load8x32
            | Op::V512Load8x32U
            | Op::V512Load16x16
            | Op::V512Load16x16U
            | Op::V512Load32x8
            | Op::V512Load32x8U
            | Op::V256Store
            | Op::I32x8Gather
            | Op::I64x4Gather => 32,
            Op::I512Load
            | Op::I512LoadBe
            | Op::I512Store
            | Op::I512StoreBe
            | Op::V512Load
            | Op::V512Store
            | Op::I32x16Gather
            | Op::I64x8Gather => 64,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    /// The table's texts, written for people, say the same.
    #[test]
    fn bytes_are_those_of_the_texts() {
        let mut accesses = 0;
        for info in crate::ops::OPS {
            let Some(access) = info.op.memory_access() else {
                assert!(!info.group.accesses_memory(), "{}", info.mnemonic);
                continue;
            };
            accesses += 1;
            let verb = if access.is_store { "Store" } else { "Load" };
            assert!(info.doc.starts_with(verb), "{}", info.mnemonic);
            let sentence = info.doc.split([',', ':', ';', '.']).next();
            let sentence = sentence.unwrap_or_default().split(" as ").next();
            let numbers = sentence.unwrap_or_default().split_whitespace();
            let bytes: u32 = numbers
                .filter_map(|word| word.parse::<u32>().ok())
                .product();
            assert_eq!(access.bytes, bytes, "{}", info.mnemonic);
        }
        assert!(accesses > 80, "{accesses} instructions that access memory");
    }
}
