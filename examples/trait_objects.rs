//! Sends integer samples through a chain of boxed stages, as an audio program does with effects.
//! The chain is put together at run time, so every step of every sample is a call through a vtable,
//! with a different target each time. The size is the number of samples.
//!
//! test-args: 1000

fn main() {
    let samples = size_argument(48_000_000);
    let mut chain = build_chain("gain echo lowpass clip follow gain fold echo highpass clip");
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let (mut lowest, mut highest) = (i32::MAX, i32::MIN);
    for time in 0..samples {
        let input = saw_tooth(time) + random.noise();
        let output = chain
            .iter_mut()
            .fold(input, |sample, stage| stage.process(sample));
        lowest = lowest.min(output);
        highest = highest.max(output);
        hash = (hash ^ u64::from(output as u32)).wrapping_mul(0x0100_0000_01b3);
    }
    println!("{samples} samples between {lowest} and {highest}, checksum {hash:016x}");
    for stage in &chain {
        println!("{:>8}: {}", stage.name(), stage.state());
    }
}

/// Samples are 16-bit values in 32 bits; intermediate results may be larger.
const SAMPLE_MAX: i32 = 32_767;

/// One step of the chain.
trait Stage {
    fn name(&self) -> &'static str;

    fn process(&mut self, sample: i32) -> i32;

    /// What the stage has to say at the end.
    fn state(&self) -> String {
        String::from("no state")
    }
}

/// The stages named in the text, in this order.
fn build_chain(names: &str) -> Vec<Box<dyn Stage>> {
    names
        .split_whitespace()
        .zip(1..)
        .map(|(name, position)| build_stage(name, position))
        .collect()
}

/// A stage whose parameter depends on its position in the chain.
fn build_stage(name: &str, position: i32) -> Box<dyn Stage> {
    match name {
        "gain" => Box::new(Gain {
            numerator: 19 + position,
        }),
        "echo" => Box::new(Echo {
            delayed: vec![0; 97 * position as usize],
            next: 0,
        }),
        "lowpass" => Box::new(LowPass { level: 0, shift: 3 }),
        "highpass" => Box::new(HighPass {
            below: LowPass { level: 0, shift: 6 },
        }),
        "clip" => Box::new(Clip {
            limit: SAMPLE_MAX / 2 - 100 * position,
            clipped: 0,
        }),
        "fold" => Box::new(Fold),
        "follow" => Box::new(Follow { envelope: 0 }),
        _ => panic!("there is no stage {}", name),
    }
}

/// Multiplies by sixteenths.
struct Gain {
    numerator: i32,
}

impl Stage for Gain {
    fn name(&self) -> &'static str {
        "gain"
    }

    fn process(&mut self, sample: i32) -> i32 {
        sample * self.numerator / 16
    }
}

/// Adds half of what came a while ago.
struct Echo {
    delayed: Vec<i32>,
    next: usize,
}

impl Stage for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn process(&mut self, sample: i32) -> i32 {
        let output = sample + self.delayed[self.next] / 2;
        self.delayed[self.next] = sample;
        self.next += 1;
        if self.next == self.delayed.len() {
            self.next = 0;
        }
        output
    }

    fn state(&self) -> String {
        format!("{} samples late", self.delayed.len())
    }
}

/// An exponential moving average over 2^shift samples.
struct LowPass {
    /// The average, scaled by 256.
    level: i32,
    shift: u32,
}

impl Stage for LowPass {
    fn name(&self) -> &'static str {
        "lowpass"
    }

    fn process(&mut self, sample: i32) -> i32 {
        self.level += (sample * 256 - self.level) >> self.shift;
        self.level / 256
    }

    fn state(&self) -> String {
        format!("level {}", self.level / 256)
    }
}

/// What a low pass takes away.
struct HighPass {
    below: LowPass,
}

impl Stage for HighPass {
    fn name(&self) -> &'static str {
        "highpass"
    }

    fn process(&mut self, sample: i32) -> i32 {
        sample - self.below.process(sample)
    }

    fn state(&self) -> String {
        format!("takes away {}", self.below.level / 256)
    }
}

/// Cuts off what is too loud.
struct Clip {
    limit: i32,
    clipped: u32,
}

impl Stage for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn process(&mut self, sample: i32) -> i32 {
        if sample.abs() <= self.limit {
            return sample;
        }
        self.clipped += 1;
        sample.signum() * self.limit
    }

    fn state(&self) -> String {
        format!("{} samples clipped", self.clipped)
    }
}

/// Mirrors the loud half of the range.
struct Fold;

impl Stage for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn process(&mut self, sample: i32) -> i32 {
        if sample.abs() > SAMPLE_MAX / 2 {
            sample.signum() * SAMPLE_MAX - sample
        } else {
            sample
        }
    }
}

/// Lets everything pass and follows its loudness.
struct Follow {
    envelope: i32,
}

impl Stage for Follow {
    fn name(&self) -> &'static str {
        "follow"
    }

    fn process(&mut self, sample: i32) -> i32 {
        self.envelope = (self.envelope - self.envelope / 512).max(sample.abs());
        sample
    }

    fn state(&self) -> String {
        format!("envelope {}", self.envelope)
    }
}

/// A saw tooth of 441 samples.
fn saw_tooth(time: u32) -> i32 {
    (time % 441) as i32 * 90 - 19_800
}

/// Marsaglia's xorshift generator with 64 bits of state.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Between -4096 and 4095.
    fn noise(&mut self) -> i32 {
        (self.next() >> 51) as i32 - 4096
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
