//! Integers as they are encoded: LEB128.

use crate::bits::{Bits, MAX_SLOTS};

/// Reads an unsigned LEB128 integer of at most `bits` bits; `None` where it is cut off, too long
/// or too large.
pub(crate) fn read_unsigned(bytes: &[u8], pos: &mut usize, bits: u32) -> Option<u64> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let byte = *bytes.get(*pos)?;
        *pos += 1;
        let left = bits - shift;
        if left < 7 && u64::from(byte & 0x7f) >> left != 0 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
        if shift >= bits {
            return None;
        }
    }
}

/// Reads a signed LEB128 integer of at most `bits` bits; `None` where it is cut off, too long or
/// too large.
pub(crate) fn read_signed(bytes: &[u8], pos: &mut usize, bits: u32) -> Option<i64> {
    let mut value = 0i64;
    let mut shift = 0;
    loop {
        let byte = *bytes.get(*pos)?;
        *pos += 1;
        let left = bits - shift;
        if left < 7 {
            // The unused high bits must repeat the sign bit.
            let rest = ((byte << 1) as i8 >> 1) >> (left - 1);
            if rest != 0 && rest != -1 {
                return None;
            }
        }
        value |= i64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(if shift < 64 {
                value << (64 - shift) >> (64 - shift)
            } else {
                value
            });
        }
        if shift >= bits {
            return None;
        }
    }
}

/// Appends an unsigned LEB128 integer.
pub(crate) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed LEB128 integer.
pub(crate) fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    while !(-64..64).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

/// Bytes of a signed LEB128 integer.
pub(crate) fn signed_len(mut value: i64) -> usize {
    let mut len = 1;
    while !(-64..64).contains(&value) {
        value >>= 7;
        len += 1;
    }
    len
}

/// Appends a signed LEB128 integer of any width.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: Bits) {
    let mut rest = value;
    loop {
        let group = rest.low() as u8 & 0x7f;
        rest = rest.without_group();
        let sign = if group & 0x40 == 0 { 0 } else { u64::MAX };
        if rest.0 == [sign; MAX_SLOTS] {
            out.push(group);
            return;
        }
        out.push(group | 0x80);
    }
}

/// Reads a signed LEB128 integer of at most `bits` bits; `None` where it is cut off, too long or too large.
pub(crate) fn read_integer(bytes: &[u8], pos: &mut usize, bits: u32) -> Option<Bits> {
    let mut value = Bits::default();
    for at in (0..bits).step_by(7) {
        let byte = *bytes.get(*pos)?;
        *pos += 1;
        let left = bits - at;
        if left < 7 {
            // The unused high bits must repeat the sign bit.
            let rest = (byte << 1).cast_signed() >> 1 >> (left - 1);
            if rest != 0 && rest != -1 {
                return None;
            }
        }
        value.set(at, byte & 0x7f);
        if byte & 0x80 == 0 {
            if byte & 0x40 != 0 {
                value.set_from(at + 7);
            }
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(value: i64) {
            let mut out = Vec::new();
            write_signed(&mut out, value);
            prop_assert_eq!(out.len(), signed_len(value));
            let mut pos = 0;
            prop_assert_eq!(read_signed(&out, &mut pos, 64), Some(value));
            out.clear();
            write_unsigned(&mut out, value as u64);
            pos = 0;
            prop_assert_eq!(read_unsigned(&out, &mut pos, 64), Some(value as u64));
        }

        #[test]
        fn wide_numbers_round_trip(slots: [u64; 8], ones: bool, kept in 0usize..=8) {
            let sign = if ones { u64::MAX } else { 0 };
            let value = Bits(std::array::from_fn(|i| if i < kept { slots[i] } else { sign }));
            for bits in [128, 256, 512] {
                let value = value.sign_extended(bits);
                let mut bytes = Vec::new();
                write_integer(&mut bytes, value);
                prop_assert!(bytes.len() <= bits.div_ceil(7) as usize);
                let mut pos = 0;
                prop_assert_eq!(read_integer(&bytes, &mut pos, bits), Some(value));
                prop_assert_eq!(pos, bytes.len());
                prop_assert_eq!(read_integer(&bytes[..pos - 1], &mut 0, bits), None);
            }
        }

        #[test]
        fn narrow_numbers_are_encoded_as_ever(value: i64) {
            let (mut narrow, mut wide) = (Vec::new(), Vec::new());
            write_signed(&mut narrow, value);
            write_integer(&mut wide, Bits::from(value.cast_unsigned()).sign_extended(64));
            prop_assert_eq!(narrow, wide);
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        let mut bytes = Vec::new();
        write_integer(&mut bytes, Bits::from(1u128 << 127));
        assert_eq!(read_integer(&bytes, &mut 0, 128), None);
        assert!(read_integer(&bytes, &mut 0, 256).is_some());
        let mut padded = vec![0x80; 18];
        padded.push(0);
        assert_eq!(read_integer(&padded, &mut 0, 128), Some(Bits::default()));
        padded.insert(0, 0x80);
        assert_eq!(read_integer(&padded, &mut 0, 128), None);
    }

    #[test]
    fn malformed_integers_are_refused() {
        for bytes in [
            &[0x80][..],
            &[0xff, 0xff, 0xff, 0xff, 0x1f],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0],
        ] {
            assert_eq!(read_unsigned(bytes, &mut 0, 32), None, "{bytes:x?}");
        }
        for bytes in [
            &[0x80][..],
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x80, 0x80, 0x80, 0x80, 0x70],
        ] {
            assert_eq!(read_signed(bytes, &mut 0, 32), None, "{bytes:x?}");
        }
        assert_eq!(
            read_signed(&[0x80, 0x80, 0x80, 0x80, 0x78], &mut 0, 32),
            Some(i64::from(i32::MIN))
        );
    }
}
