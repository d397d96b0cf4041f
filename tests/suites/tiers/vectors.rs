//! Vectors: what each instruction computes is what `isa::semantics` says, in the interpreter with
//! whatever the processor has, and in native code; and accesses of memory are the same in all tiers.

use std::fmt::Write;

use dotvm::isa::ops::{Group, OPS, OpInfo, Sig};
use dotvm::isa::semantics::eval_pure;
use dotvm::isa::{Imm, Instr};
use dotvm::{Instance, Linker, Store, Val, ValType};
use dotvm_tests::differential::{Way, engine};
use dotvm_tests::fuzzing::Random;

use crate::harness::{call, everywhere, interpreted, load, native_ways};

/// How often each instruction is tried with other operands.
const TRIALS: usize = 60;

/// Numbers that instructions treat specially, of each width of lanes.
const BYTES: [u64; 8] = [0, 1, 0x7f, 0x80, 0x81, 0xff, 0x40, 16];
const SHORTS: [u64; 8] = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0xff80, 0x0100];
const INTS: [u64; 18] = [
    0,
    1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0xffff_8000,
    0x3f80_0000,
    0xbfc0_0000,
    0x4020_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0001,
    0xffc1_2345,
    0x7f80_0001,
    0xffa0_0000,
    0x4f00_0000,
    0xcf00_0001,
    0x4f80_0000,
];
const LONGS: [u64; 18] = [
    0,
    1,
    1 << 63,
    u64::MAX,
    u64::MAX >> 1,
    0xffff_ffff_8000_0000,
    0x3ff0_0000_0000_0000,
    0xbff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0001,
    0xfff8_1234_5678_9abc,
    0x7ff0_0000_0000_0001,
    0xfff4_0000_0000_0000,
    0x41e0_0000_0000_0000,
    0xc1e0_0000_0020_0000,
    0x41ef_ffff_ffff_ffff,
];

/// A number, mostly one of those.
fn number(bits: u32, random: &mut Random) -> u64 {
    let special: &[u64] = match bits {
        8 => &BYTES,
        16 => &SHORTS,
        32 => &INTS,
        _ => &LONGS,
    };
    let number = match random.below(3) {
        0 => random.next_u64(),
        _ => special[random.below(special.len())],
    };
    number & (u64::MAX >> (64 - bits))
}

/// The bits of an operand.
fn operand(ty: ValType, random: &mut Random) -> u128 {
    if ty != ValType::V128 {
        return u128::from(number(ty.bits(), random));
    }
    let width = 8 << random.below(4);
    (0..128 / width).fold(0, |vector, i| {
        vector | u128::from(number(width, random)) << (i * width)
    })
}

fn value(ty: ValType, bits: u128) -> Val {
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits as u64),
        _ => Val::V128(bits),
    }
}

fn bits(value: &Val) -> u128 {
    match *value {
        Val::I32(value) => u128::from(value.cast_unsigned()),
        Val::I64(value) => u128::from(value.cast_unsigned()),
        Val::F32(bits) => u128::from(bits),
        Val::F64(bits) => u128::from(bits),
        Val::V128(bits) => bits,
        _ => unreachable!("no instruction of vectors has such operands"),
    }
}

/// The instruction that pushes a constant.
fn push(ty: ValType, bits: u128) -> String {
    match ty {
        ValType::F32 => format!("i32.push {bits}\n f32.reinterpret_i32"),
        ValType::F64 => format!("i64.push {bits}\n f64.reinterpret_i64"),
        ty => format!("{ty}.push {bits}"),
    }
}

/// A function that is one instruction, and what it is applied to.
struct Trial {
    info: &'static OpInfo,
    imms: [u64; 2],
    params: &'static [ValType],
    result: ValType,
    /// The last operand, where it is a constant in the code.
    constant: Option<u128>,
}

impl Trial {
    fn name(&self) -> String {
        let [a, b] = self.imms;
        let constant = self
            .constant
            .map_or(String::new(), |bits| format!(" {bits:#x}"));
        format!("{} {a:x} {b:x}{constant}", self.info.mnemonic)
    }

    /// The function; locals get operands and result, too, so that those come from everywhere.
    fn text(&self, out: &mut String) {
        let mut params: Vec<&str> = self.params.iter().map(|ty| ty.name()).collect();
        let mut operands: Vec<String> = (0..params.len())
            .map(|i| format!("local.get {i}"))
            .collect();
        if let Some(bits) = self.constant {
            params.pop();
            *operands.last_mut().expect("an operand") = push(self.params[params.len()], bits);
        }
        let [a, b] = self.imms;
        let imms = match self.info.imms {
            [] => String::new(),
            [Imm::Lanes] => {
                let lanes = [a.to_le_bytes(), b.to_le_bytes()].concat();
                let lanes: Vec<String> = lanes.iter().map(u8::to_string).collect();
                lanes.join(" ")
            }
            _ => a.to_string(),
        };
        writeln!(
            out,
            ".export {:?} func $\"{}\"\n.func $\"{}\" ({}) -> {}\n .local {} $result\n {}\n {} {imms}\n \
             local.set $result\n local.get $result\n ret\n.end",
            self.name(),
            self.name(),
            self.name(),
            params.join(", "),
            self.result,
            self.result,
            operands.join("\n "),
            self.info.mnemonic,
        )
        .expect("writing to a string");
    }
}

/// Every pure instruction of vectors: with operands in locals, and with the last one in the code.
fn trials(random: &mut Random) -> Vec<Trial> {
    let mut trials = Vec::new();
    for info in OPS.iter().filter(|info| info.group == Group::Vector) {
        let Sig::Fixed(params, &[result]) = info.sig else {
            unreachable!("pure instructions have fixed signatures");
        };
        let mut add = |imms, constant| {
            trials.push(Trial {
                info,
                imms,
                params,
                result,
                constant,
            });
        };
        let choices: Vec<[u64; 2]> = match info.imms {
            [] => vec![[0, 0]],
            [Imm::Lanes] => {
                let some = |random: &mut Random| random.next_u64() & 0x1f1f_1f1f_1f1f_1f1f;
                (0..12).map(|_| [some(random), some(random)]).collect()
            }
            [imm] => (0..imm.lanes().unwrap_or(0).into())
                .map(|lane| [lane, 0])
                .collect(),
            _ => unreachable!("they have one immediate at most"),
        };
        for imms in choices {
            add(imms, None);
            for _ in 0..2 {
                let last = params[params.len() - 1];
                add(imms, Some(operand(last, random)));
            }
        }
    }
    trials
}

#[test]
fn every_instruction_computes_what_it_should() {
    let mut random = Random(1);
    let trials = trials(&mut random);
    let mut text = ".arch arch128\n".to_owned();
    for trial in &trials {
        trial.text(&mut text);
    }
    let ways: Vec<Way> = [interpreted(false)]
        .into_iter()
        .chain(native_ways(false).into_iter().take(2))
        .collect();
    for way in ways {
        let engine = engine(way);
        let module = load(&engine, &text);
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &module).expect("it starts");
        for trial in &trials {
            for _ in 0..TRIALS {
                check(&mut store, instance, trial, way, &mut random);
            }
        }
    }
}

fn check(store: &mut Store<()>, instance: Instance, trial: &Trial, way: Way, random: &mut Random) {
    let mut operands: Vec<u128> = trial.params.iter().map(|&ty| operand(ty, random)).collect();
    let mut args: Vec<Val> = trial
        .params
        .iter()
        .zip(&operands)
        .map(|(&ty, &bits)| value(ty, bits))
        .collect();
    if let Some(constant) = trial.constant {
        *operands.last_mut().expect("an operand") = constant;
        args.pop();
    }
    let func = instance
        .get_func(&mut *store, &trial.name())
        .expect("it is exported");
    let found = func.call(&mut *store, &args).expect("none of them traps");
    let instr = Instr {
        op: trial.info.op,
        memory: 0,
        offset: 0,
        a: trial.imms[0],
        b: trial.imms[1],
    };
    let slots = |(&bits, ty): (&u128, &ValType)| {
        [bits as u64, (bits >> 64) as u64]
            .into_iter()
            .take(ty.slots() as usize)
    };
    let slots: Vec<u64> = operands.iter().zip(trial.params).flat_map(slots).collect();
    let wanted = eval_pure(instr.op, &slots, instr.a, instr.b).expect("of that group");
    let [low, high, ..] = wanted.expect("none of them traps");
    let wanted = u128::from(low) | u128::from(high) << 64;
    assert_eq!(
        format!("{:#x}", bits(&found[0])),
        format!("{wanted:#x}"),
        "{way:?}, {}, {operands:#x?}",
        trial.name()
    );
}

/// A vector of some width.
fn vector_of(ty: ValType, slots: [u64; 8]) -> Val {
    match ty {
        ValType::V128 => Val::V128(u128::from(slots[0]) | u128::from(slots[1]) << 64),
        ValType::V256 => Val::V256(*slots.first_chunk().expect("there are more")),
        _ => Val::V512(slots),
    }
}

/// Every access of memory, at addresses around the memory's end and in its middle.
#[test]
fn accesses_are_the_same_everywhere() {
    let mut text = ".arch arch512\n.memory 1 1\n.export \"memory\" memory 0\n\
                    .data at 65520 in 0 \"0123456789abcdef\"\n"
        .to_owned();
    let mut calls = Vec::new();
    for info in OPS.iter().filter(|info| info.group.accesses_memory()) {
        let Sig::Fixed(params, results) = info.sig else {
            unreachable!("accesses have fixed signatures");
        };
        let mut types = params.iter().chain(results);
        let Some(vector) = types.find(|ty| ty.is_vector()) else {
            continue;
        };
        let name = info.mnemonic;
        let lane = if info.imms.len() == 2 { " 1" } else { "" };
        let value = if params.len() == 2 {
            " local.get 1\n"
        } else {
            ""
        };
        let result = results.first().map_or("()", |ty| ty.name());
        for offset in [0, 7] {
            writeln!(
                text,
                ".export \"{name} {offset}\" func $\"{name} {offset}\"\n\
                 .func $\"{name} {offset}\" (i32, {vector}) -> {result}\n local.get 0\n i32.push 1\n i32.add\n\
                 {value} {name} {offset}{lane}\n ret\n.end"
            )
            .expect("writing to a string");
            for address in [
                -2, -1, 0, 99, 65503, 65504, 65511, 65519, 65520, 65531, 65534,
            ] {
                let slots = match info.group {
                    Group::Gather => [0, 1, 0, 2, 1 << 32, 1, 0, 1],
                    _ => [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908].repeat(4)[..]
                        .try_into()
                        .expect("8 slots"),
                };
                let vector = vector_of(*vector, slots);
                let name = format!("{name} {offset}");
                calls.push(call(&name, &[Val::I32(address), vector]));
            }
        }
    }
    let outcomes = everywhere(&text, &calls);
    let trapped = outcomes
        .iter()
        .filter(|outcome| outcome.end.starts_with("trap"));
    let trapped = trapped.count();
    assert!(trapped > calls.len() / 4, "only {trapped} trapped");
    assert!(
        trapped < calls.len() / 2,
        "{trapped} of {} trapped",
        calls.len()
    );
}

/// Which NaN comes out does not depend on which operand comes from memory, nor on what an optimizer makes
/// of negations.
#[test]
fn nans_of_memory_and_of_negations() {
    let mut text = ".arch arch128\n.memory 1 1\n\
                    .data at 0 in 0 \"\\01\\00\\c0\\7f\\02\\00\\80\\7f\\03\\00\\c0\\ff\\00\\00\\80\\3f\"\n\
                    .data at 16 in 0 \"\\00\\00\\80\\3f\\05\\00\\c0\\7f\\06\\00\\80\\ff\\07\\00\\c0\\7f\"\n"
        .to_owned();
    let memory = |at: u32| format!("i32.push {at}\n v128.load\n ");
    let mut calls = Vec::new();
    let mut add = |text: &mut String, name: String, body: String| {
        writeln!(
            text,
            ".export \"{name}\" func $\"{name}\"\n.func $\"{name}\" (v128, v128, v128) -> v128\n {body}\n ret\n.end"
        )
        .expect("writing to a string");
        let [a, b, c] = [
            0x7fc0_0011_3f80_0000_7fc0_0012_ff80_0013_u128,
            0x3f80_0000_7fc0_0021_ffc0_0022_7f80_0000_u128,
            0xffc0_0031_7fc0_0032_3f80_0000_7f80_0033_u128,
        ];
        calls.push(call(&name, &[Val::V128(a), Val::V128(b), Val::V128(c)]));
        calls.push(call(&name, &[Val::V128(c), Val::V128(a), Val::V128(b)]));
    };
    for name in ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"] {
        for (from, a, b) in [
            ("", memory(0), "local.get 1\n ".to_owned()),
            ("", "local.get 0\n ".to_owned(), memory(0)),
            ("both", memory(0), memory(16)),
        ] {
            let from = format!("{from}{}", usize::from(a.starts_with('l')));
            add(
                &mut text,
                format!("{name} {from}"),
                format!("{a}{b}f32x4.{name}"),
            );
            add(
                &mut text,
                format!("{name} neg {from}"),
                format!("{a}f32x4.neg\n {b}f32x4.{name}"),
            );
        }
    }
    for name in ["relaxed_madd", "relaxed_nmadd"] {
        for loaded in 0..8 {
            let operand = |i: u32| match loaded >> i & 1 {
                0 => format!("local.get {i}\n "),
                _ => memory(i % 2 * 16),
            };
            for negated in 0..8 {
                let neg = |i: u32| {
                    if negated >> i & 1 == 0 {
                        ""
                    } else {
                        "f32x4.neg\n "
                    }
                };
                let operands: String = (0..3).map(|i| operand(i) + neg(i)).collect();
                add(
                    &mut text,
                    format!("{name} {loaded} {negated}"),
                    format!("{operands}f32x4.{name}"),
                );
            }
        }
    }
    everywhere(&text, &calls);
}
