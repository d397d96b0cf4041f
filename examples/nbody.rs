//! Simulates the Sun and the four giant planets under Newton's gravity with a symplectic Euler
//! integrator, and prints the energy of the system before and after: a measure of the integration
//! error. The problem and its initial values are those of "n-body" of the Computer Language
//! Benchmarks Game. Nearly all work is 64-bit floating point with one square root per pair.
//! The size is the number of time steps.
//!
//! test-args: 1000

const SOLAR_MASS: f64 = 4.0 * std::f64::consts::PI * std::f64::consts::PI;
const DAYS_PER_YEAR: f64 = 365.24;
const STEP_DAYS: f64 = 0.01;

/// Units: astronomical units, years, and masses such that the gravitational constant is 1.
#[derive(Clone, Copy)]
struct Body {
    position: [f64; 3],
    velocity: [f64; 3],
    mass: f64,
}

impl Body {
    /// From a velocity per day and a mass relative to the Sun's.
    fn new(position: [f64; 3], velocity_per_day: [f64; 3], solar_masses: f64) -> Body {
        Body {
            position,
            velocity: velocity_per_day.map(|v| v * DAYS_PER_YEAR),
            mass: solar_masses * SOLAR_MASS,
        }
    }
}

fn main() {
    let steps = size_argument(22_000_000);
    let mut bodies = solar_system();
    offset_momentum(&mut bodies);
    println!("energy before: {:.9}", energy(&bodies));
    for _ in 0..steps {
        advance(&mut bodies, STEP_DAYS);
    }
    println!("energy after {} steps: {:.9}", steps, energy(&bodies));
}

fn solar_system() -> [Body; 5] {
    [
        // Sun
        Body::new([0.0; 3], [0.0; 3], 1.0),
        // Jupiter
        Body::new(
            [4.841431442464721, -1.1603200440274284, -0.10362204447112311],
            [
                0.001660076642744037,
                0.007699011184197404,
                -6.90460016972063e-5,
            ],
            0.0009547919384243266,
        ),
        // Saturn
        Body::new(
            [8.34336671824458, 4.124798564124305, -0.4035234171143214],
            [
                -0.002767425107264119,
                0.004998528012349172,
                2.3041729757376393e-5,
            ],
            0.0002858859806661308,
        ),
        // Uranus
        Body::new(
            [
                12.894369562139131,
                -15.111151401698631,
                -0.22330757889265573,
            ],
            [
                0.002964601375647616,
                0.0023784717395948095,
                -2.9658956854023756e-5,
            ],
            4.366244043351563e-5,
        ),
        // Neptune
        Body::new(
            [15.379697114850917, -25.919314609987964, 0.17925877295037118],
            [
                0.0026806777249038932,
                0.001628241700382423,
                -9.515922545197159e-5,
            ],
            5.1513890204661145e-5,
        ),
    ]
}

/// Gives the Sun the velocity that makes the total momentum zero, so the system stays in place.
fn offset_momentum(bodies: &mut [Body; 5]) {
    for axis in 0..3 {
        let momentum: f64 = bodies.iter().map(|b| b.velocity[axis] * b.mass).sum();
        bodies[0].velocity[axis] = -momentum / SOLAR_MASS;
    }
}

fn advance(bodies: &mut [Body; 5], step: f64) {
    for i in 0..bodies.len() {
        let (left, right) = bodies.split_at_mut(i + 1);
        let a = &mut left[i];
        for b in right {
            let delta = difference(&a.position, &b.position);
            let distance_squared = dot(&delta, &delta);
            let magnitude = step / (distance_squared * distance_squared.sqrt());
            for (axis, distance) in delta.iter().enumerate() {
                a.velocity[axis] -= distance * b.mass * magnitude;
                b.velocity[axis] += distance * a.mass * magnitude;
            }
        }
    }
    for body in bodies {
        for axis in 0..3 {
            body.position[axis] += step * body.velocity[axis];
        }
    }
}

fn energy(bodies: &[Body; 5]) -> f64 {
    let mut total = 0.0;
    for (i, a) in bodies.iter().enumerate() {
        total += 0.5 * a.mass * dot(&a.velocity, &a.velocity);
        for b in &bodies[i + 1..] {
            let delta = difference(&a.position, &b.position);
            total -= a.mass * b.mass / dot(&delta, &delta).sqrt();
        }
    }
    total
}

fn difference(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
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
