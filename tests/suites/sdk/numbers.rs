//! Numbers to test with, and what they are to other libraries.

use dotvm_sdk::{Int, Uint};
use num_bigint::{BigInt, BigUint, Sign};

/// Numbers that are drawn: some at random, most of them where carries and signs are.
pub(crate) struct Numbers {
    state: u64,
}

impl Numbers {
    /// The same numbers for the same seed.
    pub(crate) fn new(seed: u64) -> Numbers {
        Numbers { state: seed }
    }

    /// 64 random bits (Vigna's SplitMix64).
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        (self.bits() % u64::from(bound)) as u32
    }

    /// A limb: often one at an edge.
    fn limb(&mut self) -> u64 {
        match self.below(8) {
            0 | 1 => 0,
            2 | 3 => u64::MAX,
            4 => 1,
            5 => 1 << 63,
            6 => self.bits() >> self.below(64),
            _ => self.bits(),
        }
    }

    /// A number of any length.
    pub(crate) fn uint<const N: usize>(&mut self) -> Uint<N> {
        let power = Uint::ONE.wrapping_shl(self.below(64 * N as u32));
        match self.below(8) {
            0 => power,
            1 => power.wrapping_sub(Uint::ONE),
            2 => power.wrapping_add(Uint::ONE),
            3 => Uint::from_u64(u64::from(self.below(4))),
            4 => Uint::MAX.wrapping_sub(Uint::from_u64(u64::from(self.below(4)))),
            _ => {
                let mut limbs = [0; N];
                let len = 1 + self.below(N as u32) as usize;
                limbs[..len].fill_with(|| self.limb());
                Uint::from_limbs(limbs)
            }
        }
    }
}

/// The same number.
pub(crate) fn big<const N: usize>(number: Uint<N>) -> BigUint {
    let limbs = number.limbs();
    let words = limbs
        .iter()
        .flat_map(|&limb| [limb as u32, (limb >> 32) as u32]);
    BigUint::new(words.collect())
}

/// The same number.
pub(crate) fn big_signed<const N: usize>(number: Int<N>) -> BigInt {
    let sign = if number.is_negative() {
        Sign::Minus
    } else {
        Sign::Plus
    };
    BigInt::from_biguint(sign, big(number.unsigned_abs()))
}

/// The number modulo two to the width, and whether that is another one.
pub(crate) fn wrap<const N: usize>(number: &BigUint) -> (Uint<N>, bool) {
    let mut limbs = [0; N];
    let mut digits = number.iter_u64_digits();
    for limb in &mut limbs {
        *limb = digits.next().unwrap_or(0);
    }
    (Uint::from_limbs(limbs), digits.next().is_some())
}

/// The number modulo two to the width, and whether that is another one.
pub(crate) fn wrap_signed<const N: usize>(number: &BigInt) -> (Int<N>, bool) {
    let (magnitude, _) = wrap::<N>(number.magnitude());
    let bits = match number.sign() {
        Sign::Minus => magnitude.wrapping_neg(),
        _ => magnitude,
    };
    let wrapped = bits.cast_signed();
    (wrapped, big_signed(wrapped) != *number)
}
