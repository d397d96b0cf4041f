//! Verification: that everything a module refers to is there, and that types fit, before anything
//! runs. Registers have one type each, so one pass over the code is enough.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::module::{
    COUNT_MAX, Const, DECLARATIONS_MAX, Function, Import, Instr, Module, NAME_LEN_MAX, Origin,
    PARAMS_MAX, REGISTERS_MAX, Row, TYPE_SIZE_MAX, Ty,
};
use super::ops::{NO_RESULT, Op, Operand};
use crate::ffi::Crossing;
use crate::natives::{self, NATIVES, T};

/// Why a module is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The function and the number of the instruction, if it is about one.
    pub place: Option<(String, Option<usize>)>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((name, Some(instr))) => write!(f, "function {name}, instruction {instr}: ")?,
            Some((name, None)) => write!(f, "function {name}: ")?,
            None => {}
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

type Checked<T = ()> = Result<T, String>;

/// What an instruction does to the register that it writes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Writes {
    /// There is none.
    Nothing,
    /// It gets a value of that type.
    Type(Ty),
    /// It gets null, so it must be of an optional type.
    Null,
}

/// A module, and what is looked up in it often.
pub(super) struct Context<'m> {
    pub(super) module: &'m Module,
    rows: HashMap<&'m Row, Ty>,
    /// Which rows can be compared for equality.
    equality: Vec<bool>,
}

impl<'m> Context<'m> {
    pub(super) fn new(module: &'m Module) -> Context<'m> {
        let rows = module.types.iter().enumerate();
        let mut equality: Vec<bool> = Vec::with_capacity(module.types.len());
        for row in &module.types {
            equality.push(match row {
                Row::Struct(..) | Row::Array(_) | Row::Map(..) => true,
                Row::Enum(_, variants) => variants.iter().all(|(_, types)| types.is_empty()),
                Row::Optional(inner) => match inner.row() {
                    Some(row) => equality.get(row).copied().unwrap_or(false),
                    None => true,
                },
                Row::Fn(..) => false,
            });
        }
        Context {
            module,
            rows: rows.map(|(i, row)| (row, Ty::of_row(i))).collect(),
            equality,
        }
    }

    fn has_equality(&self, ty: Ty) -> bool {
        ty.row().is_none_or(|row| self.equality[row])
    }
}

/// Checks a module.
///
/// # Errors
/// If something does not fit, with the place and the reason.
pub fn verify(module: &Module) -> Result<(), Fault> {
    let about = |reason| Fault {
        place: None,
        reason,
    };
    check_types(module).map_err(about)?;
    check_declarations(module).map_err(about)?;
    let context = Context::new(module);
    for function in &module.functions {
        let name = || function.name.clone();
        check_signature(module, function).map_err(|reason| Fault {
            place: Some((name(), None)),
            reason,
        })?;
        for (i, instr) in function.code.iter().enumerate() {
            check_instr(&context, function, instr).map_err(|reason| Fault {
                place: Some((name(), Some(i))),
                reason: format!("{}: {reason}", instr.op.mnemonic()),
            })?;
        }
    }
    Ok(())
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(reason()) }
}

/// A type that values have.
fn value(module: &Module, ty: Ty) -> Checked<Ty> {
    let known = ty != Ty::VOID && ty.row().is_none_or(|row| row < module.types.len());
    ensure(known, || format!("there is no type {} of values", ty.0))?;
    Ok(ty)
}

/// A type of results.
fn result(module: &Module, ty: Ty) -> Checked<Ty> {
    if ty == Ty::VOID {
        Ok(ty)
    } else {
        value(module, ty)
    }
}

fn name(text: &str) -> Checked {
    ensure(text.len() <= NAME_LEN_MAX, || {
        format!("a name of {} bytes", text.len())
    })
}

/// Names of something that must be different.
fn distinct<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Checked {
    let mut seen = HashSet::new();
    for text in names {
        name(text)?;
        ensure(seen.insert(text), || {
            format!("two {what} are called {text:?}")
        })?;
    }
    Ok(())
}

fn few(what: &str, count: usize, max: usize) -> Checked {
    ensure(count <= max, || format!("{count} {what}; at most {max}"))
}

/// Rows that are made of others come behind these, so types have an end; structs and enums may
/// refer to any.
fn check_types(module: &Module) -> Checked {
    ensure(module.types.len() <= DECLARATIONS_MAX, || {
        "too many types".to_owned()
    })?;
    let mut rows = HashSet::new();
    let mut names = HashSet::new();
    let mut sizes: Vec<u32> = Vec::with_capacity(module.types.len());
    for (i, row) in module.types.iter().enumerate() {
        let at = |reason: String| format!("type {}: {reason}", i as u32 + Ty::FIRST_ROW);
        let size = std::cell::Cell::new(1u32);
        let before = |ty: Ty| {
            value(module, ty).map_err(at)?;
            let part = match ty.row() {
                Some(row) if row >= i => return Err(at("a part of it comes behind it".to_owned())),
                Some(row) => sizes[row],
                None => 1,
            };
            // Each part has at most `TYPE_SIZE_MAX`, and there are few.
            size.set(size.get() + part);
            Ok(())
        };
        match row {
            Row::Array(item) => before(*item)?,
            Row::Map(key, item) => {
                let fits = [Ty::INT, Ty::BOOL, Ty::STR].contains(key);
                ensure(fits, || at("keys are int, bool or string".to_owned()))?;
                before(*item)?;
            }
            Row::Optional(inner) => {
                before(*inner)?;
                let nested = matches!(module.row(*inner), Some(Row::Optional(_)));
                ensure(!nested, || at("an optional of an optional".to_owned()))?;
            }
            Row::Fn(params, result) => {
                few("parameters", params.len(), PARAMS_MAX).map_err(at)?;
                for param in params {
                    before(*param)?;
                }
                if *result != Ty::VOID {
                    before(*result)?;
                }
            }
            Row::Struct(text, fields) => {
                few("fields", fields.len(), REGISTERS_MAX).map_err(at)?;
                ensure(names.insert(text), || {
                    at(format!("two types are called {text:?}"))
                })?;
                name(text).map_err(at)?;
                distinct("fields", fields.iter().map(|(name, _)| &**name)).map_err(at)?;
                for (_, ty) in fields {
                    value(module, *ty).map_err(at)?;
                }
            }
            Row::Enum(text, variants) => {
                few("variants", variants.len(), REGISTERS_MAX).map_err(at)?;
                ensure(names.insert(text), || {
                    at(format!("two types are called {text:?}"))
                })?;
                name(text).map_err(at)?;
                distinct("variants", variants.iter().map(|(name, _)| &**name)).map_err(at)?;
                for (_, types) in variants {
                    few("values", types.len(), REGISTERS_MAX).map_err(at)?;
                    for ty in types {
                        value(module, *ty).map_err(at)?;
                    }
                }
            }
        }
        ensure(size.get() <= TYPE_SIZE_MAX, || {
            at("it is made of too many types".to_owned())
        })?;
        sizes.push(size.get());
        ensure(rows.insert(row), || {
            at("the same type as one before".to_owned())
        })?;
    }
    Ok(())
}

fn check_declarations(module: &Module) -> Checked {
    let counts = [
        module.functions.len(),
        module.globals.len(),
        module.imports.len(),
        module.files.len(),
    ];
    let fit = counts.iter().all(|count| *count <= DECLARATIONS_MAX);
    ensure(fit && module.consts.len() <= COUNT_MAX, || {
        "too many declarations".to_owned()
    })?;
    let mut consts = HashSet::new();
    for value in &module.consts {
        let key = match value {
            Const::Int(value) => (0, *value as u64, ""),
            Const::Float(value) => (1, value.to_bits(), ""),
            Const::Str(text) => (2, 0, &**text),
        };
        ensure(consts.insert(key), || {
            "a constant is there twice".to_owned()
        })?;
    }
    distinct("functions", module.functions.iter().map(|row| &*row.name))?;
    distinct("variables", module.globals.iter().map(|(name, _)| &**name))?;
    for file in &module.files {
        name(file)?;
    }
    for (text, ty) in &module.globals {
        value(module, *ty).map_err(|reason| format!("variable {text}: {reason}"))?;
    }
    let mut seen = HashSet::new();
    for import in &module.imports {
        let at = |reason: String| format!("import {}: {reason}", import.name);
        ensure(seen.insert(import), || at("it is there twice".to_owned()))?;
        name(&import.name)?;
        few("parameters", import.params.len(), PARAMS_MAX).map_err(at)?;
        for param in &import.params {
            value(module, *param).map_err(at)?;
        }
        result(module, import.result).map_err(at)?;
        match &import.origin {
            Origin::Native => check_native(module, import).map_err(at)?,
            Origin::Host(symbol) => {
                name(symbol)?;
                crossings(module, import).map_err(at)?;
            }
            Origin::Library(library, symbol) => {
                name(library)?;
                name(symbol)?;
                let (params, result) = crossings(module, import).map_err(at)?;
                crate::ffi::prototype(symbol, &params, result).map_err(at)?;
            }
        }
    }
    let main = module.functions.get(module.main as usize);
    let main = main.ok_or_else(|| format!("there is no function {}", module.main))?;
    let fits = main.name == "main" && main.params.is_empty() && main.result == Ty::VOID;
    ensure(fits, || {
        "the function that is run is not `main` without parameters and result".to_owned()
    })
}

/// What the types of a function from outside are, which not every type can be.
fn crossings(
    module: &Module,
    import: &Import,
) -> Result<(Vec<Crossing>, Option<Crossing>), String> {
    let param = |ty: &Ty| module.crossing(*ty).filter(|ty| ty.is_for_params());
    let params: Option<Vec<Crossing>> = import.params.iter().map(param).collect();
    let params = params.ok_or("functions from outside do not take this")?;
    let result = module
        .crossing(import.result)
        .filter(|ty| ty.is_for_results());
    ensure(result.is_some() || import.result == Ty::VOID, || {
        "functions from outside do not give this".to_owned()
    })?;
    Ok((params, result))
}

/// Whether the runtime has a function of that name and those types.
fn check_native(module: &Module, import: &Import) -> Checked {
    let (family, short) = import.name.split_once('.').unwrap_or(("", &import.name));
    let mut rows = natives::find(family, short).peekable();
    ensure(rows.peek().is_some(), || {
        "the runtime has no such function".to_owned()
    })?;
    let fits = rows.any(|row| {
        let row = &NATIVES[row as usize];
        let mut bound = Bound::default();
        // The values that `format` writes come as an array of strings.
        let params = row.params.iter().zip(&import.params);
        row.params.len() == import.params.len()
            && params
                .into_iter()
                .all(|(want, ty)| bound.fits(module, *want, *ty))
            && match row.result {
                T::Void | T::Never => import.result == Ty::VOID,
                want => bound.fits(module, want, import.result),
            }
    });
    ensure(fits, || "the runtime's function has other types".to_owned())
}

/// The types that variables of a row stand for.
#[derive(Default)]
struct Bound {
    a: Option<Ty>,
    k: Option<Ty>,
    num: Option<Ty>,
}

impl Bound {
    fn fits(&mut self, module: &Module, want: T, ty: Ty) -> bool {
        let same = |slot: &mut Option<Ty>| *slot.get_or_insert(ty) == ty;
        match (want, module.row(ty)) {
            (T::Int, _) => ty == Ty::INT,
            (T::Float, _) => ty == Ty::FLOAT,
            (T::Bool, _) => ty == Ty::BOOL,
            (T::Str, _) => ty == Ty::STR,
            (T::Void | T::Never, _) => ty == Ty::VOID,
            (T::Num, _) => [Ty::INT, Ty::FLOAT].contains(&ty) && same(&mut self.num),
            (T::K, _) => [Ty::INT, Ty::BOOL, Ty::STR].contains(&ty) && same(&mut self.k),
            (T::A, _) => same(&mut self.a),
            (T::Shown, row) => match row {
                Some(Row::Array(item) | Row::Optional(item)) => self.fits(module, T::Shown, *item),
                Some(Row::Map(_, item)) => self.fits(module, T::Shown, *item),
                Some(_) => false,
                None => true,
            },
            (T::ShownRest, Some(Row::Array(item))) => *item == Ty::STR,
            (T::Array(want), Some(Row::Array(item))) => self.fits(module, *want, *item),
            (T::Opt(want), Some(Row::Optional(inner))) => self.fits(module, *want, *inner),
            // What is asked for null may be an optional value itself: null is one value.
            (T::Map(key, item), Some(Row::Map(key_ty, item_ty))) => {
                self.fits(module, *key, *key_ty) && self.fits(module, *item, *item_ty)
            }
            (T::Fn(want), Some(Row::Fn(params, result))) => {
                params.is_empty() && self.fits(module, *want, *result)
            }
            _ => false,
        }
    }
}

fn check_signature(module: &Module, function: &Function) -> Checked {
    few("parameters", function.params.len(), PARAMS_MAX)?;
    few("registers", function.registers.len(), REGISTERS_MAX)?;
    distinct(
        "parameters",
        function.params.iter().map(|(name, _)| &**name),
    )?;
    for (_, ty) in &function.params {
        value(module, *ty)?;
    }
    for ty in &function.registers {
        value(module, *ty)?;
    }
    result(module, function.result)?;
    let ends = function.code.last().is_some_and(|instr| instr.op.ends());
    ensure(ends || function.result == Ty::VOID, || {
        "its end is reached without a result".to_owned()
    })?;
    let mut last = None;
    for (instr, file, _) in &function.lines {
        let next = (*instr as usize) < function.code.len() && last.is_none_or(|last| last < *instr);
        ensure(next, || {
            format!("a line of instruction {instr}, which is none, or out of order")
        })?;
        ensure((*file as usize) < module.files.len(), || {
            format!("there is no file {file}")
        })?;
        last = Some(*instr);
    }
    Ok(())
}

fn check_instr(context: &Context<'_>, function: &Function, instr: &Instr) -> Checked {
    let module = context.module;
    for (operand, number) in instr.operands() {
        let number = number as usize;
        let (what, count) = match operand {
            Operand::Dest | Operand::Reg => ("register", function.registers.len()),
            Operand::Result if number as u32 == NO_RESULT => continue,
            Operand::Result => ("register", function.registers.len()),
            Operand::Const => ("constant", module.consts.len()),
            Operand::Arg => ("parameter", function.params.len()),
            Operand::Jump => ("instruction", function.code.len()),
            Operand::Func => ("function", module.functions.len()),
            Operand::Import => ("import", module.imports.len()),
            Operand::Global => ("variable", module.globals.len()),
            Operand::Type => ("type", module.types.len() + Ty::FIRST_ROW as usize),
            Operand::Index | Operand::Regs => continue,
        };
        ensure(number < count, || format!("there is no {what} {number}"))?;
    }
    for register in &instr.list {
        let known = (*register as usize) < function.registers.len();
        ensure(known, || format!("there is no register {register}"))?;
    }
    let writes = rule(context, function, instr)?;
    let dest = instr
        .operands()
        .find(|(operand, _)| matches!(operand, Operand::Dest | Operand::Result));
    match (writes, dest) {
        (_, Some((Operand::Result, NO_RESULT))) | (_, None) => Ok(()),
        (Writes::Nothing, Some(_)) => Err("there is no result".to_owned()),
        (Writes::Type(ty), Some((_, dest))) => {
            let found = function.registers[dest as usize];
            same(module, found, ty).map_err(|reason| format!("register {dest}: {reason}"))
        }
        (Writes::Null, Some((_, dest))) => {
            let found = module.row(function.registers[dest as usize]);
            ensure(matches!(found, Some(Row::Optional(_))), || {
                format!("register {dest} is of no optional type")
            })
        }
    }
}

fn same(module: &Module, found: Ty, want: Ty) -> Checked {
    ensure(found == want, || {
        let show = |ty| super::text::show_type(module, ty);
        format!("expected {}, found {}", show(want), show(found))
    })
}

/// The rule of an instruction whose operands are there: what it writes.
pub(super) fn rule(context: &Context<'_>, function: &Function, instr: &Instr) -> Checked<Writes> {
    let module = context.module;
    let fixed = &instr.fixed;
    let reg = |i: usize| function.registers[fixed[i] as usize];
    let list: Vec<Ty> = instr
        .list
        .iter()
        .map(|r| function.registers[*r as usize])
        .collect();
    let is = |found: Ty, want: Ty| same(module, found, want);
    let one_of = |ty: Ty, types: &[Ty]| {
        ensure(types.contains(&ty), || {
            format!("{} does not have it", super::text::show_type(module, ty))
        })
    };
    let numbers = [Ty::INT, Ty::FLOAT];
    let ordered = [Ty::INT, Ty::FLOAT, Ty::STR];
    let args = |params: &[Ty]| {
        let (want, found) = (params.len(), list.len());
        ensure(want == found, || {
            format!("expected {want} registers, found {found}")
        })?;
        list.iter()
            .zip(params)
            .try_for_each(|(found, want)| is(*found, *want))
    };
    let outcome = |ty: Ty| {
        if ty == Ty::VOID {
            Writes::Nothing
        } else {
            Writes::Type(ty)
        }
    };
    let found = |row: Row| {
        let ty = context.rows.get(&row).copied();
        ty.map(Writes::Type)
            .ok_or_else(|| "the type of the result is not in the table".to_owned())
    };
    Ok(match instr.op {
        Op::LoadConst => Writes::Type(module.consts[fixed[1] as usize].ty()),
        Op::LoadBool => {
            ensure(fixed[1] <= 1, || format!("{} is neither 0 nor 1", fixed[1]))?;
            Writes::Type(Ty::BOOL)
        }
        Op::LoadNull => Writes::Null,
        Op::LoadArg => Writes::Type(function.params[fixed[1] as usize].1),
        Op::Mov => Writes::Type(reg(1)),
        Op::LoadGlobal => Writes::Type(module.globals[fixed[1] as usize].1),
        Op::StoreGlobal => {
            is(reg(1), module.globals[fixed[0] as usize].1)?;
            Writes::Nothing
        }
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => {
            let types: &[Ty] = if instr.op == Op::Add {
                &ordered
            } else {
                &numbers
            };
            one_of(reg(1), types)?;
            is(reg(2), reg(1))?;
            Writes::Type(reg(1))
        }
        Op::Neg => {
            one_of(reg(1), &numbers)?;
            Writes::Type(reg(1))
        }
        Op::Eq | Op::Ne => {
            is(reg(2), reg(1))?;
            ensure(context.has_equality(reg(1)), || {
                "the type has no equality".to_owned()
            })?;
            Writes::Type(Ty::BOOL)
        }
        Op::Lt | Op::Le | Op::Gt | Op::Ge => {
            one_of(reg(1), &ordered)?;
            is(reg(2), reg(1))?;
            Writes::Type(Ty::BOOL)
        }
        Op::And | Op::Or => {
            is(reg(1), Ty::BOOL)?;
            is(reg(2), Ty::BOOL)?;
            Writes::Type(Ty::BOOL)
        }
        Op::Not => {
            is(reg(1), Ty::BOOL)?;
            Writes::Type(Ty::BOOL)
        }
        Op::Jump => Writes::Nothing,
        Op::If => {
            is(reg(0), Ty::BOOL)?;
            Writes::Nothing
        }
        Op::Return => {
            is(reg(0), function.result)?;
            Writes::Nothing
        }
        Op::ReturnNone => {
            is(Ty::VOID, function.result)?;
            Writes::Nothing
        }
        Op::Call => {
            let callee = &module.functions[fixed[0] as usize];
            let params: Vec<Ty> = callee.params.iter().map(|(_, ty)| *ty).collect();
            args(&params)?;
            outcome(callee.result)
        }
        Op::CallClosure => match module.row(reg(0)) {
            Some(Row::Fn(params, result)) => {
                args(params)?;
                outcome(*result)
            }
            _ => return Err("this is no function".to_owned()),
        },
        Op::CallNative => {
            let import = &module.imports[fixed[0] as usize];
            args(&import.params)?;
            outcome(import.result)
        }
        Op::Closure => {
            let callee = &module.functions[fixed[1] as usize];
            let params: Vec<Ty> = callee.params.iter().map(|(_, ty)| *ty).collect();
            let (bound, free) = params
                .split_at_checked(list.len())
                .ok_or("too many registers")?;
            args(bound)?;
            found(Row::Fn(free.to_vec(), callee.result))?
        }
        Op::Print => {
            one_of(reg(0), &[Ty::INT, Ty::FLOAT, Ty::BOOL, Ty::STR])?;
            Writes::Nothing
        }
        Op::Alloc => alloc(module, Ty(fixed[1]), &list)?,
        Op::Load => Writes::Type(field(module, reg(1), fixed[2])?),
        Op::Store => {
            is(reg(2), field(module, reg(0), fixed[1])?)?;
            Writes::Nothing
        }
        Op::Get => {
            let (key, item) = element(module, reg(1))?;
            is(reg(2), key)?;
            Writes::Type(item)
        }
        Op::Set => {
            let (key, item) = element(module, reg(0))?;
            ensure(reg(0) != Ty::STR, || "strings do not change".to_owned())?;
            is(reg(1), key)?;
            is(reg(2), item)?;
            Writes::Nothing
        }
        Op::Variant => {
            args(carried(module, Ty(fixed[1]), fixed[2])?)?;
            Writes::Type(Ty(fixed[1]))
        }
        Op::Tag => match module.row(reg(1)) {
            Some(Row::Enum(..)) => Writes::Type(Ty::INT),
            _ => return Err("this is no enum".to_owned()),
        },
        Op::Payload => {
            let types = carried(module, reg(1), fixed[2])?;
            let ty = types.get(fixed[3] as usize);
            Writes::Type(*ty.ok_or_else(|| format!("the variant carries no value {}", fixed[3]))?)
        }
        Op::Some => {
            let nested = matches!(module.row(reg(1)), Some(Row::Optional(_)));
            ensure(!nested, || "it is optional already".to_owned())?;
            found(Row::Optional(reg(1)))?
        }
        Op::Unwrap | Op::IsNull => match module.row(reg(1)) {
            Some(Row::Optional(inner)) if instr.op == Op::Unwrap => Writes::Type(*inner),
            Some(Row::Optional(_)) => Writes::Type(Ty::BOOL),
            _ => return Err("this is not optional".to_owned()),
        },
    })
}

/// What `ALLOC` makes of values of these types.
fn alloc(module: &Module, ty: Ty, list: &[Ty]) -> Checked<Writes> {
    let (fits, count) = match module.row(ty) {
        Some(Row::Struct(_, fields)) => {
            let same = fields
                .iter()
                .zip(list)
                .all(|((_, want), found)| want == found);
            (same, fields.len() == list.len())
        }
        Some(Row::Array(item)) => (list.iter().all(|found| found == item), true),
        Some(Row::Map(key, item)) => {
            let pairs = list.chunks(2);
            let same = pairs
                .into_iter()
                .all(|pair| pair[0] == *key && pair.last() == Some(item));
            (same, list.len().is_multiple_of(2))
        }
        _ => return Err("this is no struct, array or map".to_owned()),
    };
    ensure(count, || {
        format!("{} registers do not fit the type", list.len())
    })?;
    ensure(fits, || {
        "a register has another type than the type needs".to_owned()
    })?;
    Ok(Writes::Type(ty))
}

fn field(module: &Module, ty: Ty, number: u32) -> Checked<Ty> {
    let Some(Row::Struct(_, fields)) = module.row(ty) else {
        return Err("this is no struct".to_owned());
    };
    let field = fields.get(number as usize);
    field
        .map(|(_, ty)| *ty)
        .ok_or_else(|| format!("there is no field {number}"))
}

fn element(module: &Module, ty: Ty) -> Checked<(Ty, Ty)> {
    match module.row(ty) {
        Some(Row::Array(item)) => Ok((Ty::INT, *item)),
        Some(Row::Map(key, item)) => Ok((*key, *item)),
        None if ty == Ty::STR => Ok((Ty::INT, Ty::STR)),
        _ => Err("this is no array, map or string".to_owned()),
    }
}

fn carried(module: &Module, ty: Ty, variant: u32) -> Checked<&[Ty]> {
    let Some(Row::Enum(_, variants)) = module.row(ty) else {
        return Err("this is no enum".to_owned());
    };
    let row = variants.get(variant as usize);
    row.map(|(_, types)| &**types)
        .ok_or_else(|| format!("there is no variant {variant}"))
}

/// The constants in the order in which instructions first use them.
pub(super) fn canonical_consts(module: &Module) -> Vec<Const> {
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for instr in module.functions.iter().flat_map(|function| &function.code) {
        for (operand, number) in instr.operands() {
            if operand == Operand::Const && seen.insert(number) {
                order.extend(module.consts.get(number as usize).cloned());
            }
        }
    }
    order
}
