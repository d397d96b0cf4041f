//! What the verifier says about modules: see `verifier/*.dasm` for what has a text, and below for
//! what has not.

mod common;

use common::{decoded, encoded};
use dotvm_isa::abi::{FRAME_HEADER_SLOTS, MAX_FRAME_SLOTS};
use dotvm_isa::instr::MAX_BODY_BYTES;
use dotvm_isa::text::disassemble;
use dotvm_isa::verify::{MAX_PARAMS, verify_all, verify_function, verify_module};
use dotvm_isa::{Arch, CodeBuilder, FuncType, Module, Names, Op, ValType};
use expect_test::{Expect, expect};

#[test]
fn modules_with_a_text() {
    common::check_cases("verifier", |source| {
        let (module, names) = common::assembled(source);
        common::round_trip(&module, &names);
        // It makes no difference whether a module comes from a text or from bytes.
        let (decoded, _) = decoded(&encoded(&module, &names));
        let result = verify_all(&module);
        assert_eq!(verify_all(&decoded), result);
        match result {
            Ok(()) => "verified".to_owned(),
            Err(error) => error.to_string(),
        }
    });
}

/// A module with a memory and one function of type `() -> ()` with that body.
fn with_body(body: &[u8]) -> Module {
    let mut module = Module {
        types: vec![FuncType::default()],
        ..Module::default()
    };
    module.set_bodies([(0, body.to_vec())]);
    module
}

/// Verifies a body; disassembling it must fail where `has_text` is false.
fn check(body: &[u8], has_text: bool, expected: &Expect) {
    let module = with_body(body);
    let result = verify_all(&module).map_or_else(|error| error.to_string(), |()| "verified".into());
    expected.assert_eq(&result);
    let text = disassemble(&module, &Names::default());
    assert_eq!(text.is_ok(), has_text, "{text:?}");
    assert!(has_text || result == text.unwrap_err().to_string());
}

#[test]
fn jumps_that_have_no_text() {
    // Locals (none), then jmp.
    let outside = expect!["function 0, offset 0x2: jump to 0x41, outside the body"];
    check(&[0, 0x03, 0xc0, 0x00], false, &outside);
    let outside = expect!["function 0, offset 0x2: jump to 0x4, outside the body"];
    check(&[0, 0x03, 3, 0x09], false, &outside);
    let outside = expect!["function 0, offset 0x2: jump to -0x1, outside the body"];
    check(&[0, 0x03, 0x7e, 0x09], false, &outside);
    // jmp over the opcode of a push, into its immediate.
    let middle = expect!["function 0, offset 0x4: a jump leads into the middle of an instruction"];
    check(&[0, 0x03, 3, 0x20, 0x09, 0x09], false, &middle);
    // jmp into the last byte of the last instruction.
    let middle = expect!["function 0, offset 0x4: a jump leads into the middle of an instruction"];
    check(&[0, 0x03, 3, 0x20, 0x09], false, &middle);
    // jz to itself's own immediate.
    let middle = expect!["function 0, offset 0x4: a jump leads into the middle of an instruction"];
    check(&[0, 0x20, 0, 0x04, 1, 0x09], false, &middle);
}

#[test]
fn bytes_that_are_no_code() {
    let cases: [(&[u8], Expect); 14] = [
        (
            &[],
            expect!["function 0, offset 0x0: the body ends within an instruction"],
        ),
        (
            &[0],
            expect!["function 0, offset 0x1: control runs off the end of the function"],
        ),
        (
            &[5],
            expect!["function 0, offset 0x0: 5 groups of locals in a shorter body"],
        ),
        (
            &[1],
            expect!["function 0, offset 0x1: the body ends within an instruction"],
        ),
        (
            &[1, 1],
            expect!["function 0, offset 0x2: the body ends within an instruction"],
        ),
        (
            &[1, 1, 14, 9],
            expect!["function 0, offset 0x1: unknown value type 0x0e"],
        ),
        (
            &[1, 0xd1, 0x86, 3, 0, 9],
            expect!["function 0, offset 0x1: more than 50000 locals"],
        ),
        (
            &[0, 0xff],
            expect!["function 0, offset 0x1: unknown opcode 0xff"],
        ),
        (
            &[0, 0xf7],
            expect!["function 0, offset 0x1: unknown opcode 0xf7"],
        ),
        (
            &[0, 0xfc],
            expect!["function 0, offset 0x2: the body ends within an instruction"],
        ),
        (
            &[0, 0xfc, 0xff],
            expect!["function 0, offset 0x1: unknown opcode 0xfc 0xff"],
        ),
        (
            &[0, 0x20, 0x80],
            expect!["function 0, offset 0x2: malformed 32-bit integer"],
        ),
        (
            &[0, 0x22, 1, 2, 3],
            expect!["function 0, offset 0x2: the body ends within an instruction"],
        ),
        (
            &[0, 0x20, 0, 0x06, 0x7f, 0],
            expect!["function 0, offset 0x5: a table of 128 labels"],
        ),
    ];
    for (body, expected) in cases {
        // A body may end anywhere and still have a text.
        check(body, body == [0], &expected);
    }
}

/// Every prefix of a body that uses all kinds of immediates is refused, none makes a panic.
#[test]
fn bodies_that_are_cut_off() {
    let choices: Vec<u8> = (0..2000).map(|i| (i * i * 7 % 251) as u8).collect();
    let (module, _) = dotvm_isa::fuzzing::module(&choices);
    let env = verify_module(&module).unwrap();
    let mut cuts = 0;
    for defined in 0..module.bodies.len() as u32 {
        verify_function(&module, &env, defined).unwrap();
        for end in 0..module.body(defined).len() {
            let mut cut = module.clone();
            let start = cut.bodies[defined as usize].code.start;
            cut.bodies[defined as usize].code = start..start + end;
            // A body may be cut after an instruction that never goes on.
            let _ = verify_function(&cut, &env, defined);
            cuts += 1;
        }
    }
    assert!(cuts > 100);
}

#[test]
fn types_that_are_too_long() {
    let verify = |params: usize, results: usize| {
        let long = |count| std::iter::repeat_n(ValType::I32, count);
        verify_all(&Module {
            types: vec![FuncType::new(long(params), long(results))],
            ..Module::default()
        })
    };
    verify(MAX_PARAMS, MAX_PARAMS).unwrap();
    for error in [verify(MAX_PARAMS + 1, 0), verify(0, MAX_PARAMS + 1)] {
        expect!["code section, offset 0x0: type 0: more than 1000 parameters or results"]
            .assert_eq(&error.unwrap_err().to_string());
    }
}

/// Locals, operands, arguments and results all count.
#[test]
fn frames_that_are_too_large() {
    let check = |ty: FuncType, locals: &[(u32, ValType)], code: &[Op], slots: u32| {
        let mut module = Module {
            arch: Arch::Arch512,
            types: vec![ty],
            ..Module::default()
        };
        let mut builder = CodeBuilder::new(locals);
        code.iter().for_each(|&op| builder.op1(op, 0));
        module.set_bodies([(0, builder.finish())]);
        let env = verify_module(&module).unwrap();
        let result = verify_function(&module, &env, 0);
        match slots <= MAX_FRAME_SLOTS {
            true => assert_eq!(result.unwrap(), slots),
            false => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("a frame of more than"), "{error}");
            }
        }
    };
    let none = FuncType::default();
    // In the first case the frame is as large as it can be, in the second one slot larger.
    for room in [0, 1] {
        let words = (MAX_FRAME_SLOTS - FRAME_HEADER_SLOTS) / 8 - 10;
        let rest = (MAX_FRAME_SLOTS - FRAME_HEADER_SLOTS) % 8 + 80 + room;
        let locals = |less: u32| [(words, ValType::I512), (rest - less, ValType::I64)];
        let all = MAX_FRAME_SLOTS + room;
        check(none.clone(), &locals(0), &[Op::Ret], all);
        check(none.clone(), &locals(1), &[Op::F64Push, Op::Ret], all);
        check(
            none.clone(),
            &locals(16),
            &[Op::LocalGet, Op::Dup, Op::Ret],
            all,
        );
        let wide = FuncType::new([ValType::V256], [ValType::I512]);
        check(wide.clone(), &locals(12), &[Op::Trap], all);
        // The arguments of a call are the callee's frame; here its result takes more than them.
        let call = [Op::LocalGet, Op::Call, Op::Trap];
        check(wide, &locals(12), &call, all);
        let many = FuncType::new([ValType::I512, ValType::I512], [ValType::I32]);
        let call = [Op::LocalGet, Op::Dup, Op::Call, Op::Trap];
        check(many, &locals(32), &call, all);
    }
}

#[test]
fn bodies_that_are_too_long() {
    let error = verify_all(&with_body(&vec![0x01; MAX_BODY_BYTES + 1])).unwrap_err();
    expect!["code section, offset 0x0: function 0: body over 16777216 bytes"]
        .assert_eq(&error.to_string());
}

/// Parameters and locals together have a limit that the reader of bodies cannot know.
#[test]
fn locals_that_are_too_many_with_parameters() {
    let mut module = Module {
        types: vec![FuncType::new([ValType::I32], [])],
        ..Module::default()
    };
    module.set_bodies([(0, vec![1, 0xd0, 0x86, 3, 0, 9])]);
    expect!["function 0, offset 0x0: more than 50000 locals"]
        .assert_eq(&verify_all(&module).unwrap_err().to_string());
}
