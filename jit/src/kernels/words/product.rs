//! Products, row by row: a limb of one number, the factor, times all of the other, added to what the rows
//! before have left. The window of limbs that a row adds to is in registers; after each row its lowest limb
//! is done.
//!
//! `mulx` multiplies and leaves flags alone, `adcx` and `adox` add with a carry of their own each: one chain
//! for the lower halves of the products, one for the upper halves.

use dotvm_isa::Op;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::arithmetic::Alu;
use super::kinds::Kind;
use super::{LOAD_COST, Limb, Operand, RESERVED, Word, with_limb};
use crate::kernels::generator::{Entry, Generator};
use crate::kernels::registers::SLOTS;
use crate::lower::{PairOp, WideOp};

/// The register that `mulx` multiplies by: `rdx`.
pub(super) const FACTOR: u8 = 2;

/// Whether an instruction multiplies, so that it needs [`FACTOR`].
pub(super) fn is_product(op: Op) -> bool {
    matches!(
        Kind::of(op),
        Some(Kind::Wide(WideOp::Mul) | Kind::Pair(PairOp::MulWideU))
    )
}

/// The registers of a product that is being computed.
struct Window {
    limbs: Vec<u8>,
    low: u8,
    high: u8,
}

impl Generator<'_> {
    /// `mul`.
    pub(super) fn multiply(&mut self) -> Option<()> {
        let (mut row, mut column) = self.pop_words()?;
        if let Some(bit) = power_of_two(&column.word) {
            return self.shift_by(row, WideOp::Shl, bit);
        }
        if let Some(bit) = power_of_two(&row.word) {
            return self.shift_by(column, WideOp::Shl, bit);
        }
        let len = row.word.limbs().len();
        let local = self.local_target();
        let is_target = |it: &Operand| local.is_some_and(|local| local.word == it.word);
        // Rows of zeros are left out. Else the number that was computed last is multiplied by: what is done
        // first of it is needed first, and what is done last only in the end. The other one is mostly that
        // which the product takes the place of.
        let by = |it: &Operand| (it.word.zeros(), !is_target(it));
        if by(&column) > by(&row) {
            (row, column) = (column, row);
        }
        if len == 2 {
            return self.multiply_pairs(row, column);
        }
        let window = self.window(len, [&mut column])?;
        let limbs: Vec<Limb> = window.limbs.iter().copied().map(Limb::Reg).collect();
        let product = Word::new(&limbs);
        self.low_product(&window, &row.word, column.word.limbs());
        self.give_int(window.low);
        self.give_int(window.high);
        self.give_word(row);
        self.give_word(column);
        match local {
            Some(target) => {
                self.copy_word(&target.word, &product)?;
                self.release_word(&product);
                self.finish(target);
            }
            None => self.push(Entry::Word(product)),
        }
        self.make_room(RESERVED)
    }

    /// `mul` of 128 bits, by limbs of the number that was computed last: loops wait for it, so that nothing is
    /// moved between its lower limb and that of the product, and what comes of its upper limb is added last.
    fn multiply_pairs(&mut self, mut row: Operand, mut column: Operand) -> Option<()> {
        self.room_for(RESERVED, [&mut row, &mut column])?;
        let target = self.target(2, &mut [&mut column]);
        let [cross, high] = [self.scratch()?, self.scratch()?];
        let ([factor, above], [limb, next]) = (pair(&row.word)?, pair(&column.word)?);
        let [low, top] = pair(&target.word)?;
        self.load_limb(FACTOR, limb);
        self.load_limb(cross, next);
        with_limb!(self, factor, imul cross);
        match low {
            Limb::Reg(to) => with_limb!(self, factor, mulx high, to),
            _ => {
                let to = self.scratch()?;
                with_limb!(self, factor, mulx high, to);
                self.store_limb(low, to);
                self.give_int(to);
            }
        }
        self.alu(Alu::Add, cross, Limb::Reg(high));
        match above {
            Limb::Const(0) => self.store_limb(top, cross),
            _ => {
                self.load_limb(high, Limb::Reg(FACTOR));
                with_limb!(self, above, imul high);
                self.limb_op(Alu::Add, top, Limb::Reg(cross), Limb::Reg(high))?;
            }
        }
        self.give_int(cross);
        self.give_int(high);
        self.give_word(row);
        self.give_word(column);
        self.finish(target);
        Some(())
    }

    /// `mul_wide_u`.
    pub(super) fn multiply_wide(&mut self) -> Option<()> {
        let (row, mut column) = self.pop_words()?;
        let len = row.word.limbs().len();
        let reused = row.own && row.word.is_writable();
        let mut low = Operand {
            word: if reused { row.word } else { self.new_word(len) },
            own: !reused,
        };
        let mut window = self.window(len + 1, [&mut column, &mut low])?;
        self.whole_product(&mut window, &low.word, &row.word, &column.word)?;
        if !reused {
            self.give_word(row);
        }
        self.give_word(column);
        let (&done, high) = window.limbs.split_first()?;
        let high: Vec<Limb> = high.iter().copied().map(Limb::Reg).collect();
        for reg in [done, window.low, window.high] {
            self.give_int(reg);
        }
        self.push(Entry::Word(low.word));
        self.push(Entry::Word(Word::new(&high)));
        self.make_room(RESERVED)
    }

    /// Registers for so many limbs of a product.
    fn window<const N: usize>(&mut self, len: usize, numbers: [&mut Operand; N]) -> Option<Window> {
        self.room_for(len as u32 + 2, numbers)?;
        Some(Window {
            limbs: (0..len).map(|_| self.scratch()).collect::<Option<_>>()?,
            low: self.scratch()?,
            high: self.scratch()?,
        })
    }

    /// Sees to it that so many registers are free. What numbers have of their own may go to slots.
    fn room_for<const N: usize>(&mut self, count: u32, numbers: [&mut Operand; N]) -> Option<()> {
        for number in numbers.iter().filter(|it| it.own) {
            // It is as good as the others on the operand stack.
            self.push(Entry::Word(number.word));
        }
        self.make_room(count)?;
        for number in numbers.into_iter().rev().filter(|it| it.own) {
            match self.pop()? {
                Entry::Word(word) => number.word = word,
                _ => return None,
            }
        }
        Some(())
    }

    /// As many limbs as each factor has: what would go above is left out.
    fn low_product(&mut self, window: &Window, row: &Word, column: &[Limb]) {
        let acc = &window.limbs;
        let top = acc.len() - 1;
        for (i, &factor) in row.limbs().iter().enumerate() {
            if i > 0 && factor == Limb::Const(0) {
                continue;
            }
            self.load_limb(FACTOR, factor);
            // Of the last product only the lower half counts. It is computed first, as it changes flags.
            let last = if i == 0 { acc[top] } else { window.low };
            self.load_limb(last, column[top - i]);
            dynasm!(self.ops ; .arch x64 ; imul Rq(last), Rq(FACTOR));
            if i > 0 {
                self.alu(Alu::Add, acc[top], Limb::Reg(window.low));
            }
            match top - i {
                0 => {}
                count if i == 0 => {
                    self.first_row(window, &acc[..count], &column[..count], acc[top]);
                }
                count => self.add_row(window, &acc[i..i + count], &column[..count], acc[top]),
            }
        }
    }

    /// Twice as many limbs: the lower ones go to a word, the upper ones are left in the window, behind its
    /// first register.
    fn whole_product(
        &mut self,
        window: &mut Window,
        low: &Word,
        row: &Word,
        column: &Word,
    ) -> Option<()> {
        let column = column.limbs();
        for (i, (&factor, &to)) in row.limbs().iter().zip(low.limbs()).enumerate() {
            self.load_limb(FACTOR, factor);
            if i > 0 {
                window.limbs.rotate_left(1);
            }
            let (&top, acc) = window.limbs.split_last()?;
            let acc = acc.to_vec();
            dynasm!(self.ops ; .arch x64 ; xor Rd(top), Rd(top));
            match i {
                0 => self.first_row(window, &acc, column, top),
                _ => self.add_row(window, &acc, column, top),
            }
            self.store_limb(to, acc[0]);
        }
        Some(())
    }

    /// Puts the products of the factor and some limbs into registers; what is carried is added to `top`.
    fn first_row(&mut self, window: &Window, acc: &[u8], column: &[Limb], top: u8) {
        let mut op = Alu::Add;
        for (j, &limb) in column.iter().enumerate() {
            let high = acc.get(j + 1).copied().unwrap_or(window.high);
            let low = if j == 0 { acc[0] } else { window.low };
            with_limb!(self, limb, mulx high, low);
            if j > 0 {
                self.alu(op, acc[j], Limb::Reg(low));
                op = Alu::Adc;
            }
        }
        self.alu(op, top, Limb::Reg(window.high));
    }

    /// Adds the products of the factor and some limbs to registers; what is carried is added to `top`.
    fn add_row(&mut self, window: &Window, acc: &[u8], column: &[Limb], top: u8) {
        let &Window { low, high, .. } = window;
        if let [limb] = column {
            with_limb!(self, *limb, mulx high, low);
            self.alu(Alu::Add, acc[0], Limb::Reg(low));
            self.alu(Alu::Adc, top, Limb::Reg(high));
            return;
        }
        // No carries yet.
        dynasm!(self.ops ; .arch x64 ; xor Rd(low), Rd(low));
        for (j, &limb) in column.iter().enumerate() {
            let above = acc.get(j + 1).copied().unwrap_or(top);
            with_limb!(self, limb, mulx high, low);
            dynasm!(self.ops
                ; .arch x64
                ; adcx Rq(acc[j]), Rq(low)
                ; adox Rq(above), Rq(high)
            );
        }
        self.alu(Alu::Adc, top, Limb::Const(0));
    }
}

/// The limbs of a number of 128 bits.
fn pair(word: &Word) -> Option<[Limb; 2]> {
    word.limbs().try_into().ok()
}

/// The bit that is the only one set in a number that is known.
fn power_of_two(word: &Word) -> Option<u32> {
    let mut bit = None;
    for (&limb, first) in word.limbs().iter().zip((0..).step_by(64)) {
        match limb {
            Limb::Const(0) => {}
            Limb::Const(bits) if bits.is_power_of_two() && bit.is_none() => {
                bit = Some(first + bits.trailing_zeros());
            }
            _ => return None,
        }
    }
    bit
}
