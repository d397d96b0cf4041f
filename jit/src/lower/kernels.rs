//! Loops that [kernels](crate::kernels) are called for.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, BlockArg, ExtFuncData, ExternalName, InstBuilder, JumpTableData, Signature,
    StackSlotData, StackSlotKind, UserExternalName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use dotvm_isa::Instr;

use super::{GUARD_BYTES, Lowerer, Operand, store_slots};
use crate::kernels::{Kernel, Source, Unchecked};

/// The namespace of kernels in the names of what a unit calls.
pub(crate) const NAMESPACE: u32 = 1;

/// A kernel in a unit.
#[derive(Debug)]
pub(crate) struct Placed {
    /// Number of the site that its function is inlined at.
    pub(crate) site: u32,
    /// Offset of the loop's header.
    header: u32,
    /// The kernel; nothing, where the loop is of no kind that can be one.
    pub(crate) kernel: Option<Kernel>,
}

impl Lowerer<'_, '_> {
    /// The number of the kernel for the loop with its header at an offset, where there is one.
    pub(super) fn kernel_at(&mut self, header: u32) -> Option<usize> {
        let body = &self.body;
        if !self.processor.kernels
            || self.request.tracks_frames()
            || !body.analysis.loops.contains_key(&header)
        {
            return None;
        }
        let site = body.site;
        let mut known = self.kernels.iter();
        let number = known.position(|it| (it.site, it.header) == (site, header));
        let number = number.unwrap_or_else(|| {
            let kernel = self.generate(header);
            self.kernels.push(Placed {
                site,
                header,
                kernel,
            });
            self.kernels.len() - 1
        });
        self.kernels[number].kernel.as_ref().map(|_| number)
    }

    fn generate(&self, header: u32) -> Option<Kernel> {
        let analysis = &self.body.analysis;
        let memory = self.request.env.spaces.memories.first();
        let unchecked = Unchecked::of(memory, GUARD_BYTES);
        let source = Source {
            constants: &|instr: &Instr| self.wide_constant(instr),
            unchecked: &unchecked,
            two_carries: self.processor.two_carries,
            double_shifts: self.processor.double_shifts,
        };
        Kernel::of(analysis, header, &source)
    }

    /// Calls a kernel in place of its loop, and goes on where that is left.
    pub(super) fn call_kernel(&mut self, number: usize) {
        let placed = &self.kernels[number];
        let header = placed.header;
        let kernel = placed.kernel.as_ref().expect("one that there is");
        let (locals, exits) = (kernel.locals.clone(), kernel.exits.clone());
        let bytes = kernel.slot_bytes;
        let at = self.body.analysis.index(header).expect("a header");
        self.mark_place(&self.body.analysis.instrs[at].clone());
        let ty = |l: &Self, local: u32| l.body.analysis.locals[local as usize];
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 5);
        let slot = self.b.create_sized_stack_slot(slot);
        let slots = self.b.ins().stack_addr(types::I64, slot, 0);
        let flags = self.slot_flags();
        for local in &locals {
            let variables = self.body.locals[local.index as usize].clone();
            let limbs: Vec<Value> = variables.iter().map(|&it| self.b.use_var(it)).collect();
            store_slots(&mut self.b, flags, (slots, local.at as i32), &limbs);
        }
        let left = self.kernel_call(number, slots);
        for local in locals.iter().filter(|local| local.written) {
            let value = self.load_slots(slots, local.at / 8, ty(self, local.index));
            for (limb, &value) in value.limbs().iter().enumerate() {
                let variable = self.body.locals[local.index as usize][limb];
                self.b.def_var(variable, value);
            }
        }
        let stack = self.stack.iter().flat_map(Operand::limbs);
        let args: Vec<BlockArg> = stack.map(|&limb| BlockArg::from(limb)).collect();
        let blocks: Vec<_> = exits
            .iter()
            .map(|exit| self.target(exit.to, exit.from))
            .collect();
        match blocks[..] {
            [only] => _ = self.b.ins().jump(only, &args),
            [first, second] => {
                let is_second = self.b.ins().icmp_imm_s(IntCC::NotEqual, left, 0);
                self.b.ins().brif(is_second, second, &args, first, &args);
            }
            _ => {
                let call = |block| self.b.func.dfg.block_call(block, &args);
                let mut calls: Vec<_> = blocks.into_iter().map(call).collect();
                let last = calls.pop().expect("a way out");
                let table = self.b.create_jump_table(JumpTableData::new(last, &calls));
                self.b.ins().br_table(left, table);
            }
        }
    }

    fn kernel_call(&mut self, number: usize, slots: Value) -> Value {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = vec![AbiParam::new(types::I64); 2];
        signature.returns = vec![AbiParam::new(types::I32)];
        let signature = self.b.import_signature(signature);
        let name = UserExternalName {
            namespace: NAMESPACE,
            index: number as u32,
        };
        let name = self.b.func.declare_imported_user_function(name);
        let kernel = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        let call = self.b.ins().call(kernel, &[self.ctx, slots]);
        self.b.inst_results(call)[0]
    }
}
