//! A function: its instructions.

use std::collections::BTreeMap;

use dotvm::isa::debug::Row as LineRow;
use dotvm::isa::{CodeBuilder, FuncType, Label, Op as M, ValType};

use super::loops::{self, Hoisted};
use super::runtime::{BOX_FLOAT, BOX_INT, FN, GLOBALS, Items, VEC};
use super::{Body, Lowerer, Rep, location};
use crate::vitbc::module::{Const, Function, Instr, Row, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};

/// What ends a function where something is wrong; out of the way of what is right.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Fault {
    /// An index (register) outside of an array (register).
    Index(u32, u32),
    Variant,
}

/// Which constant a register is, where it is nothing else.
#[derive(Clone, Copy)]
enum Known {
    Int(i64),
    Float(f64),
    Bool(bool),
}

pub(super) struct Coder<'l, 'm> {
    pub(super) lowerer: &'l mut Lowerer<'m>,
    pub(super) function: &'m Function,
    pub(super) code: CodeBuilder,
    number: u32,
    known: Vec<Option<Known>>,
    /// Whether an instruction's result is left on the stack, for the next one to take.
    left: Vec<bool>,
    /// The register whose value is on the stack.
    pending: Option<u32>,
    labels: BTreeMap<u32, Label>,
    at: usize,
    line: Option<(u32, u32)>,
    faults: BTreeMap<(Fault, Option<(u32, u32)>), Label>,
    marks: Vec<(usize, (u32, u32))>,
    /// A local behind those of registers, for a reference. Two for each of what is hoisted follow.
    temporary: u64,
    hoisted: Vec<Hoisted>,
}

/// What is known of a function's registers and places before it is lowered.
struct Survey {
    /// Whether jumps lead there; from behind, too.
    targets: BTreeMap<u32, bool>,
    known: Vec<Option<Known>>,
    left: Vec<bool>,
}

/// Lowers a function.
pub(super) fn function(lowerer: &mut Lowerer<'_>, number: usize) -> Body {
    let function = &lowerer.module.functions[number];
    let survey = survey(lowerer, function);
    let params = lowerer.types_of(function.params.iter().map(|(_, ty)| *ty));
    let mut locals = lowerer.types_of(function.registers.iter().copied());
    let temporary = (params.len() + locals.len()) as u64;
    locals.push(ValType::AnyRef);
    let hoisted = match lowerer.traced {
        true => Vec::new(),
        false => loops::hoisted(lowerer, function, &survey.targets),
    };
    for _ in &hoisted {
        locals.extend([ValType::I64, ValType::AnyRef]);
    }
    let mut groups: Vec<(u32, ValType)> = Vec::new();
    for ty in locals {
        match groups.last_mut() {
            Some((count, last)) if *last == ty => *count += 1,
            _ => groups.push((1, ty)),
        }
    }
    let mut code = CodeBuilder::new(&groups);
    let targets = survey.targets.keys();
    let labels = targets.map(|target| (*target, code.new_label())).collect();
    let result = lowerer.result_of(function.result);
    let coder = Coder {
        lowerer,
        function,
        code,
        number: number as u32,
        known: survey.known,
        left: survey.left,
        pending: None,
        labels,
        at: 0,
        line: None,
        faults: BTreeMap::new(),
        marks: Vec::new(),
        temporary,
        hoisted,
    };
    let (code, rows) = coder.run(&survey.targets);
    Body {
        ty: FuncType::new(params, result),
        code,
        name: function.name.clone(),
        rows,
    }
}

/// The register that an instruction writes.
pub(super) fn written(instr: &Instr) -> Option<u32> {
    use crate::vitbc::ops::Operand;
    let mut operands = instr.operands();
    let found = operands.find(|(operand, _)| matches!(operand, Operand::Dest | Operand::Result));
    found
        .map(|(_, number)| number)
        .filter(|number| *number != NO_RESULT)
}

/// Calls `f` with each register that an instruction reads.
fn read(instr: &Instr, mut f: impl FnMut(u32)) {
    use crate::vitbc::ops::Operand;
    for (operand, number) in instr.operands() {
        if operand == Operand::Reg {
            f(number);
        }
    }
    instr.list.iter().copied().for_each(f);
}

fn survey(lowerer: &Lowerer<'_>, function: &Function) -> Survey {
    let mut targets = BTreeMap::new();
    for (i, instr) in function.code.iter().enumerate() {
        let target = match instr.op {
            Op::Jump => instr.fixed[0],
            Op::If => instr.fixed[1],
            _ => continue,
        };
        *targets.entry(target).or_insert(false) |= target as usize <= i;
    }
    let count = function.registers.len();
    let mut known = vec![None; count];
    let mut left = vec![false; function.code.len()];
    if lowerer.traced {
        return Survey {
            targets,
            known,
            left,
        };
    }
    // A stretch of code is only entered at its start, so what was written in it before was written.
    let mut stretch = 0u32;
    let (mut writes, mut reads) = (vec![0u32; count], vec![0u32; count]);
    let mut made_in = vec![u32::MAX; count];
    let mut elsewhere = vec![false; count];
    for (i, instr) in function.code.iter().enumerate() {
        if targets.contains_key(&(i as u32)) {
            stretch += 1;
        }
        read(instr, |register| {
            reads[register as usize] += 1;
            elsewhere[register as usize] |= made_in[register as usize] != stretch;
        });
        if let Some(register) = written(instr) {
            writes[register as usize] += 1;
            made_in[register as usize] = stretch;
        }
    }
    for instr in &function.code {
        let Some(register) = written(instr) else {
            continue;
        };
        let at = register as usize;
        if writes[at] != 1 || elsewhere[at] {
            continue;
        }
        known[at] = match instr.op {
            Op::LoadConst => match &lowerer.module.consts[instr.fixed[1] as usize] {
                Const::Int(value) => Some(Known::Int(*value)),
                Const::Float(value) => Some(Known::Float(*value)),
                Const::Str(_) => None,
            },
            Op::LoadBool => Some(Known::Bool(instr.fixed[1] != 0)),
            _ => None,
        };
    }
    for (i, pair) in function.code.windows(2).enumerate() {
        let Some(register) = written(&pair[0]) else {
            continue;
        };
        let at = register as usize;
        left[i] = writes[at] == 1
            && reads[at] == 1
            && known[at].is_none()
            && !targets.contains_key(&(i as u32 + 1))
            && first_operand(lowerer, function, &pair[1]) == Some(register);
    }
    Survey {
        targets,
        known,
        left,
    }
}

/// The register whose value an instruction takes first, and only once.
fn first_operand(lowerer: &Lowerer<'_>, function: &Function, instr: &Instr) -> Option<u32> {
    let fixed = &instr.fixed;
    let rep = |at: usize| lowerer.rep(function.registers[fixed[at] as usize]);
    match instr.op {
        Op::If | Op::Return => Some(fixed[0]),
        Op::Not | Op::Mov | Op::StoreGlobal | Op::Load | Op::Some | Op::IsNull => Some(fixed[1]),
        Op::And | Op::Or => Some(fixed[1]),
        Op::Tag if rep(1) == Rep::Ref => Some(fixed[1]),
        Op::Neg if rep(1) == Rep::Float => Some(fixed[1]),
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod if rep(1) != Rep::Ref => Some(fixed[1]),
        Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge if rep(1) != Rep::Ref => Some(fixed[1]),
        Op::Call => instr.list.first().copied(),
        _ => None,
    }
}

impl Coder<'_, '_> {
    fn run(mut self, targets: &BTreeMap<u32, bool>) -> (Vec<u8>, Vec<LineRow>) {
        let function = self.function;
        let mut lines = function.lines.iter().peekable();
        for (i, instr) in function.code.iter().enumerate() {
            self.at = i;
            if let Some((_, file, line)) = lines.next_if(|(at, ..)| *at as usize == i) {
                self.line = Some((*file, *line));
                let mark = self.code.mark();
                self.marks.push((mark, (*file, *line)));
            }
            if let Some(is_backward) = targets.get(&(i as u32)) {
                self.hoist(i as u32);
                let label = self.labels[&(i as u32)];
                self.code.bind(label);
                if *is_backward {
                    self.code.op(M::Loop);
                }
            }
            if self.lowerer.traced {
                self.trace(i, instr);
            }
            self.instr(instr);
        }
        let ends = function.code.last().is_some_and(|instr| instr.op.ends());
        if !ends {
            self.code.op(M::Ret);
        }
        self.write_faults();
        let (code, offsets) = self.code.finish_with_marks();
        let mut rows: Vec<LineRow> = Vec::with_capacity(self.marks.len());
        for (mark, (file, line)) in self.marks {
            let offset = offsets[mark];
            if rows.last().is_some_and(|row| row.offset == offset) {
                rows.pop();
            }
            rows.push(LineRow {
                offset,
                scope: 0,
                location: Some(location(file, line)),
                is_stmt: true,
            });
        }
        (code, rows)
    }

    fn write_faults(&mut self) {
        for ((fault, line), label) in std::mem::take(&mut self.faults) {
            if let Some(place) = line {
                let mark = self.code.mark();
                self.marks.push((mark, place));
            }
            self.code.bind(label);
            match fault {
                Fault::Index(index, array) => {
                    self.get(index);
                    self.get(array);
                    self.code.op2(M::StructGet, VEC, 0);
                    self.code.op(M::I64ExtendI32U);
                    self.call("fail.index");
                }
                Fault::Variant => {
                    self.code.op1(M::I32Push, 13);
                    self.code.op1(M::I64Push, 0);
                    self.code.op1(M::I64Push, 0);
                    self.call("fail");
                }
            }
            self.code.op(M::Trap);
        }
    }

    fn fault(&mut self, fault: Fault) -> Label {
        let key = (fault, self.line);
        if let Some(&label) = self.faults.get(&key) {
            return label;
        }
        let label = self.code.new_label();
        self.faults.insert(key, label);
        label
    }

    /// Calls a function of the runtime.
    pub(super) fn call(&mut self, name: &str) {
        let index = self.lowerer.runtime.function(name);
        self.code.op1(M::Call, index);
    }

    /// The type of a register.
    pub(super) fn type_of(&self, register: u32) -> Ty {
        self.function.registers[register as usize]
    }

    pub(super) fn rep(&self, register: u32) -> Rep {
        self.lowerer.rep(self.type_of(register))
    }

    fn local(&self, register: u32) -> u64 {
        self.function.params.len() as u64 + u64::from(register)
    }

    /// Pushes the value of a register.
    pub(super) fn get(&mut self, register: u32) {
        if self.pending == Some(register) {
            self.pending = None;
            return;
        }
        match self.known[register as usize] {
            Some(Known::Int(value)) => self.code.op1(M::I64Push, value.cast_unsigned()),
            Some(Known::Float(value)) => self.code.op1(M::F64Push, value.to_bits()),
            Some(Known::Bool(value)) => self.code.op1(M::I32Push, u64::from(value)),
            None => self.code.op1(M::LocalGet, self.local(register)),
        }
    }

    /// Pops the value of a register.
    pub(super) fn put(&mut self, register: u32) {
        if self.left[self.at] {
            self.pending = Some(register);
            return;
        }
        self.code.op1(M::LocalSet, self.local(register));
    }

    /// Pops the result of a call, which nobody may want.
    pub(super) fn put_result(&mut self, register: u32, result: Ty) {
        match register {
            NO_RESULT if result == Ty::VOID => {}
            NO_RESULT => self.code.op(M::Pop),
            register => self.put(register),
        }
    }

    fn instr(&mut self, instr: &Instr) {
        let fixed = &instr.fixed;
        match instr.op {
            Op::LoadConst => self.load_const(fixed[0], fixed[1]),
            Op::LoadBool => {
                if self.known[fixed[0] as usize].is_none() {
                    self.code.op1(M::I32Push, u64::from(fixed[1]));
                    self.put(fixed[0]);
                }
            }
            Op::LoadNull => {
                Rep::Ref.push_zero(&mut self.code);
                self.put(fixed[0]);
            }
            Op::LoadArg => {
                self.code.op1(M::LocalGet, u64::from(fixed[1]));
                self.put(fixed[0]);
            }
            Op::Mov => {
                self.get(fixed[1]);
                self.put(fixed[0]);
            }
            Op::LoadGlobal => {
                self.code.op1(M::GlobalGet, u64::from(GLOBALS + fixed[1]));
                self.put(fixed[0]);
            }
            Op::StoreGlobal => {
                self.get(fixed[1]);
                self.code.op1(M::GlobalSet, u64::from(GLOBALS + fixed[0]));
            }
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => self.arithmetic(instr),
            Op::Neg => self.neg(fixed[0], fixed[1]),
            Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => self.compare(instr),
            Op::And | Op::Or => {
                self.get(fixed[1]);
                self.get(fixed[2]);
                let op = if instr.op == Op::And {
                    M::I32And
                } else {
                    M::I32Or
                };
                self.code.op(op);
                self.put(fixed[0]);
            }
            Op::Not => {
                self.get(fixed[1]);
                self.code.op(M::I32Eqz);
                self.put(fixed[0]);
            }
            Op::Jump => self.code.jump(M::Jmp, self.labels[&fixed[0]]),
            Op::If => {
                self.get(fixed[0]);
                self.code.jump(M::Jnz, self.labels[&fixed[1]]);
            }
            Op::Return => {
                self.get(fixed[0]);
                self.code.op(M::Ret);
            }
            Op::ReturnNone => self.code.op(M::Ret),
            Op::Call => {
                for register in &instr.list {
                    self.get(*register);
                }
                let callee = u64::from(self.lowerer.first + fixed[0]);
                self.code.op1(M::Call, callee);
                let result = self.lowerer.module.functions[fixed[0] as usize].result;
                self.put_result(fixed[1], result);
            }
            Op::CallClosure => self.call_closure(instr),
            Op::CallNative => self.call_native(instr),
            Op::Closure => self.closure(instr),
            Op::Print => {
                let ty = self.type_of(fixed[0]);
                self.get(fixed[0]);
                self.show(ty);
                self.write_out();
            }
            Op::Alloc => self.alloc(instr),
            Op::Load => {
                let object = self.object_of(fixed[1]);
                self.get(fixed[1]);
                self.code.op2(M::StructGet, object, u64::from(fixed[2]));
                self.put(fixed[0]);
            }
            Op::Store => {
                let object = self.object_of(fixed[0]);
                self.get(fixed[0]);
                self.get(fixed[2]);
                self.code.op2(M::StructSet, object, u64::from(fixed[1]));
            }
            Op::Get => self.element(fixed[0], fixed[1], fixed[2]),
            Op::Set => self.set_element(fixed[0], fixed[1], fixed[2]),
            Op::Variant => self.variant(instr),
            Op::Tag => {
                self.get(fixed[1]);
                if self.rep(fixed[1]) == Rep::Ref {
                    let object = self.object_of(fixed[1]);
                    self.code.op2(M::StructGet, object, 0);
                }
                self.code.op(M::I64ExtendI32U);
                self.put(fixed[0]);
            }
            Op::Payload => self.payload(instr),
            Op::Some => {
                let rep = self.rep(fixed[1]);
                self.get(fixed[1]);
                self.wrap(rep);
                self.put(fixed[0]);
            }
            Op::Unwrap => {
                let rep = self.rep(fixed[0]);
                self.get(fixed[1]);
                self.unwrap(rep);
                self.put(fixed[0]);
            }
            Op::IsNull => {
                self.get(fixed[1]);
                self.code.op(M::RefIsNull);
                self.put(fixed[0]);
            }
        }
    }

    /// Makes an optional value of the value on the stack.
    pub(super) fn wrap(&mut self, rep: Rep) {
        match rep {
            Rep::Int => self.code.op1(M::StructNew, BOX_INT),
            Rep::Float => self.code.op1(M::StructNew, BOX_FLOAT),
            Rep::Small => self.code.op(M::RefI31),
            Rep::Ref => {}
        }
    }

    /// The value of the optional one on the stack.
    pub(super) fn unwrap(&mut self, rep: Rep) {
        match rep {
            Rep::Int => self.code.op2(M::StructGet, BOX_INT, 0),
            Rep::Float => self.code.op2(M::StructGet, BOX_FLOAT, 0),
            Rep::Small => self.code.op(M::I31GetU),
            Rep::Ref => self.code.op(M::RefAsNonNull),
        }
    }

    fn load_const(&mut self, dest: u32, number: u32) {
        if self.known[dest as usize].is_some() {
            return;
        }
        match &self.lowerer.module.consts[number as usize] {
            Const::Int(value) => self.code.op1(M::I64Push, value.cast_unsigned()),
            Const::Float(value) => self.code.op1(M::F64Push, value.to_bits()),
            Const::Str(_) => {
                let global = self.lowerer.strings[&number];
                self.code.op1(M::GlobalGet, u64::from(global));
            }
        }
        self.put(dest);
    }

    fn arithmetic(&mut self, instr: &Instr) {
        let &[dest, a, b] = &instr.fixed[..] else {
            unreachable!("three operands")
        };
        match self.rep(a) {
            Rep::Int => {}
            Rep::Float => {
                self.get(a);
                self.get(b);
                self.code.op(match instr.op {
                    Op::Add => M::F64Add,
                    Op::Sub => M::F64Sub,
                    Op::Mul => M::F64Mul,
                    Op::Div => M::F64Div,
                    _ => M::F64Mod,
                });
                return self.put(dest);
            }
            _ => {
                self.get(a);
                self.get(b);
                self.call("str.concat");
                return self.put(dest);
            }
        }
        // A constant on the left is as good on the right, where instructions have room for it.
        let commutes = matches!(instr.op, Op::Add | Op::Mul);
        let is_known = self.known[a as usize].is_some();
        let (a, b) = if commutes && is_known { (b, a) } else { (a, b) };
        self.get(a);
        self.get(b);
        self.code.op(match instr.op {
            Op::Add => M::I64AddChecked,
            Op::Sub => M::I64SubChecked,
            Op::Mul => M::I64MulChecked,
            Op::Div => M::I64Div,
            _ => M::I64Mod,
        });
        self.put(dest);
    }

    fn neg(&mut self, dest: u32, operand: u32) {
        if self.rep(operand) == Rep::Float {
            self.get(operand);
            self.code.op(M::F64Neg);
            return self.put(dest);
        }
        self.code.op1(M::I64Push, 0);
        self.get(operand);
        self.code.op(M::I64SubChecked);
        self.put(dest);
    }

    fn compare(&mut self, instr: &Instr) {
        let &[dest, a, b] = &instr.fixed[..] else {
            unreachable!("three operands")
        };
        self.get(a);
        self.get(b);
        let op = instr.op;
        let at = match op {
            Op::Eq => 0,
            Op::Ne => 1,
            Op::Lt => 2,
            Op::Le => 3,
            Op::Gt => 4,
            _ => 5,
        };
        let ints = [M::I64Eq, M::I64Ne, M::I64Lt, M::I64Le, M::I64Gt, M::I64Ge];
        let floats = [M::F64Eq, M::F64Ne, M::F64Lt, M::F64Le, M::F64Gt, M::F64Ge];
        let small = [M::I32Eq, M::I32Ne, M::I32Lt, M::I32Le, M::I32Gt, M::I32Ge];
        match self.rep(a) {
            Rep::Int => self.code.op(ints[at]),
            Rep::Float => self.code.op(floats[at]),
            Rep::Small => self.code.op(small[at]),
            Rep::Ref => self.compare_references(self.type_of(a), op, small[at]),
        }
        self.put(dest);
    }

    fn compare_references(&mut self, ty: Ty, op: Op, small: M) {
        if !matches!(op, Op::Eq | Op::Ne) {
            self.call("str.cmp");
            self.code.op1(M::I32Push, 0);
            return self.code.op(small);
        }
        let inner = match self.lowerer.module.row(ty) {
            Some(Row::Optional(inner)) => Some(*inner),
            _ => None,
        };
        match (ty, inner) {
            (Ty::STR, _) => self.call("str.eq"),
            (_, Some(Ty::STR)) => self.call("opt.eq_str"),
            (_, Some(Ty::INT)) => self.call("opt.eq_int"),
            (_, Some(Ty::FLOAT)) => self.call("opt.eq_float"),
            _ => self.code.op(M::RefEq),
        }
        if op == Op::Ne {
            self.code.op(M::I32Eqz);
        }
    }

    /// The objects that values of a register are.
    pub(super) fn object_of(&self, register: u32) -> u64 {
        let row = self.type_of(register).row();
        row.map_or(0, |row| self.lowerer.own[row])
    }

    fn call_closure(&mut self, instr: &Instr) {
        let callee = instr.fixed[0];
        let Some(Row::Fn(params, result)) = self.lowerer.module.row(self.type_of(callee)) else {
            unreachable!("verified to be a function")
        };
        self.get(callee);
        self.code.op2(M::StructGet, FN, 1);
        for register in &instr.list {
            self.get(*register);
        }
        self.get(callee);
        self.code.op2(M::StructGet, FN, 0);
        let ty = self.lowerer.closure_type(params, *result);
        self.code.op1(M::CallRef, ty);
        self.put_result(instr.fixed[1], *result);
    }

    fn closure(&mut self, instr: &Instr) {
        let captured = instr.list.len();
        let wrapper = self.lowerer.wrapper(instr.fixed[1], captured);
        self.code.op1(M::RefFunc, wrapper);
        if captured == 0 {
            Rep::Ref.push_zero(&mut self.code);
        } else {
            let reps: Vec<Rep> = instr.list.iter().map(|it| self.rep(*it)).collect();
            for register in &instr.list {
                self.get(*register);
            }
            let object = self.lowerer.environment(&reps);
            self.code.op1(M::StructNew, object);
        }
        self.code.op1(M::StructNew, FN);
        self.put(instr.fixed[0]);
    }

    fn alloc(&mut self, instr: &Instr) {
        let (dest, ty) = (instr.fixed[0], Ty(instr.fixed[1]));
        match self.lowerer.module.row(ty) {
            Some(Row::Array(item)) => {
                let object = self.lowerer.items(*item).object();
                self.code.op1(M::I32Push, instr.list.len() as u64);
                for register in &instr.list {
                    self.get(*register);
                }
                self.code
                    .op2(M::ArrayNewFixed, object, instr.list.len() as u64);
                self.code.op1(M::StructNew, VEC);
            }
            Some(Row::Map(key, value)) => {
                let new = self.lowerer.map_function("new", *key, Some(*value));
                self.call(&new);
                let map = self.temporary;
                self.code.op1(M::LocalSet, map);
                let set = self.lowerer.map_function("set", *key, Some(*value));
                for pair in instr.list.chunks(2) {
                    self.code.op1(M::LocalGet, map);
                    self.get(pair[0]);
                    self.get(pair[1]);
                    self.call(&set);
                }
                self.code.op1(M::LocalGet, map);
            }
            _ => {
                for register in &instr.list {
                    self.get(*register);
                }
                let object = ty.row().map_or(0, |row| self.lowerer.own[row]);
                self.code.op1(M::StructNew, object);
            }
        }
        self.put(dest);
    }

    /// Looks up what can be looked up before a loop.
    fn hoist(&mut self, header: u32) {
        for (number, hoisted) in self.hoisted.clone().into_iter().enumerate() {
            if hoisted.header == header {
                let (len, items) = self.hoisted_locals(number);
                self.get(hoisted.array);
                self.code.op2(M::StructGet, VEC, 0);
                self.code.op(M::I64ExtendI32U);
                self.code.op1(M::LocalSet, len);
                self.get(hoisted.array);
                self.code.op2(M::StructGet, VEC, 1);
                if !self.lowerer.runtime.is_for_wasm() {
                    // So that the compiler knows what it is in the loop.
                    self.code.op1(M::RefCast, hoisted.items.object());
                }
                self.code.op1(M::LocalSet, items);
            }
        }
    }

    /// The locals for an array's length and its elements' object.
    fn hoisted_locals(&self, number: usize) -> (u64, u64) {
        let first = self.temporary + 1 + 2 * number as u64;
        (first, first + 1)
    }

    /// The same where they have been looked up for the instruction.
    pub(super) fn hoisted(&self, array: u32) -> Option<(u64, u64)> {
        let here = |it: &Hoisted| it.array == array && it.covers(self.at);
        let number = self.hoisted.iter().position(here)?;
        Some(self.hoisted_locals(number))
    }

    /// Goes on where there is such an element, and pushes the object that has it and its place there.
    fn place(&mut self, array: u32, index: u32) {
        let fault = self.fault(Fault::Index(index, array));
        if let Some((len, items)) = self.hoisted(array) {
            self.get(index);
            self.code.op1(M::LocalGet, len);
            self.code.op(M::I64GeU);
            self.code.jump(M::Jnz, fault);
            self.code.op1(M::LocalGet, items);
            self.get(index);
            self.code.op(M::I32WrapI64);
            return;
        }
        self.get(index);
        self.get(array);
        self.code.op2(M::StructGet, VEC, 0);
        self.code.op(M::I64ExtendI32U);
        self.code.op(M::I64GeU);
        self.code.jump(M::Jnz, fault);
        self.get(array);
        self.code.op2(M::StructGet, VEC, 1);
        self.get(index);
        self.code.op(M::I32WrapI64);
    }

    fn element(&mut self, dest: u32, base: u32, index: u32) {
        match self.lowerer.module.row(self.type_of(base)) {
            Some(Row::Array(item)) => {
                let items = self.lowerer.items(*item);
                self.place(base, index);
                let op = match items {
                    Items::Bool => M::ArrayGetU,
                    _ => M::ArrayGet,
                };
                self.code.op1(op, items.object());
            }
            Some(Row::Map(key, value)) => {
                let at = self.lowerer.map_function("at", *key, Some(*value));
                self.get(base);
                self.get(index);
                self.call(&at);
            }
            _ => {
                self.get(base);
                self.get(index);
                self.call("str.char");
            }
        }
        self.put(dest);
    }

    fn set_element(&mut self, base: u32, index: u32, value: u32) {
        if let Some(Row::Map(key, item)) = self.lowerer.module.row(self.type_of(base)) {
            let set = self.lowerer.map_function("set", *key, Some(*item));
            self.get(base);
            self.get(index);
            self.get(value);
            return self.call(&set);
        }
        let items = self.lowerer.items(self.type_of(value));
        self.place(base, index);
        self.get(value);
        self.code.op1(M::ArraySet, items.object());
    }

    fn variant(&mut self, instr: &Instr) {
        let (dest, ty, variant) = (instr.fixed[0], Ty(instr.fixed[1]), instr.fixed[2]);
        let lowerer = &*self.lowerer;
        let Some(row @ Row::Enum(_, variants)) = lowerer.module.row(ty) else {
            unreachable!("verified to be an enum")
        };
        self.code.op1(M::I32Push, u64::from(variant));
        if super::is_plain(row) {
            return self.put(dest);
        }
        let types = &variants[variant as usize].1;
        let mut fields: BTreeMap<u64, u32> = BTreeMap::new();
        for number in 0..types.len() {
            let field = lowerer.place(variants, variant as usize, number);
            fields.insert(field, instr.list[number]);
        }
        let mut field = 0;
        for (rep, count) in super::REPS.into_iter().zip(lowerer.places(variants)) {
            for _ in 0..count {
                field += 1;
                match fields.get(&field) {
                    Some(register) => self.get(*register),
                    None => rep.push_zero(&mut self.code),
                }
            }
        }
        let object = ty.row().map_or(0, |row| self.lowerer.own[row]);
        self.code.op1(M::StructNew, object);
        self.put(dest);
    }

    fn payload(&mut self, instr: &Instr) {
        let &[dest, value, variant, number] = &instr.fixed[..] else {
            unreachable!("four operands")
        };
        let lowerer = &*self.lowerer;
        let Some(Row::Enum(_, variants)) = lowerer.module.row(self.type_of(value)) else {
            unreachable!("verified to be an enum")
        };
        let field = lowerer.place(variants, variant as usize, number as usize);
        let object = self.object_of(value);
        let fault = self.fault(Fault::Variant);
        self.get(value);
        self.code.op2(M::StructGet, object, 0);
        self.code.op1(M::I32Push, u64::from(variant));
        self.code.op(M::I32Ne);
        self.code.jump(M::Jnz, fault);
        self.get(value);
        self.code.op2(M::StructGet, object, field);
        self.put(dest);
    }

    /// Reports an instruction to the host, with the value that it returns or prints.
    fn trace(&mut self, at: usize, instr: &Instr) {
        let value = match instr.op {
            Op::Return | Op::Print => Some(instr.fixed[0]),
            _ => None,
        };
        let ty = value.map(|register| self.type_of(register));
        if ty == Some(Ty::STR) {
            self.call("out.clear");
            self.get(value.unwrap_or(0));
            self.call("out.str");
        }
        self.code.op1(M::I32Push, u64::from(self.number));
        self.code.op1(M::I32Push, at as u64);
        let report = match ty {
            Some(Ty::INT) => "trace_int",
            Some(Ty::FLOAT) => "trace_float",
            Some(Ty::BOOL) => "trace_bool",
            Some(Ty::STR) => {
                self.code.op1(M::I32Push, 8192);
                self.code.op1(M::GlobalGet, 0);
                self.code.op1(M::I32Push, 8192);
                self.code.op(M::I32Sub);
                self.call("trace_text");
                return self.call("out.clear");
            }
            _ => return self.call("trace"),
        };
        self.get(value.unwrap_or(0));
        self.call(report);
    }
}
