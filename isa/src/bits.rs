//! The bits of a value of any type.

/// The most slots of a value: those of 512 bits.
pub const MAX_SLOTS: usize = 8;

/// The bits of a value of any type in 64-bit slots, least significant first. Where that is a value's slots,
/// those that its type does not have are zero; where it is an integer of unknown width, they repeat its sign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bits(pub [u64; MAX_SLOTS]);

impl From<u64> for Bits {
    #[inline(always)]
    fn from(slot: u64) -> Bits {
        Bits([slot, 0, 0, 0, 0, 0, 0, 0])
    }
}

impl From<u128> for Bits {
    #[inline(always)]
    fn from(bits: u128) -> Bits {
        Bits([bits as u64, (bits >> 64) as u64, 0, 0, 0, 0, 0, 0])
    }
}

impl Bits {
    /// Slots of a value, of which there are at most [`MAX_SLOTS`].
    pub fn from_slots(slots: &[u64]) -> Bits {
        let mut bits = Bits::default();
        bits.0[..slots.len()].copy_from_slice(slots);
        bits
    }

    /// The low 64 bits.
    pub fn low(self) -> u64 {
        self.0[0]
    }

    /// The low 128 bits.
    pub fn low_128(self) -> u128 {
        u128::from(self.0[0]) | u128::from(self.0[1]) << 64
    }

    /// The low `bits` bits, a multiple of 64; above them zeros.
    pub fn truncated(self, bits: u32) -> Bits {
        let slots = (bits / 64) as usize;
        Bits(std::array::from_fn(
            |i| if i < slots { self.0[i] } else { 0 },
        ))
    }

    /// The low `bits` bits, a multiple of 64, as a signed integer.
    pub fn sign_extended(self, bits: u32) -> Bits {
        let slots = (bits / 64) as usize;
        let sign = (self.0[slots - 1].cast_signed() >> 63).cast_unsigned();
        Bits(std::array::from_fn(|i| {
            if i < slots { self.0[i] } else { sign }
        }))
    }

    /// The signed integer without its low 7 bits.
    pub(crate) fn without_group(self) -> Bits {
        let mut rest = Bits::default();
        for (i, slot) in rest.0.iter_mut().enumerate() {
            *slot = match self.0.get(i + 1) {
                Some(above) => self.0[i] >> 7 | above << 57,
                None => (self.0[i].cast_signed() >> 7).cast_unsigned(),
            };
        }
        rest
    }

    /// Sets some bits from bit `at` on; those above the highest bit are lost.
    pub(crate) fn set(&mut self, at: u32, bits: u8) {
        let (slot, shift) = ((at / 64) as usize, at % 64);
        let both = u128::from(bits) << shift;
        for (slot, bits) in self.0[slot..]
            .iter_mut()
            .zip([both as u64, (both >> 64) as u64])
        {
            *slot |= bits;
        }
    }

    /// Sets every bit from bit `at` on.
    pub(crate) fn set_from(&mut self, at: u32) {
        for (slot, first) in self.0.iter_mut().zip((0..).step_by(64)) {
            *slot |= match at.saturating_sub(first) {
                below @ 0..64 => u64::MAX << below,
                _ => 0,
            };
        }
    }
}
