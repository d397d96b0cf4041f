//! The disassembler: function bodies.

use super::assemble_body::{OF_MEMORY, required};
use super::disassemble::{LocalNames, Printer};
use super::literal;
use super::vectors;
use crate::error::Malformed;
use crate::instr::{CATCH_KINDS, Catch, Instr, InstrReader};
use crate::ops::Imm;
use crate::types::ValType;

/// Labels of a `br_table`, or catches of a `try`, that are printed on one line.
const LINE_LABELS: usize = 16;

/// The immediate of an instruction that is a float, a wide integer, a vector or numbers of lanes, as the assembler
/// takes it; nothing where it is something else. `reader` is of the instruction's body.
pub fn constant(reader: &InstrReader<'_>, instr: &Instr) -> Option<String> {
    let mut text = String::new();
    match instr.op.info().imms {
        [imm] if imm.wide_bits().is_some() => {
            let value = reader.constant(instr);
            vectors::print_wide(&mut text, value, instr.op.result()?);
        }
        [Imm::V128] => vectors::print_wide(&mut text, instr.vector().into(), ValType::V128),
        [Imm::Lanes] => vectors::print_lanes(&mut text, instr.vector()),
        [Imm::F32] => literal::print_float(&mut text, instr.a, literal::F32),
        [Imm::F64] => literal::print_float(&mut text, instr.a, literal::F64),
        _ => return None,
    }
    Some(text)
}

/// Prints locals and instructions; `reader` stands behind the declarations of locals.
pub(super) fn print<'m>(
    printer: &mut Printer<'m, '_>,
    reader: InstrReader<'m>,
    groups: &[(u32, ValType)],
    params: u32,
    names: &LocalNames<'m>,
) -> Result<(), Malformed> {
    print_locals(printer, groups, params, names);
    let mut body = BodyPrinter {
        targets: targets(reader.clone())?,
        printer,
        names,
    };
    body.print_code(reader)
}

/// Prints one `.local` a group.
fn print_locals<'m>(
    printer: &mut Printer<'m, '_>,
    groups: &[(u32, ValType)],
    params: u32,
    names: &LocalNames<'m>,
) {
    let mut index = params;
    for &(count, ty) in groups {
        printer.push("    .local ");
        printer.push(ty.name());
        let end = index + count;
        // A single local without a name is what nothing stands for.
        let implied = count == 1 && !names.contains_key(&index);
        for (&named, name) in names.range(index..end) {
            print_unnamed(printer, named - index);
            printer.push(" ");
            printer.list.name(name);
            index = named + 1;
        }
        if count == 0 {
            printer.push(" * 0");
        } else if !implied {
            print_unnamed(printer, end - index);
        }
        index = end;
        printer.push("\n");
    }
}

fn print_unnamed(printer: &mut Printer<'_, '_>, count: u32) {
    if count > 0 {
        printer.push(" * ");
        printer.list.number(count);
    }
}

/// The offsets that jumps lead to, ascending.
fn targets(mut reader: InstrReader<'_>) -> Result<Vec<u32>, Malformed> {
    let mut targets = Vec::new();
    while !reader.at_end() {
        let instr = reader.next_instr()?;
        match instr.op.info().imms {
            [Imm::Label] => targets.push(instr.a as u32),
            [Imm::Labels] => {
                for target in reader.labels(&instr) {
                    targets.push(target?);
                }
            }
            [Imm::Catches] => {
                for catch in reader.catches(&instr) {
                    targets.push(catch?.target);
                }
            }
            _ => {}
        }
    }
    targets.sort_unstable();
    targets.dedup();
    Ok(targets)
}

struct BodyPrinter<'p, 'm, 's> {
    printer: &'p mut Printer<'m, 's>,
    names: &'p LocalNames<'m>,
    /// Offsets of labels, ascending: the first one is `L1`.
    targets: Vec<u32>,
}

impl BodyPrinter<'_, '_, '_> {
    fn print_code(&mut self, mut reader: InstrReader<'_>) -> Result<(), Malformed> {
        let mut passed = 0;
        loop {
            let at = reader.offset() as u32;
            if let Some(&target) = self.targets.get(passed)
                && target <= at
            {
                if target < at {
                    let reason = "a jump leads into the middle of an instruction";
                    return Err(reader.error(target as usize, reason));
                }
                passed += 1;
                self.label(passed);
                self.printer.push(":\n");
            }
            if reader.at_end() {
                return Ok(());
            }
            if let Some(source) = &mut self.printer.source {
                source.print(&mut self.printer.list.out, at)?;
            }
            let instr = reader.next_instr()?;
            self.instruction(&reader, &instr)?;
        }
    }

    fn label(&mut self, number: usize) {
        self.printer.push("L");
        self.printer.list.number(number);
    }

    fn target(&mut self, offset: u32) {
        let at = self.targets.binary_search(&offset);
        // Every target was collected before.
        self.label(at.map_or(0, |at| at + 1));
    }

    fn instruction(&mut self, reader: &InstrReader<'_>, instr: &Instr) -> Result<(), Malformed> {
        let arch = self.printer.list.arch();
        self.printer.push("    ");
        self.printer.push(instr.op.mnemonic_on(arch));
        let imms = instr.op.info().imms;
        match imms {
            [Imm::Labels] => self.list(instr, reader.labels(instr), Self::target)?,
            [Imm::Catches] => self.list(instr, reader.catches(instr), Self::catch)?,
            _ => match constant(reader, instr) {
                Some(constant) => {
                    self.printer.push(" ");
                    self.printer.push(&constant);
                }
                None => self.immediates(imms, instr),
            },
        }
        if instr.memory != 0 {
            for text in [" ", OF_MEMORY, " "] {
                self.printer.push(text);
            }
            self.printer.list.number(instr.memory);
        }
        self.printer.push("\n");
        Ok(())
    }

    fn immediates(&mut self, imms: &[Imm], instr: &Instr) {
        let required = required(imms);
        let rest_is_zero = match required {
            0 => instr.a == 0 && instr.b == 0,
            1 => instr.b == 0,
            _ => true,
        };
        let printed = if rest_is_zero { required } else { imms.len() };
        for (&imm, value) in imms[..printed].iter().zip([instr.a, instr.b]) {
            self.printer.push(" ");
            self.immediate(imm, value);
        }
    }

    /// Prints the items of an instruction, in parentheses where they take several lines.
    fn list<T>(
        &mut self,
        instr: &Instr,
        items: impl Iterator<Item = Result<T, Malformed>>,
        print: impl Fn(&mut Self, T),
    ) -> Result<(), Malformed> {
        let long = instr.a > LINE_LABELS as u64;
        self.printer.push(if long { " (" } else { "" });
        for (i, item) in items.enumerate() {
            let breaks = long && i % LINE_LABELS == 0;
            self.printer.push(if breaks { "\n        " } else { " " });
            print(self, item?);
        }
        self.printer.push(if long { ")" } else { "" });
        Ok(())
    }

    fn catch(&mut self, catch: Catch<u32>) {
        self.printer.push(CATCH_KINDS[catch.kind()].0);
        if let Some(tag) = catch.tag {
            self.printer.push(" ");
            self.printer.list.number(tag);
        }
        self.printer.push(" ");
        self.target(catch.target);
    }

    fn immediate(&mut self, imm: Imm, value: u64) {
        let list = &mut self.printer.list;
        match imm {
            Imm::I32 => list.number(value as i32),
            Imm::I64 => list.number(value as i64),
            Imm::Local => match self.names.get(&(value as u32)) {
                Some(name) => list.name(name),
                None => list.number(value),
            },
            Imm::Func => list.func(value as u32),
            Imm::Type => self.printer.type_use(value as u32, &LocalNames::new()),
            Imm::RefType => match ValType::from_code(value as u8) {
                Some(ty) => list.out.push_str(ty.name()),
                None => list.number(value),
            },
            Imm::Label => self.target(value as u32),
            Imm::F32
            | Imm::F64
            | Imm::I128
            | Imm::I256
            | Imm::I512
            | Imm::V128
            | Imm::V256
            | Imm::V512
            | Imm::Lanes
            | Imm::Labels
            | Imm::Catches => {
                unreachable!("these are no plain immediates")
            }
            Imm::Lane2
            | Imm::Lane4
            | Imm::Lane8
            | Imm::Lane16
            | Imm::Lane32
            | Imm::Lane64
            | Imm::Global
            | Imm::Table
            | Imm::Memory
            | Imm::Data
            | Imm::Elem
            | Imm::Tag
            | Imm::Object
            | Imm::Count
            | Imm::Offset => list.number(value),
        }
    }
}
