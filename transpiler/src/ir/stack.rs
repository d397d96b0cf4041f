//! How many values instructions pop and push, and where the code of an operand begins.

use dotvm_isa::ops::{Op, Sig};

use super::{Env, Func, Inst};

/// How many values an instruction takes from the stack and leaves there instead. For
/// [`Op::Ret`] and tail calls, nothing is left.
pub(crate) fn effect(inst: Inst, env: &Env, func_results: usize) -> (usize, usize) {
    let (op, a, b) = match inst {
        Inst::Label(_) | Inst::Loop(_) | Inst::Jmp(_) | Inst::Try(_) => return (0, 0),
        Inst::Jz(_) | Inst::Jnz(_) | Inst::BrTable(_) => return (1, 0),
        Inst::Op { op, a, b, .. } => (op, a, b),
    };
    if let Sig::Fixed(params, results) = op.info().sig {
        return (params.len(), results.len());
    }
    match op {
        Op::Call | Op::RetCall => {
            let ty = env.func_type(a as u32);
            let results = if op == Op::Call { ty.results.len() } else { 0 };
            (ty.params.len(), results)
        }
        Op::CallIndirect | Op::CallRef | Op::RetCallIndirect | Op::RetCallRef => {
            let ty = &env.types[a as usize];
            let results = if op.is_terminator() {
                0
            } else {
                ty.results.len()
            };
            (ty.params.len() + 1, results)
        }
        Op::Throw => (env.tag_values(a as u32).len(), 0),
        Op::Ret => (func_results, 0),
        Op::Pick => (a as usize + 1, a as usize + 2),
        Op::Slide => (a as usize + b as usize, b as usize),
        _ => simple(op),
    }
}

/// The effect of polymorphic instructions that does not depend on immediates.
fn simple(op: Op) -> (usize, usize) {
    match op {
        Op::Select => (3, 1),
        Op::Pop | Op::LocalSet | Op::GlobalSet | Op::ThrowRef => (1, 0),
        Op::Dup => (1, 2),
        Op::Swap => (2, 2),
        Op::Rot => (3, 3),
        Op::Over => (2, 3),
        Op::Nip => (2, 1),
        Op::Tuck => (2, 3),
        Op::LocalGet | Op::GlobalGet | Op::RefNull => (0, 1),
        Op::MemorySize | Op::TableSize => (0, 1),
        Op::LocalTee | Op::RefIsNull | Op::RefAsNonNull => (1, 1),
        Op::TableGet | Op::MemoryGrow => (1, 1),
        Op::TableSet => (2, 0),
        Op::TableGrow => (2, 1),
        Op::MemoryInit | Op::MemoryCopy | Op::MemoryFill => (3, 0),
        Op::TableInit | Op::TableCopy | Op::TableFill => (3, 0),
        _ => (0, 0),
    }
}

/// The most instructions that [`operand_start`] looks at.
const REACH: usize = 48;

/// Where in `code` the instructions begin that compute the value on top of the stack at its end:
/// from there on, exactly one value is pushed and nothing below it is touched. `None` where a
/// jump or label comes between, or it is far away.
pub(crate) fn operand_start(code: &[Inst], env: &Env) -> Option<usize> {
    let mut need = 1;
    for (steps, (i, &inst)) in code.iter().enumerate().rev().enumerate() {
        if steps == REACH || inst.is_target() || inst.ends_block() {
            return None;
        }
        let (pops, pushes) = effect(inst, env, 0);
        if pushes > need {
            return None;
        }
        need = need - pushes + pops;
        if need == 0 {
            return Some(i);
        }
    }
    None
}

/// The height of the operand stack before each instruction; `None` for instructions that nothing
/// leads to. Loop headers that are entered from below only have height 0.
pub(crate) fn heights(func: &Func, env: &Env) -> Vec<Option<u32>> {
    let results = env.types[func.ty as usize].results.len();
    let mut at_label: Vec<Option<u32>> = vec![None; func.labels as usize];
    let mut heights = Vec::with_capacity(func.insts.len());
    let mut current = Some(0u32);
    for &inst in &func.insts {
        match inst {
            Inst::Label(label) => current = current.or(at_label[label.0 as usize]),
            Inst::Loop(label) => current = current.or(at_label[label.0 as usize]).or(Some(0)),
            _ => {}
        }
        heights.push(current);
        let Some(height) = current else { continue };
        let (pops, pushes) = effect(inst, env, results);
        let after = (height as usize).saturating_sub(pops) as u32;
        if let Inst::Try(region) = inst {
            for catch in &func.regions[region as usize] {
                let caught = after + env.catch_height(catch);
                at_label[catch.target.0 as usize].get_or_insert(caught);
            }
        } else {
            for target in func.targets(inst) {
                at_label[target.0 as usize].get_or_insert(after);
            }
        }
        current = (!inst.is_terminator()).then_some(after + pushes as u32);
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::super::text::parse;
    use super::*;

    #[test]
    fn operands_are_found_from_their_end() {
        let func = parse(
            "func (i32) -> ()
                i32.push 7
                local.get 0
                i32.push 2
                i32.add
                local.tee 0
                i32.load 4",
        );
        let env = Env::default();
        let start = |end: usize| operand_start(&func.insts[..end], &env);
        assert_eq!(start(1), Some(0));
        assert_eq!(start(3), Some(2));
        assert_eq!(start(4), Some(1));
        assert_eq!(start(6), Some(1));
        assert_eq!(start(0), None);
    }

    #[test]
    fn heights_follow_jumps() {
        let func = parse(
            "func () -> (i32)
                i32.push 1
                i32.push 2
                jz L0
                jmp L1
                nop
            L0:
                nip
            L1:
                ret",
        );
        let env = Env {
            types: vec![dotvm_isa::FuncType::default()],
            ..Env::default()
        };
        let found = heights(&func, &env);
        let want = [
            Some(0),
            Some(1),
            Some(2),
            Some(1),
            None,
            Some(1),
            Some(1),
            Some(1),
            Some(1),
        ];
        assert_eq!(found[..4], want[..4]);
        assert_eq!(found[4], None);
        assert_eq!(found[5], Some(1));
    }
}
