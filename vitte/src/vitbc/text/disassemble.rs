//! From modules to text.

use std::collections::HashMap;
use std::fmt::{self, Write};

use super::{has_default_result, infer, write_name};
use crate::syntax::quote;
use crate::vitbc::module::{Const, Function, Instr, Module, Origin, Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op, Operand};
use crate::vitbc::verify::{Context, canonical_consts};

/// The most bytes of a text.
const LEN_MAX: usize = 64 << 20;

/// The most bytes of a type in a message.
const SHOWN_LEN_MAX: usize = 200;

/// The text would be too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong;

impl From<fmt::Error> for TooLong {
    /// Writing fails for no other reason, see [`Text`].
    fn from(_: fmt::Error) -> TooLong {
        TooLong
    }
}

/// A text that does not grow beyond a limit. What is long is written to it part by part: types may be
/// made of others, so their texts are as long as small files want.
struct Text {
    text: String,
    len_max: usize,
}

impl Text {
    fn new(len_max: usize) -> Text {
        let text = String::new();
        Text { text, len_max }
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.len() > self.len_max - self.text.len() {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// A type as messages show it: the start of it, if it is long.
pub(crate) fn show_type(module: &Module, ty: Ty) -> String {
    let mut out = Text::new(SHOWN_LEN_MAX);
    if write_type(module, ty, &mut out).is_err() {
        out.text.push_str("...");
    }
    out.text
}

/// Writes a type as it is used.
fn write_type(module: &Module, ty: Ty, out: &mut Text) -> fmt::Result {
    match module.row(ty) {
        None => out.write_str(match ty {
            Ty::VOID => "void",
            Ty::INT => "int",
            Ty::FLOAT => "float",
            Ty::BOOL => "bool",
            Ty::STR => "string",
            _ => "?",
        }),
        Some(Row::Struct(name, _) | Row::Enum(name, _)) => out.write_str(&write_name(name)),
        Some(row) => write_row(module, row, out),
    }
}

fn write_types(module: &Module, types: &[Ty], out: &mut Text) -> fmt::Result {
    for (i, ty) in types.iter().enumerate() {
        out.write_str(if i > 0 { ", " } else { "" })?;
        write_type(module, *ty, out)?;
    }
    Ok(())
}

/// Writes a type that is made of others; structs and enums with what they have.
fn write_row(module: &Module, row: &Row, out: &mut Text) -> fmt::Result {
    match row {
        Row::Array(item) => {
            out.write_str("array<")?;
            write_type(module, *item, out)?;
            out.write_char('>')
        }
        Row::Map(key, item) => {
            out.write_str("map<")?;
            write_types(module, &[*key, *item], out)?;
            out.write_char('>')
        }
        Row::Optional(inner) => {
            let function = matches!(module.row(*inner), Some(Row::Fn(..)));
            out.write_str(if function { "(" } else { "" })?;
            write_type(module, *inner, out)?;
            out.write_str(if function { ")?" } else { "?" })
        }
        Row::Fn(params, result) => {
            out.write_str("fn(")?;
            write_types(module, params, out)?;
            out.write_char(')')?;
            match *result {
                Ty::VOID => Ok(()),
                result => {
                    out.write_str(" -> ")?;
                    write_type(module, result, out)
                }
            }
        }
        Row::Struct(name, fields) => {
            write!(out, "struct {} {{", write_name(name))?;
            for (i, (name, ty)) in fields.iter().enumerate() {
                out.write_str(if i > 0 { ", " } else { "" })?;
                write!(out, "{}: ", write_name(name))?;
                write_type(module, *ty, out)?;
            }
            out.write_char('}')
        }
        Row::Enum(name, variants) => {
            write!(out, "enum {} {{", write_name(name))?;
            for (i, (name, types)) in variants.iter().enumerate() {
                out.write_str(if i > 0 { ", " } else { "" })?;
                out.write_str(&write_name(name))?;
                if !types.is_empty() {
                    out.write_char('(')?;
                    write_types(module, types, out)?;
                    out.write_char(')')?;
                }
            }
            out.write_char('}')
        }
    }
}

/// Writes a type behind some text, as a line.
fn typed_line(module: &Module, before: fmt::Arguments<'_>, ty: Ty, out: &mut Text) -> fmt::Result {
    out.write_fmt(before)?;
    write_type(module, ty, out)?;
    out.write_char('\n')
}

fn write_const(value: &Const, out: &mut Text) -> fmt::Result {
    match value {
        Const::Int(value) => write!(out, "{value}"),
        Const::Float(value) if value.is_finite() => write!(out, "{value:?}"),
        Const::Float(value) => write!(out, "bits {:#x}", value.to_bits()),
        // Quoted it is no shorter.
        Const::Str(text) if text.len() > out.len_max => Err(fmt::Error),
        Const::Str(text) => out.write_str(&quote(text)),
    }
}

/// The text of a module that was verified.
///
/// # Errors
/// If it would be longer than 64 MiB.
pub fn disassemble(module: &Module) -> Result<String, TooLong> {
    let mut out = Text::new(LEN_MAX);
    let context = Context::new(module);
    let mut imports: HashMap<&str, usize> = HashMap::new();
    for import in &module.imports {
        *imports.entry(&import.name).or_default() += 1;
    }
    for file in &module.files {
        writeln!(out, "FILE {}", quote(file))?;
    }
    for row in &module.types {
        out.write_str("TYPE ")?;
        write_row(module, row, &mut out)?;
        out.write_char('\n')?;
    }
    for (name, ty) in &module.globals {
        let name = write_name(name);
        typed_line(module, format_args!("GLOBAL {name}: "), *ty, &mut out)?;
    }
    for import in &module.imports {
        write!(out, "IMPORT {}(", write_name(&import.name))?;
        write_types(module, &import.params, &mut out)?;
        out.write_str(") -> ")?;
        write_type(module, import.result, &mut out)?;
        let from = match &import.origin {
            Origin::Native => String::new(),
            Origin::Host(symbol) => format!(" = {}", quote(symbol)),
            Origin::Library(library, symbol) => {
                format!(" = {} : {}", quote(library), quote(symbol))
            }
        };
        writeln!(out, "{from}")?;
    }
    if canonical_consts(module) != module.consts {
        for value in &module.consts {
            out.write_str("CONST ")?;
            write_const(value, &mut out)?;
            out.write_char('\n')?;
        }
    }
    for (i, function) in module.functions.iter().enumerate() {
        if !out.text.is_empty() {
            out.write_char('\n')?;
        }
        let main = i == module.main as usize;
        write_function(&context, &imports, function, main, &mut out)?;
    }
    Ok(out.text)
}

fn write_function(
    context: &Context<'_>,
    imports: &HashMap<&str, usize>,
    function: &Function,
    main: bool,
    out: &mut Text,
) -> fmt::Result {
    let module = context.module;
    if main {
        out.write_str("MAIN\n")?;
    } else {
        write!(out, "FUNC {}(", write_name(&function.name))?;
        for (i, (name, ty)) in function.params.iter().enumerate() {
            out.write_str(if i > 0 { ", " } else { "" })?;
            out.write_str(&write_name(name))?;
            if *ty != Ty::INT {
                out.write_str(": ")?;
                write_type(module, *ty, out)?;
            }
        }
        out.write_char(')')?;
        if function.result != Ty::INT {
            out.write_str(" -> ")?;
            write_type(module, function.result, out)?;
        }
        out.write_char('\n')?;
    }
    write_registers(context, function, out)?;
    let labels = labels(function);
    let mut lines = function.lines.iter().peekable();
    for (i, instr) in function.code.iter().enumerate() {
        if let Some((_, file, number)) = lines.next_if(|(at, ..)| *at as usize == i) {
            writeln!(out, "  LINE {file}, {number}")?;
        }
        if let Some(label) = labels.get(&(i as u32)) {
            writeln!(out, " L{label}:")?;
        }
        out.write_str("  ")?;
        write_instr(module, imports, function, instr, &labels, out)?;
        out.write_char('\n')?;
    }
    out.write_str("END\n")
}

/// Types of registers that do not follow from the code, and how many there are if that does not.
fn write_registers(context: &Context<'_>, function: &Function, out: &mut Text) -> fmt::Result {
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
        writeln!(out, "  REGS {count}")?;
    }
    for (i, ty) in given.iter().enumerate() {
        if let Some(ty) = ty {
            typed_line(context.module, format_args!("  REG r{i}: "), *ty, out)?;
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

fn write_instr(
    module: &Module,
    imports: &HashMap<&str, usize>,
    function: &Function,
    instr: &Instr,
    labels: &HashMap<u32, usize>,
    out: &mut Text,
) -> fmt::Result {
    out.write_str(instr.op.mnemonic())?;
    let mut fixed = instr.fixed.iter();
    let mut result = String::new();
    let mut any = false;
    for operand in instr.op.operands() {
        // What is put before an operand, if there is one before it.
        let mut next = |out: &mut Text| {
            let before = if std::mem::replace(&mut any, true) {
                ", "
            } else {
                " "
            };
            out.write_str(before)
        };
        if *operand == Operand::Regs {
            for register in &instr.list {
                next(out)?;
                write!(out, "r{register}")?;
            }
            continue;
        }
        let number = fixed.next().copied().unwrap_or(0);
        let at = number as usize;
        if *operand == Operand::Result {
            let default = has_default_result(module, instr.op, &instr.fixed);
            result = match number {
                NO_RESULT if default => " -> _".to_owned(),
                NO_RESULT => String::new(),
                0 if default => String::new(),
                register => format!(" -> r{register}"),
            };
            continue;
        }
        next(out)?;
        match operand {
            Operand::Dest | Operand::Reg => write!(out, "r{number}")?,
            Operand::Const => write_const(&module.consts[at], out)?,
            Operand::Arg => out.write_str(&write_name(&function.params[at].0))?,
            Operand::Jump => write!(out, "L{}", labels[&number])?,
            Operand::Func => out.write_str(&write_name(&module.functions[at].name))?,
            Operand::Import => {
                let name = &module.imports[at].name;
                // Of several rows of one name the number tells which.
                match imports.get(&**name) {
                    Some(1) => out.write_str(&write_name(name))?,
                    _ => write!(out, "%{at}")?,
                }
            }
            Operand::Global => out.write_str(&write_name(&module.globals[at].0))?,
            Operand::Type => write_type(module, Ty(number), out)?,
            Operand::Index | Operand::Regs | Operand::Result => write!(out, "{number}")?,
        }
    }
    if !any && instr.op != Op::ReturnNone {
        out.write_char(' ')?;
    }
    out.write_str(&result)
}

/// An instruction as a trace shows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Instruction {
    /// A call of that function.
    Call(String),
    /// Writes a value.
    Print,
    /// Any other, as text.
    Other(String),
}

impl Instruction {
    /// The instruction of a function, by their numbers.
    pub fn of(module: &Module, function: usize, at: usize) -> Option<Instruction> {
        let function = module.functions.get(function)?;
        let instr = function.code.get(at)?;
        Some(match instr.op {
            Op::Call => {
                let callee = module.functions.get(instr.fixed[0] as usize)?;
                Instruction::Call(write_name(&callee.name))
            }
            Op::Print => Instruction::Print,
            _ => {
                let jumps = instr.operands().filter(|(it, _)| *it == Operand::Jump);
                let labels = jumps.map(|(_, target)| (target, target as usize)).collect();
                let imports = module.imports.iter().map(|row| (&*row.name, 1)).collect();
                let mut out = Text::new(SHOWN_LEN_MAX);
                if write_instr(module, &imports, function, instr, &labels, &mut out).is_err() {
                    out.text.push_str("...");
                }
                Instruction::Other(out.text)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first struct has many fields of a type whose text is long.
    fn wide() -> Module {
        let long = Row::Fn(vec![Ty::INT; 200], Ty::INT);
        let fields = (0..1200).map(|i| (format!("f{i}"), Ty::of_row(0)));
        let wide = Row::Struct("Wide".to_owned(), fields.collect());
        Module {
            types: vec![long, wide],
            ..Module::default()
        }
    }

    #[test]
    fn texts_never_grow_beyond_their_limit() {
        let module = wide();
        for len_max in [0, 1, 100, 10_000] {
            let mut out = Text::new(len_max);
            assert_eq!(
                write_row(&module, &module.types[1], &mut out),
                Err(fmt::Error)
            );
            assert!(out.text.len() <= len_max);
            // Doubled when it has to grow, no more.
            assert!(out.text.capacity() <= 2 * len_max.max(8));
        }
        let mut out = Text::new(LEN_MAX);
        assert_eq!(write_row(&module, &module.types[1], &mut out), Ok(()));
        assert!(out.text.ends_with("int) -> int}"));
    }

    #[test]
    fn messages_show_the_start_of_long_types() {
        let shown = show_type(&wide(), Ty::of_row(0));
        assert!(
            shown.starts_with("fn(int, int, ") && shown.ends_with("..."),
            "{shown}"
        );
        assert!(shown.len() <= SHOWN_LEN_MAX + 3);
    }
}
