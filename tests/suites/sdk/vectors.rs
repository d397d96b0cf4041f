//! Vectors compute what loops over their lanes do.

use crate::numbers::Numbers;
use dotvm_sdk::simd::{
    F32x8, F32x16, F64x4, F64x8, I8x32, I8x64, I16x16, I32x8, I32x16, I64x4, Mask, U8x32, U8x64,
    U16x16, U32x8, U32x16, U64x4, U64x8, Vector,
};

const CASES: u32 = 300;

/// Three vectors of any bits, for each case.
fn cases<T, const N: usize>(mut check: impl FnMut(Vector<T, N>, Vector<T, N>, Vector<T, N>)) {
    let mut numbers = Numbers::new(23);
    for _ in 0..CASES {
        let mut vector = || Vector::from_limbs(numbers.uint::<N>().limbs());
        check(vector(), vector(), vector());
    }
}

/// The array of what a function makes of the lanes of two arrays.
fn zip<T: Copy, U, const L: usize>(a: [T; L], b: [T; L], function: impl Fn(T, T) -> U) -> [U; L] {
    std::array::from_fn(|i| function(a[i], b[i]))
}

/// A sum or the like, as reductions have it.
fn fold<T: Copy>(lanes: &[T], join: impl Fn(T, T) -> T) -> T {
    let mut lanes = lanes.to_vec();
    while lanes.len() > 1 {
        let upper = lanes.split_off(lanes.len() / 2);
        for (low, high) in lanes.iter_mut().zip(upper) {
            *low = join(*low, high);
        }
    }
    lanes[0]
}

/// What all integers have.
macro_rules! ints {
    ($($test:ident: $vector:ident of $lane:ident;)*) => {
        $(#[test]
        fn $test() {
            cases(|x: $vector, y, z| {
                let (a, b, c) = (x.to_array(), y.to_array(), z.to_array());
                let same = |vector: $vector, function: fn($lane, $lane) -> $lane| {
                    assert_eq!(vector.to_array(), zip(a, b, function), "{x:?} {y:?}");
                };
                same(x + y, $lane::wrapping_add);
                same(x - y, $lane::wrapping_sub);
                same(x * y, $lane::wrapping_mul);
                same(x.min(y), Ord::min);
                same(x.max(y), Ord::max);
                same(x & y, |a, b| a & b);
                same(x | y, |a, b| a | b);
                same(x ^ y, |a, b| a ^ b);
                same(x.and_not(y), |a, b| a & !b);
                same(!x, |a, _| !a);
                same(x.saturating_add(y), $lane::saturating_add);
                same(x.saturating_sub(y), $lane::saturating_sub);
                for count in [0, 1, $lane::BITS - 1, $lane::BITS + 2] {
                    let (left, right) = (x << count, x >> count);
                    assert_eq!(left.to_array(), a.map(|a| a.wrapping_shl(count)));
                    assert_eq!(right.to_array(), a.map(|a| a.wrapping_shr(count)));
                }
                let holds = |mask: Mask<$lane, _>, function: fn(&$lane, &$lane) -> bool| {
                    let wanted = zip(a, b, |a, b| function(&a, &b));
                    let mut bits = 0;
                    for (i, &wanted) in wanted.iter().enumerate() {
                        assert_eq!(mask.test(i), wanted);
                        bits |= u64::from(wanted) << i;
                    }
                    assert_eq!(mask.to_bitmask(), bits);
                    assert_eq!(mask.any(), bits != 0);
                    assert_eq!(mask.all(), wanted.iter().all(|&wanted| wanted));
                    let chosen: [$lane; $vector::LANES] =
                        std::array::from_fn(|i| if wanted[i] { c[i] } else { b[i] });
                    assert_eq!(mask.select(z, y).to_array(), chosen);
                };
                holds(x.simd_eq(y), PartialEq::eq);
                holds(x.simd_ne(y), PartialEq::ne);
                holds(x.simd_lt(y), PartialOrd::lt);
                holds(x.simd_le(y), PartialOrd::le);
                holds(x.simd_gt(y), PartialOrd::gt);
                holds(x.simd_ge(y), PartialOrd::ge);
                assert_eq!(x.reduce_sum(), fold(&a, $lane::wrapping_add));
                assert_eq!(x.reduce_min(), fold(&a, Ord::min));
                assert_eq!(x.reduce_max(), fold(&a, Ord::max));
                assert_eq!($vector::splat(b[1]).to_array(), [b[1]; $vector::LANES]);
                let mut changed = a;
                changed[2] = b[3];
                assert_eq!(x.with_lane(2, b[3]).to_array(), changed);
                assert!(x == $vector::from(a) && (x != y || a == b));
            });
        })*
    };
}

ints! {
    bytes: I8x32 of i8;
    unsigned_bytes: U8x64 of u8;
    integers_of_16_bits: I16x16 of i16;
    unsigned_integers_of_16_bits: U16x16 of u16;
    integers_of_32_bits: I32x16 of i32;
    unsigned_integers_of_32_bits: U32x8 of u32;
    integers_of_64_bits: I64x4 of i64;
    unsigned_integers_of_64_bits: U64x8 of u64;
}

/// What all floats have; NaNs are compared only as such.
macro_rules! floats {
    ($($test:ident: $vector:ident of $lane:ident, $quiet:literal, $default:literal;)*) => {
        $(#[test]
        fn $test() {
            let equal = |a: $lane, b: $lane| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            cases(|x: $vector, y, z| {
                let (a, b, c) = (x.to_array(), y.to_array(), z.to_array());
                let same = |vector: $vector, function: fn($lane, $lane, $lane) -> $lane| {
                    for (i, lane) in vector.to_array().into_iter().enumerate() {
                        let wanted = function(a[i], b[i], c[i]);
                        assert!(equal(lane, wanted), "{lane} of {} {} {}", a[i], b[i], c[i]);
                    }
                };
                same(x + y, |a, b, _| a + b);
                same(x - y, |a, b, _| a - b);
                same(x * y, |a, b, _| a * b);
                same(x / y, |a, b, _| a / b);
                same(-x, |a, _, _| -a);
                same(x.abs(), |a, _, _| a.abs());
                same(x.sqrt(), |a, _, _| a.sqrt());
                same(x.floor(), |a, _, _| a.floor());
                same(x.ceil(), |a, _, _| a.ceil());
                same(x.trunc(), |a, _, _| a.trunc());
                same(x.round_ties_even(), |a, _, _| a.round_ties_even());
                same(x.mul_add(y, z), |a, b, c| a.mul_add(b, c));
                same(x.neg_mul_add(y, z), |a, b, c| (-a).mul_add(b, c));
                let is_nan = |a: $lane, b: $lane| a.is_nan() || b.is_nan();
                for (i, (low, high)) in x.min(y).to_array().into_iter().zip(x.max(y).to_array()).enumerate() {
                    match is_nan(a[i], b[i]) {
                        true => assert_eq!((low.to_bits(), high.to_bits()), ($default, $default)),
                        false => assert!(low <= high && (low == a[i] || low == b[i])),
                    }
                }
                assert!(equal(x.reduce_sum(), fold(&a, |a, b| a + b)));
                let less = x.simd_lt(y);
                assert!((0..$vector::LANES).all(|i| less.test(i) == (a[i] < b[i])));
            });
            let zeros = $vector::splat(0.0).min(-$vector::ZERO);
            assert_eq!(zeros.lane(0).to_bits(), (-0.0 as $lane).to_bits());
            // Of NaNs the first one, made quiet; else the default.
            let nan = |bits| $vector::splat($lane::from_bits(bits));
            let (first, second) = (nan($default ^ $quiet | 5), nan($default | 9));
            let bits = |vector: $vector| vector.lane(1).to_bits();
            assert_eq!(bits(first + second), $default | 5);
            assert_eq!(bits(second - first), $default | 9);
            assert_eq!(bits(first.mul_add(second, first)), $default | 9);
            assert_eq!(bits($vector::splat(-1.0).sqrt()), $default);
        })*
    };
}

floats! {
    floats_of_32_bits: F32x16 of f32, 0x40_0000, 0xffc0_0000;
    floats_of_64_bits: F64x4 of f64, 0x8_0000_0000_0000, 0xfff8_0000_0000_0000;
}

/// Bits of floats of every kind, often close to each other.
fn kinds(numbers: &mut Numbers) -> u64 {
    let (bits, kind) = (numbers.bits(), numbers.bits());
    match kind % 8 {
        0 => bits,
        1 => bits & 0x800f_ffff_ffff_ffff,
        2 => bits & 0x8000_0000_0000_00ff | 0x3ff0_0000_0000_0000,
        3 => bits & 0xffff_0000_0000_0000,
        4 => bits & 0x800f_ffff_ffff_ffff | (kind >> 8 & 0x7f | 0x3c0) << 52,
        5 => bits & 0x8000_0000_0000_0000,
        6 => bits & 0x8007_ffff_f000_0000 | (kind >> 8 & 0x3f | 0x3e0) << 52,
        _ => bits | 0x7fe0_0000_0000_0000,
    }
}

#[test]
fn floats_of_every_kind() {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    let mut numbers = Numbers::new(29);
    for _ in 0..20_000 {
        let mut draw = || F64x4::from_fn(|_| f64::from_bits(kinds(&mut numbers)));
        let (x, y, z) = (draw(), draw(), draw());
        // Sums that are nearly 0.
        let opposite = -(x * y) * (F64x4::splat(1.0) + z.min(F64x4::splat(1e-15)));
        for i in 0..4 {
            let (a, b, c, d) = (x.lane(i), y.lane(i), z.lane(i), opposite.lane(i));
            let check = |vector: F64x4, wanted: f64| {
                assert!(
                    same(vector.lane(i), wanted),
                    "{a:e} {b:e} {c:e} {d:e}: {vector:?}"
                );
            };
            check(x.mul_add(y, z), a.mul_add(b, c));
            check(x.neg_mul_add(y, z), (-a).mul_add(b, c));
            check(x.mul_add(y, opposite), a.mul_add(b, d));
            check(x.sqrt(), a.sqrt());
            check(x.floor(), a.floor());
            check(x.ceil(), a.ceil());
            check(x.trunc(), a.trunc());
            check(x.round_ties_even(), a.round_ties_even());
            let [e, f, g] = [a, b, c].map(|lane| F32x8::splat(lane as f32));
            let [h, j, k] = [e, f, g].map(|vector| vector.lane(0));
            check(e.mul_add(f, g).low_to_f64(), h.mul_add(j, k).into());
            check(e.sqrt().low_to_f64(), h.sqrt().into());
        }
    }
}

#[test]
fn lanes_get_wider_and_narrower() {
    cases(|x: I8x32, y, z: I8x32| {
        let (a, b) = (x.to_array(), y.to_array());
        let wide = |i: usize| i16::from(a[i]);
        let product = |i: usize| wide(i) * i16::from(b[i]);
        assert_eq!(x.widen_low(), I16x16::from_fn(wide));
        assert_eq!(x.widen_high(), I16x16::from_fn(|i| wide(16 + i)));
        assert_eq!(x.mul_widen_high(y), I16x16::from_fn(|i| product(16 + i)));
        assert_eq!(
            x.add_neighbours(),
            I16x16::from_fn(|i| wide(2 * i) + wide(2 * i + 1))
        );
        let pairs = |i: usize| product(2 * i).wrapping_add(product(2 * i + 1));
        assert_eq!(x.dot_pairs(y), I16x16::from_fn(pairs));
        let sums: I32x8 = z.cast_bits();
        let four = |i: usize| {
            (4 * i..4 * i + 4)
                .map(|i| i32::from(product(i)))
                .sum::<i32>()
        };
        let wanted = I32x8::from_fn(|i| four(i).wrapping_add(sums.lane(i)));
        assert_eq!(x.dot_add(y, sums), wanted);
    });
    cases(|x: I32x8, y, _| {
        let lane = |i: usize| if i < 8 { x.lane(i) } else { y.lane(i - 8) };
        let signed = |i| lane(i).clamp(-0x8000, 0x7fff) as i16;
        assert_eq!(x.narrow_to_i16(y), I16x16::from_fn(signed));
        let unsigned = |i| lane(i).clamp(0, 0xffff) as u16;
        assert_eq!(x.narrow_to_u16(y), U16x16::from_fn(unsigned));
        assert_eq!(x.to_f32(), F32x8::from_fn(|i| x.lane(i) as f32));
        assert_eq!(x.low_to_f64(), F64x4::from_fn(|i| x.lane(i).into()));
    });
    cases(|x: F64x8, _, _| {
        let upper = |i, value| if i < 8 { value } else { 0 };
        let wanted = I32x16::from_fn(|i| upper(i, x.lane(i % 8) as i32));
        assert_eq!(x.to_i32(), wanted);
        let wanted = U32x16::from_fn(|i| if i < 8 { x.lane(i) as u32 } else { 0 });
        assert_eq!(x.to_u32(), wanted);
    });
}

#[test]
fn lanes_move() {
    cases(|x: U8x32, y, z| {
        let found = |i: usize| x.to_array().get(usize::from(z.lane(i))).copied();
        assert_eq!(x.swizzle(z), U8x32::from_fn(|i| found(i).unwrap_or(0)));
        let both = [x.to_array(), y.to_array()].concat();
        let chosen = |i: usize| both[usize::from(z.lane(i)) % 64];
        assert_eq!(x.shuffle(y, z), U8x32::from_fn(chosen));
        let [low, high] = x.halves();
        assert_eq!(U8x32::from_halves([low, high]), x);
        assert_eq!(high.lane(0), x.lane(16));
    });
    let list: Vec<u64> = (100..200).collect();
    let indices = U64x4::from([99, 0, 50, 7]);
    assert_eq!(
        U64x4::gather(&list, indices).to_array(),
        [199, 100, 150, 107]
    );
    let floats: Vec<f32> = (0..9).map(|i| i as f32).collect();
    let indices = U32x8::from([8, 7, 6, 5, 0, 0, 1, 2]);
    let wanted = [8.0, 7.0, 6.0, 5.0, 0.0, 0.0, 1.0, 2.0];
    assert_eq!(F32x8::gather(&floats, indices).to_array(), wanted);
}

#[test]
fn lists_are_loaded_and_stored() {
    let list: Vec<i8> = (0..70).collect();
    let loaded = I8x64::load(&list[3..]);
    assert!((0..64).all(|i| loaded.lane(i) == i as i8 + 3));
    let mut out = [-1; 66];
    loaded.store(&mut out[1..]);
    assert_eq!((out[0], &out[1..65], out[65]), (-1, &list[3..67], -1));
    assert_eq!(I16x16::load_i8(&list).lane(15), 15);
    let partial = I8x64::load_partial(&list[60..]);
    assert_eq!((partial.lane(9), partial.lane(10)), (69, 0));
    partial.store_partial(&mut out[..2]);
    assert_eq!(out[..3], [60, 61, 4]);
}

/// The message of a panic.
fn message<T: std::fmt::Debug>(function: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(function).expect_err("a panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn what_is_not_there_is_not_accessed() {
    assert_eq!(
        message(|| F32x8::load(&[1.0; 7])),
        "a vector takes 8 lanes, and there are 7"
    );
    assert_eq!(
        message(|| F32x8::ZERO.store(&mut [])),
        "a vector takes 8 lanes, and there are 0"
    );
    assert_eq!(
        message(|| I64x4::gather(&[1; 9], U64x4::from([0, 9, 1, 2]))),
        "an index of a gather is not below 9"
    );
    assert_eq!(
        message(|| F32x8::gather(&[], U32x8::ZERO)),
        "an index of a gather is not below 0"
    );
}

#[test]
fn vectors_are_printed_by_lanes() {
    assert_eq!(format!("{:?}", U64x4::from([1, 2, 3, 4])), "[1, 2, 3, 4]");
    let mask = U64x4::from([1, 2, 3, 4]).simd_gt(U64x4::splat(2));
    assert_eq!(format!("{mask:?}"), "[false, false, true, true]");
    assert_eq!(Mask::<f32, 4>::from_fn(|i| i == 7).to_bitmask(), 1 << 7);
}
