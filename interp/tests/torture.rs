//! The machine by itself, on a small native stack: dispatch must not use it up.
#![allow(unsafe_code, reason = "the tests stand in for the runtime")]

use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use dotvm_interp::{Code, CodeMemory, Options, ResultKind, call, lower, unlowered};
use dotvm_isa::abi::{
    CodeCell, FuncRef, Libcall, Libcalls, Signals, VmContext, VmMemory, VmState, VmTable,
};
use dotvm_isa::ops::{Category, Group, OPS, OpInfo, Sig};
use dotvm_isa::verify::verify_module;
use dotvm_isa::{
    Arch, CodeBuilder, FuncType, Import, ImportDesc, Limits, MemoryType, Module, Op, TableType,
    TrapCode, ValType,
};

/// Keeps code for ever.
struct Leaked;

// SAFETY: what is leaked stays.
unsafe impl CodeMemory for Leaked {
    fn keep(&mut self, words: &[u64]) -> NonNull<[u64]> {
        NonNull::from(Box::leak(Box::<[u64]>::from(words)))
    }
}

const STACK_SLOTS: usize = 1 << 16;

/// Bytes of memory, where a module has one.
const MEMORY_BYTES: usize = 128;

unsafe extern "C" fn no_libcall(_: *mut VmContext, _: *mut u64, _: u64) -> u32 {
    TrapCode::Unreachable as u32
}

/// The host function of every import: returns what it got, less 1.
unsafe extern "C" fn less_one(_: *mut VmContext, args: *mut u64, _: u64) -> u32 {
    // SAFETY: the one parameter is there, and so is room for the result.
    unsafe { *args -= 1 };
    0
}

/// Runs the first function of a module whose functions are all lowered beforehand. Imports are
/// [`less_one`], and so is the one element of table 0.
fn run(module: &Module, args: &[u64]) -> Result<u64, TrapCode> {
    let env = verify_module(module).unwrap();
    let cells: Vec<CodeCell> = module
        .bodies
        .iter()
        .map(|_| CodeCell::new(unlowered()))
        .collect();
    let type_ids: Vec<u32> = (0..module.types.len() as u32).collect();
    let codes: Vec<Code> = (0..module.bodies.len() as u32)
        .map(|i| {
            lower(
                module,
                &env,
                i,
                &type_ids,
                &cells,
                Options::default(),
                &mut Leaked,
            )
            .unwrap()
        })
        .collect();
    for (cell, code) in cells.iter().zip(&codes) {
        cell.code.store(
            code.entry().cast_mut(),
            std::sync::atomic::Ordering::Release,
        );
    }
    let mut stack = vec![0u64; STACK_SLOTS];
    let mut bytes = [0u8; MEMORY_BYTES];
    let memory = VmMemory {
        base: bytes.as_mut_ptr(),
        len: bytes.len(),
    };
    let signals = Signals {
        hot_limit: AtomicU32::new(u32::MAX),
        break_all: AtomicU32::new(0),
    };
    // SAFETY: the state is plain data for which zero is valid.
    let mut state: VmState = unsafe { std::mem::zeroed() };
    let no_libcalls = [no_libcall as Libcall; size_of::<Libcalls>() / size_of::<Libcall>()];
    // SAFETY: the table is libcalls from start to end.
    let mut libcalls: Libcalls = unsafe { std::mem::transmute(no_libcalls) };
    libcalls.call_host = less_one;
    let host = FuncRef {
        code: std::ptr::null(),
        ctx: std::ptr::null_mut(),
        host: std::ptr::null_mut(),
        native: std::sync::atomic::AtomicPtr::default(),
        type_id: 0,
        param_slots: 1,
        result_slots: 1,
    };
    let imports = [&raw const host];
    let mut elements = [imports[0].expose_provenance() as u64];
    let mut table = VmTable {
        base: elements.as_mut_ptr(),
        len: 1,
    };
    let tables = [&raw mut table];
    let mut ctx = VmContext {
        memory: &raw const memory,
        memories: std::ptr::null(),
        globals: std::ptr::null(),
        tables: tables.as_ptr(),
        imports: imports.as_ptr(),
        stack_end: stack.as_mut_ptr_range().end,
        signals: &raw const signals,
        state: &raw mut state,
        libcalls: &raw const libcalls,
        cells: cells.as_ptr(),
        type_ids: type_ids.as_ptr(),
        object_ids: std::ptr::null(),
        memory_base: memory.base,
        owner: std::ptr::null_mut(),
        counts: std::ptr::null_mut(),
        leaves: std::ptr::null(),
    };
    stack[..args.len()].copy_from_slice(args);
    let ty = &module.types[module.bodies[0].ty as usize];
    // SAFETY: everything the context refers to lives until the end of this function.
    let status = unsafe {
        call(
            &raw mut ctx,
            &raw const cells[0],
            ResultKind::of(ty),
            stack.as_mut_ptr(),
        )
    };
    match status {
        0 => Ok(stack[0]),
        code => Err(TrapCode::from_code(code as u8).unwrap()),
    }
}

fn on_small_stack(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn_scoped(scope, test)
            .unwrap()
            .join()
            .unwrap();
    });
}

/// `fib(n)` by recursion.
fn fib() -> Module {
    let mut code = CodeBuilder::new(&[]);
    let base = code.new_label();
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I64Push, 2);
    code.op(Op::I64LtU);
    code.jump(Op::Jnz, base);
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I64Push, 1);
    code.op(Op::I64Sub);
    code.op1(Op::Call, 0);
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I64Push, 2);
    code.op(Op::I64Sub);
    code.op1(Op::Call, 0);
    code.op(Op::I64Add);
    code.op(Op::Ret);
    code.bind(base);
    code.op1(Op::LocalGet, 0);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([ValType::I64], [ValType::I64])],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

/// The sum of 1 to n, with a swap on every turn.
fn sum() -> Module {
    let mut code = CodeBuilder::new(&[(1, ValType::I64)]);
    let (head, done) = (code.new_label(), code.new_label());
    code.op1(Op::I64Push, 0);
    code.bind(head);
    code.op(Op::Loop);
    code.op1(Op::LocalGet, 0);
    code.op(Op::I64Eqz);
    code.jump(Op::Jnz, done);
    code.op1(Op::LocalGet, 0);
    code.op(Op::Swap);
    code.op(Op::I64Add);
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I64Push, 1);
    code.op(Op::I64Sub);
    code.op1(Op::LocalSet, 0);
    code.jump(Op::Jmp, head);
    code.bind(done);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([ValType::I64], [ValType::I64])],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

#[test]
fn ten_million_turns_of_a_loop() {
    on_small_stack(|| assert_eq!(run(&sum(), &[10_000_000]), Ok(50_000_005_000_000)));
}

/// Counts up to the `i32` parameter: a step, a comparison and a jump back in one instruction.
fn count_up() -> Module {
    let mut code = CodeBuilder::new(&[(1, ValType::I32)]);
    let head = code.new_label();
    code.bind(head);
    code.op(Op::Loop);
    code.op1(Op::LocalGet, 1);
    code.op1(Op::I32Push, 1);
    code.op(Op::I32Add);
    code.op1(Op::LocalTee, 1);
    code.op1(Op::LocalGet, 0);
    code.op(Op::I32Ne);
    code.jump(Op::Jnz, head);
    code.op1(Op::LocalGet, 1);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([ValType::I32], [ValType::I32])],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

#[test]
fn ten_million_turns_of_one_instruction() {
    on_small_stack(|| assert_eq!(run(&count_up(), &[10_000_000]), Ok(10_000_000)));
}

#[test]
fn many_calls() {
    on_small_stack(|| assert_eq!(run(&fib(), &[27]), Ok(196_418)));
}

#[test]
fn recursion_is_bounded_by_the_vm_stack_alone() {
    let mut code = CodeBuilder::new(&[]);
    code.op1(Op::Call, 0);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([], [])],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    on_small_stack(|| assert_eq!(run(&module, &[]), Err(TrapCode::StackExhausted)));
}

#[test]
fn tail_calls_run_forever() {
    let mut code = CodeBuilder::new(&[]);
    let done = code.new_label();
    code.op1(Op::LocalGet, 0);
    code.jump(Op::Jz, done);
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I32Push, 1);
    code.op(Op::I32Sub);
    code.op1(Op::RetCall, 0);
    code.bind(done);
    code.op1(Op::LocalGet, 0);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([ValType::I32], [ValType::I32])],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    on_small_stack(|| assert_eq!(run(&module, &[3_000_000]), Ok(0)));
}

/// Counts its parameter down to 0 by calls of the host function that `call` emits.
fn countdown(call: impl FnOnce(&mut CodeBuilder)) -> Module {
    let mut code = CodeBuilder::new(&[]);
    let again = code.new_label();
    code.bind(again);
    code.op(Op::Loop);
    code.op1(Op::LocalGet, 0);
    call(&mut code);
    code.op1(Op::LocalTee, 0);
    code.jump(Op::Jnz, again);
    code.op1(Op::LocalGet, 0);
    code.op(Op::Ret);
    let mut module = Module {
        types: vec![FuncType::new([ValType::I32], [ValType::I32])],
        imports: vec![Import {
            module: "host".to_owned(),
            name: "less_one".to_owned(),
            desc: ImportDesc::Func(0),
        }],
        tables: vec![TableType::new(ValType::FuncRef, Limits { min: 1, max: None }).into()],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

#[test]
fn calls_of_host_functions() {
    let module = countdown(|code| code.op1(Op::Call, 0));
    on_small_stack(|| assert_eq!(run(&module, &[1_000_000]), Ok(0)));
}

#[test]
fn indirect_calls() {
    let module = countdown(|code| {
        code.op1(Op::I32Push, 0);
        code.op2(Op::CallIndirect, 0, 0);
    });
    on_small_stack(|| assert_eq!(run(&module, &[1_000_000]), Ok(0)));
}

/// The types of locals behind the parameter: one for operands, and behind them one of each for results.
const LOCALS: [ValType; 9] = [
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::V128,
    ValType::V256,
    ValType::V512,
    ValType::I128,
    ValType::I256,
    ValType::I512,
];

/// The number of a type's local for operands.
fn local(ty: ValType) -> u64 {
    match ty {
        ValType::I32 => 0,
        _ => 1 + LOCALS.iter().position(|&of| of == ty).unwrap() as u64,
    }
}

fn push_seven(code: &mut CodeBuilder, ty: ValType) {
    match ty {
        ValType::F32 => code.op1(Op::F32Push, 7),
        ValType::F64 => code.op1(Op::F64Push, 7),
        ValType::V128 => code.op_vector(Op::V128Push, u128::MAX / 3),
        ValType::I32 | ValType::I64 => code.op1(Op::push(ty), 7),
        _ => code.op_constant(Op::push(ty), 7u64.into()),
    }
}

/// As many turns of a loop as the parameter says, in which some instructions are executed: with operands in
/// slots, and with the last one in the code.
fn turns_of<'i>(instructions: impl Iterator<Item = &'i OpInfo>) -> Module {
    let locals: Vec<_> = LOCALS.into_iter().chain(LOCALS).map(|ty| (1, ty)).collect();
    let mut code = CodeBuilder::new(&locals);
    let again = code.new_label();
    for ty in LOCALS {
        // So that nothing is divided by zero.
        push_seven(&mut code, ty);
        code.op1(Op::LocalSet, local(ty));
    }
    code.bind(again);
    code.op(Op::Loop);
    for info in instructions {
        let Sig::Fixed(params, results) = info.sig else {
            unreachable!("pure instructions and accesses have fixed signatures");
        };
        for constant in [false, true] {
            for (i, &ty) in params.iter().enumerate() {
                let address = i == 0 && info.group.accesses_memory();
                match address || constant && i + 1 == params.len() {
                    true => push_seven(&mut code, ty),
                    false => code.op1(Op::LocalGet, local(ty)),
                }
            }
            code.op2(info.op, 1, 1);
            for &ty in results.iter().rev() {
                // Of values of one slot it is enough that they are there.
                match ty.slots() {
                    1 => code.op(Op::Pop),
                    _ => code.op1(Op::LocalSet, LOCALS.len() as u64 + local(ty)),
                }
            }
        }
    }
    code.op1(Op::LocalGet, 0);
    code.op1(Op::I32Push, 1);
    code.op(Op::I32Sub);
    code.op1(Op::LocalTee, 0);
    code.jump(Op::Jnz, again);
    code.op1(Op::LocalGet, 0);
    code.op(Op::Ret);
    let mut module = Module {
        arch: Arch::Arch512,
        types: vec![FuncType::new([ValType::I32], [ValType::I32])],
        memories: vec![MemoryType::default()],
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

/// A handler that called the next one would use up the stack: there are as many turns as fit it if each
/// takes as little as a frame can.
#[test]
fn vectors_leave_the_stack_alone() {
    let module = turns_of(
        OPS.iter()
            .filter(|info| info.category == Category::Simd && info.group != Group::Other),
    );
    on_small_stack(|| assert_eq!(run(&module, &[20_000]), Ok(0)));
}

#[test]
fn wide_integers_leave_the_stack_alone() {
    let groups = [Group::Wide, Group::Pair, Group::WideLoad, Group::WideStore];
    let module = turns_of(OPS.iter().filter(|info| groups.contains(&info.group)));
    on_small_stack(|| assert_eq!(run(&module, &[20_000]), Ok(0)));
}
