//! Simulates a cluster of bodies that attract each other, every pair at every step, with 32-bit floats four at
//! a time: vectors of `f32` with one square root and one division for each four pairs. Positions, speeds and
//! masses are made by a fixed generator. It prints the sum of all positions' bits and the kinetic energy.
//! The size is the number of steps.
//!
//! test-args: 3

/// Bodies: a multiple of four.
const BODIES: usize = 1024;
const GROUPS: usize = BODIES / 4;

const STEP: f32 = 0.001;

/// Keeps close encounters from tearing the cluster apart.
const SOFTENING: f32 = 0.05;

/// Four floats. Both forms round every operation in the same way.
#[cfg(target_arch = "wasm32")]
mod lanes {
    use std::arch::wasm32::*;

    pub type F32x4 = v128;

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load(from: &[f32; 4]) -> F32x4 {
        f32x4(from[0], from[1], from[2], from[3])
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn store(a: F32x4) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(a),
            f32x4_extract_lane::<1>(a),
            f32x4_extract_lane::<2>(a),
            f32x4_extract_lane::<3>(a),
        ]
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn splat(a: f32) -> F32x4 {
        f32x4_splat(a)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn add(a: F32x4, b: F32x4) -> F32x4 {
        f32x4_add(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn sub(a: F32x4, b: F32x4) -> F32x4 {
        f32x4_sub(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn mul(a: F32x4, b: F32x4) -> F32x4 {
        f32x4_mul(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn div(a: F32x4, b: F32x4) -> F32x4 {
        f32x4_div(a, b)
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn sqrt(a: F32x4) -> F32x4 {
        f32x4_sqrt(a)
    }
}

/// Four floats, where there are no vectors to be named.
#[cfg(not(target_arch = "wasm32"))]
mod lanes {
    pub type F32x4 = [f32; 4];

    pub fn load(from: &[f32; 4]) -> F32x4 {
        *from
    }

    pub fn store(a: F32x4) -> [f32; 4] {
        a
    }

    pub fn splat(a: f32) -> F32x4 {
        [a; 4]
    }

    fn zip(a: F32x4, b: F32x4, f: impl Fn(f32, f32) -> f32) -> F32x4 {
        [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
    }

    pub fn add(a: F32x4, b: F32x4) -> F32x4 {
        zip(a, b, |a, b| a + b)
    }

    pub fn sub(a: F32x4, b: F32x4) -> F32x4 {
        zip(a, b, |a, b| a - b)
    }

    pub fn mul(a: F32x4, b: F32x4) -> F32x4 {
        zip(a, b, |a, b| a * b)
    }

    pub fn div(a: F32x4, b: F32x4) -> F32x4 {
        zip(a, b, |a, b| a / b)
    }

    pub fn sqrt(a: F32x4) -> F32x4 {
        a.map(f32::sqrt)
    }
}

use lanes::*;

/// Four bodies: a vector for each coordinate.
#[derive(Clone, Copy)]
struct Group {
    position: [F32x4; 3],
    velocity: [F32x4; 3],
    mass: F32x4,
}

fn main() {
    let steps = size_argument(1_200);
    let mut bodies = cluster();
    println!("energy before: {:.6}", energy(&bodies));
    for _ in 0..steps {
        advance(&mut bodies);
    }
    println!("energy after {} steps: {:.6}", steps, energy(&bodies));
    println!("checksum: {:08x}", checksum(&bodies));
}

/// Bodies in a ball, at random.
fn cluster() -> Vec<Group> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Of [-1, 1), exactly.
        ((state >> 40) as f32) / ((1 << 23) as f32) - 1.0
    };
    let mut group = || {
        let mut four = |scale: f32| load(&[random(), random(), random(), random()].map(|x| x * scale));
        Group {
            position: [four(1.0), four(1.0), four(1.0)],
            velocity: [four(0.1), four(0.1), four(0.1)],
            mass: splat(1.0 / BODIES as f32),
        }
    };
    (0..GROUPS).map(|_| group()).collect()
}

/// Moves all bodies by a step.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn advance(bodies: &mut [Group]) {
    let softening = splat(SOFTENING);
    let step = splat(STEP);
    for i in 0..bodies.len() {
        let Group { position: [x, y, z], velocity, .. } = bodies[i];
        let mut force = [splat(0.0); 3];
        for other in bodies.iter() {
            let others = other.position.map(|lanes| store(lanes));
            let masses = store(other.mass);
            for lane in 0..4 {
                let dx = sub(splat(others[0][lane]), x);
                let dy = sub(splat(others[1][lane]), y);
                let dz = sub(splat(others[2][lane]), z);
                let squares = add(add(mul(dx, dx), mul(dy, dy)), add(mul(dz, dz), softening));
                let pull = div(splat(masses[lane]), mul(squares, sqrt(squares)));
                force[0] = add(force[0], mul(dx, pull));
                force[1] = add(force[1], mul(dy, pull));
                force[2] = add(force[2], mul(dz, pull));
            }
        }
        let mut next = velocity;
        for axis in 0..3 {
            next[axis] = add(velocity[axis], mul(force[axis], step));
        }
        bodies[i].velocity = next;
    }
    for body in bodies.iter_mut() {
        for axis in 0..3 {
            body.position[axis] = add(body.position[axis], mul(body.velocity[axis], step));
        }
    }
}

/// Kinetic energy, in double precision.
fn energy(bodies: &[Group]) -> f64 {
    let mut sum = 0.0;
    for body in bodies {
        let mass = store(body.mass);
        for axis in body.velocity {
            for (speed, mass) in store(axis).iter().zip(mass) {
                sum += 0.5 * f64::from(mass) * f64::from(*speed) * f64::from(*speed);
            }
        }
    }
    sum
}

fn checksum(bodies: &[Group]) -> u32 {
    let mut sum = 0_u32;
    for body in bodies {
        for axis in body.position {
            for value in store(axis) {
                sum = sum.rotate_left(5).wrapping_add(value.to_bits());
            }
        }
    }
    sum
}

fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
