//! From text to modules.

use std::collections::HashMap;

use super::disassemble::used_registers;
use super::{has_default_result, infer};
use crate::diagnostics::{Code, Diagnostic, Diagnostics};
use crate::source::{Sources, Span};
use crate::syntax::lexer::{Kind, Token, lex};
use crate::syntax::literal;
use crate::vitbc::module::{
    COUNT_MAX, Const, Function, Import, Instr, LEN_MAX, Module, Origin, REGISTERS_MAX, Row, Ty,
};
use crate::vitbc::ops::{NO_RESULT, Op, Operand};
use crate::vitbc::verify::{Context, verify};

/// The most levels of a type that is written.
const DEPTH_MAX: u32 = 100;

/// The most registers of all functions: the type of each takes four bytes of a file.
const ALL_REGISTERS_MAX: usize = LEN_MAX / 4;

/// A line makes no sense: where, and why.
type Fault = (Span, String);
type Parsed<T> = Result<T, Fault>;

/// A cursor over the tokens of a line.
#[derive(Clone)]
struct Line<'t> {
    text: &'t str,
    tokens: &'t [Token],
    /// The place behind the line.
    end: Span,
}

impl<'t> Line<'t> {
    fn kind(&self) -> Option<Kind> {
        self.tokens.first().map(|token| token.kind)
    }

    fn span(&self) -> Span {
        self.tokens.first().map_or(self.end, |token| token.span)
    }

    /// The text of the token that is looked at; empty at the end.
    fn slice(&self) -> &'t str {
        &self.text[self.span().range()]
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        self.tokens = self.tokens.get(1..).unwrap_or(&[]);
        span
    }

    fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == Some(kind);
        if found {
            self.bump();
        }
        found
    }

    fn fault<T>(&self, wanted: &str) -> Parsed<T> {
        Err((self.span(), format!("expected {wanted}")))
    }

    fn expect(&mut self, kind: Kind) -> Parsed<()> {
        match self.eat(kind) {
            true => Ok(()),
            false => self.fault(&kind.to_string()),
        }
    }

    fn done(&self) -> Parsed<()> {
        match self.tokens {
            [] => Ok(()),
            _ => self.fault("the end of the line"),
        }
    }

    /// A name with its parts, or one in quotes.
    fn name(&mut self, what: &str) -> Parsed<String> {
        match self.kind() {
            Some(Kind::Str) => self.string(),
            Some(Kind::Name) => {
                let mut name = self.text[self.bump().range()].to_owned();
                while self.kind() == Some(Kind::Dot) {
                    self.bump();
                    if self.kind() != Some(Kind::Name) {
                        return self.fault("a name");
                    }
                    name.push('.');
                    name.push_str(&self.text[self.bump().range()]);
                }
                Ok(name)
            }
            _ => self.fault(what),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        if self.kind() != Some(Kind::Str) {
            return self.fault("a string");
        }
        let span = self.bump();
        let mut errors = Diagnostics::default();
        let value = literal::string(&self.text[span.range()], span, &mut errors);
        first_error(&errors, value)
    }

    fn int(&mut self) -> Parsed<u64> {
        if self.kind() != Some(Kind::Int) {
            return self.fault("a number");
        }
        let span = self.span();
        let text = self.slice();
        // The bits of floats take all 64, more than integers of the language may have.
        let value = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => text.parse(),
        };
        self.bump();
        value.map_err(|error| (span, error.to_string()))
    }

    fn number(&mut self, max: usize) -> Parsed<u32> {
        let span = self.span();
        let value = self.int()?;
        match value <= max as u64 {
            true => Ok(value as u32),
            false => Err((span, format!("at most {max}"))),
        }
    }

    fn register(&mut self) -> Parsed<u32> {
        let digits = match self.kind() {
            Some(Kind::Name) => self.slice().strip_prefix('r'),
            _ => None,
        };
        // One way to write each.
        let number = digits.and_then(|digits| digits.parse::<u32>().ok());
        let number = number.filter(|number| Some(number.to_string().as_str()) == digits);
        match number {
            Some(number) if (number as usize) < REGISTERS_MAX => {
                self.bump();
                Ok(number)
            }
            Some(_) => self.fault(&format!("a register below r{REGISTERS_MAX}")),
            None => self.fault("a register, like `r0`"),
        }
    }

    fn constant(&mut self) -> Parsed<Const> {
        if self.kind() == Some(Kind::Str) {
            return Ok(Const::Str(self.string()?));
        }
        if self.kind() == Some(Kind::Name) && self.slice() == "bits" {
            self.bump();
            return Ok(Const::Float(f64::from_bits(self.int()?)));
        }
        let start = self.span();
        let negative = self.eat(Kind::Minus);
        if self.kind() == Some(Kind::Float) {
            let span = self.bump();
            let mut errors = Diagnostics::default();
            let value = literal::float(&self.text[span.range()], span, &mut errors);
            let value = if negative { -value } else { value };
            return first_error(&errors, Const::Float(value));
        }
        let value = self.int()?;
        let value = match negative {
            true if value <= 1 << 63 => Some(0i64.wrapping_sub_unsigned(value)),
            true => None,
            false => i64::try_from(value).ok(),
        };
        match value {
            Some(value) => Ok(Const::Int(value)),
            None => Err((start, "this integer is too large".to_owned())),
        }
    }
}

fn first_error<T>(errors: &Diagnostics, value: T) -> Parsed<T> {
    match errors.iter().next() {
        Some(error) => Err((error.span, error.message.clone())),
        None => Ok(value),
    }
}

/// A jump whose label is not known yet: the operand, the label, its place.
type JumpTo<'l> = (usize, &'l str, Span);

/// A function while its lines are collected.
struct Draft<'t> {
    lines: Vec<Line<'t>>,
    start: Span,
}

struct Assembler<'t> {
    module: Module,
    /// Rows while not all are known.
    rows: Vec<Option<Row>>,
    numbers: HashMap<Row, Ty>,
    names: HashMap<String, Ty>,
    consts: HashMap<(u8, u64, String), u32>,
    functions: HashMap<String, u32>,
    imports: HashMap<String, u32>,
    globals: HashMap<String, u32>,
    drafts: Vec<Draft<'t>>,
    /// For each function the types of registers that `REG` lines say.
    given: Vec<Vec<(u32, Ty)>>,
    /// How many registers functions have so far.
    registers: usize,
    faults: Vec<Fault>,
}

/// Reads a text; the module is verified.
pub fn assemble(sources: &Sources, file: u32, errors: &mut Diagnostics) -> Option<Module> {
    let text = sources.text(file);
    let lexed = lex(file, text, errors);
    let mut assembler = Assembler {
        module: Module::default(),
        rows: Vec::new(),
        numbers: HashMap::new(),
        names: HashMap::new(),
        consts: HashMap::new(),
        functions: HashMap::new(),
        imports: HashMap::new(),
        globals: HashMap::new(),
        drafts: Vec::new(),
        given: Vec::new(),
        registers: 0,
        faults: Vec::new(),
    };
    let lines = lines(text, &lexed.tokens);
    let spans = assembler.run(&lines);
    for (span, message) in assembler.faults {
        let hint = "the form of texts is described in docs/vitbc.md";
        errors.push(Diagnostic::new(Code::Assembly, span, message, hint));
    }
    if !errors.is_empty() {
        return None;
    }
    let module = assembler.module;
    if let Err(fault) = verify(&module) {
        let end = Span {
            file,
            start: 0,
            end: 0,
        };
        let span = match &fault.place {
            Some((name, instr)) => {
                let number = module.functions.iter().position(|row| row.name == *name);
                let spans = number.and_then(|number| spans.get(number));
                let found = spans.map(|(start, spans)| match instr {
                    Some(instr) => spans.get(*instr).copied().unwrap_or(*start),
                    None => *start,
                });
                found.unwrap_or(end)
            }
            None => end,
        };
        let hint = "every register has one type; see docs/vitbc.md for what instructions take";
        errors.push(Diagnostic::new(Code::Assembly, span, fault.reason, hint));
        return None;
    }
    Some(module)
}

/// The lines that have tokens.
fn lines<'t>(text: &'t str, tokens: &'t [Token]) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for i in 0..tokens.len() {
        let last = tokens
            .get(i + 1)
            .is_none_or(|next| next.first || next.kind == Kind::End);
        if tokens[i].kind != Kind::End && last {
            lines.push(Line {
                text,
                tokens: &tokens[start..=i],
                end: tokens[i].span.after(),
            });
            start = i + 1;
        }
    }
    lines
}

type Spans = Vec<(Span, Vec<Span>)>;

impl<'t> Assembler<'t> {
    /// Reads all lines; returns where functions and their instructions are.
    fn run(&mut self, lines: &[Line<'t>]) -> Spans {
        self.declare_types(lines);
        // Other declarations come before functions, whose heads come before their bodies.
        let mut open = false;
        for line in lines {
            let mut rest = line.clone();
            let word = rest.slice();
            rest.bump();
            let parsed = match word {
                "FUNC" | "MAIN" if open => Err((line.span(), "`END` is missing".to_owned())),
                "FUNC" | "MAIN" => {
                    open = true;
                    self.head(word == "MAIN", rest, line.span())
                }
                "END" if open => {
                    open = false;
                    rest.done()
                }
                _ if open => {
                    if let Some(draft) = self.drafts.last_mut() {
                        draft.lines.push(line.clone());
                    }
                    Ok(())
                }
                "TYPE" => Ok(()),
                "FILE" => rest.string().and_then(|file| {
                    self.module.files.push(file);
                    rest.done()
                }),
                "CONST" => rest.constant().and_then(|value| {
                    self.constant(value);
                    rest.done()
                }),
                "GLOBAL" => self.global(rest),
                "IMPORT" => self.import(rest),
                _ => Err((
                    line.span(),
                    "expected a declaration, `FUNC` or `MAIN`".to_owned(),
                )),
            };
            self.faults.extend(parsed.err());
        }
        if open && let Some(draft) = self.drafts.last() {
            self.faults
                .push((draft.start, "this function has no `END`".to_owned()));
        }
        let mut spans = Vec::new();
        for (number, draft) in std::mem::take(&mut self.drafts).into_iter().enumerate() {
            let code = self.body(number, &draft);
            spans.push((draft.start, code));
        }
        self.module.types = std::mem::take(&mut self.rows)
            .into_iter()
            .flatten()
            .collect();
        if self.faults.is_empty() {
            self.types_of_registers();
        }
        spans
    }

    /// Rows of `TYPE` lines have the numbers of these, whatever they refer to.
    fn declare_types(&mut self, lines: &[Line<'t>]) {
        let mut own = Vec::new();
        for line in lines.iter().filter(|line| line.slice() == "TYPE") {
            let mut rest = line.clone();
            rest.bump();
            let ty = Ty::of_row(self.rows.len());
            self.rows.push(None);
            if matches!(rest.kind(), Some(Kind::Struct | Kind::Enum)) {
                let mut head = rest.clone();
                head.bump();
                match head.name("the name of the type") {
                    Ok(name) => {
                        self.names.insert(name, ty);
                    }
                    Err(fault) => self.faults.push(fault),
                }
            }
            own.push((ty, rest));
        }
        let named = |rest: &Line<'_>| matches!(rest.kind(), Some(Kind::Struct | Kind::Enum));
        for pass in [false, true] {
            for (ty, rest) in own.iter().filter(|(_, rest)| named(rest) == pass) {
                let mut rest = rest.clone();
                let row = match pass {
                    true => self.named_row(&mut rest),
                    false => self.row(&mut rest, 0),
                };
                match row.and_then(|row| rest.done().map(|()| row)) {
                    Ok(row) => {
                        self.numbers.entry(row.clone()).or_insert(*ty);
                        if let Some(slot) = ty.row().and_then(|row| self.rows.get_mut(row)) {
                            *slot = Some(row);
                        }
                    }
                    Err(fault) => self.faults.push(fault),
                }
            }
        }
    }

    /// A type that is made of others.
    fn row(&mut self, line: &mut Line<'_>, depth: u32) -> Parsed<Row> {
        let span = line.span();
        match self.ty_or_row(line, depth)? {
            Written::Row(row) => Ok(row),
            Written::Ty(_) => Err((span, "expected a type made of others".to_owned())),
        }
    }

    fn named_row(&mut self, line: &mut Line<'_>) -> Parsed<Row> {
        let is_enum = line.kind() == Some(Kind::Enum);
        line.bump();
        let name = line.name("the name of the type")?;
        line.expect(Kind::OpenBrace)?;
        let mut fields = Vec::new();
        let mut variants = Vec::new();
        while !line.eat(Kind::CloseBrace) {
            let name = line.name("a name")?;
            if is_enum {
                let types = match line.eat(Kind::OpenParen) {
                    true => self.types_to(line, Kind::CloseParen, 0)?,
                    false => Vec::new(),
                };
                variants.push((name, types));
            } else {
                line.expect(Kind::Colon)?;
                fields.push((name, self.ty(line, 0)?));
            }
            if !line.eat(Kind::Comma) && line.kind() != Some(Kind::CloseBrace) {
                return line.fault("`,` or `}`");
            }
        }
        Ok(match is_enum {
            true => Row::Enum(name, variants),
            false => Row::Struct(name, fields),
        })
    }

    fn types_to(&mut self, line: &mut Line<'_>, close: Kind, depth: u32) -> Parsed<Vec<Ty>> {
        let mut types = Vec::new();
        while !line.eat(close) {
            types.push(self.ty(line, depth)?);
            if !line.eat(Kind::Comma) && line.kind() != Some(close) {
                return line.fault(&format!("`,` or {close}"));
            }
        }
        Ok(types)
    }

    fn ty(&mut self, line: &mut Line<'_>, depth: u32) -> Parsed<Ty> {
        let written = self.ty_or_row(line, depth)?;
        Ok(self.number(written))
    }

    /// The number of a row, which is added if it is new.
    fn number(&mut self, written: Written) -> Ty {
        match written {
            Written::Ty(ty) => ty,
            Written::Row(row) => match self.numbers.get(&row) {
                Some(ty) => *ty,
                None => {
                    let ty = Ty::of_row(self.rows.len());
                    self.rows.push(Some(row.clone()));
                    self.numbers.insert(row, ty);
                    ty
                }
            },
        }
    }

    fn ty_or_row(&mut self, line: &mut Line<'_>, depth: u32) -> Parsed<Written> {
        if depth > DEPTH_MAX {
            return Err((line.span(), "this type has too many levels".to_owned()));
        }
        let next = depth + 1;
        let mut written = if line.eat(Kind::OpenParen) {
            let inner = self.ty_or_row(line, next)?;
            line.expect(Kind::CloseParen)?;
            inner
        } else if line.eat(Kind::Fn) {
            line.expect(Kind::OpenParen)?;
            let params = self.types_to(line, Kind::CloseParen, next)?;
            let result = match line.eat(Kind::Arrow) {
                true => self.ty(line, next)?,
                false => Ty::VOID,
            };
            Written::Row(Row::Fn(params, result))
        } else {
            let span = line.span();
            let quoted = line.kind() == Some(Kind::Str);
            let name = line.name("a type")?;
            match &*name {
                "array" if line.eat(Kind::Less) => {
                    let item = self.ty(line, next)?;
                    line.expect(Kind::More)?;
                    Written::Row(Row::Array(item))
                }
                "map" if line.eat(Kind::Less) => {
                    let key = self.ty(line, next)?;
                    line.expect(Kind::Comma)?;
                    let item = self.ty(line, next)?;
                    line.expect(Kind::More)?;
                    Written::Row(Row::Map(key, item))
                }
                "void" if !quoted => Written::Ty(Ty::VOID),
                "int" if !quoted => Written::Ty(Ty::INT),
                "float" if !quoted => Written::Ty(Ty::FLOAT),
                "bool" if !quoted => Written::Ty(Ty::BOOL),
                "string" if !quoted => Written::Ty(Ty::STR),
                name => match self.names.get(name) {
                    Some(ty) => Written::Ty(*ty),
                    None => return Err((span, format!("there is no type {name}"))),
                },
            }
        };
        while line.eat(Kind::Question) {
            let inner = self.number(written);
            written = Written::Row(Row::Optional(inner));
        }
        Ok(written)
    }

    fn global(&mut self, mut line: Line<'_>) -> Parsed<()> {
        let name = line.name("the name of a variable")?;
        line.expect(Kind::Colon)?;
        let ty = self.ty(&mut line, 0)?;
        let number = self.module.globals.len() as u32;
        self.globals.insert(name.clone(), number);
        self.module.globals.push((name, ty));
        line.done()
    }

    fn import(&mut self, mut line: Line<'_>) -> Parsed<()> {
        let name = line.name("the name of a function")?;
        line.expect(Kind::OpenParen)?;
        let params = self.types_to(&mut line, Kind::CloseParen, 0)?;
        line.expect(Kind::Arrow)?;
        let result = self.ty(&mut line, 0)?;
        let origin = match line.eat(Kind::Assign) {
            false => Origin::Native,
            true => {
                let first = line.string()?;
                match line.eat(Kind::Colon) {
                    true => Origin::Library(first, line.string()?),
                    false => Origin::Host(first),
                }
            }
        };
        self.imports
            .insert(name.clone(), self.module.imports.len() as u32);
        self.module.imports.push(Import {
            origin,
            name,
            params,
            result,
        });
        line.done()
    }

    fn constant(&mut self, value: Const) -> u32 {
        let key = match &value {
            Const::Int(value) => (0, *value as u64, String::new()),
            Const::Float(value) => (1, value.to_bits(), String::new()),
            Const::Str(text) => (2, 0, text.clone()),
        };
        let next = self.module.consts.len() as u32;
        let number = *self.consts.entry(key).or_insert(next);
        if number == next {
            self.module.consts.push(value);
        }
        number
    }

    fn head(&mut self, main: bool, mut line: Line<'t>, start: Span) -> Parsed<()> {
        self.drafts.push(Draft {
            lines: Vec::new(),
            start,
        });
        let number = self.module.functions.len() as u32;
        self.module.functions.push(Function::default());
        let mut function = Function {
            name: "main".to_owned(),
            result: if main { Ty::VOID } else { Ty::INT },
            ..Function::default()
        };
        if main {
            self.module.main = number;
        } else {
            function.name = line.name("the name of the function")?;
            line.expect(Kind::OpenParen)?;
            while !line.eat(Kind::CloseParen) {
                let name = line.name("the name of a parameter")?;
                let ty = match line.eat(Kind::Colon) {
                    true => self.ty(&mut line, 0)?,
                    false => Ty::INT,
                };
                function.params.push((name, ty));
                if !line.eat(Kind::Comma) && line.kind() != Some(Kind::CloseParen) {
                    return line.fault("`,` or `)`");
                }
            }
            if line.eat(Kind::Arrow) {
                function.result = self.ty(&mut line, 0)?;
            }
        }
        line.done()?;
        if self
            .functions
            .insert(function.name.clone(), number)
            .is_some()
        {
            return Err((start, format!("two functions are called {}", function.name)));
        }
        self.module.functions[number as usize] = function;
        Ok(())
    }

    /// Reads the lines of a function; returns where its instructions are.
    fn body(&mut self, number: usize, draft: &Draft<'_>) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut labels: HashMap<&str, u32> = HashMap::new();
        let mut jumps: Vec<(usize, usize, &str, Span)> = Vec::new();
        let mut given: Vec<(u32, Ty)> = Vec::new();
        let mut count = 0;
        let mut code: Vec<Instr> = Vec::new();
        let mut lines_of = Vec::new();
        for line in &draft.lines {
            let mut rest = line.clone();
            let word = rest.slice();
            let span = rest.bump();
            if rest.kind() == Some(Kind::Colon) && rest.tokens.len() == 1 {
                if labels.insert(word, code.len() as u32).is_some() {
                    self.faults
                        .push((span, format!("two labels are called {word}")));
                }
                continue;
            }
            let parsed = match word {
                "REG" => self.reg_line(rest).map(|row| given.push(row)),
                "REGS" => rest.number(REGISTERS_MAX).and_then(|n| {
                    count = n as usize;
                    rest.done()
                }),
                "LINE" => line_line(rest).map(|(file, line)| {
                    lines_of.push((code.len() as u32, file, line));
                }),
                _ if code.len() == COUNT_MAX => Err((span, "too many instructions".to_owned())),
                _ => self.instr(number, word, span, rest).map(|(instr, jump)| {
                    if let Some((slot, label, span)) = jump {
                        jumps.push((code.len(), slot, label, span));
                    }
                    code.push(instr);
                    spans.push(span);
                }),
            };
            self.faults.extend(parsed.err());
        }
        for (instr, slot, label, span) in jumps {
            match labels.get(label) {
                Some(target) => code[instr].fixed[slot] = *target,
                None => self
                    .faults
                    .push((span, format!("there is no label {label}"))),
            }
        }
        let function = &mut self.module.functions[number];
        function.code = code;
        function.lines = lines_of;
        let declared = given
            .iter()
            .map(|(register, _)| *register as usize + 1)
            .max();
        let count = count
            .max(used_registers(function))
            .max(declared.unwrap_or(0));
        self.registers += count;
        if self.registers > ALL_REGISTERS_MAX {
            let reason = format!("functions have more than {ALL_REGISTERS_MAX} registers in all");
            self.faults.push((draft.start, reason));
            return spans;
        }
        function.registers = vec![Ty::INT; count];
        for (register, ty) in &given {
            function.registers[*register as usize] = *ty;
        }
        self.given.push(given);
        spans
    }

    fn reg_line(&mut self, mut line: Line<'_>) -> Parsed<(u32, Ty)> {
        let register = line.register()?;
        line.expect(Kind::Colon)?;
        let ty = self.ty(&mut line, 0)?;
        line.done()?;
        Ok((register, ty))
    }

    /// Finds the types of registers that no `REG` line says.
    fn types_of_registers(&mut self) {
        let context = Context::new(&self.module);
        let functions = self.module.functions.iter().zip(&self.given);
        let registers = functions.map(|(function, given)| {
            let mut function = function.clone();
            let mut said = vec![None; function.registers.len()];
            for (register, ty) in given {
                said[*register as usize] = Some(*ty);
            }
            infer(&context, &mut function, &said);
            function.registers
        });
        let registers: Vec<Vec<Ty>> = registers.collect();
        for (function, registers) in self.module.functions.iter_mut().zip(registers) {
            function.registers = registers;
        }
    }

    /// Reads an instruction; where it jumps: the operand, the label and its place.
    fn instr<'l>(
        &mut self,
        function: usize,
        word: &str,
        span: Span,
        mut line: Line<'l>,
    ) -> Parsed<(Instr, Option<JumpTo<'l>>)> {
        let mut rows = Op::ALL.iter().filter(|op| op.mnemonic() == word);
        let row = match line.tokens {
            // `RETURN` has two rows.
            [] => rows
                .clone()
                .find(|op| op.operands().is_empty())
                .or(rows.next()),
            _ => rows.next(),
        };
        let Some(&op) = row else {
            return Err((span, format!("there is no instruction {word}")));
        };
        let mut instr = Instr {
            op,
            fixed: Vec::new(),
            list: Vec::new(),
        };
        let mut jump = None;
        let mut first = true;
        for operand in op.operands() {
            if *operand == Operand::Regs {
                while match first {
                    true => line.kind() == Some(Kind::Name),
                    false => line.eat(Kind::Comma),
                } {
                    instr.list.push(line.register()?);
                    first = false;
                }
                continue;
            }
            if *operand != Operand::Result && !std::mem::take(&mut first) {
                line.expect(Kind::Comma)?;
            }
            let here = line.span();
            let value = match operand {
                Operand::Dest | Operand::Reg => line.register()?,
                Operand::Const => {
                    let value = line.constant()?;
                    self.constant(value)
                }
                Operand::Arg => {
                    let name = line.name("the name of a parameter")?;
                    let params = &self.module.functions[function].params;
                    let found = params.iter().position(|(other, _)| *other == name);
                    found.ok_or_else(|| (here, format!("there is no parameter {name}")))? as u32
                }
                Operand::Jump => {
                    let label = line.slice();
                    line.name("a label")?;
                    jump = Some((instr.fixed.len(), label, here));
                    0
                }
                Operand::Func => look_up(&self.functions, &mut line, "function")?,
                Operand::Global => look_up(&self.globals, &mut line, "variable")?,
                Operand::Import if line.eat(Kind::Percent) => {
                    let number = line.number(COUNT_MAX)?;
                    if number as usize >= self.module.imports.len() {
                        return Err((here, format!("there is no import {number}")));
                    }
                    number
                }
                Operand::Import => look_up(&self.imports, &mut line, "import")?,
                Operand::Type => self.ty(&mut line, 0)?.0,
                Operand::Index => line.number(usize::from(u16::MAX))?,
                Operand::Result => {
                    let default = has_default_result(&self.module, op, &instr.fixed);
                    match line.eat(Kind::Arrow) {
                        false if default => 0,
                        false => NO_RESULT,
                        true if line.slice() == "_" => {
                            line.bump();
                            NO_RESULT
                        }
                        true => line.register()?,
                    }
                }
                Operand::Regs => 0,
            };
            instr.fixed.push(value);
        }
        line.done()?;
        Ok((instr, jump))
    }
}

/// What was written as a type.
enum Written {
    Ty(Ty),
    Row(Row),
}

fn look_up(names: &HashMap<String, u32>, line: &mut Line<'_>, what: &str) -> Parsed<u32> {
    let span = line.span();
    let name = line.name(&format!("the name of a {what}"))?;
    let found = names.get(&name).copied();
    found.ok_or_else(|| (span, format!("there is no {what} {name}")))
}

fn line_line(mut line: Line<'_>) -> Parsed<(u32, u32)> {
    let file = line.number(COUNT_MAX)?;
    line.expect(Kind::Comma)?;
    let number = line.number(u32::MAX as usize)?;
    line.done()?;
    Ok((file, number))
}
