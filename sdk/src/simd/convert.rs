//! Operations on vectors of certain lanes: conversions, products in more bits, lanes that move.

use super::{functions, GatherLane, Vector};

/// Methods that are functions of the same name or another one: of one vector, or of more.
macro_rules! methods {
    ($($lane:ident {
        $($(#[$doc:meta])* $name:ident($($arg:ident: $type:ident),*) -> $result:ident = $function:ident;)*
    })*) => {
        $(
            impl<const N: usize> Vector<$lane, N> {
                $(
                    $(#[$doc])*
                    #[inline(always)]
                    pub fn $name(self $(, $arg: Vector<$type, N>)*) -> Vector<$result, N> {
                        Vector::from_limbs(functions::$function(self.limbs $(, $arg.limbs)*))
                    }
                )*
            }
        )*
    };
}

/// What integers of up to 32 bits have: the same in twice the bits.
macro_rules! widening {
    ($($lane:ident $wide:ident $low:ident $high:ident $mul_low:ident $mul_high:ident $load:ident;)*) => {
        methods! {
            $($lane {
                /// The lanes of the lower half in twice the bits.
                widen_low() -> $wide = $low;
                /// The lanes of the upper half in twice the bits.
                widen_high() -> $wide = $high;
                /// The products of the lanes of the lower half, in twice the bits.
                mul_widen_low(other: $lane) -> $wide = $mul_low;
                /// The products of the lanes of the upper half, in twice the bits.
                mul_widen_high(other: $lane) -> $wide = $mul_high;
            })*
        }

        $(
            impl<const N: usize> Vector<$wide, N> {
                #[doc = concat!("The first elements of a list of `", stringify!($lane), "`, one for each lane.")]
                ///
                /// # Panics
                /// Where there are fewer.
                #[inline(always)]
                #[track_caller]
                pub fn $load(from: &[$lane]) -> Self {
                    Self::from_limbs(functions::$load(from))
                }
            }
        )*
    };
}

widening! {
    i8 i16 widen_low_i8 widen_high_i8 mul_wide_low_i8 mul_wide_high_i8 load_i8;
    u8 u16 widen_low_u8 widen_high_u8 mul_wide_low_u8 mul_wide_high_u8 load_u8;
    i16 i32 widen_low_i16 widen_high_i16 mul_wide_low_i16 mul_wide_high_i16 load_i16;
    u16 u32 widen_low_u16 widen_high_u16 mul_wide_low_u16 mul_wide_high_u16 load_u16;
    i32 i64 widen_low_i32 widen_high_i32 mul_wide_low_i32 mul_wide_high_i32 load_i32;
    u32 u64 widen_low_u32 widen_high_u32 mul_wide_low_u32 mul_wide_high_u32 load_u32;
}

methods! {
    i8 {
        /// Sums of neighbours, in twice the bits.
        add_neighbours() -> i16 = add_neighbours_i8;
        /// Sums of the products of two neighbours each, wrapping.
        dot_pairs(other: i8) -> i16 = dot_i8_to_i16;
        /// `sum` and the products of four neighbours each, wrapping.
        dot_add(other: i8, sum: i32) -> i32 = dot_i8_to_i32;
    }
    u8 {
        /// Sums of neighbours, in twice the bits.
        add_neighbours() -> u16 = add_neighbours_u8;
        /// The average of each lane, rounded up.
        average(other: u8) -> u8 = average_u8;
        /// How many bits of each lane are set.
        count_ones() -> u8 = popcnt_u8;
        /// The lanes of this vector that `indices` name; 0 where there is no such lane.
        swizzle(indices: u8) -> u8 = swizzle;
        /// The lanes of this vector and, counted on, of `other` that `indices` name, modulo their number.
        shuffle(other: u8, indices: u8) -> u8 = shuffle_i8;
    }
    i16 {
        /// Sums of neighbours, in twice the bits.
        add_neighbours() -> i32 = add_neighbours_i16;
        /// Sums of the products of two neighbours each, wrapping.
        dot_pairs(other: i16) -> i32 = dot_i16_to_i32;
        /// Products of fractions with 15 bits, rounded and saturating.
        mul_fractions(other: i16) -> i16 = q15_mul_i16;
        /// The lanes of this vector and then of `other` in half the bits, saturating.
        narrow_to_i8(other: i16) -> i8 = narrow_i16_to_i8;
        /// The lanes of this vector and then of `other` in half the bits without sign, saturating.
        narrow_to_u8(other: i16) -> u8 = narrow_i16_to_u8;
    }
    u16 {
        /// Sums of neighbours, in twice the bits.
        add_neighbours() -> u32 = add_neighbours_u16;
        /// The average of each lane, rounded up.
        average(other: u16) -> u16 = average_u16;
    }
    i32 {
        /// The lanes of this vector and then of `other` in half the bits, saturating.
        narrow_to_i16(other: i32) -> i16 = narrow_i32_to_i16;
        /// The lanes of this vector and then of `other` in half the bits without sign, saturating.
        narrow_to_u16(other: i32) -> u16 = narrow_i32_to_u16;
        /// The nearest floats.
        to_f32() -> f32 = convert_i32_to_f32;
        /// The lanes of the lower half as floats of twice the bits.
        low_to_f64() -> f64 = convert_i32_to_f64;
    }
    u32 {
        /// The nearest floats.
        to_f32() -> f32 = convert_u32_to_f32;
        /// The lanes of the lower half as floats of twice the bits.
        low_to_f64() -> f64 = convert_u32_to_f64;
        /// The lanes of this vector and, counted on, of `other` that `indices` name, modulo their number.
        shuffle(other: u32, indices: u32) -> u32 = shuffle_i32;
    }
    f32 {
        /// The integral part of each lane, saturating; 0 for NaNs.
        to_i32() -> i32 = convert_f32_to_i32;
        /// The integral part of each lane, saturating; 0 for NaNs.
        to_u32() -> u32 = convert_f32_to_u32;
        /// The lanes of the lower half in twice the bits.
        low_to_f64() -> f64 = convert_f32_to_f64;
        /// The lanes of this vector and, counted on, of `other` that `indices` name, modulo their number.
        shuffle(other: f32, indices: u32) -> f32 = shuffle_i32;
    }
    f64 {
        /// The integral part of each lane, saturating, in half the bits; 0 for NaNs. The upper half is 0.
        to_i32() -> i32 = convert_f64_to_i32;
        /// The integral part of each lane, saturating, in half the bits; 0 for NaNs. The upper half is 0.
        to_u32() -> u32 = convert_f64_to_u32;
        /// The nearest floats of half the bits. The upper half is 0.
        to_f32() -> f32 = convert_f64_to_f32;
    }
}

impl<T: GatherLane, const N: usize> Vector<T, N> {
    /// The elements of a list that a vector of indices names.
    ///
    /// # Panics
    /// Where there is no such element.
    #[inline(always)]
    #[track_caller]
    pub fn gather(from: &[T], indices: Vector<T::Index, N>) -> Self {
        Self::from_limbs(T::gather(from, indices.limbs))
    }
}

/// Halves of vectors, and vectors of halves.
macro_rules! halves {
    ($($whole:literal $half:literal;)*) => {
        $(
            impl<T> Vector<T, $whole> {
                /// The vectors of the lower and of the upper lanes.
                #[inline(always)]
                pub fn halves(self) -> [Vector<T, $half>; 2] {
                    let (mut low, mut high) = ([0; $half], [0; $half]);
                    for i in 0..$half {
                        low[i] = self.limbs[i];
                        high[i] = self.limbs[$half + i];
                    }
                    [Vector::from_limbs(low), Vector::from_limbs(high)]
                }

                /// The vector of these lower and upper lanes.
                #[inline(always)]
                pub fn from_halves([low, high]: [Vector<T, $half>; 2]) -> Self {
                    let mut limbs = [0; $whole];
                    for i in 0..$half {
                        limbs[i] = low.limbs[i];
                        limbs[$half + i] = high.limbs[i];
                    }
                    Self::from_limbs(limbs)
                }
            }
        )*
    };
}

halves! {
    4 2;
    8 4;
}
