//! Listings of functions, and (for tests) functions from listings.
//!
//! A listing is what people read when a pass went wrong, and what the passes' tests are written in:
//!
//! ```text
//! func (i32) -> (i32) i64
//!     local.get 0
//!     jz L0
//!     i32.push -1
//!     ret
//! L0:
//!     local.get 0
//!     ret
//! ```
//!
//! The types after the results are those of the locals that are no parameters. `loop L3` binds a
//! label, as `L3:` does.

use std::fmt::Write;

use dotvm_isa::ops::Imm;
use dotvm_isa::{FuncType, Op, ValType};

#[cfg(test)]
use super::Pos;
use super::{Func, Inst, Label};

/// The listing of a function of type `ty`.
pub(crate) fn listing(func: &Func, ty: &FuncType) -> String {
    let mut out = format!("func {ty}");
    for local in &func.locals[func.params as usize..] {
        write!(out, " {local}").expect("writing to a string");
    }
    out.push('\n');
    for &inst in &func.insts {
        match inst {
            Inst::Label(label) => writeln!(out, "L{}:", label.0),
            _ => writeln!(out, "    {}", line(func, inst)),
        }
        .expect("writing to a string");
    }
    out
}

fn line(func: &Func, inst: Inst) -> String {
    let mnemonic = inst.opcode().map_or("", |op| op.mnemonic());
    let label = |label: Label| format!("{mnemonic} L{}", label.0);
    match inst {
        Inst::Label(at) | Inst::Loop(at) | Inst::Jmp(at) | Inst::Jz(at) | Inst::Jnz(at) => {
            label(at)
        }
        Inst::BrTable(table) => func.tables[table as usize]
            .iter()
            .fold(mnemonic.to_owned(), |line, target| {
                format!("{line} L{}", target.0)
            }),
        Inst::Try(region) => {
            let catches = func.regions[region as usize].iter();
            catches.fold(mnemonic.to_owned(), |line, catch| {
                let (all, tag) = match catch.tag {
                    Some(tag) => ("", format!(" {tag}")),
                    None => ("_all", String::new()),
                };
                let by_ref = if catch.by_ref { "_ref" } else { "" };
                format!("{line} catch{all}{by_ref}{tag} L{}", catch.target.0)
            })
        }
        Inst::Op {
            op:
                Op::V128Push
                | Op::I8x16Shuffle
                | Op::I128Push
                | Op::I256Push
                | Op::I512Push
                | Op::V256Push
                | Op::V512Push,
            a,
            b,
            ..
        } => format!("{mnemonic} {:#x}", u128::from(a) | u128::from(b) << 64),
        Inst::Op { op, memory, a, b } => {
            let mut line = op
                .info()
                .imms
                .iter()
                .zip([a, b])
                .fold(mnemonic.to_owned(), |line, (&imm, value)| {
                    format!("{line} {}", immediate(imm, value))
                });
            if memory != 0 {
                write!(line, " memory {memory}").expect("writing to a string");
            }
            line
        }
    }
}

fn immediate(imm: Imm, value: u64) -> String {
    match imm {
        Imm::I32 | Imm::I64 => (value as i64).to_string(),
        Imm::F32 => match f32::from_bits(value as u32) {
            nan if nan.is_nan() => format!("nan:{value:#x}"),
            number => format!("{number:?}"),
        },
        Imm::F64 => match f64::from_bits(value) {
            nan if nan.is_nan() => format!("nan:{value:#x}"),
            number => format!("{number:?}"),
        },
        Imm::RefType => ValType::from_code(value as u8)
            .map_or("?", ValType::name)
            .to_owned(),
        _ => value.to_string(),
    }
}

/// The function of a listing; its type index is 0. Instructions come from addresses that count from 0.
///
/// # Panics
/// Where the text is no listing: this is for tests.
#[cfg(test)]
pub(crate) fn parse(text: &str) -> Func {
    parse_with_type(text).0
}

/// The function of a listing and its type.
///
/// # Panics
/// Where the text is no listing: this is for tests.
#[cfg(test)]
pub(crate) fn parse_with_type(text: &str) -> (Func, FuncType) {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let head = lines
        .next()
        .expect("a line `func (params) -> (results) locals`");
    let head = head.strip_prefix("func (").expect("`func (`");
    let (params, rest) = head.split_once(") -> (").expect("`) -> (`");
    let (results, locals) = rest.split_once(')').expect("`)`");
    let types = |text: &str| -> Vec<ValType> {
        text.split_whitespace()
            .map(|name| ValType::from_name(name).expect("a value type"))
            .collect()
    };
    let ty = FuncType::new(types(params), types(results));
    let mut func = Func {
        params: ty.params.len() as u32,
        locals: [ty.params.clone(), types(locals)].concat(),
        max_stack: 64,
        ..Func::default()
    };
    for line in lines {
        let inst = parse_line(&mut func, line);
        let at = func.insts.len() as u32;
        func.insts.push(inst, Pos { at, site: None });
    }
    (func, ty)
}

#[cfg(test)]
fn parse_line(func: &mut Func, line: &str) -> Inst {
    use dotvm_isa::{Arch, Catch};

    let mut words = line.split_whitespace();
    let mnemonic = words.next().expect("a mnemonic");
    let args: Vec<&str> = words.collect();
    let mut label = |text: &str| {
        let number = text
            .trim_end_matches(':')
            .strip_prefix('L')
            .expect("a label");
        let label = Label(number.parse().expect("a label's number"));
        func.labels = func.labels.max(label.0 + 1);
        label
    };
    if mnemonic.ends_with(':') {
        return Inst::Label(label(mnemonic));
    }
    match mnemonic {
        "loop" => Inst::Loop(label(args[0])),
        "jmp" => Inst::Jmp(label(args[0])),
        "jz" => Inst::Jz(label(args[0])),
        "jnz" => Inst::Jnz(label(args[0])),
        "br_table" => {
            let targets = args.iter().map(|arg| label(arg)).collect();
            func.tables.push(targets);
            Inst::BrTable(func.tables.len() as u32 - 1)
        }
        "try" => {
            let mut catches = Vec::new();
            let mut args = args.into_iter();
            while let Some(kind) = args.next() {
                let tagged = !kind.starts_with("catch_all");
                let tag = tagged.then(|| args.next().expect("a tag"));
                catches.push(Catch {
                    tag: tag.map(|tag| tag.parse().expect("a tag's index")),
                    by_ref: kind.ends_with("_ref"),
                    target: label(args.next().expect("a label")),
                });
            }
            func.regions.push(catches);
            Inst::Try(func.regions.len() as u32 - 1)
        }
        _ => {
            let op = Op::from_mnemonic(mnemonic, Arch::Arch512)
                .unwrap_or_else(|| panic!("unknown mnemonic {mnemonic}"));
            let imms = op.info().imms;
            if let [Imm::V128 | Imm::Lanes | Imm::I128 | Imm::I256 | Imm::I512] = imms {
                let bits = args[0].trim_start_matches("0x");
                return Inst::vector(op, u128::from_str_radix(bits, 16).expect("128 bits"));
            }
            let (args, memory) = match args[..] {
                [ref args @ .., "memory", index] => (args, index.parse().expect("an index")),
                ref args => (args, 0),
            };
            assert_eq!(imms.len(), args.len(), "{line}");
            let value = |i: usize| imms.get(i).map_or(0, |&imm| parse_immediate(imm, args[i]));
            Inst::access(memory, op, value(0), value(1))
        }
    }
}

#[cfg(test)]
fn parse_immediate(imm: Imm, text: &str) -> u64 {
    let bits = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("bits");
    match (imm, text.strip_prefix("nan:")) {
        (Imm::F32 | Imm::F64, Some(nan)) => bits(nan),
        (Imm::F32, None) => u64::from(text.parse::<f32>().expect("a float").to_bits()),
        (Imm::F64, None) => text.parse::<f64>().expect("a float").to_bits(),
        (Imm::I32 | Imm::I64, _) => text.parse::<i64>().expect("an integer") as u64,
        (Imm::RefType, _) => u64::from(ValType::from_name(text).expect("a type").code()),
        _ => text.parse().expect("an index"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_round_trip() {
        let text = "\
func (i32 f64) -> (i32 i64) externref
    i32.push -1
    i64.push -9223372036854775808
    f32.push -0.0
    f64.push inf
    f64.push nan:0x7ff8000000000001
    ref.null externref
    v128.push 0x10000000000000000000000000000002
    i8x16.extract_lane 3
    v128.load8_lane 16 5
    slide 2 1
    call_indirect 3 1
    i64.load32_u 65536
    loop L2
    try catch 0 L0 catch_ref 1 L0 catch_all L0 catch_all_ref L0
    br_table L0 L0 L2
    end_try
L0:
    ret
";
        let (func, ty) = parse_with_type(text);
        assert_eq!(listing(&func, &ty), text);
    }
}
