//! Instructions on integers: what counts iterations and computes addresses.

use dotvm_isa::{Instr, Op, ValType};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};

use super::generator::{Entry, Generator};
use super::groups::Sum;
use super::registers::{Class, Reg};

/// Conditions of comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Equal,
    NotEqual,
    Less,
    Below,
    Greater,
    Above,
    LessOrEqual,
    BelowOrEqual,
    GreaterOrEqual,
    AboveOrEqual,
    Overflow,
    NoOverflow,
}

impl Condition {
    pub(super) fn not(self) -> Condition {
        use Condition as C;
        match self {
            C::Equal => C::NotEqual,
            C::NotEqual => C::Equal,
            C::Less => C::GreaterOrEqual,
            C::Below => C::AboveOrEqual,
            C::Greater => C::LessOrEqual,
            C::Above => C::BelowOrEqual,
            C::LessOrEqual => C::Greater,
            C::BelowOrEqual => C::Above,
            C::GreaterOrEqual => C::Less,
            C::AboveOrEqual => C::Below,
            C::Overflow => C::NoOverflow,
            C::NoOverflow => C::Overflow,
        }
    }

    /// What holds of operands the other way round.
    pub(super) fn swapped(self) -> Condition {
        use Condition as C;
        match self {
            C::Equal | C::NotEqual | C::Overflow | C::NoOverflow => self,
            C::Less => C::Greater,
            C::Below => C::Above,
            C::Greater => C::Less,
            C::Above => C::Below,
            C::LessOrEqual => C::GreaterOrEqual,
            C::BelowOrEqual => C::AboveOrEqual,
            C::GreaterOrEqual => C::LessOrEqual,
            C::AboveOrEqual => C::BelowOrEqual,
        }
    }

    /// Whether numbers have signs.
    pub(super) fn is_signed(self) -> bool {
        use Condition as C;
        matches!(
            self,
            C::Less | C::Greater | C::LessOrEqual | C::GreaterOrEqual
        )
    }

    /// The condition of a comparison, and whether it is one of 64 bits.
    pub(super) fn of(op: Op) -> Option<(Condition, bool)> {
        use Condition as C;
        Some(match op {
            Op::I32Eq | Op::I32Eqz => (C::Equal, false),
            Op::I32Ne => (C::NotEqual, false),
            Op::I32Lt => (C::Less, false),
            Op::I32LtU => (C::Below, false),
            Op::I32Gt => (C::Greater, false),
            Op::I32GtU => (C::Above, false),
            Op::I32Le => (C::LessOrEqual, false),
            Op::I32LeU => (C::BelowOrEqual, false),
            Op::I32Ge => (C::GreaterOrEqual, false),
            Op::I32GeU => (C::AboveOrEqual, false),
            Op::I64Eq | Op::I64Eqz => (C::Equal, true),
            Op::I64Ne => (C::NotEqual, true),
            Op::I64Lt => (C::Less, true),
            Op::I64LtU => (C::Below, true),
            Op::I64Gt => (C::Greater, true),
            Op::I64GtU => (C::Above, true),
            Op::I64Le => (C::LessOrEqual, true),
            Op::I64LeU => (C::BelowOrEqual, true),
            Op::I64Ge => (C::GreaterOrEqual, true),
            Op::I64GeU => (C::AboveOrEqual, true),
            _ => return None,
        })
    }
}

/// One instruction with a register of 32 or 64 bits and another operand.
macro_rules! sized {
    ($g:expr, $wide:expr, $name:ident, $d:expr, $s:expr) => {
        match $wide {
            true => dynasm!($g.ops ; .arch x64 ; $name Rq($d), Rq($s)),
            false => dynasm!($g.ops ; .arch x64 ; $name Rd($d), Rd($s)),
        }
    };
}

/// The same with a number.
macro_rules! sized_imm {
    ($g:expr, $wide:expr, $name:ident, $d:expr, $imm:expr) => {
        match $wide {
            true => dynasm!($g.ops ; .arch x64 ; $name Rq($d), $imm),
            false => dynasm!($g.ops ; .arch x64 ; $name Rd($d), $imm),
        }
    };
}

/// Shifts by a register, which other registers do not mind.
macro_rules! shift {
    ($g:expr, $wide:expr, $name:ident, $d:expr, $s:expr, $count:expr) => {
        match $wide {
            true => dynasm!($g.ops ; .arch x64 ; $name Rq($d), Rq($s), Rq($count)),
            false => dynasm!($g.ops ; .arch x64 ; $name Rd($d), Rd($s), Rd($count)),
        }
    };
}

/// A load into a general register.
macro_rules! load {
    ($g:expr, $instr:expr, $name:ident $size:ident $reg:ident) => {{
        let address = $g.address($instr)?;
        let (base, index, at) = address.place();
        $g.release(Entry::Memory(address));
        let dest = $g.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        $g.may_trap();
        dynasm!($g.ops ; .arch x64 ; $name $reg(d), $size [Rq(base) + Rq(index) + at]);
        $g.done(dest);
    }};
}

/// A store of a general register.
macro_rules! store {
    ($g:expr, $instr:expr, $size:ident $reg:ident) => {{
        let (value, s) = $g.pop_int()?;
        let address = $g.address($instr)?;
        let (base, index, at) = address.place();
        $g.may_trap();
        dynasm!($g.ops ; .arch x64 ; mov $size [Rq(base) + Rq(index) + at], $reg(s));
        $g.release(Entry::Memory(address));
        $g.release(value);
    }};
}

/// What computes an integer of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Binary {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    ShrU,
}

impl Binary {
    fn of(op: Op) -> Option<(Binary, bool)> {
        Some(match op {
            Op::I32Add => (Binary::Add, false),
            Op::I32Sub => (Binary::Sub, false),
            Op::I32Mul => (Binary::Mul, false),
            Op::I32And => (Binary::And, false),
            Op::I32Or => (Binary::Or, false),
            Op::I32Xor => (Binary::Xor, false),
            Op::I32Shl => (Binary::Shl, false),
            Op::I32Shr => (Binary::Shr, false),
            Op::I32ShrU => (Binary::ShrU, false),
            Op::I64Add => (Binary::Add, true),
            Op::I64Sub => (Binary::Sub, true),
            Op::I64Mul => (Binary::Mul, true),
            Op::I64And => (Binary::And, true),
            Op::I64Or => (Binary::Or, true),
            Op::I64Xor => (Binary::Xor, true),
            Op::I64Shl => (Binary::Shl, true),
            Op::I64Shr => (Binary::Shr, true),
            Op::I64ShrU => (Binary::ShrU, true),
            _ => return None,
        })
    }
}

impl Generator<'_> {
    /// Generates an instruction of this file. `None` where it is not one of them; then nothing has happened
    /// yet, or the kernel is given up.
    pub(super) fn scalar(&mut self, instr: &Instr) -> Option<()> {
        if let Some((condition, wide)) = Condition::of(instr.op) {
            return self.compare(condition, wide, matches!(instr.op, Op::I32Eqz | Op::I64Eqz));
        }
        if let Some((op, wide)) = Binary::of(instr.op) {
            return self.binary(op, wide);
        }
        match instr.op {
            Op::I32Load => load!(self, instr, mov DWORD Rd),
            Op::I64Load => load!(self, instr, mov QWORD Rq),
            Op::I32Load8U | Op::I64Load8U => load!(self, instr, movzx BYTE Rd),
            Op::I32Load16U | Op::I64Load16U => load!(self, instr, movzx WORD Rd),
            Op::I64Load32U => load!(self, instr, mov DWORD Rd),
            Op::I32Load8S => load!(self, instr, movsx BYTE Rd),
            Op::I32Load16S => load!(self, instr, movsx WORD Rd),
            Op::I64Load8S => load!(self, instr, movsx BYTE Rq),
            Op::I64Load16S => load!(self, instr, movsx WORD Rq),
            Op::I64Load32S => load!(self, instr, movsxd DWORD Rq),
            Op::I32Store | Op::I64Store32 => store!(self, instr, DWORD Rd),
            Op::I64Store => store!(self, instr, QWORD Rq),
            Op::I32Store16 | Op::I64Store16 => store!(self, instr, WORD Rw),
            Op::I32Store8 | Op::I64Store8 => store!(self, instr, BYTE Rb),
            Op::I32WrapI64 | Op::I64ExtendI32U => self.unary(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; mov Rd(d), Rd(s));
            })?,
            Op::I64ExtendI32 => self.unary(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; movsxd Rq(d), Rd(s));
            })?,
            Op::I32Ctz => self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; tzcnt Rd(d), Rd(s)))?,
            Op::I64Ctz => self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; tzcnt Rq(d), Rq(s)))?,
            Op::I32Clz => self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; lzcnt Rd(d), Rd(s)))?,
            Op::I64Clz => self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; lzcnt Rq(d), Rq(s)))?,
            Op::I32ReinterpretF32 => self.float_to_int(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovd Rd(d), Rx(s));
            })?,
            Op::I64ReinterpretF64 => self.float_to_int(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovq Rq(d), Rx(s));
            })?,
            Op::F32ReinterpretI32 => self.int_to_float(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovd Rx(d), Rd(s));
            })?,
            Op::F64ReinterpretI64 => self.int_to_float(|g, d, s| {
                dynasm!(g.ops ; .arch x64 ; vmovq Rx(d), Rq(s));
            })?,
            Op::I32Popcnt => {
                self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; popcnt Rd(d), Rd(s)))?;
            }
            Op::I64Popcnt => {
                self.unary(|g, d, s| dynasm!(g.ops ; .arch x64 ; popcnt Rq(d), Rq(s)))?;
            }
            _ => return None,
        }
        Some(())
    }

    fn unary(&mut self, emit: impl Fn(&mut Self, u8, u8)) -> Option<()> {
        let (entry, s) = self.pop_int()?;
        self.release(entry);
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        emit(self, d, s);
        self.done(dest);
        Some(())
    }

    /// A float's bits as an integer.
    fn float_to_int(&mut self, emit: impl Fn(&mut Self, u8, u8)) -> Option<()> {
        let (entry, from) = self.pop_vec()?;
        self.release(entry);
        let dest = self.dest(Class::Int)?;
        let (Reg::Vec(s), Reg::Int(d)) = (from, dest.reg) else {
            return None;
        };
        emit(self, d, s);
        self.done(dest);
        Some(())
    }

    /// An integer's bits as a float.
    fn int_to_float(&mut self, emit: impl Fn(&mut Self, u8, u8)) -> Option<()> {
        let (entry, s) = self.pop_int()?;
        self.release(entry);
        let dest = self.dest(Class::Vec)?;
        let Reg::Vec(d) = dest.reg else { return None };
        emit(self, d, s);
        self.done(dest);
        Some(())
    }

    /// A comparison, with the jump that comes next if one does.
    fn compare(&mut self, condition: Condition, wide: bool, with_zero: bool) -> Option<()> {
        let mut b = match with_zero {
            true => Entry::Const(ValType::I32, 0),
            false => self.pop()?,
        };
        let (a, left) = self.pop_int()?;
        match immediate(b, wide) {
            Some(0) if matches!(condition, Condition::Equal | Condition::NotEqual) => {
                self.test_int(wide, left);
            }
            Some(number) => sized_imm!(self, wide, cmp, left, number),
            None => {
                let Reg::Int(right) = self.reg(&mut b)? else {
                    return None;
                };
                sized!(self, wide, cmp, left, right);
            }
        }
        self.release(a);
        self.release(b);
        self.by_flags(condition)
    }

    /// A condition that the processor's flags have: the jump that comes next, if one does, or a number.
    pub(super) fn by_flags(&mut self, condition: Condition) -> Option<()> {
        if let Some((when, label)) = self.take_jump() {
            self.jump_on(if when { condition } else { condition.not() }, label);
            return Some(());
        }
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        self.set_if(condition, d);
        self.done(dest);
        Some(())
    }

    /// Jumps where the processor's flags say so.
    pub(super) fn jump_on(&mut self, condition: Condition, label: DynamicLabel) {
        use Condition as C;
        match condition {
            C::Equal => dynasm!(self.ops ; .arch x64 ; je =>label),
            C::NotEqual => dynasm!(self.ops ; .arch x64 ; jne =>label),
            C::Less => dynasm!(self.ops ; .arch x64 ; jl =>label),
            C::Below => dynasm!(self.ops ; .arch x64 ; jb =>label),
            C::Greater => dynasm!(self.ops ; .arch x64 ; jg =>label),
            C::Above => dynasm!(self.ops ; .arch x64 ; ja =>label),
            C::LessOrEqual => dynasm!(self.ops ; .arch x64 ; jle =>label),
            C::BelowOrEqual => dynasm!(self.ops ; .arch x64 ; jbe =>label),
            C::GreaterOrEqual => dynasm!(self.ops ; .arch x64 ; jge =>label),
            C::AboveOrEqual => dynasm!(self.ops ; .arch x64 ; jae =>label),
            C::Overflow => dynasm!(self.ops ; .arch x64 ; jo =>label),
            C::NoOverflow => dynasm!(self.ops ; .arch x64 ; jno =>label),
        }
    }

    /// 1 or 0, by the comparison before.
    fn set_if(&mut self, condition: Condition, d: u8) {
        use Condition as C;
        match condition {
            C::Equal => dynasm!(self.ops ; .arch x64 ; sete Rb(d)),
            C::NotEqual => dynasm!(self.ops ; .arch x64 ; setne Rb(d)),
            C::Less => dynasm!(self.ops ; .arch x64 ; setl Rb(d)),
            C::Below => dynasm!(self.ops ; .arch x64 ; setb Rb(d)),
            C::Greater => dynasm!(self.ops ; .arch x64 ; setg Rb(d)),
            C::Above => dynasm!(self.ops ; .arch x64 ; seta Rb(d)),
            C::LessOrEqual => dynasm!(self.ops ; .arch x64 ; setle Rb(d)),
            C::BelowOrEqual => dynasm!(self.ops ; .arch x64 ; setbe Rb(d)),
            C::GreaterOrEqual => dynasm!(self.ops ; .arch x64 ; setge Rb(d)),
            C::AboveOrEqual => dynasm!(self.ops ; .arch x64 ; setae Rb(d)),
            C::Overflow => dynasm!(self.ops ; .arch x64 ; seto Rb(d)),
            C::NoOverflow => dynasm!(self.ops ; .arch x64 ; setno Rb(d)),
        }
        dynasm!(self.ops ; .arch x64 ; movzx Rd(d), Rb(d));
    }

    fn binary(&mut self, op: Binary, wide: bool) -> Option<()> {
        let mut b = self.pop()?;
        if let (Binary::Add, Entry::Sum(sum @ Sum { base: None, .. })) = (op, b) {
            return self.add_sum(sum);
        }
        let (mut a, mut left) = self.pop_int()?;
        if let Some(number) = immediate(b, wide) {
            self.release(a);
            let dest = self.dest(Class::Int)?;
            let Reg::Int(d) = dest.reg else { return None };
            self.with_immediate(op, wide, d, left, number);
            self.done(dest);
            return Some(());
        }
        let Reg::Int(mut right) = self.reg(&mut b)? else {
            return None;
        };
        self.release(a);
        self.release(b);
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        match op {
            Binary::Shl => shift!(self, wide, shlx, d, left, right),
            Binary::Shr => shift!(self, wide, sarx, d, left, right),
            Binary::ShrU => shift!(self, wide, shrx, d, left, right),
            Binary::Add if d != left && d != right => match wide {
                true => dynasm!(self.ops ; .arch x64 ; lea Rq(d), [Rq(left) + Rq(right)]),
                false => dynasm!(self.ops ; .arch x64 ; lea Rd(d), [Rq(left) + Rq(right)]),
            },
            _ => {
                if d == right && d != left && op != Binary::Sub {
                    std::mem::swap(&mut left, &mut right);
                    std::mem::swap(&mut a, &mut b);
                }
                if d == right && d != left {
                    // b - a is -(a - b).
                    sized!(self, wide, sub, d, left);
                    match wide {
                        true => dynasm!(self.ops ; .arch x64 ; neg Rq(d)),
                        false => dynasm!(self.ops ; .arch x64 ; neg Rd(d)),
                    }
                } else {
                    self.copy(Reg::Int(d), Reg::Int(left));
                    match op {
                        Binary::Add => sized!(self, wide, add, d, right),
                        Binary::Sub => sized!(self, wide, sub, d, right),
                        Binary::Mul => sized!(self, wide, imul, d, right),
                        Binary::And => sized!(self, wide, and, d, right),
                        Binary::Or => sized!(self, wide, or, d, right),
                        _ => sized!(self, wide, xor, d, right),
                    }
                    if op != Binary::Mul {
                        self.has_flags_of(wide, d);
                    }
                }
            }
        }
        self.done(dest);
        Some(())
    }

    /// The sum of what is on top and a counter with what was added to it.
    fn add_sum(&mut self, sum: Sum) -> Option<()> {
        let (entry, left) = self.pop_int()?;
        let (right, added) = (self.int_of(sum.counter)?, sum.number());
        self.release(entry);
        let dest = self.dest(Class::Int)?;
        let Reg::Int(d) = dest.reg else { return None };
        dynasm!(self.ops ; .arch x64 ; lea Rd(d), [Rq(left) + Rq(right) + added]);
        self.done(dest);
        Some(())
    }

    /// A number as the second operand.
    fn with_immediate(&mut self, op: Binary, wide: bool, d: u8, left: u8, number: i32) {
        let (to, from) = (Reg::Int(d), Reg::Int(left));
        let count = number as i8;
        match op {
            Binary::Add if d != left => match wide {
                true => dynasm!(self.ops ; .arch x64 ; lea Rq(d), [Rq(left) + number]),
                false => dynasm!(self.ops ; .arch x64 ; lea Rd(d), [Rq(left) + number]),
            },
            Binary::Mul => match wide {
                true => dynasm!(self.ops ; .arch x64 ; imul Rq(d), Rq(left), number),
                false => dynasm!(self.ops ; .arch x64 ; imul Rd(d), Rd(left), number),
            },
            _ => {
                self.copy(to, from);
                match op {
                    Binary::Add => sized_imm!(self, wide, add, d, number),
                    Binary::Sub => sized_imm!(self, wide, sub, d, number),
                    Binary::And => sized_imm!(self, wide, and, d, number),
                    Binary::Or => sized_imm!(self, wide, or, d, number),
                    Binary::Xor => sized_imm!(self, wide, xor, d, number),
                    // The processor takes counts modulo the width.
                    Binary::Shl => sized_imm!(self, wide, shl, d, count),
                    Binary::Shr => sized_imm!(self, wide, sar, d, count),
                    _ => sized_imm!(self, wide, shr, d, count),
                }
                // Shifts by nothing leave the flags alone.
                if matches!(
                    op,
                    Binary::Add | Binary::Sub | Binary::And | Binary::Or | Binary::Xor
                ) {
                    self.has_flags_of(wide, d);
                }
            }
        }
    }

    /// Compares a number with zero, unless the flags are those of what computed it.
    pub(super) fn test_int(&mut self, wide: bool, reg: u8) {
        if self.flags != Some((self.ops.offset().0, wide, reg)) {
            sized!(self, wide, test, reg, reg);
        }
    }

    /// The instruction before has set the flags by its result.
    fn has_flags_of(&mut self, wide: bool, reg: u8) {
        self.flags = Some((self.ops.offset().0, wide, reg));
    }
}

/// A constant that instructions can have as their operand.
fn immediate(entry: Entry, wide: bool) -> Option<i32> {
    let Entry::Const(_, bits) = entry else {
        return None;
    };
    match wide {
        true => i32::try_from(bits as i64).ok(),
        false => Some(bits as i32),
    }
}
