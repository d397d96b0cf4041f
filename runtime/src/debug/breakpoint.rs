//! Breakpoints and watchpoints: where they are, and whether they are hit.

use std::collections::BTreeSet;

use dotvm_isa::debug::SubprogramName;
use dotvm_isa::verify::ModuleEnv;

use super::source::{location, statement_at};
use super::stopped::Stopped;
use super::value::{Home, Value};
use super::{Reason, Session};
use crate::module::Module;
use crate::store::StoreOpaque;
use crate::vm::debug as frames;

/// A breakpoint.
#[derive(Clone, Debug)]
pub struct Breakpoint {
    /// Its number.
    pub id: u32,
    /// Where it was asked for.
    pub place: String,
    /// It only counts as hit where this is true.
    pub condition: Option<String>,
    /// It stops the program from so many hits on.
    pub from_hit: u64,
    /// How often it was hit.
    pub hits: u64,
    /// Whether it is looked at.
    pub enabled: bool,
    /// Whether it goes when it stops the program.
    pub temporary: bool,
    /// The instructions that it is in front of.
    spots: Vec<Spot>,
}

/// A watchpoint.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Its number.
    pub id: u32,
    /// The expression whose place it watches.
    pub expression: String,
    /// How often it stopped the program.
    pub hits: u64,
    /// Whether it is looked at.
    pub enabled: bool,
    value: Value,
    bytes: Vec<u8>,
    text: String,
}

/// An instruction.
#[derive(Clone, Debug)]
struct Spot {
    module: Module,
    func: u32,
    offset: u32,
}

/// The most bytes that a watchpoint watches.
const MAX_WATCHED_BYTES: u64 = 4096;

/// The most instructions that a breakpoint is in front of.
const MAX_SPOTS: usize = 10_000;

impl Breakpoint {
    /// The instructions that it is in front of: the module's number among the store's, the function and the offset.
    pub fn instructions(&self) -> impl Iterator<Item = (&Module, u32, u32)> {
        self.spots
            .iter()
            .map(|spot| (&spot.module, spot.func, spot.offset))
    }

    /// Where it is in the source; of several places, the first.
    pub fn line(&self) -> Option<crate::SourceLocation> {
        let spot = self.spots.first()?;
        let source = spot.module.names().source.func(spot.func).ok()??;
        location(&spot.module, source.row_at(spot.offset)?.location?)
    }
}

impl Session {
    /// Whether a breakpoint at this instruction is to stop the program.
    pub(super) fn hit_breakpoint(
        &mut self,
        store: &mut StoreOpaque,
        instance: u32,
        func: u32,
        offset: u32,
    ) -> Option<Reason> {
        let module = store.instances[instance as usize].module.clone();
        let is_here = |spot: &Spot| {
            spot.offset == offset && spot.func == func && Module::same(&spot.module, &module)
        };
        let here: Vec<usize> = (0..self.breakpoints.len())
            .filter(|&at| {
                let it = &self.breakpoints[at];
                it.enabled && it.spots.iter().any(is_here)
            })
            .collect();
        let mut reason = None;
        for at in here {
            let condition = self.breakpoints[at].condition.clone();
            let holds = condition.map_or(Ok(true), |condition| {
                let raw = frames::asking_frames(store, instance, 1);
                let view = Stopped::new(store, self, Reason::Step, raw);
                view.is_true(0, &condition)
            });
            let breakpoint = &mut self.breakpoints[at];
            let problem = match holds {
                Ok(false) => continue,
                Ok(true) => None,
                Err(problem) => Some(problem),
            };
            breakpoint.hits += 1;
            if breakpoint.hits >= breakpoint.from_hit && reason.is_none() {
                reason = Some(Reason::Breakpoint(breakpoint.id, problem));
            }
        }
        if let Some(Reason::Breakpoint(id, _)) = reason
            && self
                .breakpoints
                .iter()
                .any(|it| it.id == id && it.temporary)
        {
            self.remove_breakpoint(id);
        }
        reason
    }

    /// What of all that is watched has changed since the last instruction.
    pub(super) fn changed_watches(
        &mut self,
        store: &StoreOpaque,
        writer: Option<(u32, u32, u32)>,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for watch in self.watches.iter_mut().filter(|watch| watch.enabled) {
            let Ok(bytes) = read(store, &watch.value) else {
                continue;
            };
            if bytes == watch.bytes {
                continue;
            }
            watch.bytes = bytes;
            let new = super::show::show(store, &watch.value);
            let old = std::mem::replace(&mut watch.text, new.clone());
            watch.hits += 1;
            let line = writer.and_then(|(instance, func, offset)| {
                let module = &store.instances[instance as usize].module;
                let source = module.names().source.func(func).ok()??;
                location(module, source.row_at(offset)?.location?)
            });
            reasons.push(Reason::Watch {
                id: watch.id,
                old,
                new,
                writer: writer.map(|(_, func, offset)| (func, offset)),
                line,
            });
        }
        reasons
    }

    /// Takes what is there now as what was there before.
    pub(super) fn refresh_watches(&mut self, store: &StoreOpaque) {
        for watch in &mut self.watches {
            if let Ok(bytes) = read(store, &watch.value) {
                watch.bytes = bytes;
                watch.text = super::show::show(store, &watch.value);
            }
        }
    }

    /// Watches the place of a value.
    pub(super) fn add_watch(
        &mut self,
        store: &StoreOpaque,
        expression: &str,
        value: Value,
    ) -> Result<u32, String> {
        if !matches!(value.home, Home::Memory(..) | Home::Global(..)) {
            return Err("only what is in memory, and globals, can be watched".to_owned());
        }
        let bytes = read(store, &value)?;
        let text = super::show::show(store, &value);
        let id = self.next_id();
        self.watches.push(Watch {
            id,
            expression: expression.to_owned(),
            hits: 0,
            enabled: true,
            value,
            bytes,
            text,
        });
        Ok(id)
    }

    /// Adds a breakpoint.
    pub(super) fn add_breakpoint(
        &mut self,
        store: &StoreOpaque,
        place: &str,
        current: Option<(&Module, u32, u32)>,
    ) -> Result<u32, String> {
        let spots = find(store, place, current)?;
        for spot in &spots {
            spot.set(true)?;
        }
        let id = self.next_id();
        self.breakpoints.push(Breakpoint {
            id,
            place: place.to_owned(),
            condition: None,
            from_hit: 1,
            hits: 0,
            enabled: true,
            temporary: false,
            spots,
        });
        Ok(id)
    }

    /// Removes a breakpoint or watchpoint; returns whether there was one.
    pub(super) fn remove_breakpoint(&mut self, id: u32) -> bool {
        let before = self.breakpoints.len() + self.watches.len();
        let mut gone = Vec::new();
        self.breakpoints.retain_mut(|it| {
            if it.id == id {
                gone.append(&mut it.spots);
            }
            it.id != id
        });
        self.watches.retain(|it| it.id != id);
        for spot in gone {
            let is_same = |other: &Spot| {
                other.offset == spot.offset
                    && other.func == spot.func
                    && Module::same(&other.module, &spot.module)
            };
            if !self
                .breakpoints
                .iter()
                .any(|it| it.spots.iter().any(is_same))
            {
                // It could be set, so that it can be cleared. Another store that has one there as well only
                // loses it where both share the module.
                let _ = spot.set(false);
            }
        }
        self.breakpoints.len() + self.watches.len() < before
    }
}

/// The bytes that a watchpoint compares.
fn read(store: &StoreOpaque, value: &Value) -> Result<Vec<u8>, String> {
    let len = match value.scalar()? {
        Some((_, len)) => len,
        None => match (value.source_type()?, &value.ty) {
            (Some((_, ty)), _) => ty.bytes,
            (None, super::value::Ty::Machine(ty)) => super::value::machine_bytes(*ty),
            (None, _) => 0,
        },
    };
    if len == 0 || len > MAX_WATCHED_BYTES {
        return Err(format!(
            "{len} bytes cannot be watched, from 1 to {MAX_WATCHED_BYTES} can"
        ));
    }
    value.home.read(store, len)
}

impl Spot {
    fn set(&self, on: bool) -> Result<(), String> {
        let Spot {
            module,
            func,
            offset,
        } = self;
        let imported = module.env().spaces.imported_funcs;
        let defined = func.checked_sub(imported);
        let defined = defined.ok_or("an imported function has no instructions")?;
        let code = module.threaded_code(defined);
        let code = code.map_err(|error| error.to_string())?;
        match code.set_break(*offset, on) {
            true => {
                module.leave_native(defined, code.has_breaks());
                Ok(())
            }
            false => Err(format!(
                "there is no instruction at offset {offset:#x} that can be reached"
            )),
        }
    }
}

/// Finds the instructions that a place means: `file:line`, a line of the current file, a function by its
/// name or `#index`, either with `+offset` in bytes of bytecode behind it.
fn find(
    store: &StoreOpaque,
    place: &str,
    current: Option<(&Module, u32, u32)>,
) -> Result<Vec<Spot>, String> {
    if store.modules.is_empty() {
        return Err("no module is loaded yet".to_owned());
    }
    if let Some((file, line)) = place.rsplit_once(':')
        && let Ok(line) = line.parse()
        && line > 0
    {
        return find_line(store, &|path: &str| is_file(path, file), line);
    }
    if let Ok(line) = place.parse() {
        let file = current.and_then(|(module, func, offset)| {
            let source = module.names().source.func(func).ok()??;
            Some(location(module, source.row_at(offset)?.location?)?.file)
        });
        let file = file.ok_or("the current function has no source file; name one: FILE:LINE")?;
        return find_line(store, &|path: &str| path == file, line);
    }
    let (name, offset) = match place.rsplit_once('+') {
        Some((name, offset)) => {
            let digits = offset.trim_start_matches("0x");
            let base = if digits.len() < offset.len() { 16 } else { 10 };
            let offset = u32::from_str_radix(digits, base);
            (
                name,
                Some(offset.map_err(|_| format!("`{place}`: no offset behind the `+`"))?),
            )
        }
        None => (place, None),
    };
    find_func(store, name, offset)
}

/// Whether a path as the compiler gave it is that of a file as somebody writes it: the same, or its end.
fn is_file(path: &str, file: &str) -> bool {
    path.strip_suffix(file)
        .is_some_and(|before| before.is_empty() || before.ends_with(['/', '\\']))
}

/// The first instruction of a line in each function, or function inlined there; of the next line where this one
/// has no code.
fn find_line(
    store: &StoreOpaque,
    is_file: &dyn Fn(&str) -> bool,
    line: u32,
) -> Result<Vec<Spot>, String> {
    // Line, module, function, scope and offset.
    let mut rows = BTreeSet::new();
    let mut knows_file = false;
    for (number, module) in store.modules.iter().enumerate() {
        let tables = &module.names().source;
        let path = |file: u32| tables.file(file).is_ok_and(|path| is_file(&path));
        let files: Vec<bool> = (0..tables.files() as u32).map(path).collect();
        if !files.contains(&true) {
            continue;
        }
        knows_file = true;
        for func in tables.funcs().map_err(|error| error.to_string())? {
            let Ok(Some(source)) = tables.func(func) else {
                continue;
            };
            for row in source.func.rows.iter().filter(|row| row.is_stmt) {
                if let Some(at) = row.location
                    && at.line >= line
                    && files.get(at.file as usize) == Some(&true)
                {
                    rows.insert((at.line, number, func, row.scope, row.offset));
                }
            }
        }
    }
    let mut spots = Vec::new();
    let mut last: Option<(u32, _, _, _)> = None;
    for (at, number, func, scope, offset) in rows {
        if last.is_some_and(|(line, ..)| line != at) {
            break;
        }
        let module = &store.modules[number];
        let here = Some((at, number, func, scope));
        if here == last || !can_stop(module, func, offset) {
            continue;
        }
        last = here;
        spots.push(Spot {
            module: module.clone(),
            func,
            offset,
        });
        if spots.len() > MAX_SPOTS {
            return Err(format!("the line is in more than {MAX_SPOTS} places"));
        }
    }
    match (spots.is_empty(), knows_file) {
        (false, _) => Ok(spots),
        (true, true) => Err(format!("there is no code at line {line} or behind it")),
        (true, false) => Err("no module has debug information about such a file".to_owned()),
    }
}

/// Whether an instruction can be reached.
fn can_stop(module: &Module, func: u32, offset: u32) -> bool {
    let Some(defined) = func.checked_sub(module.env().spaces.imported_funcs) else {
        return false;
    };
    let code = module.threaded_code(defined);
    code.is_ok_and(|code| code.stops().any(|stop| stop == offset))
}

fn find_func(store: &StoreOpaque, name: &str, offset: Option<u32>) -> Result<Vec<Spot>, String> {
    let mut spots = Vec::new();
    for module in &store.modules {
        for func in funcs_named(module, name) {
            let offset = offset.or_else(|| first_stop(module, func));
            spots.extend(offset.map(|offset| Spot {
                module: module.clone(),
                func,
                offset,
            }));
        }
        if offset.is_none() {
            spots.extend(inlined(module, name));
        }
    }
    match spots.len() {
        0 => Err(format!("there is no function `{name}`")),
        len if len > MAX_SPOTS => Err(format!("the function is in more than {MAX_SPOTS} places")),
        _ => Ok(spots),
    }
}

/// The defined functions of a name.
fn funcs_named(module: &Module, name: &str) -> Vec<u32> {
    let ModuleEnv { spaces, .. } = module.env();
    let defined = spaces.imported_funcs..spaces.funcs.len() as u32;
    if let Some(index) = name.strip_prefix('#') {
        let index = index.parse().ok().filter(|index| defined.contains(index));
        return index.into_iter().collect();
    }
    let is_named = |&func: &u32| module.func_name(func).is_some_and(|it| is_name(it, name));
    defined.filter(is_named).collect()
}

/// Whether a function's name, which may be mangled, is the one somebody wrote: all of it, or its last parts.
pub(super) fn is_name(full: &str, name: &str) -> bool {
    let readable = demangled(full);
    let before = readable.strip_suffix(name);
    full == name || before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// A name as the source has it.
pub(crate) fn demangled(name: &str) -> String {
    match rustc_demangle::try_demangle(name) {
        Ok(name) => format!("{name:#}"),
        Err(_) => name.to_owned(),
    }
}

/// Where a function's code begins: its first statement, or its first instruction.
fn first_stop(module: &Module, func: u32) -> Option<u32> {
    let defined = func.checked_sub(module.env().spaces.imported_funcs)?;
    let code = module.threaded_code(defined).ok()?;
    let source = module.names().source.func(func).ok().flatten();
    let is_statement = |&stop: &u32| {
        source
            .as_ref()
            .is_some_and(|source| statement_at(&source.func, stop).is_some())
    };
    code.stops()
        .find(is_statement)
        .or_else(|| code.stops().next())
}

/// Where functions of that name are inlined.
fn inlined(module: &Module, name: &str) -> Vec<Spot> {
    let tables = &module.names().source;
    let subprograms = 0..tables.subprograms() as u32;
    let is_named = |&index: &u32| match tables.subprogram(index).map(|it| it.name) {
        Ok(SubprogramName::Text(text)) => !text.is_empty() && is_name(&text, name),
        Ok(SubprogramName::Func(func)) => {
            module.func_name(func).is_some_and(|it| is_name(it, name))
        }
        Err(_) => false,
    };
    let named: Vec<u32> = subprograms.filter(is_named).collect();
    let mut spots = Vec::new();
    if named.is_empty() {
        return spots;
    }
    for func in tables.funcs().unwrap_or_default() {
        let Ok(Some(source)) = tables.func(func) else {
            continue;
        };
        for (scope, of) in (0..).zip(&source.func.scopes) {
            if scope == 0 || !named.contains(&of.subprogram) {
                continue;
            }
            let mut rows = source.func.rows.iter();
            let first = rows.find(|row| {
                row.scope == scope && row.is_stmt && can_stop(module, func, row.offset)
            });
            spots.extend(first.map(|row| Spot {
                module: module.clone(),
                func,
                offset: row.offset,
            }));
        }
    }
    spots
}
