//! What the passes' tests share: listings in, listings out, and the verifier's opinion of both.

use dotvm_isa::{
    Arch, ConstExpr, ConstOp, ElemSegment, FuncType, GlobalDef, GlobalType, Limits, MemoryType,
    Module, Op, SegmentMode, TableType, ValType, verify,
};
use expect_test::Expect;

use super::simplify::{self, Rule};
use crate::emit::emit;
use crate::ir::text::{listing, parse_with_type};
use crate::ir::{Env, Func, Inst};

pub(super) use crate::ir::text::parse;

/// Runs a pass over the function of a listing and compares the listing of what comes out. Both
/// must pass the verifier.
pub(super) fn check_pass(
    pass: impl FnOnce(&mut Func, &Env) -> usize,
    before: &str,
    after: &Expect,
) {
    let (mut funcs, env) = parse_all(before);
    verify(&funcs, &env);
    pass(&mut funcs[0], &env);
    after.assert_eq(&listings(&funcs, &env));
    verify(&funcs, &env);
}

/// Checks that a pass leaves the function of a listing as it is, and says so.
pub(super) fn check_unchanged(pass: impl FnOnce(&mut Func, &Env) -> usize, text: &str) {
    let (mut funcs, env) = parse_all(text);
    verify(&funcs, &env);
    assert_eq!(pass(&mut funcs[0], &env), 0);
    assert_eq!(listings(&funcs, &env), text);
}

/// The same for rewriting rules.
pub(super) fn check_rules(rules: &[Rule], before: &str, after: &Expect) {
    check_pass(|func, env| simplify::run(func, env, rules), before, after);
}

/// The functions of listings, one after the other; each has a type of its own, of the same index.
pub(super) fn parse_all(text: &str) -> (Vec<Func>, Env) {
    let mut funcs = Vec::new();
    let mut env = Env::default();
    let starts: Vec<usize> = text.match_indices("func (").map(|(at, _)| at).collect();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(text.len());
        let (mut func, ty) = parse_with_type(&text[start..end]);
        func.ty = i as u32;
        env.types.push(ty);
        env.funcs.push(i as u32);
        funcs.push(func);
    }
    (funcs, env)
}

/// The listings of functions.
pub(super) fn listings(funcs: &[Func], env: &Env) -> String {
    funcs
        .iter()
        .map(|func| listing(func, &env.types[func.ty as usize]))
        .collect()
}

/// Puts functions into a module with a memory, a table and globals, and verifies it.
///
/// # Panics
/// Where the verifier finds a fault.
pub(super) fn verify(funcs: &[Func], env: &Env) {
    let global = |ty| GlobalDef {
        ty: GlobalType::new(ty, true),
        init: ConstExpr(vec![match ty {
            ValType::I32 => ConstOp::I32(0),
            _ => ConstOp::I64(0),
        }]),
    };
    let limits = Limits { min: 1, max: None };
    let mut module = Module {
        arch: Arch::Arch512,
        types: [env.types.clone(), vec![FuncType::default()]].concat(),
        memories: vec![MemoryType::new(limits); 2],
        tables: vec![TableType::new(ValType::FuncRef, limits).into()],
        globals: vec![global(ValType::I32), global(ValType::I64)],
        elems: vec![ElemSegment {
            mode: SegmentMode::Declared,
            ty: ValType::FuncRef,
            items: Vec::new(),
        }],
        ..Module::default()
    };
    module.set_bodies(funcs.iter().map(|func| (func.ty, emit(func))));
    if let Err(fault) = verify::verify_all(&module) {
        panic!("{fault}\n{}", listings(funcs, env));
    }
}

/// Instructions that could stand in place of one.
pub(super) fn changes(inst: Inst, locals: usize) -> Vec<Inst> {
    const BINARY: [Op; 10] = [
        Op::I64Add,
        Op::I64Sub,
        Op::I64Mul,
        Op::I64And,
        Op::I64Or,
        Op::I64Xor,
        Op::I64Shl,
        Op::I64ShrU,
        Op::I64Shr,
        Op::I64Rotl,
    ];
    const COMPARISON: [Op; 5] = [Op::I64LtU, Op::I64GtU, Op::I64LeU, Op::I64Lt, Op::I64Ne];
    let replaced = |ops: &[Op]| ops.iter().map(|&op| Inst::op(op)).collect();
    let Inst::Op { op, a, .. } = inst else {
        return Vec::new();
    };
    match op {
        Op::LocalGet | Op::LocalSet | Op::LocalTee => (1..locals as u64)
            .flat_map(|local| {
                [Op::LocalGet, Op::LocalSet, Op::LocalTee].map(|op| Inst::op1(op, local))
            })
            .filter(|changed| changed.opcode() == Some(op))
            .collect(),
        Op::I64Push => [
            a.wrapping_sub(1),
            a.wrapping_add(1),
            a << 1,
            a >> 1,
            64 - a.min(64),
            31,
            0,
            u64::MAX,
        ]
        .map(|n| Inst::op1(Op::I64Push, n))
        .to_vec(),
        Op::I64Store => [0, 4, 8, 16]
            .map(|offset| Inst::op1(Op::I64Store, offset))
            .to_vec(),
        op if BINARY.contains(&op) => replaced(&BINARY),
        op if COMPARISON.contains(&op) => replaced(&COMPARISON),
        _ => Vec::new(),
    }
}
