//! Hashes and what is made of them, for any target: FIPS 180-4, FIPS 202, RFC 2104, RFC 5869 and RFC 8018 as they
//! are written.

use super::blake3::Blake3;
use super::Hash;

/// Square and cube roots of primes, of which the constants are: SHA-512's have those of SHA-256 in their upper halves.
const ROUNDS_512: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

/// What SHA-512 starts with.
const START_512: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// What SHA-256 and BLAKE3 start with: the upper halves of these.
pub(super) const START_256: [u32; 8] = {
    let mut start = [0; 8];
    let mut i = 0;
    while i < start.len() {
        start[i] = (START_512[i] >> 32) as u32;
        i += 1;
    }
    start
};

/// What is added in each round of Keccak.
const ROUNDS_KECCAK: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// A digest in the making.
// There is no heap to put the large one on.
#[allow(clippy::large_enum_variant)]
pub(crate) enum State {
    Sha256(Blocks<64>, [u32; 8]),
    Sha512(Blocks<128>, [u64; 8]),
    /// The state, and what the message ends with.
    Keccak(Blocks<136>, [u64; 25], u8),
    Blake3(Blake3),
}

/// Bytes that do not fill a block yet.
pub(crate) struct Blocks<const N: usize> {
    bytes: [u8; N],
    len: usize,
    total: u64,
}

impl<const N: usize> Blocks<N> {
    fn new() -> Blocks<N> {
        Blocks {
            bytes: [0; N],
            len: 0,
            total: 0,
        }
    }

    /// Takes bytes in; hands on whole blocks.
    fn feed(&mut self, mut bytes: &[u8], mut block: impl FnMut(&[u8; N])) {
        self.total += bytes.len() as u64;
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(N - self.len));
            self.bytes[self.len..self.len + head.len()].copy_from_slice(head);
            self.len += head.len();
            bytes = rest;
            if self.len == N {
                block(&self.bytes);
                self.len = 0;
            }
        }
    }

    /// Ends the message as SHA-2 does: a bit, zeros, and the length in bits.
    fn end(&mut self, length_bytes: usize, mut block: impl FnMut(&[u8; N])) {
        let bits = self.total * 8;
        self.feed(&[0x80], &mut block);
        while self.len != N - length_bytes {
            self.feed(&[0], &mut block);
        }
        let zeros = [0; 8];
        self.feed(&zeros[..length_bytes - 8], &mut block);
        self.feed(&bits.to_be_bytes(), &mut block);
    }
}

impl State {
    pub(crate) fn new(hash: Hash) -> State {
        match hash {
            Hash::Sha256 => State::Sha256(Blocks::new(), START_256),
            Hash::Sha512 => State::Sha512(Blocks::new(), START_512),
            Hash::Sha3_256 => State::Keccak(Blocks::new(), [0; 25], 6),
            Hash::Keccak256 => State::Keccak(Blocks::new(), [0; 25], 1),
            Hash::Blake3 => State::Blake3(Blake3::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            State::Sha256(blocks, state) => blocks.feed(bytes, |block| compress_256(state, block)),
            State::Sha512(blocks, state) => blocks.feed(bytes, |block| compress_512(state, block)),
            State::Keccak(blocks, state, _) => blocks.feed(bytes, |block| absorb(state, block)),
            State::Blake3(state) => state.update(bytes),
        }
    }

    pub(crate) fn finish(self, digest: &mut [u8]) {
        match self {
            State::Sha256(mut blocks, mut state) => {
                blocks.end(8, |block| compress_256(&mut state, block));
                for (out, word) in digest.chunks_mut(4).zip(state) {
                    out.copy_from_slice(&word.to_be_bytes());
                }
            }
            State::Sha512(mut blocks, mut state) => {
                blocks.end(16, |block| compress_512(&mut state, block));
                for (out, word) in digest.chunks_mut(8).zip(state) {
                    out.copy_from_slice(&word.to_be_bytes());
                }
            }
            State::Keccak(mut blocks, mut state, end) => {
                let len = blocks.len;
                blocks.bytes[len..].fill(0);
                blocks.bytes[len] = end;
                blocks.bytes[135] |= 0x80;
                absorb(&mut state, &blocks.bytes);
                for (out, word) in digest.chunks_mut(8).zip(state) {
                    out.copy_from_slice(&word.to_le_bytes());
                }
            }
            State::Blake3(state) => digest.copy_from_slice(&state.finish()),
        }
    }
}

/// A block of SHA-2: its functions for words of 32 and of 64 bits differ in how far they rotate and shift.
macro_rules! compress {
    ($name:ident, $word:ty, $block:literal, $rounds:literal,
     [$a0:literal $a1:literal $a2:literal] [$b0:literal $b1:literal $b2:literal]
     [$e0:literal $e1:literal $e2:literal] [$f0:literal $f1:literal $f2:literal]) => {
        fn $name(state: &mut [$word; 8], block: &[u8; $block]) {
            let mut words: [$word; $rounds] = [0; $rounds];
            for (word, bytes) in words.iter_mut().zip(block.chunks($block / 16)) {
                *word = <$word>::from_be_bytes(bytes.try_into().expect("as many bytes"));
            }
            for i in 16..$rounds {
                let (a, b) = (words[i - 15], words[i - 2]);
                let s0 = a.rotate_right($a0) ^ a.rotate_right($a1) ^ a >> $a2;
                let s1 = b.rotate_right($b0) ^ b.rotate_right($b1) ^ b >> $b2;
                words[i] = words[i - 16]
                    .wrapping_add(s0)
                    .wrapping_add(words[i - 7])
                    .wrapping_add(s1);
            }
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
            for i in 0..$rounds {
                let s1 = e.rotate_right($e0) ^ e.rotate_right($e1) ^ e.rotate_right($e2);
                let choice = e & f ^ !e & g;
                let t1 = h
                    .wrapping_add(s1)
                    .wrapping_add(choice)
                    .wrapping_add((ROUNDS_512[i] >> (64 - <$word>::BITS)) as $word)
                    .wrapping_add(words[i]);
                let s0 = a.rotate_right($f0) ^ a.rotate_right($f1) ^ a.rotate_right($f2);
                let t2 = s0.wrapping_add(a & b ^ a & c ^ b & c);
                h = g;
                g = f;
                f = e;
                e = d.wrapping_add(t1);
                d = c;
                c = b;
                b = a;
                a = t1.wrapping_add(t2);
            }
            for (old, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                *old = old.wrapping_add(new);
            }
        }
    };
}

compress!(compress_256, u32, 64, 64, [7 18 3] [17 19 10] [6 11 25] [2 13 22]);
compress!(compress_512, u64, 128, 80, [1 8 7] [19 61 6] [14 18 41] [28 34 39]);

/// Eight bytes, little-endian.
fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn absorb(state: &mut [u64; 25], block: &[u8; 136]) {
    for (lane, bytes) in state.iter_mut().zip(block.chunks(8)) {
        *lane ^= word_of(bytes);
    }
    for constant in ROUNDS_KECCAK {
        let mut parity = [0; 5];
        for x in 0..5 {
            parity[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20];
        }
        for i in 0..25 {
            state[i] ^= parity[(i + 4) % 5] ^ parity[(i + 1) % 5].rotate_left(1);
        }
        // Rotates each lane and moves it to where the next one is.
        let (mut x, mut y, mut moved) = (1, 0, state[1]);
        for t in 0..24 {
            let to = (y, (2 * x + 3 * y) % 5);
            x = to.0;
            y = to.1;
            let lane = &mut state[x + 5 * y];
            moved = core::mem::replace(lane, moved.rotate_left((t + 1) * (t + 2) / 2 % 64));
        }
        for row in state.chunks_mut(5) {
            let old = [row[0], row[1], row[2], row[3], row[4]];
            for x in 0..5 {
                row[x] = old[x] ^ !old[(x + 1) % 5] & old[(x + 2) % 5];
            }
        }
        state[0] ^= constant;
    }
}

pub(crate) fn hash(hash: Hash, bytes: &[u8], digest: &mut [u8]) {
    let mut state = State::new(hash);
    state.update(bytes);
    state.finish(digest);
}

/// No shortcut: what differs does not show in the time.
#[inline(never)]
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// The HMAC of parts.
fn code(hash: Hash, key: &[u8], parts: &[&[u8]], out: &mut [u8]) {
    let block = hash.digest_len() * 2;
    let mut padded = [0; 128];
    match key.len() <= block {
        true => padded[..key.len()].copy_from_slice(key),
        false => self::hash(hash, key, &mut padded[..hash.digest_len()]),
    }
    let mut inner = State::new(hash);
    inner.update(&padded.map(|byte| byte ^ 0x36)[..block]);
    parts.iter().for_each(|part| inner.update(part));
    inner.finish(out);
    let mut outer = State::new(hash);
    outer.update(&padded.map(|byte| byte ^ 0x5c)[..block]);
    outer.update(out);
    outer.finish(out);
}

pub(crate) fn hmac(hash: Hash, key: &[u8], bytes: &[u8], out: &mut [u8]) {
    code(hash, key, &[bytes], out);
}

pub(crate) fn hkdf(hash: Hash, secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    let len = hash.digest_len();
    let mut key = [0; 64];
    // Without salt it is zeros, which a key is filled up with anyway.
    code(hash, salt, &[secret], &mut key[..len]);
    let mut last = [0; 64];
    let mut last_len = 0;
    for (number, out) in (1u8..).zip(out.chunks_mut(len)) {
        let mut next = [0; 64];
        let parts = [&last[..last_len], info, &[number]];
        code(hash, &key[..len], &parts, &mut next[..len]);
        last = next;
        last_len = len;
        out.copy_from_slice(&last[..out.len()]);
    }
}

pub(crate) fn pbkdf2(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
    let len = hash.digest_len();
    for (number, out) in (1u32..).zip(out.chunks_mut(len)) {
        let mut last = [0; 64];
        code(
            hash,
            password,
            &[salt, &number.to_be_bytes()],
            &mut last[..len],
        );
        let mut sum = last;
        for _ in 1..rounds {
            let mut next = [0; 64];
            code(hash, password, &[&last[..len]], &mut next[..len]);
            last = next;
            sum.iter_mut()
                .zip(last)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
        out.copy_from_slice(&sum[..out.len()]);
    }
}
