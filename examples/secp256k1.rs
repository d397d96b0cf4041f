//! Public keys on the curve secp256k1 (SEC 2: y^2 = x^3 + 7 modulo 2^256 - 2^32 - 977) with the SDK's
//! 256-bit integers: double-and-add in Jacobian coordinates (formulas of the Explicit-Formulas Database:
//! "dbl-2009-l" and "add-2007-bl" without its shared squarings), products by `widening_mul` and a
//! reduction that knows the prime. The size is the number of keys.
//!
//! test-args: 4

use dotvm_sdk::{u256, U256};

fn main() {
    let keys = size_argument(4000);
    check_group_law();
    let mut secret = U256::ONE;
    for index in 0..keys {
        let (x, y) = GENERATOR
            .times(secret)
            .affine()
            .expect("a secret is no multiple of the order");
        if index < 8 {
            println!("{:#066x}\n  x {:064x}\n  y {:064x}", secret, x.0, y.0);
        }
        if index + 1 == keys {
            println!("x of the last of {keys} keys in decimal: {}", x.0);
        }
        // Small secrets first, whose keys are known everywhere; then each depends on the last key.
        secret = if index < 2 {
            secret + U256::ONE
        } else {
            x.0 % ORDER
        };
    }
}

/// What follows from the order of the group.
fn check_group_law() {
    let times = |n: u64| GENERATOR.times(U256::from(n));
    assert!(times(5).add(&times(7)).affine() == times(12).affine());
    assert!(GENERATOR.times(ORDER).affine().is_none());
    let (x, y) = GENERATOR
        .times(ORDER - U256::ONE)
        .affine()
        .expect("the inverse is finite");
    assert!(x == GENERATOR.x && y.add(GENERATOR.y) == Field::ZERO);
    println!("the group has the order it should have");
}

// ---- the field

/// 2^256 minus the prime.
const FOLD: U256 = u256!(0x1_0000_03d1);

const PRIME: U256 = u256!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f);

/// A number modulo the prime, always reduced. Its operations are inlined always, so that numbers are not passed
/// through memory.
#[derive(Clone, Copy, PartialEq)]
struct Field(U256);

impl Field {
    const ZERO: Field = Field(U256::ZERO);
    const ONE: Field = Field(U256::ONE);

    #[inline(always)]
    fn add(self, other: Field) -> Field {
        let (sum, carry) = self.0.overflowing_add(other.0);
        reduce_once(sum, carry)
    }

    #[inline(always)]
    fn subtract(self, other: Field) -> Field {
        let (difference, borrow) = self.0.overflowing_sub(other.0);
        Field(if borrow {
            difference.wrapping_add(PRIME)
        } else {
            difference
        })
    }

    #[inline(always)]
    fn multiply(self, other: Field) -> Field {
        // 2^256 is congruent to FOLD: the high half is folded onto the low one, twice.
        let (low, high) = self.0.widening_mul(other.0);
        let (folded, top) = high.widening_mul(FOLD);
        let (sum, carry) = low.overflowing_add(folded);
        let rest = top.wrapping_add(U256::from(carry)).wrapping_mul(FOLD);
        let (sum, carry) = sum.overflowing_add(rest);
        // After a carry the sum is tiny, and one more prime is still to be taken off.
        reduce_once(sum, carry)
    }

    #[inline(always)]
    fn square(self) -> Field {
        self.multiply(self)
    }

    #[inline(always)]
    fn double(self) -> Field {
        self.add(self)
    }

    fn inverse(self) -> Field {
        Field(
            self.0
                .inv_mod(PRIME)
                .expect("numbers modulo a prime have inverses"),
        )
    }
}

/// A sum below twice the prime, given with its carry.
#[inline(always)]
fn reduce_once(sum: U256, carry: bool) -> Field {
    let (reduced, borrow) = sum.overflowing_sub(PRIME);
    Field(if carry || !borrow { reduced } else { sum })
}

// ---- the curve

/// The point (x / z^2, y / z^3); infinite if z is zero.
#[derive(Clone, Copy)]
struct Point {
    x: Field,
    y: Field,
    z: Field,
}

const GENERATOR: Point = Point {
    x: Field(u256!(
        0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798
    )),
    y: Field(u256!(
        0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8
    )),
    z: Field::ONE,
};

/// The number of points: so many times the generator is infinity.
const ORDER: U256 = u256!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141);

const INFINITY: Point = Point {
    x: Field::ONE,
    y: Field::ONE,
    z: Field::ZERO,
};

impl Point {
    fn double(&self) -> Point {
        let a = self.x.square();
        let b = self.y.square();
        let c = b.square();
        let d = self.x.add(b).square().subtract(a).subtract(c).double();
        let e = a.double().add(a);
        let x = e.square().subtract(d.double());
        let y = e
            .multiply(d.subtract(x))
            .subtract(c.double().double().double());
        let z = self.y.multiply(self.z).double();
        Point { x, y, z }
    }

    fn add(&self, other: &Point) -> Point {
        if self.z == Field::ZERO {
            return *other;
        }
        if other.z == Field::ZERO {
            return *self;
        }
        let (z1_squared, z2_squared) = (self.z.square(), other.z.square());
        let u1 = self.x.multiply(z2_squared);
        let u2 = other.x.multiply(z1_squared);
        let s1 = self.y.multiply(other.z).multiply(z2_squared);
        let s2 = other.y.multiply(self.z).multiply(z1_squared);
        if u1 == u2 {
            return if s1 == s2 { self.double() } else { INFINITY };
        }
        let h = u2.subtract(u1);
        let r = s2.subtract(s1);
        let h_squared = h.square();
        let h_cubed = h_squared.multiply(h);
        let v = u1.multiply(h_squared);
        let x = r.square().subtract(h_cubed).subtract(v.double());
        let y = r.multiply(v.subtract(x)).subtract(s1.multiply(h_cubed));
        let z = self.z.multiply(other.z).multiply(h);
        Point { x, y, z }
    }

    /// The multiple by a number, bit by bit from the highest.
    fn times(&self, factor: U256) -> Point {
        let mut result = INFINITY;
        for index in (0..factor.bit_len()).rev() {
            result = result.double();
            if factor.bit(index) {
                result = result.add(self);
            }
        }
        result
    }

    /// The plain coordinates, unless the point is infinite.
    fn affine(&self) -> Option<(Field, Field)> {
        if self.z == Field::ZERO {
            return None;
        }
        let inverse = self.z.inverse();
        let squared = inverse.square();
        let y = self.y.multiply(squared).multiply(inverse);
        Some((self.x.multiply(squared), y))
    }
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
