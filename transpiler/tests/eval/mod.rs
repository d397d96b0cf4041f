//! A tiny evaluator of verified bytecode, to compare what modules compute: slow, simple, and with
//! the meaning of instructions from `dotvm_isa::semantics` only.

pub mod generate;

use std::collections::HashMap;
use std::rc::Rc;

use dotvm_isa::semantics::{self, LoadOp, SlotValue, StoreOp};
use dotvm_isa::verify::{ModuleEnv, verify_all, verify_module};
use dotvm_isa::{
    Bytes, ConstExpr, ConstOp, EncodeOptions, ImportDesc, Instr, InstrReader, Module, Op,
    SegmentMode, TrapCode, ValType, decode, encode,
};
use dotvm_transpiler::{Error, Features, OptLevel, Options, transpile};

/// Calls nested deeper are refused.
const MAX_DEPTH: u32 = 600;

/// Memories do not grow further.
const MAX_PAGES: u64 = 1024;

/// Why evaluation ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A trap.
    Trap(TrapCode),
    /// The limit on instructions or depth was reached; says nothing about the program.
    Limit,
    /// `halt`.
    Halt,
    /// It needs something that is not there.
    Missing,
}

/// Transpiles, and sends the module through its encoding and the verifier.
///
/// # Panics
/// Where what the transpiler made is not decoded or verified.
pub fn build(wasm: &[u8], level: OptLevel) -> Result<Module, Error> {
    let known = ["tail-call", "extended-const", "wide-arithmetic"];
    let with = |features: Features, name| features.with(name).expect("a feature");
    let options = Options {
        opt_level: level,
        features: known.into_iter().fold(Features::V2, with),
        ..Options::default()
    };
    let output = transpile(wasm, &options)?;
    let bytes = encode(&output.module, &output.names, EncodeOptions::default());
    let module = decode(&Bytes::new(bytes)).expect("decodes");
    if let Err(fault) = verify_all(&module) {
        panic!("level {level}: {fault}");
    }
    Ok(module)
}

/// A function's code, ready to be evaluated.
struct Code {
    locals: Vec<ValType>,
    params: usize,
    results: usize,
    /// Jump targets are indices here, not offsets.
    instrs: Vec<Instr>,
    /// Targets of each `br_table`, by its index.
    tables: HashMap<usize, Vec<usize>>,
}

/// An instance of a module.
pub struct Instance {
    module: Module,
    env: ModuleEnv,
    code: Vec<Option<Rc<Code>>>,
    /// The linear memory.
    pub memory: Vec<u8>,
    /// Slots of the globals.
    pub globals: Vec<u64>,
    /// Elements; a function is its index plus one.
    pub tables: Vec<Vec<u64>>,
    data: Vec<Vec<u8>>,
    elems: Vec<Vec<u64>>,
    max_pages: usize,
    /// Instructions left.
    pub fuel: u64,
    depth: u32,
}

/// What `spectest` offers as the value of a global.
fn imported_global(name: &str) -> Option<u64> {
    Some(match name {
        "global_i32" | "global_i64" => 666,
        "global_f32" => u64::from(666.6f32.to_bits()),
        "global_f64" => 666.6f64.to_bits(),
        _ => return None,
    })
}

impl Instance {
    /// Instantiates a module that imports nothing, or only what `spectest` offers.
    pub fn new(module: Module, fuel: u64) -> Result<Instance, Stop> {
        let env = verify_module(&module).expect("verified before");
        let mut instance = Instance {
            code: vec![None; env.spaces.funcs.len()],
            memory: Vec::new(),
            globals: Vec::new(),
            tables: Vec::new(),
            data: (0..module.data.len())
                .map(|i| module.data_segment(i as u32).to_vec())
                .collect(),
            elems: Vec::new(),
            max_pages: 0,
            fuel,
            depth: 0,
            env,
            module,
        };
        instance.imports()?;
        instance.declare();
        instance.segments()?;
        if let Some(start) = instance.module.start {
            instance.call(start, Vec::new())?;
        }
        Ok(instance)
    }

    fn imports(&mut self) -> Result<(), Stop> {
        for import in &self.module.imports {
            if import.module != "spectest" {
                return Err(Stop::Missing);
            }
            match import.desc {
                ImportDesc::Func(_) if import.name.starts_with("print") => {}
                ImportDesc::Global(_) => {
                    let value = imported_global(&import.name).ok_or(Stop::Missing)?;
                    self.globals.push(value);
                }
                ImportDesc::Memory(_) if import.name == "memory" => {
                    self.memory = vec![0; 65536];
                    self.max_pages = 2;
                }
                ImportDesc::Table(_) if import.name == "table" => self.tables.push(vec![0; 10]),
                _ => return Err(Stop::Missing),
            }
        }
        Ok(())
    }

    fn declare(&mut self) {
        for memory in &self.module.memories {
            // A declared gigabyte is not worth having in a test.
            let pages = memory.limits.min.min(MAX_PAGES) as usize;
            self.memory = vec![0; pages * 65536];
            self.max_pages = memory.limits.max.unwrap_or(MAX_PAGES).min(MAX_PAGES) as usize;
        }
        for table in &self.module.tables {
            self.tables
                .push(vec![0; table.ty.limits.min.min(1 << 16) as usize]);
        }
        for i in 0..self.module.globals.len() {
            let value = self.constant(&self.module.globals[i].init);
            self.globals.push(value);
        }
        for i in 0..self.module.elems.len() {
            let items = &self.module.elems[i].items;
            let values = items.iter().map(|item| self.constant(item)).collect();
            self.elems.push(values);
        }
    }

    fn segments(&mut self) -> Result<(), Stop> {
        for i in 0..self.module.elems.len() {
            match self.module.elems[i].mode.clone() {
                SegmentMode::Active(table, offset) => {
                    let at = self.constant(&offset) as u32;
                    let items = std::mem::take(&mut self.elems[i]);
                    let len = items.len();
                    let to = range(at, len as u32, self.tables[table as usize].len())
                        .ok_or(Stop::Trap(TrapCode::TableOutOfBounds))?;
                    self.tables[table as usize][to].copy_from_slice(&items);
                }
                SegmentMode::Declared => self.elems[i].clear(),
                SegmentMode::Passive => {}
            }
        }
        for i in 0..self.module.data.len() {
            if let SegmentMode::Active(_, offset) = self.module.data[i].mode.clone() {
                let at = self.constant(&offset) as u32;
                let bytes = std::mem::take(&mut self.data[i]);
                let to = range(at, bytes.len() as u32, self.memory.len())
                    .ok_or(Stop::Trap(TrapCode::MemoryOutOfBounds))?;
                self.memory[to].copy_from_slice(&bytes);
            }
        }
        Ok(())
    }

    fn constant(&self, expr: &ConstExpr) -> u64 {
        let mut stack = Vec::new();
        for op in &expr.0 {
            let value = match *op {
                ConstOp::I32(value) => u64::from(value as u32),
                ConstOp::I64(value) => value as u64,
                ConstOp::F32(bits) => u64::from(bits),
                ConstOp::F64(bits) => bits,
                ConstOp::Wide(..) | ConstOp::V128(_) => {
                    unreachable!("the evaluator knows no vectors and no wide integers")
                }
                ConstOp::GlobalGet(index) => self.globals[index as usize],
                ConstOp::RefNull(_) => 0,
                ConstOp::RefFunc(func) => u64::from(func) + 1,
                ConstOp::Binary(op) => {
                    let (b, a) = (stack.pop().unwrap(), stack.pop().unwrap());
                    semantics::eval_binary(op, a, b).unwrap().unwrap()
                }
            };
            stack.push(value);
        }
        stack.pop().expect("verified")
    }

    /// The exported functions: names, indices.
    pub fn exports(&self) -> Vec<(String, u32)> {
        let funcs = self
            .module
            .exports
            .iter()
            .filter(|export| export.kind == dotvm_isa::ExternKind::Func);
        funcs
            .map(|export| (export.name.clone(), export.index))
            .collect()
    }

    /// The exported function of that name.
    pub fn export(&self, name: &str) -> Option<u32> {
        Some(self.module.export(name)?.index)
    }

    /// The value of an exported global.
    pub fn global(&self, name: &str) -> Option<u64> {
        let export = self.module.export(name)?;
        Some(self.globals[export.index as usize])
    }

    /// The type of a function.
    pub fn func_type(&self, func: u32) -> &dotvm_isa::FuncType {
        &self.module.types[self.env.spaces.funcs[func as usize] as usize]
    }

    /// Calls a function with slots as arguments.
    pub fn call(&mut self, func: u32, args: Vec<u64>) -> Result<Vec<u64>, Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::Limit);
        }
        self.depth += 1;
        let result = self.run(func, args);
        self.depth -= 1;
        result
    }

    fn code(&mut self, func: u32) -> Rc<Code> {
        if let Some(code) = &self.code[func as usize] {
            return Rc::clone(code);
        }
        let ty = self.func_type(func);
        let (params, results) = (ty.params.len(), ty.results.len());
        let mut locals = ty.params.clone();
        let body = self.module.body(func - self.env.spaces.imported_funcs);
        let mut reader = InstrReader::new(body, func);
        for (count, ty) in reader.read_locals().unwrap() {
            locals.resize(locals.len() + count as usize, ty);
        }
        let mut instrs = Vec::new();
        let mut index = HashMap::new();
        while !reader.at_end() {
            let instr = reader.next_instr().unwrap();
            index.insert(instr.offset, instrs.len());
            instrs.push(instr);
        }
        let mut tables = HashMap::new();
        for (i, instr) in instrs
            .iter()
            .enumerate()
            .filter(|(_, instr)| instr.op == Op::BrTable)
        {
            let targets = reader.labels(instr).map(|label| index[&label.unwrap()]);
            tables.insert(i, targets.collect());
        }
        for instr in &mut instrs {
            if matches!(instr.op, Op::Jmp | Op::Jz | Op::Jnz) {
                instr.a = index[&(instr.a as u32)] as u64;
            }
        }
        let code = Rc::new(Code {
            locals,
            params,
            results,
            instrs,
            tables,
        });
        self.code[func as usize] = Some(Rc::clone(&code));
        code
    }

    fn run(&mut self, mut func: u32, mut args: Vec<u64>) -> Result<Vec<u64>, Stop> {
        loop {
            if func < self.env.spaces.imported_funcs {
                return Ok(Vec::new());
            }
            let code = self.code(func);
            assert_eq!(args.len(), code.params);
            args.resize(code.locals.len(), 0);
            let mut frame = Frame {
                locals: args,
                stack: Vec::new(),
                pc: 0,
            };
            match self.frame(&code, &mut frame)? {
                Exit::Return => {
                    return Ok(frame.stack.split_off(frame.stack.len() - code.results));
                }
                Exit::TailCall(next) => {
                    let count = self.func_type(next).params.len();
                    args = frame.stack.split_off(frame.stack.len() - count);
                    func = next;
                }
            }
        }
    }

    fn frame(&mut self, code: &Code, frame: &mut Frame) -> Result<Exit, Stop> {
        loop {
            let at = frame.pc;
            let instr = code.instrs[at];
            frame.pc += 1;
            self.fuel = self.fuel.checked_sub(1).ok_or(Stop::Limit)?;
            match instr.op {
                Op::Jmp => frame.pc = instr.a as usize,
                Op::Jz | Op::Jnz => {
                    if (frame.pop_i32() != 0) == (instr.op == Op::Jnz) {
                        frame.pc = instr.a as usize;
                    }
                }
                Op::BrTable => {
                    let targets = &code.tables[&at];
                    let index = frame.pop_i32() as usize;
                    frame.pc = targets[index.min(targets.len() - 1)];
                }
                Op::Ret => return Ok(Exit::Return),
                Op::Halt => return Err(Stop::Halt),
                Op::Trap => return Err(Stop::Trap(TrapCode::Unreachable)),
                Op::Call | Op::CallIndirect | Op::RetCall | Op::RetCallIndirect => {
                    let func = self.callee(&instr, frame)?;
                    if matches!(instr.op, Op::RetCall | Op::RetCallIndirect) {
                        return Ok(Exit::TailCall(func));
                    }
                    let count = self.func_type(func).params.len();
                    let args = frame.stack.split_off(frame.stack.len() - count);
                    let results = self.call(func, args)?;
                    frame.stack.extend(results);
                }
                _ => self.step(&instr, frame)?,
            }
        }
    }

    fn callee(&self, instr: &Instr, frame: &mut Frame) -> Result<u32, Stop> {
        if matches!(instr.op, Op::Call | Op::RetCall) {
            return Ok(instr.a as u32);
        }
        let index = frame.pop_i32() as usize;
        let table = &self.tables[instr.b as usize];
        let element = *table
            .get(index)
            .ok_or(Stop::Trap(TrapCode::UndefinedElement))?;
        let func = element
            .checked_sub(1)
            .ok_or(Stop::Trap(TrapCode::UninitializedElement))?;
        if *self.func_type(func as u32) != self.module.types[instr.a as usize] {
            return Err(Stop::Trap(TrapCode::IndirectCallTypeMismatch));
        }
        Ok(func as u32)
    }

    /// Everything that goes on to the next instruction.
    fn step(&mut self, instr: &Instr, frame: &mut Frame) -> Result<(), Stop> {
        let op = instr.op;
        if let Some(result) = self.pure(op, frame) {
            return result.map_err(Stop::Trap);
        }
        if let Some(result) = self.memory_access(instr, frame) {
            return result.map_err(Stop::Trap);
        }
        match op {
            Op::LocalGet => frame.stack.push(frame.locals[instr.a as usize]),
            Op::LocalSet => frame.locals[instr.a as usize] = frame.pop(),
            Op::LocalTee => frame.locals[instr.a as usize] = *frame.stack.last().unwrap(),
            Op::GlobalGet => frame.stack.push(self.globals[instr.a as usize]),
            Op::GlobalSet => self.globals[instr.a as usize] = frame.pop(),
            Op::I32Push => frame.stack.push(instr.a & 0xffff_ffff),
            Op::I64Push | Op::F32Push | Op::F64Push => frame.stack.push(instr.a),
            Op::RefNull => frame.stack.push(0),
            Op::RefFunc => frame.stack.push(instr.a + 1),
            Op::RefIsNull => {
                let null = frame.pop() == 0;
                frame.stack.push(u64::from(null));
            }
            Op::MemorySize => frame.stack.push((self.memory.len() / 65536) as u64),
            Op::MemoryGrow => {
                let old = self.memory.len() / 65536;
                let new = old + frame.pop_i32() as usize;
                let fits = new <= self.max_pages;
                if fits {
                    self.memory.resize(new * 65536, 0);
                }
                frame
                    .stack
                    .push(if fits { old as u64 } else { 0xffff_ffff });
            }
            Op::I64Add128 | Op::I64Sub128 => frame.halves(instr.op, 4),
            Op::I64MulWide | Op::I64MulWideU => frame.halves(instr.op, 2),
            Op::DataDrop => self.data[instr.a as usize].clear(),
            Op::ElemDrop => self.elems[instr.a as usize].clear(),
            _ if frame.rearrange(instr) => {}
            _ => self.bulk(instr, frame).map_err(Stop::Trap)?,
        }
        Ok(())
    }

    fn pure(&self, op: Op, frame: &mut Frame) -> Option<Result<(), TrapCode>> {
        let result = match op.info().group {
            dotvm_isa::ops::Group::Unary => {
                let a = frame.pop();
                semantics::eval_unary(op, a)?
            }
            dotvm_isa::ops::Group::Binary => {
                let (b, a) = (frame.pop(), frame.pop());
                semantics::eval_binary(op, a, b)?
            }
            _ => return None,
        };
        Some(result.map(|value| frame.stack.push(value)))
    }

    fn bulk(&mut self, instr: &Instr, frame: &mut Frame) -> Result<(), TrapCode> {
        let (a, b) = (instr.a as usize, instr.b as usize);
        let memory = TrapCode::MemoryOutOfBounds;
        let table = TrapCode::TableOutOfBounds;
        match instr.op {
            Op::MemoryCopy => {
                let (dst, src, len) = frame.pop3();
                let from = range(src, len, self.memory.len()).ok_or(memory)?;
                let to = range(dst, len, self.memory.len()).ok_or(memory)?;
                self.memory.copy_within(from, to.start);
            }
            Op::MemoryFill => {
                let (dst, value, len) = frame.pop3();
                let to = range(dst, len, self.memory.len()).ok_or(memory)?;
                self.memory[to].fill(value as u8);
            }
            Op::MemoryInit => {
                let (dst, src, len) = frame.pop3();
                let from = range(src, len, self.data[a].len()).ok_or(memory)?;
                let to = range(dst, len, self.memory.len()).ok_or(memory)?;
                self.memory[to].copy_from_slice(&self.data[a][from]);
            }
            Op::TableCopy => {
                let (dst, src, len) = frame.pop3();
                let from = range(src, len, self.tables[b].len()).ok_or(table)?;
                let to = range(dst, len, self.tables[a].len()).ok_or(table)?;
                let items = self.tables[b][from].to_vec();
                self.tables[a][to].copy_from_slice(&items);
            }
            Op::TableInit => {
                let (dst, src, len) = frame.pop3();
                let from = range(src, len, self.elems[a].len()).ok_or(table)?;
                let to = range(dst, len, self.tables[b].len()).ok_or(table)?;
                self.tables[b][to].copy_from_slice(&self.elems[a][from]);
            }
            Op::TableGet => {
                let index = frame.pop_i32() as usize;
                frame.stack.push(*self.tables[a].get(index).ok_or(table)?);
            }
            Op::TableSet => {
                let (value, index) = (frame.pop(), frame.pop_i32() as usize);
                *self.tables[a].get_mut(index).ok_or(table)? = value;
            }
            Op::TableSize => frame.stack.push(self.tables[a].len() as u64),
            Op::TableGrow => self.table_grow(a, frame),
            Op::TableFill => {
                let (len, value, at) = (frame.pop_i32(), frame.pop(), frame.pop_i32());
                let to = range(at, len, self.tables[a].len()).ok_or(table)?;
                self.tables[a][to].fill(value);
            }
            op => panic!("the evaluator has no {}", op.mnemonic()),
        }
        Ok(())
    }

    fn table_grow(&mut self, table: usize, frame: &mut Frame) {
        let (count, value) = (frame.pop_i32() as usize, frame.pop());
        let old = self.tables[table].len();
        let max = self.env.spaces.tables[table].limits.max.unwrap_or(1 << 20);
        let fits = (old + count) as u64 <= max.min(1 << 20);
        if fits {
            self.tables[table].resize(old + count, value);
        }
        frame
            .stack
            .push(if fits { old as u64 } else { 0xffff_ffff });
    }

    fn memory_access(&mut self, instr: &Instr, frame: &mut Frame) -> Option<Result<(), TrapCode>> {
        let group = instr.op.info().group;
        let value = match group {
            dotvm_isa::ops::Group::Load => 0,
            dotvm_isa::ops::Group::Store => frame.pop(),
            _ => return None,
        };
        let at = (u64::from(frame.pop_i32()) + instr.a) as usize;
        Some(
            match group {
                dotvm_isa::ops::Group::Load => {
                    load(instr.op, &self.memory, at).map(|value| frame.stack.push(value))
                }
                _ => store(instr.op, &mut self.memory, at, value),
            }
            .ok_or(TrapCode::MemoryOutOfBounds),
        )
    }
}

/// The indices `at..at + len`, where they are below `size`.
fn range(at: u32, len: u32, size: usize) -> Option<std::ops::Range<usize>> {
    let (start, end) = (at as usize, at as usize + len as usize);
    (end <= size).then_some(start..end)
}

macro_rules! memory_ops {
    (
        unary { $($unary:tt)* } binary { $($binary:tt)* }
        load { $($l:ident $lm:literal $lc:literal $li:tt $lcat:ident $la:ident $lf:literal $ls:tt $ld:literal;)* }
        store { $($s:ident $sm:literal $sc:literal $si:tt $scat:ident $sa:ident $sf:literal $ss:tt $sd:literal;)* }
        $($rest:tt)*
    ) => {
        fn load(op: Op, memory: &[u8], at: usize) -> Option<u64> {
            match op {
                $(Op::$l => {
                    let bytes = memory.get(at..)?.first_chunk()?;
                    Some(semantics::$l::value(*bytes).to_slot())
                })*
                _ => unreachable!("no load"),
            }
        }

        fn store(op: Op, memory: &mut [u8], at: usize, value: u64) -> Option<()> {
            match op {
                $(Op::$s => {
                    let bytes = semantics::$s::bytes(SlotValue::from_slot(value));
                    *memory.get_mut(at..)?.first_chunk_mut()? = bytes;
                    Some(())
                })*
                _ => unreachable!("no store"),
            }
        }
    };
}
dotvm_isa::for_each_op!(memory_ops);

enum Exit {
    Return,
    TailCall(u32),
}

struct Frame {
    locals: Vec<u64>,
    stack: Vec<u64>,
    pc: usize,
}

impl Frame {
    fn pop(&mut self) -> u64 {
        self.stack.pop().expect("verified")
    }

    fn pop_i32(&mut self) -> u32 {
        self.pop() as u32
    }

    /// Three `i32` operands, in the order they were pushed.
    fn pop3(&mut self) -> (u32, u32, u32) {
        let (c, b, a) = (self.pop_i32(), self.pop_i32(), self.pop_i32());
        (a, b, c)
    }

    /// Pops the operands of a pure instruction with two results, and pushes these.
    fn halves(&mut self, op: Op, operands: usize) {
        let operands = self.stack.split_off(self.stack.len() - operands);
        let results = semantics::eval_pure(op, &operands, 0, 0).unwrap().unwrap();
        self.stack.extend(&results[..2]);
    }

    /// The instructions that only move values on the stack; false for others.
    fn rearrange(&mut self, instr: &Instr) -> bool {
        let top = self.stack.len();
        match instr.op {
            Op::Nop | Op::Cold | Op::Loop => {}
            Op::Select => {
                let condition = self.pop_i32();
                let (b, a) = (self.pop(), self.pop());
                self.stack.push(if condition != 0 { a } else { b });
            }
            Op::Pop => drop(self.pop()),
            Op::Dup => self.stack.push(self.stack[top - 1]),
            Op::Swap => self.stack.swap(top - 1, top - 2),
            Op::Rot => self.stack[top - 3..].rotate_left(1),
            Op::Over => self.stack.push(self.stack[top - 2]),
            Op::Nip => drop(self.stack.remove(top - 2)),
            Op::Tuck => self.stack.insert(top - 2, self.stack[top - 1]),
            Op::Pick => self.stack.push(self.stack[top - 1 - instr.a as usize]),
            Op::Slide => {
                let kept = top - instr.b as usize;
                self.stack.drain(kept - instr.a as usize..kept);
            }
            _ => return false,
        }
        true
    }
}
