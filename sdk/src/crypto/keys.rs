//! What only the machine has: keys that a program names and does not see, signatures, encryption, random bytes.

use core::fmt;

use crate::machine::crypto::{self as kernel, Key};

/// Fills with random bytes, fit for keys.
pub fn fill_random(out: &mut [u8]) {
    kernel::fill_random(out);
}

/// What Argon2id costs: memory, times it is filled, and lanes that could be filled at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Argon2 {
    /// KiB of memory, at least 8 for each lane.
    pub kib: u32,
    /// Passes over it; times KiB at most 2^22.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Argon2 {
    /// What RFC 9106 recommends where memory is short.
    fn default() -> Argon2 {
        Argon2 {
            kib: 1 << 16,
            passes: 3,
            lanes: 4,
        }
    }
}

impl Argon2 {
    fn numbers(self) -> [u32; 3] {
        [self.kib, self.passes, self.lanes]
    }
}

/// Derives bytes from a password by Argon2id (RFC 9106). The salt has at least 8 bytes, the result 4 to 65,536; anything
/// else stops the program.
pub fn argon2id(cost: Argon2, password: &[u8], salt: &[u8], out: &mut [u8]) {
    kernel::argon2id(password, salt, cost.numbers(), out);
}

/// How messages are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Curve {
    /// Ed25519 (RFC 8032).
    Ed25519 = 4,
    /// ECDSA with P-256 and SHA-256.
    P256 = 6,
    /// ECDSA with secp256k1 and SHA-256.
    Secp256k1 = 8,
}

/// A private key for signatures.
pub struct Signer {
    curve: Curve,
    key: Key,
}

/// A public key for signatures.
pub struct Verifier {
    curve: Curve,
    key: Key,
}

impl Signer {
    /// A new key, which nobody can read.
    pub fn generate(curve: Curve) -> Signer {
        Signer {
            curve,
            key: Key::generate(curve as u32),
        }
    }

    /// The key of 32 bytes; `None` where they are none.
    pub fn from_bytes(curve: Curve, bytes: &[u8; 32]) -> Option<Signer> {
        let key = Key::import(curve as u32, bytes)?;
        Some(Signer { curve, key })
    }

    /// What its signatures are verified with.
    pub fn verifier(&self) -> Verifier {
        Verifier {
            curve: self.curve,
            key: self.key.public(),
        }
    }

    /// The signature of a message. It is the same each time.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }

    /// The ECDSA signature of a digest, and what [`recover`] wants. Stops the program for Ed25519.
    pub fn sign_digest(&self, digest: &[u8; 32]) -> ([u8; 64], u8) {
        self.key.sign_digest(digest)
    }
}

impl Verifier {
    /// The key of 32 bytes of Ed25519, or 33 or 65 of other curves; `None` where they are none, or weak.
    pub fn from_bytes(curve: Curve, bytes: &[u8]) -> Option<Verifier> {
        let lengths: &[usize] = match curve {
            Curve::Ed25519 => &[32],
            _ => &[33, 65],
        };
        if !lengths.contains(&bytes.len()) {
            return None;
        }
        let key = Key::import(curve as u32 + 1, bytes)?;
        Some(Verifier { curve, key })
    }

    /// Writes the key, of 32 or 65 bytes; returns how many.
    ///
    /// # Panics
    /// Where there is less room.
    pub fn to_bytes(&self, out: &mut [u8]) -> usize {
        let len = self.key.export(out).expect("a public key");
        assert!(len <= out.len(), "a key of {} bytes", len);
        len
    }

    /// How its messages are signed.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// Whether a message's signature is genuine.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify(message, signature)
    }

    /// Whether a digest's ECDSA signature is genuine. Stops the program for Ed25519.
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
        self.key.verify_digest(digest, signature)
    }
}

/// The secp256k1 key that signed a digest, if there is one; what [`Signer::sign_digest`] gave says which.
pub fn recover(digest: &[u8; 32], signature: &[u8; 64], recovery: u8) -> Option<Verifier> {
    Some(Verifier {
        curve: Curve::Secp256k1,
        key: Key::recover(digest, signature, recovery & 3)?,
    })
}

/// A key for authenticated encryption. No nonce may be used twice with the same key.
pub struct Cipher(Key);

/// The kinds of its keys.
const AES_256_GCM: u32 = 2;
const CHACHA20_POLY1305: u32 = 3;

impl Cipher {
    /// Bytes that ciphertexts are longer.
    pub const TAG_LEN: usize = 16;

    /// AES-256-GCM with a key of these bytes.
    pub fn aes256gcm(key: &[u8; 32]) -> Cipher {
        Cipher(Key::import(AES_256_GCM, key).expect("any bytes are a key"))
    }

    /// ChaCha20-Poly1305 with a key of these bytes.
    pub fn chacha20poly1305(key: &[u8; 32]) -> Cipher {
        Cipher(Key::import(CHACHA20_POLY1305, key).expect("any bytes are a key"))
    }

    /// AES-256-GCM with a new key, which nobody can read.
    pub fn generate() -> Cipher {
        Cipher(Key::generate(AES_256_GCM))
    }

    /// AES-256-GCM with a key that is derived from a password and never seen: see [`argon2id`].
    pub fn from_password(cost: Argon2, password: &[u8], salt: &[u8]) -> Cipher {
        Cipher(Key::derive(AES_256_GCM, password, salt, cost.numbers()))
    }

    /// Encrypts all but the last 16 bytes of `text` in place, and puts the tag there. `aad` is authenticated as well.
    ///
    /// # Panics
    /// Where there are fewer than 16 bytes.
    pub fn seal(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8]) {
        assert!(text.len() >= Self::TAG_LEN, "no room for a tag");
        self.0.seal(nonce, aad, text);
    }

    /// Decrypts in place what was sealed: the text without its tag. `None` where it is not genuine; the text is zeros then.
    pub fn open<'t>(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &'t mut [u8],
    ) -> Option<&'t mut [u8]> {
        match self.0.open(nonce, aad, text) {
            true => {
                let len = text.len() - Self::TAG_LEN;
                Some(&mut text[..len])
            }
            false => None,
        }
    }
}

/// A public key that anybody can encrypt to: HPKE (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305.
pub struct SealBox(Key);

/// The private key for a [`SealBox`].
pub struct OpenBox(Key);

const X25519: u32 = 10;
const X25519_PUBLIC: u32 = 11;

impl OpenBox {
    /// A new key, which nobody can read.
    pub fn generate() -> OpenBox {
        OpenBox(Key::generate(X25519))
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> OpenBox {
        OpenBox(Key::import(X25519, bytes).expect("any bytes are a key"))
    }

    /// What messages for it are sealed with.
    pub fn seal_box(&self) -> SealBox {
        SealBox(self.0.public())
    }

    /// Decrypts in place what was sealed, 48 bytes more than the message, which is left; `None` where it is not genuine.
    pub fn open<'t>(&self, info: &[u8], aad: &[u8], text: &'t mut [u8]) -> Option<&'t mut [u8]> {
        match self.0.hpke_open(info, aad, text) {
            true => {
                let len = text.len() - SealBox::OVERHEAD;
                Some(&mut text[..len])
            }
            false => None,
        }
    }
}

impl SealBox {
    /// Bytes that ciphertexts are longer.
    pub const OVERHEAD: usize = 48;

    /// The key of these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> SealBox {
        SealBox(Key::import(X25519_PUBLIC, bytes).expect("any bytes are a key"))
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.export(&mut bytes).expect("a public key");
        bytes
    }

    /// Encrypts all but the last 48 bytes of `text`, and puts the ciphertext in place of all. `false` where the key is
    /// weak.
    ///
    /// # Panics
    /// Where there are fewer than 48 bytes.
    #[must_use]
    pub fn seal(&self, info: &[u8], aad: &[u8], text: &mut [u8]) -> bool {
        assert!(text.len() >= Self::OVERHEAD, "no room for a key and a tag");
        self.0.hpke_seal(info, aad, text)
    }
}

macro_rules! opaque {
    ($($type:ident)*) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(..)"))
            }
        })*
    };
}

opaque! { Signer Verifier Cipher SealBox OpenBox }
