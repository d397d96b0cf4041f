//! Big integers as managed objects: how they are read, and made.
//!
//! See [`dotvm_isa::objects`] for where things are. A number that fits in 31 bits is no object. What is computed
//! is the business of [`crate::services`], which has safe views of the limbs from here.

use std::ptr::NonNull;
use std::slice;

use dotvm_isa::TrapCode;
use dotvm_isa::objects::{ARRAY_ELEMENTS_AT, BIG_SIGN_AT, Kind};

use super::space::LARGE_BYTES;
use super::{BIG_TYPE, Object};
use crate::store::StoreOpaque;

/// The most limbs that a number made in place may have: its object is not large, so that its size may change.
pub(crate) const IN_PLACE_LIMBS_MAX: usize = LARGE_BYTES / size_of::<u64>() - 2;

/// Bytes of a number of so many limbs.
pub(super) fn bytes(limbs: u32) -> usize {
    ARRAY_ELEMENTS_AT as usize + limbs as usize * size_of::<u64>()
}

/// A number as it is in the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Big<'h> {
    /// Whether it is below zero.
    pub(crate) negative: bool,
    /// The only limb of a number that is no object.
    small: u64,
    /// The limbs of one that is.
    limbs: &'h [u64],
}

impl Big<'_> {
    /// Limbs of its absolute value, the lowest first; the highest is not zero.
    pub(crate) fn limbs(&self) -> &[u64] {
        match self.small {
            0 => self.limbs,
            _ => slice::from_ref(&self.small),
        }
    }
}

/// The slot of a number that fits in 31 bits, where one with that sign and these limbs does.
fn small_slot(negative: bool, limbs: &[u64]) -> Option<u64> {
    const MAX: u64 = (1 << 30) - 1;
    let number = match (limbs, negative) {
        ([], _) => 0,
        (&[limb @ ..=MAX], false) => limb as u32,
        (&[limb], true) if limb <= MAX + 1 => (limb as u32).wrapping_neg(),
        _ => return None,
    };
    Some(u64::from(number << 1 | 1))
}

impl StoreOpaque {
    /// The number that a slot refers to.
    ///
    /// The slot is one of a reference in use: an operand, or what the embedder has a handle of.
    ///
    /// # Errors
    /// Where it is null, or no number.
    pub(crate) fn big(&self, slot: u64) -> Result<Big<'_>, TrapCode> {
        // SAFETY: what is in use is not collected while the store is borrowed.
        unsafe { view(slot) }
    }

    /// Makes a number of its sign and limbs; returns its slot.
    ///
    /// # Errors
    /// Where the memory limit is met.
    pub(crate) fn new_big(
        &mut self,
        negative: bool,
        mut limbs: &[u64],
        roots: &[u64],
    ) -> Result<u64, TrapCode> {
        while let [rest @ .., 0] = limbs {
            limbs = rest;
        }
        if let Some(slot) = small_slot(negative, limbs) {
            return Ok(slot);
        }
        let object = self.new_number(limbs.len(), roots)?;
        // SAFETY: the object has room for so many limbs, and nobody knows it yet.
        unsafe {
            let place = Object::place(object, ARRAY_ELEMENTS_AT as usize);
            slice::from_raw_parts_mut(place.cast::<u64>(), limbs.len()).copy_from_slice(limbs);
            set(object, negative, limbs.len());
        }
        Ok(Object::slot(object))
    }

    /// Makes a number of two others where it will be: `compute` writes up to `len` limbs, which are zero before, and
    /// returns the sign. Returns the slot.
    ///
    /// # Errors
    /// Where an operand is null or no number; where the memory limit is met.
    ///
    /// # Panics
    /// Where `len` is above [`IN_PLACE_LIMBS_MAX`].
    pub(crate) fn make_big(
        &mut self,
        operands: [u64; 2],
        len: usize,
        compute: impl FnOnce(&mut [u64], [Big<'_>; 2]) -> bool,
    ) -> Result<u64, TrapCode> {
        assert!(len <= IN_PLACE_LIMBS_MAX);
        // SAFETY: operands are in use; they are kept as roots, and do not move.
        let [a, b] = unsafe { [view(operands[0])?, view(operands[1])?] };
        let object = self.new_number(len, &operands)?;
        // SAFETY: the object has room for so many limbs, nobody knows it yet, and it is none of the operands.
        // Its size may become smaller, since it is in a chunk.
        unsafe {
            let place = Object::place(object, ARRAY_ELEMENTS_AT as usize).cast::<u64>();
            place.write_bytes(0, len);
            let limbs = slice::from_raw_parts_mut(place, len);
            let negative = compute(limbs, [a, b]);
            let used = limbs.iter().rposition(|&limb| limb != 0);
            let used = used.map_or(0, |last| last + 1);
            set(object, negative, used);
            let small = small_slot(negative, &limbs[..used]);
            Ok(small.unwrap_or_else(|| Object::slot(object)))
        }
    }

    /// Memory for a number of so many limbs, without any.
    fn new_number(&mut self, limbs: usize, roots: &[u64]) -> Result<NonNull<Object>, TrapCode> {
        let limbs = u32::try_from(limbs).map_err(|_| TrapCode::MemoryLimit)?;
        self.new_object(BIG_TYPE, Kind::Big, bytes(limbs), roots)
    }
}

/// Writes sign and number of limbs.
///
/// # Safety
/// The object is a big integer with room for so many.
unsafe fn set(object: NonNull<Object>, negative: bool, limbs: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        Object::set_array_len(object, limbs as u32);
        let sign = Object::place(object, BIG_SIGN_AT as usize).cast::<u32>();
        sign.write(u32::from(negative));
    }
}

/// The number that a slot refers to.
///
/// # Safety
/// The slot is one of a reference in use, and what it refers to is kept for `'h`.
unsafe fn view<'h>(slot: u64) -> Result<Big<'h>, TrapCode> {
    let Some(object) = Object::of_slot(slot) else {
        if slot == 0 {
            return Err(TrapCode::NullReference);
        }
        let number = (slot as u32).cast_signed() >> 1;
        return Ok(Big {
            negative: number < 0,
            small: u64::from(number.unsigned_abs()),
            limbs: &[],
        });
    };
    // SAFETY: the slot is one of an object, which nobody changes where it is a number.
    unsafe {
        if Object::type_id(object) != BIG_TYPE {
            return Err(TrapCode::CastFailure);
        }
        let place = Object::place(object, ARRAY_ELEMENTS_AT as usize).cast::<u64>();
        let len = Object::array_len(object) as usize;
        let sign = Object::place(object, BIG_SIGN_AT as usize).cast::<u32>();
        Ok(Big {
            negative: sign.read() != 0,
            small: 0,
            limbs: slice::from_raw_parts(place.cast_const(), len),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::small_slot;

    #[test]
    fn numbers_of_31_bits_are_no_objects() {
        let slot = |number: i32| Some(u64::from(number.cast_unsigned() << 1 | 1));
        assert_eq!(small_slot(false, &[]), slot(0));
        assert_eq!(small_slot(false, &[(1 << 30) - 1]), slot((1 << 30) - 1));
        assert_eq!(small_slot(false, &[1 << 30]), None);
        assert_eq!(small_slot(true, &[1 << 30]), slot(-(1 << 30)));
        assert_eq!(small_slot(true, &[(1 << 30) + 1]), None);
        assert_eq!(small_slot(false, &[0, 1]), None);
    }
}
