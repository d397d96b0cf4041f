//! Decides for every pixel of a square picture of the plane (real -1.5 to 0.5, imaginary -1 to 1)
//! whether it belongs to the Mandelbrot set, by at most 50 rounds of z := z^2 + c, the frame and
//! limit of the Computer Language Benchmarks Game. Prints the number of points in the set and a
//! checksum of the bitmap, and the picture itself when it is small enough for a terminal.
//! A floating-point loop with an unpredictable exit. The size is the width in pixels.
//!
//! test-args: 64

const MAX_ROUNDS: u32 = 50;
const PICTURE_MAX_WIDTH: u32 = 100;

fn main() {
    let width = size_argument(4700);
    let mut inside = 0u32;
    let mut checksum = Fnv1a::new();
    for y in 0..width {
        let row: Vec<bool> = (0..width).map(|x| pixel(x, y, width)).collect();
        inside += row.iter().map(|&black| u32::from(black)).sum::<u32>();
        for bits in row.chunks(8) {
            checksum.byte(bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit)));
        }
        // A character is about twice as tall as wide: every second row keeps the proportions.
        if width <= PICTURE_MAX_WIDTH && y % 2 == 0 {
            let line: String = row.iter().map(|&bit| if bit { '#' } else { '.' }).collect();
            println!("{line}");
        }
    }
    println!(
        "{width} x {width} pixels, {inside} in the set, checksum {:016x}",
        checksum.0
    );
}

/// Whether the pixel in column `x` and row `y` belongs to the set.
fn pixel(x: u32, y: u32, width: u32) -> bool {
    let scale = 2.0 / f64::from(width);
    let c_re = f64::from(x) * scale - 1.5;
    let c_im = f64::from(y) * scale - 1.0;
    let (mut re, mut im) = (0.0, 0.0);
    for _ in 0..MAX_ROUNDS {
        let (re_squared, im_squared) = (re * re, im * im);
        if re_squared + im_squared > 4.0 {
            return false;
        }
        im = 2.0 * re * im + c_im;
        re = re_squared - im_squared + c_re;
    }
    true
}

/// The FNV-1a hash, 64 bits.
struct Fnv1a(u64);

impl Fnv1a {
    fn new() -> Fnv1a {
        Fnv1a(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
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
