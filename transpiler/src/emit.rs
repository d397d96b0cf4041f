//! From the intermediate form to encoded function bodies.

use dotvm_isa::{Bits, Catch, CodeBuilder, Label as CodeLabel, Op, ValType};

use crate::ir::{Func, Inst, Label};

/// The encoded body of a function: its locals' declarations and its code.
pub(crate) fn emit(func: &Func) -> Vec<u8> {
    let mut groups: Vec<(u32, ValType)> = Vec::new();
    for &ty in &func.locals[func.params as usize..] {
        match groups.last_mut() {
            Some((count, last)) if *last == ty => *count += 1,
            _ => groups.push((1, ty)),
        }
    }
    let mut code = CodeBuilder::new(&groups);
    let labels: Vec<CodeLabel> = (0..func.labels).map(|_| code.new_label()).collect();
    let at = |label: Label| labels[label.0 as usize];
    for &inst in &func.insts {
        match inst {
            Inst::Label(label) => code.bind(at(label)),
            Inst::Loop(label) => {
                code.bind(at(label));
                code.op(Op::Loop);
            }
            Inst::Jmp(label) => code.jump(Op::Jmp, at(label)),
            Inst::Jz(label) => code.jump(Op::Jz, at(label)),
            Inst::Jnz(label) => code.jump(Op::Jnz, at(label)),
            Inst::BrTable(table) => {
                let targets: Vec<CodeLabel> = func.tables[table as usize]
                    .iter()
                    .map(|&target| at(target))
                    .collect();
                code.br_table(&targets);
            }
            Inst::Try(region) => {
                let catches = func.regions[region as usize].iter();
                let catches: Vec<Catch<CodeLabel>> = catches
                    .map(|catch| catch.with_target(at(catch.target)))
                    .collect();
                code.try_region(&catches);
            }
            Inst::Op { op, a, b, .. }
                if op.info().imms.iter().any(|imm| imm.wide_bits().is_some()) =>
            {
                code.op_constant(op, Bits::from_slots(&[a, b]));
            }
            Inst::Op { op, memory, a, b } => code.access(memory, op, a, b),
        }
    }
    code.finish()
}
