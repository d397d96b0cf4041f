//! Every operation of the guest SDK on vectors: a line for each operation, lane and width, with a digest of its
//! results on many vectors. The argument is how many.

use dotvm_sdk::simd::{FloatLane, IntLane, Lane, Mask, Vector};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    print!("{}", digests(rounds.unwrap_or(100)));
}

/// What the program prints.
pub(crate) fn digests(rounds: u32) -> String {
    let mut lines = Lines {
        rounds,
        text: String::new(),
    };
    // Some that the machine has no instructions for.
    ints::<u8, 2>("u8", &mut lines);
    floats::<f32, 2>("f32", &mut lines);
    width::<4>(&mut lines);
    width::<8>(&mut lines);
    halves(&mut lines);
    lines.text
}

fn width<const N: usize>(lines: &mut Lines) {
    ints::<i8, N>("i8", lines);
    ints::<u8, N>("u8", lines);
    ints::<i16, N>("i16", lines);
    ints::<u16, N>("u16", lines);
    ints::<i32, N>("i32", lines);
    ints::<u32, N>("u32", lines);
    ints::<i64, N>("i64", lines);
    ints::<u64, N>("u64", lines);
    floats::<f32, N>("f32", lines);
    floats::<f64, N>("f64", lines);
    signed::<N>(lines);
    wider::<N>(lines);
    narrower::<N>(lines);
    bytes::<N>(lines);
    moves::<N>(lines);
    memory::<N>(lines);
}

/// What all lanes have.
fn lanes<T: Lane, const N: usize>(lane: &str, lines: &mut Lines) {
    type V<T, const N: usize> = Vector<T, N>;
    lines.add::<T, N>(lane, "arithmetic", |[a, b, c], _, d| {
        d.vector(a + b);
        d.vector(a - b);
        d.vector(a * b);
        let by_reference = &b;
        let mut sum = a + by_reference;
        sum *= c;
        sum -= b;
        sum += a;
        d.vector(sum);
    });
    lines.add::<T, N>(lane, "extremes", |[a, b, c], _, d| {
        d.vector(a.min(b));
        d.vector(a.max(b));
        d.vector(a.clamp(b, c));
    });
    lines.add::<T, N>(lane, "compare", |[a, b, c], n, d| {
        let near = a.with_lane(n as usize % V::<T, N>::LANES, c.lane(0));
        for (x, y) in [(a, b), (a, near), (b, b)] {
            d.mask(x.simd_eq(y));
            d.mask(x.simd_ne(y));
            d.mask(x.simd_lt(y));
            d.mask(x.simd_le(y));
            d.mask(x.simd_gt(y));
            d.mask(x.simd_ge(y));
            d.number(u64::from(x == y));
        }
    });
    lines.add::<T, N>(lane, "masks", |[a, b, c], _, d| {
        let (x, y) = (a.simd_lt(b), b.simd_lt(c));
        d.mask(x & y);
        d.mask(x | y);
        d.mask(!(x ^ y));
        d.mask(Mask::splat(x.any()) ^ y);
        d.vector(x.select(a, c));
        d.vector(x.to_int());
        d.number(u64::from(x.test(0)));
        let odd = Mask::<T, N>::from_fn(|i| i % 2 == 1);
        d.vector(odd.select(b, a));
    });
    lines.add::<T, N>(lane, "sums", |[a, b, _], _, d| {
        d.lane(a.reduce_sum());
        d.lane(a.reduce_min());
        d.lane((a + b).reduce_max());
    });
    lines.add::<T, N>(lane, "lanes", |[a, b, _], n, d| {
        let at = n as usize % V::<T, N>::LANES;
        d.vector(V::<T, N>::splat(a.lane(at)));
        d.vector(a.with_lane(at, b.lane(0)) + b);
        d.vector(V::<T, N>::from_fn(|i| a.lane((i + at) % V::<T, N>::LANES)));
        d.vector(V::<T, N>::ZERO + V::from_limbs(b.limbs()));
    });
    let carried = carried::<T, N>(lines.rounds);
    lines.line::<N>(lane, "carried", carried);
}

/// Vectors that loops carry and branches choose.
fn carried<T: Lane, const N: usize>(rounds: u32) -> u64 {
    let mut vectors = Vectors(5);
    let (mut a, mut b) = (vectors.draw::<T, N>(), vectors.draw::<T, N>());
    let mut c = Vector::<T, N>::ZERO;
    for round in 0..rounds {
        match round % 3 {
            0 => c = a - b,
            1 => c = c.max(a),
            _ => {}
        }
        let next = a + c;
        a = b;
        b = if next.simd_lt(c).any() {
            next
        } else {
            next - a
        };
    }
    let mut digest = Digest::new();
    digest.vector(a);
    digest.vector(b);
    digest.vector(c);
    digest.0
}

fn ints<T: IntLane, const N: usize>(lane: &str, lines: &mut Lines) {
    lanes::<T, N>(lane, lines);
    lines.add::<T, N>(lane, "bits", |[a, b, c], _, d| {
        let mut x = (a & b) | (c ^ !b);
        d.vector(x);
        d.vector(a.and_not(b));
        x &= a;
        x |= c;
        x ^= b;
        d.vector(x);
    });
    lines.add::<T, N>(lane, "shift", |[a, b, _], n, d| {
        d.vector(a << n);
        d.vector(b >> n);
        d.vector((a << 3) ^ (b >> 1));
    });
    lines.add::<T, N>(lane, "saturating", |[a, b, _], _, d| {
        d.vector(a.saturating_add(b));
        d.vector(a.saturating_sub(b));
    });
}

fn floats<T: FloatLane, const N: usize>(lane: &str, lines: &mut Lines) {
    lanes::<T, N>(lane, lines);
    lines.add::<T, N>(lane, "quotients", |[a, b, _], _, d| {
        d.vector(a / b);
        d.vector(a.sqrt());
    });
    lines.add::<T, N>(lane, "fused", |[a, b, c], _, d| {
        d.vector(a.mul_add(b, c));
        d.vector(a.neg_mul_add(b, c));
        d.vector(a.mul_add(b, a * b));
        d.vector(a.neg_mul_add(b, a * b));
    });
    lines.add::<T, N>(lane, "rounded", |[a, _, _], _, d| {
        d.vector(a.ceil());
        d.vector(a.floor());
        d.vector(a.trunc());
        d.vector(a.round_ties_even());
    });
}

/// Adds a line for an operation that only some lanes have.
macro_rules! some {
    ($lines:ident $name:literal: $($lane:ident)*, |$a:ident, $b:ident, $c:ident, $d:ident| $body:block) => {
        $($lines.add::<$lane, N>(stringify!($lane), $name, |[$a, $b, $c], _, $d| {
            let _ = ($b, $c);
            $body
        });)*
    };
}

fn signed<const N: usize>(lines: &mut Lines) {
    some!(lines "signs": i8 i16 i32 i64 f32 f64, |a, b, c, d| {
        d.vector(-a);
        d.vector(a.abs());
    });
}

fn wider<const N: usize>(lines: &mut Lines) {
    some!(lines "wider": i8 u8 i16 u16 i32 u32, |a, b, c, d| {
        d.vector(a.widen_low());
        d.vector(a.widen_high());
        d.vector(a.mul_widen_low(b));
        d.vector(a.mul_widen_high(b));
    });
    some!(lines "neighbours": i8 u8 i16 u16, |a, b, c, d| {
        d.vector(a.add_neighbours());
    });
    some!(lines "products of neighbours": i8 i16, |a, b, c, d| {
        d.vector(a.dot_pairs(b));
    });
    some!(lines "products of four": i8, |a, b, c, d| {
        d.vector(a.dot_add(b, c.cast_bits()));
    });
}

fn narrower<const N: usize>(lines: &mut Lines) {
    some!(lines "narrower": i16, |a, b, c, d| {
        d.vector(a.narrow_to_i8(b));
        d.vector(a.narrow_to_u8(b));
        d.vector(a.mul_fractions(b));
    });
    some!(lines "narrower": i32, |a, b, c, d| {
        d.vector(a.narrow_to_i16(b));
        d.vector(a.narrow_to_u16(b));
    });
    some!(lines "floats": i32 u32, |a, b, c, d| {
        d.vector(a.to_f32());
        d.vector(a.low_to_f64());
    });
    some!(lines "floats": f32, |a, b, c, d| {
        d.vector(a.low_to_f64());
    });
    some!(lines "floats": f64, |a, b, c, d| {
        d.vector(a.to_f32());
    });
    some!(lines "integers": f32 f64, |a, b, c, d| {
        d.vector(a.to_i32());
        d.vector(a.to_u32());
    });
}

fn bytes<const N: usize>(lines: &mut Lines) {
    some!(lines "average": u8 u16, |a, b, c, d| {
        d.vector(a.average(b));
    });
    some!(lines "ones": u8, |a, b, c, d| {
        d.vector(a.count_ones());
    });
}

fn moves<const N: usize>(lines: &mut Lines) {
    some!(lines "moved": u8, |a, b, c, d| {
        d.vector(a.swizzle(b));
        d.vector(a.swizzle(b & Vector::splat(0x1f)));
        d.vector(a.shuffle(b, c));
    });
    some!(lines "moved": u32 f32, |a, b, c, d| {
        d.vector(a.shuffle(b, c.cast_bits()));
    });
}

fn memory<const N: usize>(lines: &mut Lines) {
    some!(lines "memory": i8 u8 i16 u16 i32 u32 i64 u64 f32 f64, |a, b, c, d| {
        let lanes = count(a);
        let mut list = vec![b.lane(0); 3 * lanes + 1];
        a.store(&mut list);
        b.store(&mut list[lanes + 1..]);
        (Vector::load(&list[1..]) + c).store(&mut list[2 * lanes + 1..]);
        for at in [0, 1, lanes, 2 * lanes + 1] {
            d.vector(same(a, Vector::load(&list[at..])));
        }
        d.vector(same(a, Vector::load_partial(&list[2 * lanes + 2..])));
        c.store_partial(&mut list[2 * lanes + 2..]);
        d.vector(same(a, Vector::load(&list[2 * lanes + 1..])));
    });
    some!(lines "loads in more bits": i8 u8 i16 u16 i32 u32, |a, b, c, d| {
        let lanes = count(a);
        let mut list = vec![c.lane(0); 2 * lanes];
        a.store(&mut list);
        b.store(&mut list[lanes..]);
        for at in [0, 3, lanes + lanes / 2] {
            d.vector(Widened::<N>::widened(&list[at..]));
        }
    });
    some!(lines "gather": i32 u32 f32, |a, b, c, d| {
        let list: Vec<_> = (0..50).map(|i| a.lane(i % (2 * N))).collect();
        let indices = b.cast_bits::<u32>() >> 27;
        d.vector(same(a, Vector::gather(&list[1..], indices)));
    });
    some!(lines "gather": i64 u64 f64, |a, b, c, d| {
        let list: Vec<_> = (0..50).map(|i| a.lane(i % N)).collect();
        let indices = b.cast_bits::<u64>() >> 59;
        d.vector(same(a, Vector::gather(&list[1..], indices)));
    });
}

/// How many lanes a vector has.
fn count<T: Lane, const N: usize>(_: Vector<T, N>) -> usize {
    Vector::<T, N>::LANES
}

/// The second vector, which has the type of the first.
fn same<T: Lane, const N: usize>(_: Vector<T, N>, vector: Vector<T, N>) -> Vector<T, N> {
    vector
}

/// Lists that are loaded in more bits.
trait Widened<const N: usize> {
    type Lane: Lane;
    fn widened(&self) -> Vector<Self::Lane, N>;
}

macro_rules! widened {
    ($($lane:ident $wide:ident $load:ident;)*) => {
        $(impl<const N: usize> Widened<N> for [$lane] {
            type Lane = $wide;

            fn widened(&self) -> Vector<$wide, N> {
                Vector::<$wide, N>::$load(self)
            }
        })*
    };
}

widened! {
    i8 i16 load_i8;
    u8 u16 load_u8;
    i16 i32 load_i16;
    u16 u32 load_u16;
    i32 i64 load_i32;
    u32 u64 load_u32;
}

/// Arrays, and halves.
fn halves(lines: &mut Lines) {
    let mut vectors = Vectors(7);
    let mut digest = Digest::new();
    for _ in 0..lines.rounds {
        let (a, b) = (vectors.draw::<i16, 8>(), vectors.draw::<i16, 8>());
        let ([low, high], [other, _]) = (a.halves(), b.halves());
        digest.vector(low + other);
        digest.vector(Vector::<i16, 8>::from_halves([other.max(high), low]) - b);
        let mut array = high.to_array();
        array.reverse();
        digest.vector(Vector::<i16, 4>::from(array) * low);
        let [low, high] = low.halves();
        digest.vector(Vector::<i16, 4>::from_halves([high, low]) + other);
    }
    lines.line::<8>("i16", "halves", digest.0);
}

/// What is printed.
struct Lines {
    rounds: u32,
    text: String,
}

impl Lines {
    /// Adds a line for an operation on three vectors and a number of bits that a lane has.
    fn add<T: Lane, const N: usize>(
        &mut self,
        lane: &str,
        name: &str,
        operation: impl Fn([Vector<T, N>; 3], u32, &mut Digest),
    ) {
        let mut vectors = Vectors(N as u64);
        let mut digest = Digest::new();
        for _ in 0..self.rounds {
            let operands = [vectors.draw(), vectors.draw(), vectors.draw()];
            let bits = 64 * N as u32 / Vector::<T, N>::LANES as u32;
            operation(operands, vectors.bits() as u32 % bits, &mut digest);
        }
        self.line::<N>(lane, name, digest.0);
    }

    fn line<const N: usize>(&mut self, lane: &str, name: &str, digest: u64) {
        self.text.push_str(&format!(
            "{} bits of {lane}, {name}: {digest:016x}\n",
            64 * N
        ));
    }
}

/// Fowler, Noll and Vo's hash of results, by 64 bits.
pub(crate) struct Digest(u64);

impl Digest {
    fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    fn vector<T: Lane, const N: usize>(&mut self, vector: Vector<T, N>) {
        vector.limbs().iter().for_each(|&limb| self.number(limb));
    }

    fn lane<T: Lane>(&mut self, lane: T) {
        self.vector(Vector::<T, 2>::splat(lane));
    }

    fn mask<T: Lane, const N: usize>(&mut self, mask: Mask<T, N>) {
        self.number(mask.to_bitmask());
        self.number(u64::from(mask.any()) | u64::from(mask.all()) << 1);
    }
}

/// Vectors of all kinds of bits (by Vigna's SplitMix64): floats near each other, zeros, infinities, NaNs.
struct Vectors(u64);

impl Vectors {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn draw<T: Lane, const N: usize>(&mut self) -> Vector<T, N> {
        let mut limbs = [0; N];
        for limb in &mut limbs {
            let bits = self.bits();
            *limb = match self.bits() % 16 {
                0 => 0,
                1 => u64::MAX,
                2 => 1 << 63 | 1 << 31,
                3 => 0x7fc0_1234_ff80_0001,
                4 => 0x7ff0_0000_0000_0000 | bits & 1 << 63,
                5 => 0x7ff0_0000_0000_00ff | bits & 1 << 63,
                6 => 0xff80_0000_7f80_0000,
                7 => bits & 0x8080_8080_8080_8080,
                8..=10 => 0x3f80_0000_3f80_0000 ^ bits & 0x80ff_ffff_80ff_ffff,
                11 => 0x3ff0_0000_0000_0000 ^ bits & 0x803f_ffff_ffff_ffff,
                12 => 0x0102_0304_0506_0708,
                _ => bits,
            };
        }
        Vector::from_limbs(limbs)
    }
}
