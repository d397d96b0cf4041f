//! Modules and texts that are made to cost more than they should. Nothing is timed: with work that
//! grows faster than the input, these would run for minutes or run out of memory.

mod common;

use std::fmt::Write;

use common::encoded;
use dotvm_isa::text::{assemble, disassemble};
use dotvm_isa::verify::{FuncVerifier, verify_all, verify_module};
use dotvm_isa::{
    Catch, CodeBuilder, FuncType, InstrReader, Label, Module, Names, Op, ValType, fuzzing,
};
use expect_test::expect;

/// How many values, jumps, functions or names there are, where the square of it is too many.
const MANY: u32 = 60_000;

/// A module with one function of type `() -> ()`; `types` follow after its type.
fn module(types: &[FuncType], code: CodeBuilder) -> Module {
    let mut module = Module {
        types: [&[FuncType::default()], types].concat(),
        ..Module::default()
    };
    module.set_bodies([(0, code.finish())]);
    module
}

/// Pushes alternating types, so that no two neighbours are alike.
fn push_many(code: &mut CodeBuilder, count: u32) {
    for i in 0..count {
        code.op1([Op::I32Push, Op::I64Push][i as usize % 2], 0);
    }
}

#[test]
fn jumps_with_deep_stacks() {
    let mut code = CodeBuilder::new(&[]);
    push_many(&mut code, MANY);
    let labels: Vec<Label> = (0..MANY).map(|_| code.new_label()).collect();
    for &label in &labels {
        code.op1(Op::I32Push, 1);
        code.jump(Op::Jnz, label);
    }
    for &label in &labels {
        code.bind(label);
        // The same types, but not the same values: the comparison cannot stop at the top.
        code.op(Op::Pop);
        code.op(Op::Pop);
        push_many(&mut code, 2);
    }
    code.op(Op::Ret);
    verify_all(&module(&[], code)).unwrap();
}

/// Regions in each other, each with a stack of its own, every jump out of all of them.
#[test]
fn regions_with_deep_stacks() {
    let mut code = CodeBuilder::new(&[]);
    let out = code.new_label();
    let catch = Catch {
        tag: None,
        by_ref: false,
        target: out,
    };
    code.try_region(&[catch]);
    for i in 0..MANY {
        let inner = code.new_label();
        code.try_region(&[catch.with_target(inner)]);
        code.op(Op::EndTry);
        code.bind(inner);
        code.op1([Op::I32Push, Op::I64Push][i as usize % 2], 0);
        code.try_region(&[]);
        let top = code.new_label();
        code.bind(top);
        code.op(Op::Loop);
        code.op1(Op::I32Push, 0);
        code.jump(Op::Jnz, top);
    }
    for _ in 0..=MANY {
        code.op(Op::EndTry);
    }
    for _ in 0..MANY {
        code.op(Op::Pop);
    }
    code.bind(out);
    code.op(Op::Ret);
    verify_all(&module(&[], code)).unwrap();
}

#[test]
fn loops_with_deep_stacks_of_changing_types() {
    let mut code = CodeBuilder::new(&[]);
    push_many(&mut code, MANY);
    let mut loops = Vec::new();
    for i in 0..MANY {
        // Every loop has another shape than the one before, and the same as the one before that.
        code.op(Op::Pop);
        code.op1([Op::F32Push, Op::I64Push][i as usize % 2], 0);
        let label = code.new_label();
        code.bind(label);
        code.op(Op::Loop);
        loops.push(label);
        code.op1(Op::I32Push, 0);
        code.jump(Op::Jnz, loops[loops.len() - 1 - loops.len() / 4 * 2]);
    }
    code.op(Op::Ret);
    verify_all(&module(&[], code)).unwrap();
}

#[test]
fn tables_of_jumps_with_deep_stacks() {
    let mut code = CodeBuilder::new(&[]);
    let top = code.new_label();
    push_many(&mut code, MANY);
    code.bind(top);
    code.op(Op::Loop);
    let labels: Vec<Label> = (0..MANY).map(|_| code.new_label()).collect();
    code.op1(Op::I32Push, 1);
    code.br_table(&labels);
    for &label in &labels {
        code.bind(label);
        code.op(Op::Nop);
    }
    code.op1(Op::I32Push, 1);
    code.br_table(&[top].repeat(MANY as usize));
    verify_all(&module(&[], code)).unwrap();
}

/// Calls that push a thousand values, each time above others: a thousand new stack shapes for a few
/// bytes.
#[test]
fn more_shapes_than_bytes() {
    let long = |ty| vec![ty; 1000];
    let types = [
        FuncType::new([], long(ValType::I32)),
        FuncType::new(long(ValType::I32), []),
    ];
    let mut code = CodeBuilder::new(&[]);
    for i in 0..MANY {
        // The values below are a number in binary, that counts up.
        let changed = if i == 0 { 16 } else { i.trailing_zeros() + 1 };
        for _ in 0..if i == 0 { 0 } else { changed } {
            code.op(Op::Pop);
        }
        for bit in (0..changed).rev() {
            code.op1([Op::I32Push, Op::I64Push][(i >> bit) as usize & 1], 0);
        }
        code.op1(Op::Call, 1);
        code.op1(Op::Call, 2);
    }
    code.op(Op::Ret);
    let body = code.finish();
    let mut module = module(&types, CodeBuilder::new(&[]));
    module.set_bodies([(0, body), (1, vec![0, 0]), (2, vec![0, 0])]);
    let error = verify_all(&module).unwrap_err().to_string();
    assert!(error.contains("more different stack shapes"), "{error}");
}

/// The same stack again and again costs nothing more.
#[test]
fn calls_with_many_results() {
    let long = vec![ValType::I32; 1000];
    let types = [FuncType::new([], long.clone()), FuncType::new(long, [])];
    let mut code = CodeBuilder::new(&[]);
    for _ in 0..MANY / 10 {
        code.op1(Op::Call, 1);
        code.op1(Op::Call, 2);
    }
    code.op(Op::Ret);
    let body = code.finish();
    let mut module = module(&types, CodeBuilder::new(&[]));
    module.set_bodies([(0, body), (1, vec![0, 0]), (2, vec![0, 0])]);
    verify_all(&module).unwrap();
}

/// `pick` and `slide` at their deepest, as often as possible.
#[test]
fn deep_rearrangement() {
    let mut code = CodeBuilder::new(&[]);
    push_many(&mut code, 600);
    for _ in 0..MANY {
        code.op1(Op::Pick, 255);
        code.op2(Op::Slide, 1, 255);
    }
    code.op(Op::Ret);
    verify_all(&module(&[], code)).unwrap();
}

/// Functions of five bytes that declare fifty thousand locals each.
#[test]
fn locals_without_end() {
    let mut module = module(&[], CodeBuilder::new(&[]));
    let body = CodeBuilder::new(&[(50_000, ValType::I64)]);
    let body = [body.finish(), vec![0x09]].concat();
    module.set_bodies((0..MANY).map(|_| (0, body.clone())));
    verify_all(&module).unwrap();
    let text = disassemble(&module, &Names::default()).unwrap();
    fuzzing::assemble(&text);
}

/// A type with as many parameters as there may be, used by many functions that are small.
#[test]
fn long_types_and_names_without_end() {
    let mut module = Module {
        types: vec![FuncType::new(vec![ValType::I32; 100_000], [])],
        ..Module::default()
    };
    let mut code = CodeBuilder::new(&[]);
    code.op2(Op::CallIndirect, 0, 0);
    code.op1(Op::Call, 1);
    code.op1(Op::LocalGet, 1);
    let body = code.finish();
    module.set_bodies((0..MANY).map(|_| (0, body.clone())));
    let long_name = "n".repeat(1 << 20);
    let names = Names {
        module: None,
        funcs: vec![(1, long_name.clone())],
        locals: (0..MANY)
            .map(|func| (func, vec![(1, "p".to_owned())]))
            .collect(),
        ..Names::default()
    };
    let text = disassemble(&module, &names).unwrap();
    // That is twice what the module has.
    let bytes = encoded(&module, &names);
    assert!(
        text.len() < 10 * bytes.len(),
        "{} of {}",
        text.len(),
        bytes.len()
    );
    fuzzing::assemble(&text);
    expect!["code section, offset 0x0: type 0: more than 1000 parameters or results"]
        .assert_eq(&verify_all(&module).unwrap_err().to_string());
}

/// Jumps that each grow only when the next one has grown: looking for the shortest displacements
/// would take a round each.
#[test]
fn displacements_that_grow_one_after_the_other() {
    let mut code = CodeBuilder::new(&[]);
    let count = MANY as usize;
    let labels: Vec<Label> = (0..=count).map(|_| code.new_label()).collect();
    let mut marks = Vec::new();
    for i in 0..count {
        // A jump over the next one: by 63 bytes, the most for a short displacement, while that one
        // is short.
        code.bind(labels[i]);
        marks.push(code.mark());
        let target = if i + 2 < count { i + 2 } else { count };
        code.op1(Op::I32Push, 0);
        code.jump(Op::Jnz, labels[target]);
        for _ in 0..28 {
            code.op(Op::Nop);
        }
        if i % 2 == 0 {
            code.op(Op::Nop);
        }
    }
    for _ in 0..200 {
        code.op(Op::Nop);
    }
    code.bind(labels[count]);
    code.op(Op::Ret);
    let (body, offsets) = code.finish_with_marks();
    let mut reader = InstrReader::new(&body, 0);
    reader.read_locals().unwrap();
    let mut jumps = 0;
    while !reader.at_end() {
        let instr = reader.next_instr().unwrap();
        if instr.op == Op::Jnz {
            let target = offsets.get(marks.get(jumps + 2).copied().unwrap_or(usize::MAX));
            let last = body.len() as u32 - 1;
            assert_eq!(instr.a as u32, target.copied().unwrap_or(last));
            jumps += 1;
        }
    }
    assert_eq!(jumps, count);
}

/// What an instruction at a time costs does not depend on how much code there is.
#[test]
fn verifying_step_by_step() {
    let mut code = CodeBuilder::new(&[]);
    let end = code.new_label();
    for _ in 0..MANY {
        code.op1(Op::I32Push, 0);
        code.jump(Op::Jz, end);
    }
    code.bind(end);
    code.op(Op::Ret);
    let module = module(&[], code);
    let env = verify_module(&module).unwrap();
    let mut verifier = FuncVerifier::new(&module, &env, 0).unwrap();
    let (mut steps, mut labels) = (0, 0);
    while let Some(step) = verifier.step().unwrap() {
        assert!(step.reachable);
        labels += u32::from(step.label);
        verifier.apply(&step.instr).unwrap();
        steps += 1;
    }
    assert_eq!((steps, labels), (2 * MANY + 1, 1));
}

/// The message of a text's first fault, and how many are reported.
fn faults(text: &str) -> (String, usize) {
    let error = assemble(text).unwrap_err();
    // A report is short, however long the text and its lines are.
    let report = error.to_string();
    assert!(report.len() < 20_000, "{} bytes", report.len());
    let diagnostics = error.diagnostics();
    (diagnostics[0].message.clone(), diagnostics.len())
}

#[test]
fn texts_full_of_faults() {
    let many = MANY as usize * 10;
    let check = |text: &str, message: &str, count: usize| {
        assert_eq!(faults(text), (message.to_owned(), count));
    };
    let body = |line: &str| format!(".func\n{}.end\n", line.repeat(many));
    check(&body("nonsense\n"), "unknown instruction `nonsense`", 20);
    check(
        &body("(\n"),
        "expected an instruction, a label or `.end`, found `(`",
        20,
    );
    check(&"(".repeat(many), "expected a directive, found `(`", 1);
    check(
        &format!(".data passive {}", "(".repeat(many)),
        "expected a string or `)`, found `(`",
        1,
    );
    check(
        &format!(".global i32 = {}", "(".repeat(many)),
        "expected a constant instruction, found `(`",
        1,
    );
    check(
        &format!(".type ({}", "i32\n".repeat(many)),
        "expected a value type or `)`, found the end of the text",
        1,
    );
    check(
        &"\"".repeat(many + 1),
        "expected a directive, found `\"\"`",
        1,
    );
    check(
        &format!(".module \"{}", "\\\\".repeat(many)),
        "the string is not closed on its line",
        1,
    );
    check(&".func\n".repeat(many), "this function has no `.end`", 20);
    check(&".end\n".repeat(many), "`.end` outside of a function", 20);
    check(
        &body(&format!("jmp {}\n", "x".repeat(50))),
        "unknown label `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..`",
        1,
    );
    let nines = "9".repeat(many);
    let shown = format!("`{}..`", &nines[..40]);
    let message = format!("{shown} does not fit 32 bits (-2147483648 to 4294967295)");
    check(&format!(".global i32 = {nines}"), &message, 1);
    check(
        &format!(".global f64 = {nines}"),
        &format!("{shown} is too large for the type"),
        1,
    );
    check(
        &format!(".global f64 = 0x1p{nines}"),
        "`0x1p999999999999999999999999999999999999..` is too large for the type",
        1,
    );
}

/// Every label is used, none is there; names that are near to others, all unknown.
#[test]
fn texts_full_of_unknown_names() {
    let mut text = ".func\n".to_owned();
    for i in 0..MANY {
        writeln!(text, "there{i}: nop\njmp missing{i}").unwrap();
    }
    text += "ret\n.end\n";
    assert_eq!(faults(&text), ("unknown label `missing0`".to_owned(), 20));
    text.clear();
    for i in 0..MANY {
        writeln!(text, ".func $f{i}\ncall $g{i}\nret\n.end").unwrap();
    }
    assert_eq!(faults(&text), ("unknown function `$g0`".to_owned(), 20));
}

/// Large texts without faults.
#[test]
fn large_texts() {
    let mut text = ".func $f (i32 $x)\n".to_owned();
    for i in 0..MANY {
        writeln!(
            text,
            "l{i}: local.get $x\njnz l{}\nlocal.get $x\nbr_table l{} l{}\n",
            i + 1,
            i + 1,
            MANY
        )
        .unwrap();
    }
    writeln!(text, "l{MANY}: ret\n.end").unwrap();
    for i in 0..MANY {
        writeln!(
            text,
            ".func $f{i} (i32 $x) -> i64\n.local i64 $y\ncall $f{i}\nlocal.get $y\nret\n.end"
        )
        .unwrap();
        writeln!(text, ".export \"e{i}\" func $f{i}").unwrap();
    }
    let digits = "1".repeat(MANY as usize);
    writeln!(
        text,
        ".global f32 = 0.{digits}\n.global f64 = 0x0.{digits}p4\n.global i32 = {}",
        "0".repeat(MANY as usize)
    )
    .unwrap();
    let (module, names) = assemble(&text).unwrap();
    common::round_trip(&module, &names);
}
