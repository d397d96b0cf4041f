//! Calls of the compilers' runtime library that the machine has an instruction for.
//!
//! WebAssembly has integers of 64 bits, so compilers bring functions along that divide and shift those of 128
//! bits: `__udivti3` and its like, loops over bits for the most part. They call others and differ from version
//! to version, so nobody proves what they compute, as [`super::raise`] does for products. Instead a function
//! has to have the name, which is reserved for that, the type, and the behaviour: it is run ([`evaluate`]) on
//! numbers at all the borders where such functions have their cases, and on numbers made by chance; it must
//! leave what the instruction gives, and nothing else.
//!
//! A call with operands that the instruction traps for (a divisor of 0, quotients that overflow), or counts
//! beyond the width, stays a call: it does with them whatever it did.

mod evaluate;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use dotvm_isa::{FuncType, Names, Op, ValType, semantics};
use evaluate::Evaluation;

use crate::ir::{Code, Env, Func, Inst, Pos};

/// Functions of the runtime library, and the instruction that computes the same.
const HELPERS: [(&str, Op); 8] = [
    ("__multi3", Op::I128Mul),
    ("__udivti3", Op::I128DivU),
    ("__umodti3", Op::I128ModU),
    ("__divti3", Op::I128Div),
    ("__modti3", Op::I128Mod),
    ("__ashlti3", Op::I128Shl),
    ("__lshrti3", Op::I128ShrU),
    ("__ashrti3", Op::I128Shr),
];

/// Puts the machine's instructions in place of calls; returns of how many.
pub(super) fn run(funcs: &mut [Func], env: &Env, names: &Names) -> usize {
    let named = HELPERS.into_iter().filter_map(|(name, op)| {
        // One of that name is enough: nobody has two.
        let index = (0..funcs.len())
            .find(|&index| names.func(env.imported_funcs + index as u32) == Some(name))?;
        Some((index, op))
    });
    let helpers: HashMap<u64, Op> = named
        .filter(|&(index, op)| {
            let ty = &env.types[funcs[index].ty as usize];
            *ty == function_type(op) && computes(index, funcs, env, op)
        })
        .map(|(index, op)| (u64::from(env.imported_funcs) + index as u64, op))
        .collect();
    if helpers.is_empty() {
        return 0;
    }
    funcs.iter_mut().map(|func| replace(func, &helpers)).sum()
}

/// The type of functions with that instruction's operands: first comes where the result goes to.
fn function_type(op: Op) -> FuncType {
    let second: &[ValType] = match is_shift(op) {
        true => &[ValType::I32],
        false => &[ValType::I64; 2],
    };
    let first = [ValType::I32, ValType::I64, ValType::I64];
    FuncType::new(first.iter().chain(second).copied(), [])
}

fn is_shift(op: Op) -> bool {
    matches!(op, Op::I128Shl | Op::I128Shr | Op::I128ShrU)
}

fn is_signed(op: Op) -> bool {
    matches!(op, Op::I128Div | Op::I128Mod)
}

/// Whether a function leaves what the instruction gives, wherever that takes its place.
fn computes(index: usize, funcs: &[Func], env: &Env, op: Op) -> bool {
    let mut evaluation = Evaluation::new(funcs, env);
    operands(op).iter().all(|operands| {
        match semantics::eval_pure(op, operands, 0, 0) {
            Some(Ok(result)) => evaluation.leaves(index, operands, [result[0], result[1]]),
            // Such a call stays a call.
            _ => true,
        }
    })
}

/// What functions are tried on, in slots: pairs of numbers near the borders of halves and words, all counts,
/// and others.
fn operands(op: Op) -> Vec<Vec<u64>> {
    /// How many pairs are made by chance.
    const CHANCES: usize = 64;
    const BORDERS: [u128; 5] = [0, 1 << 32, 1 << 64, 1 << 96, 1 << 127];
    let near = |border: u128| [border.wrapping_sub(1), border, border + 1];
    let numbers = BORDERS.map(near).concat();
    let words = |a: u128| [a as u64, (a >> 64) as u64];
    let mut chance = Chance(1);
    let mut others = || (0..CHANCES).map(|_| chance.number()).collect::<Vec<u128>>();
    let firsts = [&numbers[..], &others()].concat();
    if is_shift(op) {
        let counts = |a: u128| (0..128).map(move |count| [&words(a)[..], &[count]].concat());
        return firsts.into_iter().flat_map(counts).collect();
    }
    let pairs = numbers
        .iter()
        .flat_map(|&a| numbers.iter().map(move |&b| (a, b)));
    let pairs = pairs.chain(firsts.iter().copied().zip(others()));
    pairs.map(|(a, b)| [words(a), words(b)].concat()).collect()
}

/// Numbers that look random, the same ones each time.
struct Chance(u64);

impl Chance {
    fn word(&mut self) -> u64 {
        // Marsaglia's xorshift with 64 bits.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number of any length.
    fn number(&mut self) -> u128 {
        let number = u128::from(self.word()) << 64 | u128::from(self.word());
        number >> (self.word() % 128)
    }
}

/// Locals that operands go through, once there are any.
#[derive(Default)]
struct Locals {
    words: Option<[u32; 2]>,
    count: Option<u32>,
    factor: Option<u32>,
}

/// Replaces the calls in a function.
fn replace(func: &mut Func, helpers: &HashMap<u64, Op>) -> usize {
    let callee = |inst: Inst| match inst {
        Inst::Op {
            op: Op::Call, a, ..
        } => helpers.get(&a).copied(),
        _ => None,
    };
    if !func.insts.iter().any(|&inst| callee(inst).is_some()) {
        return 0;
    }
    let mut locals = Locals::default();
    let mut replaced = 0;
    let old = std::mem::take(&mut func.insts);
    func.insts = Code::with_capacity(old.len());
    for (inst, pos) in old.located() {
        let is_replaced = match callee(inst) {
            Some(op) if is_shift(op) => shift(func, op, pos, &mut locals),
            Some(Op::I128Mul) => multiply(func, pos, &mut locals),
            Some(op) => divide(func, op, inst, pos, &mut locals),
            None => false,
        };
        if is_replaced {
            replaced += 1;
        } else {
            func.insts.push(inst, pos);
        }
    }
    replaced
}

/// Shifts by what is on the stack, if that is known to be below the width.
fn shift(func: &mut Func, op: Op, pos: Pos, locals: &mut Locals) -> bool {
    const WIDTH: u64 = 128;
    let mut last = func.insts.iter().rev();
    let is_small = |inst: Option<&Inst>| {
        inst.and_then(|inst| inst.as_const())
            .is_some_and(|count| count < WIDTH)
    };
    let is_masked = match last.next() {
        Some(&and) if and == Inst::op(Op::I32And) => is_small(last.next()),
        count => is_small(count),
    };
    if !is_masked {
        return false;
    }
    let count = *locals
        .count
        .get_or_insert_with(|| new_local(func, ValType::I32));
    let code = [
        local(Op::LocalSet, count),
        Inst::op(Op::I128FromLimbs),
        local(Op::LocalGet, count),
        Inst::op(op),
        Inst::op(Op::I128Store),
    ];
    func.insts.extend(&code, pos);
    true
}

/// Multiplies what is on the stack.
fn multiply(func: &mut Func, pos: Pos, locals: &mut Locals) -> bool {
    let factor = *locals
        .factor
        .get_or_insert_with(|| new_local(func, ValType::I128));
    let code = [
        Inst::op(Op::I128FromLimbs),
        local(Op::LocalSet, factor),
        Inst::op(Op::I128FromLimbs),
        local(Op::LocalGet, factor),
        Inst::op(Op::I128Mul),
        Inst::op(Op::I128Store),
    ];
    func.insts.extend(&code, pos);
    true
}

/// Divides what is on the stack, unless the instruction would trap.
fn divide(func: &mut Func, op: Op, call: Inst, pos: Pos, locals: &mut Locals) -> bool {
    let [low, high] = *locals
        .words
        .get_or_insert_with(|| [(); 2].map(|()| new_local(func, ValType::I64)));
    let (slow, done) = (func.new_label(), func.new_label());
    let get = |word| local(Op::LocalGet, word);
    let divisor = [get(low), get(high)];
    let code = &mut func.insts;
    let set = [local(Op::LocalSet, high), local(Op::LocalSet, low)];
    code.extend(&set, pos);
    // 0 where the instruction may trap.
    code.extend(&divisor, pos);
    if is_signed(op) {
        // The divisor is 0 or -1.
        let differ = [
            Inst::op(Op::I64Xor),
            get(low),
            Inst::i64(1),
            Inst::op(Op::I64Add),
        ];
        code.extend(&differ, pos);
        code.extend(&[Inst::i64(-2), Inst::op(Op::I64And)], pos);
    }
    let test = [Inst::op(Op::I64Or), Inst::op(Op::I64Eqz), Inst::Jnz(slow)];
    code.extend(&test, pos);
    code.push(Inst::op(Op::I128FromLimbs), pos);
    code.extend(&divisor, pos);
    let quotient = [
        Inst::op(Op::I128FromLimbs),
        Inst::op(op),
        Inst::op(Op::I128Store),
        Inst::Jmp(done),
        Inst::Label(slow),
    ];
    code.extend(&quotient, pos);
    code.extend(&divisor, pos);
    code.extend(&[call, Inst::Label(done)], pos);
    true
}

fn new_local(func: &mut Func, ty: ValType) -> u32 {
    func.locals.push(ty);
    func.locals.len() as u32 - 1
}

fn local(op: Op, local: u32) -> Inst {
    Inst::op1(op, u64::from(local))
}
