//! The assembler: function bodies.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::assemble::{LocalNames, Output, type_use};
use super::error::{Fault, Faults, MAX_DIAGNOSTICS, Parsed, fault};
use super::lexer::Kind;
use super::parser::{Parser, Space, Symbols, unknown};
use super::vectors;
use crate::instr::{CATCH_KINDS, Catch, CodeBuilder, Label, MAX_LOCALS};
use crate::ops::{Imm, OPS, Op};
use crate::types::{Arch, ValType};

/// The word between the offset of a load or store and the memory that it accesses.
pub(super) const OF_MEMORY: &str = "memory";

/// What a body is assembled with.
pub(super) struct Context<'c, 't> {
    pub(super) symbols: &'c Symbols<'t>,
    pub(super) output: &'c mut Output,
    pub(super) faults: &'c mut Faults,
    /// The function's directive, to complain about.
    pub(super) header: Range<usize>,
}

/// An assembled body.
pub(super) struct Assembled<'t> {
    /// The encoded body; useless where there were faults.
    pub(super) bytes: Vec<u8>,
    /// Where in the text each instruction begins.
    pub(super) instructions: Vec<u32>,
    /// The names of parameters and locals.
    pub(super) names: LocalNames<'t>,
    /// Whether `.end` was there.
    pub(super) ended: bool,
}

/// A label: what it is for the builder, and where it stands.
struct LabelState {
    label: Label,
    /// Where it was used first.
    used: Option<Range<usize>>,
    /// How many instructions stand before it.
    bound: Option<u32>,
}

struct BodyAssembler<'c, 't, 'p> {
    context: &'p mut Context<'c, 't>,
    parser: &'p mut Parser<'t>,
    locals: HashMap<Cow<'t, str>, u32>,
    names: LocalNames<'t>,
    local_count: u32,
    groups: Vec<(u32, ValType)>,
    /// `None` until the first instruction or label, while there may be locals.
    code: Option<CodeBuilder>,
    labels: HashMap<&'t str, LabelState>,
    /// Where in the text each instruction so far begins.
    instructions: Vec<u32>,
    ended: bool,
}

/// Reads the lines up to and including `.end`. `params` and `names` are those of the header.
pub(super) fn assemble<'t>(
    parser: &mut Parser<'t>,
    context: &mut Context<'_, 't>,
    params: u32,
    names: LocalNames<'t>,
) -> Assembled<'t> {
    let faults_before = context.faults.count();
    let mut body = BodyAssembler {
        context,
        parser,
        locals: HashMap::new(),
        names: Vec::new(),
        local_count: params,
        groups: Vec::new(),
        code: None,
        labels: HashMap::new(),
        instructions: Vec::new(),
        ended: false,
    };
    for (index, name, span) in names {
        let result = body.name_local(index, name, span);
        body.keep(result);
    }
    body.lines();
    body.check_labels();
    let groups = std::mem::take(&mut body.groups);
    let (code, names, ended) = (body.code.take(), body.names, body.ended);
    let instructions = body.instructions;
    let sound = context.faults.count() == faults_before;
    Assembled {
        bytes: match sound {
            true => code.unwrap_or_else(|| CodeBuilder::new(&groups)).finish(),
            false => Vec::new(),
        },
        instructions,
        names,
        ended,
    }
}

impl<'t> BodyAssembler<'_, 't, '_> {
    fn keep(&mut self, result: Parsed<()>) {
        if let Err(fault) = result {
            self.context.faults.add(*fault);
        }
    }

    fn lines(&mut self) {
        loop {
            self.parser.skip_newlines();
            if self.context.faults.is_full() {
                return;
            }
            let end = match self.parser.kind() {
                Kind::Directive if self.parser.slice() == ".end" => true,
                Kind::Directive if self.parser.slice() == ".local" => false,
                Kind::Directive | Kind::End => {
                    let (span, message) = (
                        self.context.header.clone(),
                        "this function has no `.end`".into(),
                    );
                    self.context.faults.add(Fault { span, message });
                    return;
                }
                _ => false,
            };
            if end {
                self.parser.bump();
                self.ended = true;
                return;
            }
            let result = self.line();
            if result.is_err() {
                self.keep(result);
                self.parser.skip_line();
            }
        }
    }

    fn line(&mut self) -> Parsed<()> {
        match self.parser.kind() {
            Kind::Directive => {
                self.local()?;
                self.parser.end_statement()
            }
            // An instruction may stand on the same line.
            Kind::Label => self.label(),
            Kind::Word => {
                self.instruction()?;
                self.parser.end_statement()
            }
            _ => self.parser.unexpected("an instruction, a label or `.end`"),
        }
    }

    /// `.local TYPE ($name | * COUNT)..`: one group of locals, one local if nothing follows.
    fn local(&mut self) -> Parsed<()> {
        let directive = self.parser.bump();
        if self.code.is_some() {
            let message = "locals stand before the first instruction";
            return fault(directive.span, message);
        }
        let ty = self.parser.val_type("a value type")?;
        let first = self.local_count;
        if self.parser.at_end() {
            self.add_locals(1, directive.span)?;
        }
        while !self.parser.at_end() {
            let span = self.parser.span();
            if self.parser.eat(Kind::Star) {
                let count = self.parser.unsigned(32, "a number of locals")?;
                self.add_locals(count as u32, span)?;
            } else if let Some(name) = self.parser.name()? {
                let index = self.local_count;
                self.add_locals(1, span.clone())?;
                self.name_local(index, name, span)?;
            } else {
                return self.parser.unexpected("a name or `*` and a count");
            }
        }
        self.groups.push((self.local_count - first, ty));
        Ok(())
    }

    fn add_locals(&mut self, count: u32, span: Range<usize>) -> Parsed<()> {
        match self.local_count.checked_add(count) {
            Some(total) if total <= MAX_LOCALS => {
                self.local_count = total;
                Ok(())
            }
            _ => fault(span, format!("more than {MAX_LOCALS} locals")),
        }
    }

    fn name_local(&mut self, index: u32, name: Cow<'t, str>, span: Range<usize>) -> Parsed<()> {
        if self.locals.contains_key(&name) {
            return fault(span, "this name belongs to another local");
        }
        self.locals.insert(name.clone(), index);
        self.names.push((index, name, span));
        Ok(())
    }

    fn code(&mut self) -> &mut CodeBuilder {
        self.code
            .get_or_insert_with(|| CodeBuilder::new(&self.groups))
    }

    /// The label of that name, whether it stands before or after here.
    fn label_state(&mut self, name: &'t str) -> &mut LabelState {
        if !self.labels.contains_key(name) {
            let state = LabelState {
                label: self.code().new_label(),
                used: None,
                bound: None,
            };
            self.labels.insert(name, state);
        }
        self.labels.get_mut(name).expect("it was just inserted")
    }

    fn label(&mut self) -> Parsed<()> {
        let name = self.parser.slice().trim_end_matches(':');
        let span = self.parser.bump().span;
        let instructions = self.instructions.len() as u32;
        let state = self.label_state(name);
        if state.bound.replace(instructions).is_some() {
            return fault(span, "a second label of this name");
        }
        let label = state.label;
        self.code().bind(label);
        Ok(())
    }

    fn target(&mut self) -> Parsed<Label> {
        if self.parser.kind() != Kind::Word {
            return self.parser.unexpected("a label");
        }
        let name = self.parser.slice();
        let span = self.parser.bump().span;
        let state = self.label_state(name);
        state.used.get_or_insert(span);
        Ok(state.label)
    }

    /// Reports labels that are used but stand nowhere, or where no instruction follows.
    fn check_labels(&mut self) {
        let total = self.instructions.len() as u32;
        let mut wrong: Vec<_> = self
            .labels
            .iter()
            .filter(|(_, state)| state.bound.is_none_or(|bound| bound == total))
            .filter_map(|(&name, state)| Some((state.used.clone()?, name, state.bound)))
            .collect();
        // The order of hashing must not decide which ones are reported.
        wrong.sort_by_key(|(used, ..)| used.start);
        wrong.truncate(MAX_DIAGNOSTICS + 1);
        for (used, name, bound) in wrong {
            let result = if bound.is_some() {
                fault(used, "no instruction follows this label")
            } else {
                let bound = self
                    .labels
                    .iter()
                    .filter(|(_, state)| state.bound.is_some());
                let known: Vec<&str> = bound.map(|(&name, _)| name).collect();
                unknown(used, "label", name, "", known.into_iter())
            };
            self.keep(result);
        }
    }

    fn instruction(&mut self) -> Parsed<()> {
        let mnemonic = self.parser.slice();
        let span = self.parser.bump().span;
        let start = span.start;
        let arch = self.context.output.arch();
        let Some(op) = Op::from_mnemonic(mnemonic, arch) else {
            // Words of another architecture may have it.
            let elsewhere = Arch::ALL
                .into_iter()
                .find_map(|other| Some((other, Op::from_mnemonic(mnemonic, other)?)));
            if let Some((other, op)) = elsewhere {
                let (word, meant) = (arch.word(), op.mnemonic());
                let message = format!(
                    "`{mnemonic}` is no instruction on {word}, the word of {arch}; `{meant}` needs {other}"
                );
                return fault(span, message);
            }
            let known: Vec<&str> = OPS
                .iter()
                .flat_map(|info| [info.mnemonic, info.op.mnemonic_on(arch)])
                .collect();
            return unknown(span, "instruction", mnemonic, "", known.into_iter());
        };
        match op.info().imms {
            [Imm::Label] => {
                let label = self.target()?;
                self.code().jump(op, label);
            }
            [Imm::Labels] => {
                let labels = self.targets()?;
                self.code().br_table(&labels);
            }
            [Imm::Catches] => {
                let catches = self.list(Self::catch)?;
                self.code().try_region(&catches);
            }
            [imm] if imm.wide_bits().is_some() => {
                let ty = op.result().expect("it pushes a constant");
                let value = vectors::wide_constant(self.parser, ty)?;
                self.code().op_constant(op, value);
            }
            [Imm::V128] => {
                let value = vectors::constant(self.parser, ValType::V128)?;
                self.code().op_vector(op, value.low_128());
            }
            [Imm::Lanes] => {
                let lanes = vectors::lanes(self.parser)?;
                self.code().op_vector(op, lanes);
            }
            imms => {
                let [a, b] = self.immediates(imms)?;
                let memory = match imms.contains(&Imm::Offset) {
                    true => self.memory_of_access()?,
                    false => 0,
                };
                self.code().access(memory, op, a, b);
            }
        }
        self.instructions.push(start as u32);
        Ok(())
    }

    /// `[memory INDEX]` behind a load or store.
    fn memory_of_access(&mut self) -> Parsed<u16> {
        if !self.parser.eat_word(OF_MEMORY) {
            return Ok(0);
        }
        let span = self.parser.span();
        let index = self.context.symbols.reference(self.parser, Space::Memory)?;
        match u16::try_from(index) {
            Ok(memory) => Ok(memory),
            Err(_) => fault(span, format!("no memory can have the index {index}")),
        }
    }

    /// The labels of a `br_table`, in parentheses where they take more than a line.
    fn targets(&mut self) -> Parsed<Vec<Label>> {
        let labels = self.list(Self::target)?;
        match labels.is_empty() {
            true => self.parser.unexpected("a label"),
            false => Ok(labels),
        }
    }

    /// Items up to the end of the line, or in parentheses.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        if self.parser.eat(Kind::Open) {
            self.parser.skip_newlines();
            while !self.parser.eat(Kind::Close) {
                items.push(item(self)?);
                self.parser.skip_newlines();
            }
        } else {
            while !self.parser.at_end() {
                items.push(item(self)?);
            }
        }
        Ok(items)
    }

    /// A kind of catch, its tag where it has one, its label.
    fn catch(&mut self) -> Parsed<Catch<Label>> {
        let mut kinds = CATCH_KINDS.into_iter();
        let Some((_, tagged, by_ref)) = kinds.find(|(name, ..)| self.parser.eat_word(name)) else {
            let names = CATCH_KINDS.map(|(name, ..)| format!("`{name}`")).join(", ");
            return self.parser.unexpected(&format!("a catch ({names})"));
        };
        let tag = match tagged {
            true => Some(self.context.symbols.reference(self.parser, Space::Tag)?),
            false => None,
        };
        Ok(Catch {
            tag,
            by_ref,
            target: self.target()?,
        })
    }

    fn immediates(&mut self, imms: &[Imm]) -> Parsed<[u64; 2]> {
        let mut values = [0, 0];
        for (i, (&imm, value)) in imms.iter().zip(&mut values).enumerate() {
            // Where the rest can be left out, all of it is there or nothing.
            let ends = self.parser.at_end()
                || (self.parser.kind() == Kind::Word && self.parser.slice() == OF_MEMORY);
            if ends && i == required(imms) {
                break;
            }
            *value = self.immediate(imm)?;
        }
        Ok(values)
    }

    fn immediate(&mut self, imm: Imm) -> Parsed<u64> {
        let symbols = self.context.symbols;
        let parser = &mut *self.parser;
        let space = match imm {
            Imm::I32 => return parser.number(ValType::I32),
            Imm::I64 => return parser.number(ValType::I64),
            Imm::F32 => return parser.number(ValType::F32),
            Imm::F64 => return parser.number(ValType::F64),
            Imm::Local => return self.local_index(),
            Imm::Count => return parser.unsigned(32, "a count"),
            Imm::Offset => return parser.unsigned(64, "an offset"),
            Imm::RefType if parser.kind() == Kind::Number => {
                return parser.unsigned(8, "a reference type");
            }
            Imm::RefType => return Ok(u64::from(parser.val_type("a reference type")?.code())),
            Imm::Type => {
                return self.type_index();
            }
            Imm::Lane2 | Imm::Lane4 | Imm::Lane8 | Imm::Lane16 | Imm::Lane32 | Imm::Lane64 => {
                return parser.unsigned(8, "the number of a lane or limb");
            }
            Imm::I128
            | Imm::I256
            | Imm::I512
            | Imm::V128
            | Imm::V256
            | Imm::V512
            | Imm::Lanes
            | Imm::Label
            | Imm::Labels
            | Imm::Catches => {
                unreachable!("these are no plain immediates")
            }
            Imm::Global => Space::Global,
            Imm::Func => Space::Func,
            Imm::Table => Space::Table,
            Imm::Memory => Space::Memory,
            Imm::Data => Space::Data,
            Imm::Elem => Space::Elem,
            Imm::Tag => Space::Tag,
            Imm::Object => Space::Object,
        };
        symbols.reference(parser, space).map(u64::from)
    }

    fn type_index(&mut self) -> Parsed<u64> {
        let Context {
            symbols, output, ..
        } = &mut *self.context;
        let ty = type_use(self.parser, symbols, output, true)?;
        match ty.names.into_iter().next() {
            Some((_, _, span)) => fault(span, "parameters of a type have no names"),
            None => Ok(u64::from(ty.index)),
        }
    }

    fn local_index(&mut self) -> Parsed<u64> {
        let span = self.parser.span();
        match self.parser.name()? {
            Some(name) => match self.locals.get(&name) {
                Some(&index) => Ok(u64::from(index)),
                None => {
                    let known = self.locals.keys().map(AsRef::as_ref);
                    unknown(span, "local", &name, "$", known)
                }
            },
            None => self.parser.unsigned(32, "a local ($name or index)"),
        }
    }
}

/// How many immediates must be written: indices of memories and tables, and offsets, may be left
/// out together at the end where they are 0.
pub(super) fn required(imms: &[Imm]) -> usize {
    let optional = imms
        .iter()
        .rev()
        .take_while(|imm| matches!(imm, Imm::Memory | Imm::Table | Imm::Offset));
    imms.len() - optional.count()
}
