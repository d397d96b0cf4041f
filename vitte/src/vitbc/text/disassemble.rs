//! From modules to text.

use std::collections::HashMap;
use std::fmt::Write;

use super::{has_default_result, infer, write_name};
use crate::syntax::quote;
use crate::vitbc::module::{Const, Function, Instr, Module, Origin, Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op, Operand};
use crate::vitbc::verify::{Context, canonical_consts};

/// The most bytes of a text.
const LEN_MAX: usize = 256 << 20;

/// The text would be too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong;

/// A type as it is written.
pub(in crate::vitbc) fn show_type(module: &Module, ty: Ty) -> String {
    match module.row(ty) {
        None => match ty {
            Ty::VOID => "void",
            Ty::INT => "int",
            Ty::FLOAT => "float",
            Ty::BOOL => "bool",
            Ty::STR => "string",
            _ => "?",
        }
        .to_owned(),
        Some(Row::Struct(name, _) | Row::Enum(name, _)) => write_name(name),
        Some(row) => show_row(module, row),
    }
}

/// A type that is made of others; structs and enums with what they have.
fn show_row(module: &Module, row: &Row) -> String {
    let show = |ty: &Ty| show_type(module, *ty);
    let list = |types: &[Ty]| types.iter().map(show).collect::<Vec<_>>().join(", ");
    match row {
        Row::Array(item) => format!("array<{}>", show(item)),
        Row::Map(key, item) => format!("map<{}, {}>", show(key), show(item)),
        Row::Optional(inner) => match module.row(*inner) {
            Some(Row::Fn(..)) => format!("({})?", show(inner)),
            _ => format!("{}?", show(inner)),
        },
        Row::Fn(params, Ty::VOID) => format!("fn({})", list(params)),
        Row::Fn(params, result) => format!("fn({}) -> {}", list(params), show(result)),
        Row::Struct(name, fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, ty)| format!("{}: {}", write_name(name), show(ty)));
            let fields = fields.collect::<Vec<_>>().join(", ");
            format!("struct {} {{{fields}}}", write_name(name))
        }
        Row::Enum(name, variants) => {
            let variants = variants.iter().map(|(name, types)| match &types[..] {
                [] => write_name(name),
                types => format!("{}({})", write_name(name), list(types)),
            });
            let variants = variants.collect::<Vec<_>>().join(", ");
            format!("enum {} {{{variants}}}", write_name(name))
        }
    }
}

fn show_const(value: &Const) -> String {
    match value {
        Const::Int(value) => value.to_string(),
        Const::Float(value) if value.is_finite() => format!("{value:?}"),
        Const::Float(value) => format!("bits {:#x}", value.to_bits()),
        Const::Str(text) => quote(text),
    }
}

/// The text of a module that was verified.
///
/// # Errors
/// If it would be longer than 256 MiB.
pub fn disassemble(module: &Module) -> Result<String, TooLong> {
    let mut out = String::new();
    let context = Context::new(module);
    let mut imports: HashMap<&str, usize> = HashMap::new();
    for import in &module.imports {
        *imports.entry(&import.name).or_default() += 1;
    }
    for file in &module.files {
        line(&mut out, format_args!("FILE {}", quote(file)))?;
    }
    for row in &module.types {
        line(&mut out, format_args!("TYPE {}", show_row(module, row)))?;
    }
    for (name, ty) in &module.globals {
        let ty = show_type(module, *ty);
        line(&mut out, format_args!("GLOBAL {}: {ty}", write_name(name)))?;
    }
    for import in &module.imports {
        let params = import.params.iter().map(|ty| show_type(module, *ty));
        let params = params.collect::<Vec<_>>().join(", ");
        let name = write_name(&import.name);
        let from = match &import.origin {
            Origin::Native => String::new(),
            Origin::Host(symbol) => format!(" = {}", quote(symbol)),
            Origin::Library(library, symbol) => {
                format!(" = {} : {}", quote(library), quote(symbol))
            }
        };
        let result = show_type(module, import.result);
        line(
            &mut out,
            format_args!("IMPORT {name}({params}) -> {result}{from}"),
        )?;
    }
    if canonical_consts(module) != module.consts {
        for value in &module.consts {
            line(&mut out, format_args!("CONST {}", show_const(value)))?;
        }
    }
    for (i, function) in module.functions.iter().enumerate() {
        if !out.is_empty() {
            line(&mut out, format_args!(""))?;
        }
        let main = i == module.main as usize;
        write_function(&context, &imports, function, main, &mut out)?;
    }
    Ok(out)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) -> Result<(), TooLong> {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
    out.push('\n');
    if out.len() > LEN_MAX {
        Err(TooLong)
    } else {
        Ok(())
    }
}

fn write_function(
    context: &Context<'_>,
    imports: &HashMap<&str, usize>,
    function: &Function,
    main: bool,
    out: &mut String,
) -> Result<(), TooLong> {
    let module = context.module;
    if main {
        line(out, format_args!("MAIN"))?;
    } else {
        let params = function.params.iter().map(|(name, ty)| match *ty {
            Ty::INT => write_name(name),
            ty => format!("{}: {}", write_name(name), show_type(module, ty)),
        });
        let params = params.collect::<Vec<_>>().join(", ");
        let result = match function.result {
            Ty::INT => String::new(),
            ty => format!(" -> {}", show_type(module, ty)),
        };
        line(
            out,
            format_args!("FUNC {}({params}){result}", write_name(&function.name)),
        )?;
    }
    write_registers(context, function, out)?;
    let labels = labels(function);
    let mut lines = function.lines.iter().peekable();
    for (i, instr) in function.code.iter().enumerate() {
        if let Some((_, file, number)) = lines.next_if(|(at, ..)| *at as usize == i) {
            line(out, format_args!("  LINE {file}, {number}"))?;
        }
        if let Some(label) = labels.get(&(i as u32)) {
            line(out, format_args!(" L{label}:"))?;
        }
        let text = show_instr(module, imports, function, instr, &labels);
        line(out, format_args!("  {text}"))?;
    }
    line(out, format_args!("END"))
}

/// Types of registers that do not follow from the code, and how many there are if that does not.
fn write_registers(
    context: &Context<'_>,
    function: &Function,
    out: &mut String,
) -> Result<(), TooLong> {
    let count = function.registers.len();
    // In a module that was verified, all that is written to a register has its type: so types that are
    // inferred are right, and what is missing are registers that only take null, or nothing.
    let mut typed = vec![false; count];
    for instr in function
        .code
        .iter()
        .filter(|instr| instr.op != Op::LoadNull)
    {
        for (operand, number) in instr.operands() {
            let writes = operand == Operand::Dest || operand == Operand::Result;
            if writes && number != NO_RESULT {
                typed[number as usize] = true;
            }
        }
    }
    let open = |i: usize| !typed[i] && function.registers[i] != Ty::INT;
    let seeds = (0..count).map(|i| open(i).then_some(function.registers[i]));
    let mut given: Vec<Option<Ty>> = seeds.collect();
    let mut guess = function.clone();
    guess.registers = given.iter().map(|ty| ty.unwrap_or(Ty::INT)).collect();
    infer(context, &mut guess, &given);
    // What follows from itself only, or from registers that nothing is written to.
    let registers = function.registers.iter().zip(&guess.registers);
    for (given, (ty, _)) in given
        .iter_mut()
        .zip(registers)
        .filter(|(_, (ty, guess))| ty != guess)
    {
        *given = Some(*ty);
    }
    if used_registers(function) != count {
        line(out, format_args!("  REGS {count}"))?;
    }
    for (i, ty) in given.iter().enumerate() {
        if let Some(ty) = ty {
            line(
                out,
                format_args!("  REG r{i}: {}", show_type(context.module, *ty)),
            )?;
        }
    }
    Ok(())
}

/// One more than the greatest register that is named.
pub(super) fn used_registers(function: &Function) -> usize {
    let named = function.code.iter().flat_map(|instr| {
        let fixed = instr
            .operands()
            .filter_map(|(operand, number)| match operand {
                Operand::Dest | Operand::Reg => Some(number),
                Operand::Result if number != NO_RESULT => Some(number),
                _ => None,
            });
        fixed.chain(instr.list.iter().copied())
    });
    named.max().map_or(0, |most| most as usize + 1)
}

/// Instructions that are jumped to, numbered in their order.
fn labels(function: &Function) -> HashMap<u32, usize> {
    let targets = function.code.iter().flat_map(|instr| {
        let jumps = instr
            .operands()
            .filter(|(operand, _)| *operand == Operand::Jump);
        jumps.map(|(_, target)| target)
    });
    let mut targets: Vec<u32> = targets.collect();
    targets.sort_unstable();
    targets.dedup();
    targets
        .into_iter()
        .enumerate()
        .map(|(i, target)| (target, i))
        .collect()
}

fn show_instr(
    module: &Module,
    imports: &HashMap<&str, usize>,
    function: &Function,
    instr: &Instr,
    labels: &HashMap<u32, usize>,
) -> String {
    let mut operands: Vec<String> = Vec::new();
    let mut fixed = instr.fixed.iter();
    let mut result = String::new();
    for operand in instr.op.operands() {
        if *operand == Operand::Regs {
            operands.extend(instr.list.iter().map(|register| format!("r{register}")));
            continue;
        }
        let number = fixed.next().copied().unwrap_or(0);
        let at = number as usize;
        operands.push(match operand {
            Operand::Dest | Operand::Reg => format!("r{number}"),
            Operand::Const => show_const(&module.consts[at]),
            Operand::Arg => write_name(&function.params[at].0),
            Operand::Jump => format!("L{}", labels[&number]),
            Operand::Func => write_name(&module.functions[at].name),
            Operand::Import => {
                let name = &module.imports[at].name;
                // Of several rows of one name the number tells which.
                match imports.get(&**name) {
                    Some(1) => write_name(name),
                    _ => format!("%{at}"),
                }
            }
            Operand::Global => write_name(&module.globals[at].0),
            Operand::Type => show_type(module, Ty(number)),
            Operand::Index | Operand::Regs => number.to_string(),
            Operand::Result => {
                let default = has_default_result(module, instr.op, &instr.fixed);
                result = match number {
                    NO_RESULT if default => " -> _".to_owned(),
                    NO_RESULT => String::new(),
                    0 if default => String::new(),
                    register => format!(" -> r{register}"),
                };
                continue;
            }
        });
    }
    let mnemonic = instr.op.mnemonic();
    match (operands.is_empty(), instr.op) {
        (true, Op::ReturnNone) => mnemonic.to_owned(),
        _ => format!("{mnemonic} {}{result}", operands.join(", ")),
    }
}
