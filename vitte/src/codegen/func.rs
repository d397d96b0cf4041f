//! A function while it is generated: registers, labels, lines.

use std::collections::HashMap;

use super::{Gen, Key};
use crate::hir;
use crate::source::Span;
use crate::types::Ty as HirTy;
use crate::vitbc::module::{Function, Instr, PARAMS_MAX, REGISTERS_MAX, Ty};
use crate::vitbc::ops::{NO_RESULT, Op};

/// Up to so many registers, each intermediate result has one of its own.
const REGISTERS_FREE: usize = 256;

/// An instruction that jumps lead to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// Where a loop goes on, and where it is left to.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub(super) next: Label,
    pub(super) end: Label,
}

pub(super) struct Func<'g, 'p> {
    pub(super) generator: &'g mut Gen<'p>,
    pub(super) hir: &'p hir::Function,
    /// The number of this function in the module, and what it captures, for closures that use their name.
    pub(super) number: u32,
    pub(super) captured: Vec<u32>,
    out: Function,
    /// Whether a register is a variable's.
    owned: Vec<bool>,
    /// The registers of variables; of those in cells, the cells'.
    locals: Vec<Option<u32>>,
    cells: Vec<bool>,
    labels: Vec<Option<u32>>,
    pub(super) loops: Vec<Loop>,
    /// Registers that nothing needs any more, by their types.
    free: HashMap<Ty, Vec<u32>>,
    /// Registers for intermediate results of the present statement.
    pub(super) temporary: Vec<u32>,
    span: Span,
    line: (u32, u32),
    overflown: bool,
}

impl<'g, 'p> Func<'g, 'p> {
    /// Starts function `number` of the program, and generates what it does.
    pub(super) fn new(generator: &'g mut Gen<'p>, number: u32, capture_cells: Vec<bool>) -> Self {
        let program = generator.program;
        let hir = &program.functions[number as usize];
        let mut cells: Vec<bool> = hir
            .locals
            .iter()
            .map(|local| local.captured && local.assigned)
            .collect();
        for (local, is_cell) in hir.captures.iter().zip(&capture_cells) {
            cells[*local as usize] = *is_cell;
        }
        let own = generator.numbers.get(&number).copied().unwrap_or(0);
        let mut function = Func {
            generator,
            hir,
            number: own,
            captured: Vec::new(),
            out: Function::default(),
            owned: Vec::new(),
            locals: vec![None; hir.locals.len()],
            cells,
            labels: Vec::new(),
            loops: Vec::new(),
            free: HashMap::new(),
            temporary: Vec::new(),
            span: hir.span,
            line: (u32::MAX, 0),
            overflown: false,
        };
        function.parameters();
        function
    }

    fn parameters(&mut self) {
        let hir = self.hir;
        self.out.result = self.generator.ty(hir.result);
        let captures = hir.captures.iter().copied();
        let order: Vec<u32> = captures.chain(0..hir.params).collect();
        if order.len() > PARAMS_MAX {
            let message = format!("{} parameters and captured variables", order.len());
            let hint = "put some into a struct; at most 255 are possible";
            self.generator.too_large(hir.span, message, hint);
            return;
        }
        for (i, local) in order.into_iter().enumerate() {
            let is_capture = i < hir.captures.len();
            let row = &hir.locals[local as usize];
            let mut ty = self.generator.value_ty(row.ty);
            let in_cell = self.cells[local as usize];
            if is_capture && in_cell {
                ty = self.generator.cell(ty);
            }
            // A name may be there twice: a captured variable and a parameter that hides it.
            let mut name = super::bounded(&row.name);
            while self.out.params.iter().any(|(other, _)| *other == name) {
                name.push('\'');
            }
            self.out.params.push((name, ty));
            let register = self.fresh(ty);
            self.owned[register as usize] = true;
            self.emit(Op::LoadArg, &[register, i as u32]);
            if is_capture {
                self.captured.push(register);
                self.locals[local as usize] = Some(register);
            } else if in_cell {
                self.declare(local, register);
            } else {
                self.locals[local as usize] = Some(register);
            }
        }
    }

    /// Ends the function.
    pub(super) fn finish(mut self) -> Function {
        let hir = self.hir;
        self.statements(&hir.body);
        let end = self.out.code.len() as u32;
        let reached = self.labels.contains(&Some(end));
        let ends = self.out.code.last().is_some_and(|instr| instr.op.ends());
        if !ends || reached {
            match self.out.result {
                Ty::VOID => self.emit(Op::ReturnNone, &[]),
                // The checker knows that this is never reached.
                ty => {
                    let register = self.fresh(ty);
                    self.emit(Op::Return, &[register]);
                }
            }
        }
        for instr in &mut self.out.code {
            let at = match instr.op {
                Op::Jump => 0,
                Op::If => 1,
                _ => continue,
            };
            let label = instr.fixed[at] as usize;
            instr.fixed[at] = self.labels[label].expect("every label is bound");
        }
        self.out
    }

    /// Sets where what follows comes from.
    pub(super) fn at(&mut self, span: Span) -> Span {
        std::mem::replace(&mut self.span, span)
    }

    pub(super) fn emit(&mut self, op: Op, fixed: &[u32]) {
        self.emit_list(op, fixed, Vec::new());
    }

    pub(super) fn emit_list(&mut self, op: Op, fixed: &[u32], list: Vec<u32>) {
        let (line, _) = self.generator.sources.line_and_byte(self.span);
        let place = (self.span.file, line as u32);
        if place != self.line {
            self.line = place;
            let at = self.out.code.len() as u32;
            self.out.lines.push((at, place.0, place.1));
        }
        let fixed = fixed.to_vec();
        self.out.code.push(Instr { op, fixed, list });
    }

    /// A register that nobody else has.
    pub(super) fn fresh(&mut self, ty: Ty) -> u32 {
        if self.out.registers.len() >= REGISTERS_MAX {
            if !self.overflown {
                self.overflown = true;
                let message = format!("a function of more than {REGISTERS_MAX} values");
                let hint = "divide it into several functions";
                self.generator.too_large(self.hir.span, message, hint);
            }
            return 0;
        }
        self.out.registers.push(ty);
        self.owned.push(false);
        (self.out.registers.len() - 1) as u32
    }

    /// A register that is never used for something else.
    pub(super) fn own(&mut self, register: u32) {
        if let Some(owned) = self.owned.get_mut(register as usize) {
            *owned = true;
        }
    }

    /// A register for an intermediate result.
    pub(super) fn temp(&mut self, ty: Ty) -> u32 {
        if self.out.registers.len() > REGISTERS_FREE
            && let Some(register) = self.free.get_mut(&ty).and_then(Vec::pop)
        {
            self.temporary.push(register);
            return register;
        }
        let register = self.fresh(ty);
        self.temporary.push(register);
        register
    }

    /// Registers of a statement's intermediate results can be used again, but for those that became variables.
    pub(super) fn release(&mut self, temporary: Vec<u32>) {
        for register in temporary {
            if !self.owned[register as usize] {
                let ty = self.out.registers[register as usize];
                self.free.entry(ty).or_default().push(register);
            }
        }
    }

    /// The type of a register.
    pub(super) fn type_of(&self, register: u32) -> Ty {
        let ty = self.out.registers.get(register as usize);
        ty.copied().unwrap_or(Ty::BOOL)
    }

    pub(super) fn ty(&mut self, ty: HirTy) -> Ty {
        self.generator.value_ty(ty)
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub(super) fn bind(&mut self, label: Label) {
        self.labels[label.0] = Some(self.out.code.len() as u32);
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.emit(Op::Jump, &[label.0 as u32]);
    }

    pub(super) fn jump_if(&mut self, register: u32, label: Label) {
        self.emit(Op::If, &[register, label.0 as u32]);
    }

    /// A call of a function that takes and gives nothing.
    pub(super) fn call_nothing(&mut self, function: u32) {
        self.emit_list(Op::Call, &[function, NO_RESULT], Vec::new());
    }

    pub(super) fn constant(&mut self, key: Key, ty: Ty, dest: Option<u32>) -> u32 {
        let number = self.generator.constant(key);
        let dest = self.dest(dest, ty);
        self.emit(Op::LoadConst, &[dest, number]);
        dest
    }

    /// A register for a result: the one that is wanted, if it has the type.
    pub(super) fn dest(&mut self, dest: Option<u32>, ty: Ty) -> u32 {
        match dest {
            Some(dest) if self.type_of(dest) == ty => dest,
            _ => self.temp(ty),
        }
    }

    /// Moves a value where it is not there yet.
    pub(super) fn moved(&mut self, from: u32, to: u32) {
        if from != to && self.type_of(from) == self.type_of(to) {
            self.emit(Op::Mov, &[to, from]);
        }
    }

    /// Whether a variable is in a cell.
    pub(super) fn is_cell(&self, local: u32) -> bool {
        self.cells[local as usize]
    }

    /// The register of a variable, or of its cell.
    pub(super) fn local(&mut self, local: u32) -> u32 {
        if let Some(register) = self.locals[local as usize] {
            return register;
        }
        // Declared where it cannot be reached from here: its type is all that counts.
        let mut ty = self.generator.value_ty(self.hir.locals[local as usize].ty);
        if self.is_cell(local) {
            ty = self.generator.cell(ty);
        }
        let register = self.fresh(ty);
        self.owned[register as usize] = true;
        self.locals[local as usize] = Some(register);
        register
    }

    /// A variable starts with the value in a register.
    pub(super) fn declare(&mut self, local: u32, value: u32) {
        if self.is_cell(local) {
            let cell = self.local(local);
            let ty = self.type_of(cell);
            self.emit_list(Op::Alloc, &[cell, ty.0], vec![value]);
            return;
        }
        let ty = self.generator.value_ty(self.hir.locals[local as usize].ty);
        let is_free = !self.owned[value as usize]
            && self.locals[local as usize].is_none()
            && self.type_of(value) == ty;
        if is_free {
            self.owned[value as usize] = true;
            self.locals[local as usize] = Some(value);
            return;
        }
        let register = self.local(local);
        self.moved(value, register);
    }

    /// A variable that nothing assigns to has its value in a register that the loop around it counts with.
    pub(super) fn declare_counter(&mut self, local: u32, counter: u32) {
        if self.is_cell(local) || self.hir.locals[local as usize].assigned {
            return self.declare(local, counter);
        }
        self.locals[local as usize] = Some(counter);
    }

    /// The value of a variable.
    pub(super) fn read(&mut self, local: u32, dest: Option<u32>) -> u32 {
        let register = self.local(local);
        if !self.is_cell(local) {
            return register;
        }
        let ty = self.generator.value_ty(self.hir.locals[local as usize].ty);
        let dest = self.dest(dest, ty);
        self.emit(Op::Load, &[dest, register, 0]);
        dest
    }

    /// Sets a variable that has a value already.
    pub(super) fn write(&mut self, local: u32, value: u32) {
        let register = self.local(local);
        match self.is_cell(local) {
            true => self.emit(Op::Store, &[register, 0, value]),
            false => self.moved(value, register),
        }
    }
}
