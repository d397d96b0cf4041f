//! The module that computes operations on operands in memory.

use std::fmt::Write;

use dotvm::isa::ValType;
use dotvm::isa::ops::Sig;

use super::{Operation, Oracle, Slots};
use crate::fuzzing::Random;

/// The most cases that are computed by one call.
pub(super) const BATCH: usize = 2048;

/// Where in memory results are.
pub(super) const RESULTS_AT: usize = 1 << 20;

/// Where an operation's operands come from and where its results go.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The number of the lane or limb that is meant, where the operation means one.
    pub(super) lane: u64,
    /// The last operand, where it is a constant.
    constant: Option<Slots>,
    /// Whether operands come from locals and results go there.
    locals: bool,
}

impl Form {
    /// The forms to try.
    pub(super) fn all(oracle: &dyn Oracle, op: Operation, random: &mut Random) -> Vec<Form> {
        let Sig::Fixed(params, _) = op.sig else {
            unreachable!("pure instructions have fixed signatures");
        };
        let lanes = op.imms.first().and_then(|imm| imm.lanes()).unwrap_or(1);
        let mut forms = Vec::new();
        for lane in 0..u64::from(lanes) {
            for locals in [false, true] {
                let form = Form {
                    lane,
                    constant: None,
                    locals,
                };
                forms.push(form.clone());
                let constants = match params.len() {
                    1 => 0,
                    _ => oracle.constants(op),
                };
                for _ in 0..constants {
                    let slots = oracle.operands(op, params, random);
                    let last = params[params.len() - 1].slots() as usize;
                    let constant = Some(slots[slots.len() - last..].to_vec());
                    forms.push(Form {
                        constant,
                        ..form.clone()
                    });
                }
            }
        }
        forms
    }

    /// Puts the constant where the last operand of a case is.
    pub(super) fn replace_constant(&self, params: &[ValType], slots: &mut Slots) {
        if let Some(constant) = &self.constant {
            let last = params[params.len() - 1].slots() as usize;
            slots.truncate(slots.len() - last);
            slots.extend(constant);
        }
    }
}

/// The export that computes an operation in that form.
pub(super) fn name(op: Operation, form: usize) -> String {
    format!("{}/{form}", op.mnemonic)
}

/// A module with all of these.
pub(super) fn text(operations: &[(Operation, Vec<Form>)]) -> String {
    let arch = operations[0].0.first_arch;
    let mut text = format!(".arch {arch}\n.memory 32\n.export \"memory\" memory 0\n");
    for (op, forms) in operations {
        for (number, form) in forms.iter().enumerate() {
            let name = name(op, number);
            writeln!(text, ".export \"{name}\" func $\"{name}\"").expect("writing to a string");
            function(&mut text, op, &name, form);
        }
    }
    text
}

/// The instruction that pushes a constant.
fn push(ty: ValType, slots: &[u64]) -> String {
    match ty {
        ValType::F32 => format!("i32.push {:#x}\n f32.reinterpret_i32", slots[0]),
        ValType::F64 => format!("i64.push {:#x}\n f64.reinterpret_i64", slots[0]),
        _ => {
            let digits: String = slots
                .iter()
                .rev()
                .map(|slot| format!("{slot:016x}"))
                .collect();
            format!("{ty}.push 0x{digits}")
        }
    }
}

/// A loop over the cases: operands from memory, the operation, results to memory.
fn function(text: &mut String, op: Operation, name: &str, form: &Form) {
    let Sig::Fixed(params, results) = op.sig else {
        unreachable!("pure instructions have fixed signatures");
    };
    let mut out = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    out(format!(".func $\"{name}\" (i32 $left)"));
    out(" .local i32 $from $to".to_owned());
    for (i, ty) in params.iter().chain(results).enumerate() {
        out(format!(" .local {ty} $v{i}"));
    }
    out(format!(" i32.push {RESULTS_AT}\n local.set $to"));
    out("again:\n loop\n local.get $left\n i32.eqz\n jnz done".to_owned());
    let in_slots = params.len() - usize::from(form.constant.is_some());
    let mut at = 0;
    for (i, ty) in params.iter().enumerate() {
        if i < in_slots {
            out(format!(" local.get $from\n {ty}.load {at}"));
            if form.locals {
                out(format!(" local.set $v{i}"));
            }
        }
        at += ty.slots() * 8;
    }
    if form.locals {
        (0..in_slots).for_each(|i| out(format!(" local.get $v{i}")));
    }
    if let Some(constant) = &form.constant {
        out(format!(" {}", push(params[in_slots], constant)));
    }
    match op.imms {
        [] => out(format!(" {}", op.mnemonic)),
        _ => out(format!(" {} {}", op.mnemonic, form.lane)),
    }
    // To locals straight, or after something else: the former is what machines find short cuts for.
    if !form.locals {
        out(" nop\n cold\n local.get $left\n pop".to_owned());
    }
    let locals = params.len()..params.len() + results.len();
    locals
        .clone()
        .rev()
        .for_each(|i| out(format!(" local.set $v{i}")));
    let mut offset = 0;
    for (i, ty) in locals.zip(results) {
        // Values narrower than a slot are stored as one that they are extended to.
        let (extend, stored) = match ty {
            ValType::I32 => ("i64.extend_i32_u", ValType::I64),
            ValType::F32 => ("i32.reinterpret_f32\n i64.extend_i32_u", ValType::I64),
            _ => ("nop", *ty),
        };
        out(format!(
            " local.get $to\n local.get $v{i}\n {extend}\n {stored}.store {offset}"
        ));
        offset += ty.slots() * 8;
    }
    for (pointer, bytes) in [("from", at), ("to", offset)] {
        out(format!(
            " local.get ${pointer}\n i32.push {bytes}\n i32.add\n local.set ${pointer}"
        ));
    }
    out(" local.get $left\n i32.push 1\n i32.sub\n local.set $left\n jmp again".to_owned());
    out("done:\n ret\n.end".to_owned());
}
