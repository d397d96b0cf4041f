//! Running functions of the intermediate form on numbers, to see what they compute.
//!
//! Memory is a function's own here: it may read what it wrote itself, and write to its part of the stack and
//! to where its result goes. Whatever else it does, its behaviour is unknown.

use std::collections::HashMap;

use dotvm_isa::Op;
use dotvm_isa::ops::Group;

use crate::ir::{Env, Func, Inst, Label, eval_binary, eval_unary};

/// What the stack pointer is, which is the only global that such functions have.
const STACK: u64 = 1 << 20;

/// The most bytes of stack.
const STACK_BYTES: u64 = 1 << 12;

/// Where results go to: somewhere else.
const RESULT: u64 = 1 << 21;

/// Instructions that a function may take: some times 128 steps of a loop.
const FUEL: u32 = 1 << 15;

/// How deep calls may be.
const DEPTH: u32 = 8;

/// Runs functions.
pub(super) struct Evaluation<'a> {
    funcs: &'a [Func],
    env: &'a Env,
    /// Where labels are in functions that were called.
    labels: HashMap<usize, HashMap<Label, usize>>,
    /// Bytes that were written.
    memory: HashMap<u64, u8>,
    stack_pointer: u64,
    fuel: u32,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(funcs: &'a [Func], env: &'a Env) -> Evaluation<'a> {
        Evaluation {
            funcs,
            env,
            labels: HashMap::new(),
            memory: HashMap::new(),
            stack_pointer: STACK,
            fuel: FUEL,
        }
    }

    /// Whether a function, called with the address of a result of two words and with these operands, stores
    /// that result and comes back, leaving everything else as it was.
    pub(super) fn leaves(&mut self, index: usize, operands: &[u64], result: [u64; 2]) -> bool {
        self.memory.clear();
        self.stack_pointer = STACK;
        self.fuel = FUEL;
        let args = [&[RESULT], operands].concat();
        if self.call(index, args, 0) != Some(Vec::new()) || self.stack_pointer != STACK {
            return false;
        }
        let bytes = result.map(u64::to_le_bytes).concat();
        let stored = (RESULT..).zip(bytes);
        let is_result = |address: &u64| (RESULT..RESULT + 16).contains(address);
        let is_stack = |address: &u64| (STACK - STACK_BYTES..STACK).contains(address);
        stored
            .into_iter()
            .all(|(address, byte)| self.memory.get(&address) == Some(&byte))
            && self
                .memory
                .keys()
                .all(|address| is_result(address) || is_stack(address))
    }

    /// Calls a function; `None` where nothing is known of what happens.
    fn call(&mut self, index: usize, args: Vec<u64>, depth: u32) -> Option<Vec<u64>> {
        let func = self.funcs.get(index).filter(|_| depth < DEPTH)?;
        let labels = self.labels.remove(&index).unwrap_or_else(|| labels(func));
        let results = self.body(func, &labels, args, depth);
        self.labels.insert(index, labels);
        results
    }

    fn body(
        &mut self,
        func: &Func,
        labels: &HashMap<Label, usize>,
        mut locals: Vec<u64>,
        depth: u32,
    ) -> Option<Vec<u64>> {
        let env = self.env;
        locals.resize(func.locals.len(), 0);
        let mut stack: Vec<u64> = Vec::new();
        let mut at = 0;
        loop {
            let inst = *func.insts.get(at)?;
            at += 1;
            self.fuel = self.fuel.checked_sub(1)?;
            match inst {
                Inst::Label(_) | Inst::Loop(_) => {}
                Inst::Jmp(target) => at = labels[&target],
                Inst::Jz(target) | Inst::Jnz(target) => {
                    let is_zero = stack.pop()? == 0;
                    if is_zero == matches!(inst, Inst::Jz(_)) {
                        at = labels[&target];
                    }
                }
                Inst::BrTable(table) => {
                    let targets = &func.tables[table as usize];
                    let index = stack.pop()? as usize;
                    at = labels[&targets[index.min(targets.len() - 1)]];
                }
                Inst::Try(_) => return None,
                Inst::Op { op: Op::Ret, .. } => {
                    let results = env.types[func.ty as usize].results.len();
                    return Some(stack.split_off(stack.len().checked_sub(results)?));
                }
                Inst::Op {
                    op: Op::Call, a, ..
                } => {
                    let ty = env.func_type(a as u32);
                    let args = stack.split_off(stack.len().checked_sub(ty.params.len())?);
                    let callee = (a as u32).checked_sub(env.imported_funcs)?;
                    stack.extend(self.call(callee as usize, args, depth + 1)?);
                }
                Inst::Op { op, memory, a, .. } => {
                    if memory != 0 {
                        return None;
                    }
                    self.simple(op, a, inst, &mut stack, &mut locals)?;
                }
            }
        }
    }

    /// An instruction that neither jumps nor calls.
    fn simple(
        &mut self,
        op: Op,
        a: u64,
        inst: Inst,
        stack: &mut Vec<u64>,
        locals: &mut [u64],
    ) -> Option<()> {
        if let Some(constant) = inst.as_const() {
            stack.push(constant);
            return Some(());
        }
        match op {
            Op::Nop => {}
            Op::LocalGet => stack.push(locals[a as usize]),
            Op::LocalSet => locals[a as usize] = stack.pop()?,
            Op::LocalTee => locals[a as usize] = *stack.last()?,
            Op::GlobalGet if a == 0 => stack.push(self.stack_pointer),
            Op::GlobalSet if a == 0 => self.stack_pointer = stack.pop()?,
            Op::Pop => {
                stack.pop()?;
            }
            Op::Select => {
                let (condition, second) = (stack.pop()?, stack.pop()?);
                if condition == 0 {
                    *stack.last_mut()? = second;
                }
            }
            Op::I32Load | Op::I64Load => {
                let address = stack.pop()?.checked_add(a)?;
                stack.push(self.load(address, bytes(op))?);
            }
            Op::I32Store | Op::I64Store => {
                let (value, address) = (stack.pop()?, stack.pop()?);
                let stored = value.to_le_bytes().into_iter().take(bytes(op));
                self.memory.extend((address.checked_add(a)?..).zip(stored));
            }
            _ => {
                let value = match op.info().group {
                    Group::Unary => eval_unary(op, stack.pop()?)?,
                    Group::Binary => {
                        let (b, a) = (stack.pop()?, stack.pop()?);
                        eval_binary(op, a, b)?
                    }
                    _ => return None,
                };
                stack.push(value);
            }
        }
        Some(())
    }

    fn load(&self, address: u64, bytes: usize) -> Option<u64> {
        (address..)
            .take(bytes)
            .zip(0..)
            .try_fold(0, |value, (address, i)| {
                Some(value | u64::from(*self.memory.get(&address)?) << (8 * i))
            })
    }
}

/// How many bytes a load or store accesses.
fn bytes(op: Op) -> usize {
    match op {
        Op::I32Load | Op::I32Store => 4,
        _ => 8,
    }
}

/// Where the labels of a function are.
fn labels(func: &Func) -> HashMap<Label, usize> {
    let places = func.insts.iter().enumerate();
    let labels = places.filter_map(|(at, &inst)| match inst {
        Inst::Label(label) | Inst::Loop(label) => Some((label, at)),
        _ => None,
    });
    labels.collect()
}
