//! 256-bit arithmetic on four 64-bit limbs: public keys on the curve secp256k1 (SEC 2: y^2 = x^3 +
//! 7 modulo 2^256 - 2^32 - 977), by double-and-add in Jacobian coordinates (formulas of the
//! Explicit-Formulas Database: "dbl-2009-l" and "add-2007-bl" without its shared squarings). Limb
//! products are 128 bits wide, which 32- and 64-bit machines without such an instruction pay for.
//! The size is the number of keys.
//!
//! test-args: 3

fn main() {
    let keys = size_argument(2600);
    check_group_law();
    let mut secret = U256([0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372, 0]);
    for index in 0..keys {
        let (x, y) = GENERATOR
            .times(&secret)
            .affine()
            .expect("a secret is no multiple of the order");
        if index < 3 {
            println!("key {index}: {} {}", x.0.hex(), y.0.hex());
        }
        if index + 1 == keys {
            println!("x of the last of {keys} keys in decimal: {}", x.0.decimal());
        }
        // The next secret depends on this key; below the order it is with near certainty.
        secret = x.0;
        assert!(secret.less(&ORDER));
    }
}

/// Multiples of the generator whose values are known or follow from the order of the group.
fn check_group_law() {
    let times = |n: u64| GENERATOR.times(&U256([n, 0, 0, 0]));
    let (x, y) = times(2).affine().expect("twice the generator is finite");
    println!("2 G = {} {}", x.0.hex(), y.0.hex());
    println!(
        "5 G + 7 G = 12 G: {}",
        times(5).add(&times(7)).affine() == times(12).affine()
    );
    println!(
        "n G is infinite: {}",
        GENERATOR.times(&ORDER).affine().is_none()
    );
    println!("x / x = 1: {}", x.multiply(&x.inverse()) == Field::ONE);
}

// ---- 256-bit numbers

/// A number of 256 bits, the lowest limb first.
#[derive(Clone, Copy, PartialEq)]
struct U256([u64; 4]);

impl U256 {
    /// The sum and the carry out of the highest limb.
    fn overflowing_add(&self, other: &U256) -> (U256, bool) {
        let mut sum = [0; 4];
        let mut carry = 0;
        for (out, (&a, &b)) in sum.iter_mut().zip(self.0.iter().zip(&other.0)) {
            let wide = u128::from(a) + u128::from(b) + carry;
            *out = wide as u64;
            carry = wide >> 64;
        }
        (U256(sum), carry != 0)
    }

    /// The difference and the borrow out of the highest limb.
    fn overflowing_sub(&self, other: &U256) -> (U256, bool) {
        let mut difference = [0; 4];
        let mut borrow = false;
        for (out, (&a, &b)) in difference.iter_mut().zip(self.0.iter().zip(&other.0)) {
            let (partial, under) = a.overflowing_sub(b);
            let (limb, under_again) = partial.overflowing_sub(u64::from(borrow));
            *out = limb;
            borrow = under || under_again;
        }
        (U256(difference), borrow)
    }

    /// The product, 512 bits, as its low and its high half.
    fn widening_mul(&self, other: &U256) -> (U256, U256) {
        let mut product = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..4 {
                let wide = u128::from(self.0[i]) * u128::from(other.0[j])
                    + u128::from(product[i + j])
                    + carry;
                product[i + j] = wide as u64;
                carry = wide >> 64;
            }
            product[i + 4] = carry as u64;
        }
        let [a, b, c, d, e, f, g, h] = product;
        (U256([a, b, c, d]), U256([e, f, g, h]))
    }

    /// The product with one limb, 320 bits, as four limbs and the highest one.
    fn widening_mul_limb(&self, limb: u64) -> (U256, u64) {
        let mut product = [0; 4];
        let mut carry = 0;
        for (out, &factor) in product.iter_mut().zip(&self.0) {
            let wide = u128::from(factor) * u128::from(limb) + carry;
            *out = wide as u64;
            carry = wide >> 64;
        }
        (U256(product), carry as u64)
    }

    /// The quotient and the remainder.
    fn divide_limb(&self, divisor: u64) -> (U256, u64) {
        let mut quotient = [0; 4];
        let mut remainder = 0u64;
        for (out, &limb) in quotient.iter_mut().zip(&self.0).rev() {
            let wide = u128::from(remainder) << 64 | u128::from(limb);
            *out = (wide / u128::from(divisor)) as u64;
            remainder = (wide % u128::from(divisor)) as u64;
        }
        (U256(quotient), remainder)
    }

    fn less(&self, other: &U256) -> bool {
        self.overflowing_sub(other).1
    }

    fn bit(&self, index: u32) -> bool {
        self.0[(index / 64) as usize] >> (index % 64) & 1 == 1
    }

    fn hex(&self) -> String {
        self.0
            .iter()
            .rev()
            .map(|limb| format!("{limb:016x}"))
            .collect()
    }

    fn decimal(&self) -> String {
        const CHUNK: u64 = 10_000_000_000_000_000_000;
        let (rest, low) = self.divide_limb(CHUNK);
        if rest == U256([0; 4]) {
            low.to_string()
        } else {
            format!("{}{low:019}", rest.decimal())
        }
    }
}

// ---- the field

/// 2^256 minus the prime.
const FOLD: u64 = (1 << 32) + 977;

const PRIME: U256 = U256([0u64.wrapping_sub(FOLD), u64::MAX, u64::MAX, u64::MAX]);

/// A number modulo the prime, always reduced.
#[derive(Clone, Copy, PartialEq)]
struct Field(U256);

impl Field {
    const ZERO: Field = Field(U256([0; 4]));
    const ONE: Field = Field(U256([1, 0, 0, 0]));

    fn add(&self, other: &Field) -> Field {
        let (sum, carry) = self.0.overflowing_add(&other.0);
        reduce_once(sum, carry)
    }

    fn subtract(&self, other: &Field) -> Field {
        let (difference, borrow) = self.0.overflowing_sub(&other.0);
        Field(if borrow {
            difference.overflowing_add(&PRIME).0
        } else {
            difference
        })
    }

    fn multiply(&self, other: &Field) -> Field {
        // 2^256 is congruent to FOLD: the high half is folded onto the low one, twice.
        let (low, high) = self.0.widening_mul(&other.0);
        let (folded, top) = high.widening_mul_limb(FOLD);
        let (sum, carry) = low.overflowing_add(&folded);
        let wide = u128::from(top + u64::from(carry)) * u128::from(FOLD);
        let rest = U256([wide as u64, (wide >> 64) as u64, 0, 0]);
        let (sum, carry) = sum.overflowing_add(&rest);
        // After a carry the sum is tiny, and one more prime is still to be taken off.
        reduce_once(sum, carry)
    }

    fn square(&self) -> Field {
        self.multiply(self)
    }

    fn double(&self) -> Field {
        self.add(self)
    }

    /// The inverse by Fermat's little theorem: the power with exponent prime - 2.
    fn inverse(&self) -> Field {
        let exponent = PRIME.overflowing_sub(&U256([2, 0, 0, 0])).0;
        let mut power = Field::ONE;
        for index in (0..256).rev() {
            power = power.square();
            if exponent.bit(index) {
                power = power.multiply(self);
            }
        }
        power
    }
}

/// A sum below twice the prime, given with its carry.
fn reduce_once(sum: U256, carry: bool) -> Field {
    let (reduced, borrow) = sum.overflowing_sub(&PRIME);
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
    x: Field(U256([
        0x59f2_815b_16f8_1798,
        0x029b_fcdb_2dce_28d9,
        0x55a0_6295_ce87_0b07,
        0x79be_667e_f9dc_bbac,
    ])),
    y: Field(U256([
        0x9c47_d08f_fb10_d4b8,
        0xfd17_b448_a685_5419,
        0x5da4_fbfc_0e11_08a8,
        0x483a_da77_26a3_c465,
    ])),
    z: Field::ONE,
};

/// The number of points: so many times the generator is infinity.
const ORDER: U256 = U256([
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
]);

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
        let d = self.x.add(&b).square().subtract(&a).subtract(&c).double();
        let e = a.double().add(&a);
        let x = e.square().subtract(&d.double());
        let y = e
            .multiply(&d.subtract(&x))
            .subtract(&c.double().double().double());
        let z = self.y.multiply(&self.z).double();
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
        let u1 = self.x.multiply(&z2_squared);
        let u2 = other.x.multiply(&z1_squared);
        let s1 = self.y.multiply(&other.z).multiply(&z2_squared);
        let s2 = other.y.multiply(&self.z).multiply(&z1_squared);
        if u1 == u2 {
            return if s1 == s2 { self.double() } else { INFINITY };
        }
        let h = u2.subtract(&u1);
        let r = s2.subtract(&s1);
        let h_squared = h.square();
        let h_cubed = h_squared.multiply(&h);
        let v = u1.multiply(&h_squared);
        let x = r.square().subtract(&h_cubed).subtract(&v.double());
        let y = r.multiply(&v.subtract(&x)).subtract(&s1.multiply(&h_cubed));
        let z = self.z.multiply(&other.z).multiply(&h);
        Point { x, y, z }
    }

    /// The multiple by a number, bit by bit from the highest.
    fn times(&self, factor: &U256) -> Point {
        let mut result = INFINITY;
        for index in (0..256).rev() {
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
        Some((
            self.x.multiply(&squared),
            self.y.multiply(&squared).multiply(&inverse),
        ))
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
