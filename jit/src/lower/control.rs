//! Basic blocks: jumps, loops, returns, traps.

use std::cmp::Reverse;
use std::mem::offset_of;

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, types};
use dotvm_isa::abi::{EXIT_HALT, Libcalls, NativeStack, VmState};
use dotvm_isa::instr::InstrReader;
use dotvm_isa::{Instr, TrapCode};

use super::{Lowerer, Operand, constant_flags, limb_types, returns_in_slots, trap_code};
use crate::bailout::Bailout;

impl Lowerer<'_, '_> {
    /// The block at an offset; when it is new, it will be lowered.
    pub(super) fn block(&mut self, world: u8, offset: u32) -> Block {
        if let Some(&block) = self.body.blocks.get(&(world, offset)) {
            return block;
        }
        let cold = self.body.analysis.is_cold(offset);
        let block = self.create_block(cold);
        if let Some(types) = self.body.analysis.leaders.get(&offset) {
            for ty in limb_types(types) {
                self.b.append_block_param(block, ty);
            }
        }
        self.body.blocks.insert((world, offset), block);
        self.body.worklist.insert((Reverse(world), offset));
        block
    }

    /// The block that a jump from `from` to `to` leads to, in the right world.
    pub(super) fn target(&mut self, to: u32, from: u32) -> Block {
        let world = self.body.world_of_jump(self.body.world, to, from);
        self.note_edge(world, to);
        self.block(world, to)
    }

    /// A new block; it is put out of the way where it is cold.
    pub(super) fn create_block(&mut self, cold: bool) -> Block {
        let block = self.b.create_block();
        if cold {
            self.b.set_cold_block(block);
        }
        block
    }

    /// Goes on in a block that nothing that is still to be lowered leads to.
    pub(super) fn enter(&mut self, block: Block) {
        self.b.switch_to_block(block);
        self.b.seal_block(block);
    }

    /// All values of the operand stack, for the block jumped to.
    fn stack_args(&self) -> Vec<BlockArg> {
        self.stack
            .iter()
            .flat_map(Operand::limbs)
            .map(|&limb| BlockArg::from(limb))
            .collect()
    }

    /// `jmp`, or going on to a block that others jump to.
    pub(super) fn jump(&mut self, to: u32, from: u32) {
        let args = self.stack_args();
        let target = self.target(to, from);
        self.b.ins().jump(target, &args);
    }

    /// `jz` and `jnz`.
    pub(super) fn jump_if(&mut self, instr: &Instr, when: bool) {
        let condition = self.pop_one();
        let to = instr.a as u32;
        let args = self.stack_args();
        let target = self.target(to, instr.offset);
        let cold = self.body.analysis.is_cold_after(instr);
        let next = self.create_block(cold);
        if when {
            self.b.ins().brif(condition, target, &args, next, &[]);
        } else {
            self.b.ins().brif(condition, next, &[], target, &args);
        }
        // The operand stack stays as it is: nobody else leads to the rest of this block.
        self.enter(next);
    }

    /// `br_table`.
    pub(super) fn jump_table(&mut self, instr: &Instr) -> Result<(), Bailout> {
        let index = self.pop_one();
        let args = self.stack_args();
        let func = self.request.env.spaces.imported_funcs + self.body.analysis.defined;
        let code = self.request.module.body(self.body.analysis.defined);
        let targets: Vec<u32> = InstrReader::new(code, func)
            .labels(instr)
            .collect::<Result<_, _>>()
            .map_err(|_| Bailout::Malformed)?;
        let mut calls = Vec::with_capacity(targets.len());
        for to in targets {
            let block = self.target(to, instr.offset);
            calls.push(self.b.func.dfg.block_call(block, &args));
        }
        let last = calls.pop().expect("there is a last target");
        let table = self.b.create_jump_table(JumpTableData::new(last, &calls));
        self.b.ins().br_table(index, table);
        Ok(())
    }

    /// `ret`.
    pub(super) fn ret(&mut self) {
        let count = self.body.ty.results.len();
        let results = self.stack.split_off(self.stack.len() - count);
        let limbs: Vec<_> = results
            .iter()
            .flat_map(|value| value.limbs().to_vec())
            .collect();
        if let Some(after) = self.body.after {
            if self.body.worklist.is_empty() && !self.body.returned {
                self.body.last_return = Some(limbs);
                return;
            }
            self.body.returned = true;
            let args: Vec<BlockArg> = limbs.into_iter().map(BlockArg::from).collect();
            self.b.ins().jump(after, &args);
            return;
        }
        self.return_limbs(&limbs);
    }

    /// Returns from the unit.
    pub(super) fn return_limbs(&mut self, limbs: &[cranelift_codegen::ir::Value]) {
        let flags = self.slot_flags();
        if let Some(slots) = self.slots {
            super::store_slots(&mut self.b, flags, (slots, 0), limbs);
            self.b.ins().return_(&[]);
        } else if returns_in_slots(&self.unit_type()) {
            let slots = self.next_slots(0);
            super::store_slots(&mut self.b, flags, (slots, 0), limbs);
            self.b.ins().return_(&[]);
        } else {
            self.b.ins().return_(limbs);
        }
    }

    /// `trap`. Cranelift makes a branch to a block that does nothing but trap into an instruction that
    /// traps, at the place of the branch; so the block does something, which costs nothing.
    pub(super) fn unreachable(&mut self) {
        self.b.ins().sequence_point();
        self.trap(TrapCode::Unreachable);
    }

    pub(super) fn trap(&mut self, code: TrapCode) {
        self.b.ins().trap(trap_code(code));
    }

    /// `halt`.
    pub(super) fn halt(&mut self) {
        self.call_libcall(
            offset_of!(Libcalls, native_exit),
            &[],
            u64::from(EXIT_HALT),
            None,
        );
        self.trap(TrapCode::Unreachable);
    }

    /// A row of the table of libcalls for native code.
    pub(super) fn libcall_address(&mut self, offset: usize) -> cranelift_codegen::ir::Value {
        let state = self.state();
        let at = offset_of!(VmState, native) + offset_of!(NativeStack, libcalls);
        let table = self
            .b
            .ins()
            .load(types::I64, constant_flags(), state, at as i32);
        self.b
            .ins()
            .load(types::I64, constant_flags(), table, offset as i32)
    }
}
