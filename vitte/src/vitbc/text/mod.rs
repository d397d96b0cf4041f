//! The text form of VITBC: written by [`disassemble()`], read by [`assemble()`].
//!
//! What the text does not say follows from rules that both sides share, so a module and its text give each
//! other exactly: constants are in the order of their first use, unless `CONST` lines list them;
//! registers have the types of what is first written to them, unless `REG` lines say others; parameters
//! and results are `int` where no type is written.

mod assemble;
mod disassemble;

pub use assemble::assemble;
pub use disassemble::{Instruction, TooLong, disassemble};

pub(crate) use disassemble::show_type;

use super::module::{Function, Module, Ty};
use super::ops::{NO_RESULT, Op, Operand};
use super::verify::{Context, Writes, rule};
use crate::syntax::lexer::Kind;

/// The most passes that look for types of registers.
const PASSES_MAX: usize = 8;

/// The types of registers as they follow from the code; `int` where nothing does. `given` are those that
/// are said.
fn infer(context: &Context<'_>, function: &mut Function, given: &[Option<Ty>]) {
    let count = given.len();
    let mut known: Vec<Option<Ty>> = given.to_vec();
    for _ in 0..PASSES_MAX {
        let mut changed = false;
        for i in 0..function.code.len() {
            let instr = &function.code[i];
            let dest = instr
                .operands()
                .find_map(|(operand, number)| match operand {
                    Operand::Dest => Some(number),
                    Operand::Result if number != NO_RESULT => Some(number),
                    _ => None,
                });
            let Some(dest) = dest.map(|dest| dest as usize).filter(|dest| *dest < count) else {
                continue;
            };
            if known[dest].is_some() || !reads(instr.op, &instr.fixed, &instr.list, &known) {
                continue;
            }
            match rule(context, function, instr) {
                Ok(Writes::Type(ty)) => {
                    known[dest] = Some(ty);
                    function.registers[dest] = ty;
                    changed = true;
                }
                Ok(Writes::Null | Writes::Nothing) => {}
                // All that it reads is known, so the verifier will refuse it, too.
                Err(_) => return,
            }
        }
        if !changed {
            break;
        }
    }
}

/// Whether all registers that an instruction reads have types.
fn reads(op: Op, fixed: &[u32], list: &[u32], known: &[Option<Ty>]) -> bool {
    let kinds = op
        .operands()
        .iter()
        .filter(|operand| **operand != Operand::Regs);
    let fixed = kinds
        .zip(fixed)
        .filter(|(operand, _)| **operand == Operand::Reg);
    let mut all = fixed.map(|(_, register)| register).chain(list);
    all.all(|register| known.get(*register as usize).is_some_and(Option::is_some))
}

/// Whether a name can be written without quotes.
fn is_plain(name: &str) -> bool {
    name.split('.').all(|part| {
        let mut chars = part.chars();
        let first = chars
            .next()
            .is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
        first
            && chars.all(|c| c == '_' || c.is_ascii_alphanumeric())
            && !Kind::WORDS.contains(&part)
    })
}

/// A name as it is written.
fn write_name(name: &str) -> String {
    match is_plain(name) {
        true => name.to_owned(),
        false => crate::syntax::quote(name),
    }
}

/// Whether a call whose text does not say where its result goes puts it into register 0.
fn has_default_result(module: &Module, op: Op, fixed: &[u32]) -> bool {
    let callee = module
        .functions
        .get(fixed.first().copied().unwrap_or(0) as usize);
    op == Op::Call && callee.is_some_and(|callee| callee.result != Ty::VOID)
}
