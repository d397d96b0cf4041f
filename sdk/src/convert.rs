//! Conversions: from and to Rust's integers, between widths and signs, from and to bytes.

// Macros cast from many types, narrow and wide.
#![allow(clippy::cast_lossless)]

use crate::{Int, TryFromIntError, Uint};

type Result<T> = core::result::Result<T, TryFromIntError>;

/// `value`, if it is in range.
fn in_range<T>(value: T, fits: bool) -> Result<T> {
    if fits {
        Ok(value)
    } else {
        Err(TryFromIntError(()))
    }
}

/// Whether `value` is not above `max`.
#[inline(always)]
fn fits_unsigned<const N: usize>(value: Uint<N>, max: u128) -> bool {
    value.bit_len() <= 128 && value.low_u128() <= max
}

impl<const N: usize> Uint<N> {
    /// The low 128 bits, as `as u128` has them.
    #[inline(always)]
    fn low_u128(self) -> u128 {
        let [low, high] = self.cast::<2>().limbs();
        u128::from(low) | u128::from(high) << 64
    }

    #[inline(always)]
    fn from_u128(value: u128) -> Self {
        Uint::from_limbs([value as u64, (value >> 64) as u64]).cast()
    }
}

impl<const N: usize> Int<N> {
    /// The low 128 bits, as `as i128` has them.
    #[inline(always)]
    fn low_i128(self) -> i128 {
        self.cast::<2>().cast_unsigned().low_u128() as i128
    }

    #[inline(always)]
    fn from_i128(value: i128) -> Self {
        Uint::<2>::from_u128(value as u128).cast_signed().cast()
    }
}

/// From Rust's integers of up to 64 bits, which fit everywhere that their sign does.
macro_rules! from_narrow {
    (unsigned: $($unsigned:ty)*, signed: $($signed:ty)*) => {
        $(
            impl<const N: usize> From<$unsigned> for Uint<N> {
                #[inline(always)]
                fn from(value: $unsigned) -> Self {
                    Self::from_u64(value as u64)
                }
            }

            impl<const N: usize> From<$unsigned> for Int<N> {
                #[inline(always)]
                fn from(value: $unsigned) -> Self {
                    Self::from_i128(value as i128)
                }
            }
        )*
        $(
            impl<const N: usize> TryFrom<$signed> for Uint<N> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: $signed) -> Result<Self> {
                    in_range(Self::from_u64(value as u64), value >= 0)
                }
            }

            impl<const N: usize> From<$signed> for Int<N> {
                #[inline(always)]
                fn from(value: $signed) -> Self {
                    Self::from_i64(value as i64)
                }
            }
        )*
    };
}

from_narrow!(unsigned: bool u8 u16 u32 u64 usize, signed: i8 i16 i32 i64 isize);

/// From Rust's integers of 128 bits.
macro_rules! from_128 {
    ($($limbs:literal)*) => {
        $(
            impl From<u128> for Uint<$limbs> {
                #[inline(always)]
                fn from(value: u128) -> Self {
                    Self::from_u128(value)
                }
            }

            impl TryFrom<i128> for Uint<$limbs> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: i128) -> Result<Self> {
                    in_range(Self::from_u128(value as u128), value >= 0)
                }
            }

            impl From<i128> for Int<$limbs> {
                #[inline(always)]
                fn from(value: i128) -> Self {
                    Self::from_i128(value)
                }
            }
        )*
    };
}

from_128!(2 4 8);

impl TryFrom<u128> for Int<2> {
    type Error = TryFromIntError;

    #[inline(always)]
    fn try_from(value: u128) -> Result<Self> {
        in_range(Self::from_i128(value as i128), value <= i128::MAX as u128)
    }
}

impl From<u128> for Int<4> {
    #[inline(always)]
    fn from(value: u128) -> Self {
        Uint::<4>::from_u128(value).cast_signed()
    }
}

impl From<u128> for Int<8> {
    #[inline(always)]
    fn from(value: u128) -> Self {
        Uint::<8>::from_u128(value).cast_signed()
    }
}

/// To Rust's integers, of unsigned ones.
macro_rules! from_unsigned {
    ($([$($generics:tt)*] $limbs:tt $type:ty,)*) => {
        $(
            impl<$($generics)*> TryFrom<Uint<$limbs>> for $type {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Uint<$limbs>) -> Result<Self> {
                    let fits = fits_unsigned(value, <$type>::MAX as u128);
                    in_range(value.low_u128() as $type, fits)
                }
            }
        )*
    };
}

from_unsigned! {
    [const N: usize] N u8,
    [const N: usize] N u16,
    [const N: usize] N u32,
    [const N: usize] N u64,
    [const N: usize] N usize,
    [const N: usize] N i8,
    [const N: usize] N i16,
    [const N: usize] N i32,
    [const N: usize] N i64,
    [const N: usize] N isize,
    [const N: usize] N i128,
    [] 4 u128,
    [] 8 u128,
}

/// To Rust's integers, of signed ones.
macro_rules! from_signed {
    ($([$($generics:tt)*] $limbs:tt $type:ty,)*) => {
        $(
            impl<$($generics)*> TryFrom<Int<$limbs>> for $type {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Int<$limbs>) -> Result<Self> {
                    let low = value.low_i128();
                    let result = low as $type;
                    let fits = if value.is_negative() {
                        Int::from_i128(low) == value && i128::try_from(result) == Ok(low)
                    } else {
                        fits_unsigned(value.cast_unsigned(), <$type>::MAX as u128)
                    };
                    in_range(result, fits)
                }
            }
        )*
    };
}

from_signed! {
    [const N: usize] N u8,
    [const N: usize] N u16,
    [const N: usize] N u32,
    [const N: usize] N u64,
    [const N: usize] N usize,
    [const N: usize] N i8,
    [const N: usize] N i16,
    [const N: usize] N i32,
    [const N: usize] N i64,
    [const N: usize] N isize,
    [const N: usize] N u128,
    [] 4 i128,
    [] 8 i128,
}

impl From<Uint<2>> for u128 {
    #[inline(always)]
    fn from(value: Uint<2>) -> u128 {
        value.low_u128()
    }
}

impl From<Int<2>> for i128 {
    #[inline(always)]
    fn from(value: Int<2>) -> i128 {
        value.low_i128()
    }
}

impl<const N: usize> TryFrom<Uint<N>> for Int<N> {
    type Error = TryFromIntError;

    #[inline(always)]
    fn try_from(value: Uint<N>) -> Result<Self> {
        let signed = value.cast_signed();
        in_range(signed, !signed.is_negative())
    }
}

impl<const N: usize> TryFrom<Int<N>> for Uint<N> {
    type Error = TryFromIntError;

    #[inline(always)]
    fn try_from(value: Int<N>) -> Result<Self> {
        in_range(value.cast_unsigned(), !value.is_negative())
    }
}

/// Between two widths.
macro_rules! between {
    ($($narrow:literal $wide:literal,)*) => {
        $(
            impl From<Uint<$narrow>> for Uint<$wide> {
                #[inline(always)]
                fn from(value: Uint<$narrow>) -> Self {
                    value.cast()
                }
            }

            impl From<Uint<$narrow>> for Int<$wide> {
                #[inline(always)]
                fn from(value: Uint<$narrow>) -> Self {
                    value.cast().cast_signed()
                }
            }

            impl From<Int<$narrow>> for Int<$wide> {
                #[inline(always)]
                fn from(value: Int<$narrow>) -> Self {
                    value.cast()
                }
            }

            impl TryFrom<Int<$narrow>> for Uint<$wide> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Int<$narrow>) -> Result<Self> {
                    in_range(value.cast().cast_unsigned(), !value.is_negative())
                }
            }

            impl TryFrom<Uint<$wide>> for Uint<$narrow> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Uint<$wide>) -> Result<Self> {
                    in_range(value.cast(), value.bit_len() <= Self::BITS)
                }
            }

            impl TryFrom<Uint<$wide>> for Int<$narrow> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Uint<$wide>) -> Result<Self> {
                    in_range(value.cast().cast_signed(), value.bit_len() < Self::BITS)
                }
            }

            impl TryFrom<Int<$wide>> for Int<$narrow> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Int<$wide>) -> Result<Self> {
                    let narrow = value.cast::<$narrow>();
                    in_range(narrow, narrow.cast() == value)
                }
            }

            impl TryFrom<Int<$wide>> for Uint<$narrow> {
                type Error = TryFromIntError;

                #[inline(always)]
                fn try_from(value: Int<$wide>) -> Result<Self> {
                    let bits = value.cast_unsigned();
                    in_range(bits.cast(), bits.bit_len() <= Self::BITS)
                }
            }
        )*
    };
}

between!(2 4, 2 8, 4 8,);

/// From and to bytes.
macro_rules! bytes {
    ($($type:ident $limbs:literal $bytes:literal,)*) => {
        $(
            impl $type<$limbs> {
                /// The number with these bytes, the lowest first.
                #[inline]
                pub fn from_le_bytes(bytes: [u8; $bytes]) -> Self {
                    let mut limbs = [0; $limbs];
                    for (limb, bytes) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
                        let mut array = [0; 8];
                        array.copy_from_slice(bytes);
                        *limb = u64::from_le_bytes(array);
                    }
                    Self::from_limbs(limbs)
                }

                /// The number with these bytes, the highest first.
                #[inline]
                pub fn from_be_bytes(bytes: [u8; $bytes]) -> Self {
                    Self::from_le_bytes(bytes).swap_bytes()
                }

                /// Its bytes, the lowest first.
                #[inline]
                pub fn to_le_bytes(self) -> [u8; $bytes] {
                    let mut bytes = [0; $bytes];
                    for (bytes, limb) in bytes.chunks_exact_mut(8).zip(self.limbs()) {
                        bytes.copy_from_slice(&limb.to_le_bytes());
                    }
                    bytes
                }

                /// Its bytes, the highest first.
                #[inline]
                pub fn to_be_bytes(self) -> [u8; $bytes] {
                    self.swap_bytes().to_le_bytes()
                }
            }
        )*
    };
}

bytes!(Uint 2 16, Uint 4 32, Uint 8 64, Int 2 16, Int 4 32, Int 8 64,);
