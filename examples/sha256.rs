//! SHA-256 as FIPS 180-4 describes it: checks the standard's test messages, then hashes a long
//! pseudo-random message piece by piece. 32-bit rotations, shifts and additions.
//! The size is the length of the long message in KiB.
//!
//! test-args: 16

const PIECE_BYTES: usize = 1024;

fn main() {
    let kibibytes = size_argument(256 * 1024);
    for message in [
        "",
        "abc",
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    ] {
        let mut hasher = Sha256::new();
        hasher.update(message.as_bytes());
        println!("{} {message:?}", hex(&hasher.finish()));
    }

    let mut hasher = Sha256::new();
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut piece = [0u8; PIECE_BYTES];
    for _ in 0..kibibytes {
        for chunk in piece.chunks_exact_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes());
        }
        hasher.update(&piece);
    }
    println!(
        "{} {kibibytes} KiB of pseudo-random bytes",
        hex(&hasher.finish())
    );
}

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
const INITIAL_STATE: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const BLOCK_BYTES: usize = 64;

struct Sha256 {
    state: [u32; 8],
    /// Bytes that do not fill a block yet: the first `pending_len` of them.
    pending: [u8; BLOCK_BYTES],
    pending_len: usize,
    message_bytes: u64,
}

impl Sha256 {
    fn new() -> Sha256 {
        Sha256 {
            state: INITIAL_STATE,
            pending: [0; BLOCK_BYTES],
            pending_len: 0,
            message_bytes: 0,
        }
    }

    /// Appends to the message.
    fn update(&mut self, mut bytes: &[u8]) {
        self.message_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let taken = bytes.len().min(BLOCK_BYTES - self.pending_len);
            let (now, later) = bytes.split_at(taken);
            self.pending[self.pending_len..self.pending_len + taken].copy_from_slice(now);
            self.pending_len += taken;
            bytes = later;
            if self.pending_len == BLOCK_BYTES {
                compress(&mut self.state, &self.pending);
                self.pending_len = 0;
            }
        }
    }

    /// Pads the message (a one bit, zeros, the length in bits) and returns the digest.
    fn finish(mut self) -> [u8; 32] {
        let message_bits = self.message_bytes * 8;
        self.update(&[0x80]);
        while self.pending_len != BLOCK_BYTES - 8 {
            self.update(&[0]);
        }
        self.update(&message_bits.to_be_bytes());
        let mut digest = [0; 32];
        for (out, word) in digest.chunks_exact_mut(4).zip(self.state) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

/// Mixes one block into the state.
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK_BYTES]) {
    let schedule = message_schedule(block);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in schedule.iter().zip(&ROUND_CONSTANTS) {
        let big_sigma1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let t1 = h
            .wrapping_add(big_sigma1)
            .wrapping_add(choice)
            .wrapping_add(*constant)
            .wrapping_add(*word);
        let big_sigma0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let t2 = big_sigma0.wrapping_add(majority);
        h = g;
        g = f;
        f = e;
        e = d.wrapping_add(t1);
        d = c;
        c = b;
        b = a;
        a = t1.wrapping_add(t2);
    }
    for (word, mixed) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(mixed);
    }
}

/// The 16 words of the block, extended to one word per round.
fn message_schedule(block: &[u8; BLOCK_BYTES]) -> [u32; 64] {
    let mut w = [0u32; 64];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for i in 16..64 {
        let (w15, w2) = (w[i - 15], w[i - 2]);
        let sigma0 = w15.rotate_right(7) ^ w15.rotate_right(18) ^ (w15 >> 3);
        let sigma1 = w2.rotate_right(17) ^ w2.rotate_right(19) ^ (w2 >> 10);
        w[i] = w[i - 16]
            .wrapping_add(sigma0)
            .wrapping_add(w[i - 7])
            .wrapping_add(sigma1);
    }
    w
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
