//! Lowering for a debugger: in front of each instruction of the bytecode, all values are in their homes and
//! no accumulator matters, so that a debugger can read and change everything there.
//!
//! It is the lowering of all other code, with an instruction between that forgets what it knows. So
//! results, traps and fuel are the same.

use dotvm_isa::{Malformed, Op};

use super::{Lowerer, ops};
use crate::handlers::debug::Break;
use crate::machine::handler;

impl Lowerer<'_> {
    /// As `run`, with a place to stop in front of each instruction. Offsets and words of these are noted.
    pub(super) fn run_with_stops(&mut self, stops: &mut Vec<(u32, u32)>) -> Result<(), Malformed> {
        while let Some(step) = self.verifier.step()? {
            self.at = step.instr.offset;
            if step.fallthrough && (step.label || step.reachable) {
                self.settle();
            }
            if step.label {
                self.bind_label(step.label_data);
            }
            if !step.reachable {
                self.verifier.apply(&step.instr)?;
                self.skip_region(step.instr.op);
                continue;
            }
            self.forget(self.verifier.shape());
            // Loops go back to what is lowered for `loop`, which has no result.
            let is_loop = step.instr.op == Op::Loop;
            if !is_loop {
                self.stop_here(stops);
            }
            self.verifier.apply(&step.instr)?;
            ops::lower(self, &step.instr)?;
            if is_loop {
                self.stop_here(stops);
            }
        }
        Ok(())
    }

    fn stop_here(&mut self, stops: &mut Vec<(u32, u32)>) {
        let at = self.emit(handler::<Break>(), &[u64::from(self.at) << 32]);
        stops.push((self.at, at as u32));
    }
}
