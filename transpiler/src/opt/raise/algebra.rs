//! Exact integer algebra over the halves of a function's parameters: what wrapping 64-bit
//! arithmetic computes, as a sum in which carries and shifted-out bits are quantities of their own.
//!
//! Every value is a [`Sum`]: integer coefficients times products of at most two [atoms](Atom). A
//! wrapping operation is the exact one minus 2^64 times its carry, a right shift is a quotient, a
//! mask is the value minus the quotient's multiple; so that two formulas are equal when their sums
//! are, and all that was split off cancels out. What does not fit (a negative difference, a product
//! of three) is `None`: nothing is known of it.

use std::collections::BTreeMap;

/// What sums are made of, by number: [`ONE`], a limb of a parameter, a quotient.
pub(super) type Atom = u32;

/// The number 1.
const ONE: Atom = 0;

/// 32-bit limbs of the parameters, which are the first atoms after [`ONE`].
const LIMBS: u32 = 8;

/// Coefficients of products of two atoms (the lesser first), none of them zero.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Sum(BTreeMap<[Atom; 2], i128>);

impl Sum {
    /// The sum that is that number.
    pub(super) fn number(n: u64) -> Sum {
        Sum::default()
            .plus([ONE, ONE], i128::from(n))
            .expect("fits")
    }

    /// The number that this is, whatever the parameters.
    pub(super) fn as_number(&self) -> Option<i128> {
        match self.0.first_key_value() {
            None => Some(0),
            Some((&[ONE, ONE], &n)) if self.0.len() == 1 => Some(n),
            Some(_) => None,
        }
    }

    /// Adds one term.
    fn plus(mut self, product: [Atom; 2], coefficient: i128) -> Option<Sum> {
        let entry = self.0.entry(product).or_default();
        *entry = entry.checked_add(coefficient)?;
        if *entry == 0 {
            self.0.remove(&product);
        }
        Some(self)
    }

    /// `self + factor * other`.
    pub(super) fn plus_times(&self, other: &Sum, factor: i128) -> Option<Sum> {
        other
            .0
            .iter()
            .try_fold(self.clone(), |sum, (&product, &n)| {
                sum.plus(product, n.checked_mul(factor)?)
            })
    }

    /// `self * other`.
    pub(super) fn times(&self, other: &Sum) -> Option<Sum> {
        let mut sum = Sum::default();
        for (&[a, b], &n) in &self.0 {
            for (&[c, d], &m) in &other.0 {
                let mut atoms = [a, b, c, d];
                atoms.sort_unstable();
                let [ONE, ONE, low, high] = atoms else {
                    return None;
                };
                sum = sum.plus([low, high], n.checked_mul(m)?)?;
            }
        }
        Some(sum)
    }

    /// Whether 2^`bits` divides it, whatever the parameters.
    pub(super) fn is_multiple(&self, bits: u32) -> bool {
        self.0.values().all(|n| n.trailing_zeros() >= bits)
    }
}

/// A number of two words: `low + 2^64 * high`.
#[derive(Debug)]
pub(super) struct Wide {
    /// The low word.
    pub(super) low: Sum,
    /// The high word.
    pub(super) high: Sum,
}

impl Wide {
    /// Whether two numbers are equal modulo 2^128, whatever the parameters.
    pub(super) fn equals(&self, other: &Wide) -> bool {
        let coefficient = |wide: &Wide, product| {
            let of = |sum: &Sum| sum.0.get(product).copied().unwrap_or(0);
            of(&wide.low).wrapping_add(of(&wide.high) << 64)
        };
        [&self.low, &self.high, &other.low, &other.high]
            .iter()
            .flat_map(|sum| sum.0.keys())
            .all(|product| coefficient(self, product) == coefficient(other, product))
    }
}

/// The quotients that sums speak of.
#[derive(Default, Debug)]
pub(super) struct Algebra {
    /// Of each quotient: the dividend, the divisor's binary logarithm, the most it can be.
    quotients: Vec<(Sum, u32, u128)>,
}

impl Algebra {
    /// The parameter with that index among those of 64 bits: two limbs of 32 bits.
    pub(super) fn parameter(index: u32) -> Sum {
        let low = ONE + 1 + 2 * index;
        debug_assert!(low < LIMBS, "four parameters");
        let sum = Sum::default().plus([ONE, low], 1);
        sum.and_then(|sum| sum.plus([ONE, low + 1], 1 << 32))
            .expect("fits")
    }

    /// The most an atom can be.
    fn most(&self, atom: Atom) -> u128 {
        match atom.checked_sub(LIMBS + 1) {
            Some(quotient) => self.quotients[quotient as usize].2,
            None if atom == ONE => 1,
            None => u128::from(u32::MAX),
        }
    }

    /// The most a sum without negative terms can be, no term considered with another; `None` where
    /// nothing is known.
    fn bound(&self, sum: &Sum) -> Option<u128> {
        sum.0.iter().try_fold(0u128, |bound, (&[a, b], &n)| {
            let product = self.most(a).checked_mul(self.most(b))?;
            bound.checked_add(product.checked_mul(u128::try_from(n).ok()?)?)
        })
    }

    /// `sum / 2^bits`, rounded down.
    ///
    /// Terms that are multiples of the divisor are divided; what is left is a quotient of its own,
    /// the same for the same dividend.
    pub(super) fn quotient(&mut self, sum: &Sum, bits: u32) -> Option<Sum> {
        let (mut whole, mut rest) = (Sum::default(), Sum::default());
        for (&product, &n) in &sum.0 {
            match n.trailing_zeros() >= bits {
                true => whole = whole.plus(product, n >> bits)?,
                false => rest = rest.plus(product, n)?,
            }
        }
        let common = rest.0.values().map(|n| n.trailing_zeros()).min();
        let Some(common) = common else {
            return Some(whole);
        };
        for n in rest.0.values_mut() {
            *n >>= common;
        }
        let bits = bits - common;
        let bound = self.bound(&rest);
        if bound.is_some_and(|bound| bound >> bits == 0) {
            return Some(whole);
        }
        let known = self
            .quotients
            .iter()
            .position(|(dividend, divisor, _)| *dividend == rest && *divisor == bits);
        let index = known.unwrap_or_else(|| {
            let most = bound.map_or(u128::MAX, |bound| bound >> bits);
            self.quotients.push((rest, bits, most));
            self.quotients.len() - 1
        });
        whole.plus([ONE, LIMBS + 1 + index as u32], 1)
    }
}
