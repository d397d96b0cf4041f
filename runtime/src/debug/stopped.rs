//! What a debugger sees of a program that has stopped.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use dotvm_isa::abi::FRAME_HEADER_SLOTS;
use dotvm_isa::debug::{Base, Place, Spot, SubprogramName, TypeKind};
use dotvm_isa::ops::Imm;
use dotvm_isa::verify::FuncVerifier;
use dotvm_isa::{Instr, InstrReader, ValType};

use super::breakpoint::{Breakpoint, Watch, demangled};
use super::expression::{self, Names};
use super::number::Int;
use super::show;
use super::source::{location, row_at};
use super::value::{Home, Ty, Value, machine_bytes, resolve};
use super::{Reason, Session};
use crate::backtrace::SourceLocation;
use crate::module::Module;
use crate::services;
use crate::store::StoreOpaque;
use crate::vm::debug::RawFrame;

/// A program that has stopped.
pub struct Stopped<'s> {
    store: &'s mut StoreOpaque,
    session: &'s mut Session,
    reason: Reason,
    raw: Vec<RawFrame>,
    frames: Vec<StackFrame>,
}

/// A function of the source that is running, which may be inlined into another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StackFrame {
    /// Its name, as the source has it where that is known.
    pub name: String,
    /// Where it is: all but the innermost at a call.
    pub location: Option<SourceLocation>,
    /// Index of the function of the module.
    pub func: u32,
    /// Offset of the instruction in that function's body.
    pub offset: u32,
    /// Whether it was inlined into the next frame.
    pub is_inlined: bool,
    /// Index of the frame of the bytecode's.
    raw: usize,
    /// The scope of the debug information, where there is any.
    scope: Option<u32>,
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What is in it, or why that cannot be told.
    pub value: Result<Value, String>,
    /// Whether it is a parameter.
    pub is_param: bool,
}

/// Locals and operands of a function, by their places in its frames.
pub(super) struct Layout {
    pub(super) locals: Vec<(ValType, u32)>,
    /// The operand stack in front of an instruction, from its bottom.
    pub(super) operands: Vec<(ValType, u32)>,
}

/// The values of a frame that is not on the stack any more, from a core dump.
#[derive(Debug)]
pub(crate) struct FrameValues {
    /// What is known, by its first slot in the frame.
    pub(super) known: BTreeMap<u32, Arc<[u64]>>,
    /// How many operands are the frame's own.
    pub(super) operands: usize,
}

impl<'s> Stopped<'s> {
    pub(super) fn new(
        store: &'s mut StoreOpaque,
        session: &'s mut Session,
        reason: Reason,
        raw: Vec<RawFrame>,
    ) -> Stopped<'s> {
        let mut frames = Vec::new();
        for (at, frame) in raw.iter().enumerate() {
            push_frames(&mut frames, session, frame, at);
        }
        Stopped {
            store,
            session,
            reason,
            raw,
            frames,
        }
    }

    /// Why it has stopped.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The functions that are running, innermost first.
    pub fn frames(&self) -> &[StackFrame] {
        &self.frames
    }

    fn frame(&self, frame: usize) -> Result<(&StackFrame, &RawFrame), String> {
        let it = self.frames.get(frame).ok_or("there is no such frame")?;
        Ok((it, &self.raw[it.raw]))
    }

    /// The parameters and variables of a frame's function that are known by name, those of the source where
    /// there is debug information.
    ///
    /// # Errors
    /// Where the debug information makes no sense.
    pub fn variables(&self, frame: usize) -> Result<Vec<Variable>, String> {
        let (it, raw) = self.frame(frame)?;
        if let Some(scope) = it.scope {
            return source_variables(self.store, raw, scope);
        }
        let layout = layout(raw)?;
        let params = raw
            .module
            .func_type(raw.func)
            .map_or(0, |ty| ty.params.len());
        let named = (0..).zip(&layout.locals).filter_map(|(i, &local)| {
            let name = raw.module.names().local(raw.func, i)?.to_owned();
            Some(Variable {
                name,
                value: Ok(slot_value(raw, local)),
                is_param: (i as usize) < params,
            })
        });
        Ok(named.collect())
    }

    /// All locals of a frame's function in the bytecode, by their numbers.
    ///
    /// # Errors
    /// Where there is no such frame.
    pub fn locals(&self, frame: usize) -> Result<Vec<Value>, String> {
        let (_, raw) = self.frame(frame)?;
        let layout = layout(raw)?;
        Ok(layout
            .locals
            .iter()
            .map(|&local| slot_value(raw, local))
            .collect())
    }

    /// What is on the operand stack of a frame's function in the bytecode, the top last.
    ///
    /// # Errors
    /// Where there is no such frame.
    pub fn operands(&self, frame: usize) -> Result<Vec<Value>, String> {
        let (it, raw) = self.frame(frame)?;
        let callee = it.raw.checked_sub(1).map(|callee| self.raw[callee].base);
        operands(raw, callee)
    }

    /// The globals of a frame's instance: their names, where they are exported, and values.
    ///
    /// # Errors
    /// Where there is no such frame, or nobody knows its instance.
    pub fn globals(&self, frame: usize) -> Result<Vec<(Option<String>, Value)>, String> {
        let (_, raw) = self.frame(frame)?;
        let instance = raw.instance.ok_or("nobody knows the instance")?;
        let numbers = &self.store.instances[instance as usize].globals;
        let all = (0..).zip(numbers).map(|(i, &number)| {
            let ty = self.store.globals[number as usize].ty.ty;
            let value = Value {
                ty: Ty::Machine(ty),
                home: Home::Global(number, ty, 0),
            };
            (global_name(&raw.module, i), value)
        });
        Ok(all.collect())
    }

    /// What the elements of a table of a frame's instance refer to: functions by their names.
    ///
    /// # Errors
    /// Where there is no such table.
    pub fn table(&self, frame: usize, table: u32) -> Result<Vec<String>, String> {
        let (_, raw) = self.frame(frame)?;
        let instance = raw.instance.ok_or("nobody knows the instance")?;
        let tables = &self.store.instances[instance as usize].tables;
        let number = tables.get(table as usize).ok_or("there is no such table")?;
        let table = &self.store.tables[*number as usize];
        let elements = table.elements().iter();
        let shown = elements.map(|&slot| show::reference(self.store, table.ty.element, slot));
        Ok(shown.collect())
    }

    /// Bytes of memory 0 of a frame's instance.
    ///
    /// # Errors
    /// Where there are not so many from there on.
    pub fn memory(&self, frame: usize, address: u64, len: u64) -> Result<Vec<u8>, String> {
        let (_, raw) = self.frame(frame)?;
        let memory = memory_of(self.store, raw)?;
        Home::Memory(memory, address).read(self.store, len)
    }

    /// Changes bytes of memory 0 of a frame's instance.
    ///
    /// # Errors
    /// Where there are not so many from there on.
    pub fn write_memory(&mut self, frame: usize, address: u64, bytes: &[u8]) -> Result<(), String> {
        let (_, raw) = self.frame(frame)?;
        let memory = memory_of(self.store, raw)?;
        Home::Memory(memory, address).write(self.store, bytes, 0)
    }

    /// The session with the program's database, which sees what the program has written and not committed yet;
    /// nothing where the program has not used one.
    pub fn database(&mut self) -> Option<&mut crate::db::Session> {
        if !self.store.services.database.is_open() {
            return None;
        }
        services::db::session(self.store).ok()
    }

    /// Evaluates an expression, as a frame sees it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn evaluate(&self, frame: usize, expression: &str) -> Result<Value, String> {
        let (it, raw) = self.frame(frame)?;
        let callee = it.raw.checked_sub(1).map(|callee| self.raw[callee].base);
        let names = FrameNames {
            raw,
            scope: it.scope,
            callee,
        };
        expression::evaluate(self.store, &names, expression)
    }

    /// Whether an expression is true: a number that is not zero.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn is_true(&self, frame: usize, expression: &str) -> Result<bool, String> {
        let value = self.evaluate(frame, expression)?;
        Ok(value.to_number(self.store)?.is_true())
    }

    /// Evaluates two expressions and puts the number that the second one is where the first one is.
    ///
    /// # Errors
    /// What is wrong with them, or why that cannot be changed.
    pub fn assign(&mut self, frame: usize, to: &str, expression: &str) -> Result<Value, String> {
        let place = self.evaluate(frame, to)?;
        let value = self.evaluate(frame, expression)?;
        let number = value.to_number(self.store)?;
        place.set(self.store, number)?;
        Ok(place)
    }

    /// Evaluates an expression and puts the number that it is where a value is.
    ///
    /// # Errors
    /// What is wrong with it, or why the value cannot be changed.
    pub fn assign_to(
        &mut self,
        frame: usize,
        place: &Value,
        expression: &str,
    ) -> Result<(), String> {
        let number = self.evaluate(frame, expression)?.to_number(self.store)?;
        place.set(self.store, number)
    }

    /// A value as text.
    pub fn show(&self, value: &Value) -> String {
        show::show(self.store, value)
    }

    /// What a value consists of, from one part on: fields, items, what it points to.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn parts(
        &self,
        value: &Value,
        start: u64,
        count: u64,
    ) -> Result<Vec<(String, Value)>, String> {
        show::parts(self.store, value, start, count)
    }

    /// How many parts [`Stopped::parts`] has of a value: those with names, and those with numbers.
    ///
    /// # Errors
    /// Where its type makes no sense.
    pub fn part_count(&self, value: &Value) -> Result<(u64, u64), String> {
        show::part_count(value)
    }

    /// The instructions of a frame's function in the bytecode: offsets, and the text of each.
    ///
    /// # Errors
    /// Where there is no such frame.
    pub fn instructions(&self, frame: usize) -> Result<Vec<(u32, String)>, String> {
        let (_, raw) = self.frame(frame)?;
        instructions(&raw.module, raw.func)
    }

    /// The functions of a frame's module that have instructions, by their indices.
    ///
    /// # Errors
    /// Where there is no such frame.
    pub fn funcs(&self, frame: usize) -> Result<Range<u32>, String> {
        let (_, raw) = self.frame(frame)?;
        let spaces = &raw.module.env().spaces;
        Ok(spaces.imported_funcs..spaces.funcs.len() as u32)
    }

    /// The instructions of any function of a frame's module.
    ///
    /// # Errors
    /// Where there is no such frame or function.
    pub fn func_instructions(&self, frame: usize, func: u32) -> Result<Vec<(u32, String)>, String> {
        let (_, raw) = self.frame(frame)?;
        instructions(&raw.module, func)
    }

    /// The name of a function of a frame's module, as the source has it.
    ///
    /// # Errors
    /// Where there is no such frame.
    pub fn func_name(&self, frame: usize, func: u32) -> Result<String, String> {
        let (_, raw) = self.frame(frame)?;
        let name = raw.module.func_name(func).map(demangled);
        Ok(name.unwrap_or_else(|| format!("function {func}")))
    }

    /// Where an instruction of a frame's module is in the source, where that is known.
    pub fn location(&self, frame: usize, func: u32, offset: u32) -> Option<SourceLocation> {
        let (_, raw) = self.frame(frame).ok()?;
        let source = raw.module.names().source.func(func).ok()??;
        location(&raw.module, source.row_at(offset)?.location?)
    }

    /// The source files that debug information names, as the compiler gives them.
    pub fn source_files(&self) -> Vec<String> {
        let modules = self.store.modules.iter();
        let files = modules.flat_map(|module| {
            let tables = &module.names().source;
            (0..tables.files() as u32).filter_map(|file| tables.file(file).ok())
        });
        files.collect()
    }

    /// How many bytes memory 0 of a frame's instance has.
    ///
    /// # Errors
    /// Where it has none.
    pub fn memory_bytes(&self, frame: usize) -> Result<u64, String> {
        let (_, raw) = self.frame(frame)?;
        let memory = memory_of(self.store, raw)?;
        Ok(self.store.memories[memory as usize].len())
    }

    /// Breakpoints, by their numbers.
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.session.breakpoints
    }

    /// Watchpoints, by their numbers.
    pub fn watches(&self) -> &[Watch] {
        &self.session.watches
    }

    /// Adds a breakpoint: at `FILE:LINE`, at a line of a frame's file, at a function by its name or `#INDEX`, or at
    /// an instruction, `FUNCTION+OFFSET`. Returns its number.
    ///
    /// # Errors
    /// Where there is no such place.
    pub fn add_breakpoint(&mut self, frame: usize, place: &str) -> Result<u32, String> {
        let current = self.frames.get(frame).map(|it| &self.raw[it.raw]);
        let current = current.map(|raw| (&raw.module, raw.func, raw.offset));
        self.session.add_breakpoint(self.store, place, current)
    }

    /// A breakpoint, to be changed.
    pub fn breakpoint_mut(&mut self, id: u32) -> Option<&mut Breakpoint> {
        self.session.breakpoints.iter_mut().find(|it| it.id == id)
    }

    /// A watchpoint, to be changed.
    pub fn watch_mut(&mut self, id: u32) -> Option<&mut Watch> {
        self.session.watches.iter_mut().find(|it| it.id == id)
    }

    /// Removes a breakpoint or watchpoint; returns whether there was one of that number.
    pub fn remove_breakpoint(&mut self, id: u32) -> bool {
        self.session.remove_breakpoint(id)
    }

    /// Watches the place that an expression stands for, in memory or a global: the program stops behind the
    /// instruction that changes it. Returns the watchpoint's number.
    ///
    /// # Errors
    /// Where the expression is wrong, or stands for no such place.
    pub fn add_watch(&mut self, frame: usize, expression: &str) -> Result<u32, String> {
        let value = self.evaluate(frame, expression)?;
        self.session.add_watch(self.store, expression, value)
    }

    /// Watches the place of a value, which may have been looked up at an earlier stop; `name` is what it is called.
    ///
    /// # Errors
    /// Where it is neither in memory nor a global.
    pub fn add_value_watch(&mut self, name: &str, value: &Value) -> Result<u32, String> {
        self.session.add_watch(self.store, name, value.clone())
    }
}

/// Adds the functions of the source that a frame of the bytecode's is in.
fn push_frames(frames: &mut Vec<StackFrame>, session: &mut Session, raw: &RawFrame, at: usize) {
    let RawFrame {
        module,
        func,
        offset,
        ..
    } = raw;
    let own_name = || {
        let name = module.func_name(*func).map(demangled);
        name.unwrap_or_else(|| format!("function {func}"))
    };
    let source = session.sources.func(module, *func);
    let row = source.as_ref().and_then(|source| row_at(source, *offset));
    let (Some(source), Some(row)) = (&source, row) else {
        return frames.push(StackFrame {
            name: own_name(),
            location: None,
            func: *func,
            offset: *offset,
            is_inlined: false,
            raw: at,
            scope: None,
        });
    };
    let (mut scope, mut place) = (row.scope, row.location);
    loop {
        let it = &source.scopes[scope as usize];
        let subprogram = module.names().source.subprogram(it.subprogram);
        let name = match subprogram.map(|it| it.name) {
            Ok(SubprogramName::Text(text)) if !text.is_empty() => demangled(&text),
            Ok(SubprogramName::Func(func)) => {
                let name = module.func_name(func).map(demangled);
                name.unwrap_or_else(|| format!("function {func}"))
            }
            _ => own_name(),
        };
        frames.push(StackFrame {
            name,
            location: place.and_then(|place| location(module, place)),
            func: *func,
            offset: *offset,
            is_inlined: scope != 0,
            raw: at,
            scope: Some(scope),
        });
        if scope == 0 {
            return;
        }
        (scope, place) = (it.caller, it.call);
    }
}

/// Where locals and operands are in a frame.
fn layout(raw: &RawFrame) -> Result<Layout, String> {
    let found = layout_at(&raw.module, raw.func, raw.offset)?;
    let mut layout = found.ok_or_else(|| "there is no such instruction".to_owned())?;
    if !raw.has_operands {
        layout.operands.clear();
    }
    Ok(layout)
}

/// Types of a function's locals, and their places in its frames.
pub(super) fn locals_of(module: &Module, func: u32) -> Result<Vec<(ValType, u32)>, String> {
    let env = module.env();
    let defined = func - env.spaces.imported_funcs;
    let verifier = FuncVerifier::new(module.bytecode(), env, defined);
    Ok(local_slots(&verifier.map_err(|error| error.to_string())?))
}

fn local_slots(verifier: &FuncVerifier<'_>) -> Vec<(ValType, u32)> {
    let params = verifier.func_type().params.len();
    let mut slot = 0;
    let mut locals = Vec::new();
    for (i, ty) in verifier.locals().iter().enumerate() {
        let header = if i >= params { FRAME_HEADER_SLOTS } else { 0 };
        locals.push((*ty, slot + header));
        slot += ty.slots();
    }
    locals
}

/// Where locals and operands of a function are in front of the instruction at that offset; nothing where there is
/// none.
pub(super) fn layout_at(module: &Module, func: u32, offset: u32) -> Result<Option<Layout>, String> {
    let env = module.env();
    let text = |error: crate::Malformed| error.to_string();
    let defined = func - env.spaces.imported_funcs;
    let mut verifier = FuncVerifier::new(module.bytecode(), env, defined).map_err(text)?;
    let locals = local_slots(&verifier);
    let base = verifier.local_slots() + FRAME_HEADER_SLOTS;
    let mut operands = Vec::new();
    while let Some(step) = verifier.step().map_err(text)? {
        if step.instr.offset == offset {
            let mut shape = verifier.shape();
            while let Some((ty, below)) = verifier.pop(shape) {
                operands.push((ty, base + verifier.slots(below)));
                shape = below;
            }
            operands.reverse();
            return Ok(Some(Layout { locals, operands }));
        }
        verifier.apply(&step.instr).map_err(text)?;
    }
    Ok(None)
}

/// The value of a local or operand.
fn slot_value(raw: &RawFrame, (ty, slot): (ValType, u32)) -> Value {
    let home = match &raw.kept {
        // Native code that has trapped may not have needed it any more, so that its object may be gone.
        None if ty == ValType::AnyRef && !raw.has_operands => Home::Kept(None, ty, 0),
        None => Home::Slots(raw.base + slot as usize * size_of::<u64>(), ty, 0),
        Some(values) => Home::Kept(values.known.get(&slot).cloned(), ty, 0),
    };
    Value {
        ty: Ty::Machine(ty),
        home,
    }
}

/// What is on the operand stack, but for what the frame that was called took as its parameters.
fn operands(raw: &RawFrame, callee: Option<usize>) -> Result<Vec<Value>, String> {
    let layout = layout(raw)?;
    if let Some(values) = &raw.kept {
        let own = layout.operands.iter().take(values.operands);
        return Ok(own.map(|&operand| slot_value(raw, operand)).collect());
    }
    if !raw.has_operands {
        return Err("native code that traps has its operands in registers".to_owned());
    }
    let end = callee
        .filter(|&callee| callee > raw.base)
        .unwrap_or(usize::MAX);
    let address = |slot: u32| raw.base + slot as usize * size_of::<u64>();
    let own = layout
        .operands
        .iter()
        .filter(|(_, slot)| address(*slot) < end);
    Ok(own.map(|&operand| slot_value(raw, operand)).collect())
}

fn memory_of(store: &StoreOpaque, raw: &RawFrame) -> Result<u32, String> {
    let instance = raw.instance.ok_or("nobody knows the instance")?;
    let memories = &store.instances[instance as usize].memories;
    memories
        .first()
        .copied()
        .ok_or_else(|| "the module has no memory".to_owned())
}

/// The name by which a global is exported.
fn global_name(module: &Module, global: u32) -> Option<String> {
    let exports = &module.bytecode().exports;
    let is_it = |kind, index| kind == dotvm_isa::ExternKind::Global && index == global;
    let found = exports
        .iter()
        .find(|export| is_it(export.kind, export.index));
    found.map(|export| export.name.clone())
}

/// The variables of a scope.
fn source_variables(
    store: &StoreOpaque,
    raw: &RawFrame,
    scope: u32,
) -> Result<Vec<Variable>, String> {
    let text = |error: crate::Malformed| error.to_string();
    let tables = &raw.module.names().source;
    let Some(source) = tables.func(raw.func).map_err(text)? else {
        return Ok(Vec::new());
    };
    let layout = layout(raw)?;
    let all = source.variables_at(raw.offset).map_err(text)?;
    let own = all
        .into_iter()
        .filter(|it| it.scope == scope && !it.variable.name.is_empty());
    let variables = own.map(|it| {
        let value = match (it.place, it.variable.ty) {
            (None, _) => Err("optimized out".to_owned()),
            (_, None) => Err("of an unknown type".to_owned()),
            (Some(place), Some(ty)) => source_value(store, raw, &layout, &place, ty),
        };
        Variable {
            name: it.variable.name,
            value,
            is_param: it.variable.is_param,
        }
    });
    Ok(variables.collect())
}

/// The value of a variable of the source.
fn source_value(
    store: &StoreOpaque,
    raw: &RawFrame,
    layout: &Layout,
    place: &Place,
    ty: u32,
) -> Result<Value, String> {
    let (_, resolved) = resolve(&raw.module, ty)?;
    let home = match place {
        Place::Whole(spot) => spot_home(store, raw, layout, *spot)?,
        Place::Pieces(pieces) => {
            let (mut bytes, mut missing) = (Vec::new(), Vec::new());
            for &(len, spot) in pieces {
                let start = bytes.len();
                if start + len as usize > MAX_PIECES_BYTES {
                    return Err("too many bytes in pieces".to_owned());
                }
                let piece = spot.and_then(|spot| {
                    let home = spot_home(store, raw, layout, spot).ok()?;
                    home.read(store, len.into()).ok()
                });
                match piece {
                    Some(piece) => bytes.extend(piece),
                    None => {
                        bytes.resize(start + len as usize, 0);
                        missing.push(start..bytes.len());
                    }
                }
            }
            Home::Here(bytes, missing)
        }
    };
    let ty = match (&resolved.kind, &home) {
        // Vectors and references of assembler text.
        (TypeKind::Opaque, Home::Slots(_, ty, 0) | Home::Kept(_, ty, 0)) => Ty::Machine(*ty),
        _ => Ty::Source(raw.module.clone(), ty),
    };
    Ok(Value { ty, home })
}

/// The most bytes of a variable in pieces.
const MAX_PIECES_BYTES: usize = 1 << 16;

/// Where a spot is.
fn spot_home(
    store: &StoreOpaque,
    raw: &RawFrame,
    layout: &Layout,
    spot: Spot,
) -> Result<Home, String> {
    let (Spot::Value(base, offset) | Spot::Memory(base, offset)) = spot;
    let value = match base {
        Base::Zero => None,
        Base::Local(local) => {
            let local = layout.locals.get(local as usize);
            Some(slot_value(
                raw,
                *local.ok_or("a local that the function does not have")?,
            ))
        }
        Base::Stack(operand) => {
            let operand = layout.operands.get(operand as usize);
            Some(slot_value(
                raw,
                *operand.ok_or("an operand that is not there")?,
            ))
        }
        Base::Global(global) => {
            let instance = raw.instance.ok_or("nobody knows the instance")?;
            let globals = &store.instances[instance as usize].globals;
            let number = *globals
                .get(global as usize)
                .ok_or("a global that the module does not have")?;
            let ty = store.globals[number as usize].ty.ty;
            Some(Value {
                ty: Ty::Machine(ty),
                home: Home::Global(number, ty, 0),
            })
        }
    };
    if let (Spot::Value(..), Some(value), 0) = (spot, &value, offset) {
        return Ok(value.home.clone());
    }
    let base = match &value {
        None => 0,
        Some(value) => {
            let Ty::Machine(ty) = value.ty else {
                return Err("no number".to_owned());
            };
            let bytes = value.home.read(store, machine_bytes(ty).min(8))?;
            let int = Int::from_bytes(&bytes, false);
            int.to_u64().unwrap_or_default()
        }
    };
    let sum = base.wrapping_add_signed(offset);
    match spot {
        Spot::Value(..) => {
            let rest = if sum.cast_signed() < 0 { 0xff } else { 0 };
            let mut bytes = sum.to_le_bytes().to_vec();
            bytes.resize(64, rest);
            Ok(Home::Here(bytes, Vec::new()))
        }
        Spot::Memory(..) => {
            let memory = memory_of(store, raw)?;
            // Addresses of 32 bits wrap around, those of 64 bits do not get so far.
            let is_narrow =
                store.memories[memory as usize].ty.address == dotvm_isa::AddressType::I32;
            let address = if is_narrow { sum & 0xffff_ffff } else { sum };
            Ok(Home::Memory(memory, address))
        }
    }
}

/// What names mean in a frame.
struct FrameNames<'r> {
    raw: &'r RawFrame,
    scope: Option<u32>,
    callee: Option<usize>,
}

impl Names for FrameNames<'_> {
    fn named(&self, store: &StoreOpaque, name: &str) -> Result<Value, String> {
        let bare = name.trim_start_matches('$');
        if let Some(scope) = self.scope {
            let mut all = source_variables(store, self.raw, scope)?;
            // Of variables that hide each other, the last one, where it is there already.
            all.retain(|it| it.name == name || it.name == bare);
            if let Some(at) = all.iter().rposition(|it| it.value.is_ok()) {
                return all.swap_remove(at).value;
            }
            if let Some(variable) = all.pop() {
                return variable
                    .value
                    .map_err(|reason| format!("`{name}`: {reason}"));
            }
        }
        let layout = layout(self.raw)?;
        let names = self.raw.module.names();
        for (i, &local) in (0..).zip(&layout.locals) {
            if names.local(self.raw.func, i) == Some(bare) {
                return Ok(slot_value(self.raw, local));
            }
        }
        let globals = self.raw.module.env().spaces.globals.len() as u32;
        for i in 0..globals {
            if global_name(&self.raw.module, i).is_some_and(|global| global == bare) {
                return self.numbered(store, "global", i.into());
            }
        }
        Err(format!("there is no variable `{name}` here"))
    }

    fn numbered(&self, store: &StoreOpaque, what: &str, index: u64) -> Result<Value, String> {
        let at = index as usize;
        let none = || format!("there is no {what}[{index}]");
        match what {
            "local" => {
                let layout = layout(self.raw)?;
                let local = layout.locals.get(at).ok_or_else(none)?;
                Ok(slot_value(self.raw, *local))
            }
            "stack" => {
                let operands = operands(self.raw, self.callee)?;
                operands.into_iter().rev().nth(at).ok_or_else(none)
            }
            _ => {
                let instance = self.raw.instance.ok_or("nobody knows the instance")?;
                let globals = &store.instances[instance as usize].globals;
                let number = *globals.get(at).ok_or_else(none)?;
                let ty = store.globals[number as usize].ty.ty;
                Ok(Value {
                    ty: Ty::Machine(ty),
                    home: Home::Global(number, ty, 0),
                })
            }
        }
    }

    fn memory(&self, store: &StoreOpaque) -> Result<u32, String> {
        memory_of(store, self.raw)
    }
}

/// The instructions of a function: offsets, and the text of each.
fn instructions(module: &Module, func: u32) -> Result<Vec<(u32, String)>, String> {
    let spaces = &module.env().spaces;
    let defined = func.checked_sub(spaces.imported_funcs);
    let defined = defined.filter(|_| (func as usize) < spaces.funcs.len());
    let defined = defined.ok_or_else(|| format!("function {func} has no instructions"))?;
    let mut reader = InstrReader::new(module.bytecode().body(defined), func);
    let text = |error: crate::Malformed| error.to_string();
    reader.read_locals().map_err(text)?;
    let mut all = Vec::new();
    while !reader.at_end() {
        let instr = reader.next_instr().map_err(text)?;
        all.push((instr.offset, instruction(module, &reader, &instr)));
    }
    Ok(all)
}

/// An instruction as text: its mnemonic and immediates. `reader` is of its body.
pub(crate) fn instruction(module: &Module, reader: &InstrReader<'_>, instr: &Instr) -> String {
    let info = instr.op.info();
    let mut text = info.mnemonic.to_owned();
    if let Some(constant) = dotvm_isa::text::constant(reader, instr) {
        return text + " " + &constant;
    }
    let imms = [instr.a, instr.b];
    for (imm, value) in info.imms.iter().zip(imms) {
        text.push(' ');
        text += &match imm {
            Imm::Label => format!("-> {value:#x}"),
            Imm::Func => match module.func_name(value as u32) {
                Some(name) => demangled(name),
                None => format!("#{value}"),
            },
            Imm::RefType => match ValType::from_code(value as u8) {
                Some(ty) => ty.name().to_owned(),
                None => value.to_string(),
            },
            _ => value.cast_signed().to_string(),
        };
    }
    text
}
