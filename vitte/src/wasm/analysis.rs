//! What is known of a function before it is translated: what is on the stack, which references must be where the
//! collector finds them, and which functions may collect at all.

use std::collections::HashMap;

use dotvm::isa::ops::Sig;
use dotvm::isa::{FuncType, Instr, InstrReader, Op, ValType};

use super::Builder;

/// A function's instructions.
pub(super) struct Code {
    /// Types of parameters and other locals.
    pub(super) locals: Vec<ValType>,
    pub(super) params: usize,
    pub(super) instrs: Vec<Instr>,
    /// Instructions by where they are in the body.
    pub(super) at: HashMap<u32, usize>,
}

impl Code {
    /// Reads a body.
    ///
    /// # Errors
    /// Where it is malformed, which it is not.
    pub(super) fn read(bytes: &[u8], params: &[ValType]) -> Result<Code, String> {
        let mut reader = InstrReader::new(bytes, 0);
        let mut locals = params.to_vec();
        for (count, ty) in reader.read_locals().map_err(|error| error.to_string())? {
            locals.extend((0..count).map(|_| ty));
        }
        let mut instrs = Vec::new();
        let mut at = HashMap::new();
        while !reader.at_end() {
            let instr = reader.next_instr().map_err(|error| error.to_string())?;
            at.insert(instr.offset, instrs.len());
            instrs.push(instr);
        }
        Ok(Code {
            locals,
            params: params.len(),
            instrs,
            at,
        })
    }

    /// The instruction that a jump leads to.
    pub(super) fn target(&self, jump: &Instr) -> usize {
        self.at[&(jump.a as u32)]
    }
}

/// Whether an instruction makes an object.
pub(super) fn makes(op: Op) -> bool {
    matches!(
        op,
        Op::StructNew
            | Op::StructNewDefault
            | Op::ArrayNew
            | Op::ArrayNewDefault
            | Op::ArrayNewFixed
            | Op::ArrayNewData
    )
}

/// Which functions make objects or call functions that do.
pub(super) fn collecting(codes: &[Code], imported: u32) -> Vec<bool> {
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); codes.len() + imported as usize];
    let mut collects = vec![false; callers.len()];
    let mut waiting = Vec::new();
    for (i, code) in codes.iter().enumerate() {
        let own = i + imported as usize;
        for instr in &code.instrs {
            if makes(instr.op) || instr.op == Op::CallRef {
                collects[own] = true;
            }
            if instr.op == Op::Call {
                callers[instr.a as usize].push(own);
            }
        }
        if collects[own] {
            waiting.push(own);
        }
    }
    while let Some(func) = waiting.pop() {
        for &caller in &callers[func] {
            if !collects[caller] {
                collects[caller] = true;
                waiting.push(caller);
            }
        }
    }
    collects
}

/// Where a value on the stack is, besides.
#[derive(Clone, Copy)]
enum Also {
    /// Nowhere.
    Nowhere,
    /// Where the collector finds it, or it is nothing to collect.
    Safe,
    /// In a local, as long as nothing else was put there.
    Local(usize, u32),
}

#[derive(Clone, Copy)]
struct Value {
    ty: ValType,
    also: Also,
    /// The instruction that pushed it.
    by: usize,
}

/// What was found out about a function.
pub(super) struct Facts {
    /// Whether an instruction can be reached.
    pub(super) live: Vec<bool>,
    /// Jumps: where the stack was empty before, the jump, its target.
    pub(super) jumps: Vec<(usize, usize, usize)>,
    /// Instructions whose results the collector has to find, at that depth of the stack.
    pub(super) spilled: HashMap<usize, u32>,
    /// The locals that references come from, by the instructions that take them.
    pub(super) from_local: HashMap<usize, u32>,
}

struct Walk<'b, 'l> {
    builder: &'b Builder<'l>,
    code: &'b Code,
    stack: Vec<Value>,
    versions: Vec<u32>,
    facts: Facts,
}

/// Walks through a function once.
///
/// # Errors
/// Where it has what no function has that is made here.
pub(super) fn facts(builder: &Builder<'_>, code: &Code) -> Result<Facts, String> {
    let count = code.instrs.len();
    let mut walk = Walk {
        builder,
        code,
        stack: Vec::new(),
        versions: vec![0; code.locals.len()],
        facts: Facts {
            live: vec![false; count],
            jumps: Vec::new(),
            spilled: HashMap::new(),
            from_local: HashMap::new(),
        },
    };
    let mut targets = vec![false; count];
    for instr in &code.instrs {
        if matches!(instr.op, Op::Jmp | Op::Jz | Op::Jnz) {
            targets[code.target(instr)] = true;
        }
    }
    let mut live = true;
    let mut empty_at = 0;
    for (i, instr) in code.instrs.iter().enumerate() {
        if targets[i] {
            if live && !walk.stack.is_empty() {
                return Err("values on the stack where a jump leads".to_owned());
            }
            live = true;
            walk.stack.clear();
        }
        if !live {
            continue;
        }
        walk.facts.live[i] = true;
        if walk.stack.is_empty() {
            empty_at = i;
        }
        if matches!(instr.op, Op::Jmp | Op::Jz | Op::Jnz) {
            walk.facts.jumps.push((empty_at, i, code.target(instr)));
        }
        walk.step(i, instr)?;
        if matches!(instr.op, Op::Jmp | Op::Ret | Op::Trap) {
            live = false;
            walk.stack.clear();
        }
    }
    Ok(walk.facts)
}

impl Walk<'_, '_> {
    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "an empty stack".to_owned())
    }

    fn pop_all(&mut self, count: usize) -> Result<(), String> {
        for _ in 0..count {
            self.pop()?;
        }
        Ok(())
    }

    fn push(&mut self, by: usize, ty: ValType, also: Also) {
        self.stack.push(Value { ty, also, by });
    }

    /// Sees to it that the collector finds all references that are on the stack.
    fn collect(&mut self) {
        for (depth, value) in self.stack.iter().enumerate() {
            let found = match value.also {
                _ if value.ty != ValType::AnyRef => true,
                Also::Safe => true,
                Also::Local(local, version) => self.versions[local] == version,
                Also::Nowhere => false,
            };
            if !found {
                self.facts.spilled.insert(value.by, depth as u32);
            }
        }
    }

    fn call(&mut self, i: usize, ty: &FuncType, collects: bool) -> Result<(), String> {
        self.pop_all(ty.params.len())?;
        if collects {
            self.collect();
        }
        for &result in &ty.results {
            self.push(i, result, Also::Nowhere);
        }
        Ok(())
    }

    /// Notes which local a reference comes from that an instruction takes.
    fn note(&mut self, i: usize, value: Value) {
        if let Also::Local(local, version) = value.also
            && self.versions[local] == version
        {
            self.facts.from_local.insert(i, local as u32);
        }
    }

    fn step(&mut self, i: usize, instr: &Instr) -> Result<(), String> {
        let builder = self.builder;
        let machine = &builder.lowered.machine;
        let field = |object: u64, field: u64| {
            let layout = &builder.layouts[object as usize];
            layout.storages[field as usize].val_type()
        };
        match instr.op {
            Op::Nop | Op::Loop | Op::Cold | Op::Jmp | Op::Ret | Op::Trap => {}
            Op::Jz | Op::Jnz | Op::Pop | Op::GlobalSet => self.pop_all(1)?,
            Op::Call => {
                let func = instr.a as usize;
                let ty = builder.type_of(func as u32);
                self.call(i, ty, builder.collects[func])?;
            }
            Op::CallRef => {
                self.pop()?;
                let ty = &machine.types[instr.a as usize];
                self.call(i, ty, true)?;
            }
            Op::Select => {
                self.pop_all(2)?;
                let value = self.pop()?;
                self.push(i, value.ty, Also::Nowhere);
            }
            Op::LocalGet => {
                let local = instr.a as usize;
                let version = self.versions[local];
                self.push(i, self.code.locals[local], Also::Local(local, version));
            }
            Op::LocalSet => {
                self.pop()?;
                self.versions[instr.a as usize] += 1;
            }
            Op::GlobalGet => {
                let global = instr.a as u32;
                let also = match global >= builder.lowered.strings_from {
                    true => Also::Safe,
                    false => Also::Nowhere,
                };
                self.push(i, machine.globals[global as usize].ty.ty, also);
            }
            Op::MemorySize | Op::MemoryGrow => {
                self.pop_all(usize::from(instr.op == Op::MemoryGrow))?;
                self.push(i, ValType::I32, Also::Safe);
            }
            Op::MemoryCopy | Op::MemoryFill => self.pop_all(3)?,
            Op::RefNull => self.push(i, ValType::AnyRef, Also::Safe),
            Op::RefFunc => self.push(i, ValType::FuncRef, Also::Safe),
            Op::RefI31 => {
                self.pop()?;
                self.push(i, ValType::AnyRef, Also::Safe);
            }
            Op::RefIsNull => {
                self.pop()?;
                self.push(i, ValType::I32, Also::Safe);
            }
            Op::RefAsNonNull => {
                let value = self.pop()?;
                self.note(i, value);
                self.push(i, value.ty, Also::Nowhere);
            }
            Op::StructGet => {
                let ty = field(instr.a, instr.b);
                let value = self.pop()?;
                self.note(i, value);
                self.push(i, ty, Also::Nowhere);
            }
            Op::StructSet => {
                self.pop()?;
                let value = self.pop()?;
                self.note(i, value);
            }
            Op::ArrayGet | Op::ArrayGetU => {
                let ty = field(instr.a, 0);
                self.pop_all(2)?;
                self.push(i, ty, Also::Nowhere);
            }
            Op::ArraySet => self.pop_all(3)?,
            Op::ArrayCopy => self.pop_all(5)?,
            op if makes(op) => {
                self.collect();
                let fields = builder.layouts[instr.a as usize].storages.len();
                self.pop_all(match op {
                    Op::StructNew => fields,
                    Op::ArrayNew | Op::ArrayNewData => 2,
                    Op::ArrayNewDefault => 1,
                    Op::ArrayNewFixed => instr.b as usize,
                    op => return Err(format!("instruction `{}`", op.mnemonic())),
                })?;
                self.push(i, ValType::AnyRef, Also::Nowhere);
            }
            op => {
                let Sig::Fixed(params, results) = op.info().sig else {
                    return Err(format!("instruction `{}`", op.mnemonic()));
                };
                self.pop_all(params.len())?;
                for &result in results {
                    self.push(i, result, Also::Nowhere);
                }
            }
        }
        Ok(())
    }
}
