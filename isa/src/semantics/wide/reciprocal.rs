//! Products by a modulus that is used again and again.

use std::cell::RefCell;

use super::{U256, Word};

/// The width in bits of the widest numbers for which the products that a reciprocal takes are faster than a
/// division.
const WIDEST: u32 = <U256 as Word>::BITS;

/// A modulus and its reciprocal, by which remainders take products instead of a division: Möller and
/// Granlund, "Improved division by invariant integers" (2011), algorithm 4, with whole words as digits.
#[derive(Clone, Copy)]
struct Reciprocal<W> {
    /// The modulus, shifted left so that its highest bit is set.
    shifted: W,
    shift: u32,
    /// The quotient of the largest number of two words by that, less the number behind the largest word.
    inverse: W,
}

impl<W: Word> Reciprocal<W> {
    fn new(modulus: W) -> Reciprocal<W> {
        let shift = modulus.leading_zeros();
        let shifted = modulus.shl(shift);
        Reciprocal {
            shifted,
            shift,
            inverse: W::quotient_wide(!W::ZERO, !shifted, shifted),
        }
    }

    /// The remainder of a product; the first factor is less than the modulus.
    #[inline(always)]
    fn product(&self, a: W, b: W) -> W {
        // A product is shifted by shifting a factor.
        let (low, high) = self.scaled(a).mul_wide(b);
        let (below, quotient) = self.inverse.mul_wide(high);
        let (below, carry) = below.add(low);
        let quotient = quotient.add(high).0;
        let quotient = quotient.add(W::extend(1 + u64::from(carry), 0)).0;
        let mut rest = low.sub(quotient.mul(self.shifted)).0;
        if below.sub(rest).1 {
            rest = rest.add(self.shifted).0;
        }
        let (less, borrow) = rest.sub(self.shifted);
        let rest = if borrow { rest } else { less };
        match self.shift {
            0..64 => rest.shr(self.shift, 0),
            _ => shr_by_limbs(rest, self.shift),
        }
    }

    /// A number less than the modulus, shifted as that is.
    #[inline(always)]
    fn scaled(&self, a: W) -> W {
        // Moduli as long as a word need no more than shifts within limbs, which are many times as fast.
        match self.shift {
            0..64 => a.shl(self.shift),
            _ => shl_by_limbs(a, self.shift),
        }
    }
}

#[inline(never)]
fn shl_by_limbs<W: Word>(a: W, count: u32) -> W {
    a.shl(count)
}

#[inline(never)]
fn shr_by_limbs<W: Word>(a: W, count: u32) -> W {
    a.shr(count, 0)
}

/// The modulus that was used last on a thread.
struct Last {
    /// Its width in bits, and what it was.
    bits: u32,
    modulus: U256,
    /// Its reciprocal, from its second use on.
    reciprocal: Option<Reciprocal<U256>>,
}

thread_local! {
    /// Programs seldom have more than one modulus at a time. Whether it is known changes no result.
    static LAST: RefCell<Last> = const {
        RefCell::new(Last { bits: 0, modulus: U256::ZERO, reciprocal: None })
    };
}

/// The remainder of a product by a number that is not zero.
#[inline(always)]
pub(super) fn product<W: Word>(a: W, b: W, modulus: W) -> W {
    if W::BITS > WIDEST {
        return a.mul_mod(b, modulus);
    }
    let Some(reciprocal) = known(modulus) else {
        return a.mul_mod(b, modulus);
    };
    let (a, b) = match (a.sub(modulus).1, b.sub(modulus).1) {
        (true, _) => (a, b),
        (false, true) => (b, a),
        (false, false) => (a.rem(modulus), b),
    };
    reciprocal.product(a, b)
}

/// The reciprocal of a modulus that is the one of the last time.
#[inline(always)]
fn known<W: Word>(modulus: W) -> Option<Reciprocal<W>> {
    LAST.with_borrow_mut(|last| {
        let differs = (0..W::SLOTS).map(|i| modulus.limb_at(i) ^ last.modulus.as_limbs()[i]);
        if last.bits != W::BITS || differs.fold(0, |all, limb| all | limb) != 0 {
            last.change(modulus);
            return None;
        }
        let known = last.reciprocal.as_ref();
        let Some(Reciprocal {
            shifted,
            shift,
            inverse,
        }) = known
        else {
            return Some(last.remember(modulus));
        };
        Some(Reciprocal {
            shifted: W::resize(*shifted, 0),
            shift: *shift,
            inverse: W::resize(*inverse, 0),
        })
    })
}

impl Last {
    #[cold]
    fn change<W: Word>(&mut self, modulus: W) {
        *self = Last {
            bits: W::BITS,
            modulus: <U256 as Word>::resize(modulus, 0),
            reciprocal: None,
        };
    }

    #[cold]
    fn remember<W: Word>(&mut self, modulus: W) -> Reciprocal<W> {
        let new = Reciprocal::new(modulus);
        self.reciprocal = Some(Reciprocal {
            shifted: <U256 as Word>::resize(new.shifted, 0),
            shift: new.shift,
            inverse: <U256 as Word>::resize(new.inverse, 0),
        });
        new
    }
}

#[cfg(test)]
mod tests {
    use ruint::Uint;

    use super::product;
    use crate::semantics::wide::Word;

    /// Products by the same modulus, which is known from the second one on.
    fn check<const BITS: usize, const LIMBS: usize>()
    where
        Uint<BITS, LIMBS>: Word,
    {
        let mut state = 1_u64;
        let mut limb = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            match state >> 61 {
                0 | 1 => 0,
                2 | 3 => u64::MAX,
                4 => 1 << (state >> 40 & 63),
                _ => state ^ state >> 29,
            }
        };
        let mut number = || Uint::<BITS, LIMBS>::from_limbs(std::array::from_fn(|_| limb()));
        for _ in 0..3000 {
            let modulus = number();
            if modulus.is_zero() {
                continue;
            }
            let near = [
                modulus - Uint::ONE,
                modulus,
                modulus.wrapping_add(Uint::ONE),
            ];
            for _ in 0..6 {
                let (a, b) = (number(), number());
                for (a, b) in [
                    (a, b),
                    (a, near[0]),
                    (near[1], b),
                    (near[0], near[0]),
                    (near[2], a),
                ] {
                    let wanted = a.mul_mod(b, modulus);
                    assert_eq!(
                        product(a, b, modulus),
                        wanted,
                        "{a:x} * {b:x} % {modulus:x}"
                    );
                }
            }
        }
    }

    #[test]
    fn remainders_by_reciprocals_are_those_of_divisions() {
        check::<128, 2>();
        check::<256, 4>();
    }
}
